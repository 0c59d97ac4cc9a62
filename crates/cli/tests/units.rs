//! Tests of units, names and numbers as they are shown to readers.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, repository, text};
use std::path::{Path, PathBuf};

fn said(arguments: &[&str], out: &Path) -> String {
    let done = omafit().arg("fit").args(arguments).arg("--out").arg(out).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    repository().join("fixtures").join(name)
}

/// Checks that a text has no NaN or infinity, no zero with a sign, and no plural of a single item.
fn is_readable(said: &str) {
    for wrong in ["NaN", "-0.000", "-0.0 ", " inf ", " 1 subjects", "\n1 subjects", " 1 doses"] {
        assert!(!said.contains(wrong), "{wrong}: {said}");
    }
}

#[test]
fn a_theophylline_run_speaks_of_theophylline_in_the_units_of_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let data = fixture("real/theophylline.csv");
    let arguments =
        ["--model", "one_compartment_oral", "--time-unit", "hours", "--method", "foce", "--nonmem"];
    let said = said(&[&[data.to_str().unwrap()], &arguments[..]].concat(), &run);
    is_readable(&said);
    let row = |name: &str| said.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    // nlmixr2: ka 1.594 1/h, CV 70.5 %; the parts of the row in their order.
    let ka: Vec<String> = row("ka ").split_whitespace().map(str::to_owned).collect();
    assert_eq!(ka[..3], ["ka", "1/h", "1.590"], "{said}");
    assert!(ka.iter().any(|cell| cell == "70.4") && row("CL ").contains("L/h"), "{said}");
    assert!(row("sigma_additive_omalizumab_total").contains("mg/L"), "{said}");
    assert!(row("Theophylline").contains("132") && !said.contains("IgE"), "{said}");

    let parameters = csv(&run.join("parameters.csv"));
    assert_eq!(text(&parameters, "unit")[..3], ["1/h", "L/h", "L"]);
    assert!(text(&parameters, "description").last().unwrap().ends_with("Theophylline"));
    let individuals = csv(&run.join("individuals.csv"));
    let (cl, low, high) = ("CL", "CI_LOW_CL", "CI_HIGH_CL");
    for ((cl, low), high) in
        column(&individuals, cl).iter().zip(column(&individuals, low)).zip(column(&individuals, high))
    {
        assert!((1.0..6.0).contains(cl) && low < *cl && *cl < high, "{low} {cl} {high}");
    }
    for name in ["days_to_target", "ige_free_mean"] {
        assert!(!individuals[0].contains(&name.to_owned()), "{name}");
    }
    let stub = std::fs::read_to_string(run.join("nonmem/run1.mod")).unwrap();
    assert!(stub.contains("; ka, 1/h") && stub.contains("; omalizumab_total, Theophylline, mg/L"), "{stub}");
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("\"title\":\"Theophylline\"") && !report.contains("Total omalizumab"));
    // The estimates in `convergence` and `run.json` have the names that `parameters` has.
    let told = common::record(&run);
    assert_eq!(told["population"]["estimated"][6], "sigma_additive_omalizumab_total");
    assert!(csv(&run.join("convergence.csv"))[0].contains(&"sigma_additive_omalizumab_total".to_owned()));
    assert_eq!(text(&parameters, "name").last().unwrap(), "sigma_additive_omalizumab_total");

    let again = folder.path().join("again");
    omafit().arg("reconstruct").arg(&run).arg("--out").arg(&again).assert().success();
    assert!(again.join("trajectories.parquet").exists() && !again.join("suppression.csv").exists());
}

/// A model file with a clearance in another unit gives the same run, with its table in the unit of the file.
#[test]
fn a_run_of_a_model_in_other_units_is_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let text = omafit_model::published("hayashi2007").unwrap();
    // 0.17568 L/d is 7.32 mL/h.
    let hourly = text.replacen("typical = 0.17568\nunit = \"L/d\"", "typical = 7.32\nunit = \"mL/h\"", 1);
    assert_ne!(text, hourly);
    let file = folder.path().join("hourly.toml");
    std::fs::write(&file, hourly).unwrap();
    let data = fixture("reference/hayashi_20.csv");
    let fit = |model: &str, name: &str| {
        let run = folder.path().join(name);
        let arguments = [data.to_str().unwrap(), "--model", model, "--no-report", "--quiet"];
        said(&arguments, &run);
        csv(&run.join("individuals.csv"))
    };
    let (daily, hourly) = (fit("hayashi2007", "daily"), fit(file.to_str().unwrap(), "hourly"));
    for name in ["CLx", "SE_CLx", "CI_LOW_CLx", "CI_HIGH_CLx"] {
        for (daily, hourly) in column(&daily, name).iter().zip(column(&hourly, name)) {
            assert!((hourly * 0.024 / daily - 1.0).abs() < 1e-6, "{name}: {hourly} {daily}");
        }
    }
    for name in ["RSE_PCT_CLx", "ETA_CLx", "ofv", "Pe"] {
        for (daily, hourly) in column(&daily, name).iter().zip(column(&hourly, name)) {
            assert!((hourly - daily).abs() < 1e-5 * daily.abs().max(1.0), "{name}: {hourly} {daily}");
        }
    }
}

#[test]
fn where_nothing_was_quantified_that_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let data = fixture("reference/hayashi_20.csv");
    let limits = ["--lloq", "omalizumab_total=1e9", "--lloq", "ige_total=1e9", "--lloq", "ige_free=1e9"];
    let said = said(&[&[data.to_str().unwrap(), "--no-report"], &limits[..]].concat(), &run);
    is_readable(&said);
    assert!(said.contains("no observation was quantified"), "{said}");
    // The data carry no information, so that the whole variance of the population remains.
    let shrunk = column(&csv(&run.join("individuals.csv")), "EBV_SHRINK_PCT_ka");
    assert!(shrunk.iter().all(|percent| (percent - 100.0).abs() < 1e-3), "{shrunk:?}");
}

#[test]
fn one_subject_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let all = std::fs::read_to_string(fixture("reference/hayashi_20.csv")).unwrap();
    let one: String =
        all.split_inclusive('\n').filter(|l| l.starts_with("ID") || l.starts_with("1,")).collect();
    let data = folder.path().join("one.csv");
    std::fs::write(&data, one).unwrap();
    let said = said(&[data.to_str().unwrap(), "--no-report"], &folder.path().join("run"));
    is_readable(&said);
    assert!(said.contains("one.csv: 1 subject,") && said.contains("\n1 subject: 1 fitted"), "{said}");
}
