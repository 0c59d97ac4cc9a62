//! Files as rows of text cells, before the roles of their columns are known.

use csv::StringRecord;

use super::wide::Wide;

/// Heading of a file: its content before the rows, in any format.
#[derive(Clone)]
pub(crate) struct Heading {
    /// Comment lines before the header, without their `#`.
    pub comments: Vec<String>,
    /// Line of the header.
    pub header_row: u64,
    /// Cells of the header, without surrounding spaces.
    pub header: Vec<String>,
    /// Wide layout whose columns are added to the columns of the file.
    pub wide: Option<Wide>,
}

/// One row, which has as many cells as the header unless it is a comment.
pub(crate) struct RawRow {
    /// Line of the row in the file.
    pub row: u64,
    /// Cells of the row.
    pub cells: StringRecord,
    /// Whether the row is a line of text that begins with `#`; a quoted cell that begins with `#` does not make it a
    /// comment.
    pub is_comment: bool,
}
