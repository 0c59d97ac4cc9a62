//! Rounding of the numbers on the page.

/// The number rounded to five significant digits; whole numbers are unchanged.
pub(super) fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 { value } else { format!("{value:.4e}").parse().unwrap_or(value) }
}
