//! Stepwise search for covariate effects (Jonsson, Karlsson 1998, doi 10.1023/A:1011970125687): in the forward phase
//! the effect with the smallest p value is added as long as the p value is below a level; in the backward phase the
//! effect with the largest p value is removed as long as the p value is above a stricter level.
//!
//! The likelihood ratio is the difference of FOCE objectives, compared with χ² with as many degrees of freedom as the
//! effect has coefficients.

use super::candidates::Candidate;
use super::fit::fit_population;
use super::objective::{PopulationError, PopulationFit, PopulationOptions};
use super::quasi_newton::DescentStop;
use super::watch::{Observer, StopObserver};
use omafit_model::{EffectEntry, ModelFile, PopulationModel, Subject};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Significance levels of a covariate search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// Level below which the p value of an effect leads to its addition.
    pub forward: f64,
    /// Level above which the p value of an effect leads to its removal.
    pub backward: f64,
}

/// Result of one fit of a covariate search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchFit {
    /// Number of the step; step 0 is the fit without any of the candidates.
    pub step: u32,
    /// Index of the candidate added or removed; `None` in step 0.
    pub candidate: Option<usize>,
    /// Whether the candidate was removed.
    pub backward: bool,
    /// Objective function value; `None` if the fit failed.
    pub ofv: Option<f64>,
    /// Whether the fit ended at a minimum.
    pub converged: bool,
    /// Description of why the fit ended.
    pub reason: String,
    /// Model with its estimates; `None` if the fit failed.
    pub model: Option<ModelFile>,
}

/// Evaluation of one fit against the current model of the search.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Result of the fit.
    pub fit: SearchFit,
    /// Decrease of the objective due to the candidate; NaN if the fit failed.
    pub decrease: f64,
    /// p value of the decrease.
    pub p_value: f64,
    /// Whether the step chose this fit.
    pub chosen: bool,
}

/// Result of a covariate search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Evaluations of all fits in order; the first is the fit without candidates.
    pub verdicts: Vec<Verdict>,
    /// Indices of the candidates in the final model.
    pub included: Vec<usize>,
    /// Final model with its estimates.
    pub model: ModelFile,
    /// Objective function value of the final model.
    pub ofv: f64,
}

/// Inputs of a stepwise covariate search.
pub struct Stepwise<'a> {
    /// Subjects of the fits.
    pub subjects: &'a [Subject],
    /// Candidate effects.
    pub candidates: &'a [Candidate],
    /// Significance levels.
    pub levels: Levels,
    /// Options of each fit; the covariance is not computed.
    pub options: PopulationOptions,
    /// Observer that may interrupt the search.
    pub watch: &'a dyn Observer,
}

/// Current state of a search.
struct Stand {
    model: ModelFile,
    ofv: f64,
    included: Vec<usize>,
    step: u32,
    verdicts: Vec<Verdict>,
}

/// Store of the fits of a search: returns the fits of an interrupted search in their order, and keeps each new one.
pub trait Fits<E> {
    /// Returns the next fit of an interrupted search; `None` when there are no more.
    fn recall(&mut self) -> Option<SearchFit>;

    /// Keeps a new fit.
    ///
    /// # Errors
    /// If the fit cannot be stored.
    fn keep(&mut self, fit: &SearchFit) -> Result<(), E>;
}

impl Stepwise<'_> {
    /// Fits the model without candidates, from which a search starts.
    ///
    /// # Errors
    /// If the model cannot be fitted, the fit is interrupted, or the fit cannot be kept.
    pub fn first<E: From<PopulationError>>(
        &self,
        model: &PopulationModel,
        fits: &mut dyn Fits<E>,
    ) -> Result<SearchFit, E> {
        let first = self.one(fits, model.file(), (0, None, false))?;
        match (&first.model, first.ofv) {
            (Some(_), Some(_)) => Ok(first),
            _ => Err(PopulationError::Model(first.reason).into()),
        }
    }

    /// Runs the search from the first fit. `tell` receives all evaluations of each step.
    ///
    /// # Errors
    /// If the first fit failed, the search is interrupted, or a fit cannot be kept.
    pub fn search<E: From<PopulationError>>(
        &self,
        first: SearchFit,
        fits: &mut dyn Fits<E>,
        tell: &mut dyn FnMut(&[Verdict]),
    ) -> Result<Search, E> {
        let (Some(model), Some(ofv)) = (first.model.clone(), first.ofv) else {
            return Err(PopulationError::Model(first.reason).into());
        };
        let first = Verdict { fit: first, decrease: f64::NAN, p_value: f64::NAN, chosen: true };
        tell(std::slice::from_ref(&first));
        let mut at = Stand { model, ofv, included: Vec::new(), step: 0, verdicts: vec![first] };
        while self.step(&mut at, false, fits, tell)? {}
        while self.step(&mut at, true, fits, tell)? {}
        let Stand { model, ofv, included, verdicts, .. } = at;
        Ok(Search { verdicts, included, model, ofv })
    }

    /// One fit, recalled from an interrupted search or computed.
    fn one<E: From<PopulationError>>(
        &self,
        fits: &mut dyn Fits<E>,
        file: &ModelFile,
        which: (u32, Option<usize>, bool),
    ) -> Result<SearchFit, E> {
        let recalled = fits.recall().filter(|f| (f.step, f.candidate, f.backward) == which);
        if let Some(fit) = recalled {
            return Ok(fit);
        }
        let (step, candidate, backward) = which;
        let fit = self.fit(file, step, candidate, backward)?;
        fits.keep(&fit)?;
        Ok(fit)
    }

    /// Runs one step; returns whether the model changed.
    fn step<E: From<PopulationError>>(
        &self,
        at: &mut Stand,
        backward: bool,
        fits: &mut dyn Fits<E>,
        tell: &mut dyn FnMut(&[Verdict]),
    ) -> Result<bool, E> {
        at.step += 1;
        let same =
            |a: &Candidate, b: &Candidate| (&a.parameter, &a.covariate) == (&b.parameter, &b.covariate);
        let taken =
            |k: usize| at.included.iter().any(|&other| same(&self.candidates[k], &self.candidates[other]));
        let tried: Vec<usize> = match backward {
            true => at.included.clone(),
            // A covariate acts on a parameter in one form only.
            false => (0..self.candidates.len()).filter(|&k| !taken(k)).collect(),
        };
        let mut verdicts = Vec::with_capacity(tried.len());
        for k in tried {
            let candidate = &self.candidates[k];
            let mut file = at.model.clone();
            if let Some(entry) = file.parameters.get_mut(&candidate.parameter) {
                match backward {
                    true => entry.effects.retain(|effect| covariate(effect) != candidate.covariate),
                    false => entry.effects.push(candidate.effect.clone()),
                }
            }
            let fit = self.one(fits, &file, (at.step, Some(k), backward))?;
            let sign = if backward { -1.0 } else { 1.0 };
            let decrease = fit.ofv.map_or(f64::NAN, |ofv| sign * (at.ofv - ofv));
            let p_value = p_value(decrease, candidate.freedom);
            verdicts.push(Verdict { fit, decrease, p_value, chosen: false });
        }
        let sound = |v: &&mut Verdict| v.fit.converged && v.p_value.is_finite() && v.fit.model.is_some();
        // If p values are equal, as when both are zero, the larger decrease decides.
        let order = |a: &&mut Verdict, b: &&mut Verdict| {
            a.p_value.total_cmp(&b.p_value).then(b.decrease.total_cmp(&a.decrease))
        };
        let sound = verdicts.iter_mut().filter(sound);
        let best = match backward {
            true => sound.max_by(order).filter(|v| v.p_value > self.levels.backward),
            false => sound.min_by(order).filter(|v| v.p_value < self.levels.forward),
        };
        let changed = best.is_some();
        if let Some(best) = best
            && let (Some(k), Some(model), Some(ofv)) = (best.fit.candidate, &best.fit.model, best.fit.ofv)
        {
            best.chosen = true;
            (at.model, at.ofv) = (model.clone(), ofv);
            match backward {
                true => at.included.retain(|other| *other != k),
                false => at.included.push(k),
            }
        }
        tell(&verdicts);
        at.verdicts.extend(verdicts);
        Ok(changed)
    }

    fn fit(
        &self,
        file: &ModelFile,
        step: u32,
        candidate: Option<usize>,
        backward: bool,
    ) -> Result<SearchFit, PopulationError> {
        let options = PopulationOptions { covariance: false, ..self.options };
        let fitted = PopulationModel::new(file.clone())
            .map_err(|error| PopulationError::Model(error.to_string()))
            .and_then(|model| fit_population(&model, self.subjects, options, &StopObserver(self.watch)));
        let empty = |reason: String| SearchFit {
            step,
            candidate,
            backward,
            ofv: None,
            converged: false,
            reason,
            model: None,
        };
        match fitted {
            Err(PopulationError::Interrupted) => Err(PopulationError::Interrupted),
            Err(error) => Ok(empty(error.to_string())),
            Ok(PopulationFit { model, ofv, stop, reason, .. }) => Ok(SearchFit {
                ofv: Some(ofv).filter(|ofv| ofv.is_finite()),
                converged: stop.is_some_and(DescentStop::is_minimum),
                model: Some(model.file().clone()),
                ..empty(reason)
            }),
        }
    }
}

fn covariate(effect: &EffectEntry) -> &str {
    match effect {
        EffectEntry::Power { covariate, .. }
        | EffectEntry::Exponential { covariate, .. }
        | EffectEntry::Linear { covariate, .. }
        | EffectEntry::Categorical { covariate, .. } => covariate,
    }
}

/// The probability under χ² of at least the given decrease of the objective; 1 if the objective rises.
fn p_value(decrease: f64, freedom: usize) -> f64 {
    if decrease.is_nan() {
        return f64::NAN;
    }
    ChiSquared::new(freedom as f64).map_or(f64::NAN, |chi| chi.sf(decrease.max(0.0)))
}
