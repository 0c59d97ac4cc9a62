//! What the reader is told beside the file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::rejection::Rejection;

/// How to read a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Columns that have another name in the file: omafit's name → the file's, as `DV` → `CONC`. Capitals do not
    /// matter in either.
    pub columns: BTreeMap<String, String>,
    /// Whether observations of an analyte must be above zero, by
    /// [`Analyte::index`](omafit_model::Analyte::index): so wherever the residual error is on the log scale.
    pub positive_required: [bool; 3],
    /// Body weight, kg, for the subjects whose weight the file lacks.
    pub assume_weight_kg: Option<f64>,
    /// Baseline total IgE, ng/mL, for the subjects whose IgE the file lacks and who have no total IgE before their
    /// first dose either.
    pub assume_ige_ng_ml: Option<f64>,
    /// Whether a subject may be without a dose, as in a placebo arm.
    pub allow_undosed: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            columns: BTreeMap::new(),
            positive_required: [true; 3],
            assume_weight_kg: None,
            assume_ige_ng_ml: None,
            allow_undosed: false,
        }
    }
}

impl ReadOptions {
    /// Refuses values that no file could make right.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        let assumed =
            [("assume_weight_kg", self.assume_weight_kg), ("assume_ige_ng_ml", self.assume_ige_ng_ml)];
        for (option, value) in assumed {
            if let Some(value) = value
                && !(value.is_finite() && value > 0.0)
            {
                return Err(Rejection::Option {
                    option,
                    found: value.to_string(),
                    expected: "a number above 0",
                });
            }
        }
        Ok(())
    }
}
