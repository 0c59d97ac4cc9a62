//! The structural models there are.

use super::differences::differences;
use super::falling_production::FallingProduction;
use super::full_binding::{FullBinding1, FullBinding2};
use super::michaelis_menten::MichaelisMenten;
use super::model::StructuralModel;
use super::one_compartment::OneCompartment;
use super::parameter::{DOSING, ParameterInfo};
use super::predict::{BatchPolicy, FirstOrder, Values, answer_explicit, answer_explicit_wide, answer_singly};
use super::quasi_equilibrium::{QuasiEquilibrium, QuasiEquilibriumClc};
use super::quasi_equilibrium_2cmt::QuasiEquilibrium2;
use super::quasi_steady_state::QuasiSteadyState;
use super::request::{RequestQueue, SolveRequest};
use super::second_order::Backward;
use super::solution::{OutputRows, SecondOrder};
use super::system::{ModelEquations, OdeSystem, OutputArray, OutputParameters};
use crate::analyte::{Analyte, Substance};
use crate::autodiff::is_wide;
use crate::course::Course;
use crate::ode::{Output, Radau};
use crate::subject::{Route, StateRule};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A model that can be solved; with `HAS_DOSING` it has bioavailability and lag among its parameters.
#[derive(Debug)]
struct Solvable<S, const HAS_DOSING: bool>(S);

/// The numbers of states and of rate constants of a model.
const fn sizes<S: ModelEquations<N, K>, const N: usize, const K: usize>(_: &S) -> (usize, usize) {
    (N, K)
}

/// A model's own parameters, and then those of dosing.
const fn with_dosing<const P: usize>(own: &[ParameterInfo]) -> [ParameterInfo; P] {
    let mut all = [DOSING[0]; P];
    let mut i = 0;
    while i < own.len() {
        all[i] = own[i];
        i += 1;
    }
    all[i + 1] = DOSING[1];
    all
}

/// Whether a course has nothing but doses after which the body depends on them linearly and on the absorption rate constant alone:
/// injections, and what goes into a vein.
fn has_plain_doses(course: &Course) -> bool {
    let is_plain = |route, duration| route == Route::Intravenous || duration == 0.0;
    course.doses().iter().all(|d| matches!(d.before, StateRule::Kept) && is_plain(d.route, d.duration))
}

/// Makes models objects, and the list of them. `N` states, `K` rate constants; directions and inputs as of `Inputs`, with `FULL` and without.
macro_rules! solvable {
    ($($structure:ident $(: $second:ident)?),*) => { $(const _: () = {
        const N: usize = sizes(&$structure).0;
        const K: usize = sizes(&$structure).1;
        type Equations = <$structure as ModelEquations<N, K>>::System;
        const OWN: &[ParameterInfo] = <$structure as ModelEquations<N, K>>::PARAMETERS;
        const OUTPUTS: &[Analyte] = <$structure as ModelEquations<N, K>>::OUTPUTS;
        const _: () = assert!(
            OUTPUTS.len() == <<$structure as ModelEquations<N, K>>::Outputs<f64> as OutputArray<f64>>::LEN
        );
        const FULL: usize = K + N + 2;
        const FULL_INPUTS: usize = OWN.len() + 3;
        static WITH_DOSING: [ParameterInfo; OWN.len() + 2] = with_dosing(OWN);

        impl<const HAS_DOSING: bool> StructuralModel for Solvable<$structure, HAS_DOSING> {
            fn name(&self) -> &'static str {
                <$structure as ModelEquations<N, K>>::NAME
            }
            fn parameters(&self) -> &'static [ParameterInfo] {
                if HAS_DOSING { &WITH_DOSING } else { OWN }
            }
            fn equations(&self) -> Vec<&'static str> {
                <$structure as ModelEquations<N, K>>::EQUATIONS.concat()
            }
            fn outputs(&self) -> &'static [Analyte] {
                OUTPUTS
            }
            fn kda(&self, substance: Substance) -> f64 {
                let drug = <$structure as ModelEquations<N, K>>::DRUG_KDA;
                let target = <$structure as ModelEquations<N, K>>::TARGET_KDA;
                match substance {
                    Substance::Drug => drug,
                    Substance::Target => target,
                    Substance::Complex => drug + target,
                }
            }
            fn starts_at_baseline(&self) -> bool {
                <$structure as ModelEquations<N, K>>::STARTS_AT_BASELINE
            }
            fn is_apparent(&self) -> bool {
                <$structure as ModelEquations<N, K>>::IS_APPARENT
            }
            fn has_exact_hessian(&self, course: &Course) -> bool {
                solvable!(@ has_second $($second)?)
                    && !HAS_DOSING
                    && is_wide()
                    && has_plain_doses(course)
                    && course.output() == Output::Landed
            }
            fn predict_all<'a>(&self, queue: &mut dyn RequestQueue<'a, OutputRows>) {
                let policy = BatchPolicy { suits: &|_| true, fallback: &|_, _, _| Ok(()) };
                if const { <Equations as OdeSystem<N, K>>::IS_STIFF } {
                    answer_singly::<$structure, Values, Radau<N, 0>, N, K, 0, FULL, false>(queue, &policy);
                } else if const { <Equations as OdeSystem<N, K>>::INLINE } && is_wide() {
                    answer_explicit_wide::<$structure, Values, N, K, 0, FULL, false>(queue, &policy);
                } else {
                    answer_explicit::<$structure, Values, N, K, 0, FULL, false>(queue, &policy);
                }
            }
            fn differentiate_all<'a>(&self, queue: &mut dyn RequestQueue<'a, SecondOrder>) {
                let policy = BatchPolicy {
                    suits: &|request: &SolveRequest<'_>| {
                        request.over.is_empty() || self.has_exact_hessian(request.course)
                    },
                    fallback: &|request, queue, answer| differences(self, request, queue, answer),
                };
                solvable!(@ plain $($second)? ($structure queue policy HAS_DOSING));
                if const { <Equations as OdeSystem<N, K>>::IS_STIFF } {
                    answer_singly::<$structure, FirstOrder<FULL_INPUTS>, Radau<N, FULL>, N, K, FULL, FULL, true>(queue, &policy);
                } else {
                    answer_explicit::<$structure, FirstOrder<FULL_INPUTS>, N, K, FULL, FULL, true>(queue, &policy);
                }
            }
        }
    };)*

        /// The structures, without parameters of dosing.
        pub static STRUCTURES: [&dyn StructuralModel; [$(stringify!($structure)),*].len()] =
            [$(&Solvable::<_, false>($structure)),*];
        static STRUCTURES_WITH_DOSING: [&dyn StructuralModel; STRUCTURES.len()] =
            [$(&Solvable::<_, true>($structure)),*];
    };
    (@ has_second) => { false };
    (@ has_second second_order) => { true };
    (@ plain ($structure:ident $queue:ident $policy:ident $dosing:ident)) => {};
    (@ plain second_order ($structure:ident $queue:ident $policy:ident $dosing:ident)) => {
        if !$dosing && is_wide() {
            const PLAIN: usize = K + <Equations as OdeSystem<N, K>>::INITIAL_STATES.len();
            const INPUTS: usize = OWN.len() + 1;
            const READ: usize = N + <$structure as OutputParameters>::POSITIONS.len();
            return answer_explicit_wide::<$structure, Backward<INPUTS, READ>, N, K, PLAIN, FULL, false>(
                $queue, &$policy,
            );
        }
    };
}

solvable!(
    QuasiEquilibrium: second_order,
    QuasiEquilibriumClc: second_order,
    QuasiEquilibrium2,
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
    STRUCTURES_WITH_DOSING.into_iter().find(|s| s.name() == name)
}

/// All analytes that a structure predicts and an assay measures, in the order of their `DVID`.
pub fn analytes() -> Vec<Analyte> {
    let all: BTreeSet<Analyte> = STRUCTURES.iter().flat_map(|structure| structure.analytes()).collect();
    all.into_iter().collect()
}

/// The output of that name, of any structure.
fn output_named(name: &str) -> Option<Analyte> {
    STRUCTURES.iter().flat_map(|structure| structure.outputs()).copied().find(|output| output.name() == name)
}

impl Serialize for Analyte {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Analyte {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        output_named(&name).filter(|output| output.dvid().is_some()).ok_or_else(|| {
            let known: Vec<_> =
                analytes().into_iter().map(|analyte| format!("`{}`", analyte.name())).collect();
            D::Error::custom(format!("unknown analyte `{name}`, expected one of {}", known.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dvids_of_outputs_belong_to_one_declaration() {
        let all: BTreeSet<Analyte> = STRUCTURES.iter().flat_map(|s| s.outputs()).copied().collect();
        let names: BTreeSet<&str> = all.iter().map(|output| output.name()).collect();
        let dvids: BTreeSet<u32> = all.iter().filter_map(|output| output.dvid()).collect();
        assert_eq!((names.len(), dvids.len()), (all.len(), analytes().len()));
        for structure in STRUCTURES {
            let outputs = structure.outputs();
            assert!(outputs.iter().enumerate().all(|(i, output)| structure.output(*output) == Some(i)));
            assert!(!structure.analytes().is_empty());
        }
    }
}
