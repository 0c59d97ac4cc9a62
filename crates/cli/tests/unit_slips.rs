//! Tests of files recorded in other units than those in which they are read: each mistake is named with the
//! option that corrects it.
#![allow(clippy::unwrap_used)]

mod common;

use assert_cmd::Command;
use common::repository;
use std::path::{Path, PathBuf};

fn omafit(arguments: &[&str]) -> (i32, String, String) {
    let out = Command::cargo_bin("omafit").unwrap().args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

/// A simulated trial with columns multiplied by factors: `DV` by analyte, other columns in every row.
fn slipped(folder: &Path, source: &Path, drug: f64, seen_ige: f64, columns: &[(&str, f64)]) -> PathBuf {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(source).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    let path = folder.join("slipped.csv");
    let mut writer = csv::Writer::from_path(&path).unwrap();
    writer.write_record(&names).unwrap();
    for record in reader.records() {
        let mut cells: Vec<String> = record.unwrap().iter().map(str::to_owned).collect();
        let mut times = |k: usize, factor: f64| {
            if let Ok(value) = cells[k].parse::<f64>() {
                cells[k] = (value * factor).to_string();
            }
        };
        columns.iter().for_each(|(name, factor)| times(at(name), *factor));
        let dv = at("DV");
        match cells[at("DVID")].as_str() {
            "1" => cells[dv] = cells[dv].parse::<f64>().map_or(String::new(), |v| (v * drug).to_string()),
            "2" | "3" => {
                cells[dv] = cells[dv].parse::<f64>().map_or(String::new(), |v| (v * seen_ige).to_string())
            }
            _ => {}
        }
        writer.write_record(&cells).unwrap();
    }
    writer.flush().unwrap();
    path
}

/// Warnings of `check`: name and text of each.
fn warnings(path: &Path, options: &[&str]) -> Vec<(String, String)> {
    let arguments = [&["check", path.to_str().unwrap(), "--json"][..], options].concat();
    let (code, out, err) = omafit(&arguments);
    assert_eq!(code, 0, "{err}");
    let page: serde_json::Value = serde_json::from_str(&out).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    page["warnings"].as_array().unwrap().iter().map(|w| (text(&w["check"]), text(&w["text"]))).collect()
}

/// Factors on the drug, on observed IgE and on columns; the check that must warn, and the options that correct
/// the mistake.
type Case<'a> = (f64, f64, &'a [(&'a str, f64)], &'a str, &'a [&'a str]);

#[test]
fn doses_by_cells_that_are_not_verified_are_counted_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let trial = folder.path().join("trial.csv");
    let trial = trial.to_str().unwrap();
    // Between 500 and 600 IU/mL no European cell is verified; between 400 and 500, of 50 to 60 kg, it is.
    for (ige, status, unverified) in
        [("450", "", 0), ("550", " (6 of them by cells that are not verified)", 6)]
    {
        let design = ["--table", "eu_asthma_6y", "--weight", "55", "--ige", ige, "--patients", "6"];
        assert_eq!(omafit(&[&["simulate", "--force", "--out", trial][..], &design].concat()).0, 0);
        let (code, page, why) = omafit(&["check", trial]);
        let told = format!("6 of 6 subjects are dosed as the table eu_asthma_6y says{status}\n");
        assert!(code == 0 && page.contains(&told), "{page}{why}");
        let (_, page, _) = omafit(&["check", trial, "--json"]);
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(page["dosing"]["unverified"], unverified);
    }
    // The evidence for a unit mistake also names the cells that are not verified.
    let iu = 1.0 / 2.42;
    let slipped = slipped(folder.path(), Path::new(trial), 1.0, iu, &[("IGE", iu)]);
    let (_, page, _) = omafit(&["check", slipped.to_str().unwrap()]);
    let told =
        "6 of 6 subjects are those of the table eu_asthma_6y (6 of them by cells that are not verified)";
    assert!(page.split_whitespace().collect::<Vec<_>>().join(" ").contains(told), "{page}");
}

#[test]
fn a_wrong_unit_is_named_with_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let trial = folder.path().join("trial.csv");
    let made = omafit(&["simulate", "--patients", "60", "--seed", "3", "--out", trial.to_str().unwrap()]);
    assert_eq!(made.0, 0, "{}", made.2);
    assert_eq!(warnings(&trial, &[]), []);
    let iu = 1.0 / 2.42;
    let cases: [Case<'_>; 7] = [
        (1000.0, 1.0, &[], "observed_unit", &["--omalizumab-unit", "ng/mL"]),
        (1.0 / 0.15, 1.0, &[], "observed_unit", &["--omalizumab-unit", "nM"]),
        (1.0, iu, &[("IGE", iu)], "ige_unit", &["--ige-unit", "IU/mL"]),
        (
            1.0,
            1.0,
            &[("IGE", iu)],
            "ige_units_differ",
            &["--ige-unit", "ng/mL", "--baseline-ige-unit", "IU/mL"],
        ),
        (1.0, iu, &[], "ige_units_differ", &["--ige-unit", "IU/mL", "--baseline-ige-unit", "ng/mL"]),
        (1.0, 1.0, &[("TIME", 24.0)], "time_in_hours", &["--time-unit", "hours"]),
        (1.0, 1.0, &[("WT", 2.204_622_6)], "weight_in_pounds", &["--weight-unit", "lb"]),
    ];
    for (drug, seen_ige, columns, check, mends) in cases {
        let path = slipped(folder.path(), &trial, drug, seen_ige, columns);
        let found = warnings(&path, &[]);
        let (_, text) =
            found.iter().find(|(name, _)| name == check).unwrap_or_else(|| panic!("{check}: {found:?}"));
        assert!(text.ends_with(&mends.join(" ")), "{text}");
        assert_eq!(warnings(&path, mends), [], "{check}");
        // With --strict, the data are refused before anything is fitted.
        let out = folder.path().join("run");
        let (code, _, err) =
            omafit(&["fit", path.to_str().unwrap(), "--strict", "--out", out.to_str().unwrap()]);
        assert_eq!((code, out.exists()), (2, false), "{err}");
        assert!(err.contains(&mends.join(" ")), "{err}");
    }
    // Times in days that are read in hours.
    let [(check, text)] = &warnings(&trial, &["--time-unit", "hours"])[..] else { panic!() };
    assert!(check == "time_in_days" && text.ends_with("--time-unit days"), "{text}");
    // The page documents exactly the unit checks by model that are tested here.
    let page = std::fs::read_to_string(repository().join("docs/guide/checks.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with("Units by the model")).unwrap();
    let mut documented: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let mut tested: Vec<&str> =
        cases.iter().map(|(_, _, _, check, _)| *check).chain(["time_in_days"]).collect();
    documented.sort_unstable();
    tested.sort_unstable();
    tested.dedup();
    assert_eq!(documented, tested);
}

#[test]
fn one_subject_shows_that_the_covariate_and_the_observations_have_other_units() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trial.csv");
    let write = |ige: u32| {
        let rows =
            format!("7,0,480,2,,81,{ige}\n7,0,,,375,81,{ige}\n7,10,33,1,,81,{ige}\n7,10,1700,2,,81,{ige}\n");
        std::fs::write(&path, format!("ID,TIME,DV,DVID,AMT,WT,IGE\n{rows}")).unwrap();
    };
    write(198);
    let [(check, text)] = &warnings(&path, &[])[..] else { panic!() };
    assert_eq!(check, "ige_units_differ");
    assert!(text.ends_with("; --ige-unit ng/mL --baseline-ige-unit IU/mL"), "{text}");
    assert_eq!(warnings(&path, &["--ige-unit", "ng/mL", "--baseline-ige-unit", "IU/mL"]), []);
    write(480);
    assert_eq!(warnings(&path, &[]), []);
}

#[test]
fn a_warning_stands_in_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (trial, out) = (folder.path().join("trial.csv"), folder.path().join("run"));
    let path = trial.to_str().unwrap();
    assert_eq!(omafit(&["simulate", "--patients", "20", "--seed", "5", "--out", path]).0, 0);
    let hours = slipped(folder.path(), &trial, 1.0, 1.0, &[("TIME", 24.0)]);
    let arguments =
        ["fit", hours.to_str().unwrap(), "--no-trajectories", "--no-report", "--out", out.to_str().unwrap()];
    let (_, said, _) = omafit(&arguments);
    assert!(said.contains("WARNING: times are probably in hours"), "{said}");
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["data"]["warnings"][0]["check"], "time_in_hours");
    assert!(record["warnings"][0].as_str().unwrap().starts_with("times are probably in hours"));
    assert_eq!(record["data"]["summary"]["subjects"], 20);
}
