//! Options of a run.

use super::Running;
use super::names::{CovarianceName, InfluenceName, LikelihoodName, MethodName, SigmaName};
use crate::exports::ExportArgs;
use clap::Args;
use omafit_estimate::PopulationMethod;

/// What a run computes, wherever its subjects come from.
#[derive(Args, Clone, Debug)]
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
    /// Leave out the time courses, which `omafit reconstruct` makes of the finished run
    #[arg(long)]
    pub no_trajectories: bool,
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
    /// Limit on the population's iterations [default: 300; saem: 1000]
    #[arg(long, value_name = "N")]
    pub population_iterations: Option<u64>,
    /// Estimate the population from so many starts, the model's values and others around them, and keep the lowest
    /// objective; population_starts.csv lists them
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub population_starts: usize,
    /// Leave out the covariance of the estimated population, and with it standard errors and influence
    #[arg(long)]
    pub no_population_covariance: bool,
    /// Compute the likelihood of the population by this method [default: after foce and its the linear one of their end;
    /// after saem is; none of a population that is given]
    #[arg(long, value_enum)]
    pub likelihood: Option<LikelihoodName>,
    /// Draws a subject of `--likelihood is`
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub likelihood_samples: u32,
    /// Seed of what is drawn to estimate the population or its likelihood
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub population_seed: u64,
    /// What is computed of each subject's influence on the estimated population: where the estimates go without it
    #[arg(long, value_enum, value_name = "HOW")]
    pub influence: Option<InfluenceName>,
    /// Limit on iterations from one start
    #[arg(long, default_value_t = 200)]
    pub max_iterations: u64,
    /// What standard errors, correlations and bands are from
    #[arg(long, value_enum, default_value_t = CovarianceName::Full)]
    pub covariance: CovarianceName,
    /// Intervals from the profile of each subject's objective too, of this coverage
    #[arg(long, value_name = "FRACTION", num_args = 0..=1, default_missing_value = "0.95")]
    pub profile: Option<f64>,
    /// Further starts for a subject whose first does not end well
    #[arg(long, default_value_t = 8)]
    pub starts: usize,
    /// Simulations of the trial, for NPDE and predictive checks; 0 for none [default: 0; demo: 200]
    #[arg(long, value_name = "K", alias = "npde")]
    pub replicates: Option<u32>,
    /// Seed of these simulations
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    pub replicates_seed: u64,
    /// Write neither the HTML report nor the figures of diagnostics
    #[arg(long)]
    pub no_report: bool,
    #[command(flatten)]
    pub exports: ExportArgs,
    /// Tolerate outliers: residuals of Student's t with ν degrees of freedom, or 4, instead of normal ones
    #[arg(long, value_name = "student-t[=ν]")]
    pub robust: Option<String>,
    /// Where the size of the residual errors comes from
    #[arg(long, value_enum, default_value_t = SigmaName::Given)]
    pub sigma: SigmaName,
    /// What the run is called at the head of its report
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// A remark for who reads the run, in run.json and its report; may be given again for another
    #[arg(long = "note", value_name = "TEXT")]
    pub notes: Vec<String>,
    #[command(flatten)]
    pub running: Running,
}

impl RunArgs {
    /// Method by which the population is estimated; `None` if it is not estimated.
    pub fn population(&self) -> Option<PopulationMethod> {
        match self.method {
            MethodName::Map | MethodName::Nls => None,
            MethodName::Its => Some(PopulationMethod::Its),
            MethodName::Foce => Some(PopulationMethod::Foce),
            MethodName::Saem => Some(PopulationMethod::Saem { seed: self.population_seed }),
        }
    }

    /// Method by which the likelihood of the population is computed in a separate step: the method given, or
    /// importance sampling after SAEM; `None` if there is no separate step.
    pub fn likelihood(&self) -> Option<LikelihoodName> {
        self.likelihood.or((self.method == MethodName::Saem).then_some(LikelihoodName::Is))
    }
}
