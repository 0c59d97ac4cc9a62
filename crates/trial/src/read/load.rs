//! Loading of a file of any format as rows of text.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::layout::{DecimalMark, Separator};
use super::parquet::{group_rows, read_parquet_heading};
use super::problems::Problems;
use super::raw::{Heading, RawRow};
use super::rejection::Rejection;
use super::select::Selection;
use super::text::{TextRows, read_text};
use super::xport::{read_xport_heading, xport_rows};
use crate::table::ParquetGroups;
use crate::whole::{read_whole, up_to};
use crate::xport::{XportFile, is_xport};

/// Number of rows that are taken from a text or a transport file at a time; from Parquet, a row group is taken.
const ROWS: usize = 1 << 16;

/// A file with its content in memory as it is stored (gzip is decompressed); its rows are made on request.
pub(super) struct Loaded {
    path: PathBuf,
    pub heading: Heading,
    pub sha256: String,
    pub content: Content,
}

/// Content of a file.
pub(super) enum Content {
    Text(Vec<u8>, Separator),
    Parquet(ParquetGroups),
    Xport(XportFile),
}

/// Reader of the rows of a file, from the first to the last.
pub(super) enum Rows<'a> {
    Text(TextRows<'a>),
    Parquet { path: &'a Path, groups: &'a ParquetGroups, group: usize, before: usize },
    Xport { path: &'a Path, file: &'a XportFile, before: usize },
}

/// Reads a file, whose format is recognised by its first bytes, not by its name.
pub(super) fn load(path: &Path, separator: Separator, problems: &mut Problems) -> Result<Loaded, Rejection> {
    let unreadable = |source: io::Error| Rejection::unreadable(path, source);
    let bytes = read_whole(path).map_err(unreadable)?;
    let sha256 = sha256(&bytes);
    let path = path.to_owned();
    if bytes.starts_with(b"PAR1") {
        let (heading, groups) = read_parquet_heading(&path, bytes)?;
        return Ok(Loaded { path, heading, sha256, content: Content::Parquet(groups) });
    }
    let text = if bytes.starts_with(&[0x1F, 0x8B]) {
        up_to(MultiGzDecoder::new(bytes.as_slice()), 0).map_err(unreadable)?
    } else {
        bytes
    };
    if is_xport(&text) {
        let (heading, file) = read_xport_heading(&path, text)?;
        return Ok(Loaded { path, heading, sha256, content: Content::Xport(file) });
    }
    if let Some(found) = foreign_format(&text) {
        return Err(Rejection::Format { path, found: found.to_owned() });
    }
    let (heading, _) = read_text(&path, &text, separator, problems)?;
    Ok(Loaded { path, heading, sha256, content: Content::Text(text, separator) })
}

impl Loaded {
    /// Reader of the rows, from the first.
    pub(super) fn rows(&self) -> Result<Rows<'_>, Rejection> {
        let path = self.path.as_path();
        Ok(match &self.content {
            // Problems before the rows have been reported already.
            Content::Text(text, separator) => {
                Rows::Text(read_text(path, text, *separator, &mut Problems::new(String::new()))?.1)
            }
            Content::Parquet(groups) => Rows::Parquet { path, groups, group: 0, before: 0 },
            Content::Xport(file) => Rows::Xport { path, file, before: 0 },
        })
    }

    /// Rejects a delimiter or a decimal mark that is given for a file that is not text.
    pub(super) fn check_layout(&self, separator: Separator, decimal: DecimalMark) -> Result<(), Rejection> {
        let (option, found) = match (separator, decimal) {
            _ if matches!(self.content, Content::Text(..)) => return Ok(()),
            (Separator::Comma, DecimalMark::Point) => return Ok(()),
            (Separator::Comma, decimal) => ("decimal", decimal.name()),
            (separator, _) => ("separator", separator.name()),
        };
        let expected = "none: the file is not text, and has its columns and numbers as they are";
        Err(Rejection::Option { option, found: found.to_owned(), expected })
    }
}

impl Rows<'_> {
    /// Next rows; `None` at the end.
    pub(super) fn next(
        &mut self,
        selection: &Selection,
        problems: &mut Problems,
    ) -> Result<Option<Vec<RawRow>>, Rejection> {
        match self {
            Self::Text(rows) => {
                let rows = rows.next(ROWS, selection, problems)?;
                Ok((!rows.is_empty()).then_some(rows))
            }
            Self::Xport { path, file, before } => {
                let rows = xport_rows(path, file, *before..file.rows().min(*before + ROWS))?;
                *before += rows.len();
                Ok((!rows.is_empty()).then_some(rows))
            }
            Self::Parquet { path, groups, group, before } => {
                let Some(&count) = groups.rows().get(*group) else { return Ok(None) };
                let rows = group_rows(path, groups, *group, *before)?;
                *group += 1;
                *before += count;
                Ok(Some(rows))
            }
        }
    }

    /// Whether every row so far could be split into cells.
    pub(super) fn complete(&self) -> bool {
        match self {
            Self::Text(rows) => rows.complete,
            Self::Parquet { .. } | Self::Xport { .. } => true,
        }
    }
}

/// Description of a format that is often supplied in place of CSV, recognised by its content.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") {
        Some("it looks like a workbook or a zip archive: save the sheet as CSV")
    } else if bytes.starts_with(b"HEADER RECORD*******") {
        Some("it looks like a SAS transport file that is damaged")
    } else if bytes.starts_with(b"**COMPRESSED** ") {
        Some("it looks like a file of PROC CPORT: write a transport file with the XPORT engine or %LOC2XPT")
    } else if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        Some("it looks like UTF-16 text: save it as UTF-8")
    } else if bytes.contains(&0) {
        Some("it holds binary data")
    } else {
        None
    }
}

/// SHA-256 checksum of bytes, in hexadecimal, as a run records it for its data.
///
/// ```
/// assert!(omafit_trial::sha256(b"").starts_with("e3b0c44298fc1c14"));
/// ```
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// Hexadecimal text of bytes.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
