//! Writing of files into a run, new or existing.

use crate::error::CliError;
use omafit_trial::{RunFolder, Table, write_whole};
use std::io::Write;
use std::path::Path;

/// Writes `run.json`.
pub fn write_record(folder: &RunFolder, record: &impl serde::Serialize) -> Result<(), CliError> {
    write_json(folder, "run.json", record)
}

/// Writes a JSON file.
pub fn write_json(folder: &RunFolder, name: &str, value: &impl serde::Serialize) -> Result<(), CliError> {
    folder.write(name, |f| {
        serde_json::to_writer_pretty(&mut *f, value)?;
        Ok::<_, CliError>(f.write_all(b"\n")?)
    })
}

/// Writes a table as CSV and as Parquet.
pub fn write_both(folder: &RunFolder, table: &Table) -> Result<(), CliError> {
    folder.write(format!("{}.csv", table.name()), |f| Ok::<_, CliError>(table.write_csv(f)?))?;
    folder.write(format!("{}.parquet", table.name()), |f| Ok::<_, CliError>(table.write_parquet(f)?))
}

/// Writes a table as CSV and as Parquet into an existing run.
pub fn write_into(run: &Path, table: &Table, force: bool) -> Result<(), CliError> {
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    table.write_csv(&mut csv)?;
    table.write_parquet(&mut parquet)?;
    write_whole(&run.join(format!("{}.csv", table.name())), &csv, force)?;
    Ok(write_whole(&run.join(format!("{}.parquet", table.name())), &parquet, force)?)
}
