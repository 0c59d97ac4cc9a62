//! Profile-likelihood interval of a population parameter: the values at which the FOCE objective, minimised over all
//! other parameters, has risen by the quantile of χ² with one degree of freedom.
//!
//! The ends are found by Newton's method on the square root of the rise, whose slope follows from the derivative of the
//! objective with respect to the parameter held. The profile remains valid where the Hessian at the estimates is
//! unreliable, as for a parameter that the data hardly determine.

use super::fit::descended;
use super::objective::{Foce, Point, PopulationFit, PopulationOptions};
use super::quasi_newton::{Iteration, Objective as _};
use super::space::{EstimatedParameter, ParameterVector};
use super::uncertainty::population_estimates;
use super::watch::Observer;
use omafit_model::Subject;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// A point of a likelihood profile.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationProfilePoint {
    /// Value of the parameter, in its unit.
    pub value: f64,
    /// Rise of the objective above its value at the estimates.
    pub rise: f64,
}

/// A likelihood profile.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationProfile {
    /// Name of the parameter.
    pub name: String,
    /// Unit of the parameter.
    pub unit: String,
    /// Estimate of the parameter.
    pub estimate: f64,
    /// Coverage of the interval.
    pub level: f64,
    /// Ends of the interval; where the objective never rises far enough, the end of the parameter's scale: zero, infinity or
    /// a bound.
    pub interval: [f64; 2],
    /// Points at which the objective was minimised, in order of value.
    pub points: Vec<PopulationProfilePoint>,
}

/// Reason why there is no profile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// The name is not that of a parameter that can be profiled.
    #[error("{name} is no estimated number that has a profile: {known}")]
    Unknown {
        /// The name requested.
        name: String,
        /// The names available.
        known: String,
    },
    /// The objective is lower elsewhere than at the estimates.
    #[error(
        "with {name} at {value} the objective is lower by {by:.4} than at the estimates: the run is not at its minimum; fit \
         again from there"
    )]
    Lower {
        /// Name of the parameter.
        name: String,
        /// Value at which the parameter is held.
        value: f64,
        /// Decrease of the objective.
        by: f64,
    },
    /// The objective cannot be computed, or its minimum over the other parameters is not found.
    #[error("the other numbers cannot be estimated with {name} at {value}: {why}")]
    NotFound {
        /// Name of the parameter.
        name: String,
        /// Value at which the parameter is held.
        value: f64,
        /// Reason of the failure.
        why: String,
    },
    /// The profile was interrupted.
    #[error("interrupted")]
    Interrupted,
}

/// Farthest distance from the estimate at which an end is sought, on the scale of the parameter vector: for a
/// logarithm, a factor of 22,000.
const FARTHEST: f64 = 10.0;
/// Distance at which a logarithm stands for infinity, for numbers that are not defined at infinity.
const FAR: f64 = 700.0;
/// Relative accuracy of an end, in terms of the root of the rise.
const CLOSE: f64 = 1e-3;
const MOST_STEPS: usize = 25;
/// Decrease of the objective that is tolerated.
const NONE: f64 = 1e-3;
/// First step if no standard error is known, on the scale of the parameter vector.
const FIRST: f64 = 0.3;

/// The estimated parameters that can be profiled, namely those determined by a single coordinate, each with its
/// coordinate and its position among the estimates.
fn profiled(fit: &PopulationFit) -> Vec<(String, String, usize, usize)> {
    let estimates = population_estimates(&fit.model, &fit.space, None);
    let values = fit.numbers(&fit.vector);
    let alone = |row: usize, space: &ParameterVector| {
        let is_load = |c: &EstimatedParameter| matches!(*c, EstimatedParameter::Cholesky { row: r, column } if r == row && column < row);
        !space.coordinates().iter().any(is_load)
    };
    let of = |(k, coordinate): (usize, &EstimatedParameter)| {
        let has_one = match *coordinate {
            EstimatedParameter::Cholesky { row, column } => row == column && alone(row, &fit.space),
            _ => true,
        };
        let mut moved = fit.vector.clone();
        moved[k] += 1e-3;
        let there = fit.numbers(&moved);
        let position = (0..values.len()).find(|&i| there[i] != values[i]).filter(|_| has_one)?;
        Some((estimates[position].name.clone(), estimates[position].unit.clone(), k, position))
    };
    fit.space.coordinates().iter().enumerate().filter_map(of).collect()
}

/// Computes the likelihood profile of the parameter with the given name around a fit.
///
/// # Errors
/// If the name is not that of a parameter that can be profiled, the objective is lower elsewhere, its minimum over the
/// other parameters is not found, or `watch` interrupts the profile.
pub fn population_profile(
    fit: &PopulationFit,
    subjects: &[Subject],
    name: &str,
    level: f64,
    options: PopulationOptions,
    watch: &dyn Observer,
) -> Result<PopulationProfile, ProfileError> {
    let all = profiled(fit);
    let Some((name, unit, k, position)) = all.iter().find(|(known, ..)| known == name).cloned() else {
        let known = all.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(ProfileError::Unknown { name: name.into(), known });
    };
    let distance = ChiSquared::new(1.0).map_or(f64::NAN, |chi| chi.inverse_cdf(level)).sqrt();
    let covariance = fit.uncertainty.as_ref().ok().map(|u| &u.r).filter(|r| r[(k, k)] > 0.0);
    let first = covariance.map_or(FIRST, |r| (distance * r[(k, k)].sqrt()).clamp(1e-4, 2.0));
    let foce = Foce { held: Some(k), ..Foce::new(&fit.model, &fit.space, subjects, watch) };
    let mut points = vec![PopulationProfilePoint { value: fit.numbers(&fit.vector)[position], rise: 0.0 }];
    let mut end = |side: f64| -> Result<f64, ProfileError> {
        let mut at = Point::of(fit);
        let mut away = side * first;
        let mut x = fit.vector.clone();
        if let Some(r) = covariance {
            (0..x.len()).for_each(|j| x[j] += r[(j, k)] / r[(k, k)] * away);
        }
        for _ in 0..MOST_STEPS {
            if !watch.go_on() {
                return Err(ProfileError::Interrupted);
            }
            x[k] = fit.vector[k] + away;
            let value = fit.numbers(&x)[position];
            let not_found = |why: String| ProfileError::NotFound { name: name.clone(), value, why };
            let (start, point) =
                foce.value(&x, &at).ok_or_else(|| not_found("the objective has no value there".into()))?;
            let begun = Iteration::begin(0, x.clone(), start, point);
            let (found, stop) =
                descended(foce, begun, options).map_err(|error| not_found(error.to_string()))?;
            if !stop.is_minimum() {
                return Err(not_found(stop.to_string()));
            }
            let rise = found.value - fit.ofv;
            if rise < -NONE {
                return Err(ProfileError::Lower { name: name.clone(), value, by: -rise });
            }
            points.push(PopulationProfilePoint { value, rise });
            let root = rise.max(0.0).sqrt();
            if (root - distance).abs() <= CLOSE * distance {
                return Ok(value);
            }
            if away.abs() >= FARTHEST && root < distance {
                let end_at = |far: f64| {
                    let mut beyond = found.x.clone();
                    beyond[k] = fit.vector[k] + side * far;
                    fit.numbers(&beyond)[position]
                };
                let limit = end_at(f64::INFINITY);
                return Ok(if limit.is_nan() { end_at(FAR) } else { limit });
            }
            // The derivative of √rise is the derivative of the objective divided by twice the root.
            let slope = found.at.slope(k) / (2.0 * root);
            let step = (distance - root) / slope;
            let sound = step.is_finite() && slope * side > 0.0;
            let next = side * if sound { away + step } else { 2.0 * away };
            away = side * next.clamp(0.3 * away.abs(), 3.0 * away.abs()).min(FARTHEST);
            (x, at) = (found.x, found.at);
        }
        Err(ProfileError::NotFound {
            name: name.clone(),
            value: fit.numbers(&x)[position],
            why: "the rise that is looked for is not met".into(),
        })
    };
    let interval = [end(-1.0)?, end(1.0)?];
    points.sort_by(|a, b| a.value.total_cmp(&b.value));
    let estimate = fit.numbers(&fit.vector)[position];
    Ok(PopulationProfile { name, unit, estimate, level, interval, points })
}
