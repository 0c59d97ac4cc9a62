//! Uncertainty of whatever is read from a population's numbers, by its derivatives (the delta method).

use super::space::ParameterVector;
use nalgebra::DMatrix;
use omafit_model::{PopulationModel, PopulationValues};

/// The spacing of differences: what is read from the numbers is plain arithmetic, so that small ones do.
const SPACING: f64 = 1e-5;

/// Derivatives of numbers that are read from a population over its vector: a row a number.
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

/// The covariance of numbers that are read from a population's estimates, whose own over the vector is `covariance`; row by
/// row.
pub fn propagated(
    model: &PopulationModel,
    space: &ParameterVector,
    covariance: &DMatrix<f64>,
    read: &dyn Fn(&PopulationValues) -> Vec<f64>,
) -> Vec<f64> {
    let slopes = derivatives(model, space, read);
    // Symmetric: as good by columns as by rows.
    (&slopes * covariance * slopes.transpose()).as_slice().to_vec()
}
