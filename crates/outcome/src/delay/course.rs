//! Courses of an outcome in time that do not depend on exposure: a trend, a placebo response.

use super::shape::Parameter;
use crate::measure::Per;
use omafit_model::Dual;
use serde::{Deserialize, Serialize};

/// Days over which a linear course changes by its coefficient.
const LINEAR_DAYS: f64 = 100.0;

/// A course g(t) of an outcome in time, zero until the first dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeCourse {
    /// A linear course, g = t/100 d.
    Linear,
    /// An exponential approach to a plateau, g = 1 − e^(−κt).
    Plateau,
}

impl TimeCourse {
    /// Both courses in time.
    pub const ALL: [Self; 2] = [Self::Linear, Self::Plateau];

    /// The name of the course in tables.
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

    /// The parameter on which g depends.
    pub fn parameter(self) -> Option<Parameter> {
        (self == Self::Plateau).then_some(Parameter::CourseRate)
    }

    /// The value of g on a day, with its derivative with respect to the unknown of the parameter.
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
