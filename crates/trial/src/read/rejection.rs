//! Reasons for the rejection of a file.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::problem::Problem;
use crate::present::{harmless, harmless_lines};

/// Maximum number of problems listed when a rejection is printed; further problems are counted.
const LISTED: usize = 50;
/// Number of similar problems above which they are shown as one.
const ALIKE: usize = 5;
/// Maximum number of rows listed for similar problems.
const ROWS: usize = 5;

/// Reason for the rejection of a data set. Nothing of the data set has been used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file has none of the supported formats.
    #[error(
        "cannot read {}: expected CSV text, gzipped CSV text, Parquet or a SAS transport file, but {}",
        path.display(),
        harmless(found)
    )]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Description of the format or content that was found.
        found: String,
    },
    /// The file has no content.
    #[error("{} is empty", path.display())]
    Empty {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file has only comments or blank lines.
    #[error("{} has no header: expected a line that names the columns", path.display())]
    NoHeader {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file has a header and nothing else.
    #[error("{} has no rows under its header", path.display())]
    NoRows {
        /// Path of the file.
        path: PathBuf,
    },
    /// The mapping is not valid.
    #[error("{}: {}", path.display(), harmless_lines(reason))]
    Mapping {
        /// Path of the file.
        path: PathBuf,
        /// Description of the mistake.
        reason: String,
    },
    /// The content of the file takes more memory than is available.
    #[error(
        "{} does not fit into memory: it has more than {records} records, those included that ADDL stands for: read a part of it, \
         or check ADDL",
        path.display()
    )]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
        /// Number of records that were read.
        records: usize,
    },
    /// Every row is left out.
    #[error("nothing is left of {}: every one of its {rows} rows is left out ({})", path.display(), harmless(&reasons.join("; ")))]
    AllLeftOut {
        /// Path of the file.
        path: PathBuf,
        /// Number of rows in the file.
        rows: u64,
        /// Reasons for leaving out the rows.
        reasons: Vec<String>,
    },
    /// An option is wrong for any file.
    #[error("cannot read data with {option} {}: expected {expected}", harmless(found))]
    Option {
        /// Name of the field of [`ReadOptions`](crate::ReadOptions).
        option: &'static str,
        /// Value of the option.
        found: String,
        /// Description of the expected value.
        expected: &'static str,
    },
    /// The content of the file is wrong: every problem, in the order of the rows. Printing shows the first 50.
    #[error("{}", Listing(problems))]
    Problems {
        /// Problems in the order of the rows; never empty.
        problems: Vec<Problem>,
    },
}

impl Rejection {
    pub(super) fn unreadable(path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Unreadable { path: path.to_owned(), source: source.into() }
    }

    pub(super) fn format(path: &Path, found: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), found: found.into() }
    }
}

struct Listing<'a>(&'a [Problem]);

/// Problems of one column with one expectation, of which the first is shown.
struct Alike<'a> {
    first: &'a Problem,
    other_rows: Vec<u64>,
}

impl Listing<'_> {
    /// Problems in their order, with similar problems combined where there are many.
    fn gathered(&self) -> Vec<Alike<'_>> {
        let key = |problem: &'_ Problem| (problem.column.clone(), problem.expected.clone());
        let mut counts: HashMap<_, usize> = HashMap::new();
        self.0.iter().for_each(|problem| *counts.entry(key(problem)).or_insert(0) += 1);
        let mut at: HashMap<_, usize> = HashMap::new();
        let mut gathered: Vec<Alike<'_>> = Vec::new();
        for problem in self.0 {
            let key = key(problem);
            match at.get(&key) {
                Some(known) if counts[&key] > ALIKE => gathered[*known].other_rows.push(problem.row),
                _ => {
                    at.insert(key, gathered.len());
                    gathered.push(Alike { first: problem, other_rows: Vec::new() });
                }
            }
        }
        gathered
    }
}

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gathered = self.gathered();
        for (position, Alike { first, other_rows }) in gathered.iter().take(LISTED).enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{first}")?;
            if !other_rows.is_empty() {
                let rows: Vec<String> = other_rows.iter().take(ROWS).map(u64::to_string).collect();
                let more = if other_rows.len() > ROWS { ", …" } else { "" };
                write!(f, " (and {} more of this kind: rows {}{more})", other_rows.len(), rows.join(", "))?;
            }
        }
        match gathered.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}
