//! Tests of `omafit dose` and `omafit attainment`.
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
    // A patient of 20 kg is in the lowest European band; cells of one table differ in status.
    for (table, weight, ige, told, verified) in [
        ("eu_asthma_6y", "20", "30", "75 mg every 4 weeks", true),
        ("eu_asthma_6y", "60", "500", "600 mg every 4 weeks", true),
        ("eu_asthma_6y", "60", "500.1", "600 mg every 4 weeks", false),
        ("jp_asthma_sar", "20", "30", "75 mg every 4 weeks", true),
        ("jp_asthma_sar", "40", "500", "450 mg every 4 weeks", true),
        ("jp_asthma_sar", "40.1", "500", "450 mg every 4 weeks", false),
        ("us_asthma_6_to_12y", "22", "100", "75 mg every 4 weeks", false),
        ("us_nasal_polyps_adult", "70", "500", "600 mg every 4 weeks", false),
    ] {
        let (code, said, _) = dose(&["--weight", weight, "--ige", ige, "--table", table]);
        let status = if verified { "verified on two sources" } else { "NOT verified" };
        assert_eq!(code, 0);
        let is_told = said.contains(told) && said.contains(&format!("table {table}: this cell is {status}"));
        assert!(is_told, "{table} {weight} {ige}: {said}");
    }
}

#[test]
fn every_table_that_there_is_can_be_asked_and_is_in_the_help() {
    let (_, _, why) = dose(&["--weight", "60", "--ige", "100", "--table", "uk"]);
    let names = why.split("there are ").nth(1).unwrap().trim_end().to_owned();
    let (_, help, _) = dose(&["--help"]);
    let names: Vec<&str> = names.split(", ").collect();
    assert_eq!(names.len(), 5);
    for name in names {
        let (code, said, _) = dose(&["--weight", "60", "--ige", "100", "--table", name]);
        assert!(code == 0 && said.contains("150 mg every 4 weeks"), "{name}: {said}");
        assert!(help.contains(name), "{help}");
    }
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
    for (table, weight, ige, reason) in [
        (
            "eu_asthma_6y",
            "19.9",
            "100",
            "body weight 19.9 kg lies outside the table, which goes from 20 to 150 kg",
        ),
        ("us_nasal_polyps_adult", "30", "100", "outside the table, which goes from above 30 to 150 kg"),
        ("us_asthma_12y", "60.1", "700", "its cell is empty (verified on two sources)"),
        ("eu_asthma_6y", "90", "900", "its cell is empty (not verified)"),
        ("jp_asthma_sar", "95", "350", "the table was taken over without a cell for 95 kg with 350 IU/mL"),
    ] {
        let (code, said, _) = dose(&["--weight", weight, "--ige", ige, "--table", table]);
        assert_eq!(code, 1);
        assert!(said.contains(&format!("not in the table {table}")) && said.contains(reason), "{said}");
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
    // 60 kg and 250 IU/mL: 300 mg every 4 weeks; 100 kg and 550 IU/mL: no dose.
    assert_eq!((column(&table, "dose_mg")[0], column(&table, "every_days")[0]), (300.0, 28.0));
    assert!(column(&table, "below_throughout")[11].is_nan());
    assert!(text(&table, "no_dose_because")[11].contains("its cell is empty"));
    assert!(column(&table, "below_throughout")[0] > 0.5);
    let svg = std::fs::read_to_string(folder.path().join("one/attainment.svg")).unwrap();
    assert!(svg.contains("Simulated data") && svg.contains("Not medical advice"));
}

#[test]
fn a_map_says_which_doses_are_from_cells_that_are_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let map = |name: &str, doses: &str| {
        let plane = ["--weights", "30:70:20", "--iges", "400:600:100", "--patients", "4", "--doses", doses];
        let out = folder.path().join(name);
        let run = omafit().arg("attainment").args(plane).arg("--out").arg(&out).unwrap();
        let svg = std::fs::read_to_string(out.join("attainment.svg")).unwrap();
        (String::from_utf8(run.stdout).unwrap(), csv(&out.join("attainment.csv")), svg)
    };
    let (said, table, svg) = map("eu", "eu_asthma_6y");
    let eu = "table eu_asthma_6y (not verified: 96 of 140 cells)";
    let told = format!(
        "{eu}: 4 fields of the plane, 4 of them with a dose, 2 of these by cells that are not verified"
    );
    assert!(said.contains(&told) && svg.contains(eu), "{said}");
    // Three targets per field: 40 and 60 kg with 450 IU/mL, then with 550.
    let expected: Vec<f64> = (0..12).map(|row| f64::from(u8::from(row < 6))).collect();
    assert_eq!(column(&table, "verified"), expected);
    let (said, table, _) = map("jp", "jp_asthma_sar");
    assert!(said.contains("2 of them with a dose, 1 of these by cells that are not verified"), "{said}");
    let verified = column(&table, "verified");
    assert!((verified[0], verified[3]) == (1.0, 0.0) && verified[6..].iter().all(|v| v.is_nan()));
    let (said, table, _) = map("rule", "0.016");
    assert!(!said.contains("verified") && column(&table, "verified").iter().all(|v| v.is_nan()), "{said}");
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
