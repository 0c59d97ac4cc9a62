//! A table from Parquet.

use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::{Column as PolarsColumn, DataType, PolarsResult, SerReader as _, polars_bail};
use polars_buffer::Buffer;
use polars_io::mmap::MmapBytesReader;
use polars_io::parquet::read::ParquetReader;

use super::sink::COMMENTS;
use super::soundness::counts_agree;
use super::{Column, Table, TableError, Values};

/// Reads a table from Parquet, such as [`Table::write_parquet`] writes. Floating-point columns become
/// [`Values::Float`], whole-number and boolean ones [`Values::Integer`]; null becomes NaN, `None` or an empty text.
///
/// # Errors
///
/// [`TableError::Open`] if the file cannot be opened, [`TableError::Read`] if it is not Parquet or has columns of
/// another type, such as lists or dates.
pub fn read_parquet(path: &Path) -> Result<Table, TableError> {
    let bytes = fs::read(path).map_err(|source| TableError::Open { path: path.to_owned(), source })?;
    let groups = ParquetGroups::open(path, bytes)?;
    groups.slice(0, groups.rows.iter().sum())
}

/// A table of columns that are all of numbers or text.
fn table(path: &Path, columns: Vec<Result<Column, Unsuitable>>) -> Result<Table, TableError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let columns = columns.into_iter().map(|column| {
        column.map_err(|Unsuitable { name, dtype }| TableError::Read {
            path: path.to_owned(),
            reason: format!("column {name} holds {dtype}; expected numbers or text"),
        })
    });
    Table::new(name, columns.collect::<Result<_, _>>()?)
}

/// A Parquet file, read row group by row group.
pub(crate) struct ParquetGroups {
    path: PathBuf,
    bytes: Buffer<u8>,
    /// Rows of each group.
    rows: Vec<usize>,
    names: Vec<String>,
    comments: Vec<String>,
}

impl ParquetGroups {
    /// Looks at a file's metadata and columns.
    pub(crate) fn open(path: &Path, bytes: Vec<u8>) -> Result<Self, TableError> {
        let bytes = Buffer::from_vec(bytes);
        let (rows, comments) = guarded(path, || metadata(&bytes))?;
        let path = path.to_owned();
        let mut groups = Self { path, bytes, rows, names: Vec::new(), comments };
        groups.names = groups.slice(0, 0)?.columns().iter().map(|column| column.name.clone()).collect();
        Ok(groups)
    }

    /// Rows of each group.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The comments in its metadata.
    pub(crate) fn comments(&self) -> &[String] {
        &self.comments
    }

    /// The rows of one group.
    pub(crate) fn read(&self, group: usize) -> Result<Table, TableError> {
        self.slice(self.rows[..group].iter().sum(), self.rows[group])
    }

    fn slice(&self, first: usize, rows: usize) -> Result<Table, TableError> {
        let source = Cursor::new(self.bytes.clone());
        table(&self.path, guarded(&self.path, || columns(source, first, rows))?)
    }
}

/// The decoder trusts offsets and lengths in the file and panics on some that are wrong. A damaged file is the user's to
/// hear of, not a reason to end.
fn guarded<T>(path: &Path, read: impl FnOnce() -> PolarsResult<T>) -> Result<T, TableError> {
    let read_error = |reason: String| TableError::Read { path: path.to_owned(), reason };
    catch_unwind(AssertUnwindSafe(read))
        .map_err(|_| read_error("it is damaged".to_owned()))?
        .map_err(|error| read_error(error.to_string()))
}

struct Unsuitable {
    name: String,
    dtype: String,
}

/// Rows of each group, and the comments.
fn metadata(bytes: &Buffer<u8>) -> PolarsResult<(Vec<usize>, Vec<String>)> {
    let metadata = ParquetReader::new(Cursor::new(bytes.clone())).get_metadata()?.clone();
    if !counts_agree(&metadata, bytes) {
        polars_bail!(ComputeError: "it is damaged: its counts of rows do not agree");
    }
    let entries = metadata.key_value_metadata.iter().flatten();
    let comments = entries.filter(|entry| entry.key == COMMENTS).flat_map(|entry| entry.value.iter());
    let comments = comments.flat_map(|text| text.lines()).map(str::to_owned).collect();
    Ok((metadata.row_groups.iter().map(|group| group.num_rows()).collect(), comments))
}

fn columns(
    source: impl MmapBytesReader,
    first: usize,
    rows: usize,
) -> PolarsResult<Vec<Result<Column, Unsuitable>>> {
    let frame = ParquetReader::new(source).with_slice(Some((first, rows))).finish()?;
    frame.columns().iter().map(table_column).collect()
}

fn table_column(column: &PolarsColumn) -> PolarsResult<Result<Column, Unsuitable>> {
    let name = column.name().to_string();
    let values = match column.dtype() {
        DataType::String => Values::text(column.str()?.iter().map(Option::unwrap_or_default)),
        dtype if dtype.is_float() => {
            let numbers = column.cast(&DataType::Float64)?;
            Values::Float(numbers.f64()?.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
        }
        dtype if dtype.is_integer() || dtype.is_bool() => {
            // Strict: a number that does not fit is an error, not a null.
            let numbers = column.strict_cast(&DataType::Int64)?;
            Values::Integer(numbers.i64()?.iter().collect())
        }
        dtype => return Ok(Err(Unsuitable { name, dtype: dtype.to_string() })),
    };
    Ok(Ok(Column { name, values }))
}
