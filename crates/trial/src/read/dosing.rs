//! Dosing records: amount, route, rate, additional doses, steady state and resets.

use omafit_model::{Dose, Route, StateRule};

use super::cell::Cell;
use super::names::Name;
use super::record::{Additional, DoseCells, Kind, ObservationCells};
use super::row::Row;

/// Maximum value of `ADDL`; more is taken for a mistake.
const MOST_ADDITIONAL: f64 = 10_000.0;

/// Steady state, as given by `SS`.
#[derive(Clone, Copy, PartialEq)]
enum SteadyState {
    No,
    Replaces,
    Adds,
}

impl<'a> Row<'_, 'a, '_> {
    /// Reads a dose (`EVID` 1), or a reset and a dose (`EVID` 4).
    pub(super) fn dose(
        &mut self,
        time: f64,
        dosing: DoseCells<'a>,
        observing: ObservationCells<'a>,
        resets: bool,
    ) -> Kind {
        // Each cell is checked even if another one is wrong.
        let uncensored = self.uncensored(observing, "0 or nothing on a dose");
        let route = self.route(dosing.cmt);
        let amount_mg = self.amount(dosing.amt);
        let steady_state = self.steady_state(dosing.ss);
        let additional = self.additional(dosing.addl);
        let repeated = additional.is_some_and(|count| count > 0)
            || steady_state.is_some_and(|steady_state| steady_state != SteadyState::No);
        let interval = if repeated { self.interval(dosing.ii) } else { Some(0.0) };
        let duration = self.duration(dosing.rate, amount_mg);
        let (Some(route), Some(amount_mg), Some(steady_state), Some(count)) =
            (route, amount_mg, steady_state, additional)
        else {
            return Kind::Wrong;
        };
        let (Some(interval), Some(mut duration)) = (interval, duration) else { return Kind::Wrong };
        // AMT over RATE equals II except for rounding: the infusion is continuous.
        if steady_state != SteadyState::No && (duration - interval).abs() <= 4.0 * f64::EPSILON * interval {
            duration = interval;
        }
        if steady_state != SteadyState::No && duration > interval {
            let expected = "a rate at which the dose has been given before the next, II later: \
                            overlapping infusions at steady state are not supported";
            self.found(Name::Rate, expected);
            return Kind::Wrong;
        }
        let before = match (steady_state, resets) {
            (SteadyState::No, false) => StateRule::Kept,
            (SteadyState::No, true) => StateRule::Reset,
            (SteadyState::Adds, false) => StateRule::AddedSteadyState { interval },
            // After a reset, SS 2 can only add to the untreated state.
            (SteadyState::Replaces, _) | (SteadyState::Adds, true) => StateRule::SteadyState { interval },
        };
        if !uncensored {
            return Kind::Wrong;
        }
        Kind::Dose {
            dose: Dose { time, amount_mg, route, duration, before },
            additional: Additional { count, interval_days: interval },
            cancels: resets || steady_state == SteadyState::Replaces,
            has_value: matches!(observing.dv, Cell::Number(value, _) if value != 0.0),
        }
    }

    /// Reads a reset without a dose (`EVID` 3), whose compartment is ignored.
    pub(super) fn reset(
        &mut self,
        time: f64,
        dosing: DoseCells<'a>,
        observing: ObservationCells<'a>,
    ) -> Kind {
        let undosed = self.without_dose(dosing, "0 or nothing on a reset without a dose (EVID 3)");
        let uncensored = self.uncensored(observing, "0 or nothing on a reset");
        if !(undosed && uncensored) || matches!(dosing.cmt, Cell::Wrong) {
            return Kind::Wrong;
        }
        Kind::Dose {
            dose: Dose::subcutaneous(time, 0.0).after(StateRule::Reset),
            additional: Additional { count: 0, interval_days: 0.0 },
            cancels: true,
            has_value: false,
        }
    }

    /// Whether the dosing cells of a record without a dose are all zero or missing.
    pub(super) fn without_dose(&mut self, dosing: DoseCells<'_>, expected: &str) -> bool {
        let of_doses = [
            (Name::Amt, dosing.amt),
            (Name::Rate, dosing.rate),
            (Name::Addl, dosing.addl),
            (Name::Ii, dosing.ii),
            (Name::Ss, dosing.ss),
        ];
        of_doses.into_iter().fold(true, |right, (name, cell)| self.not_nonzero(name, cell, expected) && right)
    }

    /// Whether a record without an observation is not censored; its `LIMIT` is then ignored.
    fn uncensored(&mut self, observing: ObservationCells<'_>, expected: &str) -> bool {
        self.not_nonzero(Name::Cens, observing.cens, expected)
    }

    fn amount(&mut self, amt: Cell<'_>) -> Option<f64> {
        match amt {
            Cell::Number(amount_mg, _) if amount_mg > 0.0 => Some(amount_mg),
            Cell::Number(..) | Cell::Missing => {
                self.found(Name::Amt, "an amount above 0 mg on a dose");
                None
            }
            Cell::Wrong => None,
        }
    }

    fn route(&mut self, cmt: Cell<'_>) -> Option<Route> {
        match cmt {
            Cell::Missing | Cell::Number(1.0, _) => Some(Route::Subcutaneous),
            Cell::Number(2.0, _) => Some(Route::Intravenous),
            Cell::Number(..) => {
                self.found(Name::Cmt, "1 (subcutaneous, the depot) or 2 (intravenous, the serum) on a dose");
                None
            }
            Cell::Wrong => None,
        }
    }

    fn steady_state(&mut self, ss: Cell<'_>) -> Option<SteadyState> {
        match ss {
            Cell::Missing | Cell::Number(0.0, _) => Some(SteadyState::No),
            Cell::Number(1.0, _) => Some(SteadyState::Replaces),
            Cell::Number(2.0, _) => Some(SteadyState::Adds),
            Cell::Number(..) => {
                self.found(
                    Name::Ss,
                    "0, 1 (steady state replaces what is there) or 2 (steady state is added to it)",
                );
                None
            }
            Cell::Wrong => None,
        }
    }

    /// Duration of the dose in days; the rate is in mg per unit of the file's times.
    fn duration(&mut self, rate: Cell<'_>, amount_mg: Option<f64>) -> Option<f64> {
        let expected = match rate {
            Cell::Missing | Cell::Number(0.0, _) => return Some(0.0),
            Cell::Wrong => return None,
            Cell::Number(-1.0, _) => "0, or a rate: a modelled rate (-1) is not supported",
            Cell::Number(-2.0, _) => "0, or a rate: a modelled duration (-2) is not supported",
            Cell::Number(rate, _) if rate < 0.0 => "0 (at once), or a rate above 0",
            Cell::Number(rate, _) => {
                let duration = amount_mg? / rate / self.options().time_unit.per_day();
                if duration > 0.0 && duration.is_finite() {
                    return Some(duration);
                }
                "a rate that leads to a finite duration above 0"
            }
        };
        self.found(Name::Rate, expected);
        None
    }

    fn additional(&mut self, addl: Cell<'_>) -> Option<u32> {
        match addl {
            Cell::Missing => Some(0),
            // Integer of at most 10,000.
            Cell::Number(count, _) if count.fract() == 0.0 && (0.0..=MOST_ADDITIONAL).contains(&count) => {
                Some(count as u32)
            }
            Cell::Number(..) => {
                self.found(Name::Addl, format!("a whole number of doses from 0 to {MOST_ADDITIONAL}"));
                None
            }
            Cell::Wrong => None,
        }
    }

    fn interval(&mut self, ii: Cell<'_>) -> Option<f64> {
        match ii {
            Cell::Number(interval, _) if interval > 0.0 => Some(interval),
            Cell::Number(..) | Cell::Missing => {
                let expected = "an interval above 0 between the doses that ADDL or SS stands for";
                self.found(Name::Ii, expected);
                None
            }
            Cell::Wrong => None,
        }
    }
}
