//! Tests of `omafit what-if`: the patients of a run under alternative doses.
#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, text};
use std::path::Path;

fn demo(folder: &Path) -> std::path::PathBuf {
    let run = folder.join("run");
    let small = ["--patients", "12", "--replicates", "0", "--no-report", "--quiet"];
    omafit().arg("demo").args(small).arg("--out").arg(&run).assert().success();
    run
}

fn what_if(run: &Path, arguments: &[&str]) -> (i32, String, String) {
    let out = omafit().arg("what-if").arg(run).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

#[test]
fn who_rises_when_and_by_how_much() {
    let folder = tempfile::tempdir().unwrap();
    let run = demo(folder.path());
    let asked = ["--scale-dose", "1,0.25", "--from", "8"];
    let (code, said, why) = what_if(&run, &[&asked[..], &["--threads", "1"]].concat());
    assert_eq!(code, 0, "{why}");
    assert!(said.contains("dose × 0.25, from week 8: 12 patients") && said.contains("Not medical advice"));
    assert!(said.contains("simulated"), "{said}");
    let files = ["what_if.csv", "what_if.parquet", "what_if_trajectories.parquet", "figures/what_if.svg"];
    let read = || files.map(|file| std::fs::read(run.join(file)).unwrap());
    let one = read();
    // Results are replaced only with --force, and the number of threads does not change them.
    assert_eq!(what_if(&run, &asked).0, 2);
    assert_eq!(what_if(&run, &[&asked[..], &["--threads", "2", "--force"]].concat()).0, 0);
    assert!(read() == one);
    // The expected outcomes follow the doses.
    let outcomes = csv(&run.join("what_if_outcomes.csv"));
    let names = text(&outcomes, "alternative");
    let models = text(&outcomes, "model");
    let changes = ["change_given", "change"].map(|name| column(&outcomes, name));
    assert!(names.iter().any(|name| name.starts_with("dose × 0.25,")));
    for (i, name) in names.iter().enumerate() {
        let [given, otherwise] = [changes[0][i], changes[1][i]];
        assert!(given.is_finite() && otherwise.is_finite(), "{name}: {given} {otherwise}");
        // Without an effect of exposure, the dose has no effect.
        let without = ["no_effect", "time_linear", "time_plateau"];
        let same = name.starts_with("dose × 1,") || without.contains(&models[i].as_str());
        assert_eq!(given == otherwise, same, "{name}, {}: {given} {otherwise}", models[i]);
    }
    // A change lies within its interval, also for each patient.
    for file in ["what_if_outcomes.csv", "what_if_outcome_patients.csv"] {
        let table = csv(&run.join(file));
        let [value, low, high] = ["change", "change_low", "change_high"].map(|name| column(&table, name));
        assert!(!value.is_empty());
        let is_inside = |i: usize| low[i].is_nan() || low[i] <= value[i] && value[i] <= high[i];
        assert!((0..value.len()).all(is_inside), "{file}");
    }
    // The requested target, and the additional ones.
    let targets = csv(&run.join("what_if_targets.csv"));
    assert_eq!(column(&targets, "target_ng_ml"), [50.0, 25.0, 14.0, 50.0, 25.0, 14.0]);
    let over = column(&targets, "over");
    assert!(over.windows(2).enumerate().all(|(k, pair)| k == 2 || pair[0] <= pair[1]), "{over:?}");
    let table = csv(&run.join("what_if.csv"));
    let names = text(&table, "alternative");
    let rows: Vec<usize> = (0..names.len()).filter(|i| names[*i].starts_with("dose × 1,")).collect();
    assert_eq!((rows.len(), names.len()), (12, 24));
    let of = |name: &str| column(&table, name);
    let (given, other, over) = (of("peak_given"), of("peak"), of("probability_over"));
    let (doses, fewer) = (of("four_weeks_mg_given"), of("four_weeks_mg"));
    for i in 0..names.len() {
        if rows.contains(&i) {
            // Unchanged doses give exactly the same time course.
            assert_eq!((given[i], doses[i]), (other[i], fewer[i]));
            assert_eq!(of("rises")[i], 0.0);
        } else {
            assert!(other[i] > given[i] && fewer[i] == 0.25 * doses[i]);
        }
        let is_over = of("days_over")[i] > 0.0;
        assert_eq!((other[i] > 50.0, over[i] > 0.5), (is_over, is_over), "row {i}");
        assert_eq!(of("day_over")[i].is_nan(), !is_over);
        assert!(of("peak_lower")[i] <= other[i] && other[i] <= of("peak_upper")[i]);
    }
}

#[test]
fn patients_outside_a_table_are_left_out_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let run = demo(folder.path());
    // The table for children ends where these adults begin.
    let (code, said, _) =
        what_if(&run, &["--switch", "us_asthma_6_to_12y", "--from", "12", "--stop-after", "24"]);
    assert_eq!(code, 0);
    let table = csv(&run.join("what_if.csv"));
    let left_out = text(&table, "status").iter().filter(|s| *s == "left_out").count();
    let reasons = text(&table, "reason").iter().filter(|r| r.contains("not in the table")).count();
    assert_eq!(left_out, reasons);
    assert!(said.contains("(not verified)") && said.contains("Not medical advice"), "{said}");
    let replayed = 12 - left_out;
    assert!(
        said.contains(&format!("dosed by cells of the table that are not verified: {replayed}\n")),
        "{said}"
    );
}

#[test]
fn doses_by_a_table_carry_the_status_of_their_cells() {
    let folder = tempfile::tempdir().unwrap();
    let run = demo(folder.path());
    let (code, said, why) = what_if(&run, &["--switch", "eu_asthma_6y"]);
    assert_eq!(code, 0, "{why}");
    let table = csv(&run.join("what_if.csv"));
    let [weight, ige, verified] = ["WT", "IGE", "verified"].map(|name| column(&table, name));
    // Verified cells of the European table: the upper end of each row of IgE, and the largest verified body
    // weight.
    let rows = [(300.0, 150.0), (400.0, 90.0), (500.0, 70.0)];
    let is_verified = |kg: f64, iu: f64| rows.iter().any(|(to, heaviest)| iu <= *to && kg <= *heaviest);
    for i in 0..12 {
        let expected = f64::from(u8::from(is_verified(weight[i], ige[i] / 2.42)));
        let is_left_out = text(&table, "status")[i] == "left_out";
        assert!(is_left_out && verified[i].is_nan() || verified[i] == expected, "row {i}");
    }
    let unverified = verified.iter().filter(|v| **v == 0.0).count();
    assert!(said.contains("by table eu_asthma_6y (not verified: 96 of 140 cells): "), "{said}");
    assert!(
        said.contains(&format!("dosed by cells of the table that are not verified: {unverified}\n")),
        "{said}"
    );
    // The US table is verified, and a rule has no cells.
    let (_, said, _) = what_if(&run, &["--switch", "us_asthma_12y", "--force"]);
    assert!(said.contains("by table us_asthma_12y: ") && said.contains("not verified: 0\n"), "{said}");
    let (_, said, _) = what_if(&run, &["--switch", "0.016", "--force"]);
    assert!(!said.contains("verified"), "{said}");
    assert!(column(&csv(&run.join("what_if.csv")), "verified").iter().all(|v| v.is_nan()));
}

#[test]
fn hostile_alternatives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = demo(folder.path());
    for hostile in [
        &[][..],
        &["--scale-dose", "-1"],
        &["--scale-dose", "NaN"],
        &["--every", "0w"],
        &["--every", "4y"],
        &["--stop-after", "-3"],
        &["--switch", "uk"],
        &["--scale-dose", "0.5", "--from", "inf"],
        &["--scale-dose", "0.5", "--target", "0"],
        &["--scale-dose", "0.5", "--level", "1"],
    ] {
        let (code, said, _) = what_if(&run, hostile);
        assert_eq!((code, said.as_str()), (2, ""), "{hostile:?}");
        assert!(!run.join("what_if.csv").exists());
    }
}
