//! Observers of a population estimation, which may interrupt it and store checkpoints.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// Progress of an estimation at one iteration.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// How many iterations precede `vector`.
    pub iteration: u64,
    /// Objective function value at `vector`; NaN if it was not computed.
    pub ofv: f64,
    /// Parameter vector.
    pub vector: &'a [f64],
    /// State from which the estimation can continue.
    pub standing: EstimationState<'a>,
}

/// State of an estimation, which serialises to a [`Checkpoint`](super::Checkpoint).
#[derive(Clone, Copy)]
pub struct EstimationState<'a> {
    /// Name of the method in a checkpoint.
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
        f.debug_struct("EstimationState").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Serialize for EstimationState<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.method, self.state)?;
        map.end()
    }
}

/// Observer of an estimation.
pub trait Observer: Sync {
    /// Receives the progress at the start and after each iteration.
    fn iteration(&self, _: &Progress<'_>) {}

    /// Whether to continue; queried before each evaluation for all subjects.
    fn go_on(&self) -> bool {
        true
    }
}

/// Observer that ignores all progress and never interrupts.
impl Observer for () {}

/// Observer that passes on interruptions but no progress.
pub(super) struct StopObserver<'a>(pub &'a dyn Observer);

impl Observer for StopObserver<'_> {
    fn go_on(&self) -> bool {
        self.0.go_on()
    }
}
