//! Packed time courses, with 16 bits per number.
//!
//! A course has, for each analyte, the fitted value, the ratio of the upper end of the band to the fitted
//! value, and the value of the typical subject. The logarithm of each number is stored as one of 65,534 equal
//! steps between the smallest and the largest logarithm of its kind, a resolution finer than the width of a
//! line.

use super::base64;
use super::rounded::rounded;
use serde::Serialize;

const MISSING: u16 = u16::MAX;
const STEPS: f64 = (u16::MAX - 1) as f64;
/// Numbers of a course for each analyte and time: fitted value, ratio of the upper end, and typical value.
const KINDS: usize = 3;
const PERCENTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// The time course of a subject on an even grid. Every vector has one entry per time; NaN is a missing value.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// First time, days.
    pub start: f64,
    /// Interval between times, days.
    pub every: f64,
    /// Fitted value of each analyte, in the order of the model's description.
    pub value: Vec<Vec<f64>>,
    /// Upper end of the band of each analyte; the lower end is equally far below the value on the log scale.
    pub upper: Vec<Vec<f64>>,
    /// Value of each analyte in the typical subject.
    pub typical: Vec<Vec<f64>>,
    /// Doses, as day and amount in mg.
    pub doses: Vec<(f64, f64)>,
}

impl Course {
    /// The number of times.
    fn count(&self) -> usize {
        self.value.first().map_or(0, Vec::len)
    }

    pub(super) fn numbers(&self) -> usize {
        KINDS * self.value.len() * self.count()
    }

    /// Logarithms of one kind of number: fitted value, ratio of the upper end, or typical value.
    fn logarithms(&self, kind: usize, analyte: usize) -> impl Iterator<Item = f64> {
        (0..self.value.get(analyte).map_or(0, Vec::len)).map(move |i| {
            let at = |all: &[Vec<f64>]| {
                all.get(analyte).and_then(|values| values.get(i)).copied().unwrap_or(f64::NAN)
            };
            let log = match kind {
                0 => at(&self.value).ln(),
                1 => at(&self.upper).ln() - at(&self.value).ln(),
                _ => at(&self.typical).ln(),
            };
            if log.is_finite() { log } else { f64::NAN }
        })
    }
}

/// Courses in the form in which the page reads them.
#[derive(Debug, Serialize)]
pub(super) struct Packed {
    /// Smallest and largest logarithm, by kind and analyte.
    ranges: [Vec<[f64; 2]>; KINDS],
    subjects: Vec<PackedCourse>,
}

#[derive(Debug, Serialize)]
struct PackedCourse {
    /// Packed numbers, by analyte and then by kind.
    #[serde(flatten)]
    grid: Grid,
    doses: Vec<(f64, f64)>,
}

/// Numbers of several kinds on an even grid.
#[derive(Debug, Serialize)]
pub(super) struct Grid {
    start: f64,
    every: f64,
    pub count: usize,
    /// Packed numbers in base64: kind by kind, each with `count` numbers of two bytes, low byte first.
    pub numbers: String,
}

impl Grid {
    /// A grid of one in `thinned` of the times of an even grid, which is given as start (days), interval (days)
    /// and number of times; `bytes` are the packed numbers of the times kept.
    pub fn new((start, every, count): (f64, f64, usize), thinned: usize, bytes: &[u8]) -> Self {
        let (every, count) = (every * thinned as f64, count.div_ceil(thinned));
        Self { start, every, count, numbers: base64::encode(bytes) }
    }
}

/// The smallest and the largest of the logarithms, ignoring NaN; zeros if there are none.
pub(super) fn range(logarithms: impl Iterator<Item = f64>) -> [f64; 2] {
    let seen = logarithms.filter(|v| !v.is_nan());
    let (low, high) = seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low <= high { [low, high] } else { [0.0, 0.0] }
}

/// Appends logarithms as steps between the ends of their range, two bytes each.
pub(super) fn push(bytes: &mut Vec<u8>, logarithms: impl Iterator<Item = f64>, [low, high]: [f64; 2]) {
    let width = if high > low { high - low } else { 1.0 };
    for log in logarithms {
        let step = ((log - low) / width * STEPS).round();
        let number = if step.is_nan() { MISSING } else { step as u16 };
        bytes.extend(number.to_le_bytes());
    }
}

/// Packs one in `every` times of each course, including the first time.
pub(super) fn pack(courses: &[Course], every: usize) -> Packed {
    let range_of = |kind, analyte| range(courses.iter().flat_map(|c| c.logarithms(kind, analyte)));
    let analytes = courses.iter().map(|c| c.value.len()).max().unwrap_or(0);
    let ranges: [Vec<[f64; 2]>; KINDS] =
        std::array::from_fn(|kind| (0..analytes).map(|analyte| range_of(kind, analyte)).collect());
    let one = |course: &Course| {
        let mut bytes = Vec::with_capacity(2 * course.numbers() / every + 18);
        for analyte in 0..analytes {
            for (kind, ranges) in ranges.iter().enumerate() {
                push(&mut bytes, course.logarithms(kind, analyte).step_by(every), ranges[analyte]);
            }
        }
        let grid = Grid::new((course.start, course.every, course.count()), every, &bytes);
        PackedCourse { grid, doses: course.doses.clone() }
    };
    let subjects = courses.iter().map(one).collect();
    Packed { ranges, subjects }
}

/// Percentiles of free IgE across all subjects over time.
#[derive(Debug, Default, Serialize)]
pub(super) struct Percentiles {
    /// Days since the first record of each subject.
    time: Vec<f64>,
    /// The 5th, 25th, 50th, 75th and 95th percentiles, ng/mL.
    values: [Vec<f64>; 5],
    /// Number of subjects with a value at each time.
    n: Vec<usize>,
}

/// Percentiles of free IgE, up to the first time at which fewer than half of the subjects have a value. Only
/// subjects with the time interval of the first subject are counted. Free IgE has the position `free` among the analytes.
pub(super) fn percentiles(courses: &[Course], free: usize) -> Percentiles {
    let mut out = Percentiles::default();
    let values = |course: &&Course| course.value.get(free).is_some_and(|values| !values.is_empty());
    let seen: Vec<&Course> = courses.iter().filter(values).collect();
    let Some(every) = seen.first().map(|c| c.every) else { return out };
    for k in 0.. {
        let here = seen.iter().filter(|c| c.every == every).filter_map(|c| c.value[free].get(k));
        let mut values: Vec<f64> = here.copied().filter(|v| !v.is_nan()).collect();
        if values.is_empty() || 2 * values.len() < seen.len() {
            break;
        }
        values.sort_by(f64::total_cmp);
        out.time.push(rounded(k as f64 * every));
        out.n.push(values.len());
        for (column, p) in out.values.iter_mut().zip(PERCENTILES) {
            let position = p * (values.len() - 1) as f64;
            let (low, part) = (values[position as usize], position.fract());
            let high = values[(position as usize + 1).min(values.len() - 1)];
            column.push(rounded(low + part * (high - low)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_to_a_part_in_a_thousand() {
        let value: Vec<f64> = (0..50).map(|i| 0.5 * 1.3_f64.powi(i)).collect();
        let upper: Vec<f64> = value.iter().enumerate().map(|(i, v)| v * (1.0 + 0.01 * i as f64)).collect();
        let mut typical = value.clone();
        typical[3] = f64::NAN;
        let course = Course {
            every: 1.0,
            value: vec![value.clone(), vec![1.0; 50], vec![0.0; 50]],
            upper: vec![upper, vec![f64::NAN; 50], vec![0.0; 50]],
            typical: vec![typical, vec![2.0; 50], vec![2.0; 50]],
            ..Course::default()
        };
        let packed = pack(std::slice::from_ref(&course), 2);
        assert_eq!(packed.subjects[0].grid.count, 25);
        let digit = |c: u8| match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let text = packed.subjects[0].grid.numbers.trim_end_matches('=').as_bytes();
        let bits: Vec<u8> = text.iter().flat_map(|&c| (0..6).rev().map(move |b| digit(c) >> b & 1)).collect();
        let bytes: Vec<u8> =
            bits.chunks_exact(8).map(|b| b.iter().fold(0, |sum, bit| sum << 1 | bit)).collect();
        let number = |kind: usize, i: usize| {
            let at = 2 * (25 * kind + i);
            let step = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let [low, high] = packed.ranges[kind % 3][kind / 3];
            if step == MISSING { f64::NAN } else { (low + f64::from(step) / STEPS * (high - low)).exp() }
        };
        for i in 0..25 {
            assert!((number(0, i) / value[2 * i] - 1.0).abs() < 1e-3);
            assert!((number(1, i) / (1.0 + 0.02 * i as f64) - 1.0).abs() < 1e-3);
            assert!((number(3, i) - 1.0).abs() < 1e-12 && number(4, i).is_nan() && number(6, i).is_nan());
        }
    }

    #[test]
    fn percentiles_stop_where_half_are_gone() {
        let course = |level: f64, count: usize| Course {
            every: 1.0,
            value: vec![vec![1.0; count], vec![1.0; count], vec![level; count]],
            ..Course::default()
        };
        let found = percentiles(&[course(1.0, 5), course(2.0, 3), course(3.0, 3)], 2);
        assert_eq!((found.time.len(), found.values[2][0], found.values[0][0]), (3, 2.0, 1.1));
        assert!(percentiles(&[], 2).time.is_empty());
    }
}
