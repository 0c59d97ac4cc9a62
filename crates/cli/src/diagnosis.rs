//! Diagnostics of a run: residuals, tests of residuals, predictive checks.

use crate::error::CliError;
use crate::plan::Plan;
use crate::predictive::{Check, replicate};
use crate::progress_bar::progress_bar;
use crate::seconds::Seconds;
use crate::write::write_both;
use omafit_estimate::{SubjectDiagnostics, SubjectResult, diagnose, residual_tests, typical_course};
use omafit_model::{OutputRows, PopulationModel, Subject};
use omafit_trial::{
    ReadOptions, RunFolder, Table, TableError, diagnostics_table, npc_table, typical_table, vpc_table,
};
use rayon::prelude::*;
use std::time::Instant;

/// Diagnostics of a run, in addition to the fits.
pub struct Diagnosis {
    /// Diagnostics of each subject.
    pub subjects: Vec<SubjectDiagnostics>,
    typical: Vec<OutputRows>,
    checks: Option<(Check, [Table; 2])>,
}

impl Diagnosis {
    /// Simulates replicates of the trial if requested, and computes the diagnostics of every subject. Must be
    /// called within a thread pool.
    pub fn new(
        plan: &Plan,
        subjects: &[Subject],
        read: &ReadOptions,
        results: &[SubjectResult],
        quiet: bool,
        seconds: &mut Seconds,
    ) -> Result<Self, CliError> {
        let started = Instant::now();
        let model = plan.model();
        let replicates = plan.replication().map(|replication| {
            let progress = progress_bar("simulating", subjects.len() as u64, quiet);
            let replicates = replicate(model, subjects, read, replication, &|| progress.inc(1));
            progress.finish_and_clear();
            seconds.add("replicates", started.elapsed().as_secs_f64());
            (Check::usual(replication.replicates, replication.seed), replicates)
        });
        let started = Instant::now();
        let simulated = replicates.as_ref().map(|(_, replicates)| replicates);
        let diagnosed = diagnose(model, subjects, &|i| &results[i].fit, plan.options(), simulated);
        let typical = plan.courses().map_or_else(Vec::new, |wanted| {
            let of = |subject| typical_course(model, subject, wanted).unwrap_or_default();
            subjects.par_iter().with_max_len(1).map(of).collect()
        });
        let checks = match replicates {
            Some((check, replicates)) => {
                let checked = check.of(model, subjects, &replicates)?;
                let tables = [vpc_table(&checked.vpc, &checked.strata)?, npc_table(&checked.npc)?];
                Some((check, tables))
            }
            None => None,
        };
        seconds.add("diagnostics", started.elapsed().as_secs_f64());
        Ok(Self { subjects: diagnosed, typical, checks })
    }

    /// Table of the time courses of the typical subjects; empty if no time courses are requested.
    pub fn typical(
        &self,
        model: &PopulationModel,
        subjects: &[Subject],
        results: &[SubjectResult],
    ) -> Result<Table, TableError> {
        typical_table(model, subjects, results, &self.typical)
    }

    /// Writes the tables of the residual tests and of the predictive checks.
    pub fn write(
        &self,
        folder: &RunFolder,
        plan: &Plan,
        subjects: &[Subject],
        results: &[SubjectResult],
    ) -> Result<(), CliError> {
        let tests = residual_tests(plan.model(), subjects, results, &self.subjects);
        write_both(folder, &diagnostics_table(&tests)?)?;
        if let Some((check, tables)) = &self.checks {
            tables.iter().try_for_each(|table| write_both(folder, table))?;
            folder.write("vpc.json", |f| Ok::<_, CliError>(serde_json::to_writer_pretty(f, check)?))?;
        }
        Ok(())
    }
}
