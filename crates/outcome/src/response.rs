//! Simulated outcomes for demonstrations and studies; no patient data.

use crate::delay::{DelayModel, DriverKnots};
use crate::exposure::{Exposure, ExposureCourse};
use crate::virtual_trial::{Design, VirtualTrialError};
use omafit_estimate::{Noise, SubjectStream, draw_parameters};
use omafit_model::{PopulationModel, Subject};

/// A simulated outcome: B_i + P_i·(1 − e^(−κt)) + E_i·w(t) + ε for each patient, where w follows a delay model on the
/// patient's free IgE.
#[derive(Clone, Debug, PartialEq)]
pub struct MadeUp {
    /// The name of the outcome.
    pub name: &'static str,
    /// The unit of the outcome.
    pub unit: &'static str,
    /// Mean and standard deviation of B.
    pub baseline: (f64, f64),
    /// Mean and standard deviation of P, the placebo response of all patients, and its rate κ, 1/d.
    pub placebo: ((f64, f64), f64),
    /// Mean and standard deviation of E in responders; E is 0 in non-responders.
    pub effect: (f64, f64),
    /// Standard deviation of ε.
    pub error: f64,
    /// The lowest possible value; lower values are set to it.
    pub least: f64,
    /// Number of decimals.
    pub decimals: i32,
    /// The delay model and its parameter values.
    pub model: (DelayModel, Vec<f64>),
}

/// The true exposure of patient `index` of a virtual trial, as simulated by [`patient`](crate::patient), from the first
/// dose to the last day of follow-up.
///
/// # Errors
/// When the model cannot be solved for the patient.
pub fn true_exposure(
    model: &PopulationModel,
    design: &Design,
    seed: u64,
    index: u64,
    subject: &Subject,
) -> Result<ExposureCourse, VirtualTrialError> {
    let mut stream = SubjectStream::new(seed, index);
    design.enrol(&mut stream)?;
    let id = || subject.id.clone();
    let parameters = draw_parameters(model, &subject.covariates, Noise::ALL, &mut stream)
        .map_err(|source| VirtualTrialError::Patient { id: id(), source })?;
    let end = design.treatment_days + design.follow_up_days;
    ExposureCourse::solve(model, &parameters, subject, [0.0, end])
        .map_err(|source| VirtualTrialError::Exposure { id: id(), source })
}

/// Simulates a patient's outcomes on days after the first dose (at the baseline before it): whether the patient
/// responds, and the days and values of each outcome. `responding` is the fraction of patients who respond.
pub fn make_up(
    outcomes: &[MadeUp],
    exposure: &ExposureCourse,
    days: &[f64],
    responding: f64,
    stream: &mut SubjectStream,
) -> (bool, Vec<Vec<(f64, f64)>>) {
    let knots = DriverKnots::new(exposure, Exposure::IgeFree, days);
    let responds = stream.uniform() < responding;
    let mut made = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let (model, values) = &outcome.model;
        let shape = model.shape(values, knots.driver());
        let baseline = outcome.baseline.0 + outcome.baseline.1 * stream.normal();
        let effect = outcome.effect.0 + outcome.effect.1 * stream.normal();
        let effect = if responds { effect } else { 0.0 };
        let unit = 10.0_f64.powi(outcome.decimals);
        let ((mean, sd), rate) = outcome.placebo;
        let placebo = if mean == 0.0 && sd == 0.0 { 0.0 } else { mean + sd * stream.normal() };
        let value = |k: usize, z: f64| {
            let course = placebo * -(-rate * days[k].max(0.0)).exp_m1();
            let exact = baseline + course + effect * knots.read(&shape, k) + outcome.error * z;
            (exact.max(outcome.least) * unit).round() / unit
        };
        let each = days.iter().enumerate();
        made.push(each.map(|(k, &day)| (day, value(k, stream.normal()))).collect());
    }
    (responds, made)
}
