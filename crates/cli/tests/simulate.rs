//! Tests of `omafit simulate`: omafit reads the files that it writes, and the result depends only on the seed.
#![allow(clippy::unwrap_used)]

mod common;

use common::omafit;
use std::path::Path;

/// Runs `omafit simulate` into `name`; returns the exit code and standard error.
fn simulate(folder: &Path, name: &str, arguments: &[&str]) -> (i32, String) {
    let out = folder.join(name);
    let run = omafit().arg("simulate").args(arguments).arg("--out").arg(&out).output().unwrap();
    (run.status.code().unwrap(), String::from_utf8(run.stderr).unwrap())
}

fn rows(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Cells of a column in the rows in which the column `key` has the given value.
fn column(rows: &[Vec<String>], name: &str, (key, value): (&str, &str)) -> Vec<String> {
    let at = |name: &str| rows[0].iter().position(|column| column == name).unwrap();
    let wanted = rows[1..].iter().filter(|row| row[at(key)] == value);
    wanted.map(|row| row[at(name)].clone()).collect()
}

#[test]
fn neither_threads_nor_chunks_change_a_bit() {
    let folder = tempfile::tempdir().unwrap();
    let design = ["--patients", "1100", "--seed", "4", "--dropout", "0.2", "--missed", "0.1"];
    for name in ["a.csv", "a.parquet"] {
        let read = |threads: &str, name: &str| {
            let arguments = [&design[..], &["--threads", threads, "--force"]].concat();
            assert_eq!(simulate(folder.path(), name, &arguments), (0, String::new()));
            std::fs::read(folder.path().join(name)).unwrap()
        };
        let one = read("1", name);
        assert!(read("2", name) == one && read("7", name) == one, "{name}");
    }
    // A patient does not depend on the number of patients.
    let few = simulate(folder.path(), "few.csv", &["--patients", "20", "--seed", "4"]);
    assert_eq!(few.0, 0);
    simulate(folder.path(), "more.csv", &["--patients", "30", "--seed", "4"]);
    let (few, more) = (rows(folder.path(), "few.csv"), rows(folder.path(), "more.csv"));
    assert_eq!(few[..], more[..few.len()]);
}

#[test]
fn without_noise_the_data_are_the_typical_subjects_predictions() {
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["--patients", "2", "--no-variability", "--no-residual", "--weight", "61.1", "--ige", "199"];
    assert_eq!(simulate(folder.path(), "typical.csv", &arguments).0, 0);
    let data = rows(folder.path(), "typical.csv");
    assert_eq!(column(&data, "DV", ("ID", "1")), column(&data, "DV", ("ID", "2")));
    let run = folder.path().join("run");
    let data = folder.path().join("typical.csv");
    let fit = omafit().arg("fit").arg(&data).arg("--out").arg(&run).output().unwrap();
    assert!(fit.status.success());
    let observations = rows(&run, "observations.csv");
    let number = |name: &str| -> Vec<f64> {
        column(&observations, name, ("ID", "1")).iter().map(|cell| cell.parse().unwrap()).collect()
    };
    for (dv, pred) in number("DV").iter().zip(number("PRED")) {
        assert!((dv / pred - 1.0).abs() < 1e-12);
    }
}

#[test]
fn replicates_of_a_data_set_keep_its_design_and_differ() {
    let folder = tempfile::tempdir().unwrap();
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/hayashi_20.csv");
    let arguments = ["--like", reference, "--replicates", "3", "--seed", "11"];
    assert_eq!(simulate(folder.path(), "like.csv", &arguments), (0, String::new()));
    let (data, original) = (rows(folder.path(), "like.csv"), {
        let text = std::fs::read_to_string(reference).unwrap();
        text.lines().map(|l| l.split(',').map(str::to_owned).collect()).collect::<Vec<Vec<String>>>()
    });
    let first = &original[1][0];
    let of = |name: &str, replicate: usize| column(&data, name, ("ID", &format!("{replicate}.{first}")));
    for replicate in 1..=3 {
        let times = column(&original, "TIME", ("ID", first));
        assert_eq!(of("TIME", replicate).len(), times.len());
        assert!(of("TIME", replicate).iter().zip(&times).all(|(a, b)| a.parse() == b.parse::<f64>()));
        assert!(of("REP", replicate).iter().all(|rep| *rep == replicate.to_string()));
    }
    assert_ne!(of("DV", 1), of("DV", 2));
    // The written data set can be read.
    let check = omafit().arg("check").arg(folder.path().join("like.csv")).output().unwrap();
    assert!(check.status.success());
    assert!(String::from_utf8(check.stdout).unwrap().contains("60 subjects"));
}

#[test]
fn limits_of_the_assay_censor() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--patients", "60", "--seed", "2", "--assay-limit", "--lloq", "omalizumab_total=2"];
    assert_eq!(simulate(folder.path(), "limits.csv", &arguments).0, 0);
    assert_eq!(simulate(folder.path(), "open.csv", &["--patients", "60", "--seed", "2"]).0, 0);
    let (limited, open) = (rows(folder.path(), "limits.csv"), rows(folder.path(), "open.csv"));
    let mut counts = [0; 2];
    for (dvid, limit) in [("1", 2.0), ("3", 150.0)] {
        let values = |rows: &[Vec<String>]| -> Vec<f64> {
            column(rows, "DV", ("DVID", dvid)).iter().map(|cell| cell.parse().unwrap()).collect()
        };
        let flags = column(&limited, "CENS", ("DVID", dvid));
        for ((with, without), flag) in values(&limited).iter().zip(values(&open)).zip(flags) {
            let beyond = if dvid == "1" { without < limit } else { without > limit };
            assert_eq!(
                flag,
                if !beyond {
                    "0"
                } else if dvid == "1" {
                    "1"
                } else {
                    "-1"
                }
            );
            assert_eq!(*with, if beyond { limit } else { without });
            counts[usize::from(dvid == "3")] += usize::from(beyond);
        }
    }
    assert!(counts[0] > 10 && counts[1] > 50, "{counts:?}");
}

#[test]
fn a_trial_by_a_table_says_what_of_it_is_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let out = folder.path().join("trial.csv");
        let arguments = [&["--force", "--patients", "20"], arguments].concat();
        let run = omafit().arg("simulate").args(arguments).arg("--out").arg(&out).unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        let text = std::fs::read_to_string(&out).unwrap();
        (said, text.lines().next().unwrap().to_owned())
    };
    // The lowest corner of the European and the Japanese table, and one cell of each that is not verified.
    for (table, weight, ige, status, unverified, dose) in [
        ("eu_asthma_6y", "20", "30", " (not verified: 96 of 140 cells)", 0, "75"),
        ("eu_asthma_6y", "60", "501", " (not verified: 96 of 140 cells)", 20, "600"),
        ("jp_asthma_sar", "20", "30", " (not verified: 4 of 44 cells)", 0, "75"),
        ("jp_asthma_sar", "60", "500", " (not verified: 4 of 44 cells)", 20, "600"),
        ("us_asthma_6_to_12y", "20", "30", " (not verified)", 20, "75"),
        ("us_nasal_polyps_adult", "70", "100", " (not verified)", 20, "150"),
        ("us_asthma_12y", "30", "30", "", 0, "150"),
    ] {
        let (said, head) = said(&["--table", table, "--weight", weight, "--ige", ige]);
        let told = format!("dosed by {table}{status}, model");
        assert!(head.contains(&told) && said.contains(&told), "{head}\n{said}");
        assert!(said.contains(&format!("that are not verified: {unverified}\n")), "{said}");
        let doses = column(&rows(folder.path(), "trial.csv"), "AMT", ("EVID", "1"));
        assert!(!doses.is_empty() && doses.iter().all(|amount| amount == dose), "{doses:?}");
    }
    let (said, head) = said(&["--dose", "300", "--every-weeks", "4"]);
    assert!(!said.contains("verified") && !head.contains("verified"), "{said}");
}

#[test]
fn what_makes_no_trial_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["--patients", "0"][..], "--patients 0: must be at least 1"),
        (&["--dropout", "1"], "--dropout 1: must be at least 0 and below 1"),
        (&["--missed", "-0.1"], "--missed -0.1: must be at least 0 and below 1"),
        (&["--weeks", "nan"], "--weeks NaN: must be a number above 0"),
        (&["--visits", "7,3"], "--visits 3: must be days in ascending order, from 0 to 308"),
        (&["--visits", "400"], "--visits 400: must be days in ascending order, from 0 to 308"),
        (&["--every-days", "0"], "--every-days 0: must be a number above 0"),
        (&["--dose", "300", "--every-weeks", "0"], "--every-weeks 0: must be a number above 0"),
        (&["--table", "mine"], "no dosing table `mine`; there are us_asthma_12y"),
        (&["--weight", "20"], "nobody was eligible; the last: body weight 20 kg lies outside the table"),
        (&["--replicates", "0"], "--replicates 0: must be at least 1"),
        (&["--model", "one_compartment_oral", "--lloq", "ige_free=1"], "that one_compartment_oral predicts"),
    ] {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let joined: Vec<String> = arguments
            .chunks(2)
            .map(|pair| format!("{}={}", pair[0], pair.get(1).map_or("", String::as_str)))
            .collect();
        let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
        let (code, said) = simulate(folder.path(), "none.csv", &joined);
        assert_eq!(code, 2, "{joined:?} {said}");
        assert!(said.contains(expected), "{joined:?}\n{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{joined:?}");
    }
    let (code, said) = simulate(folder.path(), "data.txt", &[]);
    assert_eq!(code, 2);
    assert!(said.contains("a name that ends in .csv or .parquet"), "{said}");
    assert_eq!(simulate(folder.path(), "kept.csv", &["--patients", "1"]).0, 0);
    let (code, said) = simulate(folder.path(), "kept.csv", &["--patients", "1"]);
    assert!(code == 2 && said.contains("kept.csv"), "{said}");
}

#[test]
fn a_model_that_needs_a_covariate_says_which_patient_lacks_it() {
    let folder = tempfile::tempdir().unwrap();
    let design = ["--model", "straube2025_1cmt", "--patients", "2", "--dose", "90", "--every-weeks", "4"];
    let (code, said) = simulate(folder.path(), "lacking.csv", &design);
    assert_eq!(code, 1);
    assert!(said.contains("patient 1: the model needs the covariate COHORT"), "{said}");
    let with = [&design[..], &["--assume", "COHORT=270"]].concat();
    assert_eq!(simulate(folder.path(), "with.csv", &with), (0, String::new()));
    let mut check = omafit();
    check.args(["check", "--model", "straube2025_1cmt"]).arg(folder.path().join("with.csv"));
    assert!(check.output().unwrap().status.success());
}
