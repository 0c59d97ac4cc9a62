//! Checks of numbers that options take.

use crate::error::{CliError, refuse};

/// Refuses what is no number above zero.
pub fn positive(option: &'static str, value: f64) -> Result<(), CliError> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(refuse(option, value, "a number above 0")) }
}

/// Refuses what is no part of one.
pub fn share(option: &'static str, value: f64) -> Result<(), CliError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(refuse(option, value, "between 0 and 1")) }
}

/// `NAME=NUMBER`, taken apart.
pub fn name_and_number(text: &str) -> Option<(&str, f64)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().parse().ok()?))
}
