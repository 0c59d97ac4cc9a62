//! A table from Parquet.

use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use polars::prelude::{Column as PolarsColumn, DataType, PolarsResult, SerReader as _, polars_bail};
use polars_buffer::Buffer;
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
    parse_parquet(path, bytes).map(|(table, _)| table)
}

/// Reads a table, and its comments, from the bytes of a Parquet file.
pub(crate) fn parse_parquet(path: &Path, bytes: Vec<u8>) -> Result<(Table, Vec<String>), TableError> {
    let read_error = |reason: String| TableError::Read { path: path.to_owned(), reason };
    // The decoder trusts offsets and lengths in the file and panics on some that are wrong. A damaged file is the
    // user's to hear of, not a reason to end.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(bytes)))
        .map_err(|_| read_error("it is damaged".to_owned()))?
        .map_err(|error| read_error(error.to_string()))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut columns = Vec::with_capacity(parsed.columns.len());
    for column in parsed.columns {
        columns.push(column.map_err(|Unsuitable { name, dtype }| {
            read_error(format!("column {name} holds {dtype}; expected numbers or text"))
        })?);
    }
    Ok((Table::new(name, columns)?, parsed.comments))
}

struct Parsed {
    columns: Vec<Result<Column, Unsuitable>>,
    comments: Vec<String>,
}

struct Unsuitable {
    name: String,
    dtype: String,
}

fn parse(bytes: Vec<u8>) -> PolarsResult<Parsed> {
    let bytes = Buffer::from_vec(bytes);
    let mut reader = ParquetReader::new(Cursor::new(bytes.clone()));
    let metadata = reader.get_metadata()?.clone();
    if !counts_agree(&metadata, &bytes) {
        polars_bail!(ComputeError: "it is damaged: its counts of rows do not agree");
    }
    let entries = metadata.key_value_metadata.iter().flatten();
    let comments = entries.filter(|entry| entry.key == COMMENTS).flat_map(|entry| entry.value.iter());
    let comments = comments.flat_map(|text| text.lines()).map(str::to_owned).collect();
    let frame = reader.finish()?;
    let columns = frame.columns().iter().map(table_column).collect::<PolarsResult<_>>()?;
    Ok(Parsed { columns, comments })
}

fn table_column(column: &PolarsColumn) -> PolarsResult<Result<Column, Unsuitable>> {
    let name = column.name().to_string();
    let values = match column.dtype() {
        DataType::String => {
            Values::Text(column.str()?.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
        }
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
