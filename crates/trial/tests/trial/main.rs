//! Files in and out, through the public interface only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod censoring;
mod checks;
mod covariates;
mod dosing;
mod hostile;
mod outcomes;
mod output;
mod properties;
mod reading;
mod support;
mod tables;
mod units;
