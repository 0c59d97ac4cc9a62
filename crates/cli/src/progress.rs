//! How far a run has come: what the next block, or another session, needs to know.

use crate::error::CliError;
use crate::plan::Plan;
use omafit_estimate::{Status, SubjectResult, Tally, farthest};
use omafit_model::Subject;
use omafit_trial::{KeptTable, RunFolder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Unfinished subjects that are listed in `run.json`.
const LISTED: usize = 1000;

/// How far a run has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What the run is, as far as it decides the results.
    pub identity: serde_json::Value,
    /// What is to be said of the subjects so far.
    pub tally: Tally,
    /// η of the subjects that were fitted.
    pub etas: Vec<Vec<f64>>,
    /// Iterations of the population that were done when it was interrupted.
    #[serde(skip)]
    pub iterations: u64,
    /// Subjects whose fit is not complete, a line each, and how many more there are.
    pub unfinished: (Vec<String>, usize),
    /// Subjects with an η far outside the population, a line each, and how many more there are.
    #[serde(default)]
    pub far: (Vec<String>, usize),
    /// Where the tables stood when it was kept.
    pub tables: BTreeMap<String, KeptTable>,
}

/// Adds a line, or counts it where there are enough.
fn list((lines, more): &mut (Vec<String>, usize), line: String) {
    if lines.len() < LISTED {
        lines.push(line);
    } else {
        *more += 1;
    }
}

impl Progress {
    /// Subjects whose results are written.
    pub fn subjects(&self) -> usize {
        self.tally.subjects()
    }

    /// Whether it can be that of a run of this plan over so many subjects.
    pub fn is_of(&self, plan: &Plan, subjects: usize) -> bool {
        let free = plan.options().free.len();
        self.subjects() <= subjects
            && self.etas.len() <= self.subjects()
            && self.etas.iter().all(|eta| eta.len() == free)
    }

    /// Adds a block.
    pub fn add(&mut self, plan: &Plan, subjects: &[Subject], results: &[SubjectResult]) {
        self.tally.add(subjects, results, plan.target_ng_ml());
        let fitted = results.iter().filter(|r| r.fit.status != Status::Failed);
        self.etas.extend(fitted.map(|r| r.fit.eta.clone()));
        // A fit that stands, but whose time course cannot be solved, is none that is complete.
        let lacks = |r: &SubjectResult| plan.courses().is_some() && r.trajectory.time.is_empty();
        for (subject, result) in subjects.iter().zip(results) {
            if result.fit.status != Status::Ok || lacks(result) {
                let line = format!("{}: {}: {}", subject.id, result.fit.status.name(), result.fit.reason);
                list(&mut self.unfinished, line);
            }
            if let Some((name, sds)) = farthest(plan.model(), plan.options(), &result.fit) {
                let line = format!(
                    "{}: η of {name} is {sds:+.1} ω: units of the data, or a record, may be wrong",
                    subject.id
                );
                list(&mut self.far, line);
            }
        }
    }

    /// Keeps the run as far as this says it has come.
    pub fn keep(&self, folder: &RunFolder) -> Result<(), CliError> {
        Ok(folder.keep(&serde_json::to_vec(self)?)?)
    }

    /// Reads it from the folder of a run that was interrupted, if that was kept.
    pub fn load(suspended: &Path) -> Result<Option<Self>, CliError> {
        let Some(text) = RunFolder::progress(suspended)? else { return Ok(None) };
        let broken = |source| CliError::NoRun { path: suspended.to_owned(), source };
        Ok(Some(serde_json::from_slice(&text).map_err(broken)?))
    }
}
