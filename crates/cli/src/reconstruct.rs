//! `omafit reconstruct`: time courses of the patients of a run on another grid.
//!
//! The estimates of the run are used unchanged. Their uncertainty is computed again from the data of the run,
//! which must be byte-identical.

use crate::Outcome;
use crate::censored::censor;
use crate::checks::{positive, share};
use crate::data_of_run::{self, Recorded};
use crate::error::{CliError, refuse};
use crate::memory::Grid;
use crate::model;
use crate::options::{BandArgs, Censored, MethodName, ReconstructArgs};
use crate::plan::prior;
use crate::predictive::REGIMEN;
use crate::provenance::Program;
use crate::provenance::SCHEMA_VERSION;
use crate::recorded_path::RecordedPath;
use crate::threads::pool;
use crate::write::{write_both, write_record};
use omafit_estimate::{
    Bands, Covariance, FitOptions, Method, PopulationMethod, Prior, ReconstructionOptions, ResidualErrors,
    SigmaRule, Status, SubjectResult, complete, fit_at, residual_errors, with_sigmas,
};
use omafit_model::{PopulationModel, ResidualDistribution, Subject};
use omafit_outcome::ExposureCourse;
use omafit_trial::{
    ReadOptions, RunFolder, Table, Trial, Values, read, read_parquet, read_whole_text, sigma_columns,
    suppression_table, trajectories_table,
};
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Default number of draws for sampled bands.
const DRAWS: u32 = 500;
/// Largest number of draws for sampled bands; more would take hundreds of megabytes per subject.
const MOST_DRAWS: u32 = 10_000;

/// Entries of `run.json` that are needed to work on a run again.
#[derive(Debug, Deserialize)]
pub struct Record {
    pub schema_version: u32,
    pub method: MethodName,
    pub simulated: bool,
    pub options: Options,
    /// Source of the residual errors; the model, for runs written before this entry was introduced.
    #[serde(default)]
    pub residual_errors: RecordedErrors,
    pub data: Data,
    /// Estimation of the population, if it was estimated.
    pub population: Option<Estimated>,
}

#[derive(Debug, Deserialize)]
pub struct Estimated {
    pub method: String,
    pub seed: Option<u64>,
}

/// Source of the residual errors of a run.
#[derive(Debug, Default, Deserialize)]
pub struct RecordedErrors {
    pub sigma: SigmaRule,
}

#[derive(Debug, Deserialize)]
pub struct Options {
    pub estimate: Vec<String>,
    pub censored: Censored,
    pub covariance: Covariance,
    pub max_iterations: u64,
    pub further_starts: usize,
    /// Distribution of the standardised residuals, which runs of earlier versions do not have in their model.
    #[serde(default)]
    pub residuals: Option<ResidualDistribution>,
    /// Day to which the time courses extend at least, if it was given.
    #[serde(default)]
    pub until_day: Option<f64>,
    pub level: f64,
    pub target_ng_ml: f64,
}

#[derive(Debug, Deserialize)]
pub struct Data {
    pub path: RecordedPath,
    pub from_run: Option<RecordedPath>,
    pub sha256: String,
    pub read: ReadOptions,
}

/// An earlier run with its data.
pub struct Run {
    pub record: Record,
    pub model: PopulationModel,
    pub options: FitOptions,
    pub trial: Trial,
    /// Individual estimates, by subject ID.
    pub estimates: HashMap<String, Estimate>,
}

/// Individual estimates of a subject.
pub struct Estimate {
    pub status: String,
    pub eta: Vec<f64>,
    /// Standard deviations of the residual errors of the subject, in the order of [`sigma_columns`]; empty
    /// unless the run estimated them for each subject.
    pub sigmas: Vec<f64>,
}

/// Reconstructs the time courses and writes them.
pub fn reconstruct(args: &ReconstructArgs) -> Result<Outcome, CliError> {
    let every = days("every", &args.every)?;
    let run = Run::load(&args.run, args.located.data.as_deref())?;
    if let Some(until) = args.until {
        positive("until", until)?;
    }
    let wanted = run.wanted(&args.bands, every, args.until.unwrap_or(f64::NEG_INFINITY))?;
    let pool = pool(args.running.threads)?;
    run.check_memory(("every", &args.every), &wanted, 1, pool.current_num_threads())?;
    let folder = RunFolder::create(&args.out, args.running.force)?;
    let prior = run.prior()?;
    let unfitted = vec![f64::NAN; run.options.free.len()];
    let subjects = &run.trial.subjects;
    let results: Vec<SubjectResult> = pool.install(|| {
        let one = |(position, subject): (usize, &Subject)| {
            let known = run.estimates.get(&subject.id).filter(|known| known.status != Status::Failed.name());
            let eta = known.map_or(&unfitted, |known| &known.eta);
            let errors = run.errors(known);
            let fit = fit_at(&run.model, subject, prior.as_ref(), &run.options, &errors, eta);
            complete(&run.model, subject, position as u64, &run.options, fit, &wanted)
        };
        subjects.par_iter().enumerate().with_max_len(1).map(one).collect()
    });
    let without = subjects.iter().zip(&results).filter(|(_, r)| r.trajectory.time.is_empty());
    let reasons: Vec<String> = without.map(|(s, r)| format!("{}: {}", s.id, r.fit.reason)).collect();
    let failed = reasons.len();
    let trajectories = trajectories_table(&run.model, subjects, &results)?;
    folder.write("trajectories.parquet", |f| Ok::<_, CliError>(trajectories.write_parquet(f)?))?;
    let has_suppression = run.model.structure().free_target().is_some();
    if has_suppression {
        write_both(&folder, &suppression_table(subjects, &results)?)?;
    }
    let record = Program::before(serde_json::json!({
        "reconstructed_from": RecordedPath::from(args.run.as_path()),
        "data_sha256": run.record.data.sha256,
        "simulated": run.record.simulated,
        "options": {
            "every_days": every,
            "until_day": args.until,
            "level": wanted.level,
            "target_ng_ml": wanted.target_ng_ml,
            "bands": wanted.bands,
        },
        "counts": { "subjects": subjects.len(), "failed": failed },
        "warnings": reasons,
    }))?;
    write_record(&folder, &record)?;
    folder.commit()?;
    if !args.running.quiet {
        let counts = (subjects.len(), failed, trajectories.rows());
        crate::print::reconstructed(&args.out, counts, has_suppression, run.record.simulated);
    }
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

impl Run {
    /// Options of a reconstruction; level and target are those of the run unless others are given.
    pub fn wanted(&self, args: &BandArgs, every: f64, until: f64) -> Result<ReconstructionOptions, CliError> {
        let level = args.level.unwrap_or(self.record.options.level);
        share("level", level)?;
        let target_ng_ml = args.target.unwrap_or(self.record.options.target_ng_ml);
        positive("target", target_ng_ml)?;
        Ok(ReconstructionOptions { every, until, level, target_ng_ml, bands: bands(&args.bands, args.seed)? })
    }

    /// Refuses time courses that do not fit into memory, with the given number of courses per subject.
    pub fn check_memory(
        &self,
        (option, found): (&'static str, &str),
        wanted: &ReconstructionOptions,
        courses: usize,
        threads: usize,
    ) -> Result<(), CliError> {
        let ReconstructionOptions { every, until, bands, .. } = *wanted;
        let draws = match bands {
            Bands::Linear => 0,
            Bands::Sampled { draws, .. } => draws,
        };
        let until = Some(until).filter(|until| until.is_finite());
        let outputs = self.model.structure().outputs().len();
        let grid = Grid { option: (option, found.to_owned()), every, until, courses, draws, outputs };
        let inputs = self.model.parameters().len() + 1;
        grid.check(&self.trial.spans, self.trial.subjects.len(), inputs, threads)
    }

    /// Prior of the fits of the run, if they had one.
    pub fn prior(&self) -> Result<Option<Prior>, CliError> {
        match self.options.method {
            Method::Map => Ok(Some(prior(&self.model, &self.options.free)?)),
            Method::Nls => Ok(None),
        }
    }

    /// Residual errors of a subject: those estimated for the subject, if the run did so, otherwise those of the
    /// model.
    pub fn errors(&self, known: Option<&Estimate>) -> ResidualErrors {
        let mut errors = residual_errors(&self.model);
        let Some(known) = known.filter(|known| !known.sigmas.is_empty()) else { return errors };
        for (analyte, law) in errors.iter_mut() {
            let columns = sigma_columns(&self.model).into_iter().zip(&known.sigmas);
            let of = columns.filter(|((a, _, _), _)| *a == analyte).map(|(_, sigma)| *sigma);
            let own: Vec<f64> = of.collect();
            law.error = with_sigmas(law.error, &own);
        }
        errors
    }

    /// Exposure of a subject at the estimates of the run, with its own doses or others, from day `begin` of its
    /// records to the last record, or to the day up to which the run requested time courses. The error is the
    /// reason why there is none.
    pub fn exposure(&self, subject: &Subject, begin: f64) -> Result<ExposureCourse, String> {
        let known = self.estimates.get(&subject.id).filter(|known| known.status != Status::Failed.name());
        let known = known.ok_or_else(|| "the fit failed".to_owned())?;
        self.exposure_at(&self.parameters(&self.model, subject, &known.eta)?, subject, begin)
    }

    /// Parameters of a subject with the given η under a model of the same form as that of the run. The error is
    /// the reason why there are none.
    pub fn parameters(
        &self,
        model: &PopulationModel,
        subject: &Subject,
        eta: &[f64],
    ) -> Result<Vec<f64>, String> {
        let mut parameters = model.typical(&subject.covariates).map_err(|why| why.to_string())?;
        for (&i, eta) in self.options.free.iter().zip(eta) {
            parameters[i] = model.parameters()[i].individual(parameters[i], *eta).value;
        }
        Ok(parameters)
    }

    /// Exposure of a subject with the given parameters, over the same days as [`Run::exposure`]. The error is
    /// the reason why there is none.
    pub fn exposure_at(
        &self,
        parameters: &[f64],
        subject: &Subject,
        begin: f64,
    ) -> Result<ExposureCourse, String> {
        let end = subject.end().max(self.record.options.until_day.unwrap_or(f64::NEG_INFINITY));
        ExposureCourse::solve(&self.model, parameters, subject, [begin, end]).map_err(|why| why.to_string())
    }

    /// Method by which the population of the run was estimated; an error if it was not estimated.
    pub fn population_method(&self, folder: &Path) -> Result<PopulationMethod, CliError> {
        let named = self.record.population.as_ref().map(|p| (p.method.as_str(), p.seed));
        match named {
            Some(("its", _)) => Ok(PopulationMethod::Its),
            Some(("foce", _)) => Ok(PopulationMethod::Foce),
            Some(("saem", Some(seed))) => Ok(PopulationMethod::Saem { seed }),
            _ => {
                let expected = "a run whose population was estimated, by --method foce, its or saem";
                Err(refuse("run", folder.display(), expected))
            }
        }
    }

    /// Loads the run in a folder, with its data set from `data` or else from the recorded locations.
    pub fn load(folder: &Path, data: Option<&Path>) -> Result<Self, CliError> {
        Self::load_by(folder, data, None)
    }

    /// Loads the run in a folder like [`Run::load`], and reads the covariate `by` from the data even if the run
    /// did not.
    pub fn load_by(folder: &Path, data: Option<&Path>, by: Option<&str>) -> Result<Self, CliError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source| CliError::Unreadable { path, source }
        };
        let path = folder.join("run.json");
        let text = read_whole_text(&path).map_err(unreadable(&path))?;
        let record: Record =
            serde_json::from_str(&text).map_err(|source| CliError::NoRun { path: path.clone(), source })?;
        if record.schema_version != SCHEMA_VERSION {
            let expected = "a run that this version of omafit wrote";
            return Err(refuse("run", folder.display(), expected));
        }
        let model = model::of_run(folder)?;
        let model = match record.options.residuals {
            Some(distribution @ ResidualDistribution::StudentT { .. }) => model
                .with_residuals(distribution)
                .map_err(|source| CliError::Model { place: folder.display().to_string(), source })?,
            _ => model,
        };
        let positions = record.options.estimate.iter().map(|name| model.position(name));
        let Some(free) = positions.collect::<Option<Vec<usize>>>() else {
            return Err(refuse(
                "run",
                folder.display(),
                "a run whose model.toml has the parameters it estimated",
            ));
        };
        let Data { path: RecordedPath(path), from_run, sha256, .. } = &record.data;
        let from_run = from_run.as_ref().map(|RecordedPath(path)| path.as_path());
        let data = data_of_run::find(folder, Recorded { path, from_run, sha256 }, data)?;
        let mut how = record.data.read.clone();
        let is_read =
            |by: &&str| how.covariates.iter().chain(&how.carried).any(|own| own.eq_ignore_ascii_case(by));
        let further = by.filter(|by| !by.eq_ignore_ascii_case(REGIMEN) && !is_read(by)).map(str::to_owned);
        how.carried.extend(further.clone());
        let mut trial = match (read(&data, &how), further) {
            (Err(rejection), Some(by)) if read(&data, &record.data.read).is_ok() => {
                let expected = format!("`regimen` or a covariate that can be read of the data: {rejection}");
                return Err(refuse("stratify", by, expected));
            }
            (trial, _) => trial?,
        };
        censor(&mut trial.subjects, record.options.censored);
        let names: Vec<String> = record.options.estimate.iter().map(|name| format!("ETA_{name}")).collect();
        let table = read_parquet(&folder.join("individuals.parquet"))?;
        let mut sigmas = sigma_columns(&model);
        sigmas.retain(|_| record.residual_errors.sigma == SigmaRule::Subject);
        let sigmas: Vec<String> = sigmas.into_iter().map(|(_, _, name)| name).collect();
        let estimates = estimates(&table, &names, &sigmas).ok_or_else(|| {
            refuse(
                "run",
                folder.display(),
                "a run whose individuals.parquet has ID, status, ETA and of --sigma subject SIGMA",
            )
        })?;
        // The recorded options, as a fit may be searched for again.
        let options = FitOptions {
            max_iterations: record.options.max_iterations,
            further_starts: record.options.further_starts,
            covariance: record.options.covariance,
            sigma: record.residual_errors.sigma,
            ..FitOptions::new(record.method.into(), free)
        };
        Ok(Self { record, model, options, trial, estimates })
    }
}

/// Individual estimates in a table `individuals`, by subject ID.
fn estimates(table: &Table, etas: &[String], sigmas: &[String]) -> Option<HashMap<String, Estimate>> {
    let text = |name: &str| match table.values(name)? {
        Values::Text(values) => Some(values),
        _ => None,
    };
    let numbers = |names: &[String]| -> Option<Vec<&Vec<f64>>> {
        let one = |name: &String| match table.values(name)? {
            Values::Float(values) => Some(values),
            _ => None,
        };
        names.iter().map(one).collect()
    };
    let (ids, status) = (text("ID")?, text("status")?);
    let (etas, sigmas) = (numbers(etas)?, numbers(sigmas)?);
    let row = |columns: &[&Vec<f64>], i: usize| columns.iter().map(|column| column[i]).collect();
    let one = |i: usize| {
        let estimate =
            Estimate { status: status[i].to_string(), eta: row(&etas, i), sigmas: row(&sigmas, i) };
        (ids[i].to_string(), estimate)
    };
    Some((0..table.rows()).map(one).collect())
}

/// Bands from a text of the form `linear`, `sampled` or `sampled=N`.
fn bands(text: &str, seed: u64) -> Result<Bands, CliError> {
    let draws = match text {
        "linear" => return Ok(Bands::Linear),
        "sampled" => Some(DRAWS),
        _ => text
            .strip_prefix("sampled=")
            .and_then(|n| n.parse().ok())
            .filter(|n| (2..=MOST_DRAWS).contains(n)),
    };
    let expected = format!("linear, sampled, or sampled=N with N from 2 to {MOST_DRAWS}");
    Ok(Bands::Sampled { draws: draws.ok_or_else(|| refuse("bands", text, expected))?, seed })
}

/// Number of days of a time such as 1d, 6h or 2w.
pub fn days(option: &'static str, text: &str) -> Result<f64, CliError> {
    let units = [("d", 1.0), ("h", 1.0 / 24.0), ("w", 7.0), ("", 1.0)];
    let of = |(unit, size): &(&str, f64)| Some(text.strip_suffix(unit)?.trim().parse::<f64>().ok()? * size);
    let found = units.iter().find_map(of).filter(|days| days.is_finite() && *days > 0.0);
    found.ok_or_else(|| refuse(option, text, "a time above 0, such as 1d, 6h or 0.5"))
}
