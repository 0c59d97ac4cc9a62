//! Table `trajectories`, with one row per subject and time.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{SubjectResult, Trajectory};
use omafit_model::{Concentrations, Subject};
use rayon::prelude::*;

/// Table with one row per subject and grid time: five concentrations, each with the limits of its band, and the dose
/// given until the next time. Subjects whose fit failed have no rows.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
pub fn trajectories_table(subjects: &[Subject], results: &[SubjectResult]) -> Result<Table, TableError> {
    type Of = fn(&Trajectory, usize) -> &Vec<f64>;
    let rows = results.iter().map(|r| r.trajectory.time.len()).sum();
    let mut wanted: Vec<(String, Of, usize)> = vec![("TIME".into(), |t, _| &t.time, 0)];
    for (c, name) in Concentrations::<f64>::NAMES.into_iter().enumerate() {
        wanted.push((name.into(), |t, c| &t.value[c], c));
        wanted.push((format!("{name}_lower"), |t, c| &t.lower[c], c));
        wanted.push((format!("{name}_upper"), |t, c| &t.upper[c], c));
    }
    wanted.push(("dose_mg".into(), |t, _| &t.dose_mg, 0));
    let gather = |(name, of, c): (String, Of, usize)| {
        let mut values = Vec::with_capacity(rows);
        results.iter().for_each(|r| values.extend_from_slice(of(&r.trajectory, c)));
        Column::new(name, Values::Float(values))
    };
    let ids = subjects.iter().zip(results).map(|(s, r)| (&s.id, r.trajectory.time.len()));
    let mut columns = vec![Column::new("ID", Values::repeated(ids))];
    columns.par_extend(wanted.into_par_iter().map(gather));
    Table::new("trajectories", columns)
}
