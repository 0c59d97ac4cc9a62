//! The choice of the steps of a segment from the errors of the steps before.

use super::problem::{Problem, SolverError, Tolerance, derivative_of};
use std::marker::PhantomData;

/// The first step of a segment at a tolerance of 1e-8, in units of the fastest relative change of a state.
const ONSET: f64 = 0.35;
/// By how much a first step from a state of zero is shortened.
const ZERO_START: f64 = 0.1;
/// Stand-in for the size of a state that starts from zero, as a part of its later scale.
const ZERO_SIZE: f64 = 1e-3;
/// By how much the error estimate is inflated in a step that comes near an event of the solution.
const INFLATION: f64 = 100.0;
const SAFETY: f64 = 0.9;
/// By how much the trend of the error can bend the choice of a step, either way.
const TREND: f64 = 2.0;

/// The constants by which a method's steps are chosen.
pub trait StepRule {
    /// More steps than any well-posed problem needs from one event to the next.
    const MOST_STEPS: u64;
    /// The smallest and the largest ratio of a step to the one before.
    const SHRINK: f64;
    /// See [`StepRule::SHRINK`].
    const GROW: f64;
    /// The ratio of a step to one whose error is not finite.
    const RETRY: f64;
    /// The shortest step, as a part of the segment, that is tried again after an error that is not finite.
    const SHORTEST: f64;
    /// Whether the errors of the last two steps bend the choice of the next, and a step after a refused one is not longer.
    const LOOKS_BACK: bool;

    /// The root of an error by which the step is chosen: that of the order of the error estimate.
    fn root(error: f64) -> f64;
}

/// The rule of an error estimate of order eight.
#[derive(Clone, Copy, Debug)]
pub struct OrderEight;

#[inline(always)]
fn eighth_root(x: f64) -> f64 {
    x.sqrt().sqrt().sqrt()
}

impl StepRule for OrderEight {
    const MOST_STEPS: u64 = 100_000;
    const SHRINK: f64 = 0.1;
    const GROW: f64 = 10.0;
    const RETRY: f64 = 0.1;
    const SHORTEST: f64 = 1e-12;
    const LOOKS_BACK: bool = true;

    #[inline(always)]
    fn root(error: f64) -> f64 {
        eighth_root(error).max(0.03)
    }
}

/// The rule of an error estimate of order six, by which an implicit method is stepped.
#[derive(Clone, Copy, Debug)]
pub struct OrderSix;

impl StepRule for OrderSix {
    const MOST_STEPS: u64 = 10_000;
    const SHRINK: f64 = 0.125;
    const GROW: f64 = 8.0;
    const RETRY: f64 = 0.25;
    const SHORTEST: f64 = 1e-14;
    const LOOKS_BACK: bool = false;

    #[inline(always)]
    fn root(error: f64) -> f64 {
        error.max(1e-12).powf(1.0 / 6.0)
    }
}

/// Limits of the steps of a solution.
#[derive(Clone, Copy, Debug)]
pub struct StepLimits {
    /// The longest step, days.
    pub longest: f64,
    /// The most steps that are tried, over all segments.
    pub steps: u64,
}

/// The time that a segment has reached, and the length that suits its next step.
#[derive(Clone, Copy, Debug)]
pub struct StepController<R> {
    t: f64,
    t0: f64,
    t1: f64,
    limits: StepLimits,
    h: f64,
    /// The last step with the root of its error.
    last: Option<(f64, f64)>,
    rejected: bool,
    /// Steps tried since the solution began.
    tried: u64,
    /// Steps that had been tried when the segment began.
    before: u64,
    rule: PhantomData<R>,
}

/// A step that is tried.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Where it begins, days.
    pub from: f64,
    /// Its length, days.
    pub length: f64,
    /// Where it ends, days.
    pub to: f64,
}

impl<R: StepRule> StepController<R> {
    /// Before the first segment of a solution.
    #[inline(always)]
    pub fn new(limits: StepLimits) -> Self {
        Self {
            t: 0.0,
            t0: 0.0,
            t1: 0.0,
            limits,
            h: f64::INFINITY,
            last: None,
            rejected: false,
            tried: 0,
            before: 0,
            rule: PhantomData,
        }
    }

    /// The next segment begins, from zero to `days`, where the first step is `h`.
    #[inline(always)]
    pub fn begin(&mut self, days: f64, h: f64) {
        (self.t, self.t0, self.t1, self.h) = (0.0, 0.0, days, h);
        (self.last, self.rejected, self.before) = (None, false, self.tried);
    }

    /// The length that suits the next step, days.
    #[inline(always)]
    pub fn suited(&self) -> f64 {
        self.h
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
    ///
    /// # Errors
    /// When the steps have become too many or too short.
    #[inline(always)]
    pub fn step(&mut self, stop: f64) -> Result<Step, SolverError> {
        self.tried += 1;
        if self.tried > self.limits.steps.min(self.before + R::MOST_STEPS) {
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

    /// Whether a step with this `error`, in units of the tolerance, is accepted; the next is chosen either way. An error that is
    /// not a number is that of a step that failed.
    ///
    /// # Errors
    /// When a step fails that cannot be shorter.
    #[inline(always)]
    pub fn accepts(&mut self, step: &Step, error: f64) -> Result<bool, SolverError> {
        let length = step.length;
        if !error.is_finite() {
            if length <= R::SHORTEST * (self.t1 - self.t0) {
                return Err(SolverError::NotFinite { t: self.t });
            }
            self.rejected = true;
            self.h = length * R::RETRY;
            return Ok(false);
        }
        let root = R::root(error);
        if error > 1.0 {
            self.rejected = true;
            self.h = length * (SAFETY / root).max(R::SHRINK);
            return Ok(false);
        }
        let mut factor = SAFETY / root;
        if R::LOOKS_BACK {
            if self.rejected {
                factor = factor.min(1.0);
            } else if let Some((last_length, last_root)) = self.last {
                // Halfway from the error of this step to the error that the last two foretell for the next.
                let trend = length / last_length * (last_root / root);
                factor *= trend.clamp(1.0 / TREND, TREND).sqrt();
            }
        }
        let suited = length * factor.clamp(R::SHRINK, R::GROW);
        // A step cut short to land on a time says little about the next one.
        self.h = if length < self.h { suited.max(self.h) } else { suited };
        self.last = Some((length, root));
        self.rejected = false;
        self.t = step.to;
        Ok(true)
    }
}

/// The first step of a segment of so many days where y' is `slope`, from another derivative a little ahead.
///
/// # Errors
/// When the derivative is not finite.
#[inline(always)]
pub fn first_step<const N: usize>(
    problem: &impl Problem<N, 1>,
    days: f64,
    (y, slope): (&[f64; N], &[f64; N]),
    tolerance: &Tolerance<N>,
) -> Result<f64, SolverError> {
    let size = |i: usize| if y[i] == 0.0 { ZERO_SIZE * tolerance.size[i] } else { y[i].abs() };
    let relative = |v: [f64; N]| (0..N).map(|i| v[i].abs() / size(i)).fold(0.0, f64::max);
    let rate = relative(*slope);
    if !(rate + slope.iter().sum::<f64>()).is_finite() {
        return Err(SolverError::NotFinite { t: 0.0 });
    }
    let ahead = (0.01 / rate).min(days);
    let mut probe = *y;
    for i in 0..N {
        probe[i] += ahead * slope[i];
    }
    let later = derivative_of(problem, ahead, &probe);
    let bend = relative(std::array::from_fn(|i| (later[i] - slope[i]) / ahead));
    // A state that starts from zero has no scale yet, and its powers no derivative: the estimate is blind there.
    let caution = if y.contains(&0.0) { ZERO_START } else { 1.0 };
    let onset = caution * ONSET * eighth_root(tolerance.rtol * 1e8);
    Ok((onset / rate.max(bend.sqrt())).min(days))
}

/// By how much to multiply the error estimate of a step between two values of an event function: more than one if it, or
/// another of its length before or after it, passes zero.
#[inline(always)]
pub fn error_inflation(from: f64, to: f64) -> f64 {
    let (before, after) = (2.0 * from - to, 2.0 * to - from);
    if before * after > 0.0 || from == to { 1.0 } else { INFLATION }
}
