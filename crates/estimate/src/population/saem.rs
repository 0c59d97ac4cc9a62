//! A population fitted by stochastic approximation of expectation and maximisation (Kuhn, Lavielle 2005, doi
//! 10.1016/j.csda.2004.07.002), from draws of [`super::walkers`].
//!
//! ```text
//! start       rounds of iterative two-stage, which cost little and bring it near
//! burn-in     typical values and Ω are those of the draws; the numbers that no η goes with take a step of scoring; until no
//!             number has a trend: the means of two blocks in turn differ by less than twice the spread within a block
//! averaging   x moves by γ·(I + τ·I_c)⁻¹g, with the gradient g of the draws and gains γ = (j + 5)^-0.7; the estimate is the
//!             mean of the vector over its last two thirds
//! stop        when the means of the last two thirds agree: half their difference, or the standard error of the mean of
//!             four blocks if that is more, which is the Monte-Carlo error of the estimate, is below the tolerance, or a
//!             fifth of the standard error, for every number, and all together cost little of the objective: eᵀIe for the
//!             errors e
//! check       the mean gradient at the estimate, from independent draws by importance sampling, is zero; where it is not,
//!             rounds of these move the estimate until it is
//!             FOCE's estimates, looked for from there, do not have a higher likelihood; where they have, all goes on from
//!             them, three times at most
//! ```
//!
//! Maximisation given draws moves by I_c⁻¹g, I_c the information on the vector if v were known. Where the data say little
//! of v the information I without v is a small part of that, and maximisation goes as small a part of the way that is
//! left: averaging would never see its end. I is that which is expected where the model is linear, at the end of the
//! burn-in; τ bounds by how much faster than maximisation the vector moves. The mean of g is zero at the maximum of the
//! likelihood (Fisher's identity), whatever the kind of residual error and with censored observations.

use super::checked::{Higher, higher};
use super::complete::Complete;
use super::conditional::EtaMode;
use super::expectation::{Comparable, Layout, Moments, Outside, maximise, solve};
use super::fit::linearised;
use super::importance::{Polished, polished, still};
use super::its::{EmIterations, Pace, rounds};
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

/// Rounds of iterative two-stage before it.
const ROUNDS: u64 = 30;
/// Draws of an iteration, at least, over all subjects.
const FEWEST_DRAWS: usize = 50;
/// Iterations of a block, and the fewest and the most of the burn-in.
const BLOCK: usize = 40;
const SHORTEST: usize = 80;
const LONGEST: usize = 200;
/// What a trend is at least, and over the spread within a block: a straight line has 3.5, noise without memory 0.2.
const SMALL: f64 = 0.002;
const WIDE: f64 = 2.0;
/// How the gain falls, and how far it has when the averaging begins.
const FALL: f64 = 0.7;
const FALLEN: usize = 5;
/// τ, and the longest step on the scales on which numbers are compared.
const BOUND: f64 = 0.05;
const MAX_STEP: f64 = 0.5;
/// And that of the logarithm of an element of Ω's factor: draws and proposals are of the Ω before, and where the data say
/// nothing of a variance a step that the draws cannot follow is answered by a longer one back.
const MAX_FACTOR: f64 = 0.3;
/// The fewest iterations of the averaging, and how often it is asked whether it can end.
const FEWEST: usize = 150;
const ASKED: usize = 20;
/// Blocks of the averaging of which the means are compared.
const BLOCKS: usize = 4;
/// The Monte-Carlo error of the estimates at the end, by itself or as a part of the standard error.
const TOLERANCE: f64 = 0.005;
const PART: f64 = 0.2;
/// What it may cost of −2 log-likelihood.
const COST: f64 = 0.5;
/// How often it begins again where FOCE finds a higher likelihood.
const AGAIN: usize = 3;
/// Proposals are fitted anew every so many iterations of the burn-in, and of the averaging.
const BURNING: usize = 20;
const AVERAGING: usize = 100;

/// Where the draws stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SaemState {
    /// The vector from which they began, and what was said of the likelihood there and wherever they began again before.
    near: Vec<f64>,
    again: Vec<String>,
    /// The vector.
    x: Vec<f64>,
    /// Iterations done, with the rounds before.
    count: u64,
    /// The subjects' walkers.
    walkers: Vec<McmcChains>,
    /// The information that is expected without v, and the standard errors on the scales on which numbers are compared:
    /// known when the averaging begins, if it can be computed there.
    expected: Option<(DMatrix<f64>, Vec<f64>)>,
    /// Independent proposals that were accepted, of how many.
    accepted: [u64; 2],
    /// The vectors of the burn-in, and whether they had no trend at last.
    burnt: Vec<Vec<f64>>,
    steady: bool,
    /// The vectors of the averaging.
    averaged: Vec<Vec<f64>>,
    /// What chance may have left at the last look.
    left: Option<Left>,
    /// Parameters whose η hardly vary when the averaging begins.
    still: Vec<usize>,
}

impl SaemState {
    /// From a vector where other iterations, so many, found each subject's mode.
    fn begin(
        chain: &Chain<'_>,
        (x, modes, count): (Vec<f64>, &[EtaMode], u64),
        seed: u64,
    ) -> Result<Self, PopulationError> {
        let Chain { model, space, subjects, .. } = chain;
        let near = space.model(model, &x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let near = factored(near)?;
        let chains = FEWEST_DRAWS.div_ceil(subjects.len());
        let one = |(position, (subject, part)): (usize, (&Subject, &EtaMode))| {
            let stream = SubjectStream::of_population(seed, position as u64);
            McmcChains::new(&near, subject, &part.u, chains, stream).map_err(|reason| {
                PopulationError::Subject { id: subject.id.clone(), reason: Box::new(reason) }
            })
        };
        let walkers: Vec<_> = subjects.par_iter().zip(modes).enumerate().with_max_len(1).map(one).collect();
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

    /// Whether it is one of this model and these subjects.
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

    /// One iteration, which moves the vector as `next` says: the vector before it, and the objective of FOCE there if every
    /// mode was looked for.
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
        let one = |(walkers, subject): (&mut McmcChains, &Subject)| {
            let moved = walkers.go_on(step, subject);
            moved.map_err(|reason| PopulationError::Subject {
                id: subject.id.clone(),
                reason: Box::new(reason),
            })
        };
        let all: Vec<Result<Added, PopulationError>> =
            self.walkers.par_iter_mut().zip(*subjects).with_max_len(1).map(one).collect();
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

    /// An iteration of the burn-in.
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

    /// An iteration of the averaging.
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

    /// How far apart the means of the two halves of what is averaged are.
    fn by_chance(&self, scales: &Comparable) -> Option<Left> {
        let counted = self.counted();
        let (first, second) = counted.split_at(counted.len() / 2);
        let halves = [mean(first), mean(second)];
        let [first, second] = [&halves[0], &halves[1]].map(|half| scales.of(half));
        // Two halves may agree by chance: the standard error of the mean of blocks is asked too.
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

    /// The vectors over which the estimate is the mean: those before are the way there.
    fn counted(&self) -> &[Vec<f64>] {
        &self.averaged[self.averaged.len() / 3..]
    }

    /// Whether the Monte-Carlo error is small enough.
    fn is_settled(&self) -> bool {
        self.left.is_some_and(|left| left.error < left.allowed && left.cost < COST)
    }

    /// Tells of an iteration.
    fn tell(&self, (vector, ofv): &(Vec<f64>, f64), watch: &dyn Observer) {
        let standing = EstimationState::new("saem", self);
        watch.iteration(&Progress { iteration: self.count - 1, ofv: *ofv, vector, standing });
    }
}

/// How far the estimates may be from their end by chance.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Left {
    /// The number whose Monte-Carlo error is the largest part of what is allowed, that error, and what is allowed.
    number: usize,
    error: f64,
    allowed: f64,
    /// What all errors together cost of −2 log-likelihood; zero where it is not known.
    cost: f64,
}

/// What the iterations have in common.
struct Chain<'a> {
    model: &'a PopulationModel,
    space: &'a ParameterVector,
    subjects: &'a [Subject],
    layout: Layout,
    watch: &'a dyn Observer,
}

/// An information with the standard errors that it means, each times its weight; none where it has no inverse.
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

/// Whether no number has a trend in the last two blocks.
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

/// Where an estimation by SAEM begins, or goes on.
pub(super) enum From {
    /// The model's values.
    InitialTarget,
    /// The rounds before it.
    EmIterations(EmIterations),
    /// Its draws.
    SaemState(SaemState),
}

/// Fits all of a model's population that it does not fix by SAEM. The objective, gradients and covariance are those of
/// FOCE at the estimates.
///
/// # Errors
/// When there is nothing to estimate, or a subject cannot be fitted.
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

/// Where the likelihood is higher than where the draws have settled.
struct Beyond {
    x: Vec<f64>,
    parts: Vec<EtaMode>,
    /// Why, in words.
    words: String,
}

/// Where the likelihood is higher than where the draws have settled: where independent draws lead, by importance sampling, or
/// FOCE. Nothing if nowhere, or if they have not settled.
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
    /// To its end, or so many iterations.
    fn through(&mut self, chain: &Chain<'_>, limit: u64) -> Result<(), PopulationError> {
        let Chain { model, space, subjects, watch, .. } = chain;
        let near = space.model(model, &self.near).map_err(|e| PopulationError::Model(e.to_string()))?;
        let scales = Comparable::new(&near, space, subjects);
        // Where it begins again it is near, and with the gains of a burn-in chance could lead it away.
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

    /// What it estimates.
    fn estimate(&self) -> Vec<f64> {
        if self.averaged.is_empty() { self.x.clone() } else { mean(self.counted()) }
    }
}

impl SaemState {
    /// How it ended, in words.
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
