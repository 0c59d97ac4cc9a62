//! Free IgE under alternative doses, packed like the courses of a fit.

use super::courses::{Grid, push, range};
use serde::Serialize;

/// Largest number of values that keeps the file small, at about three bytes each.
const MOST_NUMBERS: usize = 600_000;

/// Free IgE of the patients of a run under alternative doses.
#[derive(Clone, Debug, Default)]
pub struct WhatIf {
    /// Record of the computation, as in `what_if.json`.
    pub record: serde_json::Value,
    /// Alternatives to the doses given.
    pub alternatives: Vec<Alternative>,
}

/// An alternative to the doses given.
#[derive(Clone, Debug, Default)]
pub struct Alternative {
    /// Description of the alternative.
    pub name: String,
    /// Course of each individual, in the order of the table `individuals`; a course without times if there is
    /// none.
    pub courses: Vec<FreeIge>,
}

/// Free IgE of a patient on an even grid; every vector has one entry per time.
#[derive(Clone, Debug, Default)]
pub struct FreeIge {
    /// First time, days.
    pub start: f64,
    /// Interval between times, days.
    pub every: f64,
    /// Free IgE, ng/mL.
    pub value: Vec<f64>,
    /// Upper end of the band, ng/mL; the lower end is equally far below the value on the log scale.
    pub upper: Vec<f64>,
}

impl FreeIge {
    /// Logarithms of the values, or of the ratios of the upper end of the band to the values.
    fn logarithms(&self, is_factor: bool) -> impl Iterator<Item = f64> {
        self.value.iter().zip(&self.upper).map(move |(value, upper)| {
            let log = if is_factor { upper.ln() - value.ln() } else { value.ln() };
            if log.is_finite() { log } else { f64::NAN }
        })
    }
}

/// Alternatives in the form in which the page reads them.
#[derive(Debug, Serialize)]
pub(super) struct Packed<'a> {
    record: &'a serde_json::Value,
    /// Smallest and largest logarithm of the values and of the ratios.
    ranges: [[f64; 2]; 2],
    alternatives: Vec<PackedAlternative<'a>>,
}

#[derive(Debug, Serialize)]
struct PackedAlternative<'a> {
    name: &'a str,
    /// Packed values, then ratios, of each subject.
    subjects: Vec<Grid>,
}

/// Packs the courses, thinned to the number of times that a page can handle.
pub(super) fn pack(what_if: &WhatIf) -> Packed<'_> {
    let all = || what_if.alternatives.iter().flat_map(|a| &a.courses);
    let numbers: usize = all().map(|c| 2 * c.value.len()).sum();
    let every = numbers.div_ceil(MOST_NUMBERS).max(1);
    let ranges = [false, true].map(|is_factor| range(all().flat_map(|c| c.logarithms(is_factor))));
    let course = |course: &FreeIge| {
        let mut bytes = Vec::new();
        for (is_factor, ends) in [false, true].into_iter().zip(ranges) {
            push(&mut bytes, course.logarithms(is_factor).step_by(every), ends);
        }
        Grid::new((course.start, course.every, course.value.len()), every, &bytes)
    };
    let one = |alternative: &'_ Alternative| alternative.courses.iter().map(course).collect();
    let alternatives =
        what_if.alternatives.iter().map(|a| PackedAlternative { name: &a.name, subjects: one(a) }).collect();
    Packed { record: &what_if.record, ranges, alternatives }
}

#[cfg(test)]
mod tests {
    use super::super::base64;
    use super::*;

    #[test]
    fn a_course_is_values_then_factors() {
        let free = FreeIge { start: 0.0, every: 1.0, value: vec![1.0, 10.0], upper: vec![2.0, f64::NAN] };
        let what_if = WhatIf {
            alternatives: vec![Alternative { name: "half".into(), courses: vec![free, FreeIge::default()] }],
            ..WhatIf::default()
        };
        let packed = pack(&what_if);
        let [with, without] = &packed.alternatives[0].subjects[..] else { unreachable!() };
        assert_eq!((with.count, without.count, without.numbers.as_str()), (2, 0, ""));
        // Steps 0 and 65534 of the values, 0 of the factor, and a missing one.
        assert_eq!(with.numbers, base64::encode(&[0, 0, 254, 255, 0, 0, 255, 255]));
        assert_eq!(packed.ranges, [[0.0, 10_f64.ln()], [2_f64.ln(), 2_f64.ln()]]);
    }
}
