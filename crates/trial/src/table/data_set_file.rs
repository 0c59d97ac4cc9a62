//! Writing of a data set of any length, chunk by chunk.

use std::io::Write;
use std::path::Path;

use omafit_model::Subject;

use super::{ParquetSink, Table, TableError, data_set_table};
use crate::output::WholeFile;

/// Writes chunks of subjects, whose IDs all differ, as one data set, in CSV or Parquet according to the file's name.
/// Memory holds one chunk, not the file; the file is written atomically, and replaces an existing one only with
/// `force`. Comments become lines before the header of a CSV file, and metadata of a Parquet file.
///
/// # Errors
///
/// Errors of the chunks; [`TableError::Format`] if the name ends neither in `.csv` nor in `.parquet`; otherwise as
/// [`write_data_set`](super::write_data_set), and [`TableError::Columns`] if a chunk has other covariates than the
/// first.
pub fn write_data_set_chunks<E: From<TableError>>(
    path: &Path,
    comments: &[String],
    force: bool,
    mut chunks: impl Iterator<Item = Result<Vec<Subject>, E>>,
) -> Result<(), E> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let parquet = match ending.as_str() {
        "csv" => false,
        "parquet" => true,
        _ => return Err(TableError::Format { path: path.to_owned() }.into()),
    };
    let mut file = WholeFile::create(path, force).map_err(TableError::from)?;
    let first = data_set_table(&chunks.next().transpose()?.unwrap_or_default())?;
    if parquet {
        let mut sink = ParquetSink::new(&mut file, &first, comments)?;
        sink.append(first.clone())?;
        for chunk in chunks {
            sink.append(data_set_table(&chunk?)?)?;
        }
        sink.finish()?;
    } else {
        let failed =
            |source: csv::Error| TableError::Write { table: first.name().to_owned(), source: source.into() };
        write_comments(&mut file, comments).map_err(|source| failed(source.into()))?;
        first.write_csv_header(&mut file).map_err(failed)?;
        first.write_csv_rows(&mut file).map_err(failed)?;
        for chunk in chunks {
            let table: Table = data_set_table(&chunk?)?;
            first.check_alike(&table)?;
            table.write_csv_rows(&mut file).map_err(failed)?;
        }
    }
    Ok(file.commit().map_err(TableError::from)?)
}

/// Writes comments as lines before the header.
pub(crate) fn write_comments(out: &mut impl Write, comments: &[String]) -> std::io::Result<()> {
    for line in comments.iter().flat_map(|comment| comment.split(['\n', '\r'])) {
        writeln!(out, "# {}", line.trim())?;
    }
    Ok(())
}
