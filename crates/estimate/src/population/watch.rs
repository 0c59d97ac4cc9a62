//! Who looks on while a population is estimated, may end it, and may keep where it stands.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// How far an estimation is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Iterations done before it.
    pub iteration: u64,
    /// The objective, NaN where it was not computed.
    pub ofv: f64,
    /// The vector of which it is the objective.
    pub vector: &'a [f64],
    /// All that the estimation needs to go on.
    pub standing: EstimationState<'a>,
}

/// Where an estimation stands. What is serialised of it is a [`Checkpoint`](super::Checkpoint).
#[derive(Clone, Copy)]
pub struct EstimationState<'a> {
    /// The method, as it is named in a checkpoint.
    method: &'static str,
    state: &'a dyn erased_serde::Serialize,
}

impl<'a> EstimationState<'a> {
    pub(super) fn new(method: &'static str, state: &'a dyn erased_serde::Serialize) -> Self {
        Self { method, state }
    }
}

impl std::fmt::Debug for EstimationState<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Serialize for EstimationState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.method, self.state)?;
        map.end()
    }
}

/// Somebody who looks on.
pub trait Observer: Sync {
    /// Called at the start and after each iteration.
    fn iteration(&self, _: &Progress<'_>) {}

    /// Whether to go on. Asked before each evaluation for all subjects.
    fn go_on(&self) -> bool {
        true
    }
}

/// Nobody.
impl Observer for () {}

/// One who is not told of iterations, but may end them.
pub(super) struct StopObserver<'a>(pub &'a dyn Observer);

impl Observer for StopObserver<'_> {
    fn go_on(&self) -> bool {
        self.0.go_on()
    }
}
