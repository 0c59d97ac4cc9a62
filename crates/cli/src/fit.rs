//! `omafit fit`.

use crate::Outcome;
use crate::check::overlaid;
use crate::error::CliError;
use crate::options::FitArgs;
use crate::run::{Input, Plan, censor, execute};
use crate::{model, print};
use omafit_trial::read;
use std::time::Instant;

/// Reads, fits, reconstructs and writes.
pub fn fit(args: &FitArgs) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let plan = Plan::new(&args.run, model::load(&args.run.model)?)?;
    let options = overlaid(&args.read.how, model::needs(plan.model()))?;
    let mut trial = read(&args.read.data, &options)?;
    censor(&mut trial, args.censored);
    if !args.run.quiet {
        print::trial(&trial);
    }
    let seconds = started.elapsed().as_secs_f64();
    let input = Input {
        trial,
        seed: None,
        preparation: ("read", seconds),
        data_set: false,
        read: options,
        censored: args.censored,
    };
    execute(&plan, &args.run, &args.out, &input)
}
