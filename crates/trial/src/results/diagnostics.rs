//! Tables `diagnostics` and `shrinkage`, which summarise the residuals and the η of a run.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{ResidualTest, Shrinkage};

/// Table with one row per kind of residual and analyte (`all`: all analytes together): mean, standard deviation, tests
/// of normality and of trends.
///
/// # Errors
/// Never: all columns have the same length.
pub fn diagnostics_table(tests: &[ResidualTest]) -> Result<Table, TableError> {
    let number = |name: &str, of: fn(&ResidualTest) -> f64| {
        Column::new(name, Values::Float(tests.iter().map(of).collect()))
    };
    let text = |name: &str, of: fn(&ResidualTest) -> &'static str| {
        Column::new(name, Values::text(tests.iter().map(|t| of(t).to_owned())))
    };
    let columns = vec![
        text("residual", |t| t.kind.name()),
        text("analyte", |t| t.analyte.map_or("all", |a| a.name())),
        Column::new("n", Values::Integer(tests.iter().map(|t| Some(t.n as i64)).collect())),
        number("mean", |t| t.mean),
        number("mean_p", |t| t.mean_p),
        number("sd", |t| t.sd),
        number("variance_p", |t| t.variance_p),
        number("outside_196", |t| t.outside_196),
        number("anderson_darling", |t| t.anderson_darling),
        number("normality_p", |t| t.normality_p),
        number("time_slope", |t| t.time_slope),
        number("time_p", |t| t.time_p),
        number("pred_slope", |t| t.pred_slope),
        number("pred_p", |t| t.pred_p),
    ];
    Table::new("diagnostics", columns)
}

/// Table with one row per estimated parameter: ω, mean and standard deviation of η̂ over the subjects, and shrinkage in
/// both forms, per cent.
///
/// # Errors
/// Never: all columns have the same length.
pub fn shrinkage_table(shrinkage: &[Shrinkage]) -> Result<Table, TableError> {
    let number = |name: &str, of: fn(&Shrinkage) -> f64| {
        Column::new(name, Values::Float(shrinkage.iter().map(of).collect()))
    };
    let columns = vec![
        Column::new("parameter", Values::text(shrinkage.iter().map(|s| s.name.to_owned()))),
        Column::new("n", Values::Integer(shrinkage.iter().map(|s| Some(s.n as i64)).collect())),
        number("omega_sd", |s| s.omega_sd),
        number("eta_mean", |s| s.eta_mean),
        number("eta_mean_p", |s| s.eta_mean_p),
        number("eta_sd", |s| s.eta_sd),
        number("shrinkage_sd_pct", |s| 100.0 * s.sd_form),
        number("shrinkage_var_pct", |s| 100.0 * s.variance_form),
    ];
    Table::new("shrinkage", columns)
}
