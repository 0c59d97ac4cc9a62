//! What a command can be refused for.

use omafit_estimate::{CandidateError, MarginalError, PopulationError, ProfileError, SirError, SubjectError};
use omafit_model::{ModelError, PredictionError};
use omafit_outcome::{DoseRuleError, DosingTableError, VirtualTrialError};
use omafit_report::FigureError;
use omafit_trial::{ConvertError, OutputError, Rejection, TableError};
use std::path::PathBuf;

/// Why a command did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The data set.
    #[error(transparent)]
    Data(#[from] Rejection),
    /// Something in the data is probably a mistake, and `--strict` was given.
    #[error("{}", warnings.join("\n"))]
    Suspicious {
        /// The warnings.
        warnings: Vec<String>,
    },
    /// A data set that is converted.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The population.
    #[error("the population cannot be estimated: {0}")]
    Population(Box<PopulationError>),
    /// Its uncertainty.
    #[error("the estimates cannot be resampled: {0}")]
    Sir(#[from] SirError),
    /// The profile of its objective.
    #[error("there is no profile: {0}")]
    Profile(#[from] ProfileError),
    /// Effects of covariates that are to be searched for.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// The likelihood of the population.
    #[error("the likelihood of the population cannot be computed: {0}")]
    Likelihood(Box<MarginalError>),
    /// The model file.
    #[error("{place}: {source}")]
    Model {
        /// Which model.
        place: String,
        /// What is wrong.
        source: ModelError,
    },
    /// There is neither a model nor a file of that name.
    #[error("no model `{name}`: there is no such file, and the models that ship are {shipped}")]
    NoModel {
        /// What was asked for.
        name: String,
        /// What there is.
        shipped: String,
    },
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is no record of a run.
    #[error("{}: this is no run of omafit that can be taken up again: {source}", path.display())]
    NoRun {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Runs that cannot be compared.
    #[error("{}", problems.join("\n        "))]
    Incomparable {
        /// A sentence each.
        problems: Vec<String>,
    },
    /// An option with a value that makes no sense.
    #[error("--{option} {found}: must be {expected}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was given.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// A run that was interrupted stands where another is to be begun.
    #[error(
        "{} was interrupted before its end: --resume goes on with it, --force begins anew",
        path.display()
    )]
    Interrupted {
        /// Where the run is to be.
        path: PathBuf,
    },
    /// A typical subject that cannot be predicted.
    #[error("the typical subject cannot be predicted: {0}")]
    Prediction(#[from] PredictionError),
    /// The output.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A table of the run.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A figure.
    #[error("a figure cannot be drawn: {0}")]
    Figure(#[from] FigureError),
    /// A file of the run cannot be encoded.
    #[error("run.json cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The model file of the run cannot be encoded.
    #[error("model.toml cannot be written: {0}")]
    Toml(#[from] toml::ser::Error),
    /// Writing within the run's folder.
    #[error("the run cannot be written: {0}")]
    Io(#[from] std::io::Error),
    /// The dosing table.
    #[error(transparent)]
    DosingTable(#[from] DosingTableError),
    /// A rule for doses.
    #[error(transparent)]
    DoseRule(#[from] DoseRuleError),
    /// A virtual population.
    #[error("the virtual population cannot be simulated: {0}")]
    Attainment(Box<SubjectError>),
    /// The virtual trial.
    #[error(transparent)]
    VirtualTrial(#[from] VirtualTrialError),
    /// Standard output or standard error.
    #[error("{stream} does not take what is printed: {source}")]
    Terminal {
        /// Which of the two.
        stream: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The threads.
    #[error("the threads cannot be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl CliError {
    /// Whether nothing is wrong with what was asked, but nothing can be concluded from the data.
    pub fn is_inconclusive(&self) -> bool {
        let Self::Population(error) = self else { return false };
        matches!(**error, PopulationError::TooFewSubjects { .. } | PopulationError::TooFewObservations { .. })
    }
}

impl From<PopulationError> for CliError {
    fn from(error: PopulationError) -> Self {
        Self::Population(Box::new(error))
    }
}

impl From<MarginalError> for CliError {
    fn from(error: MarginalError) -> Self {
        Self::Likelihood(Box::new(error))
    }
}

/// An option is refused: what was given, and what is allowed.
pub fn refuse(option: &'static str, found: impl ToString, expected: impl Into<String>) -> CliError {
    CliError::Option { option, found: found.to_string(), expected: expected.into() }
}
