//! Binding at finite rates, with one compartment or two: stiff.
//!
//! Meno-Tetang and Lowe 2005, Basic Clin Pharmacol Toxicol 96:182; refitted by Straube 2025, CPT Pharmacometrics Syst
//! Pharmacol 14:1262. Amounts in nmol, X free omalizumab, R free IgE, C complex, all in the volume Vc; with two
//! compartments free omalizumab also in Vp:
//!
//! ```text
//! dX/dt = F·ka·D − CL/Vc·X − kon/Vc·X·R + koff·C  (− Q/Vc·X + Q/Vp·Xp)
//! dR/dt = keR·(Rb·Vc − R)  − kon/Vc·X·R + koff·C
//! dC/dt =                    kon/Vc·X·R − koff·C − keDR·C
//! dXp/dt = Q/Vc·X − Q/Vp·Xp
//! kon = koff/Kd
//! ```

use super::parameter::ParameterInfo;
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::analyte::Analyte;
use crate::autodiff::Real;
use crate::units::IGE_NG_ML_PER_NM;

/// Molecular mass of omalizumab, kDa, as Straube 2025 has it.
pub(super) const DRUG_KDA: f64 = 149.0;

pub(super) const KA: ParameterInfo = ParameterInfo::new("ka", "1/d", "first-order absorption rate constant");
pub(super) const CL: ParameterInfo = ParameterInfo::new("CL", "L/d", "clearance of free omalizumab");
pub(super) const VC: ParameterInfo = ParameterInfo::new("Vc", "L", "volume of the central compartment");
pub(super) const VP: ParameterInfo = ParameterInfo::new("Vp", "L", "volume of the peripheral compartment");
pub(super) const Q: ParameterInfo = ParameterInfo::new("Q", "L/d", "clearance between the two compartments");
pub(super) const RB: ParameterInfo = ParameterInfo::new("Rb", "nM", "free IgE without drug");
pub(super) const KER: ParameterInfo = ParameterInfo::new("keR", "1/d", "elimination of free IgE");
pub(super) const KEDR: ParameterInfo = ParameterInfo::new("keDR", "1/d", "elimination of the complex");
const KOFF: ParameterInfo = ParameterInfo::new("koff", "1/d", "dissociation rate constant");
const KD: ParameterInfo = ParameterInfo::new("Kd", "nM", "dissociation constant");

/// The equations of one compartment.
const BINDING: &[&str] = &[
    "dD/dt = −ka·D                               depot; a dose of m mg adds m·1000/149 nmol",
    "dX/dt = F·ka·D − CL/Vc·X − kon/Vc·X·R + koff·C",
    "dR/dt = keR·(Rb·Vc − R) − kon/Vc·X·R + koff·C",
    "dC/dt = kon/Vc·X·R − koff·C − keDR·C,        kon = koff/Kd",
    "total omalizumab = (X + C)/Vc·149/1000 µg/mL, total IgE = (R + C)/Vc·190, free IgE = R/Vc·190 ng/mL",
];
/// The equations of a peripheral compartment.
const PERIPHERAL: &[&str] = &[
    "dX/dt has also  − Q/Vc·X + Q/Vp·Xp",
    "dXp/dt = Q/Vc·X − Q/Vp·Xp              free omalizumab, peripheral",
];

/// Free IgE at the start, nmol.
pub(super) fn initial_target<T: Real>(rb: T, vc: T, start: InitialTarget<T>) -> T {
    match start {
        InitialTarget::Baseline { ige_ng_ml } => ige_ng_ml * (1.0 / IGE_NG_ML_PER_NM) * vc,
        InitialTarget::SteadyState => rb * vc,
    }
}

/// The outputs from amounts of free drug, free target and complex in the volume `vc`, in the order of
/// [`Analyte::OF_BINDING`].
pub(super) fn read<T: Real>(vc: T, drug: T, target: T, complex: T) -> [T; 5] {
    let (cx, ce, cc) = (drug / vc, target / vc, complex / vc);
    let ug_ml_per_nm = DRUG_KDA / 1000.0;
    [(cx + cc) * ug_ml_per_nm, (ce + cc) * IGE_NG_ML_PER_NM, ce * IGE_NG_ML_PER_NM, cx * ug_ml_per_nm, cc]
}

/// How fast the slow processes are: binding itself is too fast for the sensitivities to see.
fn slow(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

/// One compartment; rates ka, CL/Vc, kon/Vc, koff, keR·Rb·Vc, keR, keDR.
#[derive(Debug)]
pub(super) struct System1;

impl OdeSystem<3, 7> for System1 {
    const IS_STIFF: bool = true;
    const INITIAL_STATES: &'static [usize] = &[1];

    fn max_rate(&[_, kx, _, _, _, ker, kedr]: &[f64; 7]) -> f64 {
        slow(&[kx, ker, kedr])
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 7], inflow: T, [x, r, c]: &[T; 3]) -> [T; 3] {
        let [_, kx, kon, koff, kin, ker, kedr] = *rates;
        let bound = kon * *x * *r - koff * *c;
        [inflow - kx * *x - bound, kin - ker * *r - bound, bound - kedr * *c]
    }
}

/// Full binding in one compartment.
#[derive(Clone, Copy, Debug)]
pub(super) struct FullBinding1;

impl ModelEquations<3, 7> for FullBinding1 {
    type System = System1;
    const NAME: &'static str = "full_binding_1cmt";
    const PARAMETERS: &'static [ParameterInfo] = &[KA, CL, VC, RB, KOFF, KD, KER, KEDR];
    const EQUATIONS: &'static [&'static [&'static str]] = &[BINDING];
    const IS_APPARENT: bool = false;
    const DRUG_KDA: f64 = DRUG_KDA;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 7] {
        let [ka, cl, vc, rb, koff, kd, ker, kedr] = [p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]];
        [ka, cl / vc, koff / kd / vc, koff, ker * rb * vc, ker, kedr]
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 3] {
        [T::zero(), initial_target(p[3], p[2], start), T::zero()]
    }
    fn outputs<T: Real>(p: &[T], [x, r, c]: &[T; 3]) -> [T; 5] {
        read(p[2], *x, *r, *c)
    }
}

/// Two compartments; rates as of [`System1`], then Q/Vc and Q/Vp. The peripheral drug is the last state.
#[derive(Debug)]
pub(super) struct System2;

impl OdeSystem<4, 9> for System2 {
    const IS_STIFF: bool = true;
    const INITIAL_STATES: &'static [usize] = &[1];

    fn max_rate(&[_, kx, _, _, _, ker, kedr, out, back]: &[f64; 9]) -> f64 {
        slow(&[kx, ker, kedr, out, back])
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 9], inflow: T, [x, r, c, xp]: &[T; 4]) -> [T; 4] {
        let [ka, kx, kon, koff, kin, ker, kedr, out, back] = *rates;
        let exchange = out * *x - back * *xp;
        let one = [ka, kx, kon, koff, kin, ker, kedr];
        let [x, r, c] = System1::derivative(&one, inflow - exchange, &[*x, *r, *c]);
        [x, r, c, exchange]
    }
}

/// Full binding with a peripheral compartment.
#[derive(Clone, Copy, Debug)]
pub(super) struct FullBinding2;

impl ModelEquations<4, 9> for FullBinding2 {
    type System = System2;
    const NAME: &'static str = "full_binding_2cmt";
    const PARAMETERS: &'static [ParameterInfo] = &[KA, CL, VC, VP, Q, RB, KOFF, KD, KER, KEDR];
    const EQUATIONS: &'static [&'static [&'static str]] = &[BINDING, PERIPHERAL];
    const IS_APPARENT: bool = false;
    const DRUG_KDA: f64 = DRUG_KDA;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];

    fn rates<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 9] {
        let [vc, vp, q] = [p[2], p[3], p[4]];
        let one = [p[0], p[1], vc, p[5], p[6], p[7], p[8], p[9]];
        let [ka, kx, kon, koff, kin, ker, kedr] = FullBinding1::rates(&one, start);
        [ka, kx, kon, koff, kin, ker, kedr, q / vc, q / vp]
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 4] {
        [T::zero(), initial_target(p[5], p[2], start), T::zero(), T::zero()]
    }
    fn outputs<T: Real>(p: &[T], [x, r, c, _]: &[T; 4]) -> [T; 5] {
        read(p[2], *x, *r, *c)
    }
}
