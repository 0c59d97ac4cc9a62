//! The methods by which a population is estimated.

use super::fit::{fit_population, resume};
use super::its::{EmIterations, iterative_two_stage};
use super::objective::{Point, PopulationError, PopulationFit, PopulationOptions};
use super::quasi_newton::Iteration;
use super::saem::{From, SaemState, saem};
use super::space::{EstimatedParameter, ParameterVector};
use super::watch::Observer;
use omafit_model::{PopulationModel, ResidualDistribution, Subject};
use serde::{Deserialize, Serialize};

/// Where an estimation stood: from it the estimation goes on to the same bits as without a stop. It is what is serialised of a
/// [`EstimationState`](super::Standing).
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

/// How a population is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PopulationMethod {
    /// Iterative two-stage.
    Its,
    /// First-order conditional estimation with interaction.
    Foce,
    /// Stochastic approximation of expectation and maximisation; what it draws has this seed.
    Saem {
        /// The seed.
        seed: u64,
    },
}

/// Whether something can be learnt of a population: at least as many subjects with observations as variances, and as many
/// observations as numbers.
///
/// # Errors
/// When there are fewer, or nothing is estimated.
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

/// Fits all of a model's population that it does not fix, from its own values, by a method; or goes on from where such an
/// estimation, of the same model, subjects, method and options, stood. `watch` is told of each iteration, and may end it.
///
/// # Errors
/// When there is nothing to estimate, a subject cannot be fitted, it was interrupted, or the checkpoint is of another
/// estimation.
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
