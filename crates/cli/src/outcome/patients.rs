//! Patients of a run with their outcomes.

use crate::error::{CliError, refuse};
use crate::reconstruct::Run;
use omafit_outcome::{CourseColumns, DailyExposure, Patient};
use omafit_trial::{OutcomeTable, Table, Values, read_parquet};
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// The patients of an outcome table, with the exposure that the run has reconstructed.
pub fn patients(folder: &Path, run: &Run, table: &OutcomeTable) -> Result<Vec<Patient>, CliError> {
    let courses = Courses::load(folder)?;
    let subjects: HashMap<&str, &omafit_model::Subject> =
        run.trial.subjects.iter().map(|s| (s.id.as_str(), s)).collect();
    let patient = |outcomes: &omafit_trial::OutcomeSubject| {
        let subject = subjects.get(outcomes.id.as_str());
        let given = subject.map(|s| s.doses.iter().filter(|d| d.amount_mg > 0.0).map(|d| d.time));
        let doses: Vec<f64> = given.into_iter().flatten().collect();
        let start = doses.first().copied().or(subject.map(|s| s.start)).unwrap_or(0.0);
        let from_start = |values: &Vec<(f64, f64)>| values.iter().map(|(t, v)| (t - start, *v)).collect();
        Patient {
            id: outcomes.id.clone(),
            arm: outcomes.arm.clone(),
            responder: outcomes.responder.clone(),
            last_dose: doses.last().map(|last| last - start),
            exposure: courses.of(&outcomes.id, start),
            outcomes: outcomes.values.iter().map(from_start).collect(),
        }
    };
    Ok(table.subjects.iter().map(patient).collect())
}

/// The run's time courses.
struct Courses {
    rows: HashMap<String, Range<usize>>,
    time: Vec<f64>,
    ige_free: Vec<f64>,
    omalizumab_total: Vec<f64>,
    ige_total: Vec<f64>,
}

impl Courses {
    fn load(folder: &Path) -> Result<Self, CliError> {
        let path = folder.join("trajectories.parquet");
        if !path.is_file() {
            let expected = "a run with its time courses, which --no-trajectories leaves out";
            return Err(refuse("run", folder.display(), expected));
        }
        let table = read_parquet(&path)?;
        let column = |name: &str| numbers(&table, name).ok_or_else(|| unlike(folder, name));
        let Some(Values::Text(ids)) = table.values("ID") else { return Err(unlike(folder, "ID")) };
        let mut rows = HashMap::new();
        let mut at = 0;
        for same in ids.chunk_by(|a, b| a == b) {
            rows.insert(same[0].to_string(), at..at + same.len());
            at += same.len();
        }
        Ok(Self {
            rows,
            time: column("TIME")?,
            ige_free: column("ige_free")?,
            omalizumab_total: column("omalizumab_total")?,
            ige_total: column("ige_total")?,
        })
    }

    /// A subject's exposure from day `start` on; none where the run has no course of it.
    fn of(&self, id: &str, start: f64) -> Option<DailyExposure> {
        let own = self.rows.get(id)?.clone();
        let day: Vec<f64> = self.time[own.clone()].iter().map(|t| t - start).collect();
        DailyExposure::new(&CourseColumns {
            day: &day,
            ige_free: &self.ige_free[own.clone()],
            omalizumab_total: &self.omalizumab_total[own.clone()],
            ige_total: &self.ige_total[own],
        })
    }
}

fn numbers(table: &Table, name: &str) -> Option<Vec<f64>> {
    match table.values(name) {
        Some(Values::Float(values)) => Some(values.clone()),
        _ => None,
    }
}

fn unlike(folder: &Path, name: &str) -> CliError {
    refuse("run", folder.display(), format!("a run whose trajectories.parquet has {name}"))
}
