//! Outcomes by visit: change from baseline, with the exposure since the previous visit.

use crate::exposure::{Exposure, Window};
use crate::measure::{Measurement, OutcomeType};
use crate::patient::{Group, Patient};
use crate::summary::Summary;
use serde::{Deserialize, Serialize};

/// The baseline from which a change is computed. A value on the day of the first dose precedes the dose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeBaseline {
    /// The last value at or before the first dose.
    #[default]
    Last,
    /// The mean of the values on the given number of days before the first dose.
    RunIn {
        /// Days of the run-in.
        days: f64,
    },
}

/// Largest number of distinct days of measurement that are taken as visits.
pub const MOST_VISITS: usize = 60;

/// The rule for the days of visits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitRule {
    /// Nominal days after the first dose. Day 0 may be included: it is the baseline and not a visit, but limits the
    /// window of the first visit.
    Nominal(Vec<f64>),
    /// Multiples of a number of days.
    Every(f64),
}

impl VisitRule {
    /// The days of measurement after the first dose, if they are no more than [`MOST_VISITS`]; otherwise weeks.
    pub fn seen(patients: &[Patient]) -> Self {
        let outcomes = patients.iter().flat_map(|p| p.outcomes.iter().flatten());
        let mut days: Vec<f64> = outcomes.map(|o| o.day).filter(|d| *d > 0.0).collect();
        days.sort_by(f64::total_cmp);
        days.dedup();
        if days.len() <= MOST_VISITS { Self::Nominal(days) } else { Self::Every(7.0) }
    }
}

/// Visits with their windows.
///
/// The midpoint between two visits ends both windows and belongs to the earlier. The windows of the first and the last
/// visit extend as far outward as inward, and that of a visit without neighbours half its distance from the first dose
/// to either side.
enum Windows {
    /// First, nominal and last day of each window, ascending.
    Nominal(Vec<[f64; 3]>),
    /// Days between visits, and half the width of a window.
    Every(f64, f64),
}

impl Windows {
    fn new(rule: &VisitRule, half_width: Option<f64>) -> Self {
        let widest = half_width.unwrap_or(f64::INFINITY);
        let days = match rule {
            VisitRule::Every(days) => return Self::Every(*days, widest.min(0.5 * days)),
            VisitRule::Nominal(days) => days,
        };
        let mut days: Vec<f64> = days.iter().copied().filter(|d| *d >= 0.0).collect();
        days.sort_by(f64::total_cmp);
        days.dedup();
        let window = |k: usize| {
            let day = days[k];
            let before = k.checked_sub(1).map(|k| 0.5 * (day - days[k]));
            let after = days.get(k + 1).map(|next| 0.5 * (next - day));
            let outward = half_width.or(before).or(after).unwrap_or(0.5 * day);
            let back = before.or(half_width).or(after).unwrap_or(outward);
            let ahead = after.unwrap_or(outward);
            [day - back.min(widest), day, day + ahead.min(widest)]
        };
        Self::Nominal((0..days.len()).filter(|k| days[*k] > 0.0).map(window).collect())
    }

    /// The nominal day of the visit of a measurement after the first dose; `None` outside all windows.
    fn visit(&self, day: f64) -> Option<f64> {
        match self {
            Self::Nominal(windows) => {
                let [first, visit, _] = windows.get(windows.partition_point(|[_, _, last]| *last < day))?;
                (*first <= day).then_some(*visit)
            }
            Self::Every(days, half_width) => {
                let visit = (day / days - 0.5).ceil().max(1.0) * days;
                ((day - visit).abs() <= *half_width).then_some(visit)
            }
        }
    }
}

/// The alignment of outcomes to exposure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// The baseline from which a change is computed.
    pub baseline: OutcomeBaseline,
    /// The rule for the days of visits.
    pub visits: VisitRule,
    /// Half the width of a visit's window, days; `None` for the midpoints to its neighbours, with the first and the
    /// last window as wide outward as inward.
    #[serde(default)]
    pub half_width: Option<f64>,
    /// The way in which the exposure at a visit is taken.
    pub window: Window,
}

/// A patient's values at a visit; the visit of day 0 is the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visit {
    /// Position of the patient in the list of patients.
    pub patient: usize,
    /// Nominal day of the visit.
    pub visit: f64,
    /// The day of measurement, or the mean of the days of measurement.
    pub day: f64,
    /// The value, or the mean of the values at this visit.
    pub value: f64,
    /// Number of values in the mean.
    pub values: usize,
    /// Change from baseline.
    pub change: f64,
    /// The exposures, in the order of [`Exposure::ALL`]; NaN without a course.
    pub exposure: [f64; 4],
}

/// A value after the first dose outside all visit windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutsideVisits {
    /// Position of the patient in the list of patients.
    pub patient: usize,
    /// Day of the measurement.
    pub day: f64,
    /// The value.
    pub value: f64,
    /// Change from baseline.
    pub change: f64,
}

/// The values of a measure for all patients, by visit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aligned {
    /// Position of the measure in a patient's list of measures.
    pub measure: usize,
    /// The type of the measure.
    pub kind: OutcomeType,
    /// Visits by patient, in ascending time.
    pub visits: Vec<Visit>,
    /// Values outside all visit windows, by patient, in ascending time.
    pub outside: Vec<OutsideVisits>,
    /// Patients with measurements but without a baseline, who have no change and no visits.
    pub without_baseline: Vec<usize>,
}

impl Aligned {
    /// Number of values after the first dose that belong to a visit.
    pub fn values_at_visits(&self) -> usize {
        self.visits.iter().filter(|v| v.visit > 0.0).map(|v| v.values).sum()
    }
}

/// Aligns measure `measure` of all patients, an outcome of type `kind`. A time to event has no visits.
pub fn align(patients: &[Patient], measure: usize, kind: OutcomeType, alignment: &Alignment) -> Aligned {
    let mut aligned = Aligned { measure, kind, ..Aligned::default() };
    if kind == OutcomeType::Event {
        return aligned;
    }
    let windows = Windows::new(&alignment.visits, alignment.half_width);
    for (i, patient) in patients.iter().enumerate() {
        let Some(outcomes) = patient.outcomes.get(measure).filter(|o| !o.is_empty()) else { continue };
        match baseline(outcomes, alignment.baseline) {
            Some(baseline) => {
                of_patient((i, patient), outcomes, baseline, (&windows, alignment.window), &mut aligned)
            }
            None => aligned.without_baseline.push(i),
        }
    }
    aligned
}

/// The baseline and the number of values of which it is the mean.
fn baseline(outcomes: &[Measurement], rule: OutcomeBaseline) -> Option<(f64, usize)> {
    let mut before = outcomes.iter().filter(|o| o.day <= 0.0);
    let of: Vec<f64> = match rule {
        OutcomeBaseline::Last => before.next_back().map(|o| o.value).into_iter().collect(),
        OutcomeBaseline::RunIn { days } => before.filter(|o| o.day >= -days).map(|o| o.value).collect(),
    };
    (!of.is_empty()).then(|| (of.iter().sum::<f64>() / of.len() as f64, of.len()))
}

fn of_patient(
    (position, patient): (usize, &Patient),
    outcomes: &[Measurement],
    (baseline, values): (f64, usize),
    (windows, window): (&Windows, Window),
    aligned: &mut Aligned,
) {
    let exposed = |from: f64, to: f64| {
        let course = patient.exposure.as_ref();
        Exposure::ALL.map(|exposure| course.map_or(f64::NAN, |c| c.of_visit(exposure, window, from, to)))
    };
    let start = Visit {
        patient: position,
        visit: 0.0,
        day: 0.0,
        value: baseline,
        values,
        change: 0.0,
        exposure: exposed(0.0, 0.0),
    };
    aligned.visits.push(start);
    let mut own: Vec<(f64, f64, f64)> = Vec::new();
    for &Measurement { day, value, .. } in outcomes.iter().filter(|o| o.day > 0.0) {
        match windows.visit(day) {
            Some(visit) => own.push((visit, day, value)),
            None => {
                let change = value - baseline;
                aligned.outside.push(OutsideVisits { patient: position, day, value, change });
            }
        }
    }
    let mut last = 0.0;
    for same in own.chunk_by(|a, b| a.0 == b.0) {
        let n = same.len() as f64;
        let day = same.iter().map(|o| o.1).sum::<f64>() / n;
        let value = same.iter().map(|o| o.2).sum::<f64>() / n;
        aligned.visits.push(Visit {
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

/// Summaries of a group at a visit.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitMean {
    /// Nominal day of the visit.
    pub visit: f64,
    /// The values.
    pub value: Summary,
    /// The changes from baseline.
    pub change: Summary,
    /// The exposures, in the order of [`Exposure::ALL`].
    pub exposure: [Summary; 4],
}

/// Summaries of the visits of a group in ascending order, over the rows for which `wanted` holds.
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
            outcomes: vec![outcomes.iter().copied().map(Measurement::from).collect()],
        }
    }

    fn aligned(baseline: OutcomeBaseline, visits: VisitRule, half_width: Option<f64>) -> Aligned {
        let alignment = Alignment { baseline, visits, half_width, window: Window::Mean };
        let seen = patient(&[(-9.0, 1.0), (-3.0, 4.0), (0.0, 6.0), (12.0, 3.0), (16.0, 5.0), (29.0, 1.0)]);
        align(&[seen, patient(&[(3.0, 1.0)])], 0, OutcomeType::Continuous, &alignment)
    }

    #[test]
    fn a_change_is_from_the_last_value_before_or_from_the_run_in() {
        let of = |baseline| aligned(baseline, VisitRule::Nominal(vec![0.0, 14.0, 28.0]), None);
        let changes =
            |b| of(b).visits.iter().map(|v| (v.visit, v.day, v.change, v.values)).collect::<Vec<_>>();
        let last = [(0.0, 0.0, 0.0, 1), (14.0, 14.0, -2.0, 2), (28.0, 29.0, -5.0, 1)];
        assert_eq!(changes(OutcomeBaseline::Last), last);
        let run_in = changes(OutcomeBaseline::RunIn { days: 7.0 });
        assert_eq!((run_in[0].3, run_in[1]), (2, (14.0, 14.0, -1.0, 2)));
        assert_eq!(of(OutcomeBaseline::Last).without_baseline, [1]);
        assert_eq!(of(OutcomeBaseline::Last).values_at_visits(), 3);
    }

    #[test]
    fn visits_are_the_nearest_nominal_days_and_never_the_baseline() {
        let days = |rule, half_width| {
            let aligned = aligned(OutcomeBaseline::Last, rule, half_width);
            let outside = aligned.outside.iter().map(|o| (o.day, o.change)).collect::<Vec<_>>();
            (aligned.visits.iter().map(|v| v.visit).collect::<Vec<_>>(), outside)
        };
        assert_eq!(days(VisitRule::Every(7.0), None), (vec![0.0, 14.0, 28.0], vec![]));
        assert_eq!(days(VisitRule::Every(10.0), None), (vec![0.0, 10.0, 20.0, 30.0], vec![]));
        // Days 12 and 16 are two and four days from a multiple of ten.
        assert_eq!(
            days(VisitRule::Every(10.0), Some(1.5)),
            (vec![0.0, 30.0], vec![(12.0, -3.0), (16.0, -1.0)])
        );
        assert_eq!(days(VisitRule::Nominal(vec![14.0]), Some(1.0)).1.len(), 3);
        assert_eq!(days(VisitRule::Nominal(Vec::new()), None).0, [0.0]);
    }

    #[test]
    fn windows_have_two_sides() {
        let visit = |days: &[f64], half_width, day| {
            Windows::new(&VisitRule::Nominal(days.to_vec()), half_width).visit(day)
        };
        let weeks = [168.0, 28.0, 84.0];
        // The first window extends 28 days to either side, the last 42; later days are in no visit.
        let placed = |day| visit(&weeks, None, day);
        assert_eq!([0.5, 56.0, 56.5, 126.0, 210.0].map(placed), [28.0, 28.0, 84.0, 84.0, 168.0].map(Some));
        assert_eq!([210.5, 308.0].map(placed), [None; 2]);
        let placed = |day| visit(&weeks, Some(3.0), day);
        assert_eq!(
            [24.9, 25.0, 31.0, 31.1, 171.0, 172.0].map(placed),
            [None, Some(28.0), Some(28.0), None, Some(168.0), None]
        );
        // The baseline is a neighbour if it is given as a visit.
        let placed = |day| visit(&[0.0, 28.0, 84.0], None, day);
        assert_eq!([14.0, 14.1, 112.0, 112.1].map(placed), [Some(28.0), Some(28.0), Some(84.0), None]);
        assert_eq!([0.1, 13.9].map(placed), [None; 2]);
        // A single visit.
        let placed = |day| visit(&[168.0], None, day);
        assert_eq!([83.9, 84.0, 252.0, 252.1].map(placed), [None, Some(168.0), Some(168.0), None]);
        // A half-width beyond the midpoint takes nothing from the neighbours, and is used in full outward.
        let placed = |day| visit(&[28.0, 56.0], Some(20.0), day);
        assert_eq!(
            [7.0, 8.0, 42.0, 43.0, 76.0, 77.0].map(placed),
            [None, Some(28.0), Some(28.0), Some(56.0), Some(56.0), None]
        );
        let every = |half_width, day| Windows::new(&VisitRule::Every(28.0), half_width).visit(day);
        assert_eq!(
            [2.0, 14.0, 42.0, 42.1].map(|d| every(None, d)),
            [None, Some(28.0), Some(28.0), Some(56.0)]
        );
        assert_eq!(every(Some(2.0), 31.0), None);
    }
}
