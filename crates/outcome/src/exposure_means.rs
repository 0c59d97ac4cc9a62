//! Mean exposure of a group over time.

use crate::exposure::{Exposure, ExposureCourse};
use crate::patient::{Group, Patient};
use crate::summary::Summary;

/// Hours of the first day, on which free IgE falls; whole days follow.
const FIRST_DAY: [f64; 10] = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0];
const HOURS: f64 = 24.0;

/// Mean exposure of a group at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExposureMean {
    /// Days after the first dose.
    pub day: f64,
    /// Summaries of the exposures, in the order of [`Exposure::ALL`].
    pub exposure: [Summary; 4],
}

/// Mean exposure of a group at hours 0, 1, 2, 3, 4, 6, 8, 12, 16 and 20 after the first dose and on whole days from
/// then on, while at least half of the patients with exposure are followed; empty if there are none.
pub fn exposure_means(patients: &[Patient], group: &Group) -> Vec<ExposureMean> {
    let courses: Vec<&ExposureCourse> =
        group.members.iter().filter_map(|&m| patients[m].exposure.as_ref()).collect();
    let longest = courses.iter().map(|c| c.end()).fold(0.0, f64::max);
    let whole = (1..).map(f64::from).take_while(|day| *day <= longest);
    let days: Vec<f64> = FIRST_DAY.into_iter().map(|hour| hour / HOURS).chain(whole).collect();
    let read = |course: &&ExposureCourse| Exposure::ALL.map(|exposure| course.on(exposure, &days));
    let values: Vec<[Vec<f64>; 4]> = courses.iter().map(read).collect();
    let of = |k: usize| {
        let exposure = [0, 1, 2, 3].map(|e| Summary::of(values.iter().map(move |own| own[e][k])));
        ExposureMean { day: days[k], exposure }
    };
    let enough = |mean: &ExposureMean| mean.exposure[0].n > 0 && 2 * mean.exposure[0].n >= courses.len();
    (0..days.len()).map(of).take_while(enough).collect()
}
