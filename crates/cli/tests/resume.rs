//! Tests that an interrupted and resumed run gives the same results as an uninterrupted one.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::omafit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A simulated trial with short time courses.
fn data(folder: &Path, patients: &str) -> PathBuf {
    let path = folder.join("data.parquet");
    let design = ["--patients", patients, "--weeks", "4", "--follow-up", "4", "--visits", "0,14,28,56"];
    let run = omafit().arg("simulate").args(design).arg("--out").arg(&path).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    path
}

fn fit(data: &Path, out: &Path, more: &[&str]) -> (i32, String) {
    let run = omafit().arg("fit").arg(data).arg("--out").arg(out).args(more).output().unwrap();
    (run.status.code().unwrap(), String::from_utf8(run.stderr).unwrap())
}

/// Starts a fit, interrupts it as soon as a file exists, and returns its standard error.
fn interrupted(data: &Path, out: &Path, more: &[&str], once: impl Fn(u32) -> PathBuf) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_omafit"))
        .arg("fit")
        .args([data, Path::new("--out"), out])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let file = once(child.id());
    let patience = Instant::now() + Duration::from_secs(120);
    while !file.exists() {
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    said
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    // Three times the number of subjects fitted at a time.
    let data = data(folder.path(), "1500");
    let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
    assert_eq!(fit(&data, &whole, &["--quiet"]), (0, String::new()));

    // The figures are of the first block of subjects, whose tables are written by then.
    let said = interrupted(&data, &out, &[], |id| {
        folder.path().join(format!(".out.partial-{id}")).join("figures/suppression.svg")
    });
    assert!(said.contains("of 1500 subjects; the same command with --resume goes on"), "{said}");
    assert!(!out.exists() && folder.path().join(".out.interrupted").is_dir());

    let (code, said) = fit(&data, &out, &[]);
    assert!(code == 2 && said.contains("--resume goes on with it, --force begins anew"), "{said}");
    let (code, said) = fit(&data, &out, &["--resume", "--target", "40"]);
    assert!(code == 2 && said.contains("the data, model and options with which it began"), "{said}");
    assert_eq!(fit(&data, &out, &["--resume", "--quiet", "--threads", "1"]), (0, String::new()));
    for name in
        ["individuals", "observations", "correlations", "trajectories", "typical", "diagnostics", "shrinkage"]
    {
        for ending in ["csv", "parquet"] {
            let bytes = |run: &Path| std::fs::read(run.join(format!("{name}.{ending}"))).ok();
            assert!(bytes(&whole) == bytes(&out), "{name}.{ending}");
        }
    }
    let names = |run: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(run).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&whole), names(&out));
    let record = |run: &Path| -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(run.join("run.json")).unwrap()).unwrap()
    };
    let (whole, out) = (record(&whole), record(&out));
    for key in ["conditional", "counts", "goodness_of_fit"] {
        assert!(whole[key].is_object() && whole[key] == out[key], "{key}");
    }
    assert!(out["warnings"].to_string().contains("interrupted and resumed"));
    assert!(
        out["warnings"]
            .to_string()
            .contains("figures and tests of residuals are of the first 500 of 1500 subjects")
    );
}

#[test]
fn there_is_nothing_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    let data = common::repository().join("fixtures/reference/hayashi_20.csv");
    let out = folder.path().join("out");
    let (code, said) = fit(&data, &out, &["--resume"]);
    assert!(code == 2 && said.contains("the folder of a run that was interrupted"), "{said}");
    assert!(!out.exists());
}

#[test]
fn an_interrupted_population_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), "60");
    let [whole, out, left] = ["whole", "out", ".out.interrupted"].map(|name| folder.path().join(name));
    let how = ["--method", "foce", "--no-report"];
    let fitted = fit(&data, &whole, &[&how[..], &["--quiet"]].concat());
    let said = interrupted(&data, &out, &how, |_| left.join("population.json"));
    assert!(said.contains("of the population; what it had reached is in"), "{said}");
    assert!(said.contains("the same command with --resume goes on") && !out.exists(), "{said}");
    for partial in ["parameters.csv", "convergence.csv"] {
        assert!(std::fs::read_to_string(left.join(partial)).unwrap().lines().count() > 1, "{partial}");
    }
    let resume = |more: &[&str]| fit(&data, &out, &[&how[..], &["--resume", "--quiet"], more].concat());
    let (code, said) = resume(&["--population-iterations", "7"]);
    assert!(code == 2 && said.contains("the data, model and options with which it began"), "{said}");
    // A damaged checkpoint is reported, and is kept.
    let kept = std::fs::read(left.join("population.json")).unwrap();
    std::fs::write(left.join("population.json"), &kept[..kept.len() / 2]).unwrap();
    let (code, said) = resume(&[]);
    assert!(code == 2 && said.contains("population.json: this is no run of omafit"), "{said}");
    std::fs::write(left.join("population.json"), &kept).unwrap();
    assert_eq!(resume(&["--threads", "1"]), fitted);
    for name in ["parameters", "convergence", "individuals", "influence"] {
        let bytes = |run: &Path| std::fs::read(run.join(format!("{name}.csv"))).ok();
        assert!(bytes(&whole).is_some() && bytes(&whole) == bytes(&out), "{name}");
    }
    assert!(!left.exists());
}
