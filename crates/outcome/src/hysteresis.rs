//! Hysteresis of a group: whether outcome and exposure go back the way they came, and how far one lags behind the other.
//!
//! Facts are read from the means of the group: by visit (outcome, exposure), by day (the exposure of a lag), and of the logarithm
//! of free IgE at times that are close where it falls (its crossings). Intervals are percentiles of the facts of patients drawn
//! with replacement.

use crate::correlation::product_moment;
use crate::crossing::first_passage;
use crate::exposure::{Exposure, ExposureCourse};
use crate::patient::{Group, Patient};
use crate::summary::Summary;
use crate::visits::{Aligned, Visit};
use omafit_estimate::{SubjectStream, quantile};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The part of the plateau that is stabilised, and the part below which it has been lost.
pub const STABILISED: f64 = 0.9;
/// See [`STABILISED`].
pub const RETURNED: f64 = 0.5;

/// How hysteresis is judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HysteresisOptions {
    /// Free IgE below which it is suppressed, ng/mL.
    pub target_ng_ml: f64,
    /// The longest lag tried, days.
    pub max_lag: u32,
    /// Bootstrap replicates.
    pub replicates: u32,
    /// Their seed.
    pub seed: u64,
}

/// Something that is read from a group's means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Area of the loop, exposure × outcome: above 0 counter-clockwise.
    Area,
    /// The same as a part of the rectangle around the loop, −1 to 1.
    AreaShare,
    /// The lag at which exposure so many days before and outcome correlate most, days.
    Lag,
    /// That correlation.
    LagCorrelation,
    /// Day on which the geometric mean of free IgE is first below the target.
    Suppressed,
    /// Day on which the mean change first reaches [`STABILISED`] of its plateau, the mean of the visits in the second half
    /// of treatment.
    Stabilised,
    /// From suppression to stabilisation, days.
    SuppressedToStabilised,
    /// Days from the last dose until free IgE is above the target again.
    Recrossed,
    /// Days from the last dose until the mean change is down to [`RETURNED`] of its plateau.
    Returned,
    /// From the re-crossing to the return, days.
    RecrossedToReturned,
}

impl Fact {
    /// Those of one exposure.
    pub const OF_EXPOSURE: [Self; 4] = [Self::Area, Self::AreaShare, Self::Lag, Self::LagCorrelation];
    /// Those of free IgE and the outcome's course.
    pub const OF_COURSE: [Self; 6] = [
        Self::Suppressed,
        Self::Stabilised,
        Self::SuppressedToStabilised,
        Self::Recrossed,
        Self::Returned,
        Self::RecrossedToReturned,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Area => "area",
            Self::AreaShare => "area_share",
            Self::Lag => "lag_days",
            Self::LagCorrelation => "lag_correlation",
            Self::Suppressed => "day_suppressed",
            Self::Stabilised => "day_stabilised",
            Self::SuppressedToStabilised => "days_suppressed_to_stabilised",
            Self::Recrossed => "days_last_dose_to_recrossing",
            Self::Returned => "days_last_dose_to_return",
            Self::RecrossedToReturned => "days_recrossing_to_return",
        }
    }
}

/// A fact with the 95 % interval of the bootstrap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// What.
    pub fact: Fact,
    /// Of which exposure; `None` of the outcome's course.
    pub exposure: Option<Exposure>,
    /// Its value; NaN where it did not happen.
    pub value: f64,
    /// The 2.5th percentile of the replicates; what did not happen in one is later than everything.
    pub low: f64,
    /// The 97.5th.
    pub high: f64,
    /// The part of the replicates in which it happened.
    pub defined: f64,
}

/// What a group's means are made of.
struct Means<'a> {
    /// Visits, ascending.
    days: Vec<f64>,
    /// Of each member, of each visit: the row.
    rows: Vec<Vec<Option<&'a Visit>>>,
    /// The course of each member.
    courses: Vec<&'a ExposureCourse>,
    /// Days of treatment.
    last_dose: f64,
}

/// The exposures of a group's members.
struct Exposed {
    /// On the days 0, 1, 2, …, by member and [`Exposure::ALL`]; NaN where a course has ended.
    daily: Vec<[Vec<f64>; 4]>,
    /// Ascending, and close where free IgE falls.
    fine: Vec<f64>,
    /// The logarithm of free IgE on each of the fine days: of each member.
    log_ige_free: Vec<Vec<f64>>,
}

/// From the first dose on fine days are so far apart; later by a part of the time that has gone, but no more than the last.
/// A mean of logarithms between them is off its straight line by some thousandths at most.
const FINE: (f64, f64, f64) = (1.0 / 1024.0, 0.06, 0.5);

/// Reads the hysteresis of a group. Empty if nobody in it has an exposure, or nobody a dose.
pub fn hysteresis(
    patients: &[Patient],
    aligned: &Aligned,
    group: &Group,
    options: &HysteresisOptions,
) -> Vec<Judged> {
    let Some(means) = Means::of(patients, aligned, group) else { return Vec::new() };
    let exposed = Exposed::new(&means.courses);
    let once = vec![1.0; means.rows.len()];
    let mut values = means.facts(&exposed, &once, options);
    if !means.responds() {
        // There is no plateau to reach or to lose.
        for fact in
            [Fact::Stabilised, Fact::SuppressedToStabilised, Fact::Returned, Fact::RecrossedToReturned]
        {
            values[index(fact)] = f64::NAN;
        }
    }
    let drawn: Vec<Vec<f64>> = (0..options.replicates)
        .into_par_iter()
        .map(|replicate| {
            let mut stream = SubjectStream::new(options.seed, u64::from(replicate));
            let mut times = vec![0.0; means.rows.len()];
            for _ in 0..times.len() {
                let k = (stream.uniform() * times.len() as f64) as usize;
                times[k] += 1.0;
            }
            means.facts(&exposed, &times, options)
        })
        .collect();
    let exposures = Exposure::ALL.into_iter().flat_map(|e| Fact::OF_EXPOSURE.map(|f| (f, Some(e))));
    let all = exposures.chain(Fact::OF_COURSE.map(|f| (f, None)));
    let judge = |(i, (fact, exposure)): (usize, (Fact, Option<Exposure>))| {
        let column: Vec<f64> = drawn.iter().map(|d| d[i]).collect();
        let defined = column.iter().filter(|v| !v.is_nan()).count() as f64 / column.len() as f64;
        let known = !values[i].is_nan();
        let (low, high) = if known { ends(column) } else { (f64::NAN, f64::NAN) };
        Judged { fact, exposure, value: values[i], low, high, defined }
    };
    all.enumerate().map(judge).collect()
}

/// Whether the mean changes of a group's patients on the plateau differ from none (their 95 % interval leaves it out).
pub(crate) fn responds(patients: &[Patient], aligned: &Aligned, group: &Group) -> bool {
    Means::of(patients, aligned, group).is_some_and(|means| means.responds())
}

/// Position of a fact of the outcome's course.
fn index(fact: Fact) -> usize {
    let at = Fact::OF_COURSE.iter().position(|f| *f == fact).unwrap_or(0);
    Exposure::ALL.len() * Fact::OF_EXPOSURE.len() + at
}

/// The 2.5th and 97.5th percentile, interpolated; NaN counts as infinite.
fn ends(mut values: Vec<f64>) -> (f64, f64) {
    values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = f64::INFINITY);
    let at = |p: f64| {
        let found = quantile(values.clone(), p);
        // Between two that are infinite.
        if found.is_nan() && !values.is_empty() { f64::INFINITY } else { found }
    };
    (at(0.025), at(0.975))
}

impl<'a> Means<'a> {
    fn of(patients: &'a [Patient], aligned: &'a Aligned, group: &Group) -> Option<Self> {
        let mut days: Vec<f64> = Vec::new();
        let mut own: Vec<(usize, Vec<&Visit>)> = Vec::new();
        let mut courses = Vec::new();
        for visits in aligned.visits.chunk_by(|a, b| a.patient == b.patient) {
            let member = visits[0].patient;
            let Some(course) = &patients[member].exposure else { continue };
            if group.members.binary_search(&member).is_ok() {
                days.extend(visits.iter().map(|v| v.visit));
                own.push((member, visits.iter().collect()));
                courses.push(course);
            }
        }
        days.sort_by(f64::total_cmp);
        days.dedup();
        let mut doses: Vec<f64> = own.iter().filter_map(|(m, _)| patients[*m].last_dose).collect();
        doses.sort_by(f64::total_cmp);
        let last_dose = *doses.get(doses.len() / 2)?;
        let row = |visits: &Vec<&'a Visit>| {
            days.iter().map(|d| visits.iter().find(|v| v.visit == *d).copied()).collect()
        };
        let rows = own.iter().map(|(_, visits)| row(visits)).collect();
        Some(Self { days, rows, courses, last_dose })
    }

    /// Whether the patients' own mean changes on the plateau differ from none.
    fn responds(&self) -> bool {
        let plateau = |row: &Vec<Option<&Visit>>| {
            let on = row.iter().flatten().filter(|v| self.is_plateau(v.visit));
            let (n, sum) = on.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v.change));
            sum / n
        };
        let summary = Summary::of(self.rows.iter().map(plateau));
        summary.low > 0.0 || summary.high < 0.0
    }

    fn is_plateau(&self, day: f64) -> bool {
        day >= 0.5 * self.last_dose && day <= self.last_dose
    }

    /// Everything, by [`Fact::OF_EXPOSURE`] of each exposure and then [`Fact::OF_COURSE`], of members so many times each.
    fn facts(&self, exposures: &Exposed, times: &[f64], options: &HysteresisOptions) -> Vec<f64> {
        let mut change = Vec::with_capacity(self.days.len());
        let mut exposed = vec![[0.0; 4]; self.days.len()];
        for (k, exposed) in exposed.iter_mut().enumerate() {
            let (mut n, mut sum) = (0.0, 0.0);
            for (row, weight) in self.rows.iter().zip(times) {
                if let Some(visit) = row[k].filter(|v| !v.exposure[0].is_nan()) {
                    n += weight;
                    sum += weight * visit.change;
                    exposed.iter_mut().zip(visit.exposure).for_each(|(e, v)| *e += weight * v);
                }
            }
            exposed.iter_mut().for_each(|e| *e /= n);
            change.push(sum / n);
        }
        let daily = exposures.daily_means(times);
        let mut out = Vec::new();
        for (e, daily) in daily.iter().enumerate() {
            let points: Vec<(f64, f64)> = exposed
                .iter()
                .zip(&change)
                .map(|(x, y)| (x[e], *y))
                .filter(|p| p.0.is_finite() && p.1.is_finite())
                .collect();
            let (area, share) = loop_area(&points);
            let (lag, r) = self.lag(daily, &change, options.max_lag);
            out.extend([area, share, lag, r]);
        }
        let target = options.target_ng_ml.ln();
        let suppressed = exposures.first_passage(times, target, 0.0, true);
        let recrossed = exposures.first_passage(times, target, self.last_dose, false);
        let (n, sum) = self
            .days
            .iter()
            .zip(&change)
            .filter(|(d, c)| self.is_plateau(**d) && !c.is_nan())
            .fold((0.0, 0.0), |(n, sum), (_, c)| (n + 1.0, sum + c));
        let reached: Vec<f64> = change.iter().map(|c| -c / (sum / n)).collect();
        let reached = || self.days.iter().copied().zip(reached.iter().copied());
        let stabilised = first_passage(reached(), -STABILISED, 0.0, true);
        let returned = first_passage(reached(), -RETURNED, self.last_dose, false);
        out.extend([suppressed, stabilised, stabilised - suppressed]);
        out.extend([recrossed - self.last_dose, returned - self.last_dose, returned - recrossed]);
        out
    }

    /// The lag of the highest correlation, and that; the shortest of equals. The exposure before day 0 is that of day 0.
    fn lag(&self, daily: &[f64], change: &[f64], most: u32) -> (f64, f64) {
        let at = |day: f64| daily.get(day.max(0.0).round() as usize).copied().unwrap_or(f64::NAN);
        let mut best = (f64::NAN, f64::NAN);
        if !varies(daily.iter().copied()) {
            return best;
        }
        for lag in (0..=most).map(f64::from) {
            let points: Vec<(f64, f64)> = self
                .days
                .iter()
                .zip(change)
                .map(|(day, c)| (at(day - lag), *c))
                .filter(|p| p.0.is_finite() && p.1.is_finite())
                .collect();
            let r = product_moment(&points);
            if r.abs() > best.1.abs() || best.1.is_nan() && !r.is_nan() {
                best = (lag, r);
            }
        }
        best
    }
}

impl Exposed {
    fn new(courses: &[&ExposureCourse]) -> Self {
        let end = courses.iter().map(|c| c.end()).fold(0.0, f64::max);
        let days: Vec<f64> = (0..).map(f64::from).take_while(|day| *day <= end).collect();
        let daily = courses.iter().map(|c| Exposure::ALL.map(|exposure| c.on(exposure, &days))).collect();
        let (shortest, growth, longest) = FINE;
        let step = |day: &f64| Some(day + (growth * day).clamp(shortest, longest));
        let mut fine: Vec<f64> =
            std::iter::successors(Some(0.0), step).take_while(|day| *day < end).collect();
        fine.push(end);
        let of_members: Vec<Vec<f64>> = courses.iter().map(|c| c.on(Exposure::LogIgeFree, &fine)).collect();
        let log_ige_free = (0..fine.len()).map(|k| of_members.iter().map(|own| own[k]).collect()).collect();
        Self { daily, fine, log_ige_free }
    }

    /// Mean exposures by day, as far as at least half of the members are seen.
    fn daily_means(&self, times: &[f64]) -> [Vec<f64>; 4] {
        let all: f64 = times.iter().sum();
        let days = self.daily.first().map_or(0, |own| own[0].len());
        std::array::from_fn(|e| {
            let mut sums = vec![(0.0, 0.0); days];
            for (own, weight) in self.daily.iter().zip(times).filter(|(_, weight)| **weight > 0.0) {
                for ((n, sum), value) in sums.iter_mut().zip(&own[e]).take_while(|(_, v)| !v.is_nan()) {
                    *n += weight;
                    *sum += weight * value;
                }
            }
            sums.into_iter().take_while(|(n, _)| *n >= 0.5 * all).map(|(n, sum)| sum / n).collect()
        })
    }

    /// The first passage of a level by the mean logarithm of free IgE, as far as at least half of the members are seen.
    fn first_passage(&self, times: &[f64], level: f64, from: f64, falls: bool) -> f64 {
        let all: f64 = times.iter().sum();
        // A passage that begins before is found from the point before.
        let first = self.fine.partition_point(|day| *day < from).saturating_sub(1);
        let mean = |k: usize| {
            let seen = self.log_ige_free[k].iter().zip(times).filter(|(value, _)| !value.is_nan());
            let (n, sum) = seen.fold((0.0, 0.0), |(n, sum), (v, weight)| (n + weight, sum + weight * v));
            (n >= 0.5 * all).then(|| (self.fine[k], sum / n))
        };
        first_passage((first..self.fine.len()).map_while(mean), level, from, falls)
    }
}

/// The signed area within a closed polygon (the shoelace formula), and its part of the rectangle around it.
/// NaN of a side that is constant but for rounding.
fn loop_area(points: &[(f64, f64)]) -> (f64, f64) {
    if !varies(points.iter().map(|p| p.0)) || !varies(points.iter().map(|p| p.1)) {
        return (f64::NAN, f64::NAN);
    }
    let next = points.iter().skip(1).chain(points.first());
    let area = 0.5 * points.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>();
    let range = |of: fn(&(f64, f64)) -> f64| {
        let values = points.iter().map(of);
        values.clone().fold(f64::NEG_INFINITY, f64::max) - values.fold(f64::INFINITY, f64::min)
    };
    (area, area / (range(|p| p.0) * range(|p| p.1)))
}

/// Whether values differ by more than rounding.
fn varies(values: impl Iterator<Item = f64>) -> bool {
    let ends = |(low, high): (f64, f64), v: f64| (low.min(v), high.max(v));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    high - low > 1e-9 * low.abs().max(high.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_has_the_area_of_its_polygon_and_the_sign_of_its_direction() {
        let square = [(0.0, 0.0), (2.0, 0.0), (2.0, 3.0), (0.0, 3.0)];
        assert_eq!(loop_area(&square), (6.0, 1.0));
        let back: Vec<_> = square.iter().rev().copied().collect();
        assert_eq!(loop_area(&back), (-6.0, -1.0));
        let (area, share) = loop_area(&[(1.0, 0.0), (1.0 + 1e-15, 1.0), (1.0, 2.0)]);
        assert!(area.is_nan() && share.is_nan());
        let there_and_back = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (1.0, 1.0)];
        assert_eq!(loop_area(&there_and_back).0, 0.0);
        // An ellipse of half-axes 2 and 3, of 10,000 sides.
        let turn = |k: u32| f64::from(k) / 1e4 * std::f64::consts::TAU;
        let ellipse: Vec<_> = (0..10_000).map(|k| (2.0 * turn(k).cos(), 3.0 * turn(k).sin())).collect();
        assert!((loop_area(&ellipse).0 - 6.0 * std::f64::consts::PI).abs() < 1e-5);
    }

    #[test]
    fn what_never_happens_in_a_sample_is_later_than_everything() {
        // The positions are 1 and 39 of 0 to 40.
        let days: Vec<f64> = (0..=40).map(f64::from).collect();
        let never = |few: usize| days.iter().map(move |d| if *d + few as f64 > 40.0 { f64::NAN } else { *d });
        assert_eq!(ends(never(0).collect()), (1.0, 39.0));
        assert_eq!(ends(never(2).collect()), (1.0, f64::INFINITY));
        assert_eq!(ends(vec![f64::NAN; 50]), (f64::INFINITY, f64::INFINITY));
        // Of 42: position 1.025.
        assert!((ends(never(20).chain([f64::NAN]).collect()).0 - 1.025).abs() < 1e-12);
        assert!(ends(Vec::new()).0.is_nan());
    }
}
