//! `omafit vpc`: predictive checks of the model of a run against its data.

use crate::Outcome;
use crate::error::{CliError, refuse};
use crate::options::VpcArgs;
use crate::predictive::{Check, replicate};
use crate::progress_bar::progress_bar;
use crate::reconstruct::Run;
use crate::threads::pool;
use crate::views::{draw_into, renew_views};
use crate::write::write_into;
use omafit_estimate::{Replication, npde};
use omafit_trial::{npc_table, npde_table, vpc_table, write_whole};
use rayon::prelude::*;

/// Simulates the trial, computes the checks, and writes the results into the run folder.
pub fn vpc(args: &VpcArgs) -> Result<Outcome, CliError> {
    let check = Check {
        replicates: args.replicates,
        seed: args.seed,
        level: args.level,
        percentiles: args.percentiles.clone(),
        corrected: args.pc,
        stratify: args.stratify.clone(),
        bins: args.bins.clone(),
    };
    check.verify()?;
    let run = Run::load_by(&args.run, args.located.data.as_deref(), args.stratify.as_deref())?;
    let subjects = &run.trial.subjects;
    let file = |name: &str| args.run.join(name);
    let record = file("vpc.json");
    if record.exists() && !args.running.force {
        let expected = "a run that was not checked yet; --force replaces the check";
        return Err(refuse("run", args.run.display(), expected));
    }
    let pool = pool(args.running.threads)?;
    let progress = progress_bar("simulating", subjects.len() as u64, args.running.quiet);
    let replication = Replication { replicates: check.replicates, seed: check.seed };
    let (checked, errors) = pool.install(|| {
        let done = || progress.inc(1);
        let replicates = replicate(&run.model, subjects, &run.record.data.read, replication, &done);
        progress.finish_and_clear();
        let own =
            |(i, s)| npde(&run.model, s, i as u64, &replicates.of[i], &replicates.limits, replicates.seed);
        let errors: Vec<Vec<f64>> = subjects.par_iter().enumerate().map(own).collect();
        Ok::<_, CliError>((check.of(&run.model, subjects, &replicates)?, errors))
    })?;
    let tables =
        [vpc_table(&checked.vpc, &checked.strata)?, npc_table(&checked.npc)?, npde_table(subjects, &errors)?];
    for table in &tables {
        write_into(&args.run, table, args.running.force)?;
    }
    // The record is written last, when the tables that it describes exist.
    write_whole(&record, &serde_json::to_vec_pretty(&check)?, args.running.force)?;
    draw_into(&args.run, &crate::report::figures(&args.run, true)?, args.running.force)?;
    renew_views(&args.run)?;
    if !args.running.quiet {
        crate::print::checked(&args.run, &run.model, &checked.npc, check.replicates, run.record.simulated);
    }
    Ok(Outcome::Done)
}
