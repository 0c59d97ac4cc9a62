//! Instantaneous binding with a dissociation constant that drifts with the drug:target ratio.
//!
//! Hayashi, Tsukamoto, Sallas, Lowe 2007, Br J Clin Pharmacol 63:548. Amounts in nmol, volumes in L, time in days:
//!
//! ```text
//! dX/dt = ka·D − CLx·Cx − CLc·Cc        total omalizumab, free and bound
//! dE/dt = Pe   − CLe·Ce − CLc·Cc        total IgE, free and bound
//! CLc   = CLx + dCLc,  Ve = Vx
//! Cx = (X − C)/Vx,  Ce = (E − C)/Ve,  Cc = C/Vc,  C from Kd = Kd0·(X/E)^alpha
//! ```
//!
//! Lowe et al. 2009, Br J Clin Pharmacol 68:61, and Brekkan et al. 2018, J Pharmacokinet Pharmacodyn 45:637, have CLc
//! itself as the parameter.

use super::parameter::ParameterInfo;
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem, OutputParameters, SecondOrderEquations};
use crate::analyte::Analyte;
use crate::autodiff::{AnalyticFunction, Dual, Real, Simd};
use crate::binding::{Binding, EquilibriumComplex};
use crate::ode::{Linear, Tangent};
use crate::units::{IGE_NG_ML_PER_NM, OMALIZUMAB_UG_ML_PER_NM};

const KA: ParameterInfo = ParameterInfo::new("ka", "1/d", "first-order absorption rate constant");
const CLX: ParameterInfo = ParameterInfo::new("CLx", "L/d", "apparent clearance of free omalizumab");
const CLE: ParameterInfo = ParameterInfo::new("CLe", "L/d", "apparent clearance of free IgE");
const VX: ParameterInfo = ParameterInfo::new("Vx", "L", "apparent volume of free omalizumab and of free IgE");
const VC: ParameterInfo = ParameterInfo::new("Vc", "L", "apparent volume of the complex");
const PE: ParameterInfo = ParameterInfo::new("Pe", "nmol/d", "apparent production rate of IgE");
const KD0: ParameterInfo =
    ParameterInfo::new("Kd0", "nM", "dissociation constant at equal amounts of omalizumab and IgE");
const ALPHA: ParameterInfo =
    ParameterInfo::new("alpha", "1", "exponent of the drift of Kd with the molar ratio");
const DCLC: ParameterInfo =
    ParameterInfo::new("dCLc", "L/d", "apparent clearance of the complex in excess of CLx");
const CLC: ParameterInfo = ParameterInfo::new("CLc", "L/d", "apparent clearance of the complex");

/// The equation of the depot.
pub(super) const DEPOT: &[&str] =
    &["dD/dt = −ka·D                               depot; a dose of m mg adds m·1000/150 nmol"];
/// The equations of binding at equilibrium.
pub(super) const EQUILIBRIUM: &[&str] = &[
    "dX/dt =  ka·D − CLx·Cx − CLc·Cc             total omalizumab, free and bound",
    "dE/dt =  Pe   − CLe·Ce − CLc·Cc             total IgE, free and bound",
    "Kd    =  Kd0·(X/E)^alpha                    dissociation constant, drifting with the molar ratio",
    "K     =  Kd·Vx·Ve/Vc,  S = X + E + K",
    "C     =  2·X·E / (S + √(S² − 4·X·E))        complex",
    "Cx = (X − C)/Vx,  Ce = (E − C)/Ve,  Cc = C/Vc,  Ve = Vx",
    "total omalizumab = (Cx + Cc)·150/1000 µg/mL",
    "total IgE = (Ce + Cc)·190 ng/mL,  free IgE = Ce·190 ng/mL",
];
/// The clearance of the complex by its excess.
pub(super) const EXCESS: &[&str] = &["CLc   =  CLx + dCLc                         clearance of the complex"];

/// The parameters of Hayashi et al. 2007.
pub(super) const HAYASHI: [ParameterInfo; 9] = [KA, CLX, DCLC, CLE, VX, VC, PE, KD0, ALPHA];

/// The equations in rates of each amount; `w = Kd0·Vx·Ve/Vc` is the dissociation constant in amounts.
#[derive(Debug)]
pub(super) struct QuasiEquilibriumSystem;

pub(super) struct Rates<T> {
    pub ka: T,
    pub kx: T,
    pub kc: T,
    pub ke: T,
    pub w: T,
    pub alpha: T,
    pub pe: T,
}

impl<T: Copy> Rates<T> {
    #[inline(always)]
    pub fn from_array([ka, kx, kc, ke, w, alpha, pe]: [T; 7]) -> Self {
        Self { ka, kx, kc, ke, w, alpha, pe }
    }
    pub fn into_array(self) -> [T; 7] {
        [self.ka, self.kx, self.kc, self.ke, self.w, self.alpha, self.pe]
    }
}

/// Positions among the rates.
const KX: usize = 1;
const KC: usize = 2;
const KE: usize = 3;
const W_RATE: usize = 4;
const DRIFT: usize = 5;

impl OdeSystem<2, 7> for QuasiEquilibriumSystem {
    const INLINE: bool = true;
    const INITIAL_STATES: &'static [usize] = &[1];

    fn max_rate(rates: &[f64; 7]) -> f64 {
        let r = Rates::from_array(*rates);
        r.kx.max(r.kc).max(r.ke)
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 7], inflow: T, [x, e]: &[T; 2]) -> [T; 2] {
        let r = Rates::from_array(*rates);
        let [c] = T::apply::<4, 1, EquilibriumComplex>([*x, *e, r.w, r.alpha]);
        // The complex, which takes longest to know, comes last.
        [(inflow - r.kx * *x) + (r.kx - r.kc) * c, (r.pe - r.ke * *e) + (r.ke - r.kc) * c]
    }

    /// The excess of the drug: where binding is tight, free target vanishes or appears as it changes sign.
    #[inline(always)]
    fn event([x, e]: &[f64; 2]) -> f64 {
        x - e
    }
}

/// The rates from the parameters of [`HAYASHI`], but with the clearance of the complex for its excess.
pub(super) fn rates<T: Real>([ka, clx, clc, cle, vx, vc, pe, kd0, alpha]: [T; 9]) -> Rates<T> {
    Rates { ka, kx: clx / vx, kc: clc / vc, ke: cle / vx, w: kd0 * vx * vx / vc, alpha, pe }
}

/// Omalizumab and IgE at the start, nmol.
pub(super) fn initial<T: Real>([_, _, _, cle, vx, _, pe, _, _]: [T; 9], start: InitialTarget<T>) -> [T; 2] {
    let target = match start {
        InitialTarget::Baseline { ige_ng_ml } => ige_ng_ml * (1.0 / IGE_NG_ML_PER_NM) * vx,
        InitialTarget::SteadyState => pe * vx / cle,
    };
    [T::zero(), target]
}

/// The outputs from the total amounts, in the order of [`Analyte::OF_BINDING`].
#[inline(always)]
pub(super) fn outputs<T: Real>(p: [T; 9], x: T, e: T) -> [T; 5] {
    let [_, _, _, _, vx, vc, _, kd0, alpha] = p;
    let w = kd0 * vx * vx / vc;
    let [c, free_drug, free_target] = T::apply::<4, 3, Binding>([x, e, w, alpha]);
    let (cx, ce, cc) = (free_drug / vx, free_target / vx, c / vc);
    [
        (cx + cc) * OMALIZUMAB_UG_ML_PER_NM,
        (ce + cc) * IGE_NG_ML_PER_NM,
        ce * IGE_NG_ML_PER_NM,
        cx * OMALIZUMAB_UG_ML_PER_NM,
        cc,
    ]
}

/// The derivatives of a weighted sum of [`outputs`] to the states and to the logarithms of Vx, Vc, Kd0 and alpha.
///
/// The sum is A/Vx + B/Vc, A of the unbound parts and B of the complex; ln w = ln Kd0 + 2 ln Vx − ln Vc.
#[inline(always)]
fn outputs_twice<const W: usize>(
    [vx, vc, kd0, alpha]: [f64; 4],
    [x, e]: [Simd<W>; 2],
    weights: &[Simd<W>],
) -> ([Simd<W>; 6], [[Simd<W>; 6]; 6]) {
    const UG: f64 = OMALIZUMAB_UG_ML_PER_NM;
    const NG: f64 = IGE_NG_ML_PER_NM;
    let (w, alpha) = (Simd::all(kd0 * vx * vx / vc), Simd::all(alpha));
    let arguments = [x, e, w, alpha];
    let mut variables = [Dual::<Simd<W>, 4>::zero(); 4];
    for i in 0..4 {
        variables[i] = Dual::variable(arguments[i], i);
    }
    let [total_drug, total_ige, free_ige, free_drug, complex] = std::array::from_fn(|c| weights[c]);
    let (per_vx, per_vc) = (Simd::all(1.0 / vx), Simd::all(1.0 / vc));
    let (values, gradients) = Binding::values_and_gradients(variables);
    // Of the complex, of drug and of target.
    let parts = [
        ((total_drug * UG + total_ige * NG + complex) * per_vc, VC),
        ((total_drug + free_drug) * UG * per_vx, VX),
        ((total_ige + free_ige) * NG * per_vx, VX),
    ];
    const VX: usize = 2;
    const VC: usize = 3;
    /// The variables whose logarithms make up that of an argument, and their multiples.
    const MADE_OF: [&[(usize, f64)]; 4] =
        [&[(0, 1.0)], &[(1, 1.0)], &[(VX, 2.0), (VC, -1.0), (4, 1.0)], &[(5, 1.0)]];
    let zero = Simd::all(0.0);
    let (mut first, mut second) = ([zero; 6], [[zero; 6]; 6]);
    // By the logarithms of w and α.
    let factors = [Simd::all(1.0), Simd::all(1.0), w, alpha];
    for ((value, gradient), (weight, volume)) in values.into_iter().zip(gradients).zip(parts) {
        let mut by = [zero; 6];
        for i in 0..4 {
            let slope = gradient[i].re * factors[i] * weight;
            for &(v, times) in MADE_OF[i] {
                by[v] = by[v] + slope * times;
            }
            for j in 0..4 {
                let mut bend = gradient[i].eps[j] * factors[i] * factors[j] * weight;
                if i == j && i > 1 {
                    bend = bend + slope;
                }
                for &(v, times) in MADE_OF[i] {
                    for &(u, and) in MADE_OF[j] {
                        second[v][u] = second[v][u] + bend * (times * and);
                    }
                }
            }
        }
        // And by that of the volume over which it is spread.
        let sum = value.re * weight;
        for v in 0..6 {
            second[v][volume] = second[v][volume] - by[v];
            second[volume][v] = second[volume][v] - by[v];
            first[v] = first[v] + by[v];
        }
        first[volume] = first[volume] - sum;
        second[volume][volume] = second[volume][volume] + sum;
    }
    (first, second)
}

/// The gradient and the Hessian of the complex over both amounts, w and alpha, at `W` states.
#[inline(always)]
fn complex_twice<const W: usize>(
    r: &Rates<f64>,
    x: &Simd<W>,
    e: &Simd<W>,
) -> ([Simd<W>; 4], [[Simd<W>; 4]; 4]) {
    if const { W == 1 } {
        let (_, gradient, hessian) = EquilibriumComplex::twice_anywhere([x.0[0], e.0[0], r.w, r.alpha]);
        (gradient.map(Simd::all), hessian.map(|row| row.map(Simd::all)))
    } else {
        let (_, gradient, hessian) = EquilibriumComplex::twice([*x, *e, Simd::all(r.w), Simd::all(r.alpha)]);
        (gradient, hessian)
    }
}

/// Both models of these equations have their outputs from Vx, Vc, Kd0 and alpha in the same places.
impl<S: ModelEquations<2, 7, System = QuasiEquilibriumSystem>> OutputParameters for S {
    const POSITIONS: &'static [usize] = &[4, 5, 7, 8];
}

impl<S: ModelEquations<2, 7, System = QuasiEquilibriumSystem>> SecondOrderEquations<2, 7, 6> for S {
    /// The gradient and the Hessian of the complex over both amounts, w and alpha.
    type Curvature<const W: usize> = ([Simd<W>; 4], [[Simd<W>; 4]; 4]);

    #[inline(always)]
    fn curvature<const W: usize>(rates: &[f64; 7], [x, e]: &[Simd<W>; 2]) -> Self::Curvature<W> {
        complex_twice(&Rates::from_array(*rates), x, e)
    }

    /// Adds the second derivatives of the complex and of the products of the rates with amounts: there are no others.
    #[inline(always)]
    fn add_hessian<const L: usize, const W: usize>(
        rates: &[f64; 7],
        (by, twice): &Self::Curvature<W>,
        weights: &[Simd<W>; 2],
        at: &[[Tangent<L>; 2]],
        half: &mut [Tangent<L>; L],
    ) {
        let r = Rates::from_array(*rates);
        // The complex along the lanes, and half of what its derivative to each state is along them.
        let none = [Tangent([0.0; L]); W];
        let (mut along, mut along_x, mut along_e) = (none, none, none);
        for k in 0..W {
            let [by_x, by_e] = at[k];
            let all = weights[0].0[k] * (r.kx - r.kc) + weights[1].0[k] * (r.ke - r.kc);
            let slope = |i: usize| by[i].0[k];
            let twice = |i: usize, j: usize| all * twice[i][j].0[k];
            along[k] = (by_x * slope(0)).axpy(slope(1), by_e);
            along[k].0[W_RATE] += slope(2);
            along[k].0[DRIFT] += slope(3);
            along_x[k] = (by_x * (0.5 * twice(0, 0))).axpy(twice(0, 1), by_e);
            along_x[k].0[W_RATE] += twice(0, 2);
            along_x[k].0[DRIFT] += twice(0, 3);
            along_e[k] = by_e * (0.5 * twice(1, 1));
            along_e[k].0[W_RATE] += twice(1, 2);
            along_e[k].0[DRIFT] += twice(1, 3);
            half[W_RATE].0[W_RATE] += 0.5 * twice(2, 2);
            half[W_RATE].0[DRIFT] += twice(2, 3);
            half[DRIFT].0[DRIFT] += 0.5 * twice(3, 3);
        }
        // A row at a time, so that its sum stays in registers.
        for l in 0..L {
            let mut row = half[l];
            for k in 0..W {
                let [by_x, by_e] = &at[k];
                row = row.axpy(by_x.0[l], along_x[k]).axpy(by_e.0[l], along_e[k]);
            }
            half[l] = row;
        }
        for k in 0..W {
            let [by_x, by_e] = at[k];
            let (drug, target) = (weights[0].0[k], weights[1].0[k]);
            half[KX] = half[KX].axpy(drug, along[k] - by_x);
            half[KE] = half[KE].axpy(target, along[k] - by_e);
            half[KC] = half[KC].axpy(-(drug + target), along[k]);
        }
    }

    #[inline(always)]
    fn contract_hessian<const L: usize, const W: usize>(
        rates: &[f64; 7],
        (gradient, hessian): &Self::Curvature<W>,
        [by_drug, by_target]: &[[Simd<W>; 2]; 2],
        by_direction: &[[Tangent<L>; 2]],
        directions: &mut Tangent<L>,
    ) -> [Simd<W>; 2] {
        let r = Rates::from_array(*rates);
        // M over the arguments of the complex, of the drug's equation and of the target's, and over the rates.
        let zero = Simd::all(0.0);
        let mut of_drug = [by_drug[0], by_drug[1], zero, zero];
        let mut of_target = [by_target[0], by_target[1], zero, zero];
        let (mut by_kx, mut by_ke, mut by_rates) = (zero, zero, zero);
        for k in 0..W {
            let [drug, target] = &by_direction[k];
            (of_drug[2].0[k], of_drug[3].0[k]) = (drug.0[W_RATE], drug.0[DRIFT]);
            (of_target[2].0[k], of_target[3].0[k]) = (target.0[W_RATE], target.0[DRIFT]);
            (by_kx.0[k], by_ke.0[k]) = (drug.0[KX], target.0[KE]);
            by_rates.0[k] = drug.0[KX] - drug.0[KC] + target.0[KE] - target.0[KC];
        }
        let (mut along_drug, mut along_target) = (zero, zero);
        let mut weights = [zero; 4];
        for i in 0..4 {
            along_drug = along_drug + gradient[i] * of_drug[i];
            along_target = along_target + gradient[i] * of_target[i];
            weights[i] = of_drug[i] * (r.kx - r.kc) + of_target[i] * (r.ke - r.kc);
        }
        let mut by_argument = [zero; 4];
        for i in 0..4 {
            by_argument[i] = by_rates * gradient[i];
            for j in 0..4 {
                by_argument[i] = by_argument[i] + weights[j] * hessian[i][j];
            }
        }
        let (kx, ke, kc) = (along_drug - of_drug[0], along_target - of_target[1], along_drug + along_target);
        for k in 0..W {
            directions.0[W_RATE] += by_argument[2].0[k];
            directions.0[DRIFT] += by_argument[3].0[k];
            directions.0[KX] += kx.0[k];
            directions.0[KE] += ke.0[k];
            directions.0[KC] -= kc.0[k];
        }
        [by_argument[0] - by_kx, by_argument[1] - by_ke]
    }

    #[inline(always)]
    fn outputs_hessian<const W: usize>(
        p: &[f64],
        state: &[Simd<W>; 2],
        weights: &Self::Outputs<Simd<W>>,
    ) -> ([Simd<W>; 6], [[Simd<W>; 6]; 6]) {
        outputs_twice([p[4], p[5], p[7], p[8]], *state, weights.as_ref())
    }
}

/// The structure of Hayashi et al. 2007.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuasiEquilibrium;

impl ModelEquations<2, 7> for QuasiEquilibrium {
    type System = QuasiEquilibriumSystem;
    const NAME: &'static str = "quasi_equilibrium";
    const PARAMETERS: &'static [ParameterInfo] = &[KA, CLX, DCLC, CLE, VX, VC, PE, KD0, ALPHA];
    const EQUATIONS: &'static [&'static [&'static str]] = &[DEPOT, EQUILIBRIUM, EXCESS];
    const IS_APPARENT: bool = true;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 7] {
        rates(summed(p)).into_array()
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 2] {
        initial(summed(p), start)
    }
    #[inline(always)]
    fn outputs<T: Real>(p: &[T], [x, e]: &[T; 2]) -> [T; 5] {
        outputs(summed(p), *x, *e)
    }
}

/// The parameters with CLc = CLx + dCLc for dCLc.
#[inline(always)]
pub(super) fn summed<T: Real>(p: &[T]) -> [T; 9] {
    [p[0], p[1], p[1] + p[2], p[3], p[4], p[5], p[6], p[7], p[8]]
}

/// The structure of Hayashi et al. 2007 with the clearance of the complex as a parameter: Lowe et al. 2009, Brekkan et al. 2018.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuasiEquilibriumClc;

impl ModelEquations<2, 7> for QuasiEquilibriumClc {
    type System = QuasiEquilibriumSystem;
    const NAME: &'static str = "quasi_equilibrium_clc";
    const PARAMETERS: &'static [ParameterInfo] = &[KA, CLX, CLC, CLE, VX, VC, PE, KD0, ALPHA];
    const EQUATIONS: &'static [&'static [&'static str]] = &[DEPOT, EQUILIBRIUM];
    const IS_APPARENT: bool = true;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 7] {
        rates(direct(p)).into_array()
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 2] {
        initial(direct(p), start)
    }
    #[inline(always)]
    fn outputs<T: Real>(p: &[T], [x, e]: &[T; 2]) -> [T; 5] {
        outputs(direct(p), *x, *e)
    }
}

#[inline(always)]
fn direct<T: Copy>(p: &[T]) -> [T; 9] {
    [p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]]
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [f64; 7] = [0.48, 0.03, 0.087, 0.29, 10.3, 0.157, 3.83];
    /// States, rates, and the lane of an initial state.
    const ARGUMENTS: usize = 10;
    const DIRECTIONS: usize = 8;

    /// ∂²f_n/∂u∂z by dual numbers of dual numbers, u and z over states and directions.
    fn second_derivatives(state: [f64; 2]) -> [[[f64; ARGUMENTS]; ARGUMENTS]; 2] {
        type Twice = Dual<Dual<f64, ARGUMENTS>, ARGUMENTS>;
        let variable = |value: f64, k: usize| Twice::variable(Dual::variable(value, k), k);
        let rates: [Twice; 7] = std::array::from_fn(|k| variable(RATES[k], 2 + k));
        let states = [variable(state[0], 0), variable(state[1], 1)];
        QuasiEquilibriumSystem::derivative(&rates, Twice::zero(), &states).map(|f| f.eps.map(|e| e.eps))
    }

    fn tangent(k: usize) -> [Tangent<DIRECTIONS>; 2] {
        let number = |n: usize, l: usize| (1.3 * (3 * n + l + k) as f64).sin();
        std::array::from_fn(|n| Tangent(std::array::from_fn(|l| number(n, l))))
    }

    fn assert_near(found: f64, expected: f64, size: f64) {
        assert!((found - expected).abs() <= 1e-11 * size + 1e-300, "{found}, not {expected}");
    }

    const STATES: [[f64; 2]; 4] = [[1500.0, 40.0], [30.0, 35.0], [1e-3, 20.0], [200.0, 1e-6]];

    /// A lane's own direction among states and directions, with the derivatives of the states.
    fn direction(tangent: &[Tangent<DIRECTIONS>; 2], lane: usize) -> [f64; ARGUMENTS] {
        let mut direction = [0.0; ARGUMENTS];
        (direction[0], direction[1]) = (tangent[0].0[lane], tangent[1].0[lane]);
        direction[2 + lane] = 1.0;
        direction
    }

    #[test]
    fn hessians_are_the_second_derivatives_of_dual_numbers() {
        for (k, state) in STATES.into_iter().enumerate() {
            let (tangent, weights) = (tangent(k), [0.7, -0.4]);
            let second = second_derivatives(state);
            let mut half = [Tangent([0.0; DIRECTIONS]); DIRECTIONS];
            let (at, by) = (state.map(|y| Simd([y])), weights.map(|w| Simd([w])));
            let curvature = QuasiEquilibrium::curvature(&RATES, &at);
            QuasiEquilibrium::add_hessian::<DIRECTIONS, 1>(&RATES, &curvature, &by, &[tangent], &mut half);
            for a in 0..DIRECTIONS {
                for b in 0..DIRECTIONS {
                    let (da, db) = (direction(&tangent, a), direction(&tangent, b));
                    let (mut sum, mut size) = (0.0, 0.0);
                    for n in 0..2 {
                        for u in 0..ARGUMENTS {
                            for z in 0..ARGUMENTS {
                                let part = weights[n] * second[n][u][z] * da[u] * db[z];
                                sum += part;
                                size += part.abs();
                            }
                        }
                    }
                    assert_near(half[a].0[b] + half[b].0[a], sum, size);
                }
            }
        }
    }

    #[test]
    fn contractions_are_those_of_the_second_derivatives_of_dual_numbers() {
        for (k, state) in STATES.into_iter().enumerate() {
            let second = second_derivatives(state);
            let number = |n: usize, u: usize| (0.9 * (5 * n + u + k) as f64).cos();
            let by_state = [0, 1].map(|n| [0, 1].map(|m| Simd([number(n, m)])));
            let by_direction =
                [0, 1].map(|n| Tangent::<DIRECTIONS>(std::array::from_fn(|l| number(n, 2 + l))));
            let mut directions = Tangent([0.0; DIRECTIONS]);
            let at = state.map(|y| Simd([y]));
            let states = QuasiEquilibrium::contract_hessian::<DIRECTIONS, 1>(
                &RATES,
                &QuasiEquilibrium::curvature(&RATES, &at),
                &by_state,
                &[by_direction],
                &mut directions,
            );
            for z in 0..ARGUMENTS {
                let (mut sum, mut size) = (0.0, 0.0);
                for n in 0..2 {
                    for u in 0..ARGUMENTS {
                        let part = number(n, u) * second[n][u][z];
                        sum += part;
                        size += part.abs();
                    }
                }
                let found = if z < 2 { states[z].0[0] } else { directions.0[z - 2] };
                assert_near(found, sum, size);
            }
        }
    }
}
