//! Target-mediated disposition with the complex at quasi-steady state, and a peripheral compartment.
//!
//! Gibiansky, Gibiansky, Kakkar, Ma 2008, J Pharmacokinet Pharmacodyn 35:573, doi 10.1007/s10928-008-9102-8: full
//! binding in which the complex follows free drug and target at once, with Kss = (koff + keDR)/kon. Amounts in nmol, X
//! and R total drug and target in the central compartment:
//!
//! ```text
//! dX/dt  = F·ka·D − CL/Vc·(X − C) − keDR·C − Q/Vc·(X − C) + Q/Vp·Xp
//! dXp/dt = Q/Vc·(X − C) − Q/Vp·Xp
//! dR/dt  = keR·(Rb·Vc − (R − C)) − keDR·C
//! (X − C)·(R − C) = Kss·Vc·C
//! ```

use super::full_binding::{CL, DRUG_KDA, KA, KEDR, KER, Q, RB, VC, VP, initial_target, read};
use super::parameter::ParameterInfo;
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::analyte::Analyte;
use crate::autodiff::Real;
use crate::binding::{Binding, EquilibriumComplex};

const KSS: ParameterInfo = ParameterInfo::new("Kss", "nM", "quasi-steady-state constant");

/// The rates are ka, CL/Vc, Q/Vc, Q/Vp, Kss·Vc, keR·Rb·Vc, keR, keDR; the states X, R, Xp.
#[derive(Debug)]
pub(super) struct QuasiSteadyStateSystem;

impl OdeSystem<3, 8> for QuasiSteadyStateSystem {
    const INITIAL_STATES: &'static [usize] = &[1];

    fn max_rate(&[_, kx, out, back, _, _, ker, kedr]: &[f64; 8]) -> f64 {
        (kx + out).max(back).max(ker).max(kedr)
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 8], inflow: T, [x, r, xp]: &[T; 3]) -> [T; 3] {
        let [_, kx, out, back, w, kin, ker, kedr] = *rates;
        let [c] = T::apply::<4, 1, EquilibriumComplex>([*x, *r, w, T::zero()]);
        let free = *x - c;
        let exchange = out * free - back * *xp;
        [inflow - kx * free - exchange - kedr * c, kin - ker * (*r - c) - kedr * c, exchange]
    }

    #[inline(always)]
    fn event([x, r, _]: &[f64; 3]) -> f64 {
        x - r
    }
}

/// Quasi-steady-state target-mediated disposition with two compartments.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuasiSteadyState;

impl ModelEquations<3, 8> for QuasiSteadyState {
    type System = QuasiSteadyStateSystem;
    const NAME: &'static str = "qss_2cmt";
    const PARAMETERS: &'static [ParameterInfo] = &[KA, CL, VC, VP, Q, RB, KSS, KER, KEDR];
    const EQUATIONS: &'static [&'static [&'static str]] = &[&[
        "dX/dt  = F·ka·D − CL/Vc·(X − C) − keDR·C − Q/Vc·(X − C) + Q/Vp·Xp",
        "dXp/dt = Q/Vc·(X − C) − Q/Vp·Xp",
        "dR/dt  = keR·(Rb·Vc − (R − C)) − keDR·C",
        "(X − C)·(R − C) = Kss·Vc·C,   Kss = (koff + keDR)/kon",
    ]];
    const IS_APPARENT: bool = false;
    const DRUG_KDA: f64 = DRUG_KDA;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 8] {
        let [ka, cl, vc, vp, q, rb, kss, ker, kedr] = [p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]];
        [ka, cl / vc, q / vc, q / vp, kss * vc, ker * rb * vc, ker, kedr]
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 3] {
        [T::zero(), initial_target(p[5], p[2], start), T::zero()]
    }
    fn outputs<T: Real>(p: &[T], [x, r, _]: &[T; 3]) -> [T; 5] {
        let (w, alpha) = (p[6] * p[2], T::zero());
        let [c, drug, target] = T::apply::<4, 3, Binding>([*x, *r, w, alpha]);
        read(p[2], drug, target, c)
    }
}
