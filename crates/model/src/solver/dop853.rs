//! Adaptive Runge–Kutta of order 8 (Dormand–Prince 8(5,3)) with a seventh-order interpolant.
//!
//! Step sizes are chosen from the values alone, never from the derivatives, so a run with dual numbers takes the very
//! steps of the run with `f64` and its derivatives are those of the numbers that are printed.

use super::pace::{Limits, Pace, distrust, first_step};
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
/// The largest state, in any unit: outputs, which are states in other units, are finite too.
pub(super) const LARGEST: f64 = 1e280;
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
    /// Evaluations with the partial derivatives of the right-hand side.
    pub jacobians: u64,
    /// Steps taken.
    pub accepted: u64,
    /// Steps tried and repeated smaller.
    pub rejected: u64,
}

impl Work {
    /// Steps tried.
    pub fn tried(&self) -> u64 {
        self.accepted + self.rejected
    }
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
    #[error(
        "{steps} steps of the solver did not reach the end, but day {t}: a dose or a parameter is out of all proportion"
    )]
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

/// The integrator: the stages of one step, and its counters.
#[derive(Clone, Debug)]
pub struct Dop853<T, const N: usize> {
    k: [[T; N]; 16],
    limits: Limits,
    /// Counters.
    pub work: Work,
}

impl<T: Real, const N: usize> Dop853<T, N> {
    /// A fresh integrator whose steps are held to `limits`.
    #[inline(always)]
    pub fn new(limits: Limits) -> Self {
        Self { k: [[T::zero(); N]; 16], limits, work: Work::default() }
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
        let mut next = 0;
        self.k[0] = self.evaluate(system, along, 0, t0, y);
        along.begin(system);
        let h = first_step(system, (t0, t1), (y, &self.k[0]), tolerance)?;
        self.work.evaluations += 1;
        let mut pace = Pace::new(self.limits, self.work.tried()).segment((t0, t1), h);
        while pace.goes_on() {
            let stop = match output {
                Output::Landed if next < times.len() => times[next],
                _ => t1,
            };
            let step = pace.step(stop)?;
            let (t, h) = (step.from, step.length);
            for stage in 1..12 {
                let at = combine(&self.k, y, h, A[stage]);
                self.k[stage] = self.evaluate(system, along, stage, t + C[stage] * h, &at);
            }
            let end = combine(&self.k, y, h, A[12]);
            let error = self.error(y, &end, h, tolerance) * distrust(system.turn(y), system.turn(&end));
            if !pace.takes(&step, error)? {
                self.work.rejected += 1;
                continue;
            }
            self.work.accepted += 1;
            let reached = step.to;
            self.k[12] = self.evaluate(system, along, 12, reached, &end);
            let along_end = along.step(system, h);
            if next < times.len() && times[next] < reached {
                for stage in 13..16 {
                    let at = combine(&self.k, y, h, A[stage]);
                    self.k[stage] = self.evaluate(system, along, stage, t + C[stage] * h, &at);
                }
                let f = interpolant(&self.k, h, y, &end);
                let dense = along.dense(system, h, &along_end);
                while next < times.len() && times[next] < reached {
                    let x = (times[next] - t) / h;
                    emit(&interpolate(&f, y, x), &along.inside(system, &dense, x));
                    next += 1;
                }
            }
            while next < times.len() && times[next] <= reached {
                emit(&end, &along_end);
                next += 1;
            }
            *y = end;
            along.advance(&along_end);
            self.k[0] = self.k[12];
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
        self.work.jacobians += u64::from(W::LINEARISES);
        along.evaluate(system, stage, t, y)
    }

    /// The error of a step in units of the tolerance: at most one is good enough.
    #[inline(always)]
    fn error(&self, y: &[T; N], end: &[T; N], h: f64, tolerance: &Tolerance<N>) -> f64 {
        let weigh = |row| combine_with(&self.k, &[0.0; N], row, |sum, e, k: T| sum + e * k.value());
        let (y, end) = (y.map(|y| y.value()), end.map(|y| y.value()));
        wrong_by(&y, &end, h, (&weigh(E5), &weigh(E3)), tolerance)
    }
}

/// The error of a step of length `h` from `y` to `end`, of which its two estimates make so much; NaN where `end` is
/// above [`LARGEST`] or no number.
#[inline(always)]
pub(super) fn wrong_by<const N: usize>(
    y: &[f64; N],
    end: &[f64; N],
    h: f64,
    (of_fifth, of_third): (&[f64; N], &[f64; N]),
    tolerance: &Tolerance<N>,
) -> f64 {
    let (mut fifth, mut third, mut sum) = (0.0, 0.0, 0.0);
    for i in 0..N {
        sum += end[i];
        let size = y[i].abs().max(end[i].abs());
        let scale = tolerance.rtol * (size + NEGLIGIBLE * tolerance.size[i]);
        fifth += (of_fifth[i] / scale).powi(2);
        third += (of_third[i] / scale).powi(2);
    }
    // Beside a state that has left the finite numbers every error is nothing.
    if !(sum.abs() < LARGEST) {
        return f64::NAN;
    }
    let denominator = fifth + 0.01 * third;
    if denominator == 0.0 {
        return 0.0;
    }
    h * fifth / (denominator * N as f64).sqrt()
}

/// A row of the tableau over the stages, from `start`.
#[inline(always)]
pub(super) fn combine_with<S: Copy, V: Copy, const N: usize>(
    k: &[[V; N]; 16],
    start: &[S; N],
    row: Row,
    add: impl Fn(S, f64, V) -> S,
) -> [S; N] {
    let mut sum = *start;
    for &(stage, a) in row {
        for i in 0..N {
            sum[i] = add(sum[i], a, k[stage][i]);
        }
    }
    sum
}

/// `y + h·Σ a·k`.
#[inline(always)]
pub(super) fn combine<V: Linear, const N: usize>(k: &[[V; N]; 16], y: &[V; N], h: f64, row: Row) -> [V; N] {
    combine_with(k, y, row, |sum, a, k| sum.plus(h * a, k))
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
