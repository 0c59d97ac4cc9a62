//! Notes on how a data set was read, for readers of the results.

use crate::present::count;

use super::block::{Censored, Gathered};
use super::columns::Columns;
use super::options::ReadOptions;
use super::problem::Shown;

/// Maximum number of rows listed in a note.
const LISTED: usize = 10;
/// Maximum number of columns named in a note.
const NAMED: usize = 50;

/// Notes on how a data set was read.
pub(super) fn notes(columns: &Columns<'_>, options: &ReadOptions, gathered: &Gathered) -> Vec<String> {
    let Gathered { counts, excluded, .. } = gathered;
    let mut notes = Vec::new();
    let unused = columns.unused();
    if !unused.is_empty() {
        let names: Vec<String> = unused.iter().take(NAMED).map(|name| Shown(name).to_string()).collect();
        let more = match unused.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notes.push(format!("columns read as not used: {}{more}", names.join(", ")));
    }
    units(options, &mut notes);
    let mut reasons: Vec<&str> = excluded.iter().map(|e| e.reason.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        let of: Vec<_> = excluded.iter().filter(|e| e.reason == reason).collect();
        let rows: Vec<String> = of.iter().take(LISTED).map(|e| e.row.to_string()).collect();
        let more = if of.len() > LISTED { ", …" } else { "" };
        let observations = count(of.len(), "observation");
        let noun = if of.len() == 1 { "row" } else { "rows" };
        notes.push(format!(
            "{observations} left out because {} ({noun} {}{more})",
            because(reason),
            rows.join(", ")
        ));
    }
    if counts.other_records > 0 {
        let records = count(counts.other_records, "record");
        notes.push(format!("{records} ignored as neither dose nor observation (EVID 2)"));
    }
    if counts.additional_doses > 0 {
        notes.push(format!("{} added for ADDL and II", count(counts.additional_doses, "dose")));
    }
    if counts.cancelled_doses > 0 {
        let doses = count(counts.cancelled_doses, "additional dose");
        notes.push(format!("{doses} not given: a reset (EVID 3 or 4) or a steady state (SS 1) came before"));
    }
    notes.extend(gathered.large_doses.note());
    limits(options, gathered, &mut notes);
    if gathered.within > 0 {
        let observations = count(gathered.within, "censored observation");
        notes.push(format!("{observations} known to lie between DV and LIMIT"));
    }
    let of = |some: usize| format!("{some} of {}", count(counts.subjects, "subject"));
    if counts.ige_from_total > 0 {
        let some = of(counts.ige_from_total);
        notes.push(format!("baseline IgE taken from the total IgE before the first dose for {some}"));
    }
    for (column, some) in columns.covariates().iter().zip(&gathered.assumed) {
        if let (Some(value), some @ 1..) = (column.assumed, *some) {
            let (name, unit) = if column.is_weight() {
                ("body weight", " kg")
            } else if column.is_ige() {
                ("baseline IgE", " ng/mL")
            } else {
                (column.name.as_str(), "")
            };
            notes.push(format!("{name} {value}{unit} assumed for {}: the data lack it", of(some)));
        }
    }
    notes
}

/// Reason in the form that follows *because*.
fn because(reason: &str) -> String {
    if reason.contains(" is ") { reason.to_owned() } else { format!("of {reason}") }
}

/// Adds notes on units other than omafit's own.
fn units(options: &ReadOptions, notes: &mut Vec<String>) {
    let (time, omalizumab, ige) = (options.time_unit, options.omalizumab_unit, options.ige_unit);
    if time.per_day() != 1.0 {
        notes.push(format!("times read in {}, {} to the day", time.name(), time.per_day()));
    }
    if options.weight_unit.kg() != 1.0 {
        notes.push(format!("body weight read in pounds, {} kg each", options.weight_unit.kg()));
    }
    let factor = omalizumab.ug_ml(options.drug_kda);
    if factor != 1.0 {
        notes.push(format!("omalizumab read in {}, {factor} µg/mL each", omalizumab.name()));
    }
    if let Some(baseline) = options.baseline_ige_unit.filter(|baseline| *baseline != ige) {
        notes.push(format!(
            "baseline IgE (IGE) read in {}, {} ng/mL each",
            baseline.name(),
            baseline.ng_ml()
        ));
    }
    if ige.ng_ml() != 1.0 {
        notes.push(format!("IgE read in {}, {} ng/mL each", ige.name(), ige.ng_ml()));
    }
}

/// Adds notes on observations that the options made censored.
fn limits(options: &ReadOptions, gathered: &Gathered, notes: &mut Vec<String>) {
    for (analyte, &Censored { below, above }) in &gathered.censored_by_option {
        let (lower, upper) = (options.lloq.get(analyte), options.uloq.get(analyte));
        let sides = [("below", below, lower), ("above", above, upper)];
        for (side, number, limit) in sides {
            if let (Some(limit), 1..) = (limit, number) {
                let observations = count(number, "observation");
                let (name, unit) = (analyte.name(), analyte.unit());
                notes.push(format!("{observations} of {name} taken as {side} {limit} {unit}"));
            }
        }
    }
}
