//! What a subject has once, in columns that are not read: sex, race, country, study.

use super::checks::Check;
use super::columns::Columns;
use super::findings::Findings;
use super::problem::Shown;
use super::raw::{Heading, RawRow};
use super::record::is_missing;

/// Columns of what does not change within a subject, and what their names may have at the end.
const NAMES: [&str; 7] = ["SEX", "RACE", "ETHNIC", "COUNTRY", "ARM", "ARMCD", "BIRTHYR"];
const SUFFIXES: [&str; 4] = ["", "N", "C", "CD"];
/// Columns of the study, of which a subject may be in two.
const STUDY: [&str; 4] = ["STUDYID", "STUDY", "STUDYN", "PROTOCOL"];
/// Columns whose values may have units of their own.
const GROUPS: [&str; 9] =
    ["STUDYID", "STUDY", "STUDYN", "SITEID", "SITE", "SITEN", "CENTER", "CENTRE", "LAB"];

/// A column, and the first value of the subject that is being read.
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

/// The columns of what a subject has once.
pub(super) struct Constants {
    constants: Vec<Constant>,
    study: Option<Constant>,
}

impl Constants {
    /// The columns that are not read as something else: those that are may not change either, and are refused if they do.
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

    /// Begins with a subject.
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

    /// The study of the subject that is being read; nothing where the file has none.
    pub(super) fn study(&self) -> &str {
        self.study.as_ref().and_then(|study| study.first.as_deref()).unwrap_or_default()
    }
}

/// The columns of a file by which its subjects are in groups.
pub(super) fn groups(heading: &Heading) -> Vec<usize> {
    positions(&heading.header, &GROUPS)
}

/// Where the columns of some names are, in the order of the names.
fn positions(header: &[String], names: &[&str]) -> Vec<usize> {
    let find = |name: &&str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    names.iter().filter_map(find).collect()
}
