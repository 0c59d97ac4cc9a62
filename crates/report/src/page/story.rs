//! What a report tells, as plain data.

use super::courses::{self, Course, Packed};
use super::rounded::rounded;
use super::what_if::{self, WhatIf};
use serde::Serialize;

/// Rows of a table that the page still handles quickly.
const MOST_OBSERVATIONS: usize = 60_000;
/// Numbers of courses that keep the file small: at three bytes each.
const MOST_COURSE_NUMBERS: usize = 1_500_000;

/// Everything a report shows.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The run's record, as in `run.json`.
    pub run: serde_json::Value,
    /// How its predictive check was made, as in `vpc.json`; null if there is none.
    pub check: serde_json::Value,
    /// How its outcomes were analysed, as in `outcome.json`; null if there are none.
    pub outcome: serde_json::Value,
    /// The model in words.
    pub model: ModelWords,
    /// The run's tables by name: `individuals`, `observations` (with the column `subject`, a position among the
    /// individuals), `parameters`, `shrinkage`, `diagnostics`, `vpc`, `npc`, `what_if`,
    /// those of outcomes. What is not there is not shown.
    pub tables: Vec<(String, Table)>,
    /// The course of each individual, in the order of the table; empty if there is none.
    pub courses: Vec<Course>,
    /// Free IgE under other doses, if that was computed.
    pub what_if: Option<WhatIf>,
    /// What the report does not have and why, a sentence each.
    pub missing: Vec<String>,
}

/// A table: columns of one length.
pub type Table = Vec<Column>;

/// A column of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Data,
}

/// The values of a column.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// Numbers; NaN is a missing one.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(Vec<String>),
}

/// A model in words. Every text is safe.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ModelWords {
    /// Its name.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Where it was published.
    pub source: String,
    /// Name of its structure.
    pub structure: String,
    /// The structure's equations, a line each.
    pub equations: Vec<String>,
    /// Its parameters.
    pub parameters: Vec<ParameterWords>,
    /// Correlations of η, start, residual errors: a sentence each.
    pub remarks: Vec<String>,
    /// Its analytes, in the order of their `DVID`.
    pub analytes: Vec<AnalyteWords>,
}

/// An analyte in words.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AnalyteWords {
    /// Its name in tables.
    pub key: String,
    /// Its name at the head of something.
    pub title: String,
    /// Its name in a sentence.
    pub in_sentence: String,
    /// The unit of its values.
    pub unit: String,
    /// Whether the model predicts it.
    pub predicted: bool,
}

/// A parameter in words.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ParameterWords {
    /// Its name.
    pub name: String,
    /// The unit in which individuals have it.
    pub unit: String,
    /// What it is.
    pub meaning: String,
    /// Its value in the typical subject, in that unit.
    pub typical: f64,
    /// The same in words, with the unit of the model file.
    pub typical_words: String,
    /// Its variability between subjects, in words; empty of none.
    pub variability: String,
    /// Its standard deviation ω of η; NaN of none.
    pub omega_sd: f64,
    /// Covariate effects, as formulae.
    pub effects: String,
    /// Whether it is held, or estimated for each subject.
    pub estimated: bool,
}

/// A story as the page takes it.
#[derive(Debug, Serialize)]
pub(super) struct Thinned<'a> {
    run: &'a serde_json::Value,
    check: &'a serde_json::Value,
    outcome: &'a serde_json::Value,
    model: &'a ModelWords,
    tables: std::collections::BTreeMap<&'a str, std::collections::BTreeMap<&'a str, Data>>,
    courses: Packed,
    what_if: Option<what_if::Packed<'a>>,
    suppression: courses::Percentiles,
    missing: Vec<String>,
}

impl Story {
    /// With as many points as a page can hold, and numbers of five digits.
    pub(super) fn thinned(&self) -> Thinned<'_> {
        let mut missing = self.missing.clone();
        let mut tables = std::collections::BTreeMap::new();
        for (name, table) in &self.tables {
            let rows = table.first().map_or(0, |c| c.values.len());
            let every = if name == "observations" { rows.div_ceil(MOST_OBSERVATIONS).max(1) } else { 1 };
            if every > 1 {
                missing.push(format!(
                    "Of {rows} observations one in {every} is in this report; the tables have all."
                ));
            }
            let columns = table.iter().map(|c| (c.name.as_str(), c.values.rounded(every)));
            tables.insert(name.as_str(), columns.collect());
        }
        let numbers: usize = self.courses.iter().map(Course::numbers).sum();
        let every = numbers.div_ceil(MOST_COURSE_NUMBERS).max(1);
        if every > 1 {
            missing.push(format!(
                "Courses are drawn through one in {every} of their times; the tables have all."
            ));
        }
        Thinned {
            run: &self.run,
            check: &self.check,
            outcome: &self.outcome,
            model: &self.model,
            tables,
            courses: courses::pack(&self.courses, every),
            what_if: self.what_if.as_ref().map(what_if::pack),
            suppression: courses::percentiles(&self.courses),
            missing,
        }
    }
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    fn rounded(&self, every: usize) -> Self {
        match self {
            Self::Numbers(values) => {
                Self::Numbers(values.iter().step_by(every).copied().map(rounded).collect())
            }
            Self::Texts(values) => Self::Texts(values.iter().step_by(every).cloned().collect()),
        }
    }
}
