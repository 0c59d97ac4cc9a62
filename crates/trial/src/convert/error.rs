//! Why a data set cannot be converted.

use std::path::PathBuf;

use crate::output::OutputError;
use crate::read::Rejection;
use crate::table::TableError;

/// Why a data set cannot be converted. Nothing has been written then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The data set cannot be read.
    #[error(transparent)]
    Read(#[from] Rejection),
    /// The table that it is cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The name does not say what the file shall be.
    #[error("{}: a data set is converted to a name that ends in .csv, .csv.gz, .parquet or .xpt", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// A column that is to be numbers is not in the file, or has a cell that is none.
    #[error("column {column} cannot be numbers: {reason}")]
    Numeric {
        /// The column.
        column: String,
        /// Why not.
        reason: String,
    },
    /// The format has no place for something.
    #[error("{} cannot be a SAS transport file of version {version}: {reason}; {helps}", path.display())]
    Limit {
        /// The new file.
        path: PathBuf,
        /// Its version.
        version: u8,
        /// What there is no place for, and where it is.
        reason: String,
        /// What can be done.
        helps: &'static str,
    },
}

impl From<OutputError> for ConvertError {
    fn from(error: OutputError) -> Self {
        Self::Table(error.into())
    }
}
