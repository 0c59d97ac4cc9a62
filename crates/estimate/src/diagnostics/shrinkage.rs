//! Shrinkage of empirical Bayes estimates toward the typical subject: Savic and Karlsson 2009 (AAPS J 11:558,
//! doi 10.1208/s12248-009-9133-0).

use super::distribution::{mean_p_value, moments};
use crate::options::{FitOptions, free_names};
use omafit_model::PopulationModel;

/// Shrinkage and distribution of the empirical Bayes estimates η̂ of one parameter over the subjects.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrinkage {
    /// Name of the parameter.
    pub name: &'static str,
    /// How many subjects have a fit that did not fail.
    pub n: usize,
    /// Standard deviation ω of η in the population; NaN for a parameter without between-subject variability.
    pub omega_sd: f64,
    /// Mean of η̂.
    pub eta_mean: f64,
    /// Two-sided p value of the test that the mean is zero.
    pub eta_mean_p: f64,
    /// Standard deviation of η̂ about its mean (divisor n − 1).
    pub eta_sd: f64,
    /// Shrinkage on the standard deviation scale, 1 − SD(η̂)/ω.
    pub sd_form: f64,
    /// Shrinkage on the variance scale, 1 − var(η̂)/ω².
    pub variance_form: f64,
}

/// Shrinkage of each estimated parameter, from the η̂ of the fitted subjects.
pub fn shrinkage(model: &PopulationModel, options: &FitOptions, etas: &[Vec<f64>]) -> Vec<Shrinkage> {
    let of = |(i, name): (usize, &'static str)| {
        let eta: Vec<f64> = etas.iter().map(|eta| eta[i]).collect();
        let at = model.variable().iter().position(|v| *v == options.free[i]);
        let omega_sd = at.map_or(f64::NAN, |at| model.omega()[at * (model.variable().len() + 1)].sqrt());
        let (mean, variance) = moments(&eta);
        Shrinkage {
            name,
            n: eta.len(),
            omega_sd,
            eta_mean: mean,
            eta_mean_p: mean_p_value(&eta),
            eta_sd: variance.sqrt(),
            sd_form: 1.0 - variance.sqrt() / omega_sd,
            variance_form: 1.0 - variance / (omega_sd * omega_sd),
        }
    };
    free_names(model, options).into_iter().enumerate().map(of).collect()
}
