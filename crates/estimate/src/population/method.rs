//! Methods of population estimation.

use super::fit::{fit_population, resume};
use super::its::{EmIterations, iterative_two_stage};
use super::objective::{Point, PopulationError, PopulationFit, PopulationOptions};
use super::quasi_newton::Iteration;
use super::saem::{From, SaemState, saem};
use super::space::{EstimatedParameter, ParameterVector};
use super::watch::Observer;
use omafit_model::{PopulationModel, ResidualDistribution, Subject};
use serde::{Deserialize, Serialize};

/// Checkpoint of an estimation, from which it continues with results that are bit for bit those of an uninterrupted
/// estimation. It is deserialised from a serialised [`EstimationState`](super::EstimationState).
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(StateOfMethod);

/// The state of an estimation, by method.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateOfMethod {
    Foce(Iteration<Point>),
    Its(EmIterations),
    Saem(Box<SaemState>),
}

/// Method of population estimation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopulationMethod {
    /// Iterative two-stage.
    Its,
    /// First-order conditional estimation with interaction.
    Foce,
    /// Stochastic approximation expectation–maximisation (SAEM).
    Saem {
        /// Seed of the random numbers.
        seed: u64,
    },
}

/// Checks that the data suffice to estimate a population: at least as many subjects with observations as estimated
/// variances, and at least as many observations as estimated parameters.
///
/// # Errors
/// If there are fewer, or nothing is estimated.
pub fn enough(model: &PopulationModel, subjects: &[Subject]) -> Result<(), PopulationError> {
    let space = ParameterVector::new(model)?;
    let is_variance = |c: &&EstimatedParameter| matches!(**c, EstimatedParameter::Cholesky { row, column } if row == column);
    let variances = space.coordinates().iter().filter(is_variance).count();
    let observed = subjects.iter().filter(|subject| !subject.observations.is_empty()).count();
    if observed < variances {
        return Err(PopulationError::TooFewSubjects { subjects: observed, variances });
    }
    let observations = subjects.iter().map(|subject| subject.observations.len()).sum();
    let numbers = space.coordinates().len();
    if observations < numbers {
        return Err(PopulationError::TooFewObservations { observations, numbers });
    }
    Ok(())
}

/// Fits all parameters of a population model that are not fixed, starting from the model's values; or continues from
/// the checkpoint of an estimation with the same model, subjects, method and options. `watch` observes each iteration
/// and may interrupt the estimation.
///
/// # Errors
/// If there is nothing to estimate, the data do not suffice, the method does not apply, a subject cannot be fitted, the
/// estimation is interrupted, or the checkpoint is of another estimation.
pub fn estimate_population(
    model: &PopulationModel,
    subjects: &[Subject],
    method: PopulationMethod,
    options: PopulationOptions,
    from: Option<Checkpoint>,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    if subjects.iter().all(|s| s.observations.is_empty()) {
        return Err(PopulationError::NoSubjects);
    }
    enough(model, subjects)?;
    let is_normal = model.residual_distribution() == Some(ResidualDistribution::Normal);
    if method == PopulationMethod::Its && !is_normal {
        return Err(PopulationError::StudentsT);
    }
    let its = |from| iterative_two_stage(model, subjects, options, from, watch);
    let saem = |seed, from| saem(model, subjects, options, seed, from, watch);
    match (method, from.map(|checkpoint| checkpoint.0)) {
        (PopulationMethod::Its, None) => its(None),
        (PopulationMethod::Its, Some(StateOfMethod::Its(from))) => its(Some(from)),
        (PopulationMethod::Foce, None) => fit_population(model, subjects, options, watch),
        (PopulationMethod::Foce, Some(StateOfMethod::Foce(from))) => {
            resume(model, subjects, options, from, watch)
        }
        (PopulationMethod::Saem { seed }, None) => saem(seed, From::InitialTarget),
        (PopulationMethod::Saem { seed }, Some(StateOfMethod::Its(from))) => {
            saem(seed, From::EmIterations(from))
        }
        (PopulationMethod::Saem { seed }, Some(StateOfMethod::Saem(from))) => {
            saem(seed, From::SaemState(*from))
        }
        _ => Err(PopulationError::Checkpoint),
    }
}
