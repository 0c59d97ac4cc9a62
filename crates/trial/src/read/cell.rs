//! Cells of numeric columns, missing values and flags.

/// Cell of a numeric column.
#[derive(Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Missing value: an empty cell, `.`, `NA` or a code of the options; or no such column.
    Missing,
    /// Cell that is not a finite number, which has been reported.
    Wrong,
    /// Number, and its text in the file, in the file's unit.
    Number(f64, &'a str),
}

/// Whether a cell's text stands for a missing value.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(text, "" | "." | "NA")
}

/// Parses a flag: 1, Y, YES or TRUE, or 0, N, NO, FALSE or a missing value; `None` for any other text.
pub(super) fn parse_flag(text: &str) -> Option<bool> {
    match text.to_ascii_uppercase().as_str() {
        "1" | "Y" | "YES" | "TRUE" => Some(true),
        "0" | "N" | "NO" | "FALSE" => Some(false),
        other => is_missing(other).then_some(false),
    }
}
