//! How a subject is fitted.

use omafit_model::PopulationModel;

/// How a subject is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The subject's data alone.
    Nls,
    /// The subject's data and the population as prior: the empirical Bayes estimate.
    Map,
}

/// The estimated parameters of a subject's fit, and how hard it tries.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// Data alone, or with the prior.
    pub method: Method,
    /// Positions of the estimated parameters, ascending; the rest keep their typical values.
    pub free: Vec<usize>,
    /// Limit on iterations from one start.
    pub max_iterations: u64,
    /// Further starts to try when the first does not end well.
    pub further_starts: usize,
    /// What the standard errors are from.
    pub covariance: Covariance,
    /// Coverage of the intervals from the profile of the objective, if they are wanted.
    pub profile: Option<f64>,
    /// Where the size of the residual errors comes from. A fit knows one subject only: of [`SigmaRule::Pooled`] the model
    /// has it already.
    pub sigma: SigmaRule,
}

impl FitOptions {
    /// Tries hard, with the full covariance, normal residuals and the model's errors.
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

    /// Whether standard errors are from the full curvature.
    pub(crate) fn is_curved(&self) -> bool {
        self.covariance == Covariance::Full
    }

    /// Whether a descent may end by second derivatives, which standard errors are then from. Where residual errors are the
    /// subject's own it ends where errors and parameters agree, and they are found there.
    pub(crate) fn may_be_bent(&self) -> bool {
        self.is_curved() && self.sigma != SigmaRule::Subject
    }

    /// The same without what only a last fit needs: full curvature and profiles.
    pub(crate) fn in_passing(&self) -> Self {
        Self { covariance: Covariance::GaussNewton, profile: None, ..self.clone() }
    }
}

/// What standard errors, correlations and bands are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// The inverse of the objective's full curvature, second derivatives of the model and all.
    #[default]
    Full,
    /// The inverse of JᵀJ: what is left of it where residuals vanish. Quicker.
    GaussNewton,
}

/// Where the size of the residual errors comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SigmaRule {
    /// From the model.
    #[default]
    Given,
    /// From each subject's own data, with its parameters, by maximum likelihood.
    Subject,
    /// From all subjects' fits together.
    Pooled,
}

/// Names of the estimated parameters.
pub fn free_names(model: &PopulationModel, options: &FitOptions) -> Vec<&'static str> {
    let names: Vec<&str> = model.parameter_names().collect();
    options.free.iter().map(|&i| names[i]).collect()
}
