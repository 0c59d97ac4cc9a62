//! The estimates of a fitted model, with names, units and errors.

use super::course::TimeCourse;
use super::fit::{OutcomeEstimate, correlation, estimate_of, plain, spread};
use super::problem::Problem;
use super::row::MOST_OWN;
use super::uncertainty::Uncertainty;
use crate::measure::{OutcomeType, Per};

/// The estimates of a model, in the order of its unknowns.
pub(super) fn estimates(problem: &Problem<'_>, x: &[f64], uncertainty: &Uncertainty) -> Vec<OutcomeEstimate> {
    let Problem { model, layout, scale, .. } = *problem;
    let kind = problem.data.kind;
    let known = |i: usize| uncertainty.known(i, x[i]);
    let unit = kind.unit(Per::One);
    let mut estimates = vec![plain("B", unit, known(0), scale)];
    let unit_of_course = kind.unit(model.course.map_or(Per::One, TimeCourse::unit));
    let unit_of_first = model.effect.map_or(unit_of_course, |effect| kind.unit(effect.unit()));
    let of_first = if model.effect.is_some() { ["E", "sd_E", "corr_B_E"] } else { ["P", "sd_P", "corr_B_P"] };
    if layout.has_first && !layout.is_loss {
        estimates.push(plain(of_first[0], unit_of_first, known(1), scale));
    }
    if layout.has_second {
        let at = layout.second();
        estimates.push(plain("P", unit_of_course, known(at), scale));
    }
    let (linear, at) = (layout.linear(), layout.spreads());
    let own = model.parameters().into_iter().enumerate();
    estimates.extend(own.map(|(i, q)| estimate_of(q, known(linear + i))));
    if layout.directions() > 0 {
        estimates.push(spread("sd_B", unit, known(at), scale));
        if layout.has_first {
            estimates.push(spread(of_first[1], unit_of_first, known(at + 1), scale));
            estimates.push(correlation(of_first[2], known(at + 2)));
        }
    }
    if layout.second_varies {
        estimates.push(spread("sd_P", unit_of_course, known(at + 3), scale));
    }
    if layout.delay_varies {
        let at = layout.delay_spread();
        estimates.push(spread("sd_ln_k", "", known(at), 1.0));
    }
    for (position, at) in (layout.own()..layout.len()).enumerate() {
        estimates.push(match kind {
            OutcomeType::Ordered => spread(GAPS[position.min(GAPS.len() - 1)], "logit", known(at), 1.0),
            OutcomeType::NegativeBinomial => spread("dispersion", "", known(at), 1.0),
            _ => spread("sigma", "outcome", known(at), scale),
        });
    }
    for (k, estimate) in estimates.iter_mut().enumerate() {
        estimate.se_sandwich = uncertainty.ratio(k) * estimate.se;
    }
    estimates
}

/// Names of the distances between neighbouring cuts of an ordered outcome; `gap_1` is the cut above the second category
/// minus the cut above the first.
pub(crate) const GAPS: [&str; MOST_OWN] =
    ["gap_1", "gap_2", "gap_3", "gap_4", "gap_5", "gap_6", "gap_7", "gap_8", "gap_9", "gap_10"];
