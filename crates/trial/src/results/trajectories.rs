//! Table `trajectories`, with one row per subject and time.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{OutputCourse, SubjectResult, Trajectory};
use omafit_model::{Analyte, PopulationModel, Subject};
use rayon::prelude::*;

/// Table with one row per subject and grid time: the outputs of the model, each with the limits of its band, and the
/// dose given until the next time. Subjects whose fit failed have no rows.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
pub fn trajectories_table(
    model: &PopulationModel,
    subjects: &[Subject],
    results: &[SubjectResult],
) -> Result<Table, TableError> {
    type Of = fn(&OutputCourse) -> &[f64];
    let rows = results.iter().map(|r| r.trajectory.time.len()).sum();
    let of_subject = |read: &dyn Fn(&Trajectory, &mut Vec<f64>)| {
        let mut values = Vec::with_capacity(rows);
        results.iter().for_each(|r| read(&r.trajectory, &mut values));
        Values::Float(values)
    };
    let parts: [(&str, Of); 3] = [("", |c| &c.value), ("_lower", |c| &c.lower), ("_upper", |c| &c.upper)];
    let outputs = model.structure().outputs().iter();
    let wanted: Vec<_> = outputs.flat_map(|output| parts.map(|(suffix, of)| (*output, suffix, of))).collect();
    let gather = |(output, suffix, of): (Analyte, &str, Of)| {
        let read = |t: &Trajectory, values: &mut Vec<f64>| {
            values.extend_from_slice(t.of(output).map_or(&[][..], of));
        };
        Column::new(format!("{}{suffix}", output.name()), of_subject(&read))
    };
    let ids = subjects.iter().zip(results).map(|(s, r)| (&s.id, r.trajectory.time.len()));
    let time = of_subject(&|t, values| values.extend_from_slice(&t.time));
    let mut columns = vec![Column::new("ID", Values::repeated(ids)), Column::new("TIME", time)];
    columns.par_extend(wanted.into_par_iter().map(gather));
    let doses = of_subject(&|t, values| values.extend_from_slice(&t.dose_mg));
    columns.push(Column::new("dose_mg", doses));
    Table::new("trajectories", columns)
}
