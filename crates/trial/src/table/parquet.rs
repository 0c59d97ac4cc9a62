//! Reading of tables from Parquet.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::{PolarsResult, polars_bail};
use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_buffer::Buffer;
use polars_parquet::parquet::schema::types::PrimitiveType;
use polars_parquet::read::schema::{parquet_to_arrow_schema, read_schema_from_metadata};
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, FileMetadata, PageReader, ParquetType, PrimitiveLogicalType,
    column_iter_to_arrays, read_metadata,
};
use rayon::prelude::*;

use super::arrow::{kind, values};
use super::footer::footer_is_sound;
use super::guard::catch_quietly;
use super::sink::{COMMENTS, LABEL};
use super::soundness::counts_agree;
use super::{Column, Table, TableError, Values};
use crate::memory::available_memory;
use crate::present::bytes_in_words;
use crate::whole::read_whole;

/// Reads a table from Parquet, such as [`Table::write_parquet`] writes. Floating-point columns and decimals of up to 15
/// digits become [`Values::Float`], integer and boolean columns [`Values::Integer`] if their values fit; dates, times,
/// longer numbers and categories become text. Null becomes NaN, `None` or an empty text.
///
/// # Errors
///
/// [`TableError::Open`] if the file cannot be opened, [`TableError::Read`] if it is not Parquet or has columns of
/// another type, such as lists.
pub fn read_parquet(path: &Path) -> Result<Table, TableError> {
    let bytes = read_whole(path).map_err(|source| TableError::Open { path: path.to_owned(), source })?;
    ParquetGroups::open(path, bytes)?.read_all()
}

/// Memory that a cell takes while its row group is read, and memory that is available in any case, bytes.
const CELL_BYTES: f64 = 32.0;
const SURE: f64 = 64e6;

/// A Parquet file, read row group by row group.
pub(crate) struct ParquetGroups {
    path: PathBuf,
    bytes: Buffer<u8>,
    metadata: FileMetadata,
    /// Number of rows in each row group.
    rows: Vec<usize>,
    columns: Vec<ParquetColumn>,
    comments: Vec<String>,
}

/// Column of a Parquet file.
struct ParquetColumn {
    field: Field,
    /// Content of a column whose cells are neither numbers nor text: the column can be passed over, but not used.
    unsuitable: Option<&'static str>,
    label: String,
}

impl ParquetGroups {
    /// Reads the metadata and the columns of a file.
    pub(crate) fn open(path: &Path, bytes: Vec<u8>) -> Result<Self, TableError> {
        let bytes = Buffer::from_vec(bytes);
        let (metadata, columns) = guarded(path, || {
            if bytes.ends_with(b"PAR1") && !footer_is_sound(&bytes) {
                polars_bail!(ComputeError: "it is damaged: its footer cannot be read");
            }
            let metadata = read_metadata(&mut Cursor::new(bytes.clone()))?;
            if !counts_agree(&metadata, &bytes) {
                polars_bail!(ComputeError: "it is damaged: its counts of rows do not agree");
            }
            let columns = stored(&metadata)?;
            // A page of a few bytes may stand for any number of equal cells.
            let largest = metadata.row_groups.iter().map(|group| group.num_rows()).max().unwrap_or(0);
            let bytes = largest as f64 * columns.len().max(1) as f64 * CELL_BYTES;
            if bytes > SURE && bytes > available_memory() {
                polars_bail!(
                    ComputeError: "a row group of {largest} rows takes {} of memory, and {} are available",
                    bytes_in_words(bytes), bytes_in_words(available_memory())
                );
            }
            Ok((metadata, columns))
        })?;
        let rows = metadata.row_groups.iter().map(|group| group.num_rows()).collect();
        let entries = metadata.key_value_metadata.iter().flatten();
        let comments = entries.filter(|entry| entry.key == COMMENTS).flat_map(|entry| entry.value.iter());
        let comments = comments.flat_map(|text| text.lines()).map(str::to_owned).collect();
        Ok(Self { path: path.to_owned(), bytes, metadata, rows, columns, comments })
    }

    /// Number of rows in each row group.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.field.name.as_str())
    }

    /// Labels of the columns; empty for a column without one.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.label.as_str())
    }

    /// Comments in the metadata of the file.
    pub(crate) fn comments(&self) -> &[String] {
        &self.comments
    }

    /// Rows of one row group. The cells of a column that is neither numeric nor text hold a description of its content.
    pub(crate) fn read(&self, group: usize) -> Result<Table, TableError> {
        let rows = self.rows[group];
        let columns = self.columns.par_iter().map(|stored| {
            let name = stored.field.name.to_string();
            if let Some(kind) = stored.unsuitable {
                return Ok(Column { name, values: Values::repeated([(kind, rows)]) });
            }
            let group = self.metadata.row_groups[group].columns_under_root_iter(&name);
            let chunk = group.and_then(|mut columns| columns.next());
            let values = guarded(&self.path, || match chunk {
                Some(chunk) => values(&stored.field.dtype, &self.decoded(chunk, &stored.field)?, rows),
                None => polars_bail!(ComputeError: "it is damaged: a column of a row group is missing"),
            })?;
            Ok(Column { name, values })
        });
        let columns = columns.collect::<Result<Vec<_>, TableError>>()?;
        Table::new(self.path.file_stem().unwrap_or_default().to_string_lossy(), columns)
    }

    /// All rows, if all columns are numeric or text.
    pub(crate) fn read_all(&self) -> Result<Table, TableError> {
        if let Some((stored, kind)) =
            self.columns.iter().find_map(|stored| Some((stored, stored.unsuitable?)))
        {
            let reason = format!("column {} holds {kind}; expected numbers or text", stored.field.name);
            return Err(TableError::Read { path: self.path.clone(), reason });
        }
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let empty = |stored: &ParquetColumn| {
            let values = guarded(&self.path, || values(&stored.field.dtype, &[], 0))?;
            Ok(Column { name: stored.field.name.to_string(), values })
        };
        let columns = self.columns.iter().map(empty).collect::<Result<Vec<_>, TableError>>()?;
        let mut table = Table::new(name, columns)?;
        for group in 0..self.rows.len() {
            table.append_widened(self.read(group)?)?;
        }
        Ok(table)
    }

    fn decoded(&self, chunk: &ColumnChunkMetadata, field: &Field) -> PolarsResult<Vec<Box<dyn Array>>> {
        let range = chunk.byte_range();
        let bytes = self.bytes.clone().sliced(range.start as usize..range.end as usize);
        let pages = PageReader::new(Cursor::new(bytes), chunk, Vec::new(), usize::MAX);
        let of = &chunk.descriptor().descriptor.primitive_type;
        let pages = BasicDecompressor::new(pages, Vec::new());
        Ok(column_iter_to_arrays(vec![pages], vec![of], field.clone(), None)?.0)
    }
}

/// Columns of a file, as Parquet describes them; a schema that a program has added is used only for labels.
fn stored(metadata: &FileMetadata) -> PolarsResult<Vec<ParquetColumn>> {
    let fields = metadata.schema().fields();
    let schema = parquet_to_arrow_schema(fields);
    if schema.len() != fields.len() {
        polars_bail!(ComputeError: "two of its columns have the same name, or one has nothing in it");
    }
    let entries = metadata.key_value_metadata.iter().flatten();
    let mut entries = entries
        .filter_map(|entry| Some((entry.key.as_str().into(), entry.value.as_deref()?.into())))
        .collect();
    let said: Option<ArrowSchema> = read_schema_from_metadata(&mut entries).unwrap_or_default();
    let label = |name: &str| {
        let label = said.as_ref()?.get(name)?.metadata.as_ref()?.get(LABEL)?;
        Some(label.to_string())
    };
    let columns = schema.into_iter().zip(fields).map(|((name, mut field), stored)| {
        if let ParquetType::PrimitiveType(PrimitiveType {
            logical_type: Some(PrimitiveLogicalType::Float16),
            ..
        }) = stored
        {
            field.dtype = ArrowDataType::Float16;
        }
        let unsuitable = kind(&field.dtype);
        ParquetColumn { unsuitable, label: label(&name).unwrap_or_default(), field }
    });
    Ok(columns.collect())
}

/// Runs a decoder, and turns its panic into an error. The decoder trusts offsets and lengths in the file, and panics on
/// some that are wrong; a damaged file is to be reported to the user, and must not end the program.
fn guarded<T>(path: &Path, read: impl FnOnce() -> PolarsResult<T>) -> Result<T, TableError> {
    let read_error = |reason: String| TableError::Read { path: path.to_owned(), reason };
    catch_quietly(read)
        .ok_or_else(|| read_error("it is damaged".to_owned()))?
        .map_err(|error| read_error(error.to_string()))
}
