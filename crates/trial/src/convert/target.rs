//! Writing of a table in the format given by the file name.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::error::ConvertError;
use super::source::Source;
use crate::output::WholeFile;
use crate::present::count;
use crate::table::{ParquetSink, Table, TableError, Values, write_comments};
use crate::xport::{Unwritable, XportVersion, write_xport};

/// Format of a new file.
pub(super) enum Target {
    Csv,
    CsvGz,
    Parquet,
    Xport(XportVersion),
}

impl Target {
    pub(super) fn of(path: &Path, version: XportVersion) -> Result<Self, ConvertError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match name.as_str() {
            name if name.ends_with(".csv") => Ok(Self::Csv),
            name if name.ends_with(".csv.gz") => Ok(Self::CsvGz),
            name if name.ends_with(".parquet") => Ok(Self::Parquet),
            name if name.ends_with(".xpt") => Ok(Self::Xport(version)),
            _ => Err(ConvertError::Name { path: path.to_owned() }),
        }
    }

    /// Writes the file, and adds notes on content that its format cannot hold.
    pub(super) fn write(&self, path: &Path, source: &mut Source, force: bool) -> Result<(), ConvertError> {
        let Source { table, labels, comments, notes } = source;
        let label = |name: &str| {
            let at = table.columns().iter().position(|column| column.name == name);
            at.and_then(|at| labels.get(at)).map_or("", String::as_str)
        };
        let mut file = WholeFile::create(path, force)?;
        match self {
            Self::Csv => write_csv(&mut file, table, comments)?,
            Self::CsvGz => {
                let mut packed = GzEncoder::new(&mut file, Compression::default());
                write_csv(&mut packed, table, comments)?;
                packed.finish().map_err(|source| failed(table, source))?;
            }
            Self::Parquet => {
                let mut sink = ParquetSink::labelled(&mut file, table, comments, label)?;
                sink.append(table.clone())?;
                sink.finish()?;
            }
            Self::Xport(version) => {
                let member = member_label(comments, notes);
                write_xport(&mut file, table, &label, &member, *version)
                    .map_err(|error| refused(path, table, *version, error))?;
                notes.extend(trailing_blanks(table));
            }
        }
        let labelled = labels.iter().filter(|label| !label.is_empty()).count();
        if matches!(self, Self::Csv | Self::CsvGz) && labelled > 0 {
            notes.push(format!(
                "labels of {} are not kept: CSV has no place for them",
                count(labelled, "column")
            ));
        }
        Ok(file.commit()?)
    }
}

fn write_csv(out: &mut impl Write, table: &Table, comments: &[String]) -> Result<(), TableError> {
    write_comments(out, comments).map_err(|source| failed(table, source))?;
    table.write_csv(out)
}

fn failed(table: &Table, source: std::io::Error) -> TableError {
    TableError::Write { table: table.name().to_owned(), source: source.into() }
}

/// Maximum length of the label of the data set in a transport file, bytes.
const LABEL: usize = 40;

/// Label of the data set in a transport file: the only comment, if it fits; otherwise a statement that the data are
/// simulated, if a comment says so, and a note that the comments are not kept.
fn member_label(comments: &[String], notes: &mut Vec<String>) -> String {
    if let [comment] = comments
        && comment.len() <= LABEL
    {
        return comment.clone();
    }
    if !comments.is_empty() {
        notes.push(format!(
            "{} not kept: a transport file has a label of {LABEL} bytes for them",
            count(comments.len(), "comment")
        ));
    }
    let simulated = comments.iter().any(|comment| comment.to_lowercase().contains("simulated"));
    if simulated { "simulated data, no patients".to_owned() } else { String::new() }
}

/// Notes on text columns with trailing blanks, which a transport file does not keep.
fn trailing_blanks(table: &Table) -> impl Iterator<Item = String> {
    table.columns().iter().filter_map(|column| {
        let Values::Text(values) = &column.values else { return None };
        let blank = values.iter().filter(|text| text.ends_with(' ')).count();
        (blank > 0).then(|| {
            format!(
                "blanks at the end of {} of {} are not kept: a transport file fills up with blanks",
                count(blank, "text"),
                column.name
            )
        })
    })
}

fn refused(path: &Path, table: &Table, version: XportVersion, error: Unwritable) -> ConvertError {
    let helps = match version {
        XportVersion::V5 => "--xpt-version 8 has names of 32 bytes, labels of 256 and texts of 32,767",
        XportVersion::V8 => "CSV and Parquet have room for it",
    };
    let reason = match error {
        Unwritable::Io(source) => return failed(table, source).into(),
        Unwritable::EmptyEnd => "its last row is empty, and looks like what fills up the file".to_owned(),
        Unwritable::Limit { column, row: None, reason } => format!("column {column}: {reason}"),
        Unwritable::Limit { column, row: Some(row), reason } => {
            format!("column {column}, row {row}: {reason}")
        }
    };
    ConvertError::Limit { path: path.to_owned(), version: version.number(), reason, helps }
}
