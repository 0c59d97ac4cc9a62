//! Vectors of numbers with the arithmetic of a single number.

use super::elementary;
use super::real::{AnalyticFunction, Real, is_ordinary};
use std::array::from_fn;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Whether functions compiled for wider vectors can be called: on x86-64 whether the processor has AVX2, elsewhere
/// always.
pub fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return true;
}

/// A vector of `W` numbers, each computed bit for bit as a single `f64` would be.
///
/// Right-hand sides of models can run on it if they branch on a value only within an [`AnalyticFunction`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Simd<const W: usize>(pub [f64; W]);

impl<const W: usize> Simd<W> {
    /// A vector of `W` equal numbers.
    #[inline(always)]
    pub fn all(value: f64) -> Self {
        Self([value; W])
    }

    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = [0.0; W];
        for l in 0..W {
            out[l] = f(self.0[l], other.0[l]);
        }
        Self(out)
    }

    /// Whether all numbers are ordinary, so that no analytic function of them branches.
    #[inline(always)]
    fn is_ordinary(&self) -> bool {
        let mut ordinary = true;
        for l in 0..W {
            ordinary &= is_ordinary(self.0[l]);
        }
        ordinary
    }
}

macro_rules! lanewise {
    ($($operator:ident $name:ident $sign:tt),*) => { $(
        impl<const W: usize> $operator for Simd<W> {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                self.with(other, |a, b| a $sign b)
            }
        }
    )* };
}

lanewise!(Add add +, Sub sub -, Mul mul *, Div div /);

impl<const W: usize> Neg for Simd<W> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(elementary::of_each(self.0, |a| -a))
    }
}

impl<const W: usize> Mul<f64> for Simd<W> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, a: f64) -> Self {
        Self(elementary::of_each(self.0, |b| b * a))
    }
}

impl<const W: usize> Add<f64> for Simd<W> {
    type Output = Self;
    #[inline(always)]
    fn add(self, a: f64) -> Self {
        Self(elementary::of_each(self.0, |b| b + a))
    }
}

impl<const W: usize> Real for Simd<W> {
    type Inner = Self;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::all(value)
    }
    /// The first number of the vector; an [`AnalyticFunction`] branches on it only where all numbers are ordinary.
    #[inline(always)]
    fn value(&self) -> f64 {
        self.0[0]
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Self(elementary::exp_of_each(self.0))
    }
    #[inline(always)]
    fn ln(self) -> Self {
        Self(elementary::ln_of_each(self.0))
    }
    #[inline(always)]
    fn ln_of_ordinary(self) -> Self {
        Self(elementary::ln_of_each_ordinary(self.0))
    }
    #[inline(always)]
    fn exp_within(self) -> Self {
        Self(elementary::of_each(self.0, elementary::exp_within))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(elementary::of_each(self.0, f64::sqrt))
    }
    #[inline(always)]
    fn axpy(self, a: f64, x: Self) -> Self {
        self.with(x, |y, x| y + a * x)
    }
    #[inline(always)]
    fn choose((a, b): (&Self, &Self), yes: Self, no: Self) -> Self {
        let mut out = no;
        for l in 0..W {
            out.0[l] = if a.0[l] >= b.0[l] { yes.0[l] } else { no.0[l] };
        }
        out
    }
    #[inline(always)]
    fn apply<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(arguments: [Self; K]) -> [Self; M] {
        if are_ordinary(&arguments) { G::values(arguments) } else { one_by_one::<W, K, M, G>(&arguments) }
    }
    #[inline(always)]
    fn differentiate<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(
        arguments: [Self; K],
    ) -> ([Self; M], [[Self; K]; M]) {
        if are_ordinary(&arguments) {
            G::values_and_gradients(arguments)
        } else {
            differentiate_one_by_one::<W, K, M, G>(&arguments)
        }
    }
}

#[inline(always)]
fn are_ordinary<const W: usize, const K: usize>(arguments: &[Simd<W>; K]) -> bool {
    let mut ordinary = true;
    for argument in arguments {
        ordinary &= argument.is_ordinary();
    }
    ordinary
}

#[cold]
#[inline(never)]
fn one_by_one<const W: usize, const K: usize, const M: usize, G: AnalyticFunction<K, M>>(
    arguments: &[Simd<W>; K],
) -> [Simd<W>; M] {
    let each: [[f64; M]; W] = from_fn(|l| G::values(arguments.map(|argument| argument.0[l])));
    from_fn(|m| Simd(from_fn(|l| each[l][m])))
}

#[cold]
#[inline(never)]
fn differentiate_one_by_one<const W: usize, const K: usize, const M: usize, G: AnalyticFunction<K, M>>(
    arguments: &[Simd<W>; K],
) -> ([Simd<W>; M], [[Simd<W>; K]; M]) {
    let each: [([f64; M], [[f64; K]; M]); W] =
        from_fn(|l| G::values_and_gradients(arguments.map(|argument| argument.0[l])));
    let values = from_fn(|m| Simd(from_fn(|l| each[l].0[m])));
    (values, from_fn(|m| from_fn(|k| Simd(from_fn(|l| each[l].1[m][k])))))
}
