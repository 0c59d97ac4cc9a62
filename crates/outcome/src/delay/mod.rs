//! Models of an outcome, with and without an effect of exposure and its delay, and their fits.

mod all;
mod chain;
mod course;
mod data;
mod delay_test;
mod driver;
mod fit;
mod mixed;
mod model;
mod patients;
mod shape;
mod uncertainty;

pub use all::fit_all;
pub use course::TimeCourse;
pub use data::DelayData;
pub use delay_test::{DelayTest, Direction, test_delay};
pub use driver::Driver;
pub(crate) use driver::DriverKnots;
pub use fit::{Choice, MeanDelay, OutcomeEstimate, OutcomeFit, choose};
pub use model::OutcomeModel;
pub use patients::fit_patients;
pub use shape::{DelayModel, Link, Parameter, Structure};
