//! `omafit fit`.

use crate::Outcome;
use crate::check::read_trial;
use crate::error::CliError;
use crate::options::FitArgs;
use crate::run::{Input, Plan, execute};
use crate::{model, print};
use std::time::Instant;

/// Reads, fits, reconstructs and writes.
pub fn fit(args: &FitArgs) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let plan = Plan::new(&args.run, model::load(&args.run.model)?)?;
    let trial = read_trial(&args.read, model::needs(plan.model()))?;
    if !args.run.quiet {
        print::trial(&trial);
    }
    let seconds = started.elapsed().as_secs_f64();
    let input = Input { trial, seed: None, preparation: ("read", seconds), data_set: false };
    execute(&plan, &args.run, &args.out, &input)
}
