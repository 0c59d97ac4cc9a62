//! Reduction of a curve to the points needed for linear interpolation.

/// The positions of the first and the last point and of as few points between them as keep linear interpolation within
/// `allowed` of all points, in each of `C` columns. Each chord is the longest that the points allow: the slopes that
/// pass all points within tolerance form an interval, which only shrinks (Imai & Iri 1986, doi
/// 10.1016/S0734-189X(86)80027-5). Days are strictly ascending.
pub(crate) fn chords<const C: usize>(
    points: &[(f64, [f64; C])],
    allowed: impl Fn(&[f64; C]) -> [f64; C],
) -> Vec<usize> {
    let mut found = vec![0];
    let mut from = 0;
    while from + 1 < points.len() {
        let mut slopes = [[f64::NEG_INFINITY, f64::INFINITY]; C];
        let mut reached = from;
        for (j, (day, values)) in points.iter().enumerate().skip(from + 1) {
            let days = day - points[from].0;
            let rise = |c: usize| values[c] - points[from].1[c];
            let passes = |c: usize| (slopes[c][0]..=slopes[c][1]).contains(&(rise(c) / days));
            if reached > from && !(0..C).all(passes) {
                break;
            }
            reached = j;
            let off = allowed(values);
            for (c, [least, most]) in slopes.iter_mut().enumerate() {
                *least = least.max((rise(c) - off[c]) / days);
                *most = most.min((rise(c) + off[c]) / days);
            }
        }
        found.push(reached);
        from = reached;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_curve_keeps_what_its_chords_need() {
        let points: Vec<(f64, [f64; 1])> =
            (0..=1000).map(|k| f64::from(k) / 100.0).map(|day| (day, [day.exp()])).collect();
        let found = chords(&points, |[value]| [0.01 * value]);
        assert!(found.len() < 40 && found[0] == 0 && found[found.len() - 1] == 1000, "{found:?}");
        for pair in found.windows(2) {
            let ((a, [low]), (b, [high])) = (points[pair[0]], points[pair[1]]);
            for (day, [value]) in &points[pair[0]..=pair[1]] {
                let chord = low + (high - low) * (day - a) / (b - a);
                assert!((chord / value - 1.0).abs() <= 0.01 + 1e-12, "{day}: {chord}, not {value}");
            }
        }
        // A straight line is reduced to its end points.
        let line: Vec<(f64, [f64; 2])> = (0..9).map(|k| (f64::from(k), [2.0 * f64::from(k), 1.0])).collect();
        assert_eq!(chords(&line, |_| [1e-9; 2]), [0, 8]);
    }
}
