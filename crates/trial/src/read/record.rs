//! One row, understood: what kind of record it is and what it says.

use omafit_model::Analyte;

use super::columns::{Columns, Name};
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::RawRow;

/// `ADDL` beyond this is taken for a mistake.
const MOST_ADDITIONAL: f64 = 10_000.0;

/// A row.
pub(super) struct Record<'a> {
    pub row: u64,
    pub id: &'a str,
    pub time: Cell<'a>,
    pub weight_kg: Cell<'a>,
    pub ige_ng_ml: Cell<'a>,
    pub kind: Kind,
}

/// What a row records.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Dose {
        amount_mg: f64,
        additional: Additional,
    },
    Observation {
        analyte: Analyte,
        value: f64,
    },
    /// An observation that `MDV` excludes.
    Excluded,
    /// `EVID` 2.
    Other,
    /// Something wrong, which has been reported.
    Wrong,
}

/// Doses that follow a dose without rows of their own.
#[derive(Clone, Copy)]
pub(super) struct Additional {
    pub count: u32,
    pub interval_days: f64,
}

/// A cell of a numeric column.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Empty, `.` or `NA`; or there is no such column.
    Missing,
    /// No finite number, which has been reported.
    Wrong,
    /// A number, and how the file writes it.
    Number(f64, &'a str),
}

impl Cell<'_> {
    fn is_nonzero(self) -> bool {
        matches!(self, Self::Number(value, _) if value != 0.0)
    }
}

/// Reads rows one by one.
pub(super) struct RowReader<'a, 'p> {
    pub columns: &'a Columns<'a>,
    pub options: &'a ReadOptions,
    pub problems: &'p mut Problems,
}

impl<'a> RowReader<'a, '_> {
    /// Understands a row; what cannot be understood is reported.
    pub(super) fn read(&mut self, raw: &'a RawRow) -> Record<'a> {
        let id = self.text(raw, Name::Id);
        let mut row = Row { reader: self, raw, id };
        if id.is_empty() {
            row.found(Name::Id, "an identifier");
        }
        let time = row.number(Name::Time);
        if let Cell::Missing = time {
            row.found(Name::Time, "a time in days");
        }
        let weight_kg = row.number(Name::Wt);
        let ige_ng_ml = row.number(Name::Ige);
        let kind = row.kind();
        Record { row: raw.row, id, time, weight_kg, ige_ng_ml, kind }
    }

    fn text(&self, raw: &'a RawRow, name: Name) -> &'a str {
        self.columns.index(name).and_then(|index| raw.cells.get(index)).unwrap_or("").trim()
    }
}

struct Row<'r, 'a, 'p> {
    reader: &'r mut RowReader<'a, 'p>,
    raw: &'a RawRow,
    id: &'a str,
}

impl<'a> Row<'_, 'a, '_> {
    fn found(&mut self, name: Name, expected: impl Into<String>) {
        let place = Place::row(self.raw.row).column(self.reader.columns.title(name)).id(self.id);
        let found = self.reader.text(self.raw, name);
        if self.reader.columns.index(name).is_some() {
            self.reader.problems.found(place, found, expected);
        } else {
            self.reader.problems.amiss(place, expected);
        }
    }

    fn has(&self, name: Name) -> bool {
        self.reader.columns.index(name).is_some()
    }

    fn number(&mut self, name: Name) -> Cell<'a> {
        let text = self.reader.text(self.raw, name);
        if matches!(text, "" | "." | "NA") {
            return Cell::Missing;
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Cell::Number(value, text),
            Ok(_) => {
                self.found(name, "a finite number");
                Cell::Wrong
            }
            Err(_) => {
                self.found(name, "a number");
                Cell::Wrong
            }
        }
    }

    fn kind(&mut self) -> Kind {
        let dv = self.number(Name::Dv);
        let amt = self.number(Name::Amt);
        let mdv = self.number(Name::Mdv);
        let dosing = Dosing {
            cmt: self.number(Name::Cmt),
            rate: self.number(Name::Rate),
            addl: self.number(Name::Addl),
            ii: self.number(Name::Ii),
            ss: self.number(Name::Ss),
        };
        let cens = self.number(Name::Cens);
        let limit = self.number(Name::Limit);
        match self.event(amt) {
            None => Kind::Wrong,
            Some(Event::Other) => Kind::Other,
            Some(Event::Dose) => self.dose(amt, dosing, cens),
            Some(Event::Observation) => self.observation(dv, amt, mdv, dosing, [cens, limit]),
        }
    }

    /// `EVID`, or without that column whether there is an amount.
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
        let expected = match self.number(Name::Evid) {
            Cell::Wrong => return None,
            Cell::Number(0.0, _) => return Some(Event::Observation),
            Cell::Number(1.0, _) => return Some(Event::Dose),
            Cell::Number(2.0, _) => return Some(Event::Other),
            Cell::Number(3.0, _) => "0, 1 or 2: a reset (3) is not supported yet",
            Cell::Number(4.0, _) => "0, 1 or 2: a reset with a dose (4) is not supported yet",
            Cell::Number(..) | Cell::Missing => "0 (observation), 1 (dose) or 2 (other)",
        };
        self.found(Name::Evid, expected);
        None
    }

    fn dose(&mut self, amt: Cell<'_>, dosing: Dosing<'_>, cens: Cell<'_>) -> Kind {
        let mut right = true;
        if let Cell::Number(compartment, _) = dosing.cmt
            && compartment != 1.0
        {
            self.found(Name::Cmt, "1: only subcutaneous doses, into compartment 1, are supported yet");
            right = false;
        }
        if dosing.rate.is_nonzero() {
            self.found(Name::Rate, "0: infusions are not supported yet");
            right = false;
        }
        if dosing.ss.is_nonzero() {
            self.found(Name::Ss, "0: steady-state doses are not supported yet");
            right = false;
        }
        if cens.is_nonzero() {
            self.found(Name::Cens, "0 on a dose");
            right = false;
        }
        right &= ![dosing.cmt, dosing.rate, dosing.ss, cens].iter().any(|cell| matches!(cell, Cell::Wrong));
        let additional = self.additional(dosing);
        match (amt, additional) {
            (Cell::Number(amount_mg, _), Some(additional)) if amount_mg > 0.0 && right => {
                Kind::Dose { amount_mg, additional }
            }
            (Cell::Wrong, _) => Kind::Wrong,
            (Cell::Number(amount_mg, _), _) if amount_mg > 0.0 => Kind::Wrong,
            (Cell::Number(..) | Cell::Missing, _) => {
                self.found(Name::Amt, "an amount above 0 mg on a dose");
                Kind::Wrong
            }
        }
    }

    fn additional(&mut self, dosing: Dosing<'_>) -> Option<Additional> {
        let count = match dosing.addl {
            Cell::Missing => 0.0,
            Cell::Number(count, _) if count.fract() == 0.0 && (0.0..=MOST_ADDITIONAL).contains(&count) => {
                count
            }
            Cell::Number(..) => {
                self.found(Name::Addl, format!("a whole number of doses from 0 to {MOST_ADDITIONAL}"));
                return None;
            }
            Cell::Wrong => return None,
        };
        if count == 0.0 {
            return Some(Additional { count: 0, interval_days: 0.0 });
        }
        match dosing.ii {
            Cell::Number(interval_days, _) if interval_days > 0.0 => {
                // Whole and at most 10,000.
                Some(Additional { count: count as u32, interval_days })
            }
            Cell::Number(..) | Cell::Missing => {
                self.found(Name::Ii, "an interval above 0 days between the additional doses (ADDL)");
                None
            }
            Cell::Wrong => None,
        }
    }

    fn observation(
        &mut self,
        dv: Cell<'_>,
        amt: Cell<'_>,
        mdv: Cell<'_>,
        dosing: Dosing<'_>,
        [cens, limit]: [Cell<'_>; 2],
    ) -> Kind {
        match mdv {
            Cell::Number(0.0, _) => {}
            Cell::Number(1.0, _) => return Kind::Excluded,
            Cell::Missing if !self.has(Name::Mdv) => {}
            Cell::Number(..) | Cell::Missing => {
                self.found(Name::Mdv, "0 (used) or 1 (left out) on an observation");
                return Kind::Wrong;
            }
            Cell::Wrong => return Kind::Wrong,
        }
        let mut right = true;
        let of_doses = [
            (Name::Amt, amt),
            (Name::Rate, dosing.rate),
            (Name::Addl, dosing.addl),
            (Name::Ii, dosing.ii),
            (Name::Ss, dosing.ss),
        ];
        for (name, cell) in of_doses {
            if cell.is_nonzero() {
                self.found(name, "0 or nothing on an observation");
                right = false;
            }
        }
        if cens.is_nonzero() {
            self.found(Name::Cens, "0: censored observations are not supported yet");
            right = false;
        }
        if let Cell::Number(..) = limit {
            self.found(Name::Limit, "nothing: censored observations are not supported yet");
            right = false;
        }
        right &= !of_doses.iter().any(|(_, cell)| matches!(cell, Cell::Wrong));
        right &= ![dosing.cmt, cens, limit].iter().any(|cell| matches!(cell, Cell::Wrong));

        let analyte = analyte(self.reader.text(self.raw, Name::Dvid));
        if analyte.is_none() {
            self.found(
                Name::Dvid,
                "1 (omalizumab_total), 2 (ige_total) or 3 (ige_free), or the name, on an observation",
            );
        }
        let value = match dv {
            Cell::Number(value, _) => Some(value),
            Cell::Missing => {
                self.found(Name::Dv, "a number on an observation; MDV 1 leaves it out");
                None
            }
            Cell::Wrong => None,
        };
        let (Some(analyte), Some(value)) = (analyte, value) else { return Kind::Wrong };
        if value <= 0.0 && self.reader.options.positive_required[analyte.index()] {
            let (name, unit) = (analyte.name(), analyte.unit());
            self.found(Name::Dv, format!("{name} above 0 {unit}, as its logarithm is taken"));
            return Kind::Wrong;
        }
        if right { Kind::Observation { analyte, value } } else { Kind::Wrong }
    }
}

enum Event {
    Observation,
    Dose,
    Other,
}

#[derive(Clone, Copy)]
struct Dosing<'a> {
    cmt: Cell<'a>,
    rate: Cell<'a>,
    addl: Cell<'a>,
    ii: Cell<'a>,
    ss: Cell<'a>,
}

/// The analyte of a `DVID`: a number or a name.
fn analyte(text: &str) -> Option<Analyte> {
    let by_name = Analyte::ALL.into_iter().find(|analyte| analyte.name().eq_ignore_ascii_case(text));
    by_name.or_else(|| {
        let number: f64 = text.parse().ok()?;
        Analyte::ALL.into_iter().find(|analyte| f64::from(analyte.dvid()) == number)
    })
}
