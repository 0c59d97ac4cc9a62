//! Tests of `omafit compare` on made-up records of runs.

#![allow(clippy::unwrap_used)]

mod common;

use common::{column, csv, omafit, text};
use omafit_model::{ModelFile, PopulationModel, published};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const DATA: &str = "acf0c26e1a8c2d33a476647d70fd4f4f3e29a8d2506bac0a18fcb65ab178b8bd";

/// A run whose record, model and tables can be changed before they are written.
struct Made {
    record: Value,
    model: ModelFile,
    parameters: String,
}

/// A theophylline run by FOCE with the given −2LL and number of estimated parameters.
fn made(minus2ll: f64, estimated: u32) -> Made {
    let p = f64::from(estimated);
    let record = json!({
        "schema_version": 2,
        "tool": "omafit",
        "model": "one_compartment_oral",
        "method": "foce",
        "title": null,
        "options": { "censored": "m3", "residuals": "normal", "level": 0.9 },
        "data": {
            "path": "theophylline.csv",
            "sha256": DATA,
            "read": { "columns": {}, "assume": {}, "time_unit": "hours", "lloq": [null, null, null], "covariates": [] },
        },
        "seconds": { "population": 1.5, "tables": 0.5 },
        "likelihood": {
            "method": "linear", "ofv": minus2ll - 242.596_6, "minus2ll": minus2ll, "estimated": estimated,
            "aic": minus2ll + 2.0 * p, "bic": minus2ll + p * 12_f64.ln(), "bicc": minus2ll + p * 12_f64.ln() + 2.4,
            "monte_carlo_se": null, "subjects": 12, "observations": 132,
        },
        "population": {
            "ofv": minus2ll - 242.596_6, "iterations": 9, "converged": true, "stop_reason": "converged: nothing is left",
            "condition_number": 12.5, "held": [],
        },
        "warnings": [],
    });
    let model = PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap().file().clone();
    let parameters = "name,unit,estimate,se,rse_pct,fixed\nka,1/h,1.59,0.3,19.0,0\nCL,L/h,2.75,0.2,7.9,0\n\
                      omega2_V,1,0.0191,0.01,60.1,0\n";
    Made { record, model, parameters: parameters.into() }
}

impl Made {
    fn write(&self, folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("run.json", &serde_json::to_string_pretty(&self.record).unwrap());
        write("model.toml", &toml::to_string(&self.model).unwrap());
        write("parameters.csv", &self.parameters);
        write("shrinkage.csv", "parameter,n,shrinkage_sd_pct\nka,12,4.4\nV,12,11.3\n");
        folder.to_owned()
    }

    fn set(mut self, pointer: &str, value: Value) -> Self {
        *self.record.pointer_mut(pointer).unwrap() = value;
        self
    }

    fn without_variance(mut self, name: &str) -> Self {
        self.model.variability.remove(name);
        self
    }
}

fn compare(runs: &[&Path], more: &[&str]) -> (i32, String, String) {
    let done = omafit().arg("compare").args(runs).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

/// The base model, and a model without the variance of V whose −2LL is 5.6 higher.
fn pair(folder: &Path) -> [PathBuf; 2] {
    let base = made(359.4, 7).write(&folder.join("base"));
    [base, made(365.0, 6).without_variance("V").write(&folder.join("no-V"))]
}

#[test]
fn two_nested_runs_are_tested_with_the_mixture() {
    let folder = tempfile::tempdir().unwrap();
    let [base, less] = pair(folder.path());
    let files = ["table.csv", "table.md", "page.html"].map(|name| folder.path().join(name));
    let [table, markdown, html] = files.each_ref().map(|path| path.to_str().unwrap());
    let to_files = ["--csv", table, "--markdown", markdown, "--html", html];
    let (code, said, failed) = compare(&[&base, &less], &to_files);
    assert_eq!((code, failed.as_str()), (0, ""), "{said}");
    for expected in [
        "no-V against base\n  variability of V: estimated → none\n",
        "½χ²(0) + ½χ²(1)",
        "no variance of V",
        "the lowest AIC of those that converged: base",
        "1.5900 (19.0)",
        "likelihood: linearised",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let rows = csv(&files[0]);
    assert_eq!(text(&rows, "run"), ["base", "no-V"]);
    assert_eq!(text(&rows, "lrt_reference"), ["", "½χ²(0) + ½χ²(1)"]);
    // Half of scipy.stats.chi2.sf(5.6, 1) = 0.01796047.
    assert!((column(&rows, "lrt_p_value")[1] - 0.008_980_235).abs() < 1e-8);
    assert!((column(&rows, "delta_ofv")[1] - 5.6).abs() < 1e-9);
    assert_eq!(column(&rows, "delta_aic")[0], 0.0);
    // exp(−1.8)/(1 + exp(−1.8)): AIC differs by 3.6.
    assert!((column(&rows, "akaike_weight")[1] - 0.141_851_06).abs() < 1e-8);
    assert_eq!(column(&rows, "shrinkage_sd_pct_V"), [11.3, 11.3]);
    assert_eq!(column(&rows, "rse_pct_CL"), [7.9, 7.9]);
    let page = std::fs::read_to_string(&files[2]).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("no variance of V"));
    assert!(
        !page.contains("<script") && !page.contains("http:") && !page.contains("https:"),
        "nothing runs, nothing is fetched"
    );
    assert!(std::fs::read_to_string(&files[1]).unwrap().contains("| base |"));
    // An existing file is kept unless --force is given, and nothing else is written then.
    let (code, _, failed) = compare(&[&base, &less], &["--html", html, "--csv", "new.csv"]);
    assert!(code == 2 && failed.contains("there is a file of that name already"), "{failed}");
    assert!(!Path::new("new.csv").exists());
    assert_eq!(compare(&[&base, &less], &["--quiet", "--html", html, "--force"]), (0, "".into(), "".into()));
    let (code, _, failed) = compare(&[&base, &less], &["--html", html, "--csv", html, "--force"]);
    assert!(code == 2 && failed.contains("a file for each"), "{failed}");
}

#[test]
fn runs_of_other_data_or_likelihoods_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let base = made(359.4, 7).write(&folder.path().join("base"));
    let other = |pointer: &str, value: Value| {
        made(365.0, 6).without_variance("V").set(pointer, value).write(&folder.path().join("other"))
    };
    for (pointer, value, expected) in [
        (
            "/data/sha256",
            json!("ff".repeat(32)),
            "base and other differ in their data (SHA-256): acf0c26e1a8c and ffff",
        ),
        ("/options/censored", json!("m1"), "(--censored): m3 and m1"),
        (
            "/options/residuals",
            json!({"student_t": 5.0}),
            "the distribution of residuals (--robust): normal and",
        ),
        (
            "/likelihood/method",
            json!("is"),
            "the likelihood (--likelihood): linearised and importance sampling",
        ),
        ("/likelihood/observations", json!(120), "132 of 12 and 120 of 12"),
        ("/data/read/time_unit", json!("days"), "how the data were read (time_unit): hours and days"),
        ("/data/read/lloq", json!([0.5, null, null]), "how the data were read (lloq)"),
        ("/data/read/columns", json!({"DV": "CONC"}), "how the data were read (columns DV): none and CONC"),
    ] {
        let other = other(pointer, value);
        let (code, said, failed) = compare(&[&base, &other], &[]);
        assert!(code == 2 && said.is_empty() && failed.contains(expected), "{expected}\n{failed}");
        assert!(failed.contains("--parameters-only shows the rest"));
        let (code, said, failed) = compare(&[&base, &other], &["--parameters-only"]);
        assert!(code == 0 && failed.is_empty() && said.contains("1.5900 (19.0)"), "{said}");
        assert!(!said.contains("AIC") && !said.contains("ratio test"), "{said}");
    }
    // Covariates that only one of the models reads do not make the data different.
    for (pointer, value) in [
        ("/data/read/covariates", json!(["WT"])),
        ("/data/read/assume", json!({"WT": 70.0})),
        ("/data/read/columns", json!({"WT": "WGT"})),
    ] {
        assert_eq!(compare(&[&base, &other(pointer, value)], &["--quiet"]).0, 0, "{pointer}");
    }
}

#[test]
fn runs_without_a_population_or_not_converged_never_win() {
    let folder = tempfile::tempdir().unwrap();
    let [base, less] = pair(folder.path());
    let mut map = made(100.0, 7).set("/method", json!("map"));
    for key in ["population", "likelihood"] {
        map.record.as_object_mut().unwrap().remove(key);
    }
    let map = map.write(&folder.path().join("map"));
    let open = made(300.0, 7).set("/population/converged", json!(false));
    let open =
        open.set("/population/stop_reason", json!("stalled: no step")).write(&folder.path().join("open"));
    let (code, said, _) = compare(&[&map, &base, &less, &open], &[]);
    assert_eq!(code, 0, "{said}");
    for expected in [
        "map: no population was estimated (--method map), so that there is no likelihood to compare",
        "open has not converged, and has no weight; its AIC is lower than any of those that did",
        "the lowest AIC of those that converged: base",
        "NOT CONVERGED, 9 iterations: stalled: no step",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    // A comparison needs at least two likelihoods.
    for runs in [[&map, &base], [&base, &open]] {
        let (code, said, failed) = compare(&runs.map(PathBuf::as_path), &[]);
        assert_eq!((code, failed.as_str()), (1, ""), "{said}");
    }
    let two_stage = made(365.0, 6).without_variance("V").set("/method", json!("its"));
    let two_stage = two_stage.write(&folder.path().join("its"));
    let (code, said, _) = compare(&[&base, &two_stage], &[]);
    assert!(code == 0 && said.contains("maximises no likelihood"), "{said}");
}

#[test]
fn lineage_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let [base, less] = pair(folder.path());
    let child = |based_on: &str| {
        let fixed = |m: &mut ModelFile| m.parameters.get_mut("ka").unwrap().fixed = true;
        let mut child = made(371.0, 5).without_variance("V");
        fixed(&mut child.model);
        let folder = child.write(&folder.path().join("child"));
        let text = std::fs::read_to_string(folder.join("model.toml")).unwrap();
        std::fs::write(folder.join("model.toml"), format!("{based_on}\n{text}")).unwrap();
        folder
    };
    let sum = omafit_trial::sha256(&std::fs::read(less.join("model.toml")).unwrap());
    let (code, said, failed) = compare(&[&base, &less, &child(&format!("based_on = \"no-V {sum}\""))], &[]);
    assert_eq!(code, 0, "{failed}");
    assert!(
        said.contains("child against no-V, which it is based on\n  typical value of ka: estimated → fixed"),
        "{said}"
    );
    // One more restriction than the origin of its model, two more than the first run.
    assert!(said.contains("χ²(1)") && said.contains("½χ²(1) + ½χ²(2)"), "{said}");
    let (_, said, _) = compare(&[&base, &less, &child("based_on = \"one_compartment_oral\"")], &[]);
    assert!(said.contains("child against the model one_compartment_oral, which it is based on"), "{said}");
}

#[test]
fn what_is_no_run_is_refused_with_every_reason() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let [base, _] = pair(folder.path());
    let empty = at("empty");
    std::fs::create_dir(&empty).unwrap();
    let cut = made(359.4, 7).write(&at("cut"));
    let whole = std::fs::read_to_string(cut.join("run.json")).unwrap();
    std::fs::write(cut.join("run.json"), &whole[..whole.len() / 2]).unwrap();
    let old = made(359.4, 7).set("/schema_version", json!(1)).write(&at("old"));
    let later = made(359.4, 7).set("/schema_version", json!(99)).write(&at("later"));
    let mut bare = made(359.4, 7);
    bare.record.as_object_mut().unwrap().remove("likelihood");
    let bare = bare.write(&at("bare"));
    let lost = made(359.4, 7).write(&at("lost"));
    std::fs::remove_file(lost.join("model.toml")).unwrap();
    let torn = Made { parameters: "name,unit\nka,1/h\n".into(), ..made(359.4, 7) }.write(&at("torn"));
    let strange = made(359.4, 7).set("/data", json!([1, 2])).write(&at("strange"));
    let list = at("list");
    std::fs::create_dir(&list).unwrap();
    std::fs::write(list.join("run.json"), "[]").unwrap();
    let runs =
        [&base, &empty, &cut, &old, &later, &bare, &lost, &torn, &strange, &list, &base, &at("nowhere")];
    let (code, said, failed) = compare(&runs.map(PathBuf::as_path), &[]);
    assert!(code == 2 && said.is_empty(), "{said}");
    for expected in [
        "empty: this is no run of omafit: it has no run.json",
        "cut/run.json: this is no record of a run: EOF while parsing",
        "old: an earlier omafit wrote this run, without the likelihood by which runs are compared: fit again",
        "later: a later omafit wrote this run",
        "bare: this run has no likelihood of its population: fit again",
        "lost/model.toml: ",
        "torn/parameters.csv: there is no column estimate",
        "strange/run.json: this is no record of a run",
        "list/run.json: this is no record of a run: it has no schema_version",
        "base: given twice",
        "nowhere: this is no folder of a run",
    ] {
        assert!(failed.contains(expected), "{expected}\n{failed}");
    }
    assert_eq!(omafit().arg("compare").arg(&base).output().unwrap().status.code(), Some(2));
}

#[test]
fn hostile_text_and_numbers_are_shown_as_text_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "\u{1b}[2J\u{1b}]0;x\u{7}<script>alert(1)</script>\u{202e}|\n*a*";
    let mut bad = made(359.4, 7).set("/title", json!(evil));
    bad.parameters =
        format!("name,unit,estimate,rse_pct,fixed\n\"{evil}\",\"{evil}\",NaN,inf,0\nka,1/h,1e999,,0\n");
    bad.model.name = evil.into();
    let bad = bad
        .set("/population/stop_reason", json!(evil))
        .set("/population/held", json!([evil]))
        .set("/options/censored", json!(evil))
        .set("/data/sha256", json!(evil))
        .set("/likelihood/aic", Value::Null)
        .set("/population/condition_number", Value::Null);
    let first = bad.write(&folder.path().join("a<script>"));
    let second = bad.set("/seconds", json!({"x": "y"})).write(&folder.path().join("b"));
    let files = ["t.csv", "t.md", "t.html"].map(|name| folder.path().join(name));
    let [table, markdown, html] = files.each_ref().map(|path| path.to_str().unwrap());
    let (code, said, failed) =
        compare(&[&first, &second], &["--csv", table, "--markdown", markdown, "--html", html]);
    assert_eq!(code, 1, "{failed}");
    let is_clean = |text: &str| !text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
    assert!(is_clean(&said) && is_clean(&failed), "{said:?}");
    assert!(said.contains("the likelihood is no number") && !said.contains("NaN"), "{said}");
    let page = std::fs::read_to_string(&files[2]).unwrap();
    assert!(is_clean(&page) && !page.contains("<script") && page.contains("&lt;script&gt;"));
    let page = std::fs::read_to_string(&files[1]).unwrap();
    assert!(is_clean(&page) && !page.replace("\\<", "").contains('<') && !page.contains("*a*"), "{page}");
    let rows = csv(&files[0]);
    assert!(column(&rows, "aic").iter().all(|aic| aic.is_nan()));
}

#[test]
fn thirty_runs_and_copies_stand_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let names = (0..30).map(|k| folder.path().join(format!("a-run-of-a-name-that-is-not-short-{k}")));
    let runs: Vec<PathBuf> =
        names.enumerate().map(|(k, name)| made(359.4 + k as f64, 7).write(&name)).collect();
    let runs: Vec<&Path> = runs.iter().map(PathBuf::as_path).collect();
    let (code, said, failed) = compare(&runs, &[]);
    assert_eq!((code, failed.as_str()), (0, ""));
    let longest = said.lines().filter(|line| !line.contains(':')).map(|line| line.chars().count()).max();
    assert!(longest.unwrap() <= 100, "{longest:?}");
    assert!(said.contains("the models are the same: there is nothing to test"));
    let copy = made(359.4, 7).write(&folder.path().join("copy"));
    let (code, said, _) = compare(&[runs[0], &copy], &[]);
    assert!(code == 0 && said.contains("copy is a copy of"), "{said}");
}
