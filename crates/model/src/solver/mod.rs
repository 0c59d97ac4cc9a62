//! Adaptive integration that knows no model.

mod curvatures;
mod dense;
mod dop853;
mod radau;
mod tableau;
mod tangents;

pub use curvatures::{Curvatures, Hessian, Twice, TwiceDifferentiable};
pub use dense::{Lu, MOST};
pub use dop853::{Dop853, NEGLIGIBLE, Output, SolverError, System, Tolerance, Work};
pub use radau::{Radau, Solved};
pub use tangents::{Alone, Companion, Lanes, Linear, Linearised, Partials, Tangents};
