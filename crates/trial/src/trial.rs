//! Content of a data set that has been read.

use std::fmt;
use std::path::PathBuf;

use crate::summary::DataSummary;
use omafit_model::{Analyte, Censoring, Observation, Subject};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Data set: its subjects, its source, and how it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Subjects, in the order of the file.
    pub subjects: Vec<Subject>,
    /// File of the data set.
    pub source: Source,
    /// Notes for readers of the results, one sentence each: assumed covariates, excluded records, columns that were not
    /// used.
    pub notes: Vec<String>,
    /// Counts of the records.
    pub counts: Counts,
    /// Observations that were left out: those with `MDV` 1, and on request values quantified before the first dose.
    pub excluded: Vec<Excluded>,
    /// Rows that were not read.
    pub ignored: Vec<Ignored>,
    /// Probable mistakes.
    pub warnings: Vec<Warning>,
    /// Whether a comment before the header of the file says that its data are simulated.
    pub simulated: bool,
    /// Durations of the subjects' records.
    pub spans: Spans,
    /// Summary of the data.
    pub summary: DataSummary,
}

/// Durations of subjects' records, from the first to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spans {
    /// Number of subjects.
    pub subjects: usize,
    /// Day of the earliest record of all subjects.
    pub first_day: f64,
    /// Longest duration, days.
    pub longest_days: f64,
    /// Sum of all durations, days.
    pub total_days: f64,
}

impl Spans {
    /// Adds a subject.
    pub fn add(&mut self, subject: &Subject) {
        let days = subject.end() - subject.start;
        self.first_day = if self.subjects == 0 { subject.start } else { self.first_day.min(subject.start) };
        self.subjects += 1;
        self.longest_days = self.longest_days.max(days);
        self.total_days += days;
    }
}

/// File of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Path as it was given.
    pub path: PathBuf,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Number of rows under the header.
    pub rows: u64,
    /// Comment lines before the header, without their `#`.
    pub comments: Vec<String>,
}

/// Numbers of records in a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Number of subjects.
    pub subjects: usize,
    /// Number of doses, including additional ones (`ADDL`).
    pub doses: usize,
    /// Number of doses implied by `ADDL` and `II`, without those that were cancelled.
    pub additional_doses: usize,
    /// Number of additional doses that were cancelled before they were given, by a reset (`EVID` 3 or 4) or by a dose
    /// that replaces the current state by its steady state (`SS` 1).
    pub cancelled_doses: usize,
    /// Number of resets without a dose (`EVID` 3).
    pub resets: usize,
    /// Number of observations of each observed analyte.
    pub observations: BTreeMap<Analyte, usize>,
    /// Number of observations of each analyte below a lower limit of quantification, if there are any.
    pub below: BTreeMap<Analyte, usize>,
    /// Number of observations of each analyte above an upper limit of quantification, if there are any.
    pub above: BTreeMap<Analyte, usize>,
    /// Number of observations that were left out: those with `MDV` 1, and on request values quantified before the first
    /// dose.
    pub excluded: usize,
    /// Number of records that are neither dose nor observation (`EVID` 2).
    pub other_records: usize,
    /// Number of subjects whose baseline IgE was taken from their total IgE before the first dose.
    pub ige_from_total: usize,
    /// Number of covariates that were assumed, each counted once per subject.
    pub covariates_assumed: usize,
}

impl Counts {
    /// Counts an observation by its analyte and its censoring.
    pub fn add(&mut self, observation: &Observation) {
        let analyte = observation.analyte;
        *self.observations.entry(analyte).or_default() += 1;
        match observation.censoring {
            Censoring::Quantified => {}
            Censoring::Below => *self.below.entry(analyte).or_default() += 1,
            Censoring::Above => *self.above.entry(analyte).or_default() += 1,
        }
    }

    /// Number of observations of all analytes.
    pub fn observed(&self) -> usize {
        self.observations.values().sum()
    }

    /// Number of censored observations of all analytes.
    pub fn censored(&self) -> usize {
        self.below.values().chain(self.above.values()).sum()
    }
}

/// Maximum number of rows listed for a reason.
const LISTED: usize = 10;

/// Rows that were not read for one reason: comments, and rows that `--ignore` or `--accept` leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Reason, in the form that follows *because the row*.
    pub reason: String,
    /// Number of rows.
    pub rows: u64,
    /// First ten rows.
    pub first_rows: Vec<u64>,
}

impl Ignored {
    /// Starts without rows.
    pub(crate) fn because(reason: String) -> Self {
        Self { reason, rows: 0, first_rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: u64) {
        self.rows += 1;
        if self.first_rows.len() < LISTED {
            self.first_rows.push(row);
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<String> = self.first_rows.iter().map(u64::to_string).collect();
        let more = if self.rows > self.first_rows.len() as u64 { ", …" } else { "" };
        let (rows_, verb) = if self.rows == 1 { ("row", "it") } else { ("rows", "each") };
        write!(
            f,
            "{} {rows_} not read because {verb} {} ({rows_} {}{more})",
            self.rows,
            self.reason,
            rows.join(", ")
        )
    }
}

/// Probable mistake in the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Name of the check, as in the guide.
    pub check: String,
    /// Description of the mistake, with the evidence for it and the option that corrects it.
    pub text: String,
}

/// Observation that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Row in the file, with the header as row 1 when no comment precedes it.
    pub row: u64,
    /// ID of the subject.
    pub id: String,
    /// Reason in words.
    pub reason: String,
}
