//! Draws of a subject's transformed parameters v from their conditional distribution, by Metropolis and Hastings.
//!
//! An iteration makes two steps of a random walk, whose length is fitted to how many are accepted, and then moves that are
//! proposed independently of where the walker is (Karimi, Lavielle, Moulines 2020, doi 10.1016/j.csda.2019.106849): from a
//! mixture of Student's t around each mode of u, in v = t + Lu, and of one as wide as the population; the random walk has
//! the covariance at the lowest mode. Walkers begin in every mode that is found.
//! Wherever a walker may come to is known before it moves: the second step is from where it is, or from where the first
//! leads (Brockwell 2006, doi 10.1198/106186006X100579). So all are solved at once, and moments are those of all states
//! that it passes through.

use super::conditional::{ConditionalError, FactoredModel, conditional, subject_problem};
use super::expectation::{ConditionalSpread, Layout, Moments, Outside, transformed};
use super::marginal::Proposals;
use super::proposal::{Mixture, Proposal};
use super::space::ParameterVector;
use crate::simulate::SubjectStream;
use nalgebra::{DMatrix, DVector};
use omafit_model::Subject;
use serde::{Deserialize, Serialize};

/// Draws by which proposals are fitted where they are uneven.
const PILOT: u32 = 800;
/// Relative tolerance to which the model is solved.
const RTOL: f64 = 1e-5;
/// Random steps of an iteration, and independent moves: with where a walker is, so many courses are solved at a time as
/// are solved best.
const RANDOM: usize = 2;
const INDEPENDENT: usize = 4;
const MOVES: usize = RANDOM + INDEPENDENT;
const POINTS: usize = 4 + INDEPENDENT;
/// The part of random steps that should be accepted, and how fast their length follows.
const WANTED: f64 = 0.3;
const FOLLOW: f64 = 0.4;

/// A subject's walkers, with all that they need to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct McmcChains {
    stream: SubjectStream,
    /// v of each walker.
    at: Vec<DVector<f64>>,
    /// The lowest mode of u when proposals were last fitted; the proposal around it, and the mixture.
    mode: Vec<f64>,
    proposal: Proposal,
    proposals: Mixture,
    /// The length of random steps.
    length: f64,
}

/// What an iteration is made with.
#[derive(Clone, Copy)]
pub(super) struct ChainSettings<'a> {
    /// The model at the vector.
    pub population: &'a FactoredModel,
    /// What is estimated.
    pub space: &'a ParameterVector,
    /// How it is maximised.
    pub layout: &'a Layout,
    /// By how much the length of random steps follows their acceptance.
    pub gain: f64,
    /// Whether the mode is looked for first.
    pub update_mode: bool,
}

/// What a subject adds to an iteration.
pub(super) struct Added {
    /// Its part of the objective of FOCE, when its mode was looked for.
    pub ofv: Option<f64>,
    /// What its states say of v.
    pub moments: Moments,
    /// Of the last draws, averaged.
    pub outside: Outside,
    /// Independent proposals that were accepted, of how many.
    pub accepted: [u32; 2],
}

impl McmcChains {
    /// `count` walkers at the modes of u, of which one is known.
    ///
    /// # Errors
    /// When the model cannot be solved there.
    pub fn new(
        population: &FactoredModel,
        subject: &Subject,
        known: &[f64],
        count: usize,
        mut stream: SubjectStream,
    ) -> Result<Self, ConditionalError> {
        let Proposals { modes, lowest, mixture } =
            Proposals::new(population, subject, &[known], PILOT, &mut stream)?;
        let typical = transformed(&population.model, subject)?;
        let at = |k: usize| &typical + DVector::from_vec(population.eta(&modes[k % modes.len()].u));
        Ok(Self {
            stream,
            at: (0..count).map(at).collect(),
            mode: modes[0].u.clone(),
            proposal: lowest,
            proposals: mixture,
            length: 2.38 / (population.factor.nrows() as f64).sqrt(),
        })
    }

    /// Whether they walk over so many η.
    pub fn fit(&self, n: usize) -> bool {
        self.mode.len() == n
            && !self.at.is_empty()
            && self.at.iter().all(|v| v.len() == n)
            && self.proposal.fits(n)
            && self.proposals.fit(n)
    }

    /// Fits the proposals anew; the part of the objective of FOCE at the lowest mode. Where there is no mode the last
    /// proposals serve.
    fn update_mode(&mut self, population: &FactoredModel, subject: &Subject) -> Option<f64> {
        let found = Proposals::new(population, subject, &[&self.mode], PILOT, &mut self.stream).ok()?;
        (self.proposal, self.proposals) = (found.lowest, found.mixture);
        self.mode.clone_from(&found.modes[0].u);
        conditional(population, subject, &self.mode, RTOL).ok().map(|(part, _)| part.ofv)
    }

    /// Moves every walker.
    ///
    /// # Errors
    /// When the model cannot be solved where a walker stands.
    pub fn go_on(&mut self, step: ChainSettings<'_>, subject: &Subject) -> Result<Added, ConditionalError> {
        let ChainSettings { population, space, layout, gain, update_mode } = step;
        let model = &population.model;
        let problem = subject_problem(model, subject, None)?.with_rtol(RTOL);
        let typical = transformed(model, subject)?;
        let eta_of = |v: &DVector<f64>| (v - &typical).as_slice().to_vec();
        let ofv = if update_mode { self.update_mode(population, subject) } else { None };
        let here: Vec<Vec<f64>> = self.at.iter().map(|v| population.whitened(&eta_of(v))).collect();
        let paths: Vec<Paths> = here.into_iter().map(|u| self.paths(DVector::from_vec(u))).collect();
        let points = || paths.iter().flat_map(|paths| &paths.points);
        let etas: Vec<Vec<f64>> = points().map(|u| population.eta(u.as_slice())).collect();
        let squares: Vec<f64> = points().map(|u| u.norm_squared()).collect();
        let data = problem.objectives(&etas).into_iter().zip(squares);
        let mut objectives = data.map(|(data, square)| data.map(|data| data + square));
        let v_of = |u: &DVector<f64>| &typical + &population.factor * u;
        let mut accepted = 0;
        let mut outside = Outside::none(layout);
        let (n, count) = (typical.len(), self.at.len() as f64);
        let (mut mean, mut second) = (DVector::zeros(n), DMatrix::zeros(n, n));
        for (k, paths) in paths.into_iter().enumerate() {
            let mut objectives = objectives.by_ref().take(POINTS);
            let here = objectives.next().transpose()?.unwrap_or(f64::NAN);
            // Where the model cannot be solved there is no likelihood.
            let elsewhere = objectives.map(|objective| objective.unwrap_or(f64::INFINITY));
            let objectives: Vec<f64> = std::iter::once(here).chain(elsewhere).collect();
            let walked = paths.walk(&objectives, &self.proposals);
            accepted += walked.independent;
            for taken in walked.random {
                let taken = f64::from(u8::from(taken));
                self.length *= (FOLLOW * gain * (taken - WANTED)).exp();
            }
            for &at in &walked.through {
                let (v, part) = (v_of(&paths.points[at]), 1.0 / (count * MOVES as f64));
                mean += &v * part;
                second += &v * v.transpose() * part;
            }
            let v = v_of(&paths.points[walked.through[MOVES - 1]]);
            outside.add(
                &Outside::new(model, space, layout, subject, &eta_of(&v), ConditionalSpread::Draw, RTOL)?,
                1.0 / count,
            );
            self.at[k] = v;
        }
        Ok(Added {
            ofv,
            moments: Moments { mean, second },
            outside,
            accepted: [accepted, (INDEPENDENT * self.at.len()) as u32],
        })
    }

    /// Wherever a walker may come to.
    fn paths(&mut self, at: DVector<f64>) -> Paths {
        let mut step = || self.proposal.step(&mut self.stream) * self.length;
        let (first, second) = (step(), step());
        let (once, other) = (&at + &first, &at + &second);
        let twice = &once + &second;
        let mut points = vec![at, once, other, twice];
        points.extend((0..INDEPENDENT).map(|_| DVector::from_vec(self.proposals.draw(&mut self.stream))));
        Paths { points, log_uniforms: std::array::from_fn(|_| self.stream.uniform().ln()) }
    }
}

/// Where a walker is, where a first random step leads, where a second leads from where it is and from there, and where
/// independent moves lead; with the logarithms of what decides on each move.
struct Paths {
    points: Vec<DVector<f64>>,
    log_uniforms: [f64; MOVES],
}

/// What becomes of a walker.
struct Walked {
    /// Where it is after each move, among the points.
    through: [usize; MOVES],
    /// Whether it took each random step, and how many independent moves.
    random: [bool; RANDOM],
    independent: u32,
}

impl Paths {
    /// Decides on the moves, from the objective at each point.
    fn walk(&self, objectives: &[f64], proposal: &Mixture) -> Walked {
        let (mut at, mut walked) =
            (0, Walked { through: [0; MOVES], random: [false; RANDOM], independent: 0 });
        let mut log_density = f64::NAN;
        for (k, log_uniform) in self.log_uniforms.iter().enumerate() {
            if k == RANDOM {
                log_density = proposal.log_density(self.points[at].as_slice());
            }
            let to = match (k, at) {
                (0, _) => 1,
                (1, 0) => 2,
                (1, _) => 3,
                _ => k + 2,
            };
            let log_ratio = -0.5 * (objectives[to] - objectives[at]);
            if k < RANDOM {
                walked.random[k] = *log_uniform < log_ratio;
                at = if walked.random[k] { to } else { at };
            } else {
                let log_density_to = proposal.log_density(self.points[to].as_slice());
                if *log_uniform < log_ratio + log_density - log_density_to {
                    (at, log_density) = (to, log_density_to);
                    walked.independent += 1;
                }
            }
            walked.through[k] = at;
        }
        walked
    }
}
