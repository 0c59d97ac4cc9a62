//! The likelihood of a run's population.

use crate::error::CliError;
use crate::options::{LikelihoodName, RunArgs};
use omafit_estimate::{LikelihoodMethod, LikelihoodOptions, Marginal, marginal_likelihood};
use omafit_model::{PopulationModel, Subject};
use omafit_trial::{RunFolder, likelihood_table};
use serde::Serialize;

/// A computed likelihood.
pub struct Likelihood {
    options: LikelihoodOptions,
    found: Marginal,
    ids: Vec<String>,
    /// Numbers that were estimated of the population.
    estimated: Option<usize>,
}

/// What `run.json` says of it.
#[derive(Debug, Serialize)]
pub struct LikelihoodRecord {
    method: LikelihoodMethod,
    ofv: f64,
    minus2ll: f64,
    monte_carlo_se: f64,
    aic: Option<f64>,
    bic: Option<f64>,
    samples: Option<u32>,
    seed: Option<u64>,
    fewest_effective_samples: Option<f64>,
}

/// Fewer draws in effect than this are too few for a subject.
const FEW: f64 = 20.0;

impl Likelihood {
    /// The likelihood that is asked for, of a model at its values, `estimated` of which were estimated.
    pub fn compute(
        args: &RunArgs,
        method: LikelihoodName,
        model: &PopulationModel,
        subjects: &[Subject],
        estimated: Option<usize>,
    ) -> Result<Self, CliError> {
        let (samples, seed) = (args.likelihood_samples, args.population_seed);
        let options = LikelihoodOptions { method: method.into(), samples, seed };
        let found = marginal_likelihood(model, subjects, options)?;
        let ids = subjects.iter().map(|s| s.id.clone()).collect();
        Ok(Self { options, found, ids, estimated })
    }

    /// Writes `likelihood`.
    pub fn write(&self, folder: &RunFolder) -> Result<(), CliError> {
        crate::write::write_both(folder, &likelihood_table(&self.ids, &self.found)?)
    }

    /// What `run.json` says.
    pub fn record(&self) -> LikelihoodRecord {
        let Marginal { ofv, minus2ll, se, .. } = self.found;
        let drawn = self.options.method == LikelihoodMethod::Is;
        let count = self.estimated.map(|n| n as f64);
        LikelihoodRecord {
            method: self.options.method,
            ofv,
            minus2ll,
            monte_carlo_se: se,
            aic: count.map(|n| minus2ll + 2.0 * n),
            bic: count.map(|n| minus2ll + n * (self.ids.len() as f64).ln()),
            samples: drawn.then_some(self.options.samples),
            seed: drawn.then_some(self.options.seed),
            fewest_effective_samples: drawn.then(|| self.fewest().1),
        }
    }

    /// The subject with the fewest draws in effect, and how many.
    fn fewest(&self) -> (&str, f64) {
        let of = self.ids.iter().zip(&self.found.subjects).map(|(id, part)| (&id[..], part.effective));
        of.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("", f64::NAN))
    }

    /// What is wrong with it.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.options.method == LikelihoodMethod::Is {
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
        }
        warnings
    }

    /// It in a line.
    pub fn line(&self) -> String {
        let Marginal { ofv, minus2ll, se, .. } = self.found;
        let how = match self.options.method {
            LikelihoodMethod::Linear => "linearisation",
            LikelihoodMethod::Laplace => "Laplace's method",
            LikelihoodMethod::Is => "importance sampling",
        };
        let error =
            if se > 0.0 { format!(" ± {se:.3} (Monte-Carlo standard error)") } else { String::new() };
        format!("likelihood by {how}: objective {ofv:.4}, -2LL {minus2ll:.3}{error}")
    }
}
