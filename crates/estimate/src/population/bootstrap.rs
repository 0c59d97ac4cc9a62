//! The non-parametric bootstrap of a population model: estimation from subjects resampled with replacement, within
//! strata (Efron, Tibshirani 1993, An Introduction to the Bootstrap).

use super::method::{PopulationMethod, estimate_population};
use super::objective::{PopulationError, PopulationOptions};
use super::watch::{Observer, StopObserver};
use crate::simulate::SubjectStream;
use omafit_model::{PopulationModel, Subject};
use serde::{Deserialize, Serialize};

/// Result of an estimation from subjects resampled with replacement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootstrapReplicate {
    /// Index of the bootstrap replicate, from 0.
    pub replicate: u32,
    /// Population parameters in the order of [`population_estimates`](super::population_estimates), `None` for those
    /// that the resampled subjects do not determine; no list if the estimation failed.
    pub numbers: Option<Vec<Option<f64>>>,
    /// FOCE objective function value of the resampled subjects.
    pub ofv: Option<f64>,
    /// Whether the estimation converged with finite estimates.
    pub converged: bool,
    /// Description of why the estimation ended or failed.
    pub reason: String,
    /// Descriptions of boundary estimates.
    pub ends: Vec<String>,
}

/// Settings of a bootstrap.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap<'a> {
    /// The model at its estimates, from which each estimation starts.
    pub model: &'a PopulationModel,
    /// The subjects to resample from.
    pub subjects: &'a [Subject],
    /// Stratum of each subject; each stratum is resampled at its own size.
    pub strata: &'a [usize],
    /// Estimation method of each replicate.
    pub method: PopulationMethod,
    /// Options of each estimation; no covariance is computed.
    pub options: PopulationOptions,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Bootstrap<'_> {
    /// Positions of the subjects in a bootstrap sample.
    pub fn sample(&self, replicate: u32) -> Vec<usize> {
        let mut stream = SubjectStream::of_replicate(self.seed, u64::from(replicate));
        let members = |stratum: usize| -> Vec<usize> {
            (0..self.subjects.len())
                .filter(|&i| self.strata.get(i).copied().unwrap_or(0) == stratum)
                .collect()
        };
        let strata = self.strata.iter().copied().max().unwrap_or(0);
        let members: Vec<Vec<usize>> = (0..=strata).map(members).collect();
        let draw = |i: usize| {
            let of = &members[self.strata.get(i).copied().unwrap_or(0)];
            of[(stream.uniform() * of.len() as f64) as usize]
        };
        (0..self.subjects.len()).map(draw).collect()
    }

    /// Estimates one bootstrap replicate.
    ///
    /// # Errors
    /// [`PopulationError::Interrupted`] only: any other failure is reported in the result.
    pub fn replicate(
        &self,
        replicate: u32,
        watch: &dyn Observer,
    ) -> Result<BootstrapReplicate, PopulationError> {
        let drawn: Vec<Subject> =
            self.sample(replicate).into_iter().map(|i| self.subjects[i].clone()).collect();
        let options = PopulationOptions { covariance: false, ..self.options };
        let fit = estimate_population(self.model, &drawn, self.method, options, None, &StopObserver(watch));
        match fit {
            Err(PopulationError::Interrupted) => Err(PopulationError::Interrupted),
            Err(error) => Ok(BootstrapReplicate {
                replicate,
                numbers: None,
                ofv: None,
                converged: false,
                reason: error.to_string(),
                ends: Vec::new(),
            }),
            Ok(fit) => {
                let sound = fit.numbers(&fit.vector).iter().all(|v| v.is_finite());
                let determined = fit.numbers(&fit.determined());
                let numbers =
                    sound.then(|| determined.into_iter().map(|v| v.is_finite().then_some(v)).collect());
                Ok(BootstrapReplicate {
                    replicate,
                    ofv: Some(fit.ofv).filter(|ofv| ofv.is_finite()),
                    converged: fit.converged() && numbers.is_some(),
                    numbers,
                    reason: fit.reason,
                    ends: fit.ends.into_iter().map(|end| end.words).collect(),
                })
            }
        }
    }
}
