//! The model file, as written in TOML.

use super::error::ModelError;
use super::parameter::Transform;
use crate::subject::Analyte;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the model starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartRule {
    /// Each subject's measured baseline of total IgE.
    Baseline,
    /// The steady state of the untreated model.
    SteadyState,
}

/// A model file, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The model's name.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// Name of its structure.
    pub structure: String,
    /// Where it was published.
    pub source: String,
    /// The model and the data that its numbers came from, of a file that a run wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<String>,
    /// What the model starts from.
    pub start: StartRule,
    /// Parameters a subject's own fit estimates unless told otherwise; without it, those that vary between subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Vec<String>>,
    /// Typical values and covariate effects.
    pub parameters: BTreeMap<String, ParameterEntry>,
    /// Variability between subjects.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variability: BTreeMap<String, VariabilityEntry>,
    /// Correlations of the η of parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub correlations: Vec<CorrelationEntry>,
    /// Variability of parameters that vary together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockEntry>,
    /// Residual error of each analyte.
    pub residual: BTreeMap<Analyte, ResidualEntry>,
    /// Names and units of what the model predicts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<Analyte, OutputEntry>,
    /// Effects of covariates that a search may add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<SearchEntry>,
}

/// `[outputs.NAME]`: how an analyte is called where it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputEntry {
    /// Its name in figures and sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The unit of its values: another name of the analyte's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// `[[search]]`: an effect that a covariate may have on a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchEntry {
    /// The parameter.
    pub parameter: String,
    /// The covariate.
    pub covariate: String,
    /// The form of the effect.
    pub form: SearchForm,
    /// Of a form with a centre: where the effect is one. Without it, the median over the subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre: Option<f64>,
    /// Of a categorical effect: the value whose factor is one. Without it, that of most subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<f64>,
}

/// The forms of [`EffectEntry`], without coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchForm {
    /// `(covariate / centre)^exponent`.
    Power,
    /// `exp(slope·(covariate − centre))`.
    Exponential,
    /// `1 + slope·(covariate − centre)`.
    Linear,
    /// A factor for each value that a subject has but the reference.
    Categorical,
}

impl SearchForm {
    /// Its name in a model file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Exponential => "exponential",
            Self::Linear => "linear",
            Self::Categorical => "categorical",
        }
    }
}

/// `[parameters.NAME]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterEntry {
    /// Value in the typical subject.
    pub typical: f64,
    /// The unit of `typical` and of `bounds`.
    pub unit: String,
    /// How the parameter varies.
    #[serde(default, skip_serializing_if = "is_default")]
    pub transform: Transform,
    /// What the typical value is kept within when it is estimated, and the range of a logit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// Whether the typical value is given rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
    /// Covariate effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectEntry>,
}

/// One covariate effect: a factor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "form", rename_all = "snake_case")]
pub enum EffectEntry {
    /// `(covariate / centre)^exponent`.
    Power {
        /// The covariate.
        covariate: String,
        /// Where the effect is one.
        centre: f64,
        /// The exponent.
        exponent: f64,
        /// Whether the exponent is given rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
    /// `exp(slope·(covariate − centre))`.
    Exponential {
        /// The covariate.
        covariate: String,
        /// Where the effect is one.
        centre: f64,
        /// The slope.
        slope: f64,
        /// Whether the slope is given rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
    /// `1 + slope·(covariate − centre)`.
    Linear {
        /// The covariate.
        covariate: String,
        /// Where the effect is one.
        centre: f64,
        /// The slope.
        slope: f64,
        /// Whether the slope is given rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
    /// A factor for each value of the covariate but the reference.
    Categorical {
        /// The covariate, coded in numbers.
        covariate: String,
        /// The value whose factor is one.
        reference: f64,
        /// The other values.
        levels: Vec<LevelEntry>,
        /// Whether the factors are given rather than estimated.
        #[serde(default, skip_serializing_if = "is_default")]
        fixed: bool,
    },
}

/// A value of a categorical covariate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelEntry {
    /// The value.
    pub value: f64,
    /// What it multiplies the parameter by.
    pub factor: f64,
}

/// Variability of one parameter's η: one of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariabilityEntry {
    /// Its variance, ω².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance: Option<f64>,
    /// Its standard deviation, ω.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd: Option<f64>,
    /// Coefficient of variation of a log-normal parameter, per cent: ω² = ln(1 + (cv_pct/100)²).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cv_pct: Option<f64>,
    /// Whether it is given rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

/// Correlation of two parameters' η.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationEntry {
    /// The two parameters.
    pub between: [String; 2],
    /// The correlation.
    pub value: f64,
    /// Whether it is given rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

/// Covariance of several parameters' η.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockEntry {
    /// The parameters.
    pub parameters: Vec<String>,
    /// The lower triangle of their covariance, by rows.
    pub covariance: Vec<Vec<f64>>,
    /// Whether it is given rather than estimated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fixed: bool,
}

/// Residual error of one analyte: `log_sd`, or `additive_sd`, `proportional_sd` or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualEntry {
    /// Standard deviation of the logarithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sd: Option<f64>,
    /// Standard deviation in the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additive_sd: Option<f64>,
    /// Standard deviation as part of the prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proportional_sd: Option<f64>,
    /// Degrees of freedom ν of Student's t, from 1 to 100, for the distribution of standardised residuals; normal without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub student_t: Option<f64>,
    /// Lower limit of quantification, in the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lloq: Option<f64>,
    /// Upper limit of quantification, in the analyte's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uloq: Option<f64>,
    /// Whether it is given rather than estimated.
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
    /// When it is not TOML of this form.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        Ok(toml::from_str(text)?)
    }
}
