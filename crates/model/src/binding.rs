//! Instantaneous 1:1 binding of drug to target with a dissociation constant that drifts with their ratio.

use crate::scalar::{Elementary, Real};

/// The complex at equilibrium, as a function of (X, E, w, α): amounts in nmol.
///
/// C solves (X − C)(E − C) = K·C with K = w·(X/E)^α. The root is taken in the form 2XE/(S + R), S = X + E + K,
/// R² = (X − E)² + K(K + 2(X + E)), in which nothing cancels. The gradient is implicit:
/// R·dC = (E − C)dX + (X − C)dE − C dK.
pub struct EquilibriumComplex;

struct Equilibrium<T> {
    power: T,
    k: T,
    root: T,
    log_ratio: T,
}

impl<T: Real> Equilibrium<T> {
    #[inline(always)]
    fn of(x: T, e: T, w: T, alpha: T) -> Self {
        let log_ratio = x.ln() - e.ln();
        let power = (alpha * log_ratio).exp();
        let k = w * power;
        let gap = x - e;
        let root = (gap * gap + k * (k + (x + e) * 2.0)).sqrt();
        Self { power, k, root, log_ratio }
    }
}

/// Whether an amount is nothing, or so little that its inverse is not finite.
#[inline(always)]
fn is_none<T: Real>(amount: &T) -> bool {
    amount.value() < f64::MIN_POSITIVE
}

/// The same of target: less than nothing is not the end of a solution but a step too far, and stays NaN.
#[inline(always)]
fn is_no_target<T: Real>(amount: &T) -> bool {
    is_none(amount) && amount.value() >= 0.0
}

impl Elementary<4> for EquilibriumComplex {
    #[inline(always)]
    fn value<T: Real>([x, e, w, alpha]: [T; 4]) -> T {
        // As X → 0 the power vanishes and all drug is bound: C → X. Without drift the bound part stays E/(E + w).
        if is_none(&x) {
            return if alpha.value() == 0.0 { x * (e / (e + w)) } else { x };
        }
        // As E → 0 the power grows without bound, and nothing is bound.
        if is_no_target(&e) {
            return if alpha.value() == 0.0 { e * (x / (x + w)) } else { T::zero() };
        }
        let at = Equilibrium::of(x, e, w, alpha);
        x * e * 2.0 / (x + e + at.k + at.root)
    }

    #[inline(always)]
    fn value_and_gradient<T: Real>([x, e, w, alpha]: [T; 4]) -> (T, [T; 4]) {
        if is_none(&x) {
            let by_x = if alpha.value() == 0.0 { e / (e + w) } else { T::constant(1.0) };
            return (x * by_x, [by_x, T::zero(), T::zero(), T::zero()]);
        }
        if is_no_target(&e) {
            let by_e = if alpha.value() == 0.0 { x / (x + w) } else { T::zero() };
            return (e * by_e, [T::zero(), by_e, T::zero(), T::zero()]);
        }
        let at = Equilibrium::of(x, e, w, alpha);
        let complex = x * e * 2.0 / (x + e + at.k + at.root);
        let inverse = T::constant(1.0) / at.root;
        let by_k = -(complex * inverse);
        let drift = by_k * alpha * at.k;
        let by_x = (e - complex) * inverse + drift / x;
        let by_e = (x - complex) * inverse - drift / e;
        (complex, [by_x, by_e, by_k * at.power, by_k * at.k * at.log_ratio])
    }
}

/// Unbound drug and unbound target (X − C, E − C), without the cancellation of the differences.
///
/// With g the excess of an amount n over its partner, the unbound part is (g − K + R)/2 = 2Kn/(R − g + K): the first
/// form cancels for g < K, the second for g > K.
#[inline(always)]
pub fn unbound<T: Real>(x: T, e: T, w: T, alpha: T) -> (T, T) {
    if is_none(&x) {
        return (T::zero(), e - x);
    }
    if is_no_target(&e) {
        return (x, if alpha.value() == 0.0 { e * (w / (x + w)) } else { e });
    }
    let Equilibrium { k, root, .. } = Equilibrium::of(x, e, w, alpha);
    let part = |amount: T, excess: T| {
        if excess.value() >= k.value() {
            (excess - k + root) * 0.5
        } else {
            k * amount * 2.0 / (root - excess + k)
        }
    };
    (part(x, x - e), part(e, e - x))
}
