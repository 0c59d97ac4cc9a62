//! A population whose correlation is one at the optimum, compared with an independent program in which the two
//! parameters share one η (`scripts/reference/tied.py`).

#![allow(clippy::unwrap_used)]

use omafit_estimate::{PopulationFit, PopulationOptions, fit_population, population_estimates};
use omafit_model::{Analyte, Covariates, Dose, Observation, PopulationModel, Subject};
use serde_json::Value;

/// Names of parameters in the program and in the reference.
const NAMES: [(&str, &str); 6] = [
    ("ka", "ka"),
    ("CL", "CL"),
    ("V", "V"),
    ("omega2_CL", "omega2_CL"),
    ("omega2_V", "omega2_V"),
    ("sigma_proportional_omalizumab_total", "sigma"),
];

fn reference() -> Value {
    let path = format!("{}/../../fixtures/reference/tied.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn subjects(reference: &Value) -> Vec<Subject> {
    let times: Vec<f64> = numbers(&reference["times"]).iter().map(|hours| hours / 24.0).collect();
    let one = |(i, values): (usize, &Value)| Subject {
        id: i.to_string(),
        covariates: Covariates::new(70.0, f64::NAN),
        start: 0.0,
        doses: vec![Dose::subcutaneous(0.0, reference["dose"].as_f64().unwrap())],
        observations: times
            .iter()
            .zip(numbers(values))
            .map(|(&time, value)| Observation {
                value,
                ..Observation::planned(time, Analyte::OMALIZUMAB_TOTAL, 1)
            })
            .collect(),
    };
    reference["values"].as_array().unwrap().iter().enumerate().map(one).collect()
}

fn model(typical: [f64; 3], covariance: [f64; 3], sigma: f64) -> PopulationModel {
    let ([ka, cl, v], [first, across, second]) = (typical, covariance);
    let file = format!(
        "name = \"tied\"\ntitle = \"CL and V correlated\"\nstructure = \"one_compartment\"\nsource = \"test\"\n\
         start = \"steady_state\"\n\
         [parameters.ka]\ntypical = {ka:?}\nunit = \"1/h\"\n[parameters.CL]\ntypical = {cl:?}\nunit = \"L/h\"\n\
         [parameters.V]\ntypical = {v:?}\nunit = \"L\"\n\
         [[blocks]]\nparameters = [\"CL\", \"V\"]\ncovariance = [[{first:?}], [{across:?}, {second:?}]]\n\
         [residual]\nomalizumab_total = {{ proportional_sd = {sigma:?} }}\n"
    );
    PopulationModel::parse(&file).unwrap()
}

/// The estimate of every parameter, with its standard errors by R, S and the sandwich.
fn listed(fit: &PopulationFit) -> Vec<(f64, [f64; 3])> {
    let estimates = population_estimates(&fit.model, &fit.space, Some(fit.uncertainty.as_ref().unwrap()));
    let of = |(name, _): &(&str, &str)| {
        let estimate = estimates.iter().find(|e| e.name == *name).unwrap();
        (estimate.value, estimate.se)
    };
    NAMES.iter().map(of).collect()
}

#[test]
fn at_a_correlation_of_one_estimates_and_standard_errors_are_those_of_one_shared_eta() {
    let reference = reference();
    let subjects = subjects(&reference);
    let starts = [
        model([1.6, 2.75, 32.0], [0.1225, 0.04, 0.0625], 0.15),
        model([0.8, 5.0, 20.0], [0.04, -0.02, 0.2], 0.3),
    ];
    // Estimates are compared to 1e-5, which is less than the default tolerance of the objective determines.
    let options = PopulationOptions { tolerance: 1e-7, ..PopulationOptions::default() };
    let fits = starts.map(|start| fit_population(&start, &subjects, options, &()).unwrap());
    for fit in &fits {
        assert!(fit.converged(), "{}", fit.reason);
        assert!(fit.reason.contains("the correlation of V and CL is at its boundary (1)"), "{}", fit.reason);
        let uncertainty = fit.uncertainty.as_ref().unwrap();
        assert_eq!(uncertainty.expected_because, None);
        assert!((fit.ofv - reference["ofv"].as_f64().unwrap()).abs() < 1e-5, "{}", fit.ofv);
        for (part, expected) in fit.subjects.iter().zip(numbers(&reference["subjects"])) {
            assert!((part.ofv - expected).abs() < 1e-3, "{} {expected}", part.ofv);
        }
        for ((_, name), (value, se)) in NAMES.iter().zip(listed(fit)) {
            let expected = reference["estimates"][name].as_f64().unwrap();
            assert!((value / expected - 1.0).abs() < 1e-5, "{name}: {value} {expected}");
            for (se, by) in se.into_iter().zip(["r", "s", "sandwich"]) {
                let expected = reference["se"][by][name].as_f64().unwrap();
                assert!((se / expected - 1.0).abs() < 1e-3, "{name} by {by}: {se} {expected}");
            }
        }
        // The correlation is held, and has no standard error.
        let estimates = population_estimates(&fit.model, &fit.space, Some(uncertainty));
        let correlation = estimates.iter().find(|e| e.name == "corr_CL_V").unwrap();
        assert!(
            correlation.value > 0.999_999 && correlation.se.iter().all(|se| se.is_nan()),
            "{correlation:?}"
        );
    }
    let [first, second] = &fits;
    assert!((first.ofv - second.ofv).abs() < 1e-5, "{} {}", first.ofv, second.ofv);
    for (((a, a_se), (b, b_se)), (name, _)) in listed(first).into_iter().zip(listed(second)).zip(NAMES) {
        assert!((a / b - 1.0).abs() < 1e-5, "{name}: {a} {b}");
        for (a, b) in a_se.into_iter().zip(b_se) {
            assert!((a / b - 1.0).abs() < 1e-4, "{name}: standard errors {a} {b}");
        }
    }
}
