//! First passage of a level by a piecewise linear curve.

/// The first time from `from` onwards at which the curve through points (time, value) is at or beyond a level, below it
/// if `falls`, else above it; NaN if never. Points with a NaN value are skipped.
///
/// If the curve is already beyond the level at `from`, the passage is at `from`.
pub(crate) fn first_passage(
    points: impl IntoIterator<Item = (f64, f64)>,
    level: f64,
    from: f64,
    falls: bool,
) -> f64 {
    let past = |v: f64| if falls { v <= level } else { v >= level };
    let mut before: Option<(f64, f64)> = None;
    for (time, value) in points.into_iter().filter(|p| !p.1.is_nan()) {
        if time >= from && past(value) {
            return match before {
                Some((t, v)) if !past(v) => (t + (time - t) * (level - v) / (value - v)).max(from),
                Some(_) => from,
                None => time.max(from),
            };
        }
        before = Some((time, value));
    }
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_passed_between_points() {
        let passes = |values: [f64; 4], level, from, falls| {
            first_passage([0.0, 10.0, 20.0, 30.0].into_iter().zip(values), level, from, falls)
        };
        assert_eq!(passes([4.0, 2.0, 0.0, 2.0], 1.0, 0.0, true), 15.0);
        assert_eq!(passes([4.0, 2.0, 0.0, 2.0], 1.0, 15.0, false), 25.0);
        assert!(passes([4.0, 2.0, 1.5, 2.0], 1.0, 0.0, true).is_nan());
        assert_eq!(passes([0.5, 2.0, 1.5, 2.0], 1.0, 0.0, true), 0.0);
        assert_eq!(passes([0.5, 0.2, 1.5, 2.0], 1.0, 5.0, true), 5.0);
        assert_eq!(passes([5.0, f64::NAN, 1.0, 0.0], 3.0, 0.0, true), 10.0);
    }

    #[test]
    fn a_jump_passes_when_it_happens() {
        let jump = [(0.0, 9.0), (4.0, 8.0), (4.0, 1.0), (6.0, 1.0)];
        assert_eq!(first_passage(jump, 5.0, 0.0, true), 4.0);
        assert!(first_passage([], 5.0, 0.0, true).is_nan());
    }
}
