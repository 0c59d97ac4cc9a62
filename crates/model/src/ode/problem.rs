//! Initial value problems, several side by side, and what an integration of them reports.

use super::tangent::{Partials, Tangent};
use crate::autodiff::Simd;

/// `W` initial value problems y' = f(t, y), one in each lane, with `N` states each.
pub trait Problem<const N: usize, const W: usize> {
    /// f(t, y) of each lane.
    fn derivative(&self, t: Simd<W>, y: &[Simd<W>; N]) -> [Simd<W>; N];
}

/// Problems whose right-hand sides come with their partial derivatives, in `L` directions besides those of the states.
pub trait LinearisedProblem<const N: usize, const L: usize, const W: usize>: Problem<N, W> {
    /// f(t, y) of each lane, to the bit that of [`Problem::derivative`], and its partial derivatives.
    fn linearise(&self, t: Simd<W>, y: &[Simd<W>; N]) -> ([Simd<W>; N], Partials<N, L, Simd<W>>);
}

/// States as lanes of one.
#[inline(always)]
fn packed<const N: usize>(y: &[f64; N]) -> [Simd<1>; N] {
    let mut lanes = [Simd([0.0]); N];
    for n in 0..N {
        lanes[n].0[0] = y[n];
    }
    lanes
}

/// f(t, y) of a single problem.
#[inline(always)]
pub fn derivative_of<const N: usize>(problem: &impl Problem<N, 1>, t: f64, y: &[f64; N]) -> [f64; N] {
    lane_of(&problem.derivative(Simd([t]), &packed(y)), 0)
}

/// f(t, y) of a single problem, and its partial derivatives.
#[inline(always)]
pub fn linearisation_of<const N: usize, const L: usize>(
    problem: &impl LinearisedProblem<N, L, 1>,
    t: f64,
    y: &[f64; N],
) -> ([f64; N], Partials<N, L>) {
    let (value, partials) = problem.linearise(Simd([t]), &packed(y));
    (lane_of(&value, 0), partials.lane(0))
}

/// The states of one lane.
#[inline(always)]
pub(super) fn lane_of<const N: usize, const W: usize>(all: &[Simd<W>; N], lane: usize) -> [f64; N] {
    // No `from_fn`: it is not compiled into its caller, nor for the caller's processor.
    let mut own = [0.0; N];
    for n in 0..N {
        own[n] = all[n].0[lane];
    }
    own
}

/// The tangents of one lane.
#[inline(always)]
pub(super) fn tangents_of<const N: usize, const L: usize, const W: usize>(
    all: &[Tangent<L, Simd<W>>; N],
    lane: usize,
) -> [Tangent<L>; N] {
    let mut own = [Tangent([0.0; L]); N];
    for n in 0..N {
        own[n] = all[n].lane(lane);
    }
    own
}

/// Largest error of a step, state by state: `rtol·(|y| + NEGLIGIBLE·size)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance<const N: usize> {
    /// Relative tolerance.
    pub rtol: f64,
    /// Scale of each state where it is not small, in its unit.
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

    /// Counts evaluations, with partial derivatives if there are directions.
    #[inline(always)]
    pub(super) fn count(&mut self, evaluations: u64, has_directions: bool) {
        self.evaluations += evaluations;
        if has_directions {
            self.jacobians += evaluations;
        }
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
    /// The error in a time whose zero is `days` earlier.
    #[must_use]
    pub fn later(mut self, days: f64) -> Self {
        match &mut self {
            Self::NotFinite { t } | Self::StepTooSmall { t } | Self::TooManySteps { t, .. } => *t += days,
        }
        self
    }
}
