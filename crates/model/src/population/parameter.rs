//! A parameter in the population.

use super::effect::Effect;

/// How a parameter varies between subjects: η is added to the transformed value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The logarithm: a log-normal parameter, always positive.
    #[default]
    Log,
    /// The logit between two bounds.
    Logit,
    /// None: a normal parameter.
    Identity,
}

impl Transform {
    /// Its name in model files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Logit => "logit",
            Self::Identity => "identity",
        }
    }
}

/// A parameter in the population, in the structure's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationParameter {
    /// Its value in the typical subject.
    pub typical: f64,
    /// How it varies.
    pub transform: Transform,
    /// What its typical value is kept within, and a logit's range.
    pub bounds: (f64, f64),
    /// Whether its typical value is given rather than estimated.
    pub fixed: bool,
    /// What the covariates multiply it by.
    pub effects: Vec<Effect>,
}

/// A subject's value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndividualValue {
    /// The value.
    pub value: f64,
    /// d ln(value)/dη.
    pub log_slope: f64,
    /// d² ln(value)/dη².
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

    /// d(transformed value)/d ln(value) where the value is `value`.
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

    /// The value of a subject whose typical value is `typical` and whose departure is `eta`.
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
