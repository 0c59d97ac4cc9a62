//! Carries a state, and what goes along with it, over a segment by the method that suits it.

use crate::solver::{
    Alone, Companion, Dop853, Lanes, Limits, Linear, Linearised, Output, Radau, Solved, SolverError,
    Tangents, Tolerance, Work,
};

/// What goes along with a state, as events change it; unless told otherwise they do not.
pub(super) trait Along<const N: usize, const L: usize> {
    /// What it is at one time.
    type State: Copy;
    fn now(&self) -> &Self::State;
    /// The derivative of `state` in `lane` jumps by `by`.
    #[inline(always)]
    fn shift(&mut self, _state: usize, _lane: usize, _by: f64) {}
    /// What is read from it, where the derivative of the state in time is `slope`: in `lane` u − dy/dt, as of
    /// [`super::segment::Segment`].
    #[inline(always)]
    fn read(now: &Self::State, _lane: usize, _slope: impl FnOnce() -> [f64; N]) -> Self::State {
        *now
    }
    /// The derivatives are replaced.
    fn replace(&mut self, _tangent: &[Lanes<L>; N]) {}
    /// The derivatives grow by others.
    fn add(&mut self, _tangent: &[Lanes<L>; N]) {}
}

impl<const N: usize, const L: usize> Along<N, L> for Alone {
    type State = ();
    #[inline(always)]
    fn now(&self) -> &() {
        &()
    }
}

impl<const N: usize, const L: usize> Along<N, L> for Tangents<N, L> {
    type State = [Lanes<L>; N];
    #[inline(always)]
    fn now(&self) -> &Self::State {
        &self.state
    }
    #[inline(always)]
    fn shift(&mut self, state: usize, lane: usize, by: f64) {
        self.state[state].0[lane] += by;
    }
    #[inline(always)]
    fn read(now: &Self::State, lane: usize, slope: impl FnOnce() -> [f64; N]) -> Self::State {
        let (mut now, slope) = (*now, slope());
        for (state, slope) in now.iter_mut().zip(slope) {
            state.0[lane] -= slope;
        }
        now
    }
    fn replace(&mut self, tangent: &[Lanes<L>; N]) {
        self.state = *tangent;
    }
    fn add(&mut self, tangent: &[Lanes<L>; N]) {
        for (mine, other) in self.state.iter_mut().zip(tangent) {
            *mine = mine.plus(1.0, *other);
        }
    }
}

/// A method of integration with what goes along.
pub(super) trait Flow<S, const N: usize, const L: usize> {
    /// What goes along.
    type Along: Along<N, L>;
    fn along(&mut self) -> &mut Self::Along;
    fn work(&self) -> Work;
    /// Carries `y` over a segment, handing the state at each of `times` to `emit`.
    fn over(
        &mut self,
        system: &S,
        span: (f64, f64),
        y: &mut [f64; N],
        tolerance: &Tolerance<N>,
        times: (&[f64], Output),
        emit: impl FnMut(&[f64; N], &<Self::Along as Along<N, L>>::State),
    ) -> Result<(), SolverError>;
}

/// The explicit method.
pub(super) struct Explicit<W, const N: usize> {
    integrator: Dop853<f64, N>,
    along: W,
}

impl<W, const N: usize> Explicit<W, N> {
    #[inline(always)]
    pub(super) fn new(limits: Limits, along: W) -> Self {
        Self { integrator: Dop853::new(limits), along }
    }
}

impl<S, W, const N: usize, const L: usize> Flow<S, N, L> for Explicit<W, N>
where
    S: Linearised<N, L>,
    W: Along<N, L> + Companion<f64, S, N, State = <W as Along<N, L>>::State>,
{
    type Along = W;
    #[inline(always)]
    fn along(&mut self) -> &mut W {
        &mut self.along
    }
    fn work(&self) -> Work {
        self.integrator.work
    }
    #[inline(always)]
    fn over(
        &mut self,
        system: &S,
        span: (f64, f64),
        y: &mut [f64; N],
        tolerance: &Tolerance<N>,
        times: (&[f64], Output),
        emit: impl FnMut(&[f64; N], &<W as Along<N, L>>::State),
    ) -> Result<(), SolverError> {
        self.integrator.integrate(system, span, (y, &mut self.along), tolerance, times, emit)
    }
}

/// The implicit method.
pub(super) struct Implicit<W> {
    integrator: Radau,
    along: W,
}

impl<W> Implicit<W> {
    pub(super) fn new(limits: Limits, along: W) -> Self {
        Self { integrator: Radau::new(limits.steps), along }
    }
}

impl<S, W, const N: usize, const L: usize> Flow<S, N, L> for Implicit<W>
where
    S: Linearised<N, L>,
    W: Along<N, L> + Solved<N, L, State = <W as Along<N, L>>::State>,
{
    type Along = W;
    fn along(&mut self) -> &mut W {
        &mut self.along
    }
    fn work(&self) -> Work {
        self.integrator.work
    }
    /// The interpolant of its steps is less accurate than their ends, so a step ends at each time whatever is asked.
    fn over(
        &mut self,
        system: &S,
        span: (f64, f64),
        y: &mut [f64; N],
        tolerance: &Tolerance<N>,
        (times, _): (&[f64], Output),
        emit: impl FnMut(&[f64; N], &<W as Along<N, L>>::State),
    ) -> Result<(), SolverError> {
        self.integrator.integrate(system, span, (y, &mut self.along), tolerance, times, emit)
    }
}
