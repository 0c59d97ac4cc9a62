//! One compartment with first-order absorption and linear elimination: what is left without a target.
//!
//! ```text
//! dX/dt = ka·D − CL/V·X
//! ```

use super::{BIOAVAILABILITY, Body, Concentrations, LAG, ParameterInfo, Start, Structure};
use crate::scalar::Real;
use crate::subject::Analyte;
use crate::units::OMALIZUMAB_UG_ML_PER_NM;

/// The rates are ka and CL/V.
#[derive(Debug)]
pub(super) struct LinearBody;

impl Body<1, 2> for LinearBody {
    const INITIAL_LANES: &'static [usize] = &[];

    fn fastest(&[ka, kx]: &[f64; 2]) -> f64 {
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

impl Structure<1, 2> for OneCompartment {
    type Body = LinearBody;
    const NAME: &'static str = "one_compartment";
    const PARAMETERS: &'static [ParameterInfo] = &[
        ParameterInfo::new("ka", "1/d", "first-order absorption rate constant"),
        ParameterInfo::new("CL", "L/d", "apparent clearance"),
        ParameterInfo::new("V", "L", "apparent volume"),
        BIOAVAILABILITY,
        LAG,
    ];
    const APPARENT: bool = true;
    const ANALYTES: &'static [Analyte] = &[Analyte::OmalizumabTotal];
    const STARTS_AT_BASELINE: bool = false;

    fn rates<T: Real>(p: &[T], _: Start<T>) -> [T; 2] {
        [p[0], p[1] / p[2]]
    }
    fn initial<T: Real>(_: &[T], _: Start<T>) -> [T; 1] {
        [T::zero()]
    }
    fn outputs<T: Real>(p: &[T], [x]: &[T; 1]) -> Concentrations<T> {
        let drug = *x / p[2] * OMALIZUMAB_UG_ML_PER_NM;
        let none = T::zero();
        Concentrations {
            omalizumab_total: drug,
            ige_total: none,
            ige_free: none,
            omalizumab_free: drug,
            complex: none,
        }
    }
}
