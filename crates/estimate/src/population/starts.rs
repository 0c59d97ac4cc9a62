//! Population estimation from several starts, of which the best result is kept.

use super::method::{PopulationMethod, estimate_population};
use super::objective::{PopulationError, PopulationOptions};
use super::space::ParameterVector;
use super::watch::{Observer, StopObserver};
use omafit_model::{PopulationModel, Subject};

/// Result of an estimation from one start.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationStart {
    /// Index of the start; 0 is the model's own values.
    pub start: usize,
    /// Population parameters in the order of [`population_estimates`](super::population_estimates); `None` if the
    /// estimation failed.
    pub numbers: Option<Vec<f64>>,
    /// FOCE objective function value, −2 log-likelihood without constants.
    pub ofv: f64,
    /// Whether the estimation converged.
    pub converged: bool,
    /// Description of why the estimation ended or failed.
    pub reason: String,
}

/// Estimates a population from `starts` starts, the first of which is the model's values. Returns the model with the
/// lowest objective, among converged results if there are any, the index of its start, and the result of each start.
/// `done` is called after each start.
///
/// # Errors
/// If nothing can be estimated from any of the starts, or `watch` interrupts the estimation.
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
