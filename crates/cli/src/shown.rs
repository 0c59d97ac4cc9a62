//! Tables of a run that are formatted for reports and publications.

use crate::error::CliError;
use omafit_model::PopulationModel;
use omafit_trial::{
    Presented, Table, present_individuals, present_outcome_arms, present_outcome_hysteresis,
    present_outcome_model_parameters, present_outcome_models, present_outcome_visits, present_parameters,
    present_what_if_outcomes, read_parquet,
};
use std::path::Path;

/// A table of a run that is formatted for reports and publications.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// Individual estimates of the subjects.
    Individuals,
    /// Population parameters.
    Parameters,
    /// Outcomes by visit.
    OutcomeVisits,
    /// Treatment arms by visit.
    OutcomeArms,
    /// Hysteresis between outcome and exposure.
    OutcomeHysteresis,
    /// Models of the outcomes.
    OutcomeModels,
    /// Parameters of the chosen outcome models.
    OutcomeModelParameters,
    /// Outcomes under alternative doses.
    WhatIfOutcomes,
}

impl Shown {
    /// Tables of a fit.
    pub const OF_FIT: [Self; 2] = [Self::Individuals, Self::Parameters];
    /// Tables of an outcome analysis.
    pub const OF_OUTCOME: [Self; 5] = [
        Self::OutcomeVisits,
        Self::OutcomeArms,
        Self::OutcomeHysteresis,
        Self::OutcomeModels,
        Self::OutcomeModelParameters,
    ];
    /// Tables of an analysis of alternative doses.
    pub const OF_WHAT_IF: [Self; 1] = [Self::WhatIfOutcomes];

    /// Name of the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Individuals => "individuals",
            Self::Parameters => "parameters",
            Self::OutcomeVisits => "outcome_visits",
            Self::OutcomeArms => "outcome_arms",
            Self::OutcomeHysteresis => "outcome_hysteresis",
            Self::OutcomeModels => "outcome_models",
            Self::OutcomeModelParameters => "outcome_model_parameters",
            Self::WhatIfOutcomes => "what_if_outcomes",
        }
    }

    /// The formatted table of a run folder; `None` if the run does not have it.
    pub fn present(self, folder: &Path, model: &PopulationModel) -> Result<Option<Presented>, CliError> {
        let beside = |name: Self| optional(folder, name.name());
        let Some(table) = beside(self)? else { return Ok(None) };
        Ok(match self {
            Self::Individuals => Some(present_individuals(&table, model)),
            Self::Parameters => Some(present_parameters(&table, optional(folder, "criteria")?.as_ref())),
            Self::OutcomeVisits => Some(present_outcome_visits(&table)),
            Self::OutcomeArms => Some(present_outcome_arms(&table)),
            Self::OutcomeHysteresis => Some(present_outcome_hysteresis(&table)),
            Self::OutcomeModels => Some(present_outcome_models(&table)),
            Self::OutcomeModelParameters => {
                beside(Self::OutcomeModels)?.map(|models| present_outcome_model_parameters(&table, &models))
            }
            Self::WhatIfOutcomes => Some(present_what_if_outcomes(&table)),
        })
    }
}

/// Reads a table of the run; `None` if it does not exist.
pub fn optional(folder: &Path, name: &str) -> Result<Option<Table>, CliError> {
    let path = folder.join(format!("{name}.parquet"));
    if path.is_file() { Ok(Some(read_parquet(&path)?)) } else { Ok(None) }
}
