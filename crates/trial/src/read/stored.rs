//! Data sets as they are stored, whatever the meaning of their columns.

use std::path::Path;

use super::layout::{DecimalMark, Separator};
use super::load::{Content, load};
use super::problems::Problems;
use super::raw::{Heading, RawRow};
use super::rejection::Rejection;
use super::select::Selection;
use crate::table::ParquetGroups;
use crate::trial::Ignored;
use crate::xport::XportFile;

/// Data set as it is stored.
pub(crate) enum Stored {
    Text { heading: Heading, rows: Vec<RawRow>, comments: Vec<Ignored> },
    Parquet(ParquetGroups),
    Xport(XportFile),
}

/// Reads a data set as it is stored; each row must have as many cells as the header.
pub(crate) fn read_stored(
    path: &Path,
    separator: Separator,
    decimal: DecimalMark,
) -> Result<Stored, Rejection> {
    let mut problems = Problems::new(path.display().to_string());
    let loaded = load(path, separator, &mut problems)?;
    loaded.check_layout(separator, decimal)?;
    let (mut rows, mut selection) = (Vec::new(), Selection::comments());
    if let Content::Text(..) = loaded.content {
        let mut reader = loaded.rows()?;
        while let Some(mut some) = reader.next(&selection, &mut problems)? {
            selection.keep(&mut some);
            rows.extend(some);
        }
    }
    problems.refuse()?;
    Ok(match loaded.content {
        Content::Text(..) => Stored::Text { heading: loaded.heading, rows, comments: selection.ignored() },
        Content::Parquet(groups) => Stored::Parquet(groups),
        Content::Xport(file) => Stored::Xport(file),
    })
}
