//! Delay models fitted to patients, with random effects.
//!
//! Patient i has y_ij = B_i + E_i·w_i(t_ij) + ε_ij: its own baseline and its own effect, normal and correlated around B and E (of
//! a loss around B and B), its own course of free IgE in w, ε normal of variance σ². The rate and the link are the same for all.
//! As the random effects enter linearly the likelihood is exact, y_i ~ N(X_i·β, Z_i Ω Z_iᵀ + σ²I) with Z_i = (1, w_i), and is
//! maximised with its exact gradient. Standard errors are from the outer products of the patients' gradients.

use super::data::{DelayData, LANES, Member};
use super::fit::{DelayFit, Level, estimate_of, plain, spread};
use super::means::amplitude_unit;
use super::shape::DelayModel;
use nalgebra::{Cholesky, DMatrix, Matrix2, Vector2};
use omafit_estimate::{DescentStop, Evaluated, score};
use omafit_model::Dual;

const MOST_ITERATIONS: u64 = 100;
/// ln sd_B, ln sd_E, atanh of their correlation, ln σ.
const SPREADS: usize = 4;

/// Fits a model to the patients, from its fit to the means. `None` where the likelihood has no value there.
pub fn fit_patients(data: &DelayData, from: &DelayFit) -> Option<DelayFit> {
    let model = from.model;
    let problem = Problem::new(data, model)?;
    let estimate = |name| from.estimates.iter().find(|e| e.name == name).map(|e| e.value / problem.scale);
    let baseline = estimate("B")?;
    let effect = estimate("E").unwrap_or(baseline);
    let mut start = vec![baseline];
    start.extend(estimate("E"));
    start.extend(&from.unknowns);
    // Of values of standard deviation 1, as they are scaled here.
    start.extend([-0.5, (0.5 * effect.abs()).max(0.05).ln(), 0.0, -0.5]);
    let evaluate = |x: &[f64]| problem.evaluate(x);
    let end = score(&evaluate, start, MOST_ITERATIONS)?;
    let (p, x) = (end.x.len(), &end.x);
    let information = DMatrix::from_column_slice(p, p, &end.at.expected) * 0.5;
    let inverse = Cholesky::new(information).map(|c| c.inverse());
    let se = |i: usize| inverse.as_ref().map_or(f64::NAN, |v| v[(i, i)].sqrt());
    let (scale, unit) = (problem.scale, amplitude_unit(model));
    let linear = problem.linear();
    let mut estimates = vec![plain("B", "outcome", x[0], se(0), scale)];
    if linear == 2 {
        estimates.push(plain("E", unit, x[1], se(1), scale));
    }
    let own = model.parameters().into_iter().enumerate();
    estimates.extend(own.map(|(i, q)| estimate_of(q, x[linear + i], se(linear + i))));
    let at = p - SPREADS;
    estimates.push(spread("sd_B", "outcome", x[at], se(at), scale));
    estimates.push(spread("sd_E", unit, x[at + 1], se(at + 1), scale));
    let mut correlation = plain("corr_B_E", "", x[at + 2], se(at + 2), 1.0);
    correlation.value = correlation.value.tanh();
    correlation.se *= 1.0 - correlation.value.powi(2);
    (correlation.low, correlation.high) = (correlation.low.tanh(), correlation.high.tanh());
    estimates.push(correlation);
    estimates.push(spread("sigma", "outcome", x[at + 3], se(at + 3), scale));
    let n = data.values();
    Some(DelayFit {
        model,
        level: Level::Patients,
        n,
        patients: data.patients(),
        estimates,
        minus2ll: end.at.value + n as f64 * (2.0 * scale.ln() + std::f64::consts::TAU.ln()),
        converged: end.stop.is_some_and(DescentStop::is_minimum),
        unknowns: x[linear..at].to_vec(),
    })
}

struct Problem<'a> {
    data: &'a DelayData,
    model: DelayModel,
    scale: f64,
}

impl<'a> Problem<'a> {
    fn new(data: &'a DelayData, model: DelayModel) -> Option<Self> {
        let values = || data.members.iter().flat_map(|m| m.rows.iter().map(|r| r.2));
        let scale = crate::summary::Summary::of(values()).sd;
        (scale > 0.0 && data.patients() > 1).then_some(Self { data, model, scale })
    }

    fn linear(&self) -> usize {
        if self.model.is_loss() { 1 } else { 2 }
    }

    /// −2LL without 2π, its gradient, and half the sum of the outer products of the patients' gradients: what the second
    /// derivatives are expected to be.
    fn evaluate(&self, x: &[f64]) -> Option<Evaluated> {
        let p = x.len();
        let mut total = Evaluated { value: 0.0, gradient: vec![0.0; p], expected: vec![0.0; p * p] };
        let shapes = self.data.slopes(self.model, &x[self.linear()..p - SPREADS]);
        for (member, shape) in self.data.members.iter().zip(&shapes) {
            let (value, gradient) = self.of_member(member, shape, x)?;
            total.value += value;
            for i in 0..p {
                total.gradient[i] += gradient[i];
                for j in 0..p {
                    total.expected[i * p + j] += 0.5 * gradient[i] * gradient[j];
                }
            }
        }
        Some(total)
    }

    fn of_member(&self, member: &Member, shape: &[Dual<f64, LANES>], x: &[f64]) -> Option<(f64, Vec<f64>)> {
        let (p, linear) = (x.len(), self.linear());
        let at = p - SPREADS;
        let y: Vec<f64> = member.rows.iter().map(|r| r.2 / self.scale).collect();
        let effect = if linear == 1 { x[0] } else { x[1] };
        let (sd_b, sd_e, r, sigma) = (x[at].exp(), x[at + 1].exp(), x[at + 2].tanh(), x[at + 3].exp());
        let omega = Matrix2::new(sd_b * sd_b, r * sd_b * sd_e, r * sd_b * sd_e, sd_e * sd_e);
        let law = Law::new(shape, omega, sigma * sigma)?;
        let residuals: Vec<f64> = y.iter().zip(shape).map(|(y, w)| y - x[0] - effect * w.re).collect();
        let q = law.solve(&residuals);
        let value = law.log_determinant + residuals.iter().zip(&q).map(|(r, q)| r * q).sum::<f64>();
        let zq = law.across(&q);
        let mut gradient = vec![0.0; p];
        gradient[0] = -2.0 * if linear == 1 { zq[0] + zq[1] } else { zq[0] };
        if linear == 2 {
            gradient[1] = -2.0 * zq[1];
        }
        // dV = dw·(ΩZᵀ)₁ + its transpose.
        let coupled: Vec<f64> = shape.iter().map(|w| omega[(1, 0)] + omega[(1, 1)] * w.re).collect();
        let solved = law.solve(&coupled);
        let pull = (omega * zq)[1];
        for (i, g) in gradient[linear..at].iter_mut().enumerate() {
            for (k, w) in shape.iter().enumerate() {
                *g += w.eps[i] * (2.0 * solved[k] - 2.0 * q[k] * pull - 2.0 * effect * q[k]);
            }
        }
        // tr(dΩ·ZᵀV⁻¹Z) − (Zᵀq)ᵀ·dΩ·Zᵀq.
        let held = law.held();
        let against = |d: Matrix2<f64>| (d * held).trace() - (zq.transpose() * d * zq)[0];
        let cross = r * sd_b * sd_e;
        gradient[at] = against(Matrix2::new(2.0 * sd_b * sd_b, cross, cross, 0.0));
        gradient[at + 1] = against(Matrix2::new(0.0, cross, cross, 2.0 * sd_e * sd_e));
        let turn = (1.0 - r * r) * sd_b * sd_e;
        gradient[at + 2] = against(Matrix2::new(0.0, turn, turn, 0.0));
        let squares: f64 = q.iter().map(|q| q * q).sum();
        gradient[at + 3] = 2.0 * sigma * sigma * (law.trace_of_inverse() - squares);
        Some((value, gradient))
    }
}

/// V = ZΩZᵀ + s·I of one patient, Z = (1, w), by the identity of Woodbury: V⁻¹ = (I − Z·K·Zᵀ)/s with K = Ω(sI + ZᵀZ·Ω)⁻¹.
struct Law<'a> {
    shape: &'a [Dual<f64, LANES>],
    gram: Matrix2<f64>,
    middle: Matrix2<f64>,
    variance: f64,
    log_determinant: f64,
}

impl<'a> Law<'a> {
    fn new(shape: &'a [Dual<f64, LANES>], omega: Matrix2<f64>, variance: f64) -> Option<Self> {
        let (n, sum) = (shape.len() as f64, shape.iter().map(|w| w.re).sum::<f64>());
        let gram = Matrix2::new(n, sum, sum, shape.iter().map(|w| w.re * w.re).sum());
        let inner = Matrix2::identity() * variance + gram * omega;
        let middle = omega * inner.try_inverse()?;
        let log_determinant = (n - 2.0) * variance.ln() + inner.determinant().ln();
        log_determinant.is_finite().then_some(Self { shape, gram, middle, variance, log_determinant })
    }

    /// Zᵀv.
    fn across(&self, v: &[f64]) -> Vector2<f64> {
        let sum =
            |of: &dyn Fn(f64, f64) -> f64| self.shape.iter().zip(v).map(|(w, v)| of(w.re, *v)).sum::<f64>();
        Vector2::new(sum(&|_, v| v), sum(&|w, v| w * v))
    }

    /// V⁻¹v.
    fn solve(&self, v: &[f64]) -> Vec<f64> {
        let taken = self.middle * self.across(v);
        self.shape.iter().zip(v).map(|(w, v)| (v - taken[0] - w.re * taken[1]) / self.variance).collect()
    }

    /// ZᵀV⁻¹Z.
    fn held(&self) -> Matrix2<f64> {
        (self.gram - self.gram * self.middle * self.gram) / self.variance
    }

    fn trace_of_inverse(&self) -> f64 {
        (self.shape.len() as f64 - (self.middle * self.gram).trace()) / self.variance
    }
}
