//! `run.json`: the record of a run, with its inputs, options and results.

use crate::clock;
use crate::data_of_run;
use crate::data_page::Dosing;
use crate::likelihood::{Likelihood, LikelihoodRecord};
use crate::options::{Censored, MethodName, RunArgs};
use crate::plan::Plan;
use crate::population::{Population, PopulationRecord};
use crate::progress::Progress;
use crate::provenance::{GivenModel, Program};
use crate::recorded_path::RecordedPath;
use crate::report::REPORTED;
use crate::seconds::Seconds;
use omafit_estimate::{
    Covariance, FitOptions, Goodness, Overview, PooledSigma, ReconstructionOptions, Replication, SigmaRule,
    TwoStage, free_names,
};
use omafit_model::{Analyte, ResidualDistribution, ResidualEntry};
use omafit_trial::{Counts, DataSummary, Excluded, Ignored, ReadOptions, Trial, Warning};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Inputs of a run that its record describes.
pub struct Facts<'a> {
    /// Arguments of the run.
    pub args: &'a RunArgs,
    /// Final path of the run folder.
    pub out: &'a Path,
    /// Data set of the run.
    pub trial: &'a Trial,
    /// Seed of the simulation, if the data were simulated by this command.
    pub seed: Option<u64>,
    /// Options with which the data were read.
    pub read: &'a ReadOptions,
    /// Handling of censored observations.
    pub censored: Censored,
    /// Residual errors, if they were pooled over all subjects.
    pub pooled: Option<&'a PooledSigma>,
    /// Largest number of subjects in the figures and the tests of residuals.
    pub drawn: usize,
    /// Comparison of the doses with the dosing tables.
    pub dosing: Option<Dosing>,
    /// Whether an earlier session computed a part of the run.
    pub resumed: bool,
    /// Whether the report is left out because there are too many subjects.
    pub is_left_out: bool,
}

impl Facts<'_> {
    /// Relative path from the run folder to its data set.
    fn data_from_run(&self) -> Option<RecordedPath> {
        let path = &self.trial.source.path;
        // A data set that was simulated by this command is in the run folder.
        let own = self.seed.is_some().then(|| path.clone());
        own.or_else(|| data_of_run::from_run(self.out, path)).map(|way| way.as_path().into())
    }
}

/// Record of a run.
#[derive(Debug, Serialize)]
pub struct Record {
    #[serde(flatten)]
    program: Program,
    title: Option<String>,
    notes: Vec<String>,
    model: String,
    model_file: GivenModel,
    /// Name of the model in `model.toml`, if some of its values were estimated.
    fitted_model: Option<String>,
    structure: &'static str,
    method: MethodName,
    options: Options,
    seed: Option<u64>,
    simulated: bool,
    data: Data,
    /// Wall time of each stage, s.
    pub seconds: Seconds,
    wall_seconds: f64,
    /// Number of threads used.
    pub threads: usize,
    stop_reason: String,
    /// Likelihood of the population, with η integrated out.
    #[serde(skip_serializing_if = "Option::is_none")]
    likelihood: Option<LikelihoodRecord>,
    /// Likelihoods at the individual estimates; `None` if no subject was fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    conditional: Option<ConditionalRecord>,
    counts: RunCounts,
    residual_errors: ResidualErrors,
    /// Subjects in the two-stage population of a run that fits each subject alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    two_stage: Option<TwoStageRecord>,
    goodness_of_fit: BTreeMap<&'static str, GoodnessRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    population: Option<PopulationRecord>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Options {
    estimate: Vec<&'static str>,
    censored: Censored,
    covariance: Covariance,
    profile_level: Option<f64>,
    max_iterations: u64,
    further_starts: usize,
    /// Distribution of the standardised residuals; `None` if it differs between analytes.
    residuals: Option<ResidualDistribution>,
    trajectories: bool,
    every_days: f64,
    until_day: Option<f64>,
    level: f64,
    target_ng_ml: f64,
    relative_tolerance: f64,
    replicates: Option<Replication>,
}

#[derive(Debug, Serialize)]
struct Data {
    path: RecordedPath,
    from_run: Option<RecordedPath>,
    sha256: String,
    rows: u64,
    comments: Vec<String>,
    read: ReadOptions,
    records: Counts,
    summary: DataSummary,
    dosing: Option<Dosing>,
    ignored: Vec<Ignored>,
    warnings: Vec<Warning>,
    excluded: Vec<Excluded>,
}

/// Sums over the fitted subjects, at their individual estimates.
#[derive(Debug, Serialize)]
struct ConditionalRecord {
    ofv: f64,
    minus2ll: f64,
    aic: f64,
}

impl ConditionalRecord {
    fn of(summary: &Overview) -> Option<Self> {
        let Overview { ofv, minus2ll, aic, .. } = *summary;
        (summary.ok + summary.not_determined > 0).then_some(Self { ofv, minus2ll, aic })
    }
}

/// Residual errors of the model of the run; for pooled errors, with the course of their estimation.
#[derive(Debug, Serialize)]
struct ResidualErrors {
    sigma: SigmaRule,
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_subjects: Option<usize>,
    by_analyte: BTreeMap<Analyte, ResidualEntry>,
}

/// Numbers of subjects in the two-stage population, and the end of its global method.
#[derive(Debug, Serialize)]
pub struct TwoStageRecord {
    complete: usize,
    partial: usize,
    failed: usize,
    iterations: usize,
    settled: bool,
}

impl From<&TwoStage> for TwoStageRecord {
    fn from(found: &TwoStage) -> Self {
        let TwoStage { complete, partial, failed, iterations, settled, .. } = *found;
        Self { complete, partial, failed, iterations, settled }
    }
}

#[derive(Debug, Serialize)]
struct RunCounts {
    subjects: usize,
    ok: usize,
    not_determined: usize,
    failed: usize,
}

/// Goodness-of-fit statistics; undefined statistics are null.
#[derive(Debug, Serialize)]
struct GoodnessRecord {
    n: usize,
    rmse_log: Option<f64>,
    r2_log: Option<f64>,
    wres_mean: Option<f64>,
    wres_sd: Option<f64>,
}

impl From<&Goodness> for GoodnessRecord {
    fn from(g: &Goodness) -> Self {
        let finite = |v: f64| v.is_finite().then_some(v);
        Self {
            n: g.n,
            rmse_log: finite(g.rmse_log),
            r2_log: finite(g.r2_log),
            wres_mean: finite(g.wres_mean),
            wres_sd: finite(g.wres_sd),
        }
    }
}

impl Record {
    /// Record of a completed run.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        plan: &Plan,
        facts: &Facts<'_>,
        summary: &Overview,
        progress: &Progress,
        seconds: Seconds,
        threads: usize,
    ) -> Self {
        let Facts { trial, pooled, .. } = *facts;
        let FitOptions { max_iterations, further_starts, covariance, profile, .. } = *plan.options();
        let ReconstructionOptions { every, until, level, .. } = *plan.wanted();
        let mut goodness_of_fit: BTreeMap<_, _> =
            summary.by_analyte.iter().map(|(analyte, of)| (analyte.name(), of.into())).collect();
        goodness_of_fit.insert("overall", (&summary.overall).into());
        Self {
            program: Program::new(),
            title: facts.args.title.clone(),
            notes: facts.args.notes.clone(),
            model: plan.given().name.clone(),
            model_file: plan.given().clone(),
            fitted_model: Some(plan.model().name().to_owned()).filter(|name| *name != plan.given().name),
            structure: plan.model().structure().name(),
            method: facts.args.method,
            options: Options {
                estimate: free_names(plan.model(), plan.options()),
                censored: facts.censored,
                covariance,
                profile_level: profile,
                max_iterations,
                further_starts,
                residuals: plan.model().residual_distribution(),
                trajectories: plan.courses().is_some(),
                every_days: every,
                until_day: until.is_finite().then_some(until),
                level,
                target_ng_ml: plan.target_ng_ml(),
                relative_tolerance: omafit_model::DEFAULT_RTOL,
                replicates: plan.replication(),
            },
            seed: facts.seed,
            simulated: trial.simulated,
            data: Data {
                path: trial.source.path.as_path().into(),
                from_run: facts.data_from_run(),
                sha256: trial.source.sha256.clone(),
                rows: trial.source.rows,
                comments: trial.source.comments.clone(),
                read: facts.read.clone(),
                records: trial.counts.clone(),
                summary: trial.summary.clone(),
                dosing: facts.dosing.clone(),
                ignored: trial.ignored.clone(),
                warnings: trial.warnings.clone(),
                excluded: trial.excluded.clone(),
            },
            seconds,
            wall_seconds: clock::seconds(),
            threads,
            stop_reason: stop_reason(summary),
            likelihood: None,
            conditional: ConditionalRecord::of(summary),
            counts: RunCounts {
                subjects: progress.subjects(),
                ok: summary.ok,
                not_determined: summary.not_determined,
                failed: summary.failed,
            },
            residual_errors: ResidualErrors {
                sigma: plan.options().sigma,
                rounds: pooled.map(|p| p.rounds),
                settled: pooled.map(|p| p.settled),
                from_subjects: pooled.map(|p| p.subjects),
                by_analyte: plan.model().file().residual.clone(),
            },
            two_stage: None,
            goodness_of_fit,
            population: None,
            warnings: warnings(plan, facts, progress),
        }
    }
}

impl Record {
    /// Adds the time that the report took.
    pub fn add_report(&mut self, seconds: f64) {
        self.seconds.add("report", seconds);
        self.wall_seconds = clock::seconds();
    }

    /// Objective, −2 log-likelihood and AIC at the individual estimates; `None` if no subject was fitted.
    pub fn conditional(&self) -> Option<[f64; 3]> {
        self.conditional.as_ref().map(|found| [found.ofv, found.minus2ll, found.aic])
    }

    /// Whether the population was estimated.
    pub fn is_of_population(&self) -> bool {
        self.population.is_some()
    }

    /// Adds the two-stage population of subjects fitted alone, or the warning that it was left out.
    pub fn tell_two_stages(&mut self, found: Option<&TwoStage>, is_left_out: bool) {
        self.two_stage = found.map(Into::into);
        if is_left_out {
            self.warnings.push(format!(
                "no two-stage population: it is of at most {REPORTED} subjects, in a run that was not interrupted"
            ));
        }
    }

    /// Adds warnings to the record.
    pub fn warn(&mut self, warnings: Vec<String>) {
        self.warnings.extend(warnings);
    }

    /// Adds the estimated population and its likelihood with their warnings, as far as they were computed.
    pub fn tell(&mut self, population: Option<&Population>, likelihood: Option<&Likelihood>) {
        self.likelihood = likelihood.map(Likelihood::record);
        self.warnings.splice(0..0, likelihood.map_or(Vec::new(), Likelihood::warnings));
        self.population = population.map(Population::record);
        self.warnings.splice(0..0, population.map_or(Vec::new(), Population::warnings));
    }
}

fn stop_reason(summary: &Overview) -> String {
    match (summary.failed, summary.not_determined) {
        (0, 0) => "every subject was fitted".into(),
        (0, n) => format!("every subject was fitted; {n} leave a parameter open"),
        (failed, _) => format!("{failed} subjects could not be fitted"),
    }
}

/// Warnings of the record: notes on the data, results that do not cover all subjects, and incomplete fits.
fn warnings(plan: &Plan, facts: &Facts<'_>, progress: &Progress) -> Vec<String> {
    let mut warnings: Vec<String> = facts.trial.warnings.iter().map(|warning| warning.text.clone()).collect();
    warnings.extend(facts.trial.notes.iter().cloned());
    warnings.extend(facts.pooled.into_iter().flat_map(|p| p.notes.iter().cloned()));
    let subjects = progress.subjects();
    if subjects > facts.drawn {
        warnings.push(format!(
            "figures and tests of residuals are of the first {} of {subjects} subjects; the tables are of all",
            facts.drawn
        ));
    }
    if plan.courses().is_none() {
        warnings.push("the time courses were left out; `omafit reconstruct` makes them".into());
    }
    if facts.is_left_out {
        warnings.push("no report is made of so many subjects; `omafit report` makes one".into());
    }
    if facts.resumed {
        warnings.push("the run was interrupted and resumed: seconds are those of the last session".into());
    }
    for (lines, more) in [&progress.far, &progress.unfinished] {
        warnings.extend_from_slice(lines);
        if *more > 0 {
            warnings.push(format!("… and {more} more, in individuals.csv"));
        }
    }
    warnings
}
