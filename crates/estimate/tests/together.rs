//! Subjects fitted together give bit for bit the fits of subjects fitted alone.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    FitOptions, Method, Noise, Prior, SigmaRule, Status, SubjectStream, fit_subject, fit_subjects,
    simulate_subject,
};
use omafit_model::{
    Analyte, Censoring, Covariates, Dose, PopulationModel, ResidualDistribution, Subject, published,
};

/// Subjects of all kinds: rich and sparse, dosed and undosed, censored, without observations, and some that cannot be
/// fitted.
fn subjects(model: &PopulationModel) -> Vec<Subject> {
    let one = |k: u32| {
        let doses =
            (0..k % 5).map(|d| Dose::subcutaneous(f64::from(14 * d), 150.0 + 75.0 * f64::from(k % 4)));
        let days: Vec<f64> = (0..k % 13).map(|j| 0.5 + 11.3 * f64::from(j)).collect();
        let covariates = Covariates::new(50.0 + 3.0 * f64::from(k), 100.0 + 90.0 * f64::from(k));
        let mut subject = Subject::planned(k, covariates, doses.collect(), &omafit_model::analytes(), &days);
        if k % 7 == 3 {
            subject.doses.iter_mut().for_each(|dose| dose.duration = 0.5);
        }
        let stream = &mut SubjectStream::new(7, u64::from(k));
        simulate_subject(model, &mut subject, Noise::ALL, stream).unwrap();
        for (j, o) in subject.observations.iter_mut().enumerate() {
            match (k % 6, j % 5, o.analyte) {
                (1, 0, analyte) if analyte == Analyte::IGE_FREE => o.censoring = Censoring::Above,
                (2, 4, _) => o.value *= 1e4,
                // The descent passes through derivatives that overflow.
                (5, 3, _) if k == 17 => o.value = 1e-300,
                _ => {}
            }
        }
        subject
    };
    let mut all: Vec<Subject> = (0..29).map(one).collect();
    // One subject without a time course, and one without a body weight.
    all[11].doses.iter_mut().for_each(|dose| dose.amount_mg = f64::NAN);
    all[18].covariates = Covariates::default();
    all
}

#[test]
fn fits_together_are_to_the_bit_fits_alone() {
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let free = model.variable().to_vec();
    let prior = Prior::new((0..free.len()).collect(), model.omega()).unwrap();
    let map = FitOptions { further_starts: 0, ..FitOptions::new(Method::Map, free.clone()) };
    let nls = FitOptions { max_iterations: 12, further_starts: 1, ..FitOptions::new(Method::Nls, free) };
    let robust = model.with_residuals(ResidualDistribution::StudentT { df: 4.0 }).unwrap();
    let own = FitOptions { sigma: SigmaRule::Subject, ..map.clone() };
    let subjects = subjects(&model);
    let all: Vec<&Subject> = subjects.iter().collect();
    let mut seen = Vec::new();
    for (model, options) in [(&model, map.clone()), (&model, nls), (&robust, map), (&model, own)] {
        let together = fit_subjects(model, &all, &[], Some(&prior), &options);
        assert_eq!(together.len(), all.len());
        for (subject, found) in all.iter().zip(together) {
            let alone = fit_subject(model, subject, Some(&prior), &options);
            // As text, in which NaN equals NaN and every other number has its shortest representation.
            assert_eq!(format!("{found:?}"), format!("{alone:?}"), "{}", subject.id);
            seen.push(found.status);
        }
    }
    for status in [Status::Ok, Status::NotDetermined, Status::Failed] {
        assert!(seen.contains(&status), "{status:?}");
    }
}
