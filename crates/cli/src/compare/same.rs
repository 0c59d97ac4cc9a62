//! Check that two likelihoods are of the same observations and were computed in the same way.

use super::read::Run;
use super::words::{checksum, shortened};
use omafit_trial::harmless;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Options for reading data that only describe the requirements of a model, or what is refused.
const ABOUT_MODELS: [&str; 3] = ["covariates", "positive_required", "allow_undosed"];
/// Maps whose keys matter only if both runs have them, because each model has its own covariates.
const BY_COVARIATE: [&str; 2] = ["assume", "columns"];
/// Columns that every run reads; another column name in the file means other data.
const OWN: [&str; 12] = ["ID", "TIME", "DV", "AMT", "EVID", "MDV", "CMT", "DVID", "RATE", "ADDL", "II", "SS"];
/// Options of a run that do not affect the likelihood.
const ABOUT_OUTPUT: [&str; 8] = [
    "estimate",
    "profile_level",
    "trajectories",
    "every_days",
    "until_day",
    "level",
    "target_ng_ml",
    "replicates",
];

/// Reasons why the likelihood of `other` cannot be compared with that of `first`, one sentence each.
pub fn obstacles(first: &Run, other: &Run) -> Vec<String> {
    let names = |what: &str, a: &str, b: &str| {
        format!("{} and {} differ in {what}: {a} and {b}", first.label, other.label)
    };
    let (one, two) = (&first.record, &other.record);
    if one.data.sha256 != two.data.sha256 {
        let [a, b] = [one, two].map(|record| checksum(&record.data.sha256));
        return vec![names("their data (SHA-256)", &a, &b)];
    }
    let mut found: Vec<String> = reading(&one.data.read, &two.data.read)
        .into_iter()
        .map(|(key, a, b)| names(&format!("how the data were read ({key})"), &a, &b))
        .collect();
    if first.censored() != other.censored() {
        let what = "what became of censored observations (--censored)";
        found.push(names(what, &harmless(first.censored()), &harmless(other.censored())));
    }
    let residuals = |run: &Run| run.record.options.get("residuals").map_or("normal".into(), shown);
    if residuals(first) != residuals(other) {
        found.push(names("the distribution of residuals (--robust)", &residuals(first), &residuals(other)));
    }
    if let (Some(a), Some(b)) = (&one.likelihood, &two.likelihood) {
        if a.method != b.method {
            let [a, b] = [a.method, b.method].map(super::words::likelihood_method);
            found.push(names("the likelihood (--likelihood)", a, b));
        }
        // Equal options do not exclude that another version of the program read the data differently.
        if found.is_empty() && (a.subjects, a.observations) != (b.subjects, b.observations) {
            let count = |l: &super::read::Likelihood| format!("{} of {}", l.observations, l.subjects);
            found.push(names("the observations and subjects of their likelihoods", &count(a), &count(b)));
        }
    }
    found
}

/// Options for reading that result in different data from the same file: name and both values.
fn reading(one: &Map<String, Value>, other: &Map<String, Value>) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for key in keys(one, other) {
        let (a, b) = (one.get(key).unwrap_or(&Value::Null), other.get(key).unwrap_or(&Value::Null));
        if ABOUT_MODELS.contains(&key) || a == b {
            continue;
        }
        match (a, b, BY_COVARIATE.contains(&key)) {
            (Value::Object(a), Value::Object(b), true) => {
                for name in keys(a, b) {
                    let pair = (a.get(name), b.get(name));
                    let is_own = key == "columns" && OWN.iter().any(|own| own.eq_ignore_ascii_case(name));
                    if pair.0 != pair.1 && (is_own || (pair.0.is_some() && pair.1.is_some())) {
                        let value = |v: Option<&Value>| v.map_or("none".into(), shown);
                        found.push((format!("{key} {}", harmless(name)), value(pair.0), value(pair.1)));
                    }
                }
            }
            _ => found.push((harmless(key), shown(a), shown(b))),
        }
    }
    found
}

/// Options that differ between two runs and may matter: name and both values.
pub fn options(one: &Run, other: &Run) -> Vec<(String, String, String)> {
    let (one, other) = (&one.record.options, &other.record.options);
    let value = |options: &Map<String, Value>, key| options.get(key).map_or("none".into(), shown);
    keys(one, other)
        .into_iter()
        .filter(|key| !ABOUT_OUTPUT.contains(key) && one.get(*key) != other.get(*key))
        .map(|key| (harmless(key), value(one, key), value(other, key)))
        .collect()
}

fn keys<'a>(one: &'a Map<String, Value>, other: &'a Map<String, Value>) -> BTreeSet<&'a str> {
    one.keys().chain(other.keys()).map(String::as_str).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => shortened(&harmless(text)),
        value => shortened(&harmless(&value.to_string())),
    }
}
