//! The solver's counters on a set of problems, for every structure and mode: evaluations, Jacobians, accepted and
//! rejected steps.
//!
//! Expected values are in `counters.json`; if they differ, the test writes the values found into the target folder.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TYPICAL, dosed, event_courses, plain};
use omafit_model::{Course, InitialTarget, OutputRows, StructuralModel, Work};
use std::collections::BTreeMap;

const EXPECTED: &str = include_str!("counters.json");

/// Evaluations, Jacobians, accepted and rejected steps as text, or the error message.
fn counters(work: Result<Work, omafit_model::CourseError>) -> String {
    match work {
        Ok(work) => {
            format!("{} {} {} {}", work.evaluations, work.jacobians, work.accepted, work.rejected)
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_counters_are_those_expected() {
    let mut found = BTreeMap::new();
    for (name, parameters) in TYPICAL {
        for (has_dosing, model) in [(false, plain(name)), (true, dosed(name))] {
            let mut parameters = parameters.to_vec();
            if has_dosing {
                parameters.extend([0.6, 0.25]);
            }
            for (label, course) in event_courses() {
                let of = |mode: &str, work| {
                    let dosing = if has_dosing { " with F and lag" } else { "" };
                    (format!("{name}{dosing}; {label}; {mode}"), counters(work))
                };
                let all = modes(model, &parameters, &course);
                found.extend(all.into_iter().map(|(mode, work)| of(mode, work)));
            }
        }
    }
    let expected: BTreeMap<String, String> = serde_json::from_str(EXPECTED).unwrap();
    if found != expected {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/counters.json");
        std::fs::write(path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        let other = found.iter().find(|(key, value)| expected.get(*key) != Some(*value));
        panic!("counters differ from tests/counters.json, {path} has them; the first: {other:?}");
    }
}

fn modes(
    model: &dyn StructuralModel,
    parameters: &[f64],
    course: &Course,
) -> [(&'static str, Result<Work, omafit_model::CourseError>); 2] {
    let start = if model.starts_at_baseline() {
        InitialTarget::Baseline { ige_ng_ml: 700.0 }
    } else {
        InitialTarget::SteadyState
    };
    let (mut values, mut slopes) = (OutputRows::new(), OutputRows::new());
    [
        ("values", model.predict(parameters, start, course, &mut values)),
        ("derivatives", model.sensitivities(parameters, start, course, &mut values, &mut slopes)),
    ]
}
