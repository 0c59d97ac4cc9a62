//! Simulation of a patient's free IgE under other doses (what-if).

use crate::dose_rule::DoseRule;
use crate::dosing_table::NotInTable;
use omafit_estimate::{OutputCourse, Trajectory, treated_until};
use omafit_model::units::NG_PER_IU;
use omafit_model::{Dose, Route, StateRule, Subject};
use statrs::distribution::{ContinuousCDF, Normal};

/// An alternative to the actual doses; changes are applied in the order of the fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Days after the first dose from which the doses are changed.
    pub from_days: f64,
    /// A dosing rule for the patient's body weight and baseline IgE.
    pub switch: Option<DoseRule>,
    /// Dosing interval, days, with unchanged amounts.
    pub every_days: Option<f64>,
    /// Factor on the amount of each dose.
    pub scale: f64,
    /// Days after the first dose beyond which no dose is given.
    pub stop_after_days: Option<f64>,
}

/// The reason a patient's doses cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotReplayed {
    /// A patient without a dose.
    #[error("no dose was given")]
    NoDose,
    /// A patient without a dose from the requested day on.
    #[error("no dose was given from day {day} on")]
    NothingLeft {
        /// Days after the first dose.
        day: f64,
    },
    /// A treatment that ended before the first change.
    #[error("the treatment that was given ended on day {day}, before anything would have been other")]
    Ended {
        /// Days after the first dose.
        day: f64,
    },
    /// Infusions, resets or steady states, for which the interval or the rule cannot be changed.
    #[error("infusions, resets and steady states cannot be spaced or switched")]
    NotPlain,
    /// A patient without the body weight or baseline IgE that a dosing rule needs.
    #[error("body weight or baseline IgE is not known")]
    NoCovariate,
    /// A patient for whom the table has no dose.
    #[error("not in the table: {0}")]
    NotInTable(#[from] NotInTable),
}

/// A patient's doses under an alternative, and the days over which its effect is assessed.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// The patient with the changed doses.
    pub subject: Subject,
    /// Day of the first dose.
    pub first_day: f64,
    /// The days from the first changed dose, or from the second dose if that is later, to the end of the actual
    /// treatment: one interval of the last two doses after the last dose, or the last record if that is earlier or
    /// there is a single dose.
    pub window: [f64; 2],
    /// Dose in four weeks, mg, from the first changed dose to the end of treatment: actual and alternative.
    pub four_weeks_mg: [f64; 2],
    /// Whether the table cell of the changed doses was verified on two sources; `None` without a table.
    pub verified: Option<bool>,
}

impl Alternative {
    /// Applies the alternative to a patient's doses.
    ///
    /// # Errors
    /// When there is nothing to change, or the doses cannot be changed.
    pub fn replay(&self, subject: &Subject) -> Result<Replayed, NotReplayed> {
        let given: Vec<f64> = subject.doses.iter().filter(|d| d.amount_mg > 0.0).map(|d| d.time).collect();
        let first_day = *given.first().ok_or(NotReplayed::NoDose)?;
        let end = treated_until(&given, subject.end()).ok_or(NotReplayed::NoDose)?;
        let second = given.iter().find(|t| **t > first_day).copied().unwrap_or(first_day);
        let from = first_day + self.from_days;
        let at = subject.doses.partition_point(|d| d.time < from);
        let stop = self.stop_after_days.map_or(f64::INFINITY, |days| first_day + days);
        let (before, after) = subject.doses.split_at(at);
        let next = after.iter().find(|d| d.amount_mg > 0.0);
        let next = *next.ok_or(NotReplayed::NothingLeft { day: self.from_days })?;
        let mut other = self.spaced(subject, after, &next, end)?;
        for dose in &mut other {
            dose.amount_mg *= self.scale;
        }
        let mut doses = before.to_vec();
        doses.extend(other);
        doses.retain(|d| d.time <= stop);
        let changed = if self.is_stop_alone() {
            given.iter().find(|t| **t > stop).copied().unwrap_or(end)
        } else {
            next.time
        };
        let window = [changed.max(second), end];
        if !(window[0] < end) {
            return Err(NotReplayed::Ended { day: end - first_day });
        }
        let four_weeks = |doses: &[Dose]| {
            let inside = doses.iter().filter(|d| d.time >= changed && d.time < end);
            28.0 * inside.map(|d| d.amount_mg).sum::<f64>() / (end - changed)
        };
        let four_weeks_mg = [four_weeks(&subject.doses), four_weeks(&doses)];
        let verified = match &self.switch {
            Some(rule) => person(subject).and_then(|(weight, ige)| rule.is_verified(weight, ige)),
            None => None,
        };
        let subject = Subject { doses, ..subject.clone() };
        Ok(Replayed { subject, first_day, window, four_weeks_mg, verified })
    }

    fn is_stop_alone(&self) -> bool {
        self.stop_after_days.is_some()
            && self.switch.is_none()
            && self.every_days.is_none()
            && self.scale == 1.0
    }

    /// The doses from the change on, by the other rule and at the other interval.
    fn spaced(
        &self,
        subject: &Subject,
        after: &[Dose],
        next: &Dose,
        end: f64,
    ) -> Result<Vec<Dose>, NotReplayed> {
        let is_plain =
            |d: &Dose| d.before == StateRule::Kept && d.route == Route::Subcutaneous && d.duration == 0.0;
        let (mut amount, mut every) = (next.amount_mg, self.every_days);
        if let Some(rule) = &self.switch {
            let (weight, ige) = person(subject).ok_or(NotReplayed::NoCovariate)?;
            let (dose_mg, every_days) = rule.regimen(weight, ige)?;
            amount = dose_mg;
            every = every.or(Some(every_days));
        }
        let Some(every) = every else { return Ok(after.to_vec()) };
        if !after.iter().all(is_plain) {
            return Err(NotReplayed::NotPlain);
        }
        let times = (0..).map(|k| next.time + f64::from(k) * every);
        Ok(times.take_while(|t| *t < end).map(|t| Dose::subcutaneous(t, amount)).collect())
    }
}

/// Body weight in kg and baseline IgE in IU/mL, if both are known.
fn person(subject: &Subject) -> Option<(f64, f64)> {
    Some((subject.covariates.weight_kg()?, subject.covariates.ige_ng_ml()? / NG_PER_IU))
}

/// Free IgE over some days compared with a target, with uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    /// The highest free IgE, ng/mL.
    pub peak: f64,
    /// The ends of the band of the highest free IgE.
    pub peak_band: [f64; 2],
    /// The probability that the highest free IgE is above the target.
    pub over: f64,
    /// The first day above the target; NaN if there is none.
    pub first_over: f64,
    /// The first days on which the upper and the lower end of the band are above the target: the earliest and latest
    /// such day.
    pub first_over_band: [f64; 2],
    /// Number of days above the target.
    pub days_over: f64,
}

/// Compares free IgE from one day to another with a target; `level` is that of the course's bands. The logarithm is
/// interpolated linearly. The probability is that of a normal distribution of the logarithm with the band at the peak,
/// correct to first order; NaN if the course is not determined.
pub fn held(course: &Trajectory, [from, to]: [f64; 2], target_ng_ml: f64, level: f64) -> Held {
    let log = |of: fn(&OutputCourse) -> &Vec<f64>| {
        let values = course.free_target().map_or(&[][..], |free| of(free));
        cut(&course.time, values, from, to)
    };
    let (value, lower, upper) = (log(|free| &free.value), log(|free| &free.lower), log(|free| &free.upper));
    let aim = target_ng_ml.ln();
    let highest = (0..value.len()).max_by(|&a, &b| value[a].1.total_cmp(&value[b].1));
    let Some(at) = highest else {
        let nan = f64::NAN;
        return Held {
            peak: nan,
            peak_band: [nan; 2],
            over: nan,
            first_over: nan,
            first_over_band: [nan; 2],
            days_over: nan,
        };
    };
    let normal = Normal::standard();
    let sd = 0.5 * (upper[at].1 - lower[at].1) / normal.inverse_cdf(0.5 + 0.5 * level);
    let distance = value[at].1 - aim;
    let over = if sd > 0.0 { normal.cdf(distance / sd) } else { sd + f64::from(u8::from(distance > 0.0)) };
    Held {
        peak: value[at].1.exp(),
        peak_band: [lower[at].1.exp(), upper[at].1.exp()],
        over,
        first_over: first_over(&value, aim),
        first_over_band: [first_over(&upper, aim), first_over(&lower, aim)],
        days_over: value.windows(2).map(|pair| above(pair, aim)).sum(),
    }
}

/// Times with the logarithms of values from one day to another, with linear interpolation at both ends.
fn cut(time: &[f64], values: &[f64], from: f64, to: f64) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> = time.iter().zip(values).map(|(t, v)| (*t, v.ln())).collect();
    let at = |day: f64| {
        let after = points.partition_point(|p| p.0 < day);
        let (a, b) = (points.get(after.checked_sub(1)?)?, points.get(after)?);
        Some((day, a.1 + (b.1 - a.1) * (day - a.0) / (b.0 - a.0)))
    };
    let inside = points.iter().filter(|p| p.0 > from && p.0 < to).copied();
    let exact = |day: f64| points.iter().find(|p| p.0 == day).copied().or_else(|| at(day));
    let ends = if to > from { [exact(from), exact(to)] } else { [None, None] };
    ends[0].into_iter().chain(inside).chain(ends[1]).collect()
}

/// The first time at which a piecewise linear curve is above a level.
fn first_over(curve: &[(f64, f64)], level: f64) -> f64 {
    match curve.iter().position(|p| p.1 > level) {
        None => f64::NAN,
        Some(0) => curve[0].0,
        Some(k) => crossing(curve[k - 1], curve[k], level),
    }
}

fn crossing(a: (f64, f64), b: (f64, f64), level: f64) -> f64 {
    a.0 + (b.0 - a.0) * (level - a.1) / (b.1 - a.1)
}

/// The time for which a straight line is above a level.
fn above(pair: &[(f64, f64)], level: f64) -> f64 {
    let (a, b) = (pair[0], pair[1]);
    match (a.1 > level, b.1 > level) {
        (true, true) => b.0 - a.0,
        (false, false) => 0.0,
        (true, false) => crossing(a, b, level) - a.0,
        (false, true) => b.0 - crossing(a, b, level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::{Analyte, Censoring, Covariates, Observation};

    fn subject(times: &[f64]) -> Subject {
        Subject {
            id: "1".into(),
            covariates: Covariates::new(80.0, 400.0 * NG_PER_IU),
            start: times[0],
            doses: times.iter().map(|t| Dose::subcutaneous(*t, 300.0)).collect(),
            observations: vec![Observation {
                time: 100.0,
                analyte: Analyte::IGE_FREE,
                value: 40.0,
                censoring: Censoring::Quantified,
                interval_end: None,
                doses_before: times.len(),
                row: 0,
            }],
        }
    }

    const AS_GIVEN: Alternative =
        Alternative { from_days: 0.0, switch: None, every_days: None, scale: 1.0, stop_after_days: None };

    fn given(found: &Replayed) -> Vec<(f64, f64)> {
        found.subject.doses.iter().map(|d| (d.time, d.amount_mg)).collect()
    }

    #[test]
    fn doses_are_scaled_spaced_stopped_and_switched() {
        let patient = subject(&[3.0, 17.0, 31.0, 45.0]);
        let half = Alternative { scale: 0.5, from_days: 14.0, ..AS_GIVEN }.replay(&patient).unwrap();
        assert_eq!(given(&half), [(3.0, 300.0), (17.0, 150.0), (31.0, 150.0), (45.0, 150.0)]);
        assert_eq!((half.window, half.four_weeks_mg), ([17.0, 59.0], [600.0, 300.0]));
        let same = AS_GIVEN.replay(&patient).unwrap();
        assert_eq!(
            (same.subject == patient, same.window, same.four_weeks_mg),
            (true, [17.0, 59.0], [600.0; 2])
        );
        let rarer = Alternative { every_days: Some(28.0), ..AS_GIVEN }.replay(&patient).unwrap();
        assert_eq!(given(&rarer), [(3.0, 300.0), (31.0, 300.0)]);
        assert_eq!((rarer.window, rarer.four_weeks_mg), ([17.0, 59.0], [600.0, 300.0]));
        let stopped = Alternative { stop_after_days: Some(14.0), ..AS_GIVEN }.replay(&patient).unwrap();
        assert_eq!(given(&stopped), [(3.0, 300.0), (17.0, 300.0)]);
        assert_eq!((stopped.window, stopped.four_weeks_mg), ([31.0, 59.0], [600.0, 0.0]));
        let rule = DoseRule::parse("0.016").unwrap();
        let switch = Alternative { switch: Some(rule), from_days: 15.0, scale: 0.5, ..AS_GIVEN };
        let switched = switch.replay(&patient).unwrap();
        assert_eq!(given(&switched), [(3.0, 300.0), (17.0, 300.0), (31.0, 256.0)]);
    }

    #[test]
    fn other_doses_carry_the_status_of_their_cell() {
        let of = |rule: Option<&str>, weight_kg, ige_iu_ml| {
            let covariates = Covariates::new(weight_kg, ige_iu_ml * NG_PER_IU);
            let patient = Subject { covariates, ..subject(&[0.0, 14.0]) };
            let switch = rule.map(|rule| DoseRule::parse(rule).unwrap());
            let replayed = Alternative { switch, ..AS_GIVEN }.replay(&patient).unwrap();
            (replayed.subject.doses[0].amount_mg, replayed.verified)
        };
        // At the corner of two bands the lower band of each applies, also after conversion of IgE to ng/mL and back.
        assert_eq!(of(Some("eu_asthma_6y"), 20.0, 100.0), (75.0, Some(true)));
        assert_eq!(of(Some("eu_asthma_6y"), 70.0, 500.0), (600.0, Some(true)));
        assert_eq!(of(Some("eu_asthma_6y"), 70.1, 500.0), (375.0, Some(false)));
        assert_eq!(of(Some("jp_asthma_sar"), 70.0, 500.0), (600.0, Some(false)));
        assert_eq!(of(Some("0.016"), 70.0, 500.0), (560.0, None));
        assert_eq!(of(None, 70.0, 500.0).1, None);
    }

    #[test]
    fn what_cannot_be_replayed_says_why() {
        let patient = subject(&[0.0, 14.0]);
        let table = DoseRule::parse("us_asthma_12y").unwrap();
        let switch = Alternative { switch: Some(table), ..AS_GIVEN };
        let heavy = Subject { covariates: Covariates::new(151.0, 400.0), ..patient.clone() };
        assert!(matches!(switch.replay(&heavy), Err(NotReplayed::NotInTable(NotInTable::Weight { .. }))));
        let unknown = Subject { covariates: Covariates::default(), ..patient.clone() };
        assert_eq!(switch.replay(&unknown), Err(NotReplayed::NoCovariate));
        let none = Subject { doses: Vec::new(), ..patient.clone() };
        assert_eq!(AS_GIVEN.replay(&none), Err(NotReplayed::NoDose));
        let stopped = Alternative { stop_after_days: Some(70.0), ..AS_GIVEN };
        assert_eq!(stopped.replay(&patient), Err(NotReplayed::Ended { day: 28.0 }));
        let late = Alternative { from_days: 15.0, ..AS_GIVEN };
        assert_eq!(late.replay(&patient), Err(NotReplayed::NothingLeft { day: 15.0 }));
        let mut infused = patient.clone();
        infused.doses[1] = Dose::intravenous(14.0, 300.0, 0.1);
        let spaced = Alternative { every_days: Some(7.0), ..AS_GIVEN };
        assert_eq!(spaced.replay(&infused), Err(NotReplayed::NotPlain));
        assert!(Alternative { scale: 2.0, ..AS_GIVEN }.replay(&infused).is_ok());
    }

    #[test]
    fn a_rise_is_read_off_straight_lines_of_the_logarithm() {
        // Logarithms 2, 3, 5, 4; the band of ±1 is one standard deviation.
        let logs = [2.0_f64, 3.0, 5.0, 4.0];
        let free = OutputCourse {
            value: logs.map(f64::exp).to_vec(),
            lower: logs.map(|l| (l - 1.0).exp()).to_vec(),
            upper: logs.map(|l| (l + 1.0).exp()).to_vec(),
        };
        let outputs = [(Analyte::IGE_FREE, free)].into_iter().collect();
        let course = Trajectory { time: vec![0.0, 1.0, 2.0, 3.0], outputs, ..Trajectory::default() };
        let level = 2.0 * Normal::standard().cdf(1.0) - 1.0;
        let found = held(&course, [0.5, 3.0], 4.0_f64.exp(), level);
        assert!((found.peak.ln() - 5.0).abs() < 1e-12 && (found.first_over - 1.5).abs() < 1e-12);
        assert!((found.days_over - 1.5).abs() < 1e-12, "{found:?}");
        // The standard normal distribution function at 1.
        assert!((found.over - 0.841_344_746_068_542_9).abs() < 1e-9, "{found:?}");
        // The logarithm of the upper end is 3.5, 4, 6, 5: above 4 from day 1; of the lower end 1.5, 2, 4, 3: never.
        assert!((found.first_over_band[0] - 1.0).abs() < 1e-9 && found.first_over_band[1].is_nan());
        let outside = held(&course, [2.0, 2.0], 50.0, 0.9);
        assert!(outside.peak.is_nan() && outside.over.is_nan());
    }
}
