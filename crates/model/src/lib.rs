//! The body: structural models of omalizumab and IgE, dosing, the solver and exact sensitivities.
//!
//! Inside, amounts are in nmol, volumes in L, time in days; [`units`] has the way out.

mod binding;
mod course;
mod dual;
mod population;
mod scalar;
mod solver;
mod sparse;
mod structure;
mod subject;
pub mod units;

pub use binding::{Binding, EquilibriumComplex};
pub use course::{Course, CourseError, DEFAULT_RTOL, OutputTime};
pub use dual::Dual;
pub use population::{
    BlockEntry, CorrelationEntry, CovariateError, Effect, EffectEntry, EffectForm, ErrorModel,
    IndividualValue, LevelEntry, ModelError, ModelFile, OutputEntry, PUBLISHED, ParameterEntry,
    PopulationModel, PopulationParameter, PopulationValues, PredictionError, Residual, ResidualDistribution,
    ResidualEntry, SearchEntry, SearchForm, StartRule, Transform, VariabilityEntry, published,
};
pub use scalar::{Elementary, Pack, Real, is_wide};
pub use solver::{Output, SolverError, Work};
pub use structure::{
    Case, Concentrations, Errand, Errands, OutputWeights, ParameterInfo, Predicted, STRUCTURES, SecondOrder,
    Sensitivities, Start, StructuralModel, Take, structure, structure_with_dosing,
};
pub use subject::{Analyte, Before, Censoring, Covariates, Dose, Observation, Route, Subject};
