//! Checks of numeric option values.

use crate::error::{CliError, refuse};

/// Checks that a value is a finite number above zero.
pub fn positive(option: &'static str, value: f64) -> Result<(), CliError> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(refuse(option, value, "a number above 0")) }
}

/// Checks that a value is between 0 and 1, exclusive.
pub fn share(option: &'static str, value: f64) -> Result<(), CliError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(refuse(option, value, "between 0 and 1")) }
}

/// Name and number of a text of the form `NAME=NUMBER`; `None` for any other text.
pub fn name_and_number(text: &str) -> Option<(&str, f64)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim(), value.trim().parse().ok()?))
}
