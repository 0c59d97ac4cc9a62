//! The main job, wherever the subjects come from: fit, reconstruct, judge, draw, write.

use crate::diagnosis::Diagnosis;
use crate::error::{CliError, refuse};
use crate::options::{Censored, MethodName, RunArgs};
use crate::population::Population;
use crate::predictive::FEWEST_REPLICATES;
use crate::record::{Record, Seconds};
use crate::{Outcome, figures, print, report};
use indicatif::{ProgressBar, ProgressStyle};
use omafit_estimate::{
    Bands, FitOptions, Method, PooledSigma, PopulationOptions, Prior, ReconstructionOptions, Replication,
    Shape, SigmaRule, SubjectResult, TwoStage, overview, pool_sigma, process_trial, two_stage,
};
use omafit_model::{Censoring, PopulationModel, Subject};
use omafit_trial::{
    ReadOptions, RunFolder, Table, Trial, correlations_table, individuals_table, observations_table, read,
    trajectories_table, two_stage_omega_table, two_stage_table, write_data_set,
};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

/// Degrees of freedom of `--robust student-t`.
const ROBUST_DF: f64 = 4.0;

/// What is to be computed: the arguments, checked.
#[derive(Clone, Debug)]
pub struct Plan {
    model: PopulationModel,
    options: FitOptions,
    prior: Option<Prior>,
    wanted: ReconstructionOptions,
    replication: Option<Replication>,
}

/// What it is to be computed from.
#[derive(Debug)]
pub struct Input {
    /// The subjects.
    pub trial: Trial,
    /// The seed, if they are simulated here.
    pub seed: Option<u64>,
    /// What it took to get them: the stage and its seconds.
    pub preparation: (&'static str, f64),
    /// Whether to write them as a data set into the run.
    pub data_set: bool,
    /// How they were read, or are read of what is written.
    pub read: ReadOptions,
    /// What became of censored observations.
    pub censored: Censored,
}

impl Plan {
    /// Checks the arguments against the model.
    pub fn new(args: &RunArgs, model: PopulationModel) -> Result<Self, CliError> {
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
        if args.threads == Some(0) {
            return Err(refuse("threads", 0, "at least 1"));
        }
        let replicates = args.replicates.unwrap_or(0);
        if (1..FEWEST_REPLICATES).contains(&replicates) {
            let expected = format!("0, or at least {FEWEST_REPLICATES}");
            return Err(refuse("replicates", replicates, expected));
        }
        let replication = (replicates > 0).then_some(Replication { replicates, seed: args.replicates_seed });
        if args.method == MethodName::Foce {
            let expected = "left out with --method foce, which estimates residual errors of its own";
            if let Some(robust) = &args.robust {
                return Err(refuse("robust", robust, expected));
            }
            if SigmaRule::from(args.sigma) != SigmaRule::Given {
                return Err(refuse("sigma", "subject or pooled", expected));
            }
        }
        let free = estimated(args, &model)?;
        let method = Method::from(args.method);
        let prior = if method == Method::Map { Some(prior(&model, &free)?) } else { None };
        let options = FitOptions {
            max_iterations: args.max_iterations,
            further_starts: args.starts,
            covariance: args.covariance.into(),
            profile: args.profile,
            shape: shape(args.robust.as_deref())?,
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
        Ok(Self { model, options, prior, wanted, replication })
    }

    /// The same with an estimated population.
    fn with_model(&self, model: &PopulationModel) -> Result<Self, CliError> {
        let prior = Some(prior(model, &self.options.free)?);
        Ok(Self { model: model.clone(), prior, ..self.clone() })
    }

    /// The plan with the residual errors of these subjects' fits together, if that is asked.
    fn pooled(&self, subjects: &[Subject], quiet: bool) -> Result<Option<(Self, PooledSigma)>, CliError> {
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
        Ok(Some((Self { model: pooled.model.clone(), ..self.clone() }, pooled)))
    }

    /// The population model.
    pub fn model(&self) -> &PopulationModel {
        &self.model
    }

    /// What is estimated, and how.
    pub fn options(&self) -> &FitOptions {
        &self.options
    }

    /// What is reconstructed.
    pub fn wanted(&self) -> &ReconstructionOptions {
        &self.wanted
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

pub fn positive(option: &'static str, value: f64) -> Result<(), CliError> {
    if value.is_finite() && value > 0.0 { Ok(()) } else { Err(refuse(option, value, "a number above 0")) }
}

/// Refuses what is no part of one.
pub fn share(option: &'static str, value: f64) -> Result<(), CliError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(refuse(option, value, "between 0 and 1")) }
}

/// The distribution of the residuals that `--robust` asks for.
fn shape(robust: Option<&str>) -> Result<Shape, CliError> {
    let Some(asked) = robust else { return Ok(Shape::Normal) };
    let df = match asked.split_once('=') {
        None if asked == "student-t" => Some(ROBUST_DF),
        Some(("student-t", df)) => df.parse().ok().filter(|df| (1.0..=100.0).contains(df)),
        _ => None,
    };
    let expected = "`student-t`, or `student-t=ν` with degrees of freedom ν from 1 to 100";
    df.map(|df| Shape::StudentT { df }).ok_or_else(|| refuse("robust", asked, expected))
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
pub fn execute(plan: &Plan, args: &RunArgs, out: &Path, input: &Input) -> Result<Outcome, CliError> {
    let folder = RunFolder::create(out, args.force)?;
    let mut seconds = Seconds::default();
    seconds.add(input.preparation.0, input.preparation.1);
    let trial = if input.data_set { &as_written(&folder, &input.read, &input.trial)? } else { &input.trial };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.unwrap_or(0)).build()?;
    let population = match args.method {
        MethodName::Foce => {
            let options = PopulationOptions {
                max_iterations: args.population_iterations,
                ..PopulationOptions::default()
            };
            let subjects = &trial.subjects;
            let fit = || Population::fit(&plan.model, subjects, options, args.quiet, &mut seconds);
            Some(pool.install(fit)?)
        }
        MethodName::Map | MethodName::Nls => None,
    };
    let plan = &population.as_ref().map_or_else(|| Ok(plan.clone()), |p| plan.with_model(p.model()))?;
    let started = Instant::now();
    let pooled = pool.install(|| plan.pooled(&trial.subjects, args.quiet))?;
    let (plan, pooled) = match &pooled {
        Some((plan, pooled)) => {
            seconds.add("sigma", started.elapsed().as_secs_f64());
            (plan, Some(pooled))
        }
        None => (plan, None),
    };
    let progress = progress_bar("fitting", trial.subjects.len() as u64, args.quiet);
    let started = Instant::now();
    let results = pool.install(|| {
        let done = || progress.inc(1);
        let prior = plan.prior.as_ref();
        process_trial(&plan.model, &trial.subjects, 0, prior, &plan.options, &plan.wanted, &done)
    });
    progress.finish_and_clear();
    seconds.add("fit", started.elapsed().as_secs_f64());

    let subjects = &trial.subjects;
    let diagnosis =
        pool.install(|| Diagnosis::new(plan, subjects, input, &results, args.quiet, &mut seconds))?;

    let started = Instant::now();
    write_both(&folder, &individuals_table(&plan.model, &plan.options, subjects, &results)?)?;
    write_both(&folder, &observations_table(subjects, &results, &diagnosis.subjects)?)?;
    write_both(&folder, &correlations_table(&plan.model, &plan.options, subjects, &results)?)?;
    diagnosis.write(&folder, plan, subjects, &results)?;
    if let Some(population) = &population {
        population.write(&folder)?;
    }
    let two_stage = two_stages(plan, &folder, &results)?;
    let trajectories = trajectories_table(subjects, &results)?;
    folder.write("trajectories.parquet", |f| Ok::<_, CliError>(trajectories.write_parquet(f)?))?;
    folder.write("model.toml", |f| {
        Ok::<_, CliError>(f.write_all(model_file(plan, args, population.is_some())?.as_bytes())?)
    })?;
    seconds.add("tables", started.elapsed().as_secs_f64());

    let started = Instant::now();
    pool.install(|| figures::write(&folder, plan, trial, &results))?;
    seconds.add("figures", started.elapsed().as_secs_f64());

    let summary = overview(subjects, &results, plan.target_ng_ml());
    let threads = pool.current_num_threads();
    let mut record = Record::new(plan, trial, input, pooled, &summary, &results, seconds, threads);
    record.tell(population.as_ref());
    record.two_stage = two_stage.as_ref().map(Into::into);
    write_record(&folder, &record)?;
    if !args.no_report {
        let started = Instant::now();
        let report = folder.file(report::FILE)?;
        let tables = report.parent().unwrap_or(out);
        for figure in report::figures(tables, false)? {
            std::fs::write(folder.file(format!("figures/{}.svg", figure.name))?, &figure.svg)?;
            let data = format!("figures/data/{}.csv", figure.name);
            folder.write(data, |f| Ok::<_, CliError>(figure.data.write_csv(f)?))?;
        }
        std::fs::write(&report, report::page(tables)?)?;
        record.seconds.add("report", started.elapsed().as_secs_f64());
        write_record(&folder, &record)?;
    }
    folder.commit()?;
    if !args.quiet {
        if let Some(population) = &population {
            print::population(population);
        }
        print::summary(plan, trial, &results, &summary, two_stage.as_ref(), &record, out);
    }
    let unconverged = population.is_some_and(|p| !p.converged());
    Ok(if summary.failed > 0 || unconverged { Outcome::SomeFailed } else { Outcome::Done })
}

/// The population from subjects that were fitted by their own data, written as tables; none of fewer than two subjects.
fn two_stages(
    plan: &Plan,
    folder: &RunFolder,
    results: &[SubjectResult],
) -> Result<Option<TwoStage>, CliError> {
    if plan.options.method != Method::Nls || results.len() < 2 {
        return Ok(None);
    }
    let fits: Vec<_> = results.iter().map(|result| &result.fit).collect();
    let found = two_stage(&fits, &plan.options);
    write_both(folder, &two_stage_table(&plan.model, &plan.options, &found)?)?;
    write_both(folder, &two_stage_omega_table(&plan.model, &plan.options, &found)?)?;
    Ok(Some(found))
}

/// Writes `run.json`.
pub fn write_record(folder: &RunFolder, record: &impl serde::Serialize) -> Result<(), CliError> {
    folder.write("run.json", |f| {
        serde_json::to_writer_pretty(&mut *f, record)?;
        Ok::<_, CliError>(f.write_all(b"\n")?)
    })
}

/// Writes a table as CSV and as Parquet.
pub fn write_both(folder: &RunFolder, table: &Table) -> Result<(), CliError> {
    folder.write(format!("{}.csv", table.name()), |f| Ok::<_, CliError>(table.write_csv(f)?))?;
    folder.write(format!("{}.parquet", table.name()), |f| Ok::<_, CliError>(table.write_parquet(f)?))
}

/// Leaves censored observations out where that is asked, and says how many.
pub fn censor(trial: &mut Trial, censored: Censored) {
    if censored == Censored::M3 {
        return;
    }
    let mut left_out = 0;
    for subject in &mut trial.subjects {
        let before = subject.observations.len();
        subject.observations.retain(|o| o.censoring == Censoring::Quantified);
        left_out += before - subject.observations.len();
    }
    if left_out > 0 {
        let note =
            format!("{left_out} observations left out because they are censored (M1): this biases the fit");
        trial.notes.push(note);
    }
}

/// Writes the simulated subjects as a data set and takes what a reader of it gets, so that the run is the one that
/// `omafit fit` would make of the file.
fn as_written(folder: &RunFolder, options: &ReadOptions, trial: &Trial) -> Result<Trial, CliError> {
    let path = folder.file("data.csv")?;
    write_data_set(&path, &trial.subjects, &trial.source.comments, false)?;
    let mut written = read(&path, options)?;
    written.source.path = trial.source.path.clone();
    written.notes.splice(0..0, trial.notes.iter().cloned());
    Ok(written)
}

/// The model file of the run: what was used, as `--model` takes it.
fn model_file(plan: &Plan, args: &RunArgs, is_estimated: bool) -> Result<String, CliError> {
    let mut file = plan.model.file().clone();
    let names: Vec<&str> = plan.model.parameter_names().collect();
    file.estimate = Some(plan.options.free.iter().map(|&i| names[i].to_string()).collect());
    let values = match plan.options.sigma {
        _ if is_estimated => "Its values were estimated here, by FOCE",
        SigmaRule::Pooled => "Its residual errors were estimated here; its other values were given",
        SigmaRule::Given | SigmaRule::Subject => "Its values were given, not estimated here",
    };
    let header = format!("# The population model of this run. {values}.\n");
    Ok(format!("{header}# It came from --model {:?}.\n\n{}", args.model, toml::to_string_pretty(&file)?))
}

/// A bar on standard error, if somebody looks at it.
pub fn progress_bar(doing: &str, subjects: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = format!("{doing} {{bar:40}} {{pos}}/{{len}} subjects, {{eta}} left");
    let bar = ProgressBar::new(subjects);
    ProgressStyle::with_template(&template).map_or(bar.clone(), |style| bar.with_style(style))
}
