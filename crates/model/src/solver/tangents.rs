//! Derivatives carried along with a solution, as the linear system that they are.
//!
//! The stages of a step are first known in value, each with the partial derivatives of its right-hand side; once the
//! step is accepted, the derivatives of the solution follow by the same scheme in plain vector arithmetic, which waits
//! for nothing. A step that is rejected costs them nothing.

use super::dop853::{System, combine, interpolant, interpolate};
use super::tableau::A;
use crate::scalar::Real;
use std::ops::{Add, Mul, Sub};

/// What the solver combines linearly: the states of a solution, or their derivatives.
pub trait Linear: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<f64, Output = Self> {
    /// Zero.
    fn nil() -> Self;

    /// `self + a·x`.
    fn plus(self, a: f64, x: Self) -> Self;
}

impl<T: Real> Linear for T {
    #[inline(always)]
    fn nil() -> Self {
        T::zero()
    }
    #[inline(always)]
    fn plus(self, a: f64, x: Self) -> Self {
        self.axpy(a, x)
    }
}

/// The derivatives of one state in `L` directions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub struct Lanes<const L: usize, F = f64>(pub [F; L]);

impl<const L: usize> Linear for Lanes<L> {
    #[inline(always)]
    fn nil() -> Self {
        Self([0.0; L])
    }
    #[inline(always)]
    fn plus(mut self, a: f64, x: Self) -> Self {
        for (e, d) in self.0.iter_mut().zip(x.0) {
            *e += a * d;
        }
        self
    }
}

impl<const L: usize> Add for Lanes<L> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.plus(1.0, other)
    }
}

impl<const L: usize> Sub for Lanes<L> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.plus(-1.0, other)
    }
}

impl<const L: usize> Mul<f64> for Lanes<L> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, a: f64) -> Self {
        Self(self.0.map(|e| e * a))
    }
}

/// The partial derivatives of a right-hand side.
#[derive(Clone, Copy, Debug)]
pub struct Partials<const N: usize, const L: usize, F = f64> {
    /// Of each component, to each state.
    pub by_state: [[F; N]; N],
    /// Of each component, in each direction.
    pub by_lane: [Lanes<L, F>; N],
}

impl<const N: usize, const L: usize> Partials<N, L> {
    /// The derivative of the right-hand side where the states have the derivatives `at`.
    #[inline(always)]
    pub(crate) fn along(&self, at: &[Lanes<L>; N]) -> [Lanes<L>; N] {
        let mut sum = self.by_lane;
        for i in 0..N {
            for j in 0..N {
                sum[i] = sum[i].plus(self.by_state[i][j], at[j]);
            }
        }
        sum
    }
}

/// A system whose right-hand side comes with its partial derivatives.
pub trait Linearised<const N: usize, const L: usize>: System<f64, N> {
    /// f(t, y), to the bit that of [`System::derivative`], and its partial derivatives.
    fn linearise(&self, t: f64, y: &[f64; N]) -> ([f64; N], Partials<N, L>);
}

/// What goes along with a solution.
pub trait Companion<T: Real, S, const N: usize> {
    /// Its states.
    type State: Copy;
    /// Its interpolant over a step.
    type Dense;
    /// Whether it needs the partial derivatives of the right-hand side.
    const LINEARISES: bool;

    /// The right-hand side at a stage.
    fn evaluate(&mut self, system: &S, stage: usize, t: f64, y: &[T; N]) -> [T; N];
    /// Stage 0 has been evaluated: a segment begins.
    fn begin(&mut self, system: &S);
    /// The stages up to 12 have been evaluated in a step of length `h`, and accepted: the state at its end.
    fn step(&mut self, system: &S, h: f64) -> Self::State;
    /// All 16 stages have been evaluated: the interpolant of the step.
    fn dense(&mut self, system: &S, h: f64, end: &Self::State) -> Self::Dense;
    /// The interpolant at the fraction `x` of the step.
    fn inside(&self, system: &S, dense: &Self::Dense, x: f64) -> Self::State;
    /// The next step begins at `end`, where this one ended.
    fn advance(&mut self, end: &Self::State);
}

/// A solution on its own.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl<T: Real, S: System<T, N>, const N: usize> Companion<T, S, N> for Alone {
    type State = ();
    type Dense = ();
    const LINEARISES: bool = false;

    #[inline(always)]
    fn evaluate(&mut self, system: &S, _: usize, t: f64, y: &[T; N]) -> [T; N] {
        system.derivative(t, y)
    }
    #[inline(always)]
    fn begin(&mut self, _: &S) {}
    #[inline(always)]
    fn step(&mut self, _: &S, _: f64) {}
    #[inline(always)]
    fn dense(&mut self, _: &S, _: f64, (): &()) {}
    #[inline(always)]
    fn inside(&self, _: &S, (): &(), _: f64) {}
    #[inline(always)]
    fn advance(&mut self, (): &()) {}
}

/// The derivatives of a solution in `L` directions.
#[derive(Clone, Debug)]
pub struct Tangents<const N: usize, const L: usize> {
    /// The derivatives of each state.
    pub state: [Lanes<L>; N],
    partials: [Partials<N, L>; 16],
    k: [[Lanes<L>; N]; 16],
}

impl<const N: usize, const L: usize> Tangents<N, L> {
    /// Tangents of a solution that starts with the derivatives `state`.
    #[inline(always)]
    pub fn new(state: [Lanes<L>; N]) -> Self {
        let none = Partials { by_state: [[0.0; N]; N], by_lane: [Lanes::nil(); N] };
        Self { state, partials: [none; 16], k: [[Lanes::nil(); N]; 16] }
    }
}

impl<S: Linearised<N, L>, const N: usize, const L: usize> Companion<f64, S, N> for Tangents<N, L> {
    type State = [Lanes<L>; N];
    type Dense = [[Lanes<L>; N]; 7];
    const LINEARISES: bool = true;

    #[inline(always)]
    fn evaluate(&mut self, system: &S, stage: usize, t: f64, y: &[f64; N]) -> [f64; N] {
        let (value, partials) = system.linearise(t, y);
        self.partials[stage] = partials;
        value
    }
    #[inline(always)]
    fn begin(&mut self, _: &S) {
        self.k[0] = self.partials[0].along(&self.state);
    }
    #[inline(always)]
    fn step(&mut self, _: &S, h: f64) -> Self::State {
        // Written out, so that the rows are known: worth 4 µs of 152 in a course of 44 weeks.
        macro_rules! stages {
            ($($stage:literal)*) => { $(
                let at = combine(&self.k, &self.state, h, A[$stage]);
                self.k[$stage] = self.partials[$stage].along(&at);
            )* };
        }
        stages!(1 2 3 4 5 6 7 8 9 10 11);
        let end = combine(&self.k, &self.state, h, A[12]);
        self.k[12] = self.partials[12].along(&end);
        end
    }
    #[inline(always)]
    fn dense(&mut self, _: &S, h: f64, end: &Self::State) -> Self::Dense {
        for stage in 13..16 {
            let at = combine(&self.k, &self.state, h, A[stage]);
            self.k[stage] = self.partials[stage].along(&at);
        }
        interpolant(&self.k, h, &self.state, end)
    }
    #[inline(always)]
    fn inside(&self, _: &S, dense: &Self::Dense, x: f64) -> Self::State {
        interpolate(dense, &self.state, x)
    }
    #[inline(always)]
    fn advance(&mut self, end: &Self::State) {
        self.state = *end;
        self.k[0] = self.k[12];
    }
}
