//! Adaptive integration that knows no model.

mod dense;
mod dop853;
mod radau;
mod tableau;
mod tangents;

pub use dense::{Lu, MOST};
pub use dop853::{Dop853, NEGLIGIBLE, Output, SolverError, System, Tolerance, Work};
pub use radau::{Radau, Solved};
pub use tangents::{Alone, Companion, Lanes, Linear, Linearised, Partials, Tangents};
