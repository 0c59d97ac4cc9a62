//! The model file, as written in TOML.

use super::error::ModelError;
use super::parameter::Transform;
use crate::analyte::Analyte;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The initial state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartRule {
    /// Each subject's measured baseline of total IgE.
    Baseline,
    /// The steady state of the untreated model.
    SteadyState,
}

/// A model file, as written in TOML.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The model's name.
    pub name: String,
    /// The title, one line.
    pub title: String,
    /// The name of the structural model.
    pub structure: String,
    /// The publication in which the model appeared.
    pub source: String,
    /// The model and data from which the values were estimated, in a file written by a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<String>,
    /// The initial state of the model.
    pub start: StartRule,
    /// Parameters that an individual fit estimates by default; if absent, those with between-subject variability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Vec<String>>,
    /// Typical values and covariate effects.
    pub parameters: BTreeMap<String, ParameterEntry>,
    /// Between-subject variability by parameter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variability: BTreeMap<String, VariabilityEntry>,
    /// Correlations between the η of parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub correlations: Vec<CorrelationEntry>,
    /// Covariance blocks of parameters that vary together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockEntry>,
    /// Residual error of each analyte.
    pub residual: BTreeMap<Analyte, ResidualEntry>,
    /// Labels and units of the analytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<Analyte, OutputEntry>,
    /// Candidate covariate effects for a covariate search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<SearchEntry>,
}

/// The entry `[outputs.NAME]`: label and unit of an analyte in reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputEntry {
    /// The label in figures and sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The unit of the values, one of the names of the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// An entry `[[search]]`: a candidate effect of a covariate on a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchEntry {
    /// The parameter.
    pub parameter: String,
    /// The covariate.
    pub covariate: String,
    /// The form of the effect.
    pub form: SearchForm,
    /// The covariate value at which the effect is one, for forms with a centre; if absent, the median over the
    /// subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<f64>,
    /// The value whose factor is one, for a categorical effect; if absent, the most frequent value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<f64>,
}

/// The forms of [`EffectEntry`] without their coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchForm {
    /// A power effect, `(covariate / centre)^exponent`.
    Power,
    /// An exponential effect, `exp(slope·(covariate − centre))`.
    Exponential,
    /// A linear effect, `1 + slope·(covariate − centre)`.
    Linear,
    /// A categorical effect: a factor for each observed value other than the reference.
    Categorical,
}

impl SearchForm {
    /// The name of the form in a model file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Exponential => "exponential",
            Self::Linear => "linear",
            Self::Categorical => "categorical",
        }
    }
}

/// The entry `[parameters.NAME]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterEntry {
    /// The typical value.
    pub typical: f64,
    /// The unit of `typical` and of `bounds`.
    pub unit: String,
    /// The transform on which the parameter varies between subjects.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transform: Transform,
    /// The bounds of the typical value in estimation, and the range of a logit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// Whether the typical value is fixed rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
    /// Covariate effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectEntry>,
}

/// A covariate effect, a factor on the typical value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "form", rename_all = "snake_case")]
pub enum EffectEntry {
    /// A power effect, `(covariate / centre)^exponent`.
    Power {
        /// The covariate.
        covariate: String,
        /// The covariate value at which the effect is one.
        centre: f64,
        /// The exponent.
        exponent: f64,
        /// Whether the exponent is fixed rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
    /// An exponential effect, `exp(slope·(covariate − centre))`.
    Exponential {
        /// The covariate.
        covariate: String,
        /// The covariate value at which the effect is one.
        centre: f64,
        /// The slope.
        slope: f64,
        /// Whether the slope is fixed rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
    /// A linear effect, `1 + slope·(covariate − centre)`.
    Linear {
        /// The covariate.
        covariate: String,
        /// The covariate value at which the effect is one.
        centre: f64,
        /// The slope.
        slope: f64,
        /// Whether the slope is fixed rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
    /// A categorical effect: a factor for each value of the covariate other than the reference.
    Categorical {
        /// The covariate, coded in numbers.
        covariate: String,
        /// The value whose factor is one.
        reference: f64,
        /// The other values and their factors.
        levels: Vec<LevelEntry>,
        /// Whether the factors are fixed rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
}

/// A level of a categorical covariate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelEntry {
    /// The covariate's value.
    pub value: f64,
    /// The factor on the parameter.
    pub factor: f64,
}

/// Between-subject variability of one parameter's η, given as exactly one of variance, standard deviation or CV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariabilityEntry {
    /// The variance, ω².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance: Option<f64>,
    /// The standard deviation, ω.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// Coefficient of variation of a log-normal parameter, per cent: ω² = ln(1 + (cv_pct/100)²).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cv_pct: Option<f64>,
    /// Whether the variability is fixed rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

/// Correlation between the η of two parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationEntry {
    /// The two parameters.
    pub between: [String; 2],
    /// The correlation.
    pub value: f64,
    /// Whether the correlation is fixed rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

/// Covariance block of the η of several parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockEntry {
    /// The parameters.
    pub parameters: Vec<String>,
    /// The lower triangle of their covariance, by rows.
    pub covariance: Vec<Vec<f64>>,
    /// Whether the covariance is fixed rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

/// Residual error of one analyte: `log_sd`, or `additive_sd`, `proportional_sd` or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualEntry {
    /// Standard deviation of the logarithm of the observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sd: Option<f64>,
    /// Standard deviation of the additive error, in the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additive_sd: Option<f64>,
    /// Standard deviation of the proportional error, as a fraction of the prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proportional_sd: Option<f64>,
    /// Degrees of freedom ν, from 1 to 100, of Student's t for the standardised residuals; if absent, they are normal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_t: Option<f64>,
    /// Lower limit of quantification, in the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lloq: Option<f64>,
    /// Upper limit of quantification, in the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uloq: Option<f64>,
    /// Whether the residual error is fixed rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl ModelFile {
    /// Reads the text of a model file.
    ///
    /// # Errors
    /// When the text is not TOML of the form of [`ModelFile`].
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        Ok(toml::from_str(text)?)
    }
}
