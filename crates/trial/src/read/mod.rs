//! Reading of data sets: a file becomes a [`Trial`], or is rejected with every reason.

mod alike;
mod assemble;
mod block;
mod cell;
mod cells;
mod checks;
mod columns;
mod compartments;
mod condition;
mod constants;
mod covariate;
mod dates;
mod dosing;
mod examine;
mod findings;
mod flags;
mod large_doses;
mod layout;
mod limits;
mod load;
mod mapping;
mod names;
mod nominal;
mod notes;
mod observing;
mod options;
mod outcomes;
mod outliers;
mod pairs;
mod parquet;
mod problem;
mod problems;
mod raw;
mod reader;
mod record;
mod rejection;
mod robust;
mod row;
mod scales;
mod select;
mod stored;
mod text;
mod unit_columns;
mod units;
mod watch;
mod wide;
mod widen;
mod xport;

use std::path::Path;

use omafit_model::Subject;

use crate::memory::available_memory;
use crate::summary::Summarising;
use crate::trial::{Ignored, Source, Spans, Trial};
use assemble::Assembler;
use columns::Columns;
use covariate::CovariateColumn;
use problems::Problems;
use raw::Heading;
use select::Selection;
use watch::Watch;

pub use dates::DateFormat;
pub use layout::{DecimalMark, Separator};
pub use load::{hexadecimal, sha256};
pub use mapping::Mapping;
pub use options::{ReadOptions, Standard};
pub use outcomes::{OutcomeReadOptions, OutcomeSubject, OutcomeTable, read_outcomes};
pub use problem::Problem;
pub use rejection::Rejection;
pub use units::{IgeUnit, OmalizumabUnit, TimeUnit, WeightUnit};
pub use wide::WideColumns;

pub(crate) use cell::is_missing;
pub(crate) use names::is_covariate_name;
pub(crate) use stored::{Stored, read_stored};

/// Number of records between two checks of the available memory, and memory that is kept in reserve, bytes.
const WEIGHED: usize = 1 << 20;
const RESERVE: f64 = 256e6;

/// Reads a NONMEM-style data set: CSV with a header, gzipped CSV, Parquet, or a SAS transport file of version 5 or 8
/// with one data set in it; the format is recognised by the content. The options give the delimiter and the decimal
/// mark of text.
///
/// Columns, in any order and case: `ID TIME DV DVID AMT` and the covariates that the options require must be present
/// (`AMT` not if subjects may be undosed, `DVID` not if the model predicts only one analyte, a covariate not if it is
/// assumed, `IGE` never); `EVID MDV CMT RATE ADDL II SS CENS LIMIT BLQ LLOQ` may be present; other columns are noted
/// and not used. Numbers are finite; an empty cell, `.` and `NA` are missing values, which are allowed only where no
/// value is needed.
///
/// * `ID` is text, kept as written without surrounding spaces. The rows of a subject are contiguous.
/// * `TIME` is in the unit of the options, from any origin, and does not decrease within a subject, not even at a
///   reset. At equal times the order of the rows decides whether a record is before a dose. `Subject::start` is the
///   time of the first row, whatever its kind.
/// * With the option `dates`, `TIME` is a date and a time of day, or a time of day beside a column `DATE`; times are
///   then days since the subject's first dose, or since the first record of a subject without doses.
/// * `EVID` is 0 for an observation, 1 for a dose, 2 for a record that is ignored but counted, 3 for a reset, 4 for a
///   reset and dose; without the column, a row with an amount is a dose.
/// * An observation needs `DV`, `DVID` (1, 2, 3 or the analyte's name) and, if the column is present, `MDV` 0. An
///   observation with `MDV` 1 is left out and listed in [`Trial::excluded`].
/// * `CENS` is 1 for an observation below a limit of quantification, −1 for one above a limit, and 0 for a quantified
///   one, whose `LIMIT` is ignored. The limit is in `DV`, or in `LIMIT` if `DV` is missing; a `LIMIT` beside `DV` is
///   the other end of the interval in which the value lies. `BLQ` 1 flags an observation below `LLOQ`, or below the
///   limit in the options. Limits in the options make further observations censored.
/// * Rows that begin with `#`, and rows that the options `ignore` and `accept` leave out, are counted and listed by
///   reason in [`Trial::ignored`]. Probable mistakes that can be read are listed in [`Trial::warnings`].
/// * A dose needs `AMT` above 0 mg. `CMT` 1, or none, is subcutaneous, 2 intravenous. `RATE` above 0 is in mg per unit
///   of time. `ADDL` additional doses follow at intervals of `II`, also beyond the last row; an additional dose comes
///   before the rows of the same time, and additional doses after a reset or an `SS` 1 are not given, both as in
///   NONMEM.
/// * `SS` 1 replaces the current state by the steady state of the dose at intervals of `II`, within which an infusion
///   must end; `SS` 2 adds the steady state; after a reset in the same row (`EVID` 4) both replace the state.
/// * `WT` (kg) and `IGE` (baseline total IgE) are above 0; other covariates are any numbers. No covariate changes
///   within a subject; a row may leave a covariate empty if another row of the subject has it. A missing `IGE` that is
///   needed is taken from the last quantified total IgE before the first dose, if there is one; in a subject without
///   doses, from the first.
/// * Lines before the header that begin with `#` are comments; the word "simulated" in a comment marks a simulated
///   trial.
///
/// Row numbers are lines of the file, counted from 1; in a Parquet or a transport file, 1 stands for the header and 2
/// for the first row.
///
/// # Errors
///
/// [`Rejection`] if the file cannot be read, or [`Rejection::Problems`] with everything that is wrong in it.
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
    let mut subjects = Vec::new();
    let data_set = DataSet::scan(path, options, |some| subjects.extend(some))?;
    Ok(Trial { subjects, ..data_set.trial })
}

/// Valid data set, to be read a number of subjects at a time: memory holds the file as it is stored, not all of its
/// subjects.
pub struct DataSet {
    /// Data set without its subjects.
    pub trial: Trial,
    options: ReadOptions,
    covariates: Vec<CovariateColumn>,
    heading: Heading,
    loaded: load::Loaded,
}

impl DataSet {
    /// Reads a data set to the end, as [`read`] does.
    ///
    /// # Errors
    ///
    /// Errors of [`read`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, Rejection> {
        Self::scan(path, options, |_| {})
    }

    fn scan(
        path: &Path,
        options: &ReadOptions,
        mut take: impl FnMut(Vec<Subject>),
    ) -> Result<Self, Rejection> {
        options.check()?;
        let covariates = CovariateColumn::all(options)?;
        let mut problems = Problems::new(path.display().to_string());
        let loaded = load::load(path, options.separator, &mut problems)?;
        loaded.check_layout(options.separator, options.decimal)?;
        let before = problems.count();
        let heading = widen::spread(&loaded.heading, options, &mut problems);
        let columns = Columns::find(&heading, &covariates, options, &mut problems);
        let selection = Selection::new(&loaded.heading, options, &mut problems);
        let watch = Watch::new(&loaded.heading, &columns, options, &selection);
        let mut assembler = Assembler::new(&columns, options, loaded.rows()?, selection).watching(watch);
        if !columns.complete || problems.count() > before {
            // Without its columns, the only problems that can be found are rows that cannot be split into cells.
            assembler.exhaust(&mut problems)?;
            problems.refuse()?;
        }
        let (mut spans, mut summarising, mut weighed) = (Spans::default(), Summarising::default(), 0);
        while let Some(subjects) = assembler.next(&mut problems)? {
            for subject in &subjects {
                spans.add(subject);
                summarising.add(subject);
            }
            take(subjects);
            // Additional doses have no rows, so the size of the file says little about the memory that its records
            // take.
            let counts = &assembler.gathered.counts;
            let records = counts.doses + counts.observed();
            if records - weighed > WEIGHED {
                weighed = records;
                if available_memory() < RESERVE {
                    return Err(Rejection::TooLarge { path: path.to_owned(), records });
                }
            }
        }
        let rows = assembler.count;
        if rows == 0 {
            problems.refuse()?;
            return Err(Rejection::NoRows { path: path.to_owned() });
        }
        problems.refuse()?;
        let (warnings, found) = assembler.warnings();
        let ignored = assembler.selection.ignored();
        if ignored.iter().map(|ignored| ignored.rows).sum::<u64>() == rows {
            let reasons = ignored.iter().map(Ignored::to_string).collect();
            return Err(Rejection::AllLeftOut { path: path.to_owned(), rows, reasons });
        }
        let gathered = assembler.gathered;
        let mut notes = notes::notes(&columns, options, &gathered);
        notes.extend(found);
        notes.extend(ignored.iter().map(Ignored::to_string));
        let comments = loaded.heading.comments.clone();
        let simulated = comments.iter().any(|comment| comment.to_lowercase().contains("simulated"));
        let trial = Trial {
            subjects: Vec::new(),
            notes,
            source: Source { path: path.to_owned(), sha256: loaded.sha256.clone(), rows, comments },
            counts: gathered.counts,
            excluded: gathered.excluded,
            ignored,
            warnings,
            simulated,
            spans,
            summary: summarising.finish(|analyte| options.unit_read(analyte)),
        };
        Ok(Self { trial, options: options.clone(), covariates, heading, loaded })
    }

    /// Passes the subjects on in their order, `size` at a time and the rest at the end, until `take` returns `false`.
    ///
    /// # Errors
    ///
    /// Errors of `take`; errors of [`read`] should not occur again.
    pub fn blocks<E: From<Rejection>>(
        &self,
        size: usize,
        mut take: impl FnMut(Vec<Subject>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut problems = Problems::new(self.trial.source.path.display().to_string());
        let columns = Columns::find(&self.heading, &self.covariates, &self.options, &mut problems);
        let selection = Selection::new(&self.loaded.heading, &self.options, &mut problems);
        let mut assembler = Assembler::new(&columns, &self.options, self.loaded.rows()?, selection);
        let mut waiting: Vec<Subject> = Vec::new();
        while let Some(subjects) = assembler.next(&mut problems)? {
            problems.refuse()?;
            waiting.extend(subjects);
            while waiting.len() >= size.max(1) {
                let rest = waiting.split_off(size.max(1));
                if !take(std::mem::replace(&mut waiting, rest))? {
                    return Ok(());
                }
            }
        }
        if !waiting.is_empty() {
            take(waiting)?;
        }
        Ok(())
    }
}
