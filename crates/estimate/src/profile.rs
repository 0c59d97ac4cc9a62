//! Profile-likelihood intervals of a subject's parameters.
//!
//! An interval of a parameter ends where the objective, minimised over all other parameters, has risen by the quantile
//! of χ² with one degree of freedom. The end is found by Newton's method on the square root of the rise, which is
//! nearly linear; the derivative of the profile is that of the objective with respect to the parameter held. The other
//! parameters follow continuously from the estimate, so that the profile belongs to that minimum: it carries no
//! information on another minimum, such as the one with absorption and elimination exchanged.

use crate::descent::descend;
use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals};
use crate::problem::{SubjectError, SubjectProblem};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Interval on the scale of η; an end is infinite where the objective never rises far enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfileInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Farthest distance at which an end is sought, log units: a factor of 22,000.
const FARTHEST: f64 = 10.0;
/// Relative accuracy of an end, in terms of the root of the rise.
const CLOSE: f64 = 1e-4;
const MOST_STEPS: usize = 25;
/// Predicted decrease, relative to 1 + S, at which the other parameters have converged.
const SMALL_DECREASE: f64 = 1e-9;

/// A subject's least-squares problem with one unknown held.
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

/// The interval of the unknown at `position` around the minimum `eta`, with objective `least` and standard error `se`
/// of the unknown; `None` if it cannot be found, or the other parameters find a lower minimum.
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
            // d√rise/dη is the derivative of the objective divided by twice the root.
            let slope = at.jacobian.column(position).dot(&at.residuals) / root;
            let step = (distance - root) / slope;
            let sound = step.is_finite() && slope * side > 0.0;
            // Where the profile is flat, go twice as far; never back by more than 70 %, nor beyond the farthest
            // distance.
            let next = if sound { away + step } else { 2.0 * away };
            let next = (side * next).clamp(0.3 * away.abs(), 3.0 * away.abs()).min(FARTHEST);
            value = best + side * next;
        }
        None
    };
    Some(ProfileInterval { low: end(-1.0)?, high: end(1.0)? })
}
