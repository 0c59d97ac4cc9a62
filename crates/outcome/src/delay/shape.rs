//! Delay models: the response of an outcome to the course of free IgE.
//!
//! An outcome is R(t) = B + E·w(t), with w(0) = 0. With C the free IgE, C₀ its value at the first dose, and f the link:
//!
//! * direct: w = f(C) − f(C₀)
//! * effect compartment: w = f(Cₑ) − f(C₀), dCₑ/dt = k·(C − Cₑ)
//! * indirect response, production: dw/dt = k·(f(C) − f(C₀) − w), which is dR/dt = k·Rmax·(1 − Imax·f(C)) − k·R (Zhu
//!   2013)
//! * indirect response, loss: dR/dt = kin − k·(1 + (e^α − 1)·f(C))·R, so that E = B and w = R/B − 1
//! * transit chain: the production model through n compartments of rate k
//!
//! f is C/100 (linear), ln C (logarithmic), C/(C50 + C) (Emax) or C^g/(C50^g + C^g) (sigmoid).
//!
//! Another exposure on its own scale can take the place of free IgE.

use super::chain::{Filtered, chain, turnover};
use super::driver::{Driver, DriverKnots, Knot};
use crate::exposure::{Exposure, ExposureCourse};
use crate::measure::Per;
use omafit_model::Real;
use serde::{Deserialize, Serialize};

/// The structure of the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// A direct response without delay.
    Direct,
    /// An effect compartment.
    Effect,
    /// An indirect response (turnover model) with an effect on production.
    Production,
    /// An indirect response (turnover model) with an effect on loss.
    Loss,
    /// A transit chain with the given number of compartments.
    Transit(u8),
}

/// The link from free IgE to the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Proportional to the concentration.
    Linear,
    /// Proportional to the logarithm of the concentration.
    Logarithmic,
    /// Emax: hyperbolic with a maximum.
    Emax,
    /// Sigmoid Emax: with a maximum and a steepness.
    Sigmoid,
}

/// A delay model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayModel {
    /// The structure of the delay.
    pub structure: Structure,
    /// The link from free IgE to the effect.
    pub link: Link,
}

/// A parameter on which w or g depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// The rate k, 1/d.
    Rate,
    /// C50, the half-effect concentration, ng/mL.
    Half,
    /// The steepness g.
    Steepness,
    /// α, the logarithm of the ratio of the loss rate at infinite free IgE to that without free IgE.
    LossRise,
    /// κ, the rate of an exponential course in time, 1/d.
    CourseRate,
}

/// Fraction of a parameter's range, from either end, within which a value counts as at that end.
const AT_LIMIT: f64 = 0.01;

impl Parameter {
    /// The name of the parameter in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "k",
            Self::Half => "C50",
            Self::Steepness => "g",
            Self::LossRise => "alpha",
            Self::CourseRate => "kappa",
        }
    }

    /// The unit of the parameter.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Rate | Self::CourseRate => "1/d",
            Self::Half => "ng/mL",
            Self::Steepness | Self::LossRise => "",
        }
    }

    /// The range of the parameter in estimation.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::Rate => (0.001, 2.0),
            Self::Half => (1.0, 2000.0),
            Self::Steepness => (0.5, 20.0),
            Self::LossRise => (-4.0, 4.0),
            Self::CourseRate => (0.002, 0.5),
        }
    }

    /// Values at which a descent may begin: delays of a week to a quarter, half-effects around usual levels under
    /// treatment, placebo responses of two weeks to two months.
    pub(crate) const fn starts(self) -> &'static [f64] {
        match self {
            Self::Rate => &[0.02, 0.07, 0.25],
            Self::Half => &[15.0, 50.0, 200.0],
            Self::Steepness => &[1.5, 5.0],
            Self::LossRise => &[-1.0, 1.0],
            Self::CourseRate => &[0.015, 0.07],
        }
    }

    /// Whether the value of an unknown is at an end of its range.
    pub(crate) fn is_at_limit(self, unknown: f64) -> bool {
        let share = 1.0 / (1.0 + (-unknown).exp());
        !(AT_LIMIT..=1.0 - AT_LIMIT).contains(&share)
    }

    /// The value at the unknown `x`: a logistic curve within the range, on the logarithmic scale for all parameters
    /// except α.
    pub(crate) fn value<T: Real>(self, x: T) -> T {
        let (low, high) = self.range();
        let share = logistic(x);
        match self {
            Self::LossRise => share * (high - low) + low,
            _ => (share * (high / low).ln() + low.ln()).exp(),
        }
    }

    /// The unknown of a parameter value.
    pub(crate) fn unknown(self, value: f64) -> f64 {
        let (low, high) = self.range();
        let share = match self {
            Self::LossRise => (value - low) / (high - low),
            _ => (value / low).ln() / (high / low).ln(),
        };
        (share / (1.0 - share)).ln()
    }
}

/// The logistic function 1/(1 + e⁻ˣ).
#[inline(always)]
fn logistic<T: Real>(x: T) -> T {
    T::constant(1.0) / ((-x).exp_within() + 1.0)
}

impl DelayModel {
    /// All candidate models. A linear effect compartment equals the linear production model and is not repeated; a
    /// linear loss could become negative and is excluded; the logarithmic link is used only in the test of a delay.
    pub fn all() -> Vec<Self> {
        let of = |structure, links: &[Link]| {
            links.iter().map(|&link| Self { structure, link }).collect::<Vec<_>>()
        };
        let (three, two) = ([Link::Linear, Link::Emax, Link::Sigmoid], [Link::Emax, Link::Sigmoid]);
        let chains = [2, 3, 4].map(|n| of(Structure::Transit(n), &three));
        let others = [
            of(Structure::Direct, &three),
            of(Structure::Effect, &two),
            of(Structure::Production, &three),
            of(Structure::Loss, &two),
        ];
        others.into_iter().chain(chains).flatten().collect()
    }

    /// The name of the model in tables, such as `production_emax`.
    pub fn name(self) -> String {
        let structure = match self.structure {
            Structure::Direct => "direct".to_owned(),
            Structure::Effect => "effect".to_owned(),
            Structure::Production => "production".to_owned(),
            Structure::Loss => "loss".to_owned(),
            Structure::Transit(n) => format!("transit{n}"),
        };
        let link = match self.link {
            Link::Linear => "linear",
            Link::Logarithmic => "logarithmic",
            Link::Emax => "emax",
            Link::Sigmoid => "sigmoid",
        };
        format!("{structure}_{link}")
    }

    /// The parameters on which w depends.
    pub fn parameters(self) -> Vec<Parameter> {
        let rate = (self.structure != Structure::Direct).then_some(Parameter::Rate);
        let half = matches!(self.link, Link::Emax | Link::Sigmoid).then_some(Parameter::Half);
        let steepness = (self.link == Link::Sigmoid).then_some(Parameter::Steepness);
        let rise = self.is_loss().then_some(Parameter::LossRise);
        [rate, half, steepness, rise].into_iter().flatten().collect()
    }

    /// Whether the effect is a fraction of the baseline and has no coefficient of its own.
    pub fn is_loss(self) -> bool {
        self.structure == Structure::Loss
    }

    /// The unit of w.
    pub(crate) const fn unit(self) -> Per {
        match self.link {
            Link::Linear => Per::Hundred,
            Link::Logarithmic => Per::Log,
            Link::Emax | Link::Sigmoid => Per::One,
        }
    }

    /// The values of w on some days of a patient's course of an exposure; half-effects are on the exposure's scale.
    pub fn on(self, values: &[f64], course: &ExposureCourse, exposure: Exposure, days: &[f64]) -> Vec<f64> {
        let knots = DriverKnots::new(course, exposure, days);
        let shape = self.shape(values, knots.driver());
        (0..days.len()).map(|k| knots.read(&shape, k)).collect()
    }

    /// The values of w at the knots of the driver, for parameter values in the order of [`DelayModel::parameters`].
    pub fn shape<T: Filtered<Constant = f64>>(self, values: &[T], driver: Driver<'_>) -> Vec<T> {
        self.shape_over(values, &driver.knots())
    }

    /// The values of w at given knots.
    #[inline(always)]
    pub(super) fn shape_over<T: Filtered>(self, values: &[T], knots: &[Knot<T::Constant>]) -> Vec<T> {
        let all = self.parameters();
        let value = |p: Parameter| all.iter().position(|q| *q == p).map_or(T::constant(1.0), |i| values[i]);
        let k = value(Parameter::Rate);
        let link = Linked {
            link: self.link,
            log_half: value(Parameter::Half).ln(),
            steepness: value(Parameter::Steepness),
        };
        if self.structure == Structure::Effect {
            let input: Vec<T> = knots.iter().map(|knot| T::fixed(knot.value)).collect();
            let felt: Vec<T> = chain(knots, &input, k, 1).into_iter().map(|c| link.of(c, c.ln())).collect();
            return from_first(felt);
        }
        let felt = knots.iter().map(|knot| link.of(T::fixed(knot.value), T::fixed(knot.log)));
        let felt: Vec<T> = felt.collect();
        match self.structure {
            Structure::Direct | Structure::Effect => from_first(felt),
            Structure::Production => chain(knots, &from_first(felt), k, 1),
            Structure::Transit(n) => chain(knots, &from_first(felt), k, usize::from(n)),
            Structure::Loss => {
                let rise = value(Parameter::LossRise).exp() + -1.0;
                let rates: Vec<T> = felt.into_iter().map(|f| rise * f + 1.0).collect();
                let Some(&first) = rates.first() else { return Vec::new() };
                let lambda: Vec<T> = rates.into_iter().map(|r| r / first).collect();
                turnover(knots, &lambda, k * first).into_iter().map(|rho| rho + -1.0).collect()
            }
        }
    }
}

#[inline(always)]
fn from_first<T: Real>(values: Vec<T>) -> Vec<T> {
    let Some(&first) = values.first() else { return values };
    values.into_iter().map(|v| v - first).collect()
}

struct Linked<T> {
    link: Link,
    log_half: T,
    steepness: T,
}

impl<T: Real> Linked<T> {
    #[inline(always)]
    fn of(&self, c: T, log: T) -> T {
        match self.link {
            Link::Linear => c * 0.01,
            Link::Logarithmic => log,
            Link::Emax => logistic(log - self.log_half),
            Link::Sigmoid => logistic(self.steepness * (log - self.log_half)),
        }
    }
}
