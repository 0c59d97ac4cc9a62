//! A population fitted by stochastic approximation of expectation and maximisation (Kuhn, Lavielle 2005, doi
//! 10.1016/j.csda.2004.07.002), from draws of [`super::walkers`].
//!
//! ```text
//! start       rounds of iterative two-stage, which cost little and bring it near
//! burn-in     gain 1, until no number has a trend: the means of two blocks in turn differ by less than
//!             twice the spread within a block
//! averaging   gains j^-0.7; the estimate is the mean of the vector over it
//! stop        when the means of the two halves of the averaging agree: half their difference, which is the Monte-Carlo
//!             error of the estimate, is below the tolerance for every number
//! check       FOCE's estimates, looked for from there, do not have a higher likelihood
//! ```
//!
//! In each iteration the moments of v follow the draws by the gain, and typical values and Ω are maximised given them; the
//! numbers that no η goes with take a step of scoring along the gradient of the draws, by the gain (Robbins, Monro), with
//! the information of the draws followed by the gain too. At the end the mean of that gradient is zero, which is the
//! equation of the maximum of the likelihood, whatever the kind of residual error and with censored observations.

use super::checked::higher;
use super::expectation::{Comparable, Layout, Moments, Outside, maximise};
use super::fit::{PopulationError, PopulationFit, PopulationOptions, linearised, whole_prior};
use super::its::{Pace, Rounds, rounds};
use super::quasi_newton::DescentStop;
use super::space::Space;
use super::walkers::{Added, Step, Walkers};
use super::watch::{Of, Progress, Standing, Watch};
use crate::simulate::SubjectStream;
use omafit_model::{PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rounds of iterative two-stage before it.
const ROUNDS: u64 = 30;
/// Draws of an iteration, at least, over all subjects.
const FEWEST_DRAWS: usize = 50;
/// Iterations of a block, and the fewest and the most of the burn-in.
const BLOCK: usize = 40;
const SHORTEST: usize = 120;
const LONGEST: usize = 400;
/// What a trend is at least, and over the spread within a block: a straight line has 3.5, noise without memory 0.2.
const SMALL: f64 = 0.002;
const WIDE: f64 = 2.0;
/// How the gain falls.
const FALL: f64 = 0.7;
/// The fewest iterations of the averaging, and how often it is asked whether it can end.
const FEWEST: usize = 100;
const ASKED: usize = 20;
/// The Monte-Carlo error of the estimates at the end.
const TOLERANCE: f64 = 0.005;
/// Modes are looked for in each of the first iterations of the burn-in, and then in one of so many.
const MOVING: usize = 20;
const LOOKED: usize = 5;

/// Where the draws stand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Walk {
    /// The vector from which they began.
    near: Vec<f64>,
    /// The vector.
    x: Vec<f64>,
    /// Iterations done, with the rounds before.
    count: u64,
    /// The subjects' walkers.
    walkers: Vec<Walkers>,
    /// The information of the numbers outside, followed by the gain.
    information: Option<Outside>,
    /// Independent proposals that were accepted, of how many.
    accepted: [u64; 2],
    /// The vectors of the burn-in, and whether they had no trend at last.
    burnt: Vec<Vec<f64>>,
    steady: bool,
    /// The vectors of the averaging.
    averaged: Vec<Vec<f64>>,
    /// The number of the largest Monte-Carlo error, and that error.
    error: Option<(usize, f64)>,
}

impl Walk {
    /// From where rounds of iterative two-stage came to.
    fn begin(chain: &Chain<'_>, begun: Rounds, seed: u64) -> Result<Self, PopulationError> {
        let Chain { model, space, subjects, .. } = chain;
        let near = space.model(model, &begun.x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let prior = whole_prior(&near).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))?;
        let chains = FEWEST_DRAWS.div_ceil(subjects.len());
        let one = |(position, (subject, part)): (usize, (&Subject, &super::Conditional))| {
            let stream = SubjectStream::of_population(seed, position as u64);
            Walkers::new(&near, &prior, subject, &part.eta, chains, stream).map_err(|reason| {
                PopulationError::Subject { id: subject.id.clone(), reason: Box::new(reason) }
            })
        };
        let walkers: Vec<_> =
            subjects.par_iter().zip(&begun.parts).enumerate().with_max_len(1).map(one).collect();
        Ok(Self {
            near: begun.x.clone(),
            x: begun.x,
            count: begun.count,
            walkers: walkers.into_iter().collect::<Result<Vec<_>, _>>()?,
            information: None,
            accepted: [0; 2],
            burnt: Vec::new(),
            steady: false,
            averaged: Vec::new(),
            error: None,
        })
    }

    /// Whether it is one of this model and these subjects.
    fn is_of(&self, chain: &Chain<'_>) -> bool {
        let n = chain.space.coordinates().len();
        self.near.len() == n
            && self.x.len() == n
            && self.walkers.len() == chain.subjects.len()
            && self.walkers.iter().all(|walkers| walkers.fit(chain.model.variable().len()))
    }

    /// One iteration: the vector before it, and the objective of FOCE there if every mode was looked for.
    fn go_on(
        &mut self,
        chain: &Chain<'_>,
        gain: f64,
        look: bool,
    ) -> Result<(Vec<f64>, f64), PopulationError> {
        let Chain { space, subjects, layout, watch, .. } = chain;
        if !watch.go_on() {
            return Err(PopulationError::Interrupted);
        }
        let model = space.model(chain.model, &self.x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let prior = whole_prior(&model).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))?;
        let step = Step { model: &model, space, layout, prior: &prior, gain, look };
        let one = |(walkers, subject): (&mut Walkers, &Subject)| {
            let moved = walkers.go_on(step, subject);
            moved.map_err(|reason| PopulationError::Subject {
                id: subject.id.clone(),
                reason: Box::new(reason),
            })
        };
        let all: Vec<Result<Added, PopulationError>> =
            self.walkers.par_iter_mut().zip(*subjects).with_max_len(1).map(one).collect();
        let mut sum = Outside::none(layout);
        let mut ofv = 0.0;
        for added in all {
            let Added { ofv: part, outside, accepted: [accepted, proposed] } = added?;
            self.accepted[0] += u64::from(accepted);
            self.accepted[1] += u64::from(proposed);
            sum.add(&outside, 1.0);
            ofv += part.unwrap_or(f64::NAN);
        }
        if let Some(before) = &self.information {
            sum.information = &before.information * (1.0 - gain) + sum.information * gain;
        }
        let moments: Vec<Moments> = self.walkers.iter().map(|w| w.moments.clone()).collect();
        let mut next = self.x.clone();
        maximise(&model, space, layout, subjects, &moments, &mut next)
            .map_err(|reason| PopulationError::Model(reason.to_string()))?;
        sum.step(layout, &mut next, gain);
        self.information = Some(sum);
        self.count += 1;
        Ok((std::mem::replace(&mut self.x, next), ofv))
    }

    /// Tells of an iteration.
    fn tell(&self, (vector, ofv): &(Vec<f64>, f64), watch: &dyn Watch) {
        let standing = Standing(Of::Saem(self));
        watch.iteration(&Progress { iteration: self.count - 1, ofv: *ofv, vector, standing });
    }
}

/// What the iterations have in common.
struct Chain<'a> {
    model: &'a PopulationModel,
    space: &'a Space,
    subjects: &'a [Subject],
    layout: Layout,
    watch: &'a dyn Watch,
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
    Start,
    /// The rounds before it.
    Rounds(Rounds),
    /// Its draws.
    Walk(Walk),
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
    watch: &dyn Watch,
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    let limit = options.max_iterations;
    let chain = Chain { model, space: &space, subjects, layout: Layout::new(model, &space), watch };
    let before = match from {
        From::Start => Ok(Rounds::begin(model, &space, subjects)?),
        From::Rounds(before) => Ok(before),
        From::Walk(walk) => Err(walk),
    };
    let mut walk = match before {
        Ok(before) => {
            let begun = rounds(model, &space, subjects, before, (ROUNDS.min(limit), Pace::Plain), watch)?;
            Walk::begin(&chain, begun, seed)?
        }
        Err(walk) if walk.is_of(&chain) => walk,
        Err(_) => return Err(PopulationError::Checkpoint),
    };
    let near = space.model(model, &walk.near).map_err(|e| PopulationError::Model(e.to_string()))?;
    let scales = Comparable::new(&near, &space, subjects);

    let burns = |walk: &Walk| walk.averaged.is_empty() && !walk.steady && walk.burnt.len() < LONGEST;
    while walk.count < limit && burns(&walk) {
        let done = walk.burnt.len();
        let told = walk.go_on(&chain, 1.0, done < MOVING || done.is_multiple_of(LOOKED))?;
        walk.burnt.push(walk.x.clone());
        let done = walk.burnt.len();
        walk.steady = done >= SHORTEST && done.is_multiple_of(ASKED) && is_steady(&walk.burnt, &scales);
        walk.tell(&told, watch);
    }
    let settled = |walk: &Walk| walk.error.is_some_and(|(_, error)| error < TOLERANCE);
    while walk.count < limit && !settled(&walk) {
        let j = walk.averaged.len();
        let told = walk.go_on(&chain, ((j + 1) as f64).powf(-FALL), j.is_multiple_of(LOOKED))?;
        walk.averaged.push(walk.x.clone());
        let done = walk.averaged.len();
        if done >= FEWEST && done.is_multiple_of(ASKED) {
            let (first, second) = walk.averaged.split_at(done / 2);
            let (number, apart) = scales.furthest(&mean(first), &mean(second));
            walk.error = Some((number, 0.5 * apart));
        }
        walk.tell(&told, watch);
    }
    let estimate = if walk.averaged.is_empty() { walk.x.clone() } else { mean(&walk.averaged) };
    let converged = settled(&walk);
    let mut reason = walk.said(converged, &space.names(model));
    let fit = linearised(model, &space, subjects, &estimate, options, watch)?;
    let mut stop = (converged && walk.steady).then_some(DescentStop::Converged);
    if stop.is_some()
        && let Some(higher) = higher(&fit, subjects, seed, options, watch)?
    {
        stop = None;
        reason = format!("not converged, though it seemed to be: {higher} ({reason})");
    }
    Ok(PopulationFit { iterations: walk.count, stop, reason, ..fit })
}

impl Walk {
    /// How it ended, in words.
    fn said(&self, converged: bool, names: &[String]) -> String {
        let trend = if self.steady { "without a trend" } else { "which still had a trend" };
        let [accepted, proposed] = self.accepted;
        let said = format!(
            "after a burn-in of {} iterations, {trend}, and {} of averaging ({:.0} % of the proposals around the \
             modes accepted)",
            self.burnt.len(),
            self.averaged.len(),
            100.0 * accepted as f64 / proposed as f64
        );
        let error = self.error.map(|(number, error)| (&names[number], error));
        match error {
            Some((name, error)) if converged => format!(
                "converged: {said} the estimates' Monte-Carlo error is below {TOLERANCE}; the largest is that of \
                 {name}, {error:.1e}"
            ),
            Some((name, error)) => {
                format!(
                    "the limit on iterations was reached {said}; the Monte-Carlo error of {name} is {error:.1e}"
                )
            }
            None => format!("the limit on iterations was reached {said}"),
        }
    }
}
