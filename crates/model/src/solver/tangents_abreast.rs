//! What goes along with several solutions at once: the operations of [`super::Tangents`], to the bit, in wider arithmetic.

use super::abreast::{Abreast, Made};
use super::dop853::interpolate;
use super::tableau::{A, D};
use super::tangents::{Lanes, Partials};
use crate::scalar::Pack;

/// Such problems whose right-hand sides come with their partial derivatives.
pub trait LinearisedAbreast<const N: usize, const L: usize, const W: usize>: Abreast<N, W> {
    /// f(t, y) of each, to the bit that of [`Abreast::derivatives`], and its partial derivatives.
    fn linearise(&self, t: Pack<W>, y: &[Pack<W>; N]) -> ([Pack<W>; N], Partials<N, L, Pack<W>>);
}

/// What goes along with each of several solutions: nothing, `()`, or [`TangentsAbreast`].
pub trait AlongAbreast<const N: usize, const W: usize> {
    /// What it is of one of them at one time.
    type State: Copy + 'static;
    /// Its interpolant over a step of one of them.
    type Dense;
    /// Whether an evaluation is too much code for one at every stage.
    const IS_LONG: bool;

    /// Of solutions that stand still.
    fn new() -> Self;
    /// The solution in `lane` goes on from `state`, whose derivative in time is `slope`.
    fn begin(&mut self, lane: usize, state: &Self::State, slope: &Self::State);
    /// The stages up to 12 have been evaluated in steps of length `h`.
    fn step(&mut self, h: Pack<W>);
    /// All stages have been evaluated.
    fn fill(&mut self, h: Pack<W>);
    /// What it is at the end of the step of the solution in `lane`.
    fn end(&self, lane: usize) -> Self::State;
    /// The interpolant of that step, whose stages are filled in.
    fn dense(&self, lane: usize) -> Self::Dense;
    /// What it is at the fraction `x` of the step.
    fn inside(dense: &Self::Dense, x: f64) -> Self::State;
    /// The solution in `lane` goes on from there.
    fn advance(&mut self, lane: usize);
}

/// What can go along with solutions of the systems `S`.
pub trait CompanionAbreast<S, const N: usize, const W: usize>: AlongAbreast<N, W> {
    /// The right-hand sides at a stage.
    fn evaluate(&mut self, system: &S, stage: usize, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N];
}

impl<const N: usize, const W: usize> AlongAbreast<N, W> for () {
    type State = ();
    type Dense = ();
    const IS_LONG: bool = false;

    #[inline(always)]
    fn new() -> Self {}
    #[inline(always)]
    fn begin(&mut self, _: usize, (): &(), (): &()) {}
    #[inline(always)]
    fn step(&mut self, _: Pack<W>) {}
    #[inline(always)]
    fn fill(&mut self, _: Pack<W>) {}
    #[inline(always)]
    fn end(&self, _: usize) {}
    #[inline(always)]
    fn dense(&self, _: usize) {}
    #[inline(always)]
    fn inside((): &(), _: f64) {}
    #[inline(always)]
    fn advance(&mut self, _: usize) {}
}

impl<S: Abreast<N, W>, const N: usize, const W: usize> CompanionAbreast<S, N, W> for () {
    #[inline(always)]
    fn evaluate(&mut self, system: &S, _: usize, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N] {
        system.derivatives(t, y)
    }
}

/// The derivatives of several solutions, each in `L` directions: those of [`super::Tangents`], to the bit.
#[derive(Clone, Debug)]
pub struct TangentsAbreast<const N: usize, const L: usize, const W: usize> {
    state: [Lanes<L, Pack<W>>; N],
    end: [Lanes<L, Pack<W>>; N],
    partials: [Partials<N, L, Pack<W>>; 16],
    k: [[Lanes<L, Pack<W>>; N]; 16],
    /// The derivatives at the stages of a step, if they are kept.
    keeps: bool,
    at: [[Lanes<L, Pack<W>>; N]; 12],
    /// The terms of the interpolants.
    terms: [[Lanes<L, Pack<W>>; N]; 7],
}

impl<const N: usize, const L: usize, const W: usize> TangentsAbreast<N, L, W> {
    /// The derivatives at a stage, and those of its slope.
    #[inline(always)]
    fn stage(&mut self, stage: usize, h: Pack<W>) {
        let row = A[stage];
        let mut weights = [h; 12];
        for (weight, &(_, a)) in weights.iter_mut().zip(row) {
            *weight = h * a;
        }
        let partials = &self.partials[stage];
        for l in 0..L {
            // One direction at a time, so that its sums stay in registers.
            let mut at = [h; N];
            for n in 0..N {
                at[n] = self.state[n].0[l];
            }
            for (weight, &(earlier, _)) in weights.iter().zip(row) {
                for n in 0..N {
                    at[n] = at[n] + *weight * self.k[earlier][n].0[l];
                }
            }
            for n in 0..N {
                let mut slope = partials.by_lane[n].0[l];
                for m in 0..N {
                    slope = slope + partials.by_state[n][m] * at[m];
                }
                self.k[stage][n].0[l] = slope;
            }
            if stage == 12 {
                for n in 0..N {
                    self.end[n].0[l] = at[n];
                }
            } else if self.keeps && stage < 12 {
                for n in 0..N {
                    self.at[stage][n].0[l] = at[n];
                }
            }
        }
    }
}

impl<const N: usize, const L: usize, const W: usize> TangentsAbreast<N, L, W> {
    /// From now on the derivatives at the stages are kept, or not.
    pub(super) fn keep(&mut self, keeps: bool) {
        self.keeps = keeps;
    }

    /// The derivatives at the stages of the step of the solution in `lane`.
    #[inline(always)]
    pub(super) fn stages(&self, lane: usize, made: &mut Made<N, L>) {
        made.tangent[0] = lanes_of(&self.state, lane);
        for stage in 1..13 {
            if stage < 12 {
                made.tangent[stage] = lanes_of(&self.at[stage], lane);
            }
            for n in 0..N {
                for m in 0..N {
                    made.by_state[stage][n][m] = self.partials[stage].by_state[n][m].0[lane];
                }
            }
        }
    }
}

/// The lanes of one of several solutions.
#[inline(always)]
fn lanes_of<const N: usize, const L: usize, const W: usize>(
    all: &[Lanes<L, Pack<W>>; N],
    lane: usize,
) -> [Lanes<L>; N] {
    // No `from_fn`: it is not compiled into its caller, nor for the caller's processor.
    let mut own = [Lanes([0.0; L]); N];
    for n in 0..N {
        for l in 0..L {
            own[n].0[l] = all[n].0[l].0[lane];
        }
    }
    own
}

impl<S, const N: usize, const L: usize, const W: usize> CompanionAbreast<S, N, W> for TangentsAbreast<N, L, W>
where
    S: LinearisedAbreast<N, L, W>,
{
    #[inline(always)]
    fn evaluate(&mut self, system: &S, stage: usize, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N] {
        let (value, partials) = system.linearise(t, y);
        self.partials[stage] = partials;
        value
    }
}

impl<const N: usize, const L: usize, const W: usize> AlongAbreast<N, W> for TangentsAbreast<N, L, W> {
    type State = [Lanes<L>; N];
    type Dense = ([[Lanes<L>; N]; 7], [Lanes<L>; N]);
    const IS_LONG: bool = true;

    #[inline(always)]
    fn new() -> Self {
        let zero = Pack::all(0.0);
        let none = [Lanes([zero; L]); N];
        let partials = Partials { by_state: [[zero; N]; N], by_lane: none };
        Self {
            state: none,
            end: none,
            partials: [partials; 16],
            k: [none; 16],
            keeps: false,
            at: [none; 12],
            terms: [none; 7],
        }
    }
    #[inline(always)]
    fn begin(&mut self, lane: usize, state: &Self::State, slope: &Self::State) {
        for n in 0..N {
            for l in 0..L {
                self.state[n].0[l].0[lane] = state[n].0[l];
                self.k[0][n].0[l].0[lane] = slope[n].0[l];
            }
        }
    }
    #[inline(always)]
    fn step(&mut self, h: Pack<W>) {
        // Written out, so that the rows are known.
        macro_rules! stages {
            ($($stage:literal)*) => { $( self.stage($stage, h); )* };
        }
        stages!(1 2 3 4 5 6 7 8 9 10 11 12);
    }
    #[inline(always)]
    fn fill(&mut self, h: Pack<W>) {
        for stage in 13..16 {
            self.stage(stage, h);
        }
        for n in 0..N {
            for l in 0..L {
                let k = |stage: usize| self.k[stage][n].0[l];
                let rise = self.end[n].0[l] - self.state[n].0[l];
                self.terms[0][n].0[l] = rise;
                self.terms[1][n].0[l] = k(0) * h - rise;
                self.terms[2][n].0[l] = rise * 2.0 - (k(12) + k(0)) * h;
            }
        }
        for (row, term) in D.into_iter().zip(&mut self.terms[3..]) {
            let mut weights = [h; 12];
            for (weight, &(_, a)) in weights.iter_mut().zip(row) {
                *weight = h * a;
            }
            for l in 0..L {
                let mut sum = [Pack::all(0.0); N];
                for (weight, &(stage, _)) in weights.iter().zip(row) {
                    for n in 0..N {
                        sum[n] = sum[n] + *weight * self.k[stage][n].0[l];
                    }
                }
                for n in 0..N {
                    term[n].0[l] = sum[n];
                }
            }
        }
    }
    #[inline(always)]
    fn end(&self, lane: usize) -> Self::State {
        lanes_of(&self.end, lane)
    }
    #[inline(always)]
    fn dense(&self, lane: usize) -> Self::Dense {
        let state = lanes_of(&self.state, lane);
        let mut f = [state; 7];
        for term in 0..7 {
            f[term] = lanes_of(&self.terms[term], lane);
        }
        (f, state)
    }
    #[inline(always)]
    fn inside((f, state): &Self::Dense, x: f64) -> Self::State {
        interpolate(f, state, x)
    }
    #[inline(always)]
    fn advance(&mut self, lane: usize) {
        for n in 0..N {
            for l in 0..L {
                self.state[n].0[l].0[lane] = self.end[n].0[l].0[lane];
                self.k[0][n].0[l].0[lane] = self.k[12][n].0[l].0[lane];
            }
        }
    }
}
