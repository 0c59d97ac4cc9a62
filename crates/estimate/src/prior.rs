//! The population as prior rows of a subject's least squares.

use crate::uncertainty::Uncertainty;
use nalgebra::{Cholesky, DMatrix, DVector};

/// Standard deviation of an η, corresponding to a factor of 1.6, above which the η varies widely.
const WIDE: f64 = 0.5;

/// Prior distribution η ~ N(0, Ω) over some of a subject's unknowns.
#[derive(Clone, Debug)]
pub struct Prior {
    /// Positions among the unknowns, ascending.
    positions: Vec<usize>,
    /// Factor L with LᵀL = Ω⁻¹.
    root: DMatrix<f64>,
    /// Cholesky factor of Ω.
    lower: DMatrix<f64>,
    log_determinant: f64,
}

impl Prior {
    /// Creates a prior with covariance `omega` (row-major) over the unknowns at `positions`; `None` unless Ω is
    /// positive definite.
    pub fn new(positions: Vec<usize>, omega: &[f64]) -> Option<Self> {
        let n = positions.len();
        let omega = DMatrix::from_row_slice(n, n, omega);
        let lower = Cholesky::new(omega)?.unpack();
        let log_determinant = 2.0 * lower.diagonal().map(f64::ln).sum();
        let root = lower.solve_lower_triangular(&DMatrix::identity(n, n))?;
        Some(Self { positions, root, lower, log_determinant })
    }

    /// The number of prior rows.
    pub fn rows(&self) -> usize {
        self.positions.len()
    }

    /// The log determinant ln |Ω|.
    pub fn log_determinant(&self) -> f64 {
        self.log_determinant
    }

    /// Whether some η varies so widely that the subject may have several modes.
    pub(crate) fn is_wide(&self) -> bool {
        self.lower.row_iter().any(|row| row.norm_squared() > WIDE * WIDE)
    }

    /// Converts standard normal values of all unknowns to values distributed as the prior; unknowns without a prior are
    /// unchanged.
    pub(crate) fn spread(&self, mut standard: Vec<f64>) -> Vec<f64> {
        let normal = DVector::from_iterator(self.rows(), self.positions.iter().map(|&i| standard[i]));
        let eta = &self.lower * normal;
        self.positions.iter().zip(eta.iter()).for_each(|(&i, eta)| standard[i] = *eta);
        standard
    }

    /// The change of a parameter estimate, on the scale of η, when the population means move by `shift`: to first order
    /// V·Ω⁻¹·shift, with V the covariance of the estimate.
    pub fn followed(&self, uncertainty: &Uncertainty, shift: &[f64]) -> Vec<f64> {
        let own = DVector::from_iterator(self.rows(), self.positions.iter().map(|&i| shift[i]));
        let pull = self.root.tr_mul(&(&self.root * own));
        let mut change = vec![0.0; shift.len()];
        for direction in uncertainty.directions().iter().filter(|d| d.sd.is_finite()) {
            let along: f64 =
                self.positions.iter().zip(pull.iter()).map(|(&i, pull)| direction.loadings[i] * pull).sum();
            let length = direction.sd * direction.sd * along;
            change.iter_mut().zip(&direction.loadings).for_each(|(sum, loading)| *sum += length * loading);
        }
        change
    }

    /// The prior residuals L·η.
    pub fn residuals(&self, eta: &[f64]) -> DVector<f64> {
        &self.root * DVector::from_iterator(self.rows(), self.positions.iter().map(|&i| eta[i]))
    }

    /// The Jacobian ∂(L·η)/∂η over all `unknowns`.
    pub fn jacobian(&self, unknowns: usize) -> DMatrix<f64> {
        let mut rows = DMatrix::zeros(self.rows(), unknowns);
        for (column, &i) in self.positions.iter().enumerate() {
            rows.set_column(i, &self.root.column(column));
        }
        rows
    }
}
