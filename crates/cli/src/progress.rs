//! Progress of a run: the state that the next block of subjects or a resumed session needs.

use crate::error::CliError;
use crate::plan::Plan;
use omafit_estimate::{Status, SubjectResult, Tally, farthest};
use omafit_model::Subject;
use omafit_trial::{KeptTable, RunFolder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Largest number of incomplete subjects listed in `run.json`.
const LISTED: usize = 1000;

/// Progress of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Identity of the run: all inputs that determine its results.
    pub identity: serde_json::Value,
    /// Summary statistics of the subjects so far.
    pub tally: Tally,
    /// η of each fitted subject.
    pub etas: Vec<Vec<f64>>,
    /// Iterations of the population estimation completed before an interruption.
    #[serde(skip)]
    pub iterations: u64,
    /// Subjects whose fit is not complete, one line each, and the number of further ones.
    pub unfinished: (Vec<String>, usize),
    /// Subjects with an η far outside the population, one line each, and the number of further ones.
    #[serde(default)]
    pub far: (Vec<String>, usize),
    /// State of the tables when the progress was saved.
    pub tables: BTreeMap<String, KeptTable>,
}

/// Adds a line to a list, or only counts it once the list is full.
fn list((lines, more): &mut (Vec<String>, usize), line: String) {
    if lines.len() < LISTED {
        lines.push(line);
    } else {
        *more += 1;
    }
}

impl Progress {
    /// Number of subjects whose results are written.
    pub fn subjects(&self) -> usize {
        self.tally.subjects()
    }

    /// Whether the progress can belong to a run of this plan with the given number of subjects.
    pub fn is_of(&self, plan: &Plan, subjects: usize) -> bool {
        let free = plan.options().free.len();
        self.subjects() <= subjects
            && self.etas.len() <= self.subjects()
            && self.etas.iter().all(|eta| eta.len() == free)
    }

    /// Adds the results of a block of subjects.
    pub fn add(&mut self, plan: &Plan, subjects: &[Subject], results: &[SubjectResult]) {
        self.tally.add(subjects, results, plan.target_ng_ml());
        let fitted = results.iter().filter(|r| r.fit.status != Status::Failed);
        self.etas.extend(fitted.map(|r| r.fit.eta.clone()));
        // A fit whose time course cannot be solved is not complete.
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

    /// Saves the progress and the tables of the run, so that the run can be resumed from here.
    pub fn keep(&self, folder: &RunFolder) -> Result<(), CliError> {
        Ok(folder.keep(&serde_json::to_vec(self)?)?)
    }

    /// Reads the progress from the folder of an interrupted run, if it was saved.
    pub fn load(suspended: &Path) -> Result<Option<Self>, CliError> {
        let Some(text) = RunFolder::progress(suspended)? else { return Ok(None) };
        let broken = |source| CliError::NoRun { path: suspended.to_owned(), source };
        Ok(Some(serde_json::from_slice(&text).map_err(broken)?))
    }
}
