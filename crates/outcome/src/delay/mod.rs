//! Models of an outcome with and without an effect of exposure and a delay, and their fits.

mod all;
mod chain;
mod course;
mod data;
mod delay_test;
mod density;
mod driver;
mod event;
mod fit;
mod gauss_hermite;
mod layout;
mod mixed;
mod model;
mod numbers;
mod patients;
mod problem;
mod profile;
mod quadrature;
mod row;
mod shape;
mod starts;
mod uncertainty;

pub use all::fit_all;
pub use course::TimeCourse;
pub use data::DelayData;
pub(crate) use data::time_at_risk;
pub use delay_test::{DelayTest, Direction, test_delay};
pub(crate) use density::{DensityAt, density_at};
pub use driver::Driver;
pub(crate) use driver::DriverKnots;
pub use fit::{Choice, IntervalBy, MeanDelay, OutcomeEstimate, OutcomeFit, choose};
pub use model::OutcomeModel;
pub(crate) use numbers::GAPS;
pub use patients::fit_patients;
pub use row::MOST_CATEGORIES;
pub use shape::{DelayModel, Link, Parameter, Structure};
