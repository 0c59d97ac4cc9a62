//! Covariate effects that a model file declares for the covariate search, and the screening of η against them.

use crate::diagnostics::trend;
use omafit_model::{EffectEntry, LevelEntry, PopulationModel, SearchEntry, SearchForm, Subject};
use statrs::distribution::{ContinuousCDF, FisherSnedecor};
use std::collections::BTreeMap;

/// Largest number of values of a categorical covariate.
const MOST_LEVELS: usize = 12;

/// A covariate effect that may be added to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name of the parameter.
    pub parameter: String,
    /// Name of the covariate.
    pub covariate: String,
    /// Form of the effect.
    pub form: SearchForm,
    /// The effect, with coefficients at which it is one.
    pub effect: EffectEntry,
    /// How many coefficients the effect has.
    pub freedom: usize,
}

/// Reason why an effect cannot be searched for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CandidateError {
    /// No effects are declared.
    #[error("the model file declares no effects to search for: it needs [[search]] entries")]
    None,
    /// A subject lacks the covariate.
    #[error("{covariate} is to be searched for an effect on {parameter}, and subject {id} lacks it")]
    Missing {
        /// Name of the covariate.
        covariate: String,
        /// Name of the parameter.
        parameter: String,
        /// Identifier of the subject.
        id: String,
    },
    /// The covariate cannot have an effect of this form.
    #[error("{covariate} can have no effect on {parameter} of the form {form}: {why}")]
    Useless {
        /// Name of the covariate.
        covariate: String,
        /// Name of the parameter.
        parameter: String,
        /// Name of the form.
        form: &'static str,
        /// Reason why the effect is impossible.
        why: String,
    },
    /// The model already contains an effect of the covariate on the parameter.
    #[error(
        "the model has an effect of {covariate} on {parameter} already: take it out, or do not search for it"
    )]
    Known {
        /// Name of the covariate.
        covariate: String,
        /// Name of the parameter.
        parameter: String,
    },
    /// The effect is declared twice.
    #[error("the effect of {covariate} on {parameter} of the form {form} is declared twice")]
    Twice {
        /// Name of the covariate.
        covariate: String,
        /// Name of the parameter.
        parameter: String,
        /// Name of the form.
        form: &'static str,
    },
}

/// The effects that a model file declares for the search, with centres and levels taken from the subjects where the
/// file has none.
///
/// # Errors
/// If a subject lacks a covariate, or a declared effect is impossible, in the model already, or declared twice.
pub fn candidates(model: &PopulationModel, subjects: &[Subject]) -> Result<Vec<Candidate>, CandidateError> {
    let mut found: Vec<Candidate> = Vec::new();
    for entry in &model.file().search {
        let candidate = candidate(model, subjects, entry)?;
        let (parameter, covariate) = (candidate.parameter.clone(), candidate.covariate.clone());
        let alike =
            |c: &Candidate| (&c.parameter, &c.covariate, c.form) == (&parameter, &covariate, candidate.form);
        if found.iter().any(alike) {
            let form = candidate.form.name();
            return Err(CandidateError::Twice { covariate, parameter, form });
        }
        found.push(candidate);
    }
    if found.is_empty() { Err(CandidateError::None) } else { Ok(found) }
}

fn candidate(
    model: &PopulationModel,
    subjects: &[Subject],
    entry: &SearchEntry,
) -> Result<Candidate, CandidateError> {
    let parameter = entry.parameter.clone();
    // Covariate names are not case-sensitive.
    let known = |name: &str| name.eq_ignore_ascii_case(&entry.covariate);
    let names = subjects.iter().flat_map(|s| s.covariates.iter().map(|(name, _)| name));
    let covariate = names.into_iter().find(|name| known(name)).unwrap_or(&entry.covariate).to_owned();
    let position = model.position(&parameter).unwrap_or(0);
    if model.parameters()[position].effects.iter().any(|effect| known(&effect.covariate)) {
        return Err(CandidateError::Known { covariate, parameter });
    }
    let mut values = Vec::with_capacity(subjects.len());
    for subject in subjects {
        match subject.covariates.get(&covariate) {
            Some(value) => values.push(value),
            None => return Err(CandidateError::Missing { covariate, parameter, id: subject.id.clone() }),
        }
    }
    let form = entry.form;
    let useless = |why: String| CandidateError::Useless {
        covariate: covariate.clone(),
        parameter: parameter.clone(),
        form: form.name(),
        why,
    };
    let levels = counted(&values);
    if levels.len() < 2 {
        return Err(useless("all subjects have the same value".into()));
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    if form == SearchForm::Power && low <= 0.0 {
        return Err(useless(format!("a subject has the value {low}, which has no power")));
    }
    let centre = entry.centre.unwrap_or_else(|| crate::quantile(values.clone(), 0.5));
    let (name, fixed) = (covariate.clone(), false);
    let effect = match form {
        SearchForm::Power => EffectEntry::Power { covariate: name, centre, exponent: 0.0, fixed },
        SearchForm::Exponential => EffectEntry::Exponential { covariate: name, centre, slope: 0.0, fixed },
        SearchForm::Linear => EffectEntry::Linear { covariate: name, centre, slope: 0.0, fixed },
        SearchForm::Categorical => {
            if levels.len() > MOST_LEVELS {
                return Err(useless(format!("it has {} values, more than {MOST_LEVELS}", levels.len())));
            }
            let most = levels.iter().max_by_key(|(_, count)| *count).map_or(0.0, |(value, _)| *value);
            let reference = entry.reference.unwrap_or(most);
            let others = levels.iter().map(|(value, _)| *value).filter(|value| *value != reference);
            let levels = others.map(|value| LevelEntry { value, factor: 1.0 }).collect();
            EffectEntry::Categorical { covariate: name, reference, levels, fixed }
        }
    };
    let freedom = if let EffectEntry::Categorical { levels, .. } = &effect { levels.len() } else { 1 };
    Ok(Candidate { parameter, covariate, form, effect, freedom })
}

/// Distinct values, ascending, with the count of each.
fn counted(values: &[f64]) -> Vec<(f64, usize)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len())).collect()
}

/// Slope and p value of the regression of the subjects' η̂ of the candidate's parameter on the scale on which the
/// effect is linear in the covariate; for a categorical effect, NaN and the p value of one-way analysis of variance.
/// `None` if the parameter has no between-subject variability.
pub fn screened(
    candidate: &Candidate,
    model: &PopulationModel,
    subjects: &[Subject],
    etas: &[Vec<f64>],
) -> Option<(f64, f64)> {
    let parameter = model.position(&candidate.parameter)?;
    let row = model.variable().iter().position(|&i| i == parameter)?;
    let value = |s: &Subject| s.covariates.get(&candidate.covariate).unwrap_or(f64::NAN);
    let points: Vec<(f64, f64)> =
        subjects.iter().zip(etas).map(|(subject, eta)| (value(subject), eta[row])).collect();
    Some(match candidate.form {
        SearchForm::Power => trend(&points.iter().map(|(x, eta)| (x.ln(), *eta)).collect::<Vec<_>>()),
        SearchForm::Exponential | SearchForm::Linear => trend(&points),
        SearchForm::Categorical => (f64::NAN, one_way(&points)),
    })
}

/// The p value of the one-way analysis of variance of y over the values of x.
fn one_way(points: &[(f64, f64)]) -> f64 {
    let mut groups: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (x, y) in points {
        groups.entry(x.to_bits()).or_default().push(*y);
    }
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let all = mean(&points.iter().map(|p| p.1).collect::<Vec<_>>());
    let (mut between, mut within) = (0.0, 0.0);
    for group in groups.values() {
        let own = mean(group);
        between += group.len() as f64 * (own - all).powi(2);
        within += group.iter().map(|y| (y - own).powi(2)).sum::<f64>();
    }
    let (a, b) = (groups.len() as f64 - 1.0, points.len() as f64 - groups.len() as f64);
    let ratio = (between / a) / (within / b);
    FisherSnedecor::new(a, b).map_or(f64::NAN, |f| f.sf(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn analysis_of_variance_is_that_of_scipy() {
        // scipy.stats.f_oneway([1.1, 0.7, 1.9], [2.2, 2.9, 2.4, 3.1], [0.3, 1.2]).pvalue
        let groups = [(0.0, &[1.1, 0.7, 1.9][..]), (1.0, &[2.2, 2.9, 2.4, 3.1]), (7.0, &[0.3, 1.2])];
        let points: Vec<(f64, f64)> = groups.iter().flat_map(|(x, ys)| ys.iter().map(|y| (*x, *y))).collect();
        assert!((one_way(&points) - ANOVA).abs() < 1e-12, "{}", one_way(&points));
    }

    /// Result of scipy 1.17.
    const ANOVA: f64 = 0.01032744431842341;
}
