//! Probable mistakes in single rows and subjects, counted by kind while a file is read.

use std::collections::BTreeMap;

use super::checks::Check;
use super::problem::Shown;
use crate::trial::Warning;

/// Maximum number of cases of a kind that are listed.
pub(super) const NAMED: usize = 5;

/// Cases of one kind.
#[derive(Clone, Debug, Default)]
struct Cases {
    count: usize,
    /// First cases, at most [`NAMED`].
    first: Vec<Case>,
}

/// Position of a case, and what was found there.
#[derive(Clone, Debug)]
struct Case {
    row: u64,
    id: String,
    detail: String,
}

/// Cases of all kinds.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    cases: BTreeMap<(Check, String), Cases>,
}

impl Findings {
    /// Adds a case in a row of a subject.
    pub(super) fn add(&mut self, check: Check, row: u64, id: &str) {
        self.add_to(check, "", row, id);
    }

    /// Adds a case of a column; the cases of a column are counted together.
    pub(super) fn add_to(&mut self, check: Check, column: &str, row: u64, id: &str) {
        self.add_seen(check, column, (row, id), String::new);
    }

    /// Adds a case with a detail, which is reported if the case is among the first of its kind.
    pub(super) fn add_seen(
        &mut self,
        check: Check,
        column: &str,
        (row, id): (u64, &str),
        seen: impl FnOnce() -> String,
    ) {
        let cases = self.cases.entry((check, column.to_owned())).or_default();
        cases.count += 1;
        if cases.first.len() < NAMED {
            cases.first.push(Case { row, id: id.to_owned(), detail: seen() });
        }
    }

    /// Adds the cases of another collection, whose kinds and columns are not in this one yet.
    pub(super) fn append(&mut self, mut other: Self) {
        self.cases.append(&mut other.cases);
    }

    /// Warnings, one for each kind, and notes, one for each kind that is intended as often as not.
    pub(super) fn warnings(&self) -> (Vec<Warning>, Vec<String>) {
        let warning = |((check, column), cases): (&(Check, String), &Cases)| {
            let at: Vec<String> = cases.first.iter().map(Case::told).collect();
            let more = match cases.count - cases.first.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let column =
                if column.is_empty() { String::new() } else { format!("column {}: ", Shown(column)) };
            let text = format!("{column}{} ({}{more})", check.says(cases.count), at.join(", "));
            Warning { check: check.name().to_owned(), text }
        };
        let (notes, warnings): (Vec<_>, Vec<_>) =
            self.cases.iter().partition(|((check, _), _)| check.is_note());
        (
            warnings.into_iter().map(warning).collect(),
            notes.into_iter().map(|case| warning(case).text).collect(),
        )
    }
}

impl Case {
    fn told(&self) -> String {
        let Self { row, id, detail } = self;
        let id = Shown(id);
        if detail.is_empty() {
            format!("row {row} of ID {id}")
        } else {
            format!("row {row} of ID {id}: {detail}")
        }
    }
}
