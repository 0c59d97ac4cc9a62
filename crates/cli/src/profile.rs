//! `omafit profile`: intervals of population estimates from the profile of the objective.

use crate::Outcome;
use crate::checks::share;
use crate::error::{CliError, refuse};
use crate::options::{DataOfRunArgs, Running};
use crate::population::{self, Stopped};
use crate::progress_bar::counting;
use crate::reconstruct::Run;
use crate::threads::pool;
use crate::views::renew_views;
use crate::write::write_into;
use crate::{interrupt, print, uncertainty};
use clap::Args;
use omafit_estimate::{
    PopulationError, PopulationMethod, PopulationProfile, ProfileError, evaluate_population,
    population_profile,
};
use omafit_trial::{profile_points_table, profile_table};
use std::path::PathBuf;

/// Numbers of which the profile is made.
#[derive(Args, Debug)]
pub struct ProfileArgs {
    /// Folder of the run, which gets the tables; its population must have been estimated by FOCE
    pub run: PathBuf,
    /// Numbers by their names in parameters.csv, separated by commas
    #[arg(long = "parameter", value_name = "NAMES", value_delimiter = ',', required = true)]
    pub parameters: Vec<String>,
    /// Coverage of the intervals
    #[arg(long, default_value_t = 0.95, value_name = "FRACTION")]
    pub level: f64,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    #[command(flatten)]
    pub running: Running,
}

/// Computes the profiles and writes them into the run folder.
pub fn profile(args: &ProfileArgs) -> Result<Outcome, CliError> {
    share("level", args.level)?;
    let run = Run::load(&args.run, args.located.data.as_deref())?;
    let method = run.population_method(&args.run)?;
    if method != PopulationMethod::Foce {
        let expected = "a run of --method foce: the profile is that of the objective that FOCE makes least";
        return Err(refuse("run", args.run.display(), expected));
    }
    if args.run.join("profile.csv").exists() && !args.running.force {
        let expected = "a run without a profile; --force replaces that";
        return Err(refuse("run", args.run.display(), expected));
    }
    let pool = pool(args.running.threads)?;
    let stop = Stopped(interrupt::watch()?);
    let subjects = &run.trial.subjects;
    let bar = counting("profiling", "numbers", args.parameters.len() as u64, args.running.quiet);
    let found = pool.install(|| {
        let options = population::options(method, None);
        let fit = match evaluate_population(&run.model, subjects, options, &stop) {
            Err(PopulationError::Interrupted) => return Ok(None),
            fit => fit?,
        };
        let mut all: Vec<PopulationProfile> = Vec::with_capacity(args.parameters.len());
        for name in &args.parameters {
            match population_profile(&fit, subjects, name.trim(), args.level, options, &stop) {
                Err(ProfileError::Interrupted) => return Ok(None),
                profile => all.push(profile?),
            }
            bar.inc(1);
        }
        Ok::<_, CliError>(Some(all))
    })?;
    bar.finish_and_clear();
    let Some(found) = found else {
        print::given_up(args.running.quiet);
        return Ok(Outcome::Interrupted);
    };
    for table in [profile_table(&found)?, profile_points_table(&found)?] {
        write_into(&args.run, &table, args.running.force)?;
    }
    if !args.running.quiet {
        print::profiled(&args.run, &found);
    }
    uncertainty::renew(&args.run, args.running.quiet)?;
    renew_views(&args.run)?;
    Ok(Outcome::Done)
}
