//! Fits of all subjects of a trial in parallel, with results that do not depend on the number of threads.

use crate::goodness::{Goodness, goodness};
use crate::individual::fit_subjects;
use crate::individual_fit::{IndividualFit, Status};
use crate::options::FitOptions;
use crate::prior::Prior;
use crate::reconstruction::{
    Reconstruction, ReconstructionOptions, Trajectory, reconstruct, reconstruct_each,
};
use crate::suppression::Suppression;
use omafit_model::{
    Case, Course, Observation, OutputRows, PerAnalyte, PopulationModel, Predicted, PredictionError, Subject,
};
use rayon::prelude::*;

/// Results of a run for one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectResult {
    /// Individual fit.
    pub fit: IndividualFit,
    /// Prediction of each observation for the typical subject with equal covariates; NaN where it cannot be computed.
    pub pred: Vec<f64>,
    /// Goodness of fit of each analyte that the model predicts.
    pub by_analyte: PerAnalyte<Goodness>,
    /// Goodness of fit of all analytes together.
    pub overall: Goodness,
    /// Time course; empty if the fit failed, the course cannot be solved, or it was not requested.
    pub trajectory: Trajectory,
    /// Facts on free IgE; `None` without a time course, or if the model does not predict free IgE.
    pub suppression: Option<Suppression>,
}

impl SubjectResult {
    /// Akaike's criterion of the subject's data: −2LL + 2·(effective number of parameters + number of own σ).
    pub fn aic(&self) -> f64 {
        self.fit.minus2ll + 2.0 * (self.fit.effective_parameters + self.fit.own_sigmas as f64)
    }
}

/// Largest number of subjects fitted together: enough to solve together efficiently without the last ones waiting long.
const TOGETHER: usize = 64;
/// Smallest number of parts of the work per thread, so that a long part does not delay the end.
const PARTS: usize = 2;

/// Fits some subjects, each given with its position in its trial, reconstructs their courses if `wanted`, and computes
/// goodness of fit. A pure function of its arguments, whose results are bit for bit those of each subject alone. An η
/// may be `known` for each subject, as in [`fit_subjects`].
pub fn process_subjects(
    model: &PopulationModel,
    subjects: &[(u64, &Subject)],
    known: &[Option<&[f64]>],
    prior: Option<&Prior>,
    options: &FitOptions,
    wanted: Option<&ReconstructionOptions>,
) -> Vec<SubjectResult> {
    let alone: Vec<&Subject> = subjects.iter().map(|(_, subject)| *subject).collect();
    let fits = fit_subjects(model, &alone, known, prior, options);
    let pred = typical_predictions_each(model, &alone);
    let whose = subjects.iter().zip(&fits).filter(|(_, fit)| fit.status != Status::Failed);
    let whose: Vec<_> = whose.map(|(&(position, subject), fit)| (position, subject, fit)).collect();
    let courses = wanted.map(|wanted| reconstruct_each(model, &whose, options, wanted));
    let mut courses = courses.unwrap_or_default().into_iter();
    let of = |((subject, fit), pred): ((&Subject, IndividualFit), _)| {
        let course = if fit.status == Status::Failed { None } else { courses.next() };
        judged(model, subject, fit, course, pred)
    };
    alone.into_iter().zip(fits).zip(pred).map(of).collect()
}

/// Reconstructs the course of a subject with a known fit and computes its goodness of fit.
pub fn complete(
    model: &PopulationModel,
    subject: &Subject,
    position: u64,
    options: &FitOptions,
    fit: IndividualFit,
    wanted: &ReconstructionOptions,
) -> SubjectResult {
    let pred = typical_predictions(model, subject);
    let is_sound = fit.status != Status::Failed;
    let course = is_sound.then(|| reconstruct(model, subject, position, options, &fit, wanted));
    judged(model, subject, fit, course, pred)
}

fn judged(
    model: &PopulationModel,
    subject: &Subject,
    mut fit: IndividualFit,
    course: Option<Result<Reconstruction, PredictionError>>,
    pred: Result<Vec<f64>, PredictionError>,
) -> SubjectResult {
    // The estimates are kept even if the course between and after the observations cannot be solved.
    let reconstruction = course.transpose().unwrap_or_else(|error| {
        fit.reason += &format!("; the time course cannot be reconstructed: {error}");
        None
    });
    let reconstruction = reconstruction.unwrap_or_default();
    SubjectResult {
        by_analyte: PerAnalyte::of(model.analytes(), |a| goodness(&fit.errors, subject, &fit.ipred, Some(a))),
        overall: goodness(&fit.errors, subject, &fit.ipred, None),
        pred: pred.unwrap_or_else(|_| vec![f64::NAN; subject.observations.len()]),
        fit,
        trajectory: reconstruction.trajectory,
        suppression: reconstruction.suppression,
    }
}

/// Prediction of each observation for the typical subject with equal covariates.
///
/// # Errors
/// If the model does not apply to the subject or cannot be solved.
pub fn typical_predictions(model: &PopulationModel, subject: &Subject) -> Result<Vec<f64>, PredictionError> {
    let mut found = typical_predictions_each(model, &[subject]);
    found.pop().unwrap_or_else(|| Ok(Vec::new()))
}

/// Typical predictions of several subjects, each bit for bit as [`typical_predictions`].
fn typical_predictions_each(
    model: &PopulationModel,
    subjects: &[&Subject],
) -> Vec<Result<Vec<f64>, PredictionError>> {
    let typical = |subject: &&Subject| {
        let (course, positions) = Course::of_observations(subject)?;
        let parameters = model.typical(&subject.covariates)?;
        Ok((parameters, model.start(&subject.covariates)?, course, positions))
    };
    let typical: Vec<Result<_, PredictionError>> = subjects.iter().map(typical).collect();
    let sound = typical.iter().filter_map(|typical| typical.as_ref().ok());
    let cases: Vec<Case<'_>> =
        sound.map(|(parameters, start, course, _)| Case { parameters, start: *start, course }).collect();
    let mut predicted: Vec<Predicted> = cases.iter().map(|_| Ok(OutputRows::new())).collect();
    model.structure().predict_each(&cases, &mut |k, found| predicted[k] = found.cloned());
    let mut predicted = predicted.into_iter();
    let mut read = |(subject, typical): (&&Subject, &Result<(_, _, _, Vec<usize>), PredictionError>)| {
        let (_, _, _, positions) = typical.as_ref().map_err(Clone::clone)?;
        let values = predicted.next().unwrap_or_else(|| Ok(OutputRows::new()))?;
        let of = |(o, &at): (&Observation, &usize)| {
            model.structure().output(o.analyte).map_or(f64::NAN, |output| values[at][output])
        };
        Ok(subject.observations.iter().zip(positions).map(of).collect())
    };
    subjects.iter().zip(&typical).map(&mut read).collect()
}

/// Processes all subjects in parallel, the longest first; results are in the order of the subjects.
///
/// `first` is the position of the first subject in the trial; `known` contains an η of each subject, or is empty.
/// `go_on` is called once per subject as groups of subjects complete, from any thread; if it returns false, the
/// remaining subjects are skipped and the result is `None`.
#[allow(clippy::too_many_arguments)]
pub fn process_trial(
    model: &PopulationModel,
    subjects: &[Subject],
    first: u64,
    known: &[Vec<f64>],
    prior: Option<&Prior>,
    options: &FitOptions,
    wanted: Option<&ReconstructionOptions>,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<Vec<SubjectResult>> {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(subjects[i].doses.len() + subjects[i].observations.len()));
    let shared = subjects.len().div_ceil(PARTS * rayon::current_num_threads());
    let parts = subjects.len().div_ceil(TOGETHER.min(shared).max(1));
    // Each part contains long and short subjects.
    let some = |part: usize| {
        let some: Vec<usize> = order.iter().copied().skip(part).step_by(parts).collect();
        let here: Vec<_> = some.iter().map(|&i| (first + i as u64, &subjects[i])).collect();
        let known: Vec<Option<&[f64]>> = some.iter().map(|&i| known.get(i).map(Vec::as_slice)).collect();
        let results = process_subjects(model, &here, &known, prior, options, wanted);
        let goes_on = some.iter().fold(true, |goes_on, _| go_on() && goes_on);
        goes_on.then(|| some.iter().copied().zip(results).collect::<Vec<_>>())
    };
    let results: Vec<Vec<(usize, SubjectResult)>> =
        (0..parts).into_par_iter().with_max_len(1).map(some).collect::<Option<_>>()?;
    let mut results: Vec<(usize, SubjectResult)> = results.into_iter().flatten().collect();
    results.sort_by_key(|(i, _)| *i);
    Some(results.into_iter().map(|(_, result)| result).collect())
}
