//! A table of any length, written to Parquet chunk by chunk.

use std::error::Error;
use std::io::Write;

use polars::prelude::{
    Column as PolarsColumn, CompatLevel, DataFrame, NamedFrom, PolarsResult, SchemaExt as _, Series,
};
use polars_io::parquet::write::{BatchedWriter, KeyValueMetadata, ParquetCompression, ParquetWriter};
use polars_parquet::write::{KeyValue, ZstdLevel, schema_to_metadata_key};

use super::{Column, Table, TableError, Values};

/// Rows that are held back until they make a row group: what readers skip or take as a whole.
const ROW_GROUP: usize = 1 << 17;

/// The key of the comments in a file's metadata.
pub(super) const COMMENTS: &str = "omafit.comments";

/// Writes a table to Parquet (Zstandard) as its rows come. It holds about 130,000 rows at a time, whatever the length.
///
/// ```
/// # fn main() -> Result<(), omafit_trial::TableError> {
/// use omafit_trial::{Column, ParquetSink, Table, Values};
///
/// let day = |day| Table::new("trajectories", vec![Column::new("TIME", Values::Float(vec![day]))]);
/// let mut out = Vec::new();
/// let mut sink = ParquetSink::new(&mut out, &day(0.0)?, &[])?;
/// for time in 0..3 {
///     sink.append(&day(f64::from(time))?)?;
/// }
/// sink.finish()?;
/// assert!(out.starts_with(b"PAR1"));
/// # Ok(())
/// # }
/// ```
pub struct ParquetSink<W: Write> {
    writer: BatchedWriter<W>,
    pending: Table,
}

impl<W: Write + Send> ParquetSink<W> {
    /// Starts a file with the columns of `like`, whose rows are not written. Comments go to the file's metadata; those
    /// of a data set come back as [`Source::comments`](crate::Source::comments).
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if `out` does not take it.
    pub fn new(out: W, like: &Table, comments: &[String]) -> Result<Self, TableError> {
        let pending = like.none_alike();
        let start = || -> PolarsResult<BatchedWriter<W>> {
            let empty = frame(&pending, 0..0)?;
            // Left to itself, polars notes the newest type of text, which R's arrow and others cannot read.
            let mut metadata = vec![schema_to_metadata_key(&empty.schema().to_arrow(CompatLevel::oldest()))];
            if !comments.is_empty() {
                metadata.push(KeyValue { key: COMMENTS.to_owned(), value: Some(comments.join("\n")) });
            }
            ParquetWriter::new(out)
                .with_compression(ParquetCompression::Zstd(ZstdLevel::try_new(1).ok()))
                .with_key_value_metadata(Some(KeyValueMetadata::Static(metadata)))
                .batched(empty.schema())
        };
        match start() {
            Ok(writer) => Ok(Self { writer, pending }),
            Err(source) => Err(failed(&pending, source)),
        }
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// [`TableError::Columns`] if the table has other columns than the first, [`TableError::Write`] if the file does
    /// not take them.
    pub fn append(&mut self, chunk: &Table) -> Result<(), TableError> {
        self.pending.append(chunk)?;
        self.flush(ROW_GROUP)
    }

    /// Writes what is left and ends the file.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if the file does not take it.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.flush(1)?;
        self.writer.finish().map(|_| ()).map_err(|source| failed(&self.pending, source))
    }

    /// Writes row groups while there are `least` rows for one: where they are cut does not depend on the chunks.
    fn flush(&mut self, least: usize) -> Result<(), TableError> {
        let rows = self.pending.rows();
        let mut start = 0;
        while rows - start >= least {
            let end = rows.min(start + ROW_GROUP);
            let group = frame(&self.pending, start..end);
            let written = group.and_then(|group| self.writer.write_batch(&group));
            written.map_err(|source| failed(&self.pending, source))?;
            start = end;
        }
        self.pending.drop_rows(start);
        Ok(())
    }
}

impl Table {
    /// Writes the table as Parquet, compressed with Zstandard.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if `out` does not take it.
    pub fn write_parquet(&self, out: impl Write + Send) -> Result<(), TableError> {
        let mut sink = ParquetSink::new(out, self, &[])?;
        sink.append(self)?;
        sink.finish()
    }
}

fn failed(table: &Table, source: impl Into<Box<dyn Error + Send + Sync>>) -> TableError {
    TableError::Write { table: table.name.clone(), source: source.into() }
}

/// Some rows as polars holds them.
fn frame(table: &Table, rows: std::ops::Range<usize>) -> PolarsResult<DataFrame> {
    let columns = table.columns.iter().map(|column| polars_column(column, rows.clone())).collect();
    DataFrame::new(rows.len(), columns)
}

fn polars_column(column: &Column, rows: std::ops::Range<usize>) -> PolarsColumn {
    let name = column.name.as_str().into();
    let series = match &column.values {
        Values::Float(values) => {
            let values = &values[rows];
            // Most columns have no gap, and polars takes those as they are.
            if values.iter().any(|value| value.is_nan()) {
                let known: Vec<Option<f64>> = values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect();
                Series::new(name, known)
            } else {
                Series::new(name, values)
            }
        }
        Values::Integer(values) => Series::new(name, &values[rows]),
        Values::Text(values) => Series::new(name, &values[rows]),
    };
    series.into()
}
