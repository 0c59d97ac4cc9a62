//! A file as rows of text cells, before anything is known of its columns.

use csv::StringRecord;

use super::wide::Wide;

/// What stands before a file's rows, whatever its format.
#[derive(Clone)]
pub(crate) struct Heading {
    /// Comment lines before the header, without their `#`.
    pub comments: Vec<String>,
    /// The line of the header.
    pub header_row: u64,
    /// The header's cells, without the spaces around them.
    pub header: Vec<String>,
    /// The wide layout whose columns are added to the file's.
    pub wide: Option<Wide>,
}

/// One row; it has as many cells as the header, unless it is a comment.
pub(crate) struct RawRow {
    /// Its line in the file.
    pub row: u64,
    /// Its cells.
    pub cells: StringRecord,
    /// Whether it is a line of text that begins with `#`; a cell in quotation marks that does is none.
    pub is_comment: bool,
}
