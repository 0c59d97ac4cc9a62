//! From a path to rows of text, whatever the format.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::parquet::read_parquet_rows;
use super::problems::Problems;
use super::raw::RawTable;
use super::rejection::Rejection;
use super::text::read_text;

/// A file's rows and the checksum of its bytes.
pub(super) struct Loaded {
    pub table: RawTable,
    pub sha256: String,
}

/// Reads a file. What it is is told by its first bytes, not by its name.
pub(super) fn load(path: &Path, problems: &mut Problems) -> Result<Loaded, Rejection> {
    let unreadable = |source: io::Error| Rejection::Unreadable { path: path.to_owned(), source };
    let bytes = fs::read(path).map_err(unreadable)?;
    let sha256 = hexadecimal(&Sha256::digest(&bytes));
    let table = if bytes.starts_with(b"PAR1") {
        read_parquet_rows(path, bytes)?
    } else if bytes.starts_with(&[0x1F, 0x8B]) {
        let mut text = Vec::new();
        MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text).map_err(unreadable)?;
        text_table(path, &text, problems)?
    } else {
        text_table(path, &bytes, problems)?
    };
    Ok(Loaded { table, sha256 })
}

fn text_table(path: &Path, bytes: &[u8], problems: &mut Problems) -> Result<RawTable, Rejection> {
    match foreign_format(bytes) {
        Some(found) => Err(Rejection::Format { path: path.to_owned(), found: found.to_owned() }),
        None => read_text(path, bytes, problems),
    }
}

/// Formats that are often handed in for CSV.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") {
        Some("it looks like a workbook or a zip archive: save the sheet as CSV")
    } else if bytes.starts_with(b"HEADER RECORD*******") {
        Some("it looks like a SAS transport file, which is not supported yet")
    } else if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        Some("it looks like UTF-16 text: save it as UTF-8")
    } else if bytes.contains(&0) {
        Some("it holds binary data")
    } else {
        None
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
