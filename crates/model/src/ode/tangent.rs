//! Derivatives of a solution in several directions, and of a right-hand side.

use crate::autodiff::{Real, Simd};
use std::ops::{Add, Mul, Sub};

/// A quantity that the solver combines linearly: a state, or its derivatives.
pub trait Linear: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<f64, Output = Self> {
    /// Zero.
    fn zero() -> Self;

    /// `self + a·x`.
    fn axpy(self, a: f64, x: Self) -> Self;
}

impl Linear for f64 {
    #[inline(always)]
    fn zero() -> Self {
        0.0
    }
    #[inline(always)]
    fn axpy(self, a: f64, x: Self) -> Self {
        self + a * x
    }
}

/// The derivatives of one number in `L` directions.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Tangent<const L: usize, F = f64>(pub [F; L]);

impl<const L: usize> Linear for Tangent<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; L])
    }
    #[inline(always)]
    fn axpy(mut self, a: f64, x: Self) -> Self {
        for (e, d) in self.0.iter_mut().zip(x.0) {
            *e += a * d;
        }
        self
    }
}

impl<const L: usize> Add for Tangent<L> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.axpy(1.0, other)
    }
}

impl<const L: usize> Sub for Tangent<L> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.axpy(-1.0, other)
    }
}

impl<const L: usize> Mul<f64> for Tangent<L> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, a: f64) -> Self {
        Self(self.0.map(|e| e * a))
    }
}

impl<const L: usize, const W: usize> Tangent<L, Simd<W>> {
    /// The derivatives of one lane.
    #[inline(always)]
    pub(super) fn lane(&self, lane: usize) -> Tangent<L> {
        let mut own = Tangent([0.0; L]);
        for l in 0..L {
            own.0[l] = self.0[l].0[lane];
        }
        own
    }
}

/// The partial derivatives of a right-hand side.
#[derive(Clone, Copy, Debug)]
pub struct Partials<const N: usize, const L: usize, F = f64> {
    /// The derivative of each component to each state.
    pub by_state: [[F; N]; N],
    /// The derivatives of each component in the directions.
    pub by_direction: [Tangent<L, F>; N],
}

impl<const N: usize, const L: usize, F: Real> Partials<N, L, F> {
    /// Partial derivatives that are all zero.
    #[inline(always)]
    pub(super) fn none() -> Self {
        let zero = F::zero();
        Self { by_state: [[zero; N]; N], by_direction: [Tangent([zero; L]); N] }
    }
}

impl<const N: usize, const L: usize, const W: usize> Partials<N, L, Simd<W>> {
    /// The partial derivatives of one lane.
    #[inline(always)]
    pub(super) fn lane(&self, lane: usize) -> Partials<N, L> {
        let mut own = Partials::none();
        for n in 0..N {
            for m in 0..N {
                own.by_state[n][m] = self.by_state[n][m].0[lane];
            }
            own.by_direction[n] = self.by_direction[n].lane(lane);
        }
        own
    }
}

impl<const N: usize, const L: usize> Partials<N, L> {
    /// The derivative of the right-hand side where the states have the derivatives `at`.
    #[inline(always)]
    pub fn along(&self, at: &[Tangent<L>; N]) -> [Tangent<L>; N] {
        let mut sum = self.by_direction;
        for i in 0..N {
            for j in 0..N {
                sum[i] = sum[i].axpy(self.by_state[i][j], at[j]);
            }
        }
        sum
    }
}
