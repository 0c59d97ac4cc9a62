//! SAEM for likelihoods without a closed form but with only one η to integrate over: combined errors, censored
//! observations.

#![allow(clippy::unwrap_used)]

mod intercepts;

use intercepts::DOSE;
use nalgebra::{SMatrix, SVector};
use omafit_estimate::{
    DescentStop, PopulationFit, PopulationMethod, PopulationOptions, SubjectStream, estimate_population,
};
use omafit_model::{
    Analyte, Censoring, ErrorModel, PopulationModel, ResidualEntry, Subject, VariabilityEntry,
};
use statrs::distribution::{ContinuousCDF, Normal};

/// True values of the simulation: typical concentration, ω, additive and proportional standard deviation, and limit.
const MIDDLE: f64 = 100.0;
const OMEGA: f64 = 0.7;
const ADDITIVE: f64 = 6.0;
const PROPORTIONAL: f64 = 0.15;
const LIMIT: f64 = 45.0;
const PATIENTS: usize = 80;

fn model() -> PopulationModel {
    let mut file = intercepts::model().file().clone();
    let entry = VariabilityEntry { variance: Some(0.8), ..VariabilityEntry::default() };
    file.variability.insert("Vc".into(), entry);
    file.parameters.get_mut("Vc").unwrap().typical = 1.3 * DOSE / MIDDLE;
    let entry = ResidualEntry {
        additive_sd: Some(9.0),
        proportional_sd: Some(0.1),
        lloq: Some(LIMIT),
        ..ResidualEntry::default()
    };
    file.residual.insert(Analyte::OMALIZUMAB_TOTAL, entry);
    PopulationModel::new(file).unwrap()
}

/// Simulated subjects, with values below the limit censored.
fn subjects() -> Vec<Subject> {
    let one = |(i, mut subject): (usize, Subject)| {
        let mut stream = SubjectStream::new(77, i as u64);
        let f = MIDDLE * (OMEGA * stream.normal()).exp();
        for observation in &mut subject.observations {
            let y = f + ADDITIVE.hypot(PROPORTIONAL * f) * stream.normal();
            let is_below = y < LIMIT;
            observation.value = if is_below { LIMIT } else { y };
            observation.censoring = if is_below { Censoring::Below } else { Censoring::Quantified };
        }
        subject
    };
    let templates = intercepts::subjects();
    templates.iter().cycle().take(PATIENTS).cloned().enumerate().map(one).collect()
}

/// The negative log-likelihood over the logarithms of typical concentration, ω and both standard deviations, by a sum
/// over η.
fn exact(subjects: &[Subject], x: &SVector<f64, 4>) -> f64 {
    let [middle, omega, additive, proportional] = [x[0].exp(), x[1].exp(), x[2].exp(), x[3].exp()];
    let normal = Normal::standard();
    let of = |subject: &Subject| {
        let at = |k: i32| {
            let z = 0.02 * f64::from(k);
            let f = middle * (omega * z).exp();
            let sd = additive.hypot(proportional * f);
            let log: f64 = subject
                .observations
                .iter()
                .map(|o| match o.censoring {
                    Censoring::Below => normal.cdf((o.value - f) / sd).ln(),
                    _ => -0.5 * ((o.value - f) / sd).powi(2) - sd.ln(),
                })
                .sum();
            (log - 0.5 * z * z).exp()
        };
        -(-350..=350).map(at).sum::<f64>().ln()
    };
    subjects.iter().map(of).sum()
}

fn fitted(threads: usize) -> PopulationFit {
    let (method, options) = (PopulationMethod::Saem { seed: 1 }, PopulationOptions::default());
    let options = PopulationOptions { max_iterations: 2000, covariance: false, ..options };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| estimate_population(&model(), &subjects(), method, options, None, &())).unwrap()
}

#[test]
fn saem_ends_at_the_maximum_of_the_likelihood_of_combined_errors_and_censored_values() {
    let subjects = subjects();
    let censored = subjects.iter().flat_map(|s| &s.observations).filter(|o| o.censoring == Censoring::Below);
    assert!((20..120).contains(&censored.count()));
    let fit = fitted(2);
    assert_eq!(fit.stop, Some(DescentStop::Converged), "{}", fit.reason);
    assert_eq!(fit.vector, fitted(1).vector);
    let values = fit.model.values();
    let Some(&ErrorModel::Normal { additive, proportional }) = values.residual.get(Analyte::OMALIZUMAB_TOTAL)
    else {
        unreachable!()
    };
    let middle = DOSE / values.typical[fit.model.position("Vc").unwrap()];
    let x = SVector::from([middle, values.omega[0].sqrt(), additive, proportional].map(f64::ln));
    let h = 1e-3;
    let unit = |k: usize| SVector::<f64, 4>::from_fn(|i, _| if i == k { h } else { 0.0 });
    let at = |moved: SVector<f64, 4>| exact(&subjects, &(x + moved));
    let gradient = SVector::<f64, 4>::from_fn(|k, _| (at(unit(k)) - at(-unit(k))) / (2.0 * h));
    let hessian = SMatrix::<f64, 4, 4>::from_fn(|i, j| {
        let mixed = |a: f64, b: f64| at(unit(i) * a + unit(j) * b);
        (mixed(1.0, 1.0) - mixed(1.0, -1.0) - mixed(-1.0, 1.0) + mixed(-1.0, -1.0)) / (4.0 * h * h)
    });
    // The Newton step from the estimate, which must not exceed the Monte-Carlo error that SAEM reports.
    let covariance = hessian.cholesky().unwrap().inverse();
    let step = covariance * gradient;
    for k in 0..4 {
        let error = (0.2 * covariance[(k, k)].sqrt()).max(0.005);
        assert!(step[k].abs() < error, "{step} {error} {}", fit.reason);
    }
}

#[test]
fn a_variance_that_vanishes_is_found_to_and_the_rest_is_that_of_a_model_without_it() {
    let (method, options) = (PopulationMethod::Saem { seed: 1 }, PopulationOptions::default());
    let options = PopulationOptions { covariance: false, ..options };
    let subjects = intercepts::alike();
    let fit = estimate_population(&intercepts::model(), &subjects, method, options, None, &()).unwrap();
    assert_eq!(fit.stop, Some(DescentStop::Converged), "{}", fit.reason);
    let [mean, omega, sigma] = intercepts::numbers(&fit);
    let values: Vec<f64> =
        subjects.iter().flat_map(|s| s.observations.iter().map(|o| o.value.ln() - 6.0)).collect();
    let expected = (values.iter().map(|y| y * y).sum::<f64>() / values.len() as f64).sqrt();
    assert!((mean - 6.0).abs() < 0.2 * expected / (values.len() as f64).sqrt(), "{mean}");
    assert!((sigma / expected - 1.0).abs() < 0.2 / (2.0 * values.len() as f64).sqrt(), "{sigma} {expected}");
    // So little that the mean of a subject's values, with an error of σ/2, carries no information on it.
    assert!(omega < 0.1 * sigma, "{omega} {sigma}");
}
