//! The parameter values of a population model.

use super::effect::EffectForm;
use super::error::ModelError;
use super::file::{EffectEntry, ModelFile, VariabilityEntry};
use super::residual::{ErrorModel, ResidualDistribution};
use super::{PopulationModel, PopulationParameter};
use crate::analyte::PerAnalyte;

/// The parameter values of a population model: typical values, coefficients, Ω and residual errors.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationValues {
    /// Typical value of each parameter, in the structure's order and units.
    pub typical: Vec<f64>,
    /// Coefficients of each effect of each parameter: the exponent of a power, the slope of an exponential or linear
    /// effect, the factors of a categorical effect.
    pub coefficients: Vec<Vec<Vec<f64>>>,
    /// Ω, in the layout of [`PopulationModel::omega`].
    pub omega: Vec<f64>,
    /// The residual error of each analyte.
    pub residual: PerAnalyte<ErrorModel>,
}

impl PopulationModel {
    /// The parameter values of the model.
    pub fn values(&self) -> PopulationValues {
        let coefficients = |p: &PopulationParameter| {
            let of = |form: &EffectForm| match form {
                EffectForm::Power { exponent, .. } => vec![*exponent],
                EffectForm::Exponential { slope, .. } | EffectForm::Linear { slope, .. } => vec![*slope],
                EffectForm::Categorical { levels, .. } => levels.iter().map(|(_, factor)| *factor).collect(),
            };
            p.effects.iter().map(|effect| of(&effect.form)).collect()
        };
        PopulationValues {
            typical: self.parameters.iter().map(|p| p.typical).collect(),
            coefficients: self.parameters.iter().map(coefficients).collect(),
            omega: self.omega.clone(),
            residual: self.residual.iter().map(|(analyte, residual)| (analyte, residual.error)).collect(),
        }
    }

    /// The model with other parameter values, in its file as well.
    ///
    /// # Errors
    /// When a value is out of range, or Ω is not positive definite.
    pub fn with_values(&self, values: &PopulationValues) -> Result<Self, ModelError> {
        let mut file = self.file.clone();
        for (i, info) in self.structure.parameters().iter().enumerate() {
            let (new, old) = (values.typical[i], self.parameters[i].typical);
            let Some(entry) = file.parameters.get_mut(info.name) else { continue };
            if new != old {
                entry.typical *= new / old;
            }
            for (effect, new) in entry.effects.iter_mut().zip(&values.coefficients[i]) {
                match effect {
                    EffectEntry::Power { exponent: value, .. }
                    | EffectEntry::Exponential { slope: value, .. }
                    | EffectEntry::Linear { slope: value, .. } => *value = new[0],
                    EffectEntry::Categorical { levels, .. } => {
                        levels.iter_mut().zip(new).for_each(|(level, new)| level.factor = *new);
                    }
                }
            }
        }
        if values.omega != self.omega {
            self.set_variability(&mut file, &values.omega);
        }
        for (analyte, &error) in values.residual.iter() {
            let Some(entry) = file.residual.get_mut(&analyte) else { continue };
            match error {
                ErrorModel::LogNormal { sd } => entry.log_sd = Some(sd),
                ErrorModel::Normal { additive, proportional } => {
                    entry.additive_sd = entry.additive_sd.map(|_| additive);
                    entry.proportional_sd = entry.proportional_sd.map(|_| proportional);
                }
            }
        }
        Self::new(file)
    }

    /// The model with the given distribution of the standardised residuals for every analyte.
    ///
    /// # Errors
    /// When the degrees of freedom are outside the range allowed in a model file.
    pub fn with_residuals(&self, distribution: ResidualDistribution) -> Result<Self, ModelError> {
        let mut file = self.file.clone();
        for entry in file.residual.values_mut() {
            entry.student_t = match distribution {
                ResidualDistribution::Normal => None,
                ResidualDistribution::StudentT { df } => Some(df),
            };
        }
        Self::new(file)
    }

    /// The distribution of the standardised residuals, if all analytes share it.
    pub fn residual_distribution(&self) -> Option<ResidualDistribution> {
        let mut all = self.residual.values().map(|residual| residual.distribution);
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }

    fn set_variability(&self, file: &mut ModelFile, omega: &[f64]) {
        let names: Vec<&str> = self.parameter_names().collect();
        let n = self.variable.len();
        let covariance = |a: &str, b: &str| {
            let at = |name: &str| self.variable.iter().position(|&i| names[i] == name);
            at(a).zip(at(b)).map_or(0.0, |(i, j)| omega[i * n + j])
        };
        for (name, entry) in &mut file.variability {
            let variance = Some(covariance(name, name));
            *entry = VariabilityEntry { variance, fixed: entry.fixed, ..VariabilityEntry::default() };
        }
        for entry in &mut file.correlations {
            let [a, b] = &entry.between;
            entry.value = covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt();
        }
        for block in &mut file.blocks {
            for (i, row) in block.covariance.iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value = covariance(&block.parameters[i], &block.parameters[j]);
                }
            }
        }
    }
}
