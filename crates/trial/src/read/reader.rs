//! Interpretation of rows: the kind of each record and its values.

use super::cell::Cell;
use super::names::Name;
use super::raw::RawRow;
use super::record::{DoseCells, Kind, ObservationCells, Record};
use super::row::{Row, RowReader};

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

impl Row<'_, '_, '_> {
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
