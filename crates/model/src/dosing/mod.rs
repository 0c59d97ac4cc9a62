//! Bodies over courses of doses: the depot, the events in order, steady states, and the loop that solves many bodies at once.

mod batch;
mod coincidence;
mod depot;
mod propagate;
mod segment;
mod steady_state;

pub(crate) use batch::{ActiveSolve, SolveSource, StepRecorder, solve_all};
pub(crate) use depot::{DoseInput, Outflow};
pub(crate) use propagate::{EventPropagator, InitialConditions};
pub(crate) use segment::linearised;
pub(crate) use steady_state::steady_state;
