//! Certain observations: below a limit at a prediction of zero, such as a drug concentration before the first dose.

#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    FitOptions, LikelihoodMethod, LikelihoodOptions, Limits, Method, Noise, PopulationMethod,
    PopulationOptions, Prior, Replication, Status, Strata, SubjectStream, VpcSettings, VpcStatistic,
    estimate_population, fit_subject, marginal_likelihood, npde, replicate_trial, simulate_subject, vpc,
};
use omafit_model::{
    Analyte, Censoring, Covariates, Dose, Observation, PerAnalyte, PopulationModel, Subject, published,
};

fn model() -> PopulationModel {
    PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
}

/// Twelve subjects, two of whom receive no drug.
fn without() -> Vec<Subject> {
    let one = |seed: u64| {
        let given = if seed < 10 { 4 } else { 0 };
        let doses = (0..given).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
        let days = [0.0, 3.0, 10.0, 27.0, 60.0, 111.0, 140.0];
        let covariates = Covariates::new(60.0 + 2.0 * seed as f64, 200.0 + 40.0 * seed as f64);
        let mut subject = Subject::planned(seed, covariates, doses, &omafit_model::analytes(), &days);
        simulate_subject(&model(), &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
        subject
    };
    (0..12).map(one).collect()
}

/// The subjects of [`without`], with a drug sample before the first dose below a limit and, for undosed subjects, at
/// every visit.
fn with() -> Vec<Subject> {
    let mut subjects = without();
    for subject in &mut subjects {
        let times: Vec<f64> = if subject.doses.is_empty() { vec![0.0, 27.0, 111.0] } else { vec![0.0] };
        for time in times {
            let at = subject.observations.partition_point(|o| o.time < time);
            let below = Observation {
                time,
                analyte: Analyte::OMALIZUMAB_TOTAL,
                value: 0.05,
                censoring: Censoring::Below,
                interval_end: None,
                doses_before: 0,
                row: 7,
            };
            subject.observations.insert(at, below);
        }
    }
    subjects
}

#[test]
fn every_method_ends_at_the_same_bits_with_and_without_them() {
    let (model, with, without) = (model(), with(), without());
    let added: usize =
        with.iter().zip(&without).map(|(a, b)| a.observations.len() - b.observations.len()).sum();
    assert_eq!(added, 10 + 2 * 3);
    let prior = Prior::new((0..model.variable().len()).collect(), model.omega()).unwrap();
    for method in [Method::Map, Method::Nls] {
        let options = FitOptions::new(method, model.variable().to_vec());
        for (a, b) in with.iter().zip(&without) {
            let [a, b] = [a, b].map(|subject| fit_subject(&model, subject, Some(&prior), &options));
            assert_eq!((a.status, &a.eta, a.ofv, a.minus2ll), (b.status, &b.eta, b.ofv, b.minus2ll));
            assert_eq!(a.uncertainty, b.uncertainty);
            assert_eq!(a.effective_parameters, b.effective_parameters);
        }
    }
    let options = PopulationOptions { max_iterations: 12, ..PopulationOptions::default() };
    for method in [PopulationMethod::Foce, PopulationMethod::Its, PopulationMethod::Saem { seed: 3 }] {
        let fit =
            |subjects: &[Subject]| estimate_population(&model, subjects, method, options, None, &()).unwrap();
        let (a, b) = (fit(&with), fit(&without));
        assert_eq!((a.vector, a.ofv, a.reason), (b.vector, b.ofv, b.reason), "{method:?}");
        assert_eq!(a.uncertainty, b.uncertainty);
    }
    for method in [LikelihoodMethod::Linear, LikelihoodMethod::Laplace, LikelihoodMethod::Is] {
        let options = LikelihoodOptions { method, samples: 50, seed: 1 };
        let likelihood = |subjects: &[Subject]| marginal_likelihood(&model, subjects, options).unwrap();
        let (a, b) = (likelihood(&with), likelihood(&without));
        assert_eq!((a.ofv, a.minus2ll), (b.ofv, b.minus2ll), "{method:?}");
    }
}

#[test]
fn checks_by_simulation_keep_them() {
    let (model, subjects) = (model(), with());
    let replicates = replicate_trial(&model, &subjects, Replication { replicates: 300, seed: 5 }, &|| ());
    let limit = Limits { lower: Some(0.05), upper: None };
    let of = |analyte| if analyte == Analyte::OMALIZUMAB_TOTAL { limit } else { Limits::default() };
    let limits = PerAnalyte::of(model.analytes(), of);
    let (mut count, mut sum) = (0, 0.0);
    for (index, (subject, replicates)) in subjects.iter().zip(&replicates).enumerate() {
        let errors = npde(&model, subject, index as u64, replicates, &limits, 9);
        for (o, error) in subject.observations.iter().zip(errors) {
            assert!(error.is_finite(), "{o:?}");
            if o.row == 7 {
                count += 1;
                sum += error;
            }
        }
    }
    // A random part of the whole interval: standard normal.
    assert!(count == 16 && (sum / 4.0_f64).abs() < 3.0, "{count} {sum}");
    let pred: Vec<Vec<f64>> = subjects
        .iter()
        .map(|s| s.observations.iter().map(|o| if o.row == 7 { 0.0 } else { 1.0 }).collect())
        .collect();
    for is_corrected in [false, true] {
        let settings = VpcSettings {
            binning: omafit_estimate::Binning::Edges(vec![-1.0, 1.0, 200.0]),
            percentiles: vec![0.5],
            level: 0.9,
            limits: limits.clone(),
            strata: Strata::default(),
            is_corrected,
        };
        let rows = vpc(&subjects, &replicates, &pred, &settings);
        let first = rows
            .iter()
            .find(|row| {
                row.analyte == Analyte::OMALIZUMAB_TOTAL
                    && row.bin == 1
                    && row.statistic == VpcStatistic::Below
            })
            .unwrap();
        assert_eq!((first.n, first.observed, first.simulated), (12, 1.0, [1.0; 3]), "{is_corrected}");
    }
}

#[test]
fn a_value_quantified_where_there_can_be_none_is_named() {
    let mut subject = with().remove(0);
    let o = subject.observations.iter_mut().find(|o| o.row == 7).unwrap();
    o.censoring = Censoring::Quantified;
    let model = model();
    let options = FitOptions::new(Method::Nls, model.variable().to_vec());
    let fit = fit_subject(&model, &subject, None, &options);
    assert_eq!(fit.status, Status::Failed);
    for part in ["0.05", "µg/mL", "row 7", "day 0", "predicts 0"] {
        assert!(fit.reason.contains(part), "{part}: {}", fit.reason);
    }
}
