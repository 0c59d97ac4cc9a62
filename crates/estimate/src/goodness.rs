//! Goodness of fit of a subject, per analyte and overall, on the scale of the logarithm, over the quantified values.

use crate::likelihood::{Errors, weighted_residual};
use omafit_model::{Analyte, Censoring, Observation, Subject};
use statrs::function::factorial::ln_binomial;

/// How well predictions agree with observations. Statistics that need more observations are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goodness {
    /// Observations that were quantified and are above zero, as are their predictions; the statistics are of these.
    pub n: usize,
    /// Root mean square of ln y − ln f.
    pub rmse_log: f64,
    /// 1 − Σ(ln y − ln f)² / Σ(ln y − mean ln y)²; needs two different observations.
    pub r2_log: f64,
    /// Mean of the weighted residuals, (ln y − ln f)/σ of a log-normal error and (y − f)/g of a normal one.
    pub wres_mean: f64,
    /// Standard deviation of the weighted residuals; needs two observations.
    pub wres_sd: f64,
    /// Two-sided p value of the Wald–Wolfowitz runs test on the signs of the residuals in time order; needs both
    /// signs.
    pub runs_p: f64,
}

/// Goodness of fit of one analyte of a subject, or of all together with `analyte` `None`.
pub fn goodness(
    errors: &Errors,
    subject: &Subject,
    predictions: &[f64],
    analyte: Option<Analyte>,
) -> Goodness {
    let mut judged = judge([(errors, subject, predictions)], analyte);
    judged.0.runs_p = runs_test(&judged.1);
    judged.0
}

/// Goodness of fit over many subjects, each with its residual errors, observations and predictions. Runs are of one
/// subject's residuals in time, so there is no runs test.
pub fn pooled_goodness<'a>(
    subjects: impl IntoIterator<Item = (&'a Errors, &'a Subject, &'a [f64])>,
    analyte: Option<Analyte>,
) -> Goodness {
    judge(subjects, analyte).0
}

/// The statistics of observations with their predictions, and the residuals in their order.
fn judge<'a>(
    subjects: impl IntoIterator<Item = (&'a Errors, &'a Subject, &'a [f64])>,
    analyte: Option<Analyte>,
) -> (Goodness, Vec<f64>) {
    let (mut logs, mut residuals, mut weighted) = (Vec::new(), Vec::new(), Vec::new());
    let wanted = |o: &Observation| {
        o.censoring == Censoring::Quantified && o.value > 0.0 && analyte.is_none_or(|a| a == o.analyte)
    };
    // Of a prediction of nothing there is no logarithm.
    for (errors, subject, predictions) in subjects {
        for (observation, &prediction) in
            subject.observations.iter().zip(predictions).filter(|(o, f)| wanted(o) && **f != 0.0)
        {
            let log = observation.value.ln();
            let residual = log - prediction.ln();
            logs.push(log);
            residuals.push(residual);
            let error = errors[observation.analyte.index()];
            weighted.push(error.map_or(f64::NAN, |error| weighted_residual(observation, error, prediction)));
        }
    }
    let n = residuals.len() as f64;
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    let goodness = Goodness {
        n: residuals.len(),
        rmse_log: (squares / n).sqrt(),
        r2_log: 1.0 - squares / squares_about_mean(&logs),
        wres_mean: mean(&weighted),
        wres_sd: (squares_about_mean(&weighted) / (n - 1.0)).sqrt(),
        runs_p: f64::NAN,
    };
    (goodness, residuals)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn squares_about_mean(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|v| (v - centre).powi(2)).sum()
}

/// The exact two-sided p value of the number of runs of signs, twice the smaller tail; NaN unless both signs occur.
///
/// ```
/// use omafit_estimate::runs_test;
/// // Of the 20 orders of three + and three −, two have as few as two runs: p = 2 · 2/20.
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
        // Every order of four + and three −, counted: p must be twice the smaller tail of the counts.
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
