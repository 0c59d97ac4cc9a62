//! Patients with known free IgE, for tests and studies of outcomes.

use omafit_outcome::{
    Aligned, Alignment, CourseColumns, ExposureCourse, Measurement, OutcomeBaseline, OutcomeType, Patient,
    VisitRule, Window, align,
};

/// A patient with this free IgE (ng/mL) on days 0, 1, … and one outcome (days and values).
#[allow(dead_code)] // Of tests.
pub fn driven(id: usize, ige_free: &[f64], last_dose: f64, outcome: Vec<(f64, f64)>) -> Patient {
    let day: Vec<f64> = (0..ige_free.len()).map(|d| d as f64).collect();
    let columns = CourseColumns {
        day: &day,
        ige_free,
        omalizumab_total: &vec![1.0; day.len()],
        ige_total: &vec![500.0; day.len()],
    };
    followed(id, ExposureCourse::new(&columns), last_dose, outcome)
}

/// A patient with this exposure and one outcome (days and values).
pub fn followed(
    id: usize,
    exposure: Option<ExposureCourse>,
    last_dose: f64,
    outcome: Vec<(f64, f64)>,
) -> Patient {
    Patient {
        id: id.to_string(),
        arm: String::new(),
        responder: String::new(),
        last_dose: Some(last_dose),
        exposure,
        outcomes: vec![outcome.into_iter().map(Measurement::from).collect()],
    }
}

/// The first outcome of patients aligned to the days of its values.
#[allow(dead_code)] // Of studies, and a test.
pub fn aligned(patients: &[Patient], window: Window) -> Aligned {
    let visits = VisitRule::seen(patients);
    align(
        patients,
        0,
        OutcomeType::Continuous,
        &Alignment { baseline: OutcomeBaseline::Last, visits, half_width: None, window },
    )
}
