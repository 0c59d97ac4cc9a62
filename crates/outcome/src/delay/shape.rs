//! The delay models: how an outcome follows the course of free IgE.
//!
//! An outcome is R(t) = B + E·w(t), with w(0) = 0. With C the free IgE, C₀ that at the first dose, and f the link:
//!
//! * direct: w = f(C) − f(C₀)
//! * effect compartment: w = f(Cₑ) − f(C₀), dCₑ/dt = k·(C − Cₑ)
//! * indirect response, production: dw/dt = k·(f(C) − f(C₀) − w); this is dR/dt = k·Rmax·(1 − Imax·f(C)) − k·R (Zhu 2013)
//! * indirect response, loss: dR/dt = kin − k·(1 + (e^α − 1)·f(C))·R, so that E = B and w = R/B − 1
//! * transit chain: the production model through n compartments of rate k
//!
//! f is C/100 (linear), ln C (logarithmic), C/(C50 + C) (Emax) or C^g/(C50^g + C^g) (sigmoid).
//!
//! C is free IgE, or another exposure on its own scale.

use super::chain::{Filtered, chain, turnover};
use super::driver::{Driver, DriverKnots, Knot};
use crate::exposure::{Exposure, ExposureCourse};
use crate::measure::Per;
use omafit_model::Real;
use serde::{Deserialize, Serialize};

/// How the outcome is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Not at all.
    Direct,
    /// An effect compartment.
    Effect,
    /// An indirect response of production.
    Production,
    /// An indirect response of loss.
    Loss,
    /// A chain of so many compartments.
    Transit(u8),
}

/// How free IgE acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// In proportion.
    Linear,
    /// In proportion to the logarithm.
    Logarithmic,
    /// With a ceiling.
    Emax,
    /// With a ceiling and a steepness.
    Sigmoid,
}

/// A delay model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayModel {
    /// How the outcome is held back.
    pub structure: Structure,
    /// How free IgE acts.
    pub link: Link,
}

/// A number of the model that w depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// The rate k, 1/d.
    Rate,
    /// C50, ng/mL.
    Half,
    /// The steepness g.
    Steepness,
    /// α, the logarithm of how many times faster the loss is at endless free IgE than without.
    LossRise,
    /// κ, the rate of an exponential course in time, 1/d.
    CourseRate,
}

/// A share of a parameter's range nearer to its ends than this is at them.
const AT_LIMIT: f64 = 0.01;

impl Parameter {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "k",
            Self::Half => "C50",
            Self::Steepness => "g",
            Self::LossRise => "alpha",
            Self::CourseRate => "kappa",
        }
    }

    /// Its unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Rate | Self::CourseRate => "1/d",
            Self::Half => "ng/mL",
            Self::Steepness | Self::LossRise => "",
        }
    }

    /// The range it is kept in.
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::Rate => (0.001, 2.0),
            Self::Half => (1.0, 2000.0),
            Self::Steepness => (0.5, 20.0),
            Self::LossRise => (-4.0, 4.0),
            Self::CourseRate => (0.002, 0.5),
        }
    }

    /// Values at which a descent may begin: delays of a week to a quarter, half-effects around the usual levels under treatment,
    /// responses to placebo of two weeks to two months.
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

    /// Its value where the unknown is `x`: within the range, on a logistic curve, of all but α on the logarithm.
    pub(crate) fn value<T: Real>(self, x: T) -> T {
        let (low, high) = self.range();
        let share = logistic(x);
        match self {
            Self::LossRise => share * (high - low) + low,
            _ => (share * (high / low).ln() + low.ln()).exp(),
        }
    }

    /// The unknown of a value.
    pub(crate) fn unknown(self, value: f64) -> f64 {
        let (low, high) = self.range();
        let share = match self {
            Self::LossRise => (value - low) / (high - low),
            _ => (value / low).ln() / (high / low).ln(),
        };
        (share / (1.0 - share)).ln()
    }
}

/// 1/(1 + e⁻ˣ).
#[inline(always)]
fn logistic<T: Real>(x: T) -> T {
    T::constant(1.0) / ((-x).exp_within() + 1.0)
}

impl DelayModel {
    /// Every model. A linear effect compartment is the linear production model and not there twice; a linear loss could
    /// fall below nothing and is none.
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

    /// Its name in tables, such as `production_emax`.
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

    /// What w depends on.
    pub fn parameters(self) -> Vec<Parameter> {
        let rate = (self.structure != Structure::Direct).then_some(Parameter::Rate);
        let half = matches!(self.link, Link::Emax | Link::Sigmoid).then_some(Parameter::Half);
        let steepness = (self.link == Link::Sigmoid).then_some(Parameter::Steepness);
        let rise = self.is_loss().then_some(Parameter::LossRise);
        [rate, half, steepness, rise].into_iter().flatten().collect()
    }

    /// Whether the effect is a part of the baseline, and not a number of its own.
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

    /// w on some days of a patient's course of an exposure; half-effects are on the exposure's scale.
    pub fn on(self, values: &[f64], course: &ExposureCourse, exposure: Exposure, days: &[f64]) -> Vec<f64> {
        let knots = DriverKnots::new(course, exposure, days);
        let shape = self.shape(values, knots.driver());
        (0..days.len()).map(|k| knots.read(&shape, k)).collect()
    }

    /// w at the knots of the driver; the values are those of [`DelayModel::parameters`].
    pub fn shape<T: Filtered<Constant = f64>>(self, values: &[T], driver: Driver<'_>) -> Vec<T> {
        self.shape_over(values, &driver.knots())
    }

    /// w at these knots.
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
