//! What one observation says of its prediction: −2 log-likelihood, without the constant ln 2π.
//!
//! With f the prediction, g its standard deviation and Φ the standard normal distribution:
//!
//! ```text
//! log-normal          ((ln y − ln f)/σ)² + ln σ²
//! normal              ((y − f)/g)² + ln g²,            g² = a² + (b·f)²
//! below a limit L     −2 ln Φ(z),   z = (ln L − ln f)/σ   or (L − f)/g
//! above a limit U     −2 ln Φ(−z),  z = (ln U − ln f)/σ   or (U − f)/g
//! ```
//!
//! A variance that depends on the prediction is part of the likelihood, not a frozen weight. For the least squares each
//! observation is one row r of slope √w, so that the gradient r·√w is that of the likelihood and w its curvature; for
//! log-normal values r² is the likelihood itself.

use crate::normal::{log_cdf, mills};
use omafit_model::{Censoring, ErrorModel, Observation};

/// An observation's part of the likelihood, as a function of its prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// −2 log-likelihood without ln 2π and without ln σ² of a log-normal error, which nothing in a subject changes.
    pub value: f64,
    /// Half its derivative to the prediction.
    pub slope: f64,
    /// The information on the prediction: half the expected second derivative, and of a censored observation what a
    /// linear z leaves of it; not negative.
    pub curvature: f64,
    /// Half its second derivative in the prediction.
    pub bend: f64,
}

/// The part of `observation` where `prediction` is predicted.
pub fn contribution(observation: &Observation, error: ErrorModel, prediction: f64) -> Contribution {
    let (f, y) = (prediction, observation.value);
    let [z, slope_of_z, bend_of_z] = standardised(error, f, y);
    match observation.censoring {
        Censoring::Quantified => match error {
            ErrorModel::LogNormal { .. } => {
                let curvature = slope_of_z * slope_of_z;
                let bend = curvature + z * bend_of_z;
                Contribution { value: z * z, slope: z * slope_of_z, curvature, bend }
            }
            ErrorModel::Normal { proportional, .. } => {
                let g = error.sd(f);
                // (ln g)' and (ln g)''.
                let b = proportional * proportional / (g * g);
                let by_log = b * f;
                let by_log_twice = b - 2.0 * by_log * by_log;
                Contribution {
                    value: z * z + 2.0 * g.ln(),
                    slope: z * slope_of_z + by_log,
                    curvature: 1.0 / (g * g) + 2.0 * by_log * by_log,
                    bend: slope_of_z * slope_of_z + z * bend_of_z + by_log_twice,
                }
            }
        },
        Censoring::Below => censored(z, slope_of_z, bend_of_z),
        Censoring::Above => censored(-z, -slope_of_z, -bend_of_z),
    }
}

/// −2 ln Φ(z) for a z with the derivatives `by_f` and `bend` to the prediction.
fn censored(z: f64, by_f: f64, bend: f64) -> Contribution {
    let ratio = mills(z);
    let curvature = (ratio * (ratio + z)).max(0.0) * by_f * by_f;
    Contribution { value: -2.0 * log_cdf(z), slope: -ratio * by_f, curvature, bend: curvature - ratio * bend }
}

/// (y − f)/g on the scale of the error, and its two derivatives to f.
fn standardised(error: ErrorModel, f: f64, y: f64) -> [f64; 3] {
    match error {
        ErrorModel::LogNormal { sd } => {
            let slope = -1.0 / (sd * f);
            [(y.ln() - f.ln()) / sd, slope, -slope / f]
        }
        ErrorModel::Normal { proportional, .. } => {
            let g = error.sd(f);
            let z = (y - f) / g;
            // g'/g and g''/g.
            let b = proportional * proportional / (g * g);
            let (by_f, twice) = (b * f, b - (b * f) * (b * f));
            let slope = -1.0 / g - z * by_f;
            [z, slope, -2.0 * slope * by_f - z * twice]
        }
    }
}

/// The weighted residual of an observation, (y − f)/g on the scale of the error; NaN of a censored one.
pub fn weighted_residual(observation: &Observation, error: ErrorModel, prediction: f64) -> f64 {
    match observation.censoring {
        Censoring::Quantified => standardised(error, prediction, observation.value)[0],
        Censoring::Below | Censoring::Above => f64::NAN,
    }
}

/// What [`Contribution::value`] leaves out of −2 log-likelihood: ln σ² of a log-normal error, and with `full` ln 2π
/// and, as densities are of values and not of logarithms, ln y².
pub fn constant(observation: &Observation, error: ErrorModel, full: bool) -> f64 {
    if observation.censoring != Censoring::Quantified {
        return 0.0;
    }
    let pi = if full { (2.0 * std::f64::consts::PI).ln() } else { 0.0 };
    match error {
        ErrorModel::LogNormal { sd } => {
            pi + 2.0 * sd.ln() + if full { 2.0 * observation.value.ln() } else { 0.0 }
        }
        ErrorModel::Normal { .. } => pi,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::Analyte;

    fn observed(value: f64, censoring: Censoring) -> Observation {
        Observation { time: 0.0, analyte: Analyte::IgeFree, value, censoring, doses_before: 0, row: 0 }
    }

    const ERRORS: [ErrorModel; 4] = [
        ErrorModel::LogNormal { sd: 0.3 },
        ErrorModel::Normal { additive: 2.0, proportional: 0.0 },
        ErrorModel::Normal { additive: 0.0, proportional: 0.25 },
        ErrorModel::Normal { additive: 1.5, proportional: 0.2 },
    ];

    /// The density of an observation of which the mean is `f`.
    fn density(error: ErrorModel, f: f64, y: f64) -> f64 {
        let normal = |z: f64, sd: f64| (-0.5 * z * z).exp() / (sd * (2.0 * std::f64::consts::PI).sqrt());
        match error {
            ErrorModel::LogNormal { sd } => normal((y.ln() - f.ln()) / sd, sd) / y,
            ErrorModel::Normal { additive, proportional } => {
                let g = (additive * additive + (proportional * f).powi(2)).sqrt();
                normal((y - f) / g, g)
            }
        }
    }

    #[test]
    fn it_is_the_density_written_out() {
        for error in ERRORS {
            for (f, y) in [(10.0, 12.0), (3.0, 0.7), (40.0, 39.0)] {
                let o = observed(y, Censoring::Quantified);
                let found = contribution(&o, error, f).value + constant(&o, error, true);
                assert!((found + 2.0 * density(error, f, y).ln()).abs() < 1e-12, "{error:?}");
            }
        }
    }

    #[test]
    fn a_censored_value_is_the_integral_of_the_density() {
        for error in ERRORS {
            for (f, limit) in [(10.0, 12.0), (3.0, 1.5), (20.0, 16.0)] {
                // Simpson's rule on either side; a log-normal density begins at zero.
                let integral = |from: f64, to: f64| {
                    let n = 400_000;
                    let h = (to - from) / f64::from(n);
                    let at = |i: i32| density(error, f, from + f64::from(i) * h);
                    let inner: f64 = (1..n).map(|i| at(i) * f64::from(2 + 2 * (i % 2))).sum();
                    h / 3.0 * (at(0) + inner + at(n))
                };
                let far = if error.is_log() { 1e-9 } else { -150.0 };
                let below = contribution(&observed(limit, Censoring::Below), error, f).value;
                assert!((below + 2.0 * integral(far, limit).ln()).abs() < 1e-7, "{error:?} {f} {limit}");
                let above = contribution(&observed(limit, Censoring::Above), error, f).value;
                assert!((above + 2.0 * integral(limit, 300.0).ln()).abs() < 1e-7, "{error:?} {f} {limit}");
            }
        }
    }

    #[test]
    fn slopes_are_those_of_differences_far_into_the_tails() {
        for error in ERRORS {
            for censoring in [Censoring::Quantified, Censoring::Below, Censoring::Above] {
                for (f, y) in [(10.0, 12.0), (3.0, 0.7), (60.0, 0.5), (0.5, 60.0), (10.0, 150.0)] {
                    let o = observed(y, censoring);
                    let value = |f: f64| contribution(&o, error, f).value;
                    let h = 1e-4 * f;
                    let difference = (8.0 * (value(f + h) - value(f - h))
                        - (value(f + 2.0 * h) - value(f - 2.0 * h)))
                        / (24.0 * h);
                    let found = contribution(&o, error, f);
                    let gap = (found.slope - difference).abs();
                    assert!(
                        gap < 1e-6 * difference.abs() + 1e-9,
                        "{error:?} {o:?} {f}: {} {difference}",
                        found.slope
                    );
                    assert!(found.curvature >= 0.0 && found.curvature.is_finite());
                    let slope = |f: f64| contribution(&o, error, f).slope;
                    let difference = (8.0 * (slope(f + h) - slope(f - h))
                        - (slope(f + 2.0 * h) - slope(f - 2.0 * h)))
                        / (12.0 * h);
                    let gap = (found.bend - difference).abs();
                    assert!(
                        gap < 1e-6 * difference.abs() + 1e-9,
                        "{error:?} {o:?} {f}: {} {difference}",
                        found.bend
                    );
                }
            }
        }
    }
}
