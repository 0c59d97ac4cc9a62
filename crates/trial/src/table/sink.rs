//! Writing of a table of any length to Parquet, chunk by chunk.

use std::error::Error;
use std::io::{Read, Write};
use std::ops::Range;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::thread;

use polars::prelude::{PolarsError, PolarsResult};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field, Metadata};
use polars_parquet::write::{
    CompressedPage, DynIter, DynStreamingIterator, FileWriter, KeyValue, fallible_streaming_iterator,
    schema_to_metadata_key,
};

use super::groups::{Group, ROW_GROUP, encoded_pages, is_compressed};
use super::pages::{OPTIONS, pages};
use super::tap::Tap;
use super::{Column, Table, TableError, Values};

/// Key of the comments in a file's metadata.
pub(super) const COMMENTS: &str = "omafit.comments";

/// Key of a column's label in the metadata of its field.
pub(super) const LABEL: &str = "label";

/// Writer of a table to Parquet as its rows arrive. Columns of integers and of text are compressed with Zstandard,
/// columns of floating-point numbers where that makes them a tenth smaller. About 130,000 rows are held at a time,
/// whatever the length.
///
/// ```
/// # fn main() -> Result<(), omafit_trial::TableError> {
/// use omafit_trial::{Column, ParquetSink, Table, Values};
///
/// let day = |day| Table::new("trajectories", vec![Column::new("TIME", Values::Float(vec![day]))]);
/// let mut out = Vec::new();
/// let mut sink = ParquetSink::new(&mut out, &day(0.0)?, &[])?;
/// for time in 0..3 {
///     sink.append(day(f64::from(time))?)?;
/// }
/// sink.finish()?;
/// assert!(out.starts_with(b"PAR1"));
/// # Ok(())
/// # }
/// ```
pub struct ParquetSink<W: Write> {
    writer: FileWriter<Tap<W>>,
    tap: Tap<W>,
    metadata: Vec<KeyValue>,
    pending: Table,
    /// Row groups that have been written.
    groups: Vec<Group>,
}

impl<W: Write> ParquetSink<W> {
    /// Starts a file with the columns of `like`, whose rows are not written. Comments go to the file's metadata;
    /// comments of a data set are read back as [`Source::comments`](crate::Source::comments).
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if writing to `out` fails.
    pub fn new(out: W, like: &Table, comments: &[String]) -> Result<Self, TableError> {
        Self::labelled(out, like, comments, |_| "")
    }

    /// Starts a file whose columns have labels, by their names, in the metadata of its fields.
    pub(crate) fn labelled<'a>(
        out: W,
        like: &Table,
        comments: &[String],
        label: impl Fn(&str) -> &'a str,
    ) -> Result<Self, TableError> {
        let pending = like.none_alike();
        let labelled = |column: &Column| match label(&column.name) {
            "" => field(column),
            label => field(column).with_metadata(Metadata::from([(LABEL.into(), label.into())])),
        };
        let schema: ArrowSchema = pending.columns.iter().map(labelled).collect();
        let mut metadata = vec![schema_to_metadata_key(&schema)];
        if !comments.is_empty() {
            metadata.push(KeyValue { key: COMMENTS.to_owned(), value: Some(comments.join("\n")) });
        }
        let tap = Tap::new(out);
        match FileWriter::try_new(tap.clone(), schema, OPTIONS) {
            Ok(writer) => Ok(Self { writer, tap, metadata, pending, groups: Vec::new() }),
            Err(source) => Err(failed(&pending, source)),
        }
    }

    /// Resumes a file without comments after its row groups `groups`: `out` is positioned after them, `earlier` at the
    /// start of the file. The rows of `pending` are not in the file yet.
    pub(super) fn take_up(
        out: W,
        pending: Table,
        groups: &[Group],
        mut earlier: impl Read,
    ) -> Result<Self, TableError> {
        let mut sink = Self::new(out, &pending, &[])?;
        sink.tap.has(groups.last().map_or(0, |group| group.end));
        let mut from = 0;
        for group in groups {
            sink.write_again(group, from, &mut earlier).map_err(|source| sink.failed(source))?;
            from = group.end;
        }
        sink.append(pending)?;
        Ok(sink)
    }

    /// Passes the pages of a row group that is in the file to the writer again, so that the writer records them.
    fn write_again(&mut self, group: &Group, from: u64, earlier: &mut impl Read) -> PolarsResult<()> {
        let mut bytes = Vec::new();
        earlier.take(group.end.saturating_sub(from)).read_to_end(&mut bytes)?;
        let columns = encoded_pages(bytes, from, group, self.writer.parquet_schema())?;
        self.write_group(ROW_GROUP, columns.into_iter().map(Ok))
    }

    /// Adds the rows of a table.
    ///
    /// # Errors
    ///
    /// [`TableError::Columns`] if the table has other columns than the first, [`TableError::Write`] if writing fails.
    pub fn append(&mut self, chunk: Table) -> Result<(), TableError> {
        self.pending.append(chunk)?;
        self.flush(ROW_GROUP)
    }

    /// Flushes the complete row groups to the file; returns them, and the rows that are not in them yet.
    pub(super) fn flushed(&mut self) -> Result<(&[Group], &Table), TableError> {
        self.tap.flush().map_err(|source| self.failed(source))?;
        Ok((&self.groups, &self.pending))
    }

    /// Writes the remaining rows, and completes the file.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if writing fails.
    pub fn finish(mut self) -> Result<(), TableError> {
        self.flush(1)?;
        let metadata = std::mem::take(&mut self.metadata);
        self.writer.end(Some(metadata)).map(|_| ()).map_err(|source| self.failed(source))
    }

    /// Writes row groups as long as there are at least `least` rows; their boundaries do not depend on the chunks.
    fn flush(&mut self, least: usize) -> Result<(), TableError> {
        let rows = self.pending.rows();
        let mut start = 0;
        while rows - start >= least {
            let end = rows.min(start + ROW_GROUP);
            self.write(start..end).map_err(|source| self.failed(source))?;
            start = end;
        }
        self.pending.drop_rows(start);
        Ok(())
    }

    /// Writes some rows as a row group: each column is written once it is encoded and the columns before it are
    /// written.
    fn write(&mut self, rows: Range<usize>) -> PolarsResult<()> {
        type Encoded = Mutex<Option<thread::Result<PolarsResult<Vec<CompressedPage>>>>>;
        let types = self.writer.parquet_schema().fields().to_vec();
        let encoded: Vec<Encoded> = types.iter().map(|_| Mutex::new(None)).collect();
        let none = self.pending.none_alike();
        let pending = std::mem::replace(&mut self.pending, none);
        let written = rayon::in_place_scope_fifo(|scope| {
            for ((column, of), encoded) in pending.columns.iter().zip(&types).zip(&encoded) {
                let rows = rows.clone();
                scope.spawn_fifo(move |_| {
                    // The writer waits for the pages, and must not wait for ever.
                    let pages = catch_unwind(|| pages(&column.values, rows, of));
                    *encoded.lock().unwrap_or_else(PoisonError::into_inner) = Some(pages);
                });
            }
            let columns = encoded.iter().map(|encoded| {
                loop {
                    if let Some(pages) = encoded.lock().unwrap_or_else(PoisonError::into_inner).take() {
                        break pages.unwrap_or_else(|panic| resume_unwind(panic));
                    }
                    // Other columns are encoded meanwhile.
                    if rayon::yield_now() != Some(rayon::Yield::Executed) {
                        thread::yield_now();
                    }
                }
            });
            self.write_group(rows.len(), columns)
        });
        self.pending = pending;
        written
    }

    /// Writes the pages of a row group's columns, and records the row group.
    fn write_group(
        &mut self,
        rows: usize,
        columns: impl Iterator<Item = PolarsResult<Vec<CompressedPage>>> + Send + Sync,
    ) -> PolarsResult<()> {
        let (written, mut starts) = (self.tap.written(), Vec::new());
        let columns = columns.map(|pages| {
            let pages = pages?;
            // A column is requested once the columns before it are written.
            starts.push((written.load(Ordering::Relaxed), pages.first().is_some_and(is_compressed)));
            let pages = Pages { left: pages.into_iter(), here: None };
            Ok::<_, PolarsError>(DynStreamingIterator::new(pages))
        });
        self.writer.write(rows as u64, DynIter::new(columns))?;
        self.groups.push(Group { columns: starts, end: self.tap.written().load(Ordering::Relaxed) });
        Ok(())
    }

    /// Error of a failed write: the error of the operating system if writing to the file failed, otherwise the given
    /// one.
    fn failed(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> TableError {
        match self.tap.error() {
            Some(source) => failed(&self.pending, source),
            None => failed(&self.pending, source),
        }
    }
}

/// Pages of a column, each dropped when the next is requested.
struct Pages {
    left: std::vec::IntoIter<CompressedPage>,
    here: Option<CompressedPage>,
}

impl fallible_streaming_iterator::FallibleStreamingIterator for Pages {
    type Item = CompressedPage;
    type Error = PolarsError;

    fn advance(&mut self) -> PolarsResult<()> {
        self.here = self.left.next();
        Ok(())
    }
    fn get(&self) -> Option<&CompressedPage> {
        self.here.as_ref()
    }
}

impl Table {
    /// Writes the table as Parquet, as [`ParquetSink`] does.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if writing to `out` fails.
    pub fn write_parquet(&self, out: impl Write) -> Result<(), TableError> {
        let mut sink = ParquetSink::new(out, self, &[])?;
        sink.append(self.clone())?;
        sink.finish()
    }
}

fn failed(table: &Table, source: impl Into<Box<dyn Error + Send + Sync>>) -> TableError {
    TableError::Write { table: table.name.clone(), source: source.into() }
}

/// Field of a column in the file's schema. Text has the oldest type: R's arrow and other programs cannot read the
/// newest.
fn field(column: &Column) -> Field {
    let kind = match &column.values {
        Values::Float(_) => ArrowDataType::Float64,
        Values::Integer(_) => ArrowDataType::Int64,
        Values::Text(_) => ArrowDataType::LargeUtf8,
    };
    Field::new(column.name.as_str().into(), kind, true)
}
