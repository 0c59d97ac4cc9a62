//! `omafit simulate`: simulation of a trial as a data set.

use crate::Outcome;
use crate::check::overlaid;
use crate::error::{CliError, refuse};
use crate::memory::check_visits;
use crate::options::SimulateArgs;
use crate::progress_bar::progress_bar;
use crate::threads::pool;
use crate::{model, print};
use omafit_estimate::Noise;
use omafit_model::units::NG_PER_IU;
use omafit_model::{ModelFile, PopulationModel, ResidualEntry, Subject};
use omafit_outcome::{
    Baseline, Design, Dosing, DosingTable, FOLLOW_UP_DAYS, IGE, PATIENTS, TREATMENT_DAYS, VISITS,
    VirtualTrialError, WEIGHT, like, patient,
};
use omafit_trial::{ReadOptions, read, write_data_set_chunks};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Number of subjects in memory at a time.
const CHUNK: u64 = 1024;

/// Source of the simulated subjects.
enum Source {
    /// Virtual patients of a trial design.
    Virtual { design: Box<Design>, patients: u64 },
    /// Subjects of an existing data set.
    Like(Vec<Subject>),
}

impl Source {
    fn subjects(&self) -> u64 {
        match self {
            Self::Virtual { patients, .. } => *patients,
            Self::Like(subjects) => subjects.len() as u64,
        }
    }

    /// Dosing table of the trial, if it has one.
    fn table(&self) -> Option<&DosingTable> {
        match self {
            Self::Virtual { design, .. } => match &design.dosing {
                Dosing::Table(table) => Some(table),
                Dosing::Fixed { .. } => None,
            },
            Self::Like(_) => None,
        }
    }
}

/// Whether the cell of the dosing table from which a subject is dosed was verified against two sources.
fn is_verified(table: &DosingTable, subject: &Subject) -> bool {
    let covariates = &subject.covariates;
    let (Some(weight), Some(ige)) = (covariates.weight_kg(), covariates.ige_ng_ml()) else { return false };
    table.regimen(weight, ige / NG_PER_IU).is_ok_and(|regimen| regimen.verified)
}

/// Simulates the trial and writes it as a data set.
pub fn simulate(args: &SimulateArgs) -> Result<Outcome, CliError> {
    let options = overlaid(&args.how, ReadOptions::default())?;
    let model = with_limits(model::load(&args.model)?, &options)?;
    let source = source(args, &model, &options)?;
    let noise = Noise { variability: !args.no_variability, residual: !args.no_residual };
    if args.replicates == 0 || args.replicates > u64::from(u32::MAX) {
        return Err(refuse("replicates", args.replicates, "at least 1, and at most 4294967295"));
    }
    let pool = pool(args.running.threads)?;
    let comments = comments(args, &model, &source);
    let total = source.subjects() * args.replicates;
    let progress = progress_bar("simulating", total, args.running.quiet);
    let mut failures: Vec<VirtualTrialError> = Vec::new();
    let (mut doses, mut observations, mut written) = (0, 0, 0);
    let mut unverified = source.table().map(|_| 0);
    let chunks = (0..total.div_ceil(CHUNK)).map(|chunk| {
        let numbers = chunk * CHUNK..total.min((chunk + 1) * CHUNK);
        let one = |number: u64| {
            let simulated = one(&model, &source, args, number, noise);
            progress.inc(1);
            simulated
        };
        let results: Vec<_> = pool.install(|| numbers.into_par_iter().map(one).collect());
        let mut subjects = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Ok(subject) => subjects.push(subject),
                Err(nobody @ VirtualTrialError::NobodyEligible(_)) => return Err(nobody.into()),
                Err(failure) => failures.push(failure),
            }
        }
        doses += subjects.iter().map(|s| s.doses.len()).sum::<usize>();
        observations += subjects.iter().map(|s| s.observations.len()).sum::<usize>();
        written += subjects.len();
        if let (Some(n), Some(table)) = (&mut unverified, source.table()) {
            *n += subjects.iter().filter(|subject| !is_verified(table, subject)).count();
        }
        Ok::<_, CliError>(subjects)
    });
    write_data_set_chunks(&args.out, &comments, args.running.force, chunks)?;
    progress.finish_and_clear();
    if !args.running.quiet {
        print::simulated(&args.out, written, unverified, doses, observations, &comments);
    }
    print::not_simulated(&failures);
    Ok(if failures.is_empty() { Outcome::Done } else { Outcome::SomeFailed })
}

/// Simulates a subject by its number across all replicates.
fn one(
    model: &PopulationModel,
    source: &Source,
    args: &SimulateArgs,
    number: u64,
    noise: Noise,
) -> Result<Subject, VirtualTrialError> {
    let (replicate, index) = (number / source.subjects(), number % source.subjects());
    let mut subject = match source {
        // The number of a patient counts across all replicates, so that each replicate is another trial.
        Source::Virtual { design, .. } => patient(model, design, args.seed, number, noise)?,
        Source::Like(subjects) => like(model, &subjects[index as usize], args.seed, replicate, index, noise)?,
    };
    if args.replicates > 1 {
        if let Source::Virtual { .. } = source {
            subject.id = (index + 1).to_string();
        }
        subject.id = format!("{}.{}", replicate + 1, subject.id);
        subject.covariates = subject.covariates.with("REP", (replicate + 1) as f64);
    }
    Ok(subject)
}

/// The model with the limits of quantification given on the command line.
fn with_limits(model: PopulationModel, options: &ReadOptions) -> Result<PopulationModel, CliError> {
    if options.lloq.is_empty() && options.uloq.is_empty() {
        return Ok(model);
    }
    let mut file: ModelFile = model.file().clone();
    type Limit = fn(&mut ResidualEntry) -> &mut Option<f64>;
    let sides: [(_, Limit); 2] =
        [(&options.lloq, |entry| &mut entry.lloq), (&options.uloq, |entry| &mut entry.uloq)];
    for (limits, of_entry) in sides {
        for (analyte, limit) in limits {
            let Some(entry) = file.residual.get_mut(analyte) else {
                let expected = format!("of an analyte that {} predicts", model.name());
                return Err(refuse("lloq or --uloq", analyte.name(), &expected));
            };
            *of_entry(entry) = Some(*limit);
        }
    }
    PopulationModel::new(file).map_err(|source| CliError::Model { place: model.name().into(), source })
}

fn source(args: &SimulateArgs, model: &PopulationModel, options: &ReadOptions) -> Result<Source, CliError> {
    if let Some(data) = &args.like {
        // The limits apply to the simulated values; the values of the data set are not used.
        let base = ReadOptions { lloq: BTreeMap::new(), uloq: BTreeMap::new(), ..model::needs(model) };
        let needs = overlaid(&args.how, base)?;
        let how = ReadOptions {
            positive_required: BTreeSet::new(),
            absent_before_dose: BTreeSet::new(),
            allow_undosed: true,
            ..needs
        };
        return Ok(Source::Like(read(data, &how)?.subjects));
    }
    let positive = |option: &'static str, value: Option<f64>, usual: f64| match value {
        Some(value) if !(value.is_finite() && value > 0.0) => Err(refuse(option, value, "a number above 0")),
        value => Ok(value.unwrap_or(usual)),
    };
    let part = |option: &'static str, value: Option<f64>| match value {
        Some(value) if !(0.0..1.0).contains(&value) => Err(refuse(option, value, "at least 0 and below 1")),
        value => Ok(value.unwrap_or(0.0)),
    };
    let patients = args.patients.unwrap_or(PATIENTS as u64);
    if patients == 0 {
        return Err(refuse("patients", 0, "at least 1"));
    }
    let dosing = match (args.dose, args.every_weeks) {
        (Some(dose), Some(weeks)) => Dosing::Fixed {
            dose_mg: positive("dose", Some(dose), 0.0)?,
            every_days: 7.0 * positive("every-weeks", Some(weeks), 0.0)?,
        },
        _ => Dosing::Table(DosingTable::named(args.table.as_deref().unwrap_or("us_asthma_12y"))?),
    };
    let treatment_days = 7.0 * positive("weeks", args.weeks, TREATMENT_DAYS / 7.0)?;
    let follow_up_days = match args.follow_up {
        Some(0.0) => 0.0,
        weeks => 7.0 * positive("follow-up", weeks, FOLLOW_UP_DAYS / 7.0)?,
    };
    let held = patients.min(CHUNK) as f64;
    if let Dosing::Fixed { every_days, .. } = dosing {
        let found = args.every_weeks.map_or(String::new(), |weeks| weeks.to_string());
        check_visits(("every-weeks", found), 0.0, treatment_days / every_days, held)?;
    }
    let fixed = |option, value: Option<f64>, drawn| match value {
        Some(value) => Ok::<_, CliError>(Baseline::Fixed(positive(option, Some(value), 0.0)?)),
        None => Ok(Baseline::Drawn(drawn)),
    };
    let own = ["WT", "IGE"];
    let assumed =
        options.assume.iter().filter(|(name, _)| !own.contains(&name.to_ascii_uppercase().as_str()));
    let design = Design {
        weight_kg: fixed("weight", args.weight.or(args.how.assume_weight), WEIGHT)?,
        ige_iu_ml: fixed("ige", args.ige, IGE)?,
        covariates: assumed.map(|(name, value)| (name.clone(), *value)).collect(),
        dosing,
        treatment_days,
        follow_up_days,
        visits: visits(args, treatment_days + follow_up_days)?,
        dropout: part("dropout", args.dropout)?,
        missed: part("missed", args.missed)?,
    };
    Ok(Source::Virtual { design: Box::new(design), patients })
}

fn visits(args: &SimulateArgs, end: f64) -> Result<Vec<f64>, CliError> {
    if let Some(every) = args.every_days {
        if !(every.is_finite() && every > 0.0) {
            return Err(refuse("every-days", every, "a number above 0"));
        }
        let held = args.patients.unwrap_or(PATIENTS as u64).min(CHUNK) as f64;
        check_visits(("every-days", every.to_string()), end / every + 1.0, 0.0, held)?;
        return Ok((0..=(end / every) as usize).map(|k| k as f64 * every).collect());
    }
    if args.visits.is_empty() {
        return Ok(VISITS.into_iter().filter(|v| *v <= end).collect());
    }
    let mut last = 0.0;
    for &day in &args.visits {
        if !(day.is_finite() && day >= last && day <= end) {
            let expected = format!("days in ascending order, from 0 to {end}, the trial's end");
            return Err(refuse("visits", day, &expected));
        }
        last = day;
    }
    Ok(args.visits.clone())
}

/// Comment lines of the simulated data set.
fn comments(args: &SimulateArgs, model: &PopulationModel, source: &Source) -> Vec<String> {
    let replicates =
        if args.replicates > 1 { format!(", {} replicates", args.replicates) } else { String::new() };
    let who = match source {
        Source::Like(subjects) => format!("{} subjects like those of another data set", subjects.len()),
        Source::Virtual { patients, design } => match &design.dosing {
            Dosing::Fixed { dose_mg, every_days } => {
                format!("{patients} virtual patients, {dose_mg} mg every {} weeks", every_days / 7.0)
            }
            Dosing::Table(table) => format!("{patients} virtual patients, dosed by {table}"),
        },
    };
    let without = match (args.no_variability, args.no_residual) {
        (false, false) => "",
        (true, false) => ", without variability",
        (false, true) => ", without residual error",
        (true, true) => ", without variability and residual error",
    };
    vec![format!(
        "omafit: simulated data, no patients: {who}{replicates}, model {}{without}, seed {}",
        model.name(),
        args.seed
    )]
}
