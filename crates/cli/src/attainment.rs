//! `omafit attainment`: the fraction of a virtual population with free IgE below its targets, over body weight
//! and baseline IgE.

use crate::Outcome;
use crate::checks::positive;
use crate::error::{CliError, refuse};
use crate::model;
use crate::options::Running;
use crate::print::format::fixed;
use crate::print::terminal::{put, say};
use crate::print::{NO_ADVICE, columns};
use crate::progress_bar::progress_bar;
use crate::provenance::Program;
use crate::threads::pool;
use crate::write::{write_both, write_record};
use clap::Args;
use omafit_outcome::{Attainment, DoseRule, NotInTable, Place, attainment};
use omafit_report::heat::{self, HeatMap, HeatPanel};
use omafit_trial::count;
use omafit_trial::{Column, RunFolder, Table, Values};
use rayon::prelude::*;
use std::path::PathBuf;

/// Largest number of patients at each place of the plane.
const MOST_PATIENTS: u64 = 100_000;
/// Largest number of fields of the plane.
const MOST_FIELDS: usize = 40_000;

/// Which population, and which doses.
#[derive(Args, Debug)]
pub struct AttainmentArgs {
    /// Doses: a dosing table, or mg/kg per IU/mL in four weeks, such as 0.016, or 0.016/2w in doses every two weeks
    #[arg(long, default_value = "us_asthma_12y", value_name = "TABLE|RULE")]
    pub doses: String,
    /// Model: the name of one that ships, or a model file
    #[arg(long, default_value = "hayashi2007", value_name = "NAME|FILE")]
    pub model: String,
    /// Targets for free IgE, ng/mL
    #[arg(long, value_name = "NG_ML", value_delimiter = ',', default_values_t = [50.0, 25.0, 14.0])]
    pub targets: Vec<f64>,
    /// Body weights, kg [default: those of the table; of a rule 30:150:10]
    #[arg(long, value_name = "FROM:TO:STEP")]
    pub weights: Option<String>,
    /// Baseline IgE, IU/mL [default: those of the table; of a rule 30:700:33.5]
    #[arg(long, value_name = "FROM:TO:STEP")]
    pub iges: Option<String>,
    /// Virtual patients at each place of the plane
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub patients: u64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the table and the figure
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub running: Running,
}

/// A field of the plane, represented by its midpoint.
pub struct Field {
    weight_kg: f64,
    ige_iu_ml: f64,
    regimen: Result<(f64, f64), NotInTable>,
    /// Whether the cell of the dosing table was verified against two sources; `None` without a table or a dose.
    pub verified: Option<bool>,
    /// Attainment of the targets; `None` if the field has no dose.
    pub found: Option<Attainment>,
}

/// Simulates the population, draws the figure and writes the run folder.
pub fn map(args: &AttainmentArgs) -> Result<Outcome, CliError> {
    let model = model::load(&args.model)?;
    if model.structure().free_target().is_none() {
        return Err(refuse("model", &args.model, "a model that predicts free IgE"));
    }
    let rule = DoseRule::parse(&args.doses)?;
    args.targets.iter().try_for_each(|target| positive("targets", *target))?;
    if !(1..=MOST_PATIENTS).contains(&args.patients) {
        return Err(refuse("patients", args.patients, format!("from 1 to {MOST_PATIENTS}")));
    }
    let (weights, iges) = match &rule {
        DoseRule::Table(table) => (table.weights_kg(), table.iges_iu_ml()),
        DoseRule::Proportional { .. } => ([30.0, 150.0], [30.0, 700.0]),
    };
    let weights = edges("weights", args.weights.as_deref(), weights, 10.0)?;
    let iges = edges("iges", args.iges.as_deref(), iges, (iges[1] - iges[0]) / 20.0)?;
    let middles = |edges: &[f64]| edges.windows(2).map(|e| 0.5 * (e[0] + e[1])).collect::<Vec<_>>();
    let (across, upwards) = (middles(&weights), middles(&iges));
    if across.len() * upwards.len() > MOST_FIELDS {
        return Err(refuse("weights", across.len(), format!("with --iges at most {MOST_FIELDS} fields")));
    }
    let folder = RunFolder::create(&args.out, args.running.force)?;
    let progress = progress_bar("simulating", (across.len() * upwards.len()) as u64, args.running.quiet);
    let plane: Vec<(f64, f64)> = upwards.iter().flat_map(|ige| across.iter().map(|kg| (*kg, *ige))).collect();
    let one = |&(weight_kg, ige_iu_ml): &(f64, f64)| {
        let regimen = rule.regimen(weight_kg, ige_iu_ml);
        let at = |(dose_mg, every_days)| {
            let (patients, seed) = (args.patients, args.seed);
            let place = Place { model: &model, weight_kg, ige_iu_ml, dose_mg, every_days, patients, seed };
            attainment(&place, &args.targets)
        };
        let found =
            regimen.ok().map(at).transpose().map_err(|error| CliError::Attainment(Box::new(error)))?;
        progress.inc(1);
        let verified = rule.is_verified(weight_kg, ige_iu_ml);
        Ok::<_, CliError>(Field { weight_kg, ige_iu_ml, regimen, verified, found })
    };
    let fields = pool(args.running.threads)?
        .install(|| plane.par_iter().with_max_len(1).map(one).collect::<Result<Vec<Field>, _>>())?;
    progress.finish_and_clear();
    write_both(&folder, &table(args, &fields)?)?;
    let svg = figure(args, model.name(), &rule, &weights, &iges, &fields)?;
    std::fs::write(folder.file("attainment.svg")?, svg)?;
    let failed: usize = fields.iter().filter_map(|f| f.found.as_ref()).map(|f| f.failed).sum();
    let record = Program::before(serde_json::json!({
        "model": model.name(),
        "simulated": true,
        "doses": rule.to_string(),
        "options": {
            "targets_ng_ml": args.targets,
            "weights_kg": weights,
            "iges_iu_ml": iges,
            "patients": args.patients,
            "seed": args.seed,
        },
        "counts": {
            "fields": fields.len(),
            "without_dose": fields.iter().filter(|f| f.found.is_none()).count(),
            "patients_without_steady_state": failed,
        },
    }))?;
    write_record(&folder, &record)?;
    folder.commit()?;
    if !args.running.quiet {
        attained(args, &rule, &fields);
    }
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

/// Edges of the fields along one axis: from the option if it was given, otherwise from `ends` in steps close to
/// `step`.
fn edges(option: &'static str, asked: Option<&str>, ends: [f64; 2], step: f64) -> Result<Vec<f64>, CliError> {
    let (from, to, step) = match asked {
        None => (ends[0], ends[1], step),
        Some(text) => {
            let numbers: Option<Vec<f64>> = text.split(':').map(|n| n.parse().ok()).collect();
            match numbers.as_deref() {
                Some(&[from, to, step]) if from > 0.0 && to > from && to < 1e6 && step > 0.0 => {
                    (from, to, step)
                }
                _ => return Err(refuse(option, text, "FROM:TO:STEP, numbers above 0 with FROM below TO")),
            }
        }
    };
    let count = (((to - from) / step).round()).max(1.0);
    if count > MOST_FIELDS as f64 {
        return Err(refuse(option, count, format!("at most {MOST_FIELDS} steps")));
    }
    Ok((0..=count as usize).map(|k| from + (to - from) * k as f64 / count).collect())
}

/// Table of attainment, one row per field and target.
fn table(args: &AttainmentArgs, fields: &[Field]) -> Result<Table, CliError> {
    let rows = || fields.iter().flat_map(|f| (0..args.targets.len()).map(move |t| (f, t)));
    let number = |name: &str, of: &dyn Fn(&Field, usize) -> f64| {
        Column::new(name, Values::Float(rows().map(|(f, t)| of(f, t)).collect()))
    };
    let found = |of: &dyn Fn(&Attainment) -> f64, f: &Field| f.found.as_ref().map_or(f64::NAN, of);
    let reason = |f: &Field| f.regimen.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let count = |name: &str, of: fn(&Attainment) -> usize| {
        let values = rows().map(|(f, _)| f.found.as_ref().map(|found| of(found) as i64));
        Column::new(name, Values::Integer(values.collect()))
    };
    let mut columns = vec![
        number("weight_kg", &|f, _| f.weight_kg),
        number("ige_iu_ml", &|f, _| f.ige_iu_ml),
        number("dose_mg", &|f, _| f.regimen.map_or(f64::NAN, |r| r.0)),
        number("every_days", &|f, _| f.regimen.map_or(f64::NAN, |r| r.1)),
        Column::new("verified", Values::Integer(rows().map(|(f, _)| f.verified.map(i64::from)).collect())),
        Column::new("no_dose_because", Values::text(rows().map(|(f, _)| reason(f)))),
        number("target_ng_ml", &|_, t| args.targets[t]),
        number("below_throughout", &|f, t| found(&|a| a.attained[t].throughout, f)),
        number("mean_below", &|f, t| found(&|a| a.attained[t].on_average, f)),
        number("time_below", &|f, t| found(&|a| a.attained[t].time, f)),
    ];
    for (i, name) in ["p05", "p50", "p95"].into_iter().enumerate() {
        columns.push(number(&format!("peak_{name}"), &|f, _| found(&|a| a.peak_ng_ml[i], f)));
        columns.push(number(&format!("mean_{name}"), &|f, _| found(&|a| a.mean_ng_ml[i], f)));
    }
    columns.extend([count("patients", |a| a.patients), count("no_steady_state", |a| a.failed)]);
    Ok(Table::new("attainment", columns)?)
}

fn figure(
    args: &AttainmentArgs,
    model: &str,
    rule: &DoseRule,
    weights: &[f64],
    iges: &[f64],
    fields: &[Field],
) -> Result<String, CliError> {
    let panel = |(t, target): (usize, &f64)| {
        let part = |f: &Field| f.found.as_ref().map_or(f64::NAN, |found| found.attained[t].throughout);
        HeatPanel {
            title: format!("Free IgE under {target} ng/mL"),
            parts: fields.iter().map(part).collect(),
        }
    };
    let panels: Vec<HeatPanel> = args.targets.iter().enumerate().map(panel).collect();
    let caption = format!(
        "Doses: {rule}. Model {model}, {} virtual patients a field, seed {}.\nThrough the whole dosing interval at \
         steady state. Not medical advice.",
        args.patients, args.seed
    );
    Ok(heat::svg(&HeatMap {
        title: "Attainment of free IgE targets",
        caption: &caption,
        counted: "patients",
        nothing: "no dose",
        x: ("Body weight (kg)", weights),
        y: ("Baseline IgE (IU/mL)", iges),
        panels: &panels,
    })?)
}

/// Prints a summary of the fractions of patients below each target.
fn attained(args: &AttainmentArgs, rule: &DoseRule, fields: &[Field]) {
    let with_dose: Vec<_> = fields.iter().filter_map(|f| f.found.as_ref()).collect();
    put!("{rule}: {} of the plane, {} of them with a dose", count(fields.len(), "field"), with_dose.len());
    if let DoseRule::Table(_) = rule {
        let unverified = fields.iter().filter(|f| f.verified == Some(false)).count();
        put!(", {unverified} of these by cells that are not verified");
    }
    say!();
    say!("part of the patients under a target through a dosing interval at steady state, per cent");
    let mut rows = vec![["target, ng/mL", "mean of the fields", "lowest", "highest"].map(String::from)];
    for (t, target) in args.targets.iter().enumerate() {
        let parts = || with_dose.iter().map(|found| 100.0 * found.attained[t].throughout);
        let mean = parts().sum::<f64>() / with_dose.len() as f64;
        let (low, high) = (parts().fold(f64::NAN, f64::min), parts().fold(f64::NAN, f64::max));
        let [mean, low, high] = [mean, low, high].map(|part| fixed(part, 1));
        rows.push([format!("{target}"), mean, low, high]);
    }
    columns(&rows);
    let failed: usize = with_dose.iter().map(|found| found.failed).sum();
    if failed > 0 {
        say!("without a steady state that could be found, and not counted: {}", count(failed, "patient"));
    }
    say!("in {}: attainment.csv, attainment.svg", args.out.display());
    say!("The patients are simulated. {NO_ADVICE}");
}
