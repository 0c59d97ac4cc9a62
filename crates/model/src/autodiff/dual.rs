//! Forward-mode dual numbers of a fixed number of lanes.

use super::real::{AnalyticFunction, Real, chained};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value with its derivatives in `N` directions.
///
/// Memory layout: aligned to 32 bytes with the derivatives first, so that no vector of lanes straddles two cache lines.
///
/// `F` is the scalar of the value and of each derivative; `Dual<Dual<f64, N>, N>` carries second derivatives.
///
/// ```
/// use omafit_model::{Dual, Real};
/// let x = Dual::<f64, 1>::variable(2.0, 0);
/// let y = x * x * x;
/// assert_eq!((y.re, y.eps[0]), (8.0, 12.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub struct Dual<F, const N: usize> {
    /// The derivative in each direction.
    pub eps: [F; N],
    /// The value.
    pub re: F,
}

impl<F: Real, const N: usize> Dual<F, N> {
    /// The variable of direction `lane`, with value `re`.
    pub fn variable(re: F, lane: usize) -> Self {
        let mut eps = [F::zero(); N];
        eps[lane] = F::constant(1.0);
        Self { re, eps }
    }

    /// A value whose derivatives are all zero.
    #[inline(always)]
    pub fn fixed(re: F) -> Self {
        Self { re, eps: [F::zero(); N] }
    }

    #[inline(always)]
    fn chain(self, value: F, slope: F) -> Self {
        let mut eps = self.eps;
        for e in &mut eps {
            *e = *e * slope;
        }
        Self { re: value, eps }
    }
}

impl<F: Real, const N: usize> Real for Dual<F, N> {
    type Inner = F;

    #[inline(always)]
    fn constant(value: f64) -> Self {
        Self::fixed(F::constant(value))
    }
    #[inline(always)]
    fn value(&self) -> f64 {
        self.re.value()
    }
    chained!(F);
    #[inline(always)]
    fn axpy(mut self, a: f64, x: Self) -> Self {
        self.re = self.re.axpy(a, x.re);
        for (e, d) in self.eps.iter_mut().zip(x.eps) {
            *e = e.axpy(a, d);
        }
        self
    }
    #[inline(always)]
    fn choose((a, b): (&Self, &Self), mut yes: Self, no: Self) -> Self {
        yes.re = F::choose((&a.re, &b.re), yes.re, no.re);
        for (e, d) in yes.eps.iter_mut().zip(no.eps) {
            *e = F::choose((&a.re, &b.re), *e, d);
        }
        yes
    }
    #[inline(always)]
    fn apply<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(arguments: [Self; K]) -> [Self; M] {
        let (values, gradients) = F::differentiate::<K, M, G>(arguments.map(|x| x.re));
        let mut all = [Self::zero(); M];
        for m in 0..M {
            all[m].re = values[m];
            for (x, g) in arguments.iter().zip(gradients[m]) {
                for (e, d) in all[m].eps.iter_mut().zip(x.eps) {
                    *e = *e + g * d;
                }
            }
        }
        all
    }
}

impl<F: Real, const N: usize> Add for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        self.re = self.re + other.re;
        for (e, d) in self.eps.iter_mut().zip(other.eps) {
            *e = *e + d;
        }
        self
    }
}

impl<F: Real, const N: usize> Sub for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        self.re = self.re - other.re;
        for (e, d) in self.eps.iter_mut().zip(other.eps) {
            *e = *e - d;
        }
        self
    }
}

impl<F: Real, const N: usize> Mul for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        for (e, d) in self.eps.iter_mut().zip(other.eps) {
            *e = *e * other.re + self.re * d;
        }
        self.re = self.re * other.re;
        self
    }
}

impl<F: Real, const N: usize> Div for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn div(mut self, other: Self) -> Self {
        let inverse = F::constant(1.0) / other.re;
        self.re = self.re / other.re;
        for (e, d) in self.eps.iter_mut().zip(other.eps) {
            *e = (*e - self.re * d) * inverse;
        }
        self
    }
}

impl<F: Real, const N: usize> Neg for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(mut self) -> Self {
        self.re = -self.re;
        for e in &mut self.eps {
            *e = -*e;
        }
        self
    }
}

impl<F: Real, const N: usize> Mul<f64> for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(mut self, a: f64) -> Self {
        self.re = self.re * a;
        for e in &mut self.eps {
            *e = *e * a;
        }
        self
    }
}

impl<F: Real, const N: usize> Add<f64> for Dual<F, N> {
    type Output = Self;
    #[inline(always)]
    fn add(mut self, a: f64) -> Self {
        self.re = self.re + a;
        self
    }
}
