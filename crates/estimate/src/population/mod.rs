//! Population estimation: FOCE with exact gradients, iterative two-stage, SAEM, and the likelihood and uncertainty of
//! the estimates.

mod accelerate;
mod bootstrap;
mod boundary;
mod candidates;
mod change;
mod checked;
mod complete;
mod conditional;
mod delta;
mod determined;
mod expectation;
mod fit;
mod gradient;
mod importance;
mod influence;
mod information;
mod its;
mod likelihood_profile;
mod marginal;
mod method;
mod modes;
mod objective;
mod proposal;
mod quasi_newton;
mod saem;
mod search;
mod sir;
mod space;
mod starts;
mod uncertainty;
mod variation;
mod walkers;
mod watch;

pub use bootstrap::{Bootstrap, BootstrapReplicate};
pub use boundary::BoundaryEstimate;
pub use candidates::{Candidate, CandidateError, candidates, screened};
pub use conditional::{ConditionalError, EtaMode};
pub use delta::propagated;
pub use fit::{evaluate_population, fit_population};
pub use influence::{Deletion, exact_influence, influence};
pub use information::{EstimatedNumbers, InformationCriteria, LikelihoodData, PopulationLikelihood};
pub use likelihood_profile::{PopulationProfile, PopulationProfilePoint, ProfileError, population_profile};
pub use marginal::{
    LikelihoodMethod, LikelihoodOptions, Marginal, MarginalError, MarginalPart, marginal_likelihood,
};
pub use method::{Checkpoint, PopulationMethod, enough, estimate_population};
pub use objective::{PopulationError, PopulationFit, PopulationOptions};
pub use quasi_newton::DescentStop;
pub(crate) use quasi_newton::{Objective, QuasiNewton};
pub use search::{Fits, Levels, Search, SearchFit, Stepwise, Verdict};
pub use sir::{
    SIR_ROUNDS, SirError, SirFound, SirQuality, SirRound, SirSample, sampling_importance_resampling,
};
pub use space::{EstimatedParameter, ParameterVector, SpaceError, covariance_by_factor};
pub use starts::{PopulationStart, from_several_starts};
pub use uncertainty::{
    EstimateKind, PopulationEstimate, PopulationUncertainty, least_determined_direction,
    population_covariance, population_estimates, population_numbers,
};
pub use variation::Variation;
pub use watch::{EstimationState, Observer, Progress};
