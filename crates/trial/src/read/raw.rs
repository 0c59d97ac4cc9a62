//! A file as rows of text cells, before anything is known of its columns.

use csv::StringRecord;

/// What every format of a data set is brought to: text, and the lines it stands on.
pub(super) struct RawTable {
    /// Comment lines before the header, without their `#`.
    pub comments: Vec<String>,
    /// The line of the header.
    pub header_row: u64,
    /// The header's cells, without the spaces around them.
    pub header: Vec<String>,
    /// The rows under the header; each has as many cells as the header.
    pub rows: Vec<RawRow>,
    /// Whether every row of the file is here; those that fall apart are reported and left out.
    pub complete: bool,
}

/// One row.
pub(super) struct RawRow {
    /// Its line in the file.
    pub row: u64,
    /// Its cells.
    pub cells: StringRecord,
}
