//! An observation's likelihood and information with all the derivatives that a population's objective needs, by dual
//! numbers over the prediction and the parameters of the residual error.

use crate::normal::{log_cdf, mills};
use omafit_model::{Censoring, Dual, Elementary, ErrorModel, Observation, Real};

/// −2 log-likelihood ℓ of an observation without ln 2π, its information w on the prediction f, and their derivatives;
/// s₁ and s₂ are the logarithms of the error's standard deviations: the one of a log-normal error, additive and
/// proportional of a normal one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Parts {
    /// ℓ.
    pub value: f64,
    /// ∂ℓ/∂f.
    pub by_f: f64,
    /// ∂²ℓ/∂f².
    pub by_f_twice: f64,
    /// ∂ℓ/∂s.
    pub by_s: [f64; 2],
    /// ∂²ℓ/∂f∂s.
    pub by_f_s: [f64; 2],
    /// w.
    pub information: f64,
    /// ∂w/∂f.
    pub information_by_f: f64,
    /// ∂w/∂s.
    pub information_by_s: [f64; 2],
}

/// ln Φ.
struct LogCdf;

impl Elementary<1, 1> for LogCdf {
    fn values<T: Real>([z]: [T; 1]) -> [T; 1] {
        [T::constant(log_cdf(z.value()))]
    }
    fn values_and_gradients<T: Real>(z: [T; 1]) -> ([T; 1], [[T; 1]; 1]) {
        (T::apply::<1, 1, Self>(z), [T::apply::<1, 1, Mills>(z)])
    }
}

/// λ = φ/Φ, of derivative −λ(λ + z).
struct Mills;

impl Elementary<1, 1> for Mills {
    fn values<T: Real>([z]: [T; 1]) -> [T; 1] {
        [T::constant(mills(z.value()))]
    }
    fn values_and_gradients<T: Real>(z: [T; 1]) -> ([T; 1], [[T; 1]; 1]) {
        let [ratio] = T::apply::<1, 1, Self>(z);
        ([ratio], [[-(ratio * (ratio + z[0]))]])
    }
}

/// ℓ and w where `f` is predicted.
fn written<T: Real>(observation: &Observation, error: ErrorModel, f: T, [s1, s2]: [T; 2]) -> (T, T) {
    let y = observation.value;
    // z, and −f·dz/df or −dz/df.
    let (z, scale, log_variance) = match error {
        ErrorModel::LogNormal { .. } => {
            let sd = s1.exp();
            ((-(f.ln()) + y.ln()) / sd, T::constant(1.0) / (sd * f), s1 * 2.0)
        }
        ErrorModel::Normal { .. } => {
            let (additive, proportional) = (s1.exp(), s2.exp() * f);
            let variance = additive * additive + proportional * proportional;
            let sd = variance.sqrt();
            (-(f + -y) / sd, T::constant(1.0) / sd, variance.ln())
        }
    };
    match observation.censoring {
        Censoring::Quantified => {
            let information = match error {
                ErrorModel::LogNormal { .. } => scale * scale,
                ErrorModel::Normal { .. } => {
                    // (g'/g) = b²f/g².
                    let proportional = s2.exp();
                    let by_log = proportional * proportional * f * scale * scale;
                    scale * scale + by_log * by_log * 2.0
                }
            };
            (z * z + log_variance, information)
        }
        Censoring::Below | Censoring::Above => {
            let slope = match error {
                ErrorModel::LogNormal { .. } => scale,
                ErrorModel::Normal { .. } => {
                    let proportional = s2.exp();
                    scale + z * proportional * proportional * f * scale * scale
                }
            };
            let side = if observation.censoring == Censoring::Below { z } else { -z };
            let [ratio] = T::apply::<1, 1, Mills>([side]);
            let [log_share] = T::apply::<1, 1, LogCdf>([side]);
            (log_share * -2.0, ratio * (ratio + side) * slope * slope)
        }
    }
}

/// The parts of an observation where `f` is predicted.
pub(super) fn parts(observation: &Observation, error: ErrorModel, f: f64) -> Parts {
    type Twice = Dual<Dual<f64, 3>, 3>;
    let (first, second) = match error {
        ErrorModel::LogNormal { sd } => (sd.ln(), f64::NEG_INFINITY),
        ErrorModel::Normal { additive, proportional } => (additive.ln(), proportional.ln()),
    };
    // A part that is not there stays not there.
    let variable = |value: f64, lane: usize| {
        if value == f64::NEG_INFINITY {
            Twice::constant(value)
        } else {
            Twice::variable(Dual::variable(value, lane), lane)
        }
    };
    let (value, information) =
        written(observation, error, variable(f, 0), [variable(first, 1), variable(second, 2)]);
    Parts {
        value: value.value(),
        by_f: value.eps[0].re,
        by_f_twice: value.eps[0].eps[0],
        by_s: [value.eps[1].re, value.eps[2].re],
        by_f_s: [value.eps[0].eps[1], value.eps[0].eps[2]],
        information: information.value(),
        information_by_f: information.eps[0].re,
        information_by_s: [information.eps[1].re, information.eps[2].re],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likelihood::{Law, constant, contribution};
    use crate::shape::Shape;
    use omafit_model::Analyte;

    #[test]
    fn it_is_the_likelihood_of_a_subjects_fit_and_its_differences() {
        let errors = [
            |s: [f64; 2]| ErrorModel::LogNormal { sd: s[0].exp() },
            |s: [f64; 2]| ErrorModel::Normal { additive: s[0].exp(), proportional: 0.0 },
            |s: [f64; 2]| ErrorModel::Normal { additive: 0.0, proportional: s[1].exp() },
            |s: [f64; 2]| ErrorModel::Normal { additive: s[0].exp(), proportional: s[1].exp() },
        ];
        let s = [0.3_f64.ln(), 0.2_f64.ln()];
        for error in errors {
            for censoring in [Censoring::Quantified, Censoring::Below, Censoring::Above] {
                for (f, value) in [(10.0, 12.0), (3.0, 1.7), (5.0, 5.1)] {
                    let o = Observation {
                        time: 0.0,
                        analyte: Analyte::IgeFree,
                        value,
                        censoring,
                        doses_before: 0,
                        row: 0,
                    };
                    let of = |s: [f64; 2], f: f64| parts(&o, error(s), f);
                    let found = of(s, f);
                    let expected = contribution(&o, Law { error: error(s), shape: Shape::Normal }, f);
                    let near = |a: f64, b: f64| {
                        assert!((a - b).abs() < 1e-7 * (1.0 + b.abs()), "{:?} {o:?} {a} {b}", error(s));
                    };
                    near(
                        found.value,
                        expected.value + constant(&o, Law { error: error(s), shape: Shape::Normal }, false),
                    );
                    near(found.by_f, 2.0 * expected.slope);
                    near(found.by_f_twice, 2.0 * expected.bend);
                    near(found.information, expected.curvature);
                    let h = 1e-3;
                    let slope = |at: &dyn Fn(f64) -> f64| {
                        (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
                    };
                    let by_f = |of_parts: &dyn Fn(&Parts) -> f64| slope(&|step| of_parts(&of(s, f + step)));
                    near(found.information_by_f, by_f(&|p| p.information));
                    for k in 0..2 {
                        let moved = |step: f64| {
                            let mut s = s;
                            s[k] += step;
                            of(s, f)
                        };
                        let by_s = |of_parts: &dyn Fn(&Parts) -> f64| slope(&|step| of_parts(&moved(step)));
                        near(found.by_s[k], by_s(&|p| p.value));
                        near(found.by_f_s[k], by_s(&|p| p.by_f));
                        near(found.information_by_s[k], by_s(&|p| p.information));
                    }
                }
            }
        }
    }
}
