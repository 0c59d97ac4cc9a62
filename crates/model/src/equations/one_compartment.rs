//! One compartment with first-order absorption and linear elimination: what is left without a target.
//!
//! ```text
//! dX/dt = ka·D − CL/V·X
//! ```

use super::parameter::ParameterInfo;
use super::solution::InitialTarget;
use super::system::{ModelEquations, OdeSystem};
use crate::analyte::Analyte;
use crate::autodiff::Real;
use crate::units::OMALIZUMAB_UG_ML_PER_NM;

/// The rates are ka and CL/V.
#[derive(Debug)]
pub(super) struct LinearSystem;

impl OdeSystem<1, 2> for LinearSystem {
    const INITIAL_STATES: &'static [usize] = &[];

    fn max_rate(&[ka, kx]: &[f64; 2]) -> f64 {
        ka.max(kx)
    }

    #[inline(always)]
    fn derivative<T: Real>(&[_, kx]: &[T; 2], inflow: T, [x]: &[T; 1]) -> [T; 1] {
        [inflow - kx * *x]
    }
}

/// One compartment.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneCompartment;

impl ModelEquations<1, 2> for OneCompartment {
    type System = LinearSystem;
    const NAME: &'static str = "one_compartment";
    const PARAMETERS: &'static [ParameterInfo] = &[
        ParameterInfo::new("ka", "1/d", "first-order absorption rate constant"),
        ParameterInfo::new("CL", "L/d", "apparent clearance"),
        ParameterInfo::new("V", "L", "apparent volume"),
    ];
    const EQUATIONS: &'static [&'static [&'static str]] =
        &[&["dD/dt = −ka·D", "dX/dt =  ka·D − CL/V·X,   concentration X/V in µg/mL"]];
    const IS_APPARENT: bool = true;
    const OUTPUTS: &'static [Analyte] = &[Analyte::OMALIZUMAB_TOTAL];
    type Outputs<T: Copy> = [T; 1];
    const STARTS_AT_BASELINE: bool = false;

    fn rates<T: Real>(p: &[T], _: InitialTarget<T>) -> [T; 2] {
        [p[0], p[1] / p[2]]
    }
    fn initial<T: Real>(_: &[T], _: InitialTarget<T>) -> [T; 1] {
        [T::zero()]
    }
    fn outputs<T: Real>(p: &[T], [x]: &[T; 1]) -> [T; 1] {
        [*x / p[2] * OMALIZUMAB_UG_ML_PER_NM]
    }
}
