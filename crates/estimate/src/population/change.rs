//! How a subject's part of the objective of FOCE changes with the population.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// How a subject's part changes with the population's vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SubjectGradient {
    /// dF over the vector.
    pub gradient: Vec<f64>,
    /// The expected second derivatives of F over the vector, column by column.
    pub information: Vec<f64>,
    /// dû over the vector: the u for each number.
    pub response: Vec<Vec<f64>>,
    /// Half the curvature of G at û less H, row by row.
    pub missing: Vec<f64>,
}

impl SubjectGradient {
    /// The expected second derivatives of F.
    pub fn expected(&self) -> DMatrix<f64> {
        let n = self.gradient.len();
        DMatrix::from_column_slice(n, n, &self.information)
    }

    /// Where û goes from `u` when the vector has `moved`, to first order.
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
