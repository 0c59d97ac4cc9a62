//! A subject's contribution to the objective of first-order conditional estimation (FOCE with interaction).
//!
//! With ℓ the −2 log-likelihood of an observation of prediction f, w its information on f, f' the derivatives of f with
//! respect to the subject's parameters v = t + η (t the transformed typical values), Ω = LLᵀ, and η = Lu with u of
//! variance one:
//!
//! ```text
//! G(u) = Σ ℓ(f) + uᵀu                  û minimises G
//! M    = Σ w·f'f'ᵀ                      over the η
//! H    = I + LᵀML
//! F    = G(û) + ln|H|
//! ```
//!
//! G is Σ ℓ + ηᵀΩ⁻¹η and ln|H| is ln|Ω| + ln|M + Ω⁻¹|, without Ω⁻¹: a variance of zero, or a correlation of one, is a
//! column of zeros in L, whose u is zero. For a log-normal error FOCE with and without interaction coincide, as the
//! variance does not depend on η.

use super::change::SubjectGradient;
use super::space::lower;
use crate::descent::{AskTell, Minimum, follow};
use crate::individual::log_determinant;
use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals, StopReason};
use crate::likelihood::residual_errors;
use crate::prior::Prior;
use crate::problem::{Accuracy, SubjectError, SubjectProblem, values_of};
use nalgebra::{DMatrix, DVector};
use omafit_model::{
    CourseError, IndividualValue, OutputWeights, PopulationModel, SecondOrder, Sensitivities, SolveRequest,
    Subject,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Predicted decrease at which û is reached, relative to the tolerance of the solver, and its lower limit.
const SMALL_DECREASE: f64 = 1e-4;
const LEAST_DECREASE: f64 = 1e-14;
const MOST_ITERATIONS: u64 = 100;
/// Standard deviation of an η, corresponding to a factor of 1.6, above which the η varies widely.
const WIDE: f64 = 0.5;

/// Conditional mode of a subject's η, with the subject's contribution to the objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EtaMode {
    /// Conditional mode η̂ (EBE) of the parameters that vary.
    pub eta: Vec<f64>,
    /// Standardised mode û, with η̂ = Lû.
    pub(super) u: Vec<f64>,
    /// Contribution F to the objective function value.
    pub ofv: f64,
}

/// Reason why a subject has no contribution to the objective.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionalError {
    /// The model cannot be solved for the subject.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// No minimum over η was found.
    #[error("its η has no minimum: {0}")]
    NoMinimum(StopReason),
    /// The subject could not be fitted, for the reason given.
    #[error("it cannot be fitted: {0}")]
    NotFitted(String),
    /// A matrix is not positive definite.
    #[error("{0} is not positive definite")]
    NotPositive(&'static str),
}

/// A population model with the factor L of its Ω.
#[derive(Clone, Debug)]
pub(super) struct FactoredModel {
    /// Population model.
    pub model: PopulationModel,
    /// Lower triangular factor L, with a column of zeros for each η that does not vary or is a linear combination of
    /// others.
    pub factor: DMatrix<f64>,
}

impl FactoredModel {
    /// Creates a model with the Cholesky factor of its Ω; `None` unless Ω is positive definite.
    pub fn new(model: PopulationModel) -> Option<Self> {
        let factor = lower(&model.values());
        factor.iter().all(|l| l.is_finite()).then_some(Self { model, factor })
    }

    /// Sets the given columns of L to zero.
    #[must_use]
    pub fn without(mut self, columns: &[usize]) -> Self {
        columns.iter().for_each(|&k| self.factor.column_mut(k).fill(0.0));
        self
    }

    /// Whether some η varies so widely that subjects may have several modes.
    pub fn is_wide(&self) -> bool {
        self.factor.row_iter().any(|row| row.norm() > WIDE)
    }

    /// Computes η = Lu.
    pub fn eta(&self, u: &[f64]) -> Vec<f64> {
        (&self.factor * DVector::from_column_slice(u)).as_slice().to_vec()
    }

    /// Computes u = L⁻¹η; zero if L is singular.
    pub fn whitened(&self, eta: &[f64]) -> Vec<f64> {
        let eta = DVector::from_column_slice(eta);
        self.factor
            .solve_lower_triangular(&eta)
            .map_or_else(|| vec![0.0; eta.len()], |u| u.as_slice().to_vec())
    }
}

/// A subject's least-squares problem over the parameters that vary.
pub(super) fn subject_problem<'a>(
    model: &'a PopulationModel,
    subject: &'a Subject,
    prior: Option<&'a Prior>,
) -> Result<SubjectProblem<'a>, SubjectError> {
    SubjectProblem::new(model, subject, model.variable(), prior, &residual_errors(model))
}

/// A subject's least-squares problem over u: the data rows, and u as prior rows.
pub(super) struct Whitened<'a> {
    problem: SubjectProblem<'a>,
    population: &'a FactoredModel,
}

impl<'a> Whitened<'a> {
    /// Creates the least-squares problem of a subject, with its model solved to a relative tolerance of `rtol`.
    ///
    /// # Errors
    /// If the subject's records form no time course.
    pub fn new(population: &'a FactoredModel, subject: &'a Subject, rtol: f64) -> Result<Self, SubjectError> {
        let problem = subject_problem(&population.model, subject, None)?.for_a_fit().with_rtol(rtol);
        Ok(Self { problem, population })
    }

    /// Prepares the problem for the given number of draws of u.
    pub fn for_draws(mut self, draws: u32) -> Self {
        self.problem = self.problem.for_draws(draws);
        self
    }

    /// The least-squares problem over η, without a prior.
    pub fn problem(&self) -> &SubjectProblem<'a> {
        &self.problem
    }

    /// The mode and contribution to the objective at a minimum; `None` if the contribution is not finite.
    pub fn part(&self, u: Vec<f64>, at: &Linearised) -> Option<EtaMode> {
        let ofv = at.objective + self.problem.constants() + log_determinant(&at.jacobian);
        ofv.is_finite().then(|| EtaMode { eta: self.population.eta(&u), u, ofv })
    }
}

impl Residuals for &Whitened<'_> {
    type Error = SubjectError;

    fn linearise(&self, u: &[f64]) -> Result<Linearised, SubjectError> {
        Ok(self.rows(u, self.problem.linearise(&self.population.eta(u))?))
    }
}

impl Whitened<'_> {
    /// The rows of each of several subjects at a u. The models of all are solved together.
    pub fn linearise_each(points: &[(&Self, &[f64])]) -> Vec<Result<Linearised, SubjectError>> {
        let etas: Vec<Vec<f64>> = points.iter().map(|(problem, u)| problem.population.eta(u)).collect();
        let mut data = Vec::with_capacity(points.len());
        for ((problem, _), eta) in points.iter().zip(&etas) {
            data.push((&problem.problem, &eta[..]));
        }
        let found = SubjectProblem::linearise_each(&data).into_iter().zip(points);
        found.map(|(data, (problem, u))| Ok(problem.rows(u, data?))).collect()
    }

    /// Converts the rows of the data over η to rows over u, with the prior rows added.
    fn rows(&self, u: &[f64], data: Linearised) -> Linearised {
        let n = u.len();
        let rows = data.residuals.len();
        let mut residuals = DVector::zeros(rows + n);
        residuals.rows_mut(0, rows).copy_from(&data.residuals);
        residuals.rows_mut(rows, n).copy_from_slice(u);
        let mut jacobian = DMatrix::zeros(rows + n, n);
        data.jacobian.mul_to(&self.population.factor, &mut jacobian.view_mut((0, 0), (rows, n)));
        jacobian.view_mut((rows, 0), (n, n)).fill_with_identity();
        let objective = data.objective + u.iter().map(|u| u * u).sum::<f64>();
        Linearised { objective, residuals, jacobian, ..data }
    }
}

/// A subject whose û is to be found.
#[derive(Clone, Copy)]
pub(super) struct Sought<'a> {
    /// Subject to fit.
    pub subject: &'a Subject,
    /// Start of the search for û.
    pub start: &'a [f64],
    /// Derivatives at another parameter vector and the change from it, from which the start is extrapolated.
    pub before: Option<(&'a SubjectGradient, &'a [f64])>,
}

/// The descent to û.
struct ModeDescent<'p, 'a> {
    problem: &'p Whitened<'a>,
    small: f64,
    most_iterations: u64,
    solver: LevenbergMarquardt,
    u: Vec<f64>,
    /// The u at which an evaluation is requested, and the individual parameters there.
    asked: Option<(Vec<f64>, Vec<IndividualValue>)>,
    iterations: u64,
    /// Second start, used if the first cannot be evaluated.
    other: Option<Vec<f64>>,
}

impl<'p, 'a> ModeDescent<'p, 'a> {
    fn new(problem: &'p Whitened<'a>, start: Vec<f64>, small: f64, most_iterations: u64) -> Self {
        let solver = LevenbergMarquardt::until(small);
        let (u, asked, other) = (start.clone(), None, None);
        let mut descent = Self { problem, small, most_iterations, solver, u, asked, iterations: 0, other };
        descent.evaluate(start);
        descent
    }

    fn sought(problem: &'p Whitened<'a>, sought: &Sought<'_>, rtol: f64) -> Self {
        let small = (SMALL_DECREASE * rtol).max(LEAST_DECREASE);
        let start = sought.start.to_vec();
        let Some((change, moved)) = sought.before else {
            return Self::new(problem, start, small, MOST_ITERATIONS);
        };
        let mut descent = Self::new(problem, change.extrapolate_eta(&start, moved), small, MOST_ITERATIONS);
        let n = start.len();
        descent.solver.bend(Some(DMatrix::from_row_slice(n, n, &change.missing)));
        descent.other = Some(start);
        descent
    }

    fn evaluate(&mut self, at: Vec<f64>) {
        let individual = self.problem.problem.individual(&self.problem.population.eta(&at));
        self.asked = Some((at, individual));
    }

    fn into_minimum(self) -> Minimum {
        let Self { u: eta, solver, iterations, .. } = self;
        let (at, stop, _) = solver.into_parts();
        Minimum { eta, at, stop: stop.unwrap_or(StopReason::IterationLimit), iterations, missing: None }
    }

    /// The mode, its contribution to the objective and G at the end of the descent.
    fn into_part(self) -> Result<(EtaMode, f64), ConditionalError> {
        let problem = self.problem;
        let Minimum { eta: u, at, stop, .. } = self.into_minimum();
        let found = at.and_then(|at| Some((problem.part(u, &at)?, at.objective)));
        found.ok_or(ConditionalError::NoMinimum(stop))
    }
}

impl<'p> AskTell<'p> for ModeDescent<'p, '_> {
    fn request(&self, key: usize) -> Option<SolveRequest<'p>> {
        let (_, individual) = self.asked.as_ref()?;
        let problem = &self.problem.problem;
        let (start, course) = (problem.start(), problem.course(Accuracy::Full));
        Some(SolveRequest {
            key,
            parameters: Cow::Owned(values_of(individual)),
            start,
            course,
            over: Cow::default(),
        })
    }

    fn output_weights(&self, _: &Sensitivities, _: &mut OutputWeights) {}

    fn tell(&mut self, found: Result<&SecondOrder, CourseError>) {
        let Some((u, individual)) = self.asked.take() else { return };
        let rows = |found: &SecondOrder| {
            let eta = self.problem.population.eta(&u);
            let data = self.problem.problem.rows(&eta, &individual, &found.at, Accuracy::Full)?;
            Ok(self.problem.rows(&u, data))
        };
        let evaluated = found.map_err(SubjectError::from).and_then(rows).map_err(|error| error.to_string());
        if !self.solver.has_begun() {
            self.solver.begin(evaluated);
            if self.solver.stop().is_some()
                && let Some(other) = self.other.take()
            {
                self.solver = LevenbergMarquardt::until(self.small);
                self.u.clone_from(&other);
                return self.evaluate(other);
            }
        } else if self.solver.tell(evaluated) {
            self.u = u;
            self.iterations += 1;
        }
        if self.solver.stop().is_none()
            && self.iterations < self.most_iterations
            && let Some(next) = self.solver.ask(&self.u)
        {
            self.evaluate(next);
        }
    }
}

/// Minima reached by descents of subjects from starts, each run until the predicted decrease is below `small`·(1 + G) or for so
/// many iterations; none leave G and its derivatives at the start. The models of all are solved together.
pub(super) fn minima<'a>(
    population: &FactoredModel,
    starts: impl Iterator<Item = (&'a Whitened<'a>, Vec<f64>)>,
    small: f64,
    most_iterations: u64,
) -> Vec<Minimum> {
    let begin = |(problem, start)| ModeDescent::new(problem, start, small, most_iterations);
    let descents = follow(population.model.structure(), starts.map(begin).collect());
    descents.into_iter().map(ModeDescent::into_minimum).collect()
}

/// Each subject's mode with its contribution to the objective, and G(û); an error if the model cannot be solved or u
/// has no minimum. The models are solved together, to a relative tolerance of `rtol`.
pub(super) fn conditional_each(
    population: &FactoredModel,
    sought: &[Sought<'_>],
    rtol: f64,
) -> Vec<Result<(EtaMode, f64), ConditionalError>> {
    let problems: Vec<Result<Whitened<'_>, SubjectError>> =
        sought.iter().map(|sought| Whitened::new(population, sought.subject, rtol)).collect();
    let descents = problems.iter().zip(sought).filter_map(|(problem, sought)| {
        problem.as_ref().ok().map(|problem| ModeDescent::sought(problem, sought, rtol))
    });
    let mut ends = follow(population.model.structure(), descents.collect()).into_iter();
    let one = |problem: &Result<Whitened<'_>, SubjectError>| match problem {
        Ok(_) => {
            ends.next().map_or(Err(ConditionalError::NoMinimum(StopReason::Stalled)), |end| end.into_part())
        }
        Err(error) => Err(error.clone().into()),
    };
    problems.iter().map(one).collect()
}
