//! Test that the theophylline table on the page about NONMEM has the program's numbers, to the last digit.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, repository, text};

/// Rows of the table on the page: name, and the number of omafit.
fn page() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(repository().join("docs/validation/nonmem.md")).unwrap();
    let section = page.split_once("## Theophylline").unwrap().1.split_once("\n## ").unwrap().0.to_owned();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    let cells = |line: &str| {
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), cells.next().unwrap())
    };
    rows.map(cells).collect()
}

#[test]
fn the_page_has_what_the_program_gives() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    omafit()
        .arg("fit")
        .arg(repository().join("fixtures/real/theophylline.csv"))
        .args(["--model", "one_compartment_oral", "--time-unit", "hours", "--method", "foce"])
        .args(["--likelihood", "linear", "--no-report", "--quiet", "--out"])
        .arg(&out)
        .assert()
        .success();
    let record = std::fs::read_to_string(out.join("run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let table = csv(&out.join("parameters.csv"));
    let names = text(&table, "name");
    let of = |name: &str, wanted: &str| {
        let at = names.iter().position(|n| n == name).unwrap();
        let per_day = wanted == "estimate" && text(&table, "unit")[at].ends_with("/d");
        column(&table, wanted)[at] / if per_day { 24.0 } else { 1.0 }
    };
    let likelihood = |key: &str| record["likelihood"][key].as_f64().unwrap();
    let found = [
        ("OFV", likelihood("ofv")),
        ("−2LL", likelihood("minus2ll")),
        ("ka, 1/h", of("ka", "estimate")),
        ("CL, L/h", of("CL", "estimate")),
        ("V, L", of("V", "estimate")),
        ("σ, mg/L", of("sigma_additive_omalizumab_total", "estimate")),
        ("CV of ka, %", of("omega2_ka", "bsv_cv_pct")),
        ("CV of CL, %", of("omega2_CL", "bsv_cv_pct")),
        ("CV of V, %", of("omega2_V", "bsv_cv_pct")),
    ];
    let page = page();
    assert_eq!(page.len(), found.len());
    for ((name, written), (expected, number)) in page.iter().zip(found) {
        assert_eq!(name, expected);
        let decimals = written.split_once('.').map_or(0, |(_, digits)| digits.len());
        assert_eq!(*written, format!("{number:.decimals$}"), "{name}");
    }
}
