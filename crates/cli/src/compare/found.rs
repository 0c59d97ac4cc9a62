//! Findings of a comparison of runs.

use super::lineage::{Origin, origin};
use super::read::Run;
use super::{same, words};
use crate::error::CliError;
use omafit_estimate::{
    LikelihoodRatio, NoTest, RunStanding, leave_out_the_same, likelihood_ratio, model_changes, nesting,
    standings,
};
use omafit_trial::{ComparedLikelihood, ComparedRun, ComparedTest, harmless};

/// A likelihood-ratio test of two runs.
#[derive(Debug)]
pub struct Test {
    /// Position of the run with the smaller model.
    pub smaller: usize,
    /// Position of the run with the larger model.
    pub larger: usize,
    /// The test, or the reason why there is none.
    pub result: Result<LikelihoodRatio, NoTest>,
}

/// Differences of a run from another run, or from the model on which its own model is based.
#[derive(Debug)]
pub struct Changes {
    /// Heading that names both sides of the comparison.
    pub head: String,
    /// Differences, one sentence each.
    pub sentences: Vec<String>,
}

/// Findings of a comparison: changes, standings, tests.
#[derive(Debug)]
pub struct Found {
    /// Whether likelihoods are compared.
    pub by_likelihood: bool,
    /// Position of the first run that has a likelihood, the reference for differences in likelihood.
    pub first: Option<usize>,
    /// Origin of the model of each run, if the model names one.
    pub origins: Vec<Option<Origin>>,
    pub changes: Vec<Changes>,
    /// Standing of each run by its likelihood.
    pub standings: Vec<RunStanding>,
    pub tests: Vec<Test>,
    /// Remarks for the reader, one sentence each.
    pub remarks: Vec<String>,
}

impl Found {
    /// Compares runs, including their likelihoods.
    ///
    /// # Errors
    /// [`CliError::Incomparable`] if the likelihoods are of different data or were computed in different ways.
    pub fn of(runs: &[Run]) -> Result<Self, CliError> {
        let estimated: Vec<&Run> = runs.iter().filter(|run| run.estimated().is_some()).collect();
        if let Some((first, others)) = estimated.split_first() {
            let mut problems: Vec<String> =
                others.iter().flat_map(|other| same::obstacles(first, other)).collect();
            if !problems.is_empty() {
                problems
                    .push("their likelihoods cannot be compared; --parameters-only shows the rest".into());
                return Err(CliError::Incomparable { problems });
            }
        }
        let mut found = Self::without_likelihood(runs);
        found.by_likelihood = true;
        found.first = runs.iter().position(|run| run.evidence().is_some());
        let criteria: Vec<_> = runs.iter().map(|run| run.criteria().map(|c| (&run.model, c))).collect();
        found.standings = standings(&criteria);
        found.tests = tests(runs, &found);
        found.remarks.extend(remarks(runs, &found));
        Ok(found)
    }

    /// Compares runs by their models and parameters only.
    pub fn without_likelihood(runs: &[Run]) -> Self {
        let origins: Vec<Option<Origin>> = (0..runs.len()).map(|k| origin(runs, k)).collect();
        let changes = changes(runs, &origins);
        let standings = vec![RunStanding::default(); runs.len()];
        let (by_likelihood, first) = (false, None);
        Self { by_likelihood, first, origins, changes, standings, tests: Vec::new(), remarks: copies(runs) }
    }

    /// Whether at least two runs can be judged by their likelihood.
    pub fn concludes(&self) -> bool {
        self.standings.iter().filter(|standing| standing.weight.is_some()).count() > 1
    }

    /// Rows of the comparison table, one per run.
    pub fn rows(&self, runs: &[Run]) -> Vec<ComparedRun> {
        let row = |(position, run): (usize, &Run)| {
            let record = &run.record;
            let estimated = run.estimated().filter(|_| self.by_likelihood);
            let likelihood = estimated.map(|(l, _)| ComparedLikelihood {
                method: words::likelihood_method(l.method).into(),
                ofv: l.ofv.unwrap_or(f64::NAN),
                minus2ll: l.minus2ll.unwrap_or(f64::NAN),
                monte_carlo_se: l.monte_carlo_se.unwrap_or(0.0),
                estimated: l.estimated.unwrap_or(0),
                aic: l.aic.unwrap_or(f64::NAN),
                bic: l.bic.unwrap_or(f64::NAN),
                bicc: l.bicc.unwrap_or(f64::NAN),
            });
            let counts = record.likelihood.as_ref();
            let population = record.population.as_ref();
            ComparedRun {
                run: run.label.clone(),
                title: record.title.as_deref().map_or(String::new(), harmless),
                model: harmless(run.model.name()),
                based_on: self.origin_words(runs, position),
                method: harmless(&record.method),
                data_sha256: harmless(&record.data.sha256),
                censored: harmless(run.censored()),
                subjects: counts.map(|l| l.subjects),
                observations: counts.map(|l| l.observations),
                likelihood,
                standing: self.standings[position],
                test: self.test_against_first(position),
                converged: population.map(|p| p.converged),
                stop_reason: population.map_or(String::new(), |p| harmless(&p.stop_reason)),
                condition_number: population.and_then(|p| p.condition_number),
                seconds: Some(run.seconds()),
                parameters: run.parameters.clone(),
                shrinkage: run.shrinkage.clone(),
            }
        };
        runs.iter().enumerate().map(row).collect()
    }

    fn test_against_first(&self, position: usize) -> Option<ComparedTest> {
        let first = self.first.filter(|first| *first != position)?;
        let pair = [[first, position], [position, first]];
        let is_own = |test: &&Test| pair.contains(&[test.smaller, test.larger]);
        let test = self.tests.iter().find(is_own)?.result.as_ref().ok()?;
        Some(ComparedTest {
            reference: test.reference.to_string(),
            statistic: test.statistic,
            p_value: test.p_value,
        })
    }

    /// Description of the model on which a run is based; empty if there is none.
    pub fn origin_words(&self, runs: &[Run], position: usize) -> String {
        let Some(based_on) = &runs[position].based_on else { return String::new() };
        match &self.origins[position] {
            Some(Origin::Run(k, true)) => runs[*k].label.clone(),
            Some(Origin::Run(k, false)) => format!("{}, by name", runs[*k].label),
            Some(Origin::Shipped(name, _)) => (*name).into(),
            _ => based_on.words(),
        }
    }
}

/// Differences of every run from the first run, and from the origin of its model if that is another one.
fn changes(runs: &[Run], origins: &[Option<Origin>]) -> Vec<Changes> {
    let mut found = Vec::new();
    for (k, run) in runs.iter().enumerate() {
        if k > 0 {
            let head = format!("{} against {}", run.label, runs[0].label);
            found.push(Changes { head, sentences: differences(&runs[0], run) });
        }
        match &origins[k] {
            Some(Origin::Run(parent, by_checksum)) if *parent > 0 || k == 0 => {
                let how = if *by_checksum { "" } else { ", by name: the file was changed in between" };
                let parent = &runs[*parent];
                let head = format!("{} against {}, which it is based on{how}", run.label, parent.label);
                found.push(Changes { head, sentences: differences(parent, run) });
            }
            Some(Origin::Shipped(name, model)) => {
                let told = model_changes(model, &run.model).iter().map(ToString::to_string).collect();
                let head = format!("{} against the model {name}, which it is based on", run.label);
                found.push(Changes { head, sentences: or_nothing(told) });
            }
            _ => {}
        }
    }
    found
}

/// Differences between two runs in data, method, options and model.
fn differences(one: &Run, other: &Run) -> Vec<String> {
    let mut told = Vec::new();
    if one.record.data.sha256 != other.record.data.sha256 {
        let [a, b] = [one, other].map(|run| words::checksum(&run.record.data.sha256));
        told.push(format!("data (SHA-256): {a}… → {b}…"));
    }
    if one.record.method != other.record.method {
        told.push(format!("method: {} → {}", harmless(&one.record.method), harmless(&other.record.method)));
    }
    told.extend(same::options(one, other).into_iter().map(|(key, a, b)| format!("option {key}: {a} → {b}")));
    told.extend(model_changes(&one.model, &other.model).iter().map(ToString::to_string));
    or_nothing(told)
}

fn or_nothing(told: Vec<String>) -> Vec<String> {
    if told.is_empty() { vec!["nothing but the estimates".into()] } else { told }
}

/// Tests of every run against the first run that has a likelihood, and against the run on which it is based.
fn tests(runs: &[Run], found: &Found) -> Vec<Test> {
    let evidence: Vec<_> = runs.iter().map(Run::evidence).collect();
    let mut pairs: Vec<[usize; 2]> = Vec::new();
    for k in 0..runs.len() {
        let parent = if let Some(Origin::Run(parent, _)) = &found.origins[k] { Some(*parent) } else { None };
        for other in [found.first, parent].into_iter().flatten() {
            let is_new = |pair: &[usize; 2]| !pairs.contains(pair) && !pairs.contains(&[pair[1], pair[0]]);
            let pair = [other, k];
            if other != k && is_new(&pair) {
                pairs.push(pair);
            }
        }
    }
    let test = |[a, b]: [usize; 2]| {
        let (one, other) = (evidence[a]?, evidence[b]?);
        let is_swapped = other.estimated < one.estimated;
        let ((smaller, small), (larger, large)) =
            if is_swapped { ((b, other), (a, one)) } else { ((a, one), (b, other)) };
        let relation = nesting(&runs[smaller].model, &runs[larger].model);
        Some(Test { smaller, larger, result: likelihood_ratio(&small, &large, relation) })
    };
    pairs.into_iter().filter_map(test).collect()
}

/// Remarks on runs that are copies of other runs.
fn copies(runs: &[Run]) -> Vec<String> {
    let copy = |(k, run): (usize, &Run)| {
        let original = runs[..k].iter().find(|other| other.record_sha256 == run.record_sha256)?;
        Some(format!("{} is a copy of {}: its run.json is the same to the byte", run.label, original.label))
    };
    runs.iter().enumerate().filter_map(copy).collect()
}

/// Remarks on the likelihoods: lowest AIC, runs without a likelihood, Monte-Carlo errors, parameters at the
/// ends of their ranges, OFVs with different constants and different methods.
fn remarks(runs: &[Run], found: &Found) -> Vec<String> {
    let mut told = Vec::new();
    let best = |k: &usize| found.standings[*k].delta_aic == Some(0.0) && found.standings[*k].weight.is_some();
    let lowest: Vec<usize> = (0..runs.len()).filter(best).collect();
    if found.concludes() {
        let names: Vec<&str> = lowest.iter().map(|k| runs[*k].label.as_str()).collect();
        told.push(format!("the lowest AIC of those that converged: {}", names.join(" and ")));
    }
    for (run, standing) in runs.iter().zip(&found.standings) {
        let label = &run.label;
        let Some((_, population)) = run.estimated() else {
            let method = harmless(&run.record.method);
            told.push(format!(
                "{label}: no population was estimated (--method {method}), so that there is no likelihood to compare"
            ));
            continue;
        };
        if run.criteria().is_none() {
            told.push(format!("{label}: the likelihood is no number"));
        }
        if !population.converged {
            let lower = standing.delta_aic.is_some_and(|delta| delta < 0.0);
            let lower = if lower { "; its AIC is lower than any of those that did" } else { "" };
            told.push(format!("{label} has not converged, and has no weight{lower}"));
        }
        if standing.is_within_error {
            told.push(format!(
                "{label}: its AIC is within twice the Monte-Carlo error of the lowest; --likelihood-samples makes that smaller"
            ));
        }
        if !population.held.is_empty() {
            let held: Vec<String> = population.held.iter().map(|name| harmless(name)).collect();
            told.push(format!(
                "{label}: {} at an end of its range; p values of tests with this run are approximate",
                held.join(", ")
            ));
        }
    }
    let mut estimated = runs.iter().filter(|run| run.estimated().is_some());
    if let Some(first) = estimated.next() {
        let others: Vec<&str> = estimated
            .clone()
            .filter(|run| !leave_out_the_same(&first.model, &run.model))
            .map(|run| run.label.as_str())
            .collect();
        if !others.is_empty() {
            told.push(format!(
                "the OFV of a log-normal error leaves out other constants: that of {} and that of {} cannot be compared, −2LL can",
                first.label,
                others.join(", ")
            ));
        }
        if estimated.any(|run| run.record.method != first.record.method) {
            told.push(
                "the populations were estimated by different methods: estimates of one are not at the maximum that another \
                 looks for"
                    .into(),
            );
        }
    }
    told
}
