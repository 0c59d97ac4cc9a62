//! Influence of each subject on the population estimates: the estimates without the subject.
//!
//! With g the gradient of a subject's contribution to half the objective and Rᵢ its contribution to R, the estimates
//! without the subject are, by one Newton step from the estimates with it, x̂ + (R − Rᵢ)⁻¹g; exactly, the estimates of
//! a fit of the other subjects. If a subject holds nearly all the information along some direction, or the step is
//! long, as near a boundary, one step is not a valid approximation: the other subjects are then refitted, up to a
//! maximum number of such subjects, and for the rest no estimates are given.

use super::fit::fit_population;
use super::objective::{PopulationFit, PopulationOptions};
use super::uncertainty::among;
use crate::decompose::eigen;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use omafit_model::Subject;

/// Estimates without one of the subjects.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// Population parameters in the order of [`population_estimates`](super::population_estimates), NaN for those that
    /// the other subjects do not determine; or the reason why there are none.
    pub estimates: Result<Vec<f64>, String>,
    /// Whether the estimates come from a fit of the other subjects.
    pub is_exact: bool,
    /// Distance √(ΔᵀRΔ) of the change Δ of the estimates: the joint change in standard errors. NaN if there are no
    /// estimates.
    pub distance: f64,
    /// Ratio √(|R|/|R − Rᵢ|): the relative size of the confidence region without the subject. NaN if R − Rᵢ cannot be
    /// the Hessian of the other subjects.
    pub covariance_ratio: f64,
}

/// Smallest fraction of R that the other subjects must hold along every direction for R − Rᵢ to serve as their Hessian.
const LEAST_LEFT: f64 = 0.2;
/// Longest step that counts as valid, in standard errors of all estimates jointly.
const LONGEST: f64 = 1.5;

/// Influence of each subject, in the order of the subjects: by one Newton step, and for at most `most_exact` subjects
/// for whom one step is not valid, by a fit of the other subjects.
///
/// # Errors
/// The reason why the estimates have no covariance.
pub fn influence(
    fit: &PopulationFit,
    subjects: &[Subject],
    options: PopulationOptions,
    most_exact: usize,
) -> Result<Vec<Deletion>, String> {
    let known = Known::new(fit)?;
    let mut left = most_exact;
    let one = |i: usize| match known.step(i) {
        Some(vector) => known.judged(i, Ok(vector), false),
        None if left > 0 => {
            left -= 1;
            known.judged(i, without(fit, subjects, options, i), true)
        }
        None => {
            let why = "one step of Newton's method is no estimate here: --influence exact fits the others";
            known.judged(i, Err(why.into()), false)
        }
    };
    Ok((0..fit.gradients.len()).map(one).collect())
}

/// Influence of each subject by a fit of all other subjects, started from the estimates with all. `done` is called
/// after each fit.
///
/// # Errors
/// The reason why the estimates have no covariance.
pub fn exact_influence(
    fit: &PopulationFit,
    subjects: &[Subject],
    options: PopulationOptions,
    done: &dyn Fn(),
) -> Result<Vec<Deletion>, String> {
    let known = Known::new(fit)?;
    let one = |i: usize| {
        let found = without(fit, subjects, options, i);
        done();
        known.judged(i, found, true)
    };
    Ok((0..fit.gradients.len()).map(one).collect())
}

/// The parameter vector of a fit of all other subjects.
fn without(
    fit: &PopulationFit,
    subjects: &[Subject],
    options: PopulationOptions,
    i: usize,
) -> Result<Vec<f64>, String> {
    let options = PopulationOptions { covariance: false, ..options };
    let others = subjects.iter().enumerate().filter(|(j, _)| *j != i);
    let others: Vec<Subject> = others.map(|(_, subject)| subject.clone()).collect();
    match fit_population(&fit.model, &others, options, &()) {
        Ok(found) if found.converged() => Ok(found.determined()),
        Ok(_) => Err("the fit of the others did not converge".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Cholesky factor of a matrix over the parameter vector.
type Factor = Cholesky<f64, Dyn>;

/// A fit with R and its factor, over the estimates that are not held at a boundary.
struct Known<'a> {
    fit: &'a PopulationFit,
    free: &'a [usize],
    parts: &'a [DMatrix<f64>],
    r: DMatrix<f64>,
    whole: Factor,
}

impl<'a> Known<'a> {
    fn new(fit: &'a PopulationFit) -> Result<Self, String> {
        let uncertainty = fit.uncertainty.as_ref()?;
        let (free, parts) = (&uncertainty.free[..], &uncertainty.parts[..]);
        let n = free.len();
        let r = parts.iter().fold(DMatrix::zeros(n, n), |sum, part| sum + among(part, free));
        let whole = Cholesky::new(r.clone()).ok_or("R is not positive definite")?;
        Ok(Self { fit, free, parts, r, whole })
    }

    /// The factor of R − Rᵢ, if this can be the Hessian of the other subjects' objective.
    fn rest(&self, i: usize) -> Option<Factor> {
        let rest = &self.r - among(&self.parts[i], self.free);
        let root = self.whole.l();
        let half = root.solve_lower_triangular(&rest)?;
        let left = root.solve_lower_triangular(&half.transpose())?;
        let least = eigen((&left + left.transpose()) * 0.5)?.eigenvalues.min();
        if least > LEAST_LEFT { Cholesky::new(rest) } else { None }
    }

    /// The estimates without a subject by one Newton step; `None` if the step is not valid.
    fn step(&self, i: usize) -> Option<Vec<f64>> {
        let gradient = &self.fit.gradients[i];
        let half = DVector::from_iterator(self.free.len(), self.free.iter().map(|&k| 0.5 * gradient[k]));
        let step = self.rest(i)?.solve(&half);
        let mut vector = self.fit.vector.clone();
        self.free.iter().zip(step.iter()).for_each(|(&k, step)| vector[k] += step);
        (self.distance(&vector) <= LONGEST).then_some(vector)
    }

    fn distance(&self, vector: &[f64]) -> f64 {
        // An estimate that the others do not determine counts as unchanged.
        let moved = |&k: &usize| Some(vector[k] - self.fit.vector[k]).filter(|moved| !moved.is_nan());
        let change = self.free.iter().map(|k| moved(k).unwrap_or(0.0));
        let change = DVector::from_iterator(self.free.len(), change);
        change.dot(&(&self.r * &change)).sqrt()
    }

    fn judged(&self, i: usize, vector: Result<Vec<f64>, String>, is_exact: bool) -> Deletion {
        let log_determinant = |factor: &Factor| 2.0 * factor.l_dirty().diagonal().map(f64::ln).sum();
        let ratio = |rest: &Factor| (0.5 * (log_determinant(&self.whole) - log_determinant(rest))).exp();
        Deletion {
            distance: vector.as_ref().map_or(f64::NAN, |vector| self.distance(vector)),
            estimates: vector.map(|vector| self.fit.numbers(&vector)),
            is_exact,
            covariance_ratio: self.rest(i).as_ref().map_or(f64::NAN, ratio),
        }
    }
}
