//! Anderson acceleration of a fixed-point iteration (Anderson 1965, doi 10.1145/321296.321305).
//!
//! For a round that takes x to x + f(x), with ΔX and ΔF the differences of the recent x and f:
//!
//! ```text
//! x' = x + f − (ΔX + ΔF)·γ,     γ minimises ‖f − ΔF·γ‖
//! ```
//!
//! Near the fixed point, where f is linear, γ eliminates the part of f that the differences span.

use crate::decompose::singular;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// Number of differences that are kept.
const MEMORY: usize = 6;
/// Growth of the length of the change, relative to the previous change, above which the history is discarded.
const GREW: f64 = 2.0;
/// Largest distance by which a step may go beyond the result of the round, in any weighted coordinate.
const FARTHEST: f64 = 0.5;
/// Fraction of the largest singular value below which singular values count as zero.
const RANK_TOLERANCE: f64 = 1e-5;

/// Recent points, with the change of each by a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct AndersonHistory {
    points: Vec<Vec<f64>>,
    changes: Vec<Vec<f64>>,
}

fn weighted(weights: &[f64], of: &[f64]) -> DVector<f64> {
    DVector::from_iterator(of.len(), of.iter().zip(weights).map(|(x, w)| x * w))
}

fn differences(of: &[Vec<f64>]) -> impl Iterator<Item = Vec<f64>> + '_ {
    of.windows(2).map(|pair| pair[1].iter().zip(&pair[0]).map(|(b, a)| b - a).collect())
}

impl AndersonHistory {
    /// Whether the history consists of points of dimension `n`.
    pub fn fits(&self, n: usize) -> bool {
        self.points.len() == self.changes.len()
            && self.points.iter().chain(&self.changes).all(|vector| vector.len() == n)
    }

    /// Discards the history.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether the history has enough points to extrapolate.
    pub fn is_knowing(&self) -> bool {
        self.points.len() > 1
    }

    /// The next point from `x`, which a round would change by `change`; coordinates times `weights` are of one scale,
    /// about 1.
    pub fn next(&mut self, x: &[f64], change: &[f64], weights: &[f64]) -> Vec<f64> {
        let now = weighted(weights, change);
        let misled = |last: &Vec<f64>| now.norm() > GREW * weighted(weights, last).norm();
        if self.changes.last().is_some_and(misled) {
            self.forget();
        }
        self.points.push(x.to_vec());
        self.changes.push(change.to_vec());
        if self.points.len() > MEMORY + 1 {
            self.points.remove(0);
            self.changes.remove(0);
        }
        let mut next: Vec<f64> = x.iter().zip(change).map(|(x, by)| x + by).collect();
        if self.points.len() < 2 {
            return next;
        }
        let columns: Vec<_> = differences(&self.changes).map(|d| weighted(weights, &d)).collect();
        let Some(svd) = singular(DMatrix::from_columns(&columns), true, true) else { return next };
        let least = RANK_TOLERANCE * svd.singular_values.max();
        let Ok(gamma) = svd.solve(&now, least) else { return next };
        let mut further = vec![0.0; x.len()];
        for ((dx, df), gamma) in differences(&self.points).zip(differences(&self.changes)).zip(gamma.iter()) {
            further.iter_mut().zip(dx.iter().zip(&df)).for_each(|(f, (dx, df))| *f -= (dx + df) * gamma);
        }
        let longest = weighted(weights, &further).amax();
        let part = if longest > FARTHEST { FARTHEST / longest } else { 1.0 };
        if longest.is_finite() {
            next.iter_mut().zip(&further).for_each(|(next, f)| *next += part * f);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_linear_map_is_at_its_fixed_point_once_its_dimensions_are_known() {
        // x → A·x + b with the slowest eigenvalue 0.99; its fixed point is (1, −2, 3).
        let a = DMatrix::from_row_slice(3, 3, &[0.99, 0.1, 0.0, 0.0, 0.8, 0.2, 0.0, 0.0, -0.3]);
        let fixed = DVector::from_vec(vec![1.0, -2.0, 3.0]);
        let mut past = AndersonHistory::default();
        let mut x = vec![0.9, -1.9, 3.1];
        for _ in 0..6 {
            let away = DVector::from_column_slice(&x) - &fixed;
            let change = &a * &away - away;
            x = past.next(&x, change.as_slice(), &[1.0, 0.5, 2.0]);
        }
        let away = DVector::from_column_slice(&x) - fixed;
        assert!(away.amax() < 1e-9, "{away}");
    }

    #[test]
    fn what_misled_is_forgotten_and_no_step_goes_far() {
        let mut past = AndersonHistory::default();
        assert_eq!(past.next(&[0.0], &[0.1], &[1.0]), [0.1]);
        // The changes are almost equal: the fixed point appears to be at 100.
        let next = past.next(&[0.1], &[0.0999], &[1.0]);
        assert!((next[0] - (0.1999 + FARTHEST)).abs() < 1e-12, "{next:?}");
        assert_eq!(past.next(&[0.7], &[-0.3], &[1.0]), [0.7 - 0.3]);
    }
}
