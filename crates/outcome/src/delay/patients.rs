//! Maximum likelihood fits of outcome models to patients, with random effects.
//!
//! The values of patient i are y_ij = B_i + P_i·g(t_ij) + E_i·w_i(t_ij) + ε_ij, with individual baseline, course and
//! effect distributed normally around B, P and E (around B, P and B in a loss model), individual exposure in w, and ε
//! normal with variance σ². The effect, or the course in a model without an effect, is correlated with the baseline; a
//! course in addition to an effect varies independently. Rates, unless the delay varies, and links are common to all
//! patients. The random effects are linear, so that the likelihood of a normal outcome is exact ([`super::mixed`]), and
//! it is maximised with its exact gradient.
//!
//! A descent begins at the point of a grid of rates and links with the highest likelihood, given the coefficients of
//! generalised least squares; no visit means are needed, and four values per patient suffice.

use super::data::DelayData;
use super::fit::OutcomeFit;
use super::model::OutcomeModel;
use super::numbers::estimates;
use super::problem::{End, Problem};
use super::profile::profile;
use super::uncertainty::{Uncertainty, uncertainty};
use omafit_estimate::DescentStop;
use rayon::prelude::*;

/// Number of grid points from which descents begin, if the first does not end at a minimum.
const FOLLOWED: usize = 4;
/// Standard deviations of ln k at which variability is tried, and one that counts as none.
const SPREADS: [f64; 2] = [0.15, 0.5];
const NO_VARIABILITY: f64 = 1e-6;
/// Distance in −2 log-likelihood by which a fit may lie above a fit nested in it.
const ABOVE: f64 = 1e-3;

/// Fits a model to the patients. `None` with fewer than two patients, with no more values than unknowns, or if the
/// likelihood is not finite.
pub fn fit_patients(data: &DelayData, model: OutcomeModel) -> Option<OutcomeFit> {
    fit_from(data, model, &[]).map(|fit| with_errors(data, fit, true))
}

/// Adds standard errors to a fit and, if `profiled` and the curvature of the likelihood gives none, intervals from the
/// profile likelihood.
pub(super) fn with_errors(data: &DelayData, fit: OutcomeFit, profiled: bool) -> OutcomeFit {
    let found = Problem::new(data, fit.model).and_then(|problem| {
        let at = problem.evaluate(&fit.unknowns)?;
        let x = &fit.unknowns;
        let mut uncertainty = uncertainty(&problem, x, &at.expected);
        if profiled && uncertainty.covariance.is_none() {
            uncertainty.profiles =
                (0..x.len()).into_par_iter().map(|k| profile(&problem, x, at.value, k)).collect();
        }
        let scale = |k: usize| if k < problem.layout.linear() { problem.scale } else { 1.0 };
        let n = x.len();
        let scaled = |covariance: &Vec<f64>| {
            (0..n * n).map(|k| covariance[k] * scale(k / n) * scale(k % n)).collect::<Vec<f64>>()
        };
        let covariance = uncertainty.covariance.as_ref().map(scaled);
        Some((estimates(&problem, x, &uncertainty), covariance))
    });
    match found {
        Some((estimates, covariance)) => OutcomeFit { estimates, covariance, ..fit },
        None => fit,
    }
}

/// Fits a model from its own starts and, if it ends above a fit nested in it, from that fit; without standard errors.
pub(super) fn fit_from(data: &DelayData, model: OutcomeModel, known: &[&OutcomeFit]) -> Option<OutcomeFit> {
    let problem = Problem::new(data, model)?;
    if data.values() <= problem.layout.len() {
        return None;
    }
    if let Some(end) = problem.after_same_delay(known) {
        return Some(finished(&problem, end));
    }
    let mut best: Option<End> = None;
    let is_better = |end: &End, best: &Option<End>| {
        best.as_ref().is_none_or(|b| (end.is_minimum(), -end.value) > (b.is_minimum(), -b.value))
    };
    for start in problem.starts().into_iter().take(FOLLOWED) {
        if let Some(end) = problem.descend(start)
            && is_better(&end, &best)
        {
            let is_minimum = end.is_minimum();
            best = Some(end);
            if is_minimum {
                break;
            }
        }
    }
    improved(&problem, best, known)
}

/// Fits a model again from fits nested in it, if it lies above them.
pub(super) fn refitted(data: &DelayData, fit: OutcomeFit, known: &[&OutcomeFit]) -> OutcomeFit {
    let Some(problem) = Problem::new(data, fit.model) else { return fit };
    let stop = fit.converged.then_some(DescentStop::Converged);
    let own = End { x: fit.unknowns.clone(), value: fit.minus2ll - problem.constants(), stop };
    match improved(&problem, Some(own), known) {
        Some(found) if found.minus2ll < fit.minus2ll => found,
        _ => fit,
    }
}

/// The best of an end point and of descents from nested fits, if it lies above them.
fn improved(problem: &Problem<'_>, mut best: Option<End>, known: &[&OutcomeFit]) -> Option<OutcomeFit> {
    let constants = problem.constants();
    for fit in known.iter().filter(|fit| problem.model.contains(fit.model)) {
        let is_above = best.as_ref().is_none_or(|b| b.value + constants > fit.minus2ll + ABOVE);
        if is_above
            && let Some(end) = problem.descend(problem.start_at(fit))
            && best.as_ref().is_none_or(|b| end.value < b.value)
        {
            best = Some(end);
        }
    }
    best.map(|end| finished(problem, end))
}

impl Problem<'_> {
    /// The end of a descent with a varying delay, from the known fit of the model with a common delay. If no
    /// variability tried raises the likelihood, the variability is taken as zero.
    fn after_same_delay(&self, known: &[&OutcomeFit]) -> Option<End> {
        let same = OutcomeModel { delay_varies: false, ..self.model };
        let fit = known.iter().find(|fit| self.model.delay_varies && fit.model == same)?;
        let least = fit.minus2ll - self.constants();
        let start = |spread: f64| {
            let mut x = self.start_at(fit);
            x[self.layout.delay_spread()] = spread.ln();
            x
        };
        let tried = SPREADS.map(|spread| self.evaluate(&start(spread)).map_or(f64::INFINITY, |at| at.value));
        let best = if tried[0] < tried[1] { 0 } else { 1 };
        if tried[best] >= least {
            let stop = fit.converged.then_some(DescentStop::Converged);
            return Some(End { x: start(NO_VARIABILITY), value: least, stop });
        }
        self.descend(start(SPREADS[best]))
    }
}

/// The fit at an end point, without standard errors.
fn finished(problem: &Problem<'_>, end: End) -> OutcomeFit {
    OutcomeFit {
        model: problem.model,
        n: problem.data.values(),
        patients: problem.data.patients(),
        estimates: estimates(problem, &end.x, &Uncertainty::default()),
        minus2ll: end.value + problem.constants(),
        converged: end.is_minimum(),
        reason: end
            .stop
            .map_or_else(|| "the limit on iterations was reached".to_owned(), |stop| stop.to_string()),
        unknowns: end.x,
        covariance: None,
    }
}
