//! Why a file is refused.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::problem::Problem;

/// More problems than this are counted, not listed, when a rejection is printed.
const LISTED: usize = 50;

/// Why a data set was refused. Nothing of it has been used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is none that can be read.
    #[error(
        "cannot read {}: expected CSV text, gzipped CSV text, Parquet or a SAS transport file, but {found}",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What it looks like instead.
        found: String,
    },
    /// The file has no content.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file has comments or blank lines only.
    #[error("{} has no header: expected a line that names the columns", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// The file has a header and nothing else.
    #[error("{} has no rows under its header", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// An option cannot be followed whatever the file.
    #[error("cannot read data with {option} {found}: expected {expected}")]
    Option {
        /// The field of [`ReadOptions`](crate::ReadOptions).
        option: &'static str,
        /// Its value.
        found: String,
        /// What was expected instead.
        expected: &'static str,
    },
    /// The file's content is wrong: every problem, in the order of the rows. Printing shows the first 50.
    #[error("{}", Listing(problems))]
    Problems {
        /// The problems; never empty.
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

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().take(LISTED).enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        match self.0.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}
