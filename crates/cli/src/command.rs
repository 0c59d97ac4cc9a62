//! The command line: subcommands and their options.

use crate::attainment::AttainmentArgs;
use crate::bootstrap::BootstrapArgs;
use crate::compare::CompareArgs;
use crate::convert::ConvertArgs;
use crate::dose::DoseArgs;
use crate::options::{
    CheckArgs, DemoArgs, FitArgs, ModelCommand, ReconstructArgs, ReportArgs, SimulateArgs, VpcArgs,
};
use crate::outcome::OutcomeArgs;
use crate::profile::ProfileArgs;
use crate::search::SearchArgs;
use crate::sir::SirArgs;
use crate::what_if::WhatIfArgs;
use clap::{Parser, Subcommand};

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
    /// Convert a data set between CSV, CSV.gz, Parquet and SAS transport files (XPT), with all its columns
    Convert(ConvertArgs),
    /// Fit every subject of a data set and write a run
    Fit(FitArgs),
    /// Reconstruct the time courses of a run's patients on another grid
    Reconstruct(ReconstructArgs),
    /// Make the HTML report of a run
    Report(ReportArgs),
    /// Show runs beside each other: models, likelihoods, likelihood-ratio tests, parameters
    Compare(CompareArgs),
    /// Check a run's model against its data by simulation: VPC, numerical check, NPDE
    Vpc(VpcArgs),
    /// Search for effects of covariates, stepwise: what the model file declares as `search`
    Search(SearchArgs),
    /// Estimate a run's population again of subjects drawn with replacement: standard errors and intervals
    Bootstrap(BootstrapArgs),
    /// Sample and resample a run's estimates by importance: standard errors and intervals
    Sir(SirArgs),
    /// Intervals of numbers of a run's population from the profile of its objective
    Profile(ProfileArgs),
    /// Tie symptoms to a run's exposure: changes, correlation, hysteresis, delay models
    Outcome(OutcomeArgs),
    /// Simulate a trial of a model, or replicates of one, as a data set
    Simulate(SimulateArgs),
    /// Look up the dose of a body weight and a baseline IgE in a dosing table. Not medical advice
    Dose(DoseArgs),
    /// Map how many of a virtual population keep free IgE under its targets, over body weight and baseline IgE
    Attainment(AttainmentArgs),
    /// Replay a run's patients under other doses: who rises over the target, when, by how much. Not medical advice
    WhatIf(WhatIfArgs),
    /// The models that ship with omafit
    #[command(subcommand)]
    Model(ModelCommand),
}
