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
//! ```
//!
//! In each iteration the moments of v follow the draws by the gain, and typical values and Ω are maximised given them; the
//! numbers that no η goes with take a step of scoring along the gradient of the draws, by the gain (Robbins, Monro), with
//! the information of the draws followed by the gain too. At the end the mean of that gradient is zero, which is the
//! equation of the maximum of the likelihood, whatever the kind of residual error and with censored observations.

use super::expectation::{Comparable, Layout, Moments, Outside, maximise};
use super::fit::{PopulationError, PopulationFit, PopulationOptions, Progress, linearised, whole_prior};
use super::its::rounds;
use super::quasi_newton::DescentStop;
use super::space::Space;
use super::walkers::{Added, Step, Walkers};
use crate::simulate::SubjectStream;
use omafit_model::{PopulationModel, Subject};
use rayon::prelude::*;

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
/// In the averaging a mode is looked for so often.
const LOOKED: usize = 5;

/// The subjects' walkers and what they have in common.
struct Chain<'a> {
    model: &'a PopulationModel,
    space: &'a Space,
    subjects: &'a [Subject],
    layout: Layout,
    walkers: Vec<Walkers>,
    /// The information of the numbers outside, followed by the gain.
    information: Option<Outside>,
    /// Independent proposals that were accepted, of how many.
    accepted: [u64; 2],
}

impl Chain<'_> {
    /// One iteration from `x`: where it goes, and the objective of FOCE at `x` if every mode was looked for.
    fn go_on(&mut self, x: &[f64], gain: f64, look: bool) -> Result<(Vec<f64>, f64), PopulationError> {
        let model = self.space.model(self.model, x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let prior = whole_prior(&model).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))?;
        let (space, layout) = (self.space, &self.layout);
        let step = Step { model: &model, space, layout, prior: &prior, gain, look };
        let one = |(walkers, subject): (&mut Walkers, &Subject)| {
            let moved = walkers.go_on(step, subject);
            moved.map_err(|reason| PopulationError::Subject { id: subject.id.clone(), reason })
        };
        let all: Vec<Result<Added, PopulationError>> =
            self.walkers.par_iter_mut().zip(self.subjects).with_max_len(1).map(one).collect();
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
        let mut next = x.to_vec();
        maximise(&model, space, layout, self.subjects, &moments, &mut next)
            .map_err(|reason| PopulationError::Model(reason.to_string()))?;
        sum.step(layout, &mut next, gain);
        self.information = Some(sum);
        Ok((next, ofv))
    }
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

/// Fits all of a model's population that it does not fix by SAEM, from its own values. The objective, gradients and
/// covariance are those of FOCE at the estimates.
///
/// # Errors
/// When there is nothing to estimate, or a subject cannot be fitted.
pub(super) fn saem(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    seed: u64,
    observe: &(dyn Fn(&Progress<'_>) + Sync),
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    let limit = options.max_iterations;
    let begun = rounds(model, &space, subjects, ROUNDS.min(limit), observe)?;
    let (mut x, mut count) = (begun.x, begun.count);
    let near = space.model(model, &x).map_err(|e| PopulationError::Model(e.to_string()))?;
    let prior = whole_prior(&near).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))?;
    let chains = FEWEST_DRAWS.div_ceil(subjects.len());
    let one = |(position, (subject, part)): (usize, (&Subject, &super::Conditional))| {
        let stream = SubjectStream::of_population(seed, position as u64);
        Walkers::new(&near, &prior, subject, &part.eta, chains, stream)
            .map_err(|reason| PopulationError::Subject { id: subject.id.clone(), reason })
    };
    let walkers: Vec<_> =
        subjects.par_iter().zip(&begun.parts).enumerate().with_max_len(1).map(one).collect();
    let walkers = walkers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let layout = Layout::new(model, &space);
    let mut chain =
        Chain { model, space: &space, subjects, layout, walkers, information: None, accepted: [0; 2] };
    let scales = Comparable::new(&near, &space, subjects);

    let mut trace: Vec<Vec<f64>> = Vec::new();
    let mut steady = false;
    while count < limit && !steady && trace.len() < LONGEST {
        let (next, ofv) = chain.go_on(&x, 1.0, true)?;
        observe(&Progress { iteration: count, ofv, vector: &x });
        x = next;
        count += 1;
        trace.push(x.clone());
        steady = trace.len() >= SHORTEST && trace.len().is_multiple_of(ASKED) && is_steady(&trace, &scales);
    }
    let burnt = trace.len();
    let mut averaged: Vec<Vec<f64>> = Vec::new();
    let mut error = (0, f64::INFINITY);
    let mut settled = false;
    while count < limit && !settled {
        let j = averaged.len();
        let gain = ((j + 1) as f64).powf(-FALL);
        let (next, ofv) = chain.go_on(&x, gain, j.is_multiple_of(LOOKED))?;
        observe(&Progress { iteration: count, ofv, vector: &x });
        x = next;
        count += 1;
        averaged.push(x.clone());
        if averaged.len() >= FEWEST && averaged.len().is_multiple_of(ASKED) {
            let (first, second) = averaged.split_at(averaged.len() / 2);
            let (number, apart) = scales.furthest(&mean(first), &mean(second));
            error = (number, 0.5 * apart);
            settled = error.1 < TOLERANCE;
        }
    }
    let estimate = if averaged.is_empty() { x } else { mean(&averaged) };
    let trend = if steady { "without a trend" } else { "which still had a trend" };
    let [accepted, proposed] = chain.accepted;
    let accepted = 100.0 * accepted as f64 / proposed as f64;
    let said = format!(
        "after a burn-in of {burnt} iterations, {trend}, and {} of averaging ({accepted:.0} % of the proposals around \
         the modes accepted)",
        averaged.len()
    );
    let number = &space.names(model)[error.0];
    let reason = if settled {
        format!(
            "converged: {said} the estimates' Monte-Carlo error is below {TOLERANCE}; the largest is that of {number}, {:.1e}",
            error.1
        )
    } else {
        format!(
            "the limit on iterations was reached {said}; the Monte-Carlo error of {number} is {:.1e}",
            error.1
        )
    };
    let fit = linearised(model, &space, subjects, &estimate, options)?;
    let stop = (settled && steady).then_some(DescentStop::Converged);
    Ok(PopulationFit { iterations: count, stop, reason, ..fit })
}
