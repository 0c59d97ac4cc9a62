//! A virtual trial in the image of INNOVATE: simulated patients, dosed by table for 28 weeks and followed for 16.
//!
//! Who is enrolled follows the published entry criteria and baseline distributions; when blood is drawn, and every
//! concentration, is made up here. No patient's data are in it.

use crate::dosing_table::{DosingTable, NotInTable};
use omafit_estimate::{SubjectError, SubjectStream, draw_parameters, observe};
use omafit_model::units::NG_PER_IU;
use omafit_model::{Covariates, Dose, PopulationModel, Subject};
use statrs::distribution::{ContinuousCDF, Normal};

/// A log-normal distribution cut to a range.
struct CutLogNormal {
    mu: f64,
    sigma: f64,
    from: f64,
    to: f64,
}

/// Baseline IgE of the active arm, IU/mL.
const IGE: CutLogNormal = CutLogNormal { mu: 5.132, sigma: 0.658, from: 30.0, to: 700.0 };
/// Body weight of the active arm, kg.
const WEIGHT: CutLogNormal = CutLogNormal { mu: 4.338, sigma: 0.249, from: 39.0, to: 150.0 };

/// How long the trial lasts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VirtualTrial {
    /// Patients on active treatment.
    pub patients: usize,
    /// Days of treatment.
    pub treatment_days: f64,
    /// Days of follow-up after it.
    pub follow_up_days: f64,
}

/// The active arm of INNOVATE: 226 patients with drug concentrations, 28 weeks of treatment, 16 of follow-up.
pub const TRIAL: VirtualTrial = VirtualTrial { patients: 226, treatment_days: 196.0, follow_up_days: 112.0 };

/// Days on which blood is drawn.
pub const VISITS: [f64; 15] =
    [0.0, 7.0, 14.0, 28.0, 56.0, 84.0, 112.0, 140.0, 168.0, 196.0, 210.0, 224.0, 252.0, 280.0, 308.0];

/// Why a virtual trial cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InnovateError {
    /// The table has no dose for anybody like these patients.
    #[error("in a thousand tries nobody was eligible; the last: {0}")]
    NobodyEligible(NotInTable),
    /// The model cannot be solved for a patient.
    #[error("patient {id}: {source}")]
    Patient {
        /// The patient.
        id: String,
        /// What went wrong.
        source: SubjectError,
    },
}

impl CutLogNormal {
    fn draw(&self, stream: &mut SubjectStream) -> f64 {
        let normal = Normal::standard();
        let quantile = |value: f64| normal.cdf((value.ln() - self.mu) / self.sigma);
        let (low, high) = (quantile(self.from), quantile(self.to));
        (self.mu + self.sigma * normal.inverse_cdf(low + (high - low) * stream.uniform())).exp()
    }
}

/// Simulates the trial: only patients whom the table gives a dose are enrolled.
///
/// The same seed gives the same trial; each patient has a random stream of its own.
///
/// # Errors
/// When nobody is eligible, or the model cannot be solved.
pub fn innovate_like(
    model: &PopulationModel,
    table: &DosingTable,
    trial: &VirtualTrial,
    seed: u64,
) -> Result<Vec<Subject>, InnovateError> {
    (0..trial.patients).map(|i| patient(model, table, trial, seed, i)).collect()
}

fn patient(
    model: &PopulationModel,
    table: &DosingTable,
    trial: &VirtualTrial,
    seed: u64,
    index: usize,
) -> Result<Subject, InnovateError> {
    let mut stream = SubjectStream::new(seed, index as u64);
    let mut tries = 0;
    let (weight_kg, ige_iu_ml, regimen) = loop {
        let weight_kg = (WEIGHT.draw(&mut stream) * 10.0).round() / 10.0;
        let ige_iu_ml = IGE.draw(&mut stream).round();
        match table.regimen(weight_kg, ige_iu_ml) {
            Ok(regimen) => break (weight_kg, ige_iu_ml, regimen),
            Err(why) if tries == 1000 => return Err(InnovateError::NobodyEligible(why)),
            Err(_) => tries += 1,
        }
    };
    let interval = regimen.interval_weeks * 7.0;
    let doses = (trial.treatment_days / interval).ceil() as usize;
    let mut subject = Subject {
        id: (index + 1).to_string(),
        covariates: Covariates::new(weight_kg, ige_iu_ml * NG_PER_IU),
        start: 0.0,
        doses: (0..doses).map(|k| Dose::subcutaneous(k as f64 * interval, regimen.dose_mg)).collect(),
        observations: Vec::new(),
    };
    let failed = |source| InnovateError::Patient { id: (index + 1).to_string(), source };
    let parameters = draw_parameters(model, &subject.covariates, &mut stream).map_err(failed)?;
    let end = trial.treatment_days + trial.follow_up_days;
    let visits: Vec<f64> = VISITS.into_iter().filter(|v| *v <= end).collect();
    observe(model, &mut subject, &parameters, &visits, &mut stream).map_err(failed)?;
    Ok(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::published;

    #[test]
    fn the_arm_looks_like_the_published_one() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let table = DosingTable::named("us_asthma_12y").unwrap();
        let many = VirtualTrial { patients: 2000, ..TRIAL };
        let subjects = innovate_like(&model, &table, &many, 1).unwrap();
        let mean = |f: &dyn Fn(&Subject) -> f64| subjects.iter().map(f).sum::<f64>() / 2000.0;
        // Published, active arm with concentrations: 79 (SD 20) kg, 509 (SD 375) ng/mL. The table excludes the heavy
        // with high IgE, so the virtual arm lies somewhat below.
        let (weight, ige) =
            (mean(&|s| s.covariates.weight_kg().unwrap()), mean(&|s| s.covariates.ige_ng_ml().unwrap()));
        assert!((74.0..82.0).contains(&weight), "{weight}");
        assert!((380.0..520.0).contains(&ige), "{ige}");
        assert!(subjects.iter().all(|s| s.doses.len() == 7 || s.doses.len() == 14));
        assert!(subjects.iter().all(|s| s.observations.len() == 44));
    }

    #[test]
    fn a_patient_does_not_depend_on_the_others() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let table = DosingTable::named("us_asthma_12y").unwrap();
        let few = innovate_like(&model, &table, &VirtualTrial { patients: 3, ..TRIAL }, 7).unwrap();
        let more = innovate_like(&model, &table, &VirtualTrial { patients: 9, ..TRIAL }, 7).unwrap();
        assert_eq!(few[..], more[..3]);
        assert_ne!(few, innovate_like(&model, &table, &VirtualTrial { patients: 3, ..TRIAL }, 8).unwrap());
    }
}
