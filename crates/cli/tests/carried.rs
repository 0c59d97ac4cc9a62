//! Tests of covariates that the model does not use and of subjects without observations, through a whole run.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{all_defined, column, csv, omafit, record, text};
use std::path::{Path, PathBuf};

/// A simulated trial with additional columns after its own.
fn trial(folder: &Path, further: &str, of: impl Fn(usize) -> String) -> PathBuf {
    let path = folder.join("trial.csv");
    let name = path.to_str().unwrap();
    omafit()
        .args(["simulate", "--patients", "24", "--seed", "4", "--out", name, "--quiet"])
        .assert()
        .success();
    let mut patient = (String::new(), 0);
    let mut is_header = true;
    let rows = std::fs::read_to_string(&path).unwrap();
    let rows = rows.lines().map(|line| {
        if line.starts_with('#') {
            return line.to_owned();
        }
        if std::mem::take(&mut is_header) {
            return format!("{line},{further}");
        }
        let id = line.split(',').next().unwrap();
        if id != patient.0 {
            patient = (id.to_owned(), patient.1 + 1);
        }
        format!("{line},{}", of(patient.1))
    });
    let rows: Vec<String> = rows.collect();
    std::fs::write(&path, rows.join("\n") + "\n").unwrap();
    path
}

fn fit(data: &Path, run: &Path, more: &[&str]) {
    let arguments =
        ["fit", data.to_str().unwrap(), "--out", run.to_str().unwrap(), "--quiet", "--no-trajectories"];
    omafit().args(arguments).args(more).assert().success();
}

#[test]
fn covariates_that_no_model_uses_reach_tables_figures_and_strata() {
    let folder = tempfile::tempdir().unwrap();
    let data = trial(folder.path(), "AGE,SEX", |k| {
        let age = if k == 3 { ".".to_owned() } else { (20 + k).to_string() };
        format!("{age},{}", k % 2)
    });
    let (with, without) = (folder.path().join("with"), folder.path().join("without"));
    fit(&data, &with, &["--covariates", "AGE,SEX"]);
    all_defined(&with);
    let individuals = csv(&with.join("individuals.csv"));
    let ages = column(&individuals, "AGE");
    assert!(ages[0] == 21.0 && ages[2].is_nan() && ages[23] == 44.0, "{ages:?}");
    assert_eq!(column(&individuals, "SEX")[..3], [1.0, 0.0, 1.0]);
    for figure in ["eta_age", "eta_sex", "eta_wt", "eta_ige"] {
        assert!(with.join("figures").join(format!("{figure}.svg")).is_file(), "{figure}");
    }
    let strata = |run: &Path, by: &str| {
        let run_name = run.to_str().unwrap();
        let check = ["vpc", run_name, "-n", "100", "--quiet", "--force", "--stratify", by];
        omafit().args(check).assert().success();
        let mut names = text(&csv(&run.join("vpc.csv")), "stratum");
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(strata(&with, "sex"), ["SEX 0", "SEX 1"]);
    // A covariate that the run did not read is read from its data, and subjects without a value form a stratum.
    fit(&data, &without, &[]);
    assert_eq!(strata(&without, "SEX"), ["SEX 0", "SEX 1"]);
    let by_age = strata(&without, "AGE");
    assert!(by_age.len() == 4 && by_age.contains(&"AGE unknown".to_owned()), "{by_age:?}");
    let refused = omafit()
        .args(["vpc", without.to_str().unwrap(), "-n", "100", "--quiet", "--force", "--stratify", "SMOKER"])
        .assert()
        .code(2);
    let words = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(words.contains("column SMOKER"), "{words}");
}

#[test]
fn doses_stand_beside_the_dosing_tables_in_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (trial(folder.path(), "NOTHING", |_| String::new()), folder.path().join("run"));
    fit(&data, &run, &[]);
    let page = omafit().args(["check", data.to_str().unwrap(), "--json"]).assert().success();
    let page: serde_json::Value = serde_json::from_slice(&page.get_output().stdout).unwrap();
    assert!(page["dosing"]["subjects"].as_u64().unwrap() >= 20, "{page}");
    assert_eq!(record(&run)["data"]["dosing"], page["dosing"]);
}

#[test]
fn of_whom_nothing_was_observed_the_typical_patient_is_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let data = trial(folder.path(), "KEEP", |k| if k == 5 { "N" } else { "Y" }.to_owned());
    // The observations of the fifth patient are left out.
    let rows = std::fs::read_to_string(&data).unwrap();
    let header: Vec<&str> = rows.lines().find(|l| !l.starts_with('#')).unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|n| *n == name).unwrap();
    let blank = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if line.ends_with(",N") && cells[at("EVID")] == "0" {
            cells[at("MDV")] = "1";
        }
        cells.join(",")
    };
    let rows: Vec<String> = rows.lines().map(blank).collect();
    let (some, all) = (folder.path().join("some.csv"), folder.path().join("all.csv"));
    std::fs::write(&some, rows.join("\n") + "\n").unwrap();
    let others: Vec<String> = rows.iter().filter(|line| !line.ends_with(",N")).cloned().collect();
    std::fs::write(&all, others.join("\n") + "\n").unwrap();

    let name = some.to_str().unwrap();
    let refused = omafit().args(["check", name]).assert().code(2);
    let words = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(words.contains("--allow-unobserved"), "{words}");

    for method in ["map", "foce"] {
        let (with, without) = (folder.path().join(format!("{method}_with")), folder.path().join(method));
        let taken = ["--method", method, "--allow-unobserved", "--no-report"];
        let arguments = ["fit", name, "--out", with.to_str().unwrap(), "--quiet"];
        omafit().args(arguments).args(taken).assert().success();
        fit(&all, &without, &["--method", method, "--no-report"]);
        let individuals = csv(&with.join("individuals.csv"));
        let etas: Vec<&String> = individuals[0].iter().filter(|name| name.starts_with("ETA_")).collect();
        assert!(etas.len() >= 6);
        let at = text(&individuals, "ID").iter().position(|id| id == "5").unwrap();
        for eta in etas {
            assert!(column(&individuals, eta)[at].abs() < 1e-12, "{method} {eta}");
        }
        assert_eq!(text(&individuals, "status")[at], "not_determined");
        // The time course of the subject is that of a typical patient.
        assert!(column(&individuals, "ige_free_baseline")[at] > 0.0);
        assert!(std::fs::metadata(with.join("trajectories.parquet")).unwrap().len() > 1000);
        // The other subjects and the population are estimated as if the subject did not exist.
        let (ours, theirs) = (record(&with), record(&without));
        assert_eq!(ours["likelihood"]["ofv"], theirs["likelihood"]["ofv"], "{method}");
        assert_eq!(ours["likelihood"]["bic"], theirs["likelihood"]["bic"], "{method}");
    }
}
