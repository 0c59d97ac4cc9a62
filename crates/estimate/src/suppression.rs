//! Suppression of a subject's free IgE: facts of its reconstructed course, each with its uncertainty.

use crate::curve::Readings;
use crate::sampling::quantile_band;
use crate::spread::DeltaMethod;

/// A fact of a subject's course of free IgE. The course begins at the first dose, or at the first record of an undosed
/// subject, and ends with the reconstruction. The treated period ends one dosing interval (that of the last two doses)
/// after the last dose, but no later than the course; with a single dose or none, at the end of the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FreeIgeFact {
    /// Free IgE at the beginning of the course, just before the first dose, ng/mL.
    Baseline,
    /// Days from the first dose until free IgE is first below the target.
    DaysToTarget,
    /// Days with free IgE below the target.
    DaysBelow,
    /// Area under the whole course, ng·d/mL.
    Area,
    /// Mean over the treated period, ng/mL.
    Mean,
    /// Minimum of the course, ng/mL.
    Lowest,
    /// Maximum from the second dose to the end of the treated period, ng/mL; undefined for a single dose; for an
    /// undosed subject, the maximum of the course.
    Peak,
    /// Free IgE just before the last dose, ng/mL; undefined for a single dose.
    Trough,
    /// Days from the last dose until free IgE is above the target again.
    DaysToReturn,
}

impl FreeIgeFact {
    /// All facts.
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

    /// The column name of the fact.
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

/// Value and uncertainty of a fact; NaN if undefined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncertain {
    /// Value of the fact.
    pub value: f64,
    /// Standard error of the value.
    pub se: f64,
    /// Lower end of the band, at the level of the reconstruction.
    pub lower: f64,
    /// Upper end of the band.
    pub upper: f64,
}

impl Uncertain {
    const NOTHING: Self = Self { value: f64::NAN, se: f64::NAN, lower: f64::NAN, upper: f64::NAN };
}

/// Suppression of a subject's free IgE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppression {
    /// Whether the subject has a dose.
    pub dosed: bool,
    facts: [Uncertain; 9],
}

impl Suppression {
    /// A fact with its uncertainty; NaN if the event did not occur or the fact is undefined.
    pub fn of(&self, fact: FreeIgeFact) -> Uncertain {
        self.facts[fact as usize]
    }

    /// The value of a fact, if it is defined.
    pub fn value(&self, fact: FreeIgeFact) -> Option<f64> {
        Some(self.of(fact).value).filter(|v| !v.is_nan())
    }

    /// Computes the uncertainty by the delta method: the band of a value v is v·exp(±z·SE/v), as all values are
    /// positive.
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

    /// Computes the uncertainty from the facts of sampled courses. An event that did not occur in a draw counts as
    /// infinitely late.
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
