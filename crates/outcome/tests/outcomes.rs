//! Correlations, delay models and their fits compared with `scripts/reference/outcomes.py`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{aligned, driven, followed};
use omafit_estimate::{Noise, SubjectStream};
use omafit_model::{Dual, PopulationModel, Real, published};
use omafit_outcome::{
    Alignment, DelayData, DelayModel, Dosing, DosingTable, Driver, Exposure, HysteresisOptions, Link, MadeUp,
    OutcomeBaseline, OutcomeModel, OutcomeType, Patient, Structure, Summary, VisitRule, Window, align,
    choose, fit_all, fit_patients, groups, hysteresis, innovate, make_up, patient, pearson,
    repeated_measures, spearman, true_exposure,
};
use serde_json::Value;

fn reference() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/outcomes.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn model(name: &Value) -> DelayModel {
    DelayModel::all().into_iter().find(|m| m.name() == name.as_str().unwrap()).unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
        "{what}: {found}, not {expected}"
    );
}

#[test]
fn correlations_and_means_are_those_of_scipy() {
    for case in reference()["correlations"].as_array().unwrap() {
        let points: Vec<Vec<f64>> = case["points"].as_array().unwrap().iter().map(numbers).collect();
        let pairs: Vec<(f64, f64)> = points.iter().map(|p| (p[1], p[2])).collect();
        let of_subjects: Vec<(usize, f64, f64)> =
            points.iter().map(|p| (p[0] as usize, p[1], p[2])).collect();
        let found = [
            ("pearson", pearson(&pairs)),
            ("spearman", spearman(&pairs)),
            ("repeated", repeated_measures(&of_subjects)),
        ];
        for (name, found) in found {
            let expected = &case[name];
            close(found.r, expected["r"].as_f64().unwrap(), 1e-12, name);
            let ends = numbers(&expected["interval"]);
            close(found.low, ends[0], 1e-9, name);
            close(found.high, ends[1], 1e-9, name);
            if name == "repeated" {
                close(found.df, expected["df"].as_f64().unwrap(), 0.0, name);
                assert_eq!(found.n as u64, expected["n"].as_u64().unwrap());
            }
        }
        let mean = Summary::of(points.iter().map(|p| p[2]));
        close(mean.mean, case["mean"]["mean"].as_f64().unwrap(), 1e-12, "mean");
        close(mean.sd, case["mean"]["sd"].as_f64().unwrap(), 1e-12, "sd");
        let ends = numbers(&case["mean"]["interval"]);
        close(mean.low, ends[0], 1e-9, "low");
        close(mean.high, ends[1], 1e-9, "high");
    }
    // Printed by Bakdash and Marusich for the eight subjects of Bland and Altman.
    let points = &reference()["correlations"][0]["points"];
    let eight: Vec<Vec<f64>> = points.as_array().unwrap().iter().map(numbers).collect();
    let found = repeated_measures(&eight.iter().map(|p| (p[0] as usize, p[1], p[2])).collect::<Vec<_>>());
    assert_eq!((format!("{:.2}", found.r).as_str(), found.df), ("-0.51", 38.0));
}

#[test]
fn too_few_points_have_no_interval_and_no_slope() {
    let line = pearson(&[(0.0, 1.0), (1.0, 2.0), (2.0, 2.5), (f64::NAN, 1.0)]);
    assert!(line.n == 3 && line.r > 0.9 && line.low.is_nan());
    assert!(pearson(&[(1.0, 1.0), (1.0, 2.0)]).r.is_nan());
    assert!(spearman(&[]).r.is_nan() && repeated_measures(&[(0, 1.0, 1.0)]).r.is_nan());
    assert!(Summary::of([3.0].into_iter()).sd.is_nan());
}

#[test]
fn shapes_and_their_slopes_are_those_of_other_solvers() {
    let reference = reference();
    let ige_free = numbers(&reference["shapes"]["driver"]);
    let log: Vec<f64> = ige_free.iter().map(|c| c.ln()).collect();
    let day: Vec<f64> = (0..ige_free.len()).map(|d| d as f64).collect();
    let driver = Driver { day: &day, value: &ige_free, log: &log };
    let days: Vec<usize> = numbers(&reference["shapes"]["days"]).iter().map(|d| *d as usize).collect();
    let cases = reference["shapes"]["cases"].as_array().unwrap();
    assert_eq!(cases.len(), DelayModel::all().len());
    for case in cases {
        let (model, values) = (model(&case["model"]), numbers(&case["values"]));
        let lifted: Vec<Dual<f64, 4>> =
            values.iter().enumerate().map(|(i, v)| Dual::variable(*v, i)).collect();
        let (plain, with_slopes) = (model.shape(&values, driver), model.shape(&lifted, driver));
        for (k, expected) in numbers(&case["w"]).into_iter().enumerate() {
            let name = format!("{} on day {}", model.name(), days[k]);
            close(plain[days[k]], expected, 1e-9, &name);
            close(with_slopes[days[k]].value(), expected, 1e-9, &name);
            for i in 0..values.len() {
                let slope = case["slopes"][i][k].as_f64().unwrap();
                close(with_slopes[days[k]].eps[i], slope, 1e-7, &format!("{name}, slope {i}"));
            }
        }
    }
}

/// The patients of a reference fit.
fn patients(case: &Value) -> Vec<Patient> {
    let one = |(i, patient): (usize, &Value)| {
        let outcome = numbers(&patient["days"]).into_iter().zip(numbers(&patient["values"])).collect();
        driven(i, &numbers(&patient["driver"]), 84.0, outcome)
    };
    case["patients"].as_array().unwrap().iter().enumerate().map(one).collect()
}

fn alignment() -> Alignment {
    let days = [0, 14, 28, 56, 84, 112, 126, 140, 154, 168, 182, 200].map(f64::from);
    let visits = VisitRule::Nominal(days.to_vec());
    Alignment { baseline: OutcomeBaseline::Last, visits, half_width: None, window: Window::Mean }
}

#[test]
fn fits_to_patients_are_those_of_scipy() {
    let reference = reference();
    let cases = reference["fits"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let patients = patients(case);
        let aligned = align(&patients, 0, OutcomeType::Continuous, &alignment());
        let everybody = groups(&patients);
        let data = DelayData::new(&patients, &aligned, &everybody[0], Exposure::IgeFree);
        let name = case["model"].as_str().unwrap();
        let found = fit_patients(&data, OutcomeModel::named(name).unwrap()).unwrap();
        assert!(found.converged, "{name}: {}", found.reason);
        close(found.minus2ll, case["minus2ll"].as_f64().unwrap(), 1e-6, name);
        let names: Vec<&str> =
            case["names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        assert_eq!(found.estimates.iter().map(|e| e.name).collect::<Vec<_>>(), names);
        let [values, errors, sandwich] = ["estimates", "se", "se_sandwich"].map(|key| numbers(&case[key]));
        for (k, estimate) in found.estimates.iter().enumerate() {
            let about = |what: &str| format!("{name}: {what} of {}", estimate.name);
            // The descent ends when the predicted decrease is 1e-6.
            assert!((estimate.value - values[k]).abs() < 0.01 * errors[k], "{}", about("estimate"));
            assert!(
                (estimate.se / errors[k] - 1.0).abs() < 0.01,
                "{}: {} {}",
                about("error"),
                estimate.se,
                errors[k]
            );
            let ratio = estimate.se_sandwich / sandwich[k];
            assert!(
                (ratio - 1.0).abs() < 0.01,
                "{}: {} {}",
                about("sandwich"),
                estimate.se_sandwich,
                sandwich[k]
            );
        }
    }
}

#[test]
fn the_loop_of_a_delayed_outcome_turns_and_lags() {
    let reference = reference();
    let case = &reference["fits"][0];
    let patients = patients(case);
    let aligned = align(&patients, 0, OutcomeType::Continuous, &alignment());
    let group = &groups(&patients)[0];
    let options = HysteresisOptions { target_ng_ml: 50.0, max_lag: 84, replicates: 200, seed: 1, test: true };
    let facts = hysteresis(&patients, &aligned, group, &[], &options);
    let again = hysteresis(&patients, &aligned, group, &[], &options);
    assert_eq!(format!("{facts:?}"), format!("{again:?}"));
    let of = |name: &str| facts.iter().find(|f| f.fact.name() == name).unwrap();
    // A rate of 0.05/d corresponds to a delay of about three weeks.
    let behind = of("days_suppressed_to_stabilised");
    assert!(behind.value > 14.0 && behind.low > 0.0 && behind.high < 120.0, "{behind:?}");
    let lag = of("lag_days");
    assert!((5.0..50.0).contains(&lag.value) && lag.low <= lag.value && lag.value <= lag.high, "{lag:?}");
    // Exposure falls before the outcome and rises before the outcome: counter-clockwise.
    assert!(of("area").value > 0.0 && of("area").low > 0.0, "{:?}", of("area"));
}

/// Four values per patient, one of them in the washout, from a production model with an Emax link and a delay of 20
/// days.
#[test]
fn four_values_a_patient_find_the_model() {
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let design = innovate(Dosing::Table(DosingTable::named("us_asthma_12y").unwrap()));
    let truth = DelayModel { structure: Structure::Production, link: Link::Emax };
    let made = [MadeUp {
        name: "",
        unit: "",
        baseline: (4.4, 0.9),
        placebo: ((0.0, 0.0), 0.0),
        effect: (2.2, 0.6),
        error: 0.5,
        least: f64::NEG_INFINITY,
        decimals: 3,
        model: (truth, vec![0.05, 40.0]),
    }];
    let enrolled: Vec<Patient> = (0..150)
        .map(|i| {
            let subject = patient(&model, &design, 7, i, Noise::ALL).unwrap();
            let exposure = true_exposure(&model, &design, 7, i, &subject).unwrap();
            let mut random = SubjectStream::of_outcomes(7, i);
            let outcome = make_up(&made, &exposure, &[0.0, 28.0, 196.0, 280.0], 1.0, &mut random).1.remove(0);
            followed(i as usize, Some(exposure), subject.doses.last().unwrap().time, outcome)
        })
        .collect();
    let aligned = aligned(&enrolled, Window::Mean);
    let data = DelayData::new(&enrolled, &aligned, &groups(&enrolled)[0], Exposure::IgeFree);
    let fits = fit_all(&data);
    // Every candidate was fitted, and converged.
    assert!(fits.len() >= OutcomeModel::all().len());
    let failed: Vec<String> = fits.iter().filter(|f| !f.converged).map(|f| f.model.name()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let choice = choose(&fits);
    let near: Vec<OutcomeModel> =
        choice.chosen.into_iter().chain(choice.near).map(|i| fits[i].model).collect();
    assert!(near.contains(&truth.into()), "{:?}", near.iter().map(|m| m.name()).collect::<Vec<_>>());
    let own = fits.iter().find(|f| f.model == truth.into()).unwrap();
    let delay = own.mean_delay().unwrap();
    assert!(delay.low < 20.0 && 20.0 < delay.high && !delay.at_limit, "{delay:?}");
}
