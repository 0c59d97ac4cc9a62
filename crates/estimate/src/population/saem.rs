//! Estimation of a population by stochastic approximation expectation–maximisation (SAEM; Kuhn, Lavielle 2005, doi
//! 10.1016/j.csda.2004.07.002), with Markov chain draws from [`super::walkers`].
//!
//! ```text
//! start       rounds of iterative two-stage, which are cheap and come close to the estimate
//! burn-in     (exploration phase) typical values and Ω are the M-step of the draws; parameters without random effects
//!             take a step of scoring; until no parameter has a trend: the means of two consecutive blocks differ by
//!             less than twice the standard deviation within a block
//! averaging   (smoothing phase) x moves by γ·(I + τ·I_c)⁻¹g, with the gradient g of the draws and gains
//!             γ = (j + 5)^-0.7; the estimate is the mean of the vector over its last two thirds
//! stop        when the two halves of the last two thirds agree: the Monte-Carlo error of the estimate is half the
//!             difference of their means, or the standard error of the mean of four blocks if that is larger; for
//!             every parameter it must be below the tolerance or a fifth of the standard error, and all errors e
//!             together must cost little of the objective, eᵀIe
//! check       if subjects have several modes, the mean gradient at the estimate, from independent draws by
//!             importance sampling, must be zero; otherwise rounds of importance sampling move the estimate;
//!             the FOCE estimates, started from the estimate, must not have a higher likelihood; if a check fails, the
//!             averaging starts again from the better estimates, at most three times
//! ```
//!
//! The M-step given draws moves by I_c⁻¹g, with I_c the complete-data information on the vector, as if v were known. If
//! the data carry little information on v, the observed information I is a small part of I_c, and the M-step covers
//! only that small part of the remaining distance: averaging would not converge. I is the expected information of the
//! linearised model at the end of the burn-in; τ bounds how much faster than the M-step the vector moves. The mean of g
//! is zero at the maximum of the likelihood (Fisher's identity), for every kind of residual error and with censored
//! observations.

use super::checked::{Higher, higher};
use super::complete::Complete;
use super::conditional::{ConditionalError, EtaMode};
use super::expectation::{Comparable, Layout, Moments, Outside, maximise, solve};
use super::fit::linearised;
use super::gradient::group_size;
use super::importance::{Polished, polished, still};
use super::its::{EmIterations, Pace, rounds};
use super::modes;
use super::objective::{
    PopulationError, PopulationFit, PopulationOptions, expected_information, factored, have_several_modes,
    starting_parts,
};
use super::quasi_newton::{DescentStop, MOST_ITERATIONS};
use super::space::{EstimatedParameter, ParameterVector};
use super::walkers::{Added, ChainSettings, McmcChains};
use super::watch::{EstimationState, Observer, Progress};
use crate::problem::SubjectError;
use crate::simulate::SubjectStream;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Number of initial rounds of iterative two-stage.
const ROUNDS: u64 = 30;
/// Smallest number of draws in an iteration, over all subjects.
const FEWEST_DRAWS: usize = 50;
/// Number of iterations in a block, and the smallest and largest number of iterations of the burn-in.
const BLOCK: usize = 40;
const SHORTEST: usize = 80;
const LONGEST: usize = 200;
/// Size of a trend, absolute and relative to the standard deviation within a block: a straight line has 3.5,
/// independent noise 0.2.
const SMALL: f64 = 0.002;
const WIDE: f64 = 2.0;
/// Exponent of the decreasing gain, and offset of its iteration number at the start of the averaging.
const FALL: f64 = 0.7;
const FALLEN: usize = 5;
/// Bound τ, and the longest step on comparable scales.
const BOUND: f64 = 0.05;
const MAX_STEP: f64 = 0.5;
/// Longest step of the logarithm of a diagonal element of Ω's factor: draws and proposals belong to the previous Ω, and
/// where the data carry no information on a variance a step too large for the draws is followed by a larger step back.
const MAX_FACTOR: f64 = 0.3;
/// Smallest number of iterations of the averaging, and the number of iterations between convergence checks.
const FEWEST: usize = 150;
const ASKED: usize = 20;
/// Number of blocks of the averaging whose means are compared.
const BLOCKS: usize = 4;
/// Monte-Carlo error of the estimates at convergence, absolute or as a fraction of the standard error.
const TOLERANCE: f64 = 0.005;
const PART: f64 = 0.2;
/// Largest cost in −2 log-likelihood of all Monte-Carlo errors together.
const COST: f64 = 0.5;
/// Largest number of restarts after a check finds a higher likelihood.
const AGAIN: usize = 3;
/// Number of iterations of the burn-in, and of the averaging, after which proposals are refitted.
const BURNING: usize = 20;
const AVERAGING: usize = 100;

/// State of an estimation by SAEM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SaemState {
    /// Parameter vector at the (re)start, and the descriptions of the higher likelihoods that led to each restart.
    near: Vec<f64>,
    again: Vec<String>,
    /// Current parameter vector.
    x: Vec<f64>,
    /// How many iterations have been done, including the initial rounds.
    count: u64,
    /// Markov chains of each subject.
    walkers: Vec<McmcChains>,
    /// Expected observed-data information, and the standard errors on comparable scales, from the start of the
    /// averaging on; `None` if the information cannot be computed there.
    expected: Option<(DMatrix<f64>, Vec<f64>)>,
    /// Number of accepted and of proposed independence proposals.
    accepted: [u64; 2],
    /// Parameter vectors of the burn-in, and whether the last check found no trend.
    burnt: Vec<Vec<f64>>,
    steady: bool,
    /// Parameter vectors of the averaging.
    averaged: Vec<Vec<f64>>,
    /// Monte-Carlo error at the last convergence check.
    left: Option<Left>,
    /// Parameters whose η hardly vary at the start of the averaging.
    still: Vec<usize>,
}

impl SaemState {
    /// Creates the state from a parameter vector at which `count` previous iterations found each subject's mode.
    fn begin(
        chain: &Chain<'_>,
        (x, parts, count): (Vec<f64>, &[EtaMode], u64),
        seed: u64,
    ) -> Result<Self, PopulationError> {
        let Chain { model, space, subjects, .. } = chain;
        let near = space.model(model, &x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let near = factored(near)?;
        let chains = FEWEST_DRAWS.div_ceil(subjects.len());
        let known: Vec<[&[f64]; 1]> = parts.iter().map(|part| [&part.u[..]]).collect();
        let sought: Vec<modes::Sought<'_>> =
            subjects.iter().zip(&known).map(|(subject, known)| (subject, &known[..])).collect();
        let size = group_size(subjects.len());
        let some = |(group, some): (usize, &[modes::Sought<'_>])| {
            let stream = |k: usize| SubjectStream::of_population(seed, (group * size + k) as u64);
            let streams = (0..some.len()).map(stream).collect();
            let found = McmcChains::each(&near, some, chains, streams).into_iter().zip(some);
            found.map(|(found, (subject, _))| found.map_err(of_subject(subject))).collect::<Vec<_>>()
        };
        let groups = sought.par_chunks(size).enumerate().with_max_len(1);
        let walkers: Vec<_> = groups.flat_map_iter(some).collect();
        Ok(Self {
            near: x.clone(),
            again: Vec::new(),
            x,
            count,
            walkers: walkers.into_iter().collect::<Result<Vec<_>, _>>()?,
            expected: None,
            accepted: [0; 2],
            burnt: Vec::new(),
            steady: false,
            averaged: Vec::new(),
            left: None,
            still: Vec::new(),
        })
    }

    /// Whether the state matches this model and these subjects.
    fn is_of(&self, chain: &Chain<'_>) -> bool {
        let n = chain.space.coordinates().len();
        let vectors = self.burnt.iter().chain(&self.averaged).chain([&self.near, &self.x]);
        let is_sound = |(information, errors): &(DMatrix<f64>, Vec<f64>)| {
            information.shape() == (n, n) && errors.len() == n
        };
        let variable = chain.model.variable().len();
        self.count < MOST_ITERATIONS
            && self.accepted.iter().all(|number| *number < MOST_ITERATIONS)
            && vectors.into_iter().all(|vector| vector.len() == n)
            && self.expected.as_ref().is_none_or(is_sound)
            && self.left.is_none_or(|left| left.number < n)
            && self.still.iter().all(|parameter| chain.model.variable().contains(parameter))
            && self.walkers.len() == chain.subjects.len()
            && self.walkers.iter().all(|walkers| walkers.fit(variable))
    }

    /// Runs one iteration, which updates the parameter vector by `next`; returns the previous vector and its FOCE
    /// objective, which is NaN unless every mode was updated.
    fn go_on(
        &mut self,
        chain: &Chain<'_>,
        (gain, update_mode): (f64, bool),
        next: impl FnOnce(&Self, &PopulationModel, &[Moments], &Outside) -> Result<Vec<f64>, SubjectError>,
    ) -> Result<(Vec<f64>, f64), PopulationError> {
        let Chain { space, subjects, layout, watch, .. } = chain;
        if !watch.go_on() {
            return Err(PopulationError::Interrupted);
        }
        let model = space.model(chain.model, &self.x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let population = factored(model)?;
        let step = ChainSettings { population: &population, space, layout, gain, update_mode };
        let some = |(walkers, subjects): (&mut [McmcChains], &[Subject])| {
            let moved = McmcChains::iterate_each(walkers, subjects, step).into_iter().zip(subjects);
            moved.map(|(moved, subject)| moved.map_err(of_subject(subject))).collect::<Vec<_>>()
        };
        let size = group_size(subjects.len());
        let groups = self.walkers.par_chunks_mut(size).zip(subjects.par_chunks(size)).with_max_len(1);
        let all: Vec<Result<Added, PopulationError>> = groups.flat_map_iter(some).collect();
        let mut sum = Outside::none(layout);
        let mut moments = Vec::with_capacity(subjects.len());
        let mut ofv = 0.0;
        for added in all {
            let Added { ofv: part, moments: of, outside, accepted: [accepted, proposed] } = added?;
            moments.push(of);
            self.accepted[0] += u64::from(accepted);
            self.accepted[1] += u64::from(proposed);
            sum.add(&outside, 1.0);
            ofv += part.unwrap_or(f64::NAN);
        }
        let next = next(self, &population.model, &moments, &sum);
        let next = next.map_err(|reason| PopulationError::Model(reason.to_string()))?;
        self.count += 1;
        Ok((std::mem::replace(&mut self.x, next), ofv))
    }

    /// Runs one iteration of the burn-in.
    fn explore(
        &mut self,
        chain: &Chain<'_>,
        scales: &Comparable,
    ) -> Result<(Vec<f64>, f64), PopulationError> {
        let Chain { space, subjects, layout, .. } = chain;
        let done = self.burnt.len();
        let update_mode = done.is_multiple_of(BURNING);
        let told = self.go_on(chain, (1.0, update_mode), |walk, model, moments, outside| {
            let mut x = walk.x.clone();
            maximise(model, space, layout, subjects, moments, &mut x)?;
            outside.step(layout, &mut x, 1.0);
            Ok(x)
        })?;
        self.burnt.push(self.x.clone());
        let done = self.burnt.len();
        self.steady = done >= SHORTEST && done.is_multiple_of(ASKED) && is_steady(&self.burnt, scales);
        Ok(told)
    }

    /// Runs one iteration of the averaging.
    fn average(
        &mut self,
        chain: &Chain<'_>,
        scales: &Comparable,
    ) -> Result<(Vec<f64>, f64), PopulationError> {
        let Chain { model, space, subjects, layout, .. } = chain;
        let j = self.averaged.len();
        if j == 0 {
            self.expected = expected_information(model, space, subjects, &self.x)
                .map(|expected| errors(expected, &scales.weights(&self.x)));
        }
        let gain = ((j + FALLEN) as f64).powf(-FALL);
        let told =
            self.go_on(chain, (gain, j.is_multiple_of(AVERAGING)), |walk, model, moments, outside| {
                let Complete { gradient, information } =
                    Complete::new(model, space, layout, subjects, moments, outside)?;
                let bend = match &walk.expected {
                    Some((expected, _)) => expected + information * BOUND,
                    None => information,
                };
                let mut step = solve(&bend, &gradient) * gain;
                for (step, coordinate) in step.iter_mut().zip(space.coordinates()) {
                    if matches!(coordinate, EstimatedParameter::Cholesky { row, column } if row == column) {
                        *step = step.clamp(-MAX_FACTOR, MAX_FACTOR);
                    }
                }
                let weights = scales.weights(&walk.x);
                let longest = (0..step.len()).map(|k| (step[k] * weights[k]).abs()).fold(MAX_STEP, f64::max);
                Ok(walk.x.iter().zip(step.iter()).map(|(x, step)| x + step * (MAX_STEP / longest)).collect())
            })?;
        self.averaged.push(self.x.clone());
        let done = self.averaged.len();
        if done >= FEWEST && done.is_multiple_of(ASKED) {
            self.left = self.by_chance(scales);
        }
        Ok(told)
    }

    /// Estimates the Monte-Carlo error from the two halves of the averaged vectors.
    fn by_chance(&self, scales: &Comparable) -> Option<Left> {
        let counted = self.counted();
        let (first, second) = counted.split_at(counted.len() / 2);
        let halves = [mean(first), mean(second)];
        let [first, second] = [&halves[0], &halves[1]].map(|half| scales.of(half));
        // Two halves may agree by chance: the standard error of the mean of blocks is considered too.
        let blocks: Vec<Vec<f64>> =
            counted.chunks(counted.len().div_ceil(BLOCKS)).map(|block| scales.of(&mean(block))).collect();
        let of_blocks = |k: usize| {
            let n = blocks.len() as f64;
            let middle = blocks.iter().map(|block| block[k]).sum::<f64>() / n;
            let squares = blocks.iter().map(|block| (block[k] - middle).powi(2)).sum::<f64>();
            (squares / (n * (n - 1.0))).sqrt()
        };
        let known = self.expected.as_ref();
        let allowed = |k: usize| known.map_or(TOLERANCE, |(_, errors)| TOLERANCE.max(PART * errors[k]));
        let error = |k: usize| (0.5 * (first[k] - second[k]).abs()).max(of_blocks(k));
        let worse = |a: &usize, b: &usize| (error(*a) / allowed(*a)).total_cmp(&(error(*b) / allowed(*b)));
        let number = (0..first.len()).max_by(worse)?;
        let cost = known.map_or(0.0, |(expected, _)| {
            let apart = halves.map(DVector::from_vec);
            let apart = (&apart[0] - &apart[1]) * 0.5;
            apart.dot(&(expected * &apart))
        });
        Some(Left { number, error: error(number), allowed: allowed(number), cost })
    }

    /// The vectors whose mean is the estimate, without those of the approach.
    fn counted(&self) -> &[Vec<f64>] {
        &self.averaged[self.averaged.len() / 3..]
    }

    /// Whether the Monte-Carlo error is small enough.
    fn is_settled(&self) -> bool {
        self.left.is_some_and(|left| left.error < left.allowed && left.cost < COST)
    }

    /// Reports an iteration to the observer.
    fn tell(&self, (vector, ofv): &(Vec<f64>, f64), watch: &dyn Observer) {
        let standing = EstimationState::new("saem", self);
        watch.iteration(&Progress { iteration: self.count - 1, ofv: *ofv, vector, standing });
    }
}

/// Monte-Carlo error of the estimates.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Left {
    /// Position of the parameter whose Monte-Carlo error is largest relative to the allowed error, its error, and the
    /// allowed error.
    number: usize,
    error: f64,
    allowed: f64,
    /// Cost of all errors together in −2 log-likelihood; zero if it is unknown.
    cost: f64,
}

/// Common inputs of all iterations.
struct Chain<'a> {
    model: &'a PopulationModel,
    space: &'a ParameterVector,
    subjects: &'a [Subject],
    layout: Layout,
    watch: &'a dyn Observer,
}

/// The error of a subject's conditional distribution, with the subject's identifier.
fn of_subject(subject: &Subject) -> impl FnOnce(ConditionalError) -> PopulationError {
    |reason| PopulationError::Subject { id: subject.id.clone(), reason: Box::new(reason) }
}

/// Pairs an information matrix with its standard errors, each times its weight; the errors are zero if the matrix is
/// not positive definite.
fn errors(information: DMatrix<f64>, weights: &[f64]) -> (DMatrix<f64>, Vec<f64>) {
    let inverse = Cholesky::new(information.clone()).map(|cholesky| cholesky.inverse());
    let error =
        |(k, weight): (usize, &f64)| inverse.as_ref().map_or(0.0, |inverse| inverse[(k, k)].sqrt() * weight);
    let errors = weights.iter().enumerate().map(error).collect();
    (information, errors)
}

/// The mean of vectors.
fn mean(of: &[Vec<f64>]) -> Vec<f64> {
    let n = of.first().map_or(0, Vec::len);
    (0..n).map(|k| of.iter().map(|x| x[k]).sum::<f64>() / of.len() as f64).collect()
}

/// Whether no parameter has a trend between the last two blocks.
fn is_steady(trace: &[Vec<f64>], scales: &Comparable) -> bool {
    let Some(from) = trace.len().checked_sub(2 * BLOCK) else { return false };
    let compared: Vec<Vec<f64>> = trace[from..].iter().map(|x| scales.of(x)).collect();
    let (first, second) = compared.split_at(BLOCK);
    let (before, after) = (mean(first), mean(second));
    (0..before.len()).all(|k| {
        let spread = second.iter().map(|x| (x[k] - after[k]).powi(2)).sum::<f64>() / BLOCK as f64;
        (after[k] - before[k]).abs() <= SMALL + WIDE * spread.sqrt()
    })
}

/// Starting point of an estimation by SAEM.
pub(super) enum From {
    /// Start from the model's values.
    InitialTarget,
    /// Continuation within the initial rounds of iterative two-stage.
    EmIterations(EmIterations),
    /// Continuation from a SAEM state.
    SaemState(SaemState),
}

/// Fits all parameters of a population model that are not fixed by SAEM. The objective, gradients and covariance are
/// those of FOCE at the estimates.
///
/// # Errors
/// If there is nothing to estimate, a subject cannot be fitted, the estimation is interrupted, or the checkpoint is of
/// another estimation.
pub(super) fn saem(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    seed: u64,
    from: From,
    watch: &dyn Observer,
) -> Result<PopulationFit, PopulationError> {
    let space = ParameterVector::new(model)?;
    let limit = options.max_iterations;
    let chain = Chain { model, space: &space, subjects, layout: Layout::new(model, &space), watch };
    let before = match from {
        From::InitialTarget => Ok(EmIterations::begin(model, &space, subjects)?),
        From::EmIterations(before) => Ok(before),
        From::SaemState(walk) => Err(walk),
    };
    let mut walk = match before {
        Ok(before) => {
            let begun = rounds(model, &space, subjects, before, (ROUNDS.min(limit), Pace::Plain), watch)?;
            SaemState::begin(&chain, (begun.x, &begun.parts, begun.count), seed)?
        }
        Err(walk) if walk.is_of(&chain) => walk,
        Err(_) => return Err(PopulationError::Checkpoint),
    };
    walk.through(&chain, limit)?;
    let mut beyond = beyond(&chain, &walk, (seed, options))?;
    while let Some(Beyond { x, parts, words }) = beyond.take_if(|_| walk.again.len() < AGAIN) {
        let mut again = std::mem::take(&mut walk.again);
        again.push(words);
        walk = SaemState { again, ..SaemState::begin(&chain, (x, &parts, walk.count), seed)? };
        walk.through(&chain, limit)?;
        beyond = self::beyond(&chain, &walk, (seed, options))?;
    }
    let mut reason = walk.said(&space.names(model));
    let mut stop = walk.is_settled().then_some(DescentStop::Converged);
    if let Some(Beyond { words, .. }) = beyond {
        stop = None;
        reason = format!("not converged, though it seemed to be: {words} ({reason})");
    }
    let fit = linearised(model, &space, subjects, &walk.estimate(), options, watch)?;
    Ok(PopulationFit { iterations: walk.count, stop, reason, ..fit })
}

/// A point with a higher likelihood than the converged estimate.
struct Beyond {
    x: Vec<f64>,
    parts: Vec<EtaMode>,
    /// Description of the check that found the point.
    words: String,
}

/// A point with a higher likelihood than the converged estimate, found by importance sampling with independent draws or
/// by FOCE. `None` if there is no such point, or the estimate has not converged.
fn beyond(
    chain: &Chain<'_>,
    walk: &SaemState,
    (seed, options): (u64, PopulationOptions),
) -> Result<Option<Beyond>, PopulationError> {
    let Chain { model, space, subjects, watch, .. } = *chain;
    if !walk.is_settled() {
        return Ok(None);
    }
    let at = |x: &[f64]| space.model(model, x).map_err(|e| PopulationError::Model(e.to_string()));
    let there = at(&walk.estimate())?;
    let parts = starting_parts(&there, subjects)?;
    if have_several_modes(&factored(there.clone())?, subjects, &parts) {
        let Polished { x, settled, rounds } = polished(model, space, subjects, walk.estimate(), seed, watch)?;
        if rounds > 0 || !settled {
            let parts = starting_parts(&at(&x)?, subjects)?;
            let words = format!(
                "{rounds} rounds of importance sampling moved the estimates, as the mean gradient of independent draws was not \
                 zero"
            );
            return Ok(Some(Beyond { x, parts, words }));
        }
    }
    let found = higher(&there, subjects, seed, options, watch)?;
    Ok(found.map(|Higher { found, words }| Beyond { x: found.vector, parts: found.subjects, words }))
}

impl SaemState {
    /// Runs the burn-in and the averaging to convergence or to the limit on iterations.
    fn through(&mut self, chain: &Chain<'_>, limit: u64) -> Result<(), PopulationError> {
        let Chain { model, space, subjects, watch, .. } = chain;
        let near = space.model(model, &self.near).map_err(|e| PopulationError::Model(e.to_string()))?;
        let scales = Comparable::new(&near, space, subjects);
        // A restart is near the estimate, and the gains of a burn-in could move it away by chance.
        let burns = self.again.is_empty();
        while burns
            && self.count < limit
            && self.averaged.is_empty()
            && !self.steady
            && self.burnt.len() < LONGEST
        {
            let told = self.explore(chain, &scales)?;
            self.tell(&told, *watch);
        }
        if self.averaged.is_empty() {
            self.still = still(model, space, &self.x);
        }
        let chain = &Chain { layout: Layout::with_still(model, space, &self.still), ..*chain };
        while self.count < limit && !self.is_settled() {
            let told = self.average(chain, &scales)?;
            self.tell(&told, *watch);
        }
        Ok(())
    }

    /// The current estimate.
    fn estimate(&self) -> Vec<f64> {
        if self.averaged.is_empty() { self.x.clone() } else { mean(self.counted()) }
    }
}

impl SaemState {
    /// Describes how the estimation ended.
    fn said(&self, names: &[String]) -> String {
        let again = match &self.again[..] {
            [] => String::new(),
            [words] => format!(", begun again as {words}"),
            [.., words] => format!(", begun again {} times, the last as {words}", self.again.len()),
        };
        let [accepted, proposed] = self.accepted;
        let mut said = format!(
            "after {} iterations of averaging ({:.0} % of the proposals around the modes accepted)",
            self.averaged.len(),
            100.0 * accepted as f64 / proposed as f64
        );
        if !self.burnt.is_empty() {
            let trend = if self.steady { "without a trend" } else { "which still had a trend" };
            said += &format!(" and a burn-in of {}, {trend}", self.burnt.len());
        }
        said += &again;
        match self.left {
            Some(Left { number, error, allowed, cost }) if self.is_settled() => format!(
                "converged: {said}: the estimates' Monte-Carlo error is below {TOLERANCE} or a fifth of the standard \
                 error, nearest to it that of {}, {error:.1e} of {allowed:.1e}, and costs {cost:.2} of the objective",
                names[number]
            ),
            Some(Left { number, error, allowed, cost }) => format!(
                "the limit on iterations was reached {said}; the Monte-Carlo error of {} is {error:.1e}, and should be \
                 below {allowed:.1e}; together the errors cost {cost:.2} of the objective, and should below {COST}",
                names[number]
            ),
            None => format!("the limit on iterations was reached {said}"),
        }
    }
}
