//! Simulated subjects: parameters from the population, observations from the residual error.

use crate::problem::SubjectError;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{
    Analyte, Censoring, Course, Covariates, Observation, Output, OutputTime, PopulationModel, Residual,
    Subject,
};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

/// A stream of random numbers that belongs to one subject, whatever thread draws from it.
#[derive(Debug)]
pub struct SubjectStream(ChaCha12Rng);

impl SubjectStream {
    /// The stream of subject `subject` (from 0) under `seed`.
    pub fn new(seed: u64, subject: u64) -> Self {
        let mut generator = ChaCha12Rng::seed_from_u64(seed);
        generator.set_stream(subject);
        Self(generator)
    }

    /// Uniform in (0, 1), the ends excluded.
    pub fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Standard normal, by inversion.
    pub fn normal(&mut self) -> f64 {
        Normal::standard().inverse_cdf(self.uniform())
    }
}

/// Draws the individual parameters of a subject: the typical ones departed from by η ~ N(0, Ω).
///
/// # Errors
/// When the model does not apply to the subject's covariates.
pub fn draw_parameters(
    model: &PopulationModel,
    covariates: &Covariates,
    stream: &mut SubjectStream,
) -> Result<Vec<f64>, SubjectError> {
    let mut parameters = model.typical(covariates)?;
    let n = model.variable().len();
    let standard = DVector::from_iterator(n, (0..n).map(|_| stream.normal()));
    // A checked model's Ω is positive definite.
    if let Some(cholesky) = Cholesky::new(DMatrix::from_row_slice(n, n, model.omega())) {
        let eta = cholesky.l() * standard;
        for (&i, eta) in model.variable().iter().zip(eta.iter()) {
            parameters[i] = model.parameters()[i].individual(parameters[i], *eta).value;
        }
    }
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

/// Gives a subject one observation of every analyte of the model at each of `visits` (ascending, days), with residual
/// error and within the limits of the model's assays.
///
/// A visit at the time of a dose is before it. With a log-normal error an analyte of which there is nothing yet is not
/// observed.
///
/// # Errors
/// When the model does not apply to the subject or cannot be solved over its doses.
pub fn observe(
    model: &PopulationModel,
    subject: &mut Subject,
    parameters: &[f64],
    visits: &[f64],
    stream: &mut SubjectStream,
) -> Result<(), SubjectError> {
    let before = |time: f64| subject.doses.partition_point(|d| d.time < time);
    let times: Vec<OutputTime> =
        visits.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
    let course = Course::new(subject.start, subject.doses.clone(), times, Output::Landed)?;
    let mut concentrations = Vec::new();
    model.predict(parameters, &subject.covariates, &course, &mut concentrations)?;
    for (at, read) in course.times().iter().zip(&concentrations) {
        for analyte in Analyte::ALL {
            let Some(residual) = model.residual(analyte) else { continue };
            let exact = read.to_array()[analyte.index()];
            let error = stream.normal();
            if exact > 0.0 || !residual.error.is_log() {
                let (value, censoring) = quantify(residual.error.observe(exact, error), residual);
                let (time, doses_before) = (at.time, at.doses_before);
                let observation = Observation { time, analyte, value, censoring, doses_before, row: 0 };
                subject.observations.push(observation);
            }
        }
    }
    Ok(())
}
