//! Medians and deviations that are robust against a few wrong values.

use crate::summary::Span;

/// Ratio of the standard deviation of a normal distribution to its median absolute deviation.
const NORMAL: f64 = 1.4826;

/// Median of some numbers, and their robust standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Robust {
    pub median: f64,
    pub deviation: f64,
}

impl Robust {
    /// Median and robust standard deviation of finite numbers; `None` if there are none, or if more than half are
    /// equal.
    pub(super) fn of(numbers: Vec<f64>) -> Option<Self> {
        let deviation_of = |median: f64, numbers: &[f64]| {
            middle(numbers.iter().map(|number| (number - median).abs()).collect())
        };
        let median = middle(numbers.clone())?;
        let deviation = NORMAL * deviation_of(median, &numbers)?;
        (deviation > 0.0).then_some(Self { median, deviation })
    }

    /// Number of robust standard deviations by which a number is above the median.
    pub(super) fn z(&self, number: f64) -> f64 {
        (number - self.median) / self.deviation
    }
}

/// Median of some numbers; `None` if there are none.
pub(super) fn middle(numbers: Vec<f64>) -> Option<f64> {
    Span::of(numbers).map(|span| span.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_number_moves_nothing_much() {
        let numbers = vec![1.0, 2.0, 3.0, 4.0, 1e6];
        let robust = Robust::of(numbers).unwrap();
        assert_eq!((robust.median, robust.deviation), (3.0, NORMAL));
        assert!((robust.z(3.0 + 2.0 * NORMAL) - 2.0).abs() < 1e-12);
        assert_eq!(Robust::of(vec![1.0, 1.0, 1.0, 2.0]), None);
        assert_eq!((middle(vec![]), middle(vec![4.0, 1.0])), (None, Some(2.5)));
    }
}
