//! Medians and deviations that a few wrong values do not move.

use crate::summary::Span;

/// The standard deviation of a normal distribution over its median absolute deviation.
const NORMAL: f64 = 1.4826;

/// The median of some numbers and their robust standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Robust {
    pub median: f64,
    pub deviation: f64,
}

impl Robust {
    /// Of numbers that are finite; `None` of none, and where more than half are equal.
    pub(super) fn of(numbers: Vec<f64>) -> Option<Self> {
        let deviation_of = |median: f64, numbers: &[f64]| {
            middle(numbers.iter().map(|number| (number - median).abs()).collect())
        };
        let median = middle(numbers.clone())?;
        let deviation = NORMAL * deviation_of(median, &numbers)?;
        (deviation > 0.0).then_some(Self { median, deviation })
    }

    /// How many deviations a number is above the median.
    pub(super) fn z(&self, number: f64) -> f64 {
        (number - self.median) / self.deviation
    }
}

/// The median of some numbers.
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
