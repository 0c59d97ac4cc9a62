//! What a person reads in the terminal.

pub mod format;
mod population;
pub mod terminal;

pub use population::{draws, likelihood, population, profiled, resampled};

use crate::attainment::{AttainmentArgs, Field};
use crate::dose::DoseArgs;
use crate::error::CliError;
use crate::progress::Progress;
use crate::record::Record;
use crate::run::Plan;
use crate::what_if::Summary;
use crate::what_if_outcomes::Expected;
use format::{count, fixed};
use omafit_estimate::{
    FreeIgeFact, Goodness, Limit, NpcRow, Overview, Status, SubjectResult, TwoStage, free_names,
};
use omafit_model::{Analyte, Subject};
use omafit_outcome::{DoseRule, DosingTable, NotInTable, Regimen, VirtualTrialError};
use omafit_trial::{RunFolder, Trial};
use std::path::Path;
use terminal::{put, say, tell};

/// Trials of up to this many subjects are shown subject by subject.
pub const FEW: usize = 4;
/// What stands wherever a dose is shown.
const NO_ADVICE: &str = "Not medical advice.";
/// Unfinished subjects that are named.
const NAMED: usize = 10;

/// Rows in columns as wide as they need, the first row a header.
pub fn columns<const N: usize>(rows: &[[String; N]]) {
    let length = |text: &String| text.chars().count();
    let widths: [usize; N] =
        std::array::from_fn(|i| rows.iter().map(|row| length(&row[i])).max().unwrap_or(0));
    for row in rows {
        let cells = row.iter().zip(widths).map(|(text, width)| format!("{text:<width$}"));
        say!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// What was reconstructed.
pub fn reconstructed(out: &Path, subjects: usize, failed: usize, rows: usize, simulated: bool) {
    say!("{subjects} subjects, {failed} without a time course, {rows} rows");
    say!("in {}: trajectories.parquet, suppression.csv", out.display());
    if simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
}

/// Where a report is.
pub fn reported(path: &Path, bytes: usize) {
    say!("{}: {:.1} MB, opens in a browser without a network", path.display(), bytes as f64 * 1e-6);
}

/// What a predictive check found.
pub fn checked(run: &Path, npc: &[NpcRow], replicates: u32, simulated: bool) {
    say!("{replicates} simulations of the trial; observations outside their prediction interval, per cent");
    let names = ["analyte", "interval", "expected", "below", "band", "above", "band"];
    let mut rows = vec![names.map(String::from)];
    let percent = |part: f64| format!("{:.1}", 100.0 * part);
    let band = |side: [f64; 4]| format!("{}–{}", percent(side[1]), percent(side[3]));
    rows.extend(npc.iter().map(|row| {
        [
            row.analyte.title().into(),
            percent(row.interval),
            percent(0.5 * (1.0 - row.interval)),
            percent(row.below[0]),
            band(row.below),
            percent(row.above[0]),
            band(row.above),
        ]
    }));
    columns(&rows);
    say!("in {}: vpc.csv, npc.csv, npde.csv, vpc.json, and in its report", run.display());
    if simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
}

/// What a table prescribes.
pub fn dose(args: &DoseArgs, table: &DosingTable, regimen: &Result<Regimen, NotInTable>) {
    let DoseArgs { weight, ige, .. } = args;
    match regimen {
        Ok(Regimen { dose_mg, interval_weeks, verified }) => {
            say!("{dose_mg} mg every {interval_weeks} weeks, for {weight} kg and {ige} IU/mL");
            let status = if *verified {
                "verified on two sources"
            } else {
                "NOT verified: consistent with 0.016 mg/kg per IU/mL in 4 weeks and the table's ceiling, no more"
            };
            say!("table {}: this cell is {status}", table.name());
            let (four_weeks, rule) = (dose_mg * 4.0 / interval_weeks, 0.016 * weight * ige);
            say!("{four_weeks} mg in 4 weeks; 0.016 mg/kg per IU/mL would be {rule:.1} mg");
        }
        Err(why) => say!("not in the table {}: {why}", table.name()),
    }
    say!("{NO_ADVICE}");
}

/// What a virtual population attains.
pub fn attained(args: &AttainmentArgs, rule: &DoseRule, fields: &[Field]) {
    let with_dose: Vec<_> = fields.iter().filter_map(|f| f.found.as_ref()).collect();
    say!("{rule}: {} fields of the plane, {} of them with a dose", fields.len(), with_dose.len());
    say!("part of the patients under a target through a dosing interval at steady state, per cent");
    let mut rows = vec![["target, ng/mL", "mean of the fields", "lowest", "highest"].map(String::from)];
    for (t, target) in args.targets.iter().enumerate() {
        let parts = || with_dose.iter().map(|found| 100.0 * found.attained[t].throughout);
        let mean = parts().sum::<f64>() / with_dose.len() as f64;
        let (low, high) = (parts().fold(f64::NAN, f64::min), parts().fold(f64::NAN, f64::max));
        let cells = [mean, low, high].map(|part| format!("{part:.1}"));
        let [mean, low, high] = cells;
        rows.push([format!("{target}"), mean, low, high]);
    }
    columns(&rows);
    let failed: usize = with_dose.iter().map(|found| found.failed).sum();
    if failed > 0 {
        say!("{failed} patients have no steady state that could be found, and do not count");
    }
    say!("in {}: attainment.csv, attainment.svg", args.out.display());
    say!("The patients are simulated. {NO_ADVICE}");
}

/// What other doses do.
pub fn what_if(run: &Path, found: &[Summary], expected: &[Expected], target: f64, simulated: bool) {
    for Summary { name, patients, left_out, over, rise, expected_over, weeks_to_rise, days_over, peak } in
        found
    {
        say!("{name}: {patients} patients");
        if let (n, Some(why)) = left_out {
            say!("  {n} left out; the first: {why}");
        }
        let part = |n: f64| 100.0 * n / *patients as f64;
        say!("  highest free IgE, median: {:.1} ng/mL as given, {:.1} otherwise", peak[0], peak[1]);
        say!(
            "  over {target} ng/mL: {} patients ({:.1} %) as given, {} ({:.1} %) otherwise; expected {:.1} and {:.1}",
            over[0],
            part(over[0] as f64),
            over[1],
            part(over[1] as f64),
            expected_over[0],
            expected_over[1]
        );
        put!("  {rise} ({:.1} %) rise over it", part(*rise as f64));
        if *rise > 0 {
            put!(", a median of {weeks_to_rise:.1} weeks after the first dose, for {days_over:.1} days");
        }
        say!();
        for Expected { measure, unit, responder, model, change, change_of_rising, patients, .. } in
            expected.iter().filter(|e| e.alternative == *name)
        {
            put!(
                "  {measure} ({unit}), {responder}: change at the end of treatment {:.2} as given, {:.2} otherwise",
                change[0],
                change[1]
            );
            if patients[1] > 0 {
                put!("; of those who rise {:.2} and {:.2}", change_of_rising[0], change_of_rising[1]);
            }
            say!(" ({model})");
        }
    }
    let outcomes = if expected.is_empty() { "" } else { "what_if_outcomes.csv, " };
    say!("in {}: what_if.csv, {outcomes}what_if_trajectories.parquet, figures/what_if.svg", run.display());
    if simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
    say!("{NO_ADVICE}");
}

/// What was simulated.
pub fn simulated(path: &Path, subjects: usize, doses: usize, observations: usize, comments: &[String]) {
    say!("{}: {subjects} subjects, {doses} doses, {observations} observations", path.display());
    for comment in comments {
        say!("  {comment}");
    }
}

/// Which subjects could not be simulated.
pub fn not_simulated(failures: &[VirtualTrialError]) {
    for failure in failures.iter().take(NAMED) {
        tell!("omafit: not simulated: {failure}");
    }
    if failures.len() > NAMED {
        tell!("omafit: … and {} more", failures.len() - NAMED);
    }
}

/// How far a run came.
pub fn interrupted(progress: &Progress, subjects: usize, kept: Option<&Path>, quiet: bool) {
    if quiet {
        return;
    }
    let done = match progress.iterations {
        0 => format!("{} of {subjects} subjects", progress.subjects()),
        n => format!("{n} iterations of the population"),
    };
    let partial = kept.and_then(RunFolder::suspended).filter(|_| progress.iterations > 0);
    let partial = partial.map_or(String::new(), |at| format!("; what it had reached is in {}", at.display()));
    let goes_on = if kept.is_some() { "; the same command with --resume goes on" } else { "" };
    tell!("omafit: interrupted after {done}{partial}{goes_on}");
}

/// How far a bootstrap or a search came.
pub fn left_off(what: &str, done: usize, kept: &Path, quiet: bool) {
    if !quiet {
        tell!(
            "omafit: interrupted after {done} {what}, which are in {}; the same command with --resume goes on",
            kept.display()
        );
    }
}

/// What keeps nothing was interrupted.
pub fn given_up(quiet: bool) {
    if !quiet {
        tell!("omafit: interrupted; nothing was written");
    }
}

/// Text as it is.
pub fn text(text: &str) {
    put!("{text}");
}

/// Why a command was refused.
pub fn error(error: &CliError) {
    tell!("omafit: {error}");
}

/// What a data set holds.
pub fn trial(trial: &Trial) {
    let counts = &trial.counts;
    say!("{}: {} subjects, {} doses", trial.source.path.display(), counts.subjects, counts.doses);
    for analyte in Analyte::ALL {
        let index = analyte.index();
        if counts.observations[index] == 0 {
            continue;
        }
        let (below, above) = (counts.below[index], counts.above[index]);
        let censored = [(below, "below"), (above, "above")].into_iter().filter(|(number, _)| *number > 0);
        let censored: Vec<String> = censored.map(|(number, side)| format!("{number} {side}")).collect();
        let of = if censored.is_empty() {
            String::new()
        } else {
            format!(", {} a limit of quantification", censored.join(" and "))
        };
        say!("  {:<17}{:>6} observations{of}", analyte.title(), counts.observations[index]);
    }
    for note in &trial.notes {
        say!("  note: {note}");
    }
}

/// Whose population a run has that estimated none, before all that it found.
pub fn not_estimated(plan: &Plan) {
    let model = plan.model().name();
    match plan.prior() {
        Some(_) => say!("\nno population was estimated: that of {model} is each subject's prior (MAP)"),
        None => say!("\nno population was estimated or used: each subject is fitted by its own data (NLS)"),
    }
}

/// What a run found.
pub fn summary(
    plan: &Plan,
    trial: &Trial,
    shown: Option<&(Vec<Subject>, Vec<SubjectResult>)>,
    progress: &Progress,
    summary: &Overview,
    record: &Record,
    out: &Path,
) {
    say!();
    if let Some((subjects, results)) = shown {
        for (subject, result) in subjects.iter().zip(results) {
            individual(plan, subject, result);
        }
    }
    say!(
        "{}: {} fitted, {} with a parameter left open, {} failed",
        count(progress.subjects(), "subject"),
        summary.ok,
        summary.not_determined,
        summary.failed
    );
    if shown.is_none() {
        unfinished(progress);
    }
    // Beside the likelihood of a population this one misleads.
    if let Some(conditional) = record.conditional().filter(|_| !record.is_of_population()) {
        let [ofv, minus2ll, aic] = conditional.map(|value| fixed(value, 3));
        say!(
            "at the individual estimates (conditional): objective {ofv}   −2LL {minus2ll}   AIC {aic}, parameters in effect"
        );
    }
    say!();
    say!(
        "{:<17}{:>7}{:>11}{:>9}{:>11}{:>9}",
        "goodness of fit",
        "n",
        "RMSE log",
        "R² log",
        "WRES mean",
        "SD"
    );
    let observed = |analyte: &Analyte| trial.counts.observations[analyte.index()] > 0;
    for analyte in Analyte::ALL.into_iter().filter(observed) {
        goodness(analyte.title(), &summary.by_analyte[analyte.index()]);
    }
    goodness("all", &summary.overall);
    suppression(plan, summary);
    let seconds = &record.seconds;
    say!(
        "\n{:.2} s ({:.2} s {} on {} threads, {:.0} subjects per second)",
        seconds.total(),
        seconds.of("fit"),
        if plan.courses().is_some() { "fitting and reconstructing" } else { "fitting" },
        record.threads,
        progress.subjects() as f64 / seconds.of("fit")
    );
    let report = if seconds.of("report") > 0.0 { "report.html, " } else { "" };
    say!("run in {}: {report}individuals.csv, observations.csv, …", out.display());
    if trial.simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
}

/// The population from subjects' own estimates.
pub fn two_stages(plan: &Plan, found: &TwoStage) {
    say!("\ntwo-stage population, η: the estimates as they are, and corrected for their variance (global)");
    say!(
        "  {:<8}{:>6}{:>9}{:>8}{:>8}{:>9}{:>9}{:>8}{:>8}",
        "",
        "n",
        "mean",
        "SE",
        "SD",
        "n global",
        "mean",
        "SE",
        "SD"
    );
    let names = free_names(plan.model(), plan.options());
    for (i, name) in names.iter().enumerate() {
        let cells = [&found.naive, &found.global].map(|stage| {
            let sd = stage.omega[i * (names.len() + 1)].sqrt();
            (stage.subjects[i], stage.mean[i], stage.se[i], sd)
        });
        let [(n, mean, se, sd), (n_global, mean_global, se_global, sd_global)] = cells;
        say!(
            "  {name:<8}{n:>6}{mean:>9.3}{se:>8.3}{sd:>8.3}{n_global:>9}{mean_global:>9.3}{se_global:>8.3}{sd_global:>8.3}"
        );
    }
    say!(
        "  of {} subjects {} determine every parameter, {} some of them, {} failed and tell nothing",
        found.complete + found.partial + found.failed,
        found.complete,
        found.partial,
        found.failed
    );
    if !found.settled {
        say!("  the global method did not settle in {} iterations", found.iterations);
    }
}

fn individual(plan: &Plan, subject: &Subject, result: &SubjectResult) {
    let fit = &result.fit;
    say!("{}   {}: {}", subject.id, fit.status.name(), fit.reason);
    if fit.status == Status::Failed {
        say!();
        return;
    }
    let names = free_names(plan.model(), plan.options());
    say!("  {:<8}{:>12}{:>12}{:>9}  unit", "", "estimate", "SE", "RSE %");
    for (position, info) in plan.model().structure().parameters().iter().enumerate() {
        let value = fit.parameters[position];
        let free = plan.options().free.iter().position(|&p| p == position);
        let limit = free.and_then(|i| fit.run_off.iter().find(|(j, _)| *j == i));
        match (free, limit) {
            (None, _) => say!("  {:<8}{value:>12.5}{:>12}{:>9}  {}", info.name, "held", "", info.unit),
            (_, Some((_, limit))) => {
                let whither = if *limit == Limit::Zero { "→ 0" } else { "→ ∞" };
                say!("  {:<8}{whither:>12}{:>21}  {}", info.name, "not determined", info.unit);
            }
            (Some(i), None) => match fit.uncertainty.se_log(i) {
                Some(se) => {
                    let (se, rse) = (se * value, 100.0 * se);
                    say!("  {:<8}{value:>12.5}{se:>12.4}{rse:>9.1}  {}", info.name, info.unit);
                }
                None => say!("  {:<8}{value:>12.5}{:>21}  {}", info.name, "not determined", info.unit),
            },
        }
    }
    say!(
        "  weighted sum of squares {:.4}, rank {} of {}, condition {:.3e}, {} iterations, {} starts",
        fit.ssq,
        fit.data_information.rank(),
        names.len(),
        fit.data_information.condition(),
        fit.iterations,
        fit.starts
    );
    let weak = fit.data_information.weaknesses(&names);
    if !weak.is_empty() {
        say!("  the data alone leave weak: {}", weak.join("; "));
    }
    if let Some(s) = result.suppression.filter(|s| s.dosed) {
        let day = |d: Option<f64>| d.map_or("never".into(), |d| format!("{d:.2} d"));
        say!(
            "  free IgE under {} ng/mL after {}, for {:.1} d, lowest {:.1} ng/mL, back {} after the last dose",
            plan.target_ng_ml(),
            day(s.value(FreeIgeFact::DaysToTarget)),
            s.of(FreeIgeFact::DaysBelow).value,
            s.of(FreeIgeFact::Lowest).value,
            s.value(FreeIgeFact::DaysToReturn).map_or("not seen".into(), |d| format!("{d:.1} d"))
        );
    }
    say!();
}

fn unfinished(progress: &Progress) {
    let (lines, more) = &progress.unfinished;
    for line in lines.iter().take(NAMED) {
        say!("  {line}");
    }
    let more = lines.len().saturating_sub(NAMED) + more;
    if more > 0 {
        say!("  … and {more} more, in individuals.csv");
    }
}

fn goodness(name: &str, g: &Goodness) {
    say!("{name:<17}{:>7}{:>11.4}{:>9.4}{:>11.3}{:>9.3}", g.n, g.rmse_log, g.r2_log, g.wres_mean, g.wres_sd);
}

fn suppression(plan: &Plan, s: &Overview) {
    if s.dosed == 0 {
        return;
    }
    let target = plan.target_ng_ml();
    say!("\nfree IgE under {target} ng/mL: reached by {} of {} subjects", s.reached_target, s.dosed);
    if s.reached_target > 0 {
        say!("  after a median of {:.2} days", s.median_days_to_target);
    }
    if s.with_trough > 0 {
        say!("  {} of {} below it just before their last dose", s.trough_below, s.with_trough);
    }
    if s.returned > 0 {
        say!(
            "  {} rose above it again, a median of {:.0} days after the last dose",
            s.returned,
            s.median_days_to_return
        );
    }
}
