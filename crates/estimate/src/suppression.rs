//! How a subject's free IgE was held down: facts of its reconstructed course, each with its uncertainty.

use crate::curve::Readings;
use crate::sampling::quantile_band;
use crate::spread::DeltaMethod;

/// A fact of a subject's course of free IgE. The course begins at the first dose, of an undosed subject at its first
/// record, and ends where the reconstruction ends. The treated period ends one interval of the last two doses after the
/// last, with a single dose or none at the end of the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FreeIgeFact {
    /// Free IgE at the beginning of the course, just before the first dose, ng/mL.
    Baseline,
    /// Days from the first dose until it is first below the target.
    DaysToTarget,
    /// Days below the target.
    DaysBelow,
    /// The area under the whole course, ng·d/mL.
    Area,
    /// The mean over the treated period, ng/mL.
    Mean,
    /// The lowest, ng/mL.
    Lowest,
    /// The highest from the second dose to the end of the treated period, ng/mL; of an undosed subject the highest.
    Peak,
    /// Just before the last dose, ng/mL; not of a single dose.
    Trough,
    /// Days from the last dose until it is above the target again.
    DaysToReturn,
}

impl FreeIgeFact {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Baseline,
        Self::DaysToTarget,
        Self::DaysBelow,
        Self::Area,
        Self::Mean,
        Self::Lowest,
        Self::Peak,
        Self::Trough,
        Self::DaysToReturn,
    ];

    /// Its name as a column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "ige_free_baseline",
            Self::DaysToTarget => "days_to_target",
            Self::DaysBelow => "days_below_target",
            Self::Area => "ige_free_area",
            Self::Mean => "ige_free_mean",
            Self::Lowest => "ige_free_lowest",
            Self::Peak => "ige_free_peak",
            Self::Trough => "ige_free_trough",
            Self::DaysToReturn => "days_to_return",
        }
    }
}

/// A fact's value and uncertainty; NaN where there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncertain {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// Lower end of its band, of the level of the reconstruction.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Uncertain {
    const NOTHING: Self = Self { value: f64::NAN, se: f64::NAN, lower: f64::NAN, upper: f64::NAN };
}

/// How a subject's free IgE was held down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppression {
    /// Whether the subject has a dose.
    pub dosed: bool,
    facts: [Uncertain; 9],
}

impl Suppression {
    /// A fact; NaN if it did not happen, or is not defined.
    pub fn of(&self, fact: FreeIgeFact) -> Uncertain {
        self.facts[fact as usize]
    }

    /// The value of a fact, if there is one.
    pub fn value(&self, fact: FreeIgeFact) -> Option<f64> {
        Some(self.of(fact).value).filter(|v| !v.is_nan())
    }

    /// Uncertainty carried through the gradients: v·exp(±z·SE/v) for a value v, all of which are above zero.
    pub(crate) fn linear(read: Readings, spread: &DeltaMethod, half_width: f64, dosed: bool) -> Self {
        let facts = read.map(|reading| {
            let Some(reading) = reading else { return Uncertain::NOTHING };
            let value = reading.value;
            let se = reading.gradient.and_then(|g| spread.sd_of(&g)).unwrap_or(f64::NAN);
            let factor = (half_width * se / value).exp();
            Uncertain { value, se, lower: value / factor, upper: value * factor }
        });
        Self { dosed, facts }
    }

    /// Uncertainty from the facts of drawn courses. What never happened in a draw is later than everything.
    pub(crate) fn sampled(&mut self, drawn: &[Readings], part: f64) {
        for (k, fact) in self.facts.iter_mut().enumerate() {
            if fact.value.is_nan() {
                continue;
            }
            let values: Vec<f64> =
                drawn.iter().map(|r| r[k].as_ref().map_or(f64::INFINITY, |r| r.value)).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
            fact.se = if variance.is_finite() { variance.sqrt() } else { f64::NAN };
            (fact.lower, fact.upper) = quantile_band(values, part);
        }
    }
}
