//! The main job, wherever the subjects come from: fit, reconstruct, judge, draw, write.

use crate::begin::{Begun, begin};
use crate::data_page::Dosing;
use crate::error::{CliError, refuse};
use crate::memory::Grid;
use crate::options::{Censored, InfluenceName, MethodName, RunArgs};
use crate::predictive::FEWEST_REPLICATES;
use crate::progress::Progress;
use crate::provenance::{GivenModel, Origin};
use crate::record::{Facts, Record};
use crate::work::{BLOCK, REPORTED, Setting, Work, Worked};
use crate::write::{write_both, write_record};
use crate::{Outcome, interrupt, model, print, report};
use indicatif::{ProgressBar, ProgressStyle};
use omafit_estimate::{
    Bands, FitOptions, IndividualFit, Method, PooledSigma, Prior, ReconstructionOptions, Replication,
    SigmaRule, TwoStage, pool_sigma, shrinkage, two_stage,
};
use omafit_model::{Censoring, PopulationModel, ResidualDistribution, Subject};
use omafit_outcome::RegimenTally;
use omafit_trial::{
    DataSet, ReadOptions, RunFolder, RunPlace, Source, Spans, Trial, shrinkage_table, two_stage_omega_table,
    two_stage_table, write_data_set,
};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Degrees of freedom of `--robust student-t`.
const ROBUST_DF: f64 = 4.0;

/// What is to be computed: the arguments, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    model: PopulationModel,
    given: GivenModel,
    options: FitOptions,
    prior: Option<Prior>,
    wanted: ReconstructionOptions,
    has_courses: bool,
    replication: Option<Replication>,
}

/// What it is to be computed from.
pub struct Input {
    /// The subjects.
    pub data: Data,
    /// The seed, if they are simulated here.
    pub seed: Option<u64>,
    /// What it took to get them: the stage and its seconds.
    pub preparation: (&'static str, f64),
    /// How they were read, or are read of what is written.
    pub read: ReadOptions,
    /// What becomes of censored observations.
    pub censored: Censored,
    /// Whether to go on with a run that was interrupted.
    pub resume: bool,
}

/// Where the subjects are.
pub enum Data {
    /// In a file.
    File(Box<DataSet>),
    /// Here; they are written into the run as a data set first.
    Simulated(Box<Trial>),
}

impl Data {
    /// How long the subjects' records are.
    fn spans(&self) -> &Spans {
        match self {
            Self::File(set) => &set.trial.spans,
            Self::Simulated(trial) => &trial.spans,
        }
    }
}

impl Plan {
    /// Checks the arguments against the model that they name.
    pub fn new(args: &RunArgs) -> Result<Self, CliError> {
        let (mut model, given) = model::load_given(&args.model)?;
        if let Some(robust) = &args.robust {
            let place = || "the model with --robust".to_owned();
            model = model
                .with_residuals(distribution(robust)?)
                .map_err(|source| CliError::Model { place: place(), source })?;
        }
        positive("every", args.every)?;
        positive("target", args.target)?;
        if let Some(until) = args.until {
            positive("until", until)?;
        }
        share("level", args.level)?;
        if let Some(level) = args.profile {
            share("profile", level)?;
        }
        if args.max_iterations == 0 {
            return Err(refuse("max-iterations", 0, "at least 1"));
        }
        let replicates = args.replicates.unwrap_or(0);
        if (1..FEWEST_REPLICATES).contains(&replicates) {
            let expected = format!("0, or at least {FEWEST_REPLICATES}");
            return Err(refuse("replicates", replicates, expected));
        }
        let replication = (replicates > 0).then_some(Replication { replicates, seed: args.replicates_seed });
        if args.population().is_some() {
            let expected =
                "left out with --method foce, its and saem, which estimate residual errors of their own";
            if SigmaRule::from(args.sigma) != SigmaRule::Given {
                return Err(refuse("sigma", "subject or pooled", expected));
            }
        }
        let is_normal = model.residual_distribution() == Some(ResidualDistribution::Normal);
        if args.method == MethodName::Its && !is_normal {
            let expected = "foce or saem: iterative two-stage takes the distribution of η given the data for normal, which \
                            residuals of Student's t make it too little";
            return Err(refuse("method", "its", expected));
        }
        args.exports.verify(args.method)?;
        if args.method != MethodName::Foce && args.influence.is_some() {
            let expected = "left out without --method foce: it is of the objective that FOCE makes least";
            return Err(refuse("influence", "", expected));
        }
        if args.population_starts == 0 {
            return Err(refuse("population-starts", 0, "at least 1"));
        }
        if args.population_starts > 1 && args.population().is_none() {
            let expected = "left out without --method foce, its and saem: no population is estimated";
            return Err(refuse("population-starts", args.population_starts, expected));
        }
        if args.no_population_covariance {
            if args.population().is_none() {
                let expected = "left out without --method foce, its and saem: no population is estimated";
                return Err(refuse("no-population-covariance", "", expected));
            }
            if args.influence.is_some_and(|how| how != InfluenceName::None) {
                let expected = "left out with --no-population-covariance, from which influence is computed";
                return Err(refuse("influence", "", expected));
            }
        }
        if args.likelihood().is_some() {
            let has_population =
                args.method != MethodName::Nls && SigmaRule::from(args.sigma) != SigmaRule::Subject;
            if !has_population {
                let expected =
                    "without --method nls and --sigma subject: it is the likelihood of a population";
                return Err(refuse("likelihood", "", expected));
            }
        }
        if args.likelihood_samples < 2 {
            return Err(refuse("likelihood-samples", args.likelihood_samples, "at least 2"));
        }
        let free = estimated(args, &model)?;
        let method = Method::from(args.method);
        let prior = if method == Method::Map { Some(prior(&model, &free)?) } else { None };
        let options = FitOptions {
            max_iterations: args.max_iterations,
            further_starts: args.starts,
            covariance: args.covariance.into(),
            profile: args.profile,
            sigma: args.sigma.into(),
            ..FitOptions::new(method, free)
        };
        let wanted = ReconstructionOptions {
            every: args.every,
            until: args.until.unwrap_or(f64::NEG_INFINITY),
            level: args.level,
            target_ng_ml: args.target,
            bands: Bands::Linear,
        };
        Ok(Self { model, given, options, prior, wanted, has_courses: !args.no_trajectories, replication })
    }

    /// The same with an estimated population.
    pub fn with_model(&self, model: &PopulationModel) -> Result<Self, CliError> {
        let prior = Some(prior(model, &self.options.free)?);
        Ok(Self { model: model.clone(), prior, ..self.clone() })
    }

    /// The plan with the residual errors of these subjects' fits together, if that is asked.
    pub fn pooled(
        &self,
        subjects: &[Subject],
        data: &Source,
        quiet: bool,
    ) -> Result<Option<(Self, PooledSigma)>, CliError> {
        if self.options.sigma != SigmaRule::Pooled {
            return Ok(None);
        }
        let progress = progress_bar("residual errors, a round of", subjects.len() as u64, quiet);
        let done = || {
            progress.inc(1);
            if progress.position() == progress.length().unwrap_or(0) {
                progress.set_position(0);
            }
        };
        let pooled = pool_sigma(&self.model, subjects, self.prior.as_ref(), &self.options, &done);
        progress.finish_and_clear();
        let place = "the model with the pooled residual errors".to_string();
        let pooled = pooled.map_err(|source| CliError::Model { place, source })?;
        let how = "residual errors alone, of all fits together";
        let model = Origin { model: &self.given, data, how }.marked(&pooled.model)?;
        Ok(Some((Self { model, ..self.clone() }, pooled)))
    }

    /// Whether something is asked for that needs all subjects at once.
    pub fn needs_all(&self, args: &RunArgs) -> bool {
        args.population().is_some()
            || args.likelihood().is_some()
            || self.options.sigma == SigmaRule::Pooled
            || self.replication.is_some()
    }

    /// Refuses time courses that cannot be held, of so many subjects at a time.
    fn check_memory(&self, spans: &Spans, held: usize, threads: usize) -> Result<(), CliError> {
        let Some(ReconstructionOptions { every, until, .. }) = self.courses().copied() else { return Ok(()) };
        let option = ("every", every.to_string());
        let until = Some(until).filter(|until| until.is_finite());
        let grid = Grid { option, every, until, courses: 1, draws: 0 };
        grid.check(spans, held, self.model.parameters().len() + 1, threads)
    }

    /// The prior, if there is one.
    pub fn prior(&self) -> Option<&Prior> {
        self.prior.as_ref()
    }

    /// The population model.
    pub fn model(&self) -> &PopulationModel {
        &self.model
    }

    /// The model with which the run began.
    pub fn given(&self) -> &GivenModel {
        &self.given
    }

    /// What is estimated, and how.
    pub fn options(&self) -> &FitOptions {
        &self.options
    }

    /// What is reconstructed, of whoever is.
    pub fn wanted(&self) -> &ReconstructionOptions {
        &self.wanted
    }

    /// What is reconstructed of each subject; `None` if the time courses are left out.
    pub fn courses(&self) -> Option<&ReconstructionOptions> {
        self.has_courses.then_some(&self.wanted)
    }

    /// The simulations for NPDE, if there are any.
    pub fn replication(&self) -> Option<Replication> {
        self.replication
    }

    /// The target for free IgE, ng/mL.
    pub fn target_ng_ml(&self) -> f64 {
        self.wanted.target_ng_ml
    }
}

/// More threads than any machine of today can use; each has a stack and room for the subjects that it solves together.
const MOST_THREADS: usize = 1024;

/// As many threads as asked, or as the machine has.
pub fn pool(threads: Option<usize>) -> Result<rayon::ThreadPool, CliError> {
    if let Some(asked) = threads.filter(|asked| !(1..=MOST_THREADS).contains(asked)) {
        return Err(refuse("threads", asked, format!("from 1 to {MOST_THREADS}")));
    }
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()?)
}

/// Refuses what is no number above zero.
pub fn positive(option: &'static str, value: f64) -> Result<(), CliError> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(refuse(option, value, "a number above 0")) }
}

/// Refuses what is no part of one.
pub fn share(option: &'static str, value: f64) -> Result<(), CliError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(refuse(option, value, "between 0 and 1")) }
}

/// The distribution of the residuals that `--robust` asks for.
fn distribution(asked: &str) -> Result<ResidualDistribution, CliError> {
    let df = match asked.split_once('=') {
        None if asked == "student-t" => Some(ROBUST_DF),
        Some(("student-t", df)) => df.parse().ok().filter(|df| (1.0..=100.0).contains(df)),
        _ => None,
    };
    let expected = "`student-t`, or `student-t=ν` with degrees of freedom ν from 1 to 100";
    df.map(|df| ResidualDistribution::StudentT { df }).ok_or_else(|| refuse("robust", asked, expected))
}

/// Positions of the estimated parameters: as asked, as the model file says, or those that vary.
fn estimated(args: &RunArgs, model: &PopulationModel) -> Result<Vec<usize>, CliError> {
    let asked =
        if args.estimate.is_empty() { model.file().estimate.clone() } else { Some(args.estimate.clone()) };
    let Some(names) = asked else { return Ok(model.variable().to_vec()) };
    if names == ["all"] {
        return Ok((0..model.parameters().len()).collect());
    }
    let known: Vec<&str> = model.parameter_names().collect();
    let expected = format!("`all` or parameters of the model, each once: {}", known.join(", "));
    let mut free = Vec::with_capacity(names.len());
    for name in &names {
        let position = model.position(name.trim()).filter(|p| !free.contains(p));
        free.push(position.ok_or_else(|| refuse("estimate", name, &expected))?);
    }
    free.sort_unstable();
    Ok(free)
}

/// The population as prior of the estimated parameters that vary; the others have none.
pub fn prior(model: &PopulationModel, free: &[usize]) -> Result<Prior, CliError> {
    let variable = model.variable();
    let rows: Vec<usize> = (0..variable.len()).filter(|&r| free.contains(&variable[r])).collect();
    let omega: Vec<f64> = rows
        .iter()
        .flat_map(|&r| rows.iter().map(move |&c| (r, c)))
        .map(|(r, c)| model.omega()[r * variable.len() + c])
        .collect();
    let positions = (0..free.len()).filter(|&i| variable.contains(&free[i])).collect();
    Prior::new(positions, &omega)
        .ok_or_else(|| refuse("model", model.name(), "a model whose Ω is positive definite"))
}

/// Runs the plan on the input and writes the run's folder at `out`.
pub fn execute(plan: &Plan, args: &RunArgs, out: &Path, input: Input) -> Result<Outcome, CliError> {
    let stop = interrupt::watch()?;
    let pool = pool(args.running.threads)?;
    let Input { data, seed, preparation, read, censored, resume } = input;
    let size = if plan.needs_all(args) { usize::MAX } else { BLOCK };
    plan.check_memory(data.spans(), size, pool.current_num_threads())?;
    let identity = |set: &DataSet| identity(plan, args, set, &read, censored);
    // Of a trial that is simulated here nothing is kept: its data set is the run's own.
    let resumable = matches!(data, Data::File(_));
    let (Begun { folder, progress, kept }, set) = match data {
        Data::File(set) => (begin(args, out, resume, &identity(&set)?)?, set),
        Data::Simulated(trial) => {
            let begun = Begun::anew(args, RunPlace::claim(out)?)?;
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
    let mut work = Work::new(plan.clone(), setting, pool, (progress, kept), stop)?;
    work.seconds.add(preparation.0, preparation.1);
    let (mut before, mut finished, mut regimens) = (0, true, RegimenTally::default());
    let started = Instant::now();
    set.blocks(size, |subjects| {
        before += subjects.len();
        subjects.iter().for_each(|subject| regimens.add(subject));
        // What an earlier session has done is only read over.
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
        print::interrupted(&progress, set.trial.counts.subjects, goes_on, args.running.quiet);
        return Ok(Outcome::Interrupted);
    }
    let Worked { plan, population, likelihood, pooled, alone, mut seconds, progress, shown, threads } =
        work.finish()?;
    let started = Instant::now();
    let shrunk = shrinkage(&plan.model, &plan.options, &progress.etas);
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
    let left_out = args.exports.write(&folder, &plan.model, population.as_ref(), set.trial.simulated)?;
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
    record.tell_two_stages(found.as_ref(), plan.options.method == Method::Nls && alone.is_none());
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

/// The population from subjects that were fitted by their own data, written as tables; none of fewer than two subjects.
fn two_stages(
    plan: &Plan,
    folder: &RunFolder,
    alone: Option<&[IndividualFit]>,
) -> Result<Option<TwoStage>, CliError> {
    let Some(fits) = alone.filter(|fits| fits.len() > 1) else { return Ok(None) };
    let fits: Vec<_> = fits.iter().collect();
    let found = two_stage(&fits, &plan.options);
    write_both(folder, &two_stage_table(&plan.model, &plan.options, &found)?)?;
    write_both(folder, &two_stage_omega_table(&plan.model, &plan.options, &found)?)?;
    Ok(Some(found))
}

/// Draws the diagnostics and writes the report, from the tables of the run.
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

/// Leaves censored observations out where that is asked.
pub fn censor(subjects: &mut [Subject], censored: Censored) {
    if censored == Censored::M1 {
        for subject in subjects {
            subject.observations.retain(|o| o.censoring == Censoring::Quantified);
        }
    }
}

/// Says how many observations that is.
pub fn note_censored(trial: &mut Trial, censored: Censored) {
    let left_out: usize = trial.counts.below.iter().chain(&trial.counts.above).sum();
    if censored == Censored::M1 && left_out > 0 {
        let note =
            format!("{left_out} observations left out because they are censored (M1): this biases the fit");
        trial.notes.push(note);
    }
}

/// Writes the simulated subjects as a data set and takes what a reader of it gets, so that the run is the one that
/// `omafit fit` would make of the file.
fn as_written(folder: &RunFolder, options: &ReadOptions, trial: &Trial) -> Result<DataSet, CliError> {
    let path = folder.file("data.csv")?;
    write_data_set(&path, &trial.subjects, &trial.source.comments, false)?;
    let mut written = DataSet::open(&path, options)?;
    written.trial.source.path = trial.source.path.clone();
    written.trial.notes.splice(0..0, trial.notes.iter().cloned());
    Ok(written)
}

/// What a run must share with one that it goes on with.
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
        "method": plan.options.method,
        "estimate": plan.options.free,
        "max_iterations": plan.options.max_iterations,
        "further_starts": plan.options.further_starts,
        "covariance": plan.options.covariance,
        "profile": plan.options.profile,
        "sigma": plan.options.sigma,
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

/// The model file of the run: what was used, as `--model` takes it.
fn model_file(plan: &Plan, args: &RunArgs, is_estimated: bool) -> Result<String, CliError> {
    let mut file = plan.model.file().clone();
    let names: Vec<&str> = plan.model.parameter_names().collect();
    file.estimate = Some(plan.options.free.iter().map(|&i| names[i].to_string()).collect());
    let values = match plan.options.sigma {
        _ if is_estimated => match args.method {
            MethodName::Its => "Its values were estimated here, by iterative two-stage",
            MethodName::Saem => "Its values were estimated here, by SAEM",
            _ => "Its values were estimated here, by FOCE",
        },
        SigmaRule::Pooled => "Its residual errors were estimated here; its other values were given",
        SigmaRule::Given | SigmaRule::Subject => "Its values were given, not estimated here",
    };
    let header = format!("# The population model of this run. {values}.\n");
    let from = format!("# It came from --model {:?}, SHA-256 {}.\n", args.model, plan.given.sha256);
    Ok(format!("{header}{from}\n{}", toml::to_string_pretty(&file)?))
}

/// A bar of subjects on standard error, if somebody looks at it.
pub fn progress_bar(doing: &str, subjects: u64, quiet: bool) -> ProgressBar {
    counting(doing, "subjects", subjects, quiet)
}

/// A bar of so many of something.
pub fn counting(doing: &str, what: &str, count: u64, quiet: bool) -> ProgressBar {
    if quiet || !print::terminal::is_watched() {
        return ProgressBar::hidden();
    }
    let template = format!("{doing} {{bar:40}} {{pos}}/{{len}} {what}, {{eta}} left");
    let bar = ProgressBar::new(count);
    ProgressStyle::with_template(&template).map_or(bar.clone(), |style| bar.with_style(style))
}
