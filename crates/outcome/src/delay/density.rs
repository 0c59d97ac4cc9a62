//! Distributions of non-normal outcomes, given the predictor μ = B_i + P·g(t) + E_i·w(t).
//!
//! ```text
//! score               y* normal with mean μ and SD σ; y = floor if y* is below it, y = ceiling if above
//! ordered             logit Pr(y ≤ k) = τ_k − μ;  τ_0 = 0, so that B is the logit of a value above the lowest category
//! Poisson             with mean m = T·e^μ, T the days counted
//! negative binomial   with mean m and variance m + α·m²
//! ```

use super::row::{MOST_OWN, OutcomeRow};
use crate::measure::OutcomeType;
use omafit_estimate::{log_cdf, mills};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::TAU;

/// A distribution and its own parameters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Density {
    /// A censored score; its parameter is ln σ. Values, floor and ceiling are divided by the scale.
    Score {
        floor: f64,
        ceiling: f64,
    },
    /// Ordered categories; the parameters are the logarithms of the gaps τ_k − τ_(k−1).
    Ordered {
        categories: usize,
    },
    Poisson,
    /// Overdispersed counts; the parameter is ln α.
    NegativeBinomial,
}

impl Density {
    /// The distribution of an outcome whose values are divided by `scale`; `None` for outcomes with a closed-form
    /// likelihood.
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

    /// Number of parameters of the distribution itself.
    pub fn own(self) -> usize {
        match self {
            Self::Score { .. } | Self::NegativeBinomial => 1,
            Self::Ordered { categories } => categories.saturating_sub(2),
            Self::Poisson => 0,
        }
    }

    /// The distribution at given values of its own parameters.
    pub fn at(self, own: &[f64]) -> DensityAt {
        let first = own.first().map_or(1.0, |x| x.exp());
        let gaps: Vec<f64> = own.iter().map(|x| x.exp()).collect();
        let mut cuts = vec![0.0];
        cuts.extend(gaps.iter().scan(0.0, |sum, gap| {
            *sum += gap;
            Some(*sum)
        }));
        let ln_between = gaps.iter().map(|gap| (-(-gap).exp_m1()).ln()).collect();
        DensityAt { density: self, first, gaps, cuts, ln_between }
    }
}

/// The distribution of a type of outcome at given values of its own parameters, on the scale of the outcome; `None` for
/// outcomes with a closed-form likelihood.
pub(crate) fn density_at(kind: OutcomeType, own: &[f64]) -> Option<DensityAt> {
    Density::of(kind, own.len() + 2, 1.0).map(|density| density.at(own))
}

/// A distribution at given values of its own parameters.
#[derive(Clone, Debug)]
pub(crate) struct DensityAt {
    density: Density,
    /// The parameter σ or α.
    first: f64,
    /// The gaps of an ordered outcome, and its cuts τ_0, τ_1, ….
    gaps: Vec<f64>,
    cuts: Vec<f64>,
    /// The values of ln(1 − e^−gap).
    ln_between: Vec<f64>,
}

/// A value with the terms that do not depend on the predictor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    value: f64,
    /// The logarithm of T, the days counted.
    ln_days: f64,
    /// The constant part of ln p, and its derivative with respect to ln α.
    constant: f64,
    constant_by_own: f64,
}

/// The log-probability ln p of a value and its derivatives with respect to the predictor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    /// The log-probability, ln p.
    pub value: f64,
    /// The derivative ∂ ln p/∂μ.
    pub slope: f64,
    /// The information −∂² ln p/∂μ², never negative.
    pub information: f64,
}

/// The logistic distribution function F at x in parts, with ln F = `linear` − ln `whole`.
struct Logistic {
    linear: f64,
    /// The sum 1 + e^−|x|.
    whole: f64,
    /// The complement 1 − F.
    complement: f64,
}

impl Logistic {
    /// The limit x → ∞.
    const ONE: Self = Self { linear: 0.0, whole: 1.0, complement: 0.0 };

    #[inline(always)]
    fn at(x: f64) -> Self {
        let small = (-x.abs()).exp();
        let whole = 1.0 + small;
        let (linear, part) = if x > 0.0 { (0.0, small) } else { (x, 1.0) };
        Self { linear, whole, complement: part / whole }
    }

    /// The variance F·(1 − F).
    #[inline(always)]
    fn variance(&self) -> f64 {
        self.complement * (1.0 - self.complement)
    }
}

/// The logistic function 1/(1 + e⁻ˣ).
fn expit(x: f64) -> f64 {
    Logistic::at(-x).complement
}

impl DensityAt {
    /// The value of a row, divided by the scale, with its constant terms.
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

    /// The log-probability at a predictor with its derivatives; derivatives that are not read are optimised away.
    #[inline(always)]
    pub(super) fn terms(&self, seen: &Seen, mu: f64) -> Terms {
        let Seen { value: y, ln_days, constant, .. } = *seen;
        match self.density {
            Density::Score { floor, ceiling } => {
                let sigma = self.first;
                match self.end(y, mu, floor, ceiling) {
                    Some((sign, u)) => {
                        let ratio = mills(u);
                        Terms {
                            value: log_cdf(u),
                            slope: sign * ratio / sigma,
                            information: ratio * (ratio + u) / (sigma * sigma),
                        }
                    }
                    None => {
                        let precision = 1.0 / (sigma * sigma);
                        let residual = y - mu;
                        Terms {
                            value: constant - 0.5 * residual * residual * precision,
                            slope: residual * precision,
                            information: precision,
                        }
                    }
                }
            }
            // F(u) − F(v) = F(u)·F(−v)·(1 − e^(v − u)).
            Density::Ordered { .. } => {
                let k = y as usize;
                let below_cut = self.cuts.get(k).map_or(Logistic::ONE, |cut| Logistic::at(cut - mu));
                let above_cut = k.checked_sub(1).map_or(Logistic::ONE, |k| Logistic::at(mu - self.cuts[k]));
                let between = if k >= 1 && k < self.cuts.len() { self.ln_between[k - 1] } else { 0.0 };
                Terms {
                    value: below_cut.linear + above_cut.linear - (below_cut.whole * above_cut.whole).ln()
                        + between,
                    slope: above_cut.complement - below_cut.complement,
                    information: below_cut.variance() + above_cut.variance(),
                }
            }
            Density::Poisson => {
                let m = (ln_days + mu).exp();
                Terms { value: constant + y * (ln_days + mu) - m, slope: y - m, information: m }
            }
            Density::NegativeBinomial => {
                let (ln_m, alpha) = (ln_days + mu, self.first);
                let m = ln_m.exp();
                let rest = 1.0 + alpha * m;
                Terms {
                    value: constant + y * ln_m - (y + 1.0 / alpha) * (alpha * m).ln_1p(),
                    slope: (y - m) / rest,
                    information: m * (1.0 + alpha * y) / (rest * rest),
                }
            }
        }
    }

    /// Adds `weight` times the derivatives of ln p with respect to the distribution's own parameters, for ordered
    /// outcomes with respect to the cuts.
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
                // τ_0 is fixed at zero, so cut k is at position k − 1.
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

    /// Converts the sums of [`Self::add_own`] to derivatives with respect to the distribution's own parameters.
    pub fn own_of_sums(&self, sums: &mut [f64; MOST_OWN]) {
        if matches!(self.density, Density::Ordered { .. }) {
            let mut after = 0.0;
            for k in (0..self.gaps.len()).rev() {
                after += sums[k];
                sums[k] = after * self.gaps[k];
            }
        }
    }

    /// The mean of a value over one day at a predictor, on the scale of the values.
    pub(crate) fn mean(&self, mu: f64) -> f64 {
        match self.density {
            Density::Score { floor, ceiling } => {
                // The mean of a normal variable censored at both ends.
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

    /// The end at which a value is censored: the sign of the effect of μ and the standardised distance; `None` between
    /// the ends.
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
