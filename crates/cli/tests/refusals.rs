//! Tests that refusals leave a clear message, exit code 2, and no files.

#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, repository};
use std::path::Path;

/// Runs `fit` on a data set; returns the exit code, standard error, and the number of files left in the folder.
fn fit(data: &str, more: &[&str]) -> (i32, String, usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.csv");
    std::fs::write(&file, data).unwrap();
    let out = folder.path().join("run");
    let run = omafit()
        .args(["fit", file.to_str().unwrap(), "--out", out.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8(run.stderr).unwrap();
    let left = std::fs::read_dir(folder.path()).unwrap().count() - 1;
    (run.status.code().unwrap(), said, left)
}

const HEADER: &str = "ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,WT,IGE\n";

/// A valid subject with the given ID.
fn subject(id: &str) -> String {
    let mut rows = format!("{id},0,300,0,0,0,3,2,70,300\n{id},0,0,300,1,1,1,0,70,300\n");
    for (day, drug, total, free) in [(7, 40, 1500, 12), (28, 20, 1600, 25), (56, 6, 1200, 90)] {
        rows += &format!("{id},{day},{drug},0,0,0,2,1,70,300\n{id},{day},{total},0,0,0,3,2,70,300\n");
        rows += &format!("{id},{day},{free},0,0,0,4,3,70,300\n");
    }
    rows
}

#[test]
fn every_problem_is_listed_with_its_place() {
    let data = format!(
        "{HEADER}a,0,0,300,1,1,1,0,70,300\na,7,many,0,0,0,2,1,70,300\na,8,-3,0,0,0,2,1,70,300\n\
         a,9,5,0,0,0,2,7,70,300\nb,0,5,0,0,0,2,1,,300\nb,1,5,0,0,0,2,1,,300\n"
    );
    let (code, said, left) = fit(&data, &[]);
    assert_eq!((code, left), (2, 0), "{said}");
    for place in [
        "data.csv:3, column DV, ID a: found \"many\"",
        "data.csv:4, column DV, ID a: found \"-3\"",
        "data.csv:5, column DVID, ID a: found \"7\"",
        "column WT, ID b",
    ] {
        assert!(said.contains(place), "{place}\n{said}");
    }
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let data = HEADER.to_string() + &subject("1");
    for (options, expected) in [
        (&["--estimate", "ka,kb"][..], "--estimate kb: must be `all` or parameters of the model"),
        (&["--estimate", "ka,ka"], "--estimate ka: must be"),
        (&["--every", "0"], "--every 0: must be a number above 0"),
        (&["--every=-1"], "--every -1: must be a number above 0"),
        (&["--until", "inf"], "--until inf: must be a number above 0"),
        (&["--level", "1"], "--level 1: must be between 0 and 1"),
        (&["--target", "nan"], "--target NaN: must be"),
        (&["--threads", "0"], "--threads 0: must be from 1 to 1024"),
        (&["--model", "lowe"], "no model `lowe`"),
        (&["--column", "DV"], "--column DV: must be"),
        (&["--column", "DV=A", "--column", "dv=B"], "--column dv=B: must be"),
        (&["--assume", "AGE"], "--assume AGE: must be a covariate, an equals sign, and a number"),
        (&["--assume", "AGE=old"], "--assume AGE=old: must be"),
        (&["--assume", "AGE=4", "--assume", "age=5"], "--assume age=5: must be"),
        (&["--assume-weight", "70", "--assume", "wt=70"], "--assume wt=70: must be"),
        (&["--assume", "DVID=1"], "with assume DVID: expected a name that no other column has"),
        (&["--assume-weight=-70"], "with assume WT=-70: expected a number above 0"),
        (&["--lloq", "2"], "--lloq 2: must be an analyte, an equals sign, and a number"),
        (&["--lloq", "4=2"], "--lloq 4=2: must be"),
        (&["--uloq", "ige_free=150", "--uloq", "3=150"], "--uloq 3=150: must be"),
        (&["--uloq", "3=160", "--assay-limit"], "--uloq ige_free=160: must be without --assay-limit"),
        (
            &["--lloq", "3=160", "--assay-limit"],
            "with uloq ige_free=150: expected a limit above the lower one",
        ),
        (&["--lloq", "IGE_FREE=0"], "with lloq ige_free=0: expected a number above 0"),
        (&["--time-unit", "weeks"], "invalid value 'weeks' for '--time-unit"),
        (&["--ige-unit", "mg"], "invalid value 'mg' for '--ige-unit"),
    ] {
        let (code, said, left) = fit(&data, options);
        assert_eq!((code, left), (2, 0), "{options:?} {said}");
        assert!(said.contains(expected), "{options:?} {said}");
    }
}

#[test]
fn a_check_says_what_the_arguments_made_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.csv");
    std::fs::write(&file, HEADER.to_string() + &subject("1").replace(",300\n", ",\n")).unwrap();
    let run = omafit()
        .args(["check", file.to_str().unwrap(), "--time-unit", "HOURS", "--ige-unit", "iu/ml"])
        .args(["--omalizumab-unit", "nM", "--lloq", "3=50", "--assay-limit", "--uloq", "omalizumab_total=5"])
        .args(["--assume", "AGE=41", "--assume", "ige=100"])
        .output()
        .unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(said.contains("data.csv: 1 subject, 1 dose, 10 observations\n"), "{said}");
    for line in [
        "Total omalizumab  nM       µg/mL     3         1           0  1 (33.3 %)",
        "Total IgE         IU/mL    ng/mL     4         1           0           0",
        "Free IgE          IU/mL    ng/mL     3         1  1 (33.3 %)  1 (33.3 %)",
        "times read in hours, 24 to the day",
        "omalizumab read in nM, 0.15 µg/mL each",
        "IgE read in IU/mL, 2.42 ng/mL each",
        "1 observation of omalizumab_total taken as above 5 µg/mL",
        "1 observation of ige_free taken as below 50 ng/mL",
        "1 observation of ige_free taken as above 150 ng/mL",
        "baseline IgE taken from the total IgE before the first dose for 1 of 1 subject",
        "AGE 41 assumed for 1 of 1 subject: the data lack it",
    ] {
        assert!(said.lines().any(|said| said.starts_with(line)), "no {line} in\n{said}");
    }
}

#[test]
fn further_covariates_are_in_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.csv");
    let data = HEADER.replace("IGE", "IGE,AGE") + &subject("1").replace(",300\n", ",300,33\n");
    std::fs::write(&file, data + &subject("2").replace(",300\n", ",300,\n")).unwrap();
    let out = folder.path().join("run");
    omafit()
        .args(["fit", file.to_str().unwrap(), "--assume", "age=41", "--out", out.to_str().unwrap()])
        .assert()
        .success();
    let table = common::csv(&out.join("individuals.csv"));
    assert_eq!(table[0][3..6], ["WT", "IGE", "age"]);
    assert_eq!(common::column(&table, "age"), [33.0, 41.0]);
    let table = common::csv(&out.join("observations.csv"));
    assert_eq!(table[0][3..8], ["analyte", "DV", "CENS", "LIMIT", "PRED"]);
    assert!(common::text(&table, "CENS").iter().all(|cell| cell == "0"));
    assert!(common::text(&table, "LIMIT").iter().all(String::is_empty));
}

#[test]
fn a_run_is_replaced_only_when_told_and_nothing_else_ever_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = repository().join("fixtures/real/meno_tetang_lowe_2005.csv");
    let out = folder.path().join("run");
    let run = |out: &Path, force: bool| {
        let mut command = omafit();
        command.args(["fit", data.to_str().unwrap(), "--assume-weight", "70", "--quiet"]);
        command.args(["--out", out.to_str().unwrap()]);
        if force {
            command.arg("--force");
        }
        command.output().unwrap().status.code().unwrap()
    };
    assert_eq!(run(&out, false), 0);
    let first = std::fs::read(out.join("individuals.csv")).unwrap();
    assert_eq!(run(&out, false), 2);
    assert_eq!(run(&out, true), 0);
    assert_eq!(first, std::fs::read(out.join("individuals.csv")).unwrap());
    let precious = folder.path().join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("thesis.txt"), "years").unwrap();
    assert_eq!(run(&precious, true), 2);
    assert_eq!(std::fs::read_to_string(precious.join("thesis.txt")).unwrap(), "years");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn one_bad_subject_does_not_stop_the_others() {
    // The second subject has drug before the first dose: the model predicts zero, whose logarithm does not
    // exist.
    let odd = subject("odd").replacen("odd,0,300,0,0,0,3,2,", "odd,0,5,0,0,0,2,1,", 1);
    let data = HEADER.to_string() + &subject("1") + &odd + &subject("2");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.csv");
    std::fs::write(&file, data).unwrap();
    let out = folder.path().join("run");
    let run =
        omafit().args(["fit", file.to_str().unwrap(), "--out", out.to_str().unwrap()]).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    let table = common::csv(&out.join("individuals.csv"));
    assert_eq!(common::text(&table, "status"), ["ok", "failed", "ok"]);
    let reason = &common::text(&table, "reason")[1];
    assert!(
        reason.contains("predicts 0") && reason.contains("day 0") && reason.contains("(row 13)"),
        "{reason}"
    );
    assert_eq!(common::column(&table, "ofv")[0], common::column(&table, "ofv")[2]);
    assert_eq!(common::text(&table, "ka")[1], "");
    let record = std::fs::read_to_string(out.join("run.json")).unwrap();
    assert!(record.contains("\"failed\": 1") && record.contains("odd: failed"));
}

#[test]
fn hostile_identifiers_stay_text_and_lead_nowhere() {
    let ids = ["<img src=x onerror=alert(1)>", "\"=cmd|' /C calc'!A0\"", "../../etc/x", "名前"];
    let data = HEADER.to_string() + &ids.map(subject).concat();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.csv");
    std::fs::write(&file, data).unwrap();
    let out = folder.path().join("run");
    omafit().args(["fit", file.to_str().unwrap(), "--out", out.to_str().unwrap()]).assert().success();
    let table = common::csv(&out.join("individuals.csv"));
    let expected = ids.map(|id| id.trim_matches('"').to_string());
    assert_eq!(common::text(&table, "ID"), expected);
    let figures: Vec<_> = std::fs::read_dir(out.join("figures/individuals")).unwrap().flatten().collect();
    assert_eq!(figures.len(), 4);
    for figure in figures {
        let svg = std::fs::read_to_string(figure.path()).unwrap();
        assert!(!svg.contains("<img"), "{:?}", figure.file_name());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_demo_says_everywhere_that_it_is_simulated_and_can_be_fitted_again() {
    let folder = tempfile::tempdir().unwrap();
    let (demo, again) = (folder.path().join("demo"), folder.path().join("again"));
    let said = omafit()
        .args(["demo", "--patients", "25", "--seed", "4", "--out", demo.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(said.status.success());
    assert!(String::from_utf8(said.stdout).unwrap().contains("simulated"));
    let data = demo.join("data.csv");
    assert!(std::fs::read_to_string(&data).unwrap().starts_with("# omafit: simulated data, no patients"));
    assert!(std::fs::read_to_string(demo.join("run.json")).unwrap().contains("\"simulated\": true"));
    for figure in ["observed_fitted.svg", "suppression.svg", "individuals/0001_1.svg"] {
        let svg = std::fs::read_to_string(demo.join("figures").join(figure)).unwrap();
        assert!(svg.contains("Simulated data"), "{figure}");
    }
    let (data, out) = (data.to_str().unwrap(), again.to_str().unwrap());
    omafit().args(["fit", data, "--replicates", "200", "--out", out]).assert().success();
    for table in ["individuals.csv", "observations.csv", "trajectories.parquet"] {
        assert!(
            std::fs::read(demo.join(table)).unwrap() == std::fs::read(again.join(table)).unwrap(),
            "{table}"
        );
    }
}

#[test]
fn the_model_of_a_run_gives_the_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let data = data.to_str().unwrap();
    omafit()
        .args(["fit", data, "--estimate", "ka,CLx,Pe", "--out", first.to_str().unwrap()])
        .assert()
        .success();
    let model = first.join("model.toml");
    omafit()
        .args(["fit", data, "--model", model.to_str().unwrap(), "--out", second.to_str().unwrap()])
        .assert()
        .success();
    let read = |run: &Path| std::fs::read(run.join("individuals.csv")).unwrap();
    assert!(read(&first) == read(&second));
}
