//! The tables of a run, from subjects and their results.

mod correlations;
mod individuals;
mod observations;
mod suppression;
mod trajectories;

pub use correlations::correlations_table;
pub use individuals::individuals_table;
pub use observations::observations_table;
pub use suppression::suppression_table;
pub use trajectories::trajectories_table;
