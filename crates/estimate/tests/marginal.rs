//! Population −2 log-likelihoods compared with quadrature, another program's sampling, and a closed form.

#![allow(clippy::unwrap_used)]

use omafit_estimate::{LikelihoodMethod, LikelihoodOptions, Marginal, SubjectStream, marginal_likelihood};
use omafit_model::{
    Analyte, Censoring, Covariates, Dose, Observation, PopulationModel, ResidualEntry, Subject,
    VariabilityEntry, published,
};

fn model(name: &str) -> PopulationModel {
    PopulationModel::parse(published(name).unwrap()).unwrap()
}

fn observation(time: f64, analyte: Analyte, value: f64, doses_before: usize) -> Observation {
    Observation { value, ..Observation::planned(time, analyte, doses_before) }
}

fn computed(
    model: &PopulationModel,
    subjects: &[Subject],
    method: LikelihoodMethod,
    samples: u32,
) -> Marginal {
    marginal_likelihood(model, subjects, LikelihoodOptions { method, samples, seed: 5 }).unwrap()
}

fn file(name: &str) -> String {
    let path = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn reference() -> serde_json::Value {
    serde_json::from_str(&file("reference/marginal.json")).unwrap()
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The rows of a data set by subject, each row with its cells by column name.
fn rows(text: &str) -> Vec<Vec<std::collections::BTreeMap<String, f64>>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut subjects: Vec<Vec<std::collections::BTreeMap<String, f64>>> = Vec::new();
    for line in lines {
        let cells = line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN));
        let row: std::collections::BTreeMap<String, f64> =
            names.iter().map(ToString::to_string).zip(cells).collect();
        match subjects.last_mut().filter(|rows| rows[0]["ID"] == row["ID"]) {
            Some(rows) => rows.push(row),
            None => subjects.push(vec![row]),
        }
    }
    subjects
}

fn theophylline() -> Vec<Subject> {
    let subject = |rows: &Vec<std::collections::BTreeMap<String, f64>>| {
        let is_dose = |row: &&std::collections::BTreeMap<String, f64>| row["EVID"] == 1.0;
        let dose = rows.iter().find(is_dose).unwrap();
        let seen = rows.iter().filter(|row| !is_dose(row));
        Subject {
            id: rows[0]["ID"].to_string(),
            covariates: Covariates::new(dose["WT"], f64::NAN),
            start: 0.0,
            doses: vec![Dose::subcutaneous(0.0, dose["AMT"])],
            observations: seen
                .map(|row| {
                    let time = row["TIME"] / 24.0;
                    observation(time, Analyte::OMALIZUMAB_TOTAL, row["DV"], 1)
                })
                .collect(),
        }
    };
    rows(&file("real/theophylline.csv")).iter().map(subject).collect()
}

/// The population and data of one of the script's cases.
fn case(name: &str, reference: &serde_json::Value) -> (PopulationModel, Vec<Subject>) {
    let (mut model, mut subjects) = (model("one_compartment_oral"), theophylline());
    match name {
        "proportional" => {
            let mut file = model.file().clone();
            let proportional_sd = reference["proportional_sd"].as_f64();
            let entry = ResidualEntry { proportional_sd, ..ResidualEntry::default() };
            file.residual.insert(Analyte::OMALIZUMAB_TOTAL, entry);
            model = PopulationModel::new(file).unwrap();
            for subject in &mut subjects {
                subject.observations.retain(|o| o.time > 0.0);
            }
        }
        "censored" => {
            let limit = reference["lloq"].as_f64().unwrap();
            for o in subjects.iter_mut().flat_map(|s| &mut s.observations).filter(|o| o.value < limit) {
                (o.value, o.censoring) = (limit, Censoring::Below);
            }
        }
        _ => {}
    }
    (model, subjects)
}

#[test]
fn theophylline_agrees_with_quadrature_and_both_approximations_with_scipys() {
    let reference = &reference()["theophylline"];
    for (name, expected) in reference["cases"].as_object().unwrap() {
        let (model, subjects) = case(name, reference);
        for (key, method) in [("linear", LikelihoodMethod::Linear), ("laplace", LikelihoodMethod::Laplace)] {
            let found = computed(&model, &subjects, method, 2);
            for (part, expected) in found.subjects.iter().zip(numbers(&expected[key])) {
                assert!((part.ofv - expected).abs() < 1e-5, "{name} {key}: {} {expected}", part.ofv);
            }
        }
        let found = computed(&model, &subjects, LikelihoodMethod::Is, 4000);
        let exact = numbers(&expected["exact"]);
        assert!(found.se < 0.1, "{name}: {}", found.se);
        assert!((found.ofv - exact.iter().sum::<f64>()).abs() < 3.0 * found.se, "{name}: {}", found.ofv);
        let off =
            found.subjects.iter().zip(&exact).map(|(part, exact)| ((part.ofv - exact) / part.se).powi(2));
        // χ² with 12 degrees of freedom: above 32.9 with probability 0.001.
        assert!(off.sum::<f64>() < 32.9, "{name}");
    }
}

#[test]
fn seven_parameters_agree_with_sampling_by_another_program() {
    let reference = &reference()["hayashi_20"];
    let subject = |rows: &Vec<std::collections::BTreeMap<String, f64>>| {
        let mut doses = Vec::new();
        let mut observations = Vec::new();
        for row in rows {
            if row["EVID"] == 1.0 {
                doses.push(Dose::subcutaneous(row["TIME"], row["AMT"]));
            } else {
                let analyte = omafit_model::analytes()[row["DVID"] as usize - 1];
                observations.push(observation(row["TIME"], analyte, row["DV"], doses.len()));
            }
        }
        let covariates = Covariates::new(rows[0]["WT"], rows[0]["IGE"]);
        Subject { id: rows[0]["ID"].to_string(), covariates, start: 0.0, doses, observations }
    };
    let subjects: Vec<Subject> = rows(&file("reference/hayashi_20.csv")).iter().map(subject).collect();
    let found = computed(&model("hayashi2007"), &subjects, LikelihoodMethod::Is, 600);
    let (expected, errors) = (numbers(&reference["ofv"]), numbers(&reference["se"]));
    let error = errors.iter().map(|e| e * e).sum::<f64>().sqrt().hypot(found.se);
    assert!(error < 0.3, "{error}");
    assert!((found.ofv - expected.iter().sum::<f64>()).abs() < 3.0 * error, "{} {error}", found.ofv);
    for (part, (expected, error)) in found.subjects.iter().zip(expected.iter().zip(&errors)) {
        assert!((part.ofv - expected).abs() < 4.0 * part.se.hypot(*error), "{} {expected}", part.ofv);
    }
}

/// Test with an intravenous dose observed at once: ln f = ln dose/Vc − η, so that the logarithms of the observations
/// are normal with the covariance ω²·11ᵀ + σ²·I.
#[test]
fn a_linear_model_has_its_closed_form_by_every_method() {
    let mut file = model("michaelis_menten_2cmt").file().clone();
    // No target binding.
    file.parameters.get_mut("Rb").unwrap().typical = 1e-12;
    let entry = VariabilityEntry { variance: Some(0.04), ..VariabilityEntry::default() };
    file.variability.insert("Vc".into(), entry);
    let entry = ResidualEntry { log_sd: Some(0.3), ..ResidualEntry::default() };
    file.residual.insert(Analyte::OMALIZUMAB_TOTAL, entry);
    let model = PopulationModel::new(file).unwrap();
    let omega2 = model.omega()[0];
    let (mut subjects, mut ofv, mut minus2ll) = (Vec::new(), 0.0, 0.0);
    for k in 1..=4_u64 {
        let mut stream = SubjectStream::new(9, k);
        let middle = (320.0_f64 / 0.68).ln() - omega2.sqrt() * stream.normal();
        let logs: Vec<f64> = (0..k).map(|_| middle + 0.3 * stream.normal()).collect();
        let n = k as f64;
        let away: Vec<f64> = logs.iter().map(|y| y - (320.0_f64 / 0.68).ln()).collect();
        let (sum, squares) = (away.iter().sum::<f64>(), away.iter().map(|a| a * a).sum::<f64>());
        let (sigma2, total) = (0.09_f64, 0.09 + n * omega2);
        let form = (squares - omega2 * sum * sum / total) / sigma2;
        let part = form + (n - 1.0) * sigma2.ln() + total.ln();
        ofv += part;
        minus2ll += part + n * (2.0 * std::f64::consts::PI).ln() + 2.0 * logs.iter().sum::<f64>();
        subjects.push(Subject {
            id: k.to_string(),
            covariates: Covariates::new(70.0, f64::NAN),
            start: 0.0,
            doses: vec![Dose::intravenous(0.0, 320.0, 0.0)],
            observations: logs
                .iter()
                .map(|y| observation(0.0, Analyte::OMALIZUMAB_TOTAL, y.exp(), 1))
                .collect(),
        });
    }
    for method in [LikelihoodMethod::Linear, LikelihoodMethod::Laplace] {
        let found = computed(&model, &subjects, method, 2);
        assert!((found.ofv - ofv).abs() < 1e-9, "{method:?}: {} {ofv}", found.ofv);
        assert!((found.minus2ll - minus2ll).abs() < 1e-9, "{method:?}: {}", found.minus2ll);
        assert_eq!(found.se, 0.0);
    }
    let found = computed(&model, &subjects, LikelihoodMethod::Is, 10_000);
    assert!((found.ofv - ofv).abs() < 3.0 * found.se && found.se < 0.02, "{} {ofv} {}", found.ofv, found.se);
    // The error between seeds agrees with the reported standard error.
    let again: Vec<f64> = (0..40)
        .map(|seed| {
            let options = LikelihoodOptions { method: LikelihoodMethod::Is, samples: 1000, seed };
            let found = marginal_likelihood(&model, &subjects, options).unwrap();
            (found.ofv - ofv) / found.se
        })
        .collect();
    let spread = again.iter().map(|z| z * z).sum::<f64>() / 40.0;
    assert!((0.5..1.7).contains(&spread), "{spread}");
}
