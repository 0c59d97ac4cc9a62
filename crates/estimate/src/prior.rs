//! The population as prior rows of a subject's least squares.

use nalgebra::{Cholesky, DMatrix, DVector};

/// η ~ N(0, Ω) over some of a subject's unknowns.
#[derive(Clone, Debug)]
pub struct Prior {
    /// Positions among the unknowns, ascending.
    positions: Vec<usize>,
    /// L with LᵀL = Ω⁻¹.
    root: DMatrix<f64>,
    log_determinant: f64,
}

impl Prior {
    /// A prior with covariance `omega` (row-major) over the unknowns at `positions`; `None` unless Ω is positive
    /// definite.
    pub fn new(positions: Vec<usize>, omega: &[f64]) -> Option<Self> {
        let n = positions.len();
        let omega = DMatrix::from_row_slice(n, n, omega);
        let lower = Cholesky::new(omega)?.unpack();
        let log_determinant = 2.0 * lower.diagonal().map(f64::ln).sum();
        let root = lower.solve_lower_triangular(&DMatrix::identity(n, n))?;
        Some(Self { positions, root, log_determinant })
    }

    /// Number of prior rows.
    pub fn rows(&self) -> usize {
        self.positions.len()
    }

    /// ln |Ω|.
    pub fn log_determinant(&self) -> f64 {
        self.log_determinant
    }

    /// Prior residuals L·η.
    pub fn residuals(&self, eta: &[f64]) -> DVector<f64> {
        &self.root * DVector::from_iterator(self.rows(), self.positions.iter().map(|&i| eta[i]))
    }

    /// ∂(L·η)/∂η over all `unknowns`.
    pub fn jacobian(&self, unknowns: usize) -> DMatrix<f64> {
        let mut rows = DMatrix::zeros(self.rows(), unknowns);
        for (column, &i) in self.positions.iter().enumerate() {
            rows.set_column(i, &self.root.column(column));
        }
        rows
    }
}
