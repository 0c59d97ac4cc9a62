//! The population model as data: typical values, covariate effects, variability, residual error.
//!
//! A model file names a structural model and gives the rest in TOML; the published models are shipped as model files.

mod check;
mod effect;
mod error;
mod file;
mod output;
mod parameter;
mod published;
mod residual;
mod unit;
mod values;

use crate::analyte::{Analyte, PerAnalyte};
use crate::course::{Course, CourseError};
use crate::equations::{Case, InitialTarget, OutputRows, Predicted, StructuralModel};
use crate::ode::Work;
use crate::subject::Covariates;
pub use effect::{CovariateError, Effect, EffectForm};
pub use error::ModelError;
pub use file::{
    BlockEntry, CorrelationEntry, EffectEntry, LevelEntry, ModelFile, OutputEntry, ParameterEntry,
    ResidualEntry, SearchEntry, SearchForm, StartRule, VariabilityEntry,
};
pub use parameter::{IndividualValue, PopulationParameter, Transform};
pub use published::{PUBLISHED, published};
pub use residual::{ErrorModel, Residual, ResidualDistribution};
use std::collections::BTreeSet;
pub use values::PopulationValues;

/// A checked population model, ready for prediction.
#[derive(Clone, Debug)]
pub struct PopulationModel {
    file: ModelFile,
    structure: &'static dyn StructuralModel,
    parameters: Vec<PopulationParameter>,
    variable: Vec<usize>,
    omega: Vec<f64>,
    omega_fixed: Vec<bool>,
    residual: PerAnalyte<Residual>,
}

impl PopulationModel {
    /// The model's name.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The file from which the model was read.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// The structural model.
    pub fn structure(&self) -> &'static dyn StructuralModel {
        self.structure
    }

    /// The parameters, in the structure's order.
    pub fn parameters(&self) -> &[PopulationParameter] {
        &self.parameters
    }

    /// Names of the parameters, in the structure's order.
    pub fn parameter_names(&self) -> impl Iterator<Item = &'static str> {
        self.structure.parameters().iter().map(|p| p.name)
    }

    /// Position of the parameter with a given name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameter_names().position(|n| n == name)
    }

    /// Positions of the parameters that vary between subjects, ascending.
    pub fn variable(&self) -> &[usize] {
        &self.variable
    }

    /// Ω, the covariance of the η of the variable parameters: row-major, `variable().len()` squared.
    pub fn omega(&self) -> &[f64] {
        &self.omega
    }

    /// Whether each element of Ω is fixed rather than estimated, with the layout of [`PopulationModel::omega`]: zero
    /// covariances and elements fixed in the file.
    pub fn omega_fixed(&self) -> &[bool] {
        &self.omega_fixed
    }

    /// The residual error of an analyte; `None` if the structure does not predict it.
    pub fn residual(&self, analyte: Analyte) -> Option<&Residual> {
        self.residual.get(analyte)
    }

    /// The residual error of each analyte that the model predicts.
    pub fn residuals(&self) -> &PerAnalyte<Residual> {
        &self.residual
    }

    /// The analytes that the model predicts and an assay measures, in order.
    pub fn analytes(&self) -> impl Iterator<Item = Analyte> {
        self.residual.analytes()
    }

    /// Names of the covariates that the model needs: those of the effects, and `IGE` if the model starts from the
    /// baseline.
    pub fn covariates(&self) -> Vec<&str> {
        let effects = self.parameters.iter().flat_map(|p| &p.effects).map(|e| e.covariate.as_str());
        let baseline = (self.file.start == StartRule::Baseline).then_some(Covariates::IGE);
        effects.chain(baseline).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Parameters of the typical subject with these covariates.
    ///
    /// # Errors
    /// When a covariate is missing, an effect is not defined for its value, or a value is not finite or outside the
    /// bounds of a logit.
    pub fn typical(&self, covariates: &Covariates) -> Result<Vec<f64>, CovariateError> {
        let of = |(parameter, info): (&PopulationParameter, &crate::equations::ParameterInfo)| {
            let mut value = parameter.typical;
            for effect in &parameter.effects {
                value *= effect.factor(covariates, info.name)?;
            }
            let (low, high) = parameter.bounds;
            // A fixed typical value needs no bounds other than a logit's.
            let bounded = parameter.transform == Transform::Logit;
            if !value.is_finite() || (bounded && !(value > low && value < high)) {
                return Err(CovariateError::OutOfBounds { parameter: info.name, value, low, high });
            }
            Ok(value)
        };
        self.parameters.iter().zip(self.structure.parameters()).map(of).collect()
    }

    /// The initial target of a subject with these covariates.
    ///
    /// # Errors
    /// When the model starts from baseline IgE and the subject has none.
    pub fn start(&self, covariates: &Covariates) -> Result<InitialTarget<f64>, CovariateError> {
        match self.file.start {
            StartRule::Baseline => match covariates.ige_ng_ml() {
                Some(ige_ng_ml) => Ok(InitialTarget::Baseline { ige_ng_ml }),
                None => Err(CovariateError::Missing { covariate: Covariates::IGE.into() }),
            },
            StartRule::SteadyState => Ok(InitialTarget::SteadyState),
        }
    }

    /// Outputs over a course, for a subject with these covariates and individual parameters.
    ///
    /// # Errors
    /// When the model does not apply to the subject or cannot be solved over the course.
    pub fn predict(
        &self,
        parameters: &[f64],
        covariates: &Covariates,
        course: &Course,
        out: &mut OutputRows,
    ) -> Result<Work, PredictionError> {
        Ok(self.structure.predict(parameters, self.start(covariates)?, course, out)?)
    }

    /// Outputs over a course for many sets of individual parameters, several at a time, bit for bit equal to
    /// [`PopulationModel::predict`].
    ///
    /// # Errors
    /// When the model does not apply to the subject. The element of a set that cannot be solved holds its error.
    pub fn predict_each(
        &self,
        sets: &[Vec<f64>],
        covariates: &Covariates,
        course: &Course,
    ) -> Result<Vec<Predicted>, CovariateError> {
        let start = self.start(covariates)?;
        let cases: Vec<Case<'_>> = sets.iter().map(|parameters| Case { parameters, start, course }).collect();
        let mut all: Vec<Predicted> = sets.iter().map(|_| Ok(OutputRows::default())).collect();
        self.structure.predict_each(&cases, &mut |k, found| all[k] = found.cloned());
        Ok(all)
    }
}

/// The reason a subject cannot be predicted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PredictionError {
    /// A model that does not apply to the subject.
    #[error(transparent)]
    Covariate(#[from] CovariateError),
    /// A course that cannot be solved.
    #[error(transparent)]
    Course(#[from] CourseError),
}
