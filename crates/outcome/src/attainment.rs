//! The fraction of a virtual population whose free IgE stays below a target during a dosing interval at steady state.
//!
//! Patients of equal body weight and baseline IgE differ by η ~ N(0, Ω) alone. Patient i has the same η at every
//! combination of the two, so that combinations differ by doses and covariates and not by chance.

use omafit_estimate::{Noise, SubjectError, SubjectStream, draw_parameters, quantile};
use omafit_model::units::NG_PER_IU;
use omafit_model::{
    Analyte, Course, Covariates, Dose, Output, OutputRows, OutputTime, PopulationModel, StateRule,
};

/// Number of steps of a dosing interval; free IgE is interpolated linearly between them.
const STEPS: u32 = 56;
/// Percentiles over the patients.
const PERCENTILES: [f64; 3] = [0.05, 0.5, 0.95];

/// A virtual population of one body weight and baseline IgE, with its doses.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The model.
    pub model: &'a PopulationModel,
    /// Body weight, kg.
    pub weight_kg: f64,
    /// Baseline IgE, IU/mL.
    pub ige_iu_ml: f64,
    /// Dose, mg.
    pub dose_mg: f64,
    /// Dosing interval, days.
    pub every_days: f64,
    /// Number of patients.
    pub patients: u64,
    /// Seed of the patients' parameters.
    pub seed: u64,
}

/// Attainment of one target, as fractions of the patients or of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attained {
    /// Fraction of the patients with free IgE below the target during the whole interval.
    pub throughout: f64,
    /// Fraction of the patients whose mean free IgE over the interval is below the target.
    pub on_average: f64,
    /// Fraction of the interval below the target, mean over the patients.
    pub time: f64,
}

/// Target attainment of a virtual population in a dosing interval at steady state.
#[derive(Clone, Debug, PartialEq)]
pub struct Attainment {
    /// Attainment of each target.
    pub attained: Vec<Attained>,
    /// 5th, 50th and 95th percentile of the highest free IgE of the interval, ng/mL.
    pub peak_ng_ml: [f64; 3],
    /// 5th, 50th and 95th percentile of the mean free IgE over the interval, ng/mL.
    pub mean_ng_ml: [f64; 3],
    /// Number of patients included.
    pub patients: usize,
    /// Number of patients excluded because no steady state was found.
    pub failed: usize,
}

/// Simulates a virtual population over a dosing interval at steady state.
///
/// # Errors
/// When the model does not apply to such patients.
pub fn attainment(place: &Place<'_>, targets_ng_ml: &[f64]) -> Result<Attainment, SubjectError> {
    let covariates = Covariates::new(place.weight_kg, place.ige_iu_ml * NG_PER_IU);
    let before = StateRule::SteadyState { interval: place.every_days };
    let dose = Dose::subcutaneous(0.0, place.dose_mg).after(before);
    let step = place.every_days / f64::from(STEPS);
    let times: Vec<OutputTime> =
        (0..=STEPS).map(|k| OutputTime { time: f64::from(k) * step, doses_before: 1 }).collect();
    let course = Course::new(0.0, vec![dose], times, Output::Interpolated)?;
    let mut courses: Vec<Vec<f64>> = Vec::with_capacity(place.patients as usize);
    let mut failed = 0;
    let mut out = OutputRows::new();
    let Some(free) = place.model.structure().free_target() else {
        return Err(SubjectError::NotPredicted { analyte: Analyte::IGE_FREE.name(), time: 0.0 });
    };
    for patient in 0..place.patients {
        let mut stream = SubjectStream::new(place.seed, patient);
        let parameters = draw_parameters(place.model, &covariates, Noise::ALL, &mut stream)?;
        match place.model.predict(&parameters, &covariates, &course, &mut out) {
            Ok(_) => courses.push(out.column(free).collect()),
            Err(_) => failed += 1,
        }
    }
    let patients = courses.len();
    let part = |of: &dyn Fn(&[f64]) -> f64| courses.iter().map(|c| of(c)).sum::<f64>() / patients as f64;
    let count = |is: bool| f64::from(u8::from(is));
    let attained = targets_ng_ml.iter().map(|&target| Attained {
        throughout: part(&|c| count(highest(c) < target)),
        on_average: part(&|c| count(mean(c) < target)),
        time: part(&|c| time_below(c, target)),
    });
    Ok(Attainment {
        attained: attained.collect(),
        peak_ng_ml: percentiles(&courses, highest),
        mean_ng_ml: percentiles(&courses, mean),
        patients,
        failed,
    })
}

fn percentiles(courses: &[Vec<f64>], of: fn(&[f64]) -> f64) -> [f64; 3] {
    PERCENTILES.map(|p| quantile(courses.iter().map(|c| of(c)).collect(), p))
}

fn highest(course: &[f64]) -> f64 {
    course.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Mean over the course by the trapezoidal rule.
fn mean(course: &[f64]) -> f64 {
    let sum: f64 = course.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).sum();
    sum / (course.len() - 1) as f64
}

/// The fraction of time below a level, with linear interpolation.
fn time_below(course: &[f64], level: f64) -> f64 {
    let below = |pair: &[f64]| match (pair[0] < level, pair[1] < level) {
        (true, true) => 1.0,
        (false, false) => 0.0,
        (true, false) => (level - pair[0]) / (pair[1] - pair[0]),
        (false, true) => (level - pair[1]) / (pair[0] - pair[1]),
    };
    course.windows(2).map(below).sum::<f64>() / (course.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::published;

    fn hayashi() -> PopulationModel {
        PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
    }

    fn place(model: &PopulationModel, dose_mg: f64, patients: u64) -> Place<'_> {
        Place { model, weight_kg: 70.0, ige_iu_ml: 300.0, dose_mg, every_days: 14.0, patients, seed: 5 }
    }

    #[test]
    fn time_below_a_level_is_exact_on_lines() {
        assert_eq!(time_below(&[0.0, 4.0, 0.0], 3.0), 0.75);
        assert_eq!(time_below(&[1.0, 1.0], 1.0), 0.0);
        assert_eq!(mean(&[0.0, 4.0, 0.0]), 2.0);
    }

    #[test]
    fn the_steady_state_is_that_of_many_doses() {
        let model = hayashi();
        let found = attainment(&place(&model, 225.0, 4), &[50.0]).unwrap();
        // The same four patients after 60 explicit doses.
        let covariates = Covariates::new(70.0, 300.0 * NG_PER_IU);
        let doses: Vec<Dose> = (0..60).map(|k| Dose::subcutaneous(14.0 * f64::from(k), 225.0)).collect();
        let times = (0..=STEPS).map(|k| 59.0 * 14.0 + 0.25 * f64::from(k));
        let times = times.map(|time| OutputTime { time, doses_before: 60 }).collect();
        let course = Course::new(0.0, doses, times, Output::Interpolated).unwrap();
        let mut peaks: Vec<f64> = (0..4)
            .map(|i| {
                let mut stream = SubjectStream::new(5, i);
                let parameters = draw_parameters(&model, &covariates, Noise::ALL, &mut stream).unwrap();
                let mut out = OutputRows::new();
                model.predict(&parameters, &covariates, &course, &mut out).unwrap();
                out.column(2).fold(0.0, f64::max)
            })
            .collect();
        peaks.sort_by(f64::total_cmp);
        let median = 0.5 * (peaks[1] + peaks[2]);
        assert!((found.peak_ng_ml[1] / median - 1.0).abs() < 1e-4, "{found:?} {median}");
    }

    #[test]
    fn more_drug_attains_more_and_a_lower_target_less() {
        let model = hayashi();
        let of = |dose| attainment(&place(&model, dose, 40), &[50.0, 25.0, 14.0]).unwrap();
        let (less, more) = (of(75.0), of(300.0));
        for (a, b) in less.attained.iter().zip(&more.attained) {
            assert!(a.throughout <= b.throughout && a.on_average <= b.on_average && a.time <= b.time);
        }
        assert!(more.attained.windows(2).all(|pair| pair[0].time >= pair[1].time));
        assert!(more.attained.iter().all(|a| a.throughout <= a.on_average));
        assert_eq!((more.patients, more.failed), (40, 0));
    }
}
