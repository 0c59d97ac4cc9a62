//! The course of a patient's exposure from the first dose on.

use crate::chords::chords;
use crate::crossing::first_passage;
use omafit_model::units::{IGE_NG_ML_PER_NM, OMALIZUMAB_UG_ML_PER_NM};
use serde::{Deserialize, Serialize};

/// A measure of exposure, from a reconstructed course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exposure {
    /// Free IgE, ng/mL.
    IgeFree,
    /// The natural logarithm of free IgE in ng/mL.
    LogIgeFree,
    /// Total omalizumab, µg/mL.
    Omalizumab,
    /// Ratio of total omalizumab to total IgE, mol/mol.
    Ratio,
}

impl Exposure {
    /// All measures of exposure.
    pub const ALL: [Self; 4] = [Self::IgeFree, Self::LogIgeFree, Self::Omalizumab, Self::Ratio];

    /// The name of the exposure in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IgeFree => "ige_free",
            Self::LogIgeFree => "log_ige_free",
            Self::Omalizumab => "omalizumab_total",
            Self::Ratio => "omalizumab_ige_ratio",
        }
    }
}

impl Exposure {
    /// The unit, in units of the tables, in which a link's half-effect is estimated; half-effects are searched from 1
    /// to 2000 of this unit.
    pub(crate) const fn scale(self) -> f64 {
        match self {
            Self::IgeFree | Self::LogIgeFree => 1.0,
            Self::Omalizumab => 0.1,
            Self::Ratio => 0.01,
        }
    }
}

/// Smallest exposure on its scale, in place of zero, so that it has a logarithm.
const NOTHING: f64 = 1e-6;

/// The way in which the exposure at a visit is taken from the course.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The mean over the days since the previous visit.
    #[default]
    Mean,
    /// The value midway between the previous visit and this one.
    Midpoint,
    /// The value on the day of the visit, before a dose on that day.
    Trough,
}

/// A patient's exposure from the first dose on, given by values at knots with linear interpolation.
///
/// A course solved from the model ([`ExposureCourse::solve`]) has its knots so close that linear interpolation is
/// within [`TOLERANCE`](crate::TOLERANCE) of the solution. A subcutaneous dose bends the course; an intravenous dose, a
/// reset or a steady state can make it jump, and a jump is represented by two knots at one time, with the values before
/// and after.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureCourse {
    day: Vec<f64>,
    values: [Vec<f64>; 4],
    /// The positions of the knots that drive a delay model, for free IgE and for omalizumab; `None` for all knots.
    driving: [Option<Vec<usize>>; 2],
}

/// Tolerance of the linear interpolation that drives a delay model: relative for the value, absolute for its logarithm.
const DRIVING: f64 = 5e-3;
/// Fraction of the highest value below which a value has no influence.
const IDLE: f64 = 1e-3;

/// A course on any grid, with one entry per time in each column.
#[derive(Clone, Copy, Debug)]
pub struct CourseColumns<'a> {
    /// Days after the first dose, ascending.
    pub day: &'a [f64],
    /// Free IgE, ng/mL.
    pub ige_free: &'a [f64],
    /// Total omalizumab, µg/mL.
    pub omalizumab_total: &'a [f64],
    /// Total IgE, ng/mL.
    pub ige_total: &'a [f64],
}

/// The exposures, in the order of [`Exposure::ALL`], from free IgE (ng/mL), total omalizumab (µg/mL) and total IgE
/// (ng/mL); `None` if a value is missing, or IgE is zero.
pub(crate) fn exposures(ige_free: f64, omalizumab_total: f64, ige_total: f64) -> Option<[f64; 4]> {
    let known = ige_free > 0.0 && ige_total > 0.0 && omalizumab_total >= 0.0;
    let ratio = (omalizumab_total / OMALIZUMAB_UG_ML_PER_NM) / (ige_total / IGE_NG_ML_PER_NM);
    let all = [ige_free, ige_free.ln(), omalizumab_total, ratio];
    (known && all.iter().all(|v| v.is_finite())).then_some(all)
}

impl ExposureCourse {
    /// A course with knots at the times of its columns from day 0 on, and at day 0. `None` if it does not extend from
    /// day 0 to a later day, its times are not ascending, a value is missing, or IgE is zero.
    pub fn new(course: &CourseColumns<'_>) -> Option<Self> {
        let CourseColumns { day, ige_free, omalizumab_total, ige_total } = *course;
        let (first, last) = (*day.first()?, *day.last()?);
        if first > 0.0 || last <= 0.0 || !day.is_sorted() {
            return None;
        }
        let from = day.partition_point(|d| *d < 0.0);
        let mut found = Self::empty();
        if day[from] > 0.0 {
            let part = -day[from - 1] / (day[from] - day[from - 1]);
            let read = |of: &[f64]| of[from - 1] + part * (of[from] - of[from - 1]);
            found.push(0.0, exposures(read(ige_free), read(omalizumab_total), read(ige_total))?);
        }
        for k in from..day.len() {
            found.push(day[k], exposures(ige_free[k], omalizumab_total[k], ige_total[k])?);
        }
        Some(found)
    }

    pub(crate) const fn empty() -> Self {
        Self { day: Vec::new(), values: [const { Vec::new() }; 4], driving: [None, None] }
    }

    /// Adds a knot that is not earlier than the last.
    pub(crate) fn push(&mut self, day: f64, values: [f64; 4]) {
        self.day.push(day);
        self.values.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
    }

    /// The knots in ascending order, in days after the first dose, from 0; a time at which the course jumps occurs
    /// twice.
    pub fn days(&self) -> &[f64] {
        &self.day
    }

    /// The values of an exposure at the knots.
    pub fn values(&self, exposure: Exposure) -> &[f64] {
        &self.values[exposure as usize]
    }

    /// The last day of the course.
    pub fn end(&self) -> f64 {
        self.day.last().copied().unwrap_or(f64::NAN)
    }

    /// The exposure on a day: before the first dose the value of day 0, at a jump the value before it, after the end
    /// NaN.
    pub fn at(&self, exposure: Exposure, day: f64) -> f64 {
        if day <= self.end() {
            self.read(exposure, day, self.day.partition_point(|d| *d < day))
        } else {
            f64::NAN
        }
    }

    /// The exposure on each of ascending days, as in [`ExposureCourse::at`].
    pub fn on(&self, exposure: Exposure, days: &[f64]) -> Vec<f64> {
        let (end, mut next) = (self.end(), 0);
        let one = |&day: &f64| {
            if !(day <= end) {
                return f64::NAN;
            }
            while self.day[next] < day {
                next += 1;
            }
            self.read(exposure, day, next)
        };
        days.iter().map(one).collect()
    }

    /// A course with the knots of this one and other values.
    pub(crate) fn with_values(&self, values: impl Iterator<Item = [f64; 4]>) -> Self {
        let mut found = Self::empty();
        self.day.iter().zip(values).for_each(|(day, values)| found.push(*day, values));
        found.driving = self.driving.clone();
        found
    }

    /// Removes the knots that a link does not need from those that drive a delay model.
    pub(crate) fn thin_driving(&mut self) {
        for (which, exposure) in [Exposure::IgeFree, Exposure::Omalizumab].into_iter().enumerate() {
            let point = |k: usize| (self.day[k], self.driving_at_knot(exposure, k));
            let peak = (0..self.day.len()).map(|k| point(k).1[0]).fold(0.0, f64::max);
            let allowed = |[value, _]: &[f64; 2]| {
                let of_log = if *value > IDLE * peak { DRIVING } else { f64::INFINITY };
                [DRIVING * value.max(IDLE * peak), of_log]
            };
            let mut kept = Vec::new();
            let mut first = 0;
            while first < self.day.len() {
                // The points up to the next jump.
                let jump = (first + 1..self.day.len()).find(|&k| self.day[k] == self.day[k - 1]);
                let end = jump.unwrap_or(self.day.len());
                let points: Vec<(f64, [f64; 2])> = (first..end).map(point).collect();
                kept.extend(chords(&points, allowed).into_iter().map(|k| first + k));
                first = end;
            }
            self.driving[which] = Some(kept);
        }
    }

    /// The positions of the knots that drive a delay model on an exposure.
    pub(crate) fn driving_knots(&self, exposure: Exposure) -> Vec<usize> {
        let which = match exposure {
            Exposure::IgeFree | Exposure::LogIgeFree => &self.driving[0],
            Exposure::Omalizumab => &self.driving[1],
            Exposure::Ratio => &None,
        };
        which.clone().unwrap_or_else(|| (0..self.day.len()).collect())
    }

    /// The exposure at a knot as used by a link: on its scale, and the logarithm of that.
    pub(crate) fn driving_at_knot(&self, exposure: Exposure, k: usize) -> [f64; 2] {
        Self::driving(exposure, &|of| self.values(of)[k])
    }

    /// The exposure on a day as used by a link: on its scale, and the logarithm of that.
    pub(crate) fn driving_on(&self, exposure: Exposure, day: f64) -> [f64; 2] {
        Self::driving(exposure, &|of| self.at(of, day))
    }

    fn driving(exposure: Exposure, read: &dyn Fn(Exposure) -> f64) -> [f64; 2] {
        match exposure {
            Exposure::IgeFree | Exposure::LogIgeFree => [read(Exposure::IgeFree), read(Exposure::LogIgeFree)],
            Exposure::Omalizumab | Exposure::Ratio => {
                let value = (read(exposure) / exposure.scale()).max(NOTHING);
                [value, value.ln()]
            }
        }
    }

    /// The exposure on a day, where `next` is the first knot that is not before it.
    fn read(&self, exposure: Exposure, day: f64, next: usize) -> f64 {
        let values = self.values(exposure);
        if next == 0 || self.day[next] == day {
            return values[next];
        }
        let (from, to) = (self.day[next - 1], self.day[next]);
        values[next - 1] + (day - from) / (to - from) * (values[next] - values[next - 1])
    }

    /// The exact mean of the piecewise linear course from one day to a later one; NaN if the course ends before. If the
    /// days are equal, the exposure on that day.
    pub fn mean(&self, exposure: Exposure, from: f64, to: f64) -> f64 {
        if from >= to || !(to <= self.end()) {
            return self.at(exposure, to);
        }
        let values = self.values(exposure);
        let mut area = values[0] * (to.min(0.0) - from).max(0.0);
        let first = self.day.partition_point(|d| *d <= from).saturating_sub(1);
        for k in first..self.day.len() - 1 {
            let (a, b) = (self.day[k], self.day[k + 1]);
            if a >= to {
                break;
            }
            let (low, high) = (a.max(from), b.min(to));
            if high > low {
                let middle = (0.5 * (low + high) - a) / (b - a);
                area += (high - low) * (values[k] + middle * (values[k + 1] - values[k]));
            }
        }
        area / (to - from)
    }

    /// The exposure at a visit on day `to`, with the previous visit on day `from`.
    pub fn of_visit(&self, exposure: Exposure, window: Window, from: f64, to: f64) -> f64 {
        match window {
            Window::Mean => self.mean(exposure, from, to),
            Window::Midpoint => self.at(exposure, 0.5 * (from + to)),
            Window::Trough => self.at(exposure, to),
        }
    }

    /// The first day from `from` on at which the exposure is at or below a level; NaN if never.
    pub fn first_below(&self, exposure: Exposure, level: f64, from: f64) -> f64 {
        self.passage(exposure, level, from, true)
    }

    /// The first day from `from` on at which the exposure is at or above a level; NaN if never.
    pub fn first_above(&self, exposure: Exposure, level: f64, from: f64) -> f64 {
        self.passage(exposure, level, from, false)
    }

    fn passage(&self, exposure: Exposure, level: f64, from: f64, falls: bool) -> f64 {
        let points = self.day.iter().copied().zip(self.values(exposure).iter().copied());
        first_passage(points, level, from, falls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Exposure::{IgeFree, LogIgeFree, Ratio};

    fn course() -> ExposureCourse {
        // A half-day grid from two days before the first dose: free IgE 100 − 4·day, down to 60 on day 10.
        let day: Vec<f64> = (0..=24).map(|k| 0.5 * f64::from(k) - 2.0).collect();
        let ige_free: Vec<f64> = day.iter().map(|d| 100.0 - 4.0 * d).collect();
        let omalizumab_total: Vec<f64> = day.iter().map(|d| 15.0 * d.max(0.0)).collect();
        let ige_total = vec![1900.0; day.len()];
        ExposureCourse::new(&CourseColumns {
            day: &day,
            ige_free: &ige_free,
            omalizumab_total: &omalizumab_total,
            ige_total: &ige_total,
        })
        .unwrap()
    }

    fn of_free_ige(day: &[f64], ige_free: &[f64]) -> Option<ExposureCourse> {
        let (omalizumab_total, ige_total) = (&vec![0.0; day.len()][..], &vec![5.0; day.len()][..]);
        ExposureCourse::new(&CourseColumns { day, ige_free, omalizumab_total, ige_total })
    }

    #[test]
    fn a_straight_course_is_read_exactly() {
        let course = course();
        assert_eq!((course.days().len(), course.days()[0], course.end()), (21, 0.0, 10.0));
        assert_eq!(course.at(IgeFree, 2.5), 90.0);
        assert_eq!(course.at(IgeFree, 2.625), 89.5);
        assert_eq!(course.at(IgeFree, -3.0), 100.0);
        assert!(course.at(IgeFree, 10.5).is_nan() && course.at(IgeFree, f64::NAN).is_nan());
        // The mean of a straight line is its midpoint, wherever the window begins.
        assert!((course.mean(IgeFree, 0.3, 7.7) - 84.0).abs() < 1e-12);
        assert!((course.mean(IgeFree, 7.6, 7.7) - 69.4).abs() < 1e-12);
        assert!((course.mean(IgeFree, -2.0, 2.0) - 98.0).abs() < 1e-12);
        assert_eq!(course.mean(IgeFree, -4.0, -2.0), 100.0);
        assert!(course.mean(IgeFree, 5.0, 10.5).is_nan());
        let of = |window| course.of_visit(IgeFree, window, 2.0, 8.0);
        assert_eq!([of(Window::Midpoint), of(Window::Trough)], [80.0, 68.0]);
        assert!((of(Window::Mean) - 80.0).abs() < 1e-12);
        assert_eq!(course.of_visit(IgeFree, Window::Mean, 0.0, 0.0), 100.0);
        // 30 µg/mL is 200 nM, 1900 ng/mL is 10 nM.
        assert!((course.at(Ratio, 2.0) - 20.0).abs() < 1e-12);
        assert_eq!(course.at(LogIgeFree, 5.0), 80.0_f64.ln());
        let days = [-1.0, 0.0, 0.0, 2.625, 10.0, 11.0];
        let each = days.map(|day| course.at(IgeFree, day));
        let together = course.on(IgeFree, &days);
        assert!(together[..5] == each[..5] && together[5].is_nan());
        assert_eq!(course.first_below(IgeFree, 70.0, 0.0), 7.5);
        assert!(course.first_above(IgeFree, 101.0, 0.0).is_nan());
    }

    #[test]
    fn a_jump_has_a_value_before_and_one_after() {
        let course = of_free_ige(&[0.0, 0.0, 4.0, 4.0, 6.0], &[9.0, 2.0, 4.0, 1.0, 3.0]).unwrap();
        assert_eq!([0.0, 2.0, 4.0, 5.0].map(|day| course.at(IgeFree, day)), [9.0, 3.0, 4.0, 2.0]);
        assert_eq!(course.on(IgeFree, &[0.0, 4.0]), [9.0, 4.0]);
        assert_eq!(
            [(0.0, 4.0), (4.0, 6.0), (3.0, 5.0)].map(|(a, b)| course.mean(IgeFree, a, b)),
            [3.0, 2.0, 2.625]
        );
        assert_eq!(course.first_below(IgeFree, 2.0, 0.0), 0.0);
        assert_eq!(course.first_below(IgeFree, 2.0, 1.0), 4.0);
    }

    #[test]
    fn a_course_that_begins_late_or_has_a_hole_is_none() {
        let with = |ige: f64| of_free_ige(&[0.0, 1.0, 2.0], &[5.0, ige, 5.0]).is_some();
        assert!(with(4.0) && !with(f64::NAN) && !with(0.0) && !with(f64::INFINITY));
        for days in [[1.0, 2.0], [-2.0, 0.0], [0.0, f64::NAN], [0.0, -1.0]] {
            assert!(of_free_ige(&days, &[5.0; 2]).is_none(), "{days:?}");
        }
        assert!(of_free_ige(&[], &[]).is_none());
        // Between two times, the value on day 0 is interpolated.
        let course = of_free_ige(&[-1.0, 3.0], &[8.0, 4.0]).unwrap();
        assert_eq!((course.days(), course.values(IgeFree)), (&[0.0, 3.0][..], &[7.0, 4.0][..]));
    }
}
