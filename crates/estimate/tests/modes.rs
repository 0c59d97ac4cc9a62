//! Subjects whose η have several modes: kinetics with a slow absorption or a slow elimination.

#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    FitOptions, LikelihoodMethod, LikelihoodOptions, Method, Noise, PopulationOptions, Prior, Status,
    SubjectStream, fit_population, fit_subject, fit_subjects, marginal_likelihood, simulate_subject,
};
use omafit_model::{
    Analyte, Censoring, Covariates, Dose, Observation, PopulationModel, StateRule, Subject, VariabilityEntry,
    published,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn file(name: &str) -> String {
    let path = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn reference(name: &str) -> serde_json::Value {
    serde_json::from_str(&file(&format!("reference/{name}.json"))).unwrap()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The subjects of a case, with times converted to days by `day`.
fn subjects(name: &str, day: f64) -> Vec<Subject> {
    let text = file(name);
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut all: Vec<Subject> = Vec::new();
    for line in lines {
        let cells: BTreeMap<&str, &str> = names.iter().copied().zip(line.split(',')).collect();
        let number = |name: &str| cells.get(name).and_then(|cell| cell.parse().ok()).unwrap_or(0.0);
        let (id, time) = (cells["ID"].to_string(), number("TIME") * day);
        if all.last().is_none_or(|subject| subject.id != id) {
            let (covariates, doses, observations) = (Covariates::new(70.0, f64::NAN), Vec::new(), Vec::new());
            all.push(Subject { id, covariates, start: time, doses, observations });
        }
        let Some(subject) = all.last_mut() else { continue };
        if number("MDV") == 1.0 && number("AMT") == 0.0 {
            continue;
        }
        if number("EVID") >= 1.0 {
            let mut dose = Dose::subcutaneous(time, number("AMT"));
            if number("SS") == 1.0 {
                dose.before = StateRule::SteadyState { interval: number("II") * day };
            }
            subject.doses.push(dose);
        } else {
            subject.observations.push(Observation {
                time,
                analyte: Analyte::OMALIZUMAB_TOTAL,
                value: number("DV"),
                censoring: Censoring::Quantified,
                interval_end: None,
                doses_before: subject.doses.len(),
                row: 0,
            });
        }
    }
    all
}

fn two_modes() -> (PopulationModel, Vec<Subject>) {
    (
        PopulationModel::parse(&file("cases/94_two_modes.toml")).unwrap(),
        subjects("cases/94_two_modes.csv", 1.0),
    )
}

fn prior(model: &PopulationModel) -> Prior {
    Prior::new((0..model.variable().len()).collect(), model.omega()).unwrap()
}

#[test]
fn a_population_goes_on_from_the_lowest_modes_of_its_subjects() {
    let model = PopulationModel::parse(&file("cases/91_inner_modes.toml")).unwrap();
    let subjects = subjects("cases/91_inner_modes.csv", 1.0 / 24.0);
    let options = PopulationOptions { covariance: false, ..PopulationOptions::default() };
    let fit = fit_population(&model, &subjects, options, &()).unwrap();
    let optimum = &reference("inner_modes")["optimum"];
    assert!(fit.converged(), "{}", fit.reason);
    assert!((fit.ofv - optimum["ofv"].as_f64().unwrap()).abs() < 1e-4, "{}", fit.ofv);
    // The contributions of the individual fits add up to the population's objective.
    let options = FitOptions::new(Method::Map, fit.model.variable().to_vec());
    let prior = prior(&fit.model);
    let sum: f64 = subjects.iter().map(|s| fit_subject(&fit.model, s, Some(&prior), &options).ofv).sum();
    assert!((sum - fit.ofv).abs() < 1e-4, "{sum} {}", fit.ofv);
}

#[test]
fn the_lowest_mode_is_found_and_sampling_covers_both() {
    let ((model, subjects), reference) = (two_modes(), reference("two_modes"));
    let (prior, options) = (prior(&model), FitOptions::new(Method::Map, model.variable().to_vec()));
    let (mut with_two, mut away) = (0, 0.0_f64);
    for (subject, expected) in subjects.iter().zip(reference["subjects"].as_array().unwrap()) {
        assert_eq!(expected["id"].to_string().trim_matches('"'), subject.id);
        let modes = expected["modes"].as_array().unwrap();
        with_two += usize::from(modes.len() > 1);
        let fit = fit_subject(&model, subject, Some(&prior), &options);
        for (found, eta) in fit.eta.iter().zip(numbers(&modes[0]["eta"])) {
            away = away.max((found - eta).abs());
        }
    }
    assert!(with_two >= 10 && away < 1e-3, "{with_two} {away}");
    let sampled = LikelihoodOptions { method: LikelihoodMethod::Is, samples: 4000, seed: 2 };
    let found = marginal_likelihood(&model, &subjects, sampled).unwrap();
    for (part, expected) in found.subjects.iter().zip(reference["subjects"].as_array().unwrap()) {
        let expected = expected["ofv"].as_f64().unwrap();
        assert!((part.ofv - expected).abs() < 4.0 * part.se + 1e-3, "{part:?} {expected}");
        assert!(part.effective > 400.0, "{part:?}");
    }
    let expected = reference["ofv"].as_f64().unwrap();
    assert!((found.ofv - expected).abs() < 3.0 * found.se, "{} {expected} {}", found.ofv, found.se);
}

/// A published model with a common standard deviation of all η.
fn widened(name: &str, sd: f64) -> PopulationModel {
    let mut file = PopulationModel::parse(published(name).unwrap()).unwrap().file().clone();
    file.correlations.clear();
    for entry in file.variability.values_mut() {
        *entry = VariabilityEntry { sd: Some(sd), ..VariabilityEntry::default() };
    }
    PopulationModel::new(file).unwrap()
}

/// A subject simulated from a model with a seed.
fn drawn(model: &PopulationModel, seed: u64, doses: usize, times: &[f64]) -> Subject {
    let doses = (0..doses).map(|k| Dose::subcutaneous(28.0 * k as f64, 300.0)).collect();
    let mut subject =
        Subject::planned(seed, Covariates::new(75.0, 400.0), doses, &omafit_model::analytes(), times);
    subject.observations.retain(|o| model.residual(o.analyte).is_some());
    simulate_subject(model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
    subject
}

/// Checks that the objective of a fit is not above the best of many descents from points all over the prior.
fn is_lowest(model: &PopulationModel, subject: &Subject, seed: u64) -> Result<(), TestCaseError> {
    let (prior, options) = (prior(model), FitOptions::new(Method::Map, model.variable().to_vec()));
    let fit = fit_subject(model, subject, Some(&prior), &options);
    prop_assume!(fit.status != Status::Failed);
    let mut stream = SubjectStream::new(seed, 7);
    let alone = FitOptions { further_starts: 0, ..options };
    let n = alone.free.len();
    let sds: Vec<f64> = (0..n).map(|k| model.omega()[k * (n + 1)].sqrt()).collect();
    let mut lowest = f64::INFINITY;
    for _ in 0..25 {
        let known: Vec<f64> = sds.iter().map(|sd| 1.2 * sd * stream.normal()).collect();
        let found = fit_subjects(model, &[subject], &[Some(&known)], Some(&prior), &alone);
        if found[0].status != Status::Failed {
            lowest = lowest.min(found[0].ssq + found[0].prior_ssq);
        }
    }
    let own = fit.ssq + fit.prior_ssq;
    prop_assert!(own < lowest + 1e-3 * (1.0 + lowest), "{own} {lowest}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_start_leads_lower_where_absorption_and_elimination_change_places(seed in 0_u64..10_000) {
        let (model, _) = two_modes();
        let subject = drawn(&model, seed, 1, &[0.5, 2.0, 5.0, 12.0, 28.0]);
        is_lowest(&model, &subject, seed)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_start_leads_lower_where_the_binding_model_varies_widely(seed in 0_u64..10_000) {
        let model = widened("hayashi2007", 0.8);
        let subject = drawn(&model, seed, 3, &[3.0, 14.0, 28.0, 56.0, 80.0, 120.0]);
        is_lowest(&model, &subject, seed)?;
    }
}
