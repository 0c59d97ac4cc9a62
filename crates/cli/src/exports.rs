//! Export of the tables of a run to the formats of other programs and of reports.

use crate::error::{CliError, refuse};
use crate::forms::FormArgs;
use crate::options::MethodName;
use crate::population::Population;
use crate::provenance::command;
use crate::shown::Shown;
use clap::Args;
use omafit_model::PopulationModel;
use omafit_trial::{NonmemRun, RunFolder, Table, nonmem_files, read_parquet};
use std::io::Write;

/// The forms that a fit can write.
#[derive(Args, Clone, Copy, Debug)]
pub struct ExportArgs {
    #[command(flatten)]
    pub forms: FormArgs,
    /// Write the run as NONMEM would have left it too: control stream, .ext, .phi, .cov, .cor, sdtab and the like: nonmem/
    #[arg(long)]
    pub nonmem: bool,
}

impl ExportArgs {
    /// Refuses exports that the estimation method does not support.
    pub fn verify(&self, method: MethodName) -> Result<(), CliError> {
        if self.nonmem && method == MethodName::Nls {
            let expected =
                "left out with --method nls: NONMEM's files are of a population and its subjects' η";
            return Err(refuse("nonmem", "", expected));
        }
        Ok(())
    }

    /// Writes the requested exports from the tables of the run; returns one sentence for each part that could
    /// not be written.
    pub fn write(
        &self,
        folder: &RunFolder,
        model: &PopulationModel,
        population: Option<&Population>,
        simulated: bool,
    ) -> Result<Vec<String>, CliError> {
        let left_out = self.forms.write(folder.path(), model, simulated, &Shown::OF_FIT)?;
        if self.nonmem {
            write_nonmem(folder, model, population)?;
        }
        Ok(left_out)
    }
}

fn write_nonmem(
    folder: &RunFolder,
    model: &PopulationModel,
    population: Option<&Population>,
) -> Result<(), CliError> {
    let table = |name: &str| -> Result<Table, CliError> {
        Ok(read_parquet(&folder.file(format!("{name}.parquet"))?)?)
    };
    let population = population.map(Population::nonmem);
    let run = NonmemRun {
        model,
        individuals: &table("individuals")?,
        observations: &table("observations")?,
        correlations: &table("correlations")?,
        population: population.as_ref(),
        author: &format!("omafit {}: {}", env!("CARGO_PKG_VERSION"), command().join(" ")),
    };
    for (name, text) in nonmem_files(&run) {
        folder.write(format!("nonmem/{name}"), |f| Ok::<_, CliError>(f.write_all(text.as_bytes())?))?;
    }
    Ok(())
}
