//! Tests of the likelihood of a run, and of the output that replaces it if no population was estimated.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, record, repository};
use std::path::{Path, PathBuf};

/// Objective of nlmixr2 5 by FOCEI, and −2LL: for 132 quantified values with an additive error, the objective
/// plus 132·ln 2π.
const OFV: f64 = 116.80;
const MINUS2LL: f64 = 359.40;

fn theophylline(folder: &Path, more: &[&str]) -> (PathBuf, String) {
    let (data, out) = (repository().join("fixtures/real/theophylline.csv"), folder.join("run"));
    let arguments =
        ["--model", "one_compartment_oral", "--time-unit", "hours", "--no-report", "--force", "--out"];
    let done = omafit().arg("fit").arg(data).args(arguments).arg(&out).args(more).assert().success();
    (out, String::from_utf8(done.get_output().stdout.clone()).unwrap())
}

#[test]
fn foce_ends_with_the_linearised_block() {
    let folder = tempfile::tempdir().unwrap();
    let (run, said) = theophylline(folder.path(), &["--method", "foce"]);
    assert!(
        said.contains("linearisation (FOCE): 12 subjects, 132 observations, 7 numbers estimated"),
        "{said}"
    );
    for shown in ["OFV 116.80", "−2LL 359.40", "AIC 373.40"] {
        assert!(said.contains(shown), "{said}");
    }
    // The conditional likelihood at the individual estimates is not shown with it.
    assert!(!said.contains("conditional") && !said.contains("248.6"), "{said}");
    let record = record(&run);
    assert_eq!((record["method"].as_str(), record["schema_version"].as_u64()), (Some("foce"), Some(2)));
    let block = &record["likelihood"];
    let number = |key: &str| block[key].as_f64().unwrap_or_else(|| panic!("{key}: {block}"));
    assert!((number("ofv") - OFV).abs() < 0.005 && (number("minus2ll") - MINUS2LL).abs() < 0.005, "{block}");
    assert_eq!((block["method"].as_str(), block["estimated"].as_u64()), (Some("linear"), Some(7)));
    assert_eq!((block["subjects"].as_u64(), block["observations"].as_u64()), (Some(12), Some(132)));
    let minus2ll = number("minus2ll");
    let (by_subjects, by_observations) = (12f64.ln(), 132f64.ln());
    for (key, expected) in [
        ("minus2ll", number("ofv") + 132.0 * std::f64::consts::TAU.ln()),
        ("aic", minus2ll + 14.0),
        ("bic", minus2ll + 7.0 * by_subjects),
        ("bicc", minus2ll + 6.0 * by_subjects + by_observations),
    ] {
        assert!((number(key) - expected).abs() < 1e-9, "{key}: {block}");
    }
    assert!(block["monte_carlo_se"].is_null() && block.get("samples").is_none(), "{block}");
    assert!(record["conditional"]["aic"].is_f64() && record.get("aic").is_none());
    let table = csv(&run.join("criteria.csv"));
    assert_eq!(column(&table, "aic"), [number("aic")]);
    assert!(!run.join("likelihood.csv").exists());
}

#[test]
fn a_likelihood_that_is_asked_for_replaces_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let (run, said) = theophylline(folder.path(), &["--method", "its", "--likelihood", "is"]);
    assert!(said.contains("likelihood of the population by importance sampling"), "{said}");
    assert!(said.contains("(Monte-Carlo standard error)") && !said.contains("linearisation"), "{said}");
    let record = record(&run);
    assert_eq!((&record["method"], &record["likelihood"]["method"]), (&"its".into(), &"is".into()));
    assert!(record["likelihood"]["monte_carlo_se"].as_f64().unwrap() > 0.0);
    assert_eq!(record["likelihood"]["samples"], 1000);
    assert_eq!(csv(&run.join("likelihood.csv")).len(), 13);
    let (run, _) = theophylline(folder.path(), &["--method", "its"]);
    assert_eq!(common::record(&run)["likelihood"]["method"], "linear");
}

#[test]
fn who_estimates_no_population_says_so_first() {
    let folder = tempfile::tempdir().unwrap();
    let after_data = |said: &str| said.split_once("\n\n").unwrap().1.lines().next().unwrap().to_owned();
    let (run, said) = theophylline(folder.path(), &["--method", "map"]);
    assert_eq!(
        after_data(&said),
        "no population was estimated: that of one_compartment_oral is each subject's prior (MAP)"
    );
    assert!(said.contains("at the individual estimates (conditional): objective 116.80"), "{said}");
    let told = record(&run);
    assert_eq!(told["method"], "map");
    assert!(told.get("likelihood").is_none() && !run.join("criteria.csv").exists());
    let (_, said) = theophylline(folder.path(), &["--method", "nls"]);
    assert!(after_data(&said).starts_with("no population was estimated or used"), "{said}");
    // A population that was given has a likelihood, but no number of estimated parameters to penalise.
    let (run, said) = theophylline(folder.path(), &["--method", "map", "--likelihood", "linear"]);
    assert!(said.contains("12 subjects, 132 observations, the population was given"), "{said}");
    let told = record(&run);
    assert!(told["likelihood"]["ofv"].is_f64() && told["likelihood"]["aic"].is_null());
}

#[test]
fn where_nobody_was_fitted_there_is_no_likelihood() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (repository().join("fixtures/reference/hayashi_20.csv"), folder.path().join("run"));
    // No subject converges in a single iteration.
    let arguments = ["--no-report", "--max-iterations", "1", "--starts", "0", "--out"];
    let done = omafit().arg("fit").arg(data).args(arguments).arg(&out).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(!said.contains("objective 0.0") && !said.contains("NaN"), "{said}");
    let told = record(&out);
    assert_eq!(told["counts"]["failed"], 20);
    assert!(told.get("conditional").is_none());
}
