//! The time course of a subject's free IgE: crossings of a level, area under the curve and extrema.
//!
//! Between its points the logarithm of the curve (its value, for the area) is interpolated by the cubic through the
//! four nearest points of the segment. A segment ends at each dose, where the curve has a kink or a jump.

use omafit_model::{Dose, OutputTime, Route, StateRule, Subject};
use std::ops::Range;

/// Points after the first dose, when free IgE falls within hours and is lowest after three to five days: the days that
/// they cover, their number, and the power by which they are graded.
const FIRST_FALL: Fall = (5.0, 48, 3);
/// Points after each further dose.
const FURTHER_FALL: Fall = (2.0, 8, 2);
type Fall = (f64, u32, i32);
/// Distance between points, days, below which one of them is dropped because it would add only rounding error.
const CLOSE: f64 = 0.02;
/// Number of points of an interpolating cubic.
const CUBIC: usize = 4;

/// Times at which a curve is evaluated, independent of the output grid: daily, at each dose, and more densely after
/// each dose.
#[derive(Clone, Debug)]
pub(crate) struct Points {
    pub times: Vec<OutputTime>,
    /// Position ranges of the segments; consecutive segments share a point unless the curve jumps.
    segments: Vec<Range<usize>>,
    /// Positions just before each distinct dose time, from the first dose above zero on.
    before_dose: Vec<usize>,
    /// Position of the end of treatment; `None` without a dose.
    treated_until: Option<usize>,
}

impl Points {
    /// Places points from the first dose, or from the first record if there is none, to `end`.
    pub fn new(subject: &Subject, end: f64) -> Self {
        let given: Vec<f64> = subject.doses.iter().filter(|d| d.amount_mg > 0.0).map(|d| d.time).collect();
        let begin = given.first().copied().unwrap_or(subject.start);
        let treated_until = treated_until(&given, end);
        let at = |time| OutputTime { time, doses_before: subject.doses.partition_point(|d| d.time < time) };
        let mut marks: Vec<f64> = subject.doses.iter().map(|d| d.time).chain(treated_until).collect();
        marks.extend([begin, end]);
        marks.retain(|t| (begin..=end.max(begin)).contains(t));
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        let mut points =
            Self { times: Vec::new(), segments: Vec::new(), before_dose: Vec::new(), treated_until: None };
        let mut first = 0;
        for (k, &mark) in marks.iter().enumerate() {
            let position = points.times.len();
            points.times.push(at(mark));
            if treated_until == Some(mark) {
                points.treated_until = Some(position);
            }
            if given.contains(&mark) {
                points.before_dose.push(position);
            }
            let here: Vec<&Dose> = subject.doses.iter().filter(|d| d.time == mark).collect();
            if !here.is_empty() || k + 1 == marks.len() {
                points.close(first, position);
                first = position;
            }
            if here.iter().any(|d| jumps(d)) {
                first = points.times.len();
                let doses_before = subject.doses.partition_point(|d| d.time <= mark);
                points.times.push(OutputTime { time: mark, doses_before });
            }
            if let Some(&next) = marks.get(k + 1) {
                let fall = match given.first() {
                    Some(first) if *first == mark => FIRST_FALL,
                    Some(_) if !here.is_empty() => FURTHER_FALL,
                    _ => (0.0, 0, 1),
                };
                let inside = between(mark, next, subject.start, fall);
                points.times.extend(inside.into_iter().map(at));
            }
        }
        points
    }

    fn close(&mut self, first: usize, last: usize) {
        if last > first {
            self.segments.push(first..last + 1);
        }
    }
}

/// The end of treatment, from the ascending times of the doses given: one dosing interval after the last dose, but no
/// later than `end`; with a single dose, `end`. `None` without a dose.
pub fn treated_until(given: &[f64], end: f64) -> Option<f64> {
    let last = *given.last()?;
    let before = given.iter().rev().find(|t| **t < last);
    Some(before.map_or(end, |before| (last + (last - before)).min(end)).max(last))
}

/// Whether free IgE can jump at a dose.
fn jumps(dose: &Dose) -> bool {
    dose.before != StateRule::Kept || (dose.route == Route::Intravenous && dose.duration == 0.0)
}

/// Times strictly between two marks: graded over the days of a fall, then daily counted from `start`.
fn between(from: f64, to: f64, start: f64, (days, graded, power): Fall) -> Vec<f64> {
    let part = |k: u32| f64::from(k) / f64::from(graded);
    let mut times: Vec<f64> = (1..=graded).map(|k| from + days * part(k).powi(power)).collect();
    let first = (from + days - start).floor() + 1.0;
    times.extend((0..).map(|k| start + (first + f64::from(k))).take_while(|t| *t < to));
    let mut last = from;
    times.retain(|&t| {
        let keep = t > last && t < to && (t < from + days || t > last + CLOSE) && t < to - CLOSE;
        if keep {
            last = t;
        }
        keep
    });
    times
}

/// A quantity read from a curve, with its gradient with respect to the curve's parameters; the gradient is `None` if
/// the quantity does not depend on them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub value: f64,
    pub gradient: Option<Vec<f64>>,
}

/// Quantities read from a curve, in the order of the facts of [`crate::suppression`].
pub(crate) type Readings = [Option<Reading>; 9];

/// A curve evaluated at its [`Points`].
#[derive(Debug)]
pub(crate) struct Curve<'a> {
    pub points: &'a Points,
    /// Values at the points, all positive.
    pub values: &'a [f64],
    /// Derivatives of the logarithms of the values, one row per point.
    pub slopes: &'a [f64],
    /// Number of derivatives per point.
    pub unknowns: usize,
}

impl Curve<'_> {
    fn time(&self, position: usize) -> f64 {
        self.points.times[position].time
    }

    /// Reads all quantities, with crossings of `level`.
    pub fn read(&self, level: f64) -> Readings {
        let last = self.values.len() - 1;
        let doses = &self.points.before_dose;
        let dosed = !doses.is_empty();
        let treated = self.points.treated_until.unwrap_or(last);
        let crossings = self.crossings(level);
        let begin = self.time(0);
        let into_course =
            |from: f64, at: &Crossing| Reading { value: at.time - from, gradient: at.gradient.clone() };
        let to_target = if self.values[0] < level {
            Some(Reading { value: 0.0, gradient: None })
        } else {
            crossings.iter().find(|c| c.falls).map(|c| into_course(begin, c))
        };
        let last_dose = doses.last().map(|&d| self.time(d));
        let back = last_dose.and_then(|from| {
            crossings.iter().find(|c| !c.falls && c.time >= from).map(|c| into_course(from, c))
        });
        let length = self.time(treated) - begin;
        let [treated_area, area] = self.areas(treated);
        let mean = (length > 0.0).then(|| treated_area.scaled(1.0 / length));
        let peak_from = if dosed { doses.get(1).copied() } else { Some(0) };
        [
            Some(self.point(0)),
            to_target.filter(|_| dosed),
            Some(self.below(level, &crossings)).filter(|_| dosed),
            Some(area),
            mean,
            Some(self.extreme(0..last + 1, -1.0)),
            peak_from.map(|from| self.extreme(from..treated + 1, 1.0)),
            doses.last().filter(|_| doses.len() > 1).map(|&d| self.point(d)),
            back,
        ]
    }

    fn slope(&self, position: usize) -> &[f64] {
        &self.slopes[position * self.unknowns..][..self.unknowns]
    }

    fn point(&self, position: usize) -> Reading {
        let value = self.values[position];
        let gradient = self.slope(position).iter().map(|s| s * value).collect();
        Reading { value, gradient: Some(gradient) }
    }

    /// The points of the cubic for the interval from `position` to the next point of a segment.
    fn stencil(segment: &Range<usize>, position: usize) -> Range<usize> {
        let latest = segment.end.saturating_sub(CUBIC).max(segment.start);
        let first = position.saturating_sub(1).clamp(segment.start, latest);
        first..(first + CUBIC).min(segment.end)
    }

    /// The Lagrange coefficients of the stencil's points at time `t`.
    fn shares(&self, stencil: &Range<usize>, t: f64) -> [f64; CUBIC] {
        let mut shares = [0.0; CUBIC];
        let points = &self.points.times[stencil.clone()];
        for (i, (share, at)) in shares.iter_mut().zip(points).enumerate() {
            let (mut over, mut under) = (1.0, 1.0);
            for (j, other) in points.iter().enumerate() {
                if i != j {
                    over *= t - other.time;
                    under *= at.time - other.time;
                }
            }
            *share = over / under;
        }
        shares
    }

    /// The interpolated logarithm of the curve at time `t`.
    fn log_at(&self, stencil: &Range<usize>, t: f64) -> f64 {
        let shares = self.shares(stencil, t);
        stencil.clone().zip(shares).map(|(i, share)| share * self.values[i].ln()).sum()
    }

    /// The derivatives of the interpolated logarithm at time `t`.
    fn slope_at(&self, stencil: &Range<usize>, t: f64) -> Vec<f64> {
        let mut sum = vec![0.0; self.unknowns];
        for (i, share) in stencil.clone().zip(self.shares(stencil, t)) {
            for (s, slope) in sum.iter_mut().zip(self.slope(i)) {
                *s += share * slope;
            }
        }
        sum
    }

    /// The crossings of `level`, in order of time.
    fn crossings(&self, level: f64) -> Vec<Crossing> {
        let mut found = Vec::new();
        let below = |i: usize| self.values[i] < level;
        for (k, segment) in self.points.segments.iter().enumerate() {
            for i in segment.start..segment.end - 1 {
                if below(i) != below(i + 1) {
                    found.push(self.crossing(segment, i, level));
                }
            }
            // A jump at a dose; its time does not depend on the parameters.
            if let Some(next) = self.points.segments.get(k + 1)
                && below(segment.end - 1) != below(next.start)
            {
                let (time, falls) = (self.time(next.start), below(next.start));
                found.push(Crossing { time, falls, gradient: None });
            }
        }
        found
    }

    fn crossing(&self, segment: &Range<usize>, i: usize, level: f64) -> Crossing {
        let stencil = Self::stencil(segment, i);
        let falls = self.values[i + 1] < level;
        let (mut from, mut to) = (self.time(i), self.time(i + 1));
        let resolution = 1e-12 * to.abs().max(1.0);
        while to - from > resolution {
            let middle = 0.5 * (from + to);
            if (self.log_at(&stencil, middle) < level.ln()) == falls {
                to = middle;
            } else {
                from = middle;
            }
        }
        let time = 0.5 * (from + to);
        let h = 1e-3 * (self.time(i + 1) - self.time(i));
        // For a cubic, the central difference is the derivative up to a term in h².
        let pace = (self.log_at(&stencil, time + h) - self.log_at(&stencil, time - h)) / (2.0 * h);
        let gradient = self.slope_at(&stencil, time).into_iter().map(|s| -s / pace).collect();
        Crossing { time, falls, gradient: Some(gradient) }
    }

    /// The number of days below `level`.
    fn below(&self, level: f64, crossings: &[Crossing]) -> Reading {
        let end = self.time(self.values.len() - 1);
        let mut since = (self.values[0] < level).then(|| self.time(0));
        let mut value = 0.0;
        let mut gradient: Option<Vec<f64>> = None;
        for crossing in crossings {
            let sign = if crossing.falls { -1.0 } else { 1.0 };
            if crossing.falls {
                since = Some(crossing.time);
            } else if let Some(since) = since.take() {
                value += crossing.time - since;
            }
            if let Some(moved) = &crossing.gradient {
                let sum = gradient.get_or_insert_with(|| vec![0.0; self.unknowns]);
                sum.iter_mut().zip(moved).for_each(|(s, m)| *s += sign * m);
            }
        }
        value += since.map_or(0.0, |since| end - since);
        Reading { value, gradient }
    }

    /// The areas under the curve up to the position `until` and up to the end.
    fn areas(&self, until: usize) -> [Reading; 2] {
        let mut weights = [vec![0.0; self.values.len()], Vec::new()];
        let mut first = true;
        for segment in &self.points.segments {
            for i in segment.start..segment.end - 1 {
                if first && i >= until {
                    weights[1] = weights[0].clone();
                    first = false;
                }
                let stencil = Self::stencil(segment, i);
                let (from, to) = (self.time(i), self.time(i + 1));
                let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
                // Two-point Gauss quadrature is exact for a cubic.
                let away = half / 3.0_f64.sqrt();
                let shares = [self.shares(&stencil, middle - away), self.shares(&stencil, middle + away)];
                let into = &mut weights[0];
                for (k, position) in stencil.enumerate() {
                    into[position] += half * (shares[0][k] + shares[1][k]);
                }
            }
        }
        let [all, mut part] = weights;
        if first {
            part.clone_from(&all);
        }
        [part, all].map(|weights| {
            let mut value = 0.0;
            let mut gradient = vec![0.0; self.unknowns];
            for (i, weight) in weights.iter().enumerate() {
                let part = weight * self.values[i];
                value += part;
                gradient.iter_mut().zip(self.slope(i)).for_each(|(g, s)| *g += part * s);
            }
            Reading { value, gradient: Some(gradient) }
        })
    }

    /// The maximum (`sign` 1) or minimum (`sign` −1) over `positions`, at a point or at an extremum of the cubic
    /// between points.
    fn extreme(&self, positions: Range<usize>, sign: f64) -> Reading {
        let better = |a: &usize, b: &usize| (sign * self.values[*a]).total_cmp(&(sign * self.values[*b]));
        // The first of equal values.
        let best = positions.clone().rev().max_by(better).unwrap_or(positions.start);
        let interior =
            |s: &&Range<usize>| best > s.start.max(positions.start) && best + 1 < s.end.min(positions.end);
        let Some(segment) = self.points.segments.iter().find(interior) else { return self.point(best) };
        // The extremum of the cubic over one of the two adjacent intervals.
        let vertex = [best - 1, best].into_iter().find_map(|i| {
            let stencil = Self::stencil(segment, i);
            let (mut from, mut to) = (self.time(i), self.time(i + 1));
            let h = 1e-3 * (to - from);
            let towards = |t: f64| sign * (self.log_at(&stencil, t + h) - self.log_at(&stencil, t - h));
            if !(towards(from) > 0.0 && towards(to) < 0.0) {
                return None;
            }
            while to - from > 1e-6 * h {
                let middle = 0.5 * (from + to);
                if towards(middle) > 0.0 {
                    from = middle;
                } else {
                    to = middle;
                }
            }
            Some((stencil, 0.5 * (from + to)))
        });
        let Some((stencil, vertex)) = vertex else { return self.point(best) };
        let value = self.log_at(&stencil, vertex).exp();
        let gradient = self.slope_at(&stencil, vertex).into_iter().map(|s| s * value).collect();
        Reading { value, gradient: Some(gradient) }
    }
}

impl Reading {
    fn scaled(mut self, by: f64) -> Self {
        self.value *= by;
        self.gradient.iter_mut().flatten().for_each(|g| *g *= by);
        self
    }
}

/// A crossing of a level by a curve.
#[derive(Clone, Debug)]
struct Crossing {
    time: f64,
    falls: bool,
    /// Gradient of the time; `None` for a jump.
    gradient: Option<Vec<f64>>,
}
