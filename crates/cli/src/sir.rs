//! `omafit sir`: uncertainty of the population estimates of a run by sampling importance resampling.

use crate::Outcome;
use crate::checks::share;
use crate::draws::{monte_carlo_error, sir_warnings};
use crate::error::{CliError, refuse};
use crate::options::{DataOfRunArgs, Running};
use crate::population::{self, Stopped};
use crate::progress_bar::counting;
use crate::provenance::command;
use crate::reconstruct::Run;
use crate::threads::pool;
use crate::views::renew_views;
use crate::write::write_into;
use crate::{interrupt, print, uncertainty};
use clap::Args;
use omafit_estimate::{
    PopulationError, PopulationMethod, SIR_ROUNDS, SirError, SirQuality, SirRound, evaluate_population,
    population_estimates, sampling_importance_resampling,
};
use omafit_trial::{Draws, draws_table, sir_samples_table, write_whole};
use std::path::PathBuf;
use std::time::Instant;

/// What is sampled.
#[derive(Args, Debug)]
pub struct SirArgs {
    /// Folder of the run, which gets the tables; its population must have been estimated by FOCE
    pub run: PathBuf,
    /// Samples of each round, separated by commas [default: 1000,1000,1000,2000,2000]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub samples: Vec<u32>,
    /// How many of all samples so far are resampled after each round [default: 200,400,500,1000,1000]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub resamples: Vec<u32>,
    /// Coverage of the intervals of percentiles
    #[arg(long, default_value_t = 0.95, value_name = "FRACTION")]
    pub level: f64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    #[command(flatten)]
    pub running: Running,
}

impl SirArgs {
    fn rounds(&self) -> Result<Vec<SirRound>, CliError> {
        if self.samples.is_empty() && self.resamples.is_empty() {
            return Ok(SIR_ROUNDS.to_vec());
        }
        let words = |of: &[u32]| of.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        if self.samples.len() != self.resamples.len() {
            let expected = format!("as many numbers as --samples {}", words(&self.samples));
            return Err(refuse("resamples", words(&self.resamples), expected));
        }
        let pairs = self.samples.iter().zip(&self.resamples);
        let rounds: Vec<SirRound> =
            pairs.map(|(&samples, &resamples)| SirRound { samples, resamples }).collect();
        match rounds.iter().find(|round| round.resamples == 0 || round.resamples > round.samples) {
            Some(round) => Err(refuse("resamples", round.resamples, format!("from 1 to {}", round.samples))),
            None => Ok(rounds),
        }
    }
}

/// Samples, resamples, and writes the results into the run folder.
pub fn sir(args: &SirArgs) -> Result<Outcome, CliError> {
    share("level", args.level)?;
    let rounds = args.rounds()?;
    let started = Instant::now();
    let run = Run::load(&args.run, args.located.data.as_deref())?;
    let method = run.population_method(&args.run)?;
    if method != PopulationMethod::Foce {
        let expected =
            "a run of --method foce: what is sampled is weighed by the objective that FOCE makes least";
        return Err(refuse("run", args.run.display(), expected));
    }
    let record = args.run.join("sir.json");
    if record.exists() && !args.running.force {
        let expected = "a run that was not resampled yet; --force replaces that";
        return Err(refuse("run", args.run.display(), expected));
    }
    let pool = pool(args.running.threads)?;
    let stop = Stopped(interrupt::watch()?);
    let subjects = &run.trial.subjects;
    let total: u32 = rounds.iter().map(|round| round.samples).sum();
    let bar = counting("resampling", "samples", u64::from(total), args.running.quiet);
    let sampled = pool.install(|| {
        let options = population::options(method, None);
        let fit = match evaluate_population(&run.model, subjects, options, &stop) {
            Err(PopulationError::Interrupted) => return Ok(None),
            fit => fit?,
        };
        let found = sampling_importance_resampling(&fit, subjects, &rounds, args.seed, &stop, &|| bar.inc(1));
        match found {
            Err(SirError::Interrupted) => Ok(None),
            Err(error) => Err(CliError::from(error)),
            Ok(found) => Ok(Some((fit, found))),
        }
    })?;
    bar.finish_and_clear();
    let Some((fit, found)) = sampled else {
        print::given_up(args.running.quiet);
        return Ok(Outcome::Interrupted);
    };
    let known = fit.uncertainty.as_ref().ok();
    let estimates = population_estimates(&fit.model, &fit.space, known);
    let numbers = known.map_or(0, |known| known.free.len());
    let draws: Vec<Vec<f64>> = found.samples.iter().map(|sample| fit.numbers(&sample.vector)).collect();
    let summary = draws_table(Draws::Sir, &estimates, &draws, &found.weights(), args.level)?;
    let samples = sir_samples_table(&estimates, &found, &draws)?;
    for table in [&summary, &samples] {
        write_into(&args.run, table, args.running.force)?;
    }
    let error = monte_carlo_error(&summary);
    let warnings = sir_warnings(&found, error);
    let told = |(round, quality): (&SirRound, &SirQuality)| {
        let mut told = quality_record(quality);
        told["resamples"] = round.resamples.into();
        told
    };
    let told: Vec<serde_json::Value> = rounds.iter().zip(&found.rounds).map(told).collect();
    let story = serde_json::json!({
        "schema_version": 1,
        "command": command(),
        "rounds": told,
        "whole": quality_record(&found.whole),
        "numbers": numbers,
        "least_dofv": found.least_dofv(),
        "monte_carlo_error": error,
        "warnings": warnings,
        "seed": args.seed,
        "level": args.level,
        "seconds": started.elapsed().as_secs_f64(),
    });
    write_whole(&record, &serde_json::to_vec_pretty(&story)?, args.running.force)?;
    if !args.running.quiet {
        print::resampled(&args.run, &rounds, &found, numbers);
        print::draws(&summary, error);
        warnings.iter().for_each(|warning| print::text(&format!("{warning}\n")));
    }
    uncertainty::renew(&args.run, args.running.quiet)?;
    renew_views(&args.run)?;
    Ok(Outcome::Done)
}

/// Entries of `sir.json` about the quality of samples; a Pareto k̂ that is not finite is null.
fn quality_record(quality: &SirQuality) -> serde_json::Value {
    serde_json::json!({
        "samples": quality.samples,
        "effective_samples": quality.effective,
        "pareto_k": quality.pareto_k,
        "outermost_weight": quality.outermost_weight,
        "mean_dofv": quality.mean_dofv,
        "without_objective": quality.without_objective,
    })
}
