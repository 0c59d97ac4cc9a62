//! Tests of the report of a run: written by the fit, written again from the tables, and harmless whatever the
//! data contain. Its appearance in a browser is tested by `scripts/check_report.py`.

#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, repository};
use std::path::Path;

fn story(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"story\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_report_is_made_by_the_fit_and_made_again_from_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let (name, path) = (run.to_str().unwrap(), run.join("report.html"));
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    omafit().args(["fit", data.to_str().unwrap(), "--out", name, "--quiet"]).assert().success();
    let made = read(&path);
    let told = story(&made);
    assert_eq!(told["tables"]["individuals"]["ID"].as_array().unwrap().len(), 20);
    assert_eq!(told["tables"]["observations"]["subject"].as_array().unwrap().len(), 880);
    assert_eq!(told["courses"]["subjects"].as_array().unwrap().len(), 20);
    assert_eq!(told["model"]["parameters"][0]["typical_words"], "0.48 1/d");
    assert!(told["model"]["equations"].as_array().unwrap().len() > 5 && told["tables"]["vpc"].is_null());
    assert!(made.contains("default-src 'none'") && !made.contains("http-equiv=\"refresh\""));

    omafit().args(["report", name]).assert().code(2);
    omafit().args(["report", name, "--force", "--quiet"]).assert().success();
    assert!(read(&path) == made);
    // A predictive check renews the report.
    omafit().args(["vpc", name, "-n", "100", "--quiet"]).assert().success();
    let checked = story(&read(&path));
    assert_eq!(checked["check"]["replicates"], 100);
    assert!(checked["tables"]["observations"]["NPDE"][5].is_number());
    // Missing parts are listed.
    std::fs::remove_file(run.join("typical.parquet")).unwrap();
    let other = folder.path().join("other.html");
    omafit().args(["report", name, "--out", other.to_str().unwrap(), "--quiet"]).assert().success();
    assert!(story(&read(&other))["missing"][0].as_str().unwrap().contains("typical"));
}

#[test]
fn a_run_without_a_report_is_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let data = repository().join("fixtures/real/meno_tetang_lowe_2005.csv");
    let data = data.to_str().unwrap();
    let out = run.to_str().unwrap();
    omafit()
        .args(["fit", data, "--assume-weight", "70", "--no-report", "--out", out, "--quiet"])
        .assert()
        .success();
    assert!(run.join("run.json").exists() && !run.join("report.html").exists());
}

#[test]
fn nothing_in_the_data_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.csv");
    let ids = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "=cmd|' /C calc'!A0"];
    let mut text = String::from("ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,WT,IGE\n");
    for id in ids {
        text += &format!("\"{id}\",0,0,300,1,1,1,0,70,400\n\"{id}\",14,40,0,0,0,2,1,70,400\n");
        text += &format!("\"{id}\",14,1500,0,0,0,2,2,70,400\n\"{id}\",28,15,0,0,0,2,3,70,400\n");
    }
    std::fs::write(&data, text).unwrap();
    let run = folder.path().join("run");
    omafit()
        .args(["fit", data.to_str().unwrap(), "--out", run.to_str().unwrap(), "--quiet"])
        .assert()
        .success();
    let page = read(&run.join("report.html"));
    assert!(!page.contains("<img") && page.matches("</script>").count() == 2);
    let shown = &story(&page)["tables"]["individuals"]["ID"];
    assert_eq!(*shown, serde_json::json!(ids));
}
