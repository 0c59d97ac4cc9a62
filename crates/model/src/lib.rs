//! The body: structural models of omalizumab and IgE, dosing, the solver and exact sensitivities.
//!
//! Inside, amounts are in nmol, volumes in L, time in days; [`units`] has the way out.

mod analyte;
mod autodiff;
mod binding;
mod course;
mod dosing;
mod equations;
mod ode;
mod population;
mod subject;
pub mod units;

pub use analyte::{Analyte, AnalyteInfo, PerAnalyte, Substance};
pub use autodiff::{AnalyticFunction, Dual, Real, Simd, is_wide};
pub use binding::{Binding, EquilibriumComplex};
pub use course::{Course, CourseError, DEFAULT_RTOL, OutputTime};
pub use equations::{
    Case, InitialTarget, OutputRows, OutputWeights, ParameterInfo, Predicted, RequestQueue, STRUCTURES,
    SecondOrder, Sensitivities, SolveRequest, StructuralModel, Take, analytes, structure,
    structure_with_dosing,
};
pub use ode::{Output, SolverError, Work};
pub use population::{
    BlockEntry, CorrelationEntry, CovariateError, Effect, EffectEntry, EffectForm, ErrorModel,
    IndividualValue, LevelEntry, ModelError, ModelFile, OutputEntry, PUBLISHED, ParameterEntry,
    PopulationModel, PopulationParameter, PopulationValues, PredictionError, Residual, ResidualDistribution,
    ResidualEntry, SearchEntry, SearchForm, StartRule, Transform, VariabilityEntry, published,
};
pub use subject::{Censoring, Covariates, Dose, Observation, Route, StateRule, Subject};
