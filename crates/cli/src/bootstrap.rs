//! `omafit bootstrap`: the population of a run, estimated again from subjects drawn with replacement.

use crate::Outcome;
use crate::checks::share;
use crate::draws::{at_ends, bootstrap_warnings, monte_carlo_error, not_determined};
use crate::error::{CliError, refuse};
use crate::lines::Lines;
use crate::options::{DataOfRunArgs, Running};
use crate::population::{self, Stopped};
use crate::predictive::strata;
use crate::progress_bar::counting;
use crate::provenance::command;
use crate::reconstruct::Run;
use crate::threads::pool;
use crate::views::renew_views;
use crate::write::write_into;
use crate::{interrupt, print, uncertainty};
use clap::Args;
use omafit_estimate::{
    Bootstrap, BootstrapReplicate, ParameterVector, PopulationError, population_estimates,
};
use omafit_trial::{Draws, bootstrap_replicates_table, draws_table, write_whole};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

/// What is drawn again.
#[derive(Args, Debug)]
pub struct BootstrapArgs {
    /// Folder of the run, which gets the tables
    pub run: PathBuf,
    /// Replicates
    #[arg(long, short = 'n', default_value_t = 200, value_name = "K")]
    pub replicates: u32,
    /// Draw as many subjects of each group as it has: by `regimen`, or by a covariate
    #[arg(long, value_name = "regimen|COVARIATE")]
    pub stratify: Option<String>,
    /// Coverage of the intervals of percentiles
    #[arg(long, default_value_t = 0.95, value_name = "FRACTION")]
    pub level: f64,
    /// Seed of what is drawn
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Limit on the iterations of each replicate [default: 300; saem: 1000]
    #[arg(long, value_name = "N")]
    pub population_iterations: Option<u64>,
    /// Go on with a bootstrap of the run that was interrupted
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    #[command(flatten)]
    pub running: Running,
}

/// Draws and estimates the replicates, and writes their tables into the run folder.
pub fn bootstrap(args: &BootstrapArgs) -> Result<Outcome, CliError> {
    share("level", args.level)?;
    if args.replicates < 2 {
        return Err(refuse("replicates", args.replicates, "at least 2"));
    }
    let started = Instant::now();
    let run = Run::load_by(&args.run, args.located.data.as_deref(), args.stratify.as_deref())?;
    let method = run.population_method(&args.run)?;
    let record = args.run.join("bootstrap.json");
    let partial = args.run.join("bootstrap.partial.jsonl");
    // A bootstrap that was killed while it wrote its tables writes them again.
    let is_replaced = args.running.force || (args.resume && partial.exists());
    if record.exists() && !is_replaced {
        let expected = "a run that has no bootstrap yet; --force replaces it";
        return Err(refuse("run", args.run.display(), expected));
    }
    let subjects = &run.trial.subjects;
    let groups = strata(args.stratify.as_deref(), subjects)?;
    let options = population::options(method, args.population_iterations);
    let identity = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": run.model.file(),
        "data_sha256": run.record.data.sha256,
        "read": run.record.data.read,
        "censored": run.record.options.censored,
        "method": method,
        "options": options,
        "seed": args.seed,
        "strata": groups.of,
    });
    let (mut lines, mut done) =
        Lines::open::<BootstrapReplicate>(partial, &identity, args.resume, args.running.force)?;
    let space = ParameterVector::new(&run.model).map_err(PopulationError::from)?;
    let estimates = population_estimates(&run.model, &space, None);
    let is_of = |(k, replicate): (usize, &BootstrapReplicate)| {
        replicate.replicate as usize == k
            && replicate.numbers.as_ref().is_none_or(|numbers| numbers.len() == estimates.len())
    };
    if !done.iter().enumerate().all(is_of) {
        let expected = "a bootstrap that was interrupted, as it was left: --force begins anew";
        return Err(refuse("resume", lines.path().display(), expected));
    }
    done.truncate(args.replicates as usize);
    let pool = pool(args.running.threads)?;
    let stop = Stopped(interrupt::watch()?);
    let bar = counting("bootstrap", "replicates", u64::from(args.replicates), args.running.quiet);
    let draw =
        Bootstrap { model: &run.model, subjects, strata: &groups.of, method, options, seed: args.seed };
    bar.set_position(done.len() as u64);
    for k in done.len() as u32..args.replicates {
        match pool.install(|| draw.replicate(k, &stop)) {
            Ok(replicate) => {
                lines.add(&replicate)?;
                done.push(replicate);
            }
            Err(PopulationError::Interrupted) => {
                bar.finish_and_clear();
                print::left_off("replicates", done.len(), lines.path(), args.running.quiet);
                return Ok(Outcome::Interrupted);
            }
            Err(error) => return Err(error.into()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let good: Vec<&BootstrapReplicate> = done.iter().filter(|r| r.converged && r.numbers.is_some()).collect();
    let draws: Vec<Vec<f64>> = good.iter().map(|r| values(r)).collect();
    let failed = done.iter().filter(|r| r.numbers.is_none()).count();
    let open = done.len() - good.len() - failed;
    let summary = draws_table(Draws::Bootstrap, &estimates, &draws, &vec![1.0; draws.len()], args.level)?;
    for table in [&summary, &bootstrap_replicates_table(&estimates, &done)?] {
        write_into(&args.run, table, is_replaced)?;
    }
    let missing = not_determined(&run.model, &estimates, &draws);
    let ends = at_ends(&good);
    let warnings = bootstrap_warnings(&missing, good.len(), args.stratify.as_deref());
    let story = serde_json::json!({
        "schema_version": 1,
        "command": command(),
        "replicates": { "converged": good.len(), "not_converged": open, "failed": failed },
        "not_determined": missing.iter().map(|m| (m.name.clone(), m.replicates)).collect::<BTreeMap<_, _>>(),
        "at_an_end_of_the_range": ends,
        "warnings": warnings,
        "seed": args.seed,
        "level": args.level,
        "stratify": args.stratify,
        "strata": groups.names,
        "method": method,
        "seconds": started.elapsed().as_secs_f64(),
    });
    write_whole(&record, &serde_json::to_vec_pretty(&story)?, is_replaced)?;
    if !args.running.quiet {
        print::text(&format!(
            "bootstrap of {}: {} replicates converged, {open} did not, {failed} failed\n",
            args.run.display(),
            good.len()
        ));
        print::draws(&summary, monte_carlo_error(&summary));
        for (words, count) in &ends {
            print::text(&format!("in {count} of {} replicates {words}\n", good.len()));
        }
        warnings.iter().for_each(|warning| print::text(&format!("{warning}\n")));
    }
    uncertainty::renew(&args.run, args.running.quiet)?;
    renew_views(&args.run)?;
    // The replicates are removed last: as long as they exist, `--resume` writes all other files again.
    lines.remove()?;
    Ok(if open + failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

/// Estimates of a replicate; NaN for those that its subjects do not determine.
fn values(replicate: &BootstrapReplicate) -> Vec<f64> {
    replicate.numbers.iter().flatten().map(|value| value.unwrap_or(f64::NAN)).collect()
}
