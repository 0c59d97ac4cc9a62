//! Values that are constant within a subject, in columns that are not read: sex, race, country, study.

use super::cell::is_missing;
use super::checks::Check;
use super::columns::Columns;
use super::findings::Findings;
use super::problem::Shown;
use super::raw::{Heading, RawRow};

/// Names of columns whose values do not change within a subject, and suffixes of these names.
const NAMES: [&str; 7] = ["SEX", "RACE", "ETHNIC", "COUNTRY", "ARM", "ARMCD", "BIRTHYR"];
const SUFFIXES: [&str; 4] = ["", "N", "C", "CD"];
/// Names of columns of the study; a subject may be in two studies.
const STUDY: [&str; 4] = ["STUDYID", "STUDY", "STUDYN", "PROTOCOL"];
/// Names of columns of groups of subjects whose values may have units of their own.
const GROUPS: [&str; 9] =
    ["STUDYID", "STUDY", "STUDYN", "SITEID", "SITE", "SITEN", "CENTER", "CENTRE", "LAB"];

/// Column, and its first value in the current subject.
struct Constant {
    at: usize,
    title: String,
    first: Option<String>,
    is_told: bool,
}

impl Constant {
    fn take<'r>(&mut self, row: &'r RawRow) -> Option<&'r str> {
        let cell = row.cells.get(self.at).unwrap_or("").trim();
        if is_missing(cell) || self.is_told {
            return None;
        }
        match &self.first {
            None => self.first = Some(cell.to_owned()),
            Some(first) if first == cell => {}
            Some(_) => {
                self.is_told = true;
                return Some(cell);
            }
        }
        None
    }
}

/// Columns whose values are constant within a subject.
pub(super) struct Constants {
    constants: Vec<Constant>,
    study: Option<Constant>,
}

impl Constants {
    /// Finds the columns that are not read in another role; columns that are read may not change within a subject
    /// either, and are rejected if they do.
    pub(super) fn new(heading: &Heading, columns: &Columns<'_>) -> Self {
        let header = &heading.header;
        let is_constant = |at: &usize| {
            let called = |name: &&str| {
                SUFFIXES.iter().any(|s| header[*at].eq_ignore_ascii_case(&format!("{name}{s}")))
            };
            !columns.is_used(*at) && NAMES.iter().any(called)
        };
        let new = |at: usize| Constant { at, title: header[at].clone(), first: None, is_told: false };
        Self {
            constants: (0..header.len()).filter(is_constant).map(new).collect(),
            study: positions(header, &STUDY).first().map(|at| new(*at)),
        }
    }

    /// Begins a subject.
    pub(super) fn begin(&mut self) {
        for constant in self.constants.iter_mut().chain(&mut self.study) {
            (constant.first, constant.is_told) = (None, false);
        }
    }

    /// Adds a row of the subject.
    pub(super) fn add(&mut self, row: &RawRow, id: &str, findings: &mut Findings) {
        let checks = self.constants.iter_mut().map(|constant| (constant, Check::SubjectValueChanges));
        for (constant, check) in checks.chain(self.study.as_mut().map(|study| (study, Check::IdInTwoStudies)))
        {
            if let Some(other) = constant.take(row) {
                let first = constant.first.as_deref().unwrap_or_default();
                let seen = || format!("{} after {}", Shown(other), Shown(first));
                findings.add_seen(check, &constant.title, (row.row, id), seen);
            }
        }
    }

    /// Study of the current subject; empty if the file has none.
    pub(super) fn study(&self) -> &str {
        self.study.as_ref().and_then(|study| study.first.as_deref()).unwrap_or_default()
    }
}

/// Columns of a file that divide its subjects into groups.
pub(super) fn groups(heading: &Heading) -> Vec<usize> {
    positions(&heading.header, &GROUPS)
}

/// Positions of the columns with the given names, in the order of the names.
fn positions(header: &[String], names: &[&str]) -> Vec<usize> {
    let find = |name: &&str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    names.iter().filter_map(find).collect()
}
