//! Units that a file may have, and their conversion to omafit's own: days, kg, ng/mL of IgE, µg/mL of omalizumab.

use omafit_model::units::{IGE_NG_ML_PER_NM, NG_PER_IU};
use serde::{Deserialize, Serialize};

/// Unit of a file's times: `TIME`, `II` and the time in `RATE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Days.
    #[default]
    Days,
    /// Hours, 24 to the day.
    Hours,
}

/// Unit of a file's IgE: `DV` and `LIMIT` of total and free IgE, and the covariate `IGE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IgeUnit {
    /// ng/mL.
    #[default]
    #[serde(rename = "ng/mL")]
    NgPerMl,
    /// IU/mL, 2.42 ng/mL.
    #[serde(rename = "IU/mL")]
    IuPerMl,
    /// nM, 190 ng/mL.
    #[serde(rename = "nM")]
    Nanomolar,
}

/// Unit of a file's omalizumab: `DV` and `LIMIT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OmalizumabUnit {
    /// µg/mL.
    #[default]
    #[serde(rename = "µg/mL", alias = "ug/mL")]
    UgPerMl,
    /// mg/L, equal to µg/mL.
    #[serde(rename = "mg/L")]
    MgPerL,
    /// ng/mL, 0.001 µg/mL.
    #[serde(rename = "ng/mL")]
    NgPerMl,
    /// nM, 0.15 µg/mL if the molecular mass in the model is 150 kDa.
    #[serde(rename = "nM")]
    Nanomolar,
}

/// Unit of a file's body weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightUnit {
    /// Kilograms.
    #[default]
    Kilograms,
    /// Pounds, 0.45359237 kg.
    Pounds,
}

impl WeightUnit {
    /// Kilograms in one unit.
    pub(super) const fn kg(self) -> f64 {
        match self {
            Self::Kilograms => 1.0,
            Self::Pounds => 0.453_592_37,
        }
    }

    /// Whether the unit is the default.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl TimeUnit {
    /// Number of units in a day.
    pub(super) const fn per_day(self) -> f64 {
        match self {
            Self::Days => 1.0,
            Self::Hours => 24.0,
        }
    }

    /// Name of the unit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Hours => "hours",
        }
    }
}

impl IgeUnit {
    /// ng/mL in one unit.
    pub(super) const fn ng_ml(self) -> f64 {
        match self {
            Self::NgPerMl => 1.0,
            Self::IuPerMl => NG_PER_IU,
            Self::Nanomolar => IGE_NG_ML_PER_NM,
        }
    }

    /// Name of the unit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NgPerMl => "ng/mL",
            Self::IuPerMl => "IU/mL",
            Self::Nanomolar => "nM",
        }
    }
}

impl OmalizumabUnit {
    /// µg/mL in one unit, of a drug with a molecular mass of `kda` kDa.
    pub(super) const fn ug_ml(self, kda: f64) -> f64 {
        match self {
            Self::UgPerMl | Self::MgPerL => 1.0,
            Self::NgPerMl => 1e-3,
            Self::Nanomolar => kda / 1000.0,
        }
    }

    /// Name of the unit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UgPerMl => "µg/mL",
            Self::MgPerL => "mg/L",
            Self::NgPerMl => "ng/mL",
            Self::Nanomolar => "nM",
        }
    }
}
