//! Data sets in: a file to a [`Trial`], or every reason why not.

mod alike;
mod assemble;
mod block;
mod cells;
mod checks;
mod columns;
mod compartments;
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
mod record;
mod rejection;
mod robust;
mod scales;
mod select;
mod stored;
mod text;
mod unit_columns;
mod units;
mod watch;
mod wide;
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

pub(crate) use columns::is_covariate_name;
pub(crate) use record::is_missing;
pub(crate) use stored::{Stored, read_stored};

/// Records between two looks at the memory that is left, and bytes of it that are not used.
const WEIGHED: usize = 1 << 20;
const RESERVE: f64 = 256e6;

/// Reads a NONMEM-style data set: CSV with a header, CSV in gzip, Parquet, or a SAS transport file of version 5 or 8 with one
/// data set in it; the content tells which. The options say how text is separated and what its decimal mark is.
///
/// Columns, in any order and case: `ID TIME DV DVID AMT` and the covariates that the options require must be there
/// (`AMT` not when subjects may be undosed, `DVID` not when the model predicts one analyte only, a covariate not when it
/// is assumed, `IGE` never), `EVID MDV CMT RATE ADDL II SS CENS LIMIT` may be; others are noted and not used. Numbers are
/// finite; an empty cell, `.` and `NA` are missing, which is right only where nothing is needed.
///
/// * `ID` is text, kept as written without the spaces around it. A subject's rows stand together.
/// * `TIME` is in the options' unit, from any origin, and does not decrease within a subject, also not at a reset. At
///   equal times the order of the rows decides what is before a dose. `Subject::start` is the first row's time, whatever
///   its kind.
/// * With `dates` of the options `TIME` is a date and a time of day, or a time of day beside a column `DATE`; times are then days
///   since the subject's first dose, or its first record where it has none.
/// * `EVID` 0 observation, 1 dose, 2 ignored but counted, 3 reset, 4 reset and dose; without the column a row with an
///   amount is a dose.
/// * An observation needs `DV` and `DVID` (1, 2, 3 or the analyte's name) and, if the column is there, `MDV` 0. One with
///   `MDV` 1 is left out and listed in [`Trial::excluded`].
/// * `CENS` 1 says that an observation is below a limit of quantification, −1 that it is above one, 0 that it was
///   quantified, where `LIMIT` means nothing. The limit stands in `DV`, or in `LIMIT` where `DV` is missing; a `LIMIT` that
///   makes an interval is refused, but for the 0 beside the `DV` of `CENS` 1. The options' limits make other observations censored ones.
/// * Rows that begin with `#`, and those that `ignore` and `accept` of the options leave out, are counted and listed with the
///   reason in [`Trial::ignored`]. What is probably a mistake, and can be read, is in [`Trial::warnings`].
/// * A dose needs `AMT` above 0 mg. `CMT` 1, or none, is subcutaneous, 2 intravenous. `RATE` above 0 is mg per unit of
///   time. `ADDL` more doses follow at intervals of `II`, also beyond the last row; one comes before the rows of the same
///   time, and those after a reset or an `SS` 1 are not given, both as in NONMEM.
/// * `SS` 1 replaces what is there by the steady state of the dose at intervals of `II`, in which it must end; `SS` 2 adds
///   it; after a reset of the same row (`EVID` 4) both are the former.
/// * `WT` (kg) and `IGE` (baseline total IgE) are above 0; other covariates are any numbers. None changes within a
///   subject; a row may leave it empty when another row of the subject has it. A missing `IGE` that is wanted is the last
///   quantified total IgE before the first dose if there is one; without doses the first.
/// * Lines before the header that begin with `#` are comments; with the word "simulated" in one, the trial is simulated.
///
/// Row numbers are lines of the file, counted from 1; of a Parquet or a transport file, 1 stands for the header and 2 for the
/// first row.
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
    let mut subjects = Vec::new();
    let data_set = DataSet::scan(path, options, |some| subjects.extend(some))?;
    Ok(Trial { subjects, ..data_set.trial })
}

/// A data set that is sound, to be read some subjects at a time: what is held is the file as it is stored, not what it
/// becomes.
pub struct DataSet {
    /// What there is to know of it, without its subjects.
    pub trial: Trial,
    options: ReadOptions,
    covariates: Vec<CovariateColumn>,
    heading: Heading,
    loaded: load::Loaded,
}

impl DataSet {
    /// Reads a data set through, as [`read`] does.
    ///
    /// # Errors
    ///
    /// Those of [`read`].
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
        let heading = wide::spread(&loaded.heading, options, &mut problems);
        let columns = Columns::find(&heading, &covariates, options, &mut problems);
        let selection = Selection::new(&loaded.heading, options, &mut problems);
        let watch = Watch::new(&loaded.heading, &columns, options, &selection);
        let mut assembler = Assembler::new(&columns, options, loaded.rows()?, selection).watching(watch);
        if !columns.complete || problems.count() > before {
            // Without its columns nothing can be said of the rows, but that some fall apart.
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
            // Additional doses have no rows: the file says little of how much it becomes.
            let counts = assembler.gathered.counts;
            let records = counts.doses + counts.observations.iter().sum::<usize>();
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

    /// Hands the subjects on in their order, `size` at a time and the rest at the end, until `take` says that it is
    /// enough (`false`).
    ///
    /// # Errors
    ///
    /// Those of `take`; those of [`read`] should not happen again.
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
