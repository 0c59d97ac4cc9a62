//! Table `typical`, with one row per subject and time, for the typical subject with the subject's covariates and doses.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::SubjectResult;
use omafit_model::{Concentrations, Subject};

/// Table of the analytes of the typical subject with each subject's covariates and doses, at the times of the subject's
/// reconstructed trajectory; missing if the model cannot be solved.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
pub fn typical_table(
    subjects: &[Subject],
    results: &[SubjectResult],
    courses: &[Vec<Concentrations<f64>>],
) -> Result<Table, TableError> {
    let rows = results.iter().map(|r| r.trajectory.time.len()).sum();
    let mut time = Vec::with_capacity(rows);
    let mut values: [Vec<f64>; 3] = std::array::from_fn(|_| Vec::with_capacity(rows));
    for (result, course) in results.iter().zip(courses) {
        time.extend_from_slice(&result.trajectory.time);
        for k in 0..result.trajectory.time.len() {
            let concentrations = course.get(k).map_or([f64::NAN; 5], |c| c.to_array());
            for (column, value) in values.iter_mut().zip(concentrations) {
                column.push(value);
            }
        }
    }
    let ids = subjects.iter().zip(results).map(|(s, r)| (&s.id, r.trajectory.time.len()));
    let mut columns =
        vec![Column::new("ID", Values::repeated(ids)), Column::new("TIME", Values::Float(time))];
    for (name, values) in Concentrations::<f64>::NAMES.into_iter().zip(values) {
        columns.push(Column::new(name, Values::Float(values)));
    }
    Table::new("typical", columns)
}
