//! A population fitted by iterative two-stage: expectation and maximisation in turn, with each subject's η taken as normal
//! around its mode η̂ with the covariance H⁻¹.
//!
//! What is maximised in closed form and what by a step of scoring is in [`super::expectation`]. The same equations in
//! the residual standard deviations are those of σ of all subjects together ([`crate::sigma`]).

use super::conditional::{Conditional, conditional};
use super::expectation::{Comparable, Layout, Moments, Outside, Spread, maximise, transformed};
use super::fit::{
    PopulationError, PopulationFit, PopulationOptions, are_of, linearised, starting_parts, total, whole_prior,
};
use super::quasi_newton::DescentStop;
use super::space::Space;
use super::watch::{Of, Progress, Standing, Watch};
use nalgebra::{Cholesky, DVector};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What may be left of every number's way at the end.
const LEFT: f64 = 1e-3;
/// The part of a change that is at most foreseen to follow it in the next iteration.
const SLOWEST: f64 = 0.999;

/// Where iterations of expectation and maximisation stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rounds {
    /// The vector.
    pub x: Vec<f64>,
    /// Each subject's mode, and its part of the objective of FOCE, at the vector before the last round.
    pub parts: Vec<Conditional>,
    /// Iterations done.
    pub count: u64,
    /// Whether they settled.
    pub settled: bool,
    /// The number that moved the most last, by how much, and how far it has to go.
    pub furthest: Option<(usize, f64, f64)>,
}

impl Rounds {
    /// None yet, from a model's values.
    ///
    /// # Errors
    /// When a subject has no mode.
    pub fn begin(
        model: &PopulationModel,
        space: &Space,
        subjects: &[Subject],
    ) -> Result<Self, PopulationError> {
        let parts = starting_parts(model, subjects)?;
        Ok(Self { x: space.vector(&model.values()), parts, count: 0, settled: false, furthest: None })
    }

    /// What is said where they did not settle.
    pub fn limit(&self, names: &[String]) -> String {
        let left = self.furthest.map_or(String::new(), |(number, _, left)| {
            format!("; {} is foreseen to move by {left:.1e}", names[number])
        });
        format!("the limit on iterations was reached{left}")
    }
}

/// Rounds until there are so many, or they settle.
///
/// # Errors
/// When a subject has no mode, or the model does not apply to it.
pub(super) fn rounds(
    model: &PopulationModel,
    space: &Space,
    subjects: &[Subject],
    mut now: Rounds,
    limit: u64,
    watch: &dyn Watch,
) -> Result<Rounds, PopulationError> {
    if now.x.len() != space.coordinates().len() || !are_of(&now.parts, model, subjects) {
        return Err(PopulationError::Checkpoint);
    }
    let layout = Layout::new(model, space);
    while now.count < limit && !now.settled {
        if !watch.go_on() {
            return Err(PopulationError::Interrupted);
        }
        let at = space.model(model, &now.x).map_err(|e| PopulationError::Model(e.to_string()))?;
        let prior = whole_prior(&at).ok_or_else(|| PopulationError::Model("Ω is no covariance".into()))?;
        let one = |(subject, part): (&Subject, &Conditional)| {
            let expected = || {
                let part = conditional(&at, &prior, subject, &part.eta, None, DEFAULT_RTOL)?;
                let outside =
                    Outside::new(&at, space, &layout, subject, &part.eta, Spread::Mode, DEFAULT_RTOL)?;
                let mean = transformed(&at, subject)? + DVector::from_column_slice(&part.eta);
                let covariance = Cholesky::new(outside.precision.clone()).map(|c| c.inverse());
                let second = covariance.map(|c| c + &mean * mean.transpose());
                let second = second.ok_or(super::ConditionalError::NotPositive("H"))?;
                Ok((part, outside, Moments { mean, second }))
            };
            expected().map_err(|reason| PopulationError::Subject { id: subject.id.clone(), reason })
        };
        let all: Vec<_> = subjects.par_iter().zip(&now.parts).with_max_len(1).map(one).collect();
        let mut sum = Outside::none(&layout);
        let mut moments = Vec::with_capacity(subjects.len());
        let mut parts = Vec::with_capacity(subjects.len());
        for found in all {
            let (part, outside, moment) = found?;
            sum.add(&outside, 1.0);
            moments.push(moment);
            parts.push(part);
        }
        let before = now.x;
        let mut x = before.clone();
        maximise(&at, space, &layout, subjects, &moments, &mut x)
            .map_err(|reason| PopulationError::Model(format!("after iteration {}: {reason}", now.count)))?;
        sum.step(&layout, &mut x, 1.0);
        let (number, change) = Comparable::new(&at, space, subjects).furthest(&x, &before);
        // What follows a change that shrinks by a constant part.
        let shrinks = now.furthest.map_or(0.0, |(_, last, _)| (change / last).clamp(0.0, SLOWEST));
        let left = change / (1.0 - shrinks);
        let (iteration, ofv) = (now.count, total(&parts));
        now = Rounds {
            x,
            parts,
            count: iteration + 1,
            settled: left < LEFT,
            furthest: Some((number, change, left)),
        };
        let standing = Standing(Of::Its(&now));
        watch.iteration(&Progress { iteration, ofv, vector: &before, standing });
    }
    Ok(now)
}

/// Fits all of a model's population that it does not fix by iterative two-stage, from its own values. The objective,
/// gradients and covariance are those of FOCE at the estimates.
///
/// # Errors
/// When there is nothing to estimate, or a subject cannot be fitted.
pub(super) fn iterative_two_stage(
    model: &PopulationModel,
    subjects: &[Subject],
    options: PopulationOptions,
    from: Option<Rounds>,
    watch: &dyn Watch,
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    let from = from.map_or_else(|| Rounds::begin(model, &space, subjects), Ok)?;
    let found = rounds(model, &space, subjects, from, options.max_iterations, watch)?;
    let reason = if found.settled {
        format!("converged: no number is foreseen to move by more than {LEFT} in further iterations")
    } else {
        found.limit(&space.names(model))
    };
    let fit = linearised(model, &space, subjects, &found.x, options, watch)?;
    let stop = found.settled.then_some(DescentStop::Converged);
    Ok(PopulationFit { iterations: found.count, stop, reason, ..fit })
}
