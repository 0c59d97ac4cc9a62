//! Formatting of numbers for readers: NaN is shown as a dash, and zero without a sign.

/// Placeholder for a missing number.
pub const NONE: &str = "–";

/// A number with the given number of decimals.
pub fn fixed(value: f64, decimals: usize) -> String {
    shown(value, |value| format!("{value:.decimals$}"))
}

/// A number with the given number of significant digits.
pub fn significant(value: f64, digits: usize) -> String {
    let last = digits.max(1) - 1;
    shown(value, |value| {
        // The magnitude after rounding: 9.99996 becomes 10.000.
        let scientific = format!("{value:.last$e}");
        let magnitude = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
        match magnitude {
            -4..6 => format!("{value:.*}", usize::try_from(last as i32 - magnitude).unwrap_or(0)),
            _ => scientific,
        }
    })
}

fn shown(value: f64, finite: impl FnOnce(f64) -> String) -> String {
    if value == 0.0 {
        return finite(0.0);
    }
    match value {
        _ if value.is_nan() => NONE.into(),
        f64::INFINITY => "∞".into(),
        f64::NEG_INFINITY => "-∞".into(),
        _ => {
            let text = finite(value);
            // A number that rounds to zero has no sign.
            let is_zero = text.trim_start_matches('-').bytes().all(|b| matches!(b, b'0' | b'.'));
            if is_zero { text.trim_start_matches('-').into() } else { text }
        }
    }
}

/// A value with its interval, or alone if it has no interval, as with a single patient.
pub fn with_interval([value, low, high]: [f64; 3], decimals: usize) -> String {
    let shown = fixed(value, decimals);
    if low.is_nan() || high.is_nan() {
        return shown;
    }
    format!("{shown} ({} to {})", fixed(low, decimals), fixed(high, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_a_dash_and_zero_has_no_sign() {
        let shown = [f64::NAN, -0.0, -0.000_4, -0.000_6, f64::INFINITY, f64::NEG_INFINITY, 12.345_6];
        let expected = ["–", "0.000", "0.000", "-0.001", "∞", "-∞", "12.346"];
        assert_eq!(shown.map(|value| fixed(value, 3)), expected);
        assert_eq!(fixed(-0.4, 0), "0");
    }

    #[test]
    fn significant_digits_are_as_many_whatever_the_size() {
        let values = [0.0, -0.0, 0.013_1, 1.590_23, 9.999_96, 123.456_78, -99_999.96, 3.14e-7, 1.778e12];
        let expected =
            ["0.000", "0.000", "0.01310", "1.590", "10.00", "123.5", "-100000", "3.140e-7", "1.778e12"];
        assert_eq!(values.map(|value| significant(value, 4)), expected);
        assert_eq!(significant(f64::NAN, 4), "–");
        assert_eq!(significant(0.013_1, 5), "0.013100");
    }
}
