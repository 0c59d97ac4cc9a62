//! What is wrong with a file, cell by cell.

use std::fmt;

/// More characters of a cell than this are not shown.
const SHOWN: usize = 60;
/// Nor are more characters of what was expected, which may list the columns of a file.
const SENTENCE: usize = 1500;

/// One thing that is wrong with a data set.
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
    /// The file, as it was given.
    pub file: String,
    /// The line, counted from 1: the header is row 1 when no comment precedes it.
    pub row: u64,
    /// The column, as the file's header writes it.
    pub column: Option<String>,
    /// The subject, as the file writes it.
    pub id: Option<String>,
    /// What the cell holds; `None` where the problem is not one cell's content.
    pub found: Option<String>,
    /// What was expected instead.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.row)?;
        // Names and cells are the file's: control characters in them must not reach a terminal.
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

/// Text of a file, made fit to be shown on one line.
pub(super) struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Cut(self.0, SHOWN).fmt(f)
    }
}

/// Text that may have some of a file in it, likewise; at most so many characters of it.
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
