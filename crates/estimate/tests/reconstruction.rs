//! Time courses, bands and crossings against differences and brute force.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    FitOptions, Grid, IndividualFit, Method, Noise, Prior, Status, SubjectStream, draw_parameters,
    fit_subject, measure, process_trial, reconstruct, suppression,
};
use omafit_model::{
    Analyte, Censoring, Course, Covariates, Dose, Observation, Output, OutputTime, PopulationModel, Subject,
    published,
};

fn model() -> PopulationModel {
    PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
}

fn options(model: &PopulationModel) -> (FitOptions, Prior) {
    let free = model.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), model.omega()).unwrap();
    (FitOptions { max_iterations: 100, further_starts: 2, ..FitOptions::new(Method::Map, free) }, prior)
}

fn subject(seed: u64) -> (Subject, Vec<f64>) {
    let model = model();
    let mut subject = Subject {
        id: seed.to_string(),
        covariates: Covariates::new(80.0, 500.0),
        start: 0.0,
        doses: (0..7).map(|k| Dose::subcutaneous(3.0 + 28.0 * f64::from(k), 300.0)).collect(),
        observations: Vec::new(),
    };
    for time in [0.0, 10.0, 31.0, 87.0, 171.0, 230.0, 290.0] {
        for analyte in Analyte::ALL {
            let doses_before = subject.doses.partition_point(|d| d.time < time);
            let (value, censoring) = (f64::NAN, Censoring::Quantified);
            subject.observations.push(Observation { time, analyte, value, censoring, doses_before, row: 0 });
        }
    }
    let mut stream = SubjectStream::new(seed, 0);
    let parameters = draw_parameters(&model, &subject.covariates, Noise::ALL, &mut stream).unwrap();
    measure(&model, &mut subject, &parameters, Noise::ALL, &mut stream).unwrap();
    (subject, parameters)
}

const GRID: Grid = Grid { every: 1.0, until: 300.0, level: 0.9 };

fn fitted(seed: u64) -> (Subject, FitOptions, IndividualFit) {
    let (subject, _) = subject(seed);
    let (options, prior) = options(&model());
    let fit = fit_subject(&model(), &subject, Some(&prior), &options);
    assert_eq!(fit.status, Status::Ok);
    (subject, options, fit)
}

#[test]
fn bands_are_the_covariance_carried_through_differences() {
    let model = model();
    let (subject, options, fit) = fitted(1);
    let trajectory = reconstruct(&model, &subject, &options, &fit, &GRID).unwrap();
    assert_eq!((trajectory.time.len(), trajectory.time[300]), (301, 300.0));
    let course = Course::on_grid(&subject, 1.0, 300.0).unwrap().with_rtol(1e-12);
    let at = |shift: f64, loadings: &[f64]| {
        let mut parameters = fit.parameters.clone();
        for (&i, l) in options.free.iter().zip(loadings) {
            parameters[i] *= (shift * l).exp();
        }
        let mut out = Vec::new();
        model.predict(&parameters, &subject.covariates, &course, &mut out).unwrap();
        out.iter().map(|c| c.to_array()).collect::<Vec<_>>()
    };
    let h = 1e-4;
    let mut variance = vec![[0.0; 5]; 301];
    for direction in fit.uncertainty.directions() {
        let (up, down) = (at(h, &direction.loadings), at(-h, &direction.loadings));
        for (v, (a, b)) in variance.iter_mut().zip(up.iter().zip(&down)) {
            for c in 0..5 {
                v[c] += ((a[c].ln() - b[c].ln()) / (2.0 * h) * direction.sd).powi(2);
            }
        }
    }
    let z = 1.644_853_626_951_472_6;
    for k in 4..301 {
        for c in 0..5 {
            let expected = (z * variance[k][c].sqrt()).exp();
            let found = trajectory.upper[c][k] / trajectory.value[c][k];
            assert!((found / expected - 1.0).abs() < 1e-5, "day {k} {c}: {found} {expected}");
            let below = trajectory.value[c][k] / trajectory.lower[c][k];
            assert!((below / found - 1.0).abs() < 1e-12);
        }
    }
    // Before the first dose there is no drug, and nothing uncertain about it.
    assert_eq!((trajectory.value[0][2], trajectory.lower[0][2], trajectory.upper[0][2]), (0.0, 0.0, 0.0));
}

#[test]
fn doses_stand_on_the_grid_where_they_were_given() {
    let (subject, options, fit) = fitted(1);
    let trajectory = reconstruct(&model(), &subject, &options, &fit, &Grid { every: 7.0, ..GRID }).unwrap();
    assert_eq!(trajectory.dose_mg.iter().sum::<f64>(), 2100.0);
    assert_eq!((trajectory.dose_mg[0], trajectory.time[4], trajectory.dose_mg[4]), (300.0, 28.0, 300.0));
}

#[test]
fn crossings_are_those_of_brute_force() {
    let model = model();
    for seed in 1..6 {
        let (subject, options, fit) = fitted(seed);
        let trajectory = reconstruct(&model, &subject, &options, &fit, &GRID).unwrap();
        let held = suppression(&model, &subject, &fit, &trajectory, 50.0).unwrap().unwrap();
        let step = 1.0 / 512.0;
        let times: Vec<OutputTime> = (0..=(297 * 512))
            .map(|i| 3.0 + f64::from(i) * step)
            .map(|time| OutputTime { time, doses_before: subject.doses.partition_point(|d| d.time < time) })
            .collect();
        let course = Course::new(0.0, subject.doses.clone(), times, Output::Interpolated).unwrap();
        let mut out = Vec::new();
        model.predict(&fit.parameters, &subject.covariates, &course, &mut out).unwrap();
        let free: Vec<f64> = out.iter().map(|c| c.ige_free).collect();
        let first = free.iter().position(|f| *f < 50.0).unwrap() as f64 * step;
        assert!((held.days_to_target.unwrap() - first).abs() < 0.01, "{held:?} {first}");
        let below = free.iter().filter(|f| **f < 50.0).count() as f64 * step;
        assert!((held.days_below - below).abs() < 0.05, "{held:?} {below}");
        let last_dose = (168.0 / step) as usize;
        let back = free[last_dose..].iter().position(|f| *f >= 50.0).map(|i| i as f64 * step);
        match (held.days_to_return, back) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 0.05, "{found} {expected}"),
            (found, expected) => assert_eq!(found.is_some(), expected.is_some()),
        }
        let lowest = free.iter().copied().fold(f64::MAX, f64::min);
        assert!((held.lowest_ng_ml / lowest - 1.0).abs() < 0.02);
        assert!((held.trough_ng_ml.unwrap() / free[last_dose] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn an_undosed_subject_is_fitted_and_has_nothing_to_suppress() {
    let (mut placebo, _) = subject(2);
    placebo.doses.clear();
    placebo.observations.retain(|o| o.analyte != Analyte::OmalizumabTotal);
    for o in &mut placebo.observations {
        (o.doses_before, o.value) = (0, 450.0);
    }
    let (options, prior) = options(&model());
    let done = |_| ();
    let results = process_trial(&model(), &[placebo], Some(&prior), &options, &GRID, 50.0, &done);
    assert_eq!((results[0].fit.status, results[0].suppression), (Status::Ok, None));
    assert!(results[0].trajectory.value[0].iter().all(|v| *v == 0.0));
}

#[test]
fn absurd_parameters_never_panic_and_never_pass_for_a_fit() {
    let model = model();
    for (weight_kg, ige_ng_ml, amount_mg) in
        [(1e-3, 1e-3, 1e-6), (1e4, 1e6, 1e6), (70.0, 1e6, 1e-6), (70.0, 1e-3, 1e6)]
    {
        let (mut odd, _) = subject(3);
        odd.covariates = Covariates::new(weight_kg, ige_ng_ml);
        for dose in &mut odd.doses {
            dose.amount_mg = amount_mg;
        }
        let (options, prior) = options(&model);
        for method in [Method::Map, Method::Nls] {
            let options = FitOptions { method, max_iterations: 10, further_starts: 0, ..options.clone() };
            let done = |_| ();
            let results = process_trial(&model, &[odd.clone()], Some(&prior), &options, &GRID, 50.0, &done);
            let fit = &results[0].fit;
            assert!(!fit.reason.is_empty());
            if fit.status != Status::Failed {
                assert!(
                    fit.ssq.is_finite() && fit.parameters.iter().all(|p| p.is_finite() && *p > 0.0),
                    "{fit:?}"
                );
            }
        }
    }
}
