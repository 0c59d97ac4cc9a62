//! The scalar type in which models are written.
//!
//! A structural model is written once over [`Real`]: `f64` gives predictions, and [`crate::Dual`] gives exact
//! sensitivities through the same arithmetic and the same solver steps.

use super::elementary;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The least ordinary number; ordinary numbers reach up to its inverse, and products and quotients of two of them
/// neither overflow nor underflow. An [`AnalyticFunction`] branches on arguments only below this limit.
pub(crate) const LEAST_ORDINARY: f64 = 1e-150;

/// Whether a number lies between [`LEAST_ORDINARY`] and its inverse.
#[inline(always)]
#[allow(clippy::manual_range_contains)] // That takes a reference, and a vector would have to be in memory.
pub(crate) fn is_ordinary(x: f64) -> bool {
    (x >= LEAST_ORDINARY) & (x <= 1.0 / LEAST_ORDINARY)
}

/// A real number that may carry derivatives.
pub trait Real:
    Copy
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Mul<f64, Output = Self>
    + Add<f64, Output = Self>
{
    /// The scalar of the value and of each derivative: `f64` for `f64`, `F` for `Dual<F, N>`.
    type Inner: Real;

    /// A number without derivatives.
    fn constant(value: f64) -> Self;

    /// The value without its derivatives.
    fn value(&self) -> f64;

    /// The exponential, eˣ.
    fn exp(self) -> Self;

    /// Natural logarithm.
    fn ln(self) -> Self;

    /// The natural logarithm of a number from 1e-150 to 1e150, without a check of its range.
    fn ln_of_ordinary(self) -> Self;

    /// The exponential eˣ with x clamped to ±700, without a branch.
    fn exp_within(self) -> Self;

    /// Square root.
    fn sqrt(self) -> Self;

    /// `self + a·x`, the step of every linear combination in the solver.
    fn axpy(self, a: f64, x: Self) -> Self;

    /// Applies functions whose partial derivatives are known in closed form.
    fn apply<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(arguments: [Self; K]) -> [Self; M];

    /// The values and the partial derivatives of functions whose partial derivatives are known in closed form.
    #[inline(always)]
    fn differentiate<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(
        arguments: [Self; K],
    ) -> ([Self; M], [[Self; K]; M]) {
        G::values_and_gradients(arguments)
    }

    /// Selects `yes` where `a` is at least `b`, else `no`.
    #[inline(always)]
    fn choose((a, b): (&Self, &Self), yes: Self, no: Self) -> Self {
        if a.value() >= b.value() { yes } else { no }
    }

    /// Zero.
    #[inline(always)]
    fn zero() -> Self {
        Self::constant(0.0)
    }
}

/// Implements the functions of one variable for a number with derivatives over the scalar `$inner`, by its chain rule.
macro_rules! chained {
    ($inner:ident) => {
        #[inline(always)]
        fn exp(self) -> Self {
            let value = self.re.exp();
            self.chain(value, value)
        }
        #[inline(always)]
        fn ln(self) -> Self {
            self.chain(self.re.ln(), $inner::constant(1.0) / self.re)
        }
        #[inline(always)]
        fn ln_of_ordinary(self) -> Self {
            self.chain(self.re.ln_of_ordinary(), $inner::constant(1.0) / self.re)
        }
        #[inline(always)]
        fn exp_within(self) -> Self {
            let value = self.re.exp_within();
            self.chain(value, value)
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            let value = self.re.sqrt();
            self.chain(value, $inner::constant(0.5) / value)
        }
    };
}
pub(super) use chained;

/// `M` functions of `K` variables with their gradients in closed form.
///
/// The functions are written over any [`Real`], so that derivatives of any order follow from the gradient.
pub trait AnalyticFunction<const K: usize, const M: usize> {
    /// The values at `x`.
    fn values<T: Real>(x: [T; K]) -> [T; M];

    /// The values and the `K` partial derivatives of each function at `x`.
    fn values_and_gradients<T: Real>(x: [T; K]) -> ([T; M], [[T; K]; M]);
}

impl Real for f64 {
    type Inner = f64;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn value(&self) -> f64 {
        *self
    }
    #[inline(always)]
    fn exp(self) -> Self {
        elementary::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        elementary::ln(self)
    }
    #[inline(always)]
    fn ln_of_ordinary(self) -> Self {
        elementary::ln(self)
    }
    #[inline(always)]
    fn exp_within(self) -> Self {
        elementary::exp_within(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn axpy(self, a: f64, x: Self) -> Self {
        self + a * x
    }
    #[inline(always)]
    fn apply<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(arguments: [Self; K]) -> [Self; M] {
        G::values(arguments)
    }
}
