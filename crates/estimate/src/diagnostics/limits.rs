//! Limits of quantification of a trial's assays.

use omafit_model::{Analyte, Censoring, PerAnalyte, PopulationModel, Residual, Subject};

/// Limits of quantification of an assay, in the analyte's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Lower limit of quantification.
    pub lower: Option<f64>,
    /// Upper limit of quantification.
    pub upper: Option<f64>,
}

impl Limits {
    /// The rank of a value in a predictive check: −∞ below the lower limit, ∞ above the upper limit, else the value.
    pub fn rank(&self, value: f64) -> f64 {
        if self.lower.is_some_and(|l| value < l) {
            f64::NEG_INFINITY
        } else if self.upper.is_some_and(|u| value > u) {
            f64::INFINITY
        } else {
            value
        }
    }
}

/// The limits of each analyte that the model predicts: the `given` limits, else the most frequent limit of its censored
/// observations, else the limits in the model.
pub fn assay_limits(
    model: &PopulationModel,
    subjects: &[Subject],
    given: &PerAnalyte<Limits>,
) -> PerAnalyte<Limits> {
    let found = |analyte: Analyte, censoring: Censoring| {
        let all = subjects.iter().flat_map(|s| &s.observations);
        let of = all.filter(|o| o.analyte == analyte && o.censoring == censoring);
        let mut values: Vec<f64> = of.map(|o| o.value).collect();
        values.sort_by(f64::total_cmp);
        let runs = values.chunk_by(|a, b| a == b);
        runs.max_by_key(|run| run.len()).and_then(|run| run.first().copied())
    };
    let of = |(analyte, own): (Analyte, &Residual)| {
        let given = given.get(analyte).copied().unwrap_or_default();
        let lower = given.lower.or_else(|| found(analyte, Censoring::Below)).or(own.lloq);
        let upper = given.upper.or_else(|| found(analyte, Censoring::Above)).or(own.uloq);
        (analyte, Limits { lower, upper })
    };
    model.residuals().iter().map(of).collect()
}
