//! Conversion of a data set from one file format to another, with all its columns.

mod columns;
mod error;
mod options;
mod source;
mod target;

use std::path::Path;

pub use error::ConvertError;
pub use options::ConvertOptions;

use crate::table::Values;
use source::source;
use target::Target;

/// Summary of a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Number of rows.
    pub rows: usize,
    /// Number of numeric columns.
    pub numbers: usize,
    /// Number of text columns.
    pub texts: usize,
    /// Notes for readers of the new file: content that was not kept, and columns of numbers that were kept as text.
    pub notes: Vec<String>,
}

/// Converts a data set from CSV (also gzipped), Parquet or a SAS transport file, recognised by its content, to the
/// format given by the extension of the new name: `.csv`, `.csv.gz`, `.parquet` or `.xpt`.
///
/// All columns and rows are kept, except comments between the rows of a text file, which are reported; numbers are kept
/// to the bit. A column of a text file is converted to numbers if each cell that is not missing (empty, `.`, `NA`) is
/// the shortest text of its number, and is kept as text otherwise: an ID `007` stays `007`. Labels are kept where both
/// formats have them, which text files do not; dates and categories become text. The new file is written atomically.
///
/// # Errors
///
/// [`ConvertError`] if the file cannot be read, or if the new format cannot hold something in it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let (csv, xpt) = (folder.path().join("trial.csv"), folder.path().join("trial.xpt"));
/// use omafit_trial::{ConvertOptions, convert};
///
/// std::fs::write(&csv, "ID,TIME,DV\n007,0,.\n007,7,0.1\n")?;
/// let converted = convert(&csv, &xpt, &ConvertOptions::default())?;
/// assert_eq!((converted.rows, converted.numbers, converted.texts), (2, 2, 1));
/// convert(&xpt, &csv, &ConvertOptions { force: true, ..ConvertOptions::default() })?;
/// assert_eq!(std::fs::read_to_string(&csv)?, "ID,TIME,DV\n007,0,\n007,7,0.1\n");
/// # Ok(())
/// # }
/// ```
pub fn convert(from: &Path, to: &Path, options: &ConvertOptions) -> Result<Converted, ConvertError> {
    let target = Target::of(to, options.xport)?;
    let mut source = source(from, options)?;
    target.write(to, &mut source, options.force)?;
    let columns = source.table.columns();
    let texts = columns.iter().filter(|column| matches!(column.values, Values::Text(_))).count();
    Ok(Converted { rows: source.table.rows(), numbers: columns.len() - texts, texts, notes: source.notes })
}
