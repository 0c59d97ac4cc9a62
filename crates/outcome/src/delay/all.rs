//! Every model of an outcome fitted to a group.

use super::course::TimeCourse;
use super::data::DelayData;
use super::fit::{OutcomeFit, TOLD_APART, choose};
use super::model::OutcomeModel;
use super::patients::{fit_from, refitted, with_errors};
use rayon::prelude::*;

/// Effects beside which a course in time is tried: those of lowest BIC without one.
const WITH_COURSE: usize = 3;

/// Fits have standard errors if their BIC is at most so far above the lowest: beyond that the evidence against a model is very strong
/// (Kass & Raftery 1995), and so is every interval of it misleading.
const WITH_ERRORS: f64 = 10.0;

/// Fits the models without an effect and every effect, beside the best effects a course in time, and the best of all with a delay
/// that varies; those that cannot be fitted are left out.
///
/// A model that ends above one that it contains is fitted again from there.
pub fn fit_all(data: &DelayData) -> Vec<OutcomeFit> {
    let fits = fitted(data, &OutcomeModel::all(), Vec::new());
    let choice = choose(&fits);
    let mut effects: Vec<&OutcomeFit> = fits.iter().filter(|fit| fit.model.effect.is_some()).collect();
    effects.sort_by(|a, b| a.bic().total_cmp(&b.bic()));
    // An outcome that does not change needs no course beside an effect.
    let is_constant = choice.chosen.is_some_and(|i| fits[i].model == OutcomeModel::NO_EFFECT);
    let wanted = if is_constant { 0 } else { WITH_COURSE };
    let with_course: Vec<OutcomeModel> = effects
        .iter()
        .take(wanted)
        .flat_map(|fit| TimeCourse::ALL.map(|course| OutcomeModel { course: Some(course), ..fit.model }))
        .collect();
    let fits = fitted(data, &with_course, fits);
    // A delay that varies between patients is tried of the model that is chosen without.
    let chosen = choose(&fits).chosen.map(|i| OutcomeModel { delay_varies: true, ..fits[i].model });
    let varied: Vec<OutcomeModel> = chosen.into_iter().filter(|model| model.is_of(data.kind)).collect();
    let fits = fitted(data, &varied, fits);
    let least = fits.iter().map(OutcomeFit::bic).fold(f64::INFINITY, f64::min);
    let near = |fit: OutcomeFit| {
        let above = fit.bic() - least;
        if above < WITH_ERRORS { with_errors(data, fit, above < TOLD_APART) } else { fit }
    };
    fits.into_par_iter().map(near).collect()
}

/// The fits of some models after those that are known.
fn fitted(data: &DelayData, models: &[OutcomeModel], known: Vec<OutcomeFit>) -> Vec<OutcomeFit> {
    let before: Vec<&OutcomeFit> = known.iter().collect();
    let first: Vec<OutcomeFit> =
        models.par_iter().filter_map(|model| fit_from(data, *model, &before)).collect();
    let all: Vec<&OutcomeFit> = known.iter().chain(&first).collect();
    let again: Vec<OutcomeFit> = first.par_iter().map(|fit| refitted(data, fit.clone(), &all)).collect();
    known.into_iter().chain(again).collect()
}
