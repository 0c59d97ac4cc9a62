//! Predictive checks of a model against the data to which it was fitted.

use crate::checks::share;
use crate::error::{CliError, refuse};
use omafit_estimate::{
    Binning, Limits, NpcRow, Replication, Strata, TrialReplicates, VpcRow, VpcSettings, assay_limits, npc,
    replicate_trial, typical_predictions, vpc,
};
use omafit_model::{Analyte, PerAnalyte, PopulationModel, Subject};
use omafit_trial::ReadOptions;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Smallest number of simulations for a predictive check.
pub const FEWEST_REPLICATES: u32 = 100;
/// Largest number of distinct covariate values that form separate strata; a covariate with more values is
/// divided into thirds.
const MOST_CATEGORIES: usize = 6;

/// Settings of a predictive check, as recorded in `vpc.json`.
#[derive(Debug, serde::Serialize)]
pub struct Check {
    pub replicates: u32,
    pub seed: u64,
    pub level: f64,
    pub percentiles: Vec<f64>,
    pub corrected: bool,
    pub stratify: Option<String>,
    pub bins: Vec<f64>,
}

impl Check {
    /// The default check that a run makes of itself.
    pub fn usual(replicates: u32, seed: u64) -> Self {
        let percentiles = vec![5.0, 50.0, 95.0];
        Self { replicates, seed, level: 0.9, percentiles, corrected: true, stratify: None, bins: Vec::new() }
    }

    /// Checks that the settings are valid.
    pub fn verify(&self) -> Result<(), CliError> {
        if self.replicates < FEWEST_REPLICATES {
            return Err(refuse("replicates", self.replicates, format!("at least {FEWEST_REPLICATES}")));
        }
        share("level", self.level)?;
        if let Some(p) = self.percentiles.iter().find(|p| !(**p > 0.0 && **p < 100.0)) {
            return Err(refuse("percentiles", p, "between 0 and 100"));
        }
        self.binning().map(|_| ())
    }

    fn binning(&self) -> Result<Binning, CliError> {
        match self.bins[..] {
            [] => Ok(Binning::Chosen),
            [count] if count >= 1.0 && count.fract() == 0.0 => Ok(Binning::Count(count as usize)),
            [count] => Err(refuse("bins", count, "a whole number from 1, or edges in days")),
            ref edges => match edges.windows(2).find(|e| !(e[0] < e[1] && e[1].is_finite())) {
                Some(pair) => Err(refuse("bins", pair[1], "edges in ascending order")),
                None => Ok(Binning::Edges(edges.to_vec())),
            },
        }
    }

    /// Compares the observations with the simulations.
    pub fn of(
        &self,
        model: &PopulationModel,
        subjects: &[Subject],
        replicates: &TrialReplicates,
    ) -> Result<Checked, CliError> {
        let limits = replicates.limits.clone();
        let unknown = |s: &Subject| vec![f64::NAN; s.observations.len()];
        let pred = |s: &Subject| typical_predictions(model, s).unwrap_or_else(|_| unknown(s));
        let pred: Vec<Vec<f64>> = subjects.par_iter().map(pred).collect();
        let mut settings = VpcSettings {
            binning: self.binning()?,
            percentiles: self.percentiles.iter().map(|p| p / 100.0).collect(),
            level: self.level,
            limits,
            strata: strata(self.stratify.as_deref(), subjects)?,
            is_corrected: false,
        };
        let mut rows = Vec::new();
        for is_corrected in [false, true].into_iter().filter(|c| *c <= self.corrected) {
            settings.is_corrected = is_corrected;
            let found = vpc(subjects, &replicates.of, &pred, &settings);
            rows.extend(found.into_iter().map(|row| (is_corrected, row)));
        }
        let npc = npc(subjects, &replicates.of, &settings.limits, self.level);
        Ok(Checked { vpc: rows, strata: settings.strata.names, npc })
    }
}

/// Results of a predictive check.
#[derive(Debug)]
pub struct Checked {
    /// Rows of the visual predictive check, each with whether its values are prediction-corrected.
    pub vpc: Vec<(bool, VpcRow)>,
    /// Names of the strata of the visual predictive check.
    pub strata: Vec<String>,
    /// Rows of the numerical predictive check.
    pub npc: Vec<NpcRow>,
}

/// Simulates replicates of the trial, with the limits of quantification of its assays.
pub fn replicate(
    model: &PopulationModel,
    subjects: &[Subject],
    read: &ReadOptions,
    replication: Replication,
    done: &(dyn Fn() + Sync),
) -> TrialReplicates {
    let limits = |a: Analyte| Limits { lower: read.lloq.get(&a).copied(), upper: read.uloq.get(&a).copied() };
    let given = PerAnalyte::of(model.analytes(), limits);
    TrialReplicates {
        of: replicate_trial(model, subjects, replication, done),
        seed: replication.seed,
        limits: assay_limits(model, subjects, &given),
    }
}

/// Name of the stratification of subjects by their doses.
pub const REGIMEN: &str = "regimen";

/// Stratum of each subject, by dose and interval or by a covariate. Subjects without a value form a stratum of
/// their own.
pub fn strata(by: Option<&str>, subjects: &[Subject]) -> Result<Strata, CliError> {
    let Some(by) = by else { return Ok(Strata::default()) };
    if by.eq_ignore_ascii_case(REGIMEN) {
        return Ok(grouped(subjects.iter().map(regimen)));
    }
    let known: BTreeSet<&str> =
        subjects.iter().flat_map(|s| s.covariates.iter().map(|(name, _)| name)).collect();
    let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(by)) else {
        let names = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(refuse("stratify", by, format!("`regimen` or a covariate of the data: {names}")));
    };
    let mut sorted: Vec<f64> = subjects.iter().filter_map(|s| s.covariates.get(name)).collect();
    sorted.sort_by(f64::total_cmp);
    let distinct = sorted.chunk_by(|a, b| a == b).count();
    let cut = |third: usize| sorted[(third * sorted.len() / 3).min(sorted.len() - 1)];
    let label = |subject: &Subject| match subject.covariates.get(name) {
        None => (f64::INFINITY, format!("{name} unknown")),
        Some(v) if distinct <= MOST_CATEGORIES => (v, format!("{name} {v}")),
        Some(v) if v < cut(1) => (v, format!("{name} below {}", cut(1))),
        Some(v) if v < cut(2) => (v, format!("{name} {} to {}", cut(1), cut(2))),
        Some(v) => (v, format!("{name} from {}", cut(2))),
    };
    Ok(grouped(subjects.iter().map(label)))
}

/// Strata with the given names, in the order of their smallest values.
fn grouped(labels: impl Iterator<Item = (f64, String)>) -> Strata {
    let labels: Vec<(f64, String)> = labels.collect();
    let mut sorted: Vec<&(f64, String)> = labels.iter().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let mut names: Vec<String> = Vec::new();
    for (_, name) in sorted {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let of = labels.iter().map(|(_, name)| names.iter().position(|n| n == name).unwrap_or(0)).collect();
    Strata { names, of }
}

/// Sort value and name of the regimen of a subject: its first dose, and the interval to the next.
fn regimen(subject: &Subject) -> (f64, String) {
    let doses: Vec<_> = subject.doses.iter().filter(|d| d.amount_mg > 0.0).collect();
    match doses[..] {
        [] => (0.0, "no dose".into()),
        [only] => (only.amount_mg, format!("{} mg once", only.amount_mg)),
        [first, second, ..] => {
            let days = second.time - first.time;
            let weeks = days / 7.0;
            let every = if weeks.fract() == 0.0 { format!("{weeks} weeks") } else { format!("{days} days") };
            (first.amount_mg / days, format!("{} mg every {every}", first.amount_mg))
        }
    }
}
