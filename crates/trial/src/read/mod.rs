//! Data sets in: a file to a [`Trial`], or every reason why not.

mod assemble;
mod block;
mod columns;
mod covariate;
mod load;
mod notes;
mod options;
mod parquet;
mod problem;
mod problems;
mod raw;
mod record;
mod rejection;
mod text;

use std::path::Path;

use crate::trial::{Source, Trial};
use columns::Columns;
use problems::Problems;

pub use options::ReadOptions;
pub use problem::Problem;
pub use rejection::Rejection;

/// Reads a NONMEM-style data set: CSV with a header, CSV in gzip, or Parquet; the content tells which.
///
/// Columns, in any order and case: `ID TIME DV DVID AMT WT` must be there (`AMT` not when subjects may be undosed, `WT`
/// not when a weight is assumed), `EVID MDV CMT RATE ADDL II SS CENS LIMIT IGE` may be; others are noted and not used.
/// Numbers are finite; an empty cell, `.` and `NA` are missing, which is right only where nothing is needed.
///
/// * `ID` is text, kept as written without the spaces around it. A subject's rows stand together.
/// * `TIME` is in days, from any origin, and does not decrease within a subject. At equal times the order of the rows
///   decides what is before a dose. `Subject::start` is the first row's time, whatever its kind.
/// * `EVID` 0 observation, 1 dose, 2 ignored but counted; without the column a row with an amount is a dose. 3 and 4
///   are refused.
/// * An observation needs `DV` and `DVID` (1, 2, 3 or the analyte's name) and, if the column is there, `MDV` 0. One with
///   `MDV` 1 is left out and listed in [`Trial::excluded`].
/// * A dose needs `AMT` above 0 mg, into compartment 1 (`CMT`, if given). `ADDL` more doses follow at intervals of `II`
///   days, also beyond the last row. An additional dose comes before the rows of the same time, as in NONMEM.
/// * `RATE`, `SS`, `CENS` other than 0 and any `LIMIT` are refused: infusions, steady state and censoring are not
///   supported yet.
/// * `WT` (kg) and `IGE` (baseline total IgE, ng/mL) are above 0 and do not change within a subject; a row may leave
///   them empty when another row of the subject has them. A missing `IGE` is the last total IgE before the first dose if
///   there is one; without doses the first total IgE.
/// * Lines before the header that begin with `#` are comments; with the word "simulated" in one, the trial is simulated.
///
/// Row numbers are lines of the file, counted from 1; of a Parquet file, 1 stands for the header and 2 for the first row.
///
/// # Errors
///
/// [`Rejection`]: the file cannot be read, or [`Rejection::Problems`] with everything that is wrong in it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("trial.csv");
/// std::fs::write(&path, "ID,TIME,DV,DVID,AMT,WT\n501,0,420,2,,70\n501,0,,,300,70\n501,7,43.1,1,,70\n")?;
/// let trial = omafit_trial::read(&path, &omafit_trial::ReadOptions::default())?;
/// assert_eq!(trial.subjects[0].covariates.ige_ng_ml(), Some(420.0));
/// assert_eq!(trial.notes, ["baseline IgE taken from the total IgE before the first dose for 1 of 1 subject"]);
/// # Ok(())
/// # }
/// ```
pub fn read(path: &Path, options: &ReadOptions) -> Result<Trial, Rejection> {
    options.check()?;
    let mut problems = Problems::new(path.display().to_string());
    let load::Loaded { table, sha256 } = load::load(path, &mut problems)?;
    let columns = Columns::find(&table, options, &mut problems);
    if !columns.complete {
        // Without its columns nothing can be said of the rows.
        problems.refuse()?;
    }
    if table.rows.is_empty() {
        problems.refuse()?;
        return Err(Rejection::NoRows { path: path.to_owned() });
    }
    let gathered = assemble::assemble(&table, &columns, options, &mut problems);
    problems.refuse()?;
    let simulated = table.comments.iter().any(|comment| comment.to_lowercase().contains("simulated"));
    let notes = notes::notes(&columns, options, &gathered.counts, &gathered.excluded);
    let rows = table.rows.len() as u64;
    Ok(Trial {
        subjects: gathered.subjects,
        source: Source { path: path.to_owned(), sha256, rows, comments: table.comments },
        notes,
        counts: gathered.counts,
        excluded: gathered.excluded,
        simulated,
    })
}
