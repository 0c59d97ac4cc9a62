//! Uncertainty of quantities derived from population parameters, by the delta method.

use super::space::ParameterVector;
use nalgebra::DMatrix;
use omafit_model::{PopulationModel, PopulationValues};

/// Spacing of finite differences; small values suffice, as the derived quantities are computed without numerical
/// solution.
const SPACING: f64 = 1e-5;

/// Derivatives of quantities derived from a population with respect to its parameter vector, one row per quantity.
pub(super) fn derivatives(
    model: &PopulationModel,
    space: &ParameterVector,
    read: &dyn Fn(&PopulationValues) -> Vec<f64>,
) -> DMatrix<f64> {
    let values = model.values();
    let vector = space.vector(&values);
    let moved = |k: usize, step: f64| {
        let mut x = vector.clone();
        x[k] += step;
        read(&space.values(&values, &x))
    };
    let mut slopes = DMatrix::zeros(read(&values).len(), vector.len());
    for k in 0..vector.len() {
        for (i, (above, below)) in moved(k, SPACING).iter().zip(moved(k, -SPACING)).enumerate() {
            slopes[(i, k)] = (above - below) / (2.0 * SPACING);
        }
    }
    slopes
}

/// The covariance, in row-major order, of quantities derived from population estimates whose parameter vector has the
/// given `covariance`.
pub fn propagated(
    model: &PopulationModel,
    space: &ParameterVector,
    covariance: &DMatrix<f64>,
    read: &dyn Fn(&PopulationValues) -> Vec<f64>,
) -> Vec<f64> {
    let slopes = derivatives(model, space, read);
    // Symmetric, so that column-major and row-major order coincide.
    (&slopes * covariance * slopes.transpose()).as_slice().to_vec()
}
