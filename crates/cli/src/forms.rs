//! Tables of a run in formats other than CSV and Parquet: a workbook, Markdown and LaTeX.

use crate::error::CliError;
use crate::model;
use crate::shown::{Shown, optional};
use clap::Args;
use omafit_model::PopulationModel;
use omafit_trial::{Presented, Table, workbook, write_whole};
use std::io;
use std::path::Path;

/// File name of the workbook.
const WORKBOOK: &str = "tables.xlsx";

/// Names of the tables in a workbook, in order; tables that a run does not have are left out.
const SHEETS: [&str; 30] = [
    "parameters",
    "parameter_covariance",
    "criteria",
    "individuals",
    "observations",
    "shrinkage",
    "diagnostics",
    "correlations",
    "influence",
    "uncertainty",
    "two_stage",
    "two_stage_omega",
    "convergence",
    "vpc",
    "npc",
    "outcome_patients",
    "outcome_visits",
    "outcome_arms",
    "outcome_correlation",
    "outcome_hysteresis",
    "outcome_models",
    "outcome_model_parameters",
    "outcome_model_covariance",
    "outcome_events",
    "outcome_conclusions",
    "outcome_exposure",
    "what_if",
    "what_if_targets",
    "what_if_outcomes",
    "what_if_outcome_patients",
];

/// A function that formats a table as text.
type Text = fn(&Presented) -> String;

/// The forms that are asked for.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct FormArgs {
    /// Write the run's tables as one workbook too: tables.xlsx
    #[arg(long)]
    pub xlsx: bool,
    /// Write tables for a report as Markdown too: tables/
    #[arg(long)]
    pub markdown: bool,
    /// Write tables for a report as LaTeX too (longtable, booktabs): tables/
    #[arg(long)]
    pub latex: bool,
}

impl FormArgs {
    /// Writes the requested formats of the tables in a run folder, and renews those that exist already. The
    /// workbook holds all tables, Markdown and LaTeX the tables in `shown`. Returns one sentence for each table
    /// that could not be written.
    pub fn write(
        &self,
        folder: &Path,
        model: &PopulationModel,
        simulated: bool,
        shown: &[Shown],
    ) -> Result<Vec<String>, CliError> {
        let texts: [(&str, bool, Text); 2] =
            [("md", self.markdown, Presented::markdown), ("tex", self.latex, Presented::latex)];
        for table in shown {
            let path = |ending: &str| folder.join(format!("tables/{}.{ending}", table.name()));
            let wanted = texts.iter().map(|(ending, is_asked, text)| (path(ending), *is_asked, text));
            let wanted: Vec<_> = wanted.filter(|(path, is_asked, _)| *is_asked || path.is_file()).collect();
            if wanted.is_empty() {
                continue;
            }
            let presented = table.present(folder, model)?.filter(|presented| !presented.rows().is_empty());
            let presented = presented.map(|p| if simulated { p.noted("Simulated data.") } else { p });
            for (path, _, text) in wanted {
                match &presented {
                    Some(presented) => write_whole(&path, text(presented).as_bytes(), true)?,
                    None => remove(&path)?,
                }
            }
        }
        let path = folder.join(WORKBOOK);
        if self.xlsx || path.is_file() { write_workbook(folder, &path, model) } else { Ok(Vec::new()) }
    }
}

/// Renews the workbook of an existing run, if it has one, so that it agrees with the tables in the folder.
pub fn renew_workbook(run: &Path) -> Result<(), CliError> {
    let path = run.join(WORKBOOK);
    if path.is_file() {
        write_workbook(run, &path, &model::of_run(run)?)?;
    }
    Ok(())
}

/// Removes a table of an earlier analysis from an existing run.
pub fn take_out(run: &Path, name: &str) -> Result<(), CliError> {
    ["csv", "parquet"].iter().try_for_each(|ending| remove(&run.join(format!("{name}.{ending}"))))
}

fn write_workbook(folder: &Path, path: &Path, model: &PopulationModel) -> Result<Vec<String>, CliError> {
    let tables: Vec<Table> =
        SHEETS.iter().filter_map(|name| optional(folder, name).transpose()).collect::<Result<_, _>>()?;
    let (book, too_long) = workbook(model, &tables)?;
    write_whole(path, &book, true)?;
    let left_out = |name| format!("{WORKBOOK} does not have {name}: it has more rows than a sheet can hold");
    Ok(too_long.into_iter().map(left_out).collect())
}

fn remove(path: &Path) -> Result<(), CliError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
