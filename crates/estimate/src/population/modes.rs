//! Modes of a subject's η given its data: the minima of G(u), in the notation of [`super::conditional`].
//!
//! A descent finds the minimum of the basin in which it starts. If the data admit two kinetic explanations, as with
//! absorption and elimination exchanged (flip-flop), there is a second minimum, and which of the two is lowest depends
//! on the population parameters. Descents therefore start from several points: the origin, known points, and points
//! spread evenly over the distribution of u. They are coarse, and only the lowest minima are refined to the accuracy of
//! the objective.

use super::conditional::{
    self, ConditionalError, EtaMode, FactoredModel, Whitened, conditional_each, minima,
};
use crate::descent::Minimum;
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

/// A subject whose modes are sought, and known points from which descents start too.
pub(super) type Sought<'a> = (&'a Subject, &'a [&'a [f64]]);

/// The modes of each subject found by descents from the origin, from known points and from `spread` scattered starts, the
/// lowest first; an error if the model cannot be solved from any of the starts. The models of all are solved together.
pub(super) fn modes_each(
    population: &FactoredModel,
    sought: &[Sought<'_>],
    spread: usize,
) -> Vec<Result<Vec<Mode>, ConditionalError>> {
    let n = population.factor.nrows();
    let problems: Vec<Result<Whitened<'_>, SubjectError>> =
        sought.iter().map(|(subject, _)| Whitened::new(population, subject, COARSE_RTOL)).collect();
    let scattered: Vec<Vec<f64>> = (0..spread).map(|index| normal_start(n, index)).collect();
    let starts = problems.iter().zip(sought).filter_map(|(problem, (_, known))| {
        let problem = problem.as_ref().ok()?;
        let known = known.iter().map(|u| u.to_vec());
        let all = std::iter::once(vec![0.0; n]).chain(known).chain(scattered.iter().cloned());
        Some(all.map(move |start| (problem, start)))
    });
    let mut ends = minima(population, starts.flatten(), COARSE_DECREASE, COARSE_ITERATIONS).into_iter();
    let one = |(problem, (_, known)): (&Result<Whitened<'_>, SubjectError>, &Sought<'_>)| match problem {
        Ok(_) => told_apart(ends.by_ref().take(1 + known.len() + spread)),
        Err(error) => Err(error.clone().into()),
    };
    problems.iter().zip(sought).map(one).collect()
}

/// The distinct modes among minima, the lowest first.
fn told_apart(minima: impl Iterator<Item = Minimum>) -> Result<Vec<Mode>, ConditionalError> {
    let mut found: Vec<Mode> = Vec::new();
    let mut failed = None;
    for minimum in minima {
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

/// A subject's lowest mode.
pub(super) struct Lowest {
    /// The mode with its contribution to the objective.
    pub part: EtaMode,
    /// Value of G at the mode.
    pub objective: f64,
    /// Difference of G from the mode to the second lowest, to the accuracy of coarse descents; infinite if there is one mode.
    pub margin: f64,
}

/// A subject's lowest mode, sought from all starts.
///
/// # Errors
/// If the model cannot be solved, or u has no minimum.
pub(super) fn lowest(
    population: &FactoredModel,
    subject: &Subject,
    known: &[&[f64]],
    rtol: f64,
) -> Result<Lowest, ConditionalError> {
    lowest_each(population, &[(subject, known)], rtol).swap_remove(0)
}

/// Each subject's lowest mode, sought from all starts; an error if the model cannot be solved, or u has no minimum. The models of
/// all are solved together.
pub(super) fn lowest_each(
    population: &FactoredModel,
    sought: &[Sought<'_>],
    rtol: f64,
) -> Vec<Result<Lowest, ConditionalError>> {
    let all = modes_each(population, sought, SPREAD);
    // Coarse descents rank modes only to within this accuracy.
    let near = |modes: &[Mode]| {
        modes.iter().take_while(|mode| mode.objective <= modes[0].objective + COARSE).count()
    };
    let mut refined = Vec::new();
    for ((subject, _), modes) in sought.iter().zip(&all) {
        let Ok(modes) = modes else { continue };
        for mode in &modes[..near(modes)] {
            refined.push(conditional::Sought { subject, start: &mode.u, before: None });
        }
    }
    let mut refined = conditional_each(population, &refined, rtol).into_iter();
    let one = |modes: &Result<Vec<Mode>, ConditionalError>| {
        let modes = modes.as_ref().map_err(Clone::clone)?;
        let mut best: Option<(EtaMode, f64)> = None;
        let mut failed = None;
        for found in refined.by_ref().take(near(modes)) {
            match found {
                Ok(found) if best.as_ref().is_none_or(|(_, least)| found.1 < least - LOWER) => {
                    best = Some(found);
                }
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        let margin = modes.get(1).map_or(f64::INFINITY, |second| second.objective - modes[0].objective);
        match (best, failed) {
            (Some((part, objective)), _) => Ok(Lowest { part, objective, margin }),
            (None, Some(error)) => Err(error),
            (None, None) => Err(ConditionalError::NoMinimum(StopReason::Stalled)),
        }
    };
    all.iter().map(one).collect()
}

/// Bound on the error of G at the end of a coarse descent.
const COARSE: f64 = 0.1;

/// Values of G of subjects at points; `None` if the model cannot be solved there.
pub(super) fn heights(
    population: &FactoredModel,
    points: &[(&Subject, &[f64])],
    rtol: f64,
) -> Vec<Option<f64>> {
    let problems: Vec<Option<Whitened<'_>>> =
        points.iter().map(|(subject, _)| Whitened::new(population, subject, rtol).ok()).collect();
    let starts =
        problems.iter().zip(points).filter_map(|(problem, (_, u))| Some((problem.as_ref()?, u.to_vec())));
    let mut ends = minima(population, starts, COARSE_DECREASE, 0).into_iter();
    problems.iter().map(|problem| problem.as_ref().and_then(|_| Some(ends.next()?.at?.objective))).collect()
}
