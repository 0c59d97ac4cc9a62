//! `omafit model`, and finding the model that an option names.

use crate::Outcome;
use crate::error::CliError;
use crate::options::ModelCommand;
use crate::print;
use omafit_model::{ModelFile, PUBLISHED, PopulationModel, published};
use std::path::Path;

/// Lists the models, or prints one.
pub fn command(command: &ModelCommand) -> Result<Outcome, CliError> {
    match command {
        ModelCommand::List => {
            for (name, text) in PUBLISHED {
                let file = ModelFile::parse(text)
                    .map_err(|source| CliError::Model { place: name.into(), source })?;
                print::line(&format!("{name:<14} {}\n{:<14} {}", file.title, "", file.source));
            }
        }
        ModelCommand::Show { name } => {
            let text = published(name).ok_or_else(|| unknown(name))?;
            print::text(text);
        }
    }
    Ok(Outcome::Done)
}

/// The model of a name, or of a file.
pub fn load(name: &str) -> Result<PopulationModel, CliError> {
    let parse = |text: &str| {
        PopulationModel::parse(text).map_err(|source| CliError::Model { place: name.into(), source })
    };
    if let Some(text) = published(name) {
        return parse(text);
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(unknown(name));
    }
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::Unreadable { path: path.into(), source })?;
    parse(&text)
}

fn unknown(name: &str) -> CliError {
    let shipped = PUBLISHED.map(|(name, _)| name).join(", ");
    CliError::NoModel { name: name.into(), shipped }
}
