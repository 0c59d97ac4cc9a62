//! One subject's part of the objective of first-order conditional estimation (FOCE, with interaction).
//!
//! With ℓ the −2 log-likelihood of an observation of prediction f, w its information on f, f' the derivatives of f to the
//! subject's parameters v = u + η (u the transformed typical values), and P = Ω⁻¹:
//!
//! ```text
//! G(η) = Σ ℓ(f) + ηᵀPη + ln|Ω|              η̂ where it is least
//! H    = Σ w·f'f'ᵀ + P                       over the η
//! F    = G(η̂) + ln|H|
//! ```
//!
//! For a log-normal error FOCE with and without interaction are the same, as the variance does not depend on η.

use super::gradient::Change;
use crate::descent::descend;
use crate::individual::log_determinant;
use crate::least_squares::{LevenbergMarquardt, StopReason};
use crate::likelihood::given_errors;
use crate::prior::Prior;
use crate::problem::{SubjectError, SubjectProblem};
use crate::shape::Shape;
use nalgebra::DMatrix;
use omafit_model::{PopulationModel, Subject};
use serde::{Deserialize, Serialize};

/// A predicted decrease that is the minimum over η, as part of the solver's tolerance; and the least that can be seen.
const SMALL_DECREASE: f64 = 1e-4;
const LEAST_DECREASE: f64 = 1e-14;
const MOST_ITERATIONS: u64 = 100;

/// A subject's part of the objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditional {
    /// η̂, of the parameters that vary.
    pub eta: Vec<f64>,
    /// F.
    pub ofv: f64,
}

/// Why a subject has no part in the objective.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionalError {
    /// Its model cannot be solved.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Its η has no minimum.
    #[error("its η has no minimum: {0}")]
    NoMinimum(StopReason),
    /// It could not be fitted, and why.
    #[error("it cannot be fitted: {0}")]
    NotFitted(String),
    /// A matrix is not positive definite.
    #[error("{0} is not positive definite")]
    NotPositive(&'static str),
}

/// A subject's least squares over the parameters that vary.
pub(super) fn subject_problem<'a>(
    model: &'a PopulationModel,
    subject: &'a Subject,
    prior: Option<&'a Prior>,
) -> Result<SubjectProblem<'a>, SubjectError> {
    SubjectProblem::new(model, subject, model.variable(), prior, &given_errors(model), Shape::Normal)
}

/// A subject's part of the objective, with η̂ found from `start`; with what is known of it with another vector, which
/// has `moved` by so much, η̂ is looked for where it then goes. The model is solved to a relative tolerance of `rtol`.
///
/// # Errors
/// When the model cannot be solved, or η has no minimum.
pub(super) fn conditional(
    model: &PopulationModel,
    prior: &Prior,
    subject: &Subject,
    start: &[f64],
    before: Option<(&Change, &[f64])>,
    rtol: f64,
) -> Result<Conditional, ConditionalError> {
    let problem = subject_problem(model, subject, Some(prior))?.with_rtol(rtol);
    let from = |start: Vec<f64>, bend: Option<DMatrix<f64>>| {
        let solver = LevenbergMarquardt::until((SMALL_DECREASE * rtol).max(LEAST_DECREASE)).bent(bend);
        descend(&problem, solver, start, MOST_ITERATIONS).0
    };
    let mut minimum = match before {
        Some((change, moved)) => {
            let n = start.len();
            let bend = DMatrix::from_row_slice(n, n, &change.missing);
            from(change.foresee(start, moved), Some(bend))
        }
        None => from(start.to_vec(), None),
    };
    if minimum.at.is_none() && before.is_some() {
        minimum = from(start.to_vec(), None);
    }
    let Some(at) = minimum.at else { return Err(ConditionalError::NoMinimum(minimum.stop)) };
    let ofv = at.objective + problem.constants() + prior.log_determinant() + log_determinant(&at.jacobian);
    if !ofv.is_finite() {
        return Err(ConditionalError::NoMinimum(minimum.stop));
    }
    Ok(Conditional { eta: minimum.eta, ofv })
}
