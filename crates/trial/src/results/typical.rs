//! Table `typical`, with one row per subject and time, for the typical subject with the subject's covariates and doses.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::SubjectResult;
use omafit_model::{OutputRows, PopulationModel, Subject};

/// Table of the analytes of the typical subject with each subject's covariates and doses, at the times of the subject's
/// reconstructed trajectory; missing if the model cannot be solved.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
pub fn typical_table(
    model: &PopulationModel,
    subjects: &[Subject],
    results: &[SubjectResult],
    courses: &[OutputRows],
) -> Result<Table, TableError> {
    let rows = results.iter().map(|r| r.trajectory.time.len()).sum();
    let mut time = Vec::with_capacity(rows);
    results.iter().for_each(|result| time.extend_from_slice(&result.trajectory.time));
    let ids = subjects.iter().zip(results).map(|(s, r)| (&s.id, r.trajectory.time.len()));
    let mut columns =
        vec![Column::new("ID", Values::repeated(ids)), Column::new("TIME", Values::Float(time))];
    for (output, analyte) in model.structure().outputs().iter().enumerate() {
        if analyte.dvid().is_none() {
            continue;
        }
        let mut values = Vec::with_capacity(rows);
        for (result, course) in results.iter().zip(courses) {
            let start = values.len();
            values.extend(course.column(output).take(result.trajectory.time.len()));
            values.resize(start + result.trajectory.time.len(), f64::NAN);
        }
        columns.push(Column::new(analyte.name(), Values::Float(values)));
    }
    Table::new("typical", columns)
}
