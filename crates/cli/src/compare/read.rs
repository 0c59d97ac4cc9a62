//! The entries of `run.json`, `model.toml` and the tables of a run that are compared.

use super::based_on::BasedOn;
use crate::provenance::SCHEMA_VERSION;
use omafit_estimate::{Evidence, LikelihoodMethod, RunCriteria};
use omafit_model::{ModelError, ModelFile, PopulationModel};
use omafit_trial::{
    ComparedParameter, ComparedShrinkage, harmless, read_compared_parameters, read_whole_text, sha256,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::io;
use std::path::{Path, PathBuf};

/// Entries of `run.json` that are compared.
#[derive(Debug, Deserialize)]
pub struct Record {
    pub method: String,
    pub title: Option<String>,
    pub data: Data,
    pub options: Map<String, Value>,
    /// Wall time of the whole command, s; `None` for runs written before this entry was introduced.
    pub wall_seconds: Option<f64>,
    /// Wall time of each stage, s.
    #[serde(default)]
    pub seconds: Map<String, Value>,
    pub population: Option<Population>,
    pub likelihood: Option<Likelihood>,
}

/// Checksum of the data, and the options with which they were read.
#[derive(Debug, Deserialize)]
pub struct Data {
    pub sha256: String,
    pub read: Map<String, Value>,
}

/// End of the population estimation.
#[derive(Debug, Deserialize)]
pub struct Population {
    pub converged: bool,
    pub stop_reason: String,
    pub iterations: usize,
    pub condition_number: Option<f64>,
    #[serde(default)]
    pub held: Vec<String>,
}

/// Likelihood of the population.
#[derive(Debug, Deserialize)]
pub struct Likelihood {
    pub method: LikelihoodMethod,
    pub ofv: Option<f64>,
    pub minus2ll: Option<f64>,
    pub monte_carlo_se: Option<f64>,
    pub estimated: Option<usize>,
    pub aic: Option<f64>,
    pub bic: Option<f64>,
    pub bicc: Option<f64>,
    pub subjects: u64,
    pub observations: u64,
}

/// A run in a comparison.
#[derive(Debug)]
pub struct Run {
    /// Unique name of the run in the comparison.
    pub label: String,
    pub record: Record,
    pub model: PopulationModel,
    /// SHA-256 of `run.json`.
    pub record_sha256: String,
    pub model_sha256: String,
    pub based_on: Option<BasedOn>,
    pub parameters: Vec<ComparedParameter>,
    pub shrinkage: Vec<ComparedShrinkage>,
}

impl Run {
    /// Loads the run in a folder.
    ///
    /// # Errors
    /// The reason why the run cannot be compared, as a sentence.
    pub fn load(folder: &Path, label: String) -> Result<Self, String> {
        let (record, record_sha256) = record(folder)?;
        let path = folder.join("model.toml");
        let text = text(&path)?;
        let model = model(&text).map_err(|error| place(&path, &error))?;
        let (parameters, shrinkage) = match &record.population {
            Some(_) => read_compared_parameters(folder).map_err(|error| error.to_string())?,
            None => (Vec::new(), Vec::new()),
        };
        let (model_sha256, based_on) = (sha256(text.as_bytes()), BasedOn::of(&text));
        Ok(Self { label, record, model, record_sha256, model_sha256, based_on, parameters, shrinkage })
    }

    /// Likelihood of the population and the end of its estimation; `None` for a run without a population
    /// estimation.
    pub fn estimated(&self) -> Option<(&Likelihood, &Population)> {
        self.record.likelihood.as_ref().zip(self.record.population.as_ref())
    }

    /// Criteria by which the run is judged; `None` if its likelihood is not a number.
    pub fn criteria(&self) -> Option<RunCriteria> {
        let (likelihood, population) = self.estimated()?;
        Some(RunCriteria {
            ofv: likelihood.ofv?,
            minus2ll: likelihood.minus2ll?,
            aic: likelihood.aic?,
            monte_carlo_se: likelihood.monte_carlo_se.unwrap_or(0.0),
            converged: population.converged,
        })
    }

    /// Evidence of the run for a likelihood-ratio test; `None` if its likelihood is not a number.
    pub fn evidence(&self) -> Option<Evidence> {
        let (likelihood, population) = self.estimated()?;
        Some(Evidence {
            minus2ll: likelihood.minus2ll?,
            monte_carlo_se: likelihood.monte_carlo_se.unwrap_or(0.0),
            estimated: likelihood.estimated?,
            converged: population.converged,
            is_maximised: self.record.method != "its",
        })
    }

    /// Wall time of the run, s: of the whole command, or else the sum of its stages.
    pub fn seconds(&self) -> f64 {
        let stages = || self.record.seconds.values().filter_map(Value::as_f64).sum();
        self.record.wall_seconds.unwrap_or_else(stages)
    }

    /// Handling of censored observations (`--censored`); empty if it is not recorded.
    pub fn censored(&self) -> &str {
        self.record.options.get("censored").and_then(Value::as_str).unwrap_or("")
    }
}

/// Reads the record of a run, and the checksum of its file.
fn record(folder: &Path) -> Result<(Record, String), String> {
    let path = folder.join("run.json");
    if !folder.is_dir() {
        return Err(place(folder, &"this is no folder of a run"));
    }
    if !path.is_file() {
        return Err(place(folder, &"this is no run of omafit: it has no run.json"));
    }
    let damaged =
        |error: serde_json::Error| place(&path, &format_args!("this is no record of a run: {error}"));
    let text = text(&path)?;
    let value: Value = serde_json::from_str(&text).map_err(damaged)?;
    match value.get("schema_version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(SCHEMA_VERSION) => {}
        Some(version) if version < u64::from(SCHEMA_VERSION) => {
            let why = "an earlier omafit wrote this run, without the likelihood by which runs are compared: fit again";
            return Err(place(folder, &why));
        }
        Some(_) => return Err(place(folder, &"a later omafit wrote this run: compare with that")),
        None => return Err(place(&path, &"this is no record of a run: it has no schema_version")),
    }
    let record: Record = serde_json::from_value(value).map_err(damaged)?;
    if record.population.is_some() && record.likelihood.is_none() {
        return Err(place(folder, &"this run has no likelihood of its population: fit again"));
    }
    Ok((record, sha256(text.as_bytes())))
}

/// The model of a file, with `based_on` in any form.
fn model(text: &str) -> Result<PopulationModel, ModelError> {
    let mut table: toml::Table = match toml::from_str(text) {
        Ok(table) => table,
        Err(_) => return PopulationModel::parse(text),
    };
    if table.remove("based_on").is_none() {
        return PopulationModel::parse(text);
    }
    PopulationModel::new(ModelFile::parse(&table.to_string())?)
}

fn text(path: &Path) -> Result<String, String> {
    read_whole_text(path).map_err(|error: io::Error| place(path, &error))
}

/// An error message about a file.
fn place(path: &Path, what: &dyn std::fmt::Display) -> String {
    format!("{}: {what}", path.display())
}

/// Number of characters of a name that are shown.
const LONGEST: usize = 32;

/// Unique names of the runs: the last component of each path, or the whole paths if those are not unique.
pub fn labels(folders: &[PathBuf]) -> Vec<String> {
    let last = |folder: &PathBuf| folder.file_name().map(|name| harmless(&name.to_string_lossy()));
    let own: Vec<Option<String>> = folders.iter().map(last).collect();
    let unique = own.iter().enumerate().all(|(i, name)| name.is_some() && !own[..i].contains(name));
    let whole = |folder: &PathBuf| harmless(&folder.to_string_lossy());
    let names: Vec<String> =
        if unique { own.into_iter().flatten().collect() } else { folders.iter().map(whole).collect() };
    let mut labels: Vec<String> = Vec::new();
    for name in names {
        let letters = name.chars().count();
        let kept: String = name.chars().skip(letters.saturating_sub(LONGEST)).collect();
        let short = if letters > LONGEST { format!("…{kept}") } else { name };
        let label = if labels.contains(&short) { format!("{short} ({})", labels.len() + 1) } else { short };
        labels.push(label);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::labels;

    fn of(folders: &[&str]) -> Vec<String> {
        labels(&folders.iter().map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_short_and_of_one_run_each() {
        assert_eq!(of(&["runs/a", "runs/b/"]), ["a", "b"]);
        assert_eq!(of(&["x/run", "y/run"]), ["x/run", "y/run"]);
        assert_eq!(of(&["."]), ["."]);
        let long = "q".repeat(40);
        let shown = of(&[&format!("a/{long}1"), &format!("b/{long}1"), "c\u{1b}[31m"]);
        assert!(shown[0].starts_with('…') && shown[0].chars().count() == 33);
        assert_eq!(shown[1], format!("{} (2)", shown[0]));
        assert_eq!(shown[2], "c\u{fffd}[31m");
    }
}
