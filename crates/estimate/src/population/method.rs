//! The methods by which a population is estimated.

use super::fit::{PopulationError, PopulationFit, PopulationOptions, Progress, fit_population};
use super::its::iterative_two_stage;
use super::saem::saem;
use omafit_model::{PopulationModel, Subject};
use serde::{Deserialize, Serialize};

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

/// Fits all of a model's population that it does not fix, from its own values, by a method.
///
/// `observe` is called after each iteration; of SAEM's averaging with an objective that is NaN where it was not computed.
///
/// # Errors
/// When there is nothing to estimate, or a subject cannot be fitted.
pub fn estimate_population(
    model: &PopulationModel,
    subjects: &[Subject],
    method: PopulationMethod,
    options: PopulationOptions,
    observe: &(dyn Fn(&Progress<'_>) + Sync),
) -> Result<PopulationFit, PopulationError> {
    if subjects.iter().all(|s| s.observations.is_empty()) {
        return Err(PopulationError::NoSubjects);
    }
    match method {
        PopulationMethod::Its => iterative_two_stage(model, subjects, options, observe),
        PopulationMethod::Foce => fit_population(model, subjects, options, observe),
        PopulationMethod::Saem { seed } => saem(model, subjects, options, seed, observe),
    }
}
