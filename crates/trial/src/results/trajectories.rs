//! `trajectories`: one row a subject and time.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{SubjectResult, Trajectory};
use omafit_model::{Concentrations, Subject};

/// One row a subject and grid time: five concentrations, each with the ends of its band, and the dose given until the
/// next time. Subjects whose fit failed have no rows.
///
/// # Errors
/// Never for results of the same subjects; the columns are of one length.
pub fn trajectories_table(subjects: &[Subject], results: &[SubjectResult]) -> Result<Table, TableError> {
    let rows = results.iter().map(|r| r.trajectory.time.len()).sum();
    let gather = |of: &dyn Fn(&Trajectory) -> &Vec<f64>| {
        let mut values = Vec::with_capacity(rows);
        results.iter().for_each(|r| values.extend_from_slice(of(&r.trajectory)));
        Values::Float(values)
    };
    let ids = subjects.iter().zip(results);
    let ids = ids.flat_map(|(s, r)| std::iter::repeat_n(&s.id, r.trajectory.time.len()));
    let mut columns = vec![Column::new("ID", Values::text(ids)), Column::new("TIME", gather(&|t| &t.time))];
    for (c, name) in Concentrations::<f64>::NAMES.into_iter().enumerate() {
        columns.push(Column::new(name, gather(&|t| &t.value[c])));
        columns.push(Column::new(format!("{name}_lower"), gather(&|t| &t.lower[c])));
        columns.push(Column::new(format!("{name}_upper"), gather(&|t| &t.upper[c])));
    }
    columns.push(Column::new("dose_mg", gather(&|t| &t.dose_mg)));
    Table::new("trajectories", columns)
}
