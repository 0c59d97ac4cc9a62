//! First-order filters of a course given at knots, in closed form step by step.

use super::driver::Knot;
use omafit_model::{Dual, Real};

/// A number that can be filtered: a single number or several, with or without derivatives.
pub trait Filtered: Real {
    /// The type of numbers without derivatives.
    type Constant: Real;

    /// A number without derivatives.
    fn fixed(value: Self::Constant) -> Self;

    /// The product with a number without derivatives.
    #[must_use]
    fn scaled(self, by: Self::Constant) -> Self;
}

impl Filtered for f64 {
    type Constant = Self;

    #[inline(always)]
    fn fixed(value: Self) -> Self {
        value
    }
    #[inline(always)]
    fn scaled(self, by: Self) -> Self {
        self * by
    }
}

impl<F: Real, const N: usize> Filtered for Dual<F, N> {
    type Constant = F;

    #[inline(always)]
    fn fixed(value: F) -> Self {
        Self::fixed(value)
    }
    #[inline(always)]
    fn scaled(mut self, by: F) -> Self {
        self.re = self.re * by;
        for e in &mut self.eps {
            *e = *e * by;
        }
        self
    }
}

/// The output of the last of `n` equal filters in series, da₁/dt = k·(input − a₁), da₂/dt = k·(a₁ − a₂), …, at the
/// knots of a piecewise linear input; initially at equilibrium with the input. `k` is above 0, 1/d.
///
/// For an input p + q·s, filter i has the solution p + q·(s − i/k); a deviation from it decays as in a chain of the
/// same rates without input. About 1e-16/(k·step) of the rise of the input in a step is lost to rounding.
#[inline(always)]
pub(super) fn chain<T: Filtered>(knots: &[Knot<T::Constant>], input: &[T], k: T, n: usize) -> Vec<T> {
    let Some(&first) = input.first() else { return Vec::new() };
    let one = T::constant(1.0);
    let mut states = vec![first; n];
    let mut depart = vec![first; n];
    // The factors e⁻ᵏˢ·(ks)ʲ/j!, the fraction of a deviation that remains j filters further on after a step s.
    let mut left = vec![one; n];
    let lag = one / k;
    let mut out = Vec::with_capacity(input.len());
    out.push(first);
    for (knot, pair) in knots.iter().skip(1).zip(input.windows(2)) {
        let rise = (pair[1] - pair[0]).scaled(knot.is_step);
        let (from, to) = (pair[1] - rise, pair[1]);
        let behind = rise.scaled(knot.per_step) * lag;
        let turned = k.scaled(knot.step);
        left[0] = (-turned).exp_within();
        for j in 1..n {
            left[j] = left[j - 1] * turned * (1.0 / j as f64);
        }
        for i in 0..n {
            depart[i] = states[i] - from + behind * (i + 1) as f64;
        }
        for i in 0..n {
            let mut state = to - behind * (i + 1) as f64;
            for (left, depart) in left.iter().zip(depart[..=i].iter().rev()) {
                state = state + *left * *depart;
            }
            states[i] = state;
        }
        out.push(states[n - 1]);
    }
    out
}

/// The solution ρ of dρ/dt = k·(1 − λ·ρ), ρ(0) = 1, at the knots of a piecewise linear λ.
///
/// After a step s, ρ is e^(−kΛ(s))·ρ + k·∫e^(−k(Λ(s) − Λ(t)))dt, with Λ the integral of λ and the integral by six-point
/// Gauss quadrature, exact to 1e-8 for k·λ up to 2 per day in steps of two days, or 4 in steps of one. A longer step is
/// divided into parts.
#[inline(always)]
pub(super) fn turnover<T: Filtered>(knots: &[Knot<T::Constant>], lambda: &[T], k: T) -> Vec<T> {
    const NODES: [(f64, f64); 6] = [
        (0.033_765_242_898_423_99, 0.085_662_246_189_585_17),
        (0.169_395_306_766_867_74, 0.180_380_786_524_069_3),
        (0.380_690_406_958_401_56, 0.233_956_967_286_345_52),
        (0.619_309_593_041_598_4, 0.233_956_967_286_345_52),
        (0.830_604_693_233_132_3, 0.180_380_786_524_069_3),
        (0.966_234_757_101_576, 0.085_662_246_189_585_17),
    ];
    let mut rho = T::constant(1.0);
    let mut out = Vec::with_capacity(lambda.len());
    if !lambda.is_empty() {
        out.push(rho);
    }
    for (knot, pair) in knots.iter().skip(1).zip(lambda.windows(2)) {
        let per_part = T::Constant::constant(1.0) / knot.parts;
        let rise = (pair[1] - pair[0]).scaled(per_part);
        for part in (0..knot.most_parts).map(f64::from) {
            // A patient whose step has fewer parts stands still.
            let (one, none) = (T::Constant::constant(1.0), T::Constant::zero());
            let is_part = T::Constant::choose((&knot.parts, &T::Constant::constant(part + 1.0)), one, none);
            let step = k.scaled(knot.step * per_part * is_part);
            let from = pair[0] + rise * part;
            let area = |s: f64| from * s + rise * (0.5 * s * s);
            let whole = area(1.0);
            let mut gained = T::zero();
            for (s, weight) in NODES {
                gained = gained + (step * (area(s) - whole)).exp_within() * weight;
            }
            rho = (-(step * whole)).exp_within() * rho + step * gained;
        }
        out.push(rho);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delay::driver::Driver;
    use omafit_model::Simd;

    /// Knots on these days.
    fn knots(day: &[f64]) -> Vec<Knot<f64>> {
        let ones = vec![1.0; day.len()];
        Driver { day, value: &ones, log: &ones }.knots()
    }

    /// The solution of dρ/dt = k·(1 − λ·ρ) at the end of knots with these days and values of λ, by small steps of fourth order.
    fn reference(day: &[f64], lambda: &[f64], k: f64) -> f64 {
        const PARTS: usize = 20_000;
        let mut rho = 1.0;
        for (days, values) in day.windows(2).zip(lambda.windows(2)) {
            let h = (days[1] - days[0]) / PARTS as f64;
            let slope = |part: f64, rho: f64| {
                k * (1.0 - (values[0] + (values[1] - values[0]) * part / PARTS as f64) * rho)
            };
            for part in (0..PARTS).map(|part| part as f64) {
                let first = slope(part, rho);
                let second = slope(part + 0.5, rho + 0.5 * h * first);
                let third = slope(part + 0.5, rho + 0.5 * h * second);
                let fourth = slope(part + 1.0, rho + h * third);
                rho += h / 6.0 * (first + 2.0 * second + 2.0 * third + fourth);
            }
        }
        rho
    }

    #[test]
    fn long_steps_are_divided_for_each_patient() {
        // The first patient has short steps, the second one of three weeks, the third one of four days.
        let days = [[0.0, 1.0, 2.0], [0.0, 21.0, 22.0], [0.0, 1.0, 5.0]];
        let lambdas = [[1.0, 0.4, 1.7], [1.2, 0.3, 0.9], [0.5, 2.0, 1.1]];
        let k = 0.8;
        let all = days.map(|day| knots(&day));
        let together: Vec<_> =
            (0..3).map(|at| Knot::from_patients(&[all[0][at], all[1][at], all[2][at]], Simd)).collect();
        let lambda = [0, 1, 2].map(|at| Dual::fixed(Simd(lambdas.map(|l| l[at]))));
        let found = turnover::<Dual<Simd<3>, 0>>(&together, &lambda, Dual::fixed(Simd::all(k)));
        for patient in 0..3 {
            let own = lambdas[patient].map(Dual::<f64, 0>::fixed);
            let alone = turnover(&all[patient], &own, Dual::fixed(k));
            for (found, alone) in found.iter().zip(&alone) {
                assert_eq!(found.re.0[patient].to_bits(), alone.re.to_bits(), "patient {patient}");
            }
            let exact = reference(&days[patient], &lambdas[patient], k);
            assert!((alone[2].re / exact - 1.0).abs() < 1e-8, "patient {patient}: {} {exact}", alone[2].re);
        }
    }
}
