//! What one observation says of its prediction: −2 log-likelihood, without the constant of its shape.
//!
//! With f the prediction, g its standard deviation, and p the density and F the distribution function of the
//! standardised residual ([`Shape`]: normal, or Student's t):
//!
//! ```text
//! log-normal          −2 ln p(z) + ln σ²,   z = (ln y − ln f)/σ
//! normal              −2 ln p(z) + ln g²,   z = (y − f)/g,   g² = a² + (b·f)²
//! below a limit L     −2 ln F(z),   z = (ln L − ln f)/σ   or (L − f)/g
//! above a limit U     −2 ln F(−z),  z = (ln U − ln f)/σ   or (U − f)/g
//! ```
//!
//! A variance that depends on the prediction is part of the likelihood, not a frozen weight. For the least squares each
//! observation is one row r of slope √w, so that the gradient r·√w is that of the likelihood and w its curvature; for
//! log-normal values under the normal shape r² is the likelihood itself.

use crate::shape::Shape;
use omafit_model::{Analyte, Censoring, ErrorModel, Observation, PopulationModel};

/// How observations depart from their predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// Scale and size of the error.
    pub error: ErrorModel,
    /// Its distribution on that scale.
    pub shape: Shape,
}

/// The residual error of each analyte, in the order of their `DVID`; `None` of one that the model does not predict.
pub type Errors = [Option<ErrorModel>; 3];

/// The residual errors that a model gives.
pub fn given_errors(model: &PopulationModel) -> Errors {
    Analyte::ALL.map(|analyte| model.residual(analyte).map(|residual| residual.error))
}

/// An observation's part of the likelihood, as a function of its prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// −2 log-likelihood without that of a standardised residual of zero (ln 2π of the normal shape) and without ln σ²
    /// of a log-normal error, which no parameter of the model changes.
    pub value: f64,
    /// Half its derivative to the prediction.
    pub slope: f64,
    /// The information on the prediction: half the expected second derivative, and of a censored observation what a
    /// linear z leaves of it; not negative, and of Student's t less of an outlier.
    pub curvature: f64,
    /// Half its second derivative in the prediction.
    pub bend: f64,
}

/// The part of `observation` where `prediction` is predicted.
pub fn contribution(observation: &Observation, law: Law, prediction: f64) -> Contribution {
    let Law { error, shape } = law;
    let (f, y) = (prediction, observation.value);
    let [z, slope_of_z, bend_of_z] = standardised(error, f, y);
    match observation.censoring {
        Censoring::Quantified => {
            let (value, score) = (shape.deviance(z), shape.score(z));
            let information = shape.curvature_on_location(z);
            // Of −ln p(z) as a function of the prediction.
            let bend = shape.slope_of_score(z) * slope_of_z * slope_of_z + score * bend_of_z;
            match error {
                ErrorModel::LogNormal { .. } => Contribution {
                    value,
                    slope: score * slope_of_z,
                    curvature: information * slope_of_z * slope_of_z,
                    bend,
                },
                ErrorModel::Normal { proportional, .. } => {
                    let g = error.sd(f);
                    // (ln g)' and (ln g)''.
                    let b = proportional * proportional / (g * g);
                    let by_log = b * f;
                    let by_log_twice = b - 2.0 * by_log * by_log;
                    Contribution {
                        value: value + 2.0 * g.ln(),
                        slope: score * slope_of_z + by_log,
                        curvature: information / (g * g) + shape.information_on_scale() * by_log * by_log,
                        bend: bend + by_log_twice,
                    }
                }
            }
        }
        Censoring::Below => censored(shape, z, slope_of_z, bend_of_z),
        Censoring::Above => censored(shape, -z, -slope_of_z, -bend_of_z),
    }
}

/// −2 ln F(z) for a z with the derivatives `by_f` and `bend` to the prediction.
fn censored(shape: Shape, z: f64, by_f: f64, bend: f64) -> Contribution {
    let ratio = shape.mills(z);
    Contribution {
        value: -2.0 * shape.log_cdf(z),
        slope: -ratio * by_f,
        curvature: curvature_of_tail(shape, z, ratio) * by_f * by_f,
        bend: ratio * (ratio + shape.score(z)) * by_f * by_f - ratio * bend,
    }
}

/// −(ln F)″ at z, with its mills ratio; where that is not positive, as in the heavy tail of t, the squared slope.
pub(crate) fn curvature_of_tail(shape: Shape, z: f64, ratio: f64) -> f64 {
    let observed = ratio * (ratio + shape.score(z));
    match shape {
        Shape::Normal => observed.max(0.0),
        Shape::StudentT { .. } if observed > 0.1 * ratio * ratio => observed,
        Shape::StudentT { .. } => ratio * ratio,
    }
}

/// (y − f)/g on the scale of the error, and its two derivatives to f.
pub(crate) fn standardised(error: ErrorModel, f: f64, y: f64) -> [f64; 3] {
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

/// What [`Contribution::value`] leaves out of −2 log-likelihood: ln σ² of a log-normal error, and with `full` that of a
/// standardised residual of zero and, as densities are of values and not of logarithms, ln y².
pub fn constant(observation: &Observation, law: Law, full: bool) -> f64 {
    if observation.censoring != Censoring::Quantified {
        return 0.0;
    }
    let of_zero = if full { law.shape.deviance_of_zero() } else { 0.0 };
    match law.error {
        ErrorModel::LogNormal { sd } => {
            of_zero + 2.0 * sd.ln() + if full { 2.0 * observation.value.ln() } else { 0.0 }
        }
        ErrorModel::Normal { .. } => of_zero,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::Analyte;

    fn observed(value: f64, censoring: Censoring) -> Observation {
        Observation { time: 0.0, analyte: Analyte::IgeFree, value, censoring, doses_before: 0, row: 0 }
    }

    const SHAPES: [Shape; 3] = [Shape::Normal, Shape::StudentT { df: 4.0 }, Shape::StudentT { df: 1.5 }];
    const ERRORS: [ErrorModel; 4] = [
        ErrorModel::LogNormal { sd: 0.3 },
        ErrorModel::Normal { additive: 2.0, proportional: 0.0 },
        ErrorModel::Normal { additive: 0.0, proportional: 0.25 },
        ErrorModel::Normal { additive: 1.5, proportional: 0.2 },
    ];

    fn laws() -> impl Iterator<Item = Law> {
        SHAPES.into_iter().flat_map(|shape| ERRORS.map(|error| Law { error, shape }))
    }

    /// The density, on the scale of the error, of an observation of which the middle is `f`.
    fn density_on_scale(law: Law, f: f64, x: f64) -> f64 {
        let of_z = |z: f64| match law.shape {
            Shape::Normal => (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt(),
            Shape::StudentT { df } => {
                let gamma = statrs::function::gamma::gamma;
                gamma(0.5 * (df + 1.0)) / gamma(0.5 * df) / (df * std::f64::consts::PI).sqrt()
                    * (1.0 + z * z / df).powf(-0.5 * (df + 1.0))
            }
        };
        match law.error {
            ErrorModel::LogNormal { sd } => of_z((x - f.ln()) / sd) / sd,
            ErrorModel::Normal { additive, proportional } => {
                let g = (additive * additive + (proportional * f).powi(2)).sqrt();
                of_z((x - f) / g) / g
            }
        }
    }

    fn on_scale(law: Law, y: f64) -> f64 {
        if law.error.is_log() { y.ln() } else { y }
    }

    #[test]
    fn it_is_the_density_written_out() {
        for law in laws() {
            for (f, y) in [(10.0, 12.0), (3.0, 0.7), (40.0, 39.0)] {
                let o = observed(y, Censoring::Quantified);
                let found = contribution(&o, law, f).value + constant(&o, law, true);
                let jacobian = if law.error.is_log() { y } else { 1.0 };
                let density = density_on_scale(law, f, on_scale(law, y)) / jacobian;
                assert!((found + 2.0 * density.ln()).abs() < 1e-12, "{law:?}");
            }
        }
    }

    #[test]
    fn a_censored_value_is_the_integral_of_the_density() {
        for law in laws() {
            for (f, limit) in [(10.0, 12.0), (3.0, 1.5), (20.0, 16.0)] {
                // Simpson's rule in t, where z = sinh t: at 22 the heaviest tail has 1e-14 left.
                let (middle, scale) = (on_scale(law, f), law.error.sd(f));
                let at = |t: f64| density_on_scale(law, f, middle + scale * t.sinh()) * scale * t.cosh();
                let integral = |from: f64, to: f64| {
                    let n = 20_000;
                    let h = (to - from) / f64::from(n);
                    let inner: f64 =
                        (1..n).map(|i| at(from + f64::from(i) * h) * f64::from(2 + 2 * (i % 2))).sum();
                    h / 3.0 * (at(from) + inner + at(to))
                };
                let cut = ((on_scale(law, limit) - middle) / scale).asinh();
                let below = contribution(&observed(limit, Censoring::Below), law, f).value;
                assert!((below + 2.0 * integral(-22.0, cut).ln()).abs() < 1e-9, "{law:?} {f} {limit}");
                let above = contribution(&observed(limit, Censoring::Above), law, f).value;
                assert!((above + 2.0 * integral(cut, 22.0).ln()).abs() < 1e-9, "{law:?} {f} {limit}");
            }
        }
    }

    #[test]
    fn slopes_are_those_of_differences_far_into_the_tails() {
        for law in laws() {
            for censoring in [Censoring::Quantified, Censoring::Below, Censoring::Above] {
                for (f, y) in [(10.0, 12.0), (3.0, 0.7), (60.0, 0.5), (0.5, 60.0), (10.0, 150.0)] {
                    let o = observed(y, censoring);
                    let value = |f: f64| contribution(&o, law, f).value;
                    let h = 1e-4 * f;
                    let difference = (8.0 * (value(f + h) - value(f - h))
                        - (value(f + 2.0 * h) - value(f - 2.0 * h)))
                        / (24.0 * h);
                    let found = contribution(&o, law, f);
                    let gap = (found.slope - difference).abs();
                    assert!(
                        gap < 1e-6 * difference.abs() + 1e-9,
                        "{law:?} {o:?} {f}: {} {difference}",
                        found.slope
                    );
                    assert!(found.curvature >= 0.0 && found.curvature.is_finite());
                    let slope = |f: f64| contribution(&o, law, f).slope;
                    let difference = (8.0 * (slope(f + h) - slope(f - h))
                        - (slope(f + 2.0 * h) - slope(f - 2.0 * h)))
                        / (12.0 * h);
                    let gap = (found.bend - difference).abs();
                    assert!(
                        gap < 1e-6 * difference.abs() + 1e-9,
                        "{law:?} {o:?} {f}: {} {difference}",
                        found.bend
                    );
                    // A gradient is never lost for want of a curvature.
                    assert!(found.curvature > 0.0 || found.slope.abs() < 1e-9);
                }
            }
        }
    }
}
