//! Estimations of a population from several starts, of which the lowest is kept.

use super::method::{PopulationMethod, estimate_population};
use super::objective::{PopulationError, PopulationOptions};
use super::space::ParameterVector;
use super::watch::{Observer, StopObserver};
use omafit_model::{PopulationModel, Subject};

/// The end of an estimation from one start.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationStart {
    /// The start's number; 0 is the model's own values.
    pub start: usize,
    /// The numbers of the population as [`population_estimates`](super::population_estimates) lists them; nothing where
    /// the estimation failed.
    pub numbers: Option<Vec<f64>>,
    /// The objective of FOCE, −2 log-likelihood without constants.
    pub ofv: f64,
    /// Whether the estimation ended where it should.
    pub converged: bool,
    /// Why it ended, or failed.
    pub reason: String,
}

/// Estimates a population from the model's values and from others, so many in all, and returns the model of the lowest
/// objective, of those that converged if any did, its start, and how each ended. `done` is called after each.
///
/// # Errors
/// When nothing can be estimated from any of them, or `watch` ends it.
pub fn from_several_starts(
    model: &PopulationModel,
    subjects: &[Subject],
    method: PopulationMethod,
    options: PopulationOptions,
    starts: usize,
    watch: &dyn Observer,
    done: &dyn Fn(),
) -> Result<(PopulationModel, usize, Vec<PopulationStart>), PopulationError> {
    let space = ParameterVector::new(model)?;
    let options = PopulationOptions { covariance: false, ..options };
    let vector = space.vector(&model.values());
    let mut all = Vec::with_capacity(starts);
    let mut best: Option<(bool, f64, PopulationModel, usize)> = None;
    let mut failed = None;
    for start in 0..starts {
        let from = if start == 0 {
            model.clone()
        } else {
            space
                .model(model, &space.beside(&vector, start - 1))
                .map_err(|error| PopulationError::Model(error.to_string()))?
        };
        match estimate_population(&from, subjects, method, options, None, &StopObserver(watch)) {
            Err(PopulationError::Interrupted) => return Err(PopulationError::Interrupted),
            Err(error) => {
                let reason = error.to_string();
                failed = Some(error);
                all.push(PopulationStart { start, numbers: None, ofv: f64::NAN, converged: false, reason });
            }
            Ok(fit) => {
                let (converged, ofv) = (fit.converged(), fit.ofv);
                let is_better =
                    best.as_ref().is_none_or(|(other, least, ..)| (converged, -ofv) > (*other, -*least));
                if is_better && ofv.is_finite() {
                    best = Some((converged, ofv, fit.model.clone(), start));
                }
                let numbers = Some(fit.numbers(&fit.vector));
                all.push(PopulationStart { start, numbers, ofv, converged, reason: fit.reason });
            }
        }
        done();
    }
    match (best, failed) {
        (Some((_, _, model, start)), _) => Ok((model, start, all)),
        (None, Some(error)) => Err(error),
        (None, None) => Err(PopulationError::NoSubjects),
    }
}
