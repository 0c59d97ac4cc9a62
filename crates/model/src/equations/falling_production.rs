//! Quasi-equilibrium binding in which the production of IgE falls while free IgE is held down.
//!
//! That production falls on treatment is from Lowe and Renard 2011, Br J Clin Pharmacol 72:306. **Its equations could
//! not be read; this form is the project's own.** Everything is as in [`super::quasi_equilibrium`], but the production
//! P of IgE is a state, which follows free IgE at a rate kp:
//!
//! ```text
//! dP/dt = kp·(Pe·(1 − Imax·(1 − Ce/Ce0)) − P),  P(0) = Pe,  Ce0 free IgE at the start
//! ```

use super::parameter::ParameterInfo;
use super::quasi_equilibrium::{self, DEPOT, EQUILIBRIUM, EXCESS, HAYASHI, Rates, summed};
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::analyte::Analyte;
use crate::autodiff::Real;
use crate::binding::EquilibriumComplex;

/// The equations in rates of each amount; the last three rates are kp, Imax and the free IgE at the start, nmol.
#[derive(Debug)]
pub(super) struct FallingSystem;

impl OdeSystem<3, 10> for FallingSystem {
    const INITIAL_STATES: &'static [usize] = &[1, 2];

    fn max_rate(r: &[f64; 10]) -> f64 {
        let [_, kx, kc, ke, .., kp, _, _] = *r;
        kx.max(kc).max(ke).max(kp)
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 10], inflow: T, [x, e, p]: &[T; 3]) -> [T; 3] {
        let [ka, kx, kc, ke, w, alpha, pe, kp, imax, e0] = *rates;
        let r = Rates { ka, kx, kc, ke, w, alpha, pe };
        let [c] = T::apply::<4, 1, EquilibriumComplex>([*x, *e, r.w, r.alpha]);
        let suppressed = -((*e - c) / e0) + 1.0;
        [
            (inflow - r.kx * *x) + (r.kx - r.kc) * c,
            (*p - r.ke * *e) + (r.ke - r.kc) * c,
            kp * (r.pe - *p) - kp * r.pe * imax * suppressed,
        ]
    }

    #[inline(always)]
    fn event([x, e, _]: &[f64; 3]) -> f64 {
        x - e
    }
}

/// The equations of falling production.
const FALLING: &[&str] = &[
    "dP/dt = kp·(Pe·(1 − Imax·(1 − Ce/Ce0)) − P)   P takes the place of Pe; P(0) = Pe",
    "                                            Ce0 free IgE at the start",
];

/// Hayashi's structure with falling production.
#[derive(Clone, Copy, Debug)]
pub(super) struct FallingProduction;

const KP: ParameterInfo =
    ParameterInfo::new("kp", "1/d", "rate at which the production of IgE follows free IgE");
const IMAX: ParameterInfo =
    ParameterInfo::new("Imax", "1", "part of the production that is lost without free IgE, at most 1");

impl ModelEquations<3, 10> for FallingProduction {
    type System = FallingSystem;
    const NAME: &'static str = "falling_production";
    const PARAMETERS: &'static [ParameterInfo] = &[
        HAYASHI[0], HAYASHI[1], HAYASHI[2], HAYASHI[3], HAYASHI[4], HAYASHI[5], HAYASHI[6], HAYASHI[7],
        HAYASHI[8], KP, IMAX,
    ];
    const EQUATIONS: &'static [&'static [&'static str]] = &[DEPOT, EQUILIBRIUM, EXCESS, FALLING];
    const IS_APPARENT: bool = true;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];

    fn rates<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 10] {
        let [ka, kx, kc, ke, w, alpha, pe] = quasi_equilibrium::rates(summed(p)).into_array();
        let [_, e0] = quasi_equilibrium::initial(summed(p), start);
        [ka, kx, kc, ke, w, alpha, pe, p[9], p[10], e0]
    }
    fn initial<T: Real>(p: &[T], start: InitialTarget<T>) -> [T; 3] {
        let [x, e] = quasi_equilibrium::initial(summed(p), start);
        [x, e, p[6]]
    }
    #[inline(always)]
    fn outputs<T: Real>(p: &[T], [x, e, _]: &[T; 3]) -> [T; 5] {
        quasi_equilibrium::outputs(summed(p), *x, *e)
    }
}
