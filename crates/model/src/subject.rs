//! What is known of a subject: doses, observations, covariates.

use serde::{Deserialize, Serialize};

/// A quantity measured in serum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyte {
    /// Free and IgE-bound omalizumab, µg/mL. `DVID` 1.
    OmalizumabTotal,
    /// Free and omalizumab-bound IgE, ng/mL. `DVID` 2.
    IgeTotal,
    /// IgE that is not bound to omalizumab, ng/mL. `DVID` 3.
    IgeFree,
}

impl Analyte {
    /// All analytes, in the order of their `DVID`.
    pub const ALL: [Self; 3] = [Self::OmalizumabTotal, Self::IgeTotal, Self::IgeFree];

    /// Position in [`Analyte::ALL`]: 0, 1 or 2.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// `DVID` in a data set: 1, 2 or 3.
    pub const fn dvid(self) -> u32 {
        self as u32 + 1
    }

    /// The name in data sets and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OmalizumabTotal => "omalizumab_total",
            Self::IgeTotal => "ige_total",
            Self::IgeFree => "ige_free",
        }
    }

    /// The name in figures and sentences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::OmalizumabTotal => "Total omalizumab",
            Self::IgeTotal => "Total IgE",
            Self::IgeFree => "Free IgE",
        }
    }

    /// The unit of its values.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::OmalizumabTotal => "µg/mL",
            Self::IgeTotal | Self::IgeFree => "ng/mL",
        }
    }
}

/// One subcutaneous dose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dose {
    /// Time, days.
    pub time: f64,
    /// Amount of omalizumab, mg.
    pub amount_mg: f64,
}

/// One measured concentration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Time, days.
    pub time: f64,
    /// What was measured.
    pub analyte: Analyte,
    /// The value in the analyte's unit.
    pub value: f64,
    /// How many of the subject's doses precede it: at equal times the order of the records decides.
    pub doses_before: usize,
    /// Row in the file it came from, counted from 1 with the header as row 1; 0 if it came from no file.
    pub row: u64,
}

/// Covariates of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covariates {
    /// Body weight, kg.
    pub weight_kg: f64,
    /// Baseline total IgE, ng/mL.
    pub ige_ng_ml: f64,
}

/// A subject's records, in time order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The identifier as written in the data.
    pub id: String,
    /// Covariates.
    pub covariates: Covariates,
    /// Time of the first record of any kind, days: where the model starts.
    pub start: f64,
    /// Doses, by ascending time.
    pub doses: Vec<Dose>,
    /// Observations, by ascending time.
    pub observations: Vec<Observation>,
}

impl Subject {
    /// Time of the last record of any kind, days.
    pub fn end(&self) -> f64 {
        let dose = self.doses.last().map_or(self.start, |d| d.time);
        let observation = self.observations.last().map_or(self.start, |o| o.time);
        dose.max(observation)
    }
}
