//! SAS transport files as rows of text.

use std::ops::Range;
use std::path::Path;

use csv::StringRecord;

use super::raw::{Heading, RawRow};
use super::rejection::Rejection;
use crate::table::push_float;
use crate::xport::{XportCell, XportFile};

/// Reads a transport file up to its rows. The label of its data set, if it has one, becomes a comment.
pub(super) fn read_xport_heading(path: &Path, bytes: Vec<u8>) -> Result<(Heading, XportFile), Rejection> {
    let file = XportFile::open(bytes).map_err(|found| Rejection::format(path, found))?;
    let header = file.variables.iter().map(|variable| variable.name.clone()).collect();
    let comments = (!file.label.is_empty()).then(|| file.label.clone()).into_iter().collect();
    Ok((Heading { comments, header_row: 1, header, wide: None }, file))
}

/// Rows in a range. Numbers are converted to their shortest text and back without loss.
pub(super) fn xport_rows(
    path: &Path,
    file: &XportFile,
    rows: Range<usize>,
) -> Result<Vec<RawRow>, Rejection> {
    let mut text = String::new();
    let row = |index: usize| {
        let mut cells = StringRecord::new();
        for cell in file.row(index) {
            text.clear();
            match cell.map_err(|found| Rejection::format(path, found))? {
                XportCell::Missing { .. } => {}
                XportCell::Number(value) => push_float(&mut text, value),
                XportCell::Text(value) => text.push_str(value),
            }
            cells.push_field(&text);
        }
        Ok(RawRow { row: index as u64 + 2, cells, is_comment: false })
    };
    rows.map(row).collect()
}
