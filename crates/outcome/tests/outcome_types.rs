//! Models of non-normal outcomes, fitted and compared with the maximum of an independent program.
#![allow(clippy::unwrap_used)]

mod common;

use common::followed;
use omafit_outcome::{
    Alignment, CourseColumns, ExposureCourse, Measurement, OutcomeBaseline, OutcomeModel, OutcomeType,
    Patient, VisitRule, Window, align, fit_patients, groups,
};
use omafit_outcome::{DelayData, Exposure};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// A patient whose `direct_linear` response is the reference's w: free IgE of 300 ng/mL plus 100 times w.
fn patient(k: usize, of: &Value) -> Patient {
    let [time, w, y] = ["time", "w", "y"].map(|key| numbers(&of[key]));
    let days = |j: usize| of["exposure"].as_array().map_or(1.0, |days| days[j].as_f64().unwrap());
    let end = time[time.len() - 1] + 40.0;
    let day: Vec<f64> = time.iter().copied().chain([end]).collect();
    let last = w[w.len() - 1];
    let ige_free: Vec<f64> = w.iter().copied().chain([last]).map(|w| 300.0 + 100.0 * w).collect();
    let course = ExposureCourse::new(&CourseColumns {
        day: &day,
        ige_free: &ige_free,
        omalizumab_total: &vec![1.0; day.len()],
        ige_total: &vec![500.0; day.len()],
    });
    let counted = of["exposure"].is_array();
    let measured = |j: usize| Measurement {
        // The midpoint of the days counted is the time of the reference.
        day: if counted { time[j] + 0.5 * days(j) } else { time[j] },
        value: y[j] / days(j),
        days: days(j),
    };
    let mut patient = followed(k, course, 84.0, Vec::new());
    patient.outcomes = vec![(0..y.len()).map(measured).collect()];
    patient
}

#[test]
fn maxima_are_those_of_an_independent_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcome_likelihoods.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let types = [
        ("censored", "score:0:10"),
        ("ordered", "ordered"),
        ("poisson", "poisson"),
        ("negative_binomial", "negative-binomial"),
    ];
    for (family, kind) in types {
        let of = &all[family];
        let patients: Vec<Patient> =
            of["patients"].as_array().unwrap().iter().enumerate().map(|(k, of)| patient(k, of)).collect();
        let kind: OutcomeType = kind.parse().unwrap();
        let alignment = Alignment {
            baseline: OutcomeBaseline::Last,
            visits: VisitRule::Every(7.0),
            half_width: None,
            window: Window::Trough,
        };
        let aligned = align(&patients, 0, kind, &alignment);
        let data = DelayData::new(&patients, &aligned, &groups(&patients)[0], Exposure::IgeFree);
        let model = OutcomeModel::named("direct_linear_time_plateau").unwrap();
        let fit = fit_patients(&data, model).unwrap();
        assert!(fit.converged, "{family}: {}", fit.reason);
        let expected = &of["fit"];
        let least = expected["minus2ll"].as_f64().unwrap();
        assert!((fit.minus2ll - least).abs() < 2e-4, "{family}: {}, not {least}", fit.minus2ll);
        let [values, se, sandwich] = ["estimates", "se", "se_sandwich"].map(|key| numbers(&expected[key]));
        for (k, name) in expected["names"].as_array().unwrap().iter().enumerate() {
            let name = name.as_str().unwrap();
            let ours = match name {
                "tau_0" => "B",
                "ln_kappa" => "kappa",
                "ln_sb" => "sd_B",
                "ln_se" => "sd_E",
                "atanh_r" => "corr_B_E",
                "ln_sigma" => "sigma",
                "ln_alpha" => "dispersion",
                "ln_gap_1" => "gap_1",
                "ln_gap_2" => "gap_2",
                other => other,
            };
            let found = fit.estimate(ours).unwrap();
            // The value and the slope on the scale on which the reference is estimated.
            let (value, slope) = match name {
                "tau_0" => (-found.value, 1.0),
                "atanh_r" => (found.value.atanh(), 1.0 / (1.0 - found.value.powi(2))),
                "B" | "E" | "P" => (found.value, 1.0),
                _ => (found.value.ln(), 1.0 / found.value),
            };
            assert!((value - values[k]).abs() < 0.02 * se[k], "{family}, {name}: {value}, not {}", values[k]);
            let ratio = found.se * slope / se[k];
            assert!(
                (ratio - 1.0).abs() < 0.01,
                "{family}, {name}: standard error {ratio} of the reference's"
            );
            let ratio = found.se_sandwich * slope / sandwich[k];
            assert!((ratio - 1.0).abs() < 0.01, "{family}, {name}: sandwich {ratio} of the reference's");
        }
    }
}

/// Delays with between-patient variability, from `scripts/reference/varied_delay.py`.
#[test]
fn a_delay_that_varies_is_fitted_as_by_an_independent_program() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/varied_delay.json");
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let days = numbers(&expected["days"]);
    let course = || {
        let (day, ige_free) = ([0.0, 0.0, 100.0, 100.0, 201.0], [300.0, 100.0, 100.0, 300.0, 300.0]);
        let (omalizumab_total, ige_total) = (&[1.0; 5][..], &[500.0; 5][..]);
        ExposureCourse::new(&CourseColumns { day: &day, ige_free: &ige_free, omalizumab_total, ige_total })
    };
    let patient = |(k, values): (usize, &Value)| {
        followed(k, course(), 100.0, days.iter().copied().zip(numbers(values)).collect())
    };
    let patients: Vec<Patient> =
        expected["values"].as_array().unwrap().iter().enumerate().map(patient).collect();
    let aligned = common::aligned(&patients, Window::Trough);
    let data = DelayData::new(&patients, &aligned, &groups(&patients)[0], Exposure::IgeFree);
    let model = OutcomeModel::named("production_linear_varied_delay").unwrap();
    let fit = fit_patients(&data, model).unwrap();
    assert!(fit.converged, "{}", fit.reason);
    let least = expected["minus2ll"].as_f64().unwrap();
    assert!((fit.minus2ll - least).abs() < 0.01, "{}, not {least}", fit.minus2ll);
    let [values, se] = ["estimates", "se"].map(|key| numbers(&expected[key]));
    for (k, name) in ["B", "E", "k", "sd_B", "sd_E", "corr_B_E", "sd_ln_k", "sigma"].into_iter().enumerate() {
        let found = fit.estimate(name).unwrap();
        let (value, slope) = match name {
            "corr_B_E" => (found.value.atanh(), 1.0 / (1.0 - found.value.powi(2))),
            "B" | "E" => (found.value, 1.0),
            _ => (found.value.ln(), 1.0 / found.value),
        };
        assert!((value - values[k]).abs() < 0.02 * se[k], "{name}: {value}, not {}", values[k]);
        assert!((found.se * slope / se[k] - 1.0).abs() < 0.02, "{name}: {}, not {}", found.se * slope, se[k]);
    }
}
