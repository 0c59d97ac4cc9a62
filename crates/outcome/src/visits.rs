//! Outcomes by visit: change from baseline, beside the exposure since the visit before.

use crate::exposure::{Exposure, Window};
use crate::patient::{Group, Patient};
use crate::summary::Summary;
use serde::{Deserialize, Serialize};

/// What a change is counted from. A value on the day of the first dose is before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeBaseline {
    /// The last value at or before the first dose.
    #[default]
    Last,
    /// The mean of the values on the last so many days before the first dose.
    RunIn {
        /// Days.
        days: f64,
    },
}

/// More days than this on which something was measured are no visits.
pub const MOST_VISITS: usize = 60;

/// Which visit a measurement belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitRule {
    /// That of the nearest of these days.
    Nominal(Vec<f64>),
    /// That of the nearest multiple of so many days.
    Every(f64),
}

impl VisitRule {
    /// The days on which anything was measured after the first dose, if they are no more than [`MOST_VISITS`]; else weeks.
    pub fn seen(patients: &[Patient]) -> Self {
        let outcomes = patients.iter().flat_map(|p| p.outcomes.iter().flatten());
        let mut days: Vec<f64> = outcomes.map(|o| o.0).filter(|d| *d > 0.0).collect();
        days.sort_by(f64::total_cmp);
        days.dedup();
        if days.len() <= MOST_VISITS { Self::Nominal(days) } else { Self::Every(7.0) }
    }

    /// The nominal day of a measurement after the first dose.
    fn visit(&self, day: f64) -> f64 {
        match self {
            Self::Every(days) => (day / days).round().max(1.0) * days,
            Self::Nominal(days) => {
                let after = days.iter().copied().filter(|d| *d > 0.0);
                after.min_by(|a, b| (a - day).abs().total_cmp(&(b - day).abs())).unwrap_or(day)
            }
        }
    }
}

/// How outcomes are aligned to exposure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// What a change is counted from.
    pub baseline: OutcomeBaseline,
    /// Which visit a measurement belongs to.
    pub visits: VisitRule,
    /// How the exposure of a visit is taken.
    pub window: Window,
}

/// A patient at a visit. The visit of day 0 is the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visit {
    /// Position of the patient.
    pub patient: usize,
    /// Nominal day.
    pub visit: f64,
    /// The day, or the mean of the days on which the visit was measured.
    pub day: f64,
    /// The value, or the mean of those of this visit.
    pub value: f64,
    /// How many values it is the mean of.
    pub values: usize,
    /// Less the baseline.
    pub change: f64,
    /// The exposure, by [`Exposure::ALL`]; NaN without a course.
    pub exposure: [f64; 4],
}

/// A measure of all patients, by visit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aligned {
    /// The measure's position among those of a patient.
    pub measure: usize,
    /// Patient by patient, ascending in time.
    pub visits: Vec<Visit>,
    /// Patients who were measured, but not before the first dose: they have no change, and no visits.
    pub without_baseline: Vec<usize>,
}

/// Aligns measure `measure` of all patients.
pub fn align(patients: &[Patient], measure: usize, alignment: &Alignment) -> Aligned {
    let mut aligned = Aligned { measure, ..Aligned::default() };
    for (i, patient) in patients.iter().enumerate() {
        let Some(outcomes) = patient.outcomes.get(measure).filter(|o| !o.is_empty()) else { continue };
        match baseline(outcomes, alignment.baseline) {
            Some(baseline) => of_patient(patient, i, outcomes, baseline, alignment, &mut aligned.visits),
            None => aligned.without_baseline.push(i),
        }
    }
    aligned
}

/// The baseline, and how many values it is the mean of.
fn baseline(outcomes: &[(f64, f64)], rule: OutcomeBaseline) -> Option<(f64, usize)> {
    let mut before = outcomes.iter().filter(|o| o.0 <= 0.0);
    match rule {
        OutcomeBaseline::Last => before.next_back().map(|o| (o.1, 1)),
        OutcomeBaseline::RunIn { days } => {
            let of: Vec<f64> = before.filter(|o| o.0 >= -days).map(|o| o.1).collect();
            (!of.is_empty()).then(|| (of.iter().sum::<f64>() / of.len() as f64, of.len()))
        }
    }
}

fn of_patient(
    patient: &Patient,
    position: usize,
    outcomes: &[(f64, f64)],
    (baseline, before): (f64, usize),
    alignment: &Alignment,
    visits: &mut Vec<Visit>,
) {
    let exposed = |from: f64, to: f64| {
        Exposure::ALL.map(|exposure| {
            let course = patient.exposure.as_ref();
            course.map_or(f64::NAN, |c| c.of_visit(exposure, alignment.window, from, to))
        })
    };
    let mut last = 0.0;
    let start = Visit {
        patient: position,
        visit: 0.0,
        day: 0.0,
        value: baseline,
        values: before,
        change: 0.0,
        exposure: exposed(0.0, 0.0),
    };
    visits.push(start);
    let after: Vec<(f64, f64, f64)> =
        outcomes.iter().filter(|o| o.0 > 0.0).map(|o| (alignment.visits.visit(o.0), o.0, o.1)).collect();
    for same in after.chunk_by(|a, b| a.0 == b.0) {
        let n = same.len() as f64;
        let day = same.iter().map(|o| o.1).sum::<f64>() / n;
        let value = same.iter().map(|o| o.2).sum::<f64>() / n;
        visits.push(Visit {
            visit: same[0].0,
            day,
            value,
            values: same.len(),
            change: value - baseline,
            exposure: exposed(last, day),
            ..start
        });
        last = day;
    }
}

/// A group at a visit.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitMean {
    /// Nominal day.
    pub visit: f64,
    /// The values.
    pub value: Summary,
    /// Their changes from baseline.
    pub change: Summary,
    /// Exposures, by [`Exposure::ALL`].
    pub exposure: [Summary; 4],
}

/// The visits of a group, ascending, of those rows that are wanted.
pub fn visit_means(aligned: &Aligned, group: &Group, wanted: impl Fn(&Visit) -> bool) -> Vec<VisitMean> {
    let own = |v: &&Visit| group.members.binary_search(&v.patient).is_ok() && wanted(v);
    let rows: Vec<&Visit> = aligned.visits.iter().filter(own).collect();
    let mut days: Vec<f64> = rows.iter().map(|v| v.visit).collect();
    days.sort_by(f64::total_cmp);
    days.dedup();
    let mean = |&visit: &f64| {
        let here = || rows.iter().filter(move |v| v.visit == visit);
        VisitMean {
            visit,
            value: Summary::of(here().map(|v| v.value)),
            change: Summary::of(here().map(|v| v.change)),
            exposure: std::array::from_fn(|k| Summary::of(here().map(move |v| v.exposure[k]))),
        }
    };
    days.iter().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patient(outcomes: &[(f64, f64)]) -> Patient {
        Patient {
            id: "1".into(),
            arm: String::new(),
            responder: String::new(),
            last_dose: Some(28.0),
            exposure: None,
            outcomes: vec![outcomes.to_vec()],
        }
    }

    fn aligned(baseline: OutcomeBaseline, visits: VisitRule) -> Aligned {
        let alignment = Alignment { baseline, visits, window: Window::Mean };
        let seen = patient(&[(-9.0, 1.0), (-3.0, 4.0), (0.0, 6.0), (12.0, 3.0), (16.0, 5.0), (29.0, 1.0)]);
        align(&[seen, patient(&[(3.0, 1.0)])], 0, &alignment)
    }

    #[test]
    fn a_change_is_from_the_last_value_before_or_from_the_run_in() {
        let rule = || VisitRule::Nominal(vec![0.0, 14.0, 28.0]);
        let changes =
            |b| aligned(b, rule()).visits.iter().map(|v| (v.visit, v.day, v.change)).collect::<Vec<_>>();
        assert_eq!(changes(OutcomeBaseline::Last), [(0.0, 0.0, 0.0), (14.0, 14.0, -2.0), (28.0, 29.0, -5.0)]);
        assert_eq!(changes(OutcomeBaseline::RunIn { days: 7.0 })[1], (14.0, 14.0, -1.0));
        assert_eq!(aligned(OutcomeBaseline::Last, rule()).without_baseline, [1]);
    }

    #[test]
    fn visits_are_the_nearest_nominal_days_and_never_the_baseline() {
        let days =
            |rule| aligned(OutcomeBaseline::Last, rule).visits.iter().map(|v| v.visit).collect::<Vec<_>>();
        assert_eq!(days(VisitRule::Every(7.0)), [0.0, 14.0, 28.0]);
        assert_eq!(days(VisitRule::Every(10.0)), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(VisitRule::Every(28.0).visit(2.0), 28.0);
    }
}
