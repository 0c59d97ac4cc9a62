//! Parts of a run that NONMEM's output files report.

use crate::table::Table;
use omafit_model::PopulationModel;

/// Estimated population, with its values in the order of [`nonmem_values`](super::nonmem_values).
#[derive(Clone, Debug, PartialEq)]
pub struct NonmemPopulation {
    /// Estimation method in NONMEM's words, and its options in the `$ESTIMATION` record.
    pub method: [&'static str; 2],
    /// Number, values and objective function value of each iteration.
    pub iterations: Vec<(u64, Vec<f64>, f64)>,
    /// Whether the estimation converged.
    pub converged: bool,
    /// Objective function value.
    pub ofv: f64,
    /// Covariance matrix of the estimates, with Ω and Σ as covariances and as correlations, row by row; `None` if the
    /// matrix could not be computed.
    pub covariance: Option<[Vec<f64>; 2]>,
    /// Eigenvalues of the correlation matrix of the estimated parameters, ascending.
    pub eigenvalues: Vec<f64>,
}

/// Parts of a run that NONMEM's output files report.
#[derive(Clone, Copy, Debug)]
pub struct NonmemRun<'a> {
    /// Model of the run, with its estimates.
    pub model: &'a PopulationModel,
    /// Table `individuals` of the run.
    pub individuals: &'a Table,
    /// Table `observations` of the run.
    pub observations: &'a Table,
    /// Table `correlations` of the run.
    pub correlations: &'a Table,
    /// Population, if it was estimated.
    pub population: Option<&'a NonmemPopulation>,
    /// Program version and command that wrote the run.
    pub author: &'a str,
}
