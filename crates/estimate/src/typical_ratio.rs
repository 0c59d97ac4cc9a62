//! Ratios of observations to the predictions of the typical subject, by analyte: far from 1 if a unit is wrong.

use crate::trial_fit::typical_predictions;
use omafit_model::{Analyte, Censoring, PerAnalyte, PopulationModel, Subject};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Median ratio of observation to prediction of the typical subject with equal covariates (the upper median of an even
/// number), and the number of observations, of each analyte that has any; from quantified observations after the first
/// dose. Subjects that cannot be predicted are left out.
pub fn typical_ratio(model: &PopulationModel, subjects: &[Subject]) -> PerAnalyte<(f64, usize)> {
    let of = |subject: &Subject| -> Vec<(Analyte, f64)> {
        let Ok(predicted) = typical_predictions(model, subject) else { return Vec::new() };
        let pairs = subject.observations.iter().zip(predicted);
        let after = pairs.filter(|(o, _)| o.censoring == Censoring::Quantified && o.doses_before > 0);
        after
            .map(|(o, f)| (o.analyte, o.value / f))
            .filter(|(_, ratio)| ratio.is_finite() && *ratio > 0.0)
            .collect()
    };
    let all: Vec<Vec<(Analyte, f64)>> = subjects.par_iter().map(of).collect();
    let mut ratios: BTreeMap<Analyte, Vec<f64>> = BTreeMap::new();
    for (analyte, ratio) in all.into_iter().flatten() {
        ratios.entry(analyte).or_default().push(ratio);
    }
    let median = |(analyte, mut ratios): (Analyte, Vec<f64>)| {
        ratios.sort_unstable_by(f64::total_cmp);
        (analyte, (ratios[ratios.len() / 2], ratios.len()))
    };
    ratios.into_iter().map(median).collect()
}
