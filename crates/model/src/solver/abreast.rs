//! Steps of several solutions at once, each of its own length at its own time: the operations of [`super::Dop853`], to
//! the bit, in wider arithmetic. A solution waits for its logarithms and roots most of the time; others fill it.

use super::dop853::{Tolerance, combine_with, interpolate, wrong_by};
use super::pace::Step;
use super::tableau::{A, C, D, E3, E5, Row};
use super::tangents::Lanes;
use super::tangents_abreast::{AlongAbreast, CompanionAbreast, TangentsAbreast};
use crate::scalar::Pack;

/// Initial value problems side by side.
pub trait Abreast<const N: usize, const W: usize> {
    /// f(t, y) of each.
    fn derivatives(&self, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N];
}

/// A step of each.
#[derive(Clone, Debug)]
pub struct Stages<C, const N: usize, const W: usize> {
    k: [[Pack<W>; N]; 16],
    /// The states at the stages.
    at: [[Pack<W>; N]; 16],
    from: Pack<W>,
    to: Pack<W>,
    h: Pack<W>,
    y: [Pack<W>; N],
    end: [Pack<W>; N],
    fifth: [Pack<W>; N],
    third: [Pack<W>; N],
    /// The terms of the interpolants.
    terms: [[Pack<W>; N]; 7],
    along: C,
}

/// That of one of several.
#[inline(always)]
fn of<const N: usize, const W: usize>(all: &[Pack<W>; N], lane: usize) -> [f64; N] {
    // No `from_fn`: it is not compiled into its caller, nor for the caller's processor.
    let mut own = [0.0; N];
    for i in 0..N {
        own[i] = all[i].0[lane];
    }
    own
}

impl<G: AlongAbreast<N, W>, const N: usize, const W: usize> Stages<G, N, W> {
    /// Solutions that stand still.
    #[inline(always)]
    pub fn new() -> Self {
        let (zero, one) = (Pack::all(0.0), [Pack::all(1.0); N]);
        let none = [zero; N];
        Self {
            k: [none; 16],
            at: [one; 16],
            from: zero,
            to: zero,
            h: zero,
            y: one,
            end: one,
            fifth: none,
            third: none,
            terms: [none; 7],
            along: G::new(),
        }
    }

    /// The solution in `lane` goes on from `y` and what goes along, where their derivatives are these.
    #[inline(always)]
    pub fn begin(
        &mut self,
        lane: usize,
        (y, slope): (&[f64; N], &[f64; N]),
        (along, its_slope): (&G::State, &G::State),
    ) {
        self.start_from(lane, y, slope);
        self.along.begin(lane, along, its_slope);
    }

    #[inline(always)]
    fn start_from(&mut self, lane: usize, y: &[f64; N], slope: &[f64; N]) {
        for i in 0..N {
            self.y[i].0[lane] = y[i];
            self.k[0][i].0[lane] = slope[i];
        }
    }

    /// The next step of the solution in `lane`.
    #[inline(always)]
    pub fn set(&mut self, lane: usize, step: &Step) {
        (self.from.0[lane], self.to.0[lane], self.h.0[lane]) = (step.from, step.to, step.length);
    }

    /// The solution in `lane` stands still.
    #[inline(always)]
    pub fn rest(&mut self, lane: usize) {
        self.start_from(lane, &[1.0; N], &[0.0; N]);
        self.set(lane, &Step { from: 0.0, length: 0.0, to: 0.0 });
    }

    /// Where the step of the solution in `lane` begins.
    #[inline(always)]
    pub fn start(&self, lane: usize) -> [f64; N] {
        of(&self.y, lane)
    }

    /// Where it ends.
    #[inline(always)]
    pub fn end(&self, lane: usize) -> [f64; N] {
        of(&self.end, lane)
    }

    /// What goes along with it there, once the steps are closed.
    #[inline(always)]
    pub fn along_end(&self, lane: usize) -> G::State {
        self.along.end(lane)
    }

    /// Tries every step.
    #[inline(always)]
    pub fn attempt<S>(&mut self, system: &S)
    where
        G: CompanionAbreast<S, N, W>,
    {
        if const { G::IS_LONG } {
            for stage in 1..12 {
                self.evaluate(system, stage);
            }
        } else {
            // Written out, so that the rows are known.
            macro_rules! stages {
                ($($stage:literal)*) => { $( self.evaluate(system, $stage); )* };
            }
            stages!(1 2 3 4 5 6 7 8 9 10 11);
        }
        self.end = self.reached(12);
        let none = [Pack::all(0.0); N];
        let weigh = |row: Row| combine_with(&self.k, &none, row, |sum, e, k| sum + k * e);
        (self.fifth, self.third) = (weigh(E5), weigh(E3));
    }

    /// By how much the step of the solution in `lane` is wrong, in units of the tolerance.
    #[inline(always)]
    pub fn error(&self, lane: usize, tolerance: &Tolerance<N>) -> f64 {
        let estimates = (&of(&self.fifth, lane), &of(&self.third, lane));
        wrong_by(&self.start(lane), &self.end(lane), self.h.0[lane], estimates, tolerance)
    }

    /// The derivatives at the ends of the steps, and what goes along through all of them.
    #[inline(always)]
    pub fn close<S>(&mut self, system: &S)
    where
        G: CompanionAbreast<S, N, W>,
    {
        self.k[12] = self.along.evaluate(system, 12, self.to, &self.end);
        self.along.step(self.h);
    }

    /// The stages of the interpolants, and their terms.
    #[inline(always)]
    pub fn fill<S>(&mut self, system: &S)
    where
        G: CompanionAbreast<S, N, W>,
    {
        for stage in 13..16 {
            self.evaluate(system, stage);
        }
        let h = self.h;
        for i in 0..N {
            let rise = self.end[i] - self.y[i];
            self.terms[0][i] = rise;
            self.terms[1][i] = self.k[0][i] * h - rise;
            self.terms[2][i] = rise * 2.0 - (self.k[12][i] + self.k[0][i]) * h;
        }
        let none = [Pack::all(0.0); N];
        for row in 0..4 {
            self.terms[3 + row] = combine_with(&self.k, &none, D[row], |sum, a, k| sum + h * a * k);
        }
        self.along.fill(self.h);
    }

    /// The solution in `lane`, and what goes along, at the fractions `x` of its step, whose stages are filled in.
    #[inline(always)]
    pub fn inside(&self, lane: usize, x: impl Iterator<Item = f64>, to: &mut Vec<([f64; N], G::State)>) {
        let mut f = [[0.0; N]; 7];
        for term in 0..7 {
            f[term] = of(&self.terms[term], lane);
        }
        let (y, along) = (self.start(lane), self.along.dense(lane));
        for x in x {
            to.push((interpolate(&f, &y, x), G::inside(&along, x)));
        }
    }

    /// The solution in `lane` goes on from the end of its step, which is closed.
    #[inline(always)]
    pub fn advance(&mut self, lane: usize) {
        for i in 0..N {
            self.y[i].0[lane] = self.end[i].0[lane];
            self.k[0][i].0[lane] = self.k[12][i].0[lane];
        }
        self.along.advance(lane);
    }

    #[inline(always)]
    fn reached(&self, stage: usize) -> [Pack<W>; N] {
        combine_with(&self.k, &self.y, A[stage], |sum, a, k| sum + self.h * a * k)
    }

    #[inline(always)]
    fn evaluate<S>(&mut self, system: &S, stage: usize)
    where
        G: CompanionAbreast<S, N, W>,
    {
        self.at[stage] = self.reached(stage);
        self.k[stage] = self.along.evaluate(system, stage, self.from + self.h * C[stage], &self.at[stage]);
    }
}

/// The stages of a step that has been made.
#[derive(Clone, Copy, Debug)]
pub struct Made<const N: usize, const L: usize> {
    /// The state at each stage.
    pub state: [[f64; N]; 12],
    /// Its derivatives.
    pub tangent: [[Lanes<L>; N]; 12],
    /// The derivatives of the right-hand side there and at the end, of each component to each state; at the start not known.
    pub by_state: [[[f64; N]; N]; 13],
}

impl<const N: usize, const L: usize, const W: usize> Stages<TangentsAbreast<N, L, W>, N, W> {
    /// The stages of the step of the solution in `lane`, which is closed, if they are kept.
    #[inline(always)]
    pub fn made(&self, lane: usize, made: &mut Made<N, L>) {
        made.state[0] = self.start(lane);
        for stage in 1..12 {
            made.state[stage] = of(&self.at[stage], lane);
        }
        self.along.stages(lane, made);
    }

    /// From now on the stages of steps are kept, or not.
    pub fn keep(&mut self, keeps: bool) {
        self.along.keep(keeps);
    }
}

impl<const N: usize, const L: usize> Made<N, L> {
    /// Of no step.
    pub fn none() -> Self {
        let none = [Lanes([0.0; L]); N];
        Self { state: [[0.0; N]; 12], tangent: [none; 12], by_state: [[[0.0; N]; N]; 13] }
    }
}
