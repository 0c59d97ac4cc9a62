//! Why a table cannot be made, written or read.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::output::OutputError;

/// Why a table cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A column has more or fewer rows than the first.
    #[error("table {table}: column {column} has {found} rows, the first column {expected}")]
    Length {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its number of rows.
        found: usize,
        /// The first column's.
        expected: usize,
    },
    /// Two columns have the same name.
    #[error("table {table}: two columns are called {column}")]
    Duplicate {
        /// The table.
        table: String,
        /// The name.
        column: String,
    },
    /// A chunk does not have the columns of the table that it continues.
    #[error("table {table}: a further chunk has other columns than the first")]
    Columns {
        /// The table.
        table: String,
    },
    /// A subject cannot be written so that it would be read back the same.
    #[error("subject {id:?} cannot be written to a data set: {reason}")]
    Subject {
        /// The subject.
        id: String,
        /// Why not.
        reason: &'static str,
    },
    /// The table cannot be encoded, or the disk does not take it.
    #[error("table {table} cannot be written: {source}")]
    Write {
        /// The table.
        table: String,
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file whose name does not say what it shall be.
    #[error("{}: a data set is written to a name that ends in .csv or .parquet", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file that the table goes to cannot be made.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A Parquet file cannot be read.
    #[error("cannot read {} as Parquet: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be opened.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
