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

#[test]
fn resampling_of_theophylline_is_as_wide_as_its_covariance_or_wider() {
    let folder = tempfile::tempdir().unwrap();
    let run = fitted(folder.path(), "run", "foce");
    let rounds = ["--samples", "400,1000", "--resamples", "100,300"];
    let done = omafit().arg("sir").arg(&run).args(rounds).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && words.contains("χ² of 7 numbers"), "{words}");
    let (sir, parameters) = (csv(&run.join("sir.csv")), csv(&run.join("parameters.csv")));
    let names = text(&parameters, "name");
    let se = column(&parameters, "se");
    for ((name, found), n) in text(&sir, "name").iter().zip(column(&sir, "se")).zip(column(&sir, "n")) {
        let by_r = se[names.iter().position(|other| other == name).unwrap()];
        assert!(found > 0.6 * by_r && found < 3.0 * by_r && n == 300.0, "{name}: {found} {by_r}");
    }
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("sir.json")).unwrap()).unwrap();
    assert!(record["least_dofv"].as_f64().unwrap() > -0.01, "{record}");
    assert_eq!(text(&csv(&run.join("sir_samples.csv")), "round").len(), 1400);
    common::all_defined(&run);
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
