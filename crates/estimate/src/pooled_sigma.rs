//! Residual standard deviations estimated from all subjects' fits together.

use crate::individual::fit_from;
use crate::individual_fit::{IndividualFit, Status};
use crate::options::FitOptions;
use crate::prior::Prior;
use crate::sigma::{Fitted, change, estimate, fitted};
use omafit_model::{Analyte, ErrorModel, ModelError, PopulationModel, Subject};
use rayon::prelude::*;

/// Residual errors estimated from all subjects' fits together.
#[derive(Clone, Debug)]
pub struct PooledSigma {
    /// The model with the pooled residual errors.
    pub model: PopulationModel,
    /// Number of rounds, each of which fits the subjects and then the residual errors.
    pub rounds: usize,
    /// Whether the rounds converged.
    pub settled: bool,
    /// How many subjects contribute residuals; the others could not be fitted.
    pub subjects: usize,
    /// Descriptions of anything unusual.
    pub notes: Vec<String>,
}

/// Largest number of rounds, each of which fits all subjects and then the residual errors, and the largest change of ln
/// g in a round at which the rounds end.
const POOL_ROUNDS: usize = 100;
const POOL_SETTLED: f64 = 1e-6;

/// Alternately fits the subjects and estimates the residual errors from all subjects' residuals and leverages, until
/// neither changes. A residual error is kept if the model fixes it or if it cannot be estimated, as for an analyte
/// without quantified values.
///
/// `done` is called once per subject and round, from any thread.
///
/// # Errors
/// If the model does not accept the estimated errors.
pub fn pool_sigma(
    model: &PopulationModel,
    subjects: &[Subject],
    prior: Option<&Prior>,
    options: &FitOptions,
    done: &(dyn Fn() + Sync),
) -> Result<PooledSigma, ModelError> {
    let mut pooled =
        PooledSigma { model: model.clone(), rounds: 0, settled: false, subjects: 0, notes: Vec::new() };
    let estimated = model.residuals().iter().filter(|(_, residual)| !residual.fixed);
    let free: Vec<Analyte> = estimated.map(|(analyte, _)| analyte).collect();
    let mut fits: Vec<IndividualFit> = Vec::new();
    while pooled.rounds < POOL_ROUNDS && !pooled.settled {
        pooled.rounds += 1;
        let one = |(i, subject): (usize, &Subject)| {
            let from: Option<&IndividualFit> = fits.get(i).filter(|fit| fit.status != Status::Failed);
            let start = from.map(|fit| &fit.eta[..]);
            let fit = fit_from(&pooled.model, subject, prior, options, start);
            done();
            fit
        };
        fits = subjects.par_iter().enumerate().with_max_len(1).map(one).collect();
        let known = || subjects.iter().zip(&fits).filter(|(_, fit)| fit.status != Status::Failed);
        pooled.subjects = known().count();
        let (mut file, mut largest) = (pooled.model.file().clone(), 0.0_f64);
        pooled.notes.clear();
        for &analyte in &free {
            let Some(residual) = pooled.model.residual(analyte) else { continue };
            let observations: Vec<Fitted<'_>> =
                known().flat_map(|(subject, fit)| fitted(subject, fit, analyte, true)).collect();
            match (estimate(residual.into(), &observations), file.residual.get_mut(&analyte)) {
                (Some(error), Some(entry)) => {
                    largest = largest.max(change(residual.error, error, &observations));
                    match error {
                        ErrorModel::LogNormal { sd } => entry.log_sd = Some(sd),
                        ErrorModel::Normal { additive, proportional } => {
                            entry.additive_sd = Some(additive).filter(|sd| *sd > 0.0);
                            entry.proportional_sd = Some(proportional).filter(|sd| *sd > 0.0);
                        }
                    }
                }
                _ => pooled.notes.push(format!(
                    "σ of {} as given: nothing to estimate it from, or residuals that vanish",
                    analyte.name()
                )),
            }
        }
        pooled.model = PopulationModel::new(file)?;
        pooled.settled = largest < POOL_SETTLED;
    }
    if !pooled.settled {
        pooled.notes.push(format!("the pooled σ do not settle in {POOL_ROUNDS} rounds"));
    }
    Ok(pooled)
}
