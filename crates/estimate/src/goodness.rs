//! Goodness of fit of a subject, per analyte and overall, on the logarithmic scale, from the quantified values.

use crate::likelihood::{ErrorDistribution, ResidualErrors, weighted_residual};
use omafit_model::{Analyte, Censoring, Observation, Subject};
use statrs::function::factorial::ln_binomial;

/// Agreement of predictions with observations. Statistics that need more observations are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goodness {
    /// How many observations are quantified and positive with positive predictions; all statistics are based on these.
    pub n: usize,
    /// Root mean square of ln y − ln f.
    pub rmse_log: f64,
    /// 1 − Σ(ln y − ln f)² / Σ(ln y − mean ln y)²; requires two different observations.
    pub r2_log: f64,
    /// Mean of the weighted residuals: (ln y − ln f)/σ for a log-normal error, (y − f)/g for a normal error.
    pub wres_mean: f64,
    /// Standard deviation of the weighted residuals; requires two observations.
    pub wres_sd: f64,
    /// Two-sided p value of the Wald–Wolfowitz runs test on the signs of the residuals in time order; requires both
    /// signs.
    pub runs_p: f64,
}

impl Default for Goodness {
    /// The agreement of no observations.
    fn default() -> Self {
        Pool::default().goodness()
    }
}

/// Goodness of fit of one analyte of a subject, or of all analytes together if `analyte` is `None`.
pub fn goodness(
    errors: &ResidualErrors,
    subject: &Subject,
    predictions: &[f64],
    analyte: Option<Analyte>,
) -> Goodness {
    let mut pool = Pool::default();
    let mut residuals = Vec::with_capacity(subject.observations.len());
    for (observation, prediction) in subject.observations.iter().zip(predictions) {
        if analyte.is_none_or(|a| a == observation.analyte) {
            residuals.extend(pool.add(errors, observation, *prediction));
        }
    }
    Goodness { runs_p: runs_test(&residuals), ..pool.goodness() }
}

/// Sums from which goodness of fit is computed, accumulated observation by observation over any number of subjects.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Pool {
    n: usize,
    /// Sum of squares of the residuals of the logarithms.
    squares: f64,
    logs: Moments,
    weighted: Moments,
}

impl Pool {
    /// Adds an observation, if it counts, and returns ln y − ln f.
    pub(crate) fn add(
        &mut self,
        errors: &ResidualErrors,
        observation: &Observation,
        prediction: f64,
    ) -> Option<f64> {
        // A prediction of zero has no logarithm.
        let counts = observation.censoring == Censoring::Quantified && observation.value > 0.0;
        if !counts || prediction == 0.0 {
            return None;
        }
        let log = observation.value.ln();
        let residual = log - prediction.ln();
        self.n += 1;
        self.squares += residual * residual;
        self.logs.add(log);
        let law = errors.get(observation.analyte).copied();
        let residual_of = |law: ErrorDistribution| weighted_residual(observation, law.error, prediction);
        self.weighted.add(law.map_or(f64::NAN, residual_of));
        Some(residual)
    }

    /// The statistics of the pool. The runs test, which concerns the residuals of one subject in time order, is left
    /// out.
    pub(crate) fn goodness(&self) -> Goodness {
        let n = self.n as f64;
        Goodness {
            n: self.n,
            rmse_log: (self.squares / n).sqrt(),
            r2_log: 1.0 - self.squares / self.logs.squares,
            wres_mean: if self.n > 0 { self.weighted.mean } else { f64::NAN },
            wres_sd: if self.n > 1 { (self.weighted.squares / (n - 1.0)).sqrt() } else { f64::NAN },
            runs_p: f64::NAN,
        }
    }
}

/// Mean and sum of squares about the mean, by Welford's recurrence.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Moments {
    n: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.n += 1;
        let away = value - self.mean;
        self.mean += away / self.n as f64;
        self.squares += away * (value - self.mean);
    }
}

/// The exact two-sided p value of the number of runs of signs, twice the smaller tail; NaN unless both signs occur.
///
/// ```
/// use omafit_estimate::runs_test;
/// // Of the 20 arrangements of three + and three −, two have no more than two runs: p = 2 · 2/20.
/// assert!((runs_test(&[1.0, 1.0, 1.0, -1.0, -1.0, -1.0]) - 0.2).abs() < 1e-12);
/// ```
pub fn runs_test(residuals: &[f64]) -> f64 {
    let signs: Vec<bool> = residuals.iter().filter(|r| **r != 0.0).map(|r| *r > 0.0).collect();
    let positive = signs.iter().filter(|s| **s).count() as u64;
    let negative = signs.len() as u64 - positive;
    if positive == 0 || negative == 0 {
        return f64::NAN;
    }
    let runs = 1 + signs.windows(2).filter(|w| w[0] != w[1]).count() as u64;
    let all = ln_binomial(positive + negative, positive);
    let ways = |a: u64, b: u64| ln_binomial(positive - 1, a) + ln_binomial(negative - 1, b) - all;
    let probability = |r: u64| {
        let half = r / 2;
        if r.is_multiple_of(2) {
            2.0 * ways(half - 1, half - 1).exp()
        } else {
            ways(half, half - 1).exp() + ways(half - 1, half).exp()
        }
    };
    let lower: f64 = (2..=runs).map(probability).sum();
    let upper: f64 = (runs..=2 * positive.min(negative) + 1).map(probability).sum();
    (2.0 * lower.min(upper)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_the_probabilities_of_counting() {
        // All arrangements of four + and three −, counted: p must be twice the smaller tail of the counts.
        let mut counts = [0_u32; 16];
        let orders: Vec<Vec<f64>> = (0_u32..128)
            .filter(|m| m.count_ones() == 4)
            .map(|m| (0..7).map(|i| if m >> i & 1 == 1 { 1.0 } else { -1.0 }).collect())
            .collect();
        let runs = |o: &[f64]| 1 + o.windows(2).filter(|w| w[0] != w[1]).count();
        for order in &orders {
            counts[runs(order)] += 1;
        }
        for order in &orders {
            let r = runs(order);
            let tail = counts[..=r].iter().sum::<u32>().min(counts[r..].iter().sum());
            let expected = (2.0 * f64::from(tail) / orders.len() as f64).min(1.0);
            assert!((runs_test(order) - expected).abs() < 1e-10);
        }
    }

    #[test]
    fn one_sign_or_nothing_has_no_test() {
        assert!(runs_test(&[]).is_nan());
        assert!(runs_test(&[0.5, 1.0, 2.0]).is_nan());
        // Zeros have no sign.
        assert_eq!(runs_test(&[1.0, 0.0, -1.0]), runs_test(&[1.0, -1.0]));
    }
}
