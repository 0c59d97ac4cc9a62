//! Every subject of a trial, in parallel, with results that do not depend on how many threads there are.

use crate::goodness::{Goodness, goodness};
use crate::individual::{FitOptions, IndividualFit, Status, fit_subject};
use crate::prior::Prior;
use crate::reconstruction::{Reconstruction, ReconstructionOptions, Trajectory, reconstruct};
use crate::suppression::Suppression;
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
    /// What the time course says of free IgE; `None` of a failed fit, or where the model predicts none.
    pub suppression: Option<Suppression>,
}

impl SubjectResult {
    /// Akaike's criterion of the subject's data: −2LL + 2·(parameters in effect and σ of its own).
    pub fn aic(&self) -> f64 {
        self.fit.minus2ll + 2.0 * (self.fit.effective_parameters + self.fit.own_sigmas as f64)
    }
}

/// Fits, reconstructs and judges one subject, the `position`-th of its trial: a pure function of its arguments.
pub fn process_subject(
    model: &PopulationModel,
    subject: &Subject,
    position: u64,
    prior: Option<&Prior>,
    options: &FitOptions,
    wanted: &ReconstructionOptions,
) -> SubjectResult {
    complete(model, subject, position, options, fit_subject(model, subject, prior, options), wanted)
}

/// Reconstructs and judges a subject whose fit is known.
pub fn complete(
    model: &PopulationModel,
    subject: &Subject,
    position: u64,
    options: &FitOptions,
    mut fit: IndividualFit,
    wanted: &ReconstructionOptions,
) -> SubjectResult {
    let mut reconstruction = Reconstruction::default();
    if fit.status != Status::Failed {
        match reconstruct(model, subject, position, options, &fit, wanted) {
            Ok(done) => reconstruction = done,
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
        trajectory: reconstruction.trajectory,
        suppression: reconstruction.suppression,
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
/// `first` is the position of the first of them in the trial. `go_on` is called after each subject, from any thread; when
/// it says no, the rest is left and the answer is `None`.
pub fn process_trial(
    model: &PopulationModel,
    subjects: &[Subject],
    first: u64,
    prior: Option<&Prior>,
    options: &FitOptions,
    wanted: &ReconstructionOptions,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<SubjectResult>> {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(subjects[i].doses.len() + subjects[i].observations.len()));
    let one = |i: usize| {
        let result = process_subject(model, &subjects[i], first + i as u64, prior, options, wanted);
        go_on().then_some((i, result))
    };
    let mut results: Vec<(usize, SubjectResult)> =
        order.into_par_iter().with_max_len(1).map(one).collect::<Option<_>>()?;
    results.sort_by_key(|(i, _)| *i);
    Some(results.into_iter().map(|(_, result)| result).collect())
}
