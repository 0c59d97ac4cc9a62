//! Visual predictive check and its prediction-corrected form (Bergstrand, Hooker, Wallin, Karlsson 2011, AAPS J 13:143,
//! doi 10.1208/s12248-011-9255-z).
//!
//! In each time bin the percentiles of the observations are compared with the distribution of the corresponding
//! percentiles over the replicates of the trial. An observed or simulated value beyond a limit of quantification ranks
//! below or above every value; a percentile that falls among these has no value. The fraction of values beyond a limit
//! is a statistic of its own.
//!
//! With prediction correction, a value y becomes y·(median PRED of its bin)/PRED.

use super::bins::{Binning, bins};
use super::limits::Limits;
use super::replicates::Replicates;
use crate::quantile::quantile;
use omafit_model::{Analyte, Censoring, PerAnalyte, Subject};
use rayon::prelude::*;

/// Statistic that is compared between observations and replicates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VpcStatistic {
    /// The percentile at this probability.
    Percentile(f64),
    /// The fraction below the lower limit of quantification.
    Below,
    /// The fraction above the upper limit of quantification.
    Above,
}

/// Groups of subjects that are checked separately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strata {
    /// Names of the strata; empty if all subjects are checked together.
    pub names: Vec<String>,
    /// The stratum of each subject.
    pub of: Vec<usize>,
}

/// Settings of a visual predictive check.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcSettings {
    /// Bins of the time after the first dose, common to all strata.
    pub binning: Binning,
    /// Percentiles, as fractions of one.
    pub percentiles: Vec<f64>,
    /// Coverage of the bands over the replicates.
    pub level: f64,
    /// Limits of quantification of each analyte.
    pub limits: PerAnalyte<Limits>,
    /// Strata of subjects.
    pub strata: Strata,
    /// Whether values are prediction-corrected.
    pub is_corrected: bool,
}

/// One statistic in one bin.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcRow {
    /// The analyte.
    pub analyte: Analyte,
    /// Position of the stratum among the names; 0 without strata.
    pub stratum: usize,
    /// Number of the bin, from 1.
    pub bin: usize,
    /// First, median and last time after the first dose in the bin, days.
    pub time: [f64; 3],
    /// How many observations are in the bin, including censored ones.
    pub n: usize,
    /// The statistic.
    pub statistic: VpcStatistic,
    /// Value of the statistic for the observations.
    pub observed: f64,
    /// Lower end of the band, median and upper end over the replicates; NaN where beyond a limit.
    pub simulated: [f64; 3],
}

/// Time since the first dose of each observation, days; since the first record if there is no dose.
pub fn time_after_first_dose(subject: &Subject) -> impl Iterator<Item = f64> + '_ {
    let first = subject.doses.iter().find(|d| d.amount_mg > 0.0).map_or(subject.start, |d| d.time);
    subject.observations.iter().map(move |o| o.time - first)
}

/// Position of an observation, its value in the check, and the factor that multiplies its simulated values.
struct Place {
    subject: usize,
    observation: usize,
    time: f64,
    observed: f64,
    /// Correction factor; `None` for a value that is beyond a limit whatever the factor.
    factor: Option<f64>,
}

/// Checks every analyte; rows are ordered by analyte, stratum, bin and statistic. `pred` contains the population
/// prediction of each observation of each subject. Observations without a value or a simulation are left out; with
/// prediction correction, also observations with a prediction of zero, unless they are censored, which no correction
/// changes.
pub fn vpc(
    subjects: &[Subject],
    replicates: &[Replicates],
    pred: &[Vec<f64>],
    settings: &VpcSettings,
) -> Vec<VpcRow> {
    let mut rows = Vec::new();
    for (analyte, &limits) in settings.limits.iter() {
        let places = places(subjects, replicates, pred, analyte, limits, settings.is_corrected);
        let times: Vec<f64> = places.iter().map(|p| p.time).collect();
        let bins = bins(&times, &settings.binning);
        for stratum in 0..settings.strata.names.len().max(1) {
            let own = |p: &&Place| settings.strata.of.get(p.subject).copied().unwrap_or(0) == stratum;
            for (bin, &(from, to)) in bins.iter().enumerate() {
                let inside: Vec<&Place> =
                    places.iter().filter(own).filter(|p| (from..=to).contains(&p.time)).collect();
                if !inside.is_empty() {
                    rows.extend(check(analyte, stratum, bin + 1, inside, replicates, limits, settings));
                }
            }
        }
    }
    rows
}

fn places(
    subjects: &[Subject],
    replicates: &[Replicates],
    pred: &[Vec<f64>],
    analyte: Analyte,
    limits: Limits,
    is_corrected: bool,
) -> Vec<Place> {
    let mut places = Vec::new();
    for (s, subject) in subjects.iter().enumerate() {
        if replicates[s].count() == 0 {
            continue;
        }
        for (i, (o, time)) in subject.observations.iter().zip(time_after_first_dose(subject)).enumerate() {
            let has_pred = pred[s][i].is_finite() && pred[s][i] > 0.0;
            let is_beyond = o.censoring != Censoring::Quantified && pred[s][i].is_finite();
            if o.analyte != analyte || (is_corrected && !has_pred && !is_beyond) {
                continue;
            }
            let observed = match o.censoring {
                Censoring::Quantified => limits.rank(o.value),
                Censoring::Below => f64::NEG_INFINITY,
                Censoring::Above => f64::INFINITY,
            };
            // Until the median prediction of its bin is known, a corrected value is relative to its own prediction.
            let factor = if is_corrected { has_pred.then(|| 1.0 / pred[s][i]) } else { Some(1.0) };
            places.push(Place { subject: s, observation: i, time, observed, factor });
        }
    }
    places
}

fn check(
    analyte: Analyte,
    stratum: usize,
    bin: usize,
    inside: Vec<&Place>,
    replicates: &[Replicates],
    limits: Limits,
    settings: &VpcSettings,
) -> Vec<VpcRow> {
    let predictions: Vec<f64> = inside.iter().filter_map(|p| p.factor).map(|factor| 1.0 / factor).collect();
    let middle = if predictions.is_empty() { 1.0 } else { quantile(predictions, 0.5) };
    let scale = |p: &Place| p.factor.map_or(1.0, |factor| factor * middle);
    let statistics: Vec<VpcStatistic> = settings
        .percentiles
        .iter()
        .map(|p| VpcStatistic::Percentile(*p))
        .chain(limits.lower.map(|_| VpcStatistic::Below))
        .chain(limits.upper.map(|_| VpcStatistic::Above))
        .collect();
    let summary = |mut values: Vec<f64>| -> Vec<f64> {
        values.retain(|v| !v.is_nan());
        values.sort_by(f64::total_cmp);
        let size = values.len() as f64;
        let below = values.partition_point(|v| *v == f64::NEG_INFINITY) as f64;
        let above = size - values.partition_point(|v| *v < f64::INFINITY) as f64;
        let of = |statistic: &VpcStatistic| match statistic {
            VpcStatistic::Percentile(p) => ranked(&values, *p),
            VpcStatistic::Below => below / size,
            VpcStatistic::Above => above / size,
        };
        statistics.iter().map(of).collect()
    };
    let observed = summary(inside.iter().map(|p| p.observed * scale(p)).collect());
    let count = replicates.iter().map(Replicates::count).max().unwrap_or(0);
    let simulated: Vec<Vec<f64>> = (0..count)
        .into_par_iter()
        .map(|k| {
            let value = |p: &&Place| {
                limits.rank(f64::from(replicates[p.subject].replicate(k)[p.observation])) * scale(p)
            };
            summary(inside.iter().map(value).collect())
        })
        .collect();
    let mut times: Vec<f64> = inside.iter().map(|p| p.time).collect();
    times.sort_by(f64::total_cmp);
    let time = [times[0], quantile(times.clone(), 0.5), times[times.len() - 1]];
    let tail = 0.5 * (1.0 - settings.level);
    let row = |(i, statistic): (usize, VpcStatistic)| {
        let mut values: Vec<f64> = simulated.iter().map(|s| s[i]).filter(|v| !v.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let known = |v: f64| if v.is_finite() { v } else { f64::NAN };
        VpcRow {
            analyte,
            stratum,
            bin,
            time,
            n: inside.len(),
            statistic,
            observed: known(observed[i]),
            simulated: [tail, 0.5, 1.0 - tail].map(|p| known(ranked(&values, p))),
        }
    };
    statistics.iter().copied().enumerate().map(row).collect()
}

/// The quantile at `p` of sorted values, some of which may be infinite; NaN for an empty slice.
pub(super) fn ranked(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = p * last as f64;
    let (low, part) = (sorted[position.floor() as usize], position.fract());
    let high = sorted[(position.floor() as usize + 1).min(last)];
    if part == 0.0 || low == high { low } else { low + part * (high - low) }
}
