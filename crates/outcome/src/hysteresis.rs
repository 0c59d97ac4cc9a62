//! Hysteresis in a group: whether outcome and exposure return along the path they came, and the lag between them.
//!
//! A delay is tested with the individual values ([`test_delay`]), and a direction, an area and a lag are reported only
//! if a model without a delay is rejected: even without a delay, a non-linear link and the closing of the loop produce
//! an area, and the grid of visits a lag. Area, lag and the days of the course are read from the group means by visit
//! (outcome, exposure) and by day (exposure); their intervals are percentiles over patients resampled with replacement.

use crate::correlation::product_moment;
use crate::crossing::first_passage;
use crate::delay::{DelayData, DelayTest, Direction, MeanDelay, OutcomeFit, test_delay};
use crate::exposure::{Exposure, ExposureCourse};
use crate::patient::{Group, Patient};
use crate::summary::Summary;
use crate::visits::{Aligned, Visit};
use omafit_estimate::{SubjectStream, quantile};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The fraction of the plateau at which an outcome counts as stabilised.
pub const STABILISED: f64 = 0.9;
/// The fraction of the plateau, or of an effect, at which it counts as returned after the last dose.
pub const RETURNED: f64 = 0.5;

/// Options of the hysteresis analysis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HysteresisOptions {
    /// Target of free IgE below which it counts as suppressed, ng/mL.
    pub target_ng_ml: f64,
    /// The longest lag considered, days.
    pub max_lag: u32,
    /// Number of bootstrap replicates.
    pub replicates: u32,
    /// Seed of the bootstrap replicates.
    pub seed: u64,
    /// Whether a delay is tested; if not, no delay is reported.
    pub test: bool,
}

/// A quantity that describes hysteresis in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The p value of the response without a delay.
    NoDelay,
    /// The mean delay of the model with a delay, days.
    MeanDelay,
    /// Area between the onset and offset limbs at equal exposure, exposure × outcome; positive if counter-clockwise.
    Area,
    /// The area as a fraction of the rectangle around the limbs, −1 to 1.
    AreaShare,
    /// The lag of the outcome behind exposure with the highest correlation, days; the outcome is interpolated between
    /// visits.
    Lag,
    /// The correlation at that lag.
    LagCorrelation,
    /// Day on which the geometric mean of free IgE first falls below the target.
    Suppressed,
    /// Day on which the mean change first reaches [`STABILISED`] of its plateau, the mean of the visits in the second
    /// half of treatment.
    Stabilised,
    /// Days from suppression to stabilisation.
    SuppressedToStabilised,
    /// Days from the last dose until free IgE is above the target again.
    Recrossed,
    /// Days from the last dose until the mean change has fallen to [`RETURNED`] of its plateau.
    Returned,
    /// Days from the re-crossing of the target to the return of the outcome.
    RecrossedToReturned,
}

impl Fact {
    /// The facts of one exposure.
    pub const OF_EXPOSURE: [Self; 6] =
        [Self::NoDelay, Self::MeanDelay, Self::Area, Self::AreaShare, Self::Lag, Self::LagCorrelation];
    /// The facts of one exposure that are read from means.
    const OF_MEANS: [Self; 4] = [Self::Area, Self::AreaShare, Self::Lag, Self::LagCorrelation];
    /// The facts of free IgE and of the outcome's course.
    pub const OF_COURSE: [Self; 6] = [
        Self::Suppressed,
        Self::Stabilised,
        Self::SuppressedToStabilised,
        Self::Recrossed,
        Self::Returned,
        Self::RecrossedToReturned,
    ];

    /// The name of the fact in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoDelay => "p_no_delay",
            Self::MeanDelay => "mean_delay",
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

/// A fact with its 95 % interval: by likelihood for the mean delay, by bootstrap for the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The fact.
    pub fact: Fact,
    /// The exposure; `None` for the outcome's course.
    pub exposure: Option<Exposure>,
    /// The value; NaN if the event did not occur, or the fact cannot be determined.
    pub value: f64,
    /// Lower end of the interval; replicates without the event count as infinite.
    pub low: f64,
    /// Upper end of the interval; replicates without the event count as infinite.
    pub high: f64,
    /// The fraction of the replicates with the event; NaN for facts that are not bootstrapped.
    pub defined: f64,
    /// The direction of the loop, if it is reported.
    pub direction: Option<Direction>,
    /// Whether the value is at the limit of the search.
    pub at_limit: bool,
    /// The reason there is no value; empty if there is one.
    pub reason: String,
}

impl Judged {
    fn new(fact: Fact, exposure: Option<Exposure>) -> Self {
        Self {
            fact,
            exposure,
            value: f64::NAN,
            low: f64::NAN,
            high: f64::NAN,
            defined: f64::NAN,
            direction: None,
            at_limit: false,
            reason: String::new(),
        }
    }

    fn because(self, reason: &str) -> Self {
        Self { reason: reason.to_owned(), ..self }
    }
}

/// The data from which a group's means are computed.
struct Means<'a> {
    /// Days of the visits, ascending.
    days: Vec<f64>,
    /// The visits of each member, by day; `None` if missing.
    rows: Vec<Vec<Option<&'a Visit>>>,
    /// The exposure course of each member.
    courses: Vec<&'a ExposureCourse>,
    /// Median day of the last dose.
    last_dose: f64,
}

/// The exposures of a group's members on two grids of days.
struct Exposed {
    /// Exposures on days 0, 1, 2, …, by member and in the order of [`Exposure::ALL`]; NaN after the end of a course.
    daily: Vec<[Vec<f64>; 4]>,
    /// A grid of ascending days, finer where free IgE falls.
    fine: Vec<f64>,
    /// The logarithm of free IgE by day of the fine grid and by member.
    log_ige_free: Vec<Vec<f64>>,
}

/// Spacing of the fine grid, days: the smallest from the first dose on, the fraction of the elapsed time by which it
/// grows, and the largest. At the largest spacing the days are its multiples, so that they include whole days, on which
/// doses are given.
const FINE: (f64, f64, f64) = (1.0 / 1024.0, 0.06, 0.5);

/// Analyses the hysteresis of a group, given the models of its outcome on free IgE. Empty if no member has exposure, or
/// none a dose.
pub fn hysteresis(
    patients: &[Patient],
    aligned: &Aligned,
    group: &Group,
    fits: &[OutcomeFit],
    options: &HysteresisOptions,
) -> Vec<Judged> {
    let Some(means) = Means::of(patients, aligned, group) else { return Vec::new() };
    let tested = |exposure: Exposure, known: &[OutcomeFit]| {
        let data = DelayData::new(patients, aligned, group, exposure);
        options.test.then(|| test_delay(&data, exposure, known)).flatten()
    };
    // A model without an effect is the same for any exposure.
    let without: Vec<OutcomeFit> = fits.iter().filter(|fit| fit.model.effect.is_none()).cloned().collect();
    let (ige, omalizumab) = (tested(Exposure::IgeFree, fits), tested(Exposure::Omalizumab, &without));
    // Links of free IgE include its logarithm.
    let tests = [ige.as_ref(), ige.as_ref(), omalizumab.as_ref(), None];
    let untested = |exposure: Exposure| match (options.test, exposure) {
        (false, _) => "a delay was not tested",
        (true, Exposure::Ratio) => "a delay behind the ratio is not tested",
        (true, _) => "too few patients or values to test a delay",
    };
    let once = vec![1.0; means.rows.len()];
    let exposed = Exposed::new(&means.courses);
    let told = tests.map(|test| test.is_some_and(DelayTest::is_refuted));
    let values = means.facts(&exposed, &once, told, options);
    let drawn: Vec<Vec<f64>> = (0..options.replicates)
        .into_par_iter()
        .map(|replicate| {
            let mut stream = SubjectStream::new(options.seed, u64::from(replicate));
            let mut times = vec![0.0; means.rows.len()];
            for _ in 0..times.len() {
                let k = (stream.uniform() * times.len() as f64) as usize;
                times[k] += 1.0;
            }
            means.facts(&exposed, &times, told, options)
        })
        .collect();
    let of_means = |at: usize, fact: Fact, exposure: Option<Exposure>| {
        let column: Vec<f64> = drawn.iter().map(|d| d[at]).collect();
        let defined = column.iter().filter(|v| !v.is_nan()).count() as f64 / column.len() as f64;
        let known = !values[at].is_nan();
        let (low, high) = if known { ends(column) } else { (f64::NAN, f64::NAN) };
        let at_limit = fact == Fact::Lag && values[at] >= f64::from(options.max_lag);
        let reason = if known { "" } else { "not within the course" }.to_owned();
        Judged { value: values[at], low, high, defined, at_limit, reason, ..Judged::new(fact, exposure) }
    };
    let mut found = Vec::new();
    for (e, (exposure, test)) in Exposure::ALL.into_iter().zip(tests).enumerate() {
        let direction = test.and_then(DelayTest::direction);
        found.extend(of_test(exposure, test, untested(exposure)));
        for (k, fact) in Fact::OF_MEANS.into_iter().enumerate() {
            let judged = match test {
                Some(test) if test.is_refuted() => {
                    of_means(Fact::OF_MEANS.len() * e + k, fact, Some(exposure))
                }
                Some(test) => Judged::new(fact, Some(exposure)).because(&test.reason()),
                None => Judged::new(fact, Some(exposure)).because(untested(exposure)),
            };
            found.push(Judged { direction, ..judged });
        }
    }
    // A mean change that is not related to exposure is not a response to treatment.
    let responds = means.responds() && ige.as_ref().is_none_or(|test| test.has_effect);
    for (k, fact) in Fact::OF_COURSE.into_iter().enumerate() {
        let of_plateau = matches!(
            fact,
            Fact::Stabilised | Fact::SuppressedToStabilised | Fact::Returned | Fact::RecrossedToReturned
        );
        found.push(if of_plateau && !responds {
            Judged::new(fact, None).because("no effect of free IgE, or no change under treatment")
        } else {
            of_means(Fact::OF_MEANS.len() * Exposure::ALL.len() + k, fact, None)
        });
    }
    found
}

/// The p value and the mean delay of a test.
fn of_test(exposure: Exposure, test: Option<&DelayTest>, untested: &str) -> [Judged; 2] {
    let [p, delay] = [Fact::NoDelay, Fact::MeanDelay].map(|fact| Judged::new(fact, Some(exposure)));
    let Some(test) = test else { return [p.because(untested), delay.because(untested)] };
    let direction = test.direction();
    let p = Judged { value: test.p(), direction, reason: test.reason(), ..p };
    let delay = match test.delay.filter(|_| test.is_refuted()) {
        Some(MeanDelay { days, low, high, at_limit }) => {
            Judged { value: days, low, high, at_limit, direction, ..delay }
        }
        None => delay.because(&test.reason()),
    };
    [p, delay]
}

/// The 2.5th and 97.5th percentiles, interpolated; NaN counts as infinite.
fn ends(mut values: Vec<f64>) -> (f64, f64) {
    values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = f64::INFINITY);
    let at = |p: f64| {
        let found = quantile(values.clone(), p);
        // Interpolation between two infinite values.
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

    /// Whether the mean of the patients' changes on the plateau differs from zero.
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

    /// All facts, in the order of [`Fact::OF_MEANS`] for each exposure and then [`Fact::OF_COURSE`], with each member
    /// weighted by `times`; NaN for an exposure that is not `told`.
    fn facts(
        &self,
        exposures: &Exposed,
        times: &[f64],
        told: [bool; 4],
        options: &HysteresisOptions,
    ) -> Vec<f64> {
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
            if !told[e] {
                out.extend([f64::NAN; Fact::OF_MEANS.len()]);
                continue;
            }
            let points: Vec<(f64, f64)> = exposed
                .iter()
                .zip(&change)
                .map(|(x, y)| (x[e], *y))
                .filter(|p| p.0.is_finite() && p.1.is_finite())
                .collect();
            let (area, share) = limb_area(&points);
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

    /// The lag with the highest correlation over the days, and that correlation. The outcome is interpolated linearly
    /// between visits; the exposure before day 0 is that of day 0.
    fn lag(&self, daily: &[f64], change: &[f64], most: u32) -> (f64, f64) {
        let visits: Vec<(f64, f64)> =
            self.days.iter().zip(change).map(|(day, c)| (*day, *c)).filter(|p| p.1.is_finite()).collect();
        let (Some(&(first, _)), Some(&(last, _))) = (visits.first(), visits.last()) else { return NO_LAG };
        if !varies(daily.iter().copied()) || !varies(visits.iter().map(|v| v.1)) {
            return NO_LAG;
        }
        let outcome: Vec<(f64, f64)> = (first.ceil() as i32..=last.floor() as i32)
            .map(|day| (f64::from(day), interpolated(&visits, f64::from(day))))
            .collect();
        let exposure = |day: f64| {
            let (whole, part) = (day.max(0.0).floor(), day.max(0.0).fract());
            match (daily.get(whole as usize), daily.get(whole as usize + 1)) {
                (Some(low), Some(high)) => low + part * (high - low),
                (Some(low), None) if part == 0.0 => *low,
                _ => f64::NAN,
            }
        };
        let mut points = Vec::with_capacity(outcome.len());
        let mut at = |lag: f64| {
            points.clear();
            let all = outcome.iter().map(|(day, c)| (exposure(day - lag), *c));
            points.extend(all.filter(|p| p.0.is_finite()));
            product_moment(&points)
        };
        let most = f64::from(most);
        let grid: Vec<f64> =
            (0..).map(|k| LAGS * f64::from(k)).take_while(|lag| *lag < most).chain([most]).collect();
        let mut best = |lags: &mut dyn Iterator<Item = f64>| {
            let known = lags.map(|lag| (lag, at(lag))).filter(|(_, r)| r.is_finite());
            known.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()).then(b.0.total_cmp(&a.0)))
        };
        let Some((mut lag, mut r)) = best(&mut grid.into_iter()) else { return NO_LAG };
        let mut step = LAGS;
        while step > LAG_TO {
            step *= 0.5;
            let mut near = [lag - step, lag + step].into_iter().filter(|lag| (0.0..=most).contains(lag));
            if let Some(found) = best(&mut near).filter(|found| found.1.abs() > r.abs()) {
                (lag, r) = found;
            }
        }
        (lag, r)
    }
}

impl Exposed {
    fn new(courses: &[&ExposureCourse]) -> Self {
        let end = courses.iter().map(|c| c.end()).fold(0.0, f64::max);
        let days: Vec<f64> = (0..).map(f64::from).take_while(|day| *day <= end).collect();
        let daily = courses.iter().map(|c| Exposure::ALL.map(|exposure| c.on(exposure, &days))).collect();
        let (shortest, growth, longest) = FINE;
        let step = |day: &f64| match growth * day {
            step if step < longest => Some(day + step.max(shortest)),
            _ => Some(((day / longest).floor() + 1.0) * longest),
        };
        let mut fine: Vec<f64> =
            std::iter::successors(Some(0.0), step).take_while(|day| *day < end).collect();
        fine.push(end);
        let of_members: Vec<Vec<f64>> = courses.iter().map(|c| c.on(Exposure::LogIgeFree, &fine)).collect();
        let log_ige_free = (0..fine.len()).map(|k| of_members.iter().map(|own| own[k]).collect()).collect();
        Self { daily, fine, log_ige_free }
    }

    /// Mean exposures by day, while at least half of the members are followed.
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

    /// The first passage of a level by the mean logarithm of free IgE, while at least half of the members are followed.
    fn first_passage(&self, times: &[f64], level: f64, from: f64, falls: bool) -> f64 {
        let all: f64 = times.iter().sum();
        // A passage that begins before `from` is found from the point before it.
        let first = self.fine.partition_point(|day| *day < from).saturating_sub(1);
        let mean = |k: usize| {
            let seen = self.log_ige_free[k].iter().zip(times).filter(|(value, _)| !value.is_nan());
            let (n, sum) = seen.fold((0.0, 0.0), |(n, sum), (v, weight)| (n + weight, sum + weight * v));
            (n >= 0.5 * all).then(|| (self.fine[k], sum / n))
        };
        first_passage((first..self.fine.len()).map_while(mean), level, from, falls)
    }
}

/// Spacing of the lags tried first, and accuracy to which the best lag is found, days.
const LAGS: f64 = 6.0;
const LAG_TO: f64 = 0.1;
/// The result if there is no lag.
const NO_LAG: (f64, f64) = (f64::NAN, f64::NAN);

/// Linear interpolation of a curve through points on a day within their range.
fn interpolated(points: &[(f64, f64)], day: f64) -> f64 {
    let after = points.partition_point(|p| p.0 < day);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (_, Some(b)) if b.0 == day => b.1,
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (day - a.0) / (b.0 - a.0),
        _ => f64::NAN,
    }
}

/// The area between the limbs of a path at equal x, and its fraction of the rectangle around them; a part of the path
/// with one limb only, beyond the other end, is left out. NaN if a coordinate is constant up to rounding.
fn limb_area(points: &[(f64, f64)]) -> (f64, f64) {
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return (f64::NAN, f64::NAN) };
    let from = passage(points, last.0).unwrap_or((0, first));
    let backward: Vec<(f64, f64)> = points.iter().rev().copied().collect();
    let until = passage(&backward, first.0).unwrap_or((0, last));
    // One of the two is an end point of the path.
    if from.0 > 0 {
        let cut: Vec<(f64, f64)> = std::iter::once(from.1).chain(points[from.0..].iter().copied()).collect();
        return loop_area(&cut);
    }
    let kept = points.len() - until.0;
    loop_area(&points[..kept].iter().copied().chain((until.0 > 0).then_some(until.1)).collect::<Vec<_>>())
}

/// The first point at which a path passes an x between its points, and the number of points before it.
fn passage(points: &[(f64, f64)], x: f64) -> Option<(usize, (f64, f64))> {
    let crosses = |pair: &[(f64, f64)]| (pair[0].0 - x) * (pair[1].0 - x) < 0.0;
    let at = points.windows(2).position(crosses)?;
    let (a, b) = (points[at], points[at + 1]);
    Some((at + 1, (x, a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0))))
}

/// The signed area within a closed polygon (shoelace formula), and its fraction of the rectangle around it. NaN if a
/// coordinate is constant up to rounding.
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
    use crate::exposure::CourseColumns;

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
        // With 42 values the position is 1.025.
        assert!((ends(never(20).chain([f64::NAN]).collect()).0 - 1.025).abs() < 1e-12);
        assert!(ends(Vec::new()).0.is_nan());
    }

    /// Logarithms of free IgE that fall at rates of 5, 10 and 15 per day have a mean that falls at 10.
    #[test]
    fn suppression_is_dated_within_the_day_and_by_who_is_seen() {
        let fine: Vec<f64> = (0..=4000).map(|k| f64::from(k) * 0.005).collect();
        let course = |rate: f64, end: f64| {
            let day: Vec<f64> = fine.iter().copied().take_while(|d| *d <= end).collect();
            let back = |d: f64| (d - 12.0).max(0.0);
            let free = |d: &f64| 400.0 * (-rate * d.min(0.5) + 0.6 * rate * back(*d)).exp();
            let ige_free: Vec<f64> = day.iter().map(free).collect();
            let (omalizumab_total, ige_total) = (&vec![1.0; day.len()][..], &vec![500.0; day.len()][..]);
            ExposureCourse::new(&CourseColumns {
                day: &day,
                ige_free: &ige_free,
                omalizumab_total,
                ige_total,
            })
            .unwrap()
        };
        let courses = [course(5.0, 20.0), course(10.0, 20.0), course(15.0, 12.2)];
        let exposed = Exposed::new(&courses.iter().collect::<Vec<_>>());
        let level = 50.0_f64.ln();
        let near = |times: &[f64], from: f64, falls: bool, expected: f64| {
            let found = exposed.first_passage(times, level, from, falls);
            assert!((found - expected).abs() < 5e-4, "{found}, not {expected}");
        };
        near(&[1.0; 3], 0.0, true, 8.0_f64.ln() / 10.0);
        near(&[2.0, 1.0, 0.0], 0.0, true, 8.0_f64.ln() / (20.0 / 3.0));
        near(&[1.0; 3], 0.4, true, 0.4);
        // The third course ends earlier; the mean of the others returns from −5·rate/10 at 0.6·rate per day.
        near(&[1.0, 1.0, 0.0], 12.0, false, 12.0 + (3.75 - 8.0_f64.ln()) / 4.5);
        assert!(exposed.first_passage(&[0.0, 0.0, 3.0], level, 12.3, false).is_nan());
        assert!(Exposed::new(&[]).first_passage(&[], level, 0.0, true).is_nan());
    }
}
