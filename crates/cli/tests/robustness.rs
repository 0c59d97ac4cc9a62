//! Tests of subjects that cannot be fitted and of outliers, and of their reports in a run.
#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, text};
use std::path::Path;

const REFERENCE: &str = include_str!("../../../fixtures/reference/hayashi_20.csv");

fn run(folder: &Path, data: &str, more: &[&str]) -> i32 {
    let file = folder.join("data.csv");
    std::fs::write(&file, data).unwrap();
    let out = folder.join("run");
    let paths = ["fit", file.to_str().unwrap(), "--out", out.to_str().unwrap(), "--force"];
    let output = omafit().args(paths).args(more).output().unwrap();
    output.status.code().unwrap()
}

fn record(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("run/run.json")).unwrap()).unwrap()
}

#[test]
fn a_run_with_failures_ends_with_one_and_writes_everything() {
    let folder = tempfile::tempdir().unwrap();
    // Eight iterations are enough for some subjects; drug before the first dose has no likelihood and no
    // parameters.
    let before_dose = "99,0,5,0,0,2,1,70,300,0\n99,0,0,300,1,1,0,70,300,1\n99,8,30,0,0,2,1,70,300,0\n";
    assert!(REFERENCE.starts_with("ID,TIME,DV,AMT,EVID,CMT,DVID,WT,IGE,MDV\n"));
    let data = format!("{REFERENCE}{before_dose}");
    assert_eq!(run(folder.path(), &data, &["--max-iterations", "8"]), 1);
    let run_folder = folder.path().join("run");
    let individuals = csv(&run_folder.join("individuals.csv"));
    let (status, reason) = (text(&individuals, "status"), text(&individuals, "reason"));
    let (pe, ofv) = (column(&individuals, "Pe"), column(&individuals, "ofv"));
    assert_eq!(status.len(), 21);
    let mut cut_short = 0;
    for i in 0..20 {
        if status[i] == "failed" {
            cut_short += 1;
            assert!(
                reason[i].starts_with("reached the limit on iterations; last state: objective "),
                "{}",
                reason[i]
            );
            assert!(pe[i].is_finite() && ofv[i].is_finite());
        }
    }
    assert!((1..20).contains(&cut_short), "{cut_short}");
    assert_eq!(status[20], "failed");
    assert!(reason[20].contains("has no likelihood") && !reason[20].contains("last state"), "{}", reason[20]);
    assert!(pe[20].is_nan());
    for file in [
        "observations.csv",
        "correlations.csv",
        "trajectories.parquet",
        "model.toml",
        "figures/observed_fitted.svg",
    ] {
        assert!(run_folder.join(file).is_file(), "{file}");
    }
    let record = record(folder.path());
    assert_eq!(record["counts"]["failed"], cut_short + 1);
    assert_eq!(record["warnings"].as_array().unwrap().len(), cut_short + 1);
}

#[test]
fn a_robust_run_is_recorded_and_taken_up_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), REFERENCE, &[]), 0);
    assert_eq!(record(folder.path())["options"]["residuals"], "normal");
    let normal = column(&csv(&folder.path().join("run/individuals.csv")), "minus2ll");
    assert_eq!(run(folder.path(), REFERENCE, &["--robust", "student-t=5"]), 0);
    assert_eq!(record(folder.path())["options"]["residuals"]["student_t"]["df"], 5.0);
    let robust = column(&csv(&folder.path().join("run/individuals.csv")), "minus2ll");
    assert!(normal.iter().zip(&robust).all(|(a, b)| a != b && (a - b).abs() < 20.0));
    let again = folder.path().join("again");
    let (of, out) = (folder.path().join("run"), again.to_str().unwrap());
    let output = omafit().args(["reconstruct", of.to_str().unwrap(), "--out", out]).output().unwrap();
    assert!(output.status.success());
    let bytes = |folder: &Path| std::fs::read(folder.join("trajectories.parquet")).unwrap();
    assert!(bytes(&of) == bytes(&again));
    // The distribution belongs to the model of the run: a population is estimated with it, and simulated from
    // it.
    let model = std::fs::read_to_string(of.join("model.toml")).unwrap();
    assert_eq!(model.matches("student_t = 5.0").count(), 3, "{model}");
    assert_eq!(run(folder.path(), REFERENCE, &["--robust", "student-t=5", "--method", "its"]), 2);
    for bad in ["student", "student-t=0.5", "student-t=101", "student-t=x", "huber"] {
        let output = omafit().args(["fit", "x.csv", "--out", "y", "--robust", bad]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains(&format!("--robust {bad}: must be `student-t`, or `student-t=ν`")), "{said}");
    }
}
