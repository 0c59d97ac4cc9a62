//! Tests of the simulated reference data set, fitted by MAP with the published population, against an
//! independent program.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, repository, text};
use std::path::{Path, PathBuf};

fn fit(data: &Path, out: &Path, more: &[&str]) {
    let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
    omafit().args(["fit", data, "--out", out]).args(more).assert().success();
}

#[test]
fn empirical_bayes_estimates_and_objectives_agree() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let fixtures = repository().join("fixtures/reference");
    fit(&fixtures.join("hayashi_20.csv"), &out, &[]);
    let (table, reference) = (csv(&out.join("individuals.csv")), csv(&fixtures.join("hayashi_20.ebe.csv")));
    let (ofv, expected) = (column(&table, "ofv"), column(&reference, "OFV"));
    assert_eq!(ofv.len(), 20);
    assert!((ofv.iter().sum::<f64>() + 1840.4136).abs() < 1e-3);
    for (found, expected) in ofv.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    let variances = [0.14773, 0.04042, 0.11488, 0.01679, 0.06062, 0.06205, 0.05197];
    for (name, variance) in ["ka", "CLx", "dCLc", "Vx", "Vc", "CLe", "Pe"].into_iter().zip(variances) {
        let found = column(&table, &format!("ETA_{name}"));
        let expected = column(&reference, &format!("ETA_{}", name.to_lowercase()));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 2e-5, "{name}: {found} {expected}");
        }
        let of = |column_name: &str| column(&table, column_name);
        let (estimate, se) = (of(name), of(&format!("SE_{name}")));
        let shrink = of(&format!("EBV_SHRINK_PCT_{name}"));
        for i in 0..20 {
            // Remaining fraction of the population variance of the log parameter, given the data.
            let left = (se[i] / estimate[i]).powi(2) / variance;
            assert!((shrink[i] - 100.0 * left).abs() < 1e-7 && shrink[i] > 0.0, "{name}: {}", shrink[i]);
        }
        let (low, high) = (of(&format!("CI_LOW_{name}")), of(&format!("CI_HIGH_{name}")));
        for i in 0..20 {
            let factor = (1.959964 * se[i] / estimate[i]).exp();
            assert!(
                (high[i] / estimate[i] / factor - 1.0).abs() < 1e-6,
                "{name}: {} {}",
                high[i],
                estimate[i]
            );
            assert!((low[i] / estimate[i] * factor - 1.0).abs() < 1e-6, "{name}: {} {}", low[i], estimate[i]);
        }
    }
}

/// Path of a hayashi2007 model with the coefficients of variation of the paper in place of the variances.
fn printed_model(folder: &Path) -> PathBuf {
    let shipped =
        String::from_utf8(omafit().args(["model", "show", "hayashi2007"]).output().unwrap().stdout).unwrap();
    let printed = [39.9, 20.3, 34.9, 25.3, 13.0, 25.0, 23.1];
    let mut model = String::new();
    let mut next = printed.iter();
    for line in shipped.lines() {
        match line.split_once(" = { variance") {
            Some((name, _)) => model += &format!("{name} = {{ cv_pct = {} }}\n", next.next().unwrap()),
            None => model += &format!("{line}\n"),
        }
    }
    assert!(next.next().is_none());
    let file = folder.join("printed.toml");
    std::fs::write(&file, model).unwrap();
    file
}

/// Comparison of η and the subject's own σ, estimated together, with scipy (`scripts/reference/sigma.py`).
#[test]
fn a_patients_own_residual_errors_agree_with_scipy_and_are_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (printed_model(folder.path()), folder.path().join("run"));
    let fixtures = repository().join("fixtures/reference");
    fit(&fixtures.join("hayashi_20.csv"), &out, &["--model", file.to_str().unwrap(), "--sigma", "subject"]);
    let table = csv(&out.join("individuals.csv"));
    let json = std::fs::read_to_string(fixtures.join("sigma.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&json).unwrap();
    let patient = &reference["patient"];
    let agrees = |name: &str, expected: &serde_json::Value| {
        let (found, expected) = (column(&table, name)[0], expected.as_f64().unwrap());
        assert!((found - expected).abs() < 2e-6, "{name}: {found} {expected}");
    };
    for (j, name) in ["ka", "CLx", "dCLc", "Vx", "Vc", "CLe", "Pe"].into_iter().enumerate() {
        agrees(&format!("ETA_{name}"), &patient["eta"][j]);
    }
    for (j, name) in ["omalizumab_total", "ige_total", "ige_free"].into_iter().enumerate() {
        agrees(&format!("SIGMA_{name}"), &patient["sigmas"][j]);
    }
    let again = folder.path().join("again");
    omafit()
        .args(["reconstruct", out.to_str().unwrap(), "--out", again.to_str().unwrap()])
        .assert()
        .success();
    let bytes = |folder: &Path| std::fs::read(folder.join("trajectories.parquet")).unwrap();
    assert!(bytes(&out) == bytes(&again));
}

#[test]
fn pooled_residual_errors_are_the_runs_model() {
    let folder = tempfile::tempdir().unwrap();
    let (out, second) = (folder.path().join("run"), folder.path().join("second"));
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    fit(&data, &out, &["--sigma", "pooled"]);
    let record = |out: &Path| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(out.join("run.json")).unwrap()).unwrap()
    };
    let errors = &record(&out)["residual_errors"];
    assert_eq!((errors["sigma"].as_str(), errors["settled"].as_bool()), (Some("pooled"), Some(true)));
    assert_eq!(errors["from_subjects"], 20);
    for (name, truth) in [("omalizumab_total", 0.167), ("ige_total", 0.211), ("ige_free", 0.218)] {
        let found = errors["by_analyte"][name]["log_sd"].as_f64().unwrap();
        // The data were simulated with the published errors, with 290 values of each analyte.
        assert!((found / truth).ln().abs() < 0.15, "{name} {found}");
    }
    // With the model of the run, the residuals do not suggest other errors.
    let model = out.join("model.toml");
    fit(&data, &second, &["--sigma", "pooled", "--model", model.to_str().unwrap()]);
    let again = &record(&second)["residual_errors"];
    assert_eq!(again["rounds"], 1);
}

/// Comparison of objectives with scipy at 1e-12 (`scripts/reference/fits.py`), for the coefficients of
/// variation of the paper.
#[test]
fn objectives_agree_with_scipy_at_the_printed_coefficients_of_variation() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (printed_model(folder.path()), folder.path().join("run"));
    let fixtures = repository().join("fixtures/reference");
    fit(&fixtures.join("hayashi_20.csv"), &out, &["--model", file.to_str().unwrap()]);
    let table = csv(&out.join("individuals.csv"));
    let fits: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(fixtures.join("fits.json")).unwrap()).unwrap();
    let patients = fits["patients"]["subjects"].as_array().or_else(|| fits["patients"].as_array()).unwrap();
    assert_eq!(patients.len(), 20);
    for (i, patient) in patients.iter().enumerate() {
        let found = column(&table, "ofv")[i];
        let expected = patient["ofv"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        for (j, name) in ["ka", "CLx", "dCLc", "Vx", "Vc", "CLe", "Pe"].into_iter().enumerate() {
            let (found, expected) =
                (column(&table, &format!("ETA_{name}"))[i], patient["eta"][j].as_f64().unwrap());
            assert!((found - expected).abs() < 1e-5, "{name}: {found} {expected}");
        }
    }
}

#[test]
fn each_subject_alone_gives_the_population_by_two_stages() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    fit(&data, &out, &["--method", "nls", "--estimate", "CLx,CLe,Vx,Pe"]);
    let (table, individuals) = (csv(&out.join("two_stage.csv")), csv(&out.join("individuals.csv")));
    assert_eq!(text(&table, "parameter"), ["CLx", "CLe", "Vx", "Pe"]);
    let (naive, global) = (column(&table, "omega_sd_naive"), column(&table, "omega_sd_global"));
    for (i, name) in ["CLx", "CLe", "Vx", "Pe"].into_iter().enumerate() {
        let eta = column(&individuals, &format!("ETA_{name}"));
        let mean = eta.iter().sum::<f64>() / 20.0;
        let sd = (eta.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / 19.0).sqrt();
        assert!((naive[i] - sd).abs() < 1e-12 && global[i] < naive[i], "{name} {} {}", naive[i], global[i]);
        assert_eq!((column(&table, "n_naive")[i], column(&table, "n_global")[i]), (20.0, 20.0));
        assert!((column(&table, "eta_mean_naive")[i] - mean).abs() < 1e-12);
    }
    let omega = csv(&out.join("two_stage_omega.csv"));
    assert_eq!(omega.len(), 11);
    assert!((column(&omega, "covariance_global")[0] - global[0] * global[0]).abs() < 1e-15);
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(
        (&record["two_stage"]["complete"], &record["two_stage"]["settled"]),
        (&20.into(), &true.into())
    );
    // A run with the population as prior has no two-stage population.
    let map = folder.path().join("map");
    fit(&data, &map, &[]);
    assert!(!map.join("two_stage.csv").exists());
    assert!(text(&csv(&map.join("individuals.csv")), "EBV_SHRINK_PCT_ka").len() == 20);
    assert!(!individuals[0].contains(&"EBV_SHRINK_PCT_CLx".to_string()));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    let runs: Vec<_> = ["1", "2", "8"]
        .map(|threads| {
            let out = folder.path().join(threads);
            fit(&data, &out, &["--threads", threads]);
            out
        })
        .into();
    for file in [
        "individuals.csv",
        "observations.csv",
        "correlations.csv",
        "trajectories.parquet",
        "figures/observed_fitted.svg",
    ] {
        let first = std::fs::read(runs[0].join(file)).unwrap();
        assert!(!first.is_empty());
        for run in &runs[1..] {
            assert!(first == std::fs::read(run.join(file)).unwrap(), "{file}");
        }
    }
}
