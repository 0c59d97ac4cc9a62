//! The conclusions of Slavin et al. 2009 (doi 10.1016/j.jaci.2008.09.050) examined in a group, each with its estimate,
//! interval and test.

use crate::analysis::{Coefficient, GroupOutcome, Phase};
use crate::exposure::Exposure;
use crate::hysteresis::{Fact, Judged};

/// A conclusion of the paper that can be drawn from outcomes and exposure alone. The paper's fourth conclusion, that
/// doses below the dosing table cannot be recommended, needs a what-if simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Free IgE is suppressed first, and the outcome reaches its plateau later.
    SettlesLater,
    /// The outcome correlates with free IgE under treatment.
    GoesWithOnset,
    /// The outcome correlates with free IgE after the last dose.
    GoesWithOffset,
    /// Free IgE returns first after the last dose, and the outcome returns later.
    ReturnsLater,
    /// The outcome follows free IgE with a delay, so that onset and offset take different paths.
    Delayed,
}

impl Conclusion {
    /// All conclusions.
    pub const ALL: [Self; 5] =
        [Self::SettlesLater, Self::GoesWithOnset, Self::GoesWithOffset, Self::ReturnsLater, Self::Delayed];

    /// The name of the conclusion in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SettlesLater => "settles_later",
            Self::GoesWithOnset => "goes_with_free_ige_onset",
            Self::GoesWithOffset => "goes_with_free_ige_offset",
            Self::ReturnsLater => "returns_later",
            Self::Delayed => "delayed",
        }
    }

    /// The estimate by which the conclusion is judged.
    pub const fn number(self) -> &'static str {
        match self {
            Self::SettlesLater => "days from suppression of free IgE to 90 % of the plateau",
            Self::GoesWithOnset | Self::GoesWithOffset => "correlation with log free IgE",
            Self::ReturnsLater => "days from re-crossing of the target to half of the change lost",
            Self::Delayed => "mean delay behind free IgE, days",
        }
    }

    /// The interval or test by which the conclusion is judged.
    pub const fn test(self) -> &'static str {
        match self {
            Self::SettlesLater | Self::ReturnsLater => "bootstrap of patients",
            Self::GoesWithOnset | Self::GoesWithOffset => "repeated-measures correlation",
            Self::Delayed => "likelihood ratio of a delayed and a direct response, one-sided 2.5 %",
        }
    }
}

/// A conclusion about a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Concluded {
    /// The conclusion.
    pub conclusion: Conclusion,
    /// The estimate; NaN if there is none.
    pub value: f64,
    /// Lower end of the 95 % interval of the estimate.
    pub low: f64,
    /// Upper end of the interval; infinite if more than 2.5 % of the replicates lack the event, NaN if there is no
    /// interval.
    pub high: f64,
    /// The p value of the test; NaN if the conclusion is judged by the interval.
    pub p_value: f64,
    /// Whether the group supports the conclusion: the interval excludes no effect, or the test rejects the opposite.
    pub holds: bool,
    /// The reason there is no estimate; empty if there is one.
    pub reason: String,
}

/// The conclusions about a group; empty for a group without correlations, such as with events or without exposure.
pub fn conclusions(group: &GroupOutcome) -> Vec<Concluded> {
    if group.correlations.is_empty() {
        return Vec::new();
    }
    Conclusion::ALL.into_iter().map(|conclusion| conclude(group, conclusion)).collect()
}

fn conclude(group: &GroupOutcome, conclusion: Conclusion) -> Concluded {
    let nothing = |reason: &str| Concluded {
        conclusion,
        value: f64::NAN,
        low: f64::NAN,
        high: f64::NAN,
        p_value: f64::NAN,
        holds: false,
        reason: reason.to_owned(),
    };
    let judged = |fact: Fact, exposure: Option<Exposure>| {
        group.hysteresis.iter().find(|judged| judged.fact == fact && judged.exposure == exposure)
    };
    let of_fact = |found: Option<&Judged>| match found {
        Some(found) => Concluded {
            value: found.value,
            low: found.low,
            high: found.high,
            holds: found.low > 0.0,
            ..nothing(&found.reason)
        },
        None => nothing("no dose, or no exposure"),
    };
    let correlated = |phase: Phase| {
        let is_it = |c: &&crate::analysis::Correlated| {
            c.phase == phase
                && c.exposure == Exposure::LogIgeFree
                && c.coefficient == Coefficient::RepeatedMeasures
        };
        match group.correlations.iter().find(is_it) {
            Some(c) => Concluded {
                value: c.found.r,
                low: c.found.low,
                high: c.found.high,
                holds: c.found.low > 0.0 || c.found.high < 0.0,
                ..nothing(if c.found.r.is_nan() { "too few points" } else { "" })
            },
            None => nothing("no visit"),
        }
    };
    match conclusion {
        Conclusion::SettlesLater => of_fact(judged(Fact::SuppressedToStabilised, None)),
        Conclusion::ReturnsLater => of_fact(judged(Fact::RecrossedToReturned, None)),
        Conclusion::GoesWithOnset => correlated(Phase::Onset),
        Conclusion::GoesWithOffset => correlated(Phase::Offset),
        Conclusion::Delayed => {
            let test = judged(Fact::NoDelay, Some(Exposure::IgeFree));
            let found = of_fact(judged(Fact::MeanDelay, Some(Exposure::IgeFree)));
            let p_value = test.map_or(f64::NAN, |test| test.value);
            Concluded { p_value, holds: test.is_some_and(|test| test.direction.is_some()), ..found }
        }
    }
}
