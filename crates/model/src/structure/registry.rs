//! The structures there are.

use super::abreast::{Values, together};
use super::derivatives::Derivatives;
use super::errand::{Errand, Errands, Listed, one_by_one};
use super::falling_production::FallingProduction;
use super::full_binding::{FullBinding1, FullBinding2};
use super::michaelis_menten::MichaelisMenten;
use super::one_compartment::OneCompartment;
use super::quasi_equilibrium::{QuasiEquilibrium, QuasiEquilibriumClc};
use super::quasi_steady_state::QuasiSteadyState;
use super::second::differences;
use super::solve::{is_plain, predict, sensitivities};
use super::{
    Body, Case, Concentrations, ParameterInfo, SecondOrder, Start, StructuralModel, Structure, Take,
};
use crate::course::{Course, CourseError};
use crate::scalar::is_wide;
use crate::solver::{Output, Work};
use crate::subject::Analyte;

/// A structure that can be solved; with `DOSING` it has bioavailability and lag among its parameters.
#[derive(Debug)]
struct Solvable<S, const DOSING: bool>(S);

/// Ties a structure's constants to it, so that it can be used as an object: `N` states, `K` rate constants, `P` inputs;
/// lanes for any course, and lanes and inputs for a plain one.
macro_rules! solvable {
    ($structure:ty, $n:literal, $k:literal, $p:literal, lanes $full:literal $(, plain $plain:literal of $inputs:literal $(reads $reads:literal)?)?) => {
        impl<const DOSING: bool> StructuralModel for Solvable<$structure, DOSING> {
            fn name(&self) -> &'static str {
                <$structure as Structure<$n, $k>>::NAME
            }
            fn parameters(&self) -> &'static [ParameterInfo] {
                let all = <$structure as Structure<$n, $k>>::PARAMETERS;
                if DOSING { all } else { &all[..all.len() - 2] }
            }
            fn analytes(&self) -> &'static [Analyte] {
                <$structure as Structure<$n, $k>>::ANALYTES
            }
            fn starts_at_baseline(&self) -> bool {
                <$structure as Structure<$n, $k>>::STARTS_AT_BASELINE
            }
            fn is_apparent(&self) -> bool {
                <$structure as Structure<$n, $k>>::APPARENT
            }
            fn predict(
                &self,
                parameters: &[f64],
                start: Start<f64>,
                course: &Course,
                out: &mut Vec<Concentrations<f64>>,
            ) -> Result<Work, CourseError> {
                $(if !DOSING && is_plain(course) {
                    return predict::<$structure, $n, $k, $plain, false>(parameters, start, course, out);
                })?
                predict::<$structure, $n, $k, $full, true>(parameters, start, course, out)
            }
            fn predict_each(&self, cases: &[Case<'_>], take: Take<'_, Vec<Concentrations<f64>>>) {
                let mut errands = Listed::new(cases, take);
                let alone = |errand: &Errand<'_>, _: &mut dyn Errands<'_, _>, out: &mut Vec<_>| {
                    self.predict(&errand.parameters, errand.start, errand.course, out).map(drop)
                };
                if const { !DOSING && <<$structure as Structure<$n, $k>>::Body as Body<$n, $k>>::HOT } {
                    return together::<$structure, Values, $n, $k>(&mut errands, &|_| true, &alone);
                }
                one_by_one(&mut errands, &alone);
            }
            fn differentiate_each<'a>(&self, errands: &mut dyn Errands<'a, SecondOrder>) {
                let alone = |errand: &Errand<'a>, errands: &mut dyn Errands<'a, _>, found: &mut SecondOrder| {
                    differences(self, errand, errands, found)
                };
                $($(if const { !DOSING } {
                    let suits = |errand: &Errand<'_>| errand.over.is_empty() || self.bends_at_once(errand.course);
                    return together::<$structure, Derivatives<$plain, $inputs, $reads>, $n, $k>(errands, &suits, &alone);
                })?)?
                one_by_one(errands, &alone);
            }
            fn bends_at_once(&self, course: &Course) -> bool {
                let is_backward = false $($(|| !DOSING && $reads > 0)?)?;
                is_backward && is_wide() && is_plain(course) && course.output() == Output::Landed
            }
            fn sensitivities(
                &self,
                parameters: &[f64],
                start: Start<f64>,
                course: &Course,
                out: &mut Vec<Concentrations<f64>>,
                slopes: &mut Vec<[f64; 5]>,
            ) -> Result<Work, CourseError> {
                $(if !DOSING && is_plain(course) {
                    return sensitivities::<$structure, $n, $k, $plain, $inputs, false>(
                        parameters, start, course, out, slopes,
                    );
                })?
                sensitivities::<$structure, $n, $k, $full, $p, true>(parameters, start, course, out, slopes)
            }
        }
    };
}

solvable!(QuasiEquilibrium, 2, 7, 12, lanes 11, plain 8 of 10 reads 6);
solvable!(QuasiEquilibriumClc, 2, 7, 12, lanes 11, plain 8 of 10 reads 6);
solvable!(FallingProduction, 3, 10, 14, lanes 15);
solvable!(FullBinding1, 3, 7, 11, lanes 12);
solvable!(FullBinding2, 4, 9, 13, lanes 15);
solvable!(QuasiSteadyState, 3, 8, 12, lanes 13);
solvable!(MichaelisMenten, 2, 6, 11, lanes 10);
solvable!(OneCompartment, 1, 2, 6, lanes 5, plain 2 of 4);

macro_rules! registry {
    ($($structure:ident),*) => {
        /// The structures, without parameters of dosing.
        pub static STRUCTURES: [&dyn StructuralModel; 8] =
            [$(&Solvable::<_, false>($structure)),*];
        static WITH_DOSING: [&dyn StructuralModel; 8] = [$(&Solvable::<_, true>($structure)),*];
    };
}

registry!(
    QuasiEquilibrium,
    QuasiEquilibriumClc,
    FallingProduction,
    FullBinding1,
    FullBinding2,
    QuasiSteadyState,
    MichaelisMenten,
    OneCompartment
);

/// The structure of a name, if there is one.
pub fn structure(name: &str) -> Option<&'static dyn StructuralModel> {
    STRUCTURES.into_iter().find(|s| s.name() == name)
}

/// The structure of a name with bioavailability (`F`) and lag (`tlag`, days) as its last two parameters.
pub fn structure_with_dosing(name: &str) -> Option<&'static dyn StructuralModel> {
    WITH_DOSING.into_iter().find(|s| s.name() == name)
}
