//! Summary of a what-if for the terminal.

use crate::print::format::{fixed, with_interval};
use crate::print::terminal::say;
use crate::print::{NO_ADVICE, aligned};
use crate::what_if_outcomes::Expected;
use crate::what_if_summary::{Over, Summary};
use omafit_outcome::WithInterval;
use omafit_trial::count;
use std::path::Path;

/// Prints the summary of a what-if; `has_population` says whether the intervals include the uncertainty of an
/// estimated population.
pub fn print(run: &Path, found: &[Summary], expected: &[Expected], has_population: bool, simulated: bool) {
    for (k, summary) in found.iter().enumerate() {
        say!("{}: {}", summary.name, count(summary.patients, "patient"));
        if let Some(n) = summary.unverified {
            say!("  dosed by cells of the table that are not verified: {n}");
        }
        if let (n, Some(why)) = &summary.left_out {
            say!("  {n} left out; the first: {why}");
        }
        let [as_given, otherwise] = summary.peak.map(|peak| fixed(peak, 1));
        say!("  highest free IgE, median: {as_given} ng/mL as given, {otherwise} otherwise");
        aligned(&over(summary), 1);
        let own: Vec<&Expected> = expected.iter().filter(|e| e.alternative == k).collect();
        if !own.is_empty() {
            say!(
                "  change of outcomes at the end of the treatment that was given, and days until half of the effect is lost:"
            );
            aligned(&changes(&own), 3);
        }
        say!();
    }
    let population = if has_population { "of the population and " } else { "" };
    say!("Bands of free IgE hold the uncertainty {population}of each patient's parameters;");
    if !expected.is_empty() {
        say!("intervals of outcomes (95 %) that of the outcome's model too.");
    }
    let outcomes = if expected.is_empty() { "" } else { "what_if_outcomes, what_if_outcome_patients, " };
    say!(
        "in {}: what_if, what_if_targets, {outcomes}what_if_trajectories.parquet, figures/what_if.svg",
        run.display()
    );
    if simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
    say!("{NO_ADVICE}");
}

/// Rows of the table of patients over each target.
fn over(summary: &Summary) -> Vec<[String; 7]> {
    let head = [
        "free IgE over",
        "as given",
        "otherwise",
        "expected as given",
        "expected otherwise",
        "rise over it",
        "weeks until then",
    ];
    let part = |n: usize| {
        let share = 100.0 * n as f64 / summary.patients as f64;
        if share.is_nan() { n.to_string() } else { format!("{n} ({} %)", fixed(share, 1)) }
    };
    let row = |over: &Over| {
        let weeks = if over.rise > 0 { fixed(over.weeks_to_rise, 1) } else { String::new() };
        [
            format!("{} ng/mL", over.target),
            part(over.over[0]),
            part(over.over[1]),
            fixed(over.expected[0], 1),
            fixed(over.expected[1], 1),
            part(over.rise),
            weeks,
        ]
    };
    std::iter::once(head.map(String::from)).chain(summary.over.iter().map(row)).collect()
}

/// Rows of the table of outcome changes.
fn changes(expected: &[&Expected]) -> Vec<[String; 8]> {
    let head = [
        "outcome",
        "patients",
        "model",
        "n",
        "as given",
        "otherwise",
        "difference",
        "days after the last dose that is the same",
    ];
    let row = |e: &&Expected| {
        let unit = if e.unit.is_empty() { String::new() } else { format!(" ({})", e.unit) };
        [
            format!("{}{unit}", e.measure),
            e.responder.clone(),
            e.model.clone(),
            e.patients[0].to_string(),
            with_interval(e.change.given.into(), 2),
            with_interval(e.change.otherwise.into(), 2),
            with_interval(e.change.difference.into(), 2),
            if e.reason.is_empty() { days(e.returned[1]) } else { e.reason.to_owned() },
        ]
    };
    std::iter::once(head.map(String::from)).chain(expected.iter().map(row)).collect()
}

/// Days with their interval; without an upper end, the days may exceed the length of the time course.
fn days(days: WithInterval) -> String {
    if days.value.is_nan() {
        return "not within the course, or while doses go on".to_owned();
    }
    if days.high.is_nan() && !days.low.is_nan() {
        return format!("{} ({} or more)", fixed(days.value, 0), fixed(days.low, 0));
    }
    with_interval(days.into(), 0)
}
