//! `omafit compare`: a comparison of runs.

mod based_on;
mod document;
mod found;
mod lineage;
mod read;
mod same;
mod words;

use crate::Outcome;
use crate::error::{CliError, refuse};
use crate::print;
use clap::Args;
use document::Document;
use found::Found;
use omafit_trial::{comparison_table, write_whole};
use read::{Run, labels};
use std::path::{Path, PathBuf};

/// Runs to compare, and files for the result.
#[derive(Args, Debug)]
pub struct CompareArgs {
    /// Folders of runs, two or more; differences are from the first
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// A row a run, as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The tables as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// The tables as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Show models and parameters only, of runs whose likelihoods cannot be compared
    #[arg(long)]
    pub parameters_only: bool,
    /// Replace files that are already there
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Reads and compares the runs, and prints or writes the comparison.
pub fn compare(args: &CompareArgs) -> Result<Outcome, CliError> {
    let files: Vec<&PathBuf> = [&args.csv, &args.markdown, &args.html].into_iter().flatten().collect();
    free(&files, args.force)?;
    let runs = load(&args.runs)?;
    let found = if args.parameters_only { Found::without_likelihood(&runs) } else { Found::of(&runs)? };
    let document = Document::new(&runs, &found);
    if let Some(path) = &args.csv {
        let mut csv = Vec::new();
        comparison_table(&found.rows(&runs))?.write_csv(&mut csv)?;
        write_whole(path, &csv, args.force)?;
    }
    if let Some(path) = &args.markdown {
        write_whole(path, document.markdown().as_bytes(), args.force)?;
    }
    if let Some(path) = &args.html {
        write_whole(path, document.html().as_bytes(), args.force)?;
    }
    if !args.quiet {
        print::text(&document.plain());
    }
    Ok(if args.parameters_only || found.concludes() { Outcome::Done } else { Outcome::SomeFailed })
}

/// Refuses output files that exist already or are given twice, before anything is written.
fn free(files: &[&PathBuf], force: bool) -> Result<(), CliError> {
    for (position, path) in files.iter().enumerate() {
        if files[..position].contains(path) {
            return Err(refuse("html", path.display(), "a file for each of --csv, --markdown and --html"));
        }
        if !force && path.symlink_metadata().is_ok() {
            return Err(refuse("force", path.display(), "given: there is a file of that name already"));
        }
    }
    Ok(())
}

/// Loads the runs.
/// | # Errors
/// [`CliError::Incomparable`] with all problems of all runs.
fn load(folders: &[PathBuf]) -> Result<Vec<Run>, CliError> {
    let whole = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut problems = Vec::new();
    let mut runs = Vec::new();
    for (position, (folder, label)) in folders.iter().zip(labels(folders)).enumerate() {
        if folders[..position].iter().any(|other| whole(other) == whole(folder)) {
            problems.push(format!("{}: given twice", folder.display()));
            continue;
        }
        match Run::load(folder, label) {
            Ok(run) => runs.push(run),
            Err(why) => problems.push(why),
        }
    }
    if problems.is_empty() { Ok(runs) } else { Err(CliError::Incomparable { problems }) }
}
