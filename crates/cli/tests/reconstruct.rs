//! Tests of `omafit reconstruct` and of the related options of `omafit fit`.
#![allow(clippy::unwrap_used)]

mod common;

use common::omafit;
use std::path::{Path, PathBuf};
use std::process::Output;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/hayashi_20.csv");

fn run(arguments: &[&str]) -> Output {
    omafit().args(arguments).output().unwrap()
}

fn fitted(folder: &Path, more: &[&str]) -> PathBuf {
    let (data, out) = (folder.join("data.csv"), folder.join("run"));
    std::fs::copy(REFERENCE, &data).unwrap();
    let paths = ["fit", data.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = run(&[&paths[..], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

fn reconstruct(run_folder: &Path, out: &Path, more: &[&str]) -> (i32, String) {
    let paths = ["reconstruct", run_folder.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let output = run(&[&paths[..], more].concat());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The cells of a CSV column, each with its ID.
fn cells(path: &Path, column: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let at = header.iter().position(|name| *name == column).unwrap();
    lines.map(|cells| (cells[0].to_owned(), cells[at].to_owned())).collect()
}

#[test]
fn courses_that_were_left_out_are_those_of_a_run_that_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let [with, without] = ["with", "without"].map(|name| folder.path().join(name));
    [&with, &without].iter().for_each(|path| std::fs::create_dir(path).unwrap());
    let (whole, bare) = (fitted(&with, &[]), fitted(&without, &["--no-trajectories"]));
    for name in ["trajectories.parquet", "typical.parquet", "figures/suppression.svg"] {
        assert!(whole.join(name).is_file() && !bare.join(name).exists(), "{name}");
    }
    for name in ["observations.csv", "correlations.csv", "figures/individuals/0001_1.svg"] {
        let both = [&whole, &bare].map(|run| std::fs::read(run.join(name)).unwrap());
        assert!(both[0] == both[1], "{name}");
    }
    for column in ["CLx", "SE_CLx", "ETA_Pe", "ofv"] {
        assert_eq!(
            cells(&whole.join("individuals.csv"), column),
            cells(&bare.join("individuals.csv"), column)
        );
    }
    let missing = cells(&bare.join("individuals.csv"), "days_to_target");
    assert!(missing.iter().all(|(_, cell)| cell.is_empty()), "{missing:?}");
    let record = std::fs::read_to_string(bare.join("run.json")).unwrap();
    assert!(record.contains("the time courses were left out"), "{record}");
    let page = std::fs::read_to_string(bare.join("report.html")).unwrap();
    assert!(page.contains("the time courses were left out") && !page.contains("The run has no trajectories"));
    let again = folder.path().join("again");
    assert_eq!(reconstruct(&bare, &again, &[]), (0, String::new()));
    let bytes = |folder: &Path| std::fs::read(folder.join("trajectories.parquet")).unwrap();
    assert!(bytes(&whole) == bytes(&again));
}

#[test]
fn on_the_runs_own_grid_it_is_the_runs_own_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let runs: [(&str, &[&str]); 3] = [
        ("map", &[]),
        ("nls", &["--method", "nls", "--estimate", "CLx,CLe,Vx,Pe"]),
        ("own", &["--sigma", "subject"]),
    ];
    for (method, more) in runs {
        let above = folder.path().join(method);
        std::fs::create_dir(&above).unwrap();
        let run_folder = fitted(&above, more);
        let again = above.join("again");
        assert_eq!(reconstruct(&run_folder, &again, &[]), (0, String::new()));
        let bytes = |folder: &Path| std::fs::read(folder.join("trajectories.parquet")).unwrap();
        assert!(bytes(&run_folder) == bytes(&again), "{method}");
        for column in ["days_to_target", "days_below_target", "ige_free_trough", "days_to_return"] {
            let of = |folder: &Path, name: &str| cells(&folder.join(name), column);
            assert_eq!(
                of(&run_folder, "individuals.csv"),
                of(&again, "suppression.csv"),
                "{method} {column}"
            );
        }
    }
}

#[test]
fn another_grid_target_and_level_are_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let run_folder = fitted(folder.path(), &[]);
    let (coarse, fine) = (folder.path().join("coarse"), folder.path().join("fine"));
    assert_eq!(reconstruct(&run_folder, &coarse, &["--every", "1w", "--target", "25"]).0, 0);
    assert_eq!(reconstruct(&run_folder, &fine, &["--every", "6h", "--level", "0.5", "--until", "400"]).0, 0);
    let numbers = |folder: &Path, column: &str| -> Vec<f64> {
        let cells = cells(&folder.join("suppression.csv"), column);
        cells.iter().map(|(_, cell)| cell.parse().unwrap_or(f64::NAN)).collect()
    };
    // Free IgE is below a lower target for fewer days.
    let below = (numbers(&coarse, "days_below_target"), numbers(&fine, "days_below_target"));
    assert!(below.0.iter().zip(&below.1).all(|(under_25, under_50)| under_25 <= under_50));
    let size = |folder: &Path| std::fs::metadata(folder.join("trajectories.parquet")).unwrap().len();
    assert!(size(&fine) > 10 * size(&coarse));
}

#[test]
fn what_is_no_run_or_has_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (code, said) = reconstruct(folder.path(), &out, &[]);
    assert!(code == 2 && said.contains("run.json"), "{said}");
    let run_folder = fitted(folder.path(), &[]);
    for (arguments, expected) in [
        (["--every", "3x"], "--every 3x: must be a time above 0, such as 1d, 6h or 0.5"),
        (["--every", "-1d"], "--every -1d: must be a time above 0"),
        (["--level", "1"], "--level 1: must be between 0 and 1"),
        (["--target", "0"], "--target 0: must be a number above 0"),
    ] {
        let joined = arguments.join("=");
        let (code, said) = reconstruct(&run_folder, &out, &[&joined]);
        assert!(code == 2 && said.contains(expected), "{said}");
    }
    let data = folder.path().join("data.csv");
    let text = std::fs::read_to_string(&data).unwrap();
    std::fs::write(&data, text + "\n").unwrap();
    let (code, said) = reconstruct(&run_folder, &out, &[]);
    assert!(code == 2 && said.contains("data.csv has changed since, or is another file"), "{said}");
    std::fs::write(run_folder.join("run.json"), "{}").unwrap();
    let (code, said) = reconstruct(&run_folder, &out, &[]);
    assert!(code == 2 && said.contains("no run of omafit that can be taken up again"), "{said}");
    assert!(!out.exists());
}

#[test]
fn censored_observations_are_used_or_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let objective = |name: &str, more: &[&str]| {
        let above = folder.path().join(name);
        std::fs::create_dir(&above).unwrap();
        let run_folder = fitted(&above, more);
        let text = std::fs::read_to_string(run_folder.join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(reconstruct(&run_folder, &above.join("again"), &[]).0, 0);
        let warnings = record["warnings"].to_string();
        (record["conditional"]["ofv"].as_f64().unwrap(), warnings)
    };
    let (all, none) = objective("all", &[]);
    let (likelihood, _) = objective("m3", &["--assay-limit"]);
    let (dropped, said) = objective("m1", &["--assay-limit", "--censored", "m1"]);
    assert!(all != likelihood && likelihood != dropped);
    assert!(said.contains("observations left out because they are censored (M1)") && !none.contains("M1"));
}

#[test]
fn a_placebo_arm_is_taken_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("placebo.csv");
    let rows = "ID,TIME,DV,AMT,DVID,WT\n1,0,420,0,2,70\n1,28,410,0,2,70\n1,28,400,0,3,70\n";
    std::fs::write(&data, rows).unwrap();
    let out = folder.path().join("run");
    let arguments = ["fit", data.to_str().unwrap(), "--out", out.to_str().unwrap()];
    assert_eq!(run(&arguments).status.code(), Some(2));
    assert!(run(&[&arguments[..], &["--allow-undosed"]].concat()).status.success());
    assert_eq!(cells(&out.join("individuals.csv"), "days_below_target")[0].1, "");
}
