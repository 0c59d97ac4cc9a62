//! Every method of estimating a population where the estimates have a closed form: random intercepts, balanced.

#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    Checkpoint, DescentStop, PopulationError, PopulationFit, PopulationMethod, PopulationOptions, Progress,
    SubjectStream, Watch, estimate_population,
};
use omafit_model::{
    Analyte, Censoring, Covariates, Dose, ErrorModel, Observation, PopulationModel, ResidualEntry, Subject,
    VariabilityEntry, published,
};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const PATIENTS: usize = 40;
const VALUES: usize = 4;
const DOSE: f64 = 320.0;

/// An intravenous dose, seen at once and again: ln f = ln dose/Vc − η.
fn model() -> PopulationModel {
    let published = PopulationModel::parse(published("michaelis_menten_2cmt").unwrap()).unwrap();
    let mut file = published.file().clone();
    for (name, entry) in &mut file.parameters {
        entry.fixed = name != "Vc";
    }
    // No target binds any.
    file.parameters.get_mut("Rb").unwrap().typical = 1e-12;
    // From afar.
    file.parameters.get_mut("Vc").unwrap().typical = 2.0;
    let entry = VariabilityEntry { variance: Some(0.3), ..VariabilityEntry::default() };
    file.variability.insert("Vc".into(), entry);
    let entry = ResidualEntry { log_sd: Some(0.8), ..ResidualEntry::default() };
    file.residual.insert(Analyte::OmalizumabTotal, entry);
    for analyte in [Analyte::IgeTotal, Analyte::IgeFree] {
        file.residual.get_mut(&analyte).unwrap().fixed = true;
    }
    PopulationModel::new(file).unwrap()
}

/// Logarithms of the values, those of one person after those of another.
fn logarithms() -> Vec<Vec<f64>> {
    let person = |i: usize| {
        let mut stream = SubjectStream::new(12, i as u64);
        let middle = 6.0 + 0.35 * stream.normal();
        (0..VALUES).map(|_| middle + 0.25 * stream.normal()).collect()
    };
    (0..PATIENTS).map(person).collect()
}

fn subjects() -> Vec<Subject> {
    let subject = |(i, logs): (usize, &Vec<f64>)| Subject {
        id: i.to_string(),
        covariates: Covariates::new(70.0, 300.0),
        start: 0.0,
        doses: vec![Dose::intravenous(0.0, DOSE, 0.0)],
        observations: logs
            .iter()
            .map(|log| Observation {
                time: 0.0,
                analyte: Analyte::OmalizumabTotal,
                value: log.exp(),
                censoring: Censoring::Quantified,
                doses_before: 1,
                row: 0,
            })
            .collect(),
    };
    logarithms().iter().enumerate().map(subject).collect()
}

/// By maximum likelihood: the mean, and the standard deviations between and within people.
fn closed_form() -> [f64; 3] {
    let (all, m) = (logarithms(), VALUES as f64);
    let means: Vec<f64> = all.iter().map(|logs| logs.iter().sum::<f64>() / m).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let pairs = all.iter().zip(&means);
    let within: f64 = pairs.flat_map(|(logs, mean)| logs.iter().map(move |y| (y - mean).powi(2))).sum();
    let sigma2 = within / (n * (m - 1.0));
    let between = means.iter().map(|of| (of - mean).powi(2)).sum::<f64>() / n;
    [mean, (between - sigma2 / m).sqrt(), sigma2.sqrt()]
}

fn numbers(fit: &PopulationFit) -> [f64; 3] {
    let values = fit.model.values();
    let vc = values.typical[fit.model.position("Vc").unwrap()];
    let Some(ErrorModel::LogNormal { sd }) = values.residual[0] else { unreachable!() };
    [(DOSE / vc).ln(), values.omega[0].sqrt(), sd]
}

fn fitted(method: PopulationMethod) -> PopulationFit {
    let options = PopulationOptions { max_iterations: 1000, ..PopulationOptions::default() };
    let fit = estimate_population(&model(), &subjects(), method, options, None, &()).unwrap();
    assert_eq!(fit.stop, Some(DescentStop::Converged), "{}", fit.reason);
    fit
}

#[test]
fn every_method_finds_the_closed_form() {
    let expected = closed_form();
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

/// Keeps where an estimation stands, and ends it once so many iterations are told of.
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

impl Watch for Stopper {
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
    let estimate = |method, from: Option<Checkpoint>, watch: &dyn Watch| {
        estimate_population(&model, &subjects, method, options, from, watch)
    };
    // SAEM within its rounds of two-stage, its burn-in and its averaging; each ended twice.
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
