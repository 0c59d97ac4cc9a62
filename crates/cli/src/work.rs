//! Processing of the subjects of a run in blocks: fit, reconstruct, compute diagnostics, write, count.

use crate::censored::censor;
use crate::checkpoint::{Journal, Kept, Place};
use crate::diagnosis::Diagnosis;
use crate::error::CliError;
use crate::figures;
use crate::influence::Influence;
use crate::likelihood::Likelihood;
use crate::options::{Censored, RunArgs};
use crate::plan::Plan;
use crate::population::{self, Ended, Population, Stopped};
use crate::print::FEW;
use crate::progress::Progress;
use crate::progress_bar::{counting, progress_bar};
use crate::provenance::Origin;
use crate::report::REPORTED;
use crate::seconds::Seconds;
use crate::write::write_both;
use indicatif::ProgressBar;
use omafit_estimate::{
    IndividualFit, Method, PooledSigma, PopulationError, PopulationFit, PopulationMethod, PopulationOptions,
    SubjectResult, enough, from_several_starts, process_trial,
};
use omafit_model::Subject;
use omafit_trial::{
    GrowingTable, KeptTable, ReadOptions, RunFolder, Table, TableError, Trial, correlations_table,
    individuals_table, observations_table, population_starts_table, trajectories_table,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Number of subjects fitted and held at a time, unless a computation needs all of them. Figures and tests of
/// residuals are of the first block.
pub const BLOCK: usize = 500;

/// Tables of a run with rows for each subject.
struct Tables {
    individuals: GrowingTable,
    observations: GrowingTable,
    correlations: GrowingTable,
    /// Time courses of the subjects and of the typical subjects, unless they are left out.
    courses: Option<[GrowingTable; 2]>,
}

impl Tables {
    /// Starts new tables, or continues those saved by an earlier session.
    fn start(
        folder: &RunFolder,
        kept: &BTreeMap<String, KeptTable>,
        with_courses: bool,
    ) -> Result<Self, CliError> {
        let start =
            |name: &'static str, with_csv| GrowingTable::start(folder, name, with_csv, kept.get(name));
        let mut courses = None;
        if with_courses {
            courses = Some([start("trajectories", false)?, start("typical", false)?]);
        }
        Ok(Self {
            individuals: start("individuals", true)?,
            observations: start("observations", true)?,
            correlations: start("correlations", true)?,
            courses,
        })
    }

    fn all(&mut self) -> Vec<&mut GrowingTable> {
        let Self { individuals, observations, correlations, courses } = self;
        let mut all = vec![individuals, observations, correlations];
        all.extend(courses.iter_mut().flatten());
        all
    }

    /// Saves every table that has rows; returns the saved tables by name.
    fn keep(&mut self, folder: &RunFolder) -> Result<BTreeMap<String, KeptTable>, CliError> {
        let kept =
            |table: &mut GrowingTable| Ok(table.keep(folder)?.map(|kept| (table.name().to_owned(), kept)));
        self.all().into_par_iter().filter_map(|table| kept(table).transpose()).collect()
    }

    /// Removes the earlier saved states of the tables.
    fn forget(&mut self, folder: &RunFolder, kept: &BTreeMap<String, KeptTable>) -> Result<(), CliError> {
        self.all().into_iter().try_for_each(|table| {
            Ok(kept.get(table.name()).map_or(Ok(()), |kept| table.forget(folder, kept))?)
        })
    }

    fn finish(self) -> Result<(), CliError> {
        let Self { individuals, observations, correlations, courses } = self;
        let mut all = vec![individuals, observations, correlations];
        all.extend(courses.into_iter().flatten());
        all.into_par_iter().try_for_each(|table| Ok(table.finish().map(drop)?))
    }
}

/// Schedule for saving the progress of a run; only the work since the last save is lost if the program is
/// killed.
struct Keeping {
    last: Instant,
    /// Duration of the last save.
    took: Duration,
}

impl Keeping {
    /// Shortest interval between two saves.
    const OFTEN: Duration = Duration::from_secs(1);
    /// Reciprocal of the largest fraction of the run time that is spent on saving.
    const SHARE: u32 = 20;

    fn is_due(&self) -> bool {
        self.last.elapsed() >= Self::OFTEN.max(Self::SHARE * self.took)
    }
}

/// Inputs of a run, and the folder to which it is written.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// Arguments of the run.
    pub args: &'a RunArgs,
    /// Folder of the run.
    pub folder: &'a RunFolder,
    /// Properties of the trial that are known before its subjects are read.
    pub trial: &'a Trial,
    /// Options with which the data are read.
    pub read: &'a ReadOptions,
    /// Handling of censored observations.
    pub censored: Censored,
    /// Whether the progress is saved so that the run can be resumed.
    pub resumable: bool,
}

/// A run in progress.
pub struct RunExecutor<'a> {
    plan: Plan,
    setting: Setting<'a>,
    tables: Tables,
    population: Option<Population>,
    likelihood: Option<Likelihood>,
    pooled: Option<PooledSigma>,
    pool: rayon::ThreadPool,
    bar: ProgressBar,
    progress: Progress,
    keeping: Keeping,
    kept: Option<Kept>,
    shown: Option<(Vec<Subject>, Vec<SubjectResult>)>,
    alone: Option<Vec<IndividualFit>>,
    stop: Arc<AtomicBool>,
    /// Wall time of each stage, s.
    pub seconds: Seconds,
}

/// Results of a run whose subjects are all done.
pub struct RunOutcome {
    /// Plan of the run, with the values estimated from all subjects together.
    pub plan: Plan,
    /// Population, if it was estimated.
    pub population: Option<Population>,
    /// Likelihood of the population, if it was computed.
    pub likelihood: Option<Likelihood>,
    /// Residual errors, if they were pooled over all subjects.
    pub pooled: Option<PooledSigma>,
    /// Fits of subjects that were fitted alone, if they are few enough to be held and all from this session.
    pub alone: Option<Vec<IndividualFit>>,
    /// Wall time of each stage, s.
    pub seconds: Seconds,
    /// Progress of the run, with the summary of its subjects.
    pub progress: Progress,
    /// Subjects and results of a trial that is small enough to print each subject.
    pub shown: Option<(Vec<Subject>, Vec<SubjectResult>)>,
    /// Number of threads used.
    pub threads: usize,
}

impl<'a> RunExecutor<'a> {
    /// Starts a run, or resumes it from `progress` or from a saved population estimation.
    pub fn new(
        plan: Plan,
        setting: Setting<'a>,
        pool: rayon::ThreadPool,
        (progress, kept): (Progress, Option<Kept>),
        stop: Arc<AtomicBool>,
    ) -> Result<Self, CliError> {
        let Setting { args, folder, trial, .. } = setting;
        let bar = progress_bar("fitting", trial.counts.subjects as u64, args.running.quiet);
        bar.set_position(progress.subjects() as u64);
        let all_alone = plan.options().method == Method::Nls
            && trial.counts.subjects <= REPORTED
            && progress.subjects() == 0;
        Ok(Self {
            alone: all_alone.then(Vec::new),
            tables: Tables::start(folder, &progress.tables, plan.courses().is_some())?,
            plan,
            setting,
            population: None,
            likelihood: None,
            pooled: None,
            pool,
            bar,
            progress,
            keeping: Keeping { last: Instant::now(), took: Duration::ZERO },
            kept,
            shown: None,
            stop,
            seconds: Seconds::default(),
        })
    }

    /// Fits a block of subjects and writes its results; `false` if it was interrupted and nothing of the block
    /// was written.
    pub fn block(&mut self, mut subjects: Vec<Subject>) -> Result<bool, CliError> {
        let Setting { args, folder, trial, read, censored, .. } = self.setting;
        let first = self.progress.subjects();
        censor(&mut subjects, censored);
        if first == 0 && !self.estimate(&subjects)? {
            return Ok(false);
        }
        let started = Instant::now();
        let go_on = || {
            self.bar.inc(1);
            !self.stop.load(Ordering::Relaxed)
        };
        let plan = &self.plan;
        // The lowest mode of a subject may be one that only the population estimation has found.
        let known = self.population.as_ref().map_or(Vec::new(), |p| p.modes(plan.options()));
        let fitted = self.pool.install(|| {
            let (model, options) = (plan.model(), plan.options());
            process_trial(
                model,
                &subjects,
                first as u64,
                &known,
                plan.prior(),
                options,
                plan.courses(),
                &go_on,
            )
        });
        self.seconds.add("fit", started.elapsed().as_secs_f64());
        let Some(results) = fitted else { return Ok(false) };

        let (quiet, seconds) = (args.running.quiet, &mut self.seconds);
        let diagnosis = self
            .pool
            .install(|| Diagnosis::new(plan, &subjects, read, &results, quiet || first > 0, seconds))?;
        let started = Instant::now();
        self.write(&subjects, &results, &diagnosis)?;
        self.seconds.add("tables", started.elapsed().as_secs_f64());
        if first == 0 {
            diagnosis.write(folder, &self.plan, &subjects, &results)?;
            let started = Instant::now();
            let (plan, simulated) = (&self.plan, trial.simulated);
            self.pool.install(|| figures::write(folder, plan, &subjects, &results, simulated))?;
            self.seconds.add("figures", started.elapsed().as_secs_f64());
        }
        self.progress.add(&self.plan, &subjects, &results);
        if let Some(alone) = &mut self.alone {
            alone.extend(results.iter().map(|result| result.fit.clone()));
        }
        if trial.counts.subjects <= FEW {
            self.shown = Some((subjects, results));
        }
        if self.progress.subjects() < trial.counts.subjects && self.keeping.is_due() {
            self.keep()?;
        }
        Ok(true)
    }

    /// Saves the progress, so that the run can be resumed from here however the program ends.
    fn keep(&mut self) -> Result<(), CliError> {
        let Setting { folder, resumable, .. } = self.setting;
        if !resumable || self.progress.subjects() == 0 {
            return Ok(());
        }
        let started = Instant::now();
        let tables = &mut self.tables;
        self.progress.tables = self.pool.install(|| tables.keep(folder))?;
        self.progress.keep(folder)?;
        self.tables.forget(folder, &self.progress.tables)?;
        let took = started.elapsed();
        self.keeping = Keeping { last: Instant::now(), took };
        self.seconds.add("tables", took.as_secs_f64());
        Ok(())
    }

    /// Ends an interrupted run: saves and returns its progress.
    pub fn leave(mut self) -> Result<Progress, CliError> {
        self.bar.finish_and_clear();
        self.keep()?;
        Ok(self.progress)
    }

    /// Estimates everything that needs all subjects, who are all in the first block then; `false` if it was
    /// interrupted.
    fn estimate(&mut self, subjects: &[Subject]) -> Result<bool, CliError> {
        let Setting { args, folder, trial, resumable, .. } = self.setting;
        let quiet = args.running.quiet;
        if let Some(method) = args.population() {
            let options = PopulationOptions {
                covariance: !args.no_population_covariance,
                ..population::options(method, args.population_iterations)
            };
            enough(self.plan.model(), subjects)?;
            if args.population_starts > 1 && self.kept.is_none() {
                let Some(plan) = self.best_start(subjects, method, options)? else { return Ok(false) };
                self.plan = plan;
            }
            let (plan, seconds) = (&self.plan, &mut self.seconds);
            let place = resumable.then_some(Place { folder, identity: &self.progress.identity });
            let journal = Journal::new(plan.model(), place, self.kept.take(), &self.stop, quiet)?;
            let fit = || Population::fit(plan.model(), subjects, method, options, journal, seconds);
            let fitted = match self.pool.install(fit)? {
                Ended::Done(fitted) => *fitted,
                Ended::Interrupted(iterations) => {
                    self.progress.iterations = iterations;
                    return Ok(false);
                }
            };
            // A Newton step starts from the minimum of the objective, which is that of FOCE.
            let is_least = method == PopulationMethod::Foce;
            let influence = |fit: &PopulationFit| {
                is_least.then(|| Influence::of(fit, subjects, args.influence, options, quiet, seconds))?
            };
            let population = self.pool.install(|| fitted.with_influence(influence));
            let how = population.method_name().to_uppercase();
            let origin = Origin { model: self.plan.given(), data: &trial.source, how: &how };
            self.plan = self.plan.with_model(&origin.marked(population.model())?)?;
            self.population = Some(population);
        }
        let started = Instant::now();
        let plan = &self.plan;
        if let Some((plan, pooled)) = self.pool.install(|| plan.pooled(subjects, &trial.source, quiet))? {
            self.seconds.add("sigma", started.elapsed().as_secs_f64());
            (self.plan, self.pooled) = (plan, Some(pooled));
        }
        let population = self.population.as_ref();
        if let Some(method) = args.likelihood() {
            let started = Instant::now();
            let model = self.plan.model();
            let numbers = population.map(Population::estimated);
            let compute = || Likelihood::compute(args, method, model, subjects, numbers);
            self.likelihood = Some(self.pool.install(compute)?);
            self.seconds.add("likelihood", started.elapsed().as_secs_f64());
        } else {
            self.likelihood = population.map(|population| Likelihood::of_fit(population.parts().0, subjects));
        }
        Ok(true)
    }

    /// Plan with the start, out of several, from which the population estimation reaches the lowest objective;
    /// `None` if it was interrupted.
    fn best_start(
        &self,
        subjects: &[Subject],
        method: PopulationMethod,
        options: PopulationOptions,
    ) -> Result<Option<Plan>, CliError> {
        let Setting { args, folder, .. } = self.setting;
        let bar = counting("population from", "starts", args.population_starts as u64, args.running.quiet);
        let watch = Stopped(Arc::clone(&self.stop));
        let (model, starts) = (self.plan.model(), args.population_starts);
        let found = self.pool.install(|| {
            from_several_starts(model, subjects, method, options, starts, &watch, &|| bar.inc(1))
        });
        bar.finish_and_clear();
        match found {
            Err(PopulationError::Interrupted) => Ok(None),
            found => {
                let (model, kept, all) = found?;
                write_both(folder, &population_starts_table(&all, kept)?)?;
                Ok(Some(self.plan.with_model(&model)?))
            }
        }
    }

    /// Adds the rows of some subjects to all tables in parallel.
    fn write(
        &mut self,
        subjects: &[Subject],
        results: &[SubjectResult],
        diagnosis: &Diagnosis,
    ) -> Result<(), CliError> {
        let Tables { individuals, observations, correlations, courses } = &mut self.tables;
        let (model, options) = (self.plan.model(), self.plan.options());
        type Row<'a> = (&'a mut GrowingTable, Box<dyn Fn() -> Result<Table, TableError> + Send + 'a>);
        let mut all: Vec<Row<'_>> = Vec::new();
        // The longest tables come first.
        if let Some([trajectories, typical]) = courses {
            all.push((trajectories, Box::new(|| trajectories_table(model, subjects, results))));
            all.push((typical, Box::new(|| diagnosis.typical(model, subjects, results))));
        }
        all.push((observations, Box::new(|| observations_table(subjects, results, &diagnosis.subjects))));
        all.push((individuals, Box::new(|| individuals_table(model, options, subjects, results))));
        all.push((correlations, Box::new(|| correlations_table(model, options, subjects, results))));
        let append = |(table, rows): Row<'_>| Ok(table.append(rows()?)?);
        self.pool.install(|| all.into_par_iter().with_max_len(1).try_for_each(append))
    }

    /// Adds to the stage `read` the part of `seconds` that no other stage accounts for.
    pub fn reading(&mut self, seconds: f64) {
        let stages = [
            "population",
            "population covariance",
            "influence",
            "likelihood",
            "sigma",
            "fit",
            "replicates",
            "diagnostics",
            "tables",
            "figures",
        ];
        let others: f64 = stages.iter().map(|stage| self.seconds.of(stage)).sum();
        self.seconds.add("read", (seconds - others).max(0.0));
    }

    /// Finishes the tables and returns the results.
    pub fn finish(self) -> Result<RunOutcome, CliError> {
        self.bar.finish_and_clear();
        let Self { plan, population, likelihood, pooled, alone, mut seconds, progress, shown, pool, .. } =
            self;
        let started = Instant::now();
        pool.install(|| self.tables.finish())?;
        seconds.add("tables", started.elapsed().as_secs_f64());
        let threads = pool.current_num_threads();
        Ok(RunOutcome { plan, population, likelihood, pooled, alone, seconds, progress, shown, threads })
    }
}
