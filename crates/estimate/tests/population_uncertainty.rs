//! Bootstrap and sampling importance resampling of a population whose likelihood has a closed form.

#![allow(clippy::unwrap_used)]

mod intercepts;

use intercepts::{PATIENTS, VALUES, alike, closed_form, logarithms, model, numbers, subjects};
use omafit_estimate::{
    Bootstrap, DrawSummary, PopulationFit, PopulationMethod, PopulationOptions, SIR_ROUNDS, SirError,
    SirRound, SirSample, evaluate_population, fit_population, influence, population_estimates,
    sampling_importance_resampling, summarise_draws,
};
use omafit_model::{Analyte, EffectEntry, PopulationModel, Subject};

fn fitted() -> PopulationFit {
    fit_population(&model(), &subjects(), PopulationOptions::default(), &()).unwrap()
}

/// The mean of all logarithms, ω and σ from the list of parameters: Vc, …, ω², …, σ.
fn three(fit: &PopulationFit, listed: &[f64]) -> [f64; 3] {
    let estimates = population_estimates(&fit.model, &fit.space, None);
    let of = |name: &str| listed[estimates.iter().position(|e| e.name == name).unwrap()];
    [(intercepts::DOSE / of("Vc")).ln(), of("omega2_Vc").sqrt(), of("sigma_omalizumab_total")]
}

#[test]
fn each_replicate_of_the_bootstrap_is_the_closed_form_of_what_it_drew() {
    let (fit, subjects, logarithms) = (fitted(), subjects(), logarithms());
    // Every third subject belongs to a stratum of its own.
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
        let listed: Vec<f64> = replicate.numbers.unwrap().into_iter().map(Option::unwrap).collect();
        let found = three(&fit, &listed);
        let logs: Vec<Vec<f64>> = drawn.iter().map(|i| logarithms[*i].clone()).collect();
        for (found, expected) in found.iter().zip(closed_form(&logs)) {
            assert!((found - expected).abs() < 1e-3, "{k}: {found} {expected}");
        }
        means.push(found[0]);
    }
    // The variance of the mean of means resampled within strata.
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
    // Three standard errors of a standard deviation from 150 replicates.
    assert!((sd / expected - 1.0).abs() < 3.0 / 298_f64.sqrt(), "{sd} {expected}");
}

/// The −2 log-likelihood of mean, ln ω and ln σ, without a constant.
fn likelihood(means: &[f64], within: f64, [mean, log_omega, log_sigma]: [f64; 3]) -> f64 {
    let (b, s, m) = ((2.0 * log_omega).exp(), (2.0 * log_sigma).exp(), VALUES as f64);
    let between: f64 = means.iter().map(|of| m * (of - mean).powi(2)).sum();
    let n = means.len() as f64;
    n * ((m - 1.0) * s.ln() + (s + m * b).ln()) + within / s + between / (s + m * b)
}

/// The mean, standard deviation, and 2.5 and 97.5 per cent quantiles of mean, ln ω and ln σ under the likelihood, by a
/// sum over a grid.
fn by_grid(centre: [f64; 3]) -> [[f64; 4]; 3] {
    let logs = logarithms();
    let means: Vec<f64> = logs.iter().map(|l| l.iter().sum::<f64>() / VALUES as f64).collect();
    let squares = |(l, mean): (&Vec<f64>, &f64)| l.iter().map(|y| (y - mean).powi(2)).sum::<f64>();
    let within: f64 = logs.iter().zip(&means).map(squares).sum();
    let least = likelihood(&means, within, centre);
    let steps = [0.006, 0.02, 0.008];
    let mut marginal = [[0.0; 121]; 3];
    for (i, j, k) in (0..121).flat_map(|i| (0..121).flat_map(move |j| (0..121).map(move |k| (i, j, k)))) {
        let at = [i, j, k];
        let x = std::array::from_fn(|c| centre[c] + steps[c] * (at[c] as f64 - 60.0));
        let weight = (-0.5 * (likelihood(&means, within, x) - least)).exp();
        (0..3).for_each(|c| marginal[c][at[c]] += weight);
    }
    std::array::from_fn(|c| {
        let total: f64 = marginal[c].iter().sum();
        let moment = |power| {
            let of = |(i, w): (usize, &f64)| w / total * (steps[c] * (i as f64 - 60.0)).powi(power);
            marginal[c].iter().enumerate().map(of).sum::<f64>()
        };
        // The distribution function, linear within a cell.
        let point = |p: f64| {
            let (mut below, mut i) = (0.0, 0);
            while below + marginal[c][i] / total < p {
                below += marginal[c][i] / total;
                i += 1;
            }
            let part = (p - below) / (marginal[c][i] / total);
            centre[c] + steps[c] * (i as f64 - 60.5 + part)
        };
        let mean = moment(1);
        [centre[c] + mean, (moment(2) - mean * mean).sqrt(), point(0.025), point(0.975)]
    })
}

/// The mean, ln ω and ln σ of each vector.
fn on_their_scales(fit: &PopulationFit, samples: &[SirSample]) -> Vec<[f64; 3]> {
    let of = |s: &SirSample| {
        let [mean, omega, sigma] = three(fit, &fit.numbers(&s.vector));
        [mean, omega.ln(), sigma.ln()]
    };
    samples.iter().map(of).collect()
}

#[test]
fn samples_by_weight_and_resamples_are_distributed_as_the_likelihood() {
    let (fit, subjects) = (fitted(), subjects());
    let rounds = [SirRound { samples: 2000, resamples: 400 }, SirRound { samples: 30_000, resamples: 3000 }];
    let found = sampling_importance_resampling(&fit, &subjects, &rounds, 11, &(), &|| ()).unwrap();
    assert_eq!((found.samples.len(), found.samples.iter().filter(|s| s.kept).count()), (32_000, 3000));
    assert!(found.samples.iter().skip(2000).all(|s| s.round == 1));
    let last = found.rounds.last().unwrap();
    assert!(last.effective > 15_000.0 && found.whole.effective > last.effective, "{found:?}");
    assert!(found.whole.pareto_k < 0.5 && found.whole.outermost_weight < 0.1, "{:?}", found.whole);
    // χ² with three degrees of freedom, if the likelihood were not skewed.
    assert!((found.whole.mean_dofv - 3.0).abs() < 0.3, "{}", found.whole.mean_dofv);
    let [mean, omega, sigma] = numbers(&fit);
    let expected = by_grid([mean, omega.ln(), sigma.ln()]);
    let all = on_their_scales(&fit, &found.samples);
    let kept: Vec<f64> = found.samples.iter().map(|s| f64::from(u8::from(s.kept))).collect();
    for (weights, n) in [(found.weights(), found.whole.effective), (kept, 3000.0)] {
        for c in 0..3 {
            let values: Vec<f64> = all.iter().map(|k| k[c]).collect();
            let DrawSummary { mean, sd, interval, interval_se, .. } =
                summarise_draws(&values, &weights, 0.95);
            let [mean_by_grid, sd_by_grid, ends @ ..] = expected[c];
            assert!((mean - mean_by_grid).abs() < 4.0 * sd_by_grid / n.sqrt(), "{c}: {mean} {mean_by_grid}");
            assert!((sd / sd_by_grid - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{c}: {sd} {sd_by_grid}");
            for ((end, se), by_grid) in interval.into_iter().zip(interval_se).zip(ends) {
                assert!(
                    (end - by_grid).abs() < 4.0 * se && se < 0.1 * sd_by_grid,
                    "{c}: {end} {by_grid} {se}"
                );
            }
        }
    }
}

#[test]
fn a_proposal_that_is_too_narrow_is_seen_and_widened() {
    let (mut fit, subjects) = (fitted(), subjects());
    if let Ok(uncertainty) = &mut fit.uncertainty {
        uncertainty.r *= 0.02;
    }
    let first = sampling_importance_resampling(&fit, &subjects, &SIR_ROUNDS[..1], 2, &(), &|| ()).unwrap();
    assert!(first.whole.pareto_k > 0.7 && first.whole.outermost_weight > 0.5, "{:?}", first.whole);
    let found = sampling_importance_resampling(&fit, &subjects, &SIR_ROUNDS, 2, &(), &|| ()).unwrap();
    assert_eq!(found.rounds[0], first.rounds[0]);
    let last = found.rounds[4];
    assert!(last.pareto_k < 0.7 && last.outermost_weight < 0.15 && last.effective > 1000.0, "{last:?}");
    let [mean, omega, sigma] = numbers(&fit);
    let all = on_their_scales(&fit, &found.samples);
    for (c, [_, sd, low, high]) in by_grid([mean, omega.ln(), sigma.ln()]).into_iter().enumerate() {
        let values: Vec<f64> = all.iter().map(|k| k[c]).collect();
        let summary = summarise_draws(&values, &found.weights(), 0.95);
        for (end, by_grid) in summary.interval.into_iter().zip([low, high]) {
            assert!((end - by_grid).abs() < 0.2 * sd, "{c}: {end} {by_grid} {sd}");
        }
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
    // A fifth of the standard deviation: the likelihood is no longer concave in its logarithm.
    values.omega[k] = (0.2 * omega).powi(2);
    let off = fit.model.with_values(&values).unwrap();
    let off = evaluate_population(&off, &subjects, PopulationOptions::default(), &()).unwrap();
    let found = off.uncertainty.unwrap();
    let because = found.expected_because.unwrap();
    assert!(because.contains("omega_Vc"), "{because}");
    // Balanced and normal: the means and standard deviations within subjects are independent, with τ = σ² + m·ω² for m
    // values.
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
    // A boundary estimate stays held, whichever subject is left out and whatever is proposed.
    let deletions = influence(&fit, &subjects, PopulationOptions::default(), 0).unwrap();
    let moved = |d: &omafit_estimate::Deletion| three(&fit, d.estimates.as_ref().unwrap());
    assert!(deletions.iter().all(|d| d.distance.is_finite() && moved(d)[1] == omega));
    assert!(deletions.iter().any(|d| (moved(d)[2] - sigma).abs() > 1e-3));
    let rounds = [SirRound { samples: 3000, resamples: 1000 }];
    let found = sampling_importance_resampling(&fit, &subjects, &rounds, 3, &(), &|| ()).unwrap();
    assert!(found.samples.iter().all(|s| three(&fit, &fit.numbers(&s.vector))[1] == omega));
    // χ² with two degrees of freedom, for the two free parameters.
    assert!((found.whole.mean_dofv - 2.0).abs() < 0.3, "{}", found.whole.mean_dofv);
}

#[test]
fn what_no_subject_says_anything_of_is_not_determined_whatever_it_is() {
    // An effect of age on Vc, and an analyte that was never measured.
    let mut file = model().file().clone();
    let effect = EffectEntry::Power { covariate: "AGE".into(), centre: 40.0, exponent: 0.1, fixed: false };
    file.parameters.get_mut("Vc").unwrap().effects.push(effect);
    file.residual.get_mut(&Analyte::IGE_TOTAL).unwrap().fixed = false;
    let model = PopulationModel::new(file).unwrap();
    let aged = |age: &dyn Fn(usize) -> f64| -> Vec<Subject> {
        let with = |(i, subject): (usize, Subject)| Subject {
            covariates: subject.covariates.clone().with("AGE", age(i)),
            ..subject
        };
        subjects().into_iter().enumerate().map(with).collect()
    };
    let undetermined = |subjects: &[Subject]| {
        let fit = fit_population(&model, subjects, PopulationOptions::default(), &()).unwrap();
        assert!(fit.converged(), "{}", fit.reason);
        let names = fit.space.names(&fit.model);
        let missing: Vec<String> = fit.undetermined.iter().map(|&k| names[k].clone()).collect();
        let is_missing: Vec<bool> = fit.determined().iter().map(|value| value.is_nan()).collect();
        assert_eq!(is_missing.iter().filter(|is| **is).count(), missing.len());
        (missing, fit)
    };
    let (missing, _) = undetermined(&aged(&|i| 30.0 + i as f64));
    assert_eq!(missing, ["sigma_ige_total"]);
    // If all subjects have the reference age, the coefficient is undetermined, and the other estimates are unchanged.
    let (missing, fit) = undetermined(&aged(&|_| 40.0));
    assert_eq!(missing, ["Vc_AGE", "sigma_ige_total"]);
    for (found, expected) in numbers(&fit).into_iter().zip(closed_form(&logarithms())) {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
    // At another common age the coefficient cannot be separated from the typical value.
    let same = aged(&|_| 50.0);
    let (missing, _) = undetermined(&same);
    assert_eq!(missing, ["Vc", "Vc_AGE", "sigma_ige_total"]);
    let options = PopulationOptions::default();
    let bootstrap = Bootstrap {
        model: &fit.model,
        subjects: &same,
        strata: &[0; PATIENTS],
        method: PopulationMethod::Foce,
        options,
        seed: 1,
    };
    let replicate = bootstrap.replicate(0, &()).unwrap();
    let estimates = population_estimates(&fit.model, &fit.space, None);
    let free = estimates.iter().zip(replicate.numbers.unwrap()).filter(|(e, _)| !e.fixed);
    let missing: Vec<&str> = free.filter(|(_, value)| value.is_none()).map(|(e, _)| &e.name[..]).collect();
    assert!(replicate.converged && missing == ["Vc", "Vc_AGE", "sigma_ige_total"], "{missing:?}");
}
