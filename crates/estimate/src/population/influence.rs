//! What each subject does to a population's estimates: where they go without it.
//!
//! With g the gradient of a subject's part of half the objective and Rᵢ its part of R, the estimates without it are, by one
//! step of Newton's method from those with it, x̂ + (R − Rᵢ)⁻¹g; exactly, those of a fit of the others.

use super::fit::{PopulationFit, PopulationOptions, fit_population};
use super::quasi_newton::DescentStop;
use super::uncertainty::listed;
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
    /// √(|R|/|R − Rᵢ|): how much wider the region of confidence is without the subject. NaN where R − Rᵢ is not positive
    /// definite.
    pub covariance_ratio: f64,
}

/// What each subject does, in the subjects' order, by one step.
///
/// # Errors
/// Why the estimates have no covariance.
pub fn influence(fit: &PopulationFit) -> Result<Vec<Deletion>, String> {
    judged(fit, &|_, rest, gradient| {
        let step = rest.ok_or("the others alone do not determine the estimates".to_owned())?.solve(gradient);
        Ok(fit.vector.iter().zip(step.iter()).map(|(x, step)| x + step).collect())
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
        let without = fit_population(&fit.model, &others, options, &|_| {});
        done();
        match without {
            Ok(found) if found.stop == Some(DescentStop::Converged) => Ok(found.vector),
            Ok(_) => Err("the fit of the others did not converge".into()),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// A factor of a matrix over the vector.
type Factor = Cholesky<f64, Dyn>;

/// Estimates without a subject: of its position, the factor of R − Rᵢ and the gradient of its part of half the objective.
type Without<'a> = dyn Fn(usize, Option<&Factor>, &DVector<f64>) -> Result<Vec<f64>, String> + 'a;

fn judged(fit: &PopulationFit, without: &Without<'_>) -> Result<Vec<Deletion>, String> {
    let uncertainty = fit.uncertainty.as_ref()?;
    let n = fit.vector.len();
    let r = uncertainty.parts.iter().fold(DMatrix::zeros(n, n), |sum, part| sum + part);
    let log_determinant = |factor: &Factor| 2.0 * factor.l_dirty().diagonal().map(f64::ln).sum();
    let whole = Cholesky::new(r.clone()).map_or(f64::NAN, |factor| log_determinant(&factor));
    let one = |(i, gradient): (usize, &Vec<f64>)| {
        let rest = Cholesky::new(&r - &uncertainty.parts[i]);
        let covariance_ratio =
            rest.as_ref().map_or(f64::NAN, |rest| (0.5 * (whole - log_determinant(rest))).exp());
        let vector = without(i, rest.as_ref(), &(DVector::from_column_slice(gradient) * 0.5));
        let distance = vector.as_ref().map_or(f64::NAN, |vector| {
            let change = DVector::from_iterator(n, vector.iter().zip(&fit.vector).map(|(x, with)| x - with));
            change.dot(&(&r * &change)).sqrt()
        });
        let read = |vector: Vec<f64>| {
            let values = fit.space.values(&fit.model.values(), &vector);
            listed(&fit.model, &values).iter().map(|estimate| estimate.value).collect()
        };
        Deletion { estimates: vector.map(read), distance, covariance_ratio }
    };
    Ok(fit.gradients.iter().enumerate().map(one).collect())
}
