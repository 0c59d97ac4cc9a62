//! What a person reads of an outcome analysis in the terminal.

use super::OutcomeArgs;
use crate::print::columns;
use crate::print::format::fixed;
use crate::print::terminal::say;
use omafit_outcome::{DelayFit, Exposure, Fact, GroupOutcome, OutcomeAnalysis, Patient, VisitMean};
use omafit_trial::OutcomeTable;
use omafit_trial::count;

/// Prints the summary.
pub fn print(
    args: &OutcomeArgs,
    table: &OutcomeTable,
    patients: &[Patient],
    analysis: &OutcomeAnalysis,
    notes: &[String],
    simulated: bool,
) {
    let with = patients.iter().filter(|p| p.exposure.is_some()).count();
    say!(
        "{} with outcomes, {with} of them with exposure; {}",
        count(patients.len(), "patient"),
        count(usize::try_from(table.source.rows).unwrap_or(usize::MAX), "value")
    );
    let last_dose = patients.iter().filter_map(|p| p.last_dose).fold(0.0, f64::max);
    for ((name, unit), found) in table.measures.iter().zip(&analysis.measures) {
        let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        say!("\n{name}{unit}");
        let head = [
            "patients",
            "n",
            "baseline",
            "change at the last dose",
            "lag, days",
            "loop with free IgE",
            "delay",
        ];
        let mut rows = vec![head.map(String::from)];
        for (group, outcome) in analysis.groups.iter().zip(&found.groups) {
            let names = [&group.arm, &group.responder];
            let own: Vec<&str> = names.into_iter().map(String::as_str).filter(|n| *n != "all").collect();
            let name = if own.is_empty() { "all".to_owned() } else { own.join(", ") };
            rows.push(row(name, outcome, last_dose));
        }
        columns(&rows);
    }
    if !notes.is_empty() {
        say!("");
        notes.iter().for_each(|note| say!("note: {note}"));
    }
    say!("\nin {}: outcome.json, outcome_patients, outcome_visits, outcome_correlation,", args.run.display());
    say!(
        "outcome_hysteresis, outcome_delay, outcome_delay_parameters, outcome_exposure, figures, and in its report"
    );
    if simulated {
        say!("SIMULATED: nothing here was measured in a patient.");
    }
}

fn row(name: String, outcome: &GroupOutcome, last_dose: f64) -> [String; 7] {
    let baseline = outcome.visits.first();
    let end: Option<&VisitMean> = outcome.visits.iter().rev().find(|v| v.visit > 0.0 && v.visit <= last_dose);
    let judged = |fact: Fact, exposure| {
        outcome.hysteresis.iter().find(|j| j.fact == fact && j.exposure == Some(exposure))
    };
    let lag = judged(Fact::Lag, Exposure::LogIgeFree);
    let turn = judged(Fact::Area, Exposure::LogIgeFree).map_or("", |area| match area {
        a if a.low > 0.0 => "counter-clockwise",
        a if a.high < 0.0 => "clockwise",
        _ => "not told",
    });
    [
        name,
        baseline.map_or(0, |v| v.value.n).to_string(),
        baseline.map_or_else(|| "none before the first dose".to_owned(), |v| fixed(v.value.mean, 2)),
        end.map_or(String::new(), |v| with_interval([v.change.mean, v.change.low, v.change.high], 2)),
        lag.map_or(String::new(), |l| with_interval([l.value, l.low, l.high], 0)),
        turn.to_owned(),
        delay(&outcome.chosen()),
    ]
}

/// A value with its interval, if it has one: of one patient there is none.
fn with_interval([value, low, high]: [f64; 3], decimals: usize) -> String {
    let shown = fixed(value, decimals);
    if low.is_nan() || high.is_nan() {
        return shown;
    }
    format!("{shown} ({} to {})", fixed(low, decimals), fixed(high, decimals))
}

fn delay(fits: &[&DelayFit]) -> String {
    let Some((fit, others)) = fits.split_first() else { return String::new() };
    let delay = fit.mean_delay();
    let days = if delay.is_nan() { String::new() } else { format!(", mean delay {} days", fixed(delay, 1)) };
    let others: Vec<String> = others.iter().map(|f| f.model.name()).collect();
    let others =
        if others.is_empty() { String::new() } else { format!("; not told apart: {}", others.join(", ")) };
    format!("{}{days}{others}", fit.model.name())
}
