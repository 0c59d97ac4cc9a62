//! Target for outcome tables.

use crate::data_set::refused;
use crate::files::file;
use crate::options::layout;
use omafit_outcome::OutcomeType;
use omafit_trial::{OutcomeReadOptions, TimeUnit, read_outcomes};
use std::collections::HashSet;

/// Reads an outcome table; the first byte chooses the options.
pub fn outcomes(bytes: &[u8]) {
    let Some((&first, content)) = bytes.split_first() else { return };
    let (separator, decimal) = layout(first);
    let columns = if first & 8 == 0 { Vec::new() } else { vec![("VALUE".to_owned(), "SCORE".to_owned())] };
    let kinds = [
        OutcomeType::Score { floor: Some(0.0), ceiling: Some(9.0) },
        OutcomeType::Ordered,
        OutcomeType::NegativeBinomial,
        OutcomeType::Event,
    ];
    let types = if first & 64 == 0 {
        Vec::new()
    } else {
        ["score", "PEF", "puffs"]
            .map(str::to_owned)
            .into_iter()
            .zip(kinds.into_iter().cycle().skip(content.len() % 4))
            .collect()
    };
    let options = OutcomeReadOptions {
        columns: columns.into_iter().collect(),
        types: types.into_iter().collect(),
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
                    assert!(values.is_sorted_by(|a, b| a.day <= b.day));
                    assert!(values.iter().all(|m| m.day.is_finite() && m.value.is_finite() && m.days > 0.0));
                }
            }
        }
        Err(rejection) => refused(&rejection),
    }
}
