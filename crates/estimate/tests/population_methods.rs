//! All methods of population estimation on a problem with closed-form estimates: balanced random intercepts.

#![allow(clippy::unwrap_used)]

mod intercepts;

use intercepts::{closed_form, logarithms, model, numbers, subjects};
use omafit_estimate::{
    Checkpoint, DescentStop, LikelihoodMethod, LikelihoodOptions, Observer, PopulationError, PopulationFit,
    PopulationMethod, PopulationOptions, Progress, estimate_population, marginal_likelihood,
};
use omafit_model::ResidualDistribution;
use statrs::distribution::{Continuous, StudentsT};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn fitted(method: PopulationMethod) -> PopulationFit {
    let options = PopulationOptions { max_iterations: 1000, ..PopulationOptions::default() };
    let fit = estimate_population(&model(), &subjects(), method, options, None, &()).unwrap();
    assert_eq!(fit.stop, Some(DescentStop::Converged), "{}", fit.reason);
    fit
}

#[test]
fn every_method_finds_the_closed_form() {
    let expected = closed_form(&logarithms());
    for (method, tolerance) in [
        (PopulationMethod::Foce, 2e-4),
        (PopulationMethod::Its, 1e-3),
        (PopulationMethod::Saem { seed: 3 }, 1e-2),
    ] {
        let found = numbers(&fitted(method));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{method:?}: {found} {expected}");
        }
    }
}

/// Test with random intercepts under Student's t with 4 degrees of freedom, with an outlier in every third subject,
/// against the likelihood by the trapezium rule over the intercept, which is exact to rounding.
#[test]
fn a_population_under_students_t_is_that_of_quadrature() {
    const DF: f64 = 4.0;
    let mut all = logarithms();
    all.iter_mut().step_by(3).for_each(|logs| logs[1] += 3.0);
    let mut subjects = subjects();
    for (subject, logs) in subjects.iter_mut().zip(&all) {
        subject.observations.iter_mut().zip(logs).for_each(|(o, log)| o.value = log.exp());
    }
    let law = StudentsT::new(0.0, 1.0, DF).unwrap();
    let minus2ll = |[mean, between, within]: [f64; 3]| -> f64 {
        let of_subject = |logs: &Vec<f64>| {
            let at = |k: i32| {
                let b = 0.02 * f64::from(k);
                let each =
                    logs.iter().map(|y| law.ln_pdf((y - mean - between * b) / within) - within.ln() - y);
                0.02 * (each.sum::<f64>() - 0.5 * b * b).exp() / (2.0 * std::f64::consts::PI).sqrt()
            };
            -2.0 * (-450..=450).map(at).sum::<f64>().ln()
        };
        all.iter().map(of_subject).sum()
    };
    let robust = model().with_residuals(ResidualDistribution::StudentT { df: DF }).unwrap();
    let options = PopulationOptions { max_iterations: 1000, ..PopulationOptions::default() };
    for (method, tolerance) in [(PopulationMethod::Saem { seed: 3 }, 0.1), (PopulationMethod::Foce, 0.5)] {
        let fit = estimate_population(&robust, &subjects, method, options, None, &()).unwrap();
        assert_eq!(fit.stop, Some(DescentStop::Converged), "{method:?}: {}", fit.reason);
        let found = numbers(&fit);
        // The distance to the maximum along each parameter, in its standard errors.
        let h = 1e-3;
        for k in 0..3 {
            let moved = |by: f64| {
                let mut there = found;
                there[k] += by;
                minus2ll(there)
            };
            let (low, here, high) = (moved(-h), moved(0.0), moved(h));
            let (slope, bend) = ((high - low) / (2.0 * h), (high - 2.0 * here + low) / (h * h));
            let away = slope / bend / (2.0 / bend).sqrt();
            assert!(away.abs() < tolerance, "{method:?}, number {k}: {away} standard errors");
        }
        let sampled = LikelihoodOptions { method: LikelihoodMethod::Is, samples: 3000, seed: 1 };
        let marginal = marginal_likelihood(&fit.model, &subjects, sampled).unwrap();
        let expected = minus2ll(found);
        assert!((marginal.minus2ll - expected).abs() < 5.0 * marginal.se + 1e-3, "{expected} {marginal:?}");
    }
    let its = estimate_population(&robust, &subjects, PopulationMethod::Its, options, None, &());
    assert!(matches!(its, Err(PopulationError::StudentsT)), "{its:?}");
}

#[test]
fn a_variance_that_goes_to_zero_is_the_end_of_its_range() {
    // All subjects have equal means: less between-subject variability than expected by chance.
    let mut subjects = subjects();
    let all = logarithms();
    for (subject, logs) in subjects.iter_mut().zip(&all) {
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        subject.observations.iter_mut().zip(logs).for_each(|(o, log)| o.value = (6.0 + log - mean).exp());
    }
    let options = PopulationOptions { covariance: false, ..PopulationOptions::default() };
    let fit = estimate_population(&model(), &subjects, PopulationMethod::Foce, options, None, &()).unwrap();
    assert_eq!(fit.stop, Some(DescentStop::Converged), "{}", fit.reason);
    assert!(fit.reason.ends_with("At a boundary: the variance of Vc is zero"), "{}", fit.reason);
    assert!(fit.iterations < 50, "{}", fit.iterations);
    // Maximum likelihood without variability: the mean, and the standard deviation of all values.
    let [mean, between, within] = numbers(&fit);
    let values = || {
        all.iter().flat_map(|logs| {
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            logs.iter().map(move |log| log - mean)
        })
    };
    let expected = (values().map(|d| d * d).sum::<f64>() / values().count() as f64).sqrt();
    assert!((mean - 6.0).abs() < 1e-4 && (within - expected).abs() < 1e-4, "{mean} {within} {expected}");
    assert!(between < 0.02, "{between}");
}

#[test]
fn another_seed_errs_otherwise_and_the_same_seed_alike() {
    let fit = |seed| numbers(&fitted(PopulationMethod::Saem { seed }));
    let (first, again, other) = (fit(1), fit(1), fit(2));
    assert!(first == again && first != other);
    for (a, b) in first.iter().zip(other) {
        assert!((a - b).abs() < 2e-2, "{a} {b}");
    }
}

#[test]
fn a_limit_on_iterations_is_told() {
    let options = PopulationOptions { max_iterations: 3, covariance: false, ..PopulationOptions::default() };
    for method in [PopulationMethod::Its, PopulationMethod::Saem { seed: 1 }] {
        let fit = estimate_population(&model(), &subjects(), method, options, None, &()).unwrap();
        assert_eq!((fit.stop, fit.iterations), (None, 3), "{}", fit.reason);
        assert!(fit.reason.starts_with("the limit on iterations was reached"), "{}", fit.reason);
    }
}

/// Observer that keeps the state of an estimation and interrupts it after a number of iterations.
struct Stopper {
    after: u64,
    told: AtomicU64,
    kept: Mutex<String>,
}

impl Stopper {
    fn after(after: u64) -> Self {
        Self { after, told: AtomicU64::new(0), kept: Mutex::default() }
    }
}

impl Observer for Stopper {
    fn iteration(&self, progress: &Progress<'_>) {
        *self.kept.lock().unwrap() = serde_json::to_string(&progress.standing).unwrap();
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    fn go_on(&self) -> bool {
        self.told.load(Ordering::Relaxed) < self.after
    }
}

#[test]
fn what_is_interrupted_goes_on_to_the_same_bits() {
    let (model, subjects, options) = (model(), subjects(), PopulationOptions::default());
    let estimate = |method, from: Option<Checkpoint>, watch: &dyn Observer| {
        estimate_population(&model, &subjects, method, options, from, watch)
    };
    // SAEM within its initial rounds of two-stage, its burn-in and its averaging; each interrupted twice.
    for (method, stops) in [
        (PopulationMethod::Foce, [[1, 1], [3, 2]]),
        (PopulationMethod::Its, [[1, 1], [4, 3]]),
        (PopulationMethod::Saem { seed: 3 }, [[2, 40], [155, 20]]),
    ] {
        let whole = estimate(method, None, &()).unwrap();
        for stops in stops {
            let mut from = None;
            for after in stops {
                let stopper = Stopper::after(after);
                let ended = estimate(method, from.take(), &stopper).unwrap_err();
                assert_eq!(ended, PopulationError::Interrupted, "{method:?}");
                let kept = stopper.kept.into_inner().unwrap();
                from = Some(serde_json::from_str(&kept).unwrap());
            }
            let again = estimate(method, from, &()).unwrap();
            assert_eq!((&again.vector, again.ofv), (&whole.vector, whole.ofv), "{method:?} {stops:?}");
            assert_eq!((again.iterations, &again.reason), (whole.iterations, &whole.reason));
            assert_eq!(again.uncertainty, whole.uncertainty);
        }
    }
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let (model, subjects, options) = (model(), subjects(), PopulationOptions::default());
    let stopper = Stopper::after(2);
    estimate_population(&model, &subjects, PopulationMethod::Foce, options, None, &stopper).unwrap_err();
    let kept = stopper.kept.into_inner().unwrap();
    let from = || Some(serde_json::from_str::<Checkpoint>(&kept).unwrap());
    for (method, subjects) in [
        (PopulationMethod::Its, &subjects[..]),
        (PopulationMethod::Saem { seed: 1 }, &subjects[..]),
        (PopulationMethod::Foce, &subjects[..7]),
    ] {
        let refused = estimate_population(&model, subjects, method, options, from(), &()).unwrap_err();
        assert_eq!(refused, PopulationError::Checkpoint);
    }
}

/// The paths of the lists in a document; within a list, those of the first and the last element.
fn lists(value: &serde_json::Value, here: &str, all: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| lists(value, &format!("{here}/{key}"), all));
        }
        serde_json::Value::Array(list) => {
            all.push(here.to_owned());
            let ends = [0, list.len().saturating_sub(1)];
            for at in ends.into_iter().filter(|at| list.len() > *at) {
                lists(&list[at], &format!("{here}/{at}"), all);
            }
        }
        _ => {}
    }
}

#[test]
fn a_damaged_checkpoint_ends_nothing_by_a_panic() {
    let (model, subjects, options) = (model(), subjects(), PopulationOptions::default());
    for (method, after) in
        [(PopulationMethod::Foce, 2), (PopulationMethod::Its, 4), (PopulationMethod::Saem { seed: 1 }, 40)]
    {
        let stopper = Stopper::after(after);
        estimate_population(&model, &subjects, method, options, None, &stopper).unwrap_err();
        let whole: serde_json::Value = serde_json::from_str(&stopper.kept.into_inner().unwrap()).unwrap();
        let mut all = Vec::new();
        lists(&whole, "", &mut all);
        all.sort();
        all.dedup();
        let (mut refused, mut tried) = (0, 0);
        for place in &all {
            for longer in [false, true] {
                let mut damaged = whole.clone();
                let list = damaged.pointer_mut(place).and_then(serde_json::Value::as_array_mut).unwrap();
                match (longer, list.first().cloned()) {
                    (true, Some(first)) => list.push(first),
                    (true, None) => list.push(0.into()),
                    (false, _) => drop(list.pop()),
                }
                tried += 1;
                let Ok(from) = serde_json::from_value::<Checkpoint>(damaged) else {
                    refused += 1;
                    continue;
                };
                let ended =
                    estimate_population(&model, &subjects, method, options, Some(from), &Stopper::after(1));
                refused += usize::from(ended.is_err_and(|error| error == PopulationError::Checkpoint));
            }
        }
        // Lists of past iterations may be of any length.
        assert!(refused > 0, "{method:?}: {refused} of {tried}");
    }
}
