//! Minimisers of this crate for use by other crates.

use crate::descent::descend;
use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals, StopReason};
use crate::population::{DescentStop, Objective, QuasiNewton};
use argmin::core::Executor;
use nalgebra::{DMatrix, DVector};

/// Residuals r and their Jacobian ∂r/∂x, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// Residuals r.
    pub residuals: Vec<f64>,
    /// ∂r/∂x in row-major order, one row per residual and one column per unknown.
    pub jacobian: Vec<f64>,
}

/// End point of a least-squares descent.
#[derive(Clone, Debug)]
pub struct LeastSquares {
    /// The unknowns.
    pub x: Vec<f64>,
    /// Residuals and Jacobian at `x`; `None` if they could not be evaluated at the start.
    pub rows: Option<Rows>,
    /// Reason why the descent ended.
    pub stop: StopReason,
}

struct Given<'a> {
    rows: &'a dyn Fn(&[f64]) -> Rows,
}

impl Residuals for Given<'_> {
    type Error = std::convert::Infallible;

    fn linearise(&self, x: &[f64]) -> Result<Linearised, Self::Error> {
        let Rows { residuals, jacobian } = (self.rows)(x);
        let objective = residuals.iter().map(|r| r * r).sum::<f64>();
        let jacobian = DMatrix::from_row_slice(residuals.len(), x.len(), &jacobian);
        let residuals = DVector::from_vec(residuals);
        let noise = 1e-13 * objective;
        Ok(Linearised {
            objective,
            noise,
            is_sum_of_squares: true,
            predictions: Vec::new(),
            informative: (0..residuals.len()).collect(),
            residuals,
            jacobian,
        })
    }
}

/// Minimises ‖r(x)‖² by the Levenberg–Marquardt method from a start. The unknowns should be of one scale, about 1. A
/// point at which a residual is not finite is never accepted.
pub fn least_squares(rows: &dyn Fn(&[f64]) -> Rows, start: Vec<f64>, max_iterations: u64) -> LeastSquares {
    let solver = LevenbergMarquardt::until(1e-11);
    let (minimum, _) = descend(Given { rows }, solver, start, max_iterations);
    let rows = minimum.at.map(|at| Rows {
        residuals: at.residuals.as_slice().to_vec(),
        jacobian: at.jacobian.transpose().as_slice().to_vec(),
    });
    LeastSquares { x: minimum.eta, rows, stop: minimum.stop }
}

/// A function value with the derivatives that a descent needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Value of the function.
    pub value: f64,
    /// Gradient of the function.
    pub gradient: Vec<f64>,
    /// Expected Hessian, symmetric, in column-major order.
    pub expected: Vec<f64>,
}

/// End point of a descent by Fisher scoring.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The unknowns.
    pub x: Vec<f64>,
    /// The function at `x`.
    pub at: Evaluated,
    /// Reason why the descent ended; `None` at the limit on iterations.
    pub stop: Option<DescentStop>,
}

struct Likelihood<'a> {
    evaluate: &'a dyn Fn(&[f64]) -> Option<Evaluated>,
}

impl Objective for Likelihood<'_> {
    type At = Option<Evaluated>;

    fn value(&self, x: &[f64], _: &Self::At) -> Option<(f64, Self::At)> {
        let at = (self.evaluate)(x).filter(|at| at.value.is_finite())?;
        Some((at.value, Some(at)))
    }

    fn change(&self, x: &[f64], at: &mut Self::At) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let n = x.len();
        let at = at.as_ref()?;
        Some((DVector::from_column_slice(&at.gradient), DMatrix::from_column_slice(n, n, &at.expected)))
    }
}

/// Minimises a −2 log-likelihood by Fisher scoring and then BFGS, from a start, until the predicted decrease is below
/// 1e-6. `None` if the function has no value at the start.
pub fn score(
    evaluate: &dyn Fn(&[f64]) -> Option<Evaluated>,
    start: Vec<f64>,
    max_iterations: u64,
) -> Option<Scored> {
    let problem = Likelihood { evaluate };
    let (value, at) = problem.value(&start, &None)?;
    let solver = QuasiNewton::new(start, value, at, 1e-6);
    let run = Executor::new(problem, solver)
        .configure(|s| s.max_iters(max_iterations))
        .timer(false)
        .ctrlc(false)
        .run();
    let solver = run.ok()?.solver;
    let stop = solver.stop;
    let iteration = solver.iteration?;
    Some(Scored { x: iteration.x, at: iteration.at?, stop })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_is_found_from_afar() {
        // y = 3·exp(−0.7 t) without error.
        let times = [0.0, 0.5, 1.0, 2.0, 4.0];
        let rows = |x: &[f64]| {
            let fitted = |t: f64| x[0] * (-x[1] * t).exp();
            Rows {
                residuals: times.iter().map(|&t| fitted(t) - 3.0 * (-0.7 * t).exp()).collect(),
                jacobian: times.iter().flat_map(|&t| [fitted(t) / x[0], -t * fitted(t)]).collect(),
            }
        };
        let found = least_squares(&rows, vec![1.0, 0.1], 100);
        assert!(found.stop.is_minimum(), "{}", found.stop);
        assert!((found.x[0] - 3.0).abs() < 1e-5 && (found.x[1] - 0.7).abs() < 1e-5, "{:?}", found.x);
        assert_eq!(found.rows.unwrap().jacobian.len(), 10);
    }

    #[test]
    fn the_least_likelihood_is_found_and_a_bad_start_is_none() {
        let sample = [3.1, 4.7, 5.0, 5.6, 6.2];
        let evaluate = |x: &[f64]| {
            let (n, variance) = (5.0, (2.0 * x[1]).exp());
            let squares: f64 = sample.iter().map(|y| (y - x[0]).powi(2) / variance).sum();
            let slope: f64 = sample.iter().map(|y| -2.0 * (y - x[0]) / variance).sum();
            (x[0] < 1e3).then(|| Evaluated {
                value: squares + 2.0 * n * x[1],
                gradient: vec![slope, 2.0 * n - 2.0 * squares],
                expected: vec![2.0 * n / variance, 0.0, 0.0, 4.0 * n],
            })
        };
        let found = score(&evaluate, vec![0.0, 1.0], 200).unwrap();
        assert_eq!(found.stop, Some(DescentStop::Converged));
        assert!((found.x[0] - 4.92).abs() < 1e-3, "{:?}", found.x);
        assert!(score(&evaluate, vec![2e3, 1.0], 200).is_none());
    }
}
