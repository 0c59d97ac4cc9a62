//! A table of a run that grows block by block.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use super::parquet::for_each_group;
use super::{ParquetSink, Table, TableError};
use crate::output::RunFolder;

/// A table that is written as Parquet, and if asked as CSV, while its rows come. Its bytes do not depend on how the rows
/// are cut into blocks, nor on whether the table was put down and taken up again between two of them.
pub struct GrowingTable {
    name: &'static str,
    csv: Option<BufWriter<File>>,
    csv_has_header: bool,
    parquet: PathBuf,
    sink: Option<ParquetSink<BufWriter<File>>>,
    rows: u64,
}

impl GrowingTable {
    /// Starts a table in a run's folder; with `resumed` after the rows of the one that is there, which
    /// [`GrowingTable::finish`] left.
    ///
    /// # Errors
    ///
    /// [`TableError`] if a file cannot be made, or the earlier one not be read.
    pub fn start(
        folder: &RunFolder,
        name: &'static str,
        with_csv: bool,
        resumed: bool,
    ) -> Result<Self, TableError> {
        let parquet = folder.file(format!("{name}.parquet"))?;
        let csv = if with_csv {
            let path = folder.file(format!("{name}.csv"))?;
            let mut options = File::options();
            let file = options.create(true).append(resumed).write(true).truncate(!resumed).open(&path);
            Some(BufWriter::new(file.map_err(|source| failed(name, source))?))
        } else {
            None
        };
        let mut table = Self { name, csv, csv_has_header: resumed, parquet, sink: None, rows: 0 };
        if resumed {
            table.take_up(folder)?;
        }
        Ok(table)
    }

    /// Takes the rows of the earlier Parquet file over into a new one: a finished one cannot be added to.
    fn take_up(&mut self, folder: &RunFolder) -> Result<(), TableError> {
        let old = folder.file(format!("{}.parquet.earlier", self.name))?;
        fs::rename(&self.parquet, &old).map_err(|source| failed(self.name, source))?;
        for_each_group(&old, |group| self.append_parquet(group))?;
        fs::remove_file(&old).map_err(|source| failed(self.name, source))
    }

    /// Adds a block's rows.
    ///
    /// # Errors
    ///
    /// [`TableError::Columns`] if it has other columns than the first, [`TableError::Write`] if a file does not take it.
    pub fn append(&mut self, block: Table) -> Result<(), TableError> {
        if let Some(csv) = &mut self.csv {
            let written = if self.csv_has_header { Ok(()) } else { block.write_csv_header(&mut *csv) };
            self.csv_has_header = true;
            let written = written.and_then(|()| block.write_csv_rows(csv));
            written.map_err(|source| failed(self.name, source))?;
        }
        self.append_parquet(block)
    }

    fn append_parquet(&mut self, block: Table) -> Result<(), TableError> {
        self.rows += block.rows() as u64;
        if self.sink.is_none() {
            let file = File::create(&self.parquet).map_err(|source| failed(self.name, source))?;
            self.sink = Some(ParquetSink::new(BufWriter::new(file), &block, &[])?);
        }
        self.sink.as_mut().map_or(Ok(()), |sink| sink.append(block))
    }

    /// Ends the files, and says how many rows they have.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if a file does not take it.
    pub fn finish(self) -> Result<u64, TableError> {
        if let Some(mut csv) = self.csv {
            csv.flush().map_err(|source| failed(self.name, source))?;
        }
        if let Some(sink) = self.sink {
            sink.finish()?;
        }
        Ok(self.rows)
    }
}

fn failed(name: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TableError {
    TableError::Write { table: name.to_owned(), source: source.into() }
}
