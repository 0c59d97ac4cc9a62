//! Tests of the residuals of the simulated reference data set against an independent program
//! (`scripts/reference/diagnostics.py`), and of the predictive checks of a run.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, repository, text};
use std::path::Path;

fn fit(out: &Path, more: &[&str]) {
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    omafit()
        .args(["fit", data.to_str().unwrap(), "--out", out.to_str().unwrap()])
        .args(more)
        .assert()
        .success();
}

#[test]
fn residuals_agree_with_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    fit(&out, &["--replicates", "1000"]);
    let path = repository().join("fixtures/reference/diagnostics.json");
    let reference: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let table = csv(&out.join("observations.csv"));
    let ids = text(&table, "ID");
    let largest = |name: &str, key: &str| {
        let found = column(&table, name);
        let mut gaps: Vec<f64> = Vec::new();
        for patient in reference["patients"].as_array().unwrap() {
            let expected = patient[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
            let own = ids.iter().zip(&found).filter(|(id, _)| *id == patient["id"].as_str().unwrap());
            gaps.extend(own.zip(expected).map(|((_, found), expected)| (found - expected).abs()));
        }
        assert_eq!(gaps.len(), 4 * 44);
        let root_mean_square = (gaps.iter().map(|g| g * g).sum::<f64>() / gaps.len() as f64).sqrt();
        (gaps.into_iter().fold(0.0, f64::max), root_mean_square)
    };
    assert!(largest("WRES", "wres").0 < 1e-6, "{:?}", largest("WRES", "wres"));
    assert!(largest("CWRES", "cwres").0 < 1e-5, "{:?}", largest("CWRES", "cwres"));
    // The random numbers differ. A rank among 1000 and one among 2000 simulations differ by 0.05 to 0.1 in
    // NPDE. Observation j is predicted from the j observations before it with an estimated covariance, which
    // adds a variance of j/1000 + j/2000. Together this is a root mean square of 0.19, and 0.27 for the last of
    // 44.
    let (most, usual) = largest("NPDE", "npde");
    assert!(usual < 0.19 && most < 3.0 * 0.27, "{most} {usual}");
}

#[test]
fn a_run_is_checked_with_other_bins_and_strata_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    fit(&run, &["--estimate", "CLx,Pe"]);
    assert!(!run.join("vpc.csv").exists());
    let name = run.to_str().unwrap();
    let vpc = |more: &[&str]| omafit().args(["vpc", name, "-n", "100", "--quiet"]).args(more).assert();
    for (option, value, expected) in [
        (
            "--stratify",
            "SEX",
            "--stratify SEX: must be `regimen` or a covariate that can be read of the data: ",
        ),
        ("--bins", "3,2", "--bins 2: must be edges in ascending order"),
        ("--bins", "0", "--bins 0: must be a whole number from 1, or edges in days"),
        ("--level", "1", "--level 1: must be between 0 and 1"),
        ("--percentiles", "0,50", "--percentiles 0: must be between 0 and 100"),
    ] {
        let refused = vpc(&[option, value]).code(2);
        let said = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
        assert!(said.contains(expected), "{said}");
    }
    assert!(!run.join("vpc.json").exists());
    vpc(&["--bins", "0,30,90,400", "--stratify", "wt", "--pc"]).success();
    let table = csv(&run.join("vpc.csv"));
    let strata = text(&table, "stratum");
    assert_eq!(strata.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert!(column(&table, "bin").iter().all(|b| (1.0..=3.0).contains(b)));
    assert_eq!(column(&table, "corrected").iter().sum::<f64>(), 0.5 * strata.len() as f64);
    assert_eq!(csv(&run.join("npde.csv")).len(), 881);
    // The check is replaced only with --force; the same seed gives the same bytes with any number of threads.
    vpc(&[]).code(2);
    let before = std::fs::read(run.join("npde.csv")).unwrap();
    vpc(&["--force", "--threads", "1"]).success();
    assert_eq!(std::fs::read(run.join("npde.csv")).unwrap(), before);
}
