//! Numerical diagnostics of a fit: residuals that are standard normal if the model is correct, tests of these
//! residuals, and predictive checks.

mod bins;
mod distribution;
mod limits;
mod linearised;
mod npc;
mod npde;
mod replicates;
mod residual_tests;
mod shrinkage;
mod vpc;

pub use bins::{Binning, bins};
pub use distribution::{AndersonDarling, anderson_darling, mean_p_value, moments, trend, variance_p_value};
pub use limits::{Limits, assay_limits};
pub use linearised::{cwres, whiten, wres};
pub use npc::{NpcRow, npc};
pub use npde::{npde, prediction_errors};
pub use replicates::{Replicates, Replication, replicate_subject, replicate_trial};
pub use residual_tests::{ResidualKind, ResidualTest, residual_tests};
pub use shrinkage::{Shrinkage, shrinkage};
pub use vpc::{Strata, VpcRow, VpcSettings, VpcStatistic, time_after_first_dose, vpc};

use crate::individual_fit::{IndividualFit, Status};
use crate::options::{FitOptions, Method};
use omafit_model::{PerAnalyte, PopulationModel, Subject};
use rayon::prelude::*;

/// Residuals of a subject with respect to the population, one value per observation; NaN where undefined.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectDiagnostics {
    /// Residual from the population prediction, weighted by the covariance of the model linearised at η = 0 (FO).
    pub wres: Vec<f64>,
    /// Conditional weighted residual, linearised at the empirical Bayes estimate; NaN if there is no such estimate.
    pub cwres: Vec<f64>,
    /// Normalised prediction distribution error; NaN if it was not requested.
    pub npde: Vec<f64>,
}

/// Simulated replicates of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialReplicates {
    /// Replicates of each subject.
    pub of: Vec<Replicates>,
    /// Seed of the simulations.
    pub seed: u64,
    /// Limits of quantification of each analyte.
    pub limits: PerAnalyte<Limits>,
}

/// Diagnoses every subject, in parallel; results are in the order of the subjects and independent of the number of
/// threads.
///
/// NPDE requires the trial's replicates.
pub fn diagnose<'a>(
    model: &PopulationModel,
    subjects: &[Subject],
    fits: &(dyn Fn(usize) -> &'a IndividualFit + Sync),
    options: &FitOptions,
    replicates: Option<&TrialReplicates>,
) -> Vec<SubjectDiagnostics> {
    let one = |(index, subject): (usize, &Subject)| {
        let unknown = || vec![f64::NAN; subject.observations.len()];
        let fit = fits(index);
        let has_ebe = options.method == Method::Map && fit.status != Status::Failed;
        SubjectDiagnostics {
            wres: wres(model, subject).unwrap_or_else(|_| unknown()),
            cwres: if has_ebe {
                cwres(model, subject, options, fit).unwrap_or_else(|_| unknown())
            } else {
                unknown()
            },
            npde: replicates
                .and_then(|all| {
                    let own = all.of.get(index)?;
                    Some(npde(model, subject, index as u64, own, &all.limits, all.seed))
                })
                .unwrap_or_else(unknown),
        }
    };
    subjects.par_iter().enumerate().with_max_len(1).map(one).collect()
}
