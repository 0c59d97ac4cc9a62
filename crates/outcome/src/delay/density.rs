//! Densities of outcomes that are not normal, given the predictor μ = B_i + P·g(t) + E_i·w(t).
//!
//! ```text
//! score               y* normal around μ, of standard deviation σ; y = floor if y* is below it, y = ceiling if above
//! ordered             logit Pr(y ≤ k) = τ_k − μ;  τ_0 = 0, so that B is the logit of a value above the lowest category
//! Poisson             of mean m = T·e^μ, T the days counted
//! negative binomial   of mean m and variance m + α·m²
//! ```

use super::data::OutcomeRow;
use crate::measure::OutcomeType;
use omafit_estimate::{log_cdf, mills};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::TAU;

/// As many categories an ordered outcome has at most.
pub const MOST_CATEGORIES: usize = 12;
/// As many numbers a density has at most.
pub(super) const MOST_OWN: usize = MOST_CATEGORIES - 2;

/// A density with the number of its own unknowns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Density {
    /// Own: ln σ. Values, floor and ceiling are on the scale of the values.
    Score {
        floor: f64,
        ceiling: f64,
    },
    /// Own: the logarithms of the gaps τ_k − τ_(k−1).
    Ordered {
        categories: usize,
    },
    Poisson,
    /// Own: ln α.
    NegativeBinomial,
}

impl Density {
    /// The density of an outcome of which values are divided by `scale`; `None` of one with a likelihood in closed form.
    pub fn of(kind: OutcomeType, categories: usize, scale: f64) -> Option<Self> {
        match kind {
            OutcomeType::Continuous | OutcomeType::Event => None,
            OutcomeType::Score { floor, ceiling } => Some(Self::Score {
                floor: floor.map_or(f64::NEG_INFINITY, |floor| floor / scale),
                ceiling: ceiling.map_or(f64::INFINITY, |ceiling| ceiling / scale),
            }),
            OutcomeType::Ordered => Some(Self::Ordered { categories }),
            OutcomeType::Poisson => Some(Self::Poisson),
            OutcomeType::NegativeBinomial => Some(Self::NegativeBinomial),
        }
    }

    /// How many unknowns are its own.
    pub fn own(self) -> usize {
        match self {
            Self::Score { .. } | Self::NegativeBinomial => 1,
            Self::Ordered { categories } => categories.saturating_sub(2),
            Self::Poisson => 0,
        }
    }

    /// The density at its own unknowns.
    pub fn at(self, own: &[f64]) -> DensityAt {
        let first = own.first().map_or(1.0, |x| x.exp());
        let gaps: Vec<f64> = own.iter().map(|x| x.exp()).collect();
        let mut cuts = vec![0.0];
        cuts.extend(gaps.iter().scan(0.0, |sum, gap| {
            *sum += gap;
            Some(*sum)
        }));
        DensityAt { density: self, first, gaps, cuts }
    }
}

/// The density of an outcome of that type at its own unknowns, on the scale of the outcome; `None` of one without.
pub(crate) fn density_at(kind: OutcomeType, own: &[f64]) -> Option<DensityAt> {
    Density::of(kind, own.len() + 2, 1.0).map(|density| density.at(own))
}

/// A density at its own unknowns.
#[derive(Clone, Debug)]
pub(crate) struct DensityAt {
    density: Density,
    /// σ, or α.
    first: f64,
    /// The gaps of an ordered outcome, and its cuts τ_0, τ_1, ….
    gaps: Vec<f64>,
    cuts: Vec<f64>,
}

/// A value with what does not depend on its predictor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    value: f64,
    /// ln T.
    ln_days: f64,
    /// A part of ln p, and its derivative over ln α.
    constant: f64,
    constant_by_own: f64,
}

/// ln(1/(1 + e⁻ˣ)).
fn log_expit(x: f64) -> f64 {
    if x > 0.0 { -(-x).exp().ln_1p() } else { x - x.exp().ln_1p() }
}

fn expit(x: f64) -> f64 {
    log_expit(x).exp()
}

impl DensityAt {
    /// A row's value, on the scale of the values.
    pub fn seen(&self, row: &OutcomeRow, scale: f64) -> Seen {
        let value = row.value / scale;
        let (constant, constant_by_own) = match self.density {
            Density::Score { .. } => (-0.5 * TAU.ln() - self.first.ln(), 0.0),
            Density::Ordered { .. } => (0.0, 0.0),
            Density::Poisson => (-ln_gamma(value + 1.0), 0.0),
            Density::NegativeBinomial => {
                let below = (0..value as u64).map(|k| self.first * k as f64);
                let sums = below.fold((0.0, 0.0), |sum, a| (sum.0 + a.ln_1p(), sum.1 + a / (1.0 + a)));
                (sums.0 - ln_gamma(value + 1.0), sums.1)
            }
        };
        Seen { value, ln_days: row.days.ln(), constant, constant_by_own }
    }

    /// ln p at a predictor.
    pub fn value(&self, seen: &Seen, mu: f64) -> f64 {
        let Seen { value: y, ln_days, constant, .. } = *seen;
        match self.density {
            Density::Score { floor, ceiling } => match self.end(y, mu, floor, ceiling) {
                Some((_, u)) => log_cdf(u),
                None => constant - 0.5 * ((y - mu) / self.first).powi(2),
            },
            Density::Ordered { .. } => {
                let k = y as usize;
                let above = self.cuts.get(k).map_or(0.0, |cut| log_expit(cut - mu));
                let below = k.checked_sub(1).map_or(0.0, |k| log_expit(mu - self.cuts[k]));
                // F(u) − F(v) = F(u)·F(−v)·(1 − e^(v − u)).
                let between = k >= 1 && k < self.cuts.len();
                above + below + if between { (-(-self.gaps[k - 1]).exp_m1()).ln() } else { 0.0 }
            }
            Density::Poisson => constant + y * (ln_days + mu) - (ln_days + mu).exp(),
            Density::NegativeBinomial => {
                let (ln_m, alpha) = (ln_days + mu, self.first);
                constant + y * ln_m - (y + 1.0 / alpha) * (alpha * ln_m.exp()).ln_1p()
            }
        }
    }

    /// ∂ ln p/∂μ, and −∂² ln p/∂μ², which is never negative.
    pub fn slope(&self, seen: &Seen, mu: f64) -> (f64, f64) {
        let Seen { value: y, ln_days, .. } = *seen;
        match self.density {
            Density::Score { floor, ceiling } => {
                let sigma = self.first;
                match self.end(y, mu, floor, ceiling) {
                    Some((sign, u)) => {
                        let ratio = mills(u);
                        (sign * ratio / sigma, ratio * (ratio + u) / (sigma * sigma))
                    }
                    None => ((y - mu) / (sigma * sigma), 1.0 / (sigma * sigma)),
                }
            }
            Density::Ordered { .. } => {
                let k = y as usize;
                let above = self.cuts.get(k).map_or(0.0, |cut| expit(mu - cut));
                let below = k.checked_sub(1).map_or(0.0, |k| expit(self.cuts[k] - mu));
                (below - above, above * (1.0 - above) + below * (1.0 - below))
            }
            Density::Poisson => {
                let m = (ln_days + mu).exp();
                (y - m, m)
            }
            Density::NegativeBinomial => {
                let (m, alpha) = ((ln_days + mu).exp(), self.first);
                let rest = 1.0 + alpha * m;
                ((y - m) / rest, m * (1.0 + alpha * y) / (rest * rest))
            }
        }
    }

    /// Adds ∂ ln p over the own unknowns, `weight` times; of an ordered outcome over the cuts.
    pub fn add_own(&self, seen: &Seen, mu: f64, weight: f64, sum: &mut [f64; MOST_OWN]) {
        let y = seen.value;
        match self.density {
            Density::Score { floor, ceiling } => {
                sum[0] += weight
                    * match self.end(y, mu, floor, ceiling) {
                        Some((_, u)) => -u * mills(u),
                        None => ((y - mu) / self.first).powi(2) - 1.0,
                    };
            }
            Density::Ordered { .. } => {
                let k = y as usize;
                // τ_0 is held: the cut k is at k − 1.
                if k >= 1 && k < self.cuts.len() {
                    sum[k - 1] += weight * expit(mu - self.cuts[k]);
                    let narrow = 1.0 / self.gaps[k - 1].exp_m1();
                    sum[k - 1] += weight * narrow;
                    if k >= 2 {
                        sum[k - 2] -= weight * narrow;
                    }
                }
                if k >= 2 {
                    sum[k - 2] -= weight * expit(self.cuts[k - 1] - mu);
                }
            }
            Density::Poisson => {}
            Density::NegativeBinomial => {
                let (m, alpha) = ((seen.ln_days + mu).exp(), self.first);
                let rest = 1.0 + alpha * m;
                let own = seen.constant_by_own + rest.ln() / alpha - (alpha * y + 1.0) * m / rest;
                sum[0] += weight * own;
            }
        }
    }

    /// The sums of [`Self::add_own`] as derivatives over the unknowns.
    pub fn own_of_sums(&self, sums: &mut [f64; MOST_OWN]) {
        if matches!(self.density, Density::Ordered { .. }) {
            let mut after = 0.0;
            for k in (0..self.gaps.len()).rev() {
                after += sums[k];
                sums[k] = after * self.gaps[k];
            }
        }
    }

    /// The mean of a value of one day at a predictor, on the scale of the values.
    pub(crate) fn mean(&self, mu: f64) -> f64 {
        match self.density {
            Density::Score { floor, ceiling } => {
                // The mean of a normal number that is cut off at both ends.
                let sigma = self.first;
                let part = |end: f64, sign: f64| {
                    let u = sign * (end - mu) / sigma;
                    if !u.is_finite() {
                        return 0.0;
                    }
                    // E max(end − y*, 0), and its mirror image.
                    let density = (-0.5 * u * u).exp() / TAU.sqrt();
                    sigma * (u * log_cdf(u).exp() + density)
                };
                mu + part(floor, 1.0) - part(ceiling, -1.0)
            }
            Density::Ordered { .. } => self.cuts.iter().map(|cut| expit(mu - cut)).sum(),
            Density::Poisson | Density::NegativeBinomial => mu.exp(),
        }
    }

    /// The end at which a value is: the sign of μ's effect and the standardised distance; `None` between the ends.
    fn end(&self, y: f64, mu: f64, floor: f64, ceiling: f64) -> Option<(f64, f64)> {
        if y <= floor {
            Some((-1.0, (floor - mu) / self.first))
        } else if y >= ceiling {
            Some((1.0, (mu - ceiling) / self.first))
        } else {
            None
        }
    }
}
