//! A population fitted by iterative two-stage: expectation and maximisation in turn, with each subject's η taken as normal
//! around its mode η̂ with the covariance H⁻¹.
//!
//! What is maximised in closed form and what by a step of scoring is in [`super::expectation`]. The same equations in
//! the residual standard deviations are those of σ of all subjects together ([`crate::sigma`]).

use super::conditional::{Conditional, conditional};
use super::expectation::{Comparable, Layout, Moments, Outside, Spread, maximise, transformed};
use super::fit::{
    PopulationError, PopulationFit, PopulationOptions, Progress, linearised, starting_parts, total,
    whole_prior,
};
use super::quasi_newton::DescentStop;
use super::space::Space;
use nalgebra::{Cholesky, DVector};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;

/// What may be left of every number's way at the end.
const LEFT: f64 = 1e-3;
/// The part of a change that is at most foreseen to follow it in the next iteration.
const SLOWEST: f64 = 0.999;

/// Where iterations of expectation and maximisation stand.
pub(super) struct Rounds {
    /// The vector.
    pub x: Vec<f64>,
    /// Each subject's mode, and its part of the objective of FOCE, at the vector before the last round.
    pub parts: Vec<Conditional>,
    /// Iterations done.
    pub count: u64,
    /// Whether they settled; the number that moved the most last, and how far it has to go.
    pub settled: bool,
    pub furthest: (usize, f64),
}

/// At most so many rounds from a model's values.
///
/// # Errors
/// When a subject has no mode, or the model does not apply to it.
pub(super) fn rounds(
    model: &PopulationModel,
    space: &Space,
    subjects: &[Subject],
    limit: u64,
    observe: &(dyn Fn(&Progress<'_>) + Sync),
) -> Result<Rounds, PopulationError> {
    let layout = Layout::new(model, space);
    let parts = starting_parts(model, subjects)?;
    let x = space.vector(&model.values());
    let mut now = Rounds { x, parts, count: 0, settled: false, furthest: (0, f64::INFINITY) };
    let mut before = f64::INFINITY;
    while now.count < limit && !now.settled {
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
        now.parts = parts;
        observe(&Progress { iteration: now.count, ofv: total(&now.parts), vector: &now.x });
        let mut x = now.x.clone();
        maximise(&at, space, &layout, subjects, &moments, &mut x)
            .map_err(|reason| PopulationError::Model(format!("after iteration {}: {reason}", now.count)))?;
        sum.step(&layout, &mut x, 1.0);
        let (number, change) = Comparable::new(&at, space, subjects).furthest(&x, &now.x);
        // What follows a change that shrinks by a constant part.
        let shrinks = (change / before).clamp(0.0, SLOWEST);
        now.furthest = (number, change / (1.0 - shrinks));
        now.settled = now.furthest.1 < LEFT;
        before = change;
        now.x = x;
        now.count += 1;
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
    observe: &(dyn Fn(&Progress<'_>) + Sync),
) -> Result<PopulationFit, PopulationError> {
    let space = Space::new(model)?;
    let found = rounds(model, &space, subjects, options.max_iterations, observe)?;
    let Rounds { x, count, settled, furthest, .. } = found;
    let name = &space.names(model)[furthest.0];
    let reason = if settled {
        format!("converged: no number is foreseen to move by more than {LEFT} in further iterations")
    } else {
        format!("the limit on iterations was reached; {name} is foreseen to move by {:.1e}", furthest.1)
    };
    let fit = linearised(model, &space, subjects, &x, options)?;
    let stop = settled.then_some(DescentStop::Converged);
    Ok(PopulationFit { iterations: count, stop, reason, ..fit })
}
