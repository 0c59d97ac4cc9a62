//! The choice of the steps of a segment from the errors of those before.

use super::dop853::{SolverError, System, Tolerance};
use crate::scalar::Real;

/// The first step of a segment at a tolerance of 1e-8, in units of the fastest relative change of a state.
const ONSET: f64 = 0.35;
/// By how much a first step from a state of zero is shortened.
const ZERO_START: f64 = 0.1;
/// What stands for the size of a state that starts from zero, as a part of what it amounts to later.
const ZERO_SIZE: f64 = 1e-3;
/// By how much the error estimate is distrusted in a step that comes near a turn.
const TURN: f64 = 100.0;
/// More steps than any well-posed problem needs from one event to the next.
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

/// What the steps of a solution are held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest step, days.
    pub longest: f64,
    /// How many are tried at most, over all segments.
    pub steps: u64,
}

/// How far a segment has come, and how long a step suits it next.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time reached, days.
    pub t: f64,
    t0: f64,
    t1: f64,
    limits: Limits,
    h: f64,
    /// The last step with the eighth root of its error.
    last: Option<(f64, f64)>,
    rejected: bool,
    /// Steps tried since the solution began.
    tried: u64,
    /// Those that had been tried when the segment began.
    before: u64,
}

/// A step that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Where it begins, days.
    pub from: f64,
    /// Its length, days.
    pub length: f64,
    /// Where it ends, days.
    pub to: f64,
}

impl Pace {
    /// Before the next segment of a solution of which so many steps have been `tried`.
    #[inline(always)]
    pub fn new(limits: Limits, tried: u64) -> Self {
        Self { t: 0.0, t0: 0.0, t1: 0.0, limits, h: 0.0, last: None, rejected: false, tried, before: tried }
    }

    /// At the start of the next segment, from `t0` to `t1`, where the first step is `h`.
    #[inline(always)]
    #[must_use]
    pub fn segment(&self, (t0, t1): (f64, f64), h: f64) -> Self {
        let (limits, tried) = (self.limits, self.tried);
        Self { t: t0, t0, t1, limits, h, last: None, rejected: false, tried, before: tried }
    }

    /// Steps tried since the solution began.
    pub fn tried(&self) -> u64 {
        self.tried
    }

    /// Whether the segment goes on.
    #[inline(always)]
    pub fn goes_on(&self) -> bool {
        self.t < self.t1
    }

    /// The step to try next, where one must end at `stop` or before.
    #[inline(always)]
    pub fn step(&mut self, stop: f64) -> Result<Step, SolverError> {
        self.tried += 1;
        if self.tried > self.limits.steps.min(self.before + MAX_STEPS) {
            return Err(SolverError::TooManySteps { t: self.t, steps: self.tried });
        }
        // The last two steps to a stop are equal, so that no sliver is left for the last.
        let (room, reach) = (stop - self.t, self.h.min(self.limits.longest));
        let lands = reach >= room * (1.0 - 1e-9);
        let length = if lands { room } else { reach.min(0.5 * room) };
        if length.is_nan() || (!lands && length <= 4.0 * f64::EPSILON * self.t.abs()) {
            return Err(SolverError::StepTooSmall { t: self.t });
        }
        Ok(Step { from: self.t, length, to: if lands { stop } else { self.t + length } })
    }

    /// Whether a step is taken that is wrong by `error` in units of the tolerance; the next is chosen either way.
    #[inline(always)]
    pub fn takes(&mut self, step: &Step, error: f64) -> Result<bool, SolverError> {
        let length = step.length;
        if !error.is_finite() {
            if length <= 1e-12 * (self.t1 - self.t0) {
                return Err(SolverError::NotFinite { t: self.t });
            }
            self.rejected = true;
            self.h = length * 0.1;
            return Ok(false);
        }
        let root = eighth_root(error).max(LEAST);
        if error > 1.0 {
            self.rejected = true;
            self.h = length * (SAFETY / root).max(SHRINK);
            return Ok(false);
        }
        let mut factor = SAFETY / root;
        if self.rejected {
            factor = factor.min(1.0);
        } else if let Some((last_length, last_root)) = self.last {
            // Halfway from the error of this step to the error that the last two foretell for the next.
            let trend = length / last_length * (last_root / root);
            factor *= trend.clamp(1.0 / TREND, TREND).sqrt();
        }
        let suited = length * factor.clamp(SHRINK, GROW);
        // A step cut short to land on a time says little about the next one.
        self.h = if length < self.h { suited.max(self.h) } else { suited };
        self.last = Some((length, root));
        self.rejected = false;
        self.t = step.to;
        Ok(true)
    }
}

/// The first step of a segment where y' is `slope`, from another derivative a little ahead.
#[inline(always)]
pub fn first_step<T: Real, S: System<T, N>, const N: usize>(
    system: &S,
    (t0, t1): (f64, f64),
    (y, slope): (&[T; N], &[T; N]),
    tolerance: &Tolerance<N>,
) -> Result<f64, SolverError> {
    let zero = |i: usize| y[i].value() == 0.0;
    let size = |i: usize| if zero(i) { ZERO_SIZE * tolerance.size[i] } else { y[i].value().abs() };
    let relative = |v: [f64; N]| (0..N).map(|i| v[i].abs() / size(i)).fold(0.0, f64::max);
    let span = t1 - t0;
    let pace = relative(slope.map(|d| d.value()));
    if !(pace + slope.iter().map(Real::value).sum::<f64>()).is_finite() {
        return Err(SolverError::NotFinite { t: t0 });
    }
    let ahead = (0.01 / pace).min(span);
    let mut probe = *y;
    for i in 0..N {
        probe[i] = probe[i].axpy(ahead, slope[i]);
    }
    let later = system.derivative(t0 + ahead, &probe);
    let bend = relative(std::array::from_fn(|i| (later[i].value() - slope[i].value()) / ahead));
    // A state that starts from zero has no scale yet, and its powers no derivative: the estimate is blind there.
    let caution = if (0..N).any(zero) { ZERO_START } else { 1.0 };
    let onset = caution * ONSET * eighth_root(tolerance.rtol * 1e8);
    Ok((onset / pace.max(bend.sqrt())).min(span))
}

/// By how much to multiply the error estimate of a step between two values of [`System::turn`]: more than one if it, or
/// another of its length before or after it, passes zero.
#[inline(always)]
pub fn distrust(from: f64, to: f64) -> f64 {
    let (before, after) = (2.0 * from - to, 2.0 * to - from);
    if before * after > 0.0 || from == to { 1.0 } else { TURN }
}
