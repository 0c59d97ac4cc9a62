//! Where each of several runs stands by its likelihood.

use super::weights::akaike_weights;
use omafit_model::{Analyte, PopulationModel};

/// The likelihood of a run, and what is made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunCriteria {
    /// −2 log-likelihood without the constants that NONMEM leaves out.
    pub ofv: f64,
    /// −2 log-likelihood with all constants.
    pub minus2ll: f64,
    /// Akaike's criterion.
    pub aic: f64,
    /// Monte-Carlo standard error of all of them; zero where nothing was drawn.
    pub monte_carlo_se: f64,
    /// Whether the estimation converged.
    pub converged: bool,
}

/// Differences of a run's criteria from those of others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunStanding {
    /// OFV less the first run's; nothing where the two leave out other constants.
    pub delta_ofv: Option<f64>,
    /// −2LL less the first run's.
    pub delta_minus2ll: Option<f64>,
    /// AIC less the lowest of those that converged.
    pub delta_aic: Option<f64>,
    /// Whether that distance is within twice its Monte-Carlo standard error; not of the lowest itself.
    pub is_within_error: bool,
    /// Akaike weight among those that converged.
    pub weight: Option<f64>,
}

/// The standing of each run that has a likelihood; differences are from the first of them.
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

/// Whether the objectives of two models leave out the same constants of the same observations: of a log-normal error they
/// leave out Σ ln y² too.
pub fn leave_out_the_same(one: &PopulationModel, other: &PopulationModel) -> bool {
    let logs = |model: &PopulationModel| Analyte::ALL.map(|a| model.residual(a).map(|r| r.error.is_log()));
    logs(one) == logs(other)
}
