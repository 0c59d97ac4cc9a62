//! Reading of data sets and writing of result tables for omafit. No other crate knows the names of columns.
//!
//! Input: [`read`] turns a NONMEM-style file into a [`Trial`] of subjects, or rejects it with a list of every
//! [`Problem`]. Output: a [`Table`] is written as CSV or Parquet, a [`ParquetSink`] streams a table of any length,
//! [`write_data_set`] writes subjects as a data set that [`read`] reads back, [`convert`] writes a data set in another
//! format, and a [`RunFolder`] or [`WholeFile`] makes the result appear complete or not at all.

mod convert;
mod definitions;
mod memory;
mod nonmem;
mod output;
mod present;
mod read;
mod results;
mod summary;
mod table;
mod trial;
mod whole;
mod xport;

pub use convert::{ConvertError, ConvertOptions, Converted, convert};
pub use definitions::{
    Definition, definition, definitions, definitions_markdown, is_record_key, record_markdown,
};
pub use memory::available_memory;
pub use nonmem::{NonmemForm, NonmemPopulation, NonmemRun, nonmem_files, nonmem_values};
pub use output::{OutputError, RunFolder, RunPlace, WholeFile, write_whole};
pub use present::{
    Listing, Presented, bytes_in_words, count, harmless, harmless_lines, present_individuals,
    present_outcome_arms, present_outcome_hysteresis, present_outcome_model_parameters,
    present_outcome_models, present_outcome_visits, present_parameters, present_what_if_outcomes,
};
pub use read::{
    DataSet, DateFormat, DecimalMark, IgeUnit, Mapping, OmalizumabUnit, OutcomeReadOptions, OutcomeSubject,
    OutcomeTable, Problem, ReadOptions, Rejection, Separator, Standard, TimeUnit, WeightUnit, WideColumns,
    hexadecimal, read, read_outcomes, sha256,
};
pub use results::{
    ComparedLikelihood, ComparedParameter, ComparedRun, ComparedShrinkage, ComparedTest, Draws, Estimated,
    IntervalMethod, MethodIntervals, bootstrap_replicates_table, comparison_table, convergence_table,
    correlations_table, criteria_table, diagnostics_table, draws_table, individuals_table, influence_table,
    likelihood_table, most_moved, not_determined_without, npc_table, npde_table, observations_table,
    outcome_exposure_table, outcome_tables, parameter_covariance_table, parameters_table,
    population_starts_table, profile_points_table, profile_table, read_compared_parameters, shrinkage_table,
    sigma_columns, sir_samples_table, suppression_table, trajectories_table, two_stage_omega_table,
    two_stage_table, typical_table, uncertainty_table, vpc_table,
};
pub use summary::{AnalyteSummary, CovariateSummary, DataSummary, DoseSummary, Span};
pub use table::{
    Column, GrowingTable, KeptTable, ParquetSink, Table, TableError, Values, data_set_table, read_parquet,
    workbook, write_data_set, write_data_set_chunks,
};
pub use trial::{Counts, Excluded, Ignored, Source, Spans, Trial, Warning};
pub use whole::{read_whole, read_whole_text};
pub use xport::XportVersion;
