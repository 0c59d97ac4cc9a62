//! Summary page of `omafit check`: the data read, their units, and warnings.

use crate::error::CliError;
use crate::print::format::{NONE, significant};
use omafit_model::PopulationModel;
use omafit_outcome::{Regimens, TableAgreement};
use omafit_trial::{Counts, DataSummary, Ignored, Listing, Presented, Span, Trial, Warning, count};
use serde::Serialize;
use std::fmt::Write as _;

/// Width of a line, characters.
const WIDTH: usize = 110;
/// Dose per body weight and baseline IgE on which the dosing tables are based, mg/kg per IU/mL in four weeks.
const RULE: f64 = 0.016;
/// Largest number of reasons for excluded observations that are listed.
const REASONS: usize = 10;

/// Doses of the subjects compared with the dosing tables.
#[derive(Clone, Debug, Serialize)]
pub struct Dosing {
    /// Doses, mg/kg per IU/mL in four weeks.
    mg_per_kg_iu: Option<Span>,
    /// Number of subjects below 0.016 mg/kg per IU/mL in four weeks.
    below_rule: usize,
    #[serde(flatten)]
    agreement: TableAgreement,
}

impl Dosing {
    /// Summary of regimens that were compared with the dosing tables.
    pub fn of(regimens: &Regimens) -> Self {
        Self {
            mg_per_kg_iu: Span::of(regimens.mg_per_kg_iu.clone()),
            below_rule: regimens.mg_per_kg_iu.iter().filter(|rate| **rate < RULE).count(),
            agreement: regimens.closest.clone(),
        }
    }
}

/// Summary page of a data set.
#[derive(Serialize)]
pub struct DataPage<'a> {
    file: String,
    sha256: &'a str,
    rows: u64,
    simulated: bool,
    counts: &'a Counts,
    summary: &'a DataSummary,
    dosing: Option<Dosing>,
    ignored: &'a [Ignored],
    /// Number of excluded observations by reason.
    excluded: Vec<(String, usize)>,
    warnings: &'a [Warning],
    notes: &'a [String],
    #[serde(skip)]
    model: &'a PopulationModel,
}

impl<'a> DataPage<'a> {
    /// The page of a data set that was read for a model.
    pub fn new(trial: &'a Trial, model: &'a PopulationModel, regimens: Option<&Regimens>) -> Self {
        let mut excluded: Vec<(String, usize)> = Vec::new();
        for one in &trial.excluded {
            match excluded.iter_mut().find(|(reason, _)| *reason == one.reason) {
                Some((_, n)) => *n += 1,
                None => excluded.push((one.reason.clone(), 1)),
            }
        }
        Self {
            file: trial.source.path.display().to_string(),
            sha256: &trial.source.sha256,
            rows: trial.source.rows,
            simulated: trial.simulated,
            counts: &trial.counts,
            summary: &trial.summary,
            dosing: regimens.map(Dosing::of),
            ignored: &trial.ignored,
            excluded,
            warnings: &trial.warnings,
            notes: &trial.notes,
            model,
        }
    }

    /// The page as JSON.
    pub fn json(&self) -> Result<String, CliError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The page as plain text for the terminal.
    pub fn plain(&self) -> String {
        let mut text = format!("{}\n", self.head());
        for table in [self.analytes(), self.covariates()].into_iter().flatten() {
            let _ = write!(text, "\n{}", table.plain(WIDTH));
        }
        for list in self.lists() {
            let _ = write!(text, "\n{}", list.plain());
        }
        text
    }

    fn head(&self) -> String {
        let simulated = if self.simulated { ", simulated" } else { "" };
        format!(
            "{}: {}, {}, {}{simulated}",
            self.file,
            count(self.counts.subjects, "subject"),
            count(self.counts.doses, "dose"),
            count(self.counts.observed(), "observation"),
        )
    }

    fn analytes(&self) -> Option<Presented> {
        let analytes = &self.summary.analytes;
        let text = |name: &str| (name.to_owned(), String::new(), false);
        let number = |name: &str| (name.to_owned(), String::new(), true);
        let columns = vec![
            text("analyte"),
            text("read in"),
            text("shown in"),
            number("n"),
            number("subjects"),
            number("below"),
            number("above"),
            number("min"),
            number("median"),
            number("max"),
            text("days"),
        ];
        let row = |a: &omafit_trial::AnalyteSummary| {
            let analyte = self.model.analytes().find(|one| one.name() == a.analyte);
            let part = |n: usize| match n {
                0 => "0".to_owned(),
                n => format!("{n} ({:.1} %)", 100.0 * n as f64 / a.n as f64),
            };
            let mut cells = vec![
                analyte.map_or(a.analyte.clone(), |analyte| self.model.label(analyte).to_owned()),
                a.unit_read.clone(),
                a.unit.clone(),
                a.n.to_string(),
                a.subjects.to_string(),
                part(a.below),
                part(a.above),
            ];
            cells.extend(three(a.values));
            cells.push(a.days.map_or(NONE.into(), |d| format!("{} to {}", plain(d.min), plain(d.max))));
            cells
        };
        let note = "below, above: limits of quantification; min, median, max: of quantified values; days since the first dose";
        let rows = analytes.iter().map(row).collect();
        (!analytes.is_empty()).then(|| Presented::new("Observations", columns, rows, note))
    }

    fn covariates(&self) -> Option<Presented> {
        let covariates = &self.summary.covariates;
        let text = |name: &str| (name.to_owned(), String::new(), false);
        let number = |name: &str| (name.to_owned(), String::new(), true);
        let columns = vec![
            text("covariate"),
            number("missing"),
            number("min"),
            number("median"),
            number("max"),
            text("levels (subjects)"),
        ];
        let row = |c: &omafit_trial::CovariateSummary| {
            let mut cells = vec![c.name.clone(), c.missing.to_string()];
            cells.extend(three(c.values));
            let levels: Vec<String> = c.levels.iter().map(|(value, n)| format!("{value} ({n})")).collect();
            cells.push(levels.join(", "));
            cells
        };
        let rows = covariates.iter().map(row).collect();
        (!covariates.is_empty())
            .then(|| Presented::new("Covariates", columns, rows, "WT in kg, IGE in ng/mL"))
    }

    fn lists(&self) -> Vec<Listing> {
        let list = |title: &str, sentences: Vec<String>| {
            let groups = vec![(String::new(), sentences)];
            (!groups[0].1.is_empty()).then(|| Listing { title: title.to_owned(), groups })
        };
        let warnings = self.warnings.iter().map(|warning| format!("{}: {}", warning.check, warning.text));
        let mut left_out: Vec<String> = self.ignored.iter().map(Ignored::to_string).collect();
        let excluded = self.excluded.iter().take(REASONS);
        left_out
            .extend(excluded.map(|(reason, n)| format!("{} left out: {reason}", count(*n, "observation"))));
        let all = [
            list("Doses", self.doses()),
            list("Subjects", self.subjects()),
            list("Rows not used", left_out),
            list("Notes", self.notes.to_vec()),
            list("WARNINGS", warnings.collect()),
        ];
        all.into_iter().flatten().collect()
    }

    fn doses(&self) -> Vec<String> {
        let doses = &self.summary.doses;
        let of = |values: &[(f64, usize)], unit: &str| {
            let each: Vec<String> = values.iter().map(|(value, n)| format!("{value} {unit} ({n})")).collect();
            each.join(", ")
        };
        let mut lines = Vec::new();
        if let Some(amounts) = doses.amounts_mg {
            let most = of(&doses.frequent_mg, "mg");
            lines.push(format!("amounts: {} to {} mg; most frequent: {most}", amounts.min, amounts.max));
        }
        if let Some(days) = doses.intervals_days {
            let most = of(&doses.frequent_days, "d");
            let (min, max) = (significant(days.min, 4), significant(days.max, 4));
            lines.push(format!("intervals: {min} to {max} days; most frequent: {most}"));
        }
        if let Some(dosing) = &self.dosing {
            let Dosing { agreement, below_rule, .. } = dosing;
            let subjects = agreement.subjects;
            lines.push(dosed_as(agreement));
            if let Some(rate) = dosing.mg_per_kg_iu {
                let [min, median, max] = [rate.min, rate.median, rate.max].map(|value| significant(value, 3));
                lines.push(format!(
                    "in four weeks: {min} to {max} mg/kg per IU/mL, median {median}; {below_rule} of {subjects} below {RULE}"
                ));
            }
        }
        lines
    }

    fn subjects(&self) -> Vec<String> {
        let summary = self.summary;
        let days = |span: Span| {
            format!(
                "{} to {} days, median {}",
                shown(Some(span.min)),
                shown(Some(span.max)),
                shown(Some(span.median))
            )
        };
        let mut lines = Vec::new();
        if summary.undosed > 0 {
            lines.push(format!("{} without a dose", count(summary.undosed, "subject")));
        }
        if summary.unobserved > 0 {
            lines.push(format!("{} without an observation", count(summary.unobserved, "subject")));
        }
        lines.extend(summary.record_days.map(|span| format!("records of a subject: over {}", days(span))));
        lines.extend(
            summary.follow_up_days.map(|span| format!("observed after the last dose: for {}", days(span))),
        );
        lines
    }
}

/// Sentence with the number of subjects whose doses agree with the table.
fn dosed_as(agreement: &TableAgreement) -> String {
    let TableAgreement { table, subjects, agreeing, .. } = agreement;
    format!("{agreeing} of {subjects} subjects are dosed as the table {table} says{}", agreement.status())
}

fn shown(value: Option<f64>) -> String {
    value.map_or(NONE.into(), |value| significant(value, 4))
}

/// A number of days, rounded to two decimals.
fn plain(days: f64) -> String {
    format!("{}", (days * 100.0).round() / 100.0)
}

fn three(span: Option<Span>) -> [String; 3] {
    [span.map(|s| s.min), span.map(|s| s.median), span.map(|s| s.max)].map(shown)
}
