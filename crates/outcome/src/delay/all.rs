//! Fits of all candidate models of an outcome to a group.

use super::course::TimeCourse;
use super::data::DelayData;
use super::fit::{OutcomeFit, TOLD_APART, choose};
use super::model::OutcomeModel;
use super::patients::{fit_from, refitted, with_errors};
use rayon::prelude::*;

/// Number of effects, those of lowest BIC without a course in time, that are also fitted with one.
const WITH_COURSE: usize = 3;

/// Largest distance in BIC above the lowest for which standard errors are computed; beyond it the evidence against a
/// model is very strong (Kass & Raftery 1995) and its intervals are misleading.
const WITH_ERRORS: f64 = 10.0;

/// Fits the models without an effect and every effect, the best effects also with a course in time, and the best model
/// of all also with a delay that varies between patients; models that cannot be fitted are left out.
///
/// A model that ends above a model nested in it is fitted again from that fit.
pub fn fit_all(data: &DelayData) -> Vec<OutcomeFit> {
    let fits = fitted(data, &OutcomeModel::all(), Vec::new());
    let choice = choose(&fits);
    let mut effects: Vec<&OutcomeFit> = fits.iter().filter(|fit| fit.model.effect.is_some()).collect();
    effects.sort_by(|a, b| a.bic().total_cmp(&b.bic()));
    // An outcome without change needs no course in time in addition to an effect.
    let is_constant = choice.chosen.is_some_and(|i| fits[i].model == OutcomeModel::NO_EFFECT);
    let wanted = if is_constant { 0 } else { WITH_COURSE };
    let with_course: Vec<OutcomeModel> = effects
        .iter()
        .take(wanted)
        .flat_map(|fit| TimeCourse::ALL.map(|course| OutcomeModel { course: Some(course), ..fit.model }))
        .collect();
    let fits = fitted(data, &with_course, fits);
    // Between-patient variability of the delay is tried only for the model chosen without it.
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

/// The known fits followed by the fits of further models.
fn fitted(data: &DelayData, models: &[OutcomeModel], known: Vec<OutcomeFit>) -> Vec<OutcomeFit> {
    let before: Vec<&OutcomeFit> = known.iter().collect();
    let first: Vec<OutcomeFit> =
        models.par_iter().filter_map(|model| fit_from(data, *model, &before)).collect();
    let all: Vec<&OutcomeFit> = known.iter().chain(&first).collect();
    let again: Vec<OutcomeFit> = first.par_iter().map(|fit| refitted(data, fit.clone(), &all)).collect();
    known.into_iter().chain(again).collect()
}
