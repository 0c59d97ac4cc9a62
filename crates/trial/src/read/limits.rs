//! Checks for limits of quantification that change within an analyte, and for quantified values below them.

use omafit_model::{Analyte, Censoring, Observation};
use std::collections::BTreeMap;

use super::checks::Check;
use super::findings::{Findings, NAMED};
use super::problem::Shown;
use crate::present::count;
use crate::trial::Warning;

/// Maximum number of different limits of an analyte that are distinguished.
const MOST: usize = 1000;
/// Number of low values of an analyte that are held.
const LOWEST: usize = 1000;
/// Relative difference of two limits that is explained by rounding.
const ROUNDING: f64 = 1e-6;

/// Limit of quantification of an analyte in a study.
struct Limit {
    study: String,
    value: f64,
    observations: usize,
    row: u64,
    id: String,
}

/// Lowest quantified values of an analyte.
struct Lowest {
    values: Vec<(f64, u64, String)>,
    /// Bound from which values are not held.
    bound: f64,
}

impl Default for Lowest {
    fn default() -> Self {
        Self { values: Vec::new(), bound: f64::INFINITY }
    }
}

/// Lower and upper limits of an analyte, and its lowest quantified values.
#[derive(Default)]
struct OfAnalyte {
    lower: Vec<Limit>,
    upper: Vec<Limit>,
    lowest: Lowest,
}

/// Limits and lowest values of each analyte.
#[derive(Default)]
pub(super) struct Limits {
    all: BTreeMap<Analyte, OfAnalyte>,
}

impl Limits {
    /// Adds an observation whose limit, if it has one, is given in the file.
    pub(super) fn add(&mut self, observation: &Observation, study: &str, id: &str) {
        let Observation { analyte, value, censoring, row, .. } = *observation;
        let OfAnalyte { lower, upper, lowest } = self.all.entry(analyte).or_default();
        let limits = match censoring {
            Censoring::Quantified => return lowest.add(value, row, id),
            Censoring::Below => lower,
            Censoring::Above => upper,
        };
        let is_same = |limit: &&mut Limit| {
            limit.study == study && (limit.value - value).abs() <= ROUNDING * value.abs()
        };
        if let Some(limit) = limits.iter_mut().find(is_same) {
            limit.observations += 1;
        } else if limits.len() < MOST {
            let (study, id) = (study.to_owned(), id.to_owned());
            limits.push(Limit { study, value, observations: 1, row, id });
        }
    }

    /// Warnings and notes on limits that change; quantified values below every limit are added to the findings.
    pub(super) fn finish(&self, findings: &mut Findings) -> (Vec<Warning>, Vec<String>) {
        let (mut warnings, mut notes) = (Vec::new(), Vec::new());
        for (&analyte, OfAnalyte { lower, upper, lowest }) in &self.all {
            for (limits, side) in [(lower, "lower"), (upper, "upper")] {
                match changing(limits) {
                    Some(true) => warnings.push(Warning {
                        check: "limit_changes".to_owned(),
                        text: told(analyte, side, limits, false),
                    }),
                    Some(false) => notes.push(told(analyte, side, limits, true)),
                    None => {}
                }
            }
            let least = lower.iter().map(|limit| limit.value).fold(f64::INFINITY, f64::min);
            let bound = least * (1.0 - ROUNDING);
            let below = lowest.values.iter().filter(|(value, ..)| *value < bound);
            let mut below: Vec<_> = below.filter(|_| least.is_finite()).collect();
            below.sort_by_key(|(_, row, _)| *row);
            for (value, row, id) in below {
                let seen = || format!("{value} {unit}, limit {least}", unit = analyte.unit());
                findings.add_seen(Check::QuantifiedBelowLimit, analyte.name(), (*row, id), seen);
            }
        }
        (warnings, notes)
    }
}

impl Lowest {
    fn add(&mut self, value: f64, row: u64, id: &str) {
        // A value of zero is reported by its own check.
        if value >= self.bound || value <= 0.0 {
            return;
        }
        self.values.push((value, row, id.to_owned()));
        if self.values.len() >= 2 * LOWEST {
            self.values.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.values.truncate(LOWEST);
            self.bound = self.values[LOWEST - 1].0;
        }
    }
}

/// Whether limits change within a study (`true`), or from study to study only (`false`).
fn changing(limits: &[Limit]) -> Option<bool> {
    let is_one =
        limits.iter().all(|limit| (limit.value - limits[0].value).abs() <= ROUNDING * limit.value.abs());
    if is_one {
        return None;
    }
    let has_two = |limit: &Limit| limits.iter().filter(|other| other.study == limit.study).count() > 1;
    Some(limits.iter().any(has_two))
}

fn told(analyte: Analyte, side: &str, limits: &[Limit], by_study: bool) -> String {
    let mut limits: Vec<&Limit> = limits.iter().collect();
    limits.sort_by(|a, b| b.observations.cmp(&a.observations).then(a.row.cmp(&b.row)));
    let of = |limit: &&Limit| {
        let Limit { study, value, observations, row, id } = limit;
        let study = if study.is_empty() { String::new() } else { format!(" in study {}", Shown(study)) };
        let observations = count(*observations, "observation");
        format!("{value}{study} ({observations}, the first in row {row} of ID {})", Shown(id))
    };
    let mut listed: Vec<String> = limits.iter().take(NAMED).map(of).collect();
    if limits.len() > NAMED {
        listed.push(format!("{} more", limits.len() - NAMED));
    }
    let (name, unit) = (analyte.name(), analyte.unit());
    let more =
        if by_study { "" } else { "; one of them may be of another unit or analyte, or the assay changed" };
    format!("{name} has {side} limits of quantification of {} {unit}{more}", listed.join(", "))
}
