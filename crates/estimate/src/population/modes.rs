//! Modes of a subject's η given its data: the minima of G(u), in the notation of [`super::conditional`].
//!
//! A descent finds the minimum of the basin in which it starts. If the data admit two kinetic explanations, as with
//! absorption and elimination exchanged (flip-flop), there is a second minimum, and which of the two is lowest depends
//! on the population parameters. Descents therefore start from several points: the origin, known points, and points
//! spread evenly over the distribution of u. They are coarse, and only the lowest minima are refined to the accuracy of
//! the objective.

use super::conditional::{ConditionalError, EtaMode, FactoredModel, Whitened, conditional};
use crate::least_squares::StopReason;
use crate::problem::SubjectError;
use crate::starts::normal_start;
use omafit_model::Subject;

/// Number of starts spread over the distribution of u.
pub(super) const SPREAD: usize = 8;
/// Relative tolerance of the model in coarse descents, the predicted decrease relative to 1 + G that ends them, and
/// their limit on iterations.
const COARSE_RTOL: f64 = 1e-5;
const COARSE_DECREASE: f64 = 1e-6;
const COARSE_ITERATIONS: u64 = 40;
/// Distance in every element of u, in standard deviations, below which two minima count as one mode.
const ONE: f64 = 0.1;
/// Difference of G from the lowest mode above which a mode, which then holds less than 1e-5 of the distribution, is
/// left out.
const HIGH: f64 = 24.0;
/// Smallest difference of G by which a mode counts as lower than another.
pub(super) const LOWER: f64 = 1e-4;

/// A mode of u.
#[derive(Clone, Debug)]
pub(super) struct Mode {
    /// Position u, to the accuracy of a coarse descent.
    pub u: Vec<f64>,
    /// Value of G at the mode.
    pub objective: f64,
}

/// The modes found by descents from the origin, from `known` points and from `spread` scattered starts, the lowest
/// first.
///
/// # Errors
/// If the model cannot be solved from any of the starts.
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

/// Whether two points belong to one mode.
pub(super) fn are_one(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < ONE)
}

/// A subject's lowest mode with its contribution to the objective, sought from all starts, and G at the mode.
///
/// # Errors
/// If the model cannot be solved, or u has no minimum.
pub(super) fn lowest(
    population: &FactoredModel,
    subject: &Subject,
    known: &[&[f64]],
    rtol: f64,
) -> Result<(EtaMode, f64), ConditionalError> {
    let all = modes(population, subject, known, SPREAD)?;
    // Coarse descents rank modes only to within this accuracy.
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

/// Bound on the error of G at the end of a coarse descent.
const COARSE: f64 = 0.1;

/// Computes G at a point.
///
/// # Errors
/// If the model cannot be solved at the point.
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
