//! Outcome tables.

use crate::data_set::refused;
use crate::files::file;
use crate::options::layout;
use omafit_trial::{OutcomeReadOptions, TimeUnit, read_outcomes};
use std::collections::HashSet;

/// An outcome table: the first byte says how it is read.
pub fn outcomes(bytes: &[u8]) {
    let Some((&first, content)) = bytes.split_first() else { return };
    let (separator, decimal) = layout(first);
    let columns = if first & 8 == 0 { Vec::new() } else { vec![("VALUE".to_owned(), "SCORE".to_owned())] };
    let options = OutcomeReadOptions {
        columns: columns.into_iter().collect(),
        time_unit: if first & 16 == 0 { TimeUnit::Days } else { TimeUnit::Hours },
        allow_unknown: first & 32 == 0,
        separator,
        decimal,
    };
    let known: HashSet<&str> = ["1", "2", "501"].into();
    match read_outcomes(&file("outcomes", content), &options, &known) {
        Ok(table) => {
            assert!(!table.measures.is_empty() || table.subjects.is_empty());
            for subject in &table.subjects {
                assert_eq!(subject.values.len(), table.measures.len());
                for values in &subject.values {
                    assert!(values.is_sorted_by(|a, b| a.0 <= b.0));
                    assert!(values.iter().all(|(time, value)| time.is_finite() && value.is_finite()));
                }
            }
        }
        Err(rejection) => refused(&rejection),
    }
}
