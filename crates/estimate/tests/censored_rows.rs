//! Least-squares rows that come and go: observations below a limit, far from it and near it; draws with undefined
//! values.

#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    FitOptions, LikelihoodMethod, LikelihoodOptions, Method, PopulationMethod, PopulationOptions, Prior,
    Status, estimate_population, fit_subject, marginal_likelihood,
};
use omafit_model::{Analyte, Censoring, Covariates, Dose, Observation, PopulationModel, Subject};

const MODEL: &str = r#"
name = "censored"
title = "One compartment; CL and V vary"
structure = "one_compartment"
source = "simulated"
start = "steady_state"
[parameters.ka]
typical = 1.5
unit = "1/h"
[parameters.CL]
typical = 2.75
unit = "L/h"
[parameters.V]
typical = 32.0
unit = "L"
[variability]
CL = { sd = 0.3 }
V = { sd = 0.2 }
[residual]
omalizumab_total = { log_sd = 0.05 }
"#;

fn model(sigma: f64) -> PopulationModel {
    PopulationModel::parse(&MODEL.replace("log_sd = 0.05", &format!("log_sd = {sigma}"))).unwrap()
}

/// A subject with a dose of 320 mg and observations at the given hours, with values and censoring.
fn subject(id: &str, rows: &[(f64, f64, Censoring)]) -> Subject {
    let observation = |&(hour, value, censoring): &(f64, f64, Censoring)| Observation {
        time: hour / 24.0,
        analyte: Analyte::OMALIZUMAB_TOTAL,
        value,
        censoring,
        interval_end: None,
        doses_before: 1,
        row: 0,
    };
    Subject {
        id: id.into(),
        covariates: Covariates::new(70.0, f64::NAN),
        start: 0.0,
        doses: vec![Dose::subcutaneous(0.0, 320.0)],
        observations: rows.iter().map(observation).collect(),
    }
}

#[test]
fn a_censored_row_that_loses_its_information_on_the_way_is_no_obstacle() {
    // At the start the limit is some forty σ away; during the descent it begins to matter.
    let model = model(0.05);
    let prior = Prior::new(vec![0, 1], model.omega()).unwrap();
    for censoring in [Censoring::Below, Censoring::Above] {
        let limit = if censoring == Censoring::Below { 0.5 } else { 8.0 };
        let one = subject("1", &[(12.0, 3.0, Censoring::Quantified), (24.0, limit, censoring)]);
        for (method, prior) in [(Method::Map, Some(&prior)), (Method::Nls, None)] {
            let fit = fit_subject(&model, &one, prior, &FitOptions::new(method, model.variable().to_vec()));
            assert!(fit.status != Status::Failed, "{censoring:?} {method:?}: {}", fit.reason);
            assert!(fit.ofv.is_finite());
        }
    }
}

#[test]
fn importance_sampling_is_right_with_any_number_of_draws() {
    let rows = |values: [f64; 6]| {
        let hours = [0.5, 1.0, 2.0, 4.0, 8.0, 12.0];
        let mut rows: Vec<_> =
            hours.into_iter().zip(values).map(|(h, v)| (h, v, Censoring::Quantified)).collect();
        rows.push((24.0, 3.074, Censoring::Below));
        rows
    };
    let subjects = [
        subject("1", &rows([5.78151, 7.50063, 8.29284, 5.75182, 4.2779, 3.47319])),
        subject("2", &rows([5.15814, 6.5066, 9.42845, 8.1495, 5.31203, 4.1])),
    ];
    let of = |samples| {
        let options = LikelihoodOptions { method: LikelihoodMethod::Is, samples, seed: 1 };
        marginal_likelihood(&model(0.2), &subjects, options).unwrap()
    };
    let (few, many) = (of(4_000), of(150_000));
    let error = few.se.hypot(many.se);
    assert!((few.ofv - many.ofv).abs() < 4.0 * error && error < 0.1, "{} {} {error}", few.ofv, many.ofv);
}

#[test]
fn two_stage_iterations_that_settle_at_no_maximum_have_not_converged() {
    let file = |name: &str| {
        std::fs::read_to_string(format!("{}/../../fixtures/cases/{name}", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
    };
    let model = PopulationModel::parse(&file("97_far_start.toml")).unwrap();
    let mut subjects: Vec<Subject> = Vec::new();
    for line in file("97_far_start.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let hour: f64 = cells[1].parse().unwrap();
        if cells[4] == "1" {
            subjects.push(subject(cells[0], &[]));
        } else {
            let value = cells[2].parse().unwrap();
            let seen = subject("", &[(hour, value, Censoring::Quantified)]).observations;
            subjects.last_mut().unwrap().observations.extend(seen);
        }
    }
    let options = PopulationOptions { covariance: false, ..PopulationOptions::default() };
    let fit = |method| estimate_population(&model, &subjects, method, options, None, &()).unwrap();
    let (its, foce) = (fit(PopulationMethod::Its), fit(PopulationMethod::Foce));
    assert!(foce.converged() && (foce.ofv - 638.0).abs() < 1.0, "{} {}", foce.ofv, foce.reason);
    assert!(!its.converged() && its.ofv > foce.ofv + 100.0, "{} {}", its.ofv, its.reason);
    assert!(its.reason.contains("away from a maximum"), "{}", its.reason);
    // A nearby start ends nearby.
    let near =
        estimate_population(&foce.model, &subjects, PopulationMethod::Its, options, None, &()).unwrap();
    assert!(near.converged() && near.ofv < foce.ofv + 5.0, "{} {}", near.ofv, near.reason);
}
