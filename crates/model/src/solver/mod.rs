//! Explicit adaptive integration that knows no model.

mod dop853;
mod tableau;

pub use dop853::{Dop853, Output, SolverError, System, Tolerance, Work};
