//! Tests that a run records its provenance, and that it can be used from any folder.

#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, record, repository};
use omafit_model::{ModelFile, published};
use omafit_trial::sha256;
use std::path::{Path, PathBuf};

/// A theophylline fit within `study`, with paths relative to it.
fn study(folder: &Path, more: &[&str]) -> PathBuf {
    let study = folder.join("study");
    std::fs::create_dir_all(&study).unwrap();
    std::fs::copy(repository().join("fixtures/real/theophylline.csv"), study.join("base.csv")).unwrap();
    let arguments = ["base.csv", "--model", "one_compartment_oral", "--time-unit", "hours", "--out", "run1"];
    omafit().current_dir(&study).arg("fit").args(arguments).args(more).assert().success();
    study
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_run_says_what_made_it_and_from_what() {
    let folder = tempfile::tempdir().unwrap();
    let more =
        ["--title", "Theophylline <b>", "--note", "first try", "--note", "see run2", "--method", "foce"];
    let study = study(folder.path(), &more);
    let run = study.join("run1");
    let told = record(&run);
    let started = told["started"].as_str().unwrap();
    assert!(started.len() == 20 && started.starts_with("20") && started.ends_with('Z'), "{started}");
    assert!(!told["commit"].as_str().unwrap().is_empty());
    assert_eq!(told["host"]["os"], std::env::consts::OS);
    assert!(told["host"]["cpus"].as_u64().unwrap() > 0 && told["wall_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(told["title"], "Theophylline <b>");
    assert_eq!(told["notes"], serde_json::json!(["first try", "see run2"]));
    assert_eq!(told["model"], "one_compartment_oral");
    let sum = sha256(published("one_compartment_oral").unwrap().as_bytes());
    assert_eq!(told["model_file"]["sha256"], sum.as_str());
    assert_eq!(told["fitted_model"], "one_compartment_oral_fitted");
    assert_eq!(told["data"]["from_run"], "../base.csv");
    let report = read(&run.join("report.html"));
    assert!(report.contains("see run2") && !report.contains("Theophylline <b>"));

    // Estimates have their own name and source, and refer to the initial model.
    let text = read(&run.join("model.toml"));
    let ModelFile { name, title, source, based_on, .. } = ModelFile::parse(&text).unwrap();
    assert_eq!(name, "one_compartment_oral_fitted");
    let based_on = based_on.unwrap();
    assert!(
        based_on.contains(&sum) && based_on.contains(told["data"]["sha256"].as_str().unwrap()),
        "{based_on}"
    );
    assert!(
        source.starts_with("estimated by omafit") && source.ends_with("started from one_compartment_oral")
    );
    assert!(!text.contains("Boeckmann") && !title.contains("12 people"), "{text}");

    // Data simulated from the estimates name their model as well.
    let simulated = study.join("simulated.csv");
    let arguments = ["--model", "run1/model.toml", "--like", "base.csv", "--time-unit", "hours", "--out"];
    omafit().current_dir(&study).arg("simulate").args(arguments).arg(&simulated).assert().success();
    let header = read(&simulated).lines().next().unwrap().to_owned();
    assert!(header.contains("model one_compartment_oral_fitted,"), "{header}");

    // A run that starts from the estimates records their origin.
    let arguments =
        ["base.csv", "--model", "run1/model.toml", "--time-unit", "hours", "--out", "run2", "--no-report"];
    omafit().current_dir(&study).arg("fit").args(arguments).assert().success();
    let second = record(&study.join("run2"));
    assert_eq!(second["model_file"]["sha256"], sha256(text.as_bytes()).as_str());
    assert_eq!(second["model_file"]["based_on"], based_on.as_str());
    assert!(second["fitted_model"].is_null());
}

#[test]
fn a_published_name_heads_no_other_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let text = published("hayashi2007").unwrap();
    let changed = text.replacen("typical = 0.48", "typical = 0.5", 1);
    assert_ne!(text, changed);
    let (file, out) = (folder.path().join("my.toml"), folder.path().join("simulated.csv"));
    std::fs::write(&file, changed).unwrap();
    let arguments = ["--patients", "2", "--visits", "0,28", "--out"];
    omafit().args(["simulate", "--model"]).arg(&file).args(arguments).arg(&out).assert().success();
    let header = read(&out).lines().next().unwrap().to_owned();
    assert!(header.contains("model hayashi2007_changed,"), "{header}");
    let said = omafit().args(["model", "describe"]).arg(&file).assert().success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(!said.contains("Hayashi"), "{said}");
}

#[test]
fn a_run_works_from_any_folder_and_after_it_was_moved() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path(), &["--no-report"]);
    let reconstruct = |run: &Path, out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let done = omafit()
            .current_dir(folder.path())
            .arg("reconstruct")
            .arg(run)
            .args(more)
            .args(["--quiet", "--out"])
            .arg(out)
            .output()
            .unwrap();
        (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    // From the parent folder.
    assert_eq!(reconstruct(Path::new("study/run1"), "above", &[]), (0, String::new()));
    let checked = ["vpc", "study/run1", "-n", "100", "--quiet"];
    omafit().current_dir(folder.path()).args(checked).assert().success();
    // The whole study was moved.
    let moved = folder.path().join("moved");
    std::fs::rename(&study, &moved).unwrap();
    assert_eq!(reconstruct(&moved.join("run1"), "moved_on", &[]), (0, String::new()));
    // The run alone was moved: the path of the data must be given.
    let alone = folder.path().join("alone");
    std::fs::rename(moved.join("run1"), &alone).unwrap();
    let (code, said) = reconstruct(&alone, "never", &[]);
    assert!(code == 2 && said.contains("base.csv") && said.contains("--data FILE"), "{said}");
    let data = moved.join("base.csv");
    let data = data.to_str().unwrap();
    assert_eq!(reconstruct(&alone, "told", &["--data", data]), (0, String::new()));
    // Data with other bytes are refused, with both checksums in the message.
    let other = folder.path().join("other.csv");
    std::fs::write(&other, "ID,TIME\n").unwrap();
    let (code, said) = reconstruct(&alone, "never", &["--data", other.to_str().unwrap()]);
    let expected = record(&alone)["data"]["sha256"].as_str().unwrap().to_owned();
    assert!(code == 2 && said.contains(&expected) && said.contains(&sha256(b"ID,TIME\n")), "{said}");
}
