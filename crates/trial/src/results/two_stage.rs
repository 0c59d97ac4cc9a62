//! Tables `two_stage` and `two_stage_omega`: the population from the subjects' own estimates, naive and corrected side
//! by side.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{FitOptions, TwoStage, TwoStageEstimates, free_names};
use omafit_model::PopulationModel;

/// Table with one row per estimated parameter and, for both methods: number of subjects, mean of η with its standard
/// error, typical value that corresponds to this mean (in the model file's unit), and standard deviation of η.
///
/// # Errors
/// Never: all columns have the same length.
pub fn two_stage_table(
    model: &PopulationModel,
    options: &FitOptions,
    found: &TwoStage,
) -> Result<Table, TableError> {
    let names = free_names(model, options);
    let mut columns = vec![Column::new("parameter", Values::text(names.iter().map(ToString::to_string)))];
    for (method, stage) in methods(found) {
        let n = stage.subjects.iter().map(|n| Some(*n as i64)).collect();
        columns.push(Column::new(format!("n_{method}"), Values::Integer(n)));
        columns.push(Column::new(format!("eta_mean_{method}"), Values::Float(stage.mean.clone())));
        columns.push(Column::new(format!("eta_mean_se_{method}"), Values::Float(stage.se.clone())));
        let typical = options.free.iter().zip(&stage.mean).map(|(&position, mean)| {
            let parameter = &model.parameters()[position];
            model.in_unit(position, parameter.individual(parameter.typical, *mean).value)
        });
        columns.push(Column::new(format!("typical_{method}"), Values::Float(typical.collect())));
        let sd = (0..names.len()).map(|i| stage.omega[i * (names.len() + 1)].sqrt());
        columns.push(Column::new(format!("omega_sd_{method}"), Values::Float(sd.collect())));
    }
    Table::new("two_stage", columns)
}

/// Table with one row per pair of estimated parameters, including each with itself: covariance and correlation of their
/// η by both methods.
///
/// # Errors
/// Never: all columns have the same length.
pub fn two_stage_omega_table(
    model: &PopulationModel,
    options: &FitOptions,
    found: &TwoStage,
) -> Result<Table, TableError> {
    let names = free_names(model, options);
    let n = names.len();
    let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i..n).map(move |j| (i, j))).collect();
    let text = |name: &str, of: fn(&(usize, usize)) -> usize| {
        Column::new(name, Values::text(pairs.iter().map(|pair| names[of(pair)].to_owned())))
    };
    let mut columns = vec![text("parameter_1", |pair| pair.0), text("parameter_2", |pair| pair.1)];
    for (method, stage) in methods(found) {
        let at = |i: usize, j: usize| stage.omega[i * n + j];
        let covariance = pairs.iter().map(|&(i, j)| at(i, j)).collect();
        let correlation = pairs.iter().map(|&(i, j)| at(i, j) / (at(i, i) * at(j, j)).sqrt()).collect();
        columns.push(Column::new(format!("covariance_{method}"), Values::Float(covariance)));
        columns.push(Column::new(format!("correlation_{method}"), Values::Float(correlation)));
    }
    Table::new("two_stage_omega", columns)
}

fn methods(found: &TwoStage) -> [(&'static str, &TwoStageEstimates); 2] {
    [("naive", &found.naive), ("global", &found.global)]
}
