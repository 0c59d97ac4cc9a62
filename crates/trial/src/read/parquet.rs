//! Parquet data sets as rows of text.

use std::path::Path;

use csv::StringRecord;

use super::raw::{Heading, RawRow};
use super::rejection::Rejection;
use crate::table::{ParquetGroups, TableError};

/// Reads a Parquet file up to its rows.
pub(super) fn read_parquet_heading(
    path: &Path,
    bytes: Vec<u8>,
) -> Result<(Heading, ParquetGroups), Rejection> {
    let groups = ParquetGroups::open(path, bytes).map_err(|error| refused(path, error))?;
    let header = groups.names().map(|name| name.trim().to_owned()).collect();
    Ok((Heading { comments: groups.comments().to_vec(), header_row: 1, header, wide: None }, groups))
}

/// Rows of a row group; `before` is the number of rows in the row groups before it. Numbers are converted to their
/// shortest text and back without loss, so that every format is checked by the same rules and shown in the same
/// messages.
pub(super) fn group_rows(
    path: &Path,
    groups: &ParquetGroups,
    group: usize,
    before: usize,
) -> Result<Vec<RawRow>, Rejection> {
    let table = groups.read(group).map_err(|error| refused(path, error))?;
    let mut text = String::new();
    let rows = (0..table.rows()).map(|index| {
        let mut cells = StringRecord::new();
        for column in table.columns() {
            text.clear();
            column.values.push(&mut text, index);
            cells.push_field(&text);
        }
        RawRow { row: (before + index) as u64 + 2, cells, is_comment: false }
    });
    Ok(rows.collect())
}

fn refused(path: &Path, error: TableError) -> Rejection {
    let found = match error {
        TableError::Read { reason, .. } => reason,
        other => other.to_string(),
    };
    Rejection::Format { path: path.to_owned(), found }
}
