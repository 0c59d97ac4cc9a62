//! The data of a subject: doses, observations, covariates.

use crate::analyte::Analyte;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The route of administration of a dose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Subcutaneous, into the depot. `CMT` 1.
    #[default]
    Subcutaneous,
    /// Intravenous, into the central compartment. `CMT` 2.
    Intravenous,
}

/// The rule for the state of the model immediately before a dose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateRule {
    /// The state is kept, the usual case.
    #[default]
    Kept,
    /// All compartments are reset to the initial state of the model. `EVID` 3, or 4 with a dose.
    Reset,
    /// The state is replaced by the trough at steady state of this dose repeated at an interval. `SS` 1.
    SteadyState {
        /// Dosing interval, days.
        interval: f64,
    },
    /// The difference of the trough at steady state of this dose from the untreated state is added. `SS` 2.
    AddedSteadyState {
        /// Dosing interval, days.
        interval: f64,
    },
}

/// A dose, or a reset without a dose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dose {
    /// Time, days.
    pub time: f64,
    /// Amount of drug, mg; zero only for a reset without a dose.
    pub amount_mg: f64,
    /// Route of administration.
    pub route: Route,
    /// Duration of an infusion at constant rate, days; zero for a bolus.
    pub duration: f64,
    /// The rule for the state of the model immediately before the dose.
    pub before: StateRule,
}

impl Dose {
    /// A subcutaneous injection of `amount_mg` mg on day `time`.
    pub const fn subcutaneous(time: f64, amount_mg: f64) -> Self {
        Self { time, amount_mg, route: Route::Subcutaneous, duration: 0.0, before: StateRule::Kept }
    }

    /// An intravenous dose of `amount_mg` mg on day `time`, infused over `duration` days or a bolus if zero.
    pub const fn intravenous(time: f64, amount_mg: f64, duration: f64) -> Self {
        Self { time, amount_mg, route: Route::Intravenous, duration, before: StateRule::Kept }
    }

    /// Sets the rule for the state before the dose.
    #[must_use]
    pub const fn after(mut self, before: StateRule) -> Self {
        self.before = before;
        self
    }
}

/// Whether an observed value is quantified or censored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Censoring {
    /// The value was measured. `CENS` 0.
    #[default]
    Quantified,
    /// The true value is below the value given, the lower limit of quantification. `CENS` 1.
    Below,
    /// The true value is above the value given, the upper limit of quantification. `CENS` −1.
    Above,
}

/// A measured concentration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Time, days.
    pub time: f64,
    /// The analyte measured.
    pub analyte: Analyte,
    /// The value in the analyte's unit; the limit if the value is censored.
    pub value: f64,
    /// Whether the value is quantified or censored.
    pub censoring: Censoring,
    /// The other end of the interval of a censored value, in the analyte's unit: the lower end if [`Censoring::Below`],
    /// the upper end if [`Censoring::Above`]; `None` if the interval is unbounded.
    pub interval_end: Option<f64>,
    /// Number of the subject's doses that precede the observation; at equal times the order of the records decides.
    pub doses_before: usize,
    /// Row in the source file, counted from 1 with the header as row 1; 0 if there is no file.
    pub row: u64,
}

impl Observation {
    /// `DVID` of the analyte in a data set; 0 for an analyte that no assay measures.
    pub fn dvid(&self) -> u32 {
        self.analyte.dvid().unwrap_or(0)
    }

    /// A planned observation, whose value is NaN.
    pub const fn planned(time: f64, analyte: Analyte, doses_before: usize) -> Self {
        Self {
            time,
            analyte,
            value: f64::NAN,
            censoring: Censoring::Quantified,
            interval_end: None,
            doses_before,
            row: 0,
        }
    }

    /// The lowest and the highest possible value, in the analyte's unit; both equal the value if it is quantified, and
    /// one is infinite if the value is only known to be below or above a limit.
    pub fn ends(&self) -> [f64; 2] {
        match self.censoring {
            Censoring::Quantified => [self.value; 2],
            Censoring::Below => [self.interval_end.unwrap_or(f64::NEG_INFINITY), self.value],
            Censoring::Above => [self.value, self.interval_end.unwrap_or(f64::INFINITY)],
        }
    }
}

/// Covariates of a subject, by name: `WT` is the body weight in kg, `IGE` the baseline total IgE in ng/mL.
///
/// ```
/// use omafit_model::Covariates;
/// let covariates = Covariates::new(70.0, 365.0).with("AGE", 41.0);
/// assert_eq!((covariates.weight_kg(), covariates.get("SEX")), (Some(70.0), None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Covariates(BTreeMap<String, f64>);

impl Covariates {
    /// The name of the covariate body weight, kg.
    pub const WEIGHT: &str = "WT";
    /// The name of the covariate baseline total IgE, ng/mL.
    pub const IGE: &str = "IGE";

    /// Covariates with body weight, kg, and baseline total IgE, ng/mL.
    pub fn new(weight_kg: f64, ige_ng_ml: f64) -> Self {
        Self::default().with(Self::WEIGHT, weight_kg).with(Self::IGE, ige_ng_ml)
    }

    /// Adds a covariate, or replaces its value.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// The value of a covariate, if it is known.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Body weight, kg.
    pub fn weight_kg(&self) -> Option<f64> {
        self.get(Self::WEIGHT)
    }

    /// Baseline total IgE, ng/mL.
    pub fn ige_ng_ml(&self) -> Option<f64> {
        self.get(Self::IGE)
    }

    /// Names and values of the covariates, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

/// A subject's records, in time order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The identifier as written in the data.
    pub id: String,
    /// The subject's covariates.
    pub covariates: Covariates,
    /// Time of the first record of any kind, days, at which the model starts.
    pub start: f64,
    /// Doses and resets, by ascending time.
    pub doses: Vec<Dose>,
    /// Observations, by ascending time.
    pub observations: Vec<Observation>,
}

impl Subject {
    /// A subject from day 0 with planned observations of each of some analytes at each of `times` (ascending), before any
    /// dose at the same time.
    pub fn planned(
        id: impl ToString,
        covariates: Covariates,
        doses: Vec<Dose>,
        analytes: &[Analyte],
        times: &[f64],
    ) -> Self {
        let mut observations = Vec::with_capacity(times.len() * analytes.len());
        for &time in times {
            let before = doses.partition_point(|d| d.time < time);
            observations.extend(analytes.iter().map(|&analyte| Observation::planned(time, analyte, before)));
        }
        Self { id: id.to_string(), covariates, start: 0.0, doses, observations }
    }

    /// Time of the last record of any kind, days.
    pub fn end(&self) -> f64 {
        let dose = self.doses.last().map_or(self.start, |d| d.time);
        let observation = self.observations.last().map_or(self.start, |o| o.time);
        dose.max(observation)
    }
}
