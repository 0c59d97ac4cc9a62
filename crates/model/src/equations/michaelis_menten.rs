//! Target-mediated disposition in the approximation of Michaelis and Menten, and a peripheral compartment.
//!
//! Gibiansky, Gibiansky, Kakkar, Ma 2008, J Pharmacokinet Pharmacodyn 35:573, doi 10.1007/s10928-008-9102-8: drug far
//! in excess of a target whose total stays as it is. Amounts in nmol, X free drug:
//!
//! ```text
//! dX/dt  = F·ka·D − CL/Vc·X − keDR·Rb·Vc·X/(Km·Vc + X) − Q/Vc·X + Q/Vp·Xp
//! dXp/dt = Q/Vc·X − Q/Vp·Xp
//! complex = Rb·Cx/(Km + Cx),  free IgE = Rb·Km/(Km + Cx)
//! ```

use super::full_binding::{CL, DRUG_KDA, KA, KEDR, Q, RB, VC, VP, read};
use super::parameter::ParameterInfo;
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::analyte::Analyte;
use crate::autodiff::Real;

const KM: ParameterInfo = ParameterInfo::new("Km", "nM", "free omalizumab at which half of the IgE is bound");

/// The rates are ka, CL/Vc, Q/Vc, Q/Vp, keDR·Rb·Vc, Km·Vc; the states X, Xp.
#[derive(Debug)]
pub(super) struct MichaelisMentenSystem;

impl OdeSystem<2, 6> for MichaelisMentenSystem {
    const INITIAL_STATES: &'static [usize] = &[];

    fn max_rate(&[_, kx, out, back, most, half]: &[f64; 6]) -> f64 {
        (kx + out + most / half).max(back)
    }

    #[inline(always)]
    fn derivative<T: Real>(rates: &[T; 6], inflow: T, [x, xp]: &[T; 2]) -> [T; 2] {
        let [_, kx, out, back, most, half] = *rates;
        let exchange = out * *x - back * *xp;
        [inflow - kx * *x - exchange - most * *x / (half + *x), exchange]
    }
}

/// Michaelis–Menten target-mediated disposition with two compartments.
#[derive(Clone, Copy, Debug)]
pub(super) struct MichaelisMenten;

impl ModelEquations<2, 6> for MichaelisMenten {
    type System = MichaelisMentenSystem;
    const NAME: &'static str = "michaelis_menten_2cmt";
    const PARAMETERS: &'static [ParameterInfo] = &[KA, CL, VC, VP, Q, RB, KM, KEDR];
    const EQUATIONS: &'static [&'static [&'static str]] = &[&[
        "dX/dt  = F·ka·D − CL/Vc·X − keDR·Rb·Vc·X/(Km·Vc + X) − Q/Vc·X + Q/Vp·Xp",
        "dXp/dt = Q/Vc·X − Q/Vp·Xp,   Cx = X/Vc,   Km = (koff + keDR)/kon",
        "complex = Rb·Cx/(Km + Cx),   free IgE = Rb·Km/(Km + Cx)",
    ]];
    const IS_APPARENT: bool = false;
    const DRUG_KDA: f64 = DRUG_KDA;
    const OUTPUTS: &'static [Analyte] = &Analyte::OF_BINDING;
    type Outputs<T: Copy> = [T; 5];
    const STARTS_AT_BASELINE: bool = false;

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 6] {
        let [ka, cl, vc, vp, q, rb, km, kedr] = [p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]];
        [ka, cl / vc, q / vc, q / vp, kedr * rb * vc, km * vc]
    }
    fn initial<T: Real>(_: &[T], _: InitialTarget<T>) -> [T; 2] {
        [T::zero(); 2]
    }
    fn outputs<T: Real>(p: &[T], [x, _]: &[T; 2]) -> [T; 5] {
        let (vc, rb, km) = (p[2], p[5], p[6]);
        let c = *x / vc;
        let share = rb * vc / (km + c);
        read(vc, *x, share * km, share * c)
    }
}
