//! Result tables of a run, made from subjects and their results.

mod comparison;
mod correlations;
mod diagnostics;
mod individuals;
mod influence;
mod likelihood;
mod observations;
mod outcomes;
mod parameters;
mod predictive;
mod profile;
mod resampling;
mod starts;
mod suppression;
mod trajectories;
mod two_stage;
mod typical;
mod uncertainty;

pub use comparison::{
    ComparedLikelihood, ComparedParameter, ComparedRun, ComparedShrinkage, ComparedTest, comparison_table,
    read_compared_parameters,
};
pub use correlations::correlations_table;
pub use diagnostics::{diagnostics_table, shrinkage_table};
pub use individuals::{individuals_table, sigma_columns};
pub use influence::{influence_table, most_moved, not_determined_without};
pub use likelihood::{criteria_table, likelihood_table};
pub use observations::observations_table;
pub use outcomes::{outcome_exposure_table, outcome_tables};
pub use parameters::{convergence_table, parameter_covariance_table, parameters_table};
pub use predictive::{npc_table, npde_table, vpc_table};
pub use profile::{profile_points_table, profile_table};
pub use resampling::{Draws, bootstrap_replicates_table, draws_table, sir_samples_table};
pub use starts::population_starts_table;
pub use suppression::suppression_table;
pub use trajectories::trajectories_table;
pub use two_stage::{two_stage_omega_table, two_stage_table};
pub use typical::typical_table;
pub use uncertainty::{Estimated, IntervalMethod, MethodIntervals, uncertainty_table};
