//! Tests of the fits of the two people of Meno-Tetang & Lowe 2005 against an independent fit
//! (`scripts/reference/fits.py`).

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, omafit, repository};

fn fit(estimate: &str) -> (tempfile::TempDir, Vec<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let data = repository().join("fixtures/real/meno_tetang_lowe_2005.csv");
    omafit()
        .args(["fit", data.to_str().unwrap(), "--method", "nls", "--assume-weight", "70"])
        .args(["--estimate", estimate, "--out", out.to_str().unwrap()])
        .assert()
        .success();
    let table = common::csv(&out.join("individuals.csv"));
    (folder, table)
}

#[test]
fn nine_parameters_reach_the_independent_minimum() {
    let (_folder, table) = fit("all");
    let ssq = column(&table, "ssq");
    assert!((ssq[0] - 8.7292).abs() < 5e-5, "{}", ssq[0]);
    assert!((ssq[1] - 10.5408).abs() < 5e-5, "{}", ssq[1]);
    let expected = [
        ("ka", 0.660, 5e-4),
        ("CLx", 0.0835, 5e-5),
        ("dCLc", 2.896, 5e-4),
        ("CLe", 8.238, 5e-4),
        ("Vx", 15.16, 5e-3),
        ("Vc", 16.52, 5e-3),
        ("Pe", 17.76, 5e-3),
        ("Kd0", 1.788, 5e-4),
        ("alpha", 0.0650, 5e-5),
    ];
    for (name, value, half_digit) in expected {
        let found = column(&table, name)[1];
        assert!((found - value).abs() <= half_digit, "{name}: {found}");
    }
}

#[test]
fn a_clearance_that_runs_to_zero_is_said_not_to_be_determined() {
    let (_folder, table) = fit("all");
    assert_eq!(common::text(&table, "status"), ["not_determined", "ok"]);
    assert!(common::text(&table, "reason")[0].contains("CLx runs to zero: not determined"));
    let se = common::text(&table, "SE_CLx");
    assert_eq!(se[0], "");
    assert!(se[1].parse::<f64>().unwrap() > 0.0);
    assert_eq!(column(&table, "rank"), [8.0, 9.0]);
}

#[test]
fn seven_parameters_reach_the_independent_minimum() {
    let (_folder, table) = fit("ka,CLx,dCLc,CLe,Vx,Vc,Pe");
    let ssq = column(&table, "ssq");
    assert!((ssq[0] - 34.344).abs() < 5e-4, "{}", ssq[0]);
    assert!((ssq[1] - 17.556).abs() < 5e-4, "{}", ssq[1]);
    assert_eq!(column(&table, "Kd0"), [1.07, 1.07]);
}
