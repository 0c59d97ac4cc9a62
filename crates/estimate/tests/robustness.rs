//! Outliers that must not mislead a fit, starts that end badly, and arbitrary finite inputs.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    Bands, FitOptions, Method, Noise, Prior, ReconstructionOptions, SigmaRule, Status, SubjectResult,
    SubjectStream, fit_subject, measure, process_subjects, simulate_subject,
};
use omafit_model::{
    Analyte, Censoring, Course, Covariates, Dose, Observation, OutputRows, PopulationModel,
    ResidualDistribution, ResidualEntry, Subject, published,
};
use proptest::prelude::*;

fn hayashi() -> PopulationModel {
    PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
}

fn prior_of(model: &PopulationModel, free: &[usize]) -> Prior {
    assert_eq!(free, model.variable());
    Prior::new((0..free.len()).collect(), model.omega()).unwrap()
}

fn observation(time: f64, analyte: Analyte, value: f64, doses: &[Dose]) -> Observation {
    let doses_before = doses.partition_point(|d| d.time < time);
    Observation { value, ..Observation::planned(time, analyte, doses_before) }
}

/// A subject with three analytes at eleven visits over four doses.
fn simulated(model: &PopulationModel, seed: u64) -> Subject {
    let doses: Vec<Dose> = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
    let days = [1.0, 3.0, 10.0, 27.0, 40.0, 60.0, 83.0, 111.0, 140.0, 180.0, 220.0];
    let mut subject =
        Subject::planned(seed, Covariates::new(75.0, 450.0), doses, &omafit_model::analytes(), &days);
    simulate_subject(model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
    subject
}

#[test]
fn one_gross_outlier_hardly_moves_a_robust_fit() {
    let model = hayashi();
    let free = model.variable().to_vec();
    let prior = prior_of(&model, &free);
    let options = FitOptions::new(Method::Map, free);
    let robust = model.with_residuals(ResidualDistribution::StudentT { df: 4.0 }).unwrap();
    for seed in 1..=10 {
        let clean = simulated(&model, seed);
        let mut spoilt = clean.clone();
        // Free IgE at the third visit is thirty times too high: sixteen standard deviations.
        spoilt.observations[8].value *= 30.0;
        // The change of the estimates, in standard deviations of the clean fit.
        let moved = |model: &PopulationModel| {
            let [before, after] =
                [&clean, &spoilt].map(|subject| fit_subject(model, subject, Some(&prior), &options));
            assert_eq!((before.status, after.status), (Status::Ok, Status::Ok), "{}", after.reason);
            let away = (0..before.eta.len())
                .map(|i| (after.eta[i] - before.eta[i]).abs() / before.uncertainty.se_log(i).unwrap());
            away.fold(0.0, f64::max)
        };
        let (by_normal, by_t) = (moved(&model), moved(&robust));
        assert!(by_t < 0.5 && by_normal > 3.0 * by_t, "{seed}: {by_normal} {by_t}");
    }
}

#[test]
fn a_poor_first_minimum_is_left_for_a_better_one() {
    // Four of ten observations are from one clearance and six from another, farther from the typical one: under
    // Student's t each has its minimum, the first start ends in the nearer one, and the other is deeper.
    let simulated = PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap();
    let model = simulated.with_residuals(ResidualDistribution::StudentT { df: 2.0 }).unwrap();
    let clearance = model.position("CL").unwrap();
    let alone = FitOptions { further_starts: 0, ..FitOptions::new(Method::Nls, vec![clearance]) };
    let many = FitOptions { further_starts: 8, ..alone.clone() };
    let covariates = Covariates::new(70.0, 400.0);
    let doses = vec![Dose::subcutaneous(0.0, 3000.0)];
    let hours = [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0];
    let seen = hours.map(|hour| observation(hour / 24.0, Analyte::OMALIZUMAB_TOTAL, f64::NAN, &doses));
    let (id, observations) = ("1".into(), seen.to_vec());
    let mut subject = Subject { id, covariates, start: 0.0, doses, observations };
    let noise = Noise { variability: false, residual: true };
    let (nearer, farther) = (-0.4_f64, 1.2_f64);
    let of = |eta: f64| {
        let mut one = subject.clone();
        let mut parameters = model.typical(&one.covariates).unwrap();
        parameters[clearance] *= eta.exp();
        measure(&simulated, &mut one, &parameters, noise, &mut SubjectStream::new(1, 0)).unwrap();
        one.observations
    };
    let both = of(nearer).into_iter().zip(of(farther)).enumerate();
    subject.observations = both.map(|(i, (a, b))| if i % 5 < 2 { a } else { b }).collect();
    let [one, best] = [&alone, &many].map(|options| fit_subject(&model, &subject, None, options));
    assert_eq!((one.starts, best.starts), (1, 9));
    assert!((one.eta[0] - nearer).abs() < 0.2 && one.ssq > 20.0, "{} {}", one.eta[0], one.ssq);
    assert!((best.eta[0] - farther).abs() < 0.2, "{}", best.eta[0]);
    assert!(best.ofv < one.ofv - 5.0, "{} {}", best.ofv, one.ofv);
}

/// Checks that every value that the status of a result promises is present.
fn sound(model: &PopulationModel, subject: &Subject, result: &SubjectResult) {
    let fit = &result.fit;
    assert!(!fit.reason.is_empty());
    assert_eq!(fit.parameters.len(), model.parameters().len());
    assert_eq!(fit.ipred.len(), subject.observations.len());
    let known = fit.parameters.iter().all(|p| p.is_finite() && *p >= 0.0);
    match fit.status {
        Status::Failed => {
            let started = fit.reason.contains("last state: objective");
            assert!(known == started, "{} {:?}", fit.reason, fit.parameters);
            assert!(known || fit.parameters.iter().all(|p| p.is_nan()));
            assert!(result.trajectory.time.is_empty());
        }
        Status::Ok | Status::NotDetermined => {
            assert!(known, "{:?} {}", fit.parameters, fit.reason);
            let numbers = [fit.ofv, fit.minus2ll, fit.ssq, fit.prior_ssq, fit.gradient_norm];
            assert!(numbers.iter().all(|v| v.is_finite()), "{numbers:?} {}", fit.reason);
            assert!(fit.ipred.iter().chain(&fit.eta).all(|f| f.is_finite()));
            let course = &result.trajectory;
            assert!(!course.time.is_empty() || !has_course(model, subject, &fit.parameters));
            assert!(
                course.outputs.values().flat_map(|course| &course.value).all(|v| v.is_finite()),
                "{}",
                fit.reason
            );
        }
    }
}

/// Whether the model can be solved on a weekly grid over the subject's records; a fit needs it at the observations
/// only.
fn has_course(model: &PopulationModel, subject: &Subject, parameters: &[f64]) -> bool {
    let course = Course::on_grid(subject, 7.0, subject.end()).unwrap();
    let start = model.start(&subject.covariates).unwrap();
    let (mut values, mut slopes) = (OutputRows::new(), OutputRows::new());
    model.structure().sensitivities(parameters, start, &course, &mut values, &mut slopes).is_ok()
}

/// A strategy for numbers over some decades.
fn decades(from: f64, to: f64) -> impl Strategy<Value = f64> {
    (from..to).prop_map(|power| 10.0_f64.powf(power))
}

prop_compose! {
    fn hostile_subject()(
        ige in decades(-3.0, 6.0),
        weight in decades(0.0, 3.0),
        start in prop_oneof![Just(0.0), -1e4..1e4],
        doses in prop::collection::vec((0.0_f64..200.0, decades(-6.0, 6.0), any::<bool>()), 0..5),
        rows in prop::collection::vec(
            (prop_oneof![Just(0.0), 0.0_f64..400.0, decades(-9.0, 2.0)], 0_usize..3, decades(-6.0, 6.0), 0_u8..8),
            0..12,
        ),
    ) -> Subject {
        let mut doses: Vec<Dose> = doses
            .into_iter()
            .map(|(time, mg, iv)| if iv { Dose::intravenous(start + time, mg, 0.0) } else { Dose::subcutaneous(start + time, mg) })
            .collect();
        doses.sort_by(|a, b| a.time.total_cmp(&b.time));
        let mut observations: Vec<Observation> = rows
            .into_iter()
            .map(|(time, analyte, value, kind)| {
                let mut o = observation(start + time, omafit_model::analytes()[analyte], value, &doses);
                o.censoring = match kind { 0 => Censoring::Below, 1 => Censoring::Above, _ => Censoring::Quantified };
                o
            })
            .collect();
        observations.sort_by(|a, b| a.time.total_cmp(&b.time));
        Subject { id: "1".into(), covariates: Covariates::new(weight, ige), start, doses, observations }
    }
}

fn hostile_model() -> impl Strategy<Value = PopulationModel> {
    let names = ["hayashi2007", "lowe2009", "falling_production", "one_compartment_oral"];
    let sigma = || decades(-3.0, 2.0);
    let error = (0_usize..4, sigma(), sigma());
    // Most are fast enough to be solved; the rest take the solver to its limit on steps, which costs seconds.
    let factors =
        prop::collection::vec(prop_oneof![12 => -0.5..0.5_f64, 3 => -6.0..0.0_f64, 1 => 0.0..2.0_f64], 12);
    (0..names.len(), factors, error).prop_filter_map(
        "a model that is one",
        move |(name, factors, (kind, a, b))| {
            let mut file = PopulationModel::parse(published(names[name])?).ok()?.file().clone();
            for (entry, power) in file.parameters.values_mut().zip(factors) {
                entry.typical *= 10.0_f64.powf(power);
            }
            for entry in file.residual.values_mut() {
                let none = ResidualEntry { log_sd: None, additive_sd: None, proportional_sd: None, ..*entry };
                *entry = match kind {
                    0 => ResidualEntry { log_sd: Some(a), ..none },
                    1 => ResidualEntry { additive_sd: Some(a), ..none },
                    2 => ResidualEntry { proportional_sd: Some(a), ..none },
                    _ => ResidualEntry { additive_sd: Some(a), proportional_sd: Some(b), ..none },
                };
            }
            PopulationModel::new(file).ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn no_finite_input_makes_a_panic_or_a_number_that_is_none(
        model in hostile_model(),
        subject in hostile_subject(),
        map in any::<bool>(),
        robust in any::<bool>(),
        own in any::<bool>(),
        max_iterations in prop_oneof![Just(1_u64), Just(4), Just(15)],
    ) {
        let free = model.variable().to_vec();
        let prior = prior_of(&model, &free);
        let options = FitOptions {
            max_iterations,
            further_starts: 1,
            sigma: if own { SigmaRule::Subject } else { SigmaRule::Given },
            ..FitOptions::new(if map { Method::Map } else { Method::Nls }, free)
        };
        let wanted = ReconstructionOptions {
            every: 7.0,
            until: f64::NEG_INFINITY,
            level: 0.9,
            target_ng_ml: 50.0,
            bands: Bands::Linear,
        };
        let model = if robust {
            model.with_residuals(ResidualDistribution::StudentT { df: 4.0 }).unwrap()
        } else {
            model
        };
        let mut results = process_subjects(&model, &[(0, &subject)], &[], Some(&prior), &options, Some(&wanted));
        let result = results.pop().unwrap();
        sound(&model, &subject, &result);
    }
}

#[test]
fn a_fit_that_is_cut_short_says_where_it_stood() {
    let model = hayashi();
    let free = model.variable().to_vec();
    let options = FitOptions { max_iterations: 1, further_starts: 0, ..FitOptions::new(Method::Nls, free) };
    let fit = fit_subject(&model, &simulated(&model, 1), None, &options);
    assert_eq!(fit.status, Status::Failed);
    let [why, state] = fit.reason.split("; ").collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(why, "reached the limit on iterations");
    let expected =
        format!("last state: objective {:.6}, gradient norm {:.2e}, ka ", fit.ofv, fit.gradient_norm);
    assert!(state.starts_with(&expected), "{state}");
    assert!(state.ends_with(&format!("Pe {:.5e}", fit.parameters[model.position("Pe").unwrap()])), "{state}");
    assert!(fit.gradient_norm > 1.0 && fit.parameters.iter().all(|p| p.is_finite()));
}
