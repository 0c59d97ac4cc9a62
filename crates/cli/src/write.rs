//! Files of a run, in the making and later.

use crate::error::CliError;
use crate::forms::renew_workbook;
use crate::report;
use omafit_trial::{RunFolder, Table, write_whole};
use std::io::Write;
use std::path::Path;

/// The arguments with which the program was called, for the record of what it wrote; bytes that are no text are shown as �.
pub fn command() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// Writes `run.json`.
pub fn write_record(folder: &RunFolder, record: &impl serde::Serialize) -> Result<(), CliError> {
    write_json(folder, "run.json", record)
}

/// Writes a file of JSON.
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

/// Writes a table as CSV and as Parquet into a run that is there.
pub fn write_into(run: &Path, table: &Table, force: bool) -> Result<(), CliError> {
    let (mut csv, mut parquet) = (Vec::new(), Vec::new());
    table.write_csv(&mut csv)?;
    table.write_parquet(&mut parquet)?;
    write_whole(&run.join(format!("{}.csv", table.name())), &csv, force)?;
    Ok(write_whole(&run.join(format!("{}.parquet", table.name())), &parquet, force)?)
}

/// Writes figures with their data into a run that is there.
pub fn draw_into(run: &Path, figures: &[report::Drawn], force: bool) -> Result<(), CliError> {
    let folder = run.join("figures");
    for figure in figures {
        let mut data = Vec::new();
        figure.data.write_csv(&mut data)?;
        write_whole(&folder.join(format!("{}.svg", figure.name)), figure.svg.as_bytes(), force)?;
        write_whole(&folder.join(format!("data/{}.csv", figure.name)), &data, force)?;
    }
    Ok(())
}

/// Makes the views of a run that is there anew, those that it has: its workbook and its report.
pub fn renew_views(run: &Path) -> Result<(), CliError> {
    renew_workbook(run)?;
    renew_report(run)
}

/// Makes the report of a run that is there anew, if it has one: it is a view of the folder.
pub fn renew_report(run: &Path) -> Result<(), CliError> {
    let path = run.join(report::FILE);
    if path.is_file() {
        write_whole(&path, report::page(run)?.as_bytes(), true)?;
    }
    Ok(())
}
