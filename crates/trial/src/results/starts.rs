//! Table `population_starts`: end of the estimation of a population from each of several starts.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::PopulationStart;

/// Table with one row per start: objective function value, whether the estimation converged, whether the start is the
/// one that was `kept`, and reason why the estimation ended.
///
/// # Errors
/// Never: all columns have the same length.
pub fn population_starts_table(starts: &[PopulationStart], kept: usize) -> Result<Table, TableError> {
    let whole = |name: &str, of: &dyn Fn(&PopulationStart) -> i64| {
        Column::new(name, Values::Integer(starts.iter().map(|start| Some(of(start))).collect()))
    };
    let columns = vec![
        whole("start", &|s| s.start as i64),
        Column::new("ofv", Values::Float(starts.iter().map(|s| s.ofv).collect())),
        whole("converged", &|s| i64::from(s.converged)),
        whole("kept", &|s| i64::from(s.start == kept)),
        Column::new("reason", Values::text(starts.iter().map(|s| s.reason.clone()))),
    ];
    Table::new("population_starts", columns)
}
