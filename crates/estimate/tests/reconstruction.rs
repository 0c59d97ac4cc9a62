//! Time courses, bands and crossings compared with differences and brute force.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    Bands, FitOptions, FreeIgeFact, IndividualFit, Method, Noise, OutputCourse, Prior, ReconstructionOptions,
    Status, SubjectStream, Suppression, fit_subject, process_trial, reconstruct, simulate_subject,
};
use omafit_model::{
    Analyte, Course, Covariates, Dose, Output, OutputRows, OutputTime, PopulationModel, Subject, published,
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
    subject_at(seed, &[0.0, 10.0, 31.0, 87.0, 171.0, 230.0, 290.0])
}

fn subject_at(seed: u64, times: &[f64]) -> (Subject, Vec<f64>) {
    let model = model();
    let doses = (0..7).map(|k| Dose::subcutaneous(3.0 + 28.0 * f64::from(k), 300.0)).collect();
    let mut subject =
        Subject::planned(seed, Covariates::new(80.0, 500.0), doses, &omafit_model::analytes(), times);
    let mut stream = SubjectStream::new(seed, 0);
    let parameters = simulate_subject(&model, &mut subject, Noise::ALL, &mut stream).unwrap();
    (subject, parameters)
}

const GRID: ReconstructionOptions =
    ReconstructionOptions { every: 1.0, until: 300.0, level: 0.9, target_ng_ml: 50.0, bands: Bands::Linear };

fn fitted(seed: u64) -> (Subject, FitOptions, IndividualFit) {
    fitted_to(subject(seed).0)
}

fn fitted_to(subject: Subject) -> (Subject, FitOptions, IndividualFit) {
    let (options, prior) = options(&model());
    let fit = fit_subject(&model(), &subject, Some(&prior), &options);
    assert_eq!(fit.status, Status::Ok);
    (subject, options, fit)
}

#[test]
fn bands_are_the_covariance_carried_through_differences() {
    let model = model();
    let (subject, options, fit) = fitted(1);
    let trajectory = reconstruct(&model, &subject, 0, &options, &fit, &GRID).unwrap().trajectory;
    assert_eq!((trajectory.time.len(), trajectory.time[300]), (301, 300.0));
    let course = Course::on_grid(&subject, 1.0, 300.0).unwrap().with_rtol(1e-12);
    let at = |shift: f64, loadings: &[f64]| {
        let mut parameters = fit.parameters.clone();
        for (&i, l) in options.free.iter().zip(loadings) {
            parameters[i] *= (shift * l).exp();
        }
        let mut out = OutputRows::new();
        model.predict(&parameters, &subject.covariates, &course, &mut out).unwrap();
        out
    };
    let h = 1e-4;
    let outputs = model.structure().outputs();
    let mut variance = vec![vec![0.0_f64; outputs.len()]; 301];
    for direction in fit.uncertainty.directions() {
        let (up, down) = (at(h, &direction.loadings), at(-h, &direction.loadings));
        for (v, (a, b)) in variance.iter_mut().zip(up.iter().zip(&down)) {
            for c in 0..outputs.len() {
                v[c] += ((a[c].ln() - b[c].ln()) / (2.0 * h) * direction.sd).powi(2);
            }
        }
    }
    let z = 1.644_853_626_951_472_6;
    for k in 4..301 {
        for (c, course) in trajectory.outputs.values().enumerate() {
            let expected = (z * variance[k][c].sqrt()).exp();
            let found = course.upper[k] / course.value[k];
            assert!((found / expected - 1.0).abs() < 1e-5, "day {k} {c}: {found} {expected}");
            let below = course.value[k] / course.lower[k];
            assert!((below / found - 1.0).abs() < 1e-12);
        }
    }
    // Before the first dose there is no drug, and no uncertainty.
    let drug = trajectory.of(Analyte::OMALIZUMAB_TOTAL).unwrap();
    assert_eq!((drug.value[2], drug.lower[2], drug.upper[2]), (0.0, 0.0, 0.0));
}

/// Test that a part of the fit's own uncertainty, given as if it were the population's, widens the bands by its
/// variance.
#[test]
fn bands_widen_by_the_variance_along_the_population() {
    let model = model();
    let (subject, options, fit) = fitted(1);
    let before = reconstruct(&model, &subject, 0, &options, &fit, &GRID).unwrap().trajectory;
    let part = 0.1;
    let moved = |sd: f64, loadings: &[f64]| {
        let mut parameters = fit.parameters.clone();
        options.free.iter().zip(loadings).for_each(|(&i, l)| parameters[i] *= (sd * l).exp());
        parameters
    };
    let of = |d: &omafit_estimate::Direction| [1.0, -1.0].map(|sign| moved(sign * part * d.sd, &d.loadings));
    let along: Vec<[Vec<f64>; 2]> = fit.uncertainty.directions().iter().map(of).collect();
    let mut after = before.clone();
    after.widen(&model, &subject, &along, &GRID).unwrap();
    let half = |course: &OutputCourse, k: usize| 0.5 * (course.upper[k] / course.lower[k]).ln();
    for ((analyte, after), before) in after.outputs.iter().zip(before.outputs.values()) {
        for k in 4..301 {
            let ratio = half(after, k) / half(before, k);
            assert!((ratio.powi(2) - 1.0 - part * part).abs() < 3e-4, "day {k} {analyte:?}: {ratio}");
        }
    }
    let mut unchanged = before.clone();
    unchanged.widen(&model, &subject, &[], &GRID).unwrap();
    assert_eq!(unchanged, before);
}

#[test]
fn doses_stand_on_the_grid_where_they_were_given() {
    let (subject, options, fit) = fitted(1);
    let weekly = ReconstructionOptions { every: 7.0, ..GRID };
    let trajectory = reconstruct(&model(), &subject, 0, &options, &fit, &weekly).unwrap().trajectory;
    assert_eq!(trajectory.dose_mg.iter().sum::<f64>(), 2100.0);
    assert_eq!((trajectory.dose_mg[0], trajectory.time[4], trajectory.dose_mg[4]), (300.0, 28.0, 300.0));
}

const STEP: f64 = 1.0 / 512.0;

/// Free IgE every [`STEP`] from the first dose on.
fn brute_force(subject: &Subject, fit: &IndividualFit) -> Vec<f64> {
    let times: Vec<OutputTime> = (0..=(297 * 512))
        .map(|i| 3.0 + f64::from(i) * STEP)
        .map(|time| OutputTime { time, doses_before: subject.doses.partition_point(|d| d.time < time) })
        .collect();
    let course = Course::new(0.0, subject.doses.clone(), times, Output::Interpolated).unwrap();
    let mut out = OutputRows::new();
    model().predict(&fit.parameters, &subject.covariates, &course, &mut out).unwrap();
    out.column(2).collect()
}

fn held(
    subject: &Subject,
    options: &FitOptions,
    fit: &IndividualFit,
    wanted: &ReconstructionOptions,
) -> Suppression {
    reconstruct(&model(), subject, 0, options, fit, wanted).unwrap().suppression.unwrap()
}

/// The crossing of 50 ng/mL by linear interpolation between two neighbouring points, days from the first point.
fn passes(free: &[f64], i: usize) -> f64 {
    let part = (50.0_f64.ln() - free[i].ln()) / (free[i + 1].ln() - free[i].ln());
    (i as f64 + part) * STEP
}

#[test]
fn facts_are_those_of_brute_force() {
    use FreeIgeFact as F;
    for seed in 1..6 {
        let (subject, options, fit) = fitted(seed);
        let held = held(&subject, &options, &fit, &GRID);
        let free = brute_force(&subject, &fit);
        let crossings: Vec<usize> =
            (0..free.len() - 1).filter(|&i| (free[i] < 50.0) != (free[i + 1] < 50.0)).collect();
        let close = |fact: F, expected: f64, tolerance: f64| {
            let found = held.of(fact).value;
            assert!((found - expected).abs() < tolerance, "{seed} {fact:?}: {found} {expected}");
        };
        close(F::DaysToTarget, passes(&free, crossings[0]), 1e-4);
        let mut below = if free[free.len() - 1] < 50.0 { 297.0 } else { 0.0 };
        for &i in &crossings {
            below += if free[i] < 50.0 { passes(&free, i) } else { -passes(&free, i) };
        }
        close(F::DaysBelow, below, 1e-3);
        let last_dose = 168 * 512;
        match crossings.iter().find(|i| **i >= last_dose && free[**i] < 50.0) {
            Some(&i) => close(F::DaysToReturn, passes(&free, i) - 168.0, 1e-4),
            None => assert_eq!(held.value(F::DaysToReturn), None),
        }
        let area = |to: usize| {
            let inner: f64 = free[1..to].iter().sum();
            STEP * (inner + 0.5 * (free[0] + free[to]))
        };
        close(F::Area, area(free.len() - 1), 1e-4 * area(free.len() - 1));
        close(F::Mean, area(196 * 512) / 196.0, 1e-4 * area(196 * 512) / 196.0);
        let lowest = free.iter().copied().fold(f64::MAX, f64::min);
        close(F::Lowest, lowest, 1e-4 * lowest);
        let peak = free[28 * 512..=196 * 512].iter().copied().fold(0.0, f64::max);
        close(F::Peak, peak, 1e-4 * peak);
        close(F::Trough, free[last_dose], 1e-7 * free[last_dose]);
        close(F::Baseline, free[0], 1e-7 * free[0]);
    }
}

#[test]
fn facts_do_not_depend_on_the_grid_that_is_printed() {
    let (subject, options, fit) = fitted(2);
    let daily = held(&subject, &options, &fit, &GRID);
    for every in [0.25, 0.3, 7.0, 50.0] {
        assert_eq!(held(&subject, &options, &fit, &ReconstructionOptions { every, ..GRID }), daily);
    }
}

#[test]
fn standard_errors_of_facts_are_the_covariance_carried_through_differences() {
    let mut seen = [0; 9];
    for seed in 1..6 {
        let (subject, options, fit) = fitted(seed);
        let centre = held(&subject, &options, &fit, &GRID);
        let moved = |shift: f64, loadings: &[f64]| {
            let mut there = fit.clone();
            for (&i, l) in options.free.iter().zip(loadings) {
                there.parameters[i] *= (shift * l).exp();
            }
            held(&subject, &options, &there, &GRID)
        };
        let h = 1e-4;
        for (k, fact) in FreeIgeFact::ALL.into_iter().enumerate() {
            let found = centre.of(fact);
            if found.value.is_nan() {
                continue;
            }
            let mut variance = 0.0;
            for direction in fit.uncertainty.directions() {
                let (up, down) = (moved(h, &direction.loadings), moved(-h, &direction.loadings));
                let slope = (up.of(fact).value - down.of(fact).value) / (2.0 * h);
                variance += (slope * direction.sd).powi(2);
            }
            let expected = variance.sqrt();
            let gap = (found.se - expected).abs();
            assert!(gap < 1e-3 * expected, "{seed} {fact:?}: {found:?} {expected}");
            let factor = (1.644_853_626_951_472_6 * found.se / found.value).exp();
            assert!((found.upper / (found.value * factor) - 1.0).abs() < 1e-12);
            assert!((found.lower * factor / found.value - 1.0).abs() < 1e-12);
            seen[k] += 1;
        }
    }
    assert!(seen.iter().all(|n| *n > 0), "{seen:?}");
}

#[test]
fn sampled_bands_agree_with_the_linear_ones_where_those_are_narrow() {
    // With many data the parameters are precise, and derived quantities are nearly linear in them.
    let often: Vec<f64> = (0..145).map(|k| 2.0 * f64::from(k)).collect();
    let (subject, options, fit) = fitted_to(subject_at(1, &often).0);
    let sampled = ReconstructionOptions { bands: Bands::Sampled { draws: 2000, seed: 7 }, ..GRID };
    let linear = reconstruct(&model(), &subject, 3, &options, &fit, &GRID).unwrap();
    let drawn = reconstruct(&model(), &subject, 3, &options, &fit, &sampled).unwrap();
    let mut compared = 0;
    for ((analyte, linear), drawn) in linear.trajectory.outputs.iter().zip(drawn.trajectory.outputs.values())
    {
        assert_eq!(linear.value, drawn.value);
        for k in 4..301 {
            let width = |course: &OutputCourse| (course.upper[k] / course.lower[k]).ln();
            let (exact, found) = (width(linear), width(drawn));
            if exact < 0.25 {
                assert!((found / exact - 1.0).abs() < 0.1, "{analyte:?} day {k}: {exact} {found}");
                compared += 1;
            }
        }
    }
    assert!(compared > 500, "{compared}");
    for fact in FreeIgeFact::ALL {
        let (exact, found) = (linear.suppression.unwrap().of(fact), drawn.suppression.unwrap().of(fact));
        assert_eq!(exact.value, found.value);
        if exact.value.is_finite() {
            assert!((found.se / exact.se - 1.0).abs() < 0.1, "{fact:?}: {exact:?} {found:?}");
            assert!(found.lower < exact.value && exact.value < found.upper);
        }
    }
    // Draws are reproducible, and differ for another subject or seed.
    let again = |position, seed| {
        let bands = Bands::Sampled { draws: 20, seed };
        reconstruct(&model(), &subject, position, &options, &fit, &ReconstructionOptions { bands, ..GRID })
            .unwrap()
    };
    assert_eq!(again(3, 7), again(3, 7));
    assert!(again(3, 7) != again(4, 7) && again(3, 7) != again(3, 8));
}

#[test]
fn an_undosed_subject_is_fitted_and_has_a_baseline() {
    let (mut placebo, _) = subject(2);
    placebo.doses.clear();
    placebo.observations.retain(|o| o.analyte != Analyte::OMALIZUMAB_TOTAL);
    for o in &mut placebo.observations {
        (o.doses_before, o.value) = (0, 450.0);
    }
    let (options, prior) = options(&model());
    let done = || true;
    let results =
        process_trial(&model(), &[placebo], 0, &[], Some(&prior), &options, Some(&GRID), &done).unwrap();
    assert_eq!(results[0].fit.status, Status::Ok);
    let held = results[0].suppression.unwrap();
    assert!(!held.dosed);
    let free = &results[0].trajectory.of(Analyte::IGE_FREE).unwrap().value;
    use FreeIgeFact as F;
    assert_eq!((held.value(F::Baseline), held.value(F::Peak).is_some()), (Some(free[0]), true));
    let (mean, area) = (held.of(F::Mean), held.of(F::Area));
    assert!((mean.value * 300.0 / area.value - 1.0).abs() < 1e-12 && mean.se > 0.0);
    assert!(free.iter().all(|v| *v >= held.of(F::Lowest).value * (1.0 - 1e-9)));
    for fact in [F::DaysToTarget, F::DaysBelow, F::Trough, F::DaysToReturn] {
        assert_eq!(held.value(fact), None);
    }
    let drug = results[0].trajectory.of(Analyte::OMALIZUMAB_TOTAL).unwrap();
    assert!(drug.value.iter().all(|v| *v == 0.0));
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
            let done = || true;
            let results =
                process_trial(&model, &[odd.clone()], 0, &[], Some(&prior), &options, Some(&GRID), &done)
                    .unwrap();
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
