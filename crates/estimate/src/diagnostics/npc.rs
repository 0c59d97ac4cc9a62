//! Numerical predictive check: the fraction of observations outside their prediction intervals, next to the
//! distribution of that fraction over the replicates.

use super::limits::Limits;
use super::replicates::Replicates;
use super::vpc::ranked;
use omafit_model::{Analyte, Censoring, Subject};
use rayon::prelude::*;

/// Coverages of the prediction intervals that are checked.
const LEVELS: [f64; 4] = [0.5, 0.8, 0.9, 0.95];

/// A prediction interval of one analyte's observations.
#[derive(Clone, Debug, PartialEq)]
pub struct NpcRow {
    /// The analyte.
    pub analyte: Analyte,
    /// Coverage of the prediction interval.
    pub interval: f64,
    /// How many observations of the analyte are checked.
    pub n: usize,
    /// Fraction below the interval: of the observations, and lower end, median and upper end over the replicates.
    pub below: [f64; 4],
    /// Fraction above the interval, in the order of `below`.
    pub above: [f64; 4],
}

/// How many observations lie below and above each interval, by analyte, level and side.
type Counts = [u32; 3 * LEVELS.len() * 2];
const NOTHING: Counts = [0; 3 * LEVELS.len() * 2];

fn place(analyte: usize, level: usize, side: usize) -> usize {
    (analyte * LEVELS.len() + level) * 2 + side
}

/// Checks every observed analyte. `level` is the coverage of the bands over the replicates. Values beyond a limit of
/// quantification rank below or above every value, in observations and replicates alike.
pub fn npc(subjects: &[Subject], replicates: &[Replicates], limits: [Limits; 3], level: f64) -> Vec<NpcRow> {
    let count = replicates.iter().map(Replicates::count).max().unwrap_or(0);
    let none = || ([0_usize; 3], vec![NOTHING; count + 1]);
    let add = |(mut n, mut sums): ([usize; 3], Vec<Counts>), (more, counts): ([usize; 3], Vec<Counts>)| {
        n.iter_mut().zip(more).for_each(|(n, more)| *n += more);
        let all = sums.as_flattened_mut().iter_mut().zip(counts.as_flattened());
        all.for_each(|(sum, more)| *sum += more);
        (n, sums)
    };
    let pairs = subjects.par_iter().zip(replicates).filter(|(_, r)| r.count() > 0);
    // Integer sums do not depend on the order.
    let (n, sums) = pairs.map(|(s, r)| subject_counts(s, r, limits, count)).reduce(none, add);
    let mut rows = Vec::new();
    for analyte in Analyte::ALL.into_iter().filter(|a| n[a.index()] > 0) {
        let size = n[analyte.index()];
        for (l, interval) in LEVELS.into_iter().enumerate() {
            let side = |side: usize| {
                let part = |c: &Counts| f64::from(c[place(analyte.index(), l, side)]) / size as f64;
                let mut simulated: Vec<f64> = sums[..count].iter().map(part).collect();
                simulated.sort_by(f64::total_cmp);
                let tail = 0.5 * (1.0 - level);
                let [low, middle, high] = [tail, 0.5, 1.0 - tail].map(|p| ranked(&simulated, p));
                [part(&sums[count]), low, middle, high]
            };
            rows.push(NpcRow { analyte, interval, n: size, below: side(0), above: side(1) });
        }
    }
    rows
}

/// Counts for one subject: of each replicate, then of the observations.
fn subject_counts(
    subject: &Subject,
    replicates: &Replicates,
    limits: [Limits; 3],
    count: usize,
) -> ([usize; 3], Vec<Counts>) {
    let mut n = [0; 3];
    let mut counts = vec![NOTHING; count + 1];
    for (i, o) in subject.observations.iter().enumerate() {
        let analyte = o.analyte.index();
        let mut values: Vec<f64> =
            replicates.observation(i).map(|v| limits[analyte].rank(f64::from(v))).collect();
        let own = match o.censoring {
            Censoring::Quantified => limits[analyte].rank(o.value),
            Censoring::Below => f64::NEG_INFINITY,
            Censoring::Above => f64::INFINITY,
        };
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        if sorted.is_empty() {
            continue;
        }
        sorted.sort_by(f64::total_cmp);
        n[analyte] += 1;
        values.resize(count, f64::NAN);
        values.push(own);
        for (l, interval) in LEVELS.into_iter().enumerate() {
            let tail = 0.5 * (1.0 - interval);
            let (low, high) = (ranked(&sorted, tail), ranked(&sorted, 1.0 - tail));
            for (counts, value) in counts.iter_mut().zip(&values) {
                counts[place(analyte, l, 0)] += u32::from(*value < low);
                counts[place(analyte, l, 1)] += u32::from(*value > high);
            }
        }
    }
    (n, counts)
}
