//! Ranking of several runs by their likelihood.

use super::weights::akaike_weights;
use omafit_model::{Analyte, PopulationModel};
use std::collections::BTreeMap;

/// The likelihood of a run and the criteria derived from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunCriteria {
    /// −2 log-likelihood without the constants that NONMEM leaves out.
    pub ofv: f64,
    /// −2 log-likelihood with all constants.
    pub minus2ll: f64,
    /// Akaike's information criterion.
    pub aic: f64,
    /// Monte-Carlo standard error of OFV, −2LL and AIC; zero if the likelihood was not sampled.
    pub monte_carlo_se: f64,
    /// Whether the estimation converged.
    pub converged: bool,
}

/// Differences of a run's criteria from the criteria of other runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunStanding {
    /// OFV minus the OFV of the first run; `None` if the two objectives leave out different constants.
    pub delta_ofv: Option<f64>,
    /// −2LL minus the −2LL of the first run.
    pub delta_minus2ll: Option<f64>,
    /// AIC minus the lowest AIC of the converged runs.
    pub delta_aic: Option<f64>,
    /// Whether `delta_aic` is above zero and below twice its Monte-Carlo standard error.
    pub is_within_error: bool,
    /// Akaike weight among the converged runs.
    pub weight: Option<f64>,
}

/// The standing of each run that has a likelihood; differences are from the first run with a likelihood.
pub fn standings(runs: &[Option<(&PopulationModel, RunCriteria)>]) -> Vec<RunStanding> {
    let first = runs.iter().flatten().next();
    let is_settled = |criteria: &RunCriteria| criteria.converged && criteria.aic.is_finite();
    let settled = runs.iter().map(|run| run.map(|(_, criteria)| criteria).filter(is_settled));
    let settled: Vec<Option<RunCriteria>> = settled.collect();
    let lowest = settled.iter().flatten().min_by(|a, b| a.aic.total_cmp(&b.aic));
    let weights = akaike_weights(&settled.iter().map(|run| run.map(|c| c.aic)).collect::<Vec<_>>());
    let finite = |difference: f64| Some(difference).filter(|d| d.is_finite());
    let of = |(run, weight): (&Option<(&PopulationModel, RunCriteria)>, Option<f64>)| {
        let (Some((model, own)), Some((base, other))) = (run, first) else { return RunStanding::default() };
        let delta_aic = lowest.and_then(|lowest| finite(own.aic - lowest.aic));
        let error = lowest.map_or(0.0, |lowest| own.monte_carlo_se.hypot(lowest.monte_carlo_se));
        RunStanding {
            delta_ofv: finite(own.ofv - other.ofv).filter(|_| leave_out_the_same(model, base)),
            delta_minus2ll: finite(own.minus2ll - other.minus2ll),
            delta_aic,
            is_within_error: delta_aic.is_some_and(|delta| delta > 0.0 && delta < 2.0 * error),
            weight,
        }
    };
    runs.iter().zip(weights).map(of).collect()
}

/// Whether the objective functions of two models leave out the same constants: with log-normal residual error they also
/// leave out Σ ln y².
pub fn leave_out_the_same(one: &PopulationModel, other: &PopulationModel) -> bool {
    let logs = |model: &PopulationModel| -> BTreeMap<Analyte, bool> {
        model.residuals().iter().map(|(analyte, residual)| (analyte, residual.error.is_log())).collect()
    };
    logs(one) == logs(other)
}
