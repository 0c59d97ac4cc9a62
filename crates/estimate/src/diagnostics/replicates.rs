//! Repeated simulation of a subject's observations.

use crate::likelihood::ErrorDistribution;
use crate::problem::SubjectError;
use crate::simulate::{Noise, SubjectStream, draw_parameters};
use omafit_model::{Course, Output, OutputTime, PopulationModel, Subject};
use rayon::prelude::*;

/// Number of replicates and seed of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Replication {
    /// Number of replicates.
    pub replicates: u32,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// Relative tolerance of simulated time courses, far below any residual error.
const RTOL: f64 = 1e-6;
/// Number of replicates that are solved together.
const TOGETHER: usize = 64;

/// The simulated observations of one subject, in single precision: seven digits at half the memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replicates {
    observations: usize,
    /// Values in the order of the replicates, and within a replicate in the order of the observations.
    values: Vec<f32>,
}

impl Replicates {
    /// Number of replicates.
    pub fn count(&self) -> usize {
        self.values.len().checked_div(self.observations).unwrap_or(0)
    }

    /// The observations of a replicate (from 0), in the analytes' units. All are NaN if the model cannot be solved for
    /// the sampled parameters.
    pub fn replicate(&self, replicate: usize) -> &[f32] {
        &self.values[replicate * self.observations..][..self.observations]
    }

    /// The values of an observation (from 0) in all replicates.
    pub fn observation(&self, observation: usize) -> impl Iterator<Item = f32> {
        self.values.iter().skip(observation).step_by(self.observations.max(1)).copied()
    }
}

/// Simulates the observations of subject `index` (from 0) of a trial: parameters sampled from the population, residual
/// error, no limits of quantification. A pure function of seed, subject and replicate.
///
/// # Errors
/// If the subject's records form no time course, or the model does not apply to the subject.
pub fn replicate_subject(
    model: &PopulationModel,
    subject: &Subject,
    index: u64,
    replication: Replication,
) -> Result<Replicates, SubjectError> {
    let (landed, positions) = Course::of_observations(subject)?;
    let times: Vec<OutputTime> = landed.times().to_vec();
    let course =
        Course::new(subject.start, subject.doses.clone(), times, Output::Interpolated)?.with_rtol(RTOL);
    let error = |o: &omafit_model::Observation| {
        let found = model.structure().output(o.analyte).zip(model.residual(o.analyte));
        let (output, residual) =
            found.ok_or(SubjectError::NotPredicted { analyte: o.analyte.name(), time: o.time })?;
        Ok::<_, SubjectError>((output, ErrorDistribution::from(residual)))
    };
    let errors = subject.observations.iter().map(error).collect::<Result<Vec<_>, _>>()?;
    // The model must apply to the subject, whatever parameters are sampled.
    model.typical(&subject.covariates)?;
    let observations = subject.observations.len();
    let mut values = vec![f32::NAN; observations * replication.replicates as usize];
    for first in (0..replication.replicates).step_by(TOGETHER) {
        let together = first..replication.replicates.min(first + TOGETHER as u32);
        let (mut sets, mut drawn) = (Vec::with_capacity(TOGETHER), Vec::with_capacity(TOGETHER));
        for replicate in together {
            // Replicate 0 of the plain stream generates the data of a demo.
            let mut stream = SubjectStream::new(replication.seed, (u64::from(replicate) + 1) << 32 | index);
            if let Ok(set) = draw_parameters(model, &subject.covariates, Noise::ALL, &mut stream) {
                sets.push(set);
                drawn.push((replicate as usize, stream));
            }
        }
        let solved = model.predict_each(&sets, &subject.covariates, &course)?;
        for ((replicate, mut stream), solved) in drawn.into_iter().zip(solved) {
            let Ok(solved) = solved else { continue };
            let mine = &mut values[replicate * observations..][..observations];
            let observed = positions.iter().zip(&errors);
            for (value, (&at, &(output, error))) in mine.iter_mut().zip(observed) {
                let exact = solved[at][output];
                let ErrorDistribution { error, shape } = error;
                let z = stream.standardised(shape);
                if error.allows(exact) {
                    *value = error.observe(exact, z) as f32;
                } else if exact <= 0.0 {
                    // A prediction of zero is observed as zero.
                    *value = 0.0;
                }
            }
        }
    }
    Ok(Replicates { observations, values })
}

/// Simulates every subject, in parallel; results are in the order of the subjects and independent of the number of
/// threads. A subject to whom the model does not apply has no replicates. `done` is called once per subject, from any
/// thread.
pub fn replicate_trial(
    model: &PopulationModel,
    subjects: &[Subject],
    replication: Replication,
    done: &(dyn Fn() + Sync),
) -> Vec<Replicates> {
    let one = |(index, subject): (usize, &Subject)| {
        let replicates = replicate_subject(model, subject, index as u64, replication).unwrap_or_default();
        done();
        replicates
    };
    subjects.par_iter().enumerate().with_max_len(1).map(one).collect()
}
