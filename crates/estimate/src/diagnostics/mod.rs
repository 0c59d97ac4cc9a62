//! Diagnostics of a fit as numbers: residuals that are standard normal when the model is right, tests of them, and
//! predictive checks.

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
use omafit_model::{PopulationModel, Subject};
use rayon::prelude::*;

/// A subject's residuals against the population, one value an observation; NaN where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectDiagnostics {
    /// Residual from the population prediction, weighted by the covariance linearised at η = 0 (FO).
    pub wres: Vec<f64>,
    /// Conditional weighted residual, linearised at the empirical Bayes estimate; NaN without one.
    pub cwres: Vec<f64>,
    /// Normalised prediction distribution error; NaN if it was not asked for.
    pub npde: Vec<f64>,
}

/// A trial's simulations.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialReplicates {
    /// Of each subject.
    pub of: Vec<Replicates>,
    /// Their seed.
    pub seed: u64,
    /// What the assays could measure.
    pub limits: [Limits; 3],
}

/// Diagnoses every subject, in parallel; results are in the subjects' order and do not depend on the threads.
///
/// NPDE needs the trial's replicates.
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
                    Some(npde(model, subject, index as u64, own, all.limits, all.seed))
                })
                .unwrap_or_else(unknown),
        }
    };
    subjects.par_iter().enumerate().with_max_len(1).map(one).collect()
}
