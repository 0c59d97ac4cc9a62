//! Expectation–maximisation of a population by importance sampling, with draws of every subject's u that are
//! independent between rounds.
//!
//! At the maximum of the likelihood the conditional mean of the complete-data gradient, given the observations, is zero
//! (Fisher's identity, as in [`super::complete`]). Markov chains that rarely move between modes can appear to be at the
//! maximum when they are not; draws from a mixture around all modes cannot. Each round draws anew at the parameter
//! vector and makes a step of scoring; the rounds end when the remaining step is short relative to the standard errors
//! or to its Monte-Carlo error, which is estimated from the difference between two halves of the draws.

use super::complete::Complete;
use super::expectation::{Comparable, ConditionalSpread, Layout, Moments, Outside, solve, transformed};
use super::marginal::drawn;
use super::objective::{PopulationError, expected_information, factored};
use super::space::ParameterVector;
use super::watch::Observer;
use crate::simulate::SubjectStream;
use nalgebra::{DMatrix, DVector};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;

/// Number of draws per subject in each half, initial and largest, and number of draws at which parameters without
/// random effects are evaluated.
const DRAWS: u32 = 250;
const MOST_DRAWS: u32 = 1000;
const LOOKED: usize = 8;
/// Largest number of rounds, and number of rounds after which the expected information is recomputed.
const MOST_ROUNDS: usize = 25;
const RENEWED: usize = 10;
/// Fraction of the complete-data information that is added to the information of the observations, and the longest step
/// on comparable scales.
const BOUND: f64 = 0.1;
const MAX_STEP: f64 = 0.3;
/// Length of a short step, absolute and as a fraction of the standard error, and number of Monte-Carlo errors within
/// which a step counts as noise.
const SHORT: f64 = 0.005;
const PART: f64 = 0.5;
const CHANCE: f64 = 2.0;

/// Result of the rounds.
pub(super) struct Polished {
    /// Parameter vector at the end.
    pub x: Vec<f64>,
    /// Whether all remaining steps are short.
    pub settled: bool,
    /// How many rounds were made.
    pub rounds: usize,
}

/// Runs rounds from a parameter vector until the remaining steps are short.
///
/// # Errors
/// If a subject has no proposals, a step is not finite, or `watch` interrupts the rounds.
pub(super) fn polished(
    model: &PopulationModel,
    space: &ParameterVector,
    subjects: &[Subject],
    mut x: Vec<f64>,
    seed: u64,
    watch: &dyn Observer,
) -> Result<Polished, PopulationError> {
    let layout = Layout::with_still(model, space, &still(model, space, &x));
    let mut expected: Option<DMatrix<f64>> = None;
    let mut draws = DRAWS;
    for round in 0..MOST_ROUNDS {
        if !watch.go_on() {
            return Err(PopulationError::Interrupted);
        }
        if round % RENEWED == 0 {
            expected = expected_information(model, space, subjects, &x);
        }
        let Some(expected) = &expected else { return Ok(Polished { x, settled: false, rounds: round }) };
        let at = space.model(model, &x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let scales = Comparable::new(&at, space, subjects);
        let halves = halves(&at, space, &layout, subjects, (seed.wrapping_add(1 + round as u64), draws))?;
        let [first, second] = &halves;
        let gradient = (&first.gradient + &second.gradient) * 0.5;
        let chance = (&first.gradient - &second.gradient) * 0.5;
        let bend = expected + &first.information * BOUND;
        let (left, by_chance) = (solve(expected, &gradient), solve(expected, &chance));
        let inverse = nalgebra::Cholesky::new(expected.clone()).map(|c| c.inverse());
        let weights = scales.weights(&x);
        let are_short = |steps: &DVector<f64>| {
            let is_short = |k: usize| {
                let se = inverse.as_ref().map_or(0.0, |inverse| inverse[(k, k)].sqrt());
                steps[k].abs() <= (SHORT / weights[k]).max(PART * se)
            };
            (0..steps.len()).all(is_short)
        };
        let is_clear = are_short(&by_chance);
        // With the largest number of draws, steps within the Monte-Carlo error count as converged.
        let hidden =
            DVector::from_fn(left.len(), |k, _| (left[k].abs() - CHANCE * by_chance[k].abs()).max(0.0));
        let judged = if draws == MOST_DRAWS { &hidden } else { &left };
        if (is_clear || draws == MOST_DRAWS) && are_short(judged) {
            return Ok(Polished { x, settled: true, rounds: round });
        }
        // More draws reduce the Monte-Carlo error.
        if !is_clear && draws < MOST_DRAWS {
            draws *= 2;
        }
        let step = solve(&bend, &gradient);
        let longest = (0..step.len()).map(|k| (step[k] * weights[k]).abs()).fold(MAX_STEP, f64::max);
        x.iter_mut().zip(step.iter()).for_each(|(x, step)| *x += step * (MAX_STEP / longest));
        if x.iter().any(|x| !x.is_finite()) {
            return Err(PopulationError::Model("importance sampling has no step".into()));
        }
    }
    Ok(Polished { x, settled: false, rounds: MOST_ROUNDS })
}

/// Standard deviation of an η below which the η hardly varies.
const STILL: f64 = 0.02;

/// The parameters whose η hardly vary at a parameter vector.
pub(super) fn still(model: &PopulationModel, space: &ParameterVector, x: &[f64]) -> Vec<usize> {
    let values = space.values(&model.values(), x);
    let n = model.variable().len();
    let is_still =
        |(k, parameter): (usize, &usize)| (values.omega[k * (n + 1)] < STILL * STILL).then_some(*parameter);
    model.variable().iter().enumerate().filter_map(is_still).collect()
}

/// The complete-data gradient and information from each of two halves of the draws.
fn halves(
    at: &PopulationModel,
    space: &ParameterVector,
    layout: &Layout,
    subjects: &[Subject],
    (seed, count): (u64, u32),
) -> Result<[Complete; 2], PopulationError> {
    let population = factored(at.clone())?;
    let one = |(position, subject): (usize, &Subject)| {
        let mut stream = SubjectStream::of_population(seed, position as u64);
        let mut found = || {
            let typical = transformed(at, subject)?;
            let half = |draws: &[Vec<f64>], weights: &[f64]| {
                let sum: f64 = weights.iter().sum();
                let n = typical.len();
                let (mut mean, mut second) = (DVector::zeros(n), DMatrix::zeros(n, n));
                let mut outside = Outside::none(layout);
                // The draws at equal steps of the cumulative weight.
                let (mut next, mut passed) = (0.5 / LOOKED as f64, 0.0);
                let mut etas = Vec::with_capacity(LOOKED);
                for (u, w) in draws.iter().zip(weights) {
                    let part = w / sum;
                    let eta = population.eta(u);
                    let v = &typical + DVector::from_column_slice(&eta);
                    mean.axpy(part, &v, 1.0);
                    second.ger(part, &v, &v, 1.0);
                    passed += part;
                    while passed > next {
                        etas.push(eta.clone());
                        next += 1.0 / LOOKED as f64;
                    }
                }
                let points: Vec<(&Subject, &[f64])> = etas.iter().map(|eta| (subject, &eta[..])).collect();
                for here in Outside::each(at, space, layout, &points, ConditionalSpread::Draw, DEFAULT_RTOL) {
                    outside.add(&here?, 1.0 / LOOKED as f64);
                }
                Ok::<_, super::ConditionalError>((Moments { mean, second }, outside))
            };
            let (draws, weights) = drawn(&population, subject, &mut stream, 2 * count)?;
            let middle = count as usize;
            Ok([half(&draws[..middle], &weights[..middle])?, half(&draws[middle..], &weights[middle..])?])
        };
        found().map_err(|reason: super::ConditionalError| PopulationError::Subject {
            id: subject.id.clone(),
            reason: Box::new(reason),
        })
    };
    let all: Vec<_> = subjects.par_iter().enumerate().with_max_len(1).map(one).collect();
    let mut moments = [Vec::with_capacity(subjects.len()), Vec::with_capacity(subjects.len())];
    let mut outside = [Outside::none(layout), Outside::none(layout)];
    for found in all {
        for (half, (of, part)) in found?.into_iter().enumerate() {
            moments[half].push(of);
            outside[half].add(&part, 1.0);
        }
    }
    let complete = |half: usize| {
        Complete::new(at, space, layout, subjects, &moments[half], &outside[half])
            .map_err(|reason| PopulationError::Model(reason.to_string()))
    };
    Ok([complete(0)?, complete(1)?])
}
