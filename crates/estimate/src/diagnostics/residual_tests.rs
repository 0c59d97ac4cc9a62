//! Tests of the residuals of a run, per analyte.

use super::SubjectDiagnostics;
use super::distribution::{anderson_darling, mean_p_value, moments, trend, variance_p_value};
use crate::likelihood::weighted_residual;
use crate::trial_fit::SubjectResult;
use omafit_model::{Analyte, PopulationModel, Subject};
use std::collections::BTreeSet;

/// Kind of residual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResidualKind {
    /// Individual weighted residual, from the subject's own fit.
    Iwres,
    /// Population weighted residual, linearised at η = 0.
    Wres,
    /// Conditional weighted residual, linearised at the empirical Bayes estimate.
    Cwres,
    /// Normalised prediction distribution error.
    Npde,
}

impl ResidualKind {
    /// All kinds of residual.
    pub const ALL: [Self; 4] = [Self::Iwres, Self::Wres, Self::Cwres, Self::Npde];

    /// The column name of the residual.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iwres => "IWRES",
            Self::Wres => "WRES",
            Self::Cwres => "CWRES",
            Self::Npde => "NPDE",
        }
    }
}

/// Tests of one kind of residual for one analyte or for all together. NaN where there are too few values. The p values
/// assume independent residuals; they are two-sided and not corrected for multiplicity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResidualTest {
    /// Kind of residual.
    pub kind: ResidualKind,
    /// The analyte; `None` for all together.
    pub analyte: Option<Analyte>,
    /// How many residuals are tested.
    pub n: usize,
    /// Mean of the residuals: 0 if the model is correct.
    pub mean: f64,
    /// p value of Student's t test of the mean.
    pub mean_p: f64,
    /// Standard deviation of the residuals: 1 if the model is correct, less for `Iwres`.
    pub sd: f64,
    /// p value of the χ² test that the variance is 1.
    pub variance_p: f64,
    /// Fraction beyond ±1.96: 5 % if the model is correct.
    pub outside_196: f64,
    /// Anderson–Darling statistic of normality with estimated mean and variance.
    pub anderson_darling: f64,
    /// p value of the Anderson–Darling test.
    pub normality_p: f64,
    /// Slope of the residuals on time, 1/d.
    pub time_slope: f64,
    /// p value of Student's t test that the slope on time is zero.
    pub time_p: f64,
    /// Slope of the residuals on the logarithm of the population prediction.
    pub pred_slope: f64,
    /// p value of Student's t test that the slope on the prediction is zero.
    pub pred_p: f64,
}

/// Tests every kind of residual, per analyte and for all analytes together; kinds and analytes without values are left
/// out.
pub fn residual_tests(
    model: &PopulationModel,
    subjects: &[Subject],
    results: &[SubjectResult],
    diagnostics: &[SubjectDiagnostics],
) -> Vec<ResidualTest> {
    let mut tests = Vec::new();
    for kind in ResidualKind::ALL {
        let mut points: Vec<(Analyte, f64, f64, f64)> = Vec::new();
        for ((subject, result), diagnosed) in subjects.iter().zip(results).zip(diagnostics) {
            for (i, o) in subject.observations.iter().enumerate() {
                let value = match kind {
                    ResidualKind::Iwres => model
                        .residual(o.analyte)
                        .map_or(f64::NAN, |r| weighted_residual(o, r.error, result.fit.ipred[i])),
                    ResidualKind::Wres => diagnosed.wres[i],
                    ResidualKind::Cwres => diagnosed.cwres[i],
                    ResidualKind::Npde => diagnosed.npde[i],
                };
                if value.is_finite() {
                    points.push((o.analyte, o.time - subject.start, result.pred[i], value));
                }
            }
        }
        let present: BTreeSet<Analyte> = points.iter().map(|p| p.0).collect();
        let groups: Vec<Option<Analyte>> = present.into_iter().map(Some).collect();
        let all = (groups.len() > 1).then_some(None);
        for analyte in groups.into_iter().chain(all) {
            let of = points.iter().filter(|p| analyte.is_none_or(|a| a == p.0)).copied();
            tests.push(test(kind, analyte, &of.collect::<Vec<_>>()));
        }
    }
    tests
}

fn test(kind: ResidualKind, analyte: Option<Analyte>, points: &[(Analyte, f64, f64, f64)]) -> ResidualTest {
    let values: Vec<f64> = points.iter().map(|p| p.3).collect();
    let (mean, variance) = moments(&values);
    let normality = anderson_darling(&values);
    let on_time: Vec<(f64, f64)> = points.iter().map(|p| (p.1, p.3)).collect();
    let on_pred: Vec<(f64, f64)> = points.iter().filter(|p| p.2 > 0.0).map(|p| (p.2.ln(), p.3)).collect();
    let (time_slope, time_p) = trend(&on_time);
    let (pred_slope, pred_p) = trend(&on_pred);
    ResidualTest {
        kind,
        analyte,
        n: values.len(),
        mean,
        mean_p: mean_p_value(&values),
        sd: variance.sqrt(),
        variance_p: variance_p_value(&values),
        outside_196: values.iter().filter(|v| v.abs() > 1.96).count() as f64 / values.len() as f64,
        anderson_darling: normality.statistic,
        normality_p: normality.p_value,
        time_slope,
        time_p,
        pred_slope,
        pred_p,
    }
}
