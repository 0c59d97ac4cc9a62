//! Tests of reading and writing files, through the public interface only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod censoring;
mod checks;
mod converting;
mod covariates;
mod dosing;
mod formats;
mod hostile;
mod kinds;
mod kinds_noted;
mod kinds_refused;
mod kinds_warned;
mod layouts;
mod outcomes;
mod output;
mod properties;
mod reading;
mod support;
mod tables;
mod units;
mod unread_columns;
mod wide;
