//! What a data set holds once it has been read.

use std::fmt;
use std::path::PathBuf;

use crate::summary::DataSummary;
use omafit_model::Subject;
use serde::{Deserialize, Serialize};

/// A data set: its subjects, where they came from, and what was decided on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The subjects, in the order of the file.
    pub subjects: Vec<Subject>,
    /// The file.
    pub source: Source,
    /// What a reader of the results must know of the reading, a sentence each: assumed covariates, excluded records,
    /// columns that were not used.
    pub notes: Vec<String>,
    /// How much of what there was.
    pub counts: Counts,
    /// Observations that the data set itself excludes (`MDV` 1).
    pub excluded: Vec<Excluded>,
    /// Rows that were not read.
    pub ignored: Vec<Ignored>,
    /// What is probably a mistake.
    pub warnings: Vec<Warning>,
    /// Whether the file says, in a comment before its header, that its data are simulated.
    pub simulated: bool,
    /// How long its subjects' records are.
    pub spans: Spans,
    /// What it holds, in numbers.
    pub summary: DataSummary,
}

/// How long subjects' records are, from the first to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spans {
    /// Subjects.
    pub subjects: usize,
    /// The first day of all.
    pub first_day: f64,
    /// Days of the longest.
    pub longest_days: f64,
    /// Days of all together.
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

/// The file that a data set came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as it was given.
    pub path: PathBuf,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    /// Number of rows under the header.
    pub rows: u64,
    /// The comment lines before the header, without their `#`.
    pub comments: Vec<String>,
}

/// Counts of a data set's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Subjects.
    pub subjects: usize,
    /// Doses, additional ones (`ADDL`) included.
    pub doses: usize,
    /// Doses that `ADDL` and `II` stand for, without those that were cancelled.
    pub additional_doses: usize,
    /// Additional doses that were still to come when a reset (`EVID` 3 or 4) or a dose that replaces everything by its
    /// steady state (`SS` 1) cancelled them.
    pub cancelled_doses: usize,
    /// Resets without a dose (`EVID` 3).
    pub resets: usize,
    /// Observations of each analyte, by [`Analyte::index`](omafit_model::Analyte::index).
    pub observations: [usize; 3],
    /// Those of them that are below a lower limit of quantification.
    pub below: [usize; 3],
    /// Those of them that are above an upper limit of quantification.
    pub above: [usize; 3],
    /// Observations left out because `MDV` is 1.
    pub excluded: usize,
    /// Records that are neither dose nor observation (`EVID` 2).
    pub other_records: usize,
    /// Subjects whose baseline IgE was taken from their total IgE before the first dose.
    pub ige_from_total: usize,
    /// Covariates that were assumed, each counted once a subject.
    pub covariates_assumed: usize,
}

/// First rows of a reason that are listed.
const LISTED: usize = 10;

/// Rows that were not read, of one reason: comments, and rows that `--ignore` or `--accept` leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Why, as what follows *because the row*.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// The first ten of them.
    pub first_rows: Vec<u64>,
}

impl Ignored {
    /// No row yet.
    pub(crate) fn because(reason: String) -> Self {
        Self { reason, rows: 0, first_rows: Vec::new() }
    }

    /// One row more.
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

/// Something in the data that is probably a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The name of the check, one of those in the guide.
    pub check: String,
    /// The slip, the evidence for it, and the option that mends it.
    pub text: String,
}

/// An observation that the data set excludes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Row in the file, with the header as row 1 when no comment precedes it.
    pub row: u64,
    /// The subject.
    pub id: String,
    /// Why, in words.
    pub reason: String,
}
