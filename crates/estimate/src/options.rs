//! Options of a subject's fit.

use omafit_model::PopulationModel;

/// Estimation method of a subject's fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Nonlinear least squares on the subject's data alone.
    Nls,
    /// Maximum a posteriori, with the population as prior: the empirical Bayes estimate.
    Map,
}

/// Estimated parameters of a subject's fit, with the settings of its search and uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// Estimation method.
    pub method: Method,
    /// Positions of the estimated parameters, ascending; the others keep their typical values.
    pub free: Vec<usize>,
    /// Limit on iterations from one start.
    pub max_iterations: u64,
    /// How many further starts to try if the first fit is not good.
    pub further_starts: usize,
    /// Matrix from which standard errors are computed.
    pub covariance: Covariance,
    /// Coverage of profile-likelihood intervals, if requested.
    pub profile: Option<f64>,
    /// Source of the residual standard deviations. A single fit treats [`SigmaRule::Pooled`] like [`SigmaRule::Given`],
    /// as the model already contains the pooled values.
    pub sigma: SigmaRule,
}

impl FitOptions {
    /// Default options: a thorough search, the full covariance, no profiles and the model's residual errors.
    pub fn new(method: Method, free: Vec<usize>) -> Self {
        Self {
            method,
            free,
            max_iterations: 200,
            further_starts: 8,
            covariance: Covariance::Full,
            profile: None,
            sigma: SigmaRule::Given,
        }
    }

    /// Whether standard errors are based on the full Hessian.
    pub(crate) fn is_curved(&self) -> bool {
        self.covariance == Covariance::Full
    }

    /// Whether a descent may end with second derivatives, which then also give the standard errors. With residual
    /// errors of the subject's own, a fit ends where errors and parameters agree, and second derivatives are evaluated
    /// there.
    pub(crate) fn may_be_bent(&self) -> bool {
        self.is_curved() && self.sigma != SigmaRule::Subject
    }

    /// A copy for an intermediate fit, without the full Hessian and profiles, which only the final fit needs.
    pub(crate) fn in_passing(&self) -> Self {
        Self { covariance: Covariance::GaussNewton, profile: None, ..self.clone() }
    }
}

/// Matrix from which standard errors, correlations and bands are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// Inverse of the full Hessian of the objective, including second derivatives of the model.
    #[default]
    Full,
    /// Inverse of JᵀJ, the Hessian in the limit of vanishing residuals; faster.
    GaussNewton,
}

/// Source of the residual standard deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigmaRule {
    /// The values in the model.
    #[default]
    Given,
    /// Maximum likelihood from each subject's own data, jointly with its parameters.
    Subject,
    /// Estimation from all subjects' fits together.
    Pooled,
}

/// Names of the estimated parameters.
pub fn free_names(model: &PopulationModel, options: &FitOptions) -> Vec<&'static str> {
    let names: Vec<&str> = model.parameter_names().collect();
    options.free.iter().map(|&i| names[i]).collect()
}
