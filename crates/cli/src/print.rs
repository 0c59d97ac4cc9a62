//! Output for the terminal.

pub mod format;
mod population;
mod summary;
pub mod terminal;
mod uncertainty;

pub use population::{draws, likelihood, population, profiled, resampled};
pub use summary::{not_estimated, summary, two_stages};
pub use uncertainty::uncertainty;

use crate::error::CliError;
use format::fixed;
use omafit_estimate::NpcRow;
use omafit_model::{Analyte, PopulationModel};
use omafit_outcome::VirtualTrialError;
use omafit_trial::count;
use omafit_trial::{Converted, Trial};
use std::collections::BTreeMap;
use std::path::Path;
use terminal::{put, say, tell};

/// Largest number of subjects of a trial for which each subject is printed.
pub const FEW: usize = 4;
/// Disclaimer printed with every dose.
pub const NO_ADVICE: &str = "Not medical advice.";
/// Largest number of incomplete subjects that are named.
const NAMED: usize = 10;

/// Prints rows in left-aligned columns; the first row is the header.
pub fn columns<const N: usize>(rows: &[[String; N]]) {
    let length = |text: &String| text.chars().count();
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| length(&row[i])).max().unwrap_or(0));
    for row in rows {
        let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:<width$}"));
        say!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Prints rows in columns; the first row is the header, and the columns from `numbers` on are right-aligned.
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

/// Unit of a number; empty for a dimensionless number.
fn shown_unit(unit: &str) -> String {
    if unit == "1" { String::new() } else { unit.into() }
}

/// Prints a summary of a converted data set.
pub fn converted(path: &Path, converted: &Converted) {
    let (rows, texts) = (count(converted.rows, "row"), converted.texts);
    say!("{}: {rows}, {} of numbers, {texts} of text", path.display(), count(converted.numbers, "column"));
    converted.notes.iter().for_each(|note| say!("note: {note}"));
}

/// Prints a summary of a reconstruction.
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

/// Prints the path and the size of a report.
pub fn reported(path: &Path, bytes: usize) {
    say!("{}: {:.1} MB, opens in a browser without a network", path.display(), bytes as f64 * 1e-6);
}

/// Prints the results of a numerical predictive check.
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

/// Prints a summary of a simulated data set.
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

/// Prints the subjects that could not be simulated.
pub fn not_simulated(failures: &[VirtualTrialError]) {
    for failure in failures.iter().take(NAMED) {
        tell!("omafit: not simulated: {failure}");
    }
    if failures.len() > NAMED {
        tell!("omafit: … and {} more", failures.len() - NAMED);
    }
}

/// Prints the progress of an interrupted bootstrap or search.
pub fn left_off(what: &str, done: usize, kept: &Path, quiet: bool) {
    if !quiet {
        tell!(
            "omafit: interrupted after {done} {what}, which are in {}; the same command with --resume goes on",
            kept.display()
        );
    }
}

/// Reports the interruption of a command that saves no intermediate results.
pub fn given_up(quiet: bool) {
    if !quiet {
        tell!("omafit: interrupted; nothing was written");
    }
}

/// Prints text unchanged.
pub fn text(text: &str) {
    put!("{text}");
}

/// Prints the error of a command.
pub fn error(error: &CliError) {
    tell!("omafit: {error}");
}

/// Prints a summary of a data set, with the names that the model gives to its analytes.
pub fn trial(trial: &Trial, model: &PopulationModel) {
    let counts = &trial.counts;
    let (subjects, doses) = (count(counts.subjects, "subject"), count(counts.doses, "dose"));
    say!("{}: {subjects}, {doses}", trial.source.path.display());
    for (&analyte, &observed) in &counts.observations {
        let of = |counts: &BTreeMap<Analyte, usize>| counts.get(&analyte).copied().unwrap_or(0);
        let (below, above) = (of(&counts.below), of(&counts.above));
        let censored = [(below, "below"), (above, "above")].into_iter().filter(|(number, _)| *number > 0);
        let censored: Vec<String> = censored.map(|(number, side)| format!("{number} {side}")).collect();
        let of = if censored.is_empty() {
            String::new()
        } else {
            format!(", {} a limit of quantification", censored.join(" and "))
        };
        let noun = if observed == 1 { "observation" } else { "observations" };
        say!("  {:<17}{observed:>6} {noun}{of}", model.label(analyte));
    }
    for warning in &trial.warnings {
        say!("  WARNING: {}", warning.text);
    }
    for note in &trial.notes {
        say!("  note: {note}");
    }
}
