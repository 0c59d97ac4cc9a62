//! A run, as far as NONMEM's files tell of it.

use crate::table::Table;
use omafit_model::PopulationModel;

/// An estimated population, in the order of [`nonmem_values`](super::nonmem_values).
#[derive(Clone, Debug, PartialEq)]
pub struct NonmemPopulation {
    /// The method in NONMEM's words, and its record of the control stream.
    pub method: [&'static str; 2],
    /// Number, values and objective of each iteration.
    pub iterations: Vec<(u64, Vec<f64>, f64)>,
    /// Whether it converged.
    pub converged: bool,
    /// The objective.
    pub ofv: f64,
    /// The covariance of the estimates as covariances and as correlations, row by row, if there is one.
    pub covariance: Option<[Vec<f64>; 2]>,
    /// Eigenvalues of the correlation matrix of what was estimated, ascending.
    pub eigenvalues: Vec<f64>,
}

/// A run, as far as these files tell of it.
#[derive(Clone, Copy, Debug)]
pub struct NonmemRun<'a> {
    /// Its model, with its estimates.
    pub model: &'a PopulationModel,
    /// Its table `individuals`.
    pub individuals: &'a Table,
    /// Its table `observations`.
    pub observations: &'a Table,
    /// Its table `correlations`.
    pub correlations: &'a Table,
    /// Its population, if it was estimated.
    pub population: Option<&'a NonmemPopulation>,
    /// Version and command that wrote it.
    pub author: &'a str,
}
