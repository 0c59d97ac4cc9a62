//! Options shared by several commands, and the options of commands without a module of their own.

mod data;
mod names;
mod run;

pub use data::{DataOfRunArgs, HowArgs, LayoutArgs, ReadArgs};
pub use names::{
    BeforeDoseName, Censored, InfluenceName, LikelihoodName, MethodName, TimeUnitName, XportVersionName,
};
pub use run::RunArgs;

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List the models
    List,
    /// Print a model's file, to keep or to change
    Show {
        /// Its name
        name: String,
    },
    /// Print a model's parameters, variability and residual error as Markdown, for a report
    Describe {
        /// The name of a model that ships, or a model file
        #[arg(value_name = "NAME|FILE")]
        model: String,
    },
    /// Draw the typical subject under treatment as an SVG
    Figure(FigureArgs),
}

/// The typical subject of a model, and its treatment.
#[derive(Args, Debug)]
pub struct FigureArgs {
    /// The name of a model that ships, or a model file
    #[arg(value_name = "NAME|FILE")]
    pub model: String,
    /// The figure
    #[arg(long, value_name = "FILE.svg")]
    pub out: PathBuf,
    /// Subcutaneous dose
    #[arg(long, default_value_t = 300.0, value_name = "MG")]
    pub dose: f64,
    /// Days from dose to dose
    #[arg(long, default_value_t = 14.0, value_name = "DAYS")]
    pub every: f64,
    /// How many doses
    #[arg(long, default_value_t = 6, value_name = "N")]
    pub doses: u16,
    /// Last day drawn [default: 16 weeks after the last dose; with --data the last record]
    #[arg(long, value_name = "D")]
    pub days: Option<f64>,
    /// Body weight [default: 70]
    #[arg(long, value_name = "KG")]
    pub weight: Option<f64>,
    /// Baseline total IgE [default: 726, which is 300 IU/mL]
    #[arg(long, value_name = "NG_ML")]
    pub ige: Option<f64>,
    /// Another covariate, such as AGE=41 [default: where its effect is 1]
    #[arg(long, value_name = "NAME=VALUE")]
    pub assume: Vec<String>,
    /// A data set (in days, µg/mL and ng/mL) with a subject to compare with, whose doses are given, whose
    /// observations are drawn, and whose covariates hold unless told otherwise
    #[arg(long, value_name = "DATA", requires = "id", conflicts_with_all = ["dose", "every", "doses"])]
    pub data: Option<PathBuf>,
    /// The subject's ID
    #[arg(long, requires = "data")]
    pub id: Option<String>,
    /// Replace a figure that is already there
    #[arg(long)]
    pub force: bool,
}

/// How a command runs.
#[derive(Args, Clone, Copy, Debug)]
pub struct Running {
    /// Threads [default: one a core]; the results are the same for any number
    #[arg(long)]
    pub threads: Option<usize>,
    /// Replace what is already there
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    /// Model that the data are for, which says what they must have: the name of one that ships, or a model file
    #[arg(long, default_value = "hayashi2007", value_name = "NAME|FILE")]
    pub model: String,
    /// The page as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct FitArgs {
    #[command(flatten)]
    pub read: ReadArgs,
    /// What becomes of observations beyond a limit of quantification
    #[arg(long, value_enum, default_value_t = Censored::M3)]
    pub censored: Censored,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder of the run
    #[arg(long, value_name = "RUN")]
    pub out: PathBuf,
    /// Go on with this run where it was interrupted; data, model and options must be the same
    #[arg(long)]
    pub resume: bool,
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
    #[arg(long, default_value_t = omafit_outcome::PATIENTS)]
    pub patients: usize,
}

/// What is simulated.
#[derive(Args, Debug)]
pub struct SimulateArgs {
    /// Model: the name of one that ships, or a model file
    #[arg(long, default_value = "hayashi2007", value_name = "NAME|FILE")]
    pub model: String,
    /// Simulate the subjects of this data set: their covariates, doses and observation times
    #[arg(long, value_name = "DATA", conflicts_with_all = ["patients", "table", "dose", "every_weeks", "weeks",
        "follow_up", "visits", "every_days", "weight", "ige", "dropout", "missed"])]
    pub like: Option<PathBuf>,
    /// How the data set of --like is read; limits and assumed covariates hold for simulated patients too
    #[command(flatten)]
    pub how: HowArgs,
    /// Patients of a virtual trial [default: 226, as in INNOVATE]
    #[arg(long)]
    pub patients: Option<u64>,
    /// Dosing table; only patients to whom it gives a dose are enrolled [default: us_asthma_12y]
    #[arg(long, value_name = "NAME", conflicts_with = "dose")]
    pub table: Option<String>,
    /// The same dose for all instead of a table, mg
    #[arg(long, value_name = "MG", requires = "every_weeks")]
    pub dose: Option<f64>,
    /// Weeks between the doses of --dose
    #[arg(long, value_name = "WEEKS", requires = "dose")]
    pub every_weeks: Option<f64>,
    /// Weeks of treatment [default: 28]
    #[arg(long)]
    pub weeks: Option<f64>,
    /// Weeks of follow-up [default: 16]
    #[arg(long, value_name = "WEEKS")]
    pub follow_up: Option<f64>,
    /// Days on which blood is drawn, separated by commas [default: 15 visits over 44 weeks]
    #[arg(long, value_name = "DAYS", value_delimiter = ',', conflicts_with = "every_days")]
    pub visits: Vec<f64>,
    /// Draw blood every so many days instead, from day 0 to the end
    #[arg(long, value_name = "DAYS")]
    pub every_days: Option<f64>,
    /// The same body weight for all, kg [default: drawn as in INNOVATE]
    #[arg(long, value_name = "KG")]
    pub weight: Option<f64>,
    /// The same baseline IgE for all, IU/mL [default: drawn as in INNOVATE]
    #[arg(long, value_name = "IU_ML")]
    pub ige: Option<f64>,
    /// Part of the patients who leave before the end, at a constant hazard
    #[arg(long, value_name = "FRACTION")]
    pub dropout: Option<f64>,
    /// Part of the doses after the first that are missed
    #[arg(long, value_name = "FRACTION")]
    pub missed: Option<f64>,
    /// How often the trial is simulated; IDs are then REPLICATE.ID, and REP is a column
    #[arg(long, default_value_t = 1)]
    pub replicates: u64,
    /// Every subject is the typical one with its covariates
    #[arg(long)]
    pub no_variability: bool,
    /// Observations are what the model predicts
    #[arg(long)]
    pub no_residual: bool,
    /// Seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The data set to write: a name that ends in .csv or .parquet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub running: Running,
}

/// The bands of reconstructed courses.
#[derive(Args, Debug)]
pub struct BandArgs {
    /// Coverage of the bands [default: the run's]
    #[arg(long, value_name = "FRACTION")]
    pub level: Option<f64>,
    /// Target for free IgE, ng/mL [default: the run's]
    #[arg(long, value_name = "NG_ML")]
    pub target: Option<f64>,
    /// How bands and standard errors are made: `linear`, the covariance carried through the sensitivities, or
    /// `sampled`, quantiles of time courses of parameters drawn from it (`sampled=N`: N of them, else 500)
    #[arg(long, default_value = "linear", value_name = "HOW")]
    pub bands: String,
    /// Seed of sampled bands
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What is reconstructed of a run.
#[derive(Args, Debug)]
pub struct ReconstructArgs {
    /// Folder of the run
    pub run: PathBuf,
    /// Spacing of the time courses: a number with d, h or w, such as 1d or 6h; days without
    #[arg(long, default_value = "1d", value_name = "TIME")]
    pub every: String,
    /// Reconstruct until this day at least [default: each subject's last record]
    #[arg(long, value_name = "DAY")]
    pub until: Option<f64>,
    #[command(flatten)]
    pub bands: BandArgs,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    /// Folder for the tables
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub running: Running,
}

/// What is checked by simulation.
#[derive(Args, Debug)]
pub struct VpcArgs {
    /// Folder of the run, which gets the tables
    pub run: PathBuf,
    /// Simulations of the trial
    #[arg(long, short = 'n', default_value_t = 1000, value_name = "K")]
    pub replicates: u32,
    /// Bins of time after the first dose: how many, or their edges in days, separated by commas [default: one a visit,
    /// or as the data fill them]
    #[arg(long, value_name = "N|DAYS", value_delimiter = ',')]
    pub bins: Vec<f64>,
    /// Check groups apart: by `regimen`, or by a covariate
    #[arg(long, value_name = "regimen|COVARIATE")]
    pub stratify: Option<String>,
    /// Correct for prediction too
    #[arg(long)]
    pub pc: bool,
    /// Percentiles that are compared
    #[arg(long, value_name = "PERCENTILES", value_delimiter = ',', default_values_t = [5.0, 50.0, 95.0])]
    pub percentiles: Vec<f64>,
    /// Coverage of the bands
    #[arg(long, default_value_t = 0.9, value_name = "FRACTION")]
    pub level: f64,
    /// Seed
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    #[command(flatten)]
    pub running: Running,
}

/// What is reported.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folder of the run
    pub run: PathBuf,
    /// The report [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace a report that is already there
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}
