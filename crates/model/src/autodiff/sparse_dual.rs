//! Dual numbers with a mask of the derivatives that are not zero.

use super::real::{AnalyticFunction, Real, chained};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value with its derivatives with respect to `N` states and in `L` other directions, most of which are zero.
///
/// A mask marks the derivatives that may not be zero. In a right-hand side written as one block the compiler knows the
/// masks, and what remains is the arithmetic of a hand-written Jacobian.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sparse<const N: usize, const L: usize, F = f64> {
    /// The value.
    pub re: F,
    /// The derivative with respect to each state.
    pub by_state: [F; N],
    /// The derivative in each direction.
    pub by_direction: [F; L],
    mask: u64,
}

impl<const N: usize, const L: usize, F: Real> Sparse<N, L, F> {
    /// A number without derivatives.
    #[inline(always)]
    pub fn fixed(re: F) -> Self {
        Self { re, by_state: [F::zero(); N], by_direction: [F::zero(); L], mask: 0 }
    }

    /// The state `index`, with value `re`.
    #[inline(always)]
    pub fn state(re: F, index: usize) -> Self {
        let mut this = Self::fixed(re);
        this.by_state[index] = F::constant(1.0);
        this.mask = 1 << index;
        this
    }

    /// The variable of direction `index`, with value `re`.
    #[inline(always)]
    pub fn direction(re: F, index: usize) -> Self {
        let mut this = Self::fixed(re);
        this.by_direction[index] = F::constant(1.0);
        this.mask = 1 << (N + index);
        this
    }

    /// A function of this number, from its value and slope at this point.
    #[inline(always)]
    pub fn chain(self, value: F, slope: F) -> Self {
        Self::fixed(value).plus(slope, &self)
    }

    /// This number with the derivative `slope` in direction `index`, in which it had no derivative.
    #[inline(always)]
    pub fn along(self, index: usize, slope: F) -> Self {
        self.plus(slope, &Self::direction(F::zero(), index))
    }

    /// Adds `a` times the derivatives of `other`.
    #[inline(always)]
    fn plus(mut self, a: F, other: &Self) -> Self {
        for i in 0..N {
            self.by_state[i] = sum(self.mask, other.mask, i, self.by_state[i], a, other.by_state[i]);
        }
        for i in 0..L {
            self.by_direction[i] =
                sum(self.mask, other.mask, N + i, self.by_direction[i], a, other.by_direction[i]);
        }
        self.mask |= other.mask;
        self
    }

    #[inline(always)]
    fn with(mut self, re: F) -> Self {
        self.re = re;
        self
    }
}

/// `x + a·y`, each term only if its mask has the bit set.
#[inline(always)]
fn sum<F: Real>(mine: u64, other: u64, bit: usize, x: F, a: F, y: F) -> F {
    match (mine >> bit & 1, other >> bit & 1) {
        (0, 0) => F::zero(),
        (_, 0) => x,
        (0, _) => a * y,
        _ => x + a * y,
    }
}

impl<const N: usize, const L: usize, F: Real> Real for Sparse<N, L, F> {
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
    fn axpy(self, a: f64, x: Self) -> Self {
        self.plus(F::constant(a), &x).with(self.re.axpy(a, x.re))
    }
    #[inline(always)]
    fn choose((a, b): (&Self, &Self), mut yes: Self, no: Self) -> Self {
        let inner = |yes, no| F::choose((&a.re, &b.re), yes, no);
        yes.re = inner(yes.re, no.re);
        for i in 0..N {
            yes.by_state[i] = inner(yes.by_state[i], no.by_state[i]);
        }
        for i in 0..L {
            yes.by_direction[i] = inner(yes.by_direction[i], no.by_direction[i]);
        }
        yes.mask |= no.mask;
        yes
    }
    #[inline(always)]
    fn apply<const K: usize, const M: usize, G: AnalyticFunction<K, M>>(arguments: [Self; K]) -> [Self; M] {
        let mut values = [F::zero(); K];
        for i in 0..K {
            values[i] = arguments[i].re;
        }
        let (values, gradients) = F::differentiate::<K, M, G>(values);
        let mut all = [Self::zero(); M];
        // Unrolled, because the compiler knows the masks only in straight-line code.
        macro_rules! functions {
            ($($m:literal)*) => { $(if M > $m {
                all[$m].re = values[$m];
                functions!(@ $m; 0 1 2 3 4 5);
            })* };
            (@ $m:literal; $($i:literal)*) => {
                $(if K > $i { all[$m] = all[$m].plus(gradients[$m][$i], &arguments[$i]); })*
            };
        }
        const { assert!(K <= 6 && M <= 3) };
        functions!(0 1 2);
        all
    }
}

impl<const N: usize, const L: usize, F: Real> Add for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.plus(F::constant(1.0), &other).with(self.re + other.re)
    }
}

impl<const N: usize, const L: usize, F: Real> Sub for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.plus(F::constant(-1.0), &other).with(self.re - other.re)
    }
}

impl<const N: usize, const L: usize, F: Real> Mul for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.chain(self.re * other.re, other.re).plus(self.re, &other)
    }
}

impl<const N: usize, const L: usize, F: Real> Div for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.re / other.re;
        self.plus(-value, &other).chain(value, F::constant(1.0) / other.re)
    }
}

impl<const N: usize, const L: usize, F: Real> Neg for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.chain(-self.re, F::constant(-1.0))
    }
}

impl<const N: usize, const L: usize, F: Real> Mul<f64> for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, a: f64) -> Self {
        self.chain(self.re * a, F::constant(a))
    }
}

impl<const N: usize, const L: usize, F: Real> Add<f64> for Sparse<N, L, F> {
    type Output = Self;
    #[inline(always)]
    fn add(self, a: f64) -> Self {
        self.with(self.re + a)
    }
}
