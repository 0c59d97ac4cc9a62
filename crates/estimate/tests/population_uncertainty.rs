//! Bootstrap and sampling importance resampling of a population whose likelihood has a closed form.

#![allow(clippy::unwrap_used)]

mod intercepts;

use intercepts::{PATIENTS, VALUES, alike, closed_form, logarithms, model, numbers, subjects};
use omafit_estimate::{
    Bootstrap, PopulationFit, PopulationMethod, PopulationOptions, SirError, SirRound, evaluate_population,
    fit_population, influence, population_estimates, sampling_importance_resampling,
};

fn fitted() -> PopulationFit {
    fit_population(&model(), &subjects(), PopulationOptions::default(), &()).unwrap()
}

/// The mean of all logarithms, ω and σ of listed numbers: Vc, …, ω², …, σ.
fn three(fit: &PopulationFit, listed: &[f64]) -> [f64; 3] {
    let estimates = population_estimates(&fit.model, &fit.space, None);
    let of = |name: &str| listed[estimates.iter().position(|e| e.name == name).unwrap()];
    [(intercepts::DOSE / of("Vc")).ln(), of("omega2_Vc").sqrt(), of("sigma_omalizumab_total")]
}

#[test]
fn each_replicate_of_the_bootstrap_is_the_closed_form_of_what_it_drew() {
    let (fit, subjects, logarithms) = (fitted(), subjects(), logarithms());
    // Every third subject is of a stratum of its own kind.
    let strata: Vec<usize> = (0..PATIENTS).map(|i| usize::from(i % 3 == 0)).collect();
    let (method, options) = (PopulationMethod::Foce, PopulationOptions::default());
    let bootstrap =
        Bootstrap { model: &fit.model, subjects: &subjects, strata: &strata, method, options, seed: 5 };
    let mut means = Vec::new();
    for k in 0..150 {
        let drawn = bootstrap.sample(k);
        assert_eq!(drawn, bootstrap.sample(k));
        let count = |stratum| drawn.iter().filter(|i| strata[**i] == stratum).count();
        assert_eq!((count(1), drawn.len()), (PATIENTS.div_ceil(3), PATIENTS));
        let replicate = bootstrap.replicate(k, &()).unwrap();
        assert!(replicate.converged, "{}", replicate.reason);
        let found = three(&fit, &replicate.numbers.unwrap());
        let logs: Vec<Vec<f64>> = drawn.iter().map(|i| logarithms[*i].clone()).collect();
        for (found, expected) in found.iter().zip(closed_form(&logs)) {
            assert!((found - expected).abs() < 1e-3, "{k}: {found} {expected}");
        }
        means.push(found[0]);
    }
    // The variance of the mean of means drawn within strata.
    let all: Vec<f64> = logarithms.iter().map(|l| l.iter().sum::<f64>() / VALUES as f64).collect();
    let mut variance = 0.0;
    for stratum in [0, 1] {
        let of: Vec<f64> = (0..PATIENTS).filter(|i| strata[*i] == stratum).map(|i| all[i]).collect();
        let middle = of.iter().sum::<f64>() / of.len() as f64;
        variance += of.iter().map(|m| (m - middle).powi(2)).sum::<f64>();
    }
    let expected = variance.sqrt() / PATIENTS as f64;
    let middle = means.iter().sum::<f64>() / 150.0;
    let sd = (means.iter().map(|m| (m - middle).powi(2)).sum::<f64>() / 149.0).sqrt();
    // Three standard errors of a standard deviation of 150.
    assert!((sd / expected - 1.0).abs() < 3.0 / 298_f64.sqrt(), "{sd} {expected}");
}

/// −2 log-likelihood of mean, ln ω and ln σ, without a constant.
fn likelihood(means: &[f64], within: f64, [mean, log_omega, log_sigma]: [f64; 3]) -> f64 {
    let (b, s, m) = ((2.0 * log_omega).exp(), (2.0 * log_sigma).exp(), VALUES as f64);
    let between: f64 = means.iter().map(|of| m * (of - mean).powi(2)).sum();
    let n = means.len() as f64;
    n * ((m - 1.0) * s.ln() + (s + m * b).ln()) + within / s + between / (s + m * b)
}

/// Mean and standard deviation of mean, ln ω and ln σ under the likelihood, by a sum over a grid.
fn by_grid(centre: [f64; 3]) -> [[f64; 2]; 3] {
    let logs = logarithms();
    let means: Vec<f64> = logs.iter().map(|l| l.iter().sum::<f64>() / VALUES as f64).collect();
    let squares = |(l, mean): (&Vec<f64>, &f64)| l.iter().map(|y| (y - mean).powi(2)).sum::<f64>();
    let within: f64 = logs.iter().zip(&means).map(squares).sum();
    let least = likelihood(&means, within, centre);
    let steps = || (-60..=60).map(f64::from);
    let (mut total, mut first, mut second) = (0.0, [0.0; 3], [0.0; 3]);
    for i in steps() {
        for j in steps() {
            for k in steps() {
                let away = [0.006 * i, 0.02 * j, 0.008 * k];
                let at = std::array::from_fn(|c| centre[c] + away[c]);
                let weight = (-0.5 * (likelihood(&means, within, at) - least)).exp();
                total += weight;
                for c in 0..3 {
                    first[c] += weight * away[c];
                    second[c] += weight * away[c] * away[c];
                }
            }
        }
    }
    std::array::from_fn(|c| {
        let mean = first[c] / total;
        [centre[c] + mean, (second[c] / total - mean * mean).sqrt()]
    })
}

#[test]
fn what_is_resampled_is_distributed_as_the_likelihood() {
    let (fit, subjects) = (fitted(), subjects());
    let rounds = [SirRound { samples: 2000, resamples: 400 }, SirRound { samples: 30_000, resamples: 3000 }];
    let found = sampling_importance_resampling(&fit, &subjects, &rounds, 11, &(), &|| ()).unwrap();
    let last = found.last().unwrap();
    assert_eq!((last.samples.len(), last.samples.iter().filter(|s| s.kept).count()), (30_000, 3000));
    assert!(last.effective > 15_000.0, "{}", last.effective);
    // χ² of three degrees of freedom, had the likelihood no skew.
    assert!((last.mean_dofv() - 3.0).abs() < 0.3, "{}", last.mean_dofv());
    let [mean, omega, sigma] = numbers(&fit);
    let expected = by_grid([mean, omega.ln(), sigma.ln()]);
    let kept: Vec<[f64; 3]> = last
        .samples
        .iter()
        .filter(|s| s.kept)
        .map(|s| {
            let [mean, omega, sigma] = three(&fit, &fit.numbers(&s.vector));
            [mean, omega.ln(), sigma.ln()]
        })
        .collect();
    for c in 0..3 {
        let n = kept.len() as f64;
        let mean = kept.iter().map(|k| k[c]).sum::<f64>() / n;
        let sd = (kept.iter().map(|k| (k[c] - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let [mean_by_grid, sd_by_grid] = expected[c];
        assert!((mean - mean_by_grid).abs() < 4.0 * sd_by_grid / n.sqrt(), "{c}: {mean} {mean_by_grid}");
        assert!((sd / sd_by_grid - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{c}: {sd} {sd_by_grid}");
    }
}

#[test]
fn resampling_is_alike_at_any_number_of_threads_and_from_the_estimates_alone() {
    let (fit, subjects) = (fitted(), subjects());
    let rounds = [SirRound { samples: 300, resamples: 60 }];
    let again = evaluate_population(&fit.model, &subjects, PopulationOptions::default(), &()).unwrap();
    let run = |fit: &PopulationFit, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = || sampling_importance_resampling(fit, &subjects, &rounds, 1, &(), &|| ());
        pool.install(all).unwrap()
    };
    assert_eq!(run(&fit, 1), run(&fit, 3));
    assert!((again.ofv - fit.ofv).abs() < 1e-6);
    let few = [SirRound { samples: 300, resamples: 5 }];
    let refused = sampling_importance_resampling(&fit, &subjects, &few, 1, &(), &|| ()).unwrap_err();
    assert_eq!(refused, SirError::TooFew { kept: 5, numbers: 3, least: 6 });
}

#[test]
fn where_the_objective_bends_the_other_way_the_expected_information_stands_in() {
    let (fit, subjects) = (fitted(), subjects());
    assert_eq!(fit.uncertainty.as_ref().unwrap().expected_because, None);
    let [_, omega, sigma] = numbers(&fit);
    let mut values = fit.model.values();
    let k = fit.model.variable().iter().position(|&i| fit.model.position("Vc") == Some(i)).unwrap();
    // A fifth of the standard deviation: the likelihood is concave in its logarithm no longer.
    values.omega[k] = (0.2 * omega).powi(2);
    let off = fit.model.with_values(&values).unwrap();
    let off = evaluate_population(&off, &subjects, PopulationOptions::default(), &()).unwrap();
    let found = off.uncertainty.unwrap();
    let because = found.expected_because.unwrap();
    assert!(because.contains("omega_Vc"), "{because}");
    // Balanced and normal: means and spreads of subjects are independent, with τ = σ² + m·ω² of m values.
    let (n, m, s, b) = (PATIENTS as f64, VALUES as f64, sigma.powi(2), values.omega[k]);
    let tau = s + m * b;
    let [by_omega, by_sigma] = [2.0 * m * b / tau, 2.0 * s / tau];
    let spreads = [
        [0.5 * n * by_omega * by_omega, 0.5 * n * by_omega * by_sigma],
        [0.5 * n * by_omega * by_sigma, 0.5 * n * (4.0 * (m - 1.0) + by_sigma * by_sigma)],
    ];
    let determinant = spreads[0][0] * spreads[1][1] - spreads[0][1] * spreads[1][0];
    let expected = [tau / (n * m), spreads[1][1] / determinant, spreads[0][0] / determinant];
    for (k, expected) in expected.into_iter().enumerate() {
        assert!((found.r[(k, k)] / expected - 1.0).abs() < 1e-6, "{k}: {} {expected}", found.r[(k, k)]);
    }
    assert!((found.r[(1, 2)] / (-spreads[0][1] / determinant) - 1.0).abs() < 1e-6);
}

#[test]
fn a_variance_that_goes_to_zero_is_held_and_the_others_have_the_errors_of_a_model_without_it() {
    let subjects = alike();
    let fit = fit_population(&model(), &subjects, PopulationOptions::default(), &()).unwrap();
    assert!(fit.converged(), "{}", fit.reason);
    assert!(fit.reason.ends_with("At a boundary: the variance of Vc is zero"), "{}", fit.reason);
    let [_, omega, sigma] = numbers(&fit);
    assert!(omega < 1e-2 * sigma, "{omega}");
    let uncertainty = fit.uncertainty.as_ref().unwrap();
    assert_eq!((uncertainty.held.len(), &uncertainty.free[..]), (1, &[0, 2][..]));
    assert_eq!(fit.space.names(&fit.model)[uncertainty.held[0].coordinate], "omega_Vc");
    let values = (PATIENTS * VALUES) as f64;
    let estimates = population_estimates(&fit.model, &fit.space, Some(uncertainty));
    let of = |name: &str| estimates.iter().find(|e| e.name == name).unwrap();
    let (vc, omega2, error) = (of("Vc"), of("omega2_Vc"), of("sigma_omalizumab_total"));
    assert!((vc.se[0] / vc.value / (sigma / values.sqrt()) - 1.0).abs() < 1e-3, "{vc:?}");
    assert!((error.se[0] / sigma * (2.0 * values).sqrt() - 1.0).abs() < 1e-3, "{error:?}");
    assert!(!omega2.fixed && omega2.se.iter().chain(&omega2.interval).all(|v| v.is_nan()), "{omega2:?}");
    // What is held stays where it is, whoever is left out and whatever is proposed.
    let deletions = influence(&fit, &subjects, PopulationOptions::default(), 0).unwrap();
    let moved = |d: &omafit_estimate::Deletion| three(&fit, d.estimates.as_ref().unwrap());
    assert!(deletions.iter().all(|d| d.distance.is_finite() && moved(d)[1] == omega));
    assert!(deletions.iter().any(|d| (moved(d)[2] - sigma).abs() > 1e-3));
    let rounds = [SirRound { samples: 3000, resamples: 1000 }];
    let found = sampling_importance_resampling(&fit, &subjects, &rounds, 3, &(), &|| ()).unwrap();
    assert!(found[0].samples.iter().all(|s| three(&fit, &fit.numbers(&s.vector))[1] == omega));
    // χ² of the two that are free.
    assert!((found[0].mean_dofv() - 2.0).abs() < 0.3, "{}", found[0].mean_dofv());
}
