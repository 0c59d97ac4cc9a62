//! Errors of the commands.

use omafit_estimate::{CandidateError, MarginalError, PopulationError, ProfileError, SirError, SubjectError};
use omafit_model::{ModelError, PredictionError};
use omafit_outcome::{DoseRuleError, DosingTableError, VirtualTrialError};
use omafit_report::FigureError;
use omafit_trial::{ConvertError, OutputError, Rejection, TableError};
use std::path::PathBuf;

/// Reasons why a command did not complete.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The data set is not accepted.
    #[error(transparent)]
    Data(#[from] Rejection),
    /// The data contain a probable mistake, and `--strict` was given.
    #[error("{}", warnings.join("\n"))]
    Suspicious {
        /// The warnings.
        warnings: Vec<String>,
    },
    /// A data set cannot be converted.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// The population cannot be estimated.
    #[error("the population cannot be estimated: {0}")]
    Population(Box<PopulationError>),
    /// The estimates of the population cannot be resampled.
    #[error("the estimates cannot be resampled: {0}")]
    Sir(#[from] SirError),
    /// The objective of the population has no profile.
    #[error("there is no profile: {0}")]
    Profile(#[from] ProfileError),
    /// The covariate effects to be searched for are not valid.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// The likelihood of the population cannot be computed.
    #[error("the likelihood of the population cannot be computed: {0}")]
    Likelihood(Box<MarginalError>),
    /// A model file is not valid.
    #[error("{place}: {source}")]
    Model {
        /// Name or path of the model.
        place: String,
        /// Error in the model file.
        source: ModelError,
    },
    /// Neither a shipped model nor a file has the given name.
    #[error("no model `{name}`: there is no such file, and the models that ship are {shipped}")]
    NoModel {
        /// Name that was given.
        name: String,
        /// Names of the models shipped.
        shipped: String,
    },
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file is not the record of a run.
    #[error("{}: this is no run of omafit that can be taken up again: {source}", path.display())]
    NoRun {
        /// Path of the file.
        path: PathBuf,
        /// Error in the file.
        source: serde_json::Error,
    },
    /// Runs cannot be compared.
    #[error("{}", problems.join("\n        "))]
    Incomparable {
        /// Reasons, one sentence each.
        problems: Vec<String>,
    },
    /// The value of an option is not allowed.
    #[error("--{option} {found}: must be {expected}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// Value that was given.
        found: String,
        /// Description of the allowed values.
        expected: String,
    },
    /// A new run would replace one that was interrupted.
    #[error(
        "{} was interrupted before its end: --resume goes on with it, --force begins anew",
        path.display()
    )]
    Interrupted {
        /// Path of the run folder.
        path: PathBuf,
    },
    /// The typical subject cannot be predicted.
    #[error("the typical subject cannot be predicted: {0}")]
    Prediction(#[from] PredictionError),
    /// An output file or folder cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A table of the run cannot be made, written or read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A figure cannot be drawn.
    #[error("a figure cannot be drawn: {0}")]
    Figure(#[from] FigureError),
    /// A JSON file of the run cannot be encoded.
    #[error("run.json cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The model file of the run cannot be encoded.
    #[error("model.toml cannot be written: {0}")]
    Toml(#[from] toml::ser::Error),
    /// A file cannot be written in the run folder.
    #[error("the run cannot be written: {0}")]
    Io(#[from] std::io::Error),
    /// The dosing table is not known.
    #[error(transparent)]
    DosingTable(#[from] DosingTableError),
    /// A dosing rule is not valid.
    #[error(transparent)]
    DoseRule(#[from] DoseRuleError),
    /// A virtual population cannot be simulated.
    #[error("the virtual population cannot be simulated: {0}")]
    Attainment(Box<SubjectError>),
    /// A virtual trial cannot be simulated.
    #[error(transparent)]
    VirtualTrial(#[from] VirtualTrialError),
    /// Standard output or standard error cannot be written.
    #[error("{stream} does not take what is printed: {source}")]
    Terminal {
        /// Name of the stream.
        stream: &'static str,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The threads cannot be started.
    #[error("the threads cannot be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl CliError {
    /// Whether the request was valid, but the data are too few to conclude anything.
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

/// Error for an option: the value that was given, and the values that are allowed.
pub fn refuse(option: &'static str, found: impl ToString, expected: impl Into<String>) -> CliError {
    CliError::Option { option, found: found.to_string(), expected: expected.into() }
}
