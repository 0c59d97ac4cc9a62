//! `omafit bootstrap` and `omafit sir`, on twelve people.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::{column, csv, omafit, repository, text};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn fitted(folder: &Path, name: &str, method: &str) -> PathBuf {
    let (data, out) = (repository().join("fixtures/real/theophylline.csv"), folder.join(name));
    omafit()
        .arg("fit")
        .arg(data)
        .args(["--model", "one_compartment_oral", "--time-unit", "hours", "--method", method])
        .args(["--no-report", "--quiet", "--out"])
        .arg(&out)
        .assert()
        .success();
    out
}

fn said(command: &[&str], run: &Path) -> (i32, String) {
    let done = omafit().args(command).arg(run).output().unwrap();
    (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn a_bootstrap_that_is_interrupted_ends_as_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, broken] = ["whole", "broken"].map(|name| fitted(folder.path(), name, "foce"));
    let few = ["bootstrap", "--replicates", "8", "--seed", "4", "--quiet"];
    let (code, _) = said(&few, &whole);
    assert!(code == 0 || code == 1);

    let mut child = Command::new(env!("CARGO_BIN_EXE_omafit"))
        .args(["bootstrap", "--replicates", "5000", "--seed", "4", "--threads", "1"])
        .arg(&broken)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let kept = broken.join("bootstrap.partial.jsonl");
    let patience = Instant::now() + Duration::from_secs(120);
    let lines = || std::fs::read_to_string(&kept).map_or(0, |text| text.lines().count());
    while lines() < 4 {
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let words = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.code() == Some(130) && words.contains("--resume goes on"), "{words}");

    let (refused, words) = said(&few, &broken);
    assert!(refused == 2 && words.contains("was interrupted before its end"), "{words}");
    let (refused, words) = said(&[&few[..], &["--resume", "--stratify", "WT"]].concat(), &broken);
    assert!(refused == 2 && words.contains("the run and options with which it began"), "{words}");
    assert_eq!(said(&[&few[..], &["--resume"]].concat(), &broken).0, code);
    assert!(!kept.exists());
    for name in ["bootstrap", "bootstrap_replicates"] {
        let bytes = |run: &Path| std::fs::read(run.join(format!("{name}.csv"))).unwrap();
        assert_eq!(bytes(&whole), bytes(&broken), "{name}");
    }
    let table = csv(&whole.join("bootstrap_replicates.csv"));
    assert_eq!(text(&table, "status").len(), 8);
    let (refused, words) = said(&few, &whole);
    assert!(refused == 2 && words.contains("--force replaces it"), "{words}");
    let good = text(&table, "status").iter().filter(|s| *s == "ok").count();
    let table = csv(&whole.join("bootstrap.csv"));
    assert!(column(&table, "n").iter().all(|n| *n == good as f64));
    common::all_defined(&whole);
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn intervals_of_theophylline_are_those_of_many_proposals_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let run = fitted(folder.path(), "run", "foce");
    let done = omafit().arg("sir").arg(&run).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && words.contains("χ² of 7 numbers"), "{words}");
    assert!(words.contains("Monte-Carlo error up to 0.0") && !words.contains("sir: "), "{words}");
    let reference = json(&repository().join("fixtures/reference/sir.json"));
    let sir = csv(&run.join("sir.csv"));
    let [estimate, n, effective] = ["estimate", "n", "effective_samples"].map(|name| column(&sir, name));
    for (i, name) in text(&sir, "name").iter().enumerate() {
        // Relative to the estimate, whatever the units.
        let of = |name: &str| column(&sir, name)[i] / estimate[i];
        let known = |key: &str| {
            let number = &reference["numbers"][name];
            [0, 1].map(|k| number[key][k].as_f64().unwrap() / number["estimate"].as_f64().unwrap())
        };
        let [sd, sd_error] = known("sd");
        assert!((of("se") / sd - 1.0).abs() < 0.06 + 4.0 * sd_error / sd, "{name}: {} {sd}", of("se"));
        for (end, key) in [("ci_low", "low"), ("ci_high", "high")] {
            let ([expected, error], found) = (known(key), of(end));
            let said = of(&format!("{end}_mcse"));
            assert!(said < 0.1 * sd, "{name} {end}: {said} {sd}");
            assert!(
                (found - expected).abs() < 4.0 * said.hypot(error),
                "{name} {end}: {found} {expected} {said}"
            );
        }
        assert!(n[i] == 7000.0 && effective[i] > 3500.0, "{name}: {}", effective[i]);
    }
    let record = json(&run.join("sir.json"));
    assert!(record["least_dofv"].as_f64().unwrap() > -0.01, "{record}");
    let whole = &record["whole"];
    assert!(whole["pareto_k"].as_f64().unwrap() < 0.7, "{record}");
    assert!((whole["mean_dofv"].as_f64().unwrap() - reference["mean_dofv"].as_f64().unwrap()).abs() < 0.3);
    assert_eq!(record["rounds"][4]["resamples"], 1000);
    let samples = csv(&run.join("sir_samples.csv"));
    assert_eq!(column(&samples, "kept").iter().sum::<f64>(), 1000.0);
    common::all_defined(&run);
}

#[test]
fn few_samples_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let run = fitted(folder.path(), "run", "foce");
    let done =
        omafit().arg("sir").arg(&run).args(["--samples", "60,80", "--resamples", "30,40"]).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(
        done.status.success() && words.contains("independent ones: ends of intervals are uncertain"),
        "{words}"
    );
    let warnings = &json(&run.join("sir.json"))["warnings"];
    assert!(warnings.to_string().contains("standard errors; sample more"), "{warnings}");
    let samples = csv(&run.join("sir_samples.csv"));
    assert_eq!(text(&samples, "round").len(), 140);
    assert_eq!(column(&samples, "kept").iter().sum::<f64>(), 40.0);
}

#[test]
fn what_cannot_be_resampled_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (map, its) = (fitted(folder.path(), "map", "map"), fitted(folder.path(), "its", "its"));
    for (command, run, expected) in [
        (&["bootstrap"][..], &map, "a run whose population was estimated"),
        (&["sir"], &map, "a run whose population was estimated"),
        (&["sir"], &its, "a run of --method foce"),
        (&["sir", "--samples", "10", "--resamples", "11"], &its, "from 1 to 10"),
        (&["sir", "--samples", "10,20", "--resamples", "5"], &its, "as many numbers as --samples"),
        (&["bootstrap", "--replicates", "1"], &its, "at least 2"),
        (&["bootstrap", "--level", "1"], &its, "between 0 and 1"),
        (&["bootstrap", "--stratify", "HAT"], &its, "a covariate of the data"),
        (&["bootstrap", "--resume"], &its, "there is none"),
    ] {
        let (code, words) = said(command, run);
        assert!(code == 2 && words.contains(expected), "{command:?}: {words}");
    }
}
