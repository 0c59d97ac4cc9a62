//! Steps of several solutions at once, each of its own length at its own time: the operations of [`super::Dop853`], to
//! the bit, in wider arithmetic. A solution waits for its logarithms and roots most of the time; others fill it.

use super::dop853::{Tolerance, combine_with, interpolant, interpolate, wrong_by};
use super::pace::Step;
use super::tableau::{A, C, E3, E5, Row};
use crate::scalar::Pack;
use std::array::from_fn;

/// Initial value problems side by side.
pub trait Abreast<const N: usize, const W: usize> {
    /// f(t, y) of each.
    fn derivatives(&self, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N];
}

/// A step of each.
#[derive(Clone, Debug)]
pub struct Stages<const N: usize, const W: usize> {
    k: [[Pack<W>; N]; 16],
    from: Pack<W>,
    to: Pack<W>,
    h: Pack<W>,
    y: [Pack<W>; N],
    end: [Pack<W>; N],
    fifth: [Pack<W>; N],
    third: [Pack<W>; N],
}

/// That of one of several.
#[inline(always)]
fn of<const N: usize, const W: usize>(all: &[Pack<W>; N], lane: usize) -> [f64; N] {
    from_fn(|i| all[i].0[lane])
}

impl<const N: usize, const W: usize> Stages<N, W> {
    /// Solutions that stand still.
    #[inline(always)]
    pub fn new() -> Self {
        let (zero, one) = (Pack::all(0.0), [Pack::all(1.0); N]);
        let none = [zero; N];
        Self { k: [none; 16], from: zero, to: zero, h: zero, y: one, end: one, fifth: none, third: none }
    }

    /// The solution in `lane` goes on from `y`, where its derivative is `slope`.
    #[inline(always)]
    pub fn begin(&mut self, lane: usize, y: &[f64; N], slope: &[f64; N]) {
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
        self.begin(lane, &[1.0; N], &[0.0; N]);
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

    /// Tries every step.
    #[inline(always)]
    pub fn attempt(&mut self, system: &impl Abreast<N, W>) {
        // Written out, so that the rows are known.
        macro_rules! stages {
            ($($stage:literal)*) => { $( self.evaluate(system, $stage); )* };
        }
        stages!(1 2 3 4 5 6 7 8 9 10 11);
        self.end = self.at(12);
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

    /// The derivatives at the ends of the steps.
    #[inline(always)]
    pub fn close(&mut self, system: &impl Abreast<N, W>) {
        self.k[12] = system.derivatives(self.to, &self.end);
    }

    /// The stages of the interpolants.
    #[inline(always)]
    pub fn fill(&mut self, system: &impl Abreast<N, W>) {
        for stage in 13..16 {
            self.evaluate(system, stage);
        }
    }

    /// The solution in `lane` at the fractions `x` of its step, whose stages are filled in.
    #[inline(always)]
    pub fn inside(&self, lane: usize, x: impl Iterator<Item = f64>, mut emit: impl FnMut([f64; N])) {
        let k: [[f64; N]; 16] = from_fn(|stage| of(&self.k[stage], lane));
        let y = self.start(lane);
        let f = interpolant(&k, self.h.0[lane], &y, &self.end(lane));
        x.for_each(|x| emit(interpolate(&f, &y, x)));
    }

    /// The solution in `lane` goes on from the end of its step, which is closed.
    #[inline(always)]
    pub fn advance(&mut self, lane: usize) {
        for i in 0..N {
            self.y[i].0[lane] = self.end[i].0[lane];
            self.k[0][i].0[lane] = self.k[12][i].0[lane];
        }
    }

    #[inline(always)]
    fn at(&self, stage: usize) -> [Pack<W>; N] {
        combine_with(&self.k, &self.y, A[stage], |sum, a, k| sum + self.h * a * k)
    }

    #[inline(always)]
    fn evaluate(&mut self, system: &impl Abreast<N, W>, stage: usize) {
        self.k[stage] = system.derivatives(self.from + self.h * C[stage], &self.at(stage));
    }
}
