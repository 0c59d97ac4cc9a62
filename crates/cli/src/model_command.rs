//! `omafit model`: the models shipped with omafit.

use crate::Outcome;
use crate::error::CliError;
use crate::model::{load, unknown};
use crate::options::ModelCommand;
use crate::{describe, print, typical};
use omafit_model::{PUBLISHED, StartRule, published};

/// Lists the models, or prints, describes or draws a model.
pub fn command(command: &ModelCommand) -> Result<Outcome, CliError> {
    match command {
        ModelCommand::List => {
            let mut rows =
                vec![["model", "structure", "starts from", "needs", "what it is"].map(String::from)];
            for (name, _) in PUBLISHED {
                let model = load(name)?;
                let start = match model.file().start {
                    StartRule::Baseline => "baseline",
                    StartRule::SteadyState => "steady state",
                };
                let (structure, needs) = (model.structure().name(), model.covariates().join(" "));
                let title = model.file().title.clone();
                rows.push([name.into(), structure.into(), start.into(), needs, title]);
            }
            print::columns(&rows);
        }
        ModelCommand::Show { name } => {
            let text = published(name).ok_or_else(|| unknown(name))?;
            print::text(text);
        }
        ModelCommand::Describe { model } => print::text(&describe::markdown(&load(model)?)),
        ModelCommand::Figure(args) => typical::figure(args)?,
    }
    Ok(Outcome::Done)
}
