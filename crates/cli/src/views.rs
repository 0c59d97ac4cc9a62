//! Views of an existing run: its figures, workbook and report.

use crate::error::CliError;
use crate::forms::renew_workbook;
use crate::report;
use omafit_trial::write_whole;
use std::path::Path;

/// Writes figures with their data tables into an existing run.
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

/// Renews the workbook and the report of an existing run, as far as it has them.
pub fn renew_views(run: &Path) -> Result<(), CliError> {
    renew_workbook(run)?;
    renew_report(run)
}

/// Renews the report of an existing run, if it has one, so that it agrees with the tables in the folder.
pub fn renew_report(run: &Path) -> Result<(), CliError> {
    let path = run.join(report::FILE);
    if path.is_file() {
        write_whole(&path, report::page(run)?.as_bytes(), true)?;
    }
    Ok(())
}
