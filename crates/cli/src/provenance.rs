//! Provenance of a file: the program, time, model and machine that produced it.

use crate::clock;
use crate::error::CliError;
use omafit_model::{ModelFile, PopulationModel, published};
use omafit_trial::Source;
use serde::Serialize;
use serde_json::Value;
use std::num::NonZero;

/// Version of the format of `run.json` and of the tables of a run.
pub const SCHEMA_VERSION: u32 = 2;

/// Arguments with which the program was called, for the records that it writes; bytes that are not UTF-8 are
/// shown as �.
pub fn command() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// Commit from which the program was built, or `unknown`.
pub const COMMIT: &str = env!("OMAFIT_COMMIT");
/// Suffix of the name of a model with estimates.
const FITTED: &str = "_fitted";
/// Suffix of the name of a model that has the name of a published model but other values.
const CHANGED: &str = "_changed";
/// Largest relative difference between values that counts as rounding, for example after a change of unit.
const ROUNDING: f64 = 1e-9;

/// Entries at the start of every `run.json`: the program, its arguments, the time and the machine.
#[derive(Clone, Debug, Serialize)]
pub struct Program {
    schema_version: u32,
    tool: &'static str,
    version: &'static str,
    commit: &'static str,
    command: Vec<String>,
    started: String,
    host: Host,
}

/// Properties of the machine that may affect numbers or run times.
#[derive(Clone, Debug, Serialize)]
struct Host {
    os: &'static str,
    arch: &'static str,
    cpus: usize,
}

impl Program {
    /// Description of the running program.
    pub fn new() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool: "omafit",
            version: env!("CARGO_PKG_VERSION"),
            commit: COMMIT,
            command: command(),
            started: clock::started_utc(),
            host: Host {
                os: std::env::consts::OS,
                arch: std::env::consts::ARCH,
                cpus: std::thread::available_parallelism().map_or(1, NonZero::get),
            },
        }
    }

    /// A record that starts with the description of the program.
    pub fn before(record: Value) -> Result<Value, CliError> {
        let mut whole = serde_json::to_value(Self::new())?;
        if let (Some(whole), Value::Object(record)) = (whole.as_object_mut(), record) {
            whole.extend(record);
        }
        Ok(whole)
    }
}

/// The model given to a command.
#[derive(Clone, Debug, Serialize)]
pub struct GivenModel {
    /// Argument of `--model`: a name or a file.
    pub given: String,
    /// Name of the model.
    #[serde(skip)]
    pub name: String,
    /// SHA-256 of the text of the model file, as read.
    pub sha256: String,
    /// Entry `based_on` of the model file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub based_on: Option<String>,
}

/// Origin of the estimated values of a model.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Model from which the estimation started.
    pub model: &'a GivenModel,
    /// Data set of the estimation.
    pub data: &'a Source,
    /// Estimation method, and the quantities estimated if those are not the whole population.
    pub how: &'a str,
}

impl Origin<'_> {
    /// Gives a model file with estimates its own name, title and source, because those of the initial model
    /// belong to other values.
    pub fn mark(&self, file: &mut ModelFile) {
        let Self { model, data, how } = self;
        let set = data.path.file_name().map_or_else(|| "data".into(), |name| name.to_string_lossy());
        let from = &model.name;
        file.name = if from.ends_with(FITTED) { from.clone() } else { format!("{from}{FITTED}") };
        file.title = format!("{}, estimated ({how}) from {set}", file.structure);
        let version = env!("CARGO_PKG_VERSION");
        file.source = format!("estimated by omafit {version} ({how}) from {set}; started from {from}");
        file.based_on =
            Some(format!("{from} (SHA-256 {}); data {set} (SHA-256 {})", model.sha256, data.sha256));
    }

    /// A model with estimates under its own name.
    pub fn marked(&self, model: &PopulationModel) -> Result<PopulationModel, CliError> {
        let mut file = model.file().clone();
        self.mark(&mut file);
        renamed(file)
    }
}

/// The model, renamed if it has the name of a published model but other values.
pub fn told_apart(model: PopulationModel) -> Result<PopulationModel, CliError> {
    let name = model.name().to_owned();
    let Some(text) = published(&name) else { return Ok(model) };
    let own =
        PopulationModel::parse(text).map_err(|source| CliError::Model { place: name.clone(), source })?;
    if has_numbers_of(&model, &own) {
        return Ok(model);
    }
    let mut file = model.file().clone();
    file.name = format!("{name}{CHANGED}");
    file.title = format!("{}, changed from {name}", file.structure);
    file.source = format!("a model file that was changed from {name}");
    renamed(file)
}

fn renamed(file: ModelFile) -> Result<PopulationModel, CliError> {
    let place = file.name.clone();
    PopulationModel::new(file).map_err(|source| CliError::Model { place, source })
}

/// Whether two models make the same predictions up to rounding. Differences in the quantities estimated,
/// searched and shown do not matter.
fn has_numbers_of(a: &PopulationModel, b: &PopulationModel) -> bool {
    let near = |a: f64, b: f64| a == b || (a - b).abs() <= ROUNDING * a.abs().max(b.abs());
    let all = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(*a, *b));
    let form = |model: &PopulationModel| {
        let parameters = model.parameters().iter();
        let effects = |p: &omafit_model::PopulationParameter| {
            p.effects.iter().map(|e| (e.covariate.clone(), centre(&e.form))).collect::<Vec<_>>()
        };
        parameters.map(|p| (p.transform, effects(p))).collect::<Vec<_>>()
    };
    let (of_a, of_b) = (a.values(), b.values());
    let coefficients = |values: &omafit_model::PopulationValues| {
        values.coefficients.iter().flatten().flatten().copied().collect::<Vec<_>>()
    };
    let residual = |values: &omafit_model::PopulationValues| {
        values.residual.values().flat_map(|error| errors(*error)).collect::<Vec<_>>()
    };
    a.structure().name() == b.structure().name()
        && a.file().start == b.file().start
        && form(a) == form(b)
        && a.variable() == b.variable()
        && all(&of_a.typical, &of_b.typical)
        && all(&coefficients(&of_a), &coefficients(&of_b))
        && all(&of_a.omega, &of_b.omega)
        && all(&residual(&of_a), &residual(&of_b))
}

/// Kind of a covariate effect, and the covariate value at which the effect is one.
fn centre(form: &omafit_model::EffectForm) -> (u8, f64) {
    use omafit_model::EffectForm::{Categorical, Exponential, Linear, Power};
    match form {
        Power { centre, .. } => (0, *centre),
        Exponential { centre, .. } => (1, *centre),
        Linear { centre, .. } => (2, *centre),
        Categorical { reference, .. } => (3, *reference),
    }
}

/// Kind and sizes of a residual error.
fn errors(error: omafit_model::ErrorModel) -> [f64; 3] {
    match error {
        omafit_model::ErrorModel::LogNormal { sd } => [0.0, sd, 0.0],
        omafit_model::ErrorModel::Normal { additive, proportional } => [1.0, additive, proportional],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn shipped() -> ModelFile {
        ModelFile::parse(published("hayashi2007").unwrap()).unwrap()
    }

    fn name(file: ModelFile) -> String {
        told_apart(PopulationModel::new(file).unwrap()).unwrap().name().to_owned()
    }

    #[test]
    fn a_published_name_is_of_the_published_numbers() {
        assert_eq!(name(shipped()), "hayashi2007");
        // Another unit, another choice of estimated parameters, and labels do not change the values.
        let mut same = shipped();
        let cl = same.parameters.get_mut("CLx").unwrap();
        (cl.typical, cl.unit) = (7.32, "mL/h".into());
        same.estimate = Some(vec!["ka".into()]);
        assert_eq!(name(same), "hayashi2007");
        let changes: [fn(&mut ModelFile); 5] = [
            |file| file.parameters.get_mut("CLx").unwrap().typical *= 1.001,
            |file| file.variability.get_mut("ka").unwrap().variance = Some(0.2),
            |file| file.correlations.clear(),
            |file| file.parameters.get_mut("Pe").unwrap().effects.clear(),
            |file| file.residual.values_mut().for_each(|entry| entry.log_sd = Some(0.3)),
        ];
        for change in changes {
            let mut other = shipped();
            change(&mut other);
            let told = told_apart(PopulationModel::new(other).unwrap()).unwrap();
            let ModelFile { name, title, source, .. } = told.file();
            assert_eq!(name, "hayashi2007_changed");
            assert!(!title.contains("Hayashi") && !source.contains("Br J Clin"), "{title} {source}");
        }
    }

    #[test]
    fn estimates_say_what_they_are_from() {
        let model = GivenModel {
            given: "hayashi2007".into(),
            name: "hayashi2007".into(),
            sha256: "ab".into(),
            based_on: None,
        };
        let data = Source {
            path: PathBuf::from("/secret/place/study.csv"),
            sha256: "cd".into(),
            rows: 1,
            comments: Vec::new(),
        };
        let origin = Origin { model: &model, data: &data, how: "FOCE" };
        let mut file = shipped();
        origin.mark(&mut file);
        assert_eq!(file.name, "hayashi2007_fitted");
        assert_eq!(file.based_on.as_deref(), Some("hayashi2007 (SHA-256 ab); data study.csv (SHA-256 cd)"));
        assert!(file.source.ends_with("(FOCE) from study.csv; started from hayashi2007"));
        assert!(!file.title.contains("Hayashi"), "{}", file.title);
        // A model that is estimated again keeps its name.
        let again = GivenModel { name: file.name.clone(), ..model.clone() };
        Origin { model: &again, ..origin }.mark(&mut file);
        assert_eq!(file.name, "hayashi2007_fitted");
    }
}
