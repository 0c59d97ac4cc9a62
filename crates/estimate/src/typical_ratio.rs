//! Ratios of observations to the predictions of the typical subject, by analyte: far from 1 if a unit is wrong.

use crate::trial_fit::typical_predictions;
use omafit_model::{Analyte, Censoring, PopulationModel, Subject};
use rayon::prelude::*;

/// Median ratio of observation to prediction of the typical subject with equal covariates (the upper median of an even
/// number), and the number of observations, by [`Analyte::index`]; from quantified observations after the first dose.
/// `None` if there are none. Subjects that cannot be predicted are left out.
pub fn typical_ratio(model: &PopulationModel, subjects: &[Subject]) -> [Option<(f64, usize)>; 3] {
    let of = |subject: &Subject| -> Vec<(usize, f64)> {
        let Ok(predicted) = typical_predictions(model, subject) else { return Vec::new() };
        let pairs = subject.observations.iter().zip(predicted);
        let after = pairs.filter(|(o, _)| o.censoring == Censoring::Quantified && o.doses_before > 0);
        after
            .map(|(o, f)| (o.analyte.index(), o.value / f))
            .filter(|(_, ratio)| ratio.is_finite() && *ratio > 0.0)
            .collect()
    };
    let all: Vec<Vec<(usize, f64)>> = subjects.par_iter().map(of).collect();
    let mut ratios: [Vec<f64>; 3] = Default::default();
    for (analyte, ratio) in all.into_iter().flatten() {
        ratios[analyte].push(ratio);
    }
    Analyte::ALL.map(|analyte| {
        let ratios = &mut ratios[analyte.index()];
        ratios.sort_unstable_by(f64::total_cmp);
        Some((*ratios.get(ratios.len() / 2)?, ratios.len()))
    })
}
