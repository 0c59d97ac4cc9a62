//! Normalised prediction distribution errors: Brendel, Comets, Laffont, Laveille, Mentré 2006 (Pharm Res 23:2036, doi
//! 10.1007/s11095-006-9067-5); Comets, Brendel, Mentré 2008 (Comput Methods Programs Biomed 90:154, doi
//! 10.1016/j.cmpb.2007.12.002).
//!
//! A subject's observations are simulated K times from the population. On the scale of the residual error (the
//! logarithm if it is log-normal), with E and V the mean and covariance and V = L·Lᵀ, observations and simulations are
//! decorrelated by L⁻¹(y − E) in the order of the records. The prediction distribution error is (m + ½)/(K + 1), where
//! m is the number of decorrelated simulations below the decorrelated observation, and NPDE is its normal quantile.
//!
//! E and V are computed from the simulations and the observation together. If the model is correct these are
//! exchangeable, and m is uniform for any K; with E and V from the simulations alone the variance of NPDE is too large
//! by n/K, which a test with ten thousand observations detects.
//!
//! An observation for which some simulation is zero under a log-normal or proportional error, such as a drug
//! concentration before the first dose, is left out of the covariance. Its prediction distribution error is its own
//! rank among the simulations; for a censored observation, the fraction of simulations below its interval plus a random
//! part of the fraction within it.
//!
//! A value beyond a limit of quantification, observed or simulated, is first replaced as by Nguyen, Comets, Mentré 2012
//! (J Pharmacokinet Pharmacodyn 39:499, doi 10.1007/s10928-012-9264-2): by a random one of the simulated values of that
//! observation beyond the limit; a censored observation by a random one of the simulated values within its own
//! interval.

use super::limits::Limits;
use super::replicates::Replicates;
use crate::simulate::SubjectStream;
use nalgebra::{Cholesky, DMatrix};
use omafit_model::{Censoring, PerAnalyte, PopulationModel, Subject};
use statrs::distribution::{ContinuousCDF, Normal};

/// NPDE of the observations of subject `index` (from 0) of a trial; NaN where the simulations are too few or too
/// similar for a covariance of full rank, or none of them has a value. The seed serves to replace values beyond the
/// assays' `limits`.
pub fn npde(
    model: &PopulationModel,
    subject: &Subject,
    index: u64,
    replicates: &Replicates,
    limits: &PerAnalyte<Limits>,
    seed: u64,
) -> Vec<f64> {
    let n = subject.observations.len();
    let solved: Vec<&[f32]> = (0..replicates.count())
        .map(|k| replicates.replicate(k))
        .filter(|values| values.iter().any(|v| !v.is_nan()))
        .collect();
    let has_logarithm = |i: usize| {
        let residual = model.residual(subject.observations[i].analyte);
        residual.is_some_and(|r| !r.error.allows(0.0))
    };
    let (alone, sound): (Vec<usize>, Vec<usize>) = (0..n)
        .filter(|&i| !solved.is_empty() && solved.iter().all(|values| values[i].is_finite()))
        .partition(|&i| has_logarithm(i) && solved.iter().any(|values| values[i] <= 0.0));
    let mut observed = Vec::with_capacity(sound.len());
    let mut simulated = vec![Vec::with_capacity(sound.len()); solved.len()];
    let mut draw = SubjectStream::aside(seed, index);
    for &i in &sound {
        let observation = &subject.observations[i];
        let limits = limits.get(observation.analyte).copied().unwrap_or_default();
        let is_log = model.residual(observation.analyte).is_some_and(|r| r.error.is_log());
        let scale = |value: f64| if is_log { value.ln() } else { value };
        let values: Vec<f64> = solved.iter().map(|s| f64::from(s[i])).collect();
        let beyond = [f64::NEG_INFINITY, f64::INFINITY]
            .map(|side| values.iter().copied().filter(|v| limits.rank(*v) == side).collect::<Vec<_>>());
        let own = (observation.censoring != Censoring::Quantified).then(|| {
            let [lower, upper] = observation.ends();
            let within: Vec<f64> = values.iter().copied().filter(|v| lower < *v && *v < upper).collect();
            scale(one_of(&within, &mut draw, observation.value))
        });
        let mut replace = |value: f64| match limits.rank(value) {
            f64::NEG_INFINITY => scale(one_of(&beyond[0], &mut draw, value)),
            f64::INFINITY => scale(one_of(&beyond[1], &mut draw, value)),
            rank => scale(rank),
        };
        observed.push(own.unwrap_or_else(|| replace(observation.value)));
        for (replicate, value) in simulated.iter_mut().zip(&values) {
            replicate.push(replace(*value));
        }
    }
    let mut out = vec![f64::NAN; n];
    let quantile = |error: f64| Normal::standard().inverse_cdf(error);
    for &i in &alone {
        let observation = &subject.observations[i];
        let limits = limits.get(observation.analyte).copied().unwrap_or_default();
        let count = solved.len() as f64;
        let share = |is: &dyn Fn(f64) -> bool| {
            solved.iter().filter(|values| is(f64::from(values[i]))).count() as f64 / count
        };
        let [lower, upper] = observation.ends();
        let error = match observation.censoring {
            Censoring::Quantified => {
                let below = share(&|value| limits.rank(value) < observation.value);
                (below * count + 0.5) / (count + 1.0)
            }
            Censoring::Below | Censoring::Above => {
                let within = share(&|value| lower < value && value < upper);
                share(&|value| value <= lower) + within * draw.uniform()
            }
        };
        out[i] = if error > 0.0 && error < 1.0 { quantile(error) } else { f64::NAN };
    }
    for (&i, error) in sound.iter().zip(prediction_errors(&observed, &simulated)) {
        out[i] = if error.is_nan() { f64::NAN } else { quantile(error) };
    }
    out
}

/// A random element of `values`, or `otherwise` if there is none.
fn one_of(values: &[f64], draw: &mut SubjectStream, otherwise: f64) -> f64 {
    let at = (draw.uniform() * values.len() as f64) as usize;
    values.get(at).copied().unwrap_or(otherwise)
}

/// Prediction distribution errors, between 0 and 1, of `observed` among `simulated` replicates of equal length, after
/// decorrelation. NaN if the replicates are too few or too similar for a covariance of full rank.
///
/// ```
/// use omafit_estimate::prediction_errors;
/// // One observation: its rank among the simulations.
/// let simulated: Vec<Vec<f64>> = (0..99).map(|k| vec![f64::from(k)]).collect();
/// assert_eq!(prediction_errors(&[24.5], &simulated), [0.255]);
/// assert_eq!(prediction_errors(&[-1.0], &simulated), [0.005]);
/// ```
pub fn prediction_errors(observed: &[f64], simulated: &[Vec<f64>]) -> Vec<f64> {
    let (n, k) = (observed.len(), simulated.len());
    let unknown = vec![f64::NAN; n];
    if n == 0 || k <= n {
        return unknown;
    }
    let mut centred = DMatrix::from_fn(n, k + 1, |i, r| simulated.get(r).map_or(observed[i], |s| s[i]));
    for i in 0..n {
        let mean = centred.row(i).mean();
        centred.row_mut(i).add_scalar_mut(-mean);
    }
    let covariance = &centred * centred.transpose() / k as f64;
    let Some(cholesky) = Cholesky::new(covariance) else { return unknown };
    if !cholesky.l_dirty().solve_lower_triangular_mut(&mut centred) {
        return unknown;
    }
    let place = |i: usize| {
        let own = centred[(i, k)];
        let below = centred.row(i).iter().filter(|v| **v < own).count();
        (below as f64 + 0.5) / (k + 1) as f64
    };
    (0..n).map(place).collect()
}
