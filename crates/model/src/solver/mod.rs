//! Explicit adaptive integration that knows no model.

mod dop853;
mod tableau;
mod tangents;

pub use dop853::{Dop853, Output, SolverError, System, Tolerance, Work};
pub use tangents::{Alone, Companion, Lanes, Linear, Linearised, Partials, Tangents};
