//! Errors of converting a data set.

use std::path::PathBuf;

use crate::output::OutputError;
use crate::read::Rejection;
use crate::table::TableError;

/// Error of converting a data set. No file has been written when it is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The data set cannot be read.
    #[error(transparent)]
    Read(#[from] Rejection),
    /// The table of the data set cannot be built or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The name of the new file does not end in the extension of a supported format.
    #[error("{}: a data set is converted to a name that ends in .csv, .csv.gz, .parquet or .xpt", path.display())]
    Name {
        /// Path of the new file.
        path: PathBuf,
    },
    /// A column that is to be converted to numbers is not in the file, or has a cell that is not a finite number.
    #[error("column {column} cannot be numbers: {reason}")]
    Numeric {
        /// Name of the column.
        column: String,
        /// Reason why the column cannot be numeric.
        reason: String,
    },
    /// The new format cannot hold something in the data set.
    #[error("{} cannot be a SAS transport file of version {version}: {reason}; {helps}", path.display())]
    Limit {
        /// Path of the new file.
        path: PathBuf,
        /// Version of the transport format.
        version: u8,
        /// Content that the format cannot hold, with its column and row.
        reason: String,
        /// Advice on how to avoid the limit.
        helps: &'static str,
    },
}

impl From<OutputError> for ConvertError {
    fn from(error: OutputError) -> Self {
        Self::Table(error.into())
    }
}
