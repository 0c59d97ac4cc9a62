//! Decompositions that always terminate: nalgebra's iterate forever on a matrix with NaN.

use nalgebra::{DMatrix, Dyn, SVD, SymmetricEigen};

/// Limit on iterations, far above the number that matrices of this crate's sizes need.
const MOST_ITERATIONS: usize = 10_000;

fn is_finite(matrix: &DMatrix<f64>) -> bool {
    matrix.iter().all(|v| v.is_finite())
}

/// The singular value decomposition, with left and right singular vectors on request; `None` if the matrix is empty or
/// has an entry that is not finite.
pub(crate) fn singular(matrix: DMatrix<f64>, left: bool, right: bool) -> Option<SVD<f64, Dyn, Dyn>> {
    let sound = is_finite(&matrix) && !matrix.is_empty();
    sound.then(|| SVD::try_new(matrix, left, right, f64::EPSILON, MOST_ITERATIONS)).flatten()
}

/// The eigenvalues and eigenvectors of a symmetric matrix; `None` if it is empty or has an entry that is not finite.
pub(crate) fn eigen(matrix: DMatrix<f64>) -> Option<SymmetricEigen<f64, Dyn>> {
    let sound = is_finite(&matrix) && !matrix.is_empty();
    sound.then(|| SymmetricEigen::try_new(matrix, f64::EPSILON, MOST_ITERATIONS)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_has_no_decomposition() {
        for bad in [f64::NAN, f64::INFINITY] {
            let matrix = DMatrix::from_row_slice(2, 2, &[1.0, bad, bad, 1.0]);
            assert!(eigen(matrix.clone()).is_none() && singular(matrix, true, true).is_none());
        }
        let matrix = DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 1.0, 2.0]);
        let found = eigen(matrix.clone()).unwrap().eigenvalues;
        assert!((found.max() - 3.0).abs() < 1e-14 && (found.min() - 1.0).abs() < 1e-14);
        let singular = singular(matrix, false, false).unwrap().singular_values;
        assert!((singular.max() - 3.0).abs() < 1e-14);
    }

    #[test]
    fn numbers_of_every_size_come_to_an_end() {
        for k in 0..60 {
            let entry = |i: usize| {
                ((i * 7 + k * 13) as f64).sin() * 10f64.powi((i as i32 * 31 * (k as i32 - 30)) % 300)
            };
            let matrix = DMatrix::from_fn(4, 4, |i, j| entry(i.min(j) * 4 + i.max(j)));
            eigen(matrix.clone());
            singular(matrix, true, true);
        }
    }
}
