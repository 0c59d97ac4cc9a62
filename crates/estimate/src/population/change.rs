//! Derivatives of a subject's contribution to the FOCE objective with respect to the population parameters.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// Derivatives of a subject's contribution with respect to the parameter vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SubjectGradient {
    /// Gradient of F with respect to the parameter vector.
    pub gradient: Vec<f64>,
    /// Expected Hessian of F with respect to the parameter vector, in column-major order.
    pub information: Vec<f64>,
    /// Derivative of û with respect to each element of the parameter vector.
    pub response: Vec<Vec<f64>>,
    /// Half the Hessian of G at û minus H, in row-major order.
    pub missing: Vec<f64>,
}

impl SubjectGradient {
    /// The expected Hessian of F as a matrix.
    pub fn expected(&self) -> DMatrix<f64> {
        let n = self.gradient.len();
        DMatrix::from_column_slice(n, n, &self.information)
    }

    /// The first-order extrapolation of û from `u` after a change `moved` of the parameter vector.
    pub fn extrapolate_eta(&self, u: &[f64], moved: &[f64]) -> Vec<f64> {
        let mut u = u.to_vec();
        for (response, moved) in self.response.iter().zip(moved) {
            for (u, by) in u.iter_mut().zip(response) {
                *u += by * moved;
            }
        }
        u
    }
}
