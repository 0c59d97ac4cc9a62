//! `omafit outcome`: the relation between the outcomes of the patients of a run and their exposure.

mod args;
mod notes;
mod patients;
mod words;

pub use args::{OutcomeArgs, WindowName};

use crate::Outcome;
use crate::check::renamed;
use crate::checks::positive;
use crate::error::{CliError, refuse};
use crate::forms::take_out;
use crate::provenance::command;
use crate::reconstruct::Run;
use crate::recorded_path::RecordedPath;
use crate::shown::Shown;
use crate::threads::pool;
use crate::views::{draw_into, renew_report};
use crate::write::write_into;
use omafit_outcome::{
    Alignment, HysteresisOptions, MOST_CATEGORIES, OutcomeBaseline, OutcomeOptions, OutcomeType, Patient,
    VisitRule, analyse, exposure_means,
};
use omafit_trial::{
    OutcomeReadOptions, OutcomeTable, outcome_exposure_table, outcome_tables, read_outcomes, write_whole,
};
use patients::Patients;
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// Smallest number of bootstrap replicates for a 95 % interval.
const FEWEST_REPLICATES: u32 = 100;
/// Largest number of bootstrap replicates; more would take minutes.
const MOST_REPLICATES: u32 = 100_000;
/// Longest lag, days; no time course reaches back further.
const LONGEST_LAG: u32 = 3650;
/// Names of tables that only some analyses have.
const OF_SOME: [&str; 2] = ["outcome_arms", "outcome_events"];

/// Reads and analyses the outcomes, and writes the results into the run folder.
pub fn outcome(args: &OutcomeArgs) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let given = Given::new(args)?;
    let pool = pool(args.running.threads)?;
    let record_path = args.run.join("outcome.json");
    if record_path.exists() && !args.running.force {
        let expected = "a run without outcomes yet; --force replaces them";
        return Err(refuse("run", args.run.display(), expected));
    }
    let run = Run::load(&args.run, args.located.data.as_deref())?;
    if run.model.structure().free_target().is_none() {
        return Err(refuse("run", args.run.display(), "a run of a model that predicts free IgE"));
    }
    let known: HashSet<&str> = run.trial.subjects.iter().map(|s| s.id.as_str()).collect();
    let table = read_outcomes(&args.outcomes, &given.read, &known)?;
    check_types(&given.read.types, &table)?;
    let patients = pool.install(|| Patients::new(&run, &table));
    let target = args.target.unwrap_or(run.record.options.target_ng_ml);
    let options = given.options(&patients.all, &table.types, target);
    notes::check_visits(&patients, &options, given.read.time_unit)?;
    let analysis = pool.install(|| analyse(&patients.all, &options));
    let simulated = table.simulated || run.record.simulated;
    let found = outcome_tables(&analysis, &patients.all, &table.measures)?;
    for table in &found {
        write_into(&args.run, table, args.running.force)?;
    }
    let is_missing = |name: &&str| found.iter().all(|table| table.name() != *name);
    if args.running.force {
        OF_SOME.into_iter().filter(is_missing).try_for_each(|name| take_out(&args.run, name))?;
    }
    let means: Vec<_> =
        analysis.groups.iter().map(|g| (g.clone(), exposure_means(&patients.all, g))).collect();
    write_into(&args.run, &outcome_exposure_table(&means)?, args.running.force)?;
    let mut notes = notes::notes(&table, &patients, &analysis, given.read.time_unit);
    notes.extend(args.forms.write(&args.run, &run.model, simulated, &Shown::OF_OUTCOME)?);
    let record = record(args, &given, &options, &table, patients.all.len(), &notes, simulated, started);
    // The record is written last, when the tables that it describes exist.
    write_whole(&record_path, &serde_json::to_vec_pretty(&record)?, args.running.force)?;
    draw_into(&args.run, &crate::report::outcome_figures(&args.run)?, args.running.force)?;
    renew_report(&args.run)?;
    if !args.running.quiet {
        words::print(args, &table, &patients.all, &analysis, &notes, simulated);
    }
    Ok(Outcome::Done)
}

/// Types of the measures, from arguments of the form MEASURE=TYPE.
fn types(given: &[String]) -> Result<BTreeMap<String, OutcomeType>, CliError> {
    let mut types = BTreeMap::new();
    for text in given {
        let named = text.rsplit_once('=').filter(|(name, _)| !name.trim().is_empty());
        let (name, kind) = named.ok_or_else(|| refuse("type", text, "MEASURE=TYPE"))?;
        let kind = kind.parse().map_err(|expected: String| refuse("type", text, expected))?;
        if types.insert(name.trim().to_owned(), kind).is_some() {
            return Err(refuse("type", text, "one type of a measure"));
        }
    }
    Ok(types)
}

/// Refuses the type of a measure that is not in the table, and ordered types with more than [`MOST_CATEGORIES`]
/// categories.
fn check_types(types: &BTreeMap<String, OutcomeType>, table: &OutcomeTable) -> Result<(), CliError> {
    let names = || table.measures.iter().map(|m| m.0.as_str()).collect::<Vec<_>>().join(", ");
    for (name, kind) in types {
        let Some(at) = table.measures.iter().position(|m| m.0 == *name) else {
            let expected = format!("of a measure of the table, which has {}", names());
            return Err(refuse("type", format!("{name}={kind}"), expected));
        };
        let values = table.subjects.iter().flat_map(|s| &s.values[at]).map(|m| m.value.to_bits());
        let categories = values.collect::<HashSet<u64>>().len();
        if *kind == OutcomeType::Ordered && categories > MOST_CATEGORIES {
            let expected = format!(
                "at most {MOST_CATEGORIES} categories; {name} has {categories}: a score is score:FLOOR:CEILING"
            );
            return Err(refuse("type", format!("{name}={kind}"), expected));
        }
    }
    Ok(())
}

/// Checked arguments of the command.
struct Given {
    read: OutcomeReadOptions,
    baseline: OutcomeBaseline,
    visits: Option<VisitRule>,
    half_width: Option<f64>,
    window: omafit_outcome::Window,
    onset_days: f64,
    max_lag: u32,
    replicates: u32,
    seed: u64,
    delay: bool,
}

impl Given {
    fn new(args: &OutcomeArgs) -> Result<Self, CliError> {
        positive("onset-days", args.onset_days)?;
        if let Some(target) = args.target {
            positive("target", target)?;
        }
        if !(FEWEST_REPLICATES..=MOST_REPLICATES).contains(&args.replicates) {
            let expected = format!("from {FEWEST_REPLICATES} to {MOST_REPLICATES}");
            return Err(refuse("replicates", args.replicates, expected));
        }
        if args.max_lag > LONGEST_LAG {
            return Err(refuse("max-lag", args.max_lag, format!("at most {LONGEST_LAG}")));
        }
        if let Some(days) = args.visit_window {
            positive("visit-window", days)?;
        }
        let visits = match args.visit_every {
            Some(days) => {
                positive("visit-every", days)?;
                Some(VisitRule::Every(days))
            }
            None if args.visits.is_empty() => None,
            None => {
                for &day in &args.visits {
                    if !(day.is_finite() && day >= 0.0) {
                        return Err(refuse("visits", day, "days after the first dose, 0 or more"));
                    }
                }
                if !args.visits.iter().any(|d| *d > 0.0) {
                    return Err(refuse("visits", "0", "at least one day after the first dose"));
                }
                Some(VisitRule::Nominal(args.visits.clone()))
            }
        };
        let baseline = match args.baseline.as_str() {
            "last" => OutcomeBaseline::Last,
            text => {
                let days = text.strip_prefix("run-in=").and_then(|d| d.parse().ok());
                let days = days.filter(|d: &f64| d.is_finite() && *d >= 0.0);
                let expected = "`last`, or `run-in=DAYS` with days of 0 or more";
                OutcomeBaseline::RunIn { days: days.ok_or_else(|| refuse("baseline", text, expected))? }
            }
        };
        let read = OutcomeReadOptions {
            columns: renamed(&args.columns)?,
            types: types(&args.types)?,
            time_unit: args.time_unit.into(),
            allow_unknown: args.allow_unknown,
            separator: args.layout.separator(),
            decimal: args.layout.decimal(),
        };
        Ok(Self {
            read,
            baseline,
            visits,
            half_width: args.visit_window,
            window: args.window.into(),
            onset_days: args.onset_days,
            max_lag: args.max_lag,
            replicates: args.replicates,
            seed: args.seed,
            delay: !args.no_delay,
        })
    }

    fn options(&self, patients: &[Patient], types: &[OutcomeType], target_ng_ml: f64) -> OutcomeOptions {
        let visits = self.visits.clone().unwrap_or_else(|| VisitRule::seen(patients));
        OutcomeOptions {
            types: types.to_vec(),
            alignment: Alignment {
                baseline: self.baseline,
                visits,
                half_width: self.half_width,
                window: self.window,
            },
            onset_days: self.onset_days,
            hysteresis: HysteresisOptions {
                target_ng_ml,
                max_lag: self.max_lag,
                replicates: self.replicates,
                seed: self.seed,
                test: self.delay,
            },
            delay: self.delay,
        }
    }
}

/// Content of `outcome.json`.
#[allow(clippy::too_many_arguments)]
fn record(
    args: &OutcomeArgs,
    given: &Given,
    options: &OutcomeOptions,
    table: &OutcomeTable,
    patients: usize,
    notes: &[String],
    simulated: bool,
    started: Instant,
) -> serde_json::Value {
    serde_json::json!({
        "schema_version": 1,
        "tool": "omafit",
        "version": env!("CARGO_PKG_VERSION"),
        "command": command(),
        "outcomes": { "path": RecordedPath::from(args.outcomes.as_path()), "sha256": table.source.sha256, "rows": table.source.rows, "read": given.read },
        "measures": table.measures.iter().zip(&table.types).map(|((name, unit), kind)| serde_json::json!({ "name": name, "unit": unit, "type": kind.to_string() })).collect::<Vec<_>>(),
        "simulated": simulated,
        "options": options,
        "patients": patients,
        "notes": notes,
        "seconds": started.elapsed().as_secs_f64(),
    })
}
