//! Adaptive Runge–Kutta of order 8 (Dormand–Prince 8(5,3)) with a seventh-order interpolant.
//!
//! Step sizes are chosen from the values alone, never from the derivatives, so a run with dual numbers takes the very
//! steps of the run with `f64` and its derivatives are those of the numbers that are printed.

use super::tableau::{A, C, D, E3, E5, Row};
use super::tangents::{Companion, Linear};
use crate::scalar::Real;

/// An initial value problem y' = f(t, y) with `N` states.
pub trait System<T: Real, const N: usize> {
    /// f(t, y).
    fn derivative(&self, t: f64, y: &[T; N]) -> [T; N];

    /// A quantity on whose change of sign the solution bends sharply; of one sign where it never does.
    fn turn(&self, _y: &[T; N]) -> f64 {
        1.0
    }
}

/// What a step may be wrong by, state by state: `rtol·(|y| + NEGLIGIBLE·size)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance<const N: usize> {
    /// Relative tolerance.
    pub rtol: f64,
    /// What each state amounts to when it is not small, in its unit.
    pub size: [f64; N],
}

/// The part of a state's size below which its relative accuracy no longer matters.
pub const NEGLIGIBLE: f64 = 1e-15;
/// What stands for the size of a state that starts from zero, as a part of what it amounts to later.
const ZERO_SIZE: f64 = 1e-3;

/// How states at output times are obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A step ends at each: best for a few.
    Landed,
    /// From the interpolant of the step around each: best for a grid finer than the steps.
    Interpolated,
}

/// Counters of one integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Evaluations of the right-hand side.
    pub evaluations: u64,
    /// Steps taken.
    pub accepted: u64,
    /// Steps tried and repeated smaller.
    pub rejected: u64,
}

/// Why an integration stopped short.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SolverError {
    /// The state or its derivative left the finite numbers.
    #[error("the solution is not finite at day {t}")]
    NotFinite {
        /// Time reached, days.
        t: f64,
    },
    /// The step size fell to the resolution of time.
    #[error("the step size vanished at day {t}")]
    StepTooSmall {
        /// Time reached, days.
        t: f64,
    },
    /// More steps than any well-posed problem needs.
    #[error("{steps} steps did not reach the end; stopped at day {t}")]
    TooManySteps {
        /// Time reached, days.
        t: f64,
        /// Steps tried.
        steps: u64,
    },
}

impl SolverError {
    /// The same in a time whose zero is `days` earlier.
    #[must_use]
    pub fn later(mut self, days: f64) -> Self {
        match &mut self {
            Self::NotFinite { t } | Self::StepTooSmall { t } | Self::TooManySteps { t, .. } => *t += days,
        }
        self
    }
}

/// The first step of a segment at a tolerance of 1e-8, in units of the fastest relative change of a state.
const ONSET: f64 = 0.35;
/// By how much a first step from a state of zero is shortened.
const ZERO_START: f64 = 0.1;
/// By how much the error estimate is distrusted in a step that comes near a turn.
const TURN: f64 = 100.0;
const MAX_STEPS: u64 = 100_000;
pub(super) const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.1;
const GROW: f64 = 10.0;
/// By how much the trend of the error can bend the choice of a step, either way.
const TREND: f64 = 2.0;
/// Eighth root of the smallest error that is told from none.
const LEAST: f64 = 0.03;

/// The eighth root, by which an error of order eight tells the step.
#[inline(always)]
fn eighth_root(x: f64) -> f64 {
    x.sqrt().sqrt().sqrt()
}

/// The integrator: the stages of one step, and its counters.
#[derive(Clone, Debug)]
pub struct Dop853<T, const N: usize> {
    k: [[T; N]; 16],
    longest: f64,
    /// Counters.
    pub work: Work,
}

impl<T: Real, const N: usize> Dop853<T, N> {
    /// A fresh integrator whose steps are at most `longest` days.
    #[inline(always)]
    pub fn new(longest: f64) -> Self {
        Self { k: [[T::zero(); N]; 16], longest, work: Work::default() }
    }

    /// Integrates over a segment from `t0` to `t1`, leaving the end in `y` and handing the state at each of `times`
    /// (ascending, in `(t0, t1]`) to `emit`, in their order.
    #[inline(always)]
    pub fn integrate<S: System<T, N>, W: Companion<T, S, N>>(
        &mut self,
        system: &S,
        (t0, t1): (f64, f64),
        (y, along): (&mut [T; N], &mut W),
        tolerance: &Tolerance<N>,
        (times, output): (&[f64], Output),
        mut emit: impl FnMut(&[T; N], &W::State),
    ) -> Result<(), SolverError> {
        let mut t = t0;
        let mut next = 0;
        self.k[0] = self.evaluate(system, along, 0, t, y);
        along.begin(system);
        let mut h = self.first_step(system, (t0, t1), y, tolerance)?;
        let mut last: Option<(f64, f64)> = None;
        let mut rejected = false;
        let mut tried = 0;
        while t < t1 {
            tried += 1;
            if tried > MAX_STEPS {
                return Err(SolverError::TooManySteps { t, steps: tried });
            }
            let stop = match output {
                Output::Landed if next < times.len() => times[next],
                _ => t1,
            };
            // The last two steps to a stop are equal, so that no sliver is left for the last.
            let (room, reach) = (stop - t, h.min(self.longest));
            let lands = reach >= room * (1.0 - 1e-9);
            let step = if lands { room } else { reach.min(0.5 * room) };
            if step.is_nan() || step <= 4.0 * f64::EPSILON * t.abs() {
                return Err(SolverError::StepTooSmall { t });
            }
            for stage in 1..12 {
                let at = combine(&self.k, y, step, A[stage]);
                self.k[stage] = self.evaluate(system, along, stage, t + C[stage] * step, &at);
            }
            let end = combine(&self.k, y, step, A[12]);
            let error = self.error(y, &end, step, tolerance) * distrust(system.turn(y), system.turn(&end));
            if !error.is_finite() {
                if step <= 1e-12 * (t1 - t0) {
                    return Err(SolverError::NotFinite { t });
                }
                self.work.rejected += 1;
                rejected = true;
                h = step * 0.1;
                continue;
            }
            let root = eighth_root(error).max(LEAST);
            if error > 1.0 {
                self.work.rejected += 1;
                rejected = true;
                h = step * (SAFETY / root).max(SHRINK);
                continue;
            }
            self.work.accepted += 1;
            let reached = if lands { stop } else { t + step };
            self.k[12] = self.evaluate(system, along, 12, reached, &end);
            let along_end = along.step(system, step);
            if next < times.len() && times[next] < reached {
                for stage in 13..16 {
                    let at = combine(&self.k, y, step, A[stage]);
                    self.k[stage] = self.evaluate(system, along, stage, t + C[stage] * step, &at);
                }
                let f = interpolant(&self.k, step, y, &end);
                let dense = along.dense(system, step, &along_end);
                while next < times.len() && times[next] < reached {
                    let x = (times[next] - t) / step;
                    emit(&interpolate(&f, y, x), &along.inside(system, &dense, x));
                    next += 1;
                }
            }
            while next < times.len() && times[next] <= reached {
                emit(&end, &along_end);
                next += 1;
            }
            let mut factor = SAFETY / root;
            if rejected {
                factor = factor.min(1.0);
            } else if let Some((last_step, last_root)) = last {
                // Halfway from the error of this step to the error that the last two foretell for the next.
                let trend = step / last_step * (last_root / root);
                factor *= trend.clamp(1.0 / TREND, TREND).sqrt();
            }
            let suited = step * factor.clamp(SHRINK, GROW);
            // A step cut short to land on a time says little about the next one.
            h = if step < h { suited.max(h) } else { suited };
            last = Some((step, root));
            *y = end;
            along.advance(&along_end);
            self.k[0] = self.k[12];
            t = reached;
            rejected = false;
        }
        Ok(())
    }

    #[inline(always)]
    fn evaluate<S: System<T, N>, W: Companion<T, S, N>>(
        &mut self,
        system: &S,
        along: &mut W,
        stage: usize,
        t: f64,
        y: &[T; N],
    ) -> [T; N] {
        self.work.evaluations += 1;
        along.evaluate(system, stage, t, y)
    }

    /// The first step of a segment, from the derivative in stage 0 and another a little ahead.
    #[inline(always)]
    fn first_step<S: System<T, N>>(
        &mut self,
        system: &S,
        (t0, t1): (f64, f64),
        y: &[T; N],
        tolerance: &Tolerance<N>,
    ) -> Result<f64, SolverError> {
        let zero = |i: usize| y[i].value() == 0.0;
        let size = |i: usize| if zero(i) { ZERO_SIZE * tolerance.size[i] } else { y[i].value().abs() };
        let relative = |v: [f64; N]| (0..N).map(|i| v[i].abs() / size(i)).fold(0.0, f64::max);
        let span = t1 - t0;
        let slope = self.k[0].map(|d| d.value());
        let pace = relative(slope);
        if !(pace + slope.iter().sum::<f64>()).is_finite() {
            return Err(SolverError::NotFinite { t: t0 });
        }
        let ahead = (0.01 / pace).min(span);
        let mut probe = *y;
        for i in 0..N {
            probe[i] = probe[i].axpy(ahead, self.k[0][i]);
        }
        self.work.evaluations += 1;
        let later = system.derivative(t0 + ahead, &probe);
        let bend = relative(std::array::from_fn(|i| (later[i].value() - slope[i]) / ahead));
        // A state that starts from zero has no scale yet, and its powers no derivative: the estimate is blind there.
        let caution = if (0..N).any(zero) { ZERO_START } else { 1.0 };
        let onset = caution * ONSET * eighth_root(tolerance.rtol * 1e8);
        Ok((onset / pace.max(bend.sqrt())).min(span))
    }

    /// The error of a step in units of the tolerance: at most one is good enough.
    #[inline(always)]
    fn error(&self, y: &[T; N], end: &[T; N], h: f64, tolerance: &Tolerance<N>) -> f64 {
        let (mut fifth, mut third) = (0.0, 0.0);
        for i in 0..N {
            let size = y[i].value().abs().max(end[i].value().abs());
            let scale = tolerance.rtol * (size + NEGLIGIBLE * tolerance.size[i]);
            let weigh =
                |row: Row| row.iter().map(|&(stage, e)| e * self.k[stage][i].value()).sum::<f64>() / scale;
            fifth += weigh(E5).powi(2);
            third += weigh(E3).powi(2);
        }
        let denominator = fifth + 0.01 * third;
        if denominator == 0.0 {
            return 0.0;
        }
        h * fifth / (denominator * N as f64).sqrt()
    }
}

/// `y + h·Σ a·k`.
#[inline(always)]
pub(super) fn combine<V: Linear, const N: usize>(k: &[[V; N]; 16], y: &[V; N], h: f64, row: Row) -> [V; N] {
    let mut sum = *y;
    for &(stage, a) in row {
        for i in 0..N {
            sum[i] = sum[i].plus(h * a, k[stage][i]);
        }
    }
    sum
}

/// The terms of the interpolant of a step of length `h` from `y` to `end`.
#[inline(always)]
pub(super) fn interpolant<V: Linear, const N: usize>(
    k: &[[V; N]; 16],
    h: f64,
    y: &[V; N],
    end: &[V; N],
) -> [[V; N]; 7] {
    let zero = [V::nil(); N];
    let mut f = [zero; 7];
    for i in 0..N {
        let rise = end[i] - y[i];
        f[0][i] = rise;
        f[1][i] = k[0][i] * h - rise;
        f[2][i] = rise * 2.0 - (k[12][i] + k[0][i]) * h;
    }
    for (term, row) in f[3..].iter_mut().zip(D) {
        *term = combine(k, &zero, h, row);
    }
    f
}

/// By how much to multiply the error estimate of a step between two values of [`System::turn`]: more than one if it, or
/// another of its length before or after it, passes zero.
#[inline(always)]
fn distrust(from: f64, to: f64) -> f64 {
    let (before, after) = (2.0 * from - to, 2.0 * to - from);
    if before * after > 0.0 || from == to { 1.0 } else { TURN }
}

/// The interpolant at the fraction `x` of its step.
#[inline(always)]
pub(super) fn interpolate<V: Linear, const N: usize>(f: &[[V; N]; 7], y: &[V; N], x: f64) -> [V; N] {
    let mut sum = [V::nil(); N];
    for (power, term) in f.iter().enumerate().rev() {
        let factor = if power % 2 == 0 { x } else { 1.0 - x };
        for i in 0..N {
            sum[i] = (sum[i] + term[i]) * factor;
        }
    }
    for i in 0..N {
        sum[i] = sum[i] + y[i];
    }
    sum
}
