//! Likelihood of the population of a run.

use crate::error::CliError;
use crate::options::{LikelihoodName, RunArgs};
use omafit_estimate::{
    EstimatedNumbers, LikelihoodMethod, LikelihoodOptions, Marginal, PopulationFit, PopulationLikelihood,
    marginal_likelihood,
};
use omafit_model::{PopulationModel, Subject};
use omafit_trial::{RunFolder, criteria_table, likelihood_table};
use serde::Serialize;

/// Likelihood of a population, with the contributions of the subjects if it was computed in a separate step.
pub struct Likelihood {
    block: PopulationLikelihood,
    computed: Option<Computed>,
}

/// A computed likelihood, with the options of the computation.
struct Computed {
    options: LikelihoodOptions,
    found: Marginal,
    ids: Vec<String>,
}

/// Entry `likelihood` of `run.json`.
#[derive(Debug, Serialize)]
pub struct LikelihoodRecord {
    method: LikelihoodMethod,
    ofv: f64,
    minus2ll: f64,
    estimated: Option<usize>,
    aic: Option<f64>,
    bic: Option<f64>,
    bicc: Option<f64>,
    monte_carlo_se: Option<f64>,
    subjects: usize,
    observations: usize,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    drawn: Option<DrawnRecord>,
}

/// Entries of `run.json` about the draws of importance sampling.
#[derive(Debug, Serialize)]
struct DrawnRecord {
    samples: u32,
    seed: u64,
    fewest_effective_samples: f64,
}

/// Pareto k̂ above which the variance of the weights cannot be estimated.
const HEAVY: f64 = 0.7;
/// Largest number of subjects named in a warning.
const NAMED: usize = 10;
/// Smallest sufficient number of effective draws for a subject.
const FEW: f64 = 20.0;

impl Likelihood {
    /// Likelihood of a model at its parameter values, by the given method; `numbers` counts the estimated
    /// parameters, if any were estimated.
    pub fn compute(
        args: &RunArgs,
        method: LikelihoodName,
        model: &PopulationModel,
        subjects: &[Subject],
        numbers: Option<EstimatedNumbers>,
    ) -> Result<Self, CliError> {
        let (samples, seed) = (args.likelihood_samples, args.population_seed);
        let options = LikelihoodOptions { method: method.into(), samples, seed };
        let found = marginal_likelihood(model, subjects, options)?;
        let block = PopulationLikelihood::new(options.method, &found, subjects, numbers);
        let ids = subjects.iter().map(|s| s.id.clone()).collect();
        Ok(Self { block, computed: Some(Computed { options, found, ids }) })
    }

    /// Linearised likelihood of an estimated population, which the estimation has computed already.
    pub fn of_fit(fit: &PopulationFit, subjects: &[Subject]) -> Self {
        Self { block: PopulationLikelihood::linearised(fit, subjects), computed: None }
    }

    /// The likelihood and the criteria by which models are compared.
    pub fn block(&self) -> &PopulationLikelihood {
        &self.block
    }

    /// Writes the table `criteria`, and the table `likelihood` if the contributions of the subjects were
    /// computed.
    pub fn write(&self, folder: &RunFolder) -> Result<(), CliError> {
        crate::write::write_both(folder, &criteria_table(&self.block)?)?;
        match &self.computed {
            Some(Computed { found, ids, .. }) => {
                crate::write::write_both(folder, &likelihood_table(ids, found)?)
            }
            None => Ok(()),
        }
    }

    /// Entry `likelihood` of `run.json`.
    pub fn record(&self) -> LikelihoodRecord {
        let PopulationLikelihood { method, ofv, minus2ll, monte_carlo_se, data, criteria } = self.block;
        LikelihoodRecord {
            method,
            ofv,
            minus2ll,
            estimated: criteria.map(|c| c.estimated),
            aic: criteria.map(|c| c.aic),
            bic: criteria.map(|c| c.bic),
            bicc: criteria.map(|c| c.bicc),
            monte_carlo_se,
            subjects: data.subjects,
            observations: data.observations,
            drawn: self.drawn().map(|computed| DrawnRecord {
                samples: computed.options.samples,
                seed: computed.options.seed,
                fewest_effective_samples: computed.fewest().1,
            }),
        }
    }

    /// The computation by importance sampling, if that was the method.
    fn drawn(&self) -> Option<&Computed> {
        self.computed.as_ref().filter(|computed| computed.options.method == LikelihoodMethod::Is)
    }

    /// Warnings about the likelihood.
    pub fn warnings(&self) -> Vec<String> {
        self.drawn().map_or(Vec::new(), Computed::warnings)
    }
}

impl Computed {
    /// ID of the subject with the fewest effective draws, and their number.
    fn fewest(&self) -> (&str, f64) {
        let of = self.ids.iter().zip(&self.found.subjects).map(|(id, part)| (&id[..], part.effective));
        of.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("", f64::NAN))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let all = self.ids.iter().zip(&self.found.subjects);
        let heavy: Vec<&str> = all.filter(|(_, part)| part.pareto_k > HEAVY).map(|(id, _)| &id[..]).collect();
        if !heavy.is_empty() {
            let shown = heavy.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if heavy.len() > NAMED {
                format!(" and {} more", heavy.len() - NAMED)
            } else {
                String::new()
            };
            warnings.push(format!(
                "likelihood: the weights of subjects {shown}{more} have a Pareto k above {HEAVY}: their parts, and the standard \
                 error, are not to be trusted; --likelihood-samples takes more draws"
            ));
        }
        let (id, effective) = self.fewest();
        if !(effective >= FEW) {
            let samples = self.options.samples;
            warnings.push(format!(
                "likelihood: of the {samples} draws of subject {id} {effective:.0} are in effect: its part, and the \
                 standard error, are not to be trusted"
            ));
        }
        let unsolved: u32 = self.found.subjects.iter().map(|part| part.unsolved).sum();
        if unsolved > 0 {
            warnings.push(format!(
                "likelihood: at {unsolved} draws the model could not be solved; they count as of likelihood zero"
            ));
        }
        warnings
    }
}
