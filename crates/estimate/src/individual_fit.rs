//! A subject's fit: the estimates and all that is said of them.

use crate::likelihood::ResidualErrors;
use crate::options::{FitOptions, free_names};
use crate::profile::ProfileInterval;
use crate::uncertainty::Uncertainty;
use omafit_model::PopulationModel;

/// How a fit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A minimum that determines every estimated parameter.
    Ok,
    /// A minimum that leaves parameters open.
    NotDetermined,
    /// No minimum was found.
    Failed,
}

impl Status {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotDetermined => "not_determined",
            Self::Failed => "failed",
        }
    }
}

/// Where a parameter went that ran off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// To zero.
    Zero,
    /// Without bound.
    Infinity,
}

/// A subject's fit.
#[derive(Clone, Debug, PartialEq)]
pub struct IndividualFit {
    /// How it ended.
    pub status: Status,
    /// Why it stopped, and what is wrong, in words.
    pub reason: String,
    /// Iterations of the best start.
    pub iterations: u64,
    /// Starts tried.
    pub starts: usize,
    /// Departure η of each estimated parameter from the typical subject, on its transformed scale: the logarithm, for
    /// a log-normal one.
    pub eta: Vec<f64>,
    /// d ln(parameter)/dη of each estimated parameter: one of a log-normal one.
    pub log_slopes: Vec<f64>,
    /// Every parameter, in the structure's order and units.
    pub parameters: Vec<f64>,
    /// Estimated parameters that ran off, by position among the estimated ones.
    pub run_off: Vec<(usize, Limit)>,
    /// Uncertainty of the estimate, the prior included.
    pub uncertainty: Uncertainty,
    /// Intervals from the profile of the objective, one an estimated parameter if they were asked for; `None` where one
    /// cannot be found.
    pub profile: Vec<Option<ProfileInterval>>,
    /// The information of the data alone at the estimate.
    pub data_information: Uncertainty,
    /// Sum of the squares of the weighted residuals, censored observations left out.
    pub ssq: f64,
    /// ηᵀΩ⁻¹η; zero without a prior.
    pub prior_ssq: f64,
    /// The subject's objective, without constants: NLS Σ(r² + ln σ²), or what stands for it in another likelihood; MAP
    /// the FOCE contribution, which is that and ηᵀΩ⁻¹η + ln|Ω| + ln|JᵀJ + Ω⁻¹|.
    pub ofv: f64,
    /// −2 log-likelihood of the data at the estimate, with all constants, on the natural scale.
    pub minus2ll: f64,
    /// Leverage of each observation, the part of its row in the fit: the diagonal of J(JᵀJ + Ω⁻¹)⁻¹Jᵀ.
    pub leverages: Vec<f64>,
    /// Standard deviations of residual errors that were estimated with the parameters.
    pub own_sigmas: usize,
    /// Parameters in effect, the sum of the leverages: tr((JᵀJ + Ω⁻¹)⁻¹JᵀJ), the number of estimated ones without a prior.
    pub effective_parameters: f64,
    /// Length of the objective's gradient in η where the iteration stopped.
    pub gradient_norm: f64,
    /// Individual prediction of each observation.
    pub ipred: Vec<f64>,
    /// The residual error of each analyte, as the fit has it.
    pub errors: ResidualErrors,
}

impl IndividualFit {
    /// Makes it a failed one: says why, and where it stopped.
    pub(crate) fn fail(&mut self, model: &PopulationModel, options: &FitOptions, why: &str) {
        self.status = Status::Failed;
        self.reason = format!("{}{why}", self.reason);
        if self.parameters.iter().all(|p| p.is_nan()) {
            return;
        }
        self.reason +=
            &format!("; last state: objective {:.6}, gradient norm {:.2e}", self.ofv, self.gradient_norm);
        for (name, &i) in free_names(model, options).iter().zip(&options.free) {
            self.reason += &format!(", {name} {:.5e}", self.parameters[i]);
        }
    }
}
