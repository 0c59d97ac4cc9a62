//! `typical`: one row a subject and time, of the typical subject with the same covariates and doses.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::SubjectResult;
use omafit_model::{Concentrations, Subject};

/// The analytes of the typical subject with each subject's covariates and doses, at the times of the subject's
/// reconstructed course; missing where it cannot be solved for.
///
/// # Errors
/// Never for results of the same subjects; the columns are of one length.
pub fn typical_table(
    subjects: &[Subject],
    results: &[SubjectResult],
    courses: &[Vec<Concentrations<f64>>],
) -> Result<Table, TableError> {
    let (mut id, mut time) = (Vec::new(), Vec::new());
    let mut values: [Vec<f64>; 3] = Default::default();
    for ((subject, result), course) in subjects.iter().zip(results).zip(courses) {
        for (k, at) in result.trajectory.time.iter().enumerate() {
            id.push(subject.id.as_str());
            time.push(*at);
            let concentrations = course.get(k).map_or([f64::NAN; 5], |c| c.to_array());
            for (column, value) in values.iter_mut().zip(concentrations) {
                column.push(value);
            }
        }
    }
    let mut columns = vec![Column::new("ID", Values::text(id)), Column::new("TIME", Values::Float(time))];
    for (name, values) in Concentrations::<f64>::NAMES.into_iter().zip(values) {
        columns.push(Column::new(name, Values::Float(values)));
    }
    Table::new("typical", columns)
}
