//! Tables `parameters`, with one row per population parameter, `parameter_covariance`, with one row per pair of
//! parameters, and `convergence`, with one row per iteration.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{EstimateKind, PopulationEstimate, Shrinkage, Variation};
use omafit_model::PopulationModel;

/// Table with one row per population parameter: meaning, estimate, standard errors from R⁻¹, from S⁻¹ and from the
/// sandwich, relative standard error in per cent, and limits of the 95 % interval; for variances the coefficient of
/// variation of the parameter with its relative standard error, per cent, and η-shrinkage by standard deviations and by
/// variances, per cent.
///
/// # Errors
/// Never; all columns have the same length.
pub fn parameters_table(
    model: &PopulationModel,
    estimates: &[PopulationEstimate],
    shrinkage: &[Shrinkage],
) -> Result<Table, TableError> {
    let text = |name: &str, of: &dyn Fn(&PopulationEstimate) -> String| {
        Column::new(name, Values::text(estimates.iter().map(of)))
    };
    let number = |name: &str, of: &dyn Fn(&PopulationEstimate) -> f64| {
        Column::new(name, Values::Float(estimates.iter().map(of).collect()))
    };
    let meaning = |e: &PopulationEstimate| match e.kind {
        EstimateKind::Typical => {
            let info = model.structure().parameters().iter().find(|info| info.name == e.name);
            info.map_or(String::new(), |info| info.meaning.into())
        }
        EstimateKind::Coefficient => "coefficient of a covariate's effect".into(),
        EstimateKind::Variance => "variance of η".into(),
        EstimateKind::Correlation => "correlation of two η".into(),
        EstimateKind::Sigma => {
            let of = model.analytes().find(|analyte| e.name.ends_with(analyte.name()));
            let of = of.map_or("the analyte", |analyte| model.label_in_sentence(analyte));
            format!("standard deviation of the residual error of {of}")
        }
    };
    let cv = |e: &PopulationEstimate| Variation::of(model, e).filter(|variation| variation.is_cv);
    let shrink = |e: &PopulationEstimate, form: &dyn Fn(&Shrinkage) -> f64| {
        e.eta.and_then(|k| shrinkage.get(k)).map_or(f64::NAN, |s| 100.0 * form(s))
    };
    let fixed = estimates.iter().map(|e| Some(i64::from(e.fixed))).collect();
    let columns = vec![
        text("name", &|e| e.name.clone()),
        text("unit", &|e| e.unit.clone()),
        text("description", &meaning),
        number("estimate", &|e| e.value),
        number("se", &|e| e.se[0]),
        number("rse_pct", &|e| 100.0 * e.se[0] / e.value.abs()),
        number("ci_low", &|e| e.interval[0]),
        number("ci_high", &|e| e.interval[1]),
        number("se_s", &|e| e.se[1]),
        number("se_sandwich", &|e| e.se[2]),
        number("bsv_cv_pct", &|e| cv(e).map_or(f64::NAN, |cv| 100.0 * cv.size)),
        number("bsv_cv_rse_pct", &|e| cv(e).map_or(f64::NAN, |cv| 100.0 * cv.rse)),
        number("shrinkage_sd_pct", &|e| shrink(e, &|s| s.sd_form)),
        number("shrinkage_var_pct", &|e| shrink(e, &|s| s.variance_form)),
        Column::new("fixed", Values::Integer(fixed)),
    ];
    Table::new("parameters", columns)
}

/// Table with one row per pair of estimated parameters, including each with itself: covariance from R⁻¹, in the units
/// of `parameters`. Parameters without a standard error have no rows.
///
/// # Errors
/// Never; all columns have the same length.
pub fn parameter_covariance_table(
    estimates: &[PopulationEstimate],
    covariance: &[f64],
) -> Result<Table, TableError> {
    let n = estimates.len();
    let known: Vec<usize> = (0..n).filter(|&k| estimates[k].se[0].is_finite()).collect();
    let pairs: Vec<(usize, usize)> = (0..known.len())
        .flat_map(|i| (0..=i).map(move |j| (i, j)))
        .map(|(i, j)| (known[i], known[j]))
        .collect();
    let name = |of: fn(&(usize, usize)) -> usize| {
        Values::text(pairs.iter().map(|pair| estimates[of(pair)].name.clone()))
    };
    let columns = vec![
        Column::new("parameter_1", name(|pair| pair.0)),
        Column::new("parameter_2", name(|pair| pair.1)),
        Column::new("covariance", Values::Float(pairs.iter().map(|(i, j)| covariance[i * n + j]).collect())),
    ];
    Table::new("parameter_covariance", columns)
}

/// Table with one row per iteration: number, objective function value, and the estimates on the scale on which they are
/// estimated, by the names of their coordinates.
///
/// # Errors
/// [`TableError::Duplicate`] if two coordinates have one name.
pub fn convergence_table(names: &[String], trace: &[(u64, f64, Vec<f64>)]) -> Result<Table, TableError> {
    let mut columns = vec![
        Column::new("iteration", Values::Integer(trace.iter().map(|t| Some(t.0 as i64)).collect())),
        Column::new("ofv", Values::Float(trace.iter().map(|t| t.1).collect())),
    ];
    for (k, name) in names.iter().enumerate() {
        columns.push(Column::new(name.clone(), Values::Float(trace.iter().map(|t| t.2[k]).collect())));
    }
    Table::new("convergence", columns)
}
