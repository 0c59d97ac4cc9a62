//! The content of a report, as plain data.

use super::courses::{self, Course, Packed};
use super::rounded::rounded;
use super::what_if::{self, WhatIf};
use serde::Serialize;

/// Largest number of observations that the page handles quickly.
const MOST_OBSERVATIONS: usize = 60_000;
/// Largest number of values of all courses that keeps the file small, at about three bytes each.
const MOST_COURSE_NUMBERS: usize = 1_500_000;

/// The complete content of a report.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// Record of the run, as in `run.json`.
    pub run: serde_json::Value,
    /// Record of the predictive check of the run, as in `vpc.json`; null if there is none.
    pub check: serde_json::Value,
    /// Record of the outcome analysis of the run, as in `outcome.json`; null if there is none.
    pub outcome: serde_json::Value,
    /// Description of the model.
    pub model: ModelWords,
    /// Tables of the run by name: `individuals`, `observations` (with the column `subject`, the position of the
    /// subject in `individuals`), `parameters`, `shrinkage`, `diagnostics`, `vpc`, `npc`, `what_if`, and the
    /// tables of outcomes. The page leaves out the sections of absent tables.
    pub tables: Vec<(String, Table)>,
    /// Time course of each individual, in the order of the table `individuals`; an empty course if there is
    /// none.
    pub courses: Vec<Course>,
    /// Free IgE under alternative doses, if computed.
    pub what_if: Option<WhatIf>,
    /// Sentences that each name a part missing from the report, and the reason.
    pub missing: Vec<String>,
}

/// A table: columns of equal length.
pub type Table = Vec<Column>;

/// A column of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// Name of the column.
    pub name: String,
    /// Values of the column.
    pub values: Data,
}

/// The values of a column.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// Numbers; NaN is a missing value.
    Numbers(Vec<f64>),
    /// Strings.
    Texts(Vec<String>),
}

/// Description of a model as text. The strings may contain any characters.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ModelWords {
    /// Name of the model.
    pub name: String,
    /// Description of the model in one line.
    pub title: String,
    /// Publication of the model.
    pub source: String,
    /// Name of the structure of the model.
    pub structure: String,
    /// Equations of the structure, one per line.
    pub equations: Vec<String>,
    /// Parameters of the model.
    pub parameters: Vec<ParameterWords>,
    /// Remarks on correlations of η, the initial state and residual errors, one sentence each.
    pub remarks: Vec<String>,
    /// Analytes that the model predicts and an assay measures.
    pub analytes: Vec<AnalyteWords>,
}

/// Description of an analyte as text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AnalyteWords {
    /// Name of the analyte in tables.
    pub key: String,
    /// Name of the analyte in titles.
    pub title: String,
    /// Name of the analyte within a sentence.
    pub in_sentence: String,
    /// Unit of the values.
    pub unit: String,
    /// `DVID` of its observations in tables.
    pub dvid: u32,
    /// Whether it is the free target, by which suppression is judged.
    pub is_free_target: bool,
}

/// Description of a parameter as text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ParameterWords {
    /// Name of the parameter.
    pub name: String,
    /// Unit of the individual values.
    pub unit: String,
    /// Description of the parameter.
    pub meaning: String,
    /// Value in the typical subject, in the unit of the individual values.
    pub typical: f64,
    /// Value in the typical subject as text, with the unit of the model file.
    pub typical_words: String,
    /// Variability between subjects as text; empty if there is none.
    pub variability: String,
    /// Standard deviation ω of η; NaN if there is none.
    pub omega_sd: f64,
    /// Covariate effects, as formulae.
    pub effects: String,
    /// Whether the parameter is estimated for each subject; otherwise it is fixed.
    pub estimated: bool,
}

/// The content of a report in the form in which the page reads it.
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
    /// The content of the report with the number of points limited to what a page can handle, and numbers
    /// rounded to five significant digits.
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
        let free = self.model.analytes.iter().position(|analyte| analyte.is_free_target);
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
            suppression: free
                .map_or_else(courses::Percentiles::default, |free| courses::percentiles(&self.courses, free)),
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
