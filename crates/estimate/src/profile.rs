//! Intervals from the profile of a subject's objective.
//!
//! The end of an interval of one parameter is where the objective, minimised over all the others, has risen by the
//! quantile of χ² with one degree of freedom. It is found by Newton's method on the root of the rise, which is nearly
//! straight; the slope of the profile is that of the objective in the parameter that is held. The others follow it from
//! the estimate on, so that it is the profile of that minimum: of another, such as that where absorption and elimination
//! change places, it says nothing.

use crate::descent::descend;
use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals};
use crate::problem::{SubjectError, SubjectProblem};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The ends of an interval, on the scale of η; infinite where the objective never rises so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfileInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// As far as an end is looked for, log units: a factor of 22,000.
const FARTHEST: f64 = 10.0;
/// The error of an end, as part of its distance in standard deviations.
const CLOSE: f64 = 1e-4;
const MOST_STEPS: usize = 25;
/// A predicted decrease that is the minimum of the others.
const SMALL_DECREASE: f64 = 1e-9;

/// A subject's least squares with one unknown held.
struct Held<'p, 'a> {
    problem: &'p SubjectProblem<'a>,
    position: usize,
    value: f64,
}

fn with(others: &[f64], position: usize, value: f64) -> Vec<f64> {
    let mut eta = others.to_vec();
    eta.insert(position, value);
    eta
}

fn without(eta: &[f64], position: usize) -> Vec<f64> {
    let mut others = eta.to_vec();
    others.remove(position);
    others
}

impl Residuals for Held<'_, '_> {
    type Error = SubjectError;

    fn linearise(&self, others: &[f64]) -> Result<Linearised, SubjectError> {
        let mut at = self.problem.linearise(&with(others, self.position, self.value))?;
        at.jacobian = at.jacobian.remove_column(self.position);
        Ok(at)
    }
}

/// The interval of unknown `position` around the minimum `eta`, where the objective is `least` and the unknown's
/// standard error `se`; `None` if it cannot be found, or the others find a lower minimum.
pub(crate) fn profile_interval(
    problem: &SubjectProblem<'_>,
    (eta, least): (&[f64], f64),
    (position, se): (usize, f64),
    level: f64,
    max_iterations: u64,
) -> Option<ProfileInterval> {
    let distance = ChiSquared::new(1.0).ok()?.inverse_cdf(level).sqrt();
    let end = |side: f64| {
        let (best, mut others) = (eta[position], without(eta, position));
        let mut value = best + side * (distance * se).clamp(1e-6, 2.0);
        for _ in 0..MOST_STEPS {
            let held = Held { problem, position, value };
            let solver = LevenbergMarquardt::until(SMALL_DECREASE);
            others = descend(held, solver, others, max_iterations).0.eta;
            let at = problem.linearise(&with(&others, position, value)).ok()?;
            let rise = at.objective - least;
            if rise < -1e-6 * (1.0 + least.abs()) {
                return None;
            }
            let root = rise.max(0.0).sqrt();
            let away = value - best;
            if (root - distance).abs() <= CLOSE * distance {
                return Some(value);
            }
            if away.abs() >= FARTHEST && root < distance {
                return Some(side * f64::INFINITY);
            }
            // d√rise/dη is the objective's slope over twice the root.
            let slope = at.jacobian.column(position).dot(&at.residuals) / root;
            let step = (distance - root) / slope;
            let sound = step.is_finite() && slope * side > 0.0;
            // Where the profile is flat, twice as far; never past the middle, nor beyond the farthest.
            let next = if sound { away + step } else { 2.0 * away };
            let next = (side * next).clamp(0.3 * away.abs(), 3.0 * away.abs()).min(FARTHEST);
            value = best + side * next;
        }
        None
    };
    Some(ProfileInterval { low: end(-1.0)?, high: end(1.0)? })
}
