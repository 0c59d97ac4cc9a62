//! A distribution from which a subject's η are proposed: multivariate Student's t around the mode, as wide as the
//! curvature there says. Its tails are heavier than those of what it stands for, so that no weight runs away.

use crate::simulate::SubjectStream;
use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::PI;

/// Degrees of freedom.
const FREEDOM: u32 = 5;

/// A multivariate Student's t.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Proposal {
    centre: DVector<f64>,
    /// L with L·Lᵀ the inverse of the scale matrix.
    precision: DMatrix<f64>,
    log_scale: f64,
}

impl Proposal {
    /// Around `centre`, `precision` the inverse of its scale matrix; `None` unless that is positive definite.
    pub fn new(centre: &[f64], precision: DMatrix<f64>) -> Option<Self> {
        let precision = Cholesky::new(precision)?.unpack();
        let (n, freedom) = (centre.len() as f64, f64::from(FREEDOM));
        let log_scale =
            ln_gamma(0.5 * (freedom + n)) - ln_gamma(0.5 * freedom) - 0.5 * n * (freedom * PI).ln()
                + precision.diagonal().map(f64::ln).sum();
        log_scale.is_finite().then(|| Self {
            centre: DVector::from_column_slice(centre),
            precision,
            log_scale,
        })
    }

    /// A draw.
    pub fn draw(&self, stream: &mut SubjectStream) -> Vec<f64> {
        let square: f64 = (0..FREEDOM).map(|_| stream.normal().powi(2)).sum();
        let step = self.step(stream) * (f64::from(FREEDOM) / square).sqrt();
        (&self.centre + step).as_slice().to_vec()
    }

    /// A normal draw around zero with its scale matrix as covariance.
    pub fn step(&self, stream: &mut SubjectStream) -> DVector<f64> {
        let standard = DVector::from_iterator(self.centre.len(), self.centre.iter().map(|_| stream.normal()));
        // Of a triangle with a positive diagonal there is a solution.
        self.precision.tr_solve_lower_triangular(&standard).unwrap_or(standard)
    }

    /// The logarithm of its density.
    pub fn log_density(&self, eta: &[f64]) -> f64 {
        let away = self.precision.tr_mul(&(DVector::from_column_slice(eta) - &self.centre));
        let (n, freedom) = (eta.len() as f64, f64::from(FREEDOM));
        self.log_scale - 0.5 * (freedom + n) * (away.norm_squared() / freedom).ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_is_that_of_its_draws_and_of_scipy() {
        let precision = DMatrix::from_row_slice(2, 2, &[2.0, -0.6, -0.6, 0.9]);
        let proposal = Proposal::new(&[0.5, -1.0], precision.clone()).unwrap();
        // scipy.stats.multivariate_t([0.5, -1], np.linalg.inv([[2, -.6], [-.6, .9]]), df=5).logpdf(x)
        for (eta, expected) in [([0.5, -1.0], SCIPY[0]), ([0.0, 0.3], SCIPY[1]), ([4.0, -9.0], SCIPY[2])] {
            assert!((proposal.log_density(&eta) - expected).abs() < 1e-12, "{eta:?}");
        }
        // The mean of a bounded function by draws and by a sum over a fine grid.
        let of = |eta: &[f64]| (eta[0] + 0.5 * eta[1]).sin() / (1.0 + eta[1] * eta[1]);
        let mut stream = SubjectStream::new(3, 0);
        let draws: Vec<f64> = (0..200_000).map(|_| of(&proposal.draw(&mut stream))).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // x = sinh t covers the tails.
        let grid = || (-400..=400).map(|k| 0.02 * f64::from(k));
        let mut expected = 0.0;
        for (s, t) in grid().flat_map(|s| grid().map(move |t| (s, t))) {
            let eta = [s.sinh(), t.sinh()];
            expected += proposal.log_density(&eta).exp() * of(&eta) * s.cosh() * t.cosh() * 4e-4;
        }
        let error = (variance / draws.len() as f64).sqrt();
        assert!((mean - expected).abs() < 4.0 * error, "{mean} {expected} {error}");
    }

    /// The values of scipy 1.17.
    const SCIPY: [f64; 3] = [-1.655_555_509_615_390_7, -3.212_404_573_217_656, -12.799_101_264_458_239];

    #[test]
    fn what_is_no_scale_makes_no_proposal() {
        assert!(Proposal::new(&[0.0, 0.0], DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0])).is_none());
    }
}
