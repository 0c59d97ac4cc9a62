//! Markov chain draws of a subject's transformed parameters v from their conditional distribution, by the
//! Metropolis–Hastings algorithm.
//!
//! An iteration makes two random-walk steps, whose length is tuned to their acceptance rate, and then independence
//! proposals (Karimi, Lavielle, Moulines 2020, doi 10.1016/j.csda.2019.106849) from a mixture of Student's t around
//! each mode of u, in v = t + Lu, and one as wide as the population; the random walk has the covariance at the lowest
//! mode. Chains start in every mode that is found. All points that a chain can reach are known before it moves: the
//! second step starts from the current point or from the end of the first step (Brockwell 2006, doi
//! 10.1198/106186006X100579). All points are therefore solved together, and the moments are those of all states that
//! the chain passes through.

use super::conditional::{ConditionalError, FactoredModel, Sought, conditional_each, subject_problem};
use super::expectation::{ConditionalSpread, Layout, Moments, Outside, transformed};
use super::marginal::Proposals;
use super::modes;
use super::proposal::{Mixture, Proposal};
use super::space::ParameterVector;
use crate::problem::{SubjectError, SubjectProblem};
use crate::simulate::SubjectStream;
use nalgebra::{DMatrix, DVector};
use omafit_model::Subject;
use serde::{Deserialize, Serialize};

/// Number of pilot draws to which proposals are fitted if their weights are uneven.
const PILOT: u32 = 800;
/// Relative tolerance to which the model is solved.
const RTOL: f64 = 1e-5;
/// Number of random-walk steps and of independence proposals in an iteration: with the current point, they give as many
/// time courses as are solved most efficiently together.
const RANDOM: usize = 2;
const INDEPENDENT: usize = 4;
const MOVES: usize = RANDOM + INDEPENDENT;
const POINTS: usize = 4 + INDEPENDENT;
/// Target acceptance rate of random-walk steps, and rate at which their length adapts.
const WANTED: f64 = 0.3;
const FOLLOW: f64 = 0.4;

/// Markov chains of one subject, with their complete state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct McmcChains {
    stream: SubjectStream,
    /// Current v of each chain.
    at: Vec<DVector<f64>>,
    /// The lowest mode of u when the proposals were last fitted, the proposal around it, and the mixture.
    mode: Vec<f64>,
    proposal: Proposal,
    proposals: Mixture,
    /// Length of random-walk steps, relative to the proposal.
    length: f64,
}

/// Inputs of an iteration.
#[derive(Clone, Copy)]
pub(super) struct ChainSettings<'a> {
    /// Population model at the current parameter vector.
    pub population: &'a FactoredModel,
    /// Layout of the estimated parameters.
    pub space: &'a ParameterVector,
    /// Grouping of the estimated parameters by how they are maximised.
    pub layout: &'a Layout,
    /// Gain by which the length of random-walk steps adapts to their acceptance.
    pub gain: f64,
    /// Whether the mode is updated first.
    pub update_mode: bool,
}

/// A subject's contribution to an iteration.
pub(super) struct Added {
    /// Contribution to the FOCE objective, if the mode was updated.
    pub ofv: Option<f64>,
    /// Moments of v over all states of the chains.
    pub moments: Moments,
    /// Average over the last states of the chains.
    pub outside: Outside,
    /// Number of accepted and of proposed independence proposals.
    pub accepted: [u32; 2],
}

impl McmcChains {
    /// Creates `count` chains for each of several subjects at its modes of u, one of which is known; an error if the
    /// model cannot be solved at any mode. The models of all are solved together.
    pub fn each(
        population: &FactoredModel,
        sought: &[modes::Sought<'_>],
        count: usize,
        mut streams: Vec<SubjectStream>,
    ) -> Vec<Result<Self, ConditionalError>> {
        let mut drawn: Vec<&mut SubjectStream> = streams.iter_mut().collect();
        let found = Proposals::each(population, sought, PILOT, &mut drawn);
        let one = |((found, stream), (subject, _)): ((Result<Proposals, _>, _), &modes::Sought<'_>)| {
            Self::new(population, subject, count, found?, stream)
        };
        found.into_iter().zip(streams).zip(sought).map(one).collect()
    }

    /// Creates `count` chains at the modes of u.
    fn new(
        population: &FactoredModel,
        subject: &Subject,
        count: usize,
        Proposals { modes, lowest, mixture }: Proposals,
        stream: SubjectStream,
    ) -> Result<Self, ConditionalError> {
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

    /// Whether the chains have dimension `n`.
    pub fn fit(&self, n: usize) -> bool {
        self.mode.len() == n
            && !self.at.is_empty()
            && self.at.iter().all(|v| v.len() == n)
            && self.proposal.fits(n)
            && self.proposals.fit(n)
    }

    /// Refits the proposals of each of several subjects; returns the contribution to the FOCE objective at the lowest
    /// mode. If no mode is found the previous proposals are kept. The models of all are solved together.
    fn update_modes(all: &mut [Self], subjects: &[Subject], population: &FactoredModel) -> Vec<Option<f64>> {
        let known: Vec<[Vec<f64>; 1]> = all.iter().map(|chains| [chains.mode.clone()]).collect();
        let known: Vec<[&[f64]; 1]> = known.iter().map(|[mode]| [&mode[..]]).collect();
        let mut sought = Vec::with_capacity(all.len());
        for (subject, known) in subjects.iter().zip(&known) {
            sought.push((subject, &known[..]));
        }
        let mut streams: Vec<&mut SubjectStream> = all.iter_mut().map(|chains| &mut chains.stream).collect();
        let found = Proposals::each(population, &sought, PILOT, &mut streams);
        let mut starts = Vec::with_capacity(all.len());
        let mut updated = Vec::with_capacity(all.len());
        for ((chains, subject), found) in all.iter_mut().zip(subjects).zip(found) {
            updated.push(found.is_ok());
            if let Ok(found) = found {
                (chains.proposal, chains.proposals) = (found.lowest, found.mixture);
                chains.mode.clone_from(&found.modes[0].u);
                starts.push((subject, &chains.mode[..]));
            }
        }
        let sought: Vec<Sought<'_>> =
            starts.iter().map(|&(subject, start)| Sought { subject, start, before: None }).collect();
        let mut parts = conditional_each(population, &sought, RTOL).into_iter();
        let ofv = |is_updated| {
            let part = if is_updated { parts.next() } else { None };
            part.and_then(Result::ok).map(|(part, _)| part.ofv)
        };
        updated.into_iter().map(ofv).collect()
    }

    /// Moves every chain of each of several subjects by one iteration; an error if the model cannot be solved at the
    /// current point of a chain. The models of all are solved together.
    pub fn iterate_each(
        all: &mut [Self],
        subjects: &[Subject],
        step: ChainSettings<'_>,
    ) -> Vec<Result<Added, ConditionalError>> {
        let ChainSettings { population, space, layout, update_mode, .. } = step;
        let model = &population.model;
        let ofvs = match update_mode {
            true => Self::update_modes(all, subjects, population),
            false => vec![None; all.len()],
        };
        let mut moves: Vec<Result<Moves<'_>, ConditionalError>> = Vec::with_capacity(all.len());
        for (chains, subject) in all.iter_mut().zip(subjects) {
            moves.push(chains.moves(population, subject));
        }
        let mut points = Vec::new();
        for Moves { problem, etas, .. } in moves.iter().flatten() {
            points.extend(etas.iter().map(|eta| (problem, &eta[..])));
        }
        let mut objectives = SubjectProblem::objectives_each(&points).into_iter();
        let mut moved = Vec::with_capacity(all.len());
        for (chains, moves) in all.iter_mut().zip(moves) {
            let walk = |moves: Moves<'_>| {
                let found = objectives.by_ref().take(moves.etas.len()).collect();
                chains.walk(population, moves, found, step.gain)
            };
            moved.push(moves.and_then(walk));
        }
        let mut ends = Vec::new();
        for ((chains, subject), moved) in all.iter().zip(subjects).zip(&moved) {
            let Ok(Moved { typical, .. }) = moved else { continue };
            ends.extend(chains.at.iter().map(|v| (subject, (v - typical).as_slice().to_vec())));
        }
        let ends: Vec<(&Subject, &[f64])> = ends.iter().map(|(subject, eta)| (*subject, &eta[..])).collect();
        let mut outsides =
            Outside::each(model, space, layout, &ends, ConditionalSpread::Draw, RTOL).into_iter();
        let mut added = Vec::with_capacity(all.len());
        for ((chains, moved), ofv) in all.iter().zip(moved).zip(ofvs) {
            let sum = |Moved { moments, accepted, .. }: Moved| {
                let mut outside = Outside::none(layout);
                let own: Vec<_> = outsides.by_ref().take(chains.at.len()).collect();
                for here in own {
                    outside.add(&here?, 1.0 / chains.at.len() as f64);
                }
                Ok(Added { ofv, moments, outside, accepted })
            };
            added.push(moved.and_then(sum));
        }
        added
    }

    /// Draws the points that the chains of a subject can reach in an iteration.
    fn moves<'a>(
        &mut self,
        population: &'a FactoredModel,
        subject: &'a Subject,
    ) -> Result<Moves<'a>, ConditionalError> {
        let problem = subject_problem(&population.model, subject, None)?.with_rtol(RTOL);
        let typical = transformed(&population.model, subject)?;
        let here = |v: &DVector<f64>| population.whitened((v - &typical).as_slice());
        let here: Vec<Vec<f64>> = self.at.iter().map(here).collect();
        let paths: Vec<Paths> = here.into_iter().map(|u| self.paths(DVector::from_vec(u))).collect();
        let points = paths.iter().flat_map(|paths| &paths.points);
        let etas = points.map(|u| population.eta(u.as_slice())).collect();
        Ok(Moves { problem, typical, paths, etas })
    }

    /// Moves the chains of a subject, where the data have these objectives at the points that they can reach.
    fn walk(
        &mut self,
        population: &FactoredModel,
        Moves { typical, paths, .. }: Moves<'_>,
        data: Vec<Result<f64, SubjectError>>,
        gain: f64,
    ) -> Result<Moved, ConditionalError> {
        let squares = paths.iter().flat_map(|paths| &paths.points).map(|u| u.norm_squared());
        let data: Vec<_> = data.into_iter().zip(squares).collect();
        let mut objectives = data.into_iter().map(|(data, square)| data.map(|data| data + square));
        let v_of = |u: &DVector<f64>| &typical + &population.factor * u;
        let mut accepted = 0;
        let (n, count) = (typical.len(), self.at.len() as f64);
        let (mut mean, mut second) = (DVector::zeros(n), DMatrix::zeros(n, n));
        for (k, paths) in paths.into_iter().enumerate() {
            let mut objectives = objectives.by_ref().take(POINTS);
            let here = objectives.next().transpose()?.unwrap_or(f64::NAN);
            // Where the model cannot be solved the likelihood is zero.
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
            self.at[k] = v_of(&paths.points[walked.through[MOVES - 1]]);
        }
        let accepted = [accepted, (INDEPENDENT * self.at.len()) as u32];
        Ok(Moved { typical, moments: Moments { mean, second }, accepted })
    }

    /// Draws all points that a chain at `at` can reach in an iteration.
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

/// The points that the chains of a subject can reach in an iteration.
struct Moves<'a> {
    problem: SubjectProblem<'a>,
    /// Transformed typical values.
    typical: DVector<f64>,
    /// The points of each chain.
    paths: Vec<Paths>,
    /// The η of all points, chain by chain.
    etas: Vec<Vec<f64>>,
}

/// The chains of a subject after an iteration.
struct Moved {
    /// Transformed typical values.
    typical: DVector<f64>,
    /// Moments of v over all states of the chains.
    moments: Moments,
    /// Number of accepted and of proposed independence proposals.
    accepted: [u32; 2],
}

/// All points that a chain can reach: the current point, the ends of the first random-walk step, of the second step
/// from the current point, and of the second step after the first, and the independence proposals; with the logarithms
/// of the uniform numbers that decide each move.
struct Paths {
    points: Vec<DVector<f64>>,
    log_uniforms: [f64; MOVES],
}

/// Path of a chain through an iteration.
struct Walked {
    /// Index of the point at which the chain is after each move.
    through: [usize; MOVES],
    /// Whether each random-walk step was accepted, and how many independence proposals were.
    random: [bool; RANDOM],
    independent: u32,
}

impl Paths {
    /// Accepts or rejects the moves, from the objective at each point.
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
