//! Population parameters and their transforms.

use super::effect::Effect;

/// The transform of a parameter on whose scale η is added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Logarithm: a log-normal parameter, always positive.
    #[default]
    Log,
    /// Logit between two bounds.
    Logit,
    /// Identity: a normal parameter.
    Identity,
}

impl Transform {
    /// The name of the transform in model files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Logit => "logit",
            Self::Identity => "identity",
        }
    }
}

/// A population parameter, in the structure's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationParameter {
    /// The typical value.
    pub typical: f64,
    /// The transform of the parameter.
    pub transform: Transform,
    /// The bounds of the typical value in estimation, and the range of a logit.
    pub bounds: (f64, f64),
    /// Whether the typical value is fixed rather than estimated.
    pub fixed: bool,
    /// The covariate effects.
    pub effects: Vec<Effect>,
}

/// An individual value of a parameter, with its derivatives with respect to η.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndividualValue {
    /// The value.
    pub value: f64,
    /// First derivative, d ln(value)/dη.
    pub log_slope: f64,
    /// Second derivative, d² ln(value)/dη².
    pub log_bend: f64,
}

impl PopulationParameter {
    /// The transformed value, to which η is added.
    pub fn transformed(&self, value: f64) -> f64 {
        match self.transform {
            Transform::Log => value.ln(),
            Transform::Identity => value,
            Transform::Logit => {
                let (low, high) = self.bounds;
                ((value - low) / (high - value)).ln()
            }
        }
    }

    /// The derivative d(transformed value)/d ln(value) at `value`.
    pub fn transformed_slope(&self, value: f64) -> f64 {
        match self.transform {
            Transform::Log => 1.0,
            Transform::Identity => value,
            Transform::Logit => {
                let (low, high) = self.bounds;
                value / (value - low) + value / (high - value)
            }
        }
    }

    /// The value of a subject with typical value `typical` and random effect `eta`.
    ///
    /// ```
    /// # use omafit_model::{PopulationParameter, Transform};
    /// let f = PopulationParameter {
    ///     typical: 0.5, transform: Transform::Logit, bounds: (0.0, 1.0), fixed: false, effects: Vec::new(),
    /// };
    /// let of = f.individual(0.5, 1.0);
    /// assert!((of.value - 0.7310585786300049).abs() < 1e-15);
    /// ```
    pub fn individual(&self, typical: f64, eta: f64) -> IndividualValue {
        match self.transform {
            Transform::Log => IndividualValue { value: typical * eta.exp(), log_slope: 1.0, log_bend: 0.0 },
            Transform::Identity => {
                let value = typical + eta;
                let log_slope = 1.0 / value;
                IndividualValue { value, log_slope, log_bend: -log_slope * log_slope }
            }
            Transform::Logit => {
                let (low, high) = self.bounds;
                let odds = (typical - low) / (high - typical) * eta.exp();
                let share = odds / (1.0 + odds);
                let value = if odds.is_finite() { low + (high - low) * share } else { high };
                let slope = (high - low) * share * (1.0 - share);
                let log_slope = slope / value;
                let log_bend = log_slope * (1.0 - 2.0 * share) - log_slope * log_slope;
                IndividualValue { value, log_slope, log_bend }
            }
        }
    }
}
