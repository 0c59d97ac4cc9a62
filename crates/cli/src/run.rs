//! Execution of a run from any source of subjects: fit, reconstruct, compute diagnostics, draw, write.

use crate::begin::{RunSetup, begin};
use crate::data_page::Dosing;
use crate::error::{CliError, refuse};
use crate::options::{Censored, MethodName, RunArgs};
use crate::plan::Plan;
use crate::print::terminal::tell;
use crate::progress::Progress;
use crate::record::{Facts, Record};
use crate::report::REPORTED;
use crate::threads::pool;
use crate::work::{BLOCK, RunExecutor, RunOutcome, Setting};
use crate::write::{write_both, write_record};
use crate::{Outcome, interrupt, print, report};
use omafit_estimate::{IndividualFit, Method, SigmaRule, TwoStage, shrinkage, two_stage};
use omafit_outcome::RegimenTally;
use omafit_trial::count;
use omafit_trial::{
    DataSet, ReadOptions, RunFolder, RunPlace, Spans, Trial, shrinkage_table, two_stage_omega_table,
    two_stage_table, write_data_set,
};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Input of a run: the subjects, and the way they were obtained.
pub struct Input {
    /// Data set of the run.
    pub data: Data,
    /// Seed of the simulation, if the subjects are simulated by this command.
    pub seed: Option<u64>,
    /// Stage in which the subjects were obtained, and its duration in seconds.
    pub preparation: (&'static str, f64),
    /// Options with which the data set is read; simulated subjects are written first and then read.
    pub read: ReadOptions,
    /// Handling of censored observations.
    pub censored: Censored,
    /// Whether to resume an interrupted run.
    pub resume: bool,
}

/// Source of the subjects.
pub enum Data {
    /// A data set in a file.
    File(Box<DataSet>),
    /// Simulated subjects, which are first written into the run folder as a data set.
    Simulated(Box<Trial>),
}

impl Data {
    /// Time spans of the records of the subjects.
    fn spans(&self) -> &Spans {
        match self {
            Self::File(set) => &set.trial.spans,
            Self::Simulated(trial) => &trial.spans,
        }
    }
}

/// Executes the plan on the input and writes the run folder at `out`.
pub fn execute(plan: &Plan, args: &RunArgs, out: &Path, input: Input) -> Result<Outcome, CliError> {
    let stop = interrupt::watch()?;
    let pool = pool(args.running.threads)?;
    let Input { data, seed, preparation, read, censored, resume } = input;
    let size = if plan.needs_all(args) { usize::MAX } else { BLOCK };
    plan.check_memory(data.spans(), size, pool.current_num_threads())?;
    let identity = |set: &DataSet| identity(plan, args, set, &read, censored);
    // A run of a trial simulated by this command cannot be resumed: its data set is part of the run folder.
    let resumable = matches!(data, Data::File(_));
    let (RunSetup { folder, progress, kept }, set) = match data {
        Data::File(set) => (begin(args, out, resume, &identity(&set)?)?, set),
        Data::Simulated(trial) => {
            let begun = RunSetup::anew(args, RunPlace::claim(out)?)?;
            let set = Box::new(as_written(&begun.folder, &read, &trial)?);
            (begun, set)
        }
    };
    let progress = Progress { identity: identity(&set)?, ..progress };
    if !progress.is_of(plan, set.trial.counts.subjects) {
        let expected = "the folder of a run that was interrupted, as it was left: --force begins anew";
        return Err(refuse("resume", out.display(), expected));
    }
    let done = progress.subjects();
    let is_resumed = done > 0 || kept.is_some();
    let setting = Setting { args, folder: &folder, trial: &set.trial, read: &read, censored, resumable };
    let mut work = RunExecutor::new(plan.clone(), setting, pool, (progress, kept), stop)?;
    work.seconds.add(preparation.0, preparation.1);
    let (mut before, mut finished, mut regimens) = (0, true, RegimenTally::default());
    let started = Instant::now();
    set.blocks(size, |subjects| {
        before += subjects.len();
        subjects.iter().for_each(|subject| regimens.add(subject));
        // Blocks completed by an earlier session are only read.
        finished = before <= done || work.block(subjects)?;
        Ok::<_, CliError>(finished)
    })?;
    work.reading(started.elapsed().as_secs_f64());
    if !finished {
        let progress = work.leave()?;
        if progress.subjects() > 0 && resumable {
            folder.suspend()?;
        }
        let goes_on = RunFolder::suspended(out).map(|_| out);
        interrupted(&progress, set.trial.counts.subjects, goes_on, args.running.quiet);
        return Ok(Outcome::Interrupted);
    }
    let RunOutcome { plan, population, likelihood, pooled, alone, mut seconds, progress, shown, threads } =
        work.finish()?;
    let started = Instant::now();
    let shrunk = shrinkage(plan.model(), plan.options(), &progress.etas);
    write_both(&folder, &shrinkage_table(&shrunk)?)?;
    if let Some(population) = &population {
        population.write(&folder)?;
    }
    if let Some(likelihood) = &likelihood {
        likelihood.write(&folder)?;
    }
    let found = two_stages(&plan, &folder, alone.as_deref())?;
    let model = model_file(&plan, args, population.is_some())?;
    folder.write("model.toml", |f| Ok::<_, CliError>(f.write_all(model.as_bytes())?))?;
    let left_out = args.exports.write(&folder, plan.model(), population.as_ref(), set.trial.simulated)?;
    seconds.add("tables", started.elapsed().as_secs_f64());

    let summary = progress.tally.overview();
    let trial = &set.trial;
    let is_reported = !args.no_report && progress.subjects() <= REPORTED;
    let facts = Facts {
        args,
        out,
        trial,
        seed,
        read: &read,
        censored,
        pooled: pooled.as_ref(),
        drawn: size,
        dosing: regimens.compare()?.as_ref().map(Dosing::of),
        resumed: is_resumed,
        is_left_out: !args.no_report && !is_reported,
    };
    let mut record = Record::new(&plan, &facts, &summary, &progress, seconds, threads);
    record.tell(population.as_ref(), likelihood.as_ref());
    record.warn(left_out);
    record.tell_two_stages(found.as_ref(), plan.options().method == Method::Nls && alone.is_none());
    write_record(&folder, &record)?;
    if is_reported {
        write_report(&folder, &mut record)?;
    }
    folder.commit()?;
    if !args.running.quiet {
        match &population {
            Some(population) => print::population(population),
            None => print::not_estimated(&plan),
        }
        if let Some(likelihood) = &likelihood {
            print::likelihood(likelihood);
        }
        if let Some(found) = &found {
            print::two_stages(&plan, found);
        }
        print::summary(&plan, trial, shown.as_ref(), &progress, &summary, &record, out);
    }
    let unconverged = population.is_some_and(|p| !p.converged());
    Ok(if summary.failed > 0 || unconverged { Outcome::SomeFailed } else { Outcome::Done })
}

/// Two-stage population from subjects fitted alone, written as tables; `None` for fewer than two subjects.
fn two_stages(
    plan: &Plan,
    folder: &RunFolder,
    alone: Option<&[IndividualFit]>,
) -> Result<Option<TwoStage>, CliError> {
    let Some(fits) = alone.filter(|fits| fits.len() > 1) else { return Ok(None) };
    let fits: Vec<_> = fits.iter().collect();
    let found = two_stage(&fits, plan.options());
    write_both(folder, &two_stage_table(plan.model(), plan.options(), &found)?)?;
    write_both(folder, &two_stage_omega_table(plan.model(), plan.options(), &found)?)?;
    Ok(Some(found))
}

/// Draws the diagnostic figures and writes the report, from the tables of the run.
fn write_report(folder: &RunFolder, record: &mut Record) -> Result<(), CliError> {
    let started = Instant::now();
    for figure in report::figures(folder.path(), false)? {
        std::fs::write(folder.file(format!("figures/{}.svg", figure.name))?, &figure.svg)?;
        let data = format!("figures/data/{}.csv", figure.name);
        folder.write(data, |f| Ok::<_, CliError>(figure.data.write_csv(f)?))?;
    }
    std::fs::write(folder.file(report::FILE)?, report::page(folder.path())?)?;
    record.add_report(started.elapsed().as_secs_f64());
    write_record(folder, record)
}

/// Writes the simulated subjects as a data set and opens it again, so that the run equals one that `omafit fit`
/// makes from the file.
fn as_written(folder: &RunFolder, options: &ReadOptions, trial: &Trial) -> Result<DataSet, CliError> {
    let path = folder.file("data.csv")?;
    write_data_set(&path, &trial.subjects, &trial.source.comments, false)?;
    let mut written = DataSet::open(&path, options)?;
    written.trial.source.path = trial.source.path.clone();
    written.trial.notes.splice(0..0, trial.notes.iter().cloned());
    Ok(written)
}

/// Inputs that a resumed run must share with the interrupted run.
fn identity(
    plan: &Plan,
    args: &RunArgs,
    set: &DataSet,
    read: &ReadOptions,
    censored: Censored,
) -> Result<serde_json::Value, CliError> {
    Ok(serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": model_file(plan, args, false)?,
        "method": plan.options().method,
        "estimate": plan.options().free,
        "max_iterations": plan.options().max_iterations,
        "further_starts": plan.options().further_starts,
        "covariance": plan.options().covariance,
        "profile": plan.options().profile,
        "sigma": plan.options().sigma,
        "population": args.population(),
        "population_iterations": args.population_iterations,
        "population_starts": args.population_starts,
        "population_covariance": !args.no_population_covariance,
        "reconstruction": plan.courses(),
        "censored": censored,
        "data_sha256": set.trial.source.sha256,
        "read": read,
    }))
}

/// Model file of the run, with the values used, in the form that `--model` takes.
fn model_file(plan: &Plan, args: &RunArgs, is_estimated: bool) -> Result<String, CliError> {
    let mut file = plan.model().file().clone();
    let names: Vec<&str> = plan.model().parameter_names().collect();
    file.estimate = Some(plan.options().free.iter().map(|&i| names[i].to_string()).collect());
    let values = match plan.options().sigma {
        _ if is_estimated => match args.method {
            MethodName::Its => "Its values were estimated here, by iterative two-stage",
            MethodName::Saem => "Its values were estimated here, by SAEM",
            _ => "Its values were estimated here, by FOCE",
        },
        SigmaRule::Pooled => "Its residual errors were estimated here; its other values were given",
        SigmaRule::Given | SigmaRule::Subject => "Its values were given, not estimated here",
    };
    let header = format!("# The population model of this run. {values}.\n");
    let from = format!("# It came from --model {:?}, SHA-256 {}.\n", args.model, plan.given().sha256);
    Ok(format!("{header}{from}\n{}", toml::to_string_pretty(&file)?))
}

/// Prints the progress of an interrupted run.
fn interrupted(progress: &Progress, subjects: usize, kept: Option<&Path>, quiet: bool) {
    if quiet {
        return;
    }
    let done = match progress.iterations {
        0 => format!("{} of {}", progress.subjects(), count(subjects, "subject")),
        1 => "1 iteration of the population".into(),
        n => format!("{n} iterations of the population"),
    };
    let partial = kept.and_then(RunFolder::suspended).filter(|_| progress.iterations > 0);
    let partial = partial.map_or(String::new(), |at| format!("; what it had reached is in {}", at.display()));
    let goes_on = if kept.is_some() { "; the same command with --resume goes on" } else { "" };
    tell!("omafit: interrupted after {done}{partial}{goes_on}");
}
