//! Implicit adaptive integration for stiff systems: the five-stage Radau IIA method of order 9.
//!
//! The stages of a step are solved for by Newton's method with the exact Jacobian of every stage until nothing
//! changes, as the systems are small. The derivatives of the solution follow by the same scheme as the linear system
//! they are, from the matrix that solved the stages: they are those of the numbers that are printed. The step is
//! chosen by the estimate of Hairer and Wanner (Solving Ordinary Differential Equations II, IV.8); the constants are
//! from `scripts/reference/radau.py`.

use super::lu::{Lu, MOST};
use super::problem::{
    LARGEST, LinearisedProblem, NEGLIGIBLE, Output, SolverError, Tolerance, Work, linearisation_of,
};
use super::step_control::{OrderSix, Step, StepLimits};
use super::stepper::{Differentiated, Stepper};
use super::tangent::{Linear, Partials, Tangent};

const STAGES: usize = 5;
const C: [f64; STAGES] = [
    0.057_104_196_114_517_68,
    0.276_843_013_638_123_8,
    0.583_590_432_368_916_8,
    0.860_240_135_656_219_5,
    1.0,
];
const A: [[f64; STAGES]; STAGES] = [
    [
        0.072_998_864_317_903_33,
        -0.026735331107945572,
        0.018676929763984354,
        -0.012_879_106_093_306_44,
        0.005_042_839_233_882_015,
    ],
    [
        0.15377523147918247,
        0.14621486784749351,
        -0.036_444_568_905_128_09,
        0.021_233_063_119_304_72,
        -0.007_935_579_902_728_777,
    ],
    [
        0.14006304568480987,
        0.29896712949128348,
        0.16758507013524896,
        -0.033_969_101_686_617_75,
        0.010944288744192252,
    ],
    [
        0.14489430810953476,
        0.27650006876015923,
        0.32579792291042103,
        0.12875675325490976,
        -0.015708917378805328,
    ],
    [0.14371356079122594, 0.28135601514946206, 0.31182652297574125, 0.22310390108357074, 0.04],
];
/// The real eigenvalue of `A`.
const GAMMA: f64 = 0.15906584442746912;
/// Weights of the stages in the error estimate, the derivative at the start having the weight [`GAMMA`].
const E: [f64; STAGES] = [
    -0.252_343_312_249_546_4,
    0.16035712210296995,
    -0.11627313434096281,
    0.081_006_648_945_564_02,
    -0.031_813_168_885_493_83,
];

const MOST_ITERATIONS: usize = 10;
/// A correction of the stages whose square is lost in rounding.
const CONVERGED: f64 = 1e-8;
/// By how many times the step before a step can be longer for its stages to be extrapolated from it.
const FORETELLS: f64 = 1e6;
/// The longest first step of a segment, as a part of it.
const FIRST: f64 = 0.1;

/// The tolerance for an estimate of order 5 that makes a solution of order 9 accurate to `rtol`: a
/// tenth of what Hairer and Wanner take, as it is asked of the outputs and not of a step.
fn estimate_rtol(rtol: f64) -> f64 {
    0.01 * rtol.powf(0.6)
}

/// The stages of a step.
#[derive(Clone, Debug)]
struct Stages<const N: usize, const L: usize> {
    /// Departure of each stage from the start of the step.
    z: [[f64; N]; STAGES],
    slopes: [[f64; N]; STAGES],
    partials: [Partials<N, L>; STAGES],
}

/// A step of one solution with `N` states and derivatives in `L` directions.
#[derive(Clone, Debug)]
pub struct Radau<const N: usize, const L: usize> {
    step: Step,
    y: [f64; N],
    tangent: [Tangent<L>; N],
    /// The right-hand side at the start of the step.
    slope: [f64; N],
    partials: Partials<N, L>,
    /// The length and the stages of the last step.
    last: Option<(f64, [[f64; N]; STAGES])>,
    /// The stages of the step in hand, if they were found, and its error.
    tried: Option<(Stages<N, L>, f64)>,
    end: [f64; N],
    tangent_end: [Tangent<L>; N],
    /// Whether the derivatives could be carried over the step.
    is_carried: bool,
    tolerance: Tolerance<N>,
    work: Work,
}

impl<const N: usize, const L: usize> Stepper<N, L, 1> for Radau<N, L> {
    type Rule = OrderSix;

    fn new() -> Box<Self> {
        let none = [Tangent([0.0; L]); N];
        Box::new(Self {
            step: Step::default(),
            y: [0.0; N],
            tangent: none,
            slope: [0.0; N],
            partials: Partials::none(),
            last: None,
            tried: None,
            end: [0.0; N],
            tangent_end: none,
            is_carried: true,
            tolerance: Tolerance { rtol: 1.0, size: [1.0; N] },
            work: Work::default(),
        })
    }

    /// Its steps are bounded by their error alone.
    fn limits(limits: StepLimits) -> StepLimits {
        StepLimits { longest: f64::INFINITY, ..limits }
    }

    /// The interpolant of its steps is less accurate than their ends, so a step ends at each time whatever is asked.
    fn output(_: Output) -> Output {
        Output::Landed
    }

    fn assign(&mut self, _: usize) {
        self.work = Work::default();
    }

    fn begin(
        &mut self,
        _: usize,
        problem: &impl LinearisedProblem<N, L, 1>,
        (y, tangent): &Differentiated<N, L>,
        (days, suited): (f64, f64),
        tolerance: &Tolerance<N>,
    ) -> Result<f64, SolverError> {
        self.tolerance = *tolerance;
        (self.y, self.tangent, self.last) = (*y, *tangent, None);
        self.work.count(1, true);
        (self.slope, self.partials) = linearisation_of(problem, 0.0, y);
        if self.slope.iter().any(|s| !s.is_finite()) {
            return Err(SolverError::NotFinite { t: 0.0 });
        }
        Ok(suited.min(FIRST * days))
    }

    fn set(&mut self, _: usize, step: &Step) {
        self.step = *step;
    }

    fn rest(&mut self, _: usize) {}

    fn attempt(&mut self, problem: &impl LinearisedProblem<N, L, 1>) {
        let h = self.step.length;
        // From a step that was cut to such a stop nothing can be foretold of one of ordinary length.
        let guess = self
            .last
            .filter(|(last, _)| h <= FORETELLS * last)
            .map_or([[0.0; N]; STAGES], |(last, z)| extrapolate(&z, h / last));
        let found = self.solve(problem, guess);
        let judged = found.and_then(|stages| {
            let error = self.estimate(&stages)?;
            Some((stages, error))
        });
        match &judged {
            Some((stages, _)) => {
                for n in 0..N {
                    self.end[n] = self.y[n] + stages.z[STAGES - 1][n];
                }
            }
            None => self.last = None,
        }
        self.tried = judged;
    }

    fn error(&self, _: usize) -> f64 {
        self.tried.as_ref().map_or(f64::NAN, |(_, error)| *error)
    }

    fn complete(&mut self, _: &impl LinearisedProblem<N, L, 1>, _: [bool; 1]) {
        self.tangent_end = self.tangent;
        if let Some((stages, _)) = &self.tried
            && L > 0
        {
            self.is_carried = carry(&mut self.tangent_end, stages, self.step.length).is_some();
        }
    }

    fn completed(&self, _: usize) -> Result<(), SolverError> {
        if self.is_carried { Ok(()) } else { Err(SolverError::NotFinite { t: self.step.from }) }
    }

    fn interpolate(&mut self, _: &impl LinearisedProblem<N, L, 1>, _: [bool; 1]) {}

    fn inside(&self, _: usize, _: impl Iterator<Item = f64>, _: impl FnMut(Differentiated<N, L>)) {}

    fn start(&self, _: usize) -> [f64; N] {
        self.y
    }

    fn end(&self, _: usize) -> [f64; N] {
        self.end
    }

    fn tangents_at_end(&self, _: usize) -> [Tangent<L>; N] {
        self.tangent_end
    }

    fn advance(&mut self, _: usize) {
        (self.y, self.tangent) = (self.end, self.tangent_end);
        if let Some((stages, _)) = self.tried.take() {
            let last = STAGES - 1;
            (self.slope, self.partials) = (stages.slopes[last], stages.partials[last]);
            self.last = Some((self.step.length, stages.z));
        }
    }

    fn work(&self, _: usize) -> Work {
        self.work
    }
}

impl<const N: usize, const L: usize> Radau<N, L> {
    /// Solves the stages of the step from the guess `z`: z = h·A·f(y + z). `None` where Newton's method does not settle.
    fn solve(
        &mut self,
        problem: &impl LinearisedProblem<N, L, 1>,
        mut z: [[f64; N]; STAGES],
    ) -> Option<Stages<N, L>> {
        let (y, h, size) = (self.y, self.step.length, self.tolerance.size);
        let mut before = f64::INFINITY;
        for _ in 0..MOST_ITERATIONS {
            self.work.count(STAGES as u64, true);
            let stages: [_; STAGES] = std::array::from_fn(|i| {
                let at = std::array::from_fn(|n| y[n] + z[i][n]);
                linearisation_of(problem, self.step.from + C[i] * h, &at)
            });
            let (slopes, partials) = (stages.map(|s| s.0), stages.map(|s| s.1));
            if before < CONVERGED {
                return Some(Stages { z, slopes, partials });
            }
            let mut residual = [0.0; MOST];
            for i in 0..STAGES {
                for n in 0..N {
                    let sum: f64 = (0..STAGES).map(|j| A[i][j] * slopes[j][n]).sum();
                    residual[i * N + n] = z[i][n] - h * sum;
                }
            }
            stage_matrix(&partials, h)?.solve(&mut residual[..STAGES * N]);
            let mut change = 0.0_f64;
            for n in 0..N {
                let size = y[n].abs().max((y[n] + z[STAGES - 1][n]).abs()) + NEGLIGIBLE * size[n];
                for i in 0..STAGES {
                    let correction = residual[i * N + n];
                    z[i][n] -= correction;
                    change = change.max((correction / size).abs());
                }
            }
            if !change.is_finite() || change > 10.0 * before {
                return None;
            }
            before = change;
        }
        None
    }

    /// The error of the step in units of the tolerance: at most one is good enough.
    fn estimate(&self, stages: &Stages<N, L>) -> Option<f64> {
        let (y, h, tolerance) = (&self.y, self.step.length, &self.tolerance);
        let rtol = estimate_rtol(tolerance.rtol);
        let mut rows = [[0.0; MOST]; MOST];
        let mut estimate = [0.0; MOST];
        for n in 0..N {
            for m in 0..N {
                let one = if n == m { 1.0 } else { 0.0 };
                rows[n][m] = one - h * GAMMA * self.partials.by_state[n][m];
            }
            let sum: f64 = (0..STAGES).map(|i| E[i] * stages.slopes[i][n]).sum();
            estimate[n] = h * (GAMMA * self.slope[n] + sum);
        }
        Lu::factor(N, rows)?.solve(&mut estimate[..N]);
        let square = |n: usize| {
            let size = y[n].abs().max((y[n] + stages.z[STAGES - 1][n]).abs());
            (estimate[n] / (rtol * (size + NEGLIGIBLE * tolerance.size[n]))).powi(2)
        };
        let error = ((0..N).map(square).sum::<f64>() / N as f64).sqrt();
        let is_sound = (0..N).all(|n| (y[n] + stages.z[STAGES - 1][n]).abs() < LARGEST);
        (is_sound && error.is_finite()).then_some(error)
    }
}

/// 1 − h·A⊗J, factored, with the Jacobian of each stage.
fn stage_matrix<const N: usize, const L: usize>(partials: &[Partials<N, L>; STAGES], h: f64) -> Option<Lu> {
    const { assert!(STAGES * N <= MOST) };
    let mut rows = [[0.0; MOST]; MOST];
    for i in 0..STAGES {
        for j in 0..STAGES {
            for n in 0..N {
                for m in 0..N {
                    let one = if i == j && n == m { 1.0 } else { 0.0 };
                    rows[i * N + n][j * N + m] = one - h * A[i][j] * partials[j].by_state[n][m];
                }
            }
        }
    }
    Lu::factor(STAGES * N, rows)
}

/// Carries the derivatives of a solution over a step.
fn carry<const N: usize, const L: usize>(
    tangent: &mut [Tangent<L>; N],
    step: &Stages<N, L>,
    h: f64,
) -> Option<()> {
    let matrix = stage_matrix(&step.partials, h)?;
    let drift = step.partials.map(|p| p.along(tangent));
    for lane in 0..L {
        let mut column = [0.0; MOST];
        for i in 0..STAGES {
            for n in 0..N {
                let sum: f64 = (0..STAGES).map(|j| A[i][j] * drift[j][n].0[lane]).sum();
                column[i * N + n] = h * sum;
            }
        }
        matrix.solve(&mut column[..STAGES * N]);
        for n in 0..N {
            tangent[n].0[lane] += column[(STAGES - 1) * N + n];
        }
    }
    Some(())
}

/// The polynomial through the stages of the last step, at the stages of the next, `ratio` times as long.
fn extrapolate<const N: usize>(z: &[[f64; N]; STAGES], ratio: f64) -> [[f64; N]; STAGES] {
    std::array::from_fn(|i| {
        let x = 1.0 + C[i] * ratio;
        let mut out = z[STAGES - 1].map(|end| -end);
        for (j, stage) in z.iter().enumerate() {
            let others = (0..STAGES).filter(|&k| k != j).map(|k| (x - C[k]) / (C[j] - C[k]));
            let weight = others.product::<f64>() * x / C[j];
            for n in 0..N {
                out[n] = out[n].axpy(weight, stage[n]);
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_satisfy_the_conditions_of_order_nine() {
        for k in 1..=9_i32 {
            let sum: f64 = (0..STAGES).map(|j| A[STAGES - 1][j] * C[j].powi(k - 1)).sum();
            assert!((sum - 1.0 / f64::from(k)).abs() < 1e-15, "quadrature {k}");
        }
        for k in 1..=5_i32 {
            for i in 0..STAGES {
                let sum: f64 = (0..STAGES).map(|j| A[i][j] * C[j].powi(k - 1)).sum();
                assert!((sum - C[i].powi(k) / f64::from(k)).abs() < 1e-15, "stage {i} order {k}");
            }
            let start = if k == 1 { GAMMA } else { 0.0 };
            let sum: f64 = (0..STAGES).map(|j| E[j] * C[j].powi(k - 1)).sum();
            assert!((sum + start).abs() < 1e-15, "estimate {k}");
        }
    }

    #[test]
    fn a_polynomial_of_degree_five_is_extrapolated_exactly() {
        let p = |x: f64| x.powi(5) - 2.0 * x.powi(3) + 0.5 * x;
        let z: [[f64; 1]; STAGES] = C.map(|c| [p(c)]);
        for (found, c) in extrapolate(&z, 1.3).iter().zip(C) {
            assert!((found[0] - (p(1.0 + 1.3 * c) - p(1.0))).abs() < 1e-12);
        }
    }
}
