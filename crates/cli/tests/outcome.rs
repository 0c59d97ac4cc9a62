//! Tests of the outcome analysis of a run.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, text};
use std::fmt::Write as _;

#[test]
fn a_demo_ties_simulated_symptoms_to_exposure_and_finds_what_made_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("demo");
    let name = run.to_str().unwrap();
    let made =
        omafit().args(["demo", "--patients", "60", "--replicates", "0", "--out", name]).assert().success();
    let said = String::from_utf8(made.get_output().stdout.clone()).unwrap();
    assert!(said.contains("SIMULATED"), "{said}");
    assert!(std::fs::read_to_string(run.join("outcomes.csv")).unwrap().starts_with("# omafit: SIMULATED"));

    let visits = csv(&run.join("outcome_visits.csv"));
    let (responder, measure) = (text(&visits, "responder"), text(&visits, "measure"));
    let (visit, change) = (column(&visits, "visit"), column(&visits, "change_mean"));
    let at = |who: &str, what: &str, day: f64| {
        let found =
            (0..visit.len()).find(|&i| responder[i] == who && measure[i].contains(what) && visit[i] == day);
        change[found.unwrap()]
    };
    // A placebo response of 1 point, and an effect of 0.65 in responders; for PEF 3 and 22 L/min.
    assert!((-2.0..-1.2).contains(&at("responder", "score", 168.0)), "{}", at("responder", "score", 168.0));
    assert!((-1.3..-0.6).contains(&at("nonresponder", "score", 168.0)));
    assert!((15.0..35.0).contains(&at("responder", "PEF", 168.0)));

    let facts = csv(&run.join("outcome_hysteresis.csv"));
    let row = |who: &str, what: &str, fact: &str, exposure: &str| {
        let (a, b, c, d) = (
            text(&facts, "responder"),
            text(&facts, "measure"),
            text(&facts, "fact"),
            text(&facts, "exposure"),
        );
        (0..a.len())
            .find(|&i| a[i] == who && b[i].contains(what) && c[i] == fact && d[i] == exposure)
            .unwrap()
    };
    let direction = text(&facts, "direction");
    assert_eq!(direction[row("responder", "score", "area", "log_ige_free")], "counter-clockwise");
    assert_eq!(direction[row("responder", "PEF", "area", "log_ige_free")], "clockwise");
    let value = column(&facts, "value");
    let p = row("responder", "score", "p_no_delay", "ige_free");
    assert!(value[p] < 0.01 && direction[p] == "counter-clockwise");
    // Without an effect there is no delay, and the reason is given.
    let none = row("nonresponder", "score", "area", "log_ige_free");
    assert!(value[none].is_nan() && direction[none].is_empty());
    assert_eq!(text(&facts, "reason")[none], "no effect of this exposure");
    let models = csv(&run.join("outcome_models.csv"));
    let (who, model) = (text(&models, "responder"), text(&models, "model"));
    let chosen = column(&models, "chosen");
    let of_nonresponders = (0..who.len()).filter(|&i| who[i] == "nonresponder" && chosen[i] == 1.0);
    let names: Vec<&String> = of_nonresponders.map(|i| &model[i]).collect();
    let is_without = |name: &&&String| ["no_effect", "time_linear", "time_plateau"].contains(&name.as_str());
    assert_eq!(names.iter().filter(is_without).count(), 3, "of the three outcomes: {names:?}");
    assert!(value[row("nonresponder", "score", "day_stabilised", "")].is_nan());
    assert!(value[row("responder", "score", "days_suppressed_to_stabilised", "")] > 14.0);

    // The rate, 1/21 a day, is in the interval of the right model.
    let fits = csv(&run.join("outcome_model_parameters.csv"));
    let names = ["responder", "measure", "model", "parameter"].map(|n| text(&fits, n));
    let wanted = ["responder", "Total asthma symptom score", "production_emax_time_plateau", "k"];
    let at = (0..names[0].len()).find(|&i| names.iter().zip(wanted).all(|(n, w)| n[i] == w)).unwrap();
    let (low, high) = (column(&fits, "low")[at], column(&fits, "high")[at]);
    assert!(low < 1.0 / 21.0 && 1.0 / 21.0 < high, "{low} to {high}");

    // Each conclusion has a number, or a reason.
    let conclusions = csv(&run.join("outcome_conclusions.csv"));
    let (value, reason) = (column(&conclusions, "value"), text(&conclusions, "reason"));
    assert_eq!(value.len(), 3 * 3 * 5);
    assert!(value.iter().zip(&reason).all(|(value, reason)| value.is_nan() != reason.is_empty()));

    for figure in ["outcome_1_courses", "outcome_3_loops"] {
        let svg = std::fs::read_to_string(run.join(format!("figures/{figure}.svg"))).unwrap();
        assert!(svg.contains("Simulated data") && !svg.contains("NaN"), "{figure}");
    }
    assert!(std::fs::read_to_string(run.join("report.html")).unwrap().contains("outcome_correlation"));

    // The same analysis on one thread gives the same bytes; existing results are not replaced without --force.
    let outcomes = run.join("outcomes.csv");
    let again = [
        "outcome",
        name,
        outcomes.to_str().unwrap(),
        "--replicates",
        "500",
        "--seed",
        "2009",
        "--threads",
        "1",
    ];
    omafit().args(again).assert().code(2);
    let before = |file: &str| std::fs::read(run.join(file)).unwrap();
    let files = [
        "outcome_hysteresis.csv",
        "outcome_models.csv",
        "outcome_model_parameters.csv",
        "outcome_exposure.csv",
    ];
    let kept = files.map(before);
    omafit().args(again).args(["--force", "--quiet"]).assert().success();
    assert!(files.map(before) == kept);

    compares_arms(&run);
    refuses_and_takes_small_ones(&run);
}

/// Checks a comparison of arms that were assigned after the fact: the means are those of the patients, and the
/// arms do not differ.
fn compares_arms(run: &std::path::Path) {
    let outcomes = std::fs::read_to_string(run.join("outcomes.csv")).unwrap();
    let mut table = String::new();
    for line in outcomes.lines().filter(|line| !line.starts_with('#')) {
        let id = line.split(',').next().unwrap();
        let arm = match id.parse::<u32>() {
            Ok(id) if id % 2 == 0 => "even",
            Ok(_) => "odd",
            Err(_) => "ARM",
        };
        writeln!(table, "{line},{arm}").unwrap();
    }
    let path = run.join("arms.csv");
    std::fs::write(&path, table).unwrap();
    let arguments = ["outcome", run.to_str().unwrap(), path.to_str().unwrap(), "--force", "--no-delay"];
    let visits = ["--visits", "28,84,140,196,252", "--replicates", "100"];
    let done = omafit().args(arguments).args(visits).assert().success();
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(said.contains("even less odd on day 140") || said.contains("odd less even on day 140"), "{said}");
    let arms = csv(&run.join("outcome_arms.csv"));
    let (p, difference) = (column(&arms, "p_value"), column(&arms, "difference"));
    // Three measures, five visits, two arms.
    assert_eq!((p.len(), p.iter().filter(|p| p.is_finite()).count()), (30, 15));
    assert!(difference.iter().zip(&p).all(|(d, p)| d.is_finite() == p.is_finite()));
    assert!(p.iter().all(|p| p.is_nan() || *p > 1e-3), "{p:?}");
    // More visits than a covariance can be estimated for.
    let done = omafit().args(arguments).args(["--replicates", "100"]).assert().success();
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(said.contains("are more than 12: choose some with --visits"), "{said}");
}

/// Checks options and tables that are refused, and a table of a single patient.
fn refuses_and_takes_small_ones(run: &std::path::Path) {
    let name = run.to_str().unwrap();
    let table = run.join("few.csv");
    let mut few = String::from("ID,TIME,MEASURE,VALUE\n");
    for (day, value) in [(0, 5), (28, 3), (56, 2)] {
        writeln!(few, "1,{day},=score<b>,{value}").unwrap();
    }
    std::fs::write(&table, &few).unwrap();
    let path = table.to_str().unwrap();
    for wrong in [
        ["--replicates", "5"],
        ["--onset-days", "-1"],
        ["--baseline", "run-in"],
        ["--visits", "0"],
        ["--visits", "672,1344"],
        ["--visit-window", "0"],
        ["--max-lag", "99999"],
        ["--column", "WHAT=EVER"],
        ["--threads", "0"],
    ] {
        omafit().args(["outcome", name, path, "--force"]).args(wrong).assert().code(2);
    }
    std::fs::write(&table, few.replace("1,28", "stranger,28")).unwrap();
    let refused = omafit().args(["outcome", name, path, "--force"]).assert().code(2);
    let said = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(said.contains("few.csv:3") && said.contains("ID stranger"), "{said}");
    let allowed = ["outcome", name, path, "--force", "--allow-unknown", "--window", "trough"];
    omafit().args(allowed).assert().success();
    let told = std::fs::read_to_string(run.join("outcome.json")).unwrap();
    assert!(told.contains("1 patient without =score<b>"), "{told}");
    let visits = csv(&run.join("outcome_visits.csv"));
    assert_eq!(column(&visits, "change_mean"), [0.0, -3.0]);
    // Day 56 belongs to no visit, and a note says so.
    std::fs::write(&table, &few).unwrap();
    let windows = ["outcome", name, path, "--force", "--visits", "28", "--visit-window", "7"];
    let done = omafit().args(windows).assert().success();
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let note = "1 value of =score<b> outside the windows of the visits, from day 56 to day 56: in no visit";
    assert!(said.contains(note), "{said}");
    assert!(std::fs::read_to_string(run.join("outcome.json")).unwrap().contains(note));
    let patients = csv(&run.join("outcome_patients.csv"));
    assert_eq!(text(&patients, "reason")[2], "outside the windows of the visits");
    let hours = ["outcome", name, path, "--force", "--visits", "672,1344"];
    let refused = omafit().args(hours).assert().code(2);
    let said = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(said.contains("are these hours?"), "{said}");
}

#[test]
fn a_run_without_time_courses_has_exposure_and_a_group_without_a_baseline_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let demo = folder.path().join("demo");
    let made = ["demo", "--patients", "4", "--replicates", "0", "--quiet", "--out", demo.to_str().unwrap()];
    omafit().args(made).assert().success();
    let run = folder.path().join("run");
    let (name, data) = (run.to_str().unwrap(), demo.join("data.csv"));
    omafit()
        .args(["fit", data.to_str().unwrap(), "--out", name, "--no-trajectories", "--quiet"])
        .assert()
        .success();
    let table = folder.path().join("few.csv");
    let text_of = "ID,TIME,MEASURE,VALUE,RESPONDER\n1,0,score,5,yes\n1,28,score,3,yes\n2,28,score,3,no\n";
    std::fs::write(&table, text_of).unwrap();
    let done = omafit().args(["outcome", name, table.to_str().unwrap()]).assert().success();
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(said.contains("2 of them with exposure") && !said.contains("NaN"), "{said}");
    assert!(said.contains("note: 1 patient without score before the first dose"), "{said}");
    let visits = csv(&run.join("outcome_visits.csv"));
    let of_no = text(&visits, "responder").iter().position(|who| who == "no").unwrap();
    assert_eq!((column(&visits, "n")[of_no], column(&visits, "visit")[of_no].is_nan()), (0.0, true));
    assert_eq!(text(&visits, "reason")[of_no], "no value before the first dose");
    // Free IgE falls within the first day, but not linearly.
    let exposure = csv(&run.join("outcome_exposure.csv"));
    let (day, log) = (column(&exposure, "day"), column(&exposure, "log_ige_free_mean"));
    let at = |wanted: f64| log[day.iter().position(|d| *d == wanted).unwrap()];
    assert!(at(0.5) < 0.4 * at(0.0) + 0.6 * at(1.0), "{} {} {}", at(0.0), at(0.5), at(1.0));
}
