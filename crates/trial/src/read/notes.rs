//! What a reader of the results must know of the reading, in words.

use super::columns::Columns;
use super::options::ReadOptions;
use crate::trial::{Counts, Excluded};

/// Rows listed in a note at most.
const LISTED: usize = 10;

/// The notes on a data set.
pub(super) fn notes(
    columns: &Columns<'_>,
    options: &ReadOptions,
    counts: &Counts,
    excluded: &[Excluded],
) -> Vec<String> {
    let mut notes = Vec::new();
    let unused = columns.unused();
    if !unused.is_empty() {
        notes.push(format!("columns read as not used: {}", unused.join(", ")));
    }
    if !excluded.is_empty() {
        let rows: Vec<String> = excluded.iter().take(LISTED).map(|e| e.row.to_string()).collect();
        let more = if excluded.len() > LISTED { ", …" } else { "" };
        let observations = count(excluded.len(), "observation");
        let noun = if excluded.len() == 1 { "row" } else { "rows" };
        notes.push(format!("{observations} left out because MDV is 1 ({noun} {}{more})", rows.join(", ")));
    }
    if counts.other_records > 0 {
        let records = count(counts.other_records, "record");
        notes.push(format!("{records} ignored as neither dose nor observation (EVID 2)"));
    }
    if counts.additional_doses > 0 {
        notes.push(format!("{} added for ADDL and II", count(counts.additional_doses, "dose")));
    }
    let of = |some: usize| format!("{some} of {}", count(counts.subjects, "subject"));
    if let (Some(weight), some @ 1..) = (options.assume_weight_kg, counts.weight_assumed) {
        notes.push(format!("body weight {weight} kg assumed for {}: the data lack it", of(some)));
    }
    if counts.ige_from_total > 0 {
        let some = of(counts.ige_from_total);
        notes.push(format!("baseline IgE taken from the total IgE before the first dose for {some}"));
    }
    if let (Some(ige), some @ 1..) = (options.assume_ige_ng_ml, counts.ige_assumed) {
        notes.push(format!("baseline IgE {ige} ng/mL assumed for {}: the data lack it", of(some)));
    }
    notes
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
