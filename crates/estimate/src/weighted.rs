//! Summaries of weighted draws, with their Monte-Carlo errors.

/// Summary of a quantity over weighted draws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawSummary {
    /// Weighted mean.
    pub mean: f64,
    /// Weighted standard deviation; NaN for a single draw.
    pub sd: f64,
    /// Weighted median.
    pub median: f64,
    /// Ends of the percentile interval.
    pub interval: [f64; 2],
    /// Monte-Carlo standard errors of the interval ends.
    pub interval_se: [f64; 2],
}

/// The effective number of draws, (Σw)²/Σw²: the number of equally weighted draws with equal information.
pub fn effective_draws(weights: &[f64]) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    sum * sum / squares
}

/// The largest of the log weights, and each weight relative to the largest; NaN if no log weight is finite.
pub(crate) fn relative_weights(logs: &[f64]) -> (f64, Vec<f64>) {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (largest, logs.iter().map(|log| (log - largest).exp()).collect())
}

/// Summarises a quantity over draws with non-negative weights, with an interval of coverage `level`; all NaN if no draw
/// has a positive weight. Draws with zero weight need not have a value.
///
/// With equal weights the mean, standard deviation and percentiles are the usual ones. The Monte-Carlo error of a
/// percentile is half the distance between the percentiles one standard error of its probability below and above.
///
/// ```
/// // Doubling a weight is equivalent to doubling the draw.
/// let [whole, half] = [(&[1.0, 2.0, 2.0, 5.0][..], &[1.0; 4][..]), (&[1.0, 2.0, 5.0], &[1.0, 2.0, 1.0])]
///     .map(|(values, weights)| omafit_estimate::summarise_draws(values, weights, 0.9));
/// assert_eq!((whole.mean, whole.median), (half.mean, half.median));
/// assert!((whole.median - 2.0).abs() < 1e-12);
/// ```
pub fn summarise_draws(values: &[f64], weights: &[f64], level: f64) -> DrawSummary {
    let mut draws: Vec<(f64, f64)> =
        values.iter().copied().zip(weights.iter().copied()).filter(|draw| draw.1 > 0.0).collect();
    if draws.is_empty() {
        let none = [f64::NAN; 2];
        return DrawSummary {
            mean: f64::NAN,
            sd: f64::NAN,
            median: f64::NAN,
            interval: none,
            interval_se: none,
        };
    }
    draws.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = draws.iter().map(|draw| draw.1).sum();
    draws.iter_mut().for_each(|draw| draw.1 /= total);
    let mean: f64 = draws.iter().map(|(value, weight)| weight * value).sum();
    let spread: f64 = draws.iter().map(|(value, weight)| weight * (value - mean).powi(2)).sum();
    let squares: f64 = draws.iter().map(|draw| draw.1 * draw.1).sum();
    let tail = 0.5 * (1.0 - level);
    let end = |p: f64| {
        let at = percentile(&draws, p);
        // Variance of the weighted fraction of draws below the end, as a ratio of two means.
        let variance: f64 = draws
            .iter()
            .map(|(value, weight)| (weight * (f64::from(u8::from(*value <= at)) - p)).powi(2))
            .sum();
        let beside = |step: f64| percentile(&draws, (p + step * variance.sqrt()).clamp(0.0, 1.0));
        (at, 0.5 * (beside(1.0) - beside(-1.0)))
    };
    let [(low, low_se), (high, high_se)] = [tail, 1.0 - tail].map(end);
    DrawSummary {
        mean,
        sd: (spread / (1.0 - squares)).sqrt(),
        median: percentile(&draws, 0.5),
        interval: [low, high],
        interval_se: [low_se, high_se],
    }
}

/// A percentile of ascending draws whose weights sum to one: linear between the midpoints of their weights, with the
/// first and last midpoint as the ends.
fn percentile(draws: &[(f64, f64)], p: f64) -> f64 {
    let (Some(first), Some(last)) = (draws.first(), draws.last()) else { return f64::NAN };
    let at = 0.5 * first.1 + p * (1.0 - 0.5 * (first.1 + last.1));
    let mut below = 0.0;
    for pair in draws.windows(2) {
        let [from, to] = [below + 0.5 * pair[0].1, below + pair[0].1 + 0.5 * pair[1].1];
        if at <= to {
            return pair[0].0 + (pair[1].0 - pair[0].0) * ((at - from) / (to - from)).clamp(0.0, 1.0);
        }
        below += pair[0].1;
    }
    last.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::moments;
    use crate::quantile::quantile;
    use crate::simulate::SubjectStream;
    use statrs::distribution::{ContinuousCDF, Normal};

    #[test]
    fn of_equal_weights_everything_is_as_usual() {
        let mut stream = SubjectStream::new(5, 0);
        let values: Vec<f64> = (0..57).map(|_| stream.normal()).collect();
        let found = summarise_draws(&values, &[0.3; 57], 0.9);
        let (mean, variance) = moments(&values);
        let expected = [mean, variance.sqrt(), quantile(values.clone(), 0.5)];
        for (found, expected) in [found.mean, found.sd, found.median].into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14, "{found} {expected}");
        }
        for (found, p) in found.interval.into_iter().zip([0.05, 0.95]) {
            assert!((found - quantile(values.clone(), p)).abs() < 1e-13, "{p}");
        }
        assert_eq!(effective_draws(&[0.3; 57]).round(), 57.0);
    }

    #[test]
    fn intervals_from_weights_are_those_of_the_target_and_as_uncertain_as_they_say() {
        // Draws with a standard deviation of 1.6, weighted for a target of 1.
        let once = |seed: u64| {
            let mut stream = SubjectStream::new(seed, 1);
            let values: Vec<f64> = (0..2000).map(|_| 1.6 * stream.normal()).collect();
            let weights: Vec<f64> =
                values.iter().map(|x| (0.5 * x * x / 1.6_f64.powi(2) - 0.5 * x * x).exp()).collect();
            summarise_draws(&values, &weights, 0.95)
        };
        let all: Vec<DrawSummary> = (0..400).map(once).collect();
        for (k, p) in [0.025, 0.975].into_iter().enumerate() {
            let ends: Vec<f64> = all.iter().map(|one| one.interval[k]).collect();
            let (mean, variance) = moments(&ends);
            let expected = Normal::standard().inverse_cdf(p);
            assert!((mean - expected).abs() < 0.01, "{p}: {mean} {expected}");
            let said = all.iter().map(|one| one.interval_se[k]).sum::<f64>() / 400.0;
            assert!((said / variance.sqrt() - 1.0).abs() < 0.15, "{p}: {said} {}", variance.sqrt());
        }
        let sd = all.iter().map(|one| one.sd).sum::<f64>() / 400.0;
        assert!((sd - 1.0).abs() < 0.005, "{sd}");
    }

    #[test]
    fn what_has_no_weight_does_not_count() {
        let values = [f64::NAN, 2.0, f64::NAN, 4.0];
        let found = summarise_draws(&values, &[0.0, 1.0, 0.0, 1.0], 0.5);
        assert_eq!((found.mean, found.median, found.interval), (3.0, 3.0, [2.5, 3.5]));
        let one = summarise_draws(&[7.0], &[2.0], 0.9);
        assert!(
            one.mean == 7.0 && one.sd.is_nan() && one.interval == [7.0; 2] && one.interval_se == [0.0; 2]
        );
        let none = summarise_draws(&[1.0, 2.0], &[0.0; 2], 0.9);
        assert!(none.mean.is_nan() && none.median.is_nan() && none.interval[0].is_nan());
    }
}
