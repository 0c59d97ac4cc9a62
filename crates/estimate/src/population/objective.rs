//! The FOCE objective as a function of the population's parameter vector, with the options and results of its
//! estimation.

use super::boundary::{BoundaryEstimate, LITTLE};
use super::change::SubjectGradient;
use super::conditional::{ConditionalError, EtaMode, FactoredModel, Sought, conditional_each};
use super::gradient::{AtMode, changes, gradients, group_size};
use super::modes::{self, Lowest, SPREAD, lowest_each, modes_each};
use super::quasi_newton::{DescentStop, Iteration, Objective};
use super::space::{EstimatedParameter, ParameterVector, SpaceError};
use super::uncertainty::{PopulationUncertainty, listed};
use super::watch::{EstimationState, Observer, Progress};
use nalgebra::{DMatrix, DVector};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Difference of G up to which a second mode may become the lowest as the population parameters change.
pub(super) const LIKELY: f64 = 10.0;

/// Options of a population estimation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationOptions {
    /// Limit on iterations.
    pub max_iterations: u64,
    /// Predicted decrease of the objective at which the estimation has converged.
    pub tolerance: f64,
    /// Whether the covariance of the estimates is computed.
    pub covariance: bool,
}

impl Default for PopulationOptions {
    fn default() -> Self {
        Self { max_iterations: 300, tolerance: 1e-6, covariance: true }
    }
}

/// Reason why a population was not fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PopulationError {
    /// The model has nothing to estimate, or a part that cannot be estimated.
    #[error(transparent)]
    Vector(#[from] SpaceError),
    /// A subject has no contribution to the objective at the start.
    #[error("subject {id} at the starting values: {reason}")]
    Start {
        /// Identifier of the subject.
        id: String,
        /// Reason of the failure.
        reason: Box<ConditionalError>,
    },
    /// A subject has no contribution to the objective during the estimation.
    #[error("subject {id}: {reason}")]
    Subject {
        /// Identifier of the subject.
        id: String,
        /// Reason of the failure.
        reason: Box<ConditionalError>,
    },
    /// The parameter values form no valid model.
    #[error("the starting values: {0}")]
    Model(String),
    /// Iterative two-stage does not apply to Student's t residuals.
    #[error(
        "iterative two-stage takes the distribution of η given the data for normal, which residuals of Student's t make it too \
         little: use FOCE or SAEM"
    )]
    StudentsT,
    /// No subject has observations.
    #[error("a population needs subjects with observations")]
    NoSubjects,
    /// Fewer subjects than between-subject variances.
    #[error(
        "{variances} variances between subjects cannot be told from {subjects} of them: give the variability in the model \
         file (fixed = true), or add subjects"
    )]
    TooFewSubjects {
        /// How many subjects have observations.
        subjects: usize,
        /// How many variances are to be estimated.
        variances: usize,
    },
    /// Fewer observations than estimated parameters.
    #[error(
        "{numbers} numbers of a population cannot be told from {observations} observations: fix some in the model file, or \
         add observations"
    )]
    TooFewObservations {
        /// How many observations all subjects have.
        observations: usize,
        /// How many parameters are to be estimated.
        numbers: usize,
    },
    /// The estimation was interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The checkpoint is of another method, other subjects or another model.
    #[error("the checkpoint is not one of this estimation")]
    Checkpoint,
}

/// A fitted population model.
#[derive(Clone, Debug)]
pub struct PopulationFit {
    /// Population model with the estimates.
    pub model: PopulationModel,
    /// Layout of the estimated parameters.
    pub space: ParameterVector,
    /// Estimates as a parameter vector.
    pub vector: Vec<f64>,
    /// Objective function value: −2 log-likelihood of the data without constants, as approximated by FOCE.
    pub ofv: f64,
    /// Each subject's conditional mode and contribution to the objective.
    pub subjects: Vec<EtaMode>,
    /// Gradient of each subject's contribution with respect to the parameter vector; empty if it cannot be computed.
    pub gradients: Vec<Vec<f64>>,
    /// Boundary estimates.
    pub ends: Vec<BoundaryEstimate>,
    /// Columns of the factor of Ω that are zero because their variances are at a boundary.
    pub(super) tied: Vec<usize>,
    /// Positions in the parameter vector of parameters that these subjects do not determine: no subject's contribution
    /// to the objective depends on them, or on a combination of them.
    pub undetermined: Vec<usize>,
    /// Covariance of the estimates, or the reason why there is none.
    pub uncertainty: Result<PopulationUncertainty, String>,
    /// How many iterations were done.
    pub iterations: u64,
    /// Reason why the estimation stopped; `None` for an evaluation, and for iterative two-stage or SAEM without
    /// convergence.
    pub stop: Option<DescentStop>,
    /// Description of why the estimation stopped.
    pub reason: String,
}

impl PopulationFit {
    /// Whether the estimation stopped at a minimum.
    pub fn converged(&self) -> bool {
        self.stop.is_some_and(DescentStop::is_minimum)
    }

    /// The population parameters at a parameter vector, in the order of
    /// [`population_estimates`](super::population_estimates).
    pub fn numbers(&self, vector: &[f64]) -> Vec<f64> {
        let values = self.space.values(&self.model.values(), vector);
        listed(&self.model, &values).iter().map(|estimate| estimate.value).collect()
    }

    /// The estimates as a parameter vector, with NaN for parameters that these subjects do not determine.
    pub fn determined(&self) -> Vec<f64> {
        let of = |(k, x): (usize, &f64)| if self.undetermined.contains(&k) { f64::NAN } else { *x };
        self.vector.iter().enumerate().map(of).collect()
    }
}

/// The FOCE objective of a population as a function of its parameter vector.
#[derive(Clone, Copy)]
pub(super) struct Foce<'a> {
    pub model: &'a PopulationModel,
    pub space: &'a ParameterVector,
    pub subjects: &'a [Subject],
    pub watch: &'a dyn Observer,
    /// Position of a coordinate that is held fixed.
    pub held: Option<usize>,
    /// Whether a descent ends where a variance vanishes, to go on with a variance of zero.
    pub ends_at_zero: bool,
}

impl<'a> Foce<'a> {
    /// Creates the objective over all coordinates.
    pub fn new(
        model: &'a PopulationModel,
        space: &'a ParameterVector,
        subjects: &'a [Subject],
        watch: &'a dyn Observer,
    ) -> Self {
        Self { model, space, subjects, watch, held: None, ends_at_zero: false }
    }
}

impl Foce<'_> {
    /// The population at a parameter vector, with the columns `tied` of L set to zero.
    pub fn at(&self, x: &[f64], tied: &[usize]) -> Option<FactoredModel> {
        Some(FactoredModel::new(self.space.model(self.model, x).ok()?)?.without(tied))
    }

    /// A column of L whose variance vanishes at a point: it matters little, and the objective falls as it falls. A descent in the
    /// logarithm of the standard deviation halves the rest of the fall in each iteration.
    pub fn vanishing(&self, at: &Point) -> Option<usize> {
        if !self.ends_at_zero || at.is_coarse || at.changes.is_empty() {
            return None;
        }
        let expected = at.expected();
        let of = |(k, c): (usize, &EstimatedParameter)| match *c {
            EstimatedParameter::Cholesky { row, column } if row == column => {
                let is_open = !at.tied.contains(&row) && !at.refused.contains(&row);
                (is_open && expected[k] < LITTLE && at.slope(k) > 0.0).then_some(row)
            }
            _ => None,
        };
        self.space.coordinates().iter().enumerate().find_map(of)
    }

    /// The subjects' gradients at a parameter vector near `point`, with each η̂ extrapolated to first order. The error
    /// of the extrapolation is equal on both sides of the point and so cancels in a central difference.
    pub fn gradients_beside(&self, x: &[f64], point: &Point) -> Option<Vec<Vec<f64>>> {
        if !self.watch.go_on() {
            return None;
        }
        let population = self.at(x, &point.tied)?;
        let moved: Vec<f64> = x.iter().zip(&point.x).map(|(x, before)| x - before).collect();
        let foreseen = |(part, change): (&EtaMode, &SubjectGradient)| change.extrapolate_eta(&part.u, &moved);
        let modes: Vec<Vec<f64>> = point.subjects.iter().zip(&point.changes).map(foreseen).collect();
        if modes.len() != self.subjects.len() {
            return None;
        }
        let at: Vec<AtMode<'_>> = self.subjects.iter().zip(modes.iter().map(Vec::as_slice)).collect();
        gradients(&population, self.space, &at, DEFAULT_RTOL).into_iter().collect::<Result<_, _>>().ok()
    }
}

/// The sum of the contributions in the order of the subjects.
pub(super) fn total(parts: &[EtaMode]) -> f64 {
    parts.iter().map(|part| part.ofv).sum()
}

/// Whether `parts` can be the contributions of these subjects.
pub(super) fn are_of(parts: &[EtaMode], model: &PopulationModel, subjects: &[Subject]) -> bool {
    let n = model.variable().len();
    parts.len() == subjects.len() && parts.iter().all(|part| part.eta.len() == n && part.u.len() == n)
}

/// Relative tolerance to which the time courses are solved far from the minimum. The objective is then known to about
/// 1e-3, its steps are a third longer, and a descent changes to the full accuracy before it needs more.
const COARSE_RTOL: f64 = 1e-6;

/// A point at which the objective is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub x: Vec<f64>,
    pub subjects: Vec<EtaMode>,
    /// Columns of L that are zero because their variances are at a boundary.
    pub tied: Vec<usize>,
    /// Columns of L whose variances seemed to vanish while the objective was no lower at zero.
    pub refused: Vec<usize>,
    /// Whether a lower objective has been sought elsewhere.
    pub has_looked: bool,
    /// Whether the time courses are solved to [`COARSE_RTOL`] only, as far from the minimum.
    pub is_coarse: bool,
    /// Derivatives of each subject's contribution, once computed. They follow from the other fields, are large, and are
    /// not serialised.
    #[serde(skip)]
    pub changes: Vec<SubjectGradient>,
}

impl Point {
    /// Creates a point without derivatives.
    pub fn new(x: Vec<f64>, subjects: Vec<EtaMode>) -> Self {
        Self {
            x,
            subjects,
            tied: Vec::new(),
            refused: Vec::new(),
            has_looked: false,
            is_coarse: false,
            changes: Vec::new(),
        }
    }

    /// Whether the point has `n` coordinates and matches these subjects.
    pub fn fits(&self, n: usize, model: &PopulationModel, subjects: &[Subject]) -> bool {
        self.x.len() == n
            && are_of(&self.subjects, model, subjects)
            && self.tied.is_sorted_by(|a, b| a < b)
            && self.tied.iter().all(|column| *column < model.variable().len())
    }

    /// The point at which a fit ended.
    pub fn of(fit: &PopulationFit) -> Self {
        Self::new(fit.vector.clone(), fit.subjects.clone()).tied(fit.tied.clone())
    }

    /// The derivative of the objective with respect to a coordinate, once the derivatives are computed.
    pub fn slope(&self, k: usize) -> f64 {
        self.changes.iter().map(|change| change.gradient[k]).sum()
    }

    /// The point at another parameter vector with the given contributions, with all else unchanged but the derivatives.
    pub fn at(&self, x: Vec<f64>, subjects: Vec<EtaMode>) -> Self {
        let Self { has_looked, is_coarse, .. } = *self;
        let (tied, refused) = (self.tied.clone(), self.refused.clone());
        Self { tied, refused, has_looked, is_coarse, ..Self::new(x, subjects) }
    }

    /// The point for a descent that begins far from the minimum.
    pub fn coarse(self) -> Self {
        Self { is_coarse: true, ..self }
    }

    /// The relative tolerance to which the time courses are solved.
    fn rtol(&self) -> f64 {
        if self.is_coarse { COARSE_RTOL } else { DEFAULT_RTOL }
    }

    /// Sets the columns of L that are zero and discards the derivatives.
    pub fn tied(mut self, columns: Vec<usize>) -> Self {
        self.tied = columns;
        self.changes.clear();
        self
    }

    /// The expected second derivative of the objective in each coordinate, once the derivatives are computed.
    pub fn expected(&self) -> Vec<f64> {
        let n = self.x.len();
        let part = |k: usize| self.changes.iter().map(|change| change.information[k * n + k]).sum();
        (0..n).map(part).collect()
    }
}

impl Objective for Foce<'_> {
    type At = Point;

    fn value(&self, x: &[f64], from: &Point) -> Option<(f64, Point)> {
        let population = self.at(x, &from.tied)?;
        let moved: Vec<f64> = x.iter().zip(&from.x).map(|(x, before)| x - before).collect();
        let mut sought = Vec::with_capacity(self.subjects.len());
        for (i, (subject, part)) in self.subjects.iter().zip(&from.subjects).enumerate() {
            let before = from.changes.get(i).map(|change| (change, &moved[..]));
            sought.push(Sought { subject, start: &part.u, before });
        }
        let some = |some: &[Sought<'_>]| conditional_each(&population, some, from.rtol());
        let parts: Vec<_> =
            sought.par_chunks(group_size(sought.len())).with_max_len(1).flat_map_iter(some).collect();
        let subjects = parts.into_iter().map(|part| Some(part.ok()?.0)).collect::<Option<Vec<_>>>()?;
        Some((total(&subjects), from.at(x.to_vec(), subjects)))
    }

    fn change(&self, x: &[f64], at: &mut Point) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let population = self.at(x, &at.tied)?;
        let modes = at.subjects.iter().map(|part| part.u.as_slice());
        let subjects: Vec<AtMode<'_>> = self.subjects.iter().zip(modes).collect();
        let changes = changes(&population, self.space, &subjects, at.rtol());
        at.changes = changes.into_iter().collect::<Result<Vec<_>, _>>().ok()?;
        let (mut gradient, mut expected) = (DVector::zeros(x.len()), DMatrix::zeros(x.len(), x.len()));
        for change in &at.changes {
            gradient += DVector::from_column_slice(&change.gradient);
            expected += change.expected();
        }
        if let Some(k) = self.held {
            gradient[k] = 0.0;
            expected.row_mut(k).fill(0.0);
            expected.column_mut(k).fill(0.0);
        }
        Some((gradient, expected))
    }

    fn is_near_boundary(&self, at: &Point) -> bool {
        self.vanishing(at).is_some()
    }

    fn refined(&self, x: &[f64], at: &Point) -> Option<Option<(f64, Point)>> {
        at.is_coarse.then(|| self.value(x, &Point { is_coarse: false, ..at.clone() }))
    }

    fn observe(&self, iteration: &Iteration<Self::At>) {
        let standing = EstimationState::new("foce", iteration);
        let Iteration { count, x, value, .. } = iteration;
        self.watch.iteration(&Progress { iteration: *count, ofv: *value, vector: x, standing });
    }

    fn go_on(&self) -> bool {
        self.watch.go_on()
    }
}

/// The expected information of the observations on the parameter vector under the linearised model; `None` if a subject
/// has no contribution to the FOCE objective.
pub(super) fn expected_information(
    model: &PopulationModel,
    space: &ParameterVector,
    subjects: &[Subject],
    x: &[f64],
) -> Option<DMatrix<f64>> {
    let parts = starting_parts(&space.model(model, x).ok()?, subjects).ok()?;
    let objective = Foce::new(model, space, subjects, &());
    let (_, expected) = objective.change(x, &mut Point::new(x.to_vec(), parts))?;
    Some(expected * 0.5).filter(|expected| expected.iter().all(|v| v.is_finite()))
}

/// Each subject's contribution at the start, at its lowest mode.
pub(super) fn starting_parts(
    model: &PopulationModel,
    subjects: &[Subject],
) -> Result<Vec<EtaMode>, PopulationError> {
    let population = factored(model.clone())?;
    let some = |some: &[Subject]| {
        let sought: Vec<modes::Sought<'_>> = some.iter().map(|subject| (subject, &[][..])).collect();
        lowest_each(&population, &sought, DEFAULT_RTOL)
    };
    let found: Vec<_> =
        subjects.par_chunks(group_size(subjects.len())).with_max_len(1).flat_map_iter(some).collect();
    let start = |(found, subject): (Result<Lowest, _>, &Subject)| match found {
        Ok(lowest) => Ok(lowest.part),
        Err(reason) => Err(PopulationError::Start { id: subject.id.clone(), reason: Box::new(reason) }),
    };
    found.into_iter().zip(subjects).map(start).collect()
}

/// Whether η vary widely and some subject has a second mode that may become the lowest as the population parameters
/// change.
pub(super) fn have_several_modes(
    population: &FactoredModel,
    subjects: &[Subject],
    parts: &[EtaMode],
) -> bool {
    let has_two = |(subject, part): (&Subject, &EtaMode)| {
        let known = [&part.u[..]];
        let all = modes_each(population, &[(subject, &known)], SPREAD).swap_remove(0).unwrap_or_default();
        all.get(1).is_some_and(|second| second.objective < all[0].objective + LIKELY)
    };
    let two = || subjects.par_iter().zip(parts).with_max_len(1).map(has_two).collect::<Vec<bool>>();
    population.is_wide() && two().contains(&true)
}

/// Factors the Ω of a model.
pub(super) fn factored(model: PopulationModel) -> Result<FactoredModel, PopulationError> {
    FactoredModel::new(model).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))
}
