//! Types of outcomes and measurements of outcomes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A measurement of an outcome.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Day of the measurement.
    pub day: f64,
    /// The value; for a count the number per day.
    pub value: f64,
    /// Days over which a count was made, ending at `day`; 1 for other types of outcome.
    pub days: f64,
}

impl From<(f64, f64)> for Measurement {
    fn from((day, value): (f64, f64)) -> Self {
        Self { day, value, days: 1.0 }
    }
}

impl Measurement {
    /// The number counted.
    pub fn count(&self) -> f64 {
        (self.value * self.days).round()
    }
}

/// The type of an outcome, which determines the distribution of its values in [models](crate::OutcomeModel).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeType {
    /// Continuous values with a normal distribution.
    #[default]
    Continuous,
    /// A score with a floor or a ceiling: normally distributed, and censored there.
    Score {
        /// The lowest value; `None` without a floor.
        floor: Option<f64>,
        /// The highest value; `None` without a ceiling.
        ceiling: Option<f64>,
    },
    /// Ordered categories, coded as whole numbers: proportional odds.
    Ordered,
    /// Counts over some days with a Poisson distribution.
    Poisson,
    /// Overdispersed counts with a negative binomial distribution.
    NegativeBinomial,
    /// Time to a first event, recorded as 1 on the day of the event or 0 on the last day without one.
    Event,
}

/// The unit of a regressor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Per {
    /// No unit.
    One,
    /// 100 ng/mL, or 100 units of another exposure.
    Hundred,
    /// One unit of a natural logarithm.
    Log,
    /// 100 days.
    HundredDays,
}

impl OutcomeType {
    /// Whether the values are counts.
    pub fn is_count(self) -> bool {
        matches!(self, Self::Poisson | Self::NegativeBinomial)
    }

    /// The scale on which models are linear, if it differs from that of the outcome.
    pub(crate) const fn link(self) -> Option<&'static str> {
        match self {
            Self::Continuous | Self::Score { .. } => None,
            Self::Ordered => Some("logit"),
            Self::Poisson | Self::NegativeBinomial => Some("ln rate"),
            Self::Event => Some("ln hazard"),
        }
    }

    /// The unit of the coefficient of a regressor with unit `per`.
    pub(crate) const fn unit(self, per: Per) -> &'static str {
        match (self, per) {
            (Self::Continuous | Self::Score { .. }, Per::One) => "outcome",
            (Self::Continuous | Self::Score { .. }, Per::Hundred) => "outcome per 100 ng/mL",
            (Self::Continuous | Self::Score { .. }, Per::Log) => "outcome per unit of ln",
            (Self::Continuous | Self::Score { .. }, Per::HundredDays) => "outcome per 100 d",
            (Self::Ordered, Per::One) => "logit",
            (Self::Ordered, Per::Hundred) => "logit per 100 ng/mL",
            (Self::Ordered, Per::Log) => "logit per unit of ln",
            (Self::Ordered, Per::HundredDays) => "logit per 100 d",
            (Self::Poisson | Self::NegativeBinomial, Per::One) => "ln rate",
            (Self::Poisson | Self::NegativeBinomial, Per::Hundred) => "ln rate per 100 ng/mL",
            (Self::Poisson | Self::NegativeBinomial, Per::Log) => "ln rate per unit of ln",
            (Self::Poisson | Self::NegativeBinomial, Per::HundredDays) => "ln rate per 100 d",
            (Self::Event, Per::One) => "ln hazard",
            (Self::Event, Per::Hundred) => "ln hazard per 100 ng/mL",
            (Self::Event, Per::Log) => "ln hazard per unit of ln",
            (Self::Event, Per::HundredDays) => "ln hazard per 100 d",
        }
    }

    /// A description of the allowed values if the type does not allow `value`; `None` if it does. A count is given as
    /// its number.
    pub fn expected(self, value: f64) -> Option<String> {
        let is_whole = value.fract() == 0.0;
        match self {
            Self::Continuous => None,
            Self::Score { floor: Some(floor), .. } if value < floor => Some(format!("{floor} or more")),
            Self::Score { ceiling: Some(ceiling), .. } if value > ceiling => {
                Some(format!("{ceiling} or less"))
            }
            Self::Score { .. } => None,
            Self::Ordered => (!is_whole).then(|| "a whole number, the category".to_owned()),
            Self::Poisson | Self::NegativeBinomial => (!is_whole || value < 0.0).then(|| {
                "a whole number of 0 or more, counted over the days of the column DAYS; of a mean a day the type is continuous"
                    .to_owned()
            }),
            Self::Event => (value != 0.0 && value != 1.0)
                .then(|| "1 on the day of the event, or 0 on the last day without one".to_owned()),
        }
    }
}

impl fmt::Display for OutcomeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continuous => f.write_str("continuous"),
            Self::Score { floor, ceiling } => {
                let end = |end: &Option<f64>| end.map_or_else(String::new, |end| end.to_string());
                write!(f, "score:{}:{}", end(floor), end(ceiling))
            }
            Self::Ordered => f.write_str("ordered"),
            Self::Poisson => f.write_str("poisson"),
            Self::NegativeBinomial => f.write_str("negative-binomial"),
            Self::Event => f.write_str("event"),
        }
    }
}

/// The types, as named in error messages.
const TYPES: &str =
    "continuous, score:FLOOR:CEILING (either may be empty), ordered, poisson, negative-binomial or event";

impl FromStr for OutcomeType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || format!("{TYPES}, not {text}");
        let end = |text: &str| -> Result<Option<f64>, String> {
            match text.trim() {
                "" => Ok(None),
                number => number.parse().ok().filter(|n: &f64| n.is_finite()).map(Some).ok_or_else(known),
            }
        };
        let lower = text.trim().to_lowercase();
        if let Some(ends) = lower.strip_prefix("score:") {
            let (floor, ceiling) = ends.split_once(':').ok_or_else(known)?;
            let (floor, ceiling) = (end(floor)?, end(ceiling)?);
            let is_range = match (floor, ceiling) {
                (None, None) => false,
                (Some(floor), Some(ceiling)) => floor < ceiling,
                _ => true,
            };
            return if is_range { Ok(Self::Score { floor, ceiling }) } else { Err(known()) };
        }
        let named = [Self::Continuous, Self::Ordered, Self::Poisson, Self::NegativeBinomial, Self::Event];
        named.into_iter().find(|kind| kind.to_string() == lower.replace('_', "-")).ok_or_else(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_are_written() {
        for text in ["continuous", "score:0:9", "score:0:", "score::9.5", "ordered", "poisson", "event"] {
            assert_eq!(text.parse::<OutcomeType>().unwrap().to_string(), text);
        }
        assert_eq!("Negative_Binomial".parse(), Ok(OutcomeType::NegativeBinomial));
        for text in ["", "score", "score:9", "score:9:0", "score::", "score:a:9", "score:0:inf", "counts"] {
            assert!(text.parse::<OutcomeType>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_that_a_type_does_not_have_are_named() {
        let of = |kind: &str, value: f64| kind.parse::<OutcomeType>().unwrap().expected(value);
        assert_eq!(of("score:0:9", 9.0), None);
        assert_eq!(of("score:0:9", 9.5), Some("9 or less".to_owned()));
        assert_eq!(of("score:0:", -1.0), Some("0 or more".to_owned()));
        assert!(of("ordered", 1.5).is_some() && of("ordered", -2.0).is_none());
        assert!(of("poisson", -1.0).is_some() && of("negative-binomial", 0.5).is_some());
        assert!(of("event", 2.0).is_some() && of("event", 1.0).is_none());
    }
}
