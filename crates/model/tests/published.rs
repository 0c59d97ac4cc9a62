//! Published and independently computed results of the Hayashi 2007 model, to the last printed digit.
//!
//! Definitions and full-precision values are in `fixtures/reference/published.json`, written by
//! `scripts/reference/published.py`.
#![allow(clippy::unwrap_used)]

use omafit_model::{
    Course, Covariates, Dose, InitialTarget, Output, OutputRows, OutputTime, PopulationModel, published,
    units,
};
use serde_json::Value;

/// The position of total omalizumab among the outputs.
const DRUG: usize = 0;
/// The position of total IgE among the outputs.
const TOTAL_IGE: usize = 1;
/// The position of free IgE among the outputs.
const FREE_IGE: usize = 2;

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

fn solve(parameters: &[f64], doses: &[Dose], times: &[f64]) -> OutputRows {
    let before = |t: f64| doses.partition_point(|d| d.time < t);
    let times = times.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
    let course = Course::new(0.0, doses.to_vec(), times, Output::Interpolated).unwrap();
    let mut out = OutputRows::new();
    model().structure().predict(parameters, InitialTarget::SteadyState, &course, &mut out).unwrap();
    out
}

/// Whether `value` rounds to `printed` at the same number of decimals.
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
    assert!(prints(untreated[0][FREE_IGE], "426.8"));
    // The untreated steady state is stationary.
    assert!((untreated[1][FREE_IGE] / untreated[0][FREE_IGE] - 1.0).abs() < 1e-12);
    assert_eq!(untreated[1][DRUG], 0.0);
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
            let peak = |of: &dyn Fn(&[f64]) -> f64| out.iter().map(of).fold(f64::MIN, f64::max);
            let found = [
                ("cmax", peak(&|c| c[DRUG])),
                ("free_ige_minimum", -peak(&|c| -c[FREE_IGE])),
                ("total_ige_maximum", peak(&|c| c[TOTAL_IGE])),
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
        let free: Vec<f64> = out.iter().skip(2).map(|c| c[FREE_IGE]).collect();
        let found = [
            ("trough_ug_ml", out[1][DRUG]),
            ("total_ige_ratio", out[1][TOTAL_IGE] / out[0][TOTAL_IGE]),
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

fn published_model(name: &str) -> PopulationModel {
    PopulationModel::parse(published(name).unwrap()).unwrap()
}

/// Concentrations of the typical subject of a model from steady state, under doses.
fn typical_course(
    model: &PopulationModel,
    covariates: &Covariates,
    doses: &[Dose],
    times: &[f64],
) -> OutputRows {
    let before = |t: f64| doses.partition_point(|d| d.time < t);
    let times = times.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
    let course = Course::new(0.0, doses.to_vec(), times, Output::Interpolated).unwrap();
    let mut out = OutputRows::new();
    let typical = model.typical(covariates).unwrap();
    model.structure().predict(&typical, InitialTarget::SteadyState, &course, &mut out).unwrap();
    out
}

/// The sampling days of study 1101.
const DAYS_1101: [f64; 13] = [0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 28.0, 42.0, 56.0, 70.0, 84.0];

#[test]
fn brekkan_2018_has_its_baseline_dose_and_exposures() {
    let model = published_model("brekkan2018");
    let nobody = Covariates::default();
    let after =
        |dose: f64, times: &[f64]| typical_course(&model, &nobody, &[Dose::subcutaneous(0.0, dose)], times);
    let baseline = after(1.0, &[0.0])[0][FREE_IGE];
    assert!((baseline - 422.82).abs() < 0.01, "{baseline}");
    // The single dose that suppresses free IgE by 95 % on day 14.
    let (mut low, mut high) = (100.0, 500.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let suppressed = after(middle, &[14.0])[0][FREE_IGE] < 0.05 * baseline;
        if suppressed { high = middle } else { low = middle }
    }
    assert!((low - 271.73).abs() < 0.1, "{low}");
    let exposures =
        [(75.0, 0.1464, 5.704), (150.0, 0.1435, 5.549), (300.0, 0.1420, 5.420), (375.0, 0.1417, 5.387)];
    for (dose, peak, area) in exposures {
        let drug: Vec<f64> = after(dose, &DAYS_1101).iter().map(|c| c[DRUG] / dose).collect();
        let cmax = drug.iter().copied().fold(0.0, f64::max);
        let trapezoid: f64 =
            (1..13).map(|i| 0.5 * (drug[i] + drug[i - 1]) * (DAYS_1101[i] - DAYS_1101[i - 1])).sum();
        assert!((cmax / peak - 1.0).abs() < 1e-3, "{dose} mg: {cmax}");
        assert!((trapezoid / area - 1.0).abs() < 1e-3, "{dose} mg: {trapezoid}");
    }
}

#[test]
fn lowe_2009_has_its_half_lives_and_single_dose() {
    let model = published_model("lowe2009");
    let centre = Covariates::new(70.0, 365.0);
    let typical = model.typical(&centre).unwrap();
    let at = |name: &str| typical[model.position(name).unwrap()];
    let half_life = |clearance: f64, volume: f64| std::f64::consts::LN_2 * volume / clearance;
    assert!(prints(half_life(at("CLx"), at("Vx")), "31.09"));
    assert!(prints(half_life(at("CLc"), at("Vc")), "5.257"));
    assert!(prints(half_life(at("CLe"), at("Vx")), "1.680"));
    let times: Vec<f64> = (0..=6000).map(|i| f64::from(i) / 500.0).collect();
    let out = typical_course(&model, &centre, &[Dose::subcutaneous(0.0, 300.0)], &times);
    let extreme = |of: &dyn Fn(&[f64]) -> f64| {
        let best = (0..out.len()).max_by(|&i, &j| of(&out[i]).total_cmp(&of(&out[j]))).unwrap();
        (of(&out[best]).abs(), times[best])
    };
    let (cmax, tmax) = extreme(&|c| c[DRUG]);
    assert!(prints(cmax, "27.52") && prints(tmax, "6.8"), "{cmax} {tmax}");
    let (nadir, when) = extreme(&|c| -c[FREE_IGE]);
    assert!(prints(nadir, "13.0") && prints(when, "3.4"), "{nadir} {when}");
}

#[test]
fn lowe_2009_by_the_table_comes_out_to_the_last_digit() {
    let model = published_model("lowe2009");
    // Weight, IgE in IU/mL, dose, interval: week-16 trough, ratio of total IgE, free IgE over weeks 24 to 28.
    let rows = [
        ([70.0, 100.0, 150.0, 28.0], ["15.7", "5.0", "14.3", "17.6", "23.0"]),
        ([70.0, 150.0, 300.0, 28.0], ["32.8", "4.5", "10.0", "12.2", "15.8"]),
        ([60.0, 300.0, 300.0, 28.0], ["36.9", "3.6", "14.6", "17.9", "23.4"]),
        ([70.0, 300.0, 225.0, 14.0], ["58.9", "3.5", "12.4", "13.3", "14.9"]),
        ([80.0, 400.0, 300.0, 14.0], ["69.2", "3.1", "12.7", "13.7", "15.4"]),
        ([60.0, 700.0, 375.0, 14.0], ["114.6", "2.7", "12.2", "13.0", "14.6"]),
        ([100.0, 300.0, 300.0, 14.0], ["55.9", "3.3", "12.4", "13.3", "15.0"]),
    ];
    for ([weight, iu, dose, interval], expected) in rows {
        let doses: Vec<Dose> = (0..)
            .map(|k| f64::from(k) * interval)
            .take_while(|t| *t < 196.0)
            .map(|t| Dose::subcutaneous(t, dose))
            .collect();
        let mut times = vec![0.0, 112.0];
        times.extend((0..=280).map(|i| 168.0 + f64::from(i) / 10.0));
        let who = Covariates::new(weight, iu * units::NG_PER_IU);
        let out = typical_course(&model, &who, &doses, &times);
        let free: Vec<f64> = out.iter().skip(2).map(|c| c[FREE_IGE]).collect();
        let found = [
            out[1][DRUG],
            out[1][TOTAL_IGE] / out[0][TOTAL_IGE],
            free.iter().copied().fold(f64::MAX, f64::min),
            free.iter().sum::<f64>() / free.len() as f64,
            free.iter().copied().fold(f64::MIN, f64::max),
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert!(prints(*found, expected), "{weight} kg {iu} IU/mL: {found} {expected}");
        }
    }
}
