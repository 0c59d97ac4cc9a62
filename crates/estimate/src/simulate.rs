//! Simulated subjects: parameters from the population, observations from the residual error.

use crate::likelihood::StandardisedDensity as _;
use crate::problem::SubjectError;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{Censoring, Course, Covariates, PopulationModel, Residual, ResidualDistribution, Subject};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers that belongs to one subject, whatever thread draws from it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SubjectStream(ChaCha12Rng);

impl SubjectStream {
    /// The stream of subject `subject` (from 0) under `seed`.
    pub fn new(seed: u64, subject: u64) -> Self {
        let mut generator = ChaCha12Rng::seed_from_u64(seed);
        generator.set_stream(subject);
        Self(generator)
    }

    /// Another stream of the same subject, for what shall not disturb the first.
    pub fn aside(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 63)
    }

    /// The stream of the same subject from which bands are sampled.
    pub fn of_bands(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 62)
    }

    /// The stream of the same subject from which outcomes are made up.
    pub fn of_outcomes(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 61)
    }

    /// The stream of the same subject from which its marginal likelihood is sampled.
    pub fn of_likelihood(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 59)
    }

    /// The stream of the same subject from which a population is estimated.
    pub fn of_population(seed: u64, subject: u64) -> Self {
        Self::new(seed, subject | 1 << 60)
    }

    /// The stream of a replicate of a trial, or of a vector that is proposed, which belongs to no subject.
    pub fn of_replicate(seed: u64, replicate: u64) -> Self {
        Self::new(seed, replicate | 1 << 58)
    }

    /// Uniform in (0, 1), the ends excluded.
    pub fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Standard normal, by inversion.
    pub fn normal(&mut self) -> f64 {
        self.standardised(ResidualDistribution::Normal)
    }

    /// A standardised residual, by inversion.
    pub fn standardised(&mut self, distribution: ResidualDistribution) -> f64 {
        distribution.quantile(self.uniform())
    }
}

/// What is random in a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noise {
    /// Whether parameters vary between subjects; else every subject is the typical one.
    pub variability: bool,
    /// Whether observations have residual error.
    pub residual: bool,
}

impl Noise {
    /// Everything.
    pub const ALL: Self = Self { variability: true, residual: true };
}

/// Draws the individual parameters of a subject: the typical ones departed from by η ~ N(0, Ω).
///
/// # Errors
/// When the model does not apply to the subject's covariates.
pub fn draw_parameters(
    model: &PopulationModel,
    covariates: &Covariates,
    noise: Noise,
    stream: &mut SubjectStream,
) -> Result<Vec<f64>, SubjectError> {
    let mut parameters = model.typical(covariates)?;
    let n = model.variable().len();
    let standard = DVector::from_iterator(n, (0..n).map(|_| stream.normal()));
    // A checked model's Ω is positive definite.
    if let Some(cholesky) = Cholesky::new(DMatrix::from_row_slice(n, n, model.omega())) {
        let eta = cholesky.l() * standard * if noise.variability { 1.0 } else { 0.0 };
        for (&i, eta) in model.variable().iter().zip(eta.iter()) {
            parameters[i] = model.parameters()[i].individual(parameters[i], *eta).value;
        }
    }
    Ok(parameters)
}

/// Draws a subject's parameters and measures what is to be measured of it, as [`draw_parameters`] and [`measure`] do.
///
/// # Errors
/// Theirs.
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

/// A value as an assay reports it: beyond a limit of quantification it is that limit, and censored.
pub fn quantify(value: f64, residual: &Residual) -> (f64, Censoring) {
    match (residual.lloq, residual.uloq) {
        (Some(lloq), _) if value < lloq => (lloq, Censoring::Below),
        (_, Some(uloq)) if value > uloq => (uloq, Censoring::Above),
        _ => (value, Censoring::Quantified),
    }
}

/// Measures what is to be measured: gives each of the subject's observations its value, with residual error and within
/// the limits of the model's assays.
///
/// With a log-normal or proportional error an analyte of which there is nothing yet cannot be observed. An observation of
/// another data set is then below its own limit, the lower end of its interval, or that of the assay; one without a limit, or that is only planned, is
/// dropped. A value of a normal error that falls below zero is one.
///
/// # Errors
/// When the model does not apply to the subject or cannot be solved over its doses.
pub fn measure(
    model: &PopulationModel,
    subject: &mut Subject,
    parameters: &[f64],
    noise: Noise,
    stream: &mut SubjectStream,
) -> Result<(), SubjectError> {
    let (course, positions) = Course::of_observations(subject)?;
    let mut concentrations = Vec::new();
    model.predict(parameters, &subject.covariates, &course, &mut concentrations)?;
    let mut kept = Vec::with_capacity(subject.observations.len());
    for (mut observation, &at) in subject.observations.drain(..).zip(&positions) {
        let (analyte, time) = (observation.analyte, observation.time);
        let Some(residual) = model.residual(analyte) else {
            return Err(SubjectError::NotPredicted { analyte: analyte.name(), time });
        };
        let exact = concentrations[at].to_array()[analyte.index()];
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
