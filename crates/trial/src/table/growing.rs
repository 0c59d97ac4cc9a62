//! Table of a run that grows block by block.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::groups::Group;
use super::{ParquetSink, Table, TableError, read_parquet};
use crate::output::RunFolder;

/// A table that is written as Parquet, and on request as CSV, while its rows arrive. Its bytes do not depend on how the
/// rows are divided into blocks, nor on whether the table was kept and resumed between two of them.
pub struct GrowingTable {
    name: &'static str,
    csv: Option<BufWriter<File>>,
    csv_has_header: bool,
    parquet: PathBuf,
    sink: Option<ParquetSink<BufWriter<File>>>,
    rows: u64,
    /// File of the rows that are in no complete row group, as of the last time the table was kept.
    left: Option<PathBuf>,
}

/// State of a [`GrowingTable`] when it was kept: what was written afterwards is cut off when the table is resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTable {
    rows: u64,
    /// Length of the CSV file in bytes, if there is one.
    csv: Option<u64>,
    /// Row groups in the Parquet file. The rows after them are in a separate file.
    groups: Vec<Group>,
}

impl GrowingTable {
    /// Starts a table in a run's folder, or resumes the one that was kept there.
    ///
    /// # Errors
    ///
    /// [`TableError`] if a file cannot be made, or if a file that was kept is missing.
    pub fn start(
        folder: &RunFolder,
        name: &'static str,
        with_csv: bool,
        kept: Option<&KeptTable>,
    ) -> Result<Self, TableError> {
        let parquet = folder.file(format!("{name}.parquet"))?;
        let csv = if with_csv {
            let path = folder.file(format!("{name}.csv"))?;
            let bytes = kept.map_or(0, |kept| kept.csv.unwrap_or(0));
            Some(BufWriter::new(cut(&path, bytes).map_err(|source| failed(name, source))?))
        } else {
            None
        };
        let mut table =
            Self { name, csv, csv_has_header: kept.is_some(), parquet, sink: None, rows: 0, left: None };
        if let Some(kept) = kept {
            table.take_up(folder, kept)?;
        }
        Ok(table)
    }

    /// Resumes the Parquet file.
    fn take_up(&mut self, folder: &RunFolder, kept: &KeptTable) -> Result<(), TableError> {
        let left = folder.file(left_name(self.name, kept.rows))?;
        let rows = Table { name: self.name.to_owned(), ..read_parquet(&left)? };
        let end = kept.groups.last().map_or(0, |group| group.end);
        let out = cut(&self.parquet, end).map_err(|source| failed(self.name, source))?;
        let earlier = File::open(&self.parquet).map_err(|source| failed(self.name, source))?;
        self.sink = Some(ParquetSink::take_up(BufWriter::new(out), rows, &kept.groups, earlier)?);
        (self.rows, self.left) = (kept.rows, Some(left));
        Ok(())
    }

    /// Name of the table.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds the rows of a block.
    ///
    /// # Errors
    ///
    /// [`TableError::Columns`] if the block has other columns than the first, [`TableError::Write`] if writing a file
    /// fails.
    pub fn append(&mut self, block: Table) -> Result<(), TableError> {
        if let Some(csv) = &mut self.csv {
            let written = if self.csv_has_header { Ok(()) } else { block.write_csv_header(&mut *csv) };
            self.csv_has_header = true;
            let written = written.and_then(|()| block.write_csv_rows(csv));
            written.map_err(|source| failed(self.name, source))?;
        }
        self.rows += block.rows() as u64;
        if self.sink.is_none() {
            let file = File::create(&self.parquet).map_err(|source| failed(self.name, source))?;
            self.sink = Some(ParquetSink::new(BufWriter::new(file), &block, &[])?);
        }
        self.sink.as_mut().map_or(Ok(()), |sink| sink.append(block))
    }

    /// Writes everything that is needed to resume the table from here; `None` before its first rows. The state that was
    /// kept before can still be resumed, until [`GrowingTable::forget`]. The files have not been synced to disk yet.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if writing a file fails.
    pub fn keep(&mut self, folder: &RunFolder) -> Result<Option<KeptTable>, TableError> {
        let name = self.name;
        let Some(sink) = &mut self.sink else { return Ok(None) };
        let csv = match &mut self.csv {
            Some(csv) => Some(csv.stream_position().map_err(|source| failed(name, source))?),
            None => None,
        };
        if let Some(csv) = &mut self.csv {
            csv.flush().map_err(|source| failed(name, source))?;
        }
        let (groups, pending) = sink.flushed()?;
        folder.write(left_name(name, self.rows), |out| pending.write_parquet(out))?;
        Ok(Some(KeptTable { rows: self.rows, csv, groups: groups.to_vec() }))
    }

    /// Removes the state that was kept before `kept`, which has been synced to disk.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if a file cannot be removed.
    pub fn forget(&mut self, folder: &RunFolder, kept: &KeptTable) -> Result<(), TableError> {
        let left = folder.file(left_name(self.name, kept.rows))?;
        match self.left.replace(left.clone()) {
            Some(old) if old != left => fs::remove_file(old).map_err(|source| failed(self.name, source)),
            _ => Ok(()),
        }
    }

    /// Completes the files, and returns their number of rows.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if writing a file fails.
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

/// File of the rows that are in no complete row group; it has another name each time the table is kept.
fn left_name(name: &str, rows: u64) -> PathBuf {
    Path::new(RunFolder::KEPT).join(format!("{name}-{rows}.parquet"))
}

/// Opens a file for writing after its first `bytes` bytes, and cuts off the rest; the file is made if `bytes` is 0.
fn cut(path: &Path, bytes: u64) -> io::Result<File> {
    let mut file = File::options().write(true).create(bytes == 0).truncate(false).open(path)?;
    if file.metadata()?.len() < bytes {
        let why = format!("{} is shorter than when it was kept", path.display());
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    file.set_len(bytes)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

fn failed(name: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TableError {
    TableError::Write { table: name.to_owned(), source: source.into() }
}
