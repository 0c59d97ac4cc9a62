//! A data set from one format to another, with every column it has.

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

/// What became of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Rows.
    pub rows: usize,
    /// Columns of numbers.
    pub numbers: usize,
    /// Columns of text.
    pub texts: usize,
    /// What a reader of the new file must know: what the format has no place for, and columns of numbers that became text.
    pub notes: Vec<String>,
}

/// Writes a data set in CSV (also gzipped), Parquet, or a SAS transport file, which its content tells, as another of these,
/// which the new name tells: `.csv`, `.csv.gz`, `.parquet` or `.xpt`.
///
/// All columns and rows are kept, but for comments between the rows of a text, which are told; numbers to the bit. A column of a text is numbers if each cell that is not missing (empty,
/// `.`, `NA`) is the shortest text of its number, and text otherwise: an ID `007` is still `007`. Labels are kept where the
/// format has them, which text has not; dates and categories become text. The file appears whole or not at all.
///
/// # Errors
///
/// [`ConvertError`]: the file cannot be read, or something in it has no place in the new format.
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
