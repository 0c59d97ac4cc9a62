//! A population fitted to its subjects by FOCE.

use super::boundary::{End, ends};
use super::conditional::{Conditional, ConditionalError, conditional};
use super::gradient::{Change, change};
use super::quasi_newton::{DescentStop, Iteration, Objective, QuasiNewton};
use super::space::{Space, SpaceError};
use super::uncertainty::{PopulationUncertainty, curvature, listed, uncertainty};
use super::watch::{Of, Progress, Standing, Watch};
use crate::individual::{FitOptions, Method, fit_subject};
use crate::prior::Prior;
use argmin::core::Executor;
use nalgebra::{DMatrix, DVector};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
    Space(#[from] SpaceError),
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
    /// There is nobody.
    #[error("a population needs subjects with observations")]
    NoSubjects,
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
    pub space: Space,
    /// The estimates as a vector.
    pub vector: Vec<f64>,
    /// The objective, −2 log-likelihood of the data without constants as FOCE approximates it.
    pub ofv: f64,
    /// Each subject's part.
    pub subjects: Vec<Conditional>,
    /// The gradient of each subject's part over the vector; nothing where it cannot be computed.
    pub gradients: Vec<Vec<f64>>,
    /// Numbers at an end of their range.
    pub ends: Vec<End>,
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
}

/// The objective of a population as a function of its vector.
#[derive(Clone, Copy)]
pub(super) struct Foce<'a> {
    pub model: &'a PopulationModel,
    pub space: &'a Space,
    pub subjects: &'a [Subject],
    pub watch: &'a dyn Watch,
}

impl Foce<'_> {
    fn at(&self, x: &[f64]) -> Option<(PopulationModel, Prior)> {
        let model = self.space.model(self.model, x).ok()?;
        let prior = whole_prior(&model)?;
        Some((model, prior))
    }
}

impl Foce<'_> {
    /// The subjects' gradients at a vector beside `point`, each η̂ where it goes to first order. What that leaves out is the same on
    /// both sides of the point, and so no part of a central difference.
    fn gradients_beside(&self, x: &[f64], point: &Point) -> Option<Vec<Vec<f64>>> {
        if !self.watch.go_on() {
            return None;
        }
        let (model, _) = self.at(x)?;
        let moved: Vec<f64> = x.iter().zip(&point.x).map(|(x, before)| x - before).collect();
        let one = |(i, subject): (usize, &Subject)| {
            let eta = point.changes.get(i)?.foresee(&point.subjects[i].eta, &moved);
            Some(change(&model, self.space, subject, &eta, DEFAULT_RTOL).ok()?.gradient)
        };
        let gradients: Vec<_> = self.subjects.par_iter().enumerate().with_max_len(1).map(one).collect();
        gradients.into_iter().collect()
    }
}

/// The prior over all parameters that vary.
pub(super) fn whole_prior(model: &PopulationModel) -> Option<Prior> {
    Prior::new((0..model.variable().len()).collect(), model.omega())
}

/// The sum in the subjects' order.
pub(super) fn total(parts: &[Conditional]) -> f64 {
    parts.iter().map(|part| part.ofv).sum()
}

/// Whether they can be the parts of these subjects.
pub(super) fn are_of(parts: &[Conditional], model: &PopulationModel, subjects: &[Subject]) -> bool {
    parts.len() == subjects.len() && parts.iter().all(|part| part.eta.len() == model.variable().len())
}

/// A point of which the objective is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    x: Vec<f64>,
    subjects: Vec<Conditional>,
    /// How each subject's part changes, once that is known. It follows from the rest, and is much.
    #[serde(skip)]
    changes: Vec<Change>,
}

impl Point {
    /// Of which the changes are not known yet.
    pub fn new(x: Vec<f64>, subjects: Vec<Conditional>) -> Self {
        Self { x, subjects, changes: Vec::new() }
    }
}

impl Objective for Foce<'_> {
    type At = Point;

    fn value(&self, x: &[f64], from: &Point) -> Option<(f64, Point)> {
        let (model, prior) = self.at(x)?;
        let moved: Vec<f64> = x.iter().zip(&from.x).map(|(x, before)| x - before).collect();
        let one = |i: usize| {
            let before = from.changes.get(i).map(|change| (change, &moved[..]));
            conditional(&model, &prior, &self.subjects[i], &from.subjects[i].eta, before, DEFAULT_RTOL).ok()
        };
        let parts: Vec<_> = (0..self.subjects.len()).into_par_iter().with_max_len(1).map(one).collect();
        let subjects = parts.into_iter().collect::<Option<Vec<_>>>()?;
        Some((total(&subjects), Point::new(x.to_vec(), subjects)))
    }

    fn change(&self, x: &[f64], at: &mut Point) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let (model, _) = self.at(x)?;
        let one = |(subject, part): (&Subject, &Conditional)| {
            change(&model, self.space, subject, &part.eta, DEFAULT_RTOL).ok()
        };
        let changes: Vec<_> = self.subjects.par_iter().zip(&at.subjects).with_max_len(1).map(one).collect();
        at.changes = changes.into_iter().collect::<Option<Vec<_>>>()?;
        let (mut gradient, mut expected) = (DVector::zeros(x.len()), DMatrix::zeros(x.len(), x.len()));
        for change in &at.changes {
            gradient += DVector::from_column_slice(&change.gradient);
            expected += change.expected();
        }
        Some((gradient, expected))
    }

    fn observe(&self, iteration: &Iteration<Self::At>) {
        let standing = Standing(Of::Foce(iteration));
        let Iteration { count, x, value, .. } = iteration;
        self.watch.iteration(&Progress { iteration: *count, ofv: *value, vector: x, standing });
    }

    fn go_on(&self) -> bool {
        self.watch.go_on()
    }
}

/// Fits all of a model's population that it does not fix, from its own values.
///
/// # Errors
/// When there is nothing to estimate, or a subject has no part in the objective at the start.
pub fn fit_population(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    watch: &dyn Watch,
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    if subjects.iter().all(|s| s.observations.is_empty()) {
        return Err(PopulationError::NoSubjects);
    }
    let start = space.vector(&model.values());
    let parts = starting_parts(model, subjects)?;
    let value = total(&parts);
    let point = Point::new(start.clone(), parts);
    let solver = QuasiNewton::new(start, value, point, options.tolerance);
    let objective = Foce { model, space: &space, subjects, watch };
    descend(objective, solver, options.max_iterations, options)
}

/// Goes on with such a fit.
///
/// # Errors
/// When that is not where a fit of these subjects stood.
pub(super) fn resume(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    mut from: Iteration<Point>,
    watch: &dyn Watch,
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    let is_of_it = from.fits(space.coordinates().len()) && are_of(&from.at.subjects, model, subjects);
    let objective = Foce { model, space: &space, subjects, watch };
    let x = from.x.clone();
    if !is_of_it || objective.change(&x, &mut from.at).is_none() {
        return Err(PopulationError::Checkpoint);
    }
    let left = options.max_iterations.saturating_sub(from.count);
    descend(objective, QuasiNewton::resumed(from, options.tolerance), left, options)
}

/// At most so many iterations.
fn descend(
    objective: Foce<'_>,
    solver: QuasiNewton<Point>,
    limit: u64,
    options: PopulationOptions,
) -> Result<PopulationFit, PopulationError> {
    let Foce { model, space, subjects, watch } = objective;
    let run = Executor::new(objective, solver)
        .configure(|state| state.max_iters(limit))
        .timer(false)
        .ctrlc(false)
        .run()
        .map_err(|error| PopulationError::Model(error.to_string()))?;
    let stop = run.solver.stop;
    if stop == Some(DescentStop::Interrupted) {
        return Err(PopulationError::Interrupted);
    }
    let Some(end) = run.solver.iteration else { return Err(PopulationError::NoSubjects) };
    let mut reason =
        stop.map_or_else(|| "the limit on iterations was reached".into(), |stop| stop.to_string());
    let objective = Foce { model, space, subjects, watch };
    let fit = finished(&objective, end.x, end.value, end.at, options)?;
    if !fit.ends.is_empty() {
        let ends: Vec<&str> = fit.ends.iter().map(|end| end.words.as_str()).collect();
        reason += &format!(". An end of the range: {}", ends.join("; "));
    }
    Ok(PopulationFit { iterations: end.count, stop, reason, ..fit })
}

/// A fit that ended at a point whose changes are known; iterations and stop are those of nothing.
fn finished(
    objective: &Foce<'_>,
    x: Vec<f64>,
    ofv: f64,
    at: Point,
    options: PopulationOptions,
) -> Result<PopulationFit, PopulationError> {
    let (model, space) = (objective.model, objective.space);
    let fitted = space.model(model, &x).map_err(|error| PopulationError::Model(error.to_string()))?;
    let gradients: Vec<Vec<f64>> = at.changes.iter().map(|change| change.gradient.clone()).collect();
    let ends = if at.changes.is_empty() {
        Vec::new()
    } else {
        let n = x.len();
        let part = |k: usize| at.changes.iter().map(|change| change.information[k * n + k]).sum();
        let expected: Vec<f64> = (0..n).map(part).collect();
        ends(model, space, &x, ofv, &expected, &|x| objective.value(x, &at).map(|(value, _)| value))
    };
    let uncertainty = if !options.covariance {
        Err("not asked for".into())
    } else if gradients.is_empty() {
        Err("the gradient of FOCE's objective cannot be computed at the estimates".into())
    } else {
        let names = space.names(model);
        let beside = |x: &[f64]| objective.gradients_beside(x, &at);
        let of = |parts| uncertainty(parts, &ends, &names, &gradients);
        curvature(&x, &names, gradients.len(), &beside).and_then(of).or_else(|why| {
            let expected = of(at.changes.iter().map(|change| change.expected() * 0.5).collect())?;
            Ok(PopulationUncertainty { expected_because: Some(why), ..expected })
        })
    };
    if !objective.watch.go_on() {
        return Err(PopulationError::Interrupted);
    }
    Ok(PopulationFit {
        model: fitted,
        vector: x,
        ofv,
        subjects: at.subjects,
        gradients,
        ends,
        uncertainty,
        iterations: 0,
        stop: None,
        reason: String::new(),
        space: space.clone(),
    })
}

/// What FOCE says of a model's population at its own values: objective, gradients and covariance.
///
/// # Errors
/// When there is nothing to estimate, or a subject has no part in the objective.
pub fn evaluate_population(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    watch: &dyn Watch,
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    linearised(model, &space, subjects, &space.vector(&model.values()), options, watch)
}

/// What FOCE says of a vector that another method found: objective, gradients and covariance there.
pub(super) fn linearised(
    model: &PopulationModel,
    space: &Space,
    subjects: &[Subject],
    x: &[f64],
    options: PopulationOptions,
    watch: &dyn Watch,
) -> Result<PopulationFit, PopulationError> {
    let at = space.model(model, x).map_err(|error| PopulationError::Model(error.to_string()))?;
    let objective = Foce { model, space, subjects, watch };
    let parts = starting_parts(&at, subjects)?;
    let ofv = total(&parts);
    let mut point = Point::new(x.to_vec(), parts);
    if objective.change(x, &mut point).is_none() {
        point.changes.clear();
    }
    finished(&objective, x.to_vec(), ofv, point, options)
}

/// The information of the observations over the vector that is expected where the model is linear; nothing where a subject
/// has no part in the objective of FOCE.
pub(super) fn expected_information(
    model: &PopulationModel,
    space: &Space,
    subjects: &[Subject],
    x: &[f64],
) -> Option<DMatrix<f64>> {
    let parts = starting_parts(&space.model(model, x).ok()?, subjects).ok()?;
    let objective = Foce { model, space, subjects, watch: &() };
    let (_, expected) = objective.change(x, &mut Point::new(x.to_vec(), parts))?;
    Some(expected * 0.5).filter(|expected| expected.iter().all(|v| v.is_finite()))
}

/// Each subject's part at the start, looked for as hard as for a subject alone.
pub(super) fn starting_parts(
    model: &PopulationModel,
    subjects: &[Subject],
) -> Result<Vec<Conditional>, PopulationError> {
    let prior = whole_prior(model).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))?;
    let options = FitOptions::new(Method::Map, model.variable().to_vec());
    let one = |subject: &Subject| {
        let fit = fit_subject(model, subject, Some(&prior), &options);
        let start = if fit.eta.iter().all(|e| e.is_finite()) { fit.eta } else { vec![0.0; fit.eta.len()] };
        conditional(model, &prior, subject, &start, None, DEFAULT_RTOL)
            .map_err(|reason| PopulationError::Start { id: subject.id.clone(), reason: Box::new(reason) })
    };
    subjects.par_iter().with_max_len(1).map(one).collect::<Vec<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::uncertainty::SPACING;
    use super::*;
    use crate::simulate::{Noise, SubjectStream, simulate_subject};
    use omafit_model::{Covariates, Dose, published};

    #[test]
    fn differences_without_another_eta_are_those_of_the_converged_gradient() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let one = |seed: u64| {
            let doses = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
            let days = [3.0, 10.0, 27.0, 60.0, 111.0, 140.0, 180.0];
            let covariates = Covariates::new(60.0 + 5.0 * seed as f64, 200.0 + 50.0 * seed as f64);
            let mut subject = Subject::planned(seed, covariates, doses, &days);
            simulate_subject(&model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
            subject
        };
        let subjects: Vec<Subject> = (1..=6).map(one).collect();
        let space = Space::new(&model).unwrap();
        let foce = Foce { model: &model, space: &space, subjects: &subjects, watch: &() };
        let x = space.vector(&model.values());
        let parts = starting_parts(&model, &subjects).unwrap();
        let mut point = Point::new(x.clone(), parts);
        foce.change(&x, &mut point).unwrap();
        let along = |k: usize, h: f64, gradient: &dyn Fn(&[f64]) -> DVector<f64>| {
            let moved = |h: f64| {
                let mut x = x.clone();
                x[k] += h;
                gradient(&x)
            };
            (moved(h) - moved(-h)) / (2.0 * h)
        };
        let converged = |x: &[f64]| {
            let (_, mut at) = foce.value(x, &point).unwrap();
            foce.change(x, &mut at).unwrap().0
        };
        let n = x.len();
        let columns =
            |of: &dyn Fn(usize) -> DVector<f64>| DMatrix::from_columns(&(0..n).map(of).collect::<Vec<_>>());
        let exact = columns(&|k| (along(k, 2e-3, &converged) * 4.0 - along(k, 4e-3, &converged)) / 3.0);
        let beside = |x: &[f64]| {
            let parts = foce.gradients_beside(x, &point).unwrap();
            parts.iter().fold(DVector::zeros(n), |sum, part| sum + DVector::from_column_slice(part))
        };
        let found = columns(&|k| along(k, SPACING, &beside));
        for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
            let scale = (exact[(i, i)] * exact[(j, j)]).abs().sqrt();
            let gap = (found[(i, j)] - exact[(i, j)]).abs() / scale;
            assert!(gap < 1e-3, "{i} {j}: {} {} {gap:e}", found[(i, j)], exact[(i, j)]);
        }
    }
}
