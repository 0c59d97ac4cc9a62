//! The model file: TOML in, a checked [`PopulationModel`] out.

use super::{Covariate, PopulationModel, PopulationParameter, PowerEffect, StartRule};
use crate::structure::{STRUCTURES, structure};
use crate::subject::Analyte;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The published models: name and file.
pub const PUBLISHED: [(&str, &str); 1] = [("hayashi2007", include_str!("../published/hayashi2007.toml"))];

/// The file of a published model.
pub fn published(name: &str) -> Option<&'static str> {
    PUBLISHED.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
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
    /// What the model starts from.
    pub start: StartRule,
    /// Parameters a subject's own fit estimates unless told otherwise; without it, those that vary between subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Vec<String>>,
    /// Typical values and covariate effects.
    pub parameters: BTreeMap<String, ParameterEntry>,
    /// Variability between subjects.
    #[serde(default)]
    pub variability: BTreeMap<String, VariabilityEntry>,
    /// Correlations of the logarithms of parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub correlations: Vec<CorrelationEntry>,
    /// Residual error of each analyte.
    pub residual: BTreeMap<Analyte, ResidualEntry>,
}

/// `[parameters.NAME]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterEntry {
    /// Value in the typical subject.
    pub typical: f64,
    /// The unit of `typical`; must be the structure's.
    pub unit: String,
    /// Covariate effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectEntry>,
}

/// One covariate effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "form", rename_all = "snake_case")]
pub enum EffectEntry {
    /// `(covariate / centre)^exponent`.
    Power {
        /// The covariate.
        covariate: Covariate,
        /// Where the effect is one.
        centre: f64,
        /// The exponent.
        exponent: f64,
    },
}

/// Variability of one parameter: one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariabilityEntry {
    /// Variance of the logarithm, ω².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance: Option<f64>,
    /// Coefficient of variation, per cent: ω² = ln(1 + (cv_pct/100)²).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cv_pct: Option<f64>,
}

/// Correlation of two variable parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationEntry {
    /// The two parameters.
    pub between: [String; 2],
    /// The correlation of their logarithms.
    pub value: f64,
}

/// Residual error of one analyte.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualEntry {
    /// Standard deviation of the logarithm.
    pub log_sd: f64,
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Not TOML, an unknown key, or a value of the wrong type; the message points at line and column.
    #[error("the model file cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A name that does not exist.
    #[error("{place}: no {kind} `{name}`; there are {allowed}")]
    UnknownName {
        /// Where in the file.
        place: String,
        /// What was named.
        kind: &'static str,
        /// The name.
        name: String,
        /// What exists.
        allowed: String,
    },
    /// Something that must be there is not.
    #[error("{place}: missing; {why}")]
    Missing {
        /// What is missing.
        place: String,
        /// Why it is needed.
        why: &'static str,
    },
    /// A value outside its range.
    #[error("{place} = {value}: must be {allowed}")]
    OutOfRange {
        /// Where in the file.
        place: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// Correlations that no set of subjects could have.
    #[error("[[correlations]]: together they are not a covariance (the matrix is not positive definite)")]
    NotPositiveDefinite,
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

impl PopulationModel {
    /// Reads and checks the text of a model file.
    ///
    /// ```
    /// use omafit_model::{PopulationModel, published};
    /// let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    /// assert_eq!(model.parameters()[0].typical, 0.48);
    /// ```
    ///
    /// # Errors
    /// When it is not TOML of the form of [`ModelFile`], names what does not exist, or has a value out of range.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        Self::new(ModelFile::parse(text)?)
    }

    /// Checks a model file.
    ///
    /// # Errors
    /// When it names what does not exist or has a value out of range.
    pub fn new(file: ModelFile) -> Result<Self, ModelError> {
        let structure = structure(&file.structure).ok_or_else(|| {
            unknown("structure", "structure", &file.structure, STRUCTURES.iter().map(|s| s.name()))
        })?;
        let names: Vec<&str> = structure.parameters().iter().map(|p| p.name).collect();
        let known = |place: &str, name: &str| match names.iter().position(|n| *n == name) {
            Some(i) => Ok(i),
            None => Err(unknown(place, "parameter", name, names.iter().copied())),
        };
        for name in file.parameters.keys() {
            known("[parameters]", name)?;
        }
        for name in file.estimate.iter().flatten() {
            known("estimate", name)?;
        }
        let mut parameters = Vec::with_capacity(names.len());
        for info in structure.parameters() {
            let place = format!("[parameters.{}]", info.name);
            let entry = file.parameters.get(info.name).ok_or_else(|| ModelError::Missing {
                place: place.clone(),
                why: "every parameter of the structure needs a typical value",
            })?;
            parameters.push(population_parameter(&place, info.unit, entry)?);
        }
        let mut variance = vec![0.0; names.len()];
        for (name, entry) in &file.variability {
            let i = known("[variability]", name)?;
            variance[i] = log_variance(&format!("[variability] {name}"), entry)?;
        }
        let variable: Vec<usize> = (0..names.len()).filter(|&i| variance[i] > 0.0).collect();
        let n = variable.len();
        let mut omega = vec![0.0; n * n];
        for (row, &i) in variable.iter().enumerate() {
            omega[row * n + row] = variance[i];
        }
        for CorrelationEntry { between, value } in &file.correlations {
            let place = "[[correlations]] between";
            let mut rows = [0; 2];
            for (row, name) in rows.iter_mut().zip(between) {
                let i = known(place, name)?;
                *row = variable.iter().position(|&v| v == i).ok_or_else(|| ModelError::Missing {
                    place: format!("[variability] {name}"),
                    why: "a parameter with a correlation needs a variability",
                })?;
            }
            if rows[0] == rows[1] || !(value.abs() < 1.0) {
                return Err(ModelError::OutOfRange {
                    place: format!("[[correlations]] of {} and {}", between[0], between[1]),
                    value: value.to_string(),
                    allowed: "between −1 and 1, for two different parameters".into(),
                });
            }
            let covariance = value * (omega[rows[0] * (n + 1)] * omega[rows[1] * (n + 1)]).sqrt();
            omega[rows[0] * n + rows[1]] = covariance;
            omega[rows[1] * n + rows[0]] = covariance;
        }
        if !positive_definite(&omega, n) {
            return Err(ModelError::NotPositiveDefinite);
        }
        let mut sigma = [0.0; 3];
        for analyte in Analyte::ALL {
            let place = format!("[residual] {}", analyte.name());
            let entry = file.residual.get(&analyte).ok_or_else(|| ModelError::Missing {
                place: place.clone(),
                why: "every analyte needs a residual error",
            })?;
            positive(&format!("{place}.log_sd"), entry.log_sd)?;
            sigma[analyte.index()] = entry.log_sd;
        }
        Ok(Self { file, structure, parameters, variable, omega, sigma })
    }
}

fn population_parameter(
    place: &str,
    unit: &str,
    entry: &ParameterEntry,
) -> Result<PopulationParameter, ModelError> {
    positive(&format!("{place} typical"), entry.typical)?;
    if entry.unit != unit {
        return Err(ModelError::OutOfRange {
            place: format!("{place} unit"),
            value: entry.unit.clone(),
            allowed: format!("`{unit}`, the structure's"),
        });
    }
    let mut effects = Vec::with_capacity(entry.effects.len());
    for effect in &entry.effects {
        let EffectEntry::Power { covariate, centre, exponent } = *effect;
        positive(&format!("{place} centre"), centre)?;
        if !exponent.is_finite() {
            return Err(ModelError::OutOfRange {
                place: format!("{place} exponent"),
                value: exponent.to_string(),
                allowed: "a finite number".into(),
            });
        }
        effects.push(PowerEffect { covariate, centre, exponent });
    }
    Ok(PopulationParameter { typical: entry.typical, effects })
}

fn log_variance(place: &str, entry: &VariabilityEntry) -> Result<f64, ModelError> {
    match (entry.variance, entry.cv_pct) {
        (Some(variance), None) => positive(&format!("{place}.variance"), variance).map(|()| variance),
        (None, Some(cv)) => positive(&format!("{place}.cv_pct"), cv).map(|()| (cv / 100.0).powi(2).ln_1p()),
        _ => Err(ModelError::Missing {
            place: place.into(),
            why: "either `variance` or `cv_pct`, one of the two",
        }),
    }
}

fn positive(place: &str, value: f64) -> Result<(), ModelError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(ModelError::OutOfRange {
        place: place.into(),
        value: value.to_string(),
        allowed: "a positive number".into(),
    })
}

fn unknown<'a>(
    place: &str,
    kind: &'static str,
    name: &str,
    allowed: impl Iterator<Item = &'a str>,
) -> ModelError {
    let allowed = allowed.collect::<Vec<_>>().join(", ");
    ModelError::UnknownName { place: place.into(), kind, name: name.into(), allowed }
}

/// By Cholesky's factorisation.
fn positive_definite(matrix: &[f64], n: usize) -> bool {
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let rest = matrix[i * n + j] - inner;
            if i == j {
                if !(rest > 0.0) {
                    return false;
                }
                lower[i * n + i] = rest.sqrt();
            } else {
                lower[i * n + j] = rest / lower[j * n + j];
            }
        }
    }
    true
}
