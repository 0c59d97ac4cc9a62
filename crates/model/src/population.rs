//! The population model as data: typical values, covariate effects, variability, residual error.
//!
//! A model file names a structure and says the rest in TOML; the published models ship in this form.

mod file;

use crate::course::{Course, CourseError};
use crate::solver::Work;
use crate::structure::{Concentrations, Start, StructuralModel};
use crate::subject::{Analyte, Covariates};
pub use file::{ModelError, ModelFile, PUBLISHED, published};

/// A covariate of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Covariate {
    /// Body weight, kg.
    #[serde(rename = "WT")]
    Weight,
    /// Baseline total IgE, ng/mL.
    #[serde(rename = "IGE")]
    BaselineIge,
}

impl Covariate {
    /// Its value for a subject.
    pub fn of(self, covariates: &Covariates) -> f64 {
        match self {
            Self::Weight => covariates.weight_kg().unwrap_or(f64::NAN),
            Self::BaselineIge => covariates.ige_ng_ml().unwrap_or(f64::NAN),
        }
    }
}

/// How a covariate acts on a parameter: `(covariate / centre)^exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerEffect {
    /// The covariate.
    pub covariate: Covariate,
    /// Where the effect is one, in the covariate's unit.
    pub centre: f64,
    /// The exponent.
    pub exponent: f64,
}

/// A parameter in the population.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationParameter {
    /// Its value in the typical subject, in the structure's unit.
    pub typical: f64,
    /// What the covariates multiply it by.
    pub effects: Vec<PowerEffect>,
}

/// What the model starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartRule {
    /// Each subject's measured baseline of total IgE.
    Baseline,
    /// The steady state of the untreated model.
    SteadyState,
}

/// A population model, ready to predict.
#[derive(Clone, Debug)]
pub struct PopulationModel {
    pub(crate) file: ModelFile,
    pub(crate) structure: &'static dyn StructuralModel,
    pub(crate) parameters: Vec<PopulationParameter>,
    pub(crate) variable: Vec<usize>,
    pub(crate) omega: Vec<f64>,
    pub(crate) sigma: [f64; 3],
}

impl PopulationModel {
    /// The model's name.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The file it was read from.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// Its structure.
    pub fn structure(&self) -> &'static dyn StructuralModel {
        self.structure
    }

    /// Its parameters, in the structure's order.
    pub fn parameters(&self) -> &[PopulationParameter] {
        &self.parameters
    }

    /// Names of the parameters, in the structure's order.
    pub fn parameter_names(&self) -> impl Iterator<Item = &'static str> {
        self.structure.parameters().iter().map(|p| p.name)
    }

    /// Position of the parameter of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameter_names().position(|n| n == name)
    }

    /// Positions of the parameters that vary between subjects, ascending.
    pub fn variable(&self) -> &[usize] {
        &self.variable
    }

    /// Ω, the covariance of the logarithms of the variable parameters: row-major, `variable().len()` squared.
    pub fn omega(&self) -> &[f64] {
        &self.omega
    }

    /// Standard deviation of the logarithm of an analyte's residual.
    pub fn sigma(&self, analyte: Analyte) -> f64 {
        self.sigma[analyte.index()]
    }

    /// Parameters of the typical subject with these covariates.
    pub fn typical(&self, covariates: &Covariates) -> Vec<f64> {
        let factor = |e: &PowerEffect| (e.covariate.of(covariates) / e.centre).powf(e.exponent);
        self.parameters.iter().map(|p| p.effects.iter().map(factor).fold(p.typical, |a, f| a * f)).collect()
    }

    /// What a subject with these covariates starts from.
    pub fn start(&self, covariates: &Covariates) -> Start<f64> {
        match self.file.start {
            StartRule::Baseline => Start::Baseline { ige_ng_ml: covariates.ige_ng_ml().unwrap_or(f64::NAN) },
            StartRule::SteadyState => Start::SteadyState,
        }
    }

    /// Concentrations over a course, for a subject with these covariates and individual parameters.
    ///
    /// # Errors
    /// When the model cannot be solved over the course.
    pub fn predict(
        &self,
        parameters: &[f64],
        covariates: &Covariates,
        course: &Course,
        out: &mut Vec<Concentrations<f64>>,
    ) -> Result<Work, CourseError> {
        self.structure.predict(parameters, self.start(covariates), course, out)
    }
}
