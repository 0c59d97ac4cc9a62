//! The objective of FOCE over a population's vector, with what an estimation of it needs and gives.

use super::boundary::BoundaryEstimate;
use super::change::SubjectGradient;
use super::conditional::{ConditionalError, EtaMode, FactoredModel, Sought, conditional_each};
use super::gradient::{AtMode, TOGETHER, changes, gradients};
use super::modes::{SPREAD, lowest, modes};
use super::quasi_newton::{DescentStop, Iteration, Objective};
use super::space::{ParameterVector, SpaceError};
use super::uncertainty::{PopulationUncertainty, listed};
use super::watch::{EstimationState, Observer, Progress};
use nalgebra::{DMatrix, DVector};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A second mode whose G is higher by at most this may be the lowest of another population.
const LIKELY: f64 = 10.0;

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationOptions {
    /// Limit on iterations.
    pub max_iterations: u64,
    /// The decrease of the objective that is left to predict at the end.
    pub tolerance: f64,
    /// Whether the covariance of the estimates is computed.
    pub covariance: bool,
}

impl Default for PopulationOptions {
    fn default() -> Self {
        Self { max_iterations: 300, tolerance: 1e-6, covariance: true }
    }
}

/// Why a population was not fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PopulationError {
    /// It has nothing to estimate, or what cannot be.
    #[error(transparent)]
    Vector(#[from] SpaceError),
    /// A subject has no part in the objective at the start.
    #[error("subject {id} at the starting values: {reason}")]
    Start {
        /// The subject.
        id: String,
        /// Why.
        reason: Box<ConditionalError>,
    },
    /// A subject has no part in the objective on the way.
    #[error("subject {id}: {reason}")]
    Subject {
        /// The subject.
        id: String,
        /// Why.
        reason: Box<ConditionalError>,
    },
    /// The starting values are no model.
    #[error("the starting values: {0}")]
    Model(String),
    /// Iterative two-stage does not apply.
    #[error(
        "iterative two-stage takes the distribution of η given the data for normal, which residuals of Student's t make it too \
         little: use FOCE or SAEM"
    )]
    StudentsT,
    /// There is nobody.
    #[error("a population needs subjects with observations")]
    NoSubjects,
    /// There are fewer subjects than variances between them.
    #[error(
        "{variances} variances between subjects cannot be told from {subjects} of them: give the variability in the model \
         file (fixed = true), or add subjects"
    )]
    TooFewSubjects {
        /// Subjects with observations.
        subjects: usize,
        /// Variances that are to be estimated.
        variances: usize,
    },
    /// There are fewer observations than numbers.
    #[error(
        "{numbers} numbers of a population cannot be told from {observations} observations: fix some in the model file, or \
         add observations"
    )]
    TooFewObservations {
        /// Observations of all subjects.
        observations: usize,
        /// Numbers that are to be estimated.
        numbers: usize,
    },
    /// It was told to stop.
    #[error("interrupted")]
    Interrupted,
    /// A checkpoint of another method, of other subjects or of another model.
    #[error("the checkpoint is not one of this estimation")]
    Checkpoint,
}

/// A fitted population.
#[derive(Clone, Debug)]
pub struct PopulationFit {
    /// The model with its estimates.
    pub model: PopulationModel,
    /// What was estimated.
    pub space: ParameterVector,
    /// The estimates as a vector.
    pub vector: Vec<f64>,
    /// The objective, −2 log-likelihood of the data without constants as FOCE approximates it.
    pub ofv: f64,
    /// Each subject's part.
    pub subjects: Vec<EtaMode>,
    /// The gradient of each subject's part over the vector; nothing where it cannot be computed.
    pub gradients: Vec<Vec<f64>>,
    /// Numbers at an end of their range.
    pub ends: Vec<BoundaryEstimate>,
    /// The columns of the factor of Ω that are zero, as their variances are at an end.
    pub(super) tied: Vec<usize>,
    /// Positions in the vector of numbers that these subjects do not determine: no subject's part of the objective depends
    /// on them, or on a combination of them.
    pub undetermined: Vec<usize>,
    /// Covariance of the estimates, or why there is none.
    pub uncertainty: Result<PopulationUncertainty, String>,
    /// Iterations.
    pub iterations: u64,
    /// Why it stopped; `None` at the limit on iterations.
    pub stop: Option<DescentStop>,
    /// The same in words.
    pub reason: String,
}

impl PopulationFit {
    /// Whether it stopped at a minimum.
    pub fn converged(&self) -> bool {
        self.stop.is_some_and(DescentStop::is_minimum)
    }

    /// The numbers of the population at a vector, as [`population_estimates`](super::population_estimates) lists them.
    pub fn numbers(&self, vector: &[f64]) -> Vec<f64> {
        let values = self.space.values(&self.model.values(), vector);
        listed(&self.model, &values).iter().map(|estimate| estimate.value).collect()
    }

    /// The estimates as a vector, NaN of what these subjects do not determine.
    pub fn determined(&self) -> Vec<f64> {
        let of = |(k, x): (usize, &f64)| if self.undetermined.contains(&k) { f64::NAN } else { *x };
        self.vector.iter().enumerate().map(of).collect()
    }
}

/// The objective of a population as a function of its vector.
#[derive(Clone, Copy)]
pub(super) struct Foce<'a> {
    pub model: &'a PopulationModel,
    pub space: &'a ParameterVector,
    pub subjects: &'a [Subject],
    pub watch: &'a dyn Observer,
    /// A number that stays where it is.
    pub held: Option<usize>,
}

impl<'a> Foce<'a> {
    /// The objective over all numbers.
    pub fn new(
        model: &'a PopulationModel,
        space: &'a ParameterVector,
        subjects: &'a [Subject],
        watch: &'a dyn Observer,
    ) -> Self {
        Self { model, space, subjects, watch, held: None }
    }
}

impl Foce<'_> {
    /// The population at a vector, with these columns of L zero.
    pub fn at(&self, x: &[f64], tied: &[usize]) -> Option<FactoredModel> {
        Some(FactoredModel::new(self.space.model(self.model, x).ok()?)?.without(tied))
    }

    /// The subjects' gradients at a vector beside `point`, each η̂ where it goes to first order. What that leaves out is the same on
    /// both sides of the point, and so no part of a central difference.
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

/// The sum in the subjects' order.
pub(super) fn total(parts: &[EtaMode]) -> f64 {
    parts.iter().map(|part| part.ofv).sum()
}

/// Whether they can be the parts of these subjects.
pub(super) fn are_of(parts: &[EtaMode], model: &PopulationModel, subjects: &[Subject]) -> bool {
    let n = model.variable().len();
    parts.len() == subjects.len() && parts.iter().all(|part| part.eta.len() == n && part.u.len() == n)
}

/// A point of which the objective is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    pub x: Vec<f64>,
    pub subjects: Vec<EtaMode>,
    /// The columns of L that are zero, as their variances are at the end of their range.
    pub tied: Vec<usize>,
    /// Whether the objective has been looked for elsewhere.
    pub has_looked: bool,
    /// How each subject's part changes, once that is known. It follows from the rest, and is much.
    #[serde(skip)]
    pub changes: Vec<SubjectGradient>,
}

impl Point {
    /// Of which the changes are not known yet.
    pub fn new(x: Vec<f64>, subjects: Vec<EtaMode>) -> Self {
        Self { x, subjects, tied: Vec::new(), has_looked: false, changes: Vec::new() }
    }

    /// Whether it is one over so many numbers, of these subjects.
    pub fn fits(&self, n: usize, model: &PopulationModel, subjects: &[Subject]) -> bool {
        self.x.len() == n
            && are_of(&self.subjects, model, subjects)
            && self.tied.is_sorted_by(|a, b| a < b)
            && self.tied.iter().all(|column| *column < model.variable().len())
    }

    /// The point where a fit ended.
    pub fn of(fit: &PopulationFit) -> Self {
        Self::new(fit.vector.clone(), fit.subjects.clone()).tied(fit.tied.clone())
    }

    /// The derivative of the objective over a number, once the changes are known.
    pub fn slope(&self, k: usize) -> f64 {
        self.changes.iter().map(|change| change.gradient[k]).sum()
    }

    /// The subjects' parts at another vector, all else as it is.
    pub fn at(&self, x: Vec<f64>, subjects: Vec<EtaMode>) -> Self {
        Self { has_looked: self.has_looked, ..Self::new(x, subjects).tied(self.tied.clone()) }
    }

    /// The point with these columns of L zero.
    pub fn tied(mut self, columns: Vec<usize>) -> Self {
        self.tied = columns;
        self.changes.clear();
        self
    }

    /// The expected second derivative of the objective over each number alone, once the changes are known.
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
        let some = |some: &[Sought<'_>]| conditional_each(&population, some, DEFAULT_RTOL);
        let parts: Vec<_> = sought.par_chunks(TOGETHER).with_max_len(1).flat_map_iter(some).collect();
        let subjects = parts.into_iter().map(|part| Some(part.ok()?.0)).collect::<Option<Vec<_>>>()?;
        Some((total(&subjects), from.at(x.to_vec(), subjects)))
    }

    fn change(&self, x: &[f64], at: &mut Point) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let population = self.at(x, &at.tied)?;
        let modes = at.subjects.iter().map(|part| part.u.as_slice());
        let subjects: Vec<AtMode<'_>> = self.subjects.iter().zip(modes).collect();
        let changes = changes(&population, self.space, &subjects, DEFAULT_RTOL);
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

    fn observe(&self, iteration: &Iteration<Self::At>) {
        let standing = EstimationState::new("foce", iteration);
        let Iteration { count, x, value, .. } = iteration;
        self.watch.iteration(&Progress { iteration: *count, ofv: *value, vector: x, standing });
    }

    fn go_on(&self) -> bool {
        self.watch.go_on()
    }
}

/// The information of the observations over the vector that is expected where the model is linear; nothing where a subject
/// has no part in the objective of FOCE.
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

/// Each subject's part at the start, at its lowest mode.
pub(super) fn starting_parts(
    model: &PopulationModel,
    subjects: &[Subject],
) -> Result<Vec<EtaMode>, PopulationError> {
    let population = factored(model.clone())?;
    let one = |subject: &Subject| {
        lowest(&population, subject, &[], DEFAULT_RTOL)
            .map(|(part, _)| part)
            .map_err(|reason| PopulationError::Start { id: subject.id.clone(), reason: Box::new(reason) })
    };
    subjects.par_iter().with_max_len(1).map(one).collect::<Vec<_>>().into_iter().collect()
}

/// Whether η vary widely and some subject has a second mode that may be the lowest of another population.
pub(super) fn have_several_modes(
    population: &FactoredModel,
    subjects: &[Subject],
    parts: &[EtaMode],
) -> bool {
    let has_two = |(subject, part): (&Subject, &EtaMode)| {
        let all = modes(population, subject, &[&part.u], SPREAD).unwrap_or_default();
        all.get(1).is_some_and(|second| second.objective < all[0].objective + LIKELY)
    };
    let two = || subjects.par_iter().zip(parts).with_max_len(1).map(has_two).collect::<Vec<bool>>();
    population.is_wide() && two().contains(&true)
}

/// A model with the factor of its Ω.
pub(super) fn factored(model: PopulationModel) -> Result<FactoredModel, PopulationError> {
    FactoredModel::new(model).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))
}
