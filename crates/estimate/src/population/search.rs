//! Stepwise search for effects of covariates (Jonsson, Karlsson 1998, doi 10.1023/A:1011970125687): forward, the effect
//! whose likelihood ratio is the least likely is added as long as that is below a level; then backward, the effect whose
//! removal is the most likely is removed as long as that is above a stricter one.
//!
//! The ratio is that of FOCE's objectives, under χ² with as many degrees of freedom as the effect has coefficients.

use super::candidates::Candidate;
use super::fit::fit_population;
use super::objective::{PopulationError, PopulationFit, PopulationOptions};
use super::quasi_newton::DescentStop;
use super::watch::{Observer, StopObserver};
use omafit_model::{EffectEntry, ModelFile, PopulationModel, Subject};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Levels of a search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// An effect is added if its p value is below it.
    pub forward: f64,
    /// An effect is removed if its p value is above it.
    pub backward: f64,
}

/// A fit of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchFit {
    /// The step, from 0, the fit without any of the candidates.
    pub step: u32,
    /// The candidate that was added or removed.
    pub candidate: Option<usize>,
    /// Whether it was removed.
    pub backward: bool,
    /// The objective; nothing of what failed.
    pub ofv: Option<f64>,
    /// Whether the fit ended at a minimum.
    pub converged: bool,
    /// Why it ended.
    pub reason: String,
    /// The model with its estimates.
    pub model: Option<ModelFile>,
}

/// What a fit says of its candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The fit.
    pub fit: SearchFit,
    /// By how much the objective falls with the candidate; NaN of a fit that failed.
    pub decrease: f64,
    /// The p value of that.
    pub p_value: f64,
    /// Whether the step was this one.
    pub chosen: bool,
}

/// A finished search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Every fit, in order; the first is the one without candidates.
    pub verdicts: Vec<Verdict>,
    /// Candidates that are in the final model.
    pub included: Vec<usize>,
    /// The final model, with its estimates.
    pub model: ModelFile,
    /// Its objective.
    pub ofv: f64,
}

/// A search under way.
pub struct Stepwise<'a> {
    /// The subjects.
    pub subjects: &'a [Subject],
    /// What may be added.
    pub candidates: &'a [Candidate],
    /// When.
    pub levels: Levels,
    /// How each model is fitted; without covariance.
    pub options: PopulationOptions,
    /// May end it.
    pub watch: &'a dyn Observer,
}

/// Where it stands.
struct Stand {
    model: ModelFile,
    ofv: f64,
    included: Vec<usize>,
    step: u32,
    verdicts: Vec<Verdict>,
}

/// The fits of a search that was interrupted, in their order, then nothing; and where each new one is kept.
pub trait Fits<E> {
    /// The next of an interrupted search.
    fn recall(&mut self) -> Option<SearchFit>;

    /// Keeps a new one.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn keep(&mut self, fit: &SearchFit) -> Result<(), E>;
}

impl Stepwise<'_> {
    /// The fit of a model without candidates, from which a search starts.
    ///
    /// # Errors
    /// When the model cannot be fitted, that was interrupted, or the fit cannot be kept.
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

    /// Searches from there. `tell` is given every verdict of a step.
    ///
    /// # Errors
    /// When the search was interrupted, or a fit cannot be kept.
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

    /// A fit, of this session or an earlier one.
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

    /// One step; whether the model changed.
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
            // A covariate acts on a parameter in one form.
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
        // Of p values that are both zero the larger decrease tells.
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

/// The probability of a decrease of the objective by so much or more under χ²; 1 of one that rises.
fn p_value(decrease: f64, freedom: usize) -> f64 {
    if decrease.is_nan() {
        return f64::NAN;
    }
    ChiSquared::new(freedom as f64).map_or(f64::NAN, |chi| chi.sf(decrease.max(0.0)))
}
