//! Table `correlations`, with one row per subject and pair of estimated parameters.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{FitOptions, SubjectResult, free_names};
use omafit_model::{PopulationModel, Subject};

/// Correlations of the logarithms of each subject's estimates; missing if either is not determined.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
pub fn correlations_table(
    model: &PopulationModel,
    options: &FitOptions,
    subjects: &[Subject],
    results: &[SubjectResult],
) -> Result<Table, TableError> {
    let names = free_names(model, options);
    let (mut id, mut first, mut second, mut value) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (subject, result) in subjects.iter().zip(results) {
        for i in 0..names.len() {
            for j in i + 1..names.len() {
                id.push(&subject.id);
                first.push(names[i]);
                second.push(names[j]);
                value.push(result.fit.uncertainty.correlation(i, j).unwrap_or(f64::NAN));
            }
        }
    }
    let columns = vec![
        Column::new("ID", Values::text(id)),
        Column::new("parameter_1", Values::text(first)),
        Column::new("parameter_2", Values::text(second)),
        Column::new("correlation", Values::Float(value)),
    ];
    Table::new("correlations", columns)
}
