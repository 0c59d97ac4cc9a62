//! Summary of a run for the terminal: the population used, all subjects together, and each subject of a small
//! trial.

use super::format::{fixed, significant};
use super::terminal::say;
use super::{NAMED, aligned, shown_unit};
use crate::clock;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::Record;
use omafit_estimate::{
    FreeIgeFact, Goodness, Limit, Overview, Status, SubjectResult, TwoStage, TwoStageEstimates, free_names,
};
use omafit_model::{PopulationModel, Subject};
use omafit_trial::Trial;
use omafit_trial::count;
use std::path::Path;

/// Prints which population a run used that did not estimate one.
pub fn not_estimated(plan: &Plan) {
    let model = plan.model().name();
    match plan.prior() {
        Some(_) => say!("\nno population was estimated: that of {model} is each subject's prior (MAP)"),
        None => say!("\nno population was estimated or used: each subject is fitted by its own data (NLS)"),
    }
}

/// Prints the results of a run.
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
        "{}: {} fitted, {} not determined, {} failed",
        count(progress.subjects(), "subject"),
        summary.ok,
        summary.not_determined,
        summary.failed
    );
    if shown.is_none() {
        unfinished(progress);
    }
    // The conditional objective would mislead beside the likelihood of a population.
    if let Some(conditional) = record.conditional().filter(|_| !record.is_of_population()) {
        let [ofv, minus2ll, aic] = conditional.map(|value| fixed(value, 3));
        say!(
            "at the individual estimates (conditional): objective {ofv}   −2LL {minus2ll}   AIC {aic}, parameters in effect"
        );
    }
    say!();
    goodness(plan.model(), trial, summary);
    suppression(plan, summary);
    let seconds = &record.seconds;
    let fitting = if plan.courses().is_some() { "fitting and reconstructing" } else { "fitting" };
    say!(
        "\n{} s, of which {} s {fitting} on {} ({} subjects per second)",
        fixed(clock::seconds(), 2),
        fixed(seconds.of("fit"), 2),
        count(record.threads, "thread"),
        fixed(progress.subjects() as f64 / seconds.of("fit"), 0)
    );
    let report = if seconds.of("report") > 0.0 { "report.html, " } else { "" };
    say!("run in {}: {report}individuals.csv, observations.csv, …", out.display());
    if trial.simulated {
        say!("The data are simulated: nothing here was measured in a patient.");
    }
}

/// Prints the two-stage population from the individual estimates of the subjects.
pub fn two_stages(plan: &Plan, found: &TwoStage) {
    say!("\ntwo-stage population, η: the estimates as they are, and corrected for their variance (global)");
    let names = free_names(plan.model(), plan.options());
    let head = ["", "n", "mean", "SE", "SD", "n global", "mean", "SE", "SD"].map(String::from);
    let rows = names.iter().enumerate().map(|(i, name)| {
        let of = |stage: &TwoStageEstimates| {
            let sd = stage.omega[i * (names.len() + 1)].sqrt();
            (stage.subjects[i].to_string(), [stage.mean[i], stage.se[i], sd].map(|value| fixed(value, 3)))
        };
        let ((n, naive), (n_global, global)) = (of(&found.naive), of(&found.global));
        let [[mean, se, sd], [mean_global, se_global, sd_global]] = [naive, global];
        [(*name).into(), n, mean, se, sd, n_global, mean_global, se_global, sd_global]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    aligned(&rows, 1);
    say!(
        "  of {} {} determine every parameter, {} some of them, {} failed and tell nothing",
        count(found.complete + found.partial + found.failed, "subject"),
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
    let head = ["", "", "estimate", "SE", "RSE %"].map(String::from);
    let rows = plan.model().parameter_names().enumerate().map(|(position, name)| {
        let value = fit.parameters[position];
        let in_unit = |value: f64| significant(plan.model().in_unit(position, value), 5);
        let free = plan.options().free.iter().position(|&p| p == position);
        let limit = free.and_then(|i| fit.run_off.iter().find(|(j, _)| *j == i));
        let none = String::new;
        let [estimate, se, rse] = match (free, limit) {
            (None, _) => [in_unit(value), "held".into(), none()],
            (_, Some((_, limit))) => {
                let whither = if *limit == Limit::Zero { "→ 0" } else { "→ ∞" };
                [whither.into(), "not determined".into(), none()]
            }
            (Some(i), None) => match fit.uncertainty.se_log(i) {
                Some(se) => [in_unit(value), in_unit(se * value), fixed(100.0 * se, 1)],
                None => [in_unit(value), "not determined".into(), none()],
            },
        };
        [name.into(), shown_unit(plan.model().unit(position)), estimate, se, rse]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    aligned(&rows, 2);
    say!(
        "  weighted sum of squares {}, rank {} of {}, condition {}, {}, {}",
        fixed(fit.ssq, 4),
        fit.data_information.rank(),
        names.len(),
        significant(fit.data_information.condition(), 4),
        count(usize::try_from(fit.iterations).unwrap_or(usize::MAX), "iteration"),
        count(fit.starts, "start")
    );
    let weak = fit.data_information.weaknesses(&names);
    if !weak.is_empty() {
        say!("  the data alone leave weak: {}", weak.join("; "));
    }
    let predicted = plan.model().structure().free_target().is_some();
    if let Some(s) = result.suppression.filter(|s| s.dosed && predicted) {
        let day = |d: Option<f64>, decimals: usize, none: &str| {
            d.map_or(none.into(), |d| format!("{} d", fixed(d, decimals)))
        };
        say!(
            "  free IgE under {} ng/mL after {}, for {} d, lowest {} ng/mL, back {} after the last dose",
            plan.target_ng_ml(),
            day(s.value(FreeIgeFact::DaysToTarget), 2, "never"),
            fixed(s.of(FreeIgeFact::DaysBelow).value, 1),
            fixed(s.of(FreeIgeFact::Lowest).value, 1),
            day(s.value(FreeIgeFact::DaysToReturn), 1, "not seen")
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

/// Prints the goodness of fit, or the reason why there is none.
fn goodness(model: &PopulationModel, trial: &Trial, summary: &Overview) {
    let counts = &trial.counts;
    if summary.overall.n == 0 {
        let why = match (summary.ok + summary.not_determined, counts.observed() > counts.censored()) {
            (0, _) => "no subject was fitted",
            (_, false) => "no observation was quantified, all are beyond a limit of quantification",
            (_, true) => "no quantified observation and its prediction are above zero",
        };
        say!("goodness of fit: none: {why}");
        return;
    }
    let head = ["goodness of fit", "n", "RMSE log", "R² log", "WRES mean", "SD"].map(String::from);
    let row = |name: &str, g: &Goodness| {
        let [rmse, r2] = [g.rmse_log, g.r2_log].map(|value| fixed(value, 4));
        let [mean, sd] = [g.wres_mean, g.wres_sd].map(|value| fixed(value, 3));
        [name.into(), g.n.to_string(), rmse, r2, mean, sd]
    };
    let mut rows = vec![head];
    for &analyte in counts.observations.keys() {
        let of = summary.by_analyte.get(analyte).copied().unwrap_or_default();
        rows.push(row(model.label(analyte), &of));
    }
    rows.push(row("all", &summary.overall));
    aligned(&rows, 1);
}

fn suppression(plan: &Plan, s: &Overview) {
    if s.dosed == 0 || plan.model().structure().free_target().is_none() {
        return;
    }
    let (target, dosed) = (plan.target_ng_ml(), count(s.dosed, "subject"));
    say!("\nfree IgE under {target} ng/mL: reached by {} of {dosed}", s.reached_target);
    if s.reached_target > 0 {
        say!("  after a median of {} days", fixed(s.median_days_to_target, 2));
    }
    if s.with_trough > 0 {
        say!("  {} of {} below it just before their last dose", s.trough_below, s.with_trough);
    }
    if s.returned > 0 {
        say!(
            "  {} rose above it again, a median of {} days after the last dose",
            s.returned,
            fixed(s.median_days_to_return, 0)
        );
    }
}
