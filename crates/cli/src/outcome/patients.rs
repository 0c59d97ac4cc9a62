//! Patients of a run with their outcomes.

use crate::reconstruct::Run;
use omafit_model::Subject;
use omafit_outcome::{Measurement, Patient};
use omafit_trial::{OutcomeSubject, OutcomeTable};
use rayon::prelude::*;
use std::collections::HashMap;

/// Patients of an outcome table.
pub struct Patients {
    /// Patients in the order of the table, with their exposure at the estimates of the run.
    pub all: Vec<Patient>,
    /// IDs of the patients without exposure, and the reasons.
    pub unexposed: Vec<(String, String)>,
}

impl Patients {
    /// The patients of an outcome table, with the time course of each one solved again.
    pub fn new(run: &Run, table: &OutcomeTable) -> Self {
        let subjects: HashMap<&str, &Subject> =
            run.trial.subjects.iter().map(|s| (s.id.as_str(), s)).collect();
        let patient =
            |outcomes: &OutcomeSubject| of_subject(run, subjects.get(outcomes.id.as_str()), outcomes);
        let found: Vec<(Patient, Option<String>)> = table.subjects.par_iter().map(patient).collect();
        let mut unexposed = Vec::new();
        let all = found.into_iter().map(|(patient, reason)| {
            unexposed.extend(reason.map(|reason| (patient.id.clone(), reason)));
            patient
        });
        Self { all: all.collect(), unexposed }
    }
}

/// A patient, and the reason if it has no exposure.
fn of_subject(run: &Run, subject: Option<&&Subject>, outcomes: &OutcomeSubject) -> (Patient, Option<String>) {
    let given = subject.map(|s| s.doses.iter().filter(|d| d.amount_mg > 0.0).map(|d| d.time));
    let doses: Vec<f64> = given.into_iter().flatten().collect();
    let start = doses.first().copied().or(subject.map(|s| s.start)).unwrap_or(0.0);
    let exposure = subject.ok_or_else(|| "not in the run".to_owned()).and_then(|s| run.exposure(s, start));
    let reason = exposure.as_ref().err().cloned();
    let from_start =
        |values: &Vec<Measurement>| values.iter().map(|m| Measurement { day: m.day - start, ..*m }).collect();
    let patient = Patient {
        id: outcomes.id.clone(),
        arm: outcomes.arm.clone(),
        responder: outcomes.responder.clone(),
        last_dose: doses.last().map(|last| last - start),
        exposure: exposure.ok(),
        outcomes: outcomes.values.iter().map(from_start).collect(),
    };
    (patient, reason)
}
