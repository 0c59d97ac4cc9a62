//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use omafit_estimate::Method;
use std::path::PathBuf;

/// Fits the omalizumab–IgE binding model to clinical-trial data.
#[derive(Debug, Parser)]
#[command(name = "omafit", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Simulate a trial in the image of INNOVATE, fit it, and write a run: the tour
    Demo(DemoArgs),
    /// Read a data set and say what is in it, or list everything that is wrong with it
    Check(CheckArgs),
    /// Fit every subject of a data set and write a run
    Fit(FitArgs),
    /// The models that ship with omafit
    #[command(subcommand)]
    Model(ModelCommand),
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List the models
    List,
    /// Print a model's file, to keep or to change
    Show {
        /// Its name
        name: String,
    },
}

/// How a subject is fitted.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum MethodName {
    /// The population as prior: empirical Bayes estimates
    Map,
    /// Each subject's data alone
    Nls,
}

impl From<MethodName> for Method {
    fn from(name: MethodName) -> Self {
        match name {
            MethodName::Map => Self::Map,
            MethodName::Nls => Self::Nls,
        }
    }
}

/// What a run computes, wherever its subjects come from.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Model: the name of one that ships, or a model file
    #[arg(long, default_value = "hayashi2007", value_name = "NAME|FILE")]
    pub model: String,
    /// How a subject is fitted
    #[arg(long, value_enum, default_value_t = MethodName::Map)]
    pub method: MethodName,
    /// Parameters to estimate for each subject, separated by commas, or `all` [default: the model file's; else those
    /// that vary between subjects]
    #[arg(long, value_name = "NAMES|all", value_delimiter = ',')]
    pub estimate: Vec<String>,
    /// Spacing of the reconstructed time courses, days
    #[arg(long, default_value_t = 1.0, value_name = "DAYS")]
    pub every: f64,
    /// Reconstruct until this day at least [default: each subject's last record]
    #[arg(long, value_name = "DAY")]
    pub until: Option<f64>,
    /// Coverage of the bands
    #[arg(long, default_value_t = 0.9, value_name = "FRACTION")]
    pub level: f64,
    /// Target for free IgE, ng/mL
    #[arg(long, default_value_t = 50.0, value_name = "NG_ML")]
    pub target: f64,
    /// Limit on iterations from one start
    #[arg(long, default_value_t = 200)]
    pub max_iterations: u64,
    /// Further starts for a subject whose first does not end well
    #[arg(long, default_value_t = 8)]
    pub starts: usize,
    /// Threads [default: one a core]; the results are the same for any number
    #[arg(long)]
    pub threads: Option<usize>,
    /// Replace a run that is already there
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// How a data set is read.
#[derive(Args, Debug)]
pub struct ReadArgs {
    /// The data set: NONMEM-style CSV, CSV.gz or Parquet
    pub data: PathBuf,
    /// Body weight in kg for the subjects whose weight the file lacks
    #[arg(long, value_name = "KG")]
    pub assume_weight: Option<f64>,
    /// Baseline total IgE in ng/mL for the subjects whose IgE the file lacks
    #[arg(long, value_name = "NG_ML")]
    pub assume_ige: Option<f64>,
    /// A column that has another name in the file, such as DV=CONC
    #[arg(long = "column", value_name = "NAME=FILE_NAME")]
    pub columns: Vec<String>,
}

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Args, Debug)]
pub struct FitArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder of the run
    #[arg(long, value_name = "RUN")]
    pub out: PathBuf,
}

#[derive(Args, Debug)]
pub struct DemoArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder of the run
    #[arg(long, default_value = "runs/demo", value_name = "RUN")]
    pub out: PathBuf,
    /// Seed of the simulation
    #[arg(long, default_value_t = 2009)]
    pub seed: u64,
    /// Patients
    #[arg(long, default_value_t = omafit_outcome::TRIAL.patients)]
    pub patients: usize,
}
