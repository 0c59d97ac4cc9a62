//! Numerical predictive check: the fraction of observations outside their prediction intervals, next to the
//! distribution of that fraction over the replicates.

use super::limits::Limits;
use super::replicates::Replicates;
use super::vpc::ranked;
use omafit_model::{Analyte, Censoring, PerAnalyte, Subject};
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

/// How many observations of an analyte lie below and above each interval, by level and side.
type Counts = [[u32; 2]; LEVELS.len()];
const NOTHING: Counts = [[0; 2]; LEVELS.len()];

/// Counts of some subjects.
struct Sums {
    /// How many observations of each analyte there are.
    n: Vec<usize>,
    /// The counts of each analyte in each replicate, then in the observations.
    counts: Vec<Vec<Counts>>,
}

impl Sums {
    fn none(analytes: usize, replicates: usize) -> Self {
        Self { n: vec![0; analytes], counts: vec![vec![NOTHING; replicates + 1]; analytes] }
    }

    fn add(mut self, more: Self) -> Self {
        self.n.iter_mut().zip(more.n).for_each(|(n, more)| *n += more);
        let all = self.counts.iter_mut().flatten().flatten().flatten();
        all.zip(more.counts.iter().flatten().flatten().flatten()).for_each(|(sum, more)| *sum += more);
        self
    }
}

/// Checks every observed analyte. `level` is the coverage of the bands over the replicates. Values beyond a limit of
/// quantification rank below or above every value, in observations and replicates alike.
pub fn npc(
    subjects: &[Subject],
    replicates: &[Replicates],
    limits: &PerAnalyte<Limits>,
    level: f64,
) -> Vec<NpcRow> {
    let count = replicates.iter().map(Replicates::count).max().unwrap_or(0);
    let analytes = limits.analytes().count();
    let pairs = subjects.par_iter().zip(replicates).filter(|(_, r)| r.count() > 0);
    // Integer sums do not depend on the order.
    let sums = pairs
        .map(|(s, r)| subject_counts(s, r, limits, count))
        .reduce(|| Sums::none(analytes, count), Sums::add);
    let mut rows = Vec::new();
    for (analyte, (&n, counts)) in limits.analytes().zip(sums.n.iter().zip(&sums.counts)) {
        if n == 0 {
            continue;
        }
        for (l, interval) in LEVELS.into_iter().enumerate() {
            let side = |side: usize| {
                let part = |c: &Counts| f64::from(c[l][side]) / n as f64;
                let mut simulated: Vec<f64> = counts[..count].iter().map(part).collect();
                simulated.sort_by(f64::total_cmp);
                let tail = 0.5 * (1.0 - level);
                let [low, middle, high] = [tail, 0.5, 1.0 - tail].map(|p| ranked(&simulated, p));
                [part(&counts[count]), low, middle, high]
            };
            rows.push(NpcRow { analyte, interval, n, below: side(0), above: side(1) });
        }
    }
    rows
}

/// Counts for one subject.
fn subject_counts(
    subject: &Subject,
    replicates: &Replicates,
    limits: &PerAnalyte<Limits>,
    count: usize,
) -> Sums {
    let mut sums = Sums::none(limits.analytes().count(), count);
    for (i, o) in subject.observations.iter().enumerate() {
        let found = limits.iter().enumerate().find(|(_, (analyte, _))| *analyte == o.analyte);
        let Some((analyte, (_, limits))) = found else { continue };
        let mut values: Vec<f64> = replicates.observation(i).map(|v| limits.rank(f64::from(v))).collect();
        let own = match o.censoring {
            Censoring::Quantified => limits.rank(o.value),
            Censoring::Below => f64::NEG_INFINITY,
            Censoring::Above => f64::INFINITY,
        };
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        if sorted.is_empty() {
            continue;
        }
        sorted.sort_by(f64::total_cmp);
        sums.n[analyte] += 1;
        values.resize(count, f64::NAN);
        values.push(own);
        for (l, interval) in LEVELS.into_iter().enumerate() {
            let tail = 0.5 * (1.0 - interval);
            let (low, high) = (ranked(&sorted, tail), ranked(&sorted, 1.0 - tail));
            for (counts, value) in sums.counts[analyte].iter_mut().zip(&values) {
                counts[l][0] += u32::from(*value < low);
                counts[l][1] += u32::from(*value > high);
            }
        }
    }
    sums
}
