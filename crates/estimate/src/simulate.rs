//! Simulation of subjects: parameters from the population, observations with residual error.

use crate::likelihood::StandardisedDensity as _;
use crate::problem::SubjectError;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{
    Censoring, Course, Covariates, OutputRows, PopulationModel, Residual, ResidualDistribution, Subject,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers for one subject, independent of the thread that uses it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SubjectStream(ChaCha12Rng);

impl SubjectStream {
    /// The stream of subject `subject` (from 0) under `seed`.
    pub fn new(seed: u64, subject: u64) -> Self {
        let mut generator = ChaCha12Rng::seed_from_u64(seed);
        generator.set_stream(subject);
        Self(generator)
    }

    /// A second stream of a subject, for draws that must not affect the first.
    pub fn aside(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 63)
    }

    /// The stream of a subject for the sampling of bands.
    pub fn of_bands(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 62)
    }

    /// The stream of a subject for the simulation of outcomes.
    pub fn of_outcomes(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 61)
    }

    /// The stream of a subject for the sampling of its marginal likelihood.
    pub fn of_likelihood(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 59)
    }

    /// The stream of a subject for population estimation.
    pub fn of_population(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 60)
    }

    /// The stream of a replicate of a trial, or of a proposed parameter vector, which belongs to no subject.
    pub fn of_replicate(seed: u64, replicate: u64) -> Self {
        Self::new(seed, replicate | 1 << 58)
    }

    /// Draws a uniform number in (0, 1), ends excluded.
    pub fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Draws a standard normal number, by inversion.
    pub fn normal(&mut self) -> f64 {
        self.standardised(ResidualDistribution::Normal)
    }

    /// Draws a standardised residual, by inversion.
    pub fn standardised(&mut self, distribution: ResidualDistribution) -> f64 {
        distribution.quantile(self.uniform())
    }
}

/// Random components of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// Whether parameters vary between subjects; otherwise every subject is typical.
    pub variability: bool,
    /// Whether observations have residual error.
    pub residual: bool,
}

impl Noise {
    /// Between-subject variability and residual error.
    pub const ALL: Self = Self { variability: true, residual: true };
}

/// Draws the individual parameters of a subject: typical values with η ~ N(0, Ω).
///
/// # Errors
/// If the model does not apply to the subject's covariates.
pub fn draw_parameters(
    model: &PopulationModel,
    covariates: &Covariates,
    noise: Noise,
    stream: &mut SubjectStream,
) -> Result<Vec<f64>, SubjectError> {
    let mut parameters = model.typical(covariates)?;
    let n = model.variable().len();
    let standard = DVector::from_iterator(n, (0..n).map(|_| stream.normal()));
    // The Ω of a validated model is positive definite.
    if let Some(cholesky) = Cholesky::new(DMatrix::from_row_slice(n, n, model.omega())) {
        let eta = cholesky.l() * standard * if noise.variability { 1.0 } else { 0.0 };
        for (&i, eta) in model.variable().iter().zip(eta.iter()) {
            parameters[i] = model.parameters()[i].individual(parameters[i], *eta).value;
        }
    }
    Ok(parameters)
}

/// Draws a subject's parameters and simulates its observations, by [`draw_parameters`] and [`measure`].
///
/// # Errors
/// The errors of [`draw_parameters`] and [`measure`].
pub fn simulate_subject(
    model: &PopulationModel,
    subject: &mut Subject,
    noise: Noise,
    stream: &mut SubjectStream,
) -> Result<Vec<f64>, SubjectError> {
    let parameters = draw_parameters(model, &subject.covariates, noise, stream)?;
    measure(model, subject, &parameters, noise, stream)?;
    Ok(parameters)
}

/// The value and censoring that an assay reports: a value beyond a limit of quantification is censored at that limit.
pub fn quantify(value: f64, residual: &Residual) -> (f64, Censoring) {
    match (residual.lloq, residual.uloq) {
        (Some(lloq), _) if value < lloq => (lloq, Censoring::Below),
        (_, Some(uloq)) if value > uloq => (uloq, Censoring::Above),
        _ => (value, Censoring::Quantified),
    }
}

/// Simulates the values of a subject's observations, with residual error and within the limits of the model's assays.
///
/// Under a log-normal or proportional error an analyte with a concentration of zero cannot be observed. An observation
/// of another data set is then below its own limit (the lower end of its interval) or that of the assay; an observation
/// without a limit, or one that is only planned, is dropped. Negative values under a normal error are kept.
///
/// # Errors
/// If the model does not apply to the subject, does not predict an analyte, or cannot be solved over the doses.
pub fn measure(
    model: &PopulationModel,
    subject: &mut Subject,
    parameters: &[f64],
    noise: Noise,
    stream: &mut SubjectStream,
) -> Result<(), SubjectError> {
    let (course, positions) = Course::of_observations(subject)?;
    let mut outputs = OutputRows::new();
    model.predict(parameters, &subject.covariates, &course, &mut outputs)?;
    let mut kept = Vec::with_capacity(subject.observations.len());
    for (mut observation, &at) in subject.observations.drain(..).zip(&positions) {
        let (analyte, time) = (observation.analyte, observation.time);
        let Some((output, residual)) = model.structure().output(analyte).zip(model.residual(analyte)) else {
            return Err(SubjectError::NotPredicted { analyte: analyte.name(), time });
        };
        let exact = outputs[at][output];
        let z = stream.standardised(residual.distribution);
        let end = observation.interval_end.take();
        if residual.error.allows(exact) {
            let value = if noise.residual { residual.error.observe(exact, z) } else { exact };
            (observation.value, observation.censoring) = quantify(value, residual);
            kept.push(observation);
        } else if exact <= 0.0 && !observation.value.is_nan() {
            let own = (observation.censoring == Censoring::Below).then_some(end.unwrap_or(observation.value));
            if let Some(limit) = own.or(residual.lloq) {
                (observation.value, observation.censoring) = (limit, Censoring::Below);
                kept.push(observation);
            }
        }
    }
    subject.observations = kept;
    Ok(())
}
