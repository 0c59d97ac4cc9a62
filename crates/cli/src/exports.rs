//! A run's tables in the forms that other programs and papers take.

use crate::error::{CliError, refuse};
use crate::options::MethodName;
use crate::population::Population;
use crate::write::command;
use clap::Args;
use omafit_model::PopulationModel;
use omafit_trial::{
    NonmemRun, RunFolder, Table, nonmem_files, present_individuals, present_parameters, read_parquet,
    workbook,
};
use std::io::Write;

/// Tables that a workbook has, in its order; of a run those that there are.
const SHEETS: [&str; 14] = [
    "parameters",
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
];

/// Which forms.
#[derive(Args, Clone, Copy, Debug)]
pub struct ExportArgs {
    /// Write the tables as one workbook too: tables.xlsx
    #[arg(long)]
    pub xlsx: bool,
    /// Write the parameters as Markdown too, for a report: tables/
    #[arg(long)]
    pub markdown: bool,
    /// Write the parameters as LaTeX too (longtable, booktabs): tables/
    #[arg(long)]
    pub latex: bool,
    /// Write the run as NONMEM would have left it too: control stream, .ext, .phi, .cov, .cor, sdtab and the like: nonmem/
    #[arg(long)]
    pub nonmem: bool,
}

impl ExportArgs {
    /// Refuses what the method does not have.
    pub fn verify(&self, method: MethodName) -> Result<(), CliError> {
        if self.nonmem && method == MethodName::Nls {
            let expected =
                "left out with --method nls: NONMEM's files are of a population and its subjects' η";
            return Err(refuse("nonmem", "", expected));
        }
        Ok(())
    }

    /// Writes them from the run's tables; what could not be, in sentences.
    pub fn write(
        &self,
        folder: &RunFolder,
        model: &PopulationModel,
        population: Option<&Population>,
    ) -> Result<Vec<String>, CliError> {
        let mut left_out = Vec::new();
        if self.xlsx {
            let tables: Vec<Table> = SHEETS
                .iter()
                .filter_map(|name| optional(folder, name).transpose())
                .collect::<Result<_, _>>()?;
            let (book, too_long) = workbook(model, &tables)?;
            put(folder, "tables.xlsx", &book)?;
            left_out.extend(too_long.into_iter().map(|name| {
                format!("tables.xlsx does not have {name}: it has more rows than a sheet can hold")
            }));
        }
        if !(self.markdown || self.latex || self.nonmem) {
            return Ok(left_out);
        }
        let individuals = required(folder, "individuals")?;
        let mut presented = vec![("individuals", present_individuals(&individuals, model))];
        if let Some(parameters) = optional(folder, "parameters")? {
            let criteria = optional(folder, "criteria")?;
            presented.push(("parameters", present_parameters(&parameters, criteria.as_ref())));
        }
        for (name, table) in &presented {
            if self.markdown {
                put(folder, &format!("tables/{name}.md"), table.markdown().as_bytes())?;
            }
            if self.latex {
                put(folder, &format!("tables/{name}.tex"), table.latex().as_bytes())?;
            }
        }
        if self.nonmem {
            let (observations, correlations) =
                (required(folder, "observations")?, required(folder, "correlations")?);
            let population = population.map(Population::nonmem);
            let run = NonmemRun {
                model,
                individuals: &individuals,
                observations: &observations,
                correlations: &correlations,
                population: population.as_ref(),
                author: &format!("omafit {}: {}", env!("CARGO_PKG_VERSION"), command().join(" ")),
            };
            for (name, text) in nonmem_files(&run) {
                put(folder, &format!("nonmem/{name}"), text.as_bytes())?;
            }
        }
        Ok(left_out)
    }
}

fn put(folder: &RunFolder, name: &str, bytes: &[u8]) -> Result<(), CliError> {
    folder.write(name, |f| Ok::<_, CliError>(f.write_all(bytes)?))
}

fn required(folder: &RunFolder, name: &str) -> Result<Table, CliError> {
    Ok(read_parquet(&folder.file(format!("{name}.parquet"))?)?)
}

fn optional(folder: &RunFolder, name: &str) -> Result<Option<Table>, CliError> {
    if folder.file(format!("{name}.parquet"))?.is_file() {
        required(folder, name).map(Some)
    } else {
        Ok(None)
    }
}
