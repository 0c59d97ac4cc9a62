//! The covariance of a fit's unknowns: from the second derivatives of −2 log-likelihood, and by the sandwich estimator.

use super::fit::{IntervalBy, Known};
use super::problem::Problem;
use nalgebra::{Cholesky, DMatrix};
use omafit_estimate::NORMAL_975;

/// Step of the finite differences of the gradient.
const SPACING: f64 = 1e-4;
/// Standard deviation of coefficients, relative to that of the values, below which it counts as zero; and correlation
/// above which it counts as one.
const NO_SPREAD: f64 = 1e-3;
const ONE: f64 = 0.9999;

/// The uncertainty of a fit's unknowns.
#[derive(Clone, Debug, Default)]
pub(super) struct Uncertainty {
    /// Covariance from the second derivatives, row by row; zero for fixed unknowns; `None` if it does not exist.
    pub covariance: Option<Vec<f64>>,
    sandwich: Vec<f64>,
    n: usize,
    /// The ends of the unknowns' intervals from the profile likelihood, if there is no covariance and they were
    /// requested.
    pub profiles: Vec<[f64; 2]>,
}

impl Uncertainty {
    /// The standard error of an unknown; NaN if there is none.
    pub fn se(&self, k: usize) -> f64 {
        let variance = self.covariance.as_ref().map_or(f64::NAN, |c| c[k * self.n + k]);
        if variance > 0.0 { variance.sqrt() } else { f64::NAN }
    }

    /// The estimate of an unknown with value `x`.
    pub fn known(&self, k: usize, x: f64) -> Known {
        let se = self.se(k);
        let half = NORMAL_975 * se;
        match self.profiles.get(k) {
            Some(&[low, high]) => Known { x, se, low, high, interval: IntervalBy::Profile },
            None => {
                let interval = if se.is_nan() { IntervalBy::Nothing } else { IntervalBy::Curvature };
                Known { x, se, low: x - half, high: x + half, interval }
            }
        }
    }

    /// The ratio of the sandwich standard error to that from the second derivatives.
    pub fn ratio(&self, k: usize) -> f64 {
        let variance = self.sandwich.get(k).copied().unwrap_or(f64::NAN);
        if variance > 0.0 { variance.sqrt() / self.se(k) } else { f64::NAN }
    }
}

/// The unknowns at an end of their range, which have no standard error and are treated as known for the others.
fn held(problem: &Problem<'_>, x: &[f64]) -> Vec<bool> {
    let (linear, at) = (problem.layout.linear(), problem.layout.spreads());
    let mut held = vec![false; x.len()];
    for (k, parameter) in problem.model.parameters().into_iter().enumerate() {
        held[linear + k] = parameter.is_at_limit(x[linear + k]);
    }
    let is_none = |k: usize| x[k].exp() < NO_SPREAD;
    for (position, k) in (at..problem.layout.own()).enumerate() {
        // The correlation of a coefficient without variability is zero.
        held[k] = if position == 2 && problem.layout.has_first {
            is_none(at) || is_none(at + 1) || x[k].tanh().abs() > ONE
        } else {
            is_none(k)
        };
    }
    for k in problem.layout.own()..x.len() {
        held[k] = is_none(k);
    }
    held
}

/// The uncertainty at the end of a descent; `scores` is half the sum of the outer products of the patients' gradients.
pub(super) fn uncertainty(problem: &Problem<'_>, x: &[f64], scores: &[f64]) -> Uncertainty {
    let n = x.len();
    let held = held(problem, x);
    let free: Vec<usize> = (0..n).filter(|&k| !held[k]).collect();
    let moved = |k: usize, h: f64| {
        let mut x = x.to_vec();
        x[k] += h;
        problem.gradient(&x)
    };
    let mut hessian = DMatrix::zeros(free.len(), free.len());
    for (column, &k) in free.iter().enumerate() {
        let (Some(up), Some(down)) = (moved(k, SPACING), moved(k, -SPACING)) else {
            return Uncertainty::default();
        };
        for (row, &i) in free.iter().enumerate() {
            hessian[(row, column)] = (up[i] - down[i]) / (2.0 * SPACING);
        }
    }
    let hessian = (&hessian + hessian.transpose()) * 0.5;
    let Some(inverse) = Cholesky::new(hessian).map(|c| c.inverse()) else { return Uncertainty::default() };
    let scores = DMatrix::from_column_slice(n, n, scores);
    let scores = DMatrix::from_fn(free.len(), free.len(), |i, j| 2.0 * scores[(free[i], free[j])]);
    let sandwich = &inverse * scores * &inverse;
    let mut covariance = vec![0.0; n * n];
    let mut variances = vec![0.0; n];
    for (row, &i) in free.iter().enumerate() {
        variances[i] = sandwich[(row, row)];
        for (column, &j) in free.iter().enumerate() {
            covariance[i * n + j] = 2.0 * inverse[(row, column)];
        }
    }
    Uncertainty { covariance: Some(covariance), sandwich: variances, n, profiles: Vec::new() }
}
