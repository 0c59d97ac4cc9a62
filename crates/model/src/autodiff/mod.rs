//! Number types in which models are written: reals, vectors of reals, and numbers with their derivatives.

mod dual;
mod elementary;
mod real;
mod simd;
mod sparse_dual;

pub use dual::Dual;
pub use real::{AnalyticFunction, Real};
pub(crate) use real::{LEAST_ORDINARY, is_ordinary};
pub use simd::{Simd, is_wide};
pub(crate) use sparse_dual::Sparse;
