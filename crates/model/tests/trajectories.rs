//! The solver and its sensitivities compared with scipy: 240 random subjects and regimens from
//! `scripts/reference/trajectories.py`.

#![allow(clippy::unwrap_used)]

use omafit_model::{Course, Dose, InitialTarget, Output, OutputRows, OutputTime, structure};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: serde_json::Value,
    ige_ng_ml: f64,
    parameters: Vec<f64>,
    doses: Vec<(f64, f64)>,
    times: Vec<f64>,
    omalizumab_total: Vec<f64>,
    ige_total: Vec<f64>,
    ige_free: Vec<f64>,
    omalizumab_free: Vec<f64>,
    complex: Vec<f64>,
    sensitivity_times: Vec<usize>,
    sensitivities: BTreeMap<String, Vec<Vec<f64>>>,
}

impl Case {
    fn course(&self, output: Output) -> Course {
        let doses: Vec<Dose> =
            self.doses.iter().map(|&(time, amount_mg)| Dose::subcutaneous(time, amount_mg)).collect();
        let before = |t: f64| doses.partition_point(|d| d.time < t);
        let times = self.times.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
        Course::new(0.0, doses.clone(), times, output).unwrap()
    }
    fn start(&self) -> InitialTarget<f64> {
        InitialTarget::Baseline { ige_ng_ml: self.ige_ng_ml }
    }
    fn expected(&self) -> [&[f64]; 5] {
        [&self.omalizumab_total, &self.ige_total, &self.ige_free, &self.omalizumab_free, &self.complex]
    }
}

fn reference() -> Reference {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/trajectories.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn worst_concentration(output: Output) -> (f64, String) {
    let model = structure("quasi_equilibrium").unwrap();
    let mut worst = (0.0, String::new());
    let cases = reference().cases;
    assert!(cases.len() >= 200);
    for case in &cases {
        let mut out = OutputRows::new();
        model.predict(&case.parameters, case.start(), &case.course(output), &mut out).unwrap();
        for (analyte, expected) in case.expected().iter().enumerate() {
            assert_eq!(expected.len(), out.len());
            for (i, (got, want)) in out.iter().zip(*expected).enumerate() {
                let got = got[analyte];
                let error = if *want == 0.0 { got.abs() } else { (got / want - 1.0).abs() };
                if !(error <= worst.0) {
                    worst = (
                        error,
                        format!("case {} output {analyte} day {}: {got} {want}", case.id, case.times[i]),
                    );
                }
            }
        }
    }
    worst
}

#[test]
fn concentrations_agree_where_steps_land() {
    let (error, place) = worst_concentration(Output::Landed);
    assert!(error < 1e-7, "{error:e} at {place}");
}

#[test]
fn concentrations_agree_inside_steps() {
    let (error, place) = worst_concentration(Output::Interpolated);
    assert!(error < 1e-7, "{error:e} at {place}");
}

#[test]
fn sensitivities_agree_with_accurate_differences() {
    let model = structure("quasi_equilibrium").unwrap();
    let mut worst = (0.0, String::new());
    for case in &reference().cases {
        let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
        let course = case.course(Output::Landed);
        model.sensitivities(&case.parameters, case.start(), &course, &mut out, &mut slopes).unwrap();
        for (analyte, name) in ["omalizumab_total", "ige_total", "ige_free"].into_iter().enumerate() {
            for (&at, expected) in case.sensitivity_times.iter().zip(&case.sensitivities[name]) {
                let value = out[at][analyte];
                for (input, want) in expected.iter().enumerate() {
                    let got = slopes[at * 10 + input][analyte];
                    // Relative to the slope, unless that is below a thousandth of the concentration.
                    let scale = want.abs().max(1e-3 * value.abs());
                    let error = if scale == 0.0 { got.abs() } else { (got - want).abs() / scale };
                    if !(error <= worst.0) {
                        worst =
                            (error, format!("case {} {name} input {input} time {at}: {got} {want}", case.id));
                    }
                }
            }
        }
    }
    assert!(worst.0 < 1e-5, "{:e} at {}", worst.0, worst.1);
}

#[test]
fn predictions_are_the_values_of_the_sensitivity_run_to_the_bit() {
    let model = structure("quasi_equilibrium").unwrap();
    for case in reference().cases.iter().step_by(7) {
        for output in [Output::Landed, Output::Interpolated] {
            let course = case.course(output);
            let [mut plain, mut out, mut slopes] = [const { OutputRows::new() }; 3];
            let work = model.predict(&case.parameters, case.start(), &course, &mut plain).unwrap();
            let same =
                model.sensitivities(&case.parameters, case.start(), &course, &mut out, &mut slopes).unwrap();
            assert_eq!((plain, work.evaluations, work.tried()), (out, same.evaluations, same.tried()));
        }
    }
}
