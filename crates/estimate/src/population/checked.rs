//! Check that an apparent maximum of the likelihood is one: the likelihood must not be higher nearby.

use super::fit::fit_population;
use super::marginal::{LikelihoodMethod, LikelihoodOptions, marginal_likelihood};
use super::objective::{PopulationError, PopulationFit, PopulationOptions};
use super::watch::{Observer, StopObserver};
use omafit_model::{PopulationModel, Subject};

/// Number of FOCE iterations, number of importance samples per subject, and the smallest relevant decrease of the
/// objective.
const CHECKED: u64 = 50;
const SAMPLES: u32 = 200;
const HIGHER: f64 = 1.0;

/// Estimates with a higher likelihood.
pub(super) struct Higher {
    /// The FOCE fit with the estimates.
    pub found: PopulationFit,
    /// Description of the decrease of the objective.
    pub words: String,
}

/// The FOCE estimates, started from the model's values, if their likelihood is higher than that of the model, which
/// should be at the maximum: SAEM does not detect a trend that is slow relative to the Monte-Carlo noise. `None` if the
/// likelihoods cannot be distinguished.
pub(super) fn higher(
    model: &PopulationModel,
    subjects: &[Subject],
    seed: u64,
    options: PopulationOptions,
    watch: &dyn Observer,
) -> Result<Option<Higher>, PopulationError> {
    let options = PopulationOptions { covariance: false, max_iterations: CHECKED, ..options };
    let found = match fit_population(model, subjects, options, &StopObserver(watch)) {
        Err(PopulationError::Interrupted) => return Err(PopulationError::Interrupted),
        Err(_) => return Ok(None),
        Ok(found) => found,
    };
    let sampled = |model: &PopulationModel| {
        let options = LikelihoodOptions { method: LikelihoodMethod::Is, samples: SAMPLES, seed };
        marginal_likelihood(model, subjects, options).ok()
    };
    let (Some(own), Some(other)) = (sampled(model), sampled(&found.model)) else { return Ok(None) };
    let (gain, error) = (own.ofv - other.ofv, own.se.hypot(other.se));
    let words = format!(
        "at FOCE's estimates the objective, by importance sampling, is lower by {gain:.1} ± {error:.1}"
    );
    Ok((gain > HIGHER + 2.0 * error).then_some(Higher { found, words }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Noise, SubjectStream, simulate_subject};
    use omafit_model::{Analyte, Covariates, Dose, published};

    #[test]
    fn a_vector_off_the_maximum_is_told_and_the_maximum_is_not() {
        let model = PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap();
        let one = |seed: u64| {
            let doses = vec![Dose::subcutaneous(0.0, 320.0)];
            let times = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0];
            let mut subject = Subject::planned(
                seed,
                Covariates::new(70.0, 300.0),
                doses,
                &omafit_model::analytes(),
                &times,
            );
            subject.observations.retain(|o| o.analyte == Analyte::OMALIZUMAB_TOTAL);
            simulate_subject(&model, &mut subject, Noise::ALL, &mut SubjectStream::new(seed, 0)).unwrap();
            subject
        };
        let subjects: Vec<Subject> = (1..=30).map(one).collect();
        let options = PopulationOptions { covariance: false, ..PopulationOptions::default() };
        let fit = fit_population(&model, &subjects, options, &()).unwrap();
        assert!(higher(&fit.model, &subjects, 1, options, &()).unwrap().is_none());
        let mut values = fit.model.values();
        values.typical[fit.model.position("CL").unwrap()] *= 1.2;
        let off = fit.model.with_values(&values).unwrap();
        let Higher { found, words } = higher(&off, &subjects, 1, options, &()).unwrap().unwrap();
        assert!(words.contains("is lower by"), "{words}");
        assert!((found.ofv - fit.ofv).abs() < 1e-3, "{} {}", found.ofv, fit.ofv);
    }
}
