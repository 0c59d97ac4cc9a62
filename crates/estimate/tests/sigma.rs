//! Residual errors estimated from simulated trials agree with those of the simulation.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    ErrorDistribution, FitOptions, Method, Noise, Prior, SigmaRule, Status, SubjectStream, fit_subject,
    pool_sigma, sigmas, simulate_subject,
};
use omafit_model::{
    Analyte, Covariates, Dose, Observation, PopulationModel, ResidualDistribution, ResidualEntry, Subject,
    published,
};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Hayashi's model with these residual errors.
fn model(entries: [ResidualEntry; 3]) -> PopulationModel {
    let mut file = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap().file().clone();
    for (analyte, entry) in omafit_model::analytes().into_iter().zip(entries) {
        file.residual.insert(analyte, entry);
    }
    PopulationModel::new(file).unwrap()
}

fn log(sd: f64) -> ResidualEntry {
    ResidualEntry { log_sd: Some(sd), ..ResidualEntry::default() }
}

fn trial(model: &PopulationModel, subjects: u64, days: &[f64], noise: Noise) -> Vec<Subject> {
    let doses: Vec<Dose> = (0..6).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
    (0..subjects)
        .map(|i| {
            let mut stream = SubjectStream::new(77, i);
            let mut subject = Subject::planned(
                i,
                Covariates::new(75.0, 450.0),
                doses.clone(),
                &omafit_model::analytes(),
                days,
            );
            simulate_subject(model, &mut subject, noise, &mut stream).unwrap();
            subject
        })
        .collect()
}

const RICH: [f64; 12] = [1.0, 3.0, 7.0, 14.0, 28.0, 56.0, 84.0, 112.0, 141.0, 168.0, 196.0, 224.0];
const SPARSE: [f64; 4] = [14.0, 56.0, 112.0, 180.0];

#[test]
fn pooled_errors_are_those_of_the_simulation_from_rich_and_sparse_data_alone_or_with_the_prior() {
    let truth = [log(0.167), log(0.25), log(0.3)];
    let simulated = model(truth);
    // The fit starts from errors that are far off.
    let wrong = model([log(0.5), log(0.1), log(1.0)]);
    let free = wrong.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), wrong.omega()).unwrap();
    // In individual fits, four parameters of subjects with equal other parameters.
    let mut four = ["CLx", "CLe", "Vx", "Pe"].map(|name| wrong.position(name).unwrap()).to_vec();
    four.sort_unstable();
    let alike = Noise { variability: false, residual: true };
    for (method, free, days, noise) in [
        (Method::Map, &free, &RICH[..], Noise::ALL),
        (Method::Map, &free, &SPARSE, Noise::ALL),
        (Method::Nls, &four, &RICH, alike),
    ] {
        let subjects = trial(&simulated, 200, days, noise);
        let options = FitOptions { sigma: SigmaRule::Pooled, ..FitOptions::new(method, free.clone()) };
        let pooled = pool_sigma(&wrong, &subjects, Some(&prior), &options, &|| ()).unwrap();
        assert!(pooled.settled && pooled.notes.is_empty(), "{:?}", pooled.notes);
        for (analyte, truth) in omafit_model::analytes().into_iter().zip(truth) {
            let found = sigmas(pooled.model.residual(analyte).unwrap().error)[0];
            let expected = truth.log_sd.unwrap();
            // Five standard errors of a σ from this many values, at most a third of them spent on parameters.
            let error = (1.0 / (2.0 * 0.6 * (200 * days.len()) as f64)).sqrt();
            assert!(
                (found / expected).ln().abs() < 5.0 * error,
                "{method:?} {} days, {analyte:?}: {found} {expected}, {} rounds",
                days.len(),
                pooled.rounds
            );
        }
    }
}

#[test]
fn both_parts_of_a_combined_error_are_found_by_their_likelihood() {
    let combined =
        |a, b| ResidualEntry { additive_sd: Some(a), proportional_sd: Some(b), ..ResidualEntry::default() };
    // Total IgE varies too little to distinguish the two parts: a proportional error only.
    let proportional = |b| ResidualEntry { proportional_sd: Some(b), ..ResidualEntry::default() };
    let truth = [combined(3.0, 0.1), proportional(0.15), combined(3.0, 0.2)];
    let simulated = model(truth);
    let wrong = model([combined(1.0, 0.3), proportional(0.5), combined(10.0, 0.1)]);
    let free = wrong.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), wrong.omega()).unwrap();
    let subjects = trial(&simulated, 150, &RICH, Noise::ALL);
    let options = FitOptions { sigma: SigmaRule::Pooled, ..FitOptions::new(Method::Map, free) };
    let pooled = pool_sigma(&wrong, &subjects, Some(&prior), &options, &|| ()).unwrap();
    assert!(pooled.settled);
    for (analyte, truth) in omafit_model::analytes().into_iter().zip(truth) {
        let found = sigmas(pooled.model.residual(analyte).unwrap().error);
        let expected = [truth.additive_sd, truth.proportional_sd].into_iter().flatten();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found / expected).ln().abs() < 0.12, "{analyte:?} {found} {expected}");
        }
    }
}

#[test]
fn a_pooled_error_of_students_t_is_its_scale() {
    // Residuals of Student's t with four degrees of freedom, whose standard deviation is 1.4 times the scale.
    let simulated = model([log(0.2), log(0.2), log(0.2)]);
    let four = ["CLx", "Vx", "CLe", "Pe"].map(|name| simulated.position(name).unwrap());
    let mut free = four.to_vec();
    free.sort_unstable();
    let mut subjects = trial(&simulated, 200, &RICH, Noise { variability: false, residual: false });
    let law = StudentsT::new(0.0, 1.0, 4.0).unwrap();
    for (i, subject) in (0..).zip(&mut subjects) {
        let mut stream = SubjectStream::new(78, i);
        for o in &mut subject.observations {
            o.value *= (0.2 * law.inverse_cdf(stream.uniform())).exp();
        }
    }
    let options = FitOptions { sigma: SigmaRule::Pooled, ..FitOptions::new(Method::Nls, free) };
    let robust = simulated.with_residuals(ResidualDistribution::StudentT { df: 4.0 }).unwrap();
    let [by_normal, by_t] = [&simulated, &robust].map(|model| {
        let pooled = pool_sigma(model, &subjects, None, &options, &|| ()).unwrap();
        assert!(pooled.settled);
        [Analyte::OMALIZUMAB_TOTAL, Analyte::IGE_TOTAL, Analyte::IGE_FREE]
            .map(|analyte| sigmas(pooled.model.residual(analyte).unwrap().error)[0])
    });
    // Four standard errors of a scale of Student's t from 2,400 values with information 8/7 each.
    let error = 4.0 / (2400.0_f64 * 8.0 / 7.0 * 0.9).sqrt();
    assert!(by_t.iter().all(|s| (s / 0.2).ln().abs() < error), "{by_t:?}");
    assert!(by_normal.iter().all(|s| (s / 0.2 / 2.0_f64.sqrt()).ln().abs() < 0.15), "{by_normal:?}");
}

#[test]
fn a_subjects_own_error_needs_enough_data_and_says_so() {
    let simulated = model([log(0.3), log(0.2), log(0.2)]);
    let free = simulated.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), simulated.omega()).unwrap();
    let options = FitOptions { sigma: SigmaRule::Subject, ..FitOptions::new(Method::Map, free) };
    let mut subject = trial(&simulated, 1, &RICH, Noise::ALL).remove(0);
    // One value of free IgE too few.
    let last = subject.observations.iter().rposition(|o| o.analyte == Analyte::IGE_FREE).unwrap();
    subject.observations.remove(last);
    let fit = fit_subject(&simulated, &subject, Some(&prior), &options);
    assert_eq!((fit.status, fit.own_sigmas), (Status::Ok, 2), "{}", fit.reason);
    assert!(fit.reason.ends_with("; σ of ige_free as given: 11 values of the 12 it needs"), "{}", fit.reason);
    assert_eq!(
        fit.errors.get(Analyte::IGE_FREE).copied(),
        simulated.residual(Analyte::IGE_FREE).map(ErrorDistribution::from)
    );
    // At the joint maximum σ² is the mean square of the residuals.
    for analyte in [Analyte::OMALIZUMAB_TOTAL, Analyte::IGE_TOTAL] {
        let of = |o: &&(&Observation, &f64)| o.0.analyte == analyte;
        let pairs: Vec<(&Observation, &f64)> = subject.observations.iter().zip(&fit.ipred).collect();
        let squares: f64 = pairs.iter().filter(of).map(|(o, f)| (o.value / **f).ln().powi(2)).sum();
        let expected = (squares / pairs.iter().filter(of).count() as f64).sqrt();
        let found = sigmas(fit.errors.get(analyte).unwrap().error)[0];
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    }
}
