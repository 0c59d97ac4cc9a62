//! Modes of a subject's η given its data: the minima of G(u), in the letters of [`super::conditional`].
//!
//! A descent finds the minimum of the hill on which it starts. Where kinetics can be told in two ways, as with absorption and
//! elimination exchanged, there is a second one, and the population moves the lowest from one to the other. Descents
//! therefore start from several points: the origin, those that are known, and points spread evenly over the
//! distribution of u. They are coarse, and only the lowest end is followed to the accuracy of the objective.

use super::conditional::{ConditionalError, EtaMode, FactoredModel, Whitened, conditional};
use crate::least_squares::StopReason;
use crate::problem::SubjectError;
use crate::starts::normal_start;
use omafit_model::Subject;

/// Points spread over the distribution of u from which descents start.
pub(super) const SPREAD: usize = 8;
/// Relative tolerance of the model on coarse descents, the decrease that ends them as part of 1 + G, and their limit.
const COARSE_RTOL: f64 = 1e-5;
const COARSE_DECREASE: f64 = 1e-6;
const COARSE_ITERATIONS: u64 = 40;
/// Ends of descents so near each other, standard deviations of u, are one mode.
const ONE: f64 = 0.1;
/// A mode whose G lies by so much above the lowest holds less than 1e-5 of the distribution, and is left out.
const HIGH: f64 = 24.0;
/// A mode is lower than another if its G is by more than this.
pub(super) const LOWER: f64 = 1e-4;

/// A mode.
#[derive(Clone, Debug)]
pub(super) struct Mode {
    /// u, to the accuracy of a coarse descent.
    pub u: Vec<f64>,
    /// G there.
    pub objective: f64,
}

/// The modes that descents find from the origin, from `known` points and from `spread` others, the lowest first.
///
/// # Errors
/// When the model cannot be solved from any of them.
pub(super) fn modes(
    population: &FactoredModel,
    subject: &Subject,
    known: &[&[f64]],
    spread: usize,
) -> Result<Vec<Mode>, ConditionalError> {
    let problem = Whitened::new(population, subject, COARSE_RTOL)?;
    let n = population.factor.nrows();
    let origin = vec![0.0; n];
    let spread = (0..spread).map(|index| normal_start(n, index));
    let starts = std::iter::once(origin).chain(known.iter().map(|u| u.to_vec())).chain(spread);
    let mut found: Vec<Mode> = Vec::new();
    let mut failed = None;
    for minimum in problem.minima(starts.collect(), COARSE_DECREASE, COARSE_ITERATIONS) {
        let Some(at) = &minimum.at else {
            failed = Some(minimum.stop);
            continue;
        };
        // A descent that did not end at a minimum counts only if nothing lower is known.
        let is_lowest = found.iter().all(|other| at.objective < other.objective);
        if !minimum.stop.is_minimum() && !is_lowest {
            continue;
        }
        let mode = Mode { objective: at.objective, u: minimum.eta };
        match found.iter_mut().find(|other| are_one(&other.u, &mode.u)) {
            Some(other) if mode.objective < other.objective => *other = mode,
            Some(_) => {}
            None => found.push(mode),
        }
    }
    found.sort_by(|a, b| a.objective.total_cmp(&b.objective));
    let Some(lowest) = found.first().map(|mode| mode.objective) else {
        let stop = failed.unwrap_or(StopReason::Stalled);
        return Err(ConditionalError::NoMinimum(stop));
    };
    found.retain(|mode| mode.objective <= lowest + HIGH);
    Ok(found)
}

/// Whether two points are one mode.
pub(super) fn are_one(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < ONE)
}

/// A subject's part of the objective at its lowest mode, looked for from everywhere, and G there.
///
/// # Errors
/// When the model cannot be solved, or u has no minimum.
pub(super) fn lowest(
    population: &FactoredModel,
    subject: &Subject,
    known: &[&[f64]],
    rtol: f64,
) -> Result<(EtaMode, f64), ConditionalError> {
    let all = modes(population, subject, known, SPREAD)?;
    // Coarse descents tell modes apart only by so much.
    let near = all.iter().take_while(|mode| mode.objective <= all[0].objective + COARSE);
    let mut best: Option<(EtaMode, f64)> = None;
    let mut failed = None;
    for mode in near {
        match conditional(population, subject, &mode.u, rtol) {
            Ok(found) if best.as_ref().is_none_or(|(_, least)| found.1 < least - LOWER) => best = Some(found),
            Ok(_) => {}
            Err(error) => failed = Some(error),
        }
    }
    match (best, failed) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(error),
        (None, None) => Err(ConditionalError::NoMinimum(StopReason::Stalled)),
    }
}

/// The error of G at the end of a coarse descent, at most.
const COARSE: f64 = 0.1;

/// G at a point.
///
/// # Errors
/// When the model cannot be solved there.
pub(super) fn height(
    population: &FactoredModel,
    subject: &Subject,
    u: &[f64],
    rtol: f64,
) -> Result<f64, SubjectError> {
    use crate::least_squares::Residuals as _;
    let problem = Whitened::new(population, subject, rtol)?;
    Ok((&problem).linearise(u)?.objective)
}
