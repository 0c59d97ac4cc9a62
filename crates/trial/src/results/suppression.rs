//! `suppression`: one row a subject, how free IgE was held down.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{SubjectResult, Suppression};
use omafit_model::Subject;

/// A fact of a subject's free IgE, with its name as a column.
type Fact = (&'static str, fn(&Suppression) -> Option<f64>);

/// The facts, in the units of their names.
pub(super) const FACTS: [Fact; 5] = [
    ("days_to_target", |s| s.days_to_target),
    ("days_below_target", |s| Some(s.days_below)),
    ("ige_free_lowest", |s| Some(s.lowest_ng_ml)),
    ("ige_free_trough", |s| s.trough_ng_ml),
    ("days_to_return", |s| s.days_to_return),
];

/// One row a subject: when free IgE was first below the target, for how many days, its lowest value and its trough
/// (ng/mL), and how many days after the last dose it was above the target again. Missing of a subject without a dose or
/// a fit.
///
/// # Errors
/// Never for results of the same subjects; the columns are of one length.
pub fn suppression_table(subjects: &[Subject], results: &[SubjectResult]) -> Result<Table, TableError> {
    let ids = subjects.iter().map(|s| s.id.clone()).collect();
    let mut columns = vec![Column::new("ID", Values::Text(ids))];
    for (name, of) in FACTS {
        let values = results.iter().map(|r| r.suppression.as_ref().and_then(of).unwrap_or(f64::NAN));
        columns.push(Column::new(name, Values::Float(values.collect())));
    }
    Table::new("suppression", columns)
}
