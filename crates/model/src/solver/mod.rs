//! Adaptive integration that knows no model.

mod abreast;
mod dense;
mod dop853;
mod pace;
mod radau;
mod tableau;
mod tangents;
mod tangents_abreast;

pub use abreast::{Abreast, Made, Stages};
pub use dense::{Lu, MOST};
pub use dop853::{Dop853, NEGLIGIBLE, Output, SolverError, System, Tolerance, Work};
pub use pace::{Limits, Pace, Step, distrust, first_step};
pub use radau::{Radau, Solved};
pub use tableau::{A, C};
pub use tangents::{Alone, Companion, Lanes, Linear, Linearised, Partials, Tangents};
pub use tangents_abreast::{AlongAbreast, CompanionAbreast, LinearisedAbreast, TangentsAbreast};
