//! Instantaneous 1:1 binding of drug to target with a dissociation constant that depends on their ratio.

use crate::autodiff::{AnalyticFunction, Dual, LEAST_ORDINARY, Real, is_ordinary};

/// The drug–target complex at equilibrium, as a function of (X, E, w, α); amounts in nmol.
///
/// C solves (X − C)(E − C) = K·C with K = w·(X/E)^α. The root is taken in the form 2XE/(S + R), S = X + E + K,
/// R² = (X − E)² + K(K + 2(X + E)), in which nothing cancels. The gradient is implicit:
/// R·dC = (E − C)dX + (X − C)dE − C dK.
pub struct EquilibriumComplex;

struct Equilibrium<T> {
    /// The inverse of the product, 1/(XE).
    inverse: T,
    power: T,
    k: T,
    root: T,
    log_ratio: T,
    complex: T,
}

impl<T: Real> Equilibrium<T> {
    #[inline(always)]
    fn of([x, e, w, alpha]: [T; 4]) -> Self {
        // One division serves the ratio and, in the derivatives, both amounts.
        let inverse = T::constant(1.0) / (x * e);
        let log_ratio = (x * x * inverse).ln_of_ordinary();
        let power = (alpha * log_ratio).exp_within();
        let k = w * power;
        let gap = x - e;
        let root = (gap * gap + k * (k + (x + e) * 2.0)).sqrt();
        Self { inverse, power, k, root, log_ratio, complex: x * e * 2.0 / (x + e + k + root) }
    }

    /// The unbound part of an amount that exceeds the other amount by `excess`, without the cancellation of the
    /// difference: with g the excess, (g − K + R)/2 = 2Kn/(R − g + K), of which the first form cancels for g < K and
    /// the second for g > K.
    #[inline(always)]
    fn unbound(&self, amount: T, excess: T) -> T {
        let above = excess - self.k;
        let part = self.k * amount * 2.0 / (self.root - above);
        T::choose((&excess, &self.k), (above + self.root) * 0.5, part)
    }

    /// Derivatives of the complex with respect to (X, E, w, α).
    #[inline(always)]
    fn complex_by(&self, [x, e]: [T; 2], alpha: T) -> [T; 4] {
        let inverse = T::constant(1.0) / self.root;
        let by_k = -(self.complex * inverse);
        let drift = by_k * alpha * self.k * self.inverse;
        [
            (e - self.complex) * inverse + drift * e,
            (x - self.complex) * inverse - drift * x,
            by_k * self.power,
            by_k * self.k * self.log_ratio,
        ]
    }

    /// Derivatives of the unbound part of one amount with respect to that amount, the other amount, w and α.
    #[inline(always)]
    fn by(&self, unbound: T, [own, other]: [T; 2], alpha: T) -> [T; 4] {
        let inverse = T::constant(1.0) / self.root;
        let by_k = self.complex * inverse;
        let drift = by_k * alpha * self.k * self.inverse;
        [
            (unbound + self.k) * inverse + drift * other,
            -(unbound * inverse) - drift * own,
            by_k * self.power,
            by_k * self.k * self.log_ratio,
        ]
    }
}

/// Whether an amount is zero or so small that its square underflows, far less than one molecule.
#[inline(always)]
fn is_none<T: Real>(amount: &T) -> bool {
    amount.value() < LEAST_ORDINARY
}

/// Whether an amount of target is zero or negligible; a negative amount is a rejected trial step of the solver and
/// stays NaN.
#[inline(always)]
fn is_no_target<T: Real>(amount: &T) -> bool {
    is_none(amount) && amount.value() >= 0.0
}

impl AnalyticFunction<4, 1> for EquilibriumComplex {
    #[inline(always)]
    fn values<T: Real>([x, e, w, alpha]: [T; 4]) -> [T; 1] {
        // As X → 0 the power vanishes and all drug is bound: C → X. With α = 0 the bound fraction stays E/(E + w).
        if is_none(&x) {
            return [if alpha.value() == 0.0 { x * (e / (e + w)) } else { x }];
        }
        // As E → 0 the power grows without bound, and nothing is bound.
        if is_no_target(&e) {
            return [if alpha.value() == 0.0 { e * (x / (x + w)) } else { T::zero() }];
        }
        [Equilibrium::of([x, e, w, alpha]).complex]
    }

    #[inline(always)]
    fn values_and_gradients<T: Real>([x, e, w, alpha]: [T; 4]) -> ([T; 1], [[T; 4]; 1]) {
        let zero = T::zero();
        if is_none(&x) {
            let by_x = if alpha.value() == 0.0 { e / (e + w) } else { T::constant(1.0) };
            return ([x * by_x], [[by_x, zero, zero, zero]]);
        }
        if is_no_target(&e) {
            let by_e = if alpha.value() == 0.0 { x / (x + w) } else { zero };
            return ([e * by_e], [[zero, by_e, zero, zero]]);
        }
        let at = Equilibrium::of([x, e, w, alpha]);
        ([at.complex], [at.complex_by([x, e], alpha)])
    }
}

/// The value, the gradient and the second derivatives of a function of (X, E, w, α).
pub(crate) type Twice<T> = (T, [T; 4], [[T; 4]; 4]);

impl EquilibriumComplex {
    /// The complex with its first and second derivatives, for ordinary amounts.
    ///
    /// At constant K, R·C_ij = 2·C_i·C_j − C_i − C_j, plus 1 for the mixed derivative in X and E, by differentiating
    /// the quadratic equation twice. The gradient is (u, v, −c) with u = (E − C)/R, v = (X − C)/R, c = C/R, and 1 − u
    /// and 1 − v are sums.
    #[inline(always)]
    pub(crate) fn twice<T: Real>([x, e, w, alpha]: [T; 4]) -> Twice<T> {
        let Equilibrium { inverse, power, k, root, log_ratio, complex } = Equilibrium::of([x, e, w, alpha]);
        let per_root = T::constant(1.0) / root;
        let (u, v) = ((e - complex) * per_root, (x - complex) * per_root);
        let (c, q) = (complex * per_root, k * per_root);
        let by_k = -c;
        let across = ((v + q) * (u + q) + u * v) * per_root;
        let held = [[-(u * (v + q)) * per_root * 2.0, across], [across, -(v * (u + q)) * per_root * 2.0]];
        let with_k = |own: T| (c - c * own * 2.0 - own) * per_root;
        let mixed_k = [with_k(u), with_k(v)];
        let twice_k = c * (c + 1.0) * per_root * 2.0;
        // K = w·(X/E)^α and its derivatives.
        let (per_x, per_e) = (e * inverse, x * inverse);
        let (a, b) = (alpha * per_x, -(alpha * per_e));
        let of_k = [k * a, k * b, power, k * log_ratio];
        let (k_xe, k_xw, k_ew) = (k * a * b, power * a, power * b);
        let (k_xa, k_ea) = (k * (a * log_ratio + per_x), k * (b * log_ratio - per_e));
        let k_wa = power * log_ratio;
        let twice_of_k = [
            [k * a * (a - per_x), k_xe, k_xw, k_xa],
            [k_xe, k * b * (b - per_e), k_ew, k_ea],
            [k_xw, k_ew, T::zero(), k_wa],
            [k_xa, k_ea, k_wa, of_k[3] * log_ratio],
        ];
        let gradient = [u + by_k * of_k[0], v + by_k * of_k[1], by_k * of_k[2], by_k * of_k[3]];
        let mut hessian = twice_of_k;
        for i in 0..4 {
            for j in 0..4 {
                let mut sum = by_k * twice_of_k[i][j] + twice_k * of_k[i] * of_k[j];
                if i < 2 {
                    sum = sum + mixed_k[i] * of_k[j];
                }
                if j < 2 {
                    sum = sum + mixed_k[j] * of_k[i];
                }
                if i < 2 && j < 2 {
                    sum = sum + held[i][j];
                }
                hessian[i][j] = sum;
            }
        }
        (complex, gradient, hessian)
    }

    /// The complex with its first and second derivatives at any amounts, by dual numbers where these are not ordinary.
    pub(crate) fn twice_anywhere(at: [f64; 4]) -> Twice<f64> {
        if is_ordinary(at[0]) && is_ordinary(at[1]) {
            return Self::twice(at);
        }
        let variables: [Dual<f64, 4>; 4] = std::array::from_fn(|i| Dual::variable(at[i], i));
        let ([value], [gradient]) = Self::values_and_gradients(variables);
        (value.re, gradient.map(|g| g.re), gradient.map(|g| g.eps))
    }
}

/// The complex, unbound drug X − C and unbound target E − C as functions of (X, E, w, α), without the cancellation of
/// the differences.
///
/// The gradients avoid cancellation too: R·d(X − C) = (X − C + K)dX − (X − C)dE + C dK.
pub struct Binding;

impl AnalyticFunction<4, 3> for Binding {
    #[inline(always)]
    fn values<T: Real>([x, e, w, alpha]: [T; 4]) -> [T; 3] {
        if is_none(&x) || is_no_target(&e) {
            return Self::values_and_gradients([x, e, w, alpha]).0;
        }
        let at = Equilibrium::of([x, e, w, alpha]);
        [at.complex, at.unbound(x, x - e), at.unbound(e, e - x)]
    }

    #[inline(always)]
    fn values_and_gradients<T: Real>([x, e, w, alpha]: [T; 4]) -> ([T; 3], [[T; 4]; 3]) {
        let (zero, one) = (T::zero(), T::constant(1.0));
        if is_none(&x) {
            let ([complex], [gradient]) = EquilibriumComplex::values_and_gradients([x, e, w, alpha]);
            return ([complex, zero, e - x], [gradient, [zero; 4], [-one, one, zero, zero]]);
        }
        if is_no_target(&e) {
            let ([complex], [gradient]) = EquilibriumComplex::values_and_gradients([x, e, w, alpha]);
            let by_e = if alpha.value() == 0.0 { w / (x + w) } else { one };
            let own = [[one, zero, zero, zero], [zero, by_e, zero, zero]];
            return ([complex, x, e * by_e], [gradient, own[0], own[1]]);
        }
        let at = Equilibrium::of([x, e, w, alpha]);
        let (drug, target) = (at.unbound(x, x - e), at.unbound(e, e - x));
        // K = w·(X/E)^α decreases as the target increases.
        let [by_e, by_x, by_w, by_alpha] = at.by(target, [e, x], -alpha);
        let gradients =
            [at.complex_by([x, e], alpha), at.by(drug, [x, e], alpha), [by_x, by_e, by_w, by_alpha]];
        ([at.complex, drug, target], gradients)
    }
}
