//! The model named by an option, or stored in a run.

use crate::error::CliError;
use crate::provenance::{GivenModel, told_apart};
use omafit_model::{Analyte, PUBLISHED, PopulationModel, Residual, Substance, published};
use omafit_trial::{ReadOptions, read_whole_text, sha256};
use std::path::Path;

/// The shipped model with the given name, or the model in the given file.
pub fn load(name: &str) -> Result<PopulationModel, CliError> {
    Ok(load_given(name)?.0)
}

/// The shipped model with the given name or the model in the given file, with its origin for the record of the
/// run.
pub fn load_given(name: &str) -> Result<(PopulationModel, GivenModel), CliError> {
    let text = match published(name) {
        Some(text) => text.to_owned(),
        None => {
            let path = Path::new(name);
            if !path.exists() {
                return Err(unknown(name));
            }
            text_of(path)?
        }
    };
    let model = told_apart(parse(&text, name)?)?;
    let given = GivenModel {
        given: name.into(),
        name: model.name().into(),
        sha256: sha256(text.as_bytes()),
        based_on: model.file().based_on.clone(),
    };
    Ok((model, given))
}

/// The model in the folder of a run.
pub fn of_run(folder: &Path) -> Result<PopulationModel, CliError> {
    let path = folder.join("model.toml");
    parse(&text_of(&path)?, &path.to_string_lossy())
}

fn text_of(path: &Path) -> Result<String, CliError> {
    read_whole_text(path).map_err(|source| CliError::Unreadable { path: path.into(), source })
}

fn parse(text: &str, place: &str) -> Result<PopulationModel, CliError> {
    PopulationModel::parse(text).map_err(|source| CliError::Model { place: place.into(), source })
}

/// Options for reading a data set that follow from the requirements of a model.
pub fn needs(model: &PopulationModel) -> ReadOptions {
    let all = || model.residuals().iter();
    let is_absent =
        |a: Analyte, residual: &Residual| a.substance() == Substance::Drug && !residual.error.allows(0.0);
    ReadOptions {
        analytes: model.analytes().collect(),
        positive_required: all().filter(|(_, r)| r.error.is_log()).map(|(a, _)| a).collect(),
        absent_before_dose: all().filter(|(a, r)| is_absent(*a, r)).map(|(a, _)| a).collect(),
        lloq: all().filter_map(|(a, r)| Some((a, r.lloq?))).collect(),
        uloq: all().filter_map(|(a, r)| Some((a, r.uloq?))).collect(),
        drug_kda: model.structure().kda(Substance::Drug),
        covariates: model.covariates().into_iter().map(str::to_owned).collect(),
        ..ReadOptions::default()
    }
}

pub fn unknown(name: &str) -> CliError {
    let shipped = PUBLISHED.map(|(name, _)| name).join(", ");
    CliError::NoModel { name: name.into(), shipped }
}
