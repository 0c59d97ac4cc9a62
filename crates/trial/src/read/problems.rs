//! Collection of the problems in a file, and their order.

use super::problem::Problem;
use super::rejection::Rejection;

/// Collector of the problems in one file.
pub(super) struct Problems {
    file: String,
    list: Vec<Problem>,
    /// Number of problems that are not in the list.
    more: u64,
}

/// Maximum number of problems in the list; a file of another kind may have a problem in every line.
const MOST: usize = 100_000;

/// Position of a problem.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub row: u64,
    pub column: Option<&'a str>,
    pub id: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(super) fn row(row: u64) -> Self {
        Self { row, ..Self::default() }
    }

    pub(super) fn column(self, column: &'a str) -> Self {
        Self { column: Some(column), ..self }
    }

    pub(super) fn id(self, id: &'a str) -> Self {
        Self { id: (!id.is_empty()).then_some(id), ..self }
    }
}

impl Problems {
    pub(super) fn new(file: String) -> Self {
        Self { file, list: Vec::new(), more: 0 }
    }

    /// Reports a cell with other content than expected.
    pub(super) fn found(&mut self, place: Place<'_>, found: &str, expected: impl Into<String>) {
        self.push(place, Some(found), expected.into());
    }

    /// Reports a problem that is not the content of one cell.
    pub(super) fn report(&mut self, place: Place<'_>, expected: impl Into<String>) {
        self.push(place, None, expected.into());
    }

    fn push(&mut self, place: Place<'_>, found: Option<&str>, expected: String) {
        if self.list.len() == MOST {
            self.more += 1;
            return;
        }
        self.list.push(Problem {
            file: self.file.clone(),
            row: place.row,
            column: place.column.map(str::to_owned),
            id: place.id.map(str::to_owned),
            found: found.map(|cell| cell.trim().to_owned()),
            expected,
        });
    }

    /// Number of problems in the list.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// Rejects the file if there is any problem.
    pub(super) fn refuse(&mut self) -> Result<(), Rejection> {
        if self.list.is_empty() {
            return Ok(());
        }
        let mut problems = std::mem::take(&mut self.list);
        // The sort is stable: problems within a row stay in the order of the checks.
        problems.sort_by_key(|problem| problem.row);
        if self.more > 0 {
            let row = problems.last().map_or(0, |last| last.row);
            let expected = format!("fewer problems: {} more were found, and are not listed", self.more);
            let file = self.file.clone();
            problems.push(Problem { file, row, column: None, id: None, found: None, expected });
        }
        Err(Rejection::Problems { problems })
    }
}
