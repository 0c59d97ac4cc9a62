//! Estimation of the size of the residual error: σ of a log-normal, additive or proportional error, or both parts of a
//! combined error.
//!
//! With g the scale of an observation, α_k = ∂ ln g/∂ ln σ_k (one for a single σ; a²/g² and b²f²/g² for the two of a
//! combined error), z the standardised residual and ψ its score, the likelihood is stationary in ln σ_k where
//!
//! ```text
//! Σ α_k·(1 − c·h − z·ψ(z)) + Σ_censored α_k·(±z)·p(±z)/F(±z) = 0
//! ```
//!
//! with h = 0. For a single normal σ this is σ² = Σr²/n. Residuals of a fit are smaller than the errors; with h the
//! leverage of each observation in its subject's fit it is σ² = Σr²/Σ(1 − h), which is unbiased for a linear model,
//! both for least squares (Σh is the number of parameters) and for empirical Bayes estimates (Cov r = σ²(I − H) with
//! either hat matrix H). c is one for the normal distribution and (ν + 2)/(ν + 5) for Student's t, see
//! [`StandardisedDensity::cost_of_leverage`](crate::likelihood::StandardisedDensity::cost_of_leverage).

use crate::individual_fit::{IndividualFit, Status};
use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals};
use crate::likelihood::{
    ErrorDistribution, ResidualErrors, StandardisedDensity as _, residual_errors, scale_term,
};
use crate::options::FitOptions;
use argmin::core::Executor;
use nalgebra::{DMatrix, DVector};
use omafit_model::{Analyte, Censoring, ErrorModel, Observation, PopulationModel, Subject};

/// Number of quantified observations of an analyte, beyond the number of estimated parameters, that a subject needs for
/// a σ of its own.
const OWN_SIGMA_NEEDS: usize = 5;
/// Fraction of the given σ below which an estimated σ counts as vanished.
const VANISHED: f64 = 1e-3;

/// Largest number of rounds that alternate between σ and parameters, and the largest change of ln g in a round at which
/// the rounds end.
const ROUNDS: usize = 200;
const SETTLED: f64 = 1e-7;

/// An observation with its prediction and leverage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitted<'a> {
    observation: &'a Observation,
    prediction: f64,
    leverage: f64,
}

/// The observations of one analyte in a fit, with their leverages if `corrected`, otherwise zero.
pub(crate) fn fitted<'a>(
    subject: &'a Subject,
    fit: &'a IndividualFit,
    analyte: Analyte,
    corrected: bool,
) -> impl Iterator<Item = Fitted<'a>> {
    let all = subject.observations.iter().zip(&fit.ipred).zip(&fit.leverages);
    all.filter(move |((o, _), _)| o.analyte == analyte).map(move |((observation, &prediction), &h)| Fitted {
        observation,
        prediction,
        leverage: if corrected { h } else { 0.0 },
    })
}

/// The maximum likelihood estimate of the size of an error from these observations, starting from `law`; `None` if it
/// vanishes or nothing was quantified.
pub(crate) fn estimate(law: ErrorDistribution, observations: &[Fitted<'_>]) -> Option<ErrorModel> {
    if !observations.iter().any(|o| o.observation.censoring == Censoring::Quantified) {
        return None;
    }
    let problem = Size { law, observations };
    let start = vec![0.0; sigmas(law.error).len()];
    let solver = LevenbergMarquardt::until(1e-14);
    let run = Executor::new(problem, solver)
        .configure(|state| state.param(start).max_iters(200))
        .timer(false)
        .ctrlc(false);
    let mut state = run.run().ok()?.state;
    let found = resized(law.error, &state.take_param()?);
    let (old, new) = (sigmas(law.error), sigmas(found));
    // One part of a combined error may vanish, but not both.
    let kept = old.iter().zip(&new).any(|(old, new)| *new > VANISHED * old);
    (kept && new.iter().all(|s| s.is_finite() && *s > 0.0)).then_some(found)
}

/// The standard deviations of an error: one, or the additive and the proportional one of a combined error.
pub fn sigmas(error: ErrorModel) -> Vec<f64> {
    match error {
        ErrorModel::LogNormal { sd } => vec![sd],
        ErrorModel::Normal { additive, proportional } => {
            [additive, proportional].into_iter().filter(|s| *s > 0.0).collect()
        }
    }
}

/// The error with other standard deviations, in the order of [`sigmas`].
pub fn with_sigmas(error: ErrorModel, sigmas: &[f64]) -> ErrorModel {
    let mut rest = sigmas.iter().copied();
    let mut next = |sd: f64| if sd > 0.0 { rest.next().unwrap_or(sd) } else { 0.0 };
    match error {
        ErrorModel::LogNormal { sd } => ErrorModel::LogNormal { sd: next(sd) },
        ErrorModel::Normal { additive, proportional } => {
            let additive = next(additive);
            ErrorModel::Normal { additive, proportional: next(proportional) }
        }
    }
}

/// An error with each of its standard deviations multiplied by the exponential of its element of `by`.
fn resized(error: ErrorModel, by: &[f64]) -> ErrorModel {
    let sizes: Vec<f64> = sigmas(error).iter().zip(by).map(|(sd, by)| sd * by.exp()).collect();
    with_sigmas(error, &sizes)
}

/// The likelihood as a function of the logarithms of an error's standard deviations relative to those of `law`.
struct Size<'a> {
    law: ErrorDistribution,
    observations: &'a [Fitted<'a>],
}

impl Residuals for Size<'_> {
    type Error = std::convert::Infallible;

    fn linearise(&self, by: &[f64]) -> Result<Linearised, Self::Error> {
        let ErrorDistribution { shape, .. } = self.law;
        let error = resized(self.law.error, by);
        let rows = self.observations.len();
        let mut objective = 0.0;
        let mut residuals = DVector::zeros(rows);
        let mut jacobian = DMatrix::zeros(rows, by.len());
        for (row, of) in self.observations.iter().enumerate() {
            let (o, f) = (of.observation, of.prediction);
            let Some(term) = scale_term(o, ErrorDistribution { error, shape }, f) else { continue };
            let (mut value, mut slope) = (term.value, term.slope);
            if o.censoring == Censoring::Quantified {
                let shortened = shape.cost_of_leverage() * of.leverage;
                value += 2.0 * (1.0 - shortened) * error.sd(f).ln();
                slope -= shortened;
            }
            let curvature = term.curvature;
            objective += value;
            if curvature > 0.0 {
                residuals[row] = slope / curvature.sqrt();
                for (column, part) in parts(error).into_iter().enumerate() {
                    jacobian[(row, column)] = curvature.sqrt() * term.shares[part];
                }
            }
        }
        let (noise, predictions, informative) = (0.0, Vec::new(), (0..rows).collect());
        Ok(Linearised {
            objective,
            noise,
            is_sum_of_squares: false,
            predictions,
            informative,
            residuals,
            jacobian,
        })
    }
}

/// The index, 0 or 1, of each standard deviation of [`sigmas`] within the error.
fn parts(error: ErrorModel) -> Vec<usize> {
    match error {
        ErrorModel::LogNormal { .. } => vec![0],
        ErrorModel::Normal { additive, proportional } => {
            (0..2).filter(|&part| [additive, proportional][part] > 0.0).collect()
        }
    }
}

/// The largest change of ln g among these observations.
pub(crate) fn change(old: ErrorModel, new: ErrorModel, observations: &[Fitted<'_>]) -> f64 {
    let changes = observations.iter().map(|o| (new.sd(o.prediction) / old.sd(o.prediction)).ln().abs());
    changes.fold(0.0, f64::max)
}

/// A subject's fit with its own σ, by joint maximum likelihood of parameters and σ: one after the other, until neither
/// changes. `refit` fits with given errors from the end of the last fit; its flag marks the final fit.
pub(crate) fn with_own_sigma(
    model: &PopulationModel,
    subject: &Subject,
    options: &FitOptions,
    mut fit: IndividualFit,
    refit: impl Fn(&ResidualErrors, &[f64], bool) -> IndividualFit,
) -> IndividualFit {
    let given = residual_errors(model);
    let needed = options.free.len() + OWN_SIGMA_NEEDS;
    let mut own: Vec<Analyte> = Vec::new();
    let mut said = String::new();
    for analyte in model.analytes() {
        let of = subject.observations.iter().filter(|o| o.analyte == analyte);
        let quantified = of.filter(|o| o.censoring == Censoring::Quantified).count();
        let fixed = model.residual(analyte).is_none_or(|residual| residual.fixed);
        if quantified >= needed && !fixed {
            own.push(analyte);
        } else if quantified > 0 {
            let why =
                if fixed { "fixed".into() } else { format!("{quantified} values of the {needed} it needs") };
            said += &format!("; σ of {} as given: {why}", analyte.name());
        }
    }
    let (mut errors, mut iterations, starts) = (given.clone(), fit.iterations, fit.starts);
    let mut settled = own.is_empty();
    for _ in 0..ROUNDS {
        if settled || fit.status == Status::Failed {
            break;
        }
        let (mut largest, mut vanished) = (0.0_f64, Vec::new());
        for &analyte in &own {
            let Some(&old) = errors.get(analyte) else { continue };
            let observations: Vec<Fitted<'_>> = fitted(subject, &fit, analyte, false).collect();
            if let Some(error) = estimate(old, &observations) {
                largest = largest.max(change(old.error, error, &observations));
                errors.insert(analyte, ErrorDistribution { error, ..old });
            } else {
                vanished.push(analyte);
            }
        }
        for analyte in vanished {
            said += &format!("; σ of {} as given: its residuals vanish", analyte.name());
            if let Some(error) = given.get(analyte) {
                errors.insert(analyte, *error);
            }
            own.retain(|a| *a != analyte);
            largest = f64::INFINITY;
        }
        settled = largest < SETTLED;
        fit = refit(&errors, &fit.eta, settled);
        iterations += fit.iterations;
    }
    (fit.iterations, fit.starts) = (iterations, starts);
    let estimated = own.iter().filter_map(|a| errors.get(*a));
    fit.own_sigmas = estimated.map(|law| sigmas(law.error).len()).sum();
    if !settled && fit.status != Status::Failed {
        fit.fail(model, options, &format!("; σ does not settle in {ROUNDS} rounds"));
    }
    fit.reason += &said;
    fit
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::ResidualDistribution;

    fn observed(analyte: Analyte, value: f64, censoring: Censoring) -> Observation {
        Observation { value, censoring, ..Observation::planned(0.0, analyte, 0) }
    }

    fn single(error: ErrorModel) -> f64 {
        let [sigma] = sigmas(error).try_into().unwrap();
        sigma
    }

    #[test]
    fn one_normal_sigma_is_the_mean_square_and_with_leverages_the_unbiased_one() {
        let pairs = [(10.0_f64, 12.0_f64), (3.0, 2.2), (40.0, 39.0), (7.0, 9.1), (0.5, 0.8)];
        let leverages = [0.3, 0.1, 0.6, 0.5, 0.5];
        let squares: [fn(f64, f64) -> f64; 3] =
            [|f, y| (y / f).ln().powi(2), |f, y| (y - f).powi(2), |f, y| ((y - f) / f).powi(2)];
        let errors = [
            ErrorModel::LogNormal { sd: 3.0 },
            ErrorModel::Normal { additive: 0.01, proportional: 0.0 },
            ErrorModel::Normal { additive: 0.0, proportional: 5.0 },
        ];
        for (error, square) in errors.into_iter().zip(squares) {
            let values = pairs.map(|(_, y)| observed(Analyte::IGE_FREE, y, Censoring::Quantified));
            let sum: f64 = pairs.iter().map(|(f, y)| square(*f, *y)).sum();
            for (corrected, freedom) in [(false, 5.0), (true, 3.0)] {
                let fitted: Vec<Fitted<'_>> = (0..5)
                    .map(|i| Fitted {
                        observation: &values[i],
                        prediction: pairs[i].0,
                        leverage: if corrected { leverages[i] } else { 0.0 },
                    })
                    .collect();
                let found = single(
                    estimate(ErrorDistribution { error, shape: ResidualDistribution::Normal }, &fitted)
                        .unwrap(),
                );
                let expected = (sum / freedom).sqrt();
                assert!((found / expected - 1.0).abs() < 1e-7, "{error:?} {found} {expected}");
            }
        }
    }

    #[test]
    fn every_kind_agrees_with_scipy() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/sigma.json");
        let reference: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = reference["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 16);
        for case in cases {
            let numbers = |key: &str| -> Vec<f64> {
                case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
            };
            let (start, expected) = (numbers("start"), numbers("sigmas"));
            let error = match case["kind"].as_str().unwrap() {
                "log" => ErrorModel::LogNormal { sd: start[0] },
                "additive" => ErrorModel::Normal { additive: start[0], proportional: 0.0 },
                "proportional" => ErrorModel::Normal { additive: 0.0, proportional: start[0] },
                _ => ErrorModel::Normal { additive: start[0], proportional: start[1] },
            };
            let shape = case["df"]
                .as_f64()
                .map_or(ResidualDistribution::Normal, |df| ResidualDistribution::StudentT { df });
            let censoring = numbers("censored").into_iter().map(|c| match c {
                1.0 => Censoring::Below,
                -1.0 => Censoring::Above,
                _ => Censoring::Quantified,
            });
            let values: Vec<Observation> = numbers("observations")
                .into_iter()
                .zip(censoring)
                .map(|(y, censoring)| observed(Analyte::IGE_FREE, y, censoring))
                .collect();
            let predictions = numbers("predictions");
            let fitted: Vec<Fitted<'_>> = values
                .iter()
                .zip(predictions)
                .map(|(observation, prediction)| Fitted { observation, prediction, leverage: 0.0 })
                .collect();
            let found = sigmas(estimate(ErrorDistribution { error, shape }, &fitted).unwrap());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found / expected - 1.0).abs() < 1e-5, "{error:?} {shape:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn residuals_that_vanish_give_no_sigma() {
        let value = observed(Analyte::IGE_TOTAL, 5.0, Censoring::Quantified);
        let fitted = [Fitted { observation: &value, prediction: 5.0, leverage: 0.0 }; 4];
        let law = ErrorDistribution {
            error: ErrorModel::LogNormal { sd: 0.2 },
            shape: ResidualDistribution::Normal,
        };
        assert_eq!(estimate(law, &fitted), None);
        let value = observed(Analyte::IGE_TOTAL, 5.0, Censoring::Below);
        let fitted = [Fitted { observation: &value, prediction: 4.0, leverage: 0.0 }; 4];
        assert_eq!(estimate(law, &fitted), None);
    }
}
