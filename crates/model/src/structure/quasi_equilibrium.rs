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

use super::{Concentrations, ParameterInfo, Start, Structure};
use crate::binding::{EquilibriumComplex, unbound};
use crate::scalar::Real;
use crate::units::{IGE_NG_ML_PER_NM, OMALIZUMAB_UG_ML_PER_NM};

/// The structure of Hayashi et al. 2007.
#[derive(Clone, Copy, Debug)]
pub struct QuasiEquilibrium;

const PARAMETERS: [ParameterInfo; 9] = [
    ParameterInfo::new("ka", "1/d", "first-order absorption rate constant"),
    ParameterInfo::new("CLx", "L/d", "apparent clearance of free omalizumab"),
    ParameterInfo::new("dCLc", "L/d", "apparent clearance of the complex in excess of CLx"),
    ParameterInfo::new("CLe", "L/d", "apparent clearance of free IgE"),
    ParameterInfo::new("Vx", "L", "apparent volume of free omalizumab and of free IgE"),
    ParameterInfo::new("Vc", "L", "apparent volume of the complex"),
    ParameterInfo::new("Pe", "nmol/d", "apparent production rate of IgE"),
    ParameterInfo::new("Kd0", "nM", "dissociation constant at equal amounts of omalizumab and IgE"),
    ParameterInfo::new("alpha", "1", "exponent of the drift of Kd with the molar ratio"),
];

/// `w = Kd0·Vx·Ve/Vc` is the dissociation constant in amounts; the rest are rates of each amount.
struct Rates<T> {
    ka: T,
    kx: T,
    kc: T,
    ke: T,
    w: T,
    alpha: T,
    pe: T,
}

impl<T: Copy> Rates<T> {
    fn from_array([ka, kx, kc, ke, w, alpha, pe]: [T; 7]) -> Self {
        Self { ka, kx, kc, ke, w, alpha, pe }
    }
    fn into_array(self) -> [T; 7] {
        [self.ka, self.kx, self.kc, self.ke, self.w, self.alpha, self.pe]
    }
}

impl Structure<2, 7, 8, 10> for QuasiEquilibrium {
    const NAME: &'static str = "quasi_equilibrium";

    fn parameters() -> &'static [ParameterInfo] {
        &PARAMETERS
    }

    fn rates<T: Real>(p: &[T]) -> [T; 7] {
        let [ka, clx, dclc, cle, vx, vc, pe, kd0, alpha] = named(p);
        Rates { ka, kx: clx / vx, kc: (clx + dclc) / vc, ke: cle / vx, w: kd0 * vx * vx / vc, alpha, pe }
            .into_array()
    }

    fn initial<T: Real>(p: &[T], start: Start<T>) -> [T; 2] {
        let [_, _, _, cle, vx, _, pe, _, _] = named(p);
        let target = match start {
            Start::Baseline { ige_ng_ml } => ige_ng_ml * (1.0 / IGE_NG_ML_PER_NM) * vx,
            Start::SteadyState => pe * vx / cle,
        };
        [T::zero(), target]
    }

    const INITIAL_LANES: &'static [usize] = &[1];

    #[inline(always)]
    fn absorption<T: Real>(rates: &[T; 7]) -> T {
        rates[0]
    }

    fn fastest(rates: &[f64; 7]) -> f64 {
        let r = Rates::from_array(*rates);
        r.kx.max(r.kc).max(r.ke)
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 7], inflow: T, [x, e]: &[T; 2]) -> [T; 2] {
        let r = Rates::from_array(*rates);
        let c = T::apply::<4, EquilibriumComplex>([*x, *e, r.w, r.alpha]);
        // The complex, which takes longest to know, comes last.
        [(inflow - r.kx * *x) + (r.kx - r.kc) * c, (r.pe - r.ke * *e) + (r.ke - r.kc) * c]
    }

    #[inline(always)]
    fn outputs<T: Real>(p: &[T], [x, e]: &[T; 2]) -> Concentrations<T> {
        let [_, _, _, _, vx, vc, _, kd0, alpha] = named(p);
        let w = kd0 * vx * vx / vc;
        let c = T::apply::<4, EquilibriumComplex>([*x, *e, w, alpha]);
        let (free_drug, free_target) = unbound(*x, *e, w, alpha);
        let (cx, ce, cc) = (free_drug / vx, free_target / vx, c / vc);
        Concentrations {
            omalizumab_total: (cx + cc) * OMALIZUMAB_UG_ML_PER_NM,
            ige_total: (ce + cc) * IGE_NG_ML_PER_NM,
            ige_free: ce * IGE_NG_ML_PER_NM,
            omalizumab_free: cx * OMALIZUMAB_UG_ML_PER_NM,
            complex: cc,
        }
    }

    /// The excess of the drug: where binding is tight, free target vanishes or appears as it changes sign.
    #[inline(always)]
    fn turn([x, e]: &[f64; 2]) -> f64 {
        x - e
    }
}

#[inline(always)]
fn named<T: Copy>(p: &[T]) -> [T; 9] {
    [p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8]]
}
