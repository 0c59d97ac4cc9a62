//! The residual error of an analyte.

use serde::{Deserialize, Serialize};

/// The residual error model: the deviation of an observation y from its prediction f.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ErrorModel {
    /// Log-normal error: ln y = ln f + ε, with `sd` the standard deviation of ε.
    LogNormal {
        /// Standard deviation of the logarithm.
        sd: f64,
    },
    /// Normal error: y = f + ε, with variance additive² + (proportional·f)²; purely additive or proportional if the
    /// other is zero.
    Normal {
        /// Standard deviation at a prediction of zero, in the analyte's unit.
        additive: f64,
        /// Standard deviation of the proportional error, as a fraction of the prediction.
        proportional: f64,
    },
}

impl ErrorModel {
    /// Whether the error is on the logarithmic scale, on which every value must be above zero.
    pub fn is_log(self) -> bool {
        matches!(self, Self::LogNormal { .. })
    }

    /// Whether an observation with this prediction has a likelihood; a log-normal or purely proportional error needs a
    /// prediction above zero.
    pub fn allows(self, prediction: f64) -> bool {
        prediction.is_finite() && (prediction > 0.0 || (!self.is_log() && self.sd(prediction) > 0.0))
    }

    /// The name of the error model in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::LogNormal { .. } => "log-normal",
            Self::Normal { proportional: 0.0, .. } => "additive",
            Self::Normal { additive: 0.0, .. } => "proportional",
            Self::Normal { .. } => "combined",
        }
    }

    /// The observation with prediction `prediction` and standardised residual `z`.
    pub fn observe(self, prediction: f64, z: f64) -> f64 {
        match self {
            Self::LogNormal { sd } => prediction * (sd * z).exp(),
            Self::Normal { .. } => prediction + self.sd(prediction) * z,
        }
    }

    /// Standard deviation on the scale of the error (logarithmic or original) at `prediction`.
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
    /// Student's t, which allows for outliers.
    StudentT {
        /// Degrees of freedom ν, from 1 to 100.
        df: f64,
    },
}

/// The residual error of an analyte with its limits of quantification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// The error model.
    pub error: ErrorModel,
    /// The distribution of the standardised residuals.
    pub distribution: ResidualDistribution,
    /// Lower limit of quantification, in the analyte's unit.
    pub lloq: Option<f64>,
    /// Upper limit of quantification, in the analyte's unit.
    pub uloq: Option<f64>,
    /// Whether the error is fixed rather than estimated.
    pub fixed: bool,
}
