//! Fits of a single subject: to its own data alone (NLS), or with the population as prior (MAP).

use crate::best::{
    Found, diverging, missing_curvatures, or_known, search_from, search_on, weighted_residuals,
};
use crate::descent::{Minimum, minimise_each};
use crate::individual_fit::{IndividualFit, Limit, Status};
use crate::least_squares::StopReason;
use crate::likelihood::{ResidualErrors, constant, residual_errors};
use crate::options::{FitOptions, Method, SigmaRule, free_names};
use crate::prior::Prior;
use crate::problem::{SubjectError, SubjectProblem};
use crate::profile::profile_interval;
use crate::sigma::with_own_sigma;
use crate::uncertainty::Uncertainty;
use nalgebra::DMatrix;
use omafit_model::{PopulationModel, Subject};

/// Fits one subject.
///
/// `prior` refers to positions among `options.free`; it is used by [`Method::Map`] only.
pub fn fit_subject(
    model: &PopulationModel,
    subject: &Subject,
    prior: Option<&Prior>,
    options: &FitOptions,
) -> IndividualFit {
    settled(
        model,
        subject,
        prior,
        options,
        search(model, subject, prior, options, &residual_errors(model), None),
    )
}

/// Fits several subjects with solutions computed together; each result is bit for bit that of [`fit_subject`]. An η may
/// be known for each subject, such as the population's; if the objective is lower there, the fit is the minimum near
/// it.
pub fn fit_subjects(
    model: &PopulationModel,
    subjects: &[&Subject],
    known: &[Option<&[f64]>],
    prior: Option<&Prior>,
    options: &FitOptions,
) -> Vec<IndividualFit> {
    let errors = residual_errors(model);
    let used = prior.filter(|_| options.method == Method::Map);
    let new = |subject| SubjectProblem::new(model, subject, &options.free, used, &errors);
    let problems: Vec<_> =
        subjects.iter().map(|&subject| new(subject).map(SubjectProblem::for_a_fit)).collect();
    let sound: Vec<&SubjectProblem<'_>> = problems.iter().filter_map(|p| p.as_ref().ok()).collect();
    let start = vec![0.0; options.free.len()];
    let first = minimise_each(&sound, &start, options.max_iterations, options.may_be_bent());
    let whose: Vec<(&Subject, Option<&[f64]>)> = (0..subjects.len())
        .filter(|&i| problems[i].is_ok())
        .map(|i| (subjects[i], known.get(i).copied().flatten()))
        .collect();
    let best = |((problem, (subject, known)), first)| {
        or_known(problem, options, search_on(problem, subject, options, &errors, first), known)
    };
    let found: Vec<Found> = sound.iter().copied().zip(whose).zip(first).map(best).collect();
    let missing = missing_curvatures(&sound, &found, options);
    let mut found = found.into_iter().zip(missing);
    let one = |(&subject, problem): (&&Subject, &Result<SubjectProblem<'_>, SubjectError>)| {
        let fit = match problem {
            Ok(problem) => match found.next() {
                Some((found, missing)) => {
                    finish(problem, subject, model, used, options, &errors, found, missing)
                }
                None => search(model, subject, prior, options, &errors, None),
            },
            Err(error) => failed(model, subject, options, &errors, error),
        };
        settled(model, subject, prior, options, fit)
    };
    subjects.iter().zip(&problems).map(one).collect()
}

/// Refits a subject with its own residual errors, if these are to be estimated.
fn settled(
    model: &PopulationModel,
    subject: &Subject,
    prior: Option<&Prior>,
    options: &FitOptions,
    fit: IndividualFit,
) -> IndividualFit {
    if options.sigma != SigmaRule::Subject || fit.status == Status::Failed {
        return fit;
    }
    let last = FitOptions { further_starts: 0, ..options.clone() };
    let between = last.in_passing();
    with_own_sigma(model, subject, options, fit, |errors, eta, settled| {
        search(model, subject, prior, if settled { &last } else { &between }, errors, Some(eta))
    })
}

/// Fits one subject with the model's residual errors, from `start` alone if it is given.
pub(crate) fn fit_from(
    model: &PopulationModel,
    subject: &Subject,
    prior: Option<&Prior>,
    options: &FitOptions,
    start: Option<&[f64]>,
) -> IndividualFit {
    let further_starts = if start.is_some() { 0 } else { options.further_starts };
    let options = FitOptions { further_starts, ..options.in_passing() };
    search(model, subject, prior, &options, &residual_errors(model), start)
}

/// Finds the best minimum from `start`, or from the typical subject, and from further starts if the first fit is not
/// good.
fn search(
    model: &PopulationModel,
    subject: &Subject,
    prior: Option<&Prior>,
    options: &FitOptions,
    errors: &ResidualErrors,
    start: Option<&[f64]>,
) -> IndividualFit {
    let prior = prior.filter(|_| options.method == Method::Map);
    let problem = match SubjectProblem::new(model, subject, &options.free, prior, errors) {
        Ok(problem) => problem.for_a_fit(),
        Err(error) => return failed(model, subject, options, errors, &error),
    };
    let found = search_from(&problem, subject, options, errors, start);
    finished(&problem, subject, model, prior, options, errors, found)
}

/// Completes the fit of one subject with [`finish`].
fn finished(
    problem: &SubjectProblem<'_>,
    subject: &Subject,
    model: &PopulationModel,
    prior: Option<&Prior>,
    options: &FitOptions,
    errors: &ResidualErrors,
    found: Found,
) -> IndividualFit {
    let missing = missing_curvatures(&[problem], std::slice::from_ref(&found), options).pop().flatten();
    finish(problem, subject, model, prior, options, errors, found, missing)
}

/// Describes the fit that ended at `eta` with the given residual `errors`, bit for bit as the fit did. The search is
/// repeated only if the curvature may stem from a point on the path of the descent, one last step away; if the repeated
/// search ends elsewhere, and for all other fits, the curvature is evaluated at `eta`, iterations and starts are zero,
/// and the reason is that of a converged fit.
pub fn fit_at(
    model: &PopulationModel,
    subject: &Subject,
    prior: Option<&Prior>,
    options: &FitOptions,
    errors: &ResidualErrors,
    eta: &[f64],
) -> IndividualFit {
    let prior = prior.filter(|_| options.method == Method::Map);
    let problem = match SubjectProblem::new(model, subject, &options.free, prior, errors) {
        Ok(problem) => problem.for_a_fit(),
        Err(error) => return failed(model, subject, options, errors, &error),
    };
    let is_there = eta.iter().all(|eta| eta.is_finite());
    if is_there && options.may_be_bent() && problem.has_exact_hessian() {
        let found = search_from(&problem, subject, options, errors, None);
        if found.best.eta == eta {
            return finished(&problem, subject, model, prior, options, errors, found);
        }
    }
    let at = match problem.linearise(eta) {
        Ok(at) => at,
        Err(error) => return failed(model, subject, options, errors, &error),
    };
    let (stop, iterations) = (StopReason::Converged, 0);
    let minimum = Minimum { eta: eta.to_vec(), at: Some(at), stop, iterations, missing: None };
    let run_off = diverging(&problem, &minimum);
    let found = Found { best: minimum, run_off, starts: 0 };
    finished(&problem, subject, model, prior, options, errors, found)
}

#[allow(clippy::too_many_arguments)]
fn finish(
    problem: &SubjectProblem<'_>,
    subject: &Subject,
    model: &PopulationModel,
    prior: Option<&Prior>,
    options: &FitOptions,
    errors: &ResidualErrors,
    Found { best: minimum, run_off, starts }: Found,
    missing: Option<Result<DMatrix<f64>, SubjectError>>,
) -> IndividualFit {
    let unknowns = options.free.len();
    let observations = subject.observations.len();
    let names = free_names(model, options);
    let excluded: Vec<usize> = run_off.iter().map(|(i, _)| *i).collect();
    let Some(at) = &minimum.at else {
        let mut fit = failed(model, subject, options, errors, &minimum.stop);
        fit.starts = starts;
        return fit;
    };
    let data_rows = at.jacobian.rows(0, at.informative.len()).into_owned();
    let gauss_newton = Uncertainty::new(&at.jacobian, &excluded);
    let data_information = Uncertainty::new(&data_rows, &excluded);
    let mut leverages_of_all = vec![0.0; observations];
    for (&observation, leverage) in at.informative.iter().zip(leverages(&data_rows, &gauss_newton)) {
        leverages_of_all[observation] = leverage;
    }
    let leverages = leverages_of_all;
    let prior_ssq = at.residuals.rows_range(at.informative.len()..).norm_squared();
    let data = at.objective - prior_ssq;
    let constants = |full: bool| -> f64 {
        let laws = subject.observations.iter().filter_map(|o| Some((o, *errors.get(o.analyte)?)));
        laws.map(|(o, law)| constant(o, law, full)).sum()
    };
    let curvature = prior.map_or(0.0, |p| p.log_determinant() + log_determinant(&at.jacobian));
    let mut reason = minimum.stop.to_string();
    let uncertainty =
        match missing.map(|missing| missing.map(|missing| gauss_newton.with_curvature(&missing))) {
            None => gauss_newton,
            Some(Ok(Some(uncertainty))) => uncertainty,
            Some(Ok(None)) => {
                reason += "; the curvature there is not that of a minimum: uncertainty from JᵀJ alone";
                gauss_newton
            }
            Some(Err(error)) => {
                reason += &format!("; uncertainty from JᵀJ alone, as no second derivatives: {error}");
                gauss_newton
            }
        };
    let open: Vec<usize> =
        (0..unknowns).filter(|&i| uncertainty.se_log(i).is_none() && !excluded.contains(&i)).collect();
    let says_nothing = at.informative.is_empty();
    if says_nothing {
        reason = "nothing was observed that depends on the parameters: they are those of the typical patient"
            .into();
    }
    let status = match (&minimum.stop, run_off.is_empty() && open.is_empty() && !says_nothing) {
        (stop, true) if stop.is_minimum() => Status::Ok,
        (stop, false) if stop.is_minimum() || stop.is_stalled() => Status::NotDetermined,
        _ => Status::Failed,
    };
    for (i, limit) in &run_off {
        let whither = if *limit == Limit::Zero { "to zero" } else { "to infinity" };
        reason += &format!("; {} runs {whither}: not determined", names[*i]);
    }
    if !open.is_empty() {
        let open: Vec<&str> = open.iter().map(|&i| names[i]).collect();
        reason += &format!("; not determined by the data: {}", open.join(", "));
    }
    let profile = options.profile.map_or(Vec::new(), |level| {
        let around = (&minimum.eta[..], at.objective);
        let interval = |i| {
            // If the standard error is unknown, the profile begins with a factor of e.
            let se = uncertainty.se_log(i).unwrap_or(1.0);
            profile_interval(problem, around, (i, se), level, options.max_iterations)
        };
        (0..unknowns).map(interval).collect()
    });
    let mut fit = IndividualFit {
        status,
        reason,
        iterations: minimum.iterations,
        starts,
        parameters: problem.parameters(&minimum.eta),
        log_slopes: problem.log_slopes(&minimum.eta),
        run_off,
        effective_parameters: leverages.iter().sum(),
        leverages,
        own_sigmas: 0,
        ssq: weighted_residuals(errors, subject, &at.predictions).map(|(_, z)| z * z).sum(),
        prior_ssq,
        ofv: data + constants(false) + prior_ssq + curvature,
        minus2ll: data + constants(true),
        gradient_norm: 2.0 * at.jacobian.tr_mul(&at.residuals).norm(),
        ipred: at.predictions.clone(),
        errors: errors.clone(),
        eta: minimum.eta,
        uncertainty,
        profile,
        data_information,
    };
    if status == Status::Failed {
        fit.fail(model, options, "");
    }
    fit
}

/// The fit of a subject for whom nothing could be computed.
fn failed(
    model: &PopulationModel,
    subject: &Subject,
    options: &FitOptions,
    errors: &ResidualErrors,
    why: &dyn std::fmt::Display,
) -> IndividualFit {
    let nothing = DMatrix::zeros(0, options.free.len());
    let unknown = vec![f64::NAN; subject.observations.len()];
    IndividualFit {
        status: Status::Failed,
        reason: why.to_string(),
        iterations: 0,
        starts: 1,
        eta: vec![f64::NAN; options.free.len()],
        log_slopes: vec![f64::NAN; options.free.len()],
        parameters: vec![f64::NAN; model.parameters().len()],
        run_off: Vec::new(),
        uncertainty: Uncertainty::new(&nothing, &[]),
        profile: Vec::new(),
        data_information: Uncertainty::new(&nothing, &[]),
        ssq: f64::NAN,
        prior_ssq: f64::NAN,
        ofv: f64::NAN,
        minus2ll: f64::NAN,
        effective_parameters: f64::NAN,
        leverages: unknown.clone(),
        own_sigmas: 0,
        gradient_norm: f64::NAN,
        ipred: unknown,
        errors: errors.clone(),
    }
}

/// Number of standard deviations ω beyond which an η is far outside the population.
const FAR: f64 = 5.0;

/// The parameter of a fit with a prior whose η is farthest outside the population, with η in standard deviations ω;
/// `None` if no η is beyond five.
pub fn farthest(
    model: &PopulationModel,
    options: &FitOptions,
    fit: &IndividualFit,
) -> Option<(&'static str, f64)> {
    if options.method != Method::Map || fit.status == Status::Failed {
        return None;
    }
    let n = model.variable().len();
    let names = free_names(model, options);
    let in_sds = options.free.iter().zip(&fit.eta).zip(names).filter_map(|((parameter, eta), name)| {
        let row = model.variable().iter().position(|i| i == parameter)?;
        Some((name, eta / model.omega()[row * (n + 1)].sqrt()))
    });
    in_sds.filter(|(_, sds)| sds.abs() > FAR).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
}

/// ln |JᵀJ|, from the triangular factor of J.
pub(crate) fn log_determinant(jacobian: &DMatrix<f64>) -> f64 {
    jacobian.clone().qr().unpack_r().diagonal().map(|d| 2.0 * d.abs().ln()).sum()
}

/// The leverage of each row of the data.
fn leverages(data_rows: &DMatrix<f64>, uncertainty: &Uncertainty) -> Vec<f64> {
    let determined = uncertainty.directions().iter().filter(|d| d.sd.is_finite());
    let mut leverages = vec![0.0; data_rows.nrows()];
    for direction in determined {
        let along = data_rows * nalgebra::DVector::from_column_slice(&direction.loadings);
        for (leverage, along) in leverages.iter_mut().zip(along.iter()) {
            *leverage += (along * direction.sd).powi(2);
        }
    }
    leverages
}
