//! Draws of a subject's transformed parameters v from their conditional distribution, by Metropolis and Hastings.
//!
//! Half of the moves of an iteration are proposed independently of where the walker is, from Student's t around the mode
//! with the covariance of the model made linear there (Karimi, Lavielle, Moulines 2020, doi 10.1016/j.csda.2019.106849),
//! half are steps of a random walk with that covariance, whose length is fitted to how many are accepted.

use super::conditional::{ConditionalError, conditional, subject_problem};
use super::expectation::{Layout, Moments, Outside, Spread, transformed};
use super::proposal::Proposal;
use super::space::Space;
use crate::prior::Prior;
use crate::problem::{Accuracy, SubjectProblem};
use crate::simulate::SubjectStream;
use nalgebra::{DMatrix, DVector};
use omafit_model::{PopulationModel, Subject};
use serde::{Deserialize, Serialize};

/// Relative tolerance to which the model is solved.
const RTOL: f64 = 1e-5;
/// Moves of each kind in an iteration.
const MOVES: u32 = 2;
/// The part of random steps that should be accepted, and how fast their length follows.
const WANTED: f64 = 0.3;
const FOLLOW: f64 = 0.4;

/// A subject's walkers, with all that they need to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Walkers {
    stream: SubjectStream,
    /// v of each walker.
    at: Vec<DVector<f64>>,
    /// Around the mode of v.
    proposal: Proposal,
    mode: DVector<f64>,
    /// The length of random steps.
    length: f64,
    /// What is known of v.
    pub moments: Moments,
}

/// What an iteration is made with.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// The model at the vector.
    pub model: &'a PopulationModel,
    /// What is estimated.
    pub space: &'a Space,
    /// How it is maximised.
    pub layout: &'a Layout,
    /// The prior of the model.
    pub prior: &'a Prior,
    /// By how much the moments follow the draws.
    pub gain: f64,
    /// Whether the mode is looked for first.
    pub look: bool,
}

/// What a subject adds to an iteration.
pub(super) struct Added {
    /// Its part of the objective of FOCE, when its mode was looked for.
    pub ofv: Option<f64>,
    /// Of the last draws, averaged.
    pub outside: Outside,
    /// Independent proposals that were accepted, of how many.
    pub accepted: [u32; 2],
}

impl Walkers {
    /// `count` walkers at the mode η̂.
    ///
    /// # Errors
    /// When the model cannot be solved there.
    pub fn new(
        model: &PopulationModel,
        prior: &Prior,
        subject: &Subject,
        eta: &[f64],
        count: usize,
        stream: SubjectStream,
    ) -> Result<Self, ConditionalError> {
        let problem = subject_problem(model, subject, Some(prior))?;
        let mode = transformed(model, subject)? + DVector::from_column_slice(eta);
        let proposal = around(&problem, eta, &mode)?;
        let second = &mode * mode.transpose();
        Ok(Self {
            stream,
            at: vec![mode.clone(); count],
            proposal,
            length: 2.38 / (eta.len() as f64).sqrt(),
            moments: Moments { mean: mode.clone(), second },
            mode,
        })
    }

    /// Whether they walk over so many η.
    pub fn fit(&self, n: usize) -> bool {
        self.mode.len() == n && self.at.iter().all(|v| v.len() == n) && self.moments.mean.len() == n
    }

    /// Moves every walker and lets the moments follow.
    ///
    /// # Errors
    /// When the model cannot be solved where a walker stands.
    pub fn go_on(&mut self, step: Step<'_>, subject: &Subject) -> Result<Added, ConditionalError> {
        let Step { model, space, layout, prior, gain, look } = step;
        let problem = subject_problem(model, subject, Some(prior))?.with_rtol(RTOL);
        let typical = transformed(model, subject)?;
        let eta_of = |v: &DVector<f64>| (v - &typical).as_slice().to_vec();
        let mut ofv = None;
        if look {
            // Where there is no mode the last one serves: it is only proposed from.
            let found = conditional(model, prior, subject, &eta_of(&self.mode), None, RTOL).ok();
            if let Some(found) = found {
                let mode = &typical + DVector::from_column_slice(&found.eta);
                if let Ok(proposal) = around(&problem, &found.eta, &mode) {
                    (self.proposal, self.mode) = (proposal, mode);
                }
                ofv = Some(found.ofv);
            }
        }
        let mut accepted = 0;
        let mut outside = Outside::none(layout);
        let (n, count) = (typical.len(), self.at.len() as f64);
        let (mut mean, mut second) = (DVector::zeros(n), DMatrix::zeros(n, n));
        for k in 0..self.at.len() {
            let mut v = self.at[k].clone();
            let mut objective = problem.objective(&eta_of(&v))?;
            let mut log_density = self.proposal.log_density(v.as_slice());
            for _ in 0..MOVES {
                let to = DVector::from_vec(self.proposal.draw(&mut self.stream));
                let log_density_to = self.proposal.log_density(to.as_slice());
                let uniform = self.stream.uniform();
                // Where the model cannot be solved there is no likelihood.
                if let Ok(value) = problem.objective(&eta_of(&to))
                    && uniform.ln() < -0.5 * (value - objective) + log_density - log_density_to
                {
                    (v, objective, log_density) = (to, value, log_density_to);
                    accepted += 1;
                }
            }
            for _ in 0..MOVES {
                let to = &v + self.proposal.step(&mut self.stream) * self.length;
                let uniform = self.stream.uniform();
                let taken = match problem.objective(&eta_of(&to)) {
                    Ok(value) if uniform.ln() < -0.5 * (value - objective) => {
                        (v, objective) = (to, value);
                        1.0
                    }
                    _ => 0.0,
                };
                self.length *= (FOLLOW * gain * (taken - WANTED)).exp();
            }
            outside.add(
                &Outside::new(model, space, layout, subject, &eta_of(&v), Spread::Draw, RTOL)?,
                1.0 / count,
            );
            mean += &v / count;
            second += &v * v.transpose() / count;
            self.at[k] = v;
        }
        self.moments.mean += (mean - &self.moments.mean) * gain;
        self.moments.second += (second - &self.moments.second) * gain;
        Ok(Added { ofv, outside, accepted: [accepted, MOVES * self.at.len() as u32] })
    }
}

/// The proposal around a mode.
fn around(
    problem: &SubjectProblem<'_>,
    eta: &[f64],
    mode: &DVector<f64>,
) -> Result<Proposal, ConditionalError> {
    let at = problem.linearise(eta, Accuracy::Full)?;
    let precision = at.jacobian.tr_mul(&at.jacobian);
    Proposal::new(mode.as_slice(), precision).ok_or(ConditionalError::NotPositive("the information on η"))
}
