//! What each subject does to a population's estimates: where they go without it.
//!
//! With g the gradient of a subject's part of half the objective and Rᵢ its part of R, the estimates without it are, by one
//! step of Newton's method from those with it, x̂ + (R − Rᵢ)⁻¹g; exactly, those of a fit of the others. Where a subject
//! holds nearly all that is known along some direction, or the step is long, as near the end of a number's range, one
//! step is no estimate: the others are fitted then, of so many subjects at most, and of the rest nothing is said.

use super::fit::fit_population;
use super::objective::{PopulationFit, PopulationOptions};
use super::uncertainty::among;
use crate::decompose::eigen;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use omafit_model::Subject;

/// The estimates without one of the subjects.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletion {
    /// The numbers of the population as [`population_estimates`](super::population_estimates) lists them, NaN of those that the
    /// others do not determine; or why there are none.
    pub estimates: Result<Vec<f64>, String>,
    /// Whether they are those of a fit of the others.
    pub is_exact: bool,
    /// √(ΔᵀRΔ) of their change Δ: how many standard errors they go together. NaN where there are none.
    pub distance: f64,
    /// √(|R|/|R − Rᵢ|): how much wider the region of confidence is without the subject. NaN where R − Rᵢ is no
    /// curvature.
    pub covariance_ratio: f64,
}

/// The least part of R that the others hold along every direction if R − Rᵢ is to be taken for their curvature.
const LEAST_LEFT: f64 = 0.2;
/// The longest step that is an estimate, in standard errors of all numbers together.
const LONGEST: f64 = 1.5;

/// Influence of each subject, in the subjects' order: by one step, and of at most `most_exact` subjects for whom one step is
/// no estimate by a fit of the others.
///
/// # Errors
/// Why the estimates have no covariance.
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

/// Influence of each subject by fits of all others, each from the estimates with all. `done` is called after each.
///
/// # Errors
/// Why the estimates have no covariance.
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

/// The vector of a fit of all others.
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

/// A factor of a matrix over the vector.
type Factor = Cholesky<f64, Dyn>;

/// A fit with R and its factor, over the numbers that are not held.
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

    /// The factor of R − Rᵢ, if that can be the curvature of the others' objective.
    fn rest(&self, i: usize) -> Option<Factor> {
        let rest = &self.r - among(&self.parts[i], self.free);
        let root = self.whole.l();
        let half = root.solve_lower_triangular(&rest)?;
        let left = root.solve_lower_triangular(&half.transpose())?;
        let least = eigen((&left + left.transpose()) * 0.5)?.eigenvalues.min();
        if least > LEAST_LEFT { Cholesky::new(rest) } else { None }
    }

    /// The estimates without a subject by one step; `None` where that is no estimate.
    fn step(&self, i: usize) -> Option<Vec<f64>> {
        let gradient = &self.fit.gradients[i];
        let half = DVector::from_iterator(self.free.len(), self.free.iter().map(|&k| 0.5 * gradient[k]));
        let step = self.rest(i)?.solve(&half);
        let mut vector = self.fit.vector.clone();
        self.free.iter().zip(step.iter()).for_each(|(&k, step)| vector[k] += step);
        (self.distance(&vector) <= LONGEST).then_some(vector)
    }

    fn distance(&self, vector: &[f64]) -> f64 {
        // A number that the others do not determine goes nowhere.
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
