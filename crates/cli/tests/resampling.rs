//! Tests of `omafit bootstrap` and `omafit sir` on twelve people.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::{all_defined, column, csv, omafit, repository, text};
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

/// A run of 30 people, one of whom has category SEX 1.
fn rare(folder: &Path, more: &[&str]) -> PathBuf {
    let (cases, out) = (repository().join("fixtures/cases"), folder.join("rare"));
    omafit()
        .arg("fit")
        .arg(cases.join("95_rare_category.csv"))
        .arg("--model")
        .arg(cases.join("95_rare_category.toml"))
        .args(["--method", "foce", "--no-report", "--quiet"])
        .args(more)
        .arg("--out")
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
    let (replicates, before) =
        (std::fs::read(&kept).unwrap(), std::fs::read(broken.join("uncertainty.csv")).unwrap());
    assert_eq!(said(&[&few[..], &["--resume"]].concat(), &broken).0, code);
    assert!(!kept.exists());
    // The state of a bootstrap that was killed after its own tables were written.
    std::fs::write(&kept, replicates).unwrap();
    std::fs::write(broken.join("uncertainty.csv"), before).unwrap();
    assert_eq!(said(&[&few[..], &["--resume"]].concat(), &broken).0, code);
    assert!(!kept.exists());
    for name in ["bootstrap", "bootstrap_replicates", "uncertainty"] {
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
    all_defined(&whole);
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
    assert!(words.contains("Monte-Carlo error up to 0.1") && !words.contains("sir: "), "{words}");
    let reference = json(&repository().join("fixtures/reference/sir.json"));
    let sir = csv(&run.join("sir.csv"));
    let [estimate, n, effective] = ["estimate", "n", "effective_samples"].map(|name| column(&sir, name));
    for (i, name) in text(&sir, "name").iter().enumerate() {
        // The tolerance is relative to the estimate, whatever the units.
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
            assert!(said < 0.15 * sd, "{name} {end}: {said} {sd}");
            assert!(
                (found - expected).abs() < 4.0 * said.hypot(error),
                "{name} {end}: {found} {expected} {said}"
            );
        }
        // A sample without an objective has no weight and is not counted.
        assert!((6990.0..=7000.0).contains(&n[i]) && effective[i] > 3500.0, "{name}: {}", effective[i]);
    }
    let record = json(&run.join("sir.json"));
    assert!(record["least_dofv"].as_f64().unwrap() > -0.01, "{record}");
    let whole = &record["whole"];
    assert!(whole["pareto_k"].as_f64().unwrap() < 0.7, "{record}");
    assert!((whole["mean_dofv"].as_f64().unwrap() - reference["mean_dofv"].as_f64().unwrap()).abs() < 0.3);
    assert_eq!(record["rounds"][4]["resamples"], 1000);
    let samples = csv(&run.join("sir_samples.csv"));
    assert_eq!(column(&samples, "kept").iter().sum::<f64>(), 1000.0);
    all_defined(&run);
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
        (&["bootstrap", "--stratify", "HAT"], &its, "a covariate that can be read of the data"),
        (&["bootstrap", "--resume"], &its, "there is none"),
    ] {
        let (code, words) = said(command, run);
        assert!(code == 2 && words.contains(expected), "{command:?}: {words}");
    }
}

#[test]
fn a_replicate_without_carriers_is_left_out_of_their_coefficient_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let run = rare(folder.path(), &[]);
    let done = omafit().args(["bootstrap", "-n", "12"]).arg(&run).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{words}");
    let number = "CL_SEX=1";
    let own = |table: &[Vec<String>], of: &str| {
        let row = text(table, "name").iter().position(|name| name == number).unwrap();
        column(table, of)[row]
    };
    let (table, replicates) = (csv(&run.join("bootstrap.csv")), csv(&run.join("bootstrap_replicates.csv")));
    let values = column(&replicates, number);
    let without = values.iter().filter(|value| value.is_nan()).count();
    // An expected fraction of (29/30)³⁰ = 0.36 of the replicates is without a carrier.
    assert!(without > 0 && without < 10, "{values:?}");
    let start = column(&csv(&run.join("parameters.csv")), "estimate")[3];
    assert!((own(&table, "estimate") - start).abs() < 1e-12 && values.iter().all(|value| *value != start));
    assert_eq!(own(&table, "n_not_determined"), without as f64);
    assert_eq!(own(&table, "n"), (12 - without) as f64);
    assert!(column(&table, "n").iter().filter(|n| **n == 12.0).count() == column(&table, "n").len() - 1);
    assert!(
        words.contains(&format!("the subjects of {without} of 12 replicates do not determine {number}")),
        "{words}"
    );
    assert!(words.contains("--stratify SEX draws as many subjects of each SEX as there are"), "{words}");
    let record = json(&run.join("bootstrap.json"));
    assert_eq!(record["not_determined"][number], without);
    all_defined(&run);
    // With stratification, every replicate has as many carriers as the data and determines the parameter.
    let done =
        omafit().args(["bootstrap", "-n", "4", "--stratify", "SEX", "--force"]).arg(&run).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(!words.contains("do not determine"), "{words}");
    assert_eq!(own(&csv(&run.join("bootstrap.csv")), "n_not_determined"), 0.0);
}

#[test]
fn without_its_only_carrier_a_coefficient_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let run = rare(folder.path(), &["--influence", "exact"]);
    let influence = csv(&run.join("influence.csv"));
    let data = csv(&repository().join("fixtures/cases/95_rare_category.csv"));
    let carrier = text(&data, "ID").into_iter().zip(text(&data, "SEX")).find(|row| row.1 == "1").unwrap().0;
    for (row, id) in text(&influence, "ID").into_iter().enumerate() {
        let of = |name: &str| text(&influence, name)[row].clone();
        let is_there = !of("WITHOUT_CL_SEX=1").is_empty() && !of("SHIFT_CL_SEX=1").is_empty();
        assert_eq!(is_there, id != carrier, "{id}");
        assert_eq!(of("not_determined"), if id == carrier { "CL_SEX=1" } else { "" }, "{id}");
        assert!(of("status") == "ok" && !of("WITHOUT_CL").is_empty() && !of("distance").is_empty(), "{id}");
    }
    let warnings = json(&run.join("run.json"))["warnings"].to_string();
    assert!(
        warnings.contains(&format!("without subject {carrier} the others do not determine CL_SEX=1")),
        "{warnings}"
    );
}

#[test]
fn intervals_of_every_method_stand_in_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let run = fitted(folder.path(), "run", "foce");
    let table = || csv(&run.join("uncertainty.csv"));
    let parameters = csv(&run.join("parameters.csv"));
    let first = table();
    assert_eq!(
        first[0],
        ["name", "unit", "estimate", "asymptotic_low", "asymptotic_high", "sandwich_low", "sandwich_high"]
    );
    assert_eq!(column(&first, "asymptotic_low"), column(&parameters, "ci_low"));
    // The sandwich interval is on the log scale, like the interval from the matrix R.
    let (estimate, se) = (column(&parameters, "estimate"), column(&parameters, "se_sandwich"));
    for (i, high) in column(&first, "sandwich_high").into_iter().enumerate() {
        let expected = estimate[i] * (1.959_963_984_540_054 * se[i] / estimate[i]).exp();
        assert!((high / expected - 1.0).abs() < 1e-12, "{high} {expected}");
    }
    let (code, _) = said(&["sir", "--samples", "300", "--resamples", "100", "--quiet"], &run);
    assert_eq!(code, 0);
    let done = omafit().args(["bootstrap", "-n", "4"]).arg(&run).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    let heads =
        words.lines().skip_while(|line| !line.contains("95 % intervals by every method")).nth(1).unwrap();
    let heads: Vec<&str> = heads.split_whitespace().collect();
    assert_eq!(heads, ["estimate", "asymptotic", "sandwich", "sir", "bootstrap"], "{words}");
    let (code, words) = said(&["profile", "--parameter", "V", "--quiet"], &run);
    assert_eq!(code, 0, "{words}");
    let whole = table();
    assert_eq!(whole.iter().map(|row| row[..7].to_vec()).collect::<Vec<_>>(), first);
    for (name, ends) in [("sir", ["ci_low", "ci_high"]), ("bootstrap", ["ci_low", "ci_high"])] {
        let of = csv(&run.join(format!("{name}.csv")));
        for (end, own) in [format!("{name}_low"), format!("{name}_high")].iter().zip(ends) {
            assert_eq!(column(&whole, end), column(&of, own));
        }
    }
    assert!(column(&whole, "sir_effective_samples").iter().all(|n| *n > 50.0));
    assert!(column(&whole, "bootstrap_n").iter().all(|n| *n <= 4.0 && *n >= 2.0));
    let profile = column(&whole, "profile_low");
    assert!(
        profile[2] > 20.0 && profile.iter().filter(|low| low.is_nan()).count() == profile.len() - 1,
        "{profile:?}"
    );
    all_defined(&run);
    // Intervals of another coverage are not listed among those of 95 %.
    let again = ["bootstrap", "-n", "4", "--level", "0.9", "--force"];
    let done = omafit().args(again).arg(&run).output().unwrap();
    let words = String::from_utf8(done.stdout).unwrap();
    assert!(words.contains("bootstrap.csv has intervals of another coverage"), "{words}");
    assert!(!table()[0].contains(&"bootstrap_low".to_owned()) && table()[0].contains(&"sir_low".to_owned()));
}
