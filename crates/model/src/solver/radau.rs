//! Implicit adaptive integration for stiff systems: the five-stage Radau IIA method of order 9.
//!
//! The stages of a step are solved for by Newton's method with the exact Jacobian of every stage until nothing
//! changes, as the systems are small. The derivatives of the solution follow by the same scheme as the linear system
//! they are, from the matrix that solved the stages: they are those of the numbers that are printed. The step is
//! chosen by the estimate of Hairer and Wanner (Solving Ordinary Differential Equations II, IV.8); the constants are
//! from `scripts/reference/radau.py`.

use super::dense::{Lu, MOST};
use super::dop853::{LARGEST, NEGLIGIBLE, SolverError, Tolerance, Work};
use super::pace::SAFETY;
use super::tangents::{Alone, Lanes, Linear, Linearised, Partials, Tangents};

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

/// More steps than any well-posed problem needs from one event to the next.
const MAX_STEPS: u64 = 10_000;
const MOST_ITERATIONS: usize = 10;
/// A correction of the stages whose square is lost in rounding.
const CONVERGED: f64 = 1e-8;
/// By how many times the step before a step can be longer for its stages to be extrapolated from it.
const FORETELLS: f64 = 1e6;
const SHRINK: f64 = 0.125;
const GROW: f64 = 8.0;

/// The tolerance for an estimate of order 5 that makes a solution of order 9 accurate to `rtol`: a
/// tenth of what Hairer and Wanner take, as it is asked of the outputs and not of a step.
fn estimate_rtol(rtol: f64) -> f64 {
    0.01 * rtol.powf(0.6)
}

/// The integrator and its counters.
#[derive(Clone, Debug)]
pub struct Radau {
    /// Step that suited the last segment.
    suited: Option<f64>,
    /// Steps that are tried at most, over all segments.
    most: u64,
    /// Counters.
    pub work: Work,
}

/// A step of which the stages are known.
pub struct Step<const N: usize, const L: usize> {
    /// Departure of each stage from the start of the step.
    z: [[f64; N]; STAGES],
    slopes: [[f64; N]; STAGES],
    partials: [Partials<N, L>; STAGES],
}

/// What goes along with a solution.
pub trait Solved<const N: usize, const L: usize> {
    /// Its states.
    type State: Copy;
    /// The state where the step in hand begins.
    fn state(&self) -> &Self::State;
    /// A step of length `h` is accepted; `None` if what goes along cannot be carried over it.
    fn accept(&mut self, step: &Step<N, L>, h: f64) -> Option<()>;
}

impl<const N: usize, const L: usize> Solved<N, L> for Alone {
    type State = ();
    fn state(&self) -> &() {
        &()
    }
    fn accept(&mut self, _: &Step<N, L>, _: f64) -> Option<()> {
        Some(())
    }
}

impl<const N: usize, const L: usize> Solved<N, L> for Tangents<N, L> {
    type State = [Lanes<L>; N];
    fn state(&self) -> &Self::State {
        &self.state
    }
    fn accept(&mut self, step: &Step<N, L>, h: f64) -> Option<()> {
        advance(&mut self.state, step, h)
    }
}

impl Radau {
    /// A fresh integrator that tries at most so many steps.
    pub fn new(most: u64) -> Self {
        Self { suited: None, most, work: Work::default() }
    }

    /// Integrates from `t0` to `t1`, leaving the end in `y` and in what goes `along`, and handing both at each of
    /// `times` (ascending, in `(t0, t1]`) to `emit`. A step ends at each of them.
    pub fn integrate<S, W, const N: usize, const L: usize>(
        &mut self,
        system: &S,
        (t0, t1): (f64, f64),
        (y, along): (&mut [f64; N], &mut W),
        tolerance: &Tolerance<N>,
        times: &[f64],
        mut emit: impl FnMut(&[f64; N], &W::State),
    ) -> Result<(), SolverError>
    where
        S: Linearised<N, L>,
        W: Solved<N, L>,
    {
        let rtol = estimate_rtol(tolerance.rtol);
        let mut t = t0;
        let mut next = 0;
        let mut h = self.suited.unwrap_or(f64::INFINITY).min(0.1 * (t1 - t0));
        let mut guess: Option<(f64, [[f64; N]; STAGES])> = None;
        let (before, mut tried) = (self.work.tried(), 0);
        let (mut slope, mut at) = self.linearise(system, t, y);
        if slope.iter().any(|s| !s.is_finite()) {
            return Err(SolverError::NotFinite { t });
        }
        while t < t1 {
            tried += 1;
            if tried > MAX_STEPS || before + tried > self.most {
                return Err(SolverError::TooManySteps { t, steps: before + tried });
            }
            let stop = times.get(next).copied().unwrap_or(t1);
            // The last two steps to a stop are equal, so that no sliver is left for the last.
            let (room, reach) = (stop - t, h);
            let lands = reach >= room * (1.0 - 1e-9);
            let step = if lands { room } else { reach.min(0.5 * room) };
            let vanishes = step <= 4.0 * f64::EPSILON * t.abs() || step < 1e-14 * (t1 - t0);
            if step.is_nan() || (!lands && vanishes) {
                return Err(SolverError::StepTooSmall { t });
            }
            // From a step that was cut to such a stop nothing can be foretold of one of ordinary length.
            let z = guess
                .filter(|(last, _)| step <= FORETELLS * last)
                .map_or([[0.0; N]; STAGES], |(last, z)| extrapolate(&z, step / last));
            let solved = self.solve(system, (t, step), y, z, tolerance);
            let judged = solved.and_then(|s| {
                let error = error(&at, &slope, &s, y, step, (rtol, tolerance))?;
                Some((s, error))
            });
            let Some((solved, error)) = judged else {
                self.work.rejected += 1;
                guess = None;
                h = 0.25 * step;
                continue;
            };
            let factor = SAFETY * error.max(1e-12).powf(-1.0 / 6.0);
            if error > 1.0 {
                self.work.rejected += 1;
                h = step * factor.max(SHRINK);
                continue;
            }
            along.accept(&solved, step).ok_or(SolverError::NotFinite { t })?;
            self.work.accepted += 1;
            for n in 0..N {
                y[n] += solved.z[STAGES - 1][n];
            }
            t = if lands { stop } else { t + step };
            (slope, at) = (solved.slopes[STAGES - 1], solved.partials[STAGES - 1]);
            guess = Some((step, solved.z));
            let suited = step * factor.min(GROW);
            // A step cut short to land on a time says little about the next one.
            h = if step < h { suited.max(h) } else { suited };
            while next < times.len() && times[next] <= t {
                emit(y, along.state());
                next += 1;
            }
        }
        self.suited = Some(h);
        Ok(())
    }

    fn linearise<S: Linearised<N, L>, const N: usize, const L: usize>(
        &mut self,
        system: &S,
        t: f64,
        y: &[f64; N],
    ) -> ([f64; N], Partials<N, L>) {
        self.work.evaluations += 1;
        self.work.jacobians += 1;
        system.linearise(t, y)
    }

    /// Solves the stages of a step from the guess `z`: z = h·A·f(y + z). `None` where Newton's method does not settle.
    fn solve<S: Linearised<N, L>, const N: usize, const L: usize>(
        &mut self,
        system: &S,
        (t, h): (f64, f64),
        y: &[f64; N],
        mut z: [[f64; N]; STAGES],
        tolerance: &Tolerance<N>,
    ) -> Option<Step<N, L>> {
        let mut before = f64::INFINITY;
        for _ in 0..MOST_ITERATIONS {
            let stages: [_; STAGES] = std::array::from_fn(|i| {
                let at = std::array::from_fn(|n| y[n] + z[i][n]);
                self.linearise(system, t + C[i] * h, &at)
            });
            let (slopes, partials) = (stages.map(|s| s.0), stages.map(|s| s.1));
            if before < CONVERGED {
                return Some(Step { z, slopes, partials });
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
                let size = y[n].abs().max((y[n] + z[STAGES - 1][n]).abs()) + NEGLIGIBLE * tolerance.size[n];
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

/// The derivatives of the solution at the end of a step.
fn advance<const N: usize, const L: usize>(
    tangent: &mut [Lanes<L>; N],
    step: &Step<N, L>,
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

/// The error of a step in units of the tolerance: at most one is good enough.
fn error<const N: usize, const L: usize>(
    start: &Partials<N, L>,
    slope: &[f64; N],
    step: &Step<N, L>,
    y: &[f64; N],
    h: f64,
    (rtol, tolerance): (f64, &Tolerance<N>),
) -> Option<f64> {
    let mut rows = [[0.0; MOST]; MOST];
    let mut estimate = [0.0; MOST];
    for n in 0..N {
        for m in 0..N {
            let one = if n == m { 1.0 } else { 0.0 };
            rows[n][m] = one - h * GAMMA * start.by_state[n][m];
        }
        let stages: f64 = (0..STAGES).map(|i| E[i] * step.slopes[i][n]).sum();
        estimate[n] = h * (GAMMA * slope[n] + stages);
    }
    Lu::factor(N, rows)?.solve(&mut estimate[..N]);
    let square = |n: usize| {
        let size = y[n].abs().max((y[n] + step.z[STAGES - 1][n]).abs());
        (estimate[n] / (rtol * (size + NEGLIGIBLE * tolerance.size[n]))).powi(2)
    };
    let error = ((0..N).map(square).sum::<f64>() / N as f64).sqrt();
    let is_sound = (0..N).all(|n| (y[n] + step.z[STAGES - 1][n]).abs() < LARGEST);
    (is_sound && error.is_finite()).then_some(error)
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
                out[n] = out[n].plus(weight, stage[n]);
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
