//! Published and independently computed numbers of the Hayashi 2007 model, to the last printed digit.
//!
//! Definitions and values at full precision: `fixtures/reference/published.json`, by `scripts/reference/published.py`.
#![allow(clippy::unwrap_used)]

use omafit_model::{
    Concentrations, Course, Covariates, Dose, Output, OutputTime, PopulationModel, Start, published, units,
};
use serde_json::Value;

fn model() -> PopulationModel {
    PopulationModel::parse(published("hayashi2007").unwrap()).unwrap()
}

fn reference() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/published.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn solve(parameters: &[f64], doses: &[Dose], times: &[f64]) -> Vec<Concentrations<f64>> {
    let before = |t: f64| doses.partition_point(|d| d.time < t);
    let times = times.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
    let course = Course::new(0.0, doses.to_vec(), times, Output::Interpolated).unwrap();
    let mut out = Vec::new();
    model().structure().predict(parameters, Start::SteadyState, &course, &mut out).unwrap();
    out
}

/// `value` prints as `printed` does when rounded to as many decimals.
fn prints(value: f64, printed: &str) -> bool {
    let decimals = printed.split_once('.').map_or(0, |(_, d)| d.len());
    format!("{value:.decimals$}") == printed
}

#[test]
fn half_lives_and_untreated_free_ige_follow_from_the_parameters() {
    let typical = model().typical(&Covariates::new(61.1, 482.4)).unwrap();
    let at = |name: &str| typical[model().position(name).unwrap()];
    let half_life = |clearance: f64, volume: f64| std::f64::consts::LN_2 * volume / clearance;
    assert!(prints(half_life(at("CLx"), at("Vx")), "23.28"));
    assert!(prints(half_life(at("CLe"), at("Vx")), "2.400"));
    assert!(prints(half_life(at("CLx") + at("dCLc"), at("Vc")), "7.95"));
    let untreated = solve(&typical, &[], &[0.0, 100.0]);
    assert!(prints(untreated[0].ige_free, "426.8"));
    // Left alone, the steady state stays.
    assert!((untreated[1].ige_free / untreated[0].ige_free - 1.0).abs() < 1e-12);
    assert_eq!(untreated[1].omalizumab_total, 0.0);
}

#[test]
fn single_doses_peak_and_suppress_as_printed() {
    // The printed digits are those of the paper's 30.3 µg/h; with its rounded 0.1595 nmol/h the last one is 2153.
    for (variant, exact) in [("pe_30.3_ug_h", true), ("pe_3.828_nmol_d", false)] {
        let section = &reference()["single_doses"][variant];
        let parameters: Vec<f64> = section["parameters"].as_array().unwrap().iter().map(number).collect();
        let times: Vec<f64> = (0..=84_000).map(|i| f64::from(i) / 1000.0).collect();
        for row in section["doses"].as_array().unwrap() {
            let dose = Dose::subcutaneous(0.0, number(&row["dose_mg"]));
            let out = solve(&parameters, &[dose], &times);
            let peak = |of: &dyn Fn(&Concentrations<f64>) -> f64| out.iter().map(of).fold(f64::MIN, f64::max);
            let found = [
                ("cmax", peak(&|c| c.omalizumab_total)),
                ("free_ige_minimum", -peak(&|c| -c.ige_free)),
                ("total_ige_maximum", peak(&|c| c.ige_total)),
            ];
            for (name, found) in found {
                let value = number(&row[name]["value"]);
                assert!((found / value - 1.0).abs() < 1e-7, "{name} {found} {value}");
                assert!(!exact || prints(found, row[name]["printed"].as_str().unwrap()), "{name} {found}");
            }
        }
    }
}

#[test]
fn twenty_eight_weeks_by_the_table_come_out_to_the_last_digit() {
    let model = model();
    let rows = reference()["weeks_28"]["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 7);
    for row in rows.as_array().unwrap() {
        let (weight_kg, iu) = (number(&row["weight_kg"]), number(&row["ige_iu_ml"]));
        let typical = model.typical(&Covariates::new(weight_kg, iu * units::NG_PER_IU)).unwrap();
        let (interval, amount_mg) = (number(&row["interval_d"]), number(&row["dose_mg"]));
        let doses: Vec<Dose> = (0..)
            .map(|k| Dose::subcutaneous(f64::from(k) * interval, amount_mg))
            .take_while(|d| d.time < 196.0)
            .collect();
        let mut times = vec![0.0, 112.0];
        times.extend((0..=280).map(|i| 168.0 + f64::from(i) / 10.0));
        let out = solve(&typical, &doses, &times);
        let free: Vec<f64> = out[2..].iter().map(|c| c.ige_free).collect();
        let found = [
            ("trough_ug_ml", out[1].omalizumab_total),
            ("total_ige_ratio", out[1].ige_total / out[0].ige_total),
            ("free_ige_min", free.iter().copied().fold(f64::MAX, f64::min)),
            ("free_ige_mean", free.iter().sum::<f64>() / free.len() as f64),
            ("free_ige_max", free.iter().copied().fold(f64::MIN, f64::max)),
        ];
        for (name, found) in found {
            let value = number(&row[name]["value"]);
            assert!((found / value - 1.0).abs() < 1e-7, "{weight_kg} kg {iu} IU/mL {name} {found} {value}");
            assert!(prints(found, row[name]["printed"].as_str().unwrap()), "{name} {found}");
        }
    }
}
