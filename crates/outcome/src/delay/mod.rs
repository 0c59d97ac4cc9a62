//! Delay models: how an outcome follows free IgE, fitted to means and to patients.

mod all;
mod chain;
mod data;
mod driver;
mod fit;
mod means;
mod patients;
mod shape;

pub use all::fit_all;
pub use data::DelayData;
pub use driver::Driver;
pub use fit::{DelayEstimate, DelayFit, Level, choose, not_told_apart};
pub use means::fit_means;
pub use patients::fit_patients;
pub use shape::{DelayModel, Link, Parameter, Structure};

pub(crate) use driver::DriverKnots;
