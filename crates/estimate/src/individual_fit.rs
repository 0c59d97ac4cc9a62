//! The result of a subject's fit: estimates, uncertainty and diagnostics.

use crate::likelihood::ResidualErrors;
use crate::options::{FitOptions, free_names};
use crate::profile::ProfileInterval;
use crate::uncertainty::Uncertainty;
use omafit_model::PopulationModel;

/// Outcome of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A minimum at which every estimated parameter is determined.
    Ok,
    /// A minimum at which some estimated parameters are not determined.
    NotDetermined,
    /// No minimum was found.
    Failed,
}

impl Status {
    /// The name of the status in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotDetermined => "not_determined",
            Self::Failed => "failed",
        }
    }
}

/// Limit toward which a parameter diverges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Divergence to zero.
    Zero,
    /// Divergence to infinity.
    Infinity,
}

/// Result of a subject's fit.
#[derive(Clone, Debug, PartialEq)]
pub struct IndividualFit {
    /// Outcome of the fit.
    pub status: Status,
    /// Description of why the iteration stopped and of any problem.
    pub reason: String,
    /// Number of iterations from the best start.
    pub iterations: u64,
    /// Number of starts tried.
    pub starts: usize,
    /// Deviation η of each estimated parameter from the typical subject, on its transformed scale (the logarithm for a
    /// log-normal parameter).
    pub eta: Vec<f64>,
    /// d ln(parameter)/dη of each estimated parameter; one for a log-normal parameter.
    pub log_slopes: Vec<f64>,
    /// All parameters, in the structure's order and units.
    pub parameters: Vec<f64>,
    /// Estimated parameters that diverge, by position among the estimated parameters.
    pub run_off: Vec<(usize, Limit)>,
    /// Uncertainty of the estimate, including the prior.
    pub uncertainty: Uncertainty,
    /// Profile-likelihood intervals, one per estimated parameter if requested; `None` where an interval cannot be
    /// found.
    pub profile: Vec<Option<ProfileInterval>>,
    /// Information of the data alone at the estimate.
    pub data_information: Uncertainty,
    /// Sum of squared weighted residuals, without censored observations.
    pub ssq: f64,
    /// Prior sum of squares ηᵀΩ⁻¹η; zero without a prior.
    pub prior_ssq: f64,
    /// The subject's objective function value, without constants: for NLS Σ(r² + ln σ²), or its counterpart in another
    /// likelihood; for MAP the FOCE contribution, which adds ηᵀΩ⁻¹η + ln|Ω| + ln|JᵀJ + Ω⁻¹|.
    pub ofv: f64,
    /// −2 log-likelihood of the data at the estimate, including all constants, on the natural scale.
    pub minus2ll: f64,
    /// Leverage of each observation: the diagonal of J(JᵀJ + Ω⁻¹)⁻¹Jᵀ.
    pub leverages: Vec<f64>,
    /// How many standard deviations of residual errors were estimated along with the parameters.
    pub own_sigmas: usize,
    /// Effective number of parameters, the sum of the leverages: tr((JᵀJ + Ω⁻¹)⁻¹JᵀJ), which without a prior is the
    /// number of estimated parameters.
    pub effective_parameters: f64,
    /// Norm of the gradient of the objective in η at the end of the iteration.
    pub gradient_norm: f64,
    /// Individual prediction of each observation.
    pub ipred: Vec<f64>,
    /// Residual error of each analyte as used in the fit.
    pub errors: ResidualErrors,
}

impl IndividualFit {
    /// Marks the fit as failed and adds `why` and the last state to the reason.
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
