//! Interpretation of one row: the kind of record and its values.

use omafit_model::{Dose, Observation};

use super::columns::{ColumnRole, Columns, Name};
use super::covariate::CovariateColumn;
use super::dates::DateFormat;
use super::dosing::{Additional, DoseCells};
use super::observing::ObservationCells;
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawRow;
use super::units::IgeUnit;

/// Interpreted row.
pub(super) struct Record<'a> {
    pub row: u64,
    pub id: &'a str,
    /// Time in days, or in seconds if times are dates.
    pub time: Cell<'a>,
    /// Cell of each covariate that is read; IgE in ng/mL.
    pub covariates: Vec<Cell<'a>>,
    /// Whether the record is a reset, `EVID` 3 or 4, whatever else may be wrong with it.
    pub resets: bool,
    pub kind: Kind,
}

/// Kind of record. If `TIME` is wrong, the times in it have no meaning.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Dose or reset.
    Dose {
        dose: Dose,
        additional: Additional,
        /// Whether the additional doses still to come are cancelled.
        cancels: bool,
        /// Whether the row has a `DV` other than 0 that `MDV` does not leave out.
        has_value: bool,
    },
    /// Observation, not yet placed among the doses.
    Observation {
        observation: Observation,
        /// Whether the observation is censored by the options rather than by the file.
        by_option: bool,
        /// Compartment in `CMT`, if the row has one.
        compartment: Option<f64>,
    },
    /// Observation that `MDV` excludes.
    Excluded,
    /// Other event, `EVID` 2.
    Other,
    /// Record with a mistake, which has been reported.
    Wrong,
}

/// Cell of a numeric column.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Missing value: an empty cell, `.`, `NA` or a code of the options; or no such column.
    Missing,
    /// Cell that is not a finite number, which has been reported.
    Wrong,
    /// Number, and its text in the file, in the file's unit.
    Number(f64, &'a str),
}

/// Whether a cell's text stands for a missing value.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(text, "" | "." | "NA")
}

/// Parses a flag: 1, Y, YES or TRUE, or 0, N, NO, FALSE or a missing value; `None` for any other text.
pub(super) fn parse_flag(text: &str) -> Option<bool> {
    match text.to_ascii_uppercase().as_str() {
        "1" | "Y" | "YES" | "TRUE" => Some(true),
        "0" | "N" | "NO" | "FALSE" => Some(false),
        other => is_missing(other).then_some(false),
    }
}

/// Whether a text marks a value below a limit of quantification.
fn is_below_limit(text: &str) -> bool {
    let words = ["BLQ", "BLOQ", "BQL", "LLOQ", "LLQ", "ND", "LOD"];
    text.starts_with('<') || words.iter().any(|word| text.to_ascii_uppercase().starts_with(word))
}

/// Whether a text has the form of a date, such as 2024-03-01 or 01/03/2024, or of a time of day, such as 08:30.
fn is_date_or_clock(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-/:. +".contains(c);
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains(['-', '/', ':'])
        && text.chars().all(is_part)
}

/// Reader of rows, one by one.
pub(super) struct RowReader<'a, 'p> {
    pub columns: &'a Columns<'a>,
    pub options: &'a ReadOptions,
    pub problems: &'p mut Problems,
}

impl<'a> RowReader<'a, '_> {
    /// Interprets a row; what cannot be interpreted is reported.
    pub(super) fn read(&mut self, raw: &'a RawRow) -> Record<'a> {
        let columns = self.columns;
        let mut row = Row { id: "", reader: self, raw };
        row.id = row.text(Name::Id);
        let id = row.id;
        if id.is_empty() {
            row.found(Name::Id, "an identifier");
        }
        let time = match row.options().dates {
            Some(format) => row.moment(format),
            None => row.days(Name::Time),
        };
        if let Cell::Missing = time {
            let unit = row.options().time_unit.name();
            row.found(Name::Time, format!("a time in {unit}"));
        }
        let covariates =
            columns.covariates().iter().enumerate().map(|(at, column)| row.covariate(at, column)).collect();
        let (resets, kind) = row.kind(if let Cell::Number(time, _) = time { time } else { f64::NAN });
        Record { row: raw.row, id, time, covariates, resets, kind }
    }
}

/// Row that is being interpreted.
pub(super) struct Row<'r, 'a, 'p> {
    reader: &'r mut RowReader<'a, 'p>,
    raw: &'a RawRow,
    id: &'a str,
}

impl<'a> Row<'_, 'a, '_> {
    /// Decoded text of a cell without surrounding spaces; empty if there is no such column.
    pub(super) fn text(&self, name: impl Into<ColumnRole>) -> &'a str {
        let meaning = name.into();
        let columns = self.reader.columns;
        let cell = columns.index(meaning).and_then(|index| self.raw.cells.get(index)).unwrap_or("").trim();
        columns.decoded(meaning, cell)
    }

    /// Reports a cell with other content than expected.
    pub(super) fn found(&mut self, name: impl Into<ColumnRole>, expected: impl Into<String>) {
        let meaning = name.into();
        let place = Place::row(self.raw.row).column(self.reader.columns.title(meaning)).id(self.id);
        let found = self.text(meaning);
        if self.reader.columns.index(meaning).is_some() {
            self.reader.problems.found(place, found, expected);
        } else {
            self.reader.problems.report(place, expected);
        }
    }

    /// Whether the file has the column.
    pub(super) fn has(&self, name: Name) -> bool {
        self.reader.columns.index(name).is_some()
    }

    /// Options for reading.
    pub(super) fn options(&self) -> &'a ReadOptions {
        self.reader.options
    }

    /// The row's line in the file.
    pub(super) fn line(&self) -> u64 {
        self.raw.row
    }

    /// Whether a cell is zero or missing; any other number is reported.
    pub(super) fn not_nonzero(&mut self, name: Name, cell: Cell<'_>, expected: &str) -> bool {
        match cell {
            Cell::Missing | Cell::Number(0.0, _) => true,
            Cell::Number(..) => {
                self.found(name, expected);
                false
            }
            Cell::Wrong => false,
        }
    }

    /// Cell converted to the unit that is used internally.
    pub(super) fn converted(
        &mut self,
        name: impl Into<ColumnRole>,
        cell: Cell<'a>,
        factor: f64,
        unit: &str,
    ) -> Cell<'a> {
        match cell {
            Cell::Number(value, text) if (value * factor).is_finite() => Cell::Number(value * factor, text),
            Cell::Number(..) => {
                self.found(name, format!("a number that is finite in {unit}"));
                Cell::Wrong
            }
            Cell::Missing | Cell::Wrong => cell,
        }
    }

    fn number(&mut self, name: Name) -> Cell<'a> {
        self.parsed(name, "a number")
    }

    fn parsed(&mut self, name: impl Into<ColumnRole>, expected: &str) -> Cell<'a> {
        let meaning = name.into();
        let text = self.text(meaning);
        if is_missing(text) {
            return Cell::Missing;
        }
        let decimal = self.options().decimal;
        match decimal.parse(text) {
            Some(value) if self.options().missing.contains(&value) => Cell::Missing,
            Some(value) if value.is_finite() => Cell::Number(value, text),
            Some(_) => {
                self.found(meaning, "a finite number");
                Cell::Wrong
            }
            None => {
                let help = self.help(meaning, text);
                self.found(meaning, format!("{}{help}", decimal.expected(text, expected)));
                Cell::Wrong
            }
        }
    }

    /// Advice on how a text that is not a number can be read, if it has a known form.
    fn help(&self, meaning: ColumnRole, text: &str) -> &'static str {
        match meaning {
            ColumnRole::Record(Name::Dv) if is_below_limit(text) => {
                ": a value below the limit of quantification is written as the limit, with 1 in a column CENS, or as a number \
                 below the limit that --lloq ANALYTE=LIMIT gives"
            }
            ColumnRole::Record(Name::Time | Name::Ii) if is_date_or_clock(text) => {
                ": this looks like a date or a clock: --dates iso, dmy, mdy or sas reads them, with a column DATE where TIME is a clock"
            }
            _ => "",
        }
    }

    /// Reads a flag: 1, Y, YES or TRUE, or 0, N, NO, FALSE or a missing value; `None` for any other text, which is
    /// reported.
    fn flag(&mut self, name: Name) -> Option<bool> {
        let flag = parse_flag(self.text(name));
        if flag.is_none() {
            self.found(name, "1 or Y (below the limit of quantification), or 0 or N");
        }
        flag
    }

    /// Reads a time or an interval between times, in days.
    fn days(&mut self, name: Name) -> Cell<'a> {
        match self.number(name) {
            Cell::Number(time, text) => Cell::Number(time / self.options().time_unit.per_day(), text),
            cell => cell,
        }
    }

    /// Reads a date and a time of day, in seconds.
    fn moment(&mut self, format: DateFormat) -> Cell<'a> {
        let (date, clock) = (self.text(Name::Date), self.text(Name::Time));
        let (has_date, example) = (self.has(Name::Date), format.example());
        let seconds = if has_date { format.seconds(date, clock) } else { format.seconds_of_both(clock) };
        if let Some(seconds) = seconds {
            return Cell::Number(seconds, clock);
        }
        if has_date && format.seconds(date, "00:00").is_none() {
            self.found(Name::Date, format!("a date such as {example}"));
        } else if has_date {
            self.found(Name::Time, "a time of day such as 08:30 or 08:30:15");
        } else {
            self.found(Name::Time, format!("a date and a time of day such as {example}T08:30"));
        }
        Cell::Wrong
    }

    fn covariate(&mut self, position: usize, column: &CovariateColumn) -> Cell<'a> {
        let meaning = ColumnRole::Covariate(position);
        if !column.is_positive() {
            return self.parsed(
                meaning,
                "a number; a mapping (--mapping) gives the texts of categories their codes",
            );
        }
        let cell = self.parsed(meaning, "a number");
        if column.is_weight() {
            return self.converted(meaning, cell, self.options().weight_unit.kg(), "kg");
        }
        if !column.is_ige() {
            return cell;
        }
        self.converted(meaning, cell, self.options().baseline_ige_unit().ng_ml(), IgeUnit::default().name())
    }

    /// Kind of record, and whether it is a reset.
    fn kind(&mut self, time: f64) -> (bool, Kind) {
        let mdv = self.number(Name::Mdv);
        // A value that is left out need not be a number.
        let dv = if let Cell::Number(1.0, _) = mdv { Cell::Missing } else { self.number(Name::Dv) };
        let amt = self.number(Name::Amt);
        let dosing = DoseCells {
            amt,
            cmt: self.number(Name::Cmt),
            rate: self.number(Name::Rate),
            addl: self.number(Name::Addl),
            ii: self.days(Name::Ii),
            ss: self.number(Name::Ss),
        };
        let cens = self.number(Name::Cens);
        let is_below = self.flag(Name::Blq);
        let lloq = if is_below == Some(true) { self.number(Name::Lloq) } else { Cell::Missing };
        let observing = ObservationCells { dv, mdv, cens, limit: self.number(Name::Limit), is_below, lloq };
        match self.event(amt) {
            None => (false, Kind::Wrong),
            Some(Event::Other) => (false, Kind::Other),
            Some(Event::Dose) => (false, self.dose(time, dosing, observing, false)),
            Some(Event::Reset) => (true, self.reset(time, dosing, observing)),
            Some(Event::ResetAndDose) => (true, self.dose(time, dosing, observing, true)),
            Some(Event::Observation) => (false, self.observation(time, observing, dosing)),
        }
    }

    /// Event in `EVID` or, without that column, the event implied by the amount.
    fn event(&mut self, amt: Cell<'_>) -> Option<Event> {
        if !self.has(Name::Evid) {
            return match amt {
                Cell::Wrong => None,
                Cell::Number(amount, _) if amount < 0.0 => {
                    self.found(Name::Amt, "an amount above 0 mg on a dose, or 0 on an observation");
                    None
                }
                Cell::Number(amount, _) if amount > 0.0 => Some(Event::Dose),
                Cell::Number(..) | Cell::Missing => Some(Event::Observation),
            };
        }
        match self.number(Name::Evid) {
            Cell::Number(0.0, _) => Some(Event::Observation),
            Cell::Number(1.0, _) => Some(Event::Dose),
            Cell::Number(2.0, _) => Some(Event::Other),
            Cell::Number(3.0, _) => Some(Event::Reset),
            Cell::Number(4.0, _) => Some(Event::ResetAndDose),
            Cell::Number(..) | Cell::Missing => {
                let expected = "0 (observation), 1 (dose), 2 (other), 3 (reset) or 4 (reset and dose)";
                self.found(Name::Evid, expected);
                None
            }
            Cell::Wrong => None,
        }
    }
}

enum Event {
    Observation,
    Dose,
    Other,
    Reset,
    ResetAndDose,
}
