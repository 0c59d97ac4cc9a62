//! `likelihood`: one row a subject of a population's likelihood.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::Marginal;

/// One row a subject: its −2 log-likelihood without the constants that FOCE leaves out, the Monte-Carlo standard error of
/// that, draws in effect, and draws at which the model could not be solved.
///
/// # Errors
/// Never: the columns are of one length.
pub fn likelihood_table(ids: &[String], found: &Marginal) -> Result<Table, TableError> {
    let parts = &found.subjects;
    let columns = vec![
        Column::new("ID", Values::text(ids)),
        Column::new("ofv", Values::Float(parts.iter().map(|p| p.ofv).collect())),
        Column::new("monte_carlo_se", Values::Float(parts.iter().map(|p| p.se).collect())),
        Column::new("effective_samples", Values::Float(parts.iter().map(|p| p.effective).collect())),
        Column::new("unsolved", Values::Integer(parts.iter().map(|p| Some(p.unsolved.into())).collect())),
    ];
    Table::new("likelihood", columns)
}
