//! Times that differ by rounding alone are one.
//!
//! Doses, ends of infusions, arrivals after a lag and outputs come to the same time by different sums. Nothing is solved between
//! two such times: no step resolves them, and the state does not change.

/// The distance of two times that differ by rounding alone, as a part of the later time, or of a day where that is longer.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

/// Whether two times, in days, differ by rounding alone.
#[inline(always)]
pub(super) fn coincide(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs()).max(1.0)
}

/// Output times of a segment from its start, each moved onto the start, the end or the output before it where they coincide;
/// returns how many are at the start.
#[inline(always)]
pub(super) fn from_start(
    (start, end): (f64, f64),
    times: impl Iterator<Item = f64>,
    mut each: impl FnMut(f64),
) -> usize {
    let (mut last, mut at_start) = (start, 0);
    for time in times {
        if time > last && !coincide(time, last) {
            last = if coincide(time, end) { end } else { time };
        }
        at_start += usize::from(last == start);
        each(last - start);
    }
    at_start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_units_in_the_last_place_are_nothing() {
        let later = 0.1 + 0.2;
        assert!(later != 0.3 && coincide(later, 0.3) && coincide(0.3, later));
        assert!(coincide(0.0, 5e-324) && coincide(-0.0, 1e-15));
        // A tenth of a second is something, also after ten thousand days.
        assert!(!coincide(1e4, 1e4 + 1e-6) && !coincide(0.0, 1e-6));
    }

    #[test]
    fn outputs_are_moved_onto_what_they_coincide_with() {
        let (start, end): (f64, f64) = (0.3, 1.1);
        let times = [start, start.next_up(), 0.5, 0.5_f64.next_up(), end.next_down(), end];
        let mut found = Vec::new();
        assert_eq!(from_start((start, end), times.into_iter(), |t| found.push(t)), 2);
        assert_eq!(found, [0.0, 0.0, 0.5 - start, 0.5 - start, end - start, end - start]);
    }
}
