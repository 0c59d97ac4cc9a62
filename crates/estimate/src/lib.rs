//! Statistical estimation: likelihood, individual least squares, population methods, uncertainty and numerical
//! diagnostics.

mod best;
mod comparison;
mod curve;
mod decompose;
mod descent;
mod diagnostics;
mod goodness;
mod individual;
mod individual_fit;
mod least_squares;
mod likelihood;
mod minimise;
mod normal;
mod options;
mod overview;
mod pareto;
mod pooled_sigma;
mod population;
mod prior;
mod problem;
mod profile;
mod quantile;
mod reconstruction;
mod sampling;
mod sigma;
mod simulate;
mod spread;
mod starts;
mod suppression;
mod trial_fit;
mod two_stage;
mod typical_ratio;
mod uncertainty;
mod weighted;

pub use comparison::{
    Evidence, LikelihoodRatio, ModelChange, ModelPart, Nesting, NoTest, RatioReference, Restrictions,
    RunCriteria, RunStanding, akaike_weights, leave_out_the_same, likelihood_ratio, model_changes, nesting,
    standings,
};
pub use curve::treated_until;
pub use diagnostics::{
    AndersonDarling, Binning, Limits, NpcRow, Replicates, Replication, ResidualKind, ResidualTest, Shrinkage,
    Strata, SubjectDiagnostics, TrialReplicates, VpcRow, VpcSettings, VpcStatistic, anderson_darling,
    assay_limits, bins, cwres, diagnose, mean_p_value, moments, npc, npde, prediction_errors,
    replicate_subject, replicate_trial, residual_tests, shrinkage, time_after_first_dose, trend,
    variance_p_value, vpc, whiten, wres,
};
pub use goodness::{Goodness, goodness, runs_test};
pub use individual::{farthest, fit_at, fit_subject, fit_subjects};
pub use individual_fit::{IndividualFit, Limit, Status};
pub use least_squares::StopReason;
pub use likelihood::{
    ErrorDistribution, LikelihoodTerm, ResidualErrors, likelihood_term, residual_errors, weighted_residual,
};
pub use minimise::{Evaluated, LeastSquares, Rows, Scored, least_squares, score};
pub use normal::{NORMAL_975, log_cdf, mills};
pub use options::{Covariance, FitOptions, Method, SigmaRule, free_names};
pub use overview::{FreeIgeCourse, Overview, Tally, free_ige_course};
pub use pareto::pareto_shape;
pub use pooled_sigma::{PooledSigma, pool_sigma};
pub use population::covariance_by_factor;
pub use population::{
    Bootstrap, BootstrapReplicate, BoundaryEstimate, Candidate, CandidateError, Checkpoint, ConditionalError,
    Deletion, DescentStop, EstimateKind, EstimatedParameter, EstimationState, EtaMode, Fits, Levels,
    LikelihoodMethod, LikelihoodOptions, Marginal, MarginalError, MarginalPart, Observer, ParameterVector,
    PopulationError, PopulationEstimate, PopulationFit, PopulationMethod, PopulationOptions,
    PopulationProfile, PopulationProfilePoint, PopulationStart, PopulationUncertainty, ProfileError,
    Progress, SIR_ROUNDS, Search, SearchFit, SirError, SirFound, SirQuality, SirRound, SirSample, SpaceError,
    Stepwise, Verdict, candidates, enough, estimate_population, evaluate_population, exact_influence,
    fit_population, from_several_starts, influence, least_determined_direction, marginal_likelihood,
    population_covariance, population_estimates, population_numbers, population_profile, propagated,
    sampling_importance_resampling, screened,
};
pub use population::{
    EstimatedNumbers, InformationCriteria, LikelihoodData, PopulationLikelihood, Variation,
};
pub use prior::Prior;
pub use problem::SubjectError;
pub use profile::ProfileInterval;
pub use quantile::quantile;
pub use reconstruction::{
    Bands, OutputCourse, Reconstruction, ReconstructionOptions, Trajectory, reconstruct, typical_course,
};

pub use sigma::{sigmas, with_sigmas};
pub use simulate::{Noise, SubjectStream, draw_parameters, measure, quantify, simulate_subject};
pub use suppression::{FreeIgeFact, Suppression, Uncertain};
pub use trial_fit::{SubjectResult, complete, process_subjects, process_trial, typical_predictions};
pub use two_stage::{TwoStage, TwoStageEstimates, two_stage};
pub use typical_ratio::typical_ratio;
pub use uncertainty::{Direction, Uncertainty};
pub use weighted::{DrawSummary, effective_draws, summarise_draws};
