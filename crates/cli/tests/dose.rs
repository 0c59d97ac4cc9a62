//! `omafit dose` and `omafit attainment`.
#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, text};
use std::path::Path;

fn dose(arguments: &[&str]) -> (i32, String, String) {
    let run = omafit().arg("dose").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (run.status.code().unwrap(), text(run.stdout), text(run.stderr))
}

#[test]
fn a_dose_says_its_status_and_that_it_is_no_advice() {
    let (code, said, _) = dose(&["--weight", "90", "--ige", "100"]);
    assert_eq!(code, 0);
    assert!(said.contains("150 mg every 4 weeks") && said.contains("verified on two sources"), "{said}");
    assert!(said.contains("Not medical advice"), "{said}");
    let (code, said, _) = dose(&["--weight", "22", "--ige", "100", "--table", "eu_asthma_6y"]);
    assert_eq!(code, 0);
    assert!(said.contains("75 mg every 4 weeks") && said.contains("NOT verified"), "{said}");
}

#[test]
fn outside_the_table_is_said_with_the_reason() {
    let reasons = [
        ("29.9", "100", "body weight 29.9 kg lies outside the table, which goes from 30 to 150 kg"),
        ("60", "700.1", "baseline IgE 700.1 IU/mL lies outside the table, which goes from 30 to 700 IU/mL"),
        ("60.1", "700", "the table gives no dose for 60.1 kg with 700 IU/mL: its cell is empty"),
    ];
    for (weight, ige, reason) in reasons {
        let (code, said, _) = dose(&["--weight", weight, "--ige", ige]);
        assert_eq!(code, 1);
        assert!(said.contains("not in the table us_asthma_12y") && said.contains(reason), "{said}");
        assert!(said.contains("Not medical advice"));
    }
    for hostile in [["--weight", "NaN", "--ige", "1"], ["--weight", "60", "--ige", "-4"]] {
        let (code, said, why) = dose(&hostile);
        assert_eq!((code, said.as_str()), (2, ""), "{why}");
    }
    assert_eq!(dose(&["--weight", "60", "--ige", "100", "--table", "uk"]).0, 2);
}

#[test]
fn a_map_is_the_same_with_any_threads_and_says_where_there_is_no_dose() {
    let folder = tempfile::tempdir().unwrap();
    let map = |name: &str, threads: &str| {
        let out = folder.path().join(name);
        let plane = ["--weights", "40:120:40", "--iges", "100:700:300", "--patients", "12", "--seed", "3"];
        let run =
            omafit().arg("attainment").args(plane).args(["--threads", threads, "--out"]).arg(&out).unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(said.contains("Not medical advice"), "{said}");
        let read = |file: &str| std::fs::read(out.join(file)).unwrap();
        (read("attainment.csv"), read("attainment.parquet"), read("attainment.svg"))
    };
    assert!(map("one", "1") == map("two", "2"));
    let table = csv(&folder.path().join("one/attainment.csv"));
    let (weight, ige) = (column(&table, "weight_kg"), column(&table, "ige_iu_ml"));
    assert_eq!((weight[0], ige[0], weight.len()), (60.0, 250.0, 12));
    // 60 kg and 250 IU/mL: 300 mg every 4 weeks; 100 kg and 550 IU/mL: nothing.
    assert_eq!((column(&table, "dose_mg")[0], column(&table, "every_days")[0]), (300.0, 28.0));
    assert!(column(&table, "below_throughout")[11].is_nan());
    assert!(text(&table, "no_dose_because")[11].contains("its cell is empty"));
    assert!(column(&table, "below_throughout")[0] > 0.5);
    let svg = std::fs::read_to_string(folder.path().join("one/attainment.svg")).unwrap();
    assert!(svg.contains("Simulated data") && svg.contains("Not medical advice"));
}

#[test]
fn hostile_planes_are_refused() {
    for hostile in [
        ["--weights", "0:100:10"],
        ["--weights", "10:NaN:10"],
        ["--iges", "10:100"],
        ["--iges", "10:100000:0.001"],
        ["--patients", "0"],
        ["--targets", "-1"],
        ["--doses", "1e999"],
        ["--model", "one_compartment_oral"],
    ] {
        let run =
            omafit().arg("attainment").args(hostile).args(["--out", "/nonexistent/x"]).output().unwrap();
        assert_eq!(run.status.code(), Some(2), "{hostile:?}");
        assert!(!Path::new("/nonexistent").exists());
    }
}
