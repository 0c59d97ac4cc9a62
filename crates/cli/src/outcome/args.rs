//! The command line of `omafit outcome`.

use crate::forms::FormArgs;
use crate::options::{DataOfRunArgs, LayoutArgs, Running, TimeUnitName};
use clap::{Args, ValueEnum};
use omafit_outcome::Window;
use std::path::PathBuf;

/// Value of `--window`: the definition of the exposure at a visit.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum WindowName {
    /// The mean over the days since the visit before
    Mean,
    /// Half-way between the visit before and this one
    Midpoint,
    /// On the day of the visit, before a dose of that day
    Trough,
}

impl From<WindowName> for Window {
    fn from(name: WindowName) -> Self {
        match name {
            WindowName::Mean => Self::Mean,
            WindowName::Midpoint => Self::Midpoint,
            WindowName::Trough => Self::Trough,
        }
    }
}

/// Outcomes of a run's patients.
#[derive(Args, Debug)]
pub struct OutcomeArgs {
    /// Folder of the run, which gets the tables
    pub run: PathBuf,
    /// Table of ID, TIME, MEASURE, VALUE, and RESPONDER, ARM, UNIT, DAYS (of a count) if there are
    pub outcomes: PathBuf,
    /// The type of a measure: continuous, score:FLOOR:CEILING, ordered, poisson, negative-binomial, event [default: continuous]
    #[arg(long = "type", value_name = "MEASURE=TYPE")]
    pub types: Vec<String>,
    /// How the exposure of a visit is taken from the time course
    #[arg(long, value_enum, default_value_t = WindowName::Mean, ignore_case = true)]
    pub window: WindowName,
    /// What a change is counted from: `last`, the last value at or before the first dose, or `run-in=DAYS`, the mean over so
    /// many days before it
    #[arg(long, default_value = "last", value_name = "HOW")]
    pub baseline: String,
    /// Nominal days of the visits after the first dose; a value belongs to the nearest, but not from beyond its window [default:
    /// the days on which there are values, or weeks if there are more than 60]
    #[arg(long, value_name = "DAYS", value_delimiter = ',', conflicts_with = "visit_every")]
    pub visits: Vec<f64>,
    /// Visits every so many days
    #[arg(long, value_name = "DAYS")]
    pub visit_every: Option<f64>,
    /// Values of so many days before and after a visit at most belong to it [default: half-way to the visits beside it, of the
    /// first and the last as far outward as inward]
    #[arg(long, value_name = "DAYS")]
    pub visit_window: Option<f64>,
    /// The last day of the onset, after the first dose
    #[arg(long, default_value_t = 112.0, value_name = "DAY")]
    pub onset_days: f64,
    /// Free IgE below which it is suppressed, ng/mL [default: the run's target]
    #[arg(long, value_name = "NG_ML")]
    pub target: Option<f64>,
    /// The longest lag of the cross-correlation, days
    #[arg(long, default_value_t = 84, value_name = "DAYS")]
    pub max_lag: u32,
    /// Bootstrap replicates of the hysteresis
    #[arg(long, default_value_t = 1000, value_name = "K")]
    pub replicates: u32,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Fit no models of the outcomes, and test no delay
    #[arg(long)]
    pub no_delay: bool,
    /// A column that has another name in the table, such as MEASURE=PARAM
    #[arg(long = "column", value_name = "NAME=THEIRS")]
    pub columns: Vec<String>,
    /// The unit of the table's times, whose origin is that of the run's data
    #[arg(long, value_enum, default_value_t = TimeUnitName::Days, ignore_case = true)]
    pub time_unit: TimeUnitName,
    /// Take subjects that are not in the run: they have no exposure and count in means of visits only
    #[arg(long)]
    pub allow_unknown: bool,
    #[command(flatten)]
    pub forms: FormArgs,
    #[command(flatten)]
    pub layout: LayoutArgs,
    #[command(flatten)]
    pub located: DataOfRunArgs,
    #[command(flatten)]
    pub running: Running,
}
