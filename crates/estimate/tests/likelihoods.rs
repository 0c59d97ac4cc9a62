//! Fits under every residual error and with censored observations end where the explicit likelihood is stationary.
#![allow(clippy::unwrap_used)]

use omafit_estimate::{
    Covariance, FitOptions, Method, Noise, Prior, Status, SubjectStream, fit_at, fit_subject,
    residual_errors, simulate_subject,
};
use omafit_model::{
    Analyte, Censoring, Course, Covariates, Dose, ErrorModel, Observation, PopulationModel,
    ResidualDistribution, ResidualEntry, Subject, published,
};
use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

/// Hayashi's model with another residual error, common to all three analytes, and Kd0 between bounds.
fn model(entry: ResidualEntry) -> PopulationModel {
    let mut file = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap().file().clone();
    for residual in file.residual.values_mut() {
        *residual = entry;
    }
    PopulationModel::new(file).unwrap()
}

fn subject(model: &PopulationModel, seed: u64) -> Subject {
    let doses: Vec<Dose> = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
    let days = [0.0, 3.0, 10.0, 27.0, 60.0, 111.0, 140.0, 180.0, 220.0];
    let mut subject =
        Subject::planned(seed, Covariates::new(75.0, 450.0), doses, &omafit_model::analytes(), &days);
    simulate_subject(model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
    subject
}

/// The −2 log-likelihood of a subject's data with all constants, written out explicitly, and ηᵀΩ⁻¹η.
fn deviance(
    model: &PopulationModel,
    shape: ResidualDistribution,
    subject: &Subject,
    eta: &[f64],
) -> (f64, f64) {
    let mut parameters = model.typical(&subject.covariates).unwrap();
    for (&i, eta) in model.variable().iter().zip(eta) {
        parameters[i] *= eta.exp();
    }
    let (course, positions) = Course::of_observations(subject).unwrap();
    let mut out = omafit_model::OutputRows::new();
    model.predict(&parameters, &subject.covariates, &course.with_rtol(1e-12), &mut out).unwrap();
    type Function = Box<dyn Fn(f64) -> f64>;
    let (log_density, lower): (Function, Function) = match shape {
        ResidualDistribution::Normal => {
            let law = Normal::standard();
            (Box::new(move |z| law.ln_pdf(z)), Box::new(move |z| law.cdf(z)))
        }
        ResidualDistribution::StudentT { df } => {
            let law = StudentsT::new(0.0, 1.0, df).unwrap();
            (Box::new(move |z| law.ln_pdf(z)), Box::new(move |z| law.cdf(z)))
        }
    };
    let one = |(o, at): (&Observation, &usize)| {
        let f = out[*at][model.structure().output(o.analyte).unwrap()];
        let error = model.residual(o.analyte).unwrap().error;
        let (z, sd, jacobian) = match error {
            ErrorModel::LogNormal { sd } => ((o.value / f).ln() / sd, sd, o.value),
            ErrorModel::Normal { additive, proportional } => {
                let sd = (additive.powi(2) + (proportional * f).powi(2)).sqrt();
                ((o.value - f) / sd, sd, 1.0)
            }
        };
        -2.0 * match o.censoring {
            Censoring::Quantified => log_density(z) - (sd * jacobian).ln(),
            Censoring::Below => lower(z).ln(),
            Censoring::Above => lower(-z).ln(),
        }
    };
    let data: f64 = subject.observations.iter().zip(&positions).map(one).sum();
    let n = eta.len();
    let omega = nalgebra::DMatrix::from_row_slice(n, n, model.omega());
    let eta = nalgebra::DVector::from_column_slice(eta);
    (data, eta.dot(&omega.cholesky().unwrap().solve(&eta)))
}

/// Half the Hessian, by differences.
fn half_curvature(total: &dyn Fn(&[f64]) -> f64, at: &[f64], h: f64) -> nalgebra::DMatrix<f64> {
    let moved = |steps: [(usize, f64); 2]| {
        let mut eta = at.to_vec();
        steps.iter().for_each(|(i, step)| eta[*i] += step * h);
        total(&eta)
    };
    nalgebra::DMatrix::from_fn(at.len(), at.len(), |i, j| {
        let pair = |a: f64, b: f64| moved([(i, a), (j, b)]);
        (pair(1.0, 1.0) - pair(1.0, -1.0) - pair(-1.0, 1.0) + pair(-1.0, -1.0)) / (8.0 * h * h)
    })
}

#[test]
fn the_estimate_is_where_the_likelihood_is_stationary() {
    let sd = |log_sd, additive_sd, proportional_sd| ResidualEntry {
        log_sd,
        additive_sd,
        proportional_sd,
        ..ResidualEntry::default()
    };
    let limited = |entry| ResidualEntry { lloq: Some(8.0), uloq: Some(150.0), ..entry };
    let kinds = [
        sd(Some(0.2), None, None),
        sd(None, Some(3.0), None),
        sd(None, None, Some(0.2)),
        sd(None, Some(2.0), Some(0.15)),
    ];
    let (mut censored, mut bent) = (0, 0);
    let both =
        |entry| [(entry, ResidualDistribution::Normal), (entry, ResidualDistribution::StudentT { df: 4.0 })];
    for (entry, shape) in kinds.into_iter().flat_map(|kind| [kind, limited(kind)]).flat_map(both) {
        let model = model(entry);
        let free = model.variable().to_vec();
        let prior = Prior::new((0..free.len()).collect(), model.omega()).unwrap();
        let options = FitOptions { further_starts: 2, ..FitOptions::new(Method::Map, free) };
        let simulated = model;
        let model = simulated.with_residuals(shape).unwrap();
        for seed in 1..=4 {
            let subject = subject(&simulated, seed);
            censored += subject.observations.iter().filter(|o| o.censoring != Censoring::Quantified).count();
            let fit = fit_subject(&model, &subject, Some(&prior), &options);
            assert_eq!(fit.status, Status::Ok, "{entry:?} {}", fit.reason);
            let (data, prior_part) = deviance(&model, shape, &subject, &fit.eta);
            assert!(
                (fit.minus2ll - data).abs() < 1e-6 * (1.0 + data.abs()),
                "{entry:?} {} {data}",
                fit.minus2ll
            );
            assert!((fit.prior_ssq - prior_part).abs() < 1e-9 * (1.0 + prior_part));
            let total = |eta: &[f64]| {
                let (data, prior) = deviance(&model, shape, &subject, eta);
                data + prior
            };
            for i in 0..fit.eta.len() {
                let moved = |step: f64| {
                    let mut eta = fit.eta.clone();
                    eta[i] += step;
                    total(&eta)
                };
                let bend = (moved(1e-3) - 2.0 * (data + prior_part) + moved(-1e-3)) / 1e-6;
                assert!(bend > 0.0);
                // Steps of a twentieth of a standard deviation, small enough that only the slope remains.
                let sd = (2.0 / bend).sqrt();
                let h = 0.05 * sd;
                let slope = (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h);
                // The Newton step from this point, in standard deviations.
                assert!((slope / bend / sd).abs() < 1e-4, "{entry:?} {i} {slope} {bend}");
            }
            // Student's t bends within one standard deviation of a value, which here may be a few parts in a thousand.
            let h = if shape == ResidualDistribution::Normal { 1e-3 } else { 1e-5 };
            let inverse = half_curvature(&total, &fit.eta, h).try_inverse().unwrap();
            let straight = FitOptions { covariance: Covariance::GaussNewton, ..options.clone() };
            let straight =
                fit_at(&model, &subject, Some(&prior), &straight, &residual_errors(&model), &fit.eta);
            for i in 0..fit.eta.len() {
                let se = fit.uncertainty.se_log(i).unwrap();
                assert!((se / inverse[(i, i)].sqrt() - 1.0).abs() < 1e-3, "{entry:?} {i} {se} {inverse}");
                let without = straight.uncertainty.se_log(i).unwrap();
                bent += usize::from((without / se - 1.0).abs() > 0.02);
            }
        }
    }
    assert!(censored > 50, "{censored}");
    // Without second derivatives many would be off by more than twenty times that.
    assert!(bent > 20, "{bent}");
}

#[test]
fn leaving_censored_values_out_misleads_and_their_likelihood_does_not() {
    // Free IgE above 150 ng/mL is not measured, and the dose is too small to keep it below: without those values the
    // subject seems to have less free IgE.
    let entry = ResidualEntry { log_sd: Some(0.2), uloq: Some(150.0), ..ResidualEntry::default() };
    let mut file = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap().file().clone();
    file.residual.insert(Analyte::IGE_FREE, entry);
    let model = PopulationModel::new(file).unwrap();
    let free = vec![model.position("Pe").unwrap()];
    let options = FitOptions { further_starts: 0, ..FitOptions::new(Method::Nls, free.clone()) };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for seed in 1..=300 {
        let doses = vec![Dose::subcutaneous(0.0, 75.0)];
        let times = [7.0, 14.0, 21.0, 28.0, 35.0, 42.0, 49.0, 56.0];
        let mut subject =
            Subject::planned(1, Covariates::new(70.0, 400.0), doses, &omafit_model::analytes(), &times);
        subject.observations.retain(|o| o.analyte == Analyte::IGE_FREE);
        let noise = Noise { variability: false, residual: true };
        simulate_subject(&model, &mut subject, noise, &mut SubjectStream::new(seed, 0)).unwrap();
        with.push(fit_subject(&model, &subject, None, &options).eta[0]);
        subject.observations.retain(|o| o.censoring == Censoring::Quantified);
        without.push(fit_subject(&model, &subject, None, &options).eta[0]);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let error = |values: &[f64]| {
        let centre = mean(values);
        let n = values.len() as f64;
        (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt()
    };
    // The true value is zero.
    assert!(mean(&with).abs() < 3.0 * error(&with), "{} ± {}", mean(&with), error(&with));
    assert!(mean(&without) < -6.0 * error(&without), "{} ± {}", mean(&without), error(&without));
}

#[test]
fn a_profile_ends_where_the_others_cannot_keep_the_objective_down() {
    let entry = ResidualEntry { log_sd: Some(0.15), ..ResidualEntry::default() };
    let model = model(entry);
    let subject = subject(&model, 11);
    let free = model.variable().to_vec();
    let options = FitOptions { profile: Some(0.95), ..FitOptions::new(Method::Nls, free.clone()) };
    let fit = fit_subject(&model, &subject, None, &options);
    assert_eq!(fit.status, Status::Ok);
    let (mut skewed, mut ends) = (0, 0);
    for (i, interval) in fit.profile.iter().enumerate() {
        let interval = interval.unwrap();
        let (below, above) = (fit.eta[i] - interval.low, interval.high - fit.eta[i]);
        skewed += usize::from((below / above - 1.0).abs() > 0.05);
        for eta in [interval.low, interval.high].into_iter().filter(|end| end.is_finite()) {
            ends += 1;
            // The parameter is fixed at the same value by other means: as the typical value of a model that does not
            // estimate it.
            let mut file = model.file().clone();
            let name = model.parameter_names().nth(free[i]).unwrap();
            file.parameters.get_mut(name).unwrap().typical *= eta.exp();
            let held = PopulationModel::new(file).unwrap();
            let others = free.iter().copied().filter(|&p| p != free[i]).collect();
            let refit = fit_subject(&held, &subject, None, &FitOptions::new(Method::Nls, others));
            // The quantile of χ² with one degree of freedom at 0.95.
            assert!(
                (refit.ofv - fit.ofv - 3.841_458_820_694_124).abs() < 2e-3,
                "{name} {}",
                refit.ofv - fit.ofv
            );
        }
    }
    assert!(ends >= 2 * free.len() - 1, "{ends}");
    assert!(skewed > 0, "every interval is symmetric: {:?}", fit.profile);
}

#[test]
fn a_profile_that_never_rises_is_open() {
    // One dose without any drug measurement: the absorption is undetermined, and so is its profile.
    let entry = ResidualEntry { log_sd: Some(0.25), ..ResidualEntry::default() };
    let model = model(entry);
    let mut subject = subject(&model, 11);
    subject.observations.retain(|o| o.time == 0.0 && o.analyte == Analyte::IGE_TOTAL);
    let (ka, vx) = (model.position("ka").unwrap(), model.position("Vx").unwrap());
    let options = FitOptions { profile: Some(0.95), ..FitOptions::new(Method::Nls, vec![ka, vx]) };
    let fit = fit_subject(&model, &subject, None, &options);
    assert_eq!(fit.status, Status::NotDetermined, "{}", fit.reason);
    let open = fit.profile[0].unwrap();
    assert_eq!((open.low, open.high), (f64::NEG_INFINITY, f64::INFINITY));
}
