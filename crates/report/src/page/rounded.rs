//! Numbers of the page, rounded.

/// To five significant digits, whole numbers as they are.
pub(super) fn rounded(value: f64) -> f64 {
    if value.fract() == 0.0 { value } else { format!("{value:.4e}").parse().unwrap_or(value) }
}
