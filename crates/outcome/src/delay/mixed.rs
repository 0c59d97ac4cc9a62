//! The likelihood of a patient's values under a linear mixed model.
//!
//! The model is y = Zβ_i + ε, β_i ~ N(β, Ω), ε_j ~ N(0, σ²/n_j), with n_j the number of values of which row j is the
//! mean; the columns of Z are 1 and up to two regressors. Hence y ~ N(Zβ, V), V = ZΩZᵀ + σ²·diag(1/n), exactly. Rows
//! are multiplied by √n, and V⁻¹ follows from Woodbury's identity: V⁻¹ = (I − Z·K·Zᵀ)/σ², K = Ω(σ²I + ZᵀZ·Ω)⁻¹.

use super::row::{LANES, MOST_OWN};
use nalgebra::{Matrix3, Vector3};
use omafit_model::Dual;

/// A row of a patient, multiplied by the square root of the number of values in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The square root of the number of values, which is the regressor of the baseline.
    pub root: f64,
    /// The value.
    pub y: f64,
    /// The second regressor, with its derivatives with respect to the unknowns of the effect, or of the course without
    /// an effect.
    pub first: Dual<f64, LANES>,
    /// The third regressor, with its derivative with respect to the unknown of the course.
    pub second: Dual<f64, 1>,
}

/// Means and covariance of the coefficients of the three columns, and the residual variance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub beta: Vector3<f64>,
    pub omega: Matrix3<f64>,
    pub variance: f64,
}

/// −2 log-likelihood of a patient and its derivatives with respect to all unknowns of outcome models.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slopes {
    pub value: f64,
    pub by_beta: [f64; 3],
    /// Derivatives with respect to ln sd of the first coefficient, ln sd of the second, the inverse hyperbolic tangent
    /// of their correlation, and ln sd of the third.
    pub by_spread: [f64; 4],
    pub by_first: [f64; LANES],
    pub by_second: f64,
    /// Derivatives with respect to the parameters of the distribution.
    pub by_own: [f64; MOST_OWN],
}

impl Slopes {
    /// Multiplies the derivatives by a factor.
    pub fn times(&mut self, factor: f64) {
        let all = self.by_beta.iter_mut().chain(&mut self.by_spread).chain(&mut self.by_first);
        all.chain(&mut self.by_own).chain([&mut self.by_second]).for_each(|slope| *slope *= factor);
    }
}

/// −2 log-likelihood of a patient without the 2π and weight terms, and its derivatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Derivatives {
    pub value: f64,
    pub by_beta: Vector3<f64>,
    /// The matrix ZᵀV⁻¹Z and, in `pulled`, the vector Zᵀq: the derivative along a change D of Ω is tr(D·ZᵀV⁻¹Z) −
    /// (Zᵀq)ᵀ·D·Zᵀq.
    pub held: Matrix3<f64>,
    pub pulled: Vector3<f64>,
    pub by_log_sigma: f64,
    pub by_first: [f64; LANES],
    pub by_second: f64,
}

impl Derivatives {
    /// The derivatives with respect to the unknowns of outcome models.
    pub fn slopes(&self, omega: &Matrix3<f64>) -> Slopes {
        let sd = |k: usize| omega[(k, k)].sqrt();
        let product = sd(0) * sd(1);
        // (1 − r²)·sd·sd.
        let turn = if product > 0.0 { product - omega[(0, 1)].powi(2) / product } else { 0.0 };
        let turned = Matrix3::new(0.0, turn, 0.0, turn, 0.0, 0.0, 0.0, 0.0, 0.0);
        let mut by_own = [0.0; MOST_OWN];
        by_own[0] = self.by_log_sigma;
        let along = |k: usize| self.along(&with_log_sd(omega, k));
        Slopes {
            value: self.value,
            by_beta: self.by_beta.into(),
            by_spread: [along(0), along(1), self.along(&turned), along(2)],
            by_first: self.by_first,
            by_second: self.by_second,
            by_own,
        }
    }

    /// The derivative along a symmetric change of Ω.
    pub fn along(&self, change: &Matrix3<f64>) -> f64 {
        (change * self.held).trace() - self.pulled.dot(&(change * self.pulled))
    }
}

/// The change of Ω with respect to the logarithm of a standard deviation.
fn with_log_sd(omega: &Matrix3<f64>, k: usize) -> Matrix3<f64> {
    let mut change = Matrix3::zeros();
    for other in 0..3 {
        let by = omega[(k, other)];
        change[(k, other)] += by;
        change[(other, k)] += by;
    }
    change
}

fn z(row: &Row) -> Vector3<f64> {
    Vector3::new(row.root, row.first.re, row.second.re)
}

/// The likelihood of a patient's rows with its derivatives; `None` if the covariance is singular.
pub(super) fn likelihood(rows: &[Row], moments: &Moments) -> Option<Derivatives> {
    let Moments { beta, omega, variance } = moments;
    let gram = rows.iter().map(z).fold(Matrix3::zeros(), |sum, z| sum + z * z.transpose());
    let inner = Matrix3::identity() * *variance + gram * omega;
    let middle = omega * inner.try_inverse()?;
    let n = rows.len() as f64;
    let log_determinant = (n - 3.0) * variance.ln() + inner.determinant().ln();
    let residual = |row: &Row| row.y - z(row).dot(beta);
    let across = rows.iter().fold(Vector3::zeros(), |sum, row| sum + z(row) * residual(row));
    let taken = middle * across;
    // q = V⁻¹r.
    let q = |row: &Row| (residual(row) - z(row).dot(&taken)) / variance;
    let pulled = (across - gram * taken) / *variance;
    let (mut square, mut squares) = (0.0, 0.0);
    for row in rows {
        let q = q(row);
        square += residual(row) * q;
        squares += q * q;
    }
    let value = log_determinant + square;
    if !value.is_finite() {
        return None;
    }
    let held = (gram - gram * middle * gram) / *variance;
    let trace_of_inverse = (n - (middle * gram).trace()) / variance;
    // V⁻¹ZΩ, row by row: Z(Ω − K·ZᵀZ·Ω)/σ².
    let coupled = (omega - middle * gram * omega) / *variance;
    let turned = omega * pulled;
    let (mut by_first, mut by_second) = ([0.0; LANES], 0.0);
    for row in rows {
        let (q, coupled) = (q(row), z(row).transpose() * coupled);
        let slope = |k: usize| 2.0 * (coupled[k] - q * (turned[k] + beta[k]));
        by_first.iter_mut().zip(row.first.eps).for_each(|(sum, eps)| *sum += eps * slope(1));
        by_second += row.second.eps[0] * slope(2);
    }
    Some(Derivatives {
        value,
        by_beta: pulled * -2.0,
        held,
        pulled,
        by_log_sigma: 2.0 * variance * (trace_of_inverse - squares),
        by_first,
        by_second,
    })
}

/// Zᵀ V⁻¹ Z and Zᵀ V⁻¹ y of a patient, the contributions to generalised least squares.
pub(super) fn normal_equations(
    rows: &[Row],
    omega: &Matrix3<f64>,
    variance: f64,
) -> Option<(Matrix3<f64>, Vector3<f64>)> {
    let moments = Moments { beta: Vector3::zeros(), omega: *omega, variance };
    let found = likelihood(rows, &moments)?;
    Some((found.held, found.pulled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};

    fn rows() -> Vec<Row> {
        let row = |(root, y, w, g): (f64, f64, f64, f64)| Row {
            root,
            y: root * y,
            first: Dual { re: root * w, eps: [root * (0.3 - w), root * w * w, 0.0, 0.0] },
            second: Dual { re: root * g, eps: [root * 0.2 * g] },
        };
        [
            (1.0, 4.4, 0.0, 0.0),
            (2.0_f64.sqrt(), 3.9, -0.4, 0.2),
            (1.0, 3.1, -0.9, 0.5),
            (3.0_f64.sqrt(), 3.5, -0.7, 0.8),
        ]
        .map(row)
        .to_vec()
    }

    fn moments() -> Moments {
        Moments {
            beta: Vector3::new(4.2, 1.3, -0.4),
            omega: Matrix3::new(0.8, 0.1, 0.0, 0.1, 0.3, 0.0, 0.0, 0.0, 0.05),
            variance: 0.25,
        }
    }

    /// The likelihood from the dense covariance matrix.
    fn dense(rows: &[Row], moments: &Moments) -> f64 {
        let n = rows.len();
        let design = DMatrix::from_fn(n, 3, |i, k| z(&rows[i])[k]);
        let y = DVector::from_fn(n, |i, _| rows[i].y);
        let omega = DMatrix::from_fn(3, 3, |i, j| moments.omega[(i, j)]);
        let beta = DVector::from_fn(3, |k, _| moments.beta[k]);
        let v = &design * omega * design.transpose() + DMatrix::identity(n, n) * moments.variance;
        let r = y - design * beta;
        v.determinant().ln() + (r.transpose() * v.try_inverse().unwrap() * &r)[0]
    }

    #[test]
    fn the_likelihood_and_its_derivatives_are_those_of_the_dense_covariance() {
        let (rows, at) = (rows(), moments());
        let found = likelihood(&rows, &at).unwrap();
        assert!((found.value - dense(&rows, &at)).abs() < 1e-12, "{} {}", found.value, dense(&rows, &at));
        let h = 1e-5;
        let central = |of: &dyn Fn(f64) -> f64| (of(h) - of(-h)) / (2.0 * h);
        for k in 0..3 {
            let by = central(&|h| {
                let mut there = at;
                there.beta[k] += h;
                dense(&rows, &there)
            });
            assert!((found.by_beta[k] - by).abs() < 1e-7, "beta {k}: {} {by}", found.by_beta[k]);
        }
        for (i, j) in [(0, 0), (0, 1), (1, 1), (2, 2)] {
            let mut change = Matrix3::zeros();
            change[(i, j)] = 1.0;
            change[(j, i)] = 1.0;
            let by = central(&|h| dense(&rows, &Moments { omega: at.omega + change * h, ..at }));
            assert!((found.along(&change) - by).abs() < 1e-7, "omega {i} {j}");
        }
        let by = central(&|h| dense(&rows, &Moments { variance: at.variance * (2.0 * h).exp(), ..at }));
        assert!((found.by_log_sigma - by).abs() < 1e-7);
        let moved = |lane: usize, h: f64| -> Vec<Row> {
            let one = |row: &Row| {
                let mut row = *row;
                match lane {
                    3 => row.second.re += h * row.second.eps[0],
                    _ => row.first.re += h * row.first.eps[lane],
                }
                row
            };
            rows.iter().map(one).collect()
        };
        for lane in [0, 1, 3] {
            let by = central(&|h| dense(&moved(lane, h), &at));
            let own = if lane == 3 { found.by_second } else { found.by_first[lane] };
            assert!((own - by).abs() < 1e-7, "unknown {lane}: {own} {by}");
        }
    }

    /// A normal outcome with a placebo response, from `scripts/reference/outcome_likelihoods.py`.
    #[test]
    fn the_likelihood_is_that_of_an_independent_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcome_likelihoods.json");
        let all: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let normal = &all["normal"];
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let at = |parameters: &serde_json::Value| {
            let of = |name: &str| parameters[name].as_f64().unwrap();
            let (b, e, across) = (of("sb"), of("se"), of("r") * of("sb") * of("se"));
            let moments = Moments {
                beta: Vector3::new(of("B"), of("E"), of("P")),
                omega: Matrix3::new(b * b, across, 0.0, across, e * e, 0.0, 0.0, 0.0, 0.0),
                variance: of("sigma").powi(2),
            };
            let (mut sum, mut gradient) = (0.0, [0.0; 5]);
            for patient in normal["patients"].as_array().unwrap() {
                let [time, w, y] = ["time", "w", "y"].map(|key| numbers(&patient[key]));
                let row = |k: usize| {
                    let left = (-of("kappa") * time[k]).exp();
                    let second = Dual { re: 1.0 - left, eps: [time[k] * left] };
                    Row { root: 1.0, y: y[k], first: Dual { re: w[k], eps: [0.0; LANES] }, second }
                };
                let rows: Vec<Row> = (0..y.len()).map(row).collect();
                let found = likelihood(&rows, &moments).unwrap();
                sum += found.value + rows.len() as f64 * std::f64::consts::TAU.ln();
                let own = [
                    found.by_beta[0],
                    found.by_beta[1],
                    found.by_beta[2],
                    found.by_second,
                    found.by_log_sigma,
                ];
                gradient.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
            (sum, gradient)
        };
        for point in normal["points"].as_array().unwrap() {
            let expected = point["minus2ll"].as_f64().unwrap();
            let (found, _) = at(&point["parameters"]);
            assert!((found / expected - 1.0).abs() < 1e-12, "{found}, not {expected}");
        }
        let (least, gradient) = at(&normal["fit"]["parameters"]);
        assert!((least - normal["fit"]["minus2ll"].as_f64().unwrap()).abs() < 1e-9);
        assert!(gradient.iter().all(|g| g.abs() < 1e-5), "{gradient:?}");
    }
}
