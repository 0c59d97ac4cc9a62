//! Errors of making, writing or reading a table.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::output::OutputError;

/// Error of making, writing or reading a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A column has more or fewer rows than the first.
    #[error("table {table}: column {column} has {found} rows, the first column {expected}")]
    Length {
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
        /// Number of rows in the column.
        found: usize,
        /// Number of rows in the first column.
        expected: usize,
    },
    /// Two columns have the same name.
    #[error("table {table}: two columns are called {column}")]
    Duplicate {
        /// Name of the table.
        table: String,
        /// Name of both columns.
        column: String,
    },
    /// A chunk has other columns than the table that it continues.
    #[error("table {table}: a further chunk has other columns than the first")]
    Columns {
        /// Name of the table.
        table: String,
    },
    /// A subject cannot be written so that it would be read back unchanged.
    #[error("subject {id:?} cannot be written to a data set: {reason}")]
    Subject {
        /// ID of the subject.
        id: String,
        /// Reason why the subject cannot be written.
        reason: &'static str,
    },
    /// The table cannot be encoded, or cannot be written to disk.
    #[error("table {table} cannot be written: {source}")]
    Write {
        /// Name of the table.
        table: String,
        /// Error of the encoder or the operating system.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The name of the file does not end in the extension of a supported format.
    #[error("{}: a data set is written to a name that ends in .csv or .parquet", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file of the table cannot be made.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A Parquet file cannot be read.
    #[error("cannot read {} as Parquet: {reason}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Description of the problem.
        reason: String,
    },
    /// A file cannot be opened.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}
