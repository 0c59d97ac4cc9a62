//! Observation records: the analyte, the value, and whether the value is quantified or a limit.

use omafit_model::{Analyte, Censoring, Observation};
use std::collections::BTreeSet;

use super::cell::{Cell, is_missing};
use super::layout::DecimalMark;
use super::names::Name;
use super::record::{DoseCells, Kind, ObservationCells};
use super::row::Row;

impl<'a> Row<'_, 'a, '_> {
    /// Reads an observation record (`EVID` 0).
    pub(super) fn observation(
        &mut self,
        time: f64,
        observing: ObservationCells<'a>,
        dosing: DoseCells<'a>,
    ) -> Kind {
        match observing.mdv {
            Cell::Number(0.0, _) => {}
            // The flag makes the row an observation, however its value is coded.
            Cell::Number(1.0, _) if observing.is_below == Some(true) => {}
            Cell::Number(1.0, _) => return Kind::Excluded,
            Cell::Missing if !self.has(Name::Mdv) => {}
            Cell::Number(..) | Cell::Missing => {
                self.found(Name::Mdv, "0 (used) or 1 (left out) on an observation");
                return Kind::Wrong;
            }
            Cell::Wrong => return Kind::Wrong,
        }
        let undosed = self.without_dose(dosing, "0 or nothing on an observation");
        let analyte = self.analyte();
        let measured = self.measured(analyte, observing);
        let (Some(analyte), Some(Measured { value, censoring, interval_end })) = (analyte, measured) else {
            return Kind::Wrong;
        };
        if !undosed || matches!(dosing.cmt, Cell::Wrong) {
            return Kind::Wrong;
        }
        let (value, censoring, by_option) = match censoring {
            Censoring::Quantified => self.limited(analyte, value),
            censored => (value, censored, false),
        };
        let row = self.line();
        let observation = Observation { time, analyte, value, censoring, interval_end, doses_before: 0, row };
        let compartment = if let Cell::Number(number, _) = dosing.cmt { Some(number) } else { None };
        Kind::Observation { observation, by_option, compartment }
    }

    /// Measured value in the analyte's unit, or the limit of a censored observation. If the analyte is wrong, its unit
    /// and the sign are not checked.
    fn measured(&mut self, analyte: Option<Analyte>, observing: ObservationCells<'a>) -> Option<Measured> {
        let ObservationCells { dv, cens, limit, is_below, lloq, .. } = observing;
        if is_below? {
            return self.flagged_below(analyte, lloq);
        }
        let censoring = match cens {
            Cell::Missing | Cell::Number(0.0, _) => Censoring::Quantified,
            Cell::Number(1.0, _) => Censoring::Below,
            Cell::Number(-1.0, _) => Censoring::Above,
            Cell::Number(..) => {
                self.found(Name::Cens, "0 (DV is a value), 1 (below DV) or -1 (above DV) on an observation");
                return None;
            }
            Cell::Wrong => return None,
        };
        let (name, cell, end) = if censoring == Censoring::Quantified {
            (Name::Dv, self.uncensored_value(dv)?, Cell::Missing)
        } else {
            self.limit(censoring, dv, limit)?
        };
        let analyte = analyte?;
        let factor = self.options().factor(analyte);
        let Cell::Number(value, _) = self.converted(name, cell, factor, analyte.unit()) else {
            return None;
        };
        if !self.may_be(analyte, value, censoring) {
            let (title, unit) = (analyte.name(), analyte.unit());
            let of = if censoring == Censoring::Quantified { "" } else { "a limit of " };
            self.found(name, format!("{of}{title} above 0 {unit}, as its logarithm is taken"));
            return None;
        }
        let interval_end = match self.converted(Name::Limit, end, factor, analyte.unit()) {
            Cell::Number(end, _) => self.interval_end(analyte, end)?,
            Cell::Missing => None,
            Cell::Wrong => return None,
        };
        Some(Measured { value, censoring, interval_end })
    }

    /// Other end of a censoring interval; an end of zero is dropped for an analyte that must be positive anyway.
    fn interval_end(&mut self, analyte: Analyte, end: f64) -> Option<Option<f64>> {
        let positive = self.options().positive_required.contains(&analyte);
        if positive && end < 0.0 {
            self.found(Name::Limit, "an end of the interval of at least 0, as the logarithm is taken");
            return None;
        }
        Some((!positive || end > 0.0).then_some(end))
    }

    /// Limit of an observation that is flagged as below it, given by the row or by the options.
    fn flagged_below(&mut self, analyte: Option<Analyte>, lloq: Cell<'a>) -> Option<Measured> {
        let analyte = analyte?;
        let factor = self.options().factor(analyte);
        let limit = match self.converted(Name::Lloq, lloq, factor, analyte.unit()) {
            Cell::Number(limit, _) if limit > 0.0 => Some(limit),
            Cell::Number(..) => {
                self.found(Name::Lloq, "a limit of quantification above 0");
                return None;
            }
            Cell::Missing => self.options().lloq.get(&analyte).copied(),
            Cell::Wrong => return None,
        };
        if limit.is_none() {
            let expected = "no flag, or the limit of quantification: a column LLOQ, or --lloq ANALYTE=LIMIT";
            self.found(Name::Blq, expected);
        }
        Some(Measured { value: limit?, censoring: Censoring::Below, interval_end: None })
    }

    /// Value of an observation that is not censored, whose `LIMIT` is ignored.
    fn uncensored_value(&mut self, dv: Cell<'a>) -> Option<Cell<'a>> {
        if let Cell::Missing = dv {
            self.found(Name::Dv, "a number on an observation; MDV 1 leaves it out");
        }
        matches!(dv, Cell::Number(..)).then_some(dv)
    }

    /// Column and limit of a censored observation, and other end of its interval: the limit is in `DV` and the other
    /// end in `LIMIT`; without a `DV`, the limit is in `LIMIT`.
    fn limit(
        &mut self,
        censoring: Censoring,
        dv: Cell<'a>,
        limit: Cell<'a>,
    ) -> Option<(Name, Cell<'a>, Cell<'a>)> {
        match (dv, limit) {
            (Cell::Wrong, _) | (_, Cell::Wrong) => None,
            (Cell::Number(..), Cell::Missing) => Some((Name::Dv, dv, Cell::Missing)),
            (Cell::Number(a, _), Cell::Number(b, _)) if a == b => Some((Name::Dv, dv, Cell::Missing)),
            (Cell::Number(a, _), Cell::Number(b, _)) if (b < a) == (censoring == Censoring::Below) => {
                Some((Name::Dv, dv, limit))
            }
            (Cell::Number(..), Cell::Number(..)) => {
                let side = if censoring == Censoring::Below { "below" } else { "above" };
                let cens = if censoring == Censoring::Below { "1" } else { "-1" };
                let expected =
                    format!("nothing, or the other end of the interval, {side} DV as CENS is {cens}");
                self.found(Name::Limit, expected);
                None
            }
            (Cell::Missing, Cell::Number(b, _)) if b != 0.0 || censoring == Censoring::Above => {
                Some((Name::Limit, limit, Cell::Missing))
            }
            (Cell::Missing, _) => {
                self.found(
                    Name::Dv,
                    "the limit of quantification of a censored observation, here or in LIMIT",
                );
                None
            }
        }
    }

    /// Whether the logarithm of a value exists or is not needed. A zero below a limit of quantification is replaced by
    /// the limit; a negative number is more likely a code, and is not accepted.
    fn may_be(&self, analyte: Analyte, value: f64, censoring: Censoring) -> bool {
        let options = self.options();
        let limited = censoring == Censoring::Quantified && options.lloq.contains_key(&analyte);
        value > 0.0 || (value == 0.0 && limited) || !options.positive_required.contains(&analyte)
    }

    /// Quantified value, or the limit in the options if the value is beyond it; with its censoring, and whether the
    /// options censor it.
    fn limited(&self, analyte: Analyte, value: f64) -> (f64, Censoring, bool) {
        let options = self.options();
        match (options.lloq.get(&analyte), options.uloq.get(&analyte)) {
            (Some(lower), _) if value < *lower => (*lower, Censoring::Below, true),
            (_, Some(upper)) if value > *upper => (*upper, Censoring::Above, true),
            _ => (value, Censoring::Quantified, false),
        }
    }

    fn analyte(&mut self) -> Option<Analyte> {
        let options = self.options();
        let text = self.text(Name::Dvid);
        if is_missing(text)
            && let Some(only) = options.only_analyte()
        {
            return Some(only);
        }
        if let Some(analyte) = parse_analyte(&options.analytes, text, options.decimal) {
            return Some(analyte);
        }
        let analyte = parse_analyte(&omafit_model::analytes(), text, options.decimal);
        let predicted: BTreeSet<Analyte> = options.analytes.iter().copied().collect();
        let named = |analyte: &Analyte| Some(format!("{} ({})", analyte.dvid()?, analyte.name()));
        let names: Vec<String> = predicted.iter().filter_map(named).collect();
        let names = match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        };
        let expected = match analyte {
            Some(other) => {
                format!("{names}: the model does not predict {}; MDV 1 leaves it out", other.name())
            }
            None => format!("{names}, or the name, on an observation"),
        };
        self.found(Name::Dvid, expected);
        None
    }
}

struct Measured {
    value: f64,
    censoring: Censoring,
    interval_end: Option<f64>,
}

/// Analyte given by a `DVID`, which is a number or a name.
fn parse_analyte(analytes: &[Analyte], text: &str, decimal: DecimalMark) -> Option<Analyte> {
    let mut all = analytes.iter().copied();
    let by_name = all.clone().find(|analyte| analyte.name().eq_ignore_ascii_case(text));
    by_name.or_else(|| {
        let number = decimal.parse(text)?;
        all.find(|analyte| analyte.dvid().is_some_and(|dvid| f64::from(dvid) == number))
    })
}
