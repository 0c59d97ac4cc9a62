//! Table `suppression`, with one row per subject: the suppression of free IgE.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{FreeIgeFact, SubjectResult, Uncertain};
use omafit_model::Subject;

/// Four columns per fact: value, standard error, and limits of its band, for a model that predicts free IgE.
pub(super) fn fact_columns(results: &[SubjectResult]) -> Vec<Column> {
    let mut columns = Vec::new();
    for fact in FreeIgeFact::ALL {
        let mut push = |name: String, of: fn(&Uncertain) -> f64| {
            let value = |r: &SubjectResult| r.suppression.map_or(f64::NAN, |s| of(&s.of(fact)));
            columns.push(Column::new(name, Values::Float(results.iter().map(value).collect())));
        };
        let name = fact.name();
        push(name.to_owned(), |u| u.value);
        push(format!("SE_{name}"), |u| u.se);
        push(format!("{name}_lower"), |u| u.lower);
        push(format!("{name}_upper"), |u| u.upper);
    }
    columns
}

/// Table with one row per subject: the facts of [`FreeIgeFact`], each with its standard error and the limits of its
/// band. Values are missing for a failed fit, and for facts that did not occur within the trajectory or are not
/// defined.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
pub fn suppression_table(subjects: &[Subject], results: &[SubjectResult]) -> Result<Table, TableError> {
    let ids = subjects.iter().map(|s| &s.id);
    let mut columns = vec![Column::new("ID", Values::text(ids))];
    columns.extend(fact_columns(results));
    Table::new("suppression", columns)
}
