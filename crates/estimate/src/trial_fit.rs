//! Every subject of a trial, in parallel, with results that do not depend on how many threads there are.

use crate::goodness::{Goodness, goodness};
use crate::individual::{FitOptions, IndividualFit, Status, fit_subject};
use crate::prior::Prior;
use crate::reconstruction::{Grid, Suppression, Trajectory, reconstruct, suppression};
use omafit_model::{Analyte, Course, Observation, PopulationModel, PredictionError, Subject};
use rayon::prelude::*;

/// All that a run says of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectResult {
    /// The fit.
    pub fit: IndividualFit,
    /// Prediction of each observation for the typical subject with the same covariates; NaN where it cannot be computed.
    pub pred: Vec<f64>,
    /// Goodness of fit of each analyte, in the order of their `DVID`.
    pub by_analyte: [Goodness; 3],
    /// Goodness of fit overall.
    pub overall: Goodness,
    /// The time course; empty when the fit failed.
    pub trajectory: Trajectory,
    /// How free IgE was held down; `None` for a subject without a dose or a failed fit.
    pub suppression: Option<Suppression>,
}

impl SubjectResult {
    /// Akaike's criterion of the subject's data: −2LL + 2·(parameters in effect and σ of its own).
    pub fn aic(&self) -> f64 {
        self.fit.minus2ll + 2.0 * (self.fit.effective_parameters + self.fit.own_sigmas as f64)
    }
}

/// Fits, reconstructs and judges one subject: a pure function of its arguments.
pub fn process_subject(
    model: &PopulationModel,
    subject: &Subject,
    prior: Option<&Prior>,
    options: &FitOptions,
    grid: &Grid,
    target_ng_ml: f64,
) -> SubjectResult {
    complete(model, subject, options, fit_subject(model, subject, prior, options), grid, target_ng_ml)
}

/// Reconstructs and judges a subject whose fit is known.
pub fn complete(
    model: &PopulationModel,
    subject: &Subject,
    options: &FitOptions,
    mut fit: IndividualFit,
    grid: &Grid,
    target_ng_ml: f64,
) -> SubjectResult {
    let (mut trajectory, mut held) = (Trajectory::default(), None);
    if fit.status != Status::Failed {
        let course = reconstruct(model, subject, options, &fit, grid).and_then(|t| {
            let held = suppression(model, subject, &fit, &t, target_ng_ml)?;
            Ok((t, held))
        });
        match course {
            Ok(done) => (trajectory, held) = done,
            Err(error) => {
                fit.fail(model, options, &format!("; the time course cannot be reconstructed: {error}"));
            }
        }
    }
    SubjectResult {
        by_analyte: Analyte::ALL.map(|a| goodness(&fit.errors, subject, &fit.ipred, Some(a))),
        overall: goodness(&fit.errors, subject, &fit.ipred, None),
        pred: typical_predictions(model, subject)
            .unwrap_or_else(|_| vec![f64::NAN; subject.observations.len()]),
        fit,
        trajectory,
        suppression: held,
    }
}

/// Prediction of each observation for the typical subject with the same covariates.
///
/// # Errors
/// When the model does not apply to the subject or cannot be solved.
pub fn typical_predictions(model: &PopulationModel, subject: &Subject) -> Result<Vec<f64>, PredictionError> {
    let (course, positions) = Course::of_observations(subject)?;
    let mut out = Vec::new();
    model.predict(&model.typical(&subject.covariates)?, &subject.covariates, &course, &mut out)?;
    let read = |(o, &at): (&Observation, &usize)| out[at].to_array()[o.analyte.index()];
    Ok(subject.observations.iter().zip(&positions).map(read).collect())
}

/// Processes every subject in parallel, the longest first; results are in the subjects' order.
///
/// `done` is called once a subject, from any thread, with its position.
pub fn process_trial(
    model: &PopulationModel,
    subjects: &[Subject],
    prior: Option<&Prior>,
    options: &FitOptions,
    grid: &Grid,
    target_ng_ml: f64,
    done: &(dyn Fn(usize) + Sync),
) -> Vec<SubjectResult> {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(subjects[i].doses.len() + subjects[i].observations.len()));
    let mut results: Vec<(usize, SubjectResult)> = order
        .into_par_iter()
        .with_max_len(1)
        .map(|i| {
            let result = process_subject(model, &subjects[i], prior, options, grid, target_ng_ml);
            done(i);
            (i, result)
        })
        .collect();
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}
