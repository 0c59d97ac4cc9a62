//! Every delay model fitted to a group.

use super::data::DelayData;
use super::fit::DelayFit;
use super::means::fit_means;
use super::patients::fit_patients;
use super::shape::{DelayModel, Link, Parameter};
use rayon::prelude::*;

/// Fits every model to the means of the visits and to the patients, in the order of [`DelayModel::all`]; those that cannot be
/// fitted are left out.
///
/// A sigmoid model that ends above the Emax model, which it contains, is fitted to the patients again from there.
pub fn fit_all(data: &DelayData) -> (Vec<DelayFit>, Vec<DelayFit>) {
    let both = |model: &DelayModel| {
        let means = fit_means(data, *model);
        let random = means.as_ref().and_then(|means| fit_patients(data, means));
        (means, random)
    };
    let found: Vec<_> = DelayModel::all().par_iter().map(both).collect();
    let (means, random): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let random: Vec<DelayFit> = random.into_iter().flatten().collect();
    let again = |fit: &DelayFit| {
        let within = DelayModel { link: Link::Emax, ..fit.model };
        let least = random.iter().find(|f| f.model == within && fit.model.link == Link::Sigmoid);
        let better = least.filter(|f| f.minus2ll < fit.minus2ll);
        let refitted = better.and_then(|f| fit_patients(data, &steepened(f)));
        refitted.filter(|f| f.minus2ll < fit.minus2ll).unwrap_or_else(|| fit.clone())
    };
    let random = random.par_iter().map(again).collect();
    (means.into_iter().flatten().collect(), random)
}

/// An Emax fit as a sigmoid one of steepness 1.
fn steepened(fit: &DelayFit) -> DelayFit {
    let model = DelayModel { link: Link::Sigmoid, ..fit.model };
    let mut unknowns = fit.unknowns.clone();
    if let Some(at) = model.parameters().iter().position(|p| *p == Parameter::Steepness) {
        unknowns.insert(at, Parameter::Steepness.unknown(1.0));
    }
    DelayFit { model, unknowns, ..fit.clone() }
}
