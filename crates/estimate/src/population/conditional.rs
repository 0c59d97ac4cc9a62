//! One subject's part of the objective of first-order conditional estimation (FOCE, with interaction).
//!
//! With ℓ the −2 log-likelihood of an observation of prediction f, w its information on f, f' the derivatives of f to the
//! subject's parameters v = t + η (t the transformed typical values), Ω = LLᵀ, and η = Lu with u of variance one:
//!
//! ```text
//! G(u) = Σ ℓ(f) + uᵀu                  û where it is least
//! M    = Σ w·f'f'ᵀ                      over the η
//! H    = I + LᵀML
//! F    = G(û) + ln|H|
//! ```
//!
//! G is Σ ℓ + ηᵀΩ⁻¹η and ln|H| is ln|Ω| + ln|M + Ω⁻¹|, without Ω⁻¹: a variance of zero, or a correlation of one, is a column
//! of zeros in L, whose u is zero. For a log-normal error FOCE with and without interaction are the same, as the variance
//! does not depend on η.

use super::gradient::Change;
use super::space::lower;
use crate::descent::{Minimum, descend};
use crate::individual::log_determinant;
use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals, StopReason};
use crate::likelihood::given_errors;
use crate::prior::Prior;
use crate::problem::{SubjectError, SubjectProblem};
use crate::shape::Shape;
use nalgebra::{DMatrix, DVector};
use omafit_model::{PopulationModel, Subject};
use serde::{Deserialize, Serialize};

/// A predicted decrease that is the minimum over u, as part of the solver's tolerance; and the least that can be seen.
const SMALL_DECREASE: f64 = 1e-4;
const LEAST_DECREASE: f64 = 1e-14;
const MOST_ITERATIONS: u64 = 100;
/// The standard deviation of an η above which it varies widely: a factor of 1.6.
const WIDE: f64 = 0.5;

/// A subject's part of the objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditional {
    /// η̂, of the parameters that vary.
    pub eta: Vec<f64>,
    /// û, with η̂ = Lû.
    pub(super) u: Vec<f64>,
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

/// A population model with the factor L of its Ω.
#[derive(Clone, Debug)]
pub(super) struct FactoredModel {
    /// The model.
    pub model: PopulationModel,
    /// L, lower triangular; with a column of zeros for each η that is tied to others or does not vary.
    pub factor: DMatrix<f64>,
}

impl FactoredModel {
    /// A model with Cholesky's factor of its Ω; `None` unless that is positive definite.
    pub fn new(model: PopulationModel) -> Option<Self> {
        let factor = lower(&model.values());
        factor.iter().all(|l| l.is_finite()).then_some(Self { model, factor })
    }

    /// The model with these columns of L zero.
    #[must_use]
    pub fn without(mut self, columns: &[usize]) -> Self {
        columns.iter().for_each(|&k| self.factor.column_mut(k).fill(0.0));
        self
    }

    /// Whether some η varies so widely that subjects may have several modes.
    pub fn is_wide(&self) -> bool {
        self.factor.row_iter().any(|row| row.norm() > WIDE)
    }

    /// η = Lu.
    pub fn eta(&self, u: &[f64]) -> Vec<f64> {
        (&self.factor * DVector::from_column_slice(u)).as_slice().to_vec()
    }

    /// u = L⁻¹η; zero where L has no inverse.
    pub fn whitened(&self, eta: &[f64]) -> Vec<f64> {
        let eta = DVector::from_column_slice(eta);
        self.factor
            .solve_lower_triangular(&eta)
            .map_or_else(|| vec![0.0; eta.len()], |u| u.as_slice().to_vec())
    }
}

/// A subject's least squares over the parameters that vary.
pub(super) fn subject_problem<'a>(
    model: &'a PopulationModel,
    subject: &'a Subject,
    prior: Option<&'a Prior>,
) -> Result<SubjectProblem<'a>, SubjectError> {
    SubjectProblem::new(model, subject, model.variable(), prior, &given_errors(model), Shape::Normal)
}

/// A subject's least squares over u: its data, and u as prior.
pub(super) struct Whitened<'a> {
    problem: SubjectProblem<'a>,
    population: &'a FactoredModel,
}

impl<'a> Whitened<'a> {
    /// The least squares of a subject, its model solved to a relative tolerance of `rtol`.
    ///
    /// # Errors
    /// When the subject's records make no course.
    pub fn new(population: &'a FactoredModel, subject: &'a Subject, rtol: f64) -> Result<Self, SubjectError> {
        let problem = subject_problem(&population.model, subject, None)?.for_a_fit().with_rtol(rtol);
        Ok(Self { problem, population })
    }

    /// The same for so many draws of u.
    pub fn for_draws(mut self, draws: u32) -> Self {
        self.problem = self.problem.for_draws(draws);
        self
    }

    /// The problem over η, without a prior.
    pub fn problem(&self) -> &SubjectProblem<'a> {
        &self.problem
    }

    /// The minimum that a descent from a start leads to.
    pub fn descend(&self, solver: LevenbergMarquardt, start: Vec<f64>, most_iterations: u64) -> Minimum {
        descend(self, solver, start, most_iterations).0
    }

    /// The part of the objective at a minimum; `None` where it is no number.
    pub fn part(&self, u: Vec<f64>, at: &Linearised) -> Option<Conditional> {
        let ofv = at.objective + self.problem.constants() + log_determinant(&at.jacobian);
        ofv.is_finite().then(|| Conditional { eta: self.population.eta(&u), u, ofv })
    }
}

impl Residuals for &Whitened<'_> {
    type Error = SubjectError;

    fn linearise(&self, u: &[f64]) -> Result<Linearised, SubjectError> {
        let n = u.len();
        let data = self.problem.linearise(&self.population.eta(u))?;
        let rows = data.residuals.len();
        let mut residuals = DVector::zeros(rows + n);
        residuals.rows_mut(0, rows).copy_from(&data.residuals);
        residuals.rows_mut(rows, n).copy_from_slice(u);
        let mut jacobian = DMatrix::zeros(rows + n, n);
        data.jacobian.mul_to(&self.population.factor, &mut jacobian.view_mut((0, 0), (rows, n)));
        jacobian.view_mut((rows, 0), (n, n)).fill_with_identity();
        let objective = data.objective + u.iter().map(|u| u * u).sum::<f64>();
        Ok(Linearised { objective, residuals, jacobian, ..data })
    }
}

/// A subject's part of the objective, with û found from `start`; with what is known of it with another vector, which
/// has `moved` by so much, û is looked for where it then goes. The model is solved to a relative tolerance of `rtol`.
///
/// # Errors
/// When the model cannot be solved, or u has no minimum.
pub(super) fn conditional(
    population: &FactoredModel,
    subject: &Subject,
    start: &[f64],
    before: Option<(&Change, &[f64])>,
    rtol: f64,
) -> Result<Conditional, ConditionalError> {
    conditional_and_height(population, subject, start, before, rtol).map(|(part, _)| part)
}

/// The part of [`conditional`], and G(û).
///
/// # Errors
/// As of [`conditional`].
pub(super) fn conditional_and_height(
    population: &FactoredModel,
    subject: &Subject,
    start: &[f64],
    before: Option<(&Change, &[f64])>,
    rtol: f64,
) -> Result<(Conditional, f64), ConditionalError> {
    let problem = Whitened::new(population, subject, rtol)?;
    let from = |start: Vec<f64>, bend: Option<DMatrix<f64>>| {
        let solver = LevenbergMarquardt::until((SMALL_DECREASE * rtol).max(LEAST_DECREASE)).bent(bend);
        problem.descend(solver, start, MOST_ITERATIONS)
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
    let Some(at) = &minimum.at else { return Err(ConditionalError::NoMinimum(minimum.stop)) };
    let part = problem.part(minimum.eta, at).ok_or(ConditionalError::NoMinimum(minimum.stop))?;
    Ok((part, at.objective))
}
