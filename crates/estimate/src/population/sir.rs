//! Uncertainty of a population's estimates by sampling importance resampling (Dosne, Bergstrand, Harling, Karlsson 2016,
//! doi 10.1007/s10928-016-9487-8; in rounds: Dosne, Bergstrand, Karlsson 2017, doi 10.1007/s10928-017-9542-0).
//!
//! ```text
//! proposal     x ~ N(m, C), over the population's vector: first the estimates and R⁻¹, then mean and covariance of what the
//!              round before kept
//! importance   w = exp(−½·(F(x) − F(x̂)))/q(x), q the density of the proposal
//! resampling   so many of the samples, without replacement, by w
//! ```
//!
//! Of estimates whose likelihood is that of a normal distribution F(x) − F(x̂) of what is kept is distributed as χ² with as
//! many degrees of freedom as numbers. Numbers at an end of their range are held there.

use super::fit::{Foce, Point, PopulationFit};
use super::quasi_newton::Objective;
use super::uncertainty::among;
use super::watch::Watch;
use crate::simulate::SubjectStream;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::Subject;
use rayon::prelude::*;

/// A round of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SirRound {
    /// Vectors that are proposed.
    pub samples: u32,
    /// How many of them are kept.
    pub resamples: u32,
}

/// The rounds that Dosne et al. 2017 recommend.
pub const SIR_ROUNDS: [SirRound; 5] = [
    SirRound { samples: 1000, resamples: 200 },
    SirRound { samples: 1000, resamples: 400 },
    SirRound { samples: 1000, resamples: 500 },
    SirRound { samples: 2000, resamples: 1000 },
    SirRound { samples: 2000, resamples: 1000 },
];

/// A proposed vector.
#[derive(Clone, Debug, PartialEq)]
pub struct SirSample {
    /// The vector.
    pub vector: Vec<f64>,
    /// F(x) − F(x̂); infinite where the objective cannot be computed.
    pub dofv: f64,
    /// ln w, up to a constant.
    pub log_weight: f64,
    /// Whether it was kept.
    pub kept: bool,
}

/// What a round found.
#[derive(Clone, Debug, PartialEq)]
pub struct SirFound {
    /// Every proposed vector.
    pub samples: Vec<SirSample>,
    /// (Σw)²/Σw²: how many independent samples of the estimates' distribution they are worth.
    pub effective: f64,
}

impl SirFound {
    /// The mean of F(x) − F(x̂) over what is kept.
    pub fn mean_dofv(&self) -> f64 {
        let kept: Vec<f64> = self.samples.iter().filter(|s| s.kept).map(|s| s.dofv).collect();
        kept.iter().sum::<f64>() / kept.len() as f64
    }
}

/// Why there is no such uncertainty.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SirError {
    /// There is nothing to propose from.
    #[error("there is no covariance to propose from: {0}")]
    NoCovariance(String),
    /// The objective at the estimates cannot be computed again.
    #[error("the objective cannot be computed at the estimates")]
    NoObjective,
    /// Too few vectors are kept for a covariance.
    #[error(
        "a round that keeps {kept} vectors makes no covariance of {numbers} numbers: keep at least {least}"
    )]
    TooFew {
        /// How many it keeps.
        kept: usize,
        /// Numbers that are estimated.
        numbers: usize,
        /// How many it should keep.
        least: usize,
    },
    /// It was told to stop.
    #[error("interrupted")]
    Interrupted,
}

/// All rounds, from a fit with its covariance. `done` is called after each sample.
///
/// # Errors
/// When the fit has no covariance, a round keeps too few vectors, or `watch` ends it.
pub fn sampling_importance_resampling(
    fit: &PopulationFit,
    subjects: &[Subject],
    rounds: &[SirRound],
    seed: u64,
    watch: &dyn Watch,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<SirFound>, SirError> {
    let uncertainty = fit.uncertainty.as_ref().map_err(|why| SirError::NoCovariance(why.clone()))?;
    let free = &uncertainty.free;
    let n = free.len();
    let moving = |x: &[f64]| DVector::from_iterator(n, free.iter().map(|&k| x[k]));
    let least = 2 * n;
    if let Some(round) = rounds.iter().find(|round| (round.resamples as usize) < least) {
        return Err(SirError::TooFew { kept: round.resamples as usize, numbers: n, least });
    }
    let objective = Foce::new(&fit.model, &fit.space, subjects, watch);
    let mut at = Point::of(fit);
    objective.change(&fit.vector, &mut at).ok_or(SirError::NoObjective)?;
    let mut proposal = (moving(&fit.vector), among(&uncertainty.r, free));
    let mut found = Vec::with_capacity(rounds.len());
    for (number, round) in rounds.iter().enumerate() {
        let (mean, covariance) = &proposal;
        let factor = Cholesky::new(covariance.clone())
            .ok_or_else(|| SirError::NoCovariance("that of what is kept is not positive definite".into()))?
            .unpack();
        let one = |i: u32| {
            if !watch.go_on() {
                return None;
            }
            let mut stream = SubjectStream::of_replicate(seed, (number as u64) << 32 | u64::from(i));
            let standard = DVector::from_iterator(n, (0..n).map(|_| stream.normal()));
            // −ln q up to a constant, and Gumbel's noise by which weights without replacement are drawn.
            let rarity = 0.5 * standard.norm_squared();
            let noise = -(-stream.uniform().ln()).ln();
            let mut vector = fit.vector.clone();
            free.iter().zip((mean + &factor * standard).iter()).for_each(|(&k, x)| vector[k] = *x);
            let dofv = objective.value(&vector, &at).map_or(f64::INFINITY, |(value, _)| value - fit.ofv);
            done();
            let log_weight = rarity - 0.5 * dofv;
            Some((SirSample { vector, dofv, log_weight, kept: false }, log_weight + noise))
        };
        let drawn: Vec<_> = (0..round.samples).into_par_iter().with_max_len(1).map(one).collect();
        let drawn: Vec<_> = drawn.into_iter().collect::<Option<_>>().ok_or(SirError::Interrupted)?;
        let mut order: Vec<usize> = (0..drawn.len()).filter(|&i| drawn[i].1.is_finite()).collect();
        order.sort_by(|&a, &b| drawn[b].1.total_cmp(&drawn[a].1));
        order.truncate(round.resamples as usize);
        if order.len() < least {
            return Err(SirError::TooFew { kept: order.len(), numbers: n, least });
        }
        let mut samples: Vec<SirSample> = drawn.into_iter().map(|(sample, _)| sample).collect();
        order.iter().for_each(|&i| samples[i].kept = true);
        let kept: Vec<DVector<f64>> =
            samples.iter().filter(|sample| sample.kept).map(|sample| moving(&sample.vector)).collect();
        proposal = moments(&kept);
        found.push(SirFound { effective: effective(&samples), samples });
    }
    Ok(found)
}

/// Mean and covariance.
fn moments(of: &[DVector<f64>]) -> (DVector<f64>, DMatrix<f64>) {
    let (n, count) = (of.first().map_or(0, DVector::len), of.len() as f64);
    let mean = of.iter().fold(DVector::zeros(n), |sum, x| sum + x) / count;
    let spread = of.iter().fold(DMatrix::zeros(n, n), |sum, x| {
        let away = x - &mean;
        sum + &away * away.transpose()
    });
    (mean, spread / (count - 1.0))
}

fn effective(samples: &[SirSample]) -> f64 {
    let most = samples.iter().map(|s| s.log_weight).fold(f64::NEG_INFINITY, f64::max);
    let weights = samples.iter().map(|s| (s.log_weight - most).exp());
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    sum * sum / squares
}
