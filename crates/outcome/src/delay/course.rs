//! Courses of an outcome in time that owe nothing to exposure: a trend, a response to placebo.

use super::shape::Parameter;
use crate::measure::Per;
use omafit_model::Dual;
use serde::{Deserialize, Serialize};

/// Days in which a linear course changes by its coefficient.
const LINEAR_DAYS: f64 = 100.0;

/// A course g(t) of an outcome in time, 0 until the first dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeCourse {
    /// g = t/100 d.
    Linear,
    /// g = 1 − e^(−κt): an exponential approach to a plateau.
    Plateau,
}

impl TimeCourse {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Linear, Self::Plateau];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "time_linear",
            Self::Plateau => "time_plateau",
        }
    }

    /// The unit of g.
    pub(crate) const fn unit(self) -> Per {
        match self {
            Self::Linear => Per::HundredDays,
            Self::Plateau => Per::One,
        }
    }

    /// The parameter that g depends on.
    pub fn parameter(self) -> Option<Parameter> {
        (self == Self::Plateau).then_some(Parameter::CourseRate)
    }

    /// g on a day at the unknown of its parameter, with the derivative over it.
    pub(crate) fn at(self, unknown: Option<f64>, day: f64) -> Dual<f64, 1> {
        use omafit_model::Real as _;
        let day = day.max(0.0);
        match unknown {
            Some(x) if self == Self::Plateau => {
                let rate = Parameter::CourseRate.value(Dual::variable(x, 0));
                -((rate * -day).exp()) + 1.0
            }
            _ => Dual::fixed(day / LINEAR_DAYS),
        }
    }
}
