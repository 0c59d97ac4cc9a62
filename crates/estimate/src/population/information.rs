//! Likelihood of a population for the comparison of models: OFV, −2LL and information criteria.
//!
//! ```text
//! AIC   −2LL + 2p                       p estimated parameters
//! BIC   −2LL + p·ln N                   N subjects with observations
//! BICc  −2LL + p_R·ln N + p_F·ln n      n observations, censored ones included; p = p_R + p_F
//! ```
//!
//! BICc is the criterion of Delattre, Lavielle and Poursat 2014 (Electron J Stat 8:456, doi 10.1214/14-EJS890). The
//! subjects inform on the distribution of the individual parameters that have a random effect: p_R counts the typical
//! values of these parameters, the coefficients of their covariates, and the elements of Ω. All observations inform on
//! the rest: p_F counts typical values and coefficients of parameters without a random effect, and residual errors.

use super::marginal::{LikelihoodMethod, Marginal};
use super::objective::PopulationFit;
use super::space::{EstimatedParameter, ParameterVector};
use crate::likelihood::left_out;
use omafit_model::{PopulationModel, Subject};

/// Counts of the estimated population parameters, by the sample size that informs on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EstimatedNumbers {
    /// How many parameters of the distribution of individual parameters were estimated, on which the number of subjects
    /// informs.
    pub random: usize,
    /// How many parameters common to all subjects were estimated, on which the number of observations informs.
    pub fixed: usize,
}

impl EstimatedNumbers {
    /// Counts the estimated parameters of a parameter vector.
    pub fn of(space: &ParameterVector, model: &PopulationModel) -> Self {
        let is_random = |coordinate: &&EstimatedParameter| match **coordinate {
            EstimatedParameter::Typical { parameter } | EstimatedParameter::Coefficient { parameter, .. } => {
                model.variable().contains(&parameter)
            }
            EstimatedParameter::Cholesky { .. } => true,
            EstimatedParameter::Sigma { .. } => false,
        };
        let random = space.coordinates().iter().filter(is_random).count();
        Self { random, fixed: space.coordinates().len() - random }
    }

    /// The total number of estimated parameters.
    pub fn total(self) -> usize {
        self.random + self.fixed
    }
}

/// Sample sizes of the data behind a likelihood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LikelihoodData {
    /// How many subjects have an observation.
    pub subjects: usize,
    /// How many observations there are, censored ones included.
    pub observations: usize,
}

impl LikelihoodData {
    /// Counts the given subjects and their observations.
    pub fn of(subjects: &[Subject]) -> Self {
        let counts = || subjects.iter().map(|subject| subject.observations.len());
        Self { subjects: counts().filter(|count| *count > 0).count(), observations: counts().sum() }
    }
}

/// Information criteria for the comparison of models of the same data; lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InformationCriteria {
    /// How many parameters were estimated.
    pub estimated: usize,
    /// Akaike information criterion.
    pub aic: f64,
    /// Bayesian information criterion, with every parameter penalised by the number of subjects.
    pub bic: f64,
    /// Corrected Bayesian information criterion, with each parameter penalised by the sample size that informs on it.
    pub bicc: f64,
}

impl InformationCriteria {
    /// Computes the criteria from a −2LL.
    ///
    /// ```
    /// use omafit_estimate::{EstimatedNumbers, InformationCriteria, LikelihoodData};
    /// let (numbers, data) = (EstimatedNumbers { random: 3, fixed: 1 }, LikelihoodData { subjects: 20, observations: 100 });
    /// let found = InformationCriteria::new(250.0, numbers, data);
    /// assert_eq!(found.aic, 258.0);
    /// assert!((found.bicc - (250.0 + 3.0 * 20f64.ln() + 100f64.ln())).abs() < 1e-12);
    /// ```
    pub fn new(minus2ll: f64, numbers: EstimatedNumbers, data: LikelihoodData) -> Self {
        let EstimatedNumbers { random, fixed } = numbers;
        let p = numbers.total() as f64;
        let [by_subjects, by_observations] =
            [data.subjects, data.observations].map(|count| (count as f64).ln());
        Self {
            estimated: numbers.total(),
            aic: minus2ll + 2.0 * p,
            bic: minus2ll + p * by_subjects,
            bicc: minus2ll + random as f64 * by_subjects + fixed as f64 * by_observations,
        }
    }
}

/// Marginal likelihood of a population, with the η integrated out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PopulationLikelihood {
    /// Method by which the η were integrated out.
    pub method: LikelihoodMethod,
    /// −2 log-likelihood without the constants that NONMEM leaves out.
    pub ofv: f64,
    /// −2 log-likelihood of the data as given, including all constants.
    pub minus2ll: f64,
    /// Monte-Carlo standard error of `ofv` and `minus2ll`; `None` for a method without sampling.
    pub monte_carlo_se: Option<f64>,
    /// Sample sizes of the data.
    pub data: LikelihoodData,
    /// Information criteria; `None` for a population that was not estimated.
    pub criteria: Option<InformationCriteria>,
}

impl PopulationLikelihood {
    /// Creates the likelihood from a marginal likelihood, with the counts `numbers` of the parameters estimated.
    pub fn new(
        method: LikelihoodMethod,
        marginal: &Marginal,
        subjects: &[Subject],
        numbers: Option<EstimatedNumbers>,
    ) -> Self {
        let monte_carlo_se = (method == LikelihoodMethod::Is).then_some(marginal.se);
        Self::of(method, (marginal.ofv, marginal.minus2ll), monte_carlo_se, subjects, numbers)
    }

    /// The likelihood of the model linearised at each subject's η̂: the FOCE objective at the end of a fit of these
    /// subjects by any method, plus its constants. No model is solved.
    pub fn linearised(fit: &PopulationFit, subjects: &[Subject]) -> Self {
        let minus2ll = fit.ofv + left_out(&fit.model, subjects);
        let numbers = EstimatedNumbers::of(&fit.space, &fit.model);
        Self::of(LikelihoodMethod::Linear, (fit.ofv, minus2ll), None, subjects, Some(numbers))
    }

    fn of(
        method: LikelihoodMethod,
        (ofv, minus2ll): (f64, f64),
        monte_carlo_se: Option<f64>,
        subjects: &[Subject],
        numbers: Option<EstimatedNumbers>,
    ) -> Self {
        let data = LikelihoodData::of(subjects);
        let criteria = numbers.map(|numbers| InformationCriteria::new(minus2ll, numbers, data));
        Self { method, ofv, minus2ll, monte_carlo_se, data, criteria }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::{Analyte, Censoring, Covariates, Observation, published};

    #[test]
    fn criteria_of_theophylline_are_those_computed_by_hand() {
        // −2LL 359.4, 6 parameters of random effects and 1 of residual error, 12 subjects, 132 observations:
        // ln 12 = 2.4849066, ln 132 = 4.8828019.
        let numbers = EstimatedNumbers { random: 6, fixed: 1 };
        let data = LikelihoodData { subjects: 12, observations: 132 };
        let found = InformationCriteria::new(359.4, numbers, data);
        assert_eq!(found.estimated, 7);
        for (found, expected) in
            [found.aic, found.bic, found.bicc].into_iter().zip([373.4, 376.794346, 379.192241])
        {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn numbers_of_parameters_without_a_random_effect_are_told_of_by_the_observations() {
        let count = |file: &omafit_model::ModelFile| {
            let model = PopulationModel::new(file.clone()).unwrap();
            EstimatedNumbers::of(&ParameterVector::new(&model).unwrap(), &model)
        };
        let whole = omafit_model::ModelFile::parse(published("one_compartment_oral").unwrap()).unwrap();
        assert_eq!(count(&whole), EstimatedNumbers { random: 6, fixed: 1 });
        // Without variability of V its typical value counts with the observations, and its variance is gone.
        let mut less = whole;
        less.variability.remove("V");
        assert_eq!(count(&less), EstimatedNumbers { random: 4, fixed: 2 });
        // A coefficient counts with its parameter.
        let with = |parameter: &str| {
            let mut file = less.clone();
            file.parameters.get_mut(parameter).unwrap().effects = vec![omafit_model::EffectEntry::Power {
                covariate: "WT".into(),
                centre: 70.0,
                exponent: 1.0,
                fixed: false,
            }];
            count(&file)
        };
        assert_eq!(with("CL"), EstimatedNumbers { random: 5, fixed: 2 });
        assert_eq!(with("V"), EstimatedNumbers { random: 4, fixed: 3 });
    }

    #[test]
    fn who_has_no_observation_is_no_subject_of_a_likelihood_and_censored_values_are_observations() {
        let observed = |censoring| Observation {
            time: 1.0,
            analyte: Analyte::OMALIZUMAB_TOTAL,
            value: 1.0,
            censoring,
            interval_end: None,
            doses_before: 0,
            row: 0,
        };
        let of = |observations| Subject {
            id: "1".into(),
            covariates: Covariates::default(),
            start: 0.0,
            doses: Vec::new(),
            observations,
        };
        let all = [of(vec![observed(Censoring::Quantified), observed(Censoring::Below)]), of(Vec::new())];
        assert_eq!(LikelihoodData::of(&all), LikelihoodData { subjects: 1, observations: 2 });
    }
}
