//! Checks of a request before it is solved, and the limits and tolerances of its steps.

use super::parameter::{DOSING, PARTS, ParameterInfo};
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::course::{Course, CourseError, DEFAULT_RTOL};
use crate::ode::{Output, StepLimits, Tolerance};
use crate::subject::{Dose, Route, StateRule};

/// The longest step at the default tolerance, in units of the fastest relaxation time.
const LONGEST: f64 = 1.5;
/// Steps that any solution may take, and how many for each that it must take at the least.
const STEPS: f64 = 10_000.0;
const STEPS_EACH: f64 = 20.0;
/// More than any solution may take.
const MOST_STEPS: f64 = 500_000.0;
/// Steps that any search for a steady state may take, and how many for each that an interval must take at the least.
const STEADY_STEPS: f64 = 20_000.0;
const STEADY_STEPS_EACH: f64 = 200.0;

/// The longest step at a relative tolerance, days. At a coarser one than the default it grows as the step of an
/// integration of order eight does.
fn longest<B: OdeSystem<N, K>, const N: usize, const K: usize>(rates: &[f64; K], rtol: f64) -> f64 {
    LONGEST * (rtol / DEFAULT_RTOL).max(1.0).powf(0.125) / B::max_rate(rates)
}

/// The limits of the steps of a solution over a course. An ordinary one takes a tenth of them: where it does not, the effect of
/// the drug on the target is lost in the rounding of numbers, and the solver follows noise.
pub(super) fn limits<B: OdeSystem<N, K>, const N: usize, const K: usize>(
    rates: &[f64; K],
    course: &Course,
) -> StepLimits {
    let days = course.times().last().map_or(0.0, |last| last.time - course.start());
    let landed = if course.output() == Output::Landed { course.times().len() } else { 0 };
    let least = (course.doses().len() + landed) as f64 + days * B::max_rate(rates) / LONGEST;
    let steps = (STEPS + STEPS_EACH * least).min(MOST_STEPS) as u64;
    StepLimits { longest: longest::<B, N, K>(rates, course.rtol()), steps }
}

/// The limits of the steps of a search for the steady state of doses so many days apart.
pub(super) fn steady_limits<B: OdeSystem<N, K>, const N: usize, const K: usize>(
    rates: &[f64; K],
    interval: f64,
) -> StepLimits {
    let least = interval * B::max_rate(rates) / LONGEST;
    let steps = (STEADY_STEPS + STEADY_STEPS_EACH * least).min(MOST_STEPS) as u64;
    StepLimits { longest: longest::<B, N, K>(rates, DEFAULT_RTOL), steps }
}

/// The tolerance of a step for the accuracy asked of the outputs.
pub(super) fn tolerance<const N: usize>(
    initial: &[f64; N],
    course: &Course,
    nmol_per_mg: f64,
) -> Tolerance<N> {
    // Measured (docs/design/solver.md): the pair's error estimate is pessimistic for the end of a step, and inside the
    // long steps of the washout the interpolant is some ten times less accurate than their ends.
    let rtol = match course.output() {
        Output::Landed => 1.5 * course.rtol(),
        Output::Interpolated => 0.2 * course.rtol(),
    };
    let largest = course.doses().iter().map(|d| d.amount_mg * nmol_per_mg).fold(0.0, f64::max);
    // Where no drug is given its amount stays zero, and any size will do.
    let drug = if largest > 0.0 { largest } else { 1.0 };
    Tolerance { rtol, size: initial.map(|v| if v > 0.0 { v } else { drug }) }
}

/// Bioavailability and lag, if they are among the parameters.
pub(super) fn dosing<S, const N: usize, const K: usize>(parameters: &[f64]) -> Option<(f64, f64)>
where
    S: ModelEquations<N, K>,
{
    let own = S::PARAMETERS.len();
    Some((*parameters.get(own)?, *parameters.get(own + 1)?))
}

/// Whether the body can be solved over the course.
///
/// # Errors
/// When a parameter or the baseline is out of its domain, a dose cannot be given to this model, or the course's steps are spent.
pub(super) fn check<S, const N: usize, const K: usize>(
    parameters: &[f64],
    start: InitialTarget<f64>,
    course: &Course,
) -> Result<(), CourseError>
where
    S: ModelEquations<N, K>,
{
    course.check_budget()?;
    let infos = S::PARAMETERS.iter().chain(&DOSING);
    for (&ParameterInfo { name, .. }, &value) in infos.zip(parameters) {
        let largest = if PARTS.contains(&name) { 1.0 } else { f64::MAX };
        let nothing = name == DOSING[0].name && value == 0.0;
        if !(0.0..=largest).contains(&value) || nothing {
            return Err(CourseError::OutOfDomain { what: name, value });
        }
    }
    if let InitialTarget::Baseline { ige_ng_ml } = start
        && !(ige_ng_ml.is_finite() && ige_ng_ml > 0.0)
    {
        return Err(CourseError::OutOfDomain { what: "the baseline of total IgE", value: ige_ng_ml });
    }
    let dosed = dosing::<S, N, K>(parameters);
    let intravenous = course.doses().iter().find(|d| d.route == Route::Intravenous && d.amount_mg > 0.0);
    if let (Some(dose), None, true) = (intravenous, dosed, S::IS_APPARENT) {
        return Err(CourseError::NoBioavailability { time: dose.time });
    }
    let steady =
        |d: &&Dose| matches!(d.before, StateRule::SteadyState { .. } | StateRule::AddedSteadyState { .. });
    match (course.doses().iter().find(steady), dosed) {
        (Some(dose), Some((_, lag))) if lag > 0.0 => Err(CourseError::SteadyStateWithLag { time: dose.time }),
        _ => Ok(()),
    }
}
