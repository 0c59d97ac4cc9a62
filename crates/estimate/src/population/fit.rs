//! Estimation of a population model by FOCE.

use super::boundary::{BoundaryEstimate, Optimum, canonical, held, tied_columns};
use super::conditional::EtaMode;
use super::determined::undetermined;
use super::gradient::group_size;
use super::importance::polished;
use super::modes::{self, LOWER, heights, lowest_each};
use super::objective::{
    Foce, LIKELY, Point, PopulationError, PopulationFit, PopulationOptions, starting_parts, total,
};
use super::quasi_newton::{DescentStop, Iteration, Objective, QuasiNewton};
use super::space::ParameterVector;
use super::uncertainty::{PopulationUncertainty, curvature, uncertainty};
use super::watch::{Observer, StopObserver};
use argmin::core::Executor;
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;

/// Fits all parameters of a population model that are not fixed, starting from the model's values.
///
/// # Errors
/// If there is nothing to estimate, or a subject has no contribution to the objective at the start.
pub fn fit_population(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    let space = ParameterVector::new(model)?;
    if subjects.iter().all(|s| s.observations.is_empty()) {
        return Err(PopulationError::NoSubjects);
    }
    let start = space.vector(&model.values());
    let parts = starting_parts(model, subjects)?;
    let begun = Iteration::begin(0, start.clone(), total(&parts), Point::new(start, parts).coarse());
    descend(Foce::new(model, &space, subjects, watch), begun, options)
}

/// Continues a fit from a checkpoint.
///
/// # Errors
/// If the checkpoint is not from a fit of these subjects.
pub(super) fn resume(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    mut from: Iteration<Point>,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    let space = ParameterVector::new(model)?;
    let n = space.coordinates().len();
    let is_of_it = from.fits(n) && from.at.fits(n, model, subjects);
    let objective = Foce::new(model, &space, subjects, watch);
    let x = from.x.clone();
    if !is_of_it || objective.change(&x, &mut from.at).is_none() {
        return Err(PopulationError::Checkpoint);
    }
    descend(objective, from, options)
}

/// Number of starts around the end of a descent from which a lower objective is sought elsewhere.
const ELSEWHERE: usize = 4;
/// Smallest decrease of the objective for which the estimation continues elsewhere.
const LOWER_ELSEWHERE: f64 = 1e-2;
/// Largest number of times that a descent continues with lower modes of subjects; twice as many if it also moves off or
/// onto boundaries.
const MOST_TURNS: usize = 12;

/// A search at a vector that found no subject with a lower mode.
struct NoLowerModes {
    x: Vec<f64>,
    /// Smallest difference of G from a subject's lowest mode to its second lowest.
    margin: f64,
    /// Whether modes were found of every subject.
    is_complete: bool,
}

/// Largest change of any coordinate over which the order of a subject's modes is not reconsidered, if G differs by more than
/// `AMPLE` between them.
const NEARBY: f64 = 0.02;
const AMPLE: f64 = LIKELY + 1.0;

impl NoLowerModes {
    /// Whether no subject can have a lower mode at `x` either.
    fn holds_at(&self, x: &[f64]) -> bool {
        self.is_complete && self.margin > AMPLE && self.x.iter().zip(x).all(|(a, b)| (a - b).abs() <= NEARBY)
    }
}

/// Repeats descents until nothing is left to improve at the end of one, and describes the population there.
fn descend(
    objective: Foce<'_>,
    mut from: Iteration<Point>,
    options: PopulationOptions,
) -> Result<PopulationFit, PopulationError> {
    let mut turns = 0;
    let mut searched = None;
    let objective = Foce { ends_at_zero: true, ..objective };
    let (end, stop, found) = loop {
        let (end, stop) = one_descent(objective, from, options)?;
        if stop == DescentStop::NearBoundary {
            from = objective.at_zero(end);
            continue;
        }
        if !may_be_reconsidered(stop) {
            break (end, stop, Vec::new());
        }
        if !objective.watch.go_on() {
            return Err(PopulationError::Interrupted);
        }
        match objective.reconsidered(&end, &mut searched) {
            Turn::Done(found) => {
                let margin = searched.as_ref().map_or(f64::INFINITY, |searched| searched.margin);
                if !end.at.has_looked
                    && margin < LIKELY
                    && let Some(next) = objective.elsewhere(&end, options)?
                {
                    from = next;
                    continue;
                }
                break (end, stop, found);
            }
            Turn::Modes(_) if turns >= MOST_TURNS => break (end, DescentStop::Unsettled, Vec::new()),
            Turn::Modes(next) | Turn::Boundary(next) => from = *next,
        }
        turns += 1;
        if turns > 2 * MOST_TURNS {
            break (from, DescentStop::Unsettled, Vec::new());
        }
    };
    let mut reason = stop.to_string();
    if end.count == 0 && !stop.is_minimum() {
        reason += "; the estimates are the starting values";
    }
    let fit = finished(&objective, end.x, end.value, end.at, found, options)?;
    if !fit.ends.is_empty() {
        let ends: Vec<&str> = fit.ends.iter().map(|end| end.words.as_str()).collect();
        reason += &format!(". At a boundary: {}", ends.join("; "));
    }
    Ok(PopulationFit { iterations: end.count, stop: Some(stop), reason, ..fit })
}

/// Runs one descent; returns its end and the reason why it stopped.
fn one_descent(
    objective: Foce<'_>,
    from: Iteration<Point>,
    options: PopulationOptions,
) -> Result<(Iteration<Point>, DescentStop), PopulationError> {
    let limit = options.max_iterations.saturating_sub(from.count);
    let solver = QuasiNewton::resumed(from, options.tolerance);
    let run = Executor::new(objective, solver)
        .configure(|state| state.max_iters(limit))
        .timer(false)
        .ctrlc(false)
        .run()
        .map_err(|error| PopulationError::Model(error.to_string()))?;
    let stop = run.solver.stop.unwrap_or(DescentStop::IterationLimit);
    if stop == DescentStop::Interrupted {
        return Err(PopulationError::Interrupted);
    }
    let mut end = run.solver.iteration.ok_or(PopulationError::NoSubjects)?;
    // At the limit on iterations the point may still be a coarse one.
    if let Some((value, at)) = objective.refined(&end.x, &end.at).flatten() {
        (end.value, end.at) = (value, at);
    }
    Ok((end, stop))
}

/// The decrease of the objective in a number of further iterations from the end of a fit.
///
/// # Errors
/// If `watch` interrupts the descent.
pub(super) fn fall_from(
    fit: &PopulationFit,
    model: &PopulationModel,
    subjects: &[Subject],
    iterations: u64,
    watch: &dyn Observer,
) -> Result<f64, PopulationError> {
    let silent = StopObserver(watch);
    let objective = Foce::new(model, &fit.space, subjects, &silent);
    let from = Iteration::begin(0, fit.vector.clone(), fit.ofv, Point::of(fit));
    let options =
        PopulationOptions { max_iterations: iterations, covariance: false, ..PopulationOptions::default() };
    one_descent(objective, from, options).map(|(end, _)| fit.ofv - end.value)
}

/// Runs descents that continue with lower modes of subjects as long as there are any; boundaries are not considered.
pub(super) fn descended(
    objective: Foce<'_>,
    mut from: Iteration<Point>,
    options: PopulationOptions,
) -> Result<(Iteration<Point>, DescentStop), PopulationError> {
    for _ in 0..MOST_TURNS {
        from.count = 0;
        let (end, stop) = one_descent(objective, from, options)?;
        let lower = may_be_reconsidered(stop).then(|| objective.lower_modes(&end.x, &end.at).ok()).flatten();
        let Some(subjects) = lower else { return Ok((end, stop)) };
        let point = end.at.at(end.x.clone(), subjects);
        from = Iteration::begin(0, end.x, total(&point.subjects), point);
    }
    Ok((from, DescentStop::Unsettled))
}

/// Whether an estimation may continue from an end point with other modes of subjects, or off a boundary. A gradient
/// that cannot be computed indicates a subject whose η̂ is no minimum, such as a saddle point between two modes.
fn may_be_reconsidered(stop: DescentStop) -> bool {
    stop.is_minimum() || matches!(stop, DescentStop::Stalled | DescentStop::NoGradient)
}

/// Continuation of an estimation after a descent.
enum Turn {
    /// Continues with lower modes of some subjects.
    Modes(Box<Iteration<Point>>),
    /// Continues from inside the range of an estimate near its boundary, or with a boundary estimate built in.
    Boundary(Box<Iteration<Point>>),
    /// Ends, with the boundary estimates.
    Done(Vec<BoundaryEstimate>),
}

impl Foce<'_> {
    /// Decides how the estimation continues from the end of a descent.
    fn reconsidered(&self, end: &Iteration<Point>, searched: &mut Option<NoLowerModes>) -> Turn {
        let (x, at, count) = (&end.x, &end.at, end.count + 1);
        if !searched.as_ref().is_some_and(|searched| searched.holds_at(x)) {
            match self.lower_modes(x, at) {
                Ok(subjects) => {
                    let value = total(&subjects);
                    let point = at.at(x.clone(), subjects);
                    return Turn::Modes(Box::new(Iteration::begin(count, x.clone(), value, point)));
                }
                Err(none) => *searched = Some(none),
            }
        }
        if at.changes.is_empty() {
            return Turn::Done(Vec::new());
        }
        let expected = at.expected();
        let value = |x: &[f64], tied: &[usize]| self.beside(x, at, tied).map(|(value, _)| value);
        // Off a boundary the columns are free again.
        let (model, space) = (self.model, self.space);
        let optimum =
            Optimum { model, space, x, value: end.value, expected: &expected, tied: &at.tied, at: &value };
        if let Some(inside) = optimum.escape()
            && let Some((value, point)) = self.beside(&inside, at, &[])
        {
            return Turn::Boundary(Box::new(Iteration::begin(count, inside, value, point)));
        }
        let ends = optimum.ends();
        let tied = tied_columns(self.space, &ends, &at.tied);
        if tied == at.tied {
            return Turn::Done(ends);
        }
        let x = canonical(model, space, x, &tied);
        match self.beside(&x, at, &tied) {
            Some((value, point)) => Turn::Boundary(Box::new(Iteration::begin(count, x, value, point))),
            None => Turn::Done(ends),
        }
    }

    /// The continuation of a descent with a vanishing variance: at a variance of zero, or as it was where the objective is no lower
    /// there.
    fn at_zero(&self, mut end: Iteration<Point>) -> Iteration<Point> {
        let Some(row) = self.vanishing(&end.at) else { return end };
        let mut tied = end.at.tied.clone();
        tied.push(row);
        tied.sort_unstable();
        let x = canonical(self.model, self.space, &end.x, &tied);
        match self.beside(&x, &end.at, &tied) {
            Some((value, point)) if value < end.value => Iteration::begin(end.count + 1, x, value, point),
            _ => {
                end.at.refused.push(row);
                end
            }
        }
    }

    /// The start of a continuation if subjects have several modes and the objective is lower elsewhere than at the end
    /// of the descents: the modes at which subjects are depend on the population, and another combination of modes may
    /// be better than any single change. Starts are vectors around the end and the result of importance sampling.
    /// `None` if no subject has two modes, nothing lower is found, or a coordinate is held or at a boundary.
    fn elsewhere(
        &self,
        end: &Iteration<Point>,
        options: PopulationOptions,
    ) -> Result<Option<Iteration<Point>>, PopulationError> {
        let Some(population) = self.at(&end.x, &end.at.tied) else { return Ok(None) };
        if self.held.is_some() || !end.at.tied.is_empty() || !population.is_wide() {
            return Ok(None);
        }
        let mut from: Vec<Vec<f64>> = (0..ELSEWHERE).map(|k| self.space.beside(&end.x, k)).collect();
        match polished(self.model, self.space, self.subjects, end.x.clone(), 1, self.watch) {
            Err(PopulationError::Interrupted) => return Err(PopulationError::Interrupted),
            Err(_) => {}
            Ok(found) => from.push(found.x),
        }
        let silent = Foce { watch: &StopObserver(self.watch), ends_at_zero: false, ..*self };
        let mut lowest: Option<Iteration<Point>> = None;
        for x in from {
            let Ok(there) = self.space.model(self.model, &x) else { continue };
            let Ok(parts) = starting_parts(&there, self.subjects) else { continue };
            let begun = Iteration::begin(0, x.clone(), total(&parts), Point::new(x, parts));
            let (found, stop) = match descended(silent, begun, options) {
                Err(PopulationError::Interrupted) => return Err(PopulationError::Interrupted),
                Err(_) => continue,
                Ok(found) => found,
            };
            let least = lowest.as_ref().map_or(end.value - LOWER_ELSEWHERE, |lowest| lowest.value);
            if stop.is_minimum() && found.value < least {
                lowest = Some(found);
            }
        }
        Ok(lowest.map(|found| {
            let point = Point { has_looked: true, ..found.at };
            Iteration::begin(end.count + 1, found.x, found.value, point)
        }))
    }

    /// The objective at a vector near a point, with the columns `tied` of L zero and each subject's η started from its
    /// mode at the point; `None` if the objective cannot be computed.
    fn beside(&self, x: &[f64], at: &Point, tied: &[usize]) -> Option<(f64, Point)> {
        // Another factor has a different u for the same η.
        let population = self.at(x, &[])?;
        let whitened = |part: &EtaMode| {
            let mut u = population.whitened(&part.eta);
            tied.iter().for_each(|&k| u[k] = 0.0);
            EtaMode { u, ..part.clone() }
        };
        let from = at.at(x.to_vec(), at.subjects.iter().map(whitened).collect()).tied(tied.to_vec());
        self.value(x, &from)
    }

    /// The subjects' contributions if some have lower modes; else the smallest difference of G from a subject's lowest mode to its
    /// second lowest.
    fn lower_modes(&self, x: &[f64], at: &Point) -> Result<Vec<EtaMode>, NoLowerModes> {
        let mut none = NoLowerModes { x: x.to_vec(), margin: f64::INFINITY, is_complete: true };
        let Some(population) = self.at(x, &at.tied) else {
            return Err(NoLowerModes { is_complete: false, ..none });
        };
        let subjects: Vec<(&Subject, &EtaMode)> = self.subjects.iter().zip(&at.subjects).collect();
        let some = |some: &[(&Subject, &EtaMode)]| {
            let points: Vec<(&Subject, &[f64])> = some.iter().map(|(s, part)| (*s, &part.u[..])).collect();
            let known: Vec<[&[f64]; 1]> = points.iter().map(|(_, u)| [*u]).collect();
            let sought: Vec<modes::Sought<'_>> =
                points.iter().zip(&known).map(|((subject, _), known)| (*subject, &known[..])).collect();
            let heights = heights(&population, &points, DEFAULT_RTOL);
            heights.into_iter().zip(lowest_each(&population, &sought, DEFAULT_RTOL)).collect::<Vec<_>>()
        };
        let found: Vec<_> =
            subjects.par_chunks(group_size(subjects.len())).with_max_len(1).flat_map_iter(some).collect();
        let mut is_lower = false;
        let mut parts = Vec::with_capacity(found.len());
        for ((height, lowest), part) in found.into_iter().zip(&at.subjects) {
            let Ok(lowest) = lowest else {
                none.is_complete = false;
                parts.push(part.clone());
                continue;
            };
            none.margin = none.margin.min(lowest.margin);
            let is_lower_here = height.is_some_and(|height| lowest.objective < height - LOWER);
            is_lower |= is_lower_here;
            parts.push(if is_lower_here { lowest.part } else { part.clone() });
        }
        if is_lower { Ok(parts) } else { Err(none) }
    }
}

/// Describes a fit that ended at a point with known derivatives; iterations are zero and `stop` is `None`.
fn finished(
    objective: &Foce<'_>,
    x: Vec<f64>,
    ofv: f64,
    at: Point,
    ends: Vec<BoundaryEstimate>,
    options: PopulationOptions,
) -> Result<PopulationFit, PopulationError> {
    let (model, space) = (objective.model, objective.space);
    let fitted = space.model(model, &x).map_err(|error| PopulationError::Model(error.to_string()))?;
    let gradients: Vec<Vec<f64>> = at.changes.iter().map(|change| change.gradient.clone()).collect();
    let held = held(space, &ends, &at.tied);
    let undetermined = undetermined(&at.changes, &held);
    let uncertainty = if !options.covariance {
        Err("not asked for".into())
    } else if gradients.is_empty() {
        Err("the gradient of FOCE's objective cannot be computed at the estimates".into())
    } else {
        let names = space.names(model);
        let beside = |x: &[f64]| objective.gradients_beside(x, &at);
        let of = |parts| uncertainty(parts, (&ends, &held), &names, &gradients);
        curvature(&x, &names, &held, gradients.len(), &beside).and_then(of).or_else(|why| {
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
        tied: at.tied,
        undetermined,
        uncertainty,
        iterations: 0,
        stop: None,
        reason: String::new(),
        space: space.clone(),
    })
}

/// Evaluates FOCE at a model's own values: objective, gradients and covariance.
///
/// # Errors
/// If there is nothing to estimate, or a subject has no contribution to the objective.
pub fn evaluate_population(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    let space = ParameterVector::new(model)?;
    linearised(model, &space, subjects, &space.vector(&model.values()), options, watch)
}

/// Evaluates FOCE at a parameter vector found by another method: objective, gradients and covariance.
pub(super) fn linearised(
    model: &PopulationModel,
    space: &ParameterVector,
    subjects: &[Subject],
    x: &[f64],
    options: PopulationOptions,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    let at = space.model(model, x).map_err(|error| PopulationError::Model(error.to_string()))?;
    let objective = Foce::new(model, space, subjects, watch);
    let parts = starting_parts(&at, subjects)?;
    let ofv = total(&parts);
    let mut point = Point::new(x.to_vec(), parts);
    if objective.change(x, &mut point).is_none() {
        point.changes.clear();
        return finished(&objective, x.to_vec(), ofv, point, Vec::new(), options);
    }
    let value = |x: &[f64], tied: &[usize]| objective.beside(x, &point, tied).map(|(value, _)| value);
    let expected = point.expected();
    let ends = Optimum { model, space, x, value: ofv, expected: &expected, tied: &[], at: &value }.ends();
    let tied = tied_columns(space, &ends, &[]);
    let there = canonical(model, space, x, &tied);
    if !tied.is_empty()
        && let Some((ofv, mut point)) = objective.beside(&there, &point, &tied)
        && objective.change(&there, &mut point).is_some()
    {
        return finished(&objective, there, ofv, point, ends, options);
    }
    finished(&objective, x.to_vec(), ofv, point, ends, options)
}

#[cfg(test)]
mod tests {
    use super::super::uncertainty::SPACING;
    use super::*;
    use crate::simulate::{Noise, SubjectStream, simulate_subject};
    use nalgebra::{DMatrix, DVector};
    use omafit_model::{Covariates, Dose, published};

    #[test]
    fn differences_without_another_eta_are_those_of_the_converged_gradient() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let one = |seed: u64| {
            let doses = (0..4).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
            let days = [3.0, 10.0, 27.0, 60.0, 111.0, 140.0, 180.0];
            let covariates = Covariates::new(60.0 + 5.0 * seed as f64, 200.0 + 50.0 * seed as f64);
            let mut subject = Subject::planned(seed, covariates, doses, &omafit_model::analytes(), &days);
            simulate_subject(&model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
            subject
        };
        let subjects: Vec<Subject> = (1..=6).map(one).collect();
        let space = ParameterVector::new(&model).unwrap();
        let foce = Foce::new(&model, &space, &subjects, &());
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
