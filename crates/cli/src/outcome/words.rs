//! Summary of an outcome analysis for the terminal.

use super::OutcomeArgs;
use crate::print::columns;
use crate::print::format::{fixed, with_interval};
use crate::print::terminal::say;
use omafit_outcome::{
    ArmComparison, EventRate, Exposure, Fact, Group, GroupOutcome, MeanDelay, OutcomeAnalysis, OutcomeFit,
    Patient, VisitMean,
};
use omafit_trial::OutcomeTable;
use omafit_trial::count;

/// Prints the summary of an outcome analysis.
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
            "model",
            "mean delay, days",
            "hysteresis with free IgE",
        ];
        let mut rows = vec![head.map(String::from)];
        for (group, outcome) in analysis.groups.iter().zip(&found.groups) {
            rows.push(row(name_of(group), outcome, last_dose));
        }
        columns(&rows);
        for (group, outcome) in analysis.groups.iter().zip(&found.groups) {
            let unsettled = outcome.choice().unsettled;
            let names: Vec<String> = unsettled.iter().map(|&i| outcome.fits[i].model.name()).collect();
            if !names.is_empty() {
                let group = name_of(group);
                let names = names.join(", ");
                say!(
                    "{group}: no model is chosen, as {names} did not converge and lies below those that did"
                );
            }
        }
    }
    for ((name, unit), found) in table.measures.iter().zip(&analysis.measures) {
        if let Some(compared) = &found.arms {
            arms(name, unit, compared, last_dose);
        }
    }
    if analysis.groups.iter().any(|group| group.responder != Group::ALL) {
        say!(
            "\nResponse is an outcome itself: a difference between responders and nonresponders is no effect of treatment."
        );
    }
    if !notes.is_empty() {
        say!("");
        notes.iter().for_each(|note| say!("note: {note}"));
    }
    say!("\nin {}: outcome.json, outcome_patients, outcome_visits, outcome_correlation,", args.run.display());
    say!(
        "outcome_hysteresis, outcome_models, outcome_model_parameters, outcome_exposure, figures, and in its report"
    );
    if simulated {
        say!("SIMULATED: nothing here was measured in a patient.");
    }
}

/// Prints the difference of each arm from the reference arm at the last visit under treatment.
fn arms(name: &str, unit: &str, compared: &ArmComparison, last_dose: f64) {
    let model = match &compared.model {
        Ok(model) => model,
        Err(error) => {
            say!("\n{name}: the arms are not compared: {error}");
            return;
        }
    };
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    let treated = compared.visits.iter().rposition(|visit| *visit <= last_dose);
    let Some(at) = treated.or(compared.visits.len().checked_sub(1)) else { return };
    for (arm, differences) in compared.arms.iter().skip(1).zip(&model.differences) {
        let found = differences[at];
        let p = p_value(found.p_value);
        say!(
            "\n{name}, {arm} less {} on day {}: {}{unit}, {p} (mixed model for repeated measures)",
            compared.reference(),
            compared.visits[at],
            with_interval([found.estimate, found.low, found.high], 2)
        );
    }
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// Name of a group.
fn name_of(group: &Group) -> String {
    let names = [&group.arm, &group.responder];
    let own: Vec<&str> = names.into_iter().map(String::as_str).filter(|n| *n != Group::ALL).collect();
    if own.is_empty() { Group::ALL.to_owned() } else { own.join(", ") }
}

fn row(name: String, outcome: &GroupOutcome, last_dose: f64) -> [String; 7] {
    if let Some(found) = &outcome.events {
        return row_of_events(name, outcome, found);
    }
    let baseline = outcome.visits.first();
    let end: Option<&VisitMean> = outcome.visits.iter().rev().find(|v| v.visit > 0.0 && v.visit <= last_dose);
    let fits = outcome.chosen();
    [
        name,
        baseline.map_or(0, |v| v.value.n).to_string(),
        baseline.map_or_else(|| "none before the first dose".to_owned(), |v| fixed(v.value.mean, 2)),
        end.map_or(String::new(), |v| with_interval([v.change.mean, v.change.low, v.change.high], 2)),
        model(&fits),
        fits.first().and_then(|fit| fit.mean_delay()).map_or(String::new(), delay),
        hysteresis(outcome),
    ]
}

/// Row of the first events of a group, with their rate in place of a change.
fn row_of_events(name: String, outcome: &GroupOutcome, found: &EventRate) -> [String; 7] {
    let fits = outcome.chosen();
    let rate = format!(
        "{} in {} patient-years, {} a year",
        count(found.events, "first event"),
        fixed(found.years, 1),
        with_interval(found.rate, 2)
    );
    let ratio = if found.ratio[0].is_nan() {
        String::new()
    } else {
        format!("; rate ratio {}", with_interval(found.ratio, 2))
    };
    [
        name,
        found.patients.to_string(),
        String::new(),
        format!("{rate}{ratio}"),
        model(&fits),
        fits.first().and_then(|fit| fit.mean_delay()).map_or(String::new(), delay),
        "not tested of events".to_owned(),
    ]
}

fn model(fits: &[&OutcomeFit]) -> String {
    let Some((fit, others)) = fits.split_first() else { return String::new() };
    let others: Vec<String> = others.iter().map(|f| f.model.name()).collect();
    let others =
        if others.is_empty() { String::new() } else { format!("; not told apart: {}", others.join(", ")) };
    format!("{}{others}", fit.model.name())
}

/// Mean delay with its interval; if the rate is at its limit, only that limit.
fn delay(delay: MeanDelay) -> String {
    if delay.at_limit {
        return format!("at the limit of {}", fixed(delay.days, 1));
    }
    with_interval([delay.days, delay.low, delay.high], 1)
}

/// Direction of the hysteresis with free IgE and its p value, or the reason why no direction is given.
fn hysteresis(outcome: &GroupOutcome) -> String {
    let is_p = |fact: Fact, exposure| fact == Fact::NoDelay && exposure == Some(Exposure::IgeFree);
    let Some(test) = outcome.hysteresis.iter().find(|j| is_p(j.fact, j.exposure)) else {
        return String::new();
    };
    match test.direction {
        Some(direction) => format!("{} ({})", direction.name(), p_value(test.value)),
        None => format!("none told: {}", test.reason),
    }
}
