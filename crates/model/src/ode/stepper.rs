//! One step of each of several solutions: what an integration asks of a method.

use super::problem::{LinearisedProblem, Output, SolverError, Tolerance, Work};
use super::step_control::{Step, StepLimits, StepRule};
use super::tangent::Tangent;

/// A state and its derivatives in `L` directions; none where `L` is zero.
pub type Differentiated<const N: usize, const L: usize> = ([f64; N], [Tangent<L>; N]);

/// A method of integration that makes one step of each of `W` solutions at a time, each of its own length at its own time.
///
/// Derivatives in `L` directions are carried along by the same scheme as the linear system that they are. Steps are chosen
/// from the values alone, so that the values are, to the bit, those of a solution without derivatives.
pub trait Stepper<const N: usize, const L: usize, const W: usize>: Sized {
    /// How its steps are chosen.
    type Rule: StepRule;

    /// Solutions that stand still.
    fn new() -> Box<Self>;

    /// The limits of its steps, where those of the explicit method are `limits`.
    fn limits(limits: StepLimits) -> StepLimits {
        limits
    }

    /// How states at output times are obtained, where `asked` is asked for.
    fn output(asked: Output) -> Output {
        asked
    }

    /// A new solution takes `lane`.
    fn assign(&mut self, lane: usize);

    /// The solution in `lane` begins a segment of so many days from `start`; returns its first step. The second of two numbers is
    /// the step that suited the end of the segment before.
    ///
    /// # Errors
    /// When the derivative is not finite.
    fn begin(
        &mut self,
        lane: usize,
        problem: &impl LinearisedProblem<N, L, 1>,
        start: &Differentiated<N, L>,
        days_and_suited: (f64, f64),
        tolerance: &Tolerance<N>,
    ) -> Result<f64, SolverError>;

    /// The next step of the solution in `lane`.
    fn set(&mut self, lane: usize, step: &Step);

    /// The solution in `lane` stands still.
    fn rest(&mut self, lane: usize);

    /// Tries every step.
    fn attempt(&mut self, problems: &impl LinearisedProblem<N, L, W>);

    /// The error of the step in `lane`, in units of the tolerance; not a number where the step failed.
    fn error(&self, lane: usize) -> f64;

    /// Completes the steps of the lanes that are `accepted`: the derivatives at their ends.
    fn complete(&mut self, problems: &impl LinearisedProblem<N, L, W>, accepted: [bool; W]);

    /// Whether the derivatives in `lane` could be carried over its step.
    ///
    /// # Errors
    /// When they could not.
    fn completed(&self, _lane: usize) -> Result<(), SolverError> {
        Ok(())
    }

    /// Prepares the interpolants of the steps in the lanes that are `wanted`.
    fn interpolate(&mut self, problems: &impl LinearisedProblem<N, L, W>, wanted: [bool; W]);

    /// The solution in `lane` at the fractions `x` of its step, by the interpolant.
    fn inside(&self, lane: usize, x: impl Iterator<Item = f64>, each: impl FnMut(Differentiated<N, L>));

    /// The state in `lane` where its step begins.
    fn start(&self, lane: usize) -> [f64; N];

    /// The state in `lane` where its step ends.
    fn end(&self, lane: usize) -> [f64; N];

    /// The derivatives in `lane` where its step ends, once that is complete.
    fn tangents_at_end(&self, lane: usize) -> [Tangent<L>; N];

    /// The solution in `lane` goes on from the end of its step.
    fn advance(&mut self, lane: usize);

    /// Evaluations since the solution in `lane` was assigned.
    fn work(&self, lane: usize) -> Work;
}
