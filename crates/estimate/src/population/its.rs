//! Estimation of a population by iterative two-stage: alternating E-steps and M-steps, with the conditional
//! distribution of each subject's η taken as normal with mean η̂, the mode, and covariance H⁻¹.
//!
//! The M-step, partly in closed form and partly by a step of scoring, is in [`super::expectation`]. The equations for
//! the residual standard deviations are those of the σ pooled over all subjects ([`crate::sigma`]). Rounds reduce the
//! remaining change by a constant factor that is often close to one: their limit is extrapolated from the last rounds
//! ([`super::accelerate`]).

use super::accelerate::AndersonHistory;
use super::conditional::{ConditionalError, EtaMode, Sought, conditional_each};
use super::expectation::{Comparable, ConditionalSpread, Layout, Moments, Outside, maximise, transformed};
use super::fit::{fall_from, linearised};
use super::gradient::group_size;
use super::objective::{
    PopulationError, PopulationFit, PopulationOptions, are_of, factored, starting_parts, total,
};
use super::quasi_newton::{DescentStop, MOST_ITERATIONS};
use super::space::ParameterVector;
use super::watch::{EstimationState, Observer, Progress};
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Largest change of any parameter, on comparable scales, at convergence.
const LEFT: f64 = 1e-3;
/// How many consecutive rounds must stay below [`LEFT`].
const SETTLED: u64 = 2;
/// Agreement of the subjects' gradients above which the end is not a maximum of the likelihood, as the iterations
/// maximise an approximation; from some such ends no descent of FOCE escapes.
const AGREEMENT: f64 = 0.5;
/// Decrease of the FOCE objective in [`DESCENT`] further iterations above which the end is not a maximum of the
/// likelihood. At a proper end the objective is within a unit or two of its minimum, as the iterations maximise an
/// approximation of their own.
const FALL: f64 = 10.0;
const DESCENT: u64 = 8;
/// Relative tolerance to which the model is solved, small compared to [`LEFT`].
const RTOL: f64 = 1e-6;

/// State of the iterations of expectation and maximisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EmIterations {
    /// Parameter vector.
    pub x: Vec<f64>,
    /// Each subject's mode with its contribution to the FOCE objective, at the vector before the last round.
    pub parts: Vec<EtaMode>,
    /// How many iterations have been done.
    pub count: u64,
    /// Whether the iterations converged, and how many of the last ones stayed below [`LEFT`].
    pub settled: bool,
    quiet: u64,
    /// Parameter with the largest change, by position, and its change.
    pub largest_change: Option<(usize, f64)>,
    /// Acceleration history, and the vector that the last round reached without acceleration.
    past: AndersonHistory,
    plain: Vec<f64>,
}

impl EmIterations {
    /// Creates the state before the first iteration, from a model's values.
    ///
    /// # Errors
    /// If a subject has no mode.
    pub fn begin(
        model: &PopulationModel,
        space: &ParameterVector,
        subjects: &[Subject],
    ) -> Result<Self, PopulationError> {
        let parts = starting_parts(model, subjects)?;
        let x = space.vector(&model.values());
        let plain = x.clone();
        Ok(Self {
            x,
            parts,
            count: 0,
            settled: false,
            quiet: 0,
            largest_change: None,
            past: AndersonHistory::default(),
            plain,
        })
    }

    /// Whether the state has `n` parameters.
    fn fits(&self, n: usize) -> bool {
        self.count < MOST_ITERATIONS
            && self.quiet < MOST_ITERATIONS
            && self.x.len() == n
            && self.plain.len() == n
            && self.largest_change.is_none_or(|(number, _)| number < n)
            && self.past.fits(n)
    }

    /// Describes a state that has not converged.
    pub fn limit(&self, names: &[String]) -> String {
        let left = self.largest_change.map_or(String::new(), |(number, left)| {
            format!("; {} is foreseen to move by {left:.1e}", names[number])
        });
        format!("the limit on iterations was reached{left}")
    }
}

/// Starting point of the next round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Accelerated: the vector extrapolated from the last rounds.
    Foreseen,
    /// Plain: the vector that the last round reached.
    Plain,
}

/// Runs rounds up to a limit or until they converge.
///
/// # Errors
/// If a subject has no mode, the model does not apply to a subject, the state is of another estimation, or `watch`
/// interrupts the rounds.
pub(super) fn rounds(
    model: &PopulationModel,
    space: &ParameterVector,
    subjects: &[Subject],
    mut now: EmIterations,
    (limit, pace): (u64, Pace),
    watch: &dyn Observer,
) -> Result<EmIterations, PopulationError> {
    if !now.fits(space.coordinates().len()) || !are_of(&now.parts, model, subjects) {
        return Err(PopulationError::Checkpoint);
    }
    let layout = Layout::new(model, space);
    while now.count < limit && !now.settled {
        if !watch.go_on() {
            return Err(PopulationError::Interrupted);
        }
        let Round { ofv, parts, x, comparable } = match round(model, space, &layout, subjects, &now) {
            Ok(round) => round,
            // A subject may have no mode at the extrapolated vector.
            Err(_) if now.x != now.plain => {
                now.x.clone_from(&now.plain);
                now.past.forget();
                continue;
            }
            Err(reason) => return Err(reason),
        };
        let change: Vec<f64> = x.iter().zip(&now.x).map(|(x, before)| x - before).collect();
        let mut past = now.past;
        if pace == Pace::Plain {
            past.forget();
        }
        let next = past.next(&now.x, &change, &comparable.weights(&now.x));
        let largest_change = comparable.largest_change(&next, &now.x);
        let quiet = if largest_change.1 < LEFT && past.is_knowing() { now.quiet + 1 } else { 0 };
        let (iteration, before) = (now.count, now.x);
        now = EmIterations {
            x: next,
            parts,
            count: iteration + 1,
            settled: quiet >= SETTLED,
            quiet,
            largest_change: Some(largest_change),
            past,
            plain: x,
        };
        let standing = EstimationState::new("its", &now);
        watch.iteration(&Progress { iteration, ofv, vector: &before, standing });
    }
    Ok(now)
}

/// Result of a round.
struct Round {
    /// FOCE objective function value before the round.
    ofv: f64,
    parts: Vec<EtaMode>,
    /// Parameter vector after the round.
    x: Vec<f64>,
    comparable: Comparable,
}

/// Runs one round of expectation and maximisation.
fn round(
    model: &PopulationModel,
    space: &ParameterVector,
    layout: &Layout,
    subjects: &[Subject],
    now: &EmIterations,
) -> Result<Round, PopulationError> {
    let at = space.model(model, &now.x).map_err(|e| PopulationError::Model(e.to_string()))?;
    let population = factored(at)?;
    let at = &population.model;
    type Found = Result<(EtaMode, Outside), ConditionalError>;
    let one = |(found, subject): (Found, &Subject)| {
        let expected = || {
            let (part, outside) = found?;
            let mean = transformed(at, subject)? + DVector::from_column_slice(&part.eta);
            let covariance = Cholesky::new(outside.precision.clone()).map(|c| c.inverse());
            let second = covariance.map(|c| c + &mean * mean.transpose());
            let second = second.ok_or(ConditionalError::NotPositive("H"))?;
            Ok((part, outside, Moments { mean, second }))
        };
        expected()
            .map_err(|reason| PopulationError::Subject { id: subject.id.clone(), reason: Box::new(reason) })
    };
    let pairs: Vec<(&Subject, &EtaMode)> = subjects.iter().zip(&now.parts).collect();
    let some = |some: &[(&Subject, &EtaMode)]| {
        let mut sought = Vec::with_capacity(some.len());
        for (subject, part) in some {
            sought.push(Sought { subject, start: &part.u, before: None });
        }
        let modes = conditional_each(&population, &sought, RTOL);
        let found = some.iter().zip(&modes);
        let points: Vec<(&Subject, &[f64])> = found
            .filter_map(|((subject, _), mode)| Some((*subject, &mode.as_ref().ok()?.0.eta[..])))
            .collect();
        let mut outside =
            Outside::each(at, space, layout, &points, ConditionalSpread::Mode, RTOL).into_iter();
        let mut with_outside = |(part, _): (EtaMode, f64)| match outside.next() {
            Some(outside) => Ok((part, outside?)),
            None => Err(ConditionalError::NotPositive("H")),
        };
        let found: Vec<Found> = modes.into_iter().map(|mode| mode.and_then(&mut with_outside)).collect();
        found.into_iter().zip(some.iter().map(|(subject, _)| *subject)).map(one).collect::<Vec<_>>()
    };
    let all: Vec<_> = pairs.par_chunks(group_size(pairs.len())).with_max_len(1).flat_map_iter(some).collect();
    let mut sum = Outside::none(layout);
    let mut moments = Vec::with_capacity(subjects.len());
    let mut parts = Vec::with_capacity(subjects.len());
    for found in all {
        let (part, outside, moment) = found?;
        sum.add(&outside, 1.0);
        moments.push(moment);
        parts.push(part);
    }
    let mut x = now.x.clone();
    maximise(at, space, layout, subjects, &moments, &mut x)
        .map_err(|reason| PopulationError::Model(format!("after iteration {}: {reason}", now.count)))?;
    sum.step(layout, &mut x, 1.0);
    Ok(Round { ofv: total(&parts), parts, x, comparable: Comparable::new(at, space, subjects) })
}

/// Fits all parameters of a population model that are not fixed by iterative two-stage, starting from the model's
/// values. The objective, gradients and covariance are those of FOCE at the estimates.
///
/// # Errors
/// If there is nothing to estimate, or a subject cannot be fitted.
pub(super) fn iterative_two_stage(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    from: Option<EmIterations>,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    let space = ParameterVector::new(model)?;
    let from = from.map_or_else(|| EmIterations::begin(model, &space, subjects), Ok)?;
    let found = rounds(model, &space, subjects, from, (options.max_iterations, Pace::Foreseen), watch)?;
    let reason = if found.settled {
        format!("converged: no number is foreseen to move by more than {LEFT} in further iterations")
    } else {
        found.limit(&space.names(model))
    };
    let fit = linearised(model, &space, subjects, &found.x, options, watch)?;
    let away = if found.settled { away_from_a_maximum(&fit, model, subjects, watch)? } else { None };
    if let Some(words) = away {
        let reason = format!(
            "the iterations settled away from a maximum of the likelihood: {words}; start elsewhere, or use --method foce"
        );
        return Ok(PopulationFit { iterations: found.count, stop: None, reason, ..fit });
    }
    let stop = found.settled.then_some(DescentStop::Converged);
    Ok(PopulationFit { iterations: found.count, stop, reason, ..fit })
}

/// Describes why an end is not a maximum of the likelihood; `None` if it is near a maximum.
fn away_from_a_maximum(
    fit: &PopulationFit,
    model: &PopulationModel,
    subjects: &[Subject],
    watch: &dyn Observer,
) -> Result<Option<String>, PopulationError> {
    let (n, agreement) = (subjects.len(), agreement(fit));
    if agreement > AGREEMENT {
        let score = agreement * n as f64;
        return Ok(Some(format!(
            "its score statistic there is {score:.0}, of at most {n}, the number of subjects"
        )));
    }
    let fall = fall_from(fit, model, subjects, DESCENT, watch)?;
    let words = || format!("the objective of FOCE falls by {fall:.0} from there in {DESCENT} iterations");
    Ok((fall > FALL).then(words))
}

/// The degree to which the subjects' gradients point in one direction, from 0 at a maximum to 1: gᵀ·S⁻¹·g/n, with g the
/// sum of the gradients of n subjects and S the sum of their outer products; zero if S is singular. Boundary estimates
/// are left out.
fn agreement(fit: &PopulationFit) -> f64 {
    let is_free = |k: &usize| fit.ends.iter().all(|end| end.coordinate != *k);
    let free: Vec<usize> = (0..fit.vector.len()).filter(is_free).collect();
    let mut sum = DVector::zeros(free.len());
    let mut outer = DMatrix::zeros(free.len(), free.len());
    for gradient in &fit.gradients {
        let one = DVector::from_iterator(free.len(), free.iter().map(|&k| gradient[k]));
        outer += &one * one.transpose();
        sum += one;
    }
    let inverse = Cholesky::new(outer);
    inverse.map_or(0.0, |inverse| sum.dot(&inverse.solve(&sum)) / fit.gradients.len() as f64)
}
