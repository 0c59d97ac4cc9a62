//! A plain course as legs, from one dose to the next.

use super::coincidence::{coincide, from_start};
use crate::course::Course;
use crate::solver::Output;
use std::ops::Range;

/// From one dose to the next.
pub(super) struct Leg {
    /// When it begins, and how long it is, days.
    pub start: f64,
    pub days: f64,
    /// How many outputs are wanted at its start, and then in it.
    pub at_once: usize,
    pub inside: Range<usize>,
    /// Given at its end, mg.
    pub dose: f64,
}

/// A plain course in legs.
pub(super) struct Plan {
    pub legs: Vec<Leg>,
    /// Its output times from the start of the leg that each is in.
    pub local: Vec<f64>,
    /// Whether steps end at them.
    pub lands: bool,
}

/// The legs of a plain course.
pub(super) fn plan(course: &Course) -> Plan {
    let (legs, local) = legs(course);
    Plan { legs, local, lands: course.output() == Output::Landed }
}

fn legs(course: &Course) -> (Vec<Leg>, Vec<f64>) {
    let outputs = course.times();
    let (mut legs, mut local) = (Vec::new(), vec![0.0; outputs.len()]);
    let Some(end) = outputs.last().map(|o| o.time) else { return (legs, local) };
    let (mut now, mut next) = (course.start(), 0);
    for given in 0..=course.doses().len() {
        let dose = course.doses().get(given);
        let until = dose.map_or(end, |d| d.time).min(end).max(now);
        let here = outputs[next..].partition_point(|o| o.doses_before == given) + next;
        let (mut position, times) = (next, outputs[next..here].iter().map(|o| o.time));
        let at_once = from_start((now, until), times, |t| {
            local[position] = t;
            position += 1;
        });
        let first = next + at_once;
        let days = if coincide(now, until) { 0.0 } else { until - now };
        legs.push(Leg {
            start: now,
            days,
            at_once,
            inside: first..here,
            dose: dose.map_or(0.0, |d| d.amount_mg),
        });
        (now, next) = (until, here);
        if next == outputs.len() {
            break;
        }
    }
    (legs, local)
}
