//! The population behind the subjects: first-order conditional estimation with exact gradients.

mod conditional;
mod delta;
mod fit;
mod gradient;
mod marginal;
mod observation;
mod proposal;
mod quasi_newton;
mod space;
mod uncertainty;

pub use conditional::{Conditional, ConditionalError};
pub use delta::propagated;
pub use fit::{PopulationError, PopulationFit, PopulationOptions, Progress, fit_population};
pub use marginal::{
    LikelihoodMethod, LikelihoodOptions, Marginal, MarginalError, MarginalPart, marginal_likelihood,
};
pub use quasi_newton::DescentStop;
pub(crate) use quasi_newton::{Iteration, Objective, QuasiNewton};
pub use space::{Coordinate, Space, SpaceError};
pub use uncertainty::{
    EstimateKind, PopulationEstimate, PopulationUncertainty, flattest_direction, population_estimates,
};
