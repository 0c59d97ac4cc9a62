//! Simulated outcomes, for tours and studies: no patient's.

use crate::delay::{DelayModel, Driver};
use crate::virtual_trial::{Design, VirtualTrialError};
use omafit_estimate::{Noise, SubjectStream, draw_parameters};
use omafit_model::{Concentrations, Course, DEFAULT_RTOL, Output, OutputTime, PopulationModel, Subject};

/// How an outcome is made up: a value B_i + E_i·w(t) + ε of each patient, w that of a delay model on the patient's own
/// free IgE.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeUp {
    /// What it is.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Mean and standard deviation of B.
    pub baseline: (f64, f64),
    /// Mean and standard deviation of E of those who respond; the others have 0.
    pub effect: (f64, f64),
    /// Standard deviation of ε.
    pub error: f64,
    /// What lies below is this.
    pub least: f64,
    /// Digits behind the point.
    pub decimals: i32,
    /// The delay model and the values of its parameters.
    pub model: (DelayModel, Vec<f64>),
}

/// The true concentrations of patient `index` of a virtual trial, as [`patient`](crate::patient) made it, on the days 0, 1, … to
/// the last.
///
/// # Errors
/// When the model cannot be solved for the patient.
pub fn true_course(
    model: &PopulationModel,
    design: &Design,
    seed: u64,
    index: u64,
    subject: &Subject,
) -> Result<Vec<Concentrations<f64>>, VirtualTrialError> {
    let mut stream = SubjectStream::new(seed, index);
    design.enrol(&mut stream)?;
    let failed = |source| VirtualTrialError::Patient { id: subject.id.clone(), source };
    let parameters = draw_parameters(model, &subject.covariates, Noise::ALL, &mut stream).map_err(failed)?;
    let end = design.treatment_days + design.follow_up_days;
    let at = |day: u32| {
        let time = f64::from(day);
        OutputTime { time, doses_before: subject.doses.partition_point(|d| d.time < time) }
    };
    let times = (0..=end as u32).map(at).collect();
    let course = Course::new(subject.start, subject.doses.clone(), times, Output::Interpolated)
        .map_err(|error| failed(error.into()))?
        .with_rtol(DEFAULT_RTOL);
    let mut found = Vec::new();
    model
        .predict(&parameters, &subject.covariates, &course, &mut found)
        .map_err(|error| failed(error.into()))?;
    Ok(found)
}

/// The free IgE of [`true_course`], ng/mL.
///
/// # Errors
/// As of [`true_course`].
pub fn true_free_ige(
    model: &PopulationModel,
    design: &Design,
    seed: u64,
    index: u64,
    subject: &Subject,
) -> Result<Vec<f64>, VirtualTrialError> {
    let course = true_course(model, design, seed, index, subject)?;
    Ok(course.into_iter().map(|c| c.ige_free).collect())
}

/// Makes up a patient's outcomes on these days after the first dose (before it at the baseline): whether the patient
/// responds, and of each outcome the days and values. `responding` is the part of the patients who respond.
pub fn make_up(
    outcomes: &[MadeUp],
    ige_free: &[f64],
    days: &[f64],
    responding: f64,
    stream: &mut SubjectStream,
) -> (bool, Vec<Vec<(f64, f64)>>) {
    let log_ige_free: Vec<f64> = ige_free.iter().map(|c| c.ln()).collect();
    let driver = Driver { value: ige_free, log: &log_ige_free };
    let responds = stream.uniform() < responding;
    let mut made = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let (model, values) = &outcome.model;
        let daily = model.shape(values, driver);
        let baseline = outcome.baseline.0 + outcome.baseline.1 * stream.normal();
        let effect = outcome.effect.0 + outcome.effect.1 * stream.normal();
        let effect = if responds { effect } else { 0.0 };
        let unit = 10.0_f64.powi(outcome.decimals);
        let value = |day: f64, z: f64| {
            let exact =
                baseline + effect * crate::delay::read_at(|d| daily.get(d).copied(), day) + outcome.error * z;
            (exact.max(outcome.least) * unit).round() / unit
        };
        made.push(days.iter().map(|&day| (day, value(day, stream.normal()))).collect());
    }
    (responds, made)
}
