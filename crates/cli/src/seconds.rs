//! Durations of the stages of a run.

use serde::Serialize;
use std::collections::BTreeMap;

/// Wall time of each stage, s.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Seconds(BTreeMap<&'static str, f64>);

impl Seconds {
    /// Adds seconds to a stage.
    pub fn add(&mut self, stage: &'static str, seconds: f64) {
        *self.0.entry(stage).or_insert(0.0) += seconds;
    }

    /// Seconds of a stage; zero if there was none.
    pub fn of(&self, stage: &str) -> f64 {
        self.0.get(stage).copied().unwrap_or(0.0)
    }
}
