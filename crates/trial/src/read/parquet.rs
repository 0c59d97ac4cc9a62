//! A data set in Parquet, brought to rows of text.

use std::path::Path;

use csv::StringRecord;

use super::raw::{RawRow, RawTable};
use super::rejection::Rejection;
use crate::table::{TableError, Values, parse_parquet, push_float};

/// Reads the rows of a Parquet file. A number goes through its shortest text and is the same after it, so that every
/// format is checked by the same rules and shown in the same messages.
pub(super) fn read_parquet_rows(path: &Path, bytes: Vec<u8>) -> Result<RawTable, Rejection> {
    let (table, comments) = parse_parquet(path, bytes).map_err(|error| Rejection::Format {
        path: path.to_owned(),
        found: match error {
            TableError::Read { reason, .. } => reason,
            other => other.to_string(),
        },
    })?;
    let mut text = String::new();
    let rows = (0..table.rows()).map(|index| {
        let mut cells = StringRecord::new();
        for column in table.columns() {
            text.clear();
            match &column.values {
                Values::Float(values) => push_float(&mut text, values[index]),
                Values::Integer(values) => text.extend(values[index].map(|value| value.to_string())),
                Values::Text(values) => text.push_str(&values[index]),
            }
            cells.push_field(&text);
        }
        RawRow { row: index as u64 + 2, cells }
    });
    let rows = rows.collect();
    let header = table.columns().iter().map(|column| column.name.trim().to_owned()).collect();
    Ok(RawTable { comments, header_row: 1, header, rows, complete: true })
}
