//! The residual error of an analyte.

use serde::{Deserialize, Serialize};

/// How an observation y departs from its prediction f.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ErrorModel {
    /// ln y = ln f + ε, ε of standard deviation `sd`.
    LogNormal {
        /// Standard deviation of the logarithm.
        sd: f64,
    },
    /// y = f + ε; the variance of ε is additive² + (proportional·f)². Either alone when the other is zero.
    Normal {
        /// Standard deviation where the prediction is zero, in the analyte's unit.
        additive: f64,
        /// Standard deviation as part of the prediction.
        proportional: f64,
    },
}

impl ErrorModel {
    /// Whether it is on the scale of the logarithm, where every value must be above zero.
    pub fn is_log(self) -> bool {
        matches!(self, Self::LogNormal { .. })
    }

    /// Whether an observation of this prediction has a likelihood: a log-normal or proportional error needs more than
    /// nothing.
    pub fn allows(self, prediction: f64) -> bool {
        prediction.is_finite() && (prediction > 0.0 || (!self.is_log() && self.sd(prediction) > 0.0))
    }

    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::LogNormal { .. } => "log-normal",
            Self::Normal { proportional: 0.0, .. } => "additive",
            Self::Normal { additive: 0.0, .. } => "proportional",
            Self::Normal { .. } => "combined",
        }
    }

    /// An observation whose prediction is `prediction` and whose standardised residual is `z`.
    pub fn observe(self, prediction: f64, z: f64) -> f64 {
        match self {
            Self::LogNormal { sd } => prediction * (sd * z).exp(),
            Self::Normal { .. } => prediction + self.sd(prediction) * z,
        }
    }

    /// Standard deviation on its scale, where the prediction is `prediction`.
    pub fn sd(self, prediction: f64) -> f64 {
        match self {
            Self::LogNormal { sd } => sd,
            Self::Normal { additive, proportional: 0.0 } => additive,
            Self::Normal { additive, proportional } => additive.hypot(proportional * prediction),
        }
    }
}

/// The distribution of a standardised residual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualDistribution {
    /// Standard normal.
    #[default]
    Normal,
    /// Student's t, which expects outliers.
    StudentT {
        /// Degrees of freedom ν, from 1 to 100.
        df: f64,
    },
}

/// The residual error of an analyte and the limits between which it can be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// The error.
    pub error: ErrorModel,
    /// The distribution of what it standardises.
    pub distribution: ResidualDistribution,
    /// Lower limit of quantification, in the analyte's unit.
    pub lloq: Option<f64>,
    /// Upper limit of quantification, in the analyte's unit.
    pub uloq: Option<f64>,
    /// Whether the error is given rather than estimated.
    pub fixed: bool,
}
