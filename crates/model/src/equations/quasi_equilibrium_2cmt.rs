//! Quasi-equilibrium binding with a peripheral compartment for free omalizumab.
//!
//! The turnover of IgE and its binding are as in [`super::quasi_equilibrium`]; free omalizumab is exchanged with a second
//! compartment, as in the two-compartment models of target-mediated disposition (Gibiansky et al. 2008, J Pharmacokinet
//! Pharmacodyn 35:573):
//!
//! ```text
//! dX/dt  = ka·D − CLx·Cx − CLc·Cc − Q·(Cx − Xp/Vp)
//! dXp/dt = Q·(Cx − Xp/Vp)
//! ```

use super::parameter::ParameterInfo;
use super::quasi_equilibrium::{self, DEPOT, EQUILIBRIUM, EXCESS, HAYASHI, Rates, summed};
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::analyte::{Analyte, AnalyteInfo, MICROGRAMS_PER_ML, Substance};
use crate::autodiff::Real;
use crate::binding::EquilibriumComplex;
use crate::units::OMALIZUMAB_UG_ML_PER_NM;

/// The equations in rates of each amount; the last two rates are Q/Vx and Q/Vp. The states are X, E and Xp.
#[derive(Debug)]
pub(super) struct QuasiEquilibrium2System;

impl OdeSystem<3, 9> for QuasiEquilibrium2System {
    const INITIAL_STATES: &'static [usize] = &[1];

    fn max_rate(&[_, kx, kc, ke, _, _, _, out, back]: &[f64; 9]) -> f64 {
        (kx + out).max(kc).max(ke).max(back)
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 9], inflow: T, [x, e, xp]: &[T; 3]) -> [T; 3] {
        let [ka, kx, kc, ke, w, alpha, pe, out, back] = *rates;
        let r = Rates { ka, kx, kc, ke, w, alpha, pe };
        let [c] = T::apply::<4, 1, EquilibriumComplex>([*x, *e, r.w, r.alpha]);
        let exchange = out * (*x - c) - back * *xp;
        [
            (inflow - r.kx * *x) + (r.kx - r.kc) * c - exchange,
            (r.pe - r.ke * *e) + (r.ke - r.kc) * c,
            exchange,
        ]
    }

    #[inline(always)]
    fn event([x, e, _]: &[f64; 3]) -> f64 {
        x - e
    }
}

/// Free omalizumab in the peripheral compartment.
static PERIPHERAL: AnalyteInfo = AnalyteInfo {
    name: "omalizumab_peripheral",
    title: "Omalizumab, peripheral",
    in_sentence: "omalizumab in the peripheral compartment",
    units: MICROGRAMS_PER_ML,
    substance: Substance::Drug,
    is_free: true,
    dvid: None,
};

/// Hayashi's structure with a peripheral compartment.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuasiEquilibrium2;

impl ModelEquations<3, 9> for QuasiEquilibrium2 {
    type System = QuasiEquilibrium2System;
    const NAME: &'static str = "quasi_equilibrium_2cmt";
    const PARAMETERS: &'static [ParameterInfo] = &[
        HAYASHI[0],
        HAYASHI[1],
        HAYASHI[2],
        HAYASHI[3],
        HAYASHI[4],
        HAYASHI[5],
        HAYASHI[6],
        HAYASHI[7],
        HAYASHI[8],
        ParameterInfo::new("Q", "L/d", "apparent clearance between the two compartments"),
        ParameterInfo::new("Vp", "L", "apparent volume of the peripheral compartment"),
    ];
    const EQUATIONS: &'static [&'static [&'static str]] = &[
        DEPOT,
        EQUILIBRIUM,
        EXCESS,
        &[
            "dX/dt has also  − Q·(Cx − Xp/Vp)",
            "dXp/dt = Q·(Cx − Xp/Vp)                     free omalizumab, peripheral",
        ],
    ];
    const IS_APPARENT: bool = true;
    const OUTPUTS: &'static [Analyte] = &[
        Analyte::OMALIZUMAB_TOTAL,
        Analyte::IGE_TOTAL,
        Analyte::IGE_FREE,
        Analyte::OMALIZUMAB_FREE,
        Analyte::COMPLEX,
        Analyte::new(&PERIPHERAL),
    ];
    type Outputs<T: Copy> = [T; 6];

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 9] {
        let [ka, kx, kc, ke, w, alpha, pe] = quasi_equilibrium::rates(summed(p)).into_array();
        [ka, kx, kc, ke, w, alpha, pe, p[9] / p[4], p[9] / p[10]]
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 3] {
        let [x, e] = quasi_equilibrium::initial(summed(p), start);
        [x, e, T::zero()]
    }
    #[inline(always)]
    fn outputs<T: Real>(p: &[T], [x, e, xp]: &[T; 3]) -> [T; 6] {
        let [drug, target, free_target, free_drug, complex] = quasi_equilibrium::outputs(summed(p), *x, *e);
        let peripheral = *xp / p[10] * OMALIZUMAB_UG_ML_PER_NM;
        [drug, target, free_target, free_drug, complex, peripheral]
    }
}
