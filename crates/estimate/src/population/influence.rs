//! What each subject does to a population's estimates: where they go without it.
//!
//! With g the gradient of a subject's part of half the objective and Rᵢ its part of R, the estimates without it are, by one
//! step of Newton's method from those with it, x̂ + (R − Rᵢ)⁻¹g; exactly, those of a fit of the others. Where a subject
//! holds nearly all that is known along some direction, R − Rᵢ is no curvature of the others' objective, and the step is
//! R⁻¹g.

use super::fit::{PopulationFit, PopulationOptions, fit_population};
use super::uncertainty::among;
use crate::decompose::eigen;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use omafit_model::Subject;

/// The estimates without one of the subjects.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// The numbers of the population as [`population_estimates`](super::population_estimates) lists them, or why there are
    /// none.
    pub estimates: Result<Vec<f64>, String>,
    /// √(ΔᵀRΔ) of their change Δ: how many standard errors they go together. NaN where there are none.
    pub distance: f64,
    /// √(|R|/|R − Rᵢ|): how much wider the region of confidence is without the subject. NaN where R − Rᵢ is no
    /// curvature.
    pub covariance_ratio: f64,
}

/// What each subject does, in the subjects' order, by one step.
///
/// # Errors
/// Why the estimates have no covariance.
pub fn influence(fit: &PopulationFit) -> Result<Vec<Deletion>, String> {
    let free = &fit.uncertainty.as_ref()?.free;
    judged(fit, &|_, curvature, gradient| {
        let mut vector = fit.vector.clone();
        free.iter().zip(curvature.solve(gradient).iter()).for_each(|(&k, step)| vector[k] += step);
        Ok(vector)
    })
}

/// The same by fits of all others, each from the estimates with all. `done` is called after each.
///
/// # Errors
/// Why the estimates have no covariance.
pub fn exact_influence(
    fit: &PopulationFit,
    subjects: &[Subject],
    options: PopulationOptions,
    done: &dyn Fn(),
) -> Result<Vec<Deletion>, String> {
    let options = PopulationOptions { covariance: false, ..options };
    judged(fit, &|i, _, _| {
        let others: Vec<Subject> = subjects
            .iter()
            .enumerate()
            .filter(|(j, _)| *j != i)
            .map(|(_, subject)| subject.clone())
            .collect();
        let without = fit_population(&fit.model, &others, options, &());
        done();
        match without {
            Ok(found) if found.converged() => Ok(found.vector),
            Ok(_) => Err("the fit of the others did not converge".into()),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// A factor of a matrix over the vector.
type Factor = Cholesky<f64, Dyn>;

/// Estimates without a subject: of its position, and over the numbers that are not held, the factor of R − Rᵢ or of R and the
/// gradient of its part of half the objective.
type Without<'a> = dyn Fn(usize, &Factor, &DVector<f64>) -> Result<Vec<f64>, String> + 'a;

/// The least part of R that the others hold along every direction if R − Rᵢ is to be taken for their curvature.
const LEAST_LEFT: f64 = 0.2;

/// The least part of a matrix, given by its factor, that is left in another along any direction.
fn least_left(whole: &Factor, rest: &DMatrix<f64>) -> f64 {
    let root = whole.l();
    let half =
        root.solve_lower_triangular(rest).and_then(|half| root.solve_lower_triangular(&half.transpose()));
    let eigen = half.and_then(|left| eigen((&left + left.transpose()) * 0.5));
    eigen.map_or(f64::NAN, |eigen| eigen.eigenvalues.min())
}

fn judged(fit: &PopulationFit, without: &Without<'_>) -> Result<Vec<Deletion>, String> {
    let uncertainty = fit.uncertainty.as_ref()?;
    let free = &uncertainty.free;
    let n = free.len();
    let r = uncertainty.parts.iter().fold(DMatrix::zeros(n, n), |sum, part| sum + among(part, free));
    let log_determinant = |factor: &Factor| 2.0 * factor.l_dirty().diagonal().map(f64::ln).sum();
    let whole = Cholesky::new(r.clone()).ok_or("R is not positive definite")?;
    let one = |(i, gradient): (usize, &Vec<f64>)| {
        let rest = Some(&r - among(&uncertainty.parts[i], free))
            .filter(|rest| least_left(&whole, rest) > LEAST_LEFT);
        let rest = rest.and_then(Cholesky::new);
        let ratio = |rest: &Factor| (0.5 * (log_determinant(&whole) - log_determinant(rest))).exp();
        let covariance_ratio = rest.as_ref().map_or(f64::NAN, ratio);
        let half = DVector::from_iterator(n, free.iter().map(|&k| 0.5 * gradient[k]));
        let vector = without(i, rest.as_ref().unwrap_or(&whole), &half);
        let distance = vector.as_ref().map_or(f64::NAN, |vector| {
            let change = DVector::from_iterator(n, free.iter().map(|&k| vector[k] - fit.vector[k]));
            change.dot(&(&r * &change)).sqrt()
        });
        Deletion { estimates: vector.map(|vector| fit.numbers(&vector)), distance, covariance_ratio }
    };
    Ok(fit.gradients.iter().enumerate().map(one).collect())
}
