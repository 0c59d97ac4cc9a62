//! `omafit fit`: the fit of a data set.

use crate::Outcome;
use crate::censored::note_censored;
use crate::check::{examine, overlaid, strict};
use crate::error::CliError;
use crate::options::FitArgs;
use crate::plan::Plan;
use crate::run::{Data, Input, execute};
use crate::{model, print};
use omafit_trial::DataSet;
use std::time::Instant;

/// Reads the data, fits and reconstructs every subject, and writes the run.
pub fn fit(args: &FitArgs) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let plan = Plan::new(&args.run)?;
    let options = overlaid(&args.read.how, model::needs(plan.model()))?;
    let mut set = DataSet::open(&args.read.data, &options)?;
    note_censored(&mut set.trial, args.censored);
    examine(&mut set, plan.model(), &options)?;
    strict(&set.trial, args.read.how.strict)?;
    if !args.run.running.quiet {
        print::trial(&set.trial, plan.model());
    }
    let seconds = started.elapsed().as_secs_f64();
    let input = Input {
        data: Data::File(Box::new(set)),
        seed: None,
        preparation: ("read", seconds),
        read: options,
        censored: args.censored,
        resume: args.resume,
    };
    execute(&plan, &args.run, &args.out, input)
}
