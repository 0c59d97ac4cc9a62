//! Visual predictive check, and its prediction-corrected form (Bergstrand, Hooker, Wallin, Karlsson 2011, AAPS J
//! 13:143, doi 10.1208/s12248-011-9255-z).
//!
//! In each bin of time the percentiles of the observations stand beside the distribution, over the replicates of the
//! trial, of the same percentiles. An observation or simulated value beyond a limit of quantification ranks below or
//! above every value; a percentile that falls among these has no value. Their share is a statistic of its own.
//!
//! Corrected for prediction, a value y is y·(median PRED of its bin)/PRED.

use super::bins::{Binning, bins};
use super::limits::Limits;
use super::replicates::Replicates;
use crate::quantile::quantile;
use omafit_model::{Analyte, Censoring, Subject};
use rayon::prelude::*;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum VpcStatistic {
    /// The percentile at this part of the values.
    Percentile(f64),
    /// The part below the lower limit of quantification.
    Below,
    /// The part above the upper limit of quantification.
    Above,
}

/// Groups of subjects that are checked apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strata {
    /// Their names; none: all together.
    pub names: Vec<String>,
    /// The stratum of each subject.
    pub of: Vec<usize>,
}

/// How a check is made.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcSettings {
    /// The bins of time after the first dose; the same for every stratum.
    pub binning: Binning,
    /// Percentiles, as parts of one.
    pub percentiles: Vec<f64>,
    /// Coverage of the bands.
    pub level: f64,
    /// The assays' limits.
    pub limits: [Limits; 3],
    /// Groups of subjects.
    pub strata: Strata,
    /// Whether values are corrected for prediction.
    pub is_corrected: bool,
}

/// One statistic of one bin.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcRow {
    /// Of what.
    pub analyte: Analyte,
    /// Position of the stratum among the names; 0 without strata.
    pub stratum: usize,
    /// Bin, from 1.
    pub bin: usize,
    /// First, median and last time after the first dose in the bin, days.
    pub time: [f64; 3],
    /// Observations in the bin, censored ones included.
    pub n: usize,
    /// What is compared.
    pub statistic: VpcStatistic,
    /// Of the observations.
    pub observed: f64,
    /// Of the replicates: lower end of the band, median, upper end; NaN where beyond a limit.
    pub simulated: [f64; 3],
}

/// Days since the first dose of each observation; since the first record where there is no dose.
pub fn time_after_first_dose(subject: &Subject) -> impl Iterator<Item = f64> + '_ {
    let first = subject.doses.iter().find(|d| d.amount_mg > 0.0).map_or(subject.start, |d| d.time);
    subject.observations.iter().map(move |o| o.time - first)
}

/// Where an observation is found, what it counts as, and what a simulated value is multiplied by.
struct Place {
    subject: usize,
    observation: usize,
    time: f64,
    observed: f64,
    /// Nothing of a value that is beyond a limit whatever it is multiplied by.
    factor: Option<f64>,
}

/// Checks every analyte: rows by analyte, stratum, bin and statistic. `pred` has the population prediction of each
/// observation of each subject. Observations without a number or a simulation are left out; corrected, also those of which
/// nothing is predicted, unless they are beyond a limit, which no correction changes.
pub fn vpc(
    subjects: &[Subject],
    replicates: &[Replicates],
    pred: &[Vec<f64>],
    settings: &VpcSettings,
) -> Vec<VpcRow> {
    let mut rows = Vec::new();
    for analyte in Analyte::ALL {
        let limits = settings.limits[analyte.index()];
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
            // Until its bin is known, a corrected value is a part of its prediction.
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

/// The quantile at `p` of sorted values, some of which may be infinite; NaN of nothing.
pub(super) fn ranked(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = p * last as f64;
    let (low, part) = (sorted[position.floor() as usize], position.fract());
    let high = sorted[(position.floor() as usize + 1).min(last)];
    if part == 0.0 || low == high { low } else { low + part * (high - low) }
}
