//! The exposure at knots, as input to a delay model.

use crate::exposure::{Exposure, ExposureCourse};
use omafit_model::Real;

/// Longest step, days, between knots of [`DriverKnots`] in which the logarithm of the exposure changes by more than
/// [`LARGEST_CHANGE`]; the linked exposure is interpolated linearly between knots, as in [`super::chain`].
pub(crate) const LONGEST_STEP: f64 = 2.0;
/// Largest change of the logarithm of the exposure in a longer step without a knot in between.
const LARGEST_CHANGE: f64 = 0.25;

/// The exposure at ascending knots with linear interpolation: free IgE, or another exposure on its own scale. A time
/// that occurs twice is a jump.
#[derive(Clone, Copy, Debug)]
pub struct Driver<'a> {
    /// Days after the first dose; the first knot is day 0.
    pub day: &'a [f64],
    /// The exposure.
    pub value: &'a [f64],
    /// The logarithm of the exposure.
    pub log: &'a [f64],
}

/// Step, days, below which two knots count as a jump.
const SHORTEST_STEP: f64 = 1e-5;

/// A knot of a driver, and the step from the previous knot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knot<C> {
    /// Length of the step, days; 0 for the first knot and for a jump.
    pub step: C,
    /// The inverse of the step; 0 for the first knot and for a jump.
    pub per_step: C,
    /// Indicator of a step: 1, or 0 for the first knot and for a jump.
    pub is_step: C,
    /// The exposure.
    pub value: C,
    /// The logarithm of the exposure.
    pub log: C,
    /// The number of parts of at most [`LONGEST_STEP`] days into which quadrature divides the step, at least 1.
    pub parts: C,
    /// The largest number of parts of any patient, if the knot is that of several.
    pub most_parts: u32,
}

impl<C> Knot<C> {
    /// The knots of several patients as one, each field built from those of the patients.
    pub fn from_patients<const M: usize>(patients: &[Knot<f64>; M], field: impl Fn([f64; M]) -> C) -> Self {
        let number = |of: fn(&Knot<f64>) -> f64| field(std::array::from_fn(|patient| of(&patients[patient])));
        Self {
            step: number(|k| k.step),
            per_step: number(|k| k.per_step),
            is_step: number(|k| k.is_step),
            value: number(|k| k.value),
            log: number(|k| k.log),
            parts: number(|k| k.parts),
            most_parts: patients.iter().map(|k| k.most_parts).max().unwrap_or(1),
        }
    }
}

impl Knot<f64> {
    /// The knot with a step of zero, for a jump or a repetition.
    pub fn still(self) -> Self {
        Self { step: 0.0, per_step: 0.0, is_step: 0.0, parts: 1.0, most_parts: 1, ..self }
    }
}

impl Driver<'_> {
    pub(crate) fn knots(&self) -> Vec<Knot<f64>> {
        let knot = |k: usize| {
            let days = if k > 0 { self.day[k] - self.day[k - 1] } else { 0.0 };
            let parts = (days / LONGEST_STEP).ceil().max(1.0);
            let here = Knot {
                step: days,
                per_step: 1.0 / days,
                is_step: 1.0,
                value: self.value[k],
                log: self.log[k],
                parts,
                most_parts: parts as u32,
            };
            if days >= SHORTEST_STEP { here } else { here.still() }
        };
        (0..self.day.len()).map(knot).collect()
    }
}

/// The knots of a course needed to read it on given days, these days themselves, and further knots between them where
/// the exposure changes in a step longer than [`LONGEST_STEP`].
#[derive(Clone, Debug, Default)]
pub(crate) struct DriverKnots {
    day: Vec<f64>,
    value: Vec<f64>,
    log: Vec<f64>,
    /// The knot of each day: at a jump the one before it, before day 0 the first; `None` beyond the end of the course.
    at: Vec<Option<usize>>,
}

impl DriverKnots {
    /// The knots for reading on given days, in any order.
    pub fn new(course: &ExposureCourse, exposure: Exposure, days: &[f64]) -> Self {
        let seen = || days.iter().copied().filter(|d| *d <= course.end());
        let mut found = Self::default();
        if seen().next().is_some() {
            let last = seen().fold(0.0, f64::max);
            let knots = course.driving_knots(exposure);
            let day_of = |knot: &usize| course.days()[*knot];
            let until = knots.partition_point(|knot| day_of(knot) < last);
            // The days are knots too, because the response to exposure is not linear between knots.
            let mut own: Vec<f64> = seen().filter(|day| *day > 0.0).collect();
            own.sort_by(f64::total_cmp);
            own.dedup();
            let mut own = own.into_iter().peekable();
            for knot in &knots[..=until] {
                while let Some(day) = own.next_if(|day| *day < day_of(knot)) {
                    if found.day.last().is_some_and(|last| *last < day) {
                        found.divide(course, exposure, day);
                        found.push(day, course.driving_on(exposure, day));
                    }
                }
                found.divide(course, exposure, day_of(knot));
                found.push(day_of(knot), course.driving_at_knot(exposure, *knot));
            }
        }
        let place = |day: &f64| found.day.partition_point(|knot| knot < day);
        found.at = days.iter().map(|day| (*day <= course.end()).then(|| place(day))).collect();
        found
    }

    pub fn driver(&self) -> Driver<'_> {
        Driver { day: &self.day, value: &self.value, log: &self.log }
    }

    /// The value on the `k`th day, from values at the knots: before day 0 that of day 0, beyond the end of the course
    /// NaN.
    pub fn read<T: Real>(&self, values: &[T], k: usize) -> T {
        self.at[k].map_or_else(|| T::constant(f64::NAN), |at| values[at])
    }

    fn push(&mut self, day: f64, [value, log]: [f64; 2]) {
        self.day.push(day);
        self.value.push(value);
        self.log.push(log);
    }

    /// Adds equally spaced knots before the next day, as many as a long step with changing exposure needs.
    fn divide(&mut self, course: &ExposureCourse, exposure: Exposure, next: f64) {
        let (Some(&last), Some(&log)) = (self.day.last(), self.log.last()) else { return };
        if next - last <= LONGEST_STEP {
            return;
        }
        let change = course.driving_on(exposure, next)[1] - log;
        let parts = (change.abs() / LARGEST_CHANGE).ceil().min(((next - last) / LONGEST_STEP).ceil());
        for k in (1..).map(f64::from).take_while(|k| *k < parts) {
            let day = last + (next - last) * k / parts;
            self.push(day, course.driving_on(exposure, day));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::CourseColumns;

    fn course() -> ExposureCourse {
        let day = [0.0, 1.0, 1.0, 8.0, 9.0];
        let ige_free = [100.0, 80.0, 10.0, 17.0, 20.0];
        let (omalizumab_total, ige_total) = (&[0.0; 5][..], &[500.0; 5][..]);
        ExposureCourse::new(&CourseColumns { day: &day, ige_free: &ige_free, omalizumab_total, ige_total })
            .unwrap()
    }

    #[test]
    fn knots_are_those_of_the_course_and_no_step_is_long() {
        let knots = DriverKnots::new(&course(), Exposure::IgeFree, &[0.0, 4.0, 1.0, 8.0, 9.5, -3.0]);
        let Driver { day, value: ige_free, .. } = knots.driver();
        assert_eq!(day, [0.0, 1.0, 1.0, 4.0, 6.0, 8.0]);
        assert!((ige_free[3] - 13.0).abs() < 1e-12 && (ige_free[4] - 15.0).abs() < 1e-12);
        let read = |k| knots.read(ige_free, k);
        // The value before the jump.
        assert!(
            [0, 1, 2, 3, 5]
                .map(read)
                .iter()
                .zip([100.0, 13.0, 80.0, 17.0, 100.0])
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
        assert!(read(4).is_nan());
        // The last knot is the one after the last of the days.
        assert_eq!(DriverKnots::new(&course(), Exposure::IgeFree, &[8.5]).driver().day.last(), Some(&9.0));
    }

    #[test]
    fn days_that_the_course_does_not_have_need_no_knots() {
        for days in [&[][..], &[9.5, f64::NAN][..]] {
            let knots = DriverKnots::new(&course(), Exposure::IgeFree, days);
            assert!(knots.driver().day.is_empty());
            assert!((0..days.len()).all(|k| knots.read(&[1.0], k).is_nan()));
        }
        let knots = DriverKnots::new(&course(), Exposure::IgeFree, &[-1.0]);
        assert_eq!((knots.driver().day, knots.read(&[7.0], 0)), (&[0.0][..], 7.0));
    }
}
