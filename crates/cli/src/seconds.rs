//! How long the stages of a run took.

use serde::Serialize;
use std::collections::BTreeMap;

/// Seconds of wall time a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Seconds(BTreeMap<&'static str, f64>);

impl Seconds {
    /// Records a stage, or some more of it.
    pub fn add(&mut self, stage: &'static str, seconds: f64) {
        *self.0.entry(stage).or_insert(0.0) += seconds;
    }

    /// Seconds of a stage; zero if there was none.
    pub fn of(&self, stage: &str) -> f64 {
        self.0.get(stage).copied().unwrap_or(0.0)
    }
}
