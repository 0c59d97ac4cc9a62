//! Who looks on while a population is estimated, may end it, and may keep where it stands.

use super::fit::Point;
use super::its::Rounds;
use super::quasi_newton::Iteration;
use super::saem::Walk;
use serde::{Deserialize, Serialize};

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
    pub standing: Standing<'a>,
}

/// Where an estimation stands. What is serialised of it is a [`Checkpoint`].
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct Standing<'a>(pub(super) Of<&'a Iteration<Point>, &'a Rounds, &'a Walk>);

/// Where an estimation stood: from it the estimation goes on to the same bits as without a stop.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Checkpoint(pub(super) Of<Iteration<Point>, Rounds, Box<Walk>>);

/// By method.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of<Foce, Its, Saem> {
    Foce(Foce),
    Its(Its),
    Saem(Saem),
}

/// Somebody who looks on.
pub trait Watch: Sync {
    /// Called at the start and after each iteration.
    fn iteration(&self, _: &Progress<'_>) {}

    /// Whether to go on. Asked before each evaluation for all subjects.
    fn go_on(&self) -> bool {
        true
    }
}

/// Nobody.
impl Watch for () {}

/// One who is not told of iterations, but may end them.
pub(super) struct OnlyStop<'a>(pub &'a dyn Watch);

impl Watch for OnlyStop<'_> {
    fn go_on(&self) -> bool {
        self.0.go_on()
    }
}
