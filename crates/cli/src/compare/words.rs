//! Formatting of the numbers and names in a comparison.

use crate::print::format::{NONE, fixed, significant};
use omafit_estimate::LikelihoodMethod;
use omafit_trial::harmless;

/// Absolute value from which numbers are shown with an exponent.
const LARGE: f64 = 1e12;

/// Number of characters of a text that are shown.
const LONGEST: usize = 60;
/// Number of digits of a checksum that are shown.
const DIGITS: usize = 12;

/// A text from a run, shortened if it is long.
pub fn shortened(text: &str) -> String {
    match text.chars().count() {
        0..=LONGEST => text.into(),
        _ => text.chars().take(LONGEST).collect::<String>() + "…",
    }
}

/// First digits of a checksum.
pub fn checksum(sha256: &str) -> String {
    harmless(&sha256.chars().take(DIGITS).collect::<String>())
}

/// Name of the method by which a likelihood was computed.
pub fn likelihood_method(method: LikelihoodMethod) -> &'static str {
    match method {
        LikelihoodMethod::Linear => "linearised",
        LikelihoodMethod::Laplace => "Laplace",
        LikelihoodMethod::Is => "importance sampling",
    }
}

/// A number with the given number of decimals; a dash if there is none.
pub fn decimals(value: Option<f64>, decimals: usize) -> String {
    match value.filter(|v| v.is_finite()) {
        Some(value) if value.abs() < LARGE => fixed(value, decimals),
        Some(value) => significant(value, 5),
        None => NONE.into(),
    }
}

/// A probability with four decimals, or with an exponent if it is below 0.001.
pub fn probability(p: f64) -> String {
    if p.is_nan() {
        NONE.into()
    } else if p == 0.0 {
        "< 1e-300".into()
    } else if p < 1e-3 {
        format!("{p:.2e}")
    } else {
        format!("{p:.4}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_a_dash_and_nothing_has_no_sign() {
        let shown = [Some(-0.0001), Some(116.8034), Some(f64::NAN), None, Some(-2.5), Some(1e300)]
            .map(|value| decimals(value, 3));
        assert_eq!(shown, ["0.000", "116.803", "–", "–", "-2.500", "1.0000e300"]);
        assert_eq!([0.0123, 4.2e-7, 1.0, 0.0].map(probability), ["0.0123", "4.20e-7", "1.0000", "< 1e-300"]);
    }
}
