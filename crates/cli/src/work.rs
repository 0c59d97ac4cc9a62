//! The subjects of a run, some at a time: fit, reconstruct, judge, write, count.

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

/// Subjects that are fitted, and held, at a time, unless something needs them all. Figures and tests of residuals are of
/// the first so many.
pub const BLOCK: usize = 500;

/// The tables of a run that have rows of each subject.
struct Tables {
    individuals: GrowingTable,
    observations: GrowingTable,
    correlations: GrowingTable,
    /// The time courses, of the subjects and of the typical ones, unless they are left out.
    courses: Option<[GrowingTable; 2]>,
}

impl Tables {
    /// New tables, or those that were kept, by their names.
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

    /// Keeps every table that has rows, by its name.
    fn keep(&mut self, folder: &RunFolder) -> Result<BTreeMap<String, KeptTable>, CliError> {
        let kept =
            |table: &mut GrowingTable| Ok(table.keep(folder)?.map(|kept| (table.name().to_owned(), kept)));
        self.all().into_par_iter().filter_map(|table| kept(table).transpose()).collect()
    }

    /// Forgets what was kept of the tables before.
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

/// When a run is kept: what was done since, and no more, is lost if the program is killed.
struct Keeping {
    last: Instant,
    /// What it took then.
    took: Duration,
}

impl Keeping {
    /// Work that is put at risk at least.
    const OFTEN: Duration = Duration::from_secs(1);
    /// Of the time of a run, one part in so many may go into keeping it.
    const SHARE: u32 = 20;

    fn is_due(&self) -> bool {
        self.last.elapsed() >= Self::OFTEN.max(Self::SHARE * self.took)
    }
}

/// What a run is made from, and where it is written.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// What was asked.
    pub args: &'a RunArgs,
    /// The run's folder.
    pub folder: &'a RunFolder,
    /// What is known of the trial before its subjects are read.
    pub trial: &'a Trial,
    /// How the data are read.
    pub read: &'a ReadOptions,
    /// What becomes of censored observations.
    pub censored: Censored,
    /// Whether what is done is kept for another session.
    pub resumable: bool,
}

/// A run under way.
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
    /// Wall time a stage.
    pub seconds: Seconds,
}

/// A run whose subjects are done, or that was interrupted.
pub struct RunOutcome {
    /// The plan, with what was estimated of all subjects.
    pub plan: Plan,
    /// The population, if it was estimated.
    pub population: Option<Population>,
    /// Its likelihood, if it was asked for.
    pub likelihood: Option<Likelihood>,
    /// The residual errors, if they were estimated of all subjects together.
    pub pooled: Option<PooledSigma>,
    /// The fits of subjects that were fitted alone, if they are few enough to be held and all of this session.
    pub alone: Option<Vec<IndividualFit>>,
    /// Wall time a stage.
    pub seconds: Seconds,
    /// What is known of the subjects.
    pub progress: Progress,
    /// The subjects of a small trial.
    pub shown: Option<(Vec<Subject>, Vec<SubjectResult>)>,
    /// Threads used.
    pub threads: usize,
}

impl<'a> RunExecutor<'a> {
    /// Starts, or goes on where `progress` stands or with the estimation of the population that was kept.
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

    /// Fits, judges and writes some subjects; `false` if that was interrupted, and nothing of them has been written.
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
        // A subject's lowest mode may be one that only the population has found.
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

    /// Keeps what is done, so that however the program ends it is taken up from here.
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

    /// Ends before everything is done: keeps what is, and says what that is.
    pub fn leave(mut self) -> Result<Progress, CliError> {
        self.bar.finish_and_clear();
        self.keep()?;
        Ok(self.progress)
    }

    /// Estimates what is to be estimated of all subjects, who are all here then; `false` if that was interrupted.
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
            // A step of Newton's is from the least objective, which is FOCE's.
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

    /// The plan from the start, of several, from which the population ends lowest; nothing if that was interrupted.
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

    /// Adds the rows of some subjects to the tables, to all at the same time.
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
        // The longest first.
        if let Some([trajectories, typical]) = courses {
            all.push((trajectories, Box::new(|| trajectories_table(subjects, results))));
            all.push((typical, Box::new(|| diagnosis.typical(subjects, results))));
        }
        all.push((observations, Box::new(|| observations_table(subjects, results, &diagnosis.subjects))));
        all.push((individuals, Box::new(|| individuals_table(model, options, subjects, results))));
        all.push((correlations, Box::new(|| correlations_table(model, options, subjects, results))));
        let append = |(table, rows): Row<'_>| Ok(table.append(rows()?)?);
        self.pool.install(|| all.into_par_iter().with_max_len(1).try_for_each(append))
    }

    /// Of so many seconds, those that no other stage has were spent reading.
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

    /// Ends the tables.
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
