//! Uncertainty of population estimates by sampling importance resampling (SIR; Dosne, Bergstrand, Harling, Karlsson
//! 2016, doi 10.1007/s10928-016-9487-8; in rounds: Dosne, Bergstrand, Karlsson 2017, doi 10.1007/s10928-017-9542-0).
//!
//! ```text
//! sampling     x ~ t₅(m, C) over the parameter vector: in the first round m are the estimates and C = R⁻¹, then the
//!              mean and covariance of the previous resample
//! importance   w = exp(−½·(F(x) − F(x̂)))/q(x), q the density of the mixture of all proposals so far
//! resampling   a given number of all samples so far, each at most once, by w
//! ```
//!
//! Dosne et al. propose from a normal distribution, weight the samples of a round by its own proposal alone, and take
//! intervals from the last resample. A resample without replacement is closer to the proposal than the weights imply,
//! and intervals are too short where the proposal is; here the resample only determines the next proposal, and
//! estimates are weighted sums over the samples of all rounds (Cornuet, Marin, Mira, Robert 2012, doi
//! 10.1111/j.1467-9469.2011.00756.x). Student's t has heavier tails than the target distribution, so that the weights
//! stay bounded.
//!
//! If the likelihood of the estimates is normal, F(x) − F(x̂) is distributed as χ² with as many degrees of freedom as
//! there are parameters. Boundary estimates are held at their boundary.

use super::objective::{Foce, Point, PopulationFit};
use super::proposal::Proposal;
use super::quasi_newton::Objective;
use super::uncertainty::among;
use super::watch::Observer;
use crate::pareto::pareto_shape;
use crate::simulate::SubjectStream;
use crate::weighted::{effective_draws, relative_weights};
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::Subject;
use rayon::prelude::*;

/// Fraction of the samples that count as outermost.
const OUTERMOST: f64 = 0.1;

/// Settings of one round of SIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SirRound {
    /// Number of vectors proposed.
    pub samples: u32,
    /// Number of vectors resampled from all proposed so far.
    pub resamples: u32,
}

/// The rounds recommended by Dosne et al. 2017.
pub const SIR_ROUNDS: [SirRound; 5] = [
    SirRound { samples: 1000, resamples: 200 },
    SirRound { samples: 1000, resamples: 400 },
    SirRound { samples: 1000, resamples: 500 },
    SirRound { samples: 2000, resamples: 1000 },
    SirRound { samples: 2000, resamples: 1000 },
];

/// A proposed parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub struct SirSample {
    /// Round of the sample, from 0.
    pub round: usize,
    /// Parameter vector.
    pub vector: Vec<f64>,
    /// Difference F(x) − F(x̂); infinite if the objective cannot be computed.
    pub dofv: f64,
    /// Logarithm of the weight w under the mixture of the proposals of all rounds, up to a constant.
    pub log_weight: f64,
    /// Whether the sample is in the resample of the last round.
    pub kept: bool,
}

/// Quality of weighted samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SirQuality {
    /// How many samples there are.
    pub samples: usize,
    /// How many samples have no objective, and so weight zero.
    pub without_objective: usize,
    /// Effective number of independent samples of the distribution of the estimates, (Σw)²/Σw².
    pub effective: f64,
    /// Pareto k̂ of the weights, by [`pareto_shape`]: above 0.7 the proposal is too narrow.
    pub pareto_k: f64,
    /// Fraction of the weight on the tenth of the samples at which the proposal is least dense: a tenth if the proposal
    /// is as wide as the target distribution, more if it is too narrow.
    pub outermost_weight: f64,
    /// Weighted mean of F(x) − F(x̂).
    pub mean_dofv: f64,
}

/// Weighted parameter vectors that represent the distribution of a population's estimates.
#[derive(Clone, Debug, PartialEq)]
pub struct SirFound {
    /// All proposed vectors, round by round.
    pub samples: Vec<SirSample>,
    /// Quality of each round's samples under its own proposal.
    pub rounds: Vec<SirQuality>,
    /// Quality of all samples together.
    pub whole: SirQuality,
}

impl SirFound {
    /// The weight of each sample, relative to the largest.
    pub fn weights(&self) -> Vec<f64> {
        weights(&self.samples.iter().map(|sample| sample.log_weight).collect::<Vec<_>>())
    }

    /// The smallest F(x) − F(x̂).
    pub fn least_dofv(&self) -> f64 {
        self.samples.iter().map(|sample| sample.dofv).fold(f64::INFINITY, f64::min)
    }
}

/// Reason why SIR failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SirError {
    /// No covariance to propose from.
    #[error("there is no covariance to propose from: {0}")]
    NoCovariance(String),
    /// The objective cannot be recomputed at the estimates.
    #[error("the objective cannot be computed at the estimates")]
    NoObjective,
    /// A round keeps too few vectors for a covariance.
    #[error(
        "a round that keeps {kept} vectors makes no covariance of {numbers} numbers: keep at least {least}"
    )]
    TooFew {
        /// How many vectors the round keeps.
        kept: usize,
        /// How many parameters are estimated.
        numbers: usize,
        /// How many vectors the round should keep at least.
        least: usize,
    },
    /// SIR was interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// Runs all rounds of SIR from a fit with its covariance. `done` is called after each sample.
///
/// # Errors
/// If the fit has no covariance, the objective cannot be recomputed at the estimates, a round keeps too few vectors, or
/// `watch` interrupts the rounds.
pub fn sampling_importance_resampling(
    fit: &PopulationFit,
    subjects: &[Subject],
    rounds: &[SirRound],
    seed: u64,
    watch: &dyn Observer,
    done: &(dyn Fn() + Sync),
) -> Result<SirFound, SirError> {
    let uncertainty = fit.uncertainty.as_ref().map_err(|why| SirError::NoCovariance(why.clone()))?;
    let free = &uncertainty.free;
    let numbers = free.len();
    let least = 2 * numbers;
    let too_few = |kept: usize| SirError::TooFew { kept, numbers, least };
    if let Some(round) = rounds.iter().find(|round| (round.resamples as usize) < least) {
        return Err(too_few(round.resamples as usize));
    }
    let objective = Foce::new(&fit.model, &fit.space, subjects, watch);
    let mut at = Point::of(fit);
    objective.change(&fit.vector, &mut at).ok_or(SirError::NoObjective)?;
    let one = |proposal: &Proposal, number: usize, i: u32| {
        if !watch.go_on() {
            return None;
        }
        let mut stream = SubjectStream::of_replicate(seed, (number as u64) << 32 | u64::from(i));
        let moving = proposal.draw(&mut stream);
        let mut vector = fit.vector.clone();
        free.iter().zip(&moving).for_each(|(&k, x)| vector[k] = *x);
        let dofv = objective.value(&vector, &at).map_or(f64::INFINITY, |(value, _)| value - fit.ofv);
        done();
        Some(Drawn { round: number, moving, vector, dofv: if dofv.is_nan() { f64::INFINITY } else { dofv } })
    };
    let (mut mean, mut covariance) = (select(&fit.vector, free), among(&uncertainty.r, free));
    let mut mixture = Mixture::default();
    let mut drawn: Vec<Drawn> = Vec::new();
    let mut found = Vec::with_capacity(rounds.len());
    let (mut kept, mut densities) = (Vec::new(), Vec::new());
    for (number, round) in rounds.iter().enumerate() {
        let proposal = proposal(&mean, covariance)?;
        let of_round: Vec<_> = (0..round.samples)
            .into_par_iter()
            .with_max_len(1)
            .map(|i| one(&proposal, number, i))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Option<_>>()
            .ok_or(SirError::Interrupted)?;
        found.push(quality(
            &of_round,
            &of_round.iter().map(|d| proposal.log_density(&d.moving)).collect::<Vec<_>>(),
        ));
        drawn.extend(of_round);
        mixture.add(proposal, round.samples);
        densities = drawn.iter().map(|d| mixture.log_density(&d.moving)).collect();
        let weights =
            weights(&drawn.iter().zip(&densities).map(|(d, q)| d.log_weight(*q)).collect::<Vec<_>>());
        let chances = inclusions(&weights, f64::from(round.resamples));
        kept = systematic(
            &chances,
            SubjectStream::of_replicate(seed, (number as u64) << 32 | 1 << 57).uniform(),
        );
        let distinct = kept.iter().filter(|kept| **kept).count();
        if distinct < least {
            return Err(too_few(distinct));
        }
        (mean, covariance) = moments(&drawn, &chances);
    }
    let whole = quality(&drawn, &densities);
    let samples = drawn.into_iter().zip(densities).zip(kept).map(|((d, density), kept)| SirSample {
        log_weight: d.log_weight(density),
        round: d.round,
        vector: d.vector,
        dofv: d.dofv,
        kept,
    });
    Ok(SirFound { samples: samples.collect(), rounds: found, whole })
}

/// A proposed vector, with its elements that are not held.
struct Drawn {
    round: usize,
    moving: Vec<f64>,
    vector: Vec<f64>,
    dofv: f64,
}

impl Drawn {
    /// The logarithm of the weight under a proposal with the given log density.
    fn log_weight(&self, log_density: f64) -> f64 {
        -0.5 * self.dofv - log_density
    }
}

/// Mixture of the proposals so far, each weighted by its number of samples.
#[derive(Default)]
struct Mixture(Vec<(Proposal, f64)>);

impl Mixture {
    fn add(&mut self, proposal: Proposal, samples: u32) {
        self.0.push((proposal, f64::from(samples)));
    }

    fn log_density(&self, at: &[f64]) -> f64 {
        let logs: Vec<f64> = self.0.iter().map(|(q, count)| count.ln() + q.log_density(at)).collect();
        let (largest, weights) = relative_weights(&logs);
        let all: f64 = self.0.iter().map(|part| part.1).sum();
        largest + (weights.iter().sum::<f64>() / all).ln()
    }
}

fn proposal(mean: &[f64], covariance: DMatrix<f64>) -> Result<Proposal, SirError> {
    let precision = Cholesky::new(covariance).map(|factor| factor.inverse());
    precision
        .and_then(|precision| Proposal::new(mean, precision))
        .ok_or_else(|| SirError::NoCovariance("that of what was resampled is not positive definite".into()))
}

fn select(vector: &[f64], free: &[usize]) -> Vec<f64> {
    free.iter().map(|&k| vector[k]).collect()
}

/// Weights relative to the largest; all zero if no weight is finite.
fn weights(logs: &[f64]) -> Vec<f64> {
    let (largest, weights) = relative_weights(logs);
    if largest.is_finite() { weights } else { vec![0.0; logs.len()] }
}

/// The quality of samples, from the log densities of their proposal.
fn quality(drawn: &[Drawn], densities: &[f64]) -> SirQuality {
    let logs: Vec<f64> = drawn.iter().zip(densities).map(|(d, q)| d.log_weight(*q)).collect();
    let weights = weights(&logs);
    let total: f64 = weights.iter().sum();
    let mut outwards: Vec<usize> = (0..drawn.len()).collect();
    outwards.sort_by(|&a, &b| densities[a].total_cmp(&densities[b]));
    outwards.truncate((OUTERMOST * drawn.len() as f64) as usize);
    let dofv = drawn.iter().zip(&weights).filter(|(_, w)| **w > 0.0).map(|(d, w)| w * d.dofv);
    SirQuality {
        samples: drawn.len(),
        without_objective: drawn.iter().filter(|d| !d.dofv.is_finite()).count(),
        effective: effective_draws(&weights),
        pareto_k: pareto_shape(&logs),
        outermost_weight: outwards.iter().map(|&i| weights[i]).sum::<f64>() / total,
        mean_dofv: dofv.sum::<f64>() / total,
    }
}

/// Inclusion probabilities for a sample of size `count` drawn without replacement: min(1, c·w), with c such that they
/// sum to `count`; 1 for every positive weight if there are fewer of these.
fn inclusions(weights: &[f64], count: f64) -> Vec<f64> {
    let mut ascending: Vec<f64> = weights.iter().copied().filter(|w| *w > 0.0).collect();
    ascending.sort_by(f64::total_cmp);
    // For each weight, the sum of it and all smaller weights: the sum that remains if all larger ones are certain.
    let sums = ascending.iter().scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum)
    });
    let left: Vec<(f64, f64)> = ascending.iter().copied().zip(sums).collect();
    let mut scale = 0.0;
    for (certain, (weight, sum)) in left.iter().rev().enumerate() {
        scale = (count - certain as f64) / sum;
        if scale * weight <= 1.0 {
            break;
        }
    }
    let chance = |w: &f64| if *w > 0.0 { (scale * w).min(1.0) } else { 0.0 };
    weights.iter().map(chance).collect()
}

/// Systematic sampling with the given inclusion probabilities, from one uniform number.
fn systematic(chances: &[f64], uniform: f64) -> Vec<bool> {
    let (mut sum, mut next) = (0.0, uniform);
    let drawn = |chance: &f64| {
        sum += chance;
        let is_drawn = sum > next;
        next += f64::from(u8::from(is_drawn));
        is_drawn
    };
    chances.iter().map(drawn).collect()
}

/// Mean and covariance of samples weighted by their inclusion probabilities.
fn moments(drawn: &[Drawn], chances: &[f64]) -> (Vec<f64>, DMatrix<f64>) {
    let n = drawn.first().map_or(0, |d| d.moving.len());
    let total: f64 = chances.iter().sum();
    let vectors = || drawn.iter().map(|d| DVector::from_column_slice(&d.moving)).zip(chances);
    let mean = vectors().fold(DVector::zeros(n), |sum, (x, chance)| sum + x * (chance / total));
    let mut covariance = DMatrix::zeros(n, n);
    for (x, chance) in vectors() {
        let away = x - &mean;
        covariance.ger(chance / (total - 1.0), &away, &away, 1.0);
    }
    (mean.as_slice().to_vec(), covariance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_add_up_to_the_number_that_is_drawn_and_go_with_the_weights() {
        let weights = [1.0, 1e-3, 0.5, 0.0, 0.02, 0.02, 1e-300];
        let chances = inclusions(&weights, 3.0);
        assert!((chances.iter().sum::<f64>() - 3.0).abs() < 1e-12, "{chances:?}");
        assert_eq!((chances[0], chances[2], chances[3]), (1.0, 1.0, 0.0));
        assert!((chances[4] / chances[1] - 20.0).abs() < 1e-9, "{chances:?}");
        // More than there are: all positive weights.
        assert_eq!(inclusions(&weights, 10.0), [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(inclusions(&[0.0; 3], 2.0), [0.0; 3]);
        let drawn = |u: f64| systematic(&chances, u);
        for u in [1e-9, 0.3, 0.999] {
            assert_eq!(drawn(u).iter().filter(|is| **is).count(), 3, "{u}");
        }
        let often = (0..1000).filter(|k| drawn((f64::from(*k) + 0.5) / 1000.0)[4]).count();
        assert!((often as f64 / 1000.0 - chances[4]).abs() < 2e-3, "{often} {chances:?}");
    }
}
