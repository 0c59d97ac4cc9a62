//! Virtual trials: simulated patients, dosed by a table or a fixed regimen, with missed doses and dropout.
//!
//! A patient is a deterministic function of the design, the model, the seed and the patient's number.

use crate::dosing_table::{DosingTable, NotInTable};
use crate::exposure_solution::NoExposure;
use omafit_estimate::{Noise, SubjectError, SubjectStream, simulate_subject};
use omafit_model::units::NG_PER_IU;
use omafit_model::{Covariates, Dose, Observation, PopulationModel, Subject};
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// A log-normal distribution truncated to a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutLogNormal {
    /// Mean of the logarithm.
    pub mu: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
    /// The lowest value.
    pub from: f64,
    /// The highest value.
    pub to: f64,
}

impl CutLogNormal {
    fn draw(&self, stream: &mut SubjectStream) -> f64 {
        let normal = Normal::standard();
        let quantile = |value: f64| normal.cdf((value.ln() - self.mu) / self.sigma);
        let (low, high) = (quantile(self.from), quantile(self.to));
        (self.mu + self.sigma * normal.inverse_cdf(low + (high - low) * stream.uniform())).exp()
    }
}

/// The distribution of a baseline covariate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Baseline {
    /// One value for all patients.
    Fixed(f64),
    /// A value drawn for each patient.
    Drawn(CutLogNormal),
}

impl Baseline {
    /// Draws a value, rounded to `decimals` decimals as on a case report form; a fixed value is not rounded.
    fn draw(&self, decimals: i32, stream: &mut SubjectStream) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::Drawn(distribution) => {
                let unit = 10.0_f64.powi(decimals);
                (distribution.draw(stream) * unit).round() / unit
            }
        }
    }
}

/// The dosing of a virtual trial.
#[derive(Clone, Debug, PartialEq)]
pub enum Dosing {
    /// A dosing table; only patients for whom it gives a dose are enrolled.
    Table(DosingTable),
    /// A fixed regimen for all patients.
    Fixed {
        /// Dose, mg.
        dose_mg: f64,
        /// Dosing interval, days.
        every_days: f64,
    },
}

/// The design of a virtual trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// Body weight, kg.
    pub weight_kg: Baseline,
    /// Baseline IgE, IU/mL.
    pub ige_iu_ml: Baseline,
    /// Further covariates, equal for all patients.
    pub covariates: BTreeMap<String, f64>,
    /// The dosing.
    pub dosing: Dosing,
    /// Days of treatment.
    pub treatment_days: f64,
    /// Days of follow-up after treatment.
    pub follow_up_days: f64,
    /// Days of blood sampling, ascending; before a dose of the same day.
    pub visits: Vec<f64>,
    /// Fraction of the patients who drop out before the end, at a constant hazard, with no dose or visit afterwards.
    pub dropout: f64,
    /// Fraction of the doses after the first that are missed.
    pub missed: f64,
}

/// The reason a patient cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum VirtualTrialError {
    /// A table without a dose for any patient of the design.
    #[error("in a thousand tries nobody was eligible; the last: {0}")]
    NobodyEligible(NotInTable),
    /// A patient for whom the model cannot be solved.
    #[error("patient {id}: {source}")]
    Patient {
        /// The patient's identifier.
        id: String,
        /// The error of the simulation.
        source: SubjectError,
    },
    /// A patient without a course of exposure.
    #[error("patient {id}: {source}")]
    Exposure {
        /// The patient's identifier.
        id: String,
        /// The reason there is no exposure.
        source: NoExposure,
    },
}

/// An enrolled patient's covariates and regimen.
pub(crate) struct Enrolled {
    weight_kg: f64,
    ige_iu_ml: f64,
    dose_mg: f64,
    every_days: f64,
}

impl Design {
    pub(crate) fn enrol(&self, stream: &mut SubjectStream) -> Result<Enrolled, VirtualTrialError> {
        let mut tries = 0;
        loop {
            let weight_kg = self.weight_kg.draw(1, stream);
            let ige_iu_ml = self.ige_iu_ml.draw(0, stream);
            let regimen = match &self.dosing {
                Dosing::Fixed { dose_mg, every_days } => Ok((*dose_mg, *every_days)),
                Dosing::Table(table) => {
                    table.regimen(weight_kg, ige_iu_ml).map(|r| (r.dose_mg, r.interval_weeks * 7.0))
                }
            };
            match regimen {
                Ok((dose_mg, every_days)) => {
                    return Ok(Enrolled { weight_kg, ige_iu_ml, dose_mg, every_days });
                }
                Err(why) if tries == 1000 => return Err(VirtualTrialError::NobodyEligible(why)),
                Err(_) => tries += 1,
            }
        }
    }

    /// The day on which a patient drops out; infinite without dropout.
    fn leaves(&self, stream: &mut SubjectStream) -> f64 {
        let end = self.treatment_days + self.follow_up_days;
        let hazard = -(1.0 - self.dropout).ln() / end;
        let waited = -stream.uniform().ln() / hazard;
        if self.dropout > 0.0 { waited } else { f64::INFINITY }
    }
}

/// Simulates patient `index` (from 0) of a trial; the identifier is the number from 1.
///
/// # Errors
/// When no patient is eligible, or the model does not apply to the patient or cannot be solved.
pub fn patient(
    model: &PopulationModel,
    design: &Design,
    seed: u64,
    index: u64,
    noise: Noise,
) -> Result<Subject, VirtualTrialError> {
    let mut stream = SubjectStream::new(seed, index);
    let enrolled = design.enrol(&mut stream)?;
    let mut covariates = Covariates::new(enrolled.weight_kg, enrolled.ige_iu_ml * NG_PER_IU);
    for (name, value) in &design.covariates {
        covariates = covariates.with(name, *value);
    }
    // A separate stream, so that a trial with dropout is the trial without dropout cut short.
    let mut events = SubjectStream::aside(seed, index);
    let leaves = design.leaves(&mut events);
    let count = (design.treatment_days / enrolled.every_days).ceil() as usize;
    let doses: Vec<Dose> = (0..count)
        .filter(|k| (events.uniform() >= design.missed) | (*k == 0))
        .map(|k| Dose::subcutaneous(k as f64 * enrolled.every_days, enrolled.dose_mg))
        .filter(|dose| dose.time <= leaves)
        .collect();
    let end = design.treatment_days + design.follow_up_days;
    let visits = design.visits.iter().filter(|v| **v <= end.min(leaves));
    let observations = visits
        .flat_map(|&time| model.analytes().map(move |analyte| (time, analyte)))
        .map(|(time, analyte)| Observation::planned(time, analyte, doses.partition_point(|d| d.time < time)))
        .collect();
    let id = (index + 1).to_string();
    let mut subject = Subject { id, covariates, start: 0.0, doses, observations };
    simulate(model, &mut subject, noise, &mut stream)?;
    Ok(subject)
}

/// Simulates a subject with the covariates, doses and observation times of another, as number `index` of replicate
/// `replicate` of the trial.
///
/// # Errors
/// When the model does not apply to the subject or cannot be solved.
pub fn like(
    model: &PopulationModel,
    subject: &Subject,
    seed: u64,
    replicate: u64,
    index: u64,
    noise: Noise,
) -> Result<Subject, VirtualTrialError> {
    let mut subject = subject.clone();
    let mut stream = SubjectStream::new(seed, (replicate << 32) | index);
    simulate(model, &mut subject, noise, &mut stream)?;
    Ok(subject)
}

fn simulate(
    model: &PopulationModel,
    subject: &mut Subject,
    noise: Noise,
    stream: &mut SubjectStream,
) -> Result<(), VirtualTrialError> {
    let simulated = simulate_subject(model, subject, noise, stream);
    simulated.map(|_| ()).map_err(|source| VirtualTrialError::Patient { id: subject.id.clone(), source })
}
