//! Problems in a file, cell by cell.

use std::fmt;

/// Maximum number of characters of a cell that are shown.
const SHOWN: usize = 60;
/// Maximum number of characters shown of the expected content, which may list the columns of a file.
const SENTENCE: usize = 1500;

/// Problem in a data set.
///
/// ```
/// let problem = omafit_trial::Problem {
///     file: "trial.csv".into(),
///     row: 17,
///     column: Some("DV".into()),
///     id: Some("501".into()),
///     found: Some("abc".into()),
///     expected: "a number".into(),
/// };
/// assert_eq!(problem.to_string(), r#"trial.csv:17, column DV, ID 501: found "abc", expected a number"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the file, as it was given.
    pub file: String,
    /// Line in the file, counted from 1: the header is row 1 if no comment precedes it.
    pub row: u64,
    /// Name of the column in the file's header.
    pub column: Option<String>,
    /// ID of the subject in the file.
    pub id: Option<String>,
    /// Content of the cell; `None` if the problem is not the content of one cell.
    pub found: Option<String>,
    /// Description of the expected content.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.row)?;
        // Names and cells come from the file: control characters in them must not reach a terminal.
        if let Some(column) = &self.column {
            write!(f, ", column {}", Shown(column))?;
        }
        if let Some(id) = &self.id {
            write!(f, ", ID {}", Shown(id))?;
        }
        f.write_str(": ")?;
        match self.found.as_deref() {
            None => {}
            Some("") => f.write_str("found an empty cell, ")?,
            Some(found) => write!(f, "found \"{}\", ", Shown(found))?,
        }
        write!(f, "expected {}", Cut(&self.expected, SENTENCE))
    }
}

/// Text of a file, made safe for one line of a terminal.
pub(super) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Cut(self.0, SHOWN).fmt(f)
    }
}

/// Text that may contain text of a file, made safe for one line of a terminal and cut after the given number of
/// characters.
struct Cut<'a>(&'a str, usize);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, c) in self.0.chars().enumerate() {
            if position == self.1 {
                return f.write_str("…");
            }
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}
