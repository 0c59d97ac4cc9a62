//! The best minimum of a subject's objective from one or more starts, its diverging parameters and its missing
//! curvature.

use crate::descent::{Minimum, minimise, minimise_from};
use crate::individual_fit::Limit;
use crate::likelihood::{ErrorDistribution, ResidualErrors, StandardisedDensity as _, weighted_residual};
use crate::options::FitOptions;
use crate::problem::{SubjectError, SubjectProblem};
use crate::starts::{normal_start, scattered_start};
use nalgebra::DMatrix;
use omafit_model::{Observation, ResidualDistribution, Subject};

/// Distance of η from the typical subject, a factor of about twenty, beyond which a parameter is checked for
/// divergence.
const FAR: f64 = 3.0;
/// Mean deviance per observation (the squared weighted residual if residuals are normal) above which a fit is poor.
const POOR: f64 = 2.0;

/// The best minimum of a subject, the parameters that diverge there and the number of starts.
pub(crate) struct Found {
    pub best: Minimum,
    pub run_off: Vec<(usize, Limit)>,
    pub starts: usize,
}

/// Finds the best minimum from `start`, or from the typical subject, and from further starts if the first fit is not
/// good.
pub(crate) fn search_from(
    problem: &SubjectProblem<'_>,
    subject: &Subject,
    options: &FitOptions,
    errors: &ResidualErrors,
    start: Option<&[f64]>,
) -> Found {
    let start = start.map_or_else(|| vec![0.0; options.free.len()], <[f64]>::to_vec);
    let first = minimise(problem, start, options.max_iterations, options.may_be_bent());
    search_on(problem, subject, options, errors, first)
}

/// Finds the best of a first minimum and, if that is not good, the minima from further starts.
pub(crate) fn search_on(
    problem: &SubjectProblem<'_>,
    subject: &Subject,
    options: &FitOptions,
    errors: &ResidualErrors,
    mut best: Minimum,
) -> Found {
    let mut starts = 1;
    // A later minimum replaces the first only if it is lower by more than the accuracy of the sum.
    let is_better = |next: &Minimum, best: &Minimum| {
        let (old, new) = (best.cost(), next.cost());
        new.is_finite() && !(new > old - 1e-8 * (1.0 + old.abs()))
    };
    if let Some(prior) = problem.prior().filter(|prior| options.further_starts > 0 && prior.is_wide()) {
        let unknowns = options.free.len();
        let spread: Vec<Vec<f64>> =
            (0..options.further_starts).map(|index| prior.spread(normal_start(unknowns, index))).collect();
        for next in minimise_from(problem, spread, options.max_iterations, options.may_be_bent()) {
            starts += 1;
            if is_better(&next, &best) {
                best = next;
            }
        }
    }
    let mut run_off = diverging(problem, &best);
    let poor = |m: &Minimum| {
        let misfit = m.at.as_ref().map_or(f64::INFINITY, |at| {
            weighted_residuals(errors, subject, &at.predictions).map(|(shape, z)| shape.deviance(z)).sum()
        });
        misfit > POOR * subject.observations.len().max(1) as f64
    };
    if !best.converged() || !run_off.is_empty() || poor(&best) {
        for further in 0..options.further_starts {
            starts += 1;
            let start = scattered_start(options.free.len(), further);
            let next = minimise(problem, start, options.max_iterations, options.may_be_bent());
            if is_better(&next, &best) {
                best = next;
            }
        }
        run_off = diverging(problem, &best);
    }
    Found { best, run_off, starts }
}

/// Returns `found`, or the minimum reached from a known η if the objective at that η is lower.
pub(crate) fn or_known(
    problem: &SubjectProblem<'_>,
    options: &FitOptions,
    found: Found,
    known: Option<&[f64]>,
) -> Found {
    let lower = |eta: &&[f64]| {
        let there = problem.linearise(eta).map_or(f64::INFINITY, |at| at.objective);
        let cost = found.best.cost();
        there < cost - 1e-6 * (1.0 + cost.abs())
    };
    let Some(eta) = known.filter(lower) else { return found };
    let next = minimise(problem, eta.to_vec(), options.max_iterations, options.may_be_bent());
    // The missing curvature is left to be evaluated at the minimum, independently of the path of the descent.
    let best = Minimum { missing: None, ..next };
    let run_off = diverging(problem, &best);
    Found { best, run_off, starts: found.starts + 1 }
}

/// Parameters that are far from typical and could change a hundredfold further with no increase in the objective.
pub(crate) fn diverging(problem: &SubjectProblem<'_>, minimum: &Minimum) -> Vec<(usize, Limit)> {
    let cost = minimum.cost();
    let mut found = Vec::new();
    for (i, &eta) in minimum.eta.iter().enumerate() {
        if eta.abs() < FAR {
            continue;
        }
        let mut further = minimum.eta.clone();
        further[i] += eta.signum() * 100.0_f64.ln();
        let beyond = problem.linearise(&further).map_or(f64::INFINITY, |at| at.objective);
        if beyond - cost < 1e-4 * (1.0 + cost.abs()) {
            found.push((i, if eta < 0.0 { Limit::Zero } else { Limit::Infinity }));
        }
    }
    found
}

/// The part of the curvature that JᵀJ omits at each minimum; `None` where it is not wanted or the objective has no
/// value.
pub(crate) fn missing_curvatures(
    problems: &[&SubjectProblem<'_>],
    found: &[Found],
    options: &FitOptions,
) -> Vec<Option<Result<DMatrix<f64>, SubjectError>>> {
    let mut all: Vec<Option<_>> = found.iter().map(|_| None).collect();
    if options.is_curved() {
        let (mut whose, mut points) = (Vec::new(), Vec::new());
        for (k, (problem, Found { best, .. })) in problems.iter().zip(found).enumerate() {
            if let Some(missing) = &best.missing {
                all[k] = Some(Ok(missing.clone()));
            } else if let Some(at) = &best.at {
                whose.push(k);
                points.push((*problem, best.eta.as_slice(), at.predictions.as_slice()));
            }
        }
        let missing = SubjectProblem::missing_curvature_each(&points);
        whose.into_iter().zip(missing).for_each(|(k, missing)| all[k] = Some(missing));
    }
    all
}

/// The weighted residuals of the quantified observations, with the distribution of each.
pub(crate) fn weighted_residuals(
    errors: &ResidualErrors,
    subject: &Subject,
    predictions: &[f64],
) -> impl Iterator<Item = (ResidualDistribution, f64)> {
    let residuals = subject.observations.iter().zip(predictions);
    let residual = |(o, f): (&Observation, &f64)| {
        let ErrorDistribution { error, shape } = *errors.get(o.analyte)?;
        Some((shape, weighted_residual(o, error, *f)))
    };
    residuals.filter_map(residual).filter(|(_, z)| !z.is_nan())
}
