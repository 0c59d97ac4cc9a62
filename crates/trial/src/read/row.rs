//! Reading of the cells of one row, with a report of each that is wrong.

use super::cell::{Cell, is_missing, parse_flag};
use super::columns::Columns;
use super::covariate::CovariateColumn;
use super::dates::DateFormat;
use super::names::{ColumnRole, Name};
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawRow;
use super::units::IgeUnit;

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

/// Row that is being interpreted.
pub(super) struct Row<'r, 'a, 'p> {
    pub(super) reader: &'r mut RowReader<'a, 'p>,
    pub(super) raw: &'a RawRow,
    pub(super) id: &'a str,
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

    pub(super) fn number(&mut self, name: Name) -> Cell<'a> {
        self.parsed(name, "a number")
    }

    pub(super) fn parsed(&mut self, name: impl Into<ColumnRole>, expected: &str) -> Cell<'a> {
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
    pub(super) fn flag(&mut self, name: Name) -> Option<bool> {
        let flag = parse_flag(self.text(name));
        if flag.is_none() {
            self.found(name, "1 or Y (below the limit of quantification), or 0 or N");
        }
        flag
    }

    /// Reads a time or an interval between times, in days.
    pub(super) fn days(&mut self, name: Name) -> Cell<'a> {
        match self.number(name) {
            Cell::Number(time, text) => Cell::Number(time / self.options().time_unit.per_day(), text),
            cell => cell,
        }
    }

    /// Reads a date and a time of day, in seconds.
    pub(super) fn moment(&mut self, format: DateFormat) -> Cell<'a> {
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

    pub(super) fn covariate(&mut self, position: usize, column: &CovariateColumn) -> Cell<'a> {
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
}
