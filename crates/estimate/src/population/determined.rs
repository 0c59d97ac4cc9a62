//! Population parameters that these subjects do not determine: the factor of a category without carriers, the residual
//! error of an analyte that was never measured, or the coefficient of a covariate that is equal in all subjects, which
//! cannot be separated from the typical value.
//!
//! Along such a direction the expected information of all subjects is zero, and no subject's contribution to the
//! objective changes. This is a property of the data, not of the optimum: a parameter that is merely imprecise has
//! positive information, however small.

use super::change::SubjectGradient;
use super::uncertainty::among;
use crate::decompose::eigen;
use nalgebra::{DMatrix, DVector};

/// Fraction of the largest eigenvalue of the information, scaled to a unit diagonal, below which an eigenvalue counts
/// as zero.
const NONE: f64 = 1e-12;
/// Smallest squared loading on a direction without information by which an estimated parameter counts as undetermined.
const LOADS: f64 = 1e-6;
/// Largest change of a subject's contribution that counts as rounding: relative to the terms that cancel in it, and
/// absolute.
const ROUNDING: f64 = 1e-5;
const STILL: f64 = 1e-9;

/// Positions of the estimated parameters that subjects with the given derivatives do not determine, alone or in
/// combination with others, apart from those `held` at a boundary.
pub(super) fn undetermined(changes: &[SubjectGradient], held: &[usize]) -> Vec<usize> {
    let n = changes.first().map_or(0, |change| change.gradient.len());
    let inside: Vec<usize> = (0..n).filter(|k| !held.contains(k)).collect();
    if inside.is_empty() {
        return Vec::new();
    }
    let expected = changes.iter().fold(DMatrix::zeros(n, n), |sum, change| sum + change.expected());
    let of = |change: &SubjectGradient| inside.iter().map(|&k| change.gradient[k]).collect();
    let gradients: Vec<Vec<f64>> = changes.iter().map(of).collect();
    let found = without_information(&among(&expected, &inside), &gradients);
    found.into_iter().map(|i| inside[i]).collect()
}

/// Coordinates along which there is no information and no subject's contribution changes.
fn without_information(expected: &DMatrix<f64>, gradients: &[Vec<f64>]) -> Vec<usize> {
    let n = expected.nrows();
    let scale = expected.diagonal().map(|d| if d > 0.0 { d.sqrt() } else { 1.0 });
    let scaled = DMatrix::from_fn(n, n, |i, j| expected[(i, j)] / (scale[i] * scale[j]));
    let Some(eigen) = eigen(scaled) else { return Vec::new() };
    let most = eigen.eigenvalues.max().max(f64::MIN_POSITIVE);
    let is_still = |direction: &DVector<f64>| {
        gradients.iter().all(|gradient| {
            let terms = || (0..n).map(|k| gradient[k] * direction[k] / scale[k]);
            terms().sum::<f64>().abs() <= ROUNDING * terms().map(f64::abs).sum::<f64>() + STILL
        })
    };
    let directions: Vec<DVector<f64>> = (0..n)
        .filter(|&i| eigen.eigenvalues[i] <= NONE * most)
        .map(|i| eigen.eigenvectors.column(i).into_owned())
        .filter(is_still)
        .collect();
    (0..n).filter(|&k| directions.iter().map(|d| d[k] * d[k]).sum::<f64>() > LOADS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The undetermined coordinates of an information matrix, given by the rows of a design, and gradients.
    fn of(rows: &[[f64; 4]], gradients: &[[f64; 4]]) -> Vec<usize> {
        let design = DMatrix::from_fn(rows.len(), 4, |i, j| rows[i][j]);
        let gradients: Vec<Vec<f64>> = gradients.iter().map(|gradient| gradient.to_vec()).collect();
        without_information(&design.tr_mul(&design), &gradients)
    }

    #[test]
    fn a_number_without_information_is_not_determined() {
        let rows = [[1.0, 0.0, 2.0, 0.5], [0.3, 0.0, -1.0, 2.0], [1e-4, 0.0, 1e-9, 0.1]];
        assert_eq!(of(&rows, &[[1.0, 0.0, -3.0, 0.2]]), [1]);
        // A number with which the objective nevertheless changes is determined.
        assert!(of(&rows, &[[1.0, 0.0, -3.0, 0.2], [0.0, 1e-3, 0.0, 0.0]]).is_empty());
    }

    #[test]
    fn numbers_that_cannot_be_told_apart_are_not_determined() {
        // The second is 0.7 times the first for every subject.
        let row = |a: f64, c: f64, d: f64| [a, 0.7 * a, c, d];
        let rows = [row(1.0, 2.0, 0.5), row(-3.0, 1.0, 2.0), row(0.1, -4.0, 0.1), row(2.0, 2.0, 2.0)];
        assert_eq!(of(&rows, &[row(5.0, 1.0, 1.0), row(-2.0, 0.0, 3.0)]), [0, 1]);
        // Three parameters of which only the sum is known.
        let rows = [[1.0, 1.0, 1.0, 0.0], [2.0, 2.0, 2.0, 1.0]];
        assert_eq!(of(&rows, &[[4.0, 4.0, 4.0, 1.0]]), [0, 1, 2]);
    }

    #[test]
    fn what_is_known_badly_is_known() {
        let rows =
            [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0 + 1e-5, 0.0, 0.0], [0.0, 0.0, 1e-9, 0.0], [0.0, 0.0, 0.0, 1e6]];
        assert!(of(&rows, &[[0.0; 4]]).is_empty());
        assert!(undetermined(&[], &[]).is_empty());
    }
}
