//! −2 log-likelihood of a population with the η integrated out: by linearisation, by Laplace's method, or by importance
//! sampling.
//!
//! In the notation of [`super::conditional`], with A = ½·∂²G/∂u² at û, which is H plus the second-order part that H
//! omits, and q a mixture of Student's t densities, one around each mode of u that is found, with its A⁻¹ as scale, and
//! one as wide as the population:
//!
//! ```text
//! linear               G(û) + ln|H|
//! laplace              G(û) + ln|A|
//! importance sampling  −2 ln 1/K·Σ exp(−½G(uₖ))·(2π)^(−d/2)/q(uₖ),   uₖ drawn from q
//! ```
//!
//! A proposal around only one of several modes would miss the others without any sign of it: the fewer draws reach
//! them, the more even the weights are.

use super::conditional::{ConditionalError, FactoredModel, Whitened};
use super::modes::{Mode, SPREAD, Sought, lowest, modes_each};
use super::proposal::{Mixture, Proposal};
use crate::least_squares::{Linearised, Residuals as _};
use crate::likelihood::left_out;
use crate::pareto::pareto_shape;
use crate::problem::{SubjectError, SubjectProblem};
use crate::simulate::SubjectStream;
use crate::weighted::{effective_draws, relative_weights};
use nalgebra::{Cholesky, DMatrix};
use omafit_model::{DEFAULT_RTOL, PopulationModel, Subject};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Method by which the η are integrated out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LikelihoodMethod {
    /// Linearisation of the model at η̂: the objective of FOCE with interaction.
    Linear,
    /// Laplace's method, with exact second derivatives of the model.
    Laplace,
    /// Importance sampling.
    Is,
}

/// Settings of the computation of a population's likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikelihoodOptions {
    /// Method of integration.
    pub method: LikelihoodMethod,
    /// Number of importance samples per subject, at least 2.
    pub samples: u32,
    /// Seed of the samples.
    pub seed: u64,
}

/// A subject's contribution to the marginal likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MarginalPart {
    /// −2 log-likelihood of the subject, without the constants that FOCE leaves out.
    pub ofv: f64,
    /// Monte-Carlo standard error of `ofv`; zero for a method without sampling.
    pub se: f64,
    /// Effective number of samples, (Σw)²/Σw²; NaN for a method without sampling.
    pub effective: f64,
    /// Pareto k̂ of the weights: above 0.7 their mean and its standard error are unreliable, however large the
    /// effective number of samples appears; NaN for a method without sampling.
    pub pareto_k: f64,
    /// How many samples could not be solved; they count as having likelihood zero.
    pub unsolved: u32,
}

/// The marginal likelihood of a population.
#[derive(Clone, Debug, PartialEq)]
pub struct Marginal {
    /// −2 log-likelihood, without the constants that FOCE leaves out.
    pub ofv: f64,
    /// −2 log-likelihood including all constants, on the natural scale of the data.
    pub minus2ll: f64,
    /// Monte-Carlo standard error of `ofv` and `minus2ll`.
    pub se: f64,
    /// Contribution of each subject.
    pub subjects: Vec<MarginalPart>,
}

/// Reason why there is no likelihood.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MarginalError {
    /// The likelihood of a subject cannot be computed.
    #[error("subject {id}: {reason}")]
    Subject {
        /// Identifier of the subject.
        id: String,
        /// Reason of the failure.
        reason: Box<ConditionalError>,
    },
    /// Ω is not positive definite, or no parameter varies.
    #[error("the model has no Ω that is positive definite: there is nothing to integrate over")]
    Omega,
}

/// Computes the marginal likelihood of a population model.
///
/// # Errors
/// If Ω is not positive definite, a subject's η has no minimum, or, with Laplace's method, the Hessian there is not
/// positive definite.
pub fn marginal_likelihood(
    model: &PopulationModel,
    subjects: &[Subject],
    options: LikelihoodOptions,
) -> Result<Marginal, MarginalError> {
    let population = FactoredModel::new(model.clone()).filter(|_| !model.variable().is_empty());
    let population = population.ok_or(MarginalError::Omega)?;
    let one = |(position, subject): (usize, &Subject)| {
        part(&population, subject, position as u64, options)
            .map_err(|reason| MarginalError::Subject { id: subject.id.clone(), reason: reason.into() })
    };
    let parts: Vec<_> = subjects.par_iter().enumerate().with_max_len(1).map(one).collect();
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let ofv = parts.iter().map(|p| p.ofv).sum();
    Ok(Marginal {
        ofv,
        minus2ll: ofv + left_out(model, subjects),
        se: parts.iter().map(|p| p.se * p.se).sum::<f64>().sqrt(),
        subjects: parts,
    })
}

/// A subject's contribution, with its modes sought from all starts.
fn part(
    population: &FactoredModel,
    subject: &Subject,
    position: u64,
    options: LikelihoodOptions,
) -> Result<MarginalPart, ConditionalError> {
    let analytic = |ofv| MarginalPart { ofv, se: 0.0, effective: f64::NAN, pareto_k: f64::NAN, unsolved: 0 };
    match options.method {
        LikelihoodMethod::Linear => Ok(analytic(lowest(population, subject, &[], DEFAULT_RTOL)?.part.ofv)),
        LikelihoodMethod::Laplace => {
            let mode = lowest(population, subject, &[], DEFAULT_RTOL)?.part;
            let problem = Whitened::new(population, subject, DEFAULT_RTOL)?;
            let at = (&problem).linearise(&mode.u)?;
            let curvature = curvature_each(population, &[(&problem, &mode.u, &at)]).swap_remove(0);
            let log_determinant = Cholesky::new(curvature?)
                .map(|c| c.ln_determinant())
                .filter(|log| log.is_finite())
                .ok_or(ConditionalError::NotPositive("the curvature at η̂"))?;
            Ok(analytic(at.objective + problem.problem().constants() + log_determinant))
        }
        LikelihoodMethod::Is => {
            let stream = SubjectStream::of_likelihood(options.seed, position);
            sampled(population, subject, stream, options.samples)
        }
    }
}

/// Computes A, half the Hessian of G, of each of several subjects at a point with its rows. The models of all are solved
/// together.
fn curvature_each(
    population: &FactoredModel,
    points: &[(&Whitened<'_>, &[f64], &Linearised)],
) -> Vec<Result<DMatrix<f64>, ConditionalError>> {
    let etas: Vec<Vec<f64>> = points.iter().map(|(_, u, _)| population.eta(u)).collect();
    let mut solved = Vec::with_capacity(points.len());
    for ((problem, _, at), eta) in points.iter().zip(&etas) {
        solved.push((problem.problem(), &eta[..], &at.predictions[..]));
    }
    let factor = &population.factor;
    let sum = |(missing, (_, _, at)): (Result<DMatrix<f64>, SubjectError>, &(_, _, &Linearised))| {
        Ok(at.jacobian.tr_mul(&at.jacobian) + factor.tr_mul(&(missing? * factor)))
    };
    SubjectProblem::missing_curvature_each(&solved).into_iter().zip(points).map(sum).collect()
}

/// The rows at a mode and, if it is known, half the Hessian of G there.
type AtMode = (Linearised, Option<DMatrix<f64>>);

/// Proposal distributions for a subject's u, fitted to its conditional distribution.
pub(super) struct Proposals {
    /// Modes of u, the lowest first.
    pub modes: Vec<Mode>,
    /// Proposal around the lowest mode.
    pub lowest: Proposal,
    /// Mixture of proposals around all modes and one as wide as the population.
    pub mixture: Mixture,
}

impl Proposals {
    /// Creates proposals around the modes found from the origin, from `known` points and from scattered starts. If η
    /// vary widely and the weights of `pilot` draws are uneven, as along a curved ridge, the mixture is adapted to the
    /// draws.
    ///
    /// # Errors
    /// If the model cannot be solved at any mode.
    pub fn new(
        population: &FactoredModel,
        subject: &Subject,
        known: &[&[f64]],
        pilot: u32,
        stream: &mut SubjectStream,
    ) -> Result<Self, ConditionalError> {
        Self::each(population, &[(subject, known)], pilot, &mut [stream]).swap_remove(0)
    }

    /// Creates the proposals of each of several subjects, with its stream of random numbers, as [`Proposals::new`]. The
    /// models of all are solved together.
    pub fn each(
        population: &FactoredModel,
        sought: &[Sought<'_>],
        pilot: u32,
        streams: &mut [&mut SubjectStream],
    ) -> Vec<Result<Self, ConditionalError>> {
        let modes = modes_each(population, sought, SPREAD);
        let draws = pilot * MOST_PILOTS as u32;
        let mut found: Vec<Result<_, ConditionalError>> = Vec::with_capacity(sought.len());
        for ((subject, _), modes) in sought.iter().zip(modes) {
            let problem = |modes| {
                let problem = Whitened::new(population, subject, DEFAULT_RTOL)?;
                Ok((modes, problem.for_draws(draws)))
            };
            found.push(modes.and_then(problem));
        }
        let mut points = Vec::new();
        for (modes, problem) in found.iter().flatten() {
            points.extend(modes.iter().map(|mode| (problem, &mode.u[..])));
        }
        let at = Whitened::linearise_each(&points);
        let mut solved = Vec::with_capacity(points.len());
        for ((problem, u), at) in points.iter().zip(&at) {
            solved.extend(at.as_ref().ok().map(|at| (*problem, *u, at)));
        }
        let mut curvatures = curvature_each(population, &solved).into_iter();
        let of_point =
            |at: Result<Linearised, SubjectError>| at.map(|at| (at, curvatures.next().and_then(Result::ok)));
        let mut at = at.into_iter().map(of_point).collect::<Vec<_>>().into_iter();
        let mut all = Vec::with_capacity(sought.len());
        for (found, stream) in found.into_iter().zip(streams) {
            all.push(found.and_then(|(modes, problem)| {
                let at: Vec<_> = at.by_ref().take(modes.len()).collect();
                Self::around(
                    population,
                    &problem,
                    (modes, at.into_iter().collect::<Result<_, _>>()?),
                    pilot,
                    stream,
                )
            }));
        }
        all
    }

    /// Creates the proposals of a subject around its modes.
    fn around(
        population: &FactoredModel,
        problem: &Whitened<'_>,
        (modes, at): (Vec<Mode>, Vec<AtMode>),
        pilot: u32,
        stream: &mut SubjectStream,
    ) -> Result<Self, ConditionalError> {
        let n = population.factor.nrows();
        let mut around = Vec::with_capacity(modes.len());
        for (mode, (at, exact)) in modes.iter().zip(at) {
            let information = || at.jacobian.tr_mul(&at.jacobian);
            // A proposal need not be exact.
            let scale = exact.filter(|a| Cholesky::new(a.clone()).is_some()).unwrap_or_else(information);
            let log_determinant = Cholesky::new(scale.clone()).map_or(f64::INFINITY, |c| c.ln_determinant());
            if let Some(proposal) = Proposal::new(&mode.u, scale) {
                around.push((at.objective + log_determinant, proposal));
            }
        }
        let lowest = around.first().map(|(_, proposal)| proposal.clone());
        let lowest = lowest.ok_or(ConditionalError::NotPositive("the information on η"))?;
        let wide = Proposal::new(&vec![0.0; n], DMatrix::identity(n, n));
        let wide = wide.ok_or(ConditionalError::NotPositive("the identity"))?;
        let mut mixture = Mixture::new(around, wide);
        if population.is_wide() {
            mixture = fitted(population, problem, mixture, pilot, stream);
        }
        Ok(Self { modes, lowest, mixture })
    }
}

/// Returns the mixture or, if its weights would be uneven, a mixture adapted to the conditional distribution. The check
/// uses draws from a wider mixture, which reach regions that the mixture itself would rarely sample.
fn fitted(
    population: &FactoredModel,
    problem: &Whitened<'_>,
    mixture: Mixture,
    pilot: u32,
    stream: &mut SubjectStream,
) -> Mixture {
    let mut wider = mixture.clone().doubled();
    for round in 0..MOST_PILOTS {
        let (draws, logs, _) = weighted(population, problem, &wider, stream, pilot);
        let (_, weights) = relative_weights(&logs);
        let sum: f64 = weights.iter().sum();
        // (Σw)²/Σw² of draws from the mixture under test, with w the weight of each draw from the wider mixture.
        let other = |(draw, w): (&Vec<f64>, &f64)| {
            let asked = if round == 0 { &mixture } else { &wider };
            w * w * (wider.log_density(draw) - asked.log_density(draw)).exp()
        };
        let squares: f64 = draws.iter().zip(&weights).map(other).sum();
        if sum * sum / squares >= EVEN * f64::from(pilot) && pareto_shape(&logs) < LIGHT {
            return if round == 0 { mixture } else { wider };
        }
        wider = wider.adapted(&draws, &weights);
    }
    wider
}

/// Number of pilot draws for fitting proposals, largest number of pilot rounds, and the effective fraction of draws
/// that suffices.
const PILOT: u32 = 1600;
const MOST_PILOTS: usize = 6;
const EVEN: f64 = 0.3;
/// Largest Pareto k̂ of the weights of pilot draws.
const LIGHT: f64 = 0.5;

/// Draws of u, the logarithms of their weights, and the number of draws at which the model cannot be solved.
type Weighted = (Vec<Vec<f64>>, Vec<f64>, u32);

/// Draws u from a mixture and computes the weights.
fn weighted(
    population: &FactoredModel,
    problem: &Whitened<'_>,
    proposal: &Mixture,
    stream: &mut SubjectStream,
    samples: u32,
) -> Weighted {
    let offset = problem.problem().constants();
    let draws: Vec<Vec<f64>> = (0..samples).map(|_| proposal.draw(stream)).collect();
    let etas: Vec<Vec<f64>> = draws.iter().map(|u| population.eta(u)).collect();
    let mut unsolved = 0;
    let log = |(u, data): (&Vec<f64>, Result<f64, SubjectError>)| match data {
        Ok(data) => {
            let prior = u.iter().map(|u| u * u + (2.0 * PI).ln()).sum::<f64>();
            -0.5 * (data + offset + prior) - proposal.log_density(u)
        }
        Err(_) => {
            unsolved += 1;
            f64::NEG_INFINITY
        }
    };
    let logs = draws.iter().zip(problem.problem().objectives(&etas)).map(log).collect();
    (draws, logs, unsolved)
}

/// Draws a subject's u from the mixture fitted to its conditional distribution and computes the weights.
///
/// # Errors
/// If the model cannot be solved at any mode.
fn proposed(
    population: &FactoredModel,
    subject: &Subject,
    stream: &mut SubjectStream,
    samples: u32,
) -> Result<Weighted, ConditionalError> {
    let proposal = Proposals::new(population, subject, &[], PILOT.min(4 * samples), stream)?.mixture;
    let problem = Whitened::new(population, subject, DEFAULT_RTOL)?.for_draws(samples);
    Ok(weighted(population, &problem, &proposal, stream, samples))
}

/// Draws of a subject's u with their weights relative to the largest.
///
/// # Errors
/// If the model cannot be solved at any mode.
pub(super) fn drawn(
    population: &FactoredModel,
    subject: &Subject,
    stream: &mut SubjectStream,
    samples: u32,
) -> Result<(Vec<Vec<f64>>, Vec<f64>), ConditionalError> {
    let (draws, logs, _) = proposed(population, subject, stream, samples)?;
    Ok((draws, relative_weights(&logs).1))
}

fn sampled(
    population: &FactoredModel,
    subject: &Subject,
    mut stream: SubjectStream,
    samples: u32,
) -> Result<MarginalPart, ConditionalError> {
    let (_, logs, unsolved) = proposed(population, subject, &mut stream, samples)?;
    let (largest, weights) = relative_weights(&logs);
    let (count, sum) = (f64::from(samples), weights.iter().sum::<f64>());
    let squares = weights.iter().map(|w| w * w).sum::<f64>();
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0) / (count - 1.0);
    Ok(MarginalPart {
        ofv: -2.0 * (largest + mean.ln()),
        se: 2.0 * variance.sqrt() / mean,
        effective: effective_draws(&weights),
        pareto_k: pareto_shape(&logs),
        unsolved,
    })
}
