//! What a person reads in the terminal.

pub mod format;
mod population;
mod summary;
pub mod terminal;
mod uncertainty;

pub use population::{draws, likelihood, population, profiled, resampled};
pub use summary::{not_estimated, summary, two_stages};
pub use uncertainty::uncertainty;

use crate::attainment::{AttainmentArgs, Field};
use crate::dose::DoseArgs;
use crate::error::CliError;
use crate::progress::Progress;
use format::fixed;
use omafit_estimate::NpcRow;
use omafit_model::{Analyte, PopulationModel};
use omafit_outcome::{DoseRule, DosingTable, NotInTable, Regimen, VirtualTrialError};
use omafit_trial::count;
use omafit_trial::{Converted, RunFolder, Trial};
use std::path::Path;
use terminal::{put, say, tell};

/// Trials of up to this many subjects are shown subject by subject.
pub const FEW: usize = 4;
/// The sentence that stands wherever a dose is shown.
pub const NO_ADVICE: &str = "Not medical advice.";
/// Unfinished subjects that are named.
const NAMED: usize = 10;

/// Rows in columns as wide as they need, the first row a header.
pub fn columns<const N: usize>(rows: &[[String; N]]) {
    let length = |text: &String| text.chars().count();
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| length(&row[i])).max().unwrap_or(0));
    for row in rows {
        let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:<width$}"));
        say!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Rows in columns as wide as they need, the first row a header; from the column `numbers` on to the right.
pub fn aligned<const N: usize>(rows: &[[String; N]], numbers: usize) {
    let length = |text: &String| text.chars().count();
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| length(&row[i])).max().unwrap_or(0));
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(i, (text, width))| {
            if i < numbers { format!("{text:<width$}") } else { format!("{text:>width$}") }
        });
        say!("  {}", cells.collect::<Vec<_>>().join("   ").trim_end());
    }
}

/// A unit beside a number: nothing of a number that has none.
fn shown_unit(unit: &str) -> String {
    if unit == "1" { String::new() } else { unit.into() }
}

/// What a data set became.
pub fn converted(path: &Path, converted: &Converted) {
    let (rows, texts) = (count(converted.rows, "row"), converted.texts);
    say!("{}: {rows}, {} of numbers, {texts} of text", path.display(), count(converted.numbers, "column"));
    converted.notes.iter().for_each(|note| say!("note: {note}"));
}

/// What was reconstructed.
pub fn reconstructed(
    out: &Path,
    (subjects, failed, rows): (usize, usize, usize),
    has_suppression: bool,
    simulated: bool,
) {
    let (subjects, rows) = (count(subjects, "subject"), count(rows, "row"));
    say!("{subjects}, {failed} without a time course, {rows}");
    let suppression = if has_suppression { ", suppression.csv" } else { "" };
    say!("in {}: trajectories.parquet{suppression}", out.display());
    if simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
}

/// Where a report is.
pub fn reported(path: &Path, bytes: usize) {
    say!("{}: {:.1} MB, opens in a browser without a network", path.display(), bytes as f64 * 1e-6);
}

/// What a predictive check found.
pub fn checked(run: &Path, model: &PopulationModel, npc: &[NpcRow], replicates: u32, simulated: bool) {
    say!("{replicates} simulations of the trial; observations outside their prediction interval, per cent");
    let names = ["analyte", "interval", "expected", "below", "band", "above", "band"];
    let mut rows = vec![names.map(String::from)];
    let percent = |part: f64| fixed(100.0 * part, 1);
    let band = |side: [f64; 4]| format!("{}–{}", percent(side[1]), percent(side[3]));
    rows.extend(npc.iter().map(|row| {
        [
            model.label(row.analyte).into(),
            percent(row.interval),
            percent(0.5 * (1.0 - row.interval)),
            percent(row.below[0]),
            band(row.below),
            percent(row.above[0]),
            band(row.above),
        ]
    }));
    columns(&rows);
    say!("in {}: vpc.csv, npc.csv, npde.csv, vpc.json, and in its report", run.display());
    if simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
}

/// What a table prescribes.
pub fn dose(args: &DoseArgs, table: &DosingTable, regimen: &Result<Regimen, NotInTable>) {
    let DoseArgs { weight, ige, .. } = args;
    match regimen {
        Ok(Regimen { dose_mg, interval_weeks, verified }) => {
            say!("{dose_mg} mg every {interval_weeks} weeks, for {weight} kg and {ige} IU/mL");
            let status = if *verified {
                "verified on two sources"
            } else {
                "NOT verified: consistent with 0.016 mg/kg per IU/mL in 4 weeks and the table's ceiling, no more"
            };
            say!("table {}: this cell is {status}", table.name());
            let (four_weeks, rule) = (dose_mg * 4.0 / interval_weeks, 0.016 * weight * ige);
            say!("{four_weeks} mg in 4 weeks; 0.016 mg/kg per IU/mL would be {rule:.1} mg");
        }
        Err(why) => say!("not in the table {}: {why}", table.name()),
    }
    say!("{NO_ADVICE}");
}

/// What a virtual population attains.
pub fn attained(args: &AttainmentArgs, rule: &DoseRule, fields: &[Field]) {
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

/// What was simulated.
pub fn simulated(
    path: &Path,
    subjects: usize,
    unverified: Option<usize>,
    doses: usize,
    observations: usize,
    comments: &[String],
) {
    let (subjects, doses) = (count(subjects, "subject"), count(doses, "dose"));
    say!("{}: {subjects}, {doses}, {}", path.display(), count(observations, "observation"));
    if let Some(n) = unverified {
        say!("  dosed by cells of the table that are not verified: {n}");
    }
    for comment in comments {
        say!("  {comment}");
    }
}

/// Which subjects could not be simulated.
pub fn not_simulated(failures: &[VirtualTrialError]) {
    for failure in failures.iter().take(NAMED) {
        tell!("omafit: not simulated: {failure}");
    }
    if failures.len() > NAMED {
        tell!("omafit: … and {} more", failures.len() - NAMED);
    }
}

/// How far a run came.
pub fn interrupted(progress: &Progress, subjects: usize, kept: Option<&Path>, quiet: bool) {
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

/// How far a bootstrap or a search came.
pub fn left_off(what: &str, done: usize, kept: &Path, quiet: bool) {
    if !quiet {
        tell!(
            "omafit: interrupted after {done} {what}, which are in {}; the same command with --resume goes on",
            kept.display()
        );
    }
}

/// What keeps nothing was interrupted.
pub fn given_up(quiet: bool) {
    if !quiet {
        tell!("omafit: interrupted; nothing was written");
    }
}

/// Text as it is.
pub fn text(text: &str) {
    put!("{text}");
}

/// Why a command was refused.
pub fn error(error: &CliError) {
    tell!("omafit: {error}");
}

/// What a data set holds, its analytes by the names that the model gives them.
pub fn trial(trial: &Trial, model: &PopulationModel) {
    let counts = &trial.counts;
    let (subjects, doses) = (count(counts.subjects, "subject"), count(counts.doses, "dose"));
    say!("{}: {subjects}, {doses}", trial.source.path.display());
    for analyte in Analyte::ALL {
        let index = analyte.index();
        if counts.observations[index] == 0 {
            continue;
        }
        let (below, above) = (counts.below[index], counts.above[index]);
        let censored = [(below, "below"), (above, "above")].into_iter().filter(|(number, _)| *number > 0);
        let censored: Vec<String> = censored.map(|(number, side)| format!("{number} {side}")).collect();
        let of = if censored.is_empty() {
            String::new()
        } else {
            format!(", {} a limit of quantification", censored.join(" and "))
        };
        let noun = if counts.observations[index] == 1 { "observation" } else { "observations" };
        say!("  {:<17}{:>6} {noun}{of}", model.label(analyte), counts.observations[index]);
    }
    for warning in &trial.warnings {
        say!("  WARNING: {}", warning.text);
    }
    for note in &trial.notes {
        say!("  note: {note}");
    }
}
