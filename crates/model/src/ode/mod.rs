//! Adaptive integration of initial value problems, several at once, that knows no model.

mod dop853;
mod lu;
mod problem;
mod radau;
mod step_control;
mod stepper;
mod tableau;
mod tangent;

pub use dop853::{Dop853, StepStages};
pub use lu::{Lu, MOST};
pub use problem::{
    LinearisedProblem, NEGLIGIBLE, Output, Problem, SolverError, Tolerance, Work, derivative_of,
};
pub use radau::Radau;
pub use step_control::{Step, StepController, StepLimits, error_inflation};
pub use stepper::{Differentiated, Stepper};
pub use tableau::{A, C};
pub use tangent::{Linear, Partials, Tangent};
