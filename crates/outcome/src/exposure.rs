//! What a patient was exposed to, day by day from the first dose.

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
    /// Total omalizumab to total IgE, mol/mol.
    Ratio,
}

impl Exposure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::IgeFree, Self::LogIgeFree, Self::Omalizumab, Self::Ratio];

    /// Its name in tables.
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
    /// The unit of the exposure in which a link has its half-effect, in that of the tables: half-effects are looked for from 1 to
    /// 2000 of it.
    pub(crate) const fn scale(self) -> f64 {
        match self {
            Self::IgeFree | Self::LogIgeFree => 1.0,
            Self::Omalizumab => 0.1,
            Self::Ratio => 0.01,
        }
    }
}

/// How the exposure of a visit is taken from the course.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The mean over the days since the visit before.
    #[default]
    Mean,
    /// Half-way between the visit before and this one.
    Midpoint,
    /// On the day of the visit; before a dose of that day.
    Trough,
}

/// An exposure on its scale that has no effect: none has a logarithm.
const NOTHING: f64 = 1e-6;

/// A patient's exposure on the days 0, 1, 2, … after the first dose; straight lines between them.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyExposure {
    values: [Vec<f64>; 4],
    /// Omalizumab and the ratio on their scales, and their logarithms, for links.
    scaled: [[Vec<f64>; 2]; 2],
}

/// A course as a run has it: one entry a time in each.
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

impl DailyExposure {
    /// From a course on any grid, by straight lines. `None` where the course does not reach from day 0 to day 1 or has a
    /// value that is missing, or no IgE.
    pub fn new(course: &CourseColumns<'_>) -> Option<Self> {
        let CourseColumns { day, ige_free, omalizumab_total, ige_total } = *course;
        let (first, last) = (*day.first()?, *day.last()?);
        if first > 0.0 || last < 1.0 {
            return None;
        }
        let mut values = [const { Vec::new() }; 4];
        let mut at = 0;
        for d in (0..).map(f64::from).take_while(|d| *d <= last) {
            while at + 2 < day.len() && day[at + 1] <= d {
                at += 1;
            }
            let part = (d - day[at]) / (day[at + 1] - day[at]);
            let read = |of: &[f64]| of[at] + part * (of[at + 1] - of[at]);
            let (ige, omalizumab, total) = (read(ige_free), read(omalizumab_total), read(ige_total));
            if !(ige > 0.0 && total > 0.0 && omalizumab.is_finite()) {
                return None;
            }
            let ratio = (omalizumab / OMALIZUMAB_UG_ML_PER_NM) / (total / IGE_NG_ML_PER_NM);
            for (column, value) in values.iter_mut().zip([ige, ige.ln(), omalizumab, ratio]) {
                column.push(value);
            }
        }
        let scaled = [Exposure::Omalizumab, Exposure::Ratio].map(|exposure| {
            let value: Vec<f64> =
                values[exposure as usize].iter().map(|v| (v / exposure.scale()).max(NOTHING)).collect();
            let log = value.iter().map(|v| v.ln()).collect();
            [value, log]
        });
        Some(Self { values, scaled })
    }

    /// The exposure on its scale and its logarithm on the days 0, 1, 2, …, as links take them.
    pub(crate) fn driver(&self, exposure: Exposure) -> [&[f64]; 2] {
        match exposure {
            Exposure::IgeFree | Exposure::LogIgeFree => [&self.values[0], &self.values[1]],
            Exposure::Omalizumab => [&self.scaled[0][0], &self.scaled[0][1]],
            Exposure::Ratio => [&self.scaled[1][0], &self.scaled[1][1]],
        }
    }

    /// The values on the days 0, 1, 2, ….
    pub fn daily(&self, exposure: Exposure) -> &[f64] {
        &self.values[exposure as usize]
    }

    /// The exposure on a day; before the first dose that of day 0, after the end of the course NaN.
    pub fn at(&self, exposure: Exposure, day: f64) -> f64 {
        let values = self.daily(exposure);
        let (whole, part) = (day.max(0.0).floor(), day.max(0.0).fract());
        match (values.get(whole as usize), values.get(whole as usize + 1)) {
            (Some(low), Some(high)) => low + part * (high - low),
            (Some(low), None) if part == 0.0 => *low,
            _ => f64::NAN,
        }
    }

    /// The mean from a day to a later one, of the straight lines, exactly.
    pub fn mean(&self, exposure: Exposure, from: f64, to: f64) -> f64 {
        let mut area = 0.0;
        let mut at = from;
        while at < to {
            let next = (at.floor() + 1.0).min(to);
            area += 0.5 * (next - at) * (self.at(exposure, at) + self.at(exposure, next));
            at = next;
        }
        area / (to - from)
    }

    /// The exposure of a visit, the visit before being on day `from`.
    pub fn of_visit(&self, exposure: Exposure, window: Window, from: f64, to: f64) -> f64 {
        match window {
            Window::Mean if to > from => self.mean(exposure, from, to),
            Window::Midpoint => self.at(exposure, 0.5 * (from + to)),
            Window::Mean | Window::Trough => self.at(exposure, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course() -> DailyExposure {
        // Half-day grid from two days before the first dose: free IgE 100 − 4·day, down to 60 on day 10.
        let day: Vec<f64> = (0..=24).map(|k| 0.5 * f64::from(k) - 2.0).collect();
        let ige_free: Vec<f64> = day.iter().map(|d| 100.0 - 4.0 * d).collect();
        let omalizumab_total: Vec<f64> = day.iter().map(|d| 15.0 * d.max(0.0)).collect();
        let ige_total = vec![1900.0; day.len()];
        DailyExposure::new(&CourseColumns {
            day: &day,
            ige_free: &ige_free,
            omalizumab_total: &omalizumab_total,
            ige_total: &ige_total,
        })
        .unwrap()
    }

    #[test]
    fn a_straight_course_is_read_exactly() {
        let course = course();
        assert_eq!(course.daily(Exposure::IgeFree).len(), 11);
        assert_eq!(course.at(Exposure::IgeFree, 2.5), 90.0);
        assert_eq!(course.at(Exposure::IgeFree, -3.0), 100.0);
        assert!(course.at(Exposure::IgeFree, 10.5).is_nan());
        // The mean of a straight line is its middle, wherever the window begins.
        assert!((course.mean(Exposure::IgeFree, 0.3, 7.7) - 84.0).abs() < 1e-12);
        let of = |window| course.of_visit(Exposure::IgeFree, window, 2.0, 8.0);
        assert_eq!([of(Window::Midpoint), of(Window::Trough)], [80.0, 68.0]);
        assert!((of(Window::Mean) - 80.0).abs() < 1e-12);
        assert_eq!(course.of_visit(Exposure::IgeFree, Window::Mean, 0.0, 0.0), 100.0);
        // 30 µg/mL is 200 nM, 1900 ng/mL is 10 nM.
        assert!((course.at(Exposure::Ratio, 2.0) - 20.0).abs() < 1e-12);
        assert_eq!(course.at(Exposure::LogIgeFree, 5.0), 80.0_f64.ln());
    }

    #[test]
    fn a_course_with_a_hole_is_none() {
        let with = |ige: f64| {
            let columns = CourseColumns {
                day: &[0.0, 1.0, 2.0],
                ige_free: &[5.0, ige, 5.0],
                omalizumab_total: &[0.0; 3],
                ige_total: &[5.0; 3],
            };
            DailyExposure::new(&columns).is_some()
        };
        assert!(with(4.0) && !with(f64::NAN) && !with(0.0));
    }
}
