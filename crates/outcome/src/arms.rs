//! Comparison of the arms of a trial by visit.

use crate::mmrm::{Mmrm, MmrmError, Repeated, mmrm};
use crate::patient::{Group, Patient};
use crate::visits::Aligned;

/// A comparison of the arms of a trial by a mixed model for repeated measures.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmComparison {
    /// The arms, the reference first.
    pub arms: Vec<String>,
    /// The visits in the model, at which every arm has at least two changes from baseline.
    pub visits: Vec<f64>,
    /// Number of patients with a change, by arm and visit.
    pub patients: Vec<Vec<usize>>,
    /// The fitted model, or the reason it could not be fitted.
    pub model: Result<Mmrm, MmrmError>,
}

/// Compares the arms of a trial on a measure; `None` if there are fewer than two. The reference is the first arm
/// without any dose, or else the first arm.
pub fn compare_arms(patients: &[Patient], aligned: &Aligned) -> Option<ArmComparison> {
    let arms = arms(patients);
    if arms.len() < 2 {
        return None;
    }
    let arm_of = |patient: usize| arms.iter().position(|arm| **arm == patients[patient].arm);
    let mut days: Vec<f64> = aligned.visits.iter().map(|v| v.visit).filter(|day| *day > 0.0).collect();
    days.sort_by(f64::total_cmp);
    days.dedup();
    let at = |arm: usize, day: f64| {
        aligned.visits.iter().filter(|v| v.visit == day && arm_of(v.patient) == Some(arm)).count()
    };
    let visits: Vec<f64> =
        days.into_iter().filter(|day| (0..arms.len()).all(|arm| at(arm, *day) >= FEWEST)).collect();
    let repeated: Vec<Repeated> = aligned
        .visits
        .chunk_by(|a, b| a.patient == b.patient)
        .filter_map(|own| {
            let change = |day: &f64| own.iter().find(|v| v.visit == *day).map_or(f64::NAN, |v| v.change);
            let arm = arm_of(own[0].patient)?;
            Some(Repeated { arm, baseline: own[0].value, change: visits.iter().map(change).collect() })
        })
        .collect();
    let counts = |arm: usize| visits.iter().map(|day| at(arm, *day)).collect();
    Some(ArmComparison {
        patients: (0..arms.len()).map(counts).collect(),
        model: mmrm(&repeated, arms.len()),
        arms: arms.into_iter().cloned().collect(),
        visits,
    })
}

/// Names of the arms, the reference first.
fn arms(patients: &[Patient]) -> Vec<&String> {
    let mut arms: Vec<&String> = Vec::new();
    for patient in patients.iter().filter(|p| !p.arm.is_empty()) {
        if !arms.contains(&&patient.arm) {
            arms.push(&patient.arm);
        }
    }
    let undosed = |arm: &&String| patients.iter().filter(|p| p.arm == **arm).all(|p| p.last_dose.is_none());
    if let Some(reference) = arms.iter().position(undosed) {
        let reference = arms.remove(reference);
        arms.insert(0, reference);
    }
    arms
}

/// Name of the reference arm; `None` if there are fewer than two arms.
pub fn reference_arm(patients: &[Patient]) -> Option<String> {
    let arms = arms(patients);
    arms.first().filter(|_| arms.len() > 1).map(|arm| (*arm).clone())
}

/// Smallest number of changes of an arm at a visit that have a variance.
const FEWEST: usize = 2;

impl ArmComparison {
    /// The name of the reference arm; [`Group::ALL`] if there are no arms.
    pub fn reference(&self) -> &str {
        self.arms.first().map_or(Group::ALL, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::Window;
    use crate::measure::{Measurement, OutcomeType};
    use crate::visits::{Alignment, OutcomeBaseline, VisitRule, align};
    use omafit_estimate::SubjectStream;

    fn patient(id: usize, arm: &str, dosed: bool, outcomes: Vec<(f64, f64)>) -> Patient {
        Patient {
            id: id.to_string(),
            arm: arm.into(),
            responder: String::new(),
            last_dose: dosed.then_some(28.0),
            exposure: None,
            outcomes: vec![outcomes.into_iter().map(Measurement::from).collect()],
        }
    }

    fn compared(patients: &[Patient]) -> Option<ArmComparison> {
        let alignment = Alignment {
            baseline: OutcomeBaseline::Last,
            visits: VisitRule::seen(patients),
            half_width: None,
            window: Window::Mean,
        };
        compare_arms(patients, &align(patients, 0, OutcomeType::Continuous, &alignment))
    }

    #[test]
    fn the_arm_without_doses_is_the_reference_and_thin_visits_are_left_out() {
        let mut stream = SubjectStream::new(3, 1);
        let patients: Vec<Patient> = (0..40)
            .map(|i| {
                let active = i % 2 == 0;
                let base = 5.0 + stream.normal();
                let mut value =
                    |effect: f64| base + if active { effect } else { 0.0 } + 0.4 * stream.normal();
                let mut outcomes = vec![(0.0, base), (14.0, value(-1.0)), (28.0, value(-2.0))];
                if i == 0 {
                    outcomes.push((56.0, 1.0));
                }
                patient(i, if active { "omalizumab" } else { "placebo" }, active, outcomes)
            })
            .collect();
        let found = compared(&patients).unwrap();
        assert_eq!((found.reference(), found.visits.clone()), ("placebo", vec![14.0, 28.0]));
        assert_eq!(found.patients, [[20, 20], [20, 20]]);
        let model = found.model.unwrap();
        for (difference, truth) in model.differences[0].iter().zip([-1.0, -2.0]) {
            assert!(difference.low < truth && truth < difference.high, "{difference:?}");
            assert!(difference.p_value < 1e-3);
        }
    }

    #[test]
    fn one_arm_is_not_compared_and_a_failure_says_why() {
        let one = |i: usize| patient(i, "omalizumab", true, vec![(0.0, 5.0), (28.0, 3.0)]);
        assert_eq!(compared(&(0..4).map(one).collect::<Vec<_>>()), None);
        let few = [one(0), patient(1, "placebo", false, vec![(0.0, 5.0), (28.0, 5.0)])];
        let found = compared(&few).unwrap();
        assert!(found.visits.is_empty() && found.model.is_err());
    }
}
