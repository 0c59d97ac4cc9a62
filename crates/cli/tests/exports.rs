//! Tests of the exported tables of a run, and of the definitions of their columns.

#![allow(clippy::unwrap_used)]

mod common;

use common::{all_defined, omafit, repository};
use omafit_trial::{definitions_markdown, record_markdown};
use std::path::Path;

fn theophylline(out: &Path, more: &[&str]) {
    let data = repository().join("fixtures/real/theophylline.csv");
    let arguments =
        ["--model", "one_compartment_oral", "--time-unit", "hours", "--method", "foce", "--quiet"];
    omafit().arg("fit").arg(data).args(arguments).args(more).arg("--out").arg(out).assert().success();
}

#[test]
fn every_column_of_a_run_is_defined() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("foce");
    theophylline(&out, &["--replicates", "100", "--no-report"]);
    all_defined(&out);
    let out = folder.path().join("alone");
    let data = repository().join("fixtures/real/meno_tetang_lowe_2005.csv");
    let arguments =
        ["--method", "nls", "--estimate", "all", "--assume-weight", "70", "--profile", "--sigma", "subject"];
    omafit()
        .arg("fit")
        .arg(data)
        .args(arguments)
        .args(["--quiet", "--no-report", "--out"])
        .arg(&out)
        .assert()
        .success();
    all_defined(&out);
}

#[test]
fn the_book_has_the_definitions() {
    for (name, expected) in [("columns.md", definitions_markdown()), ("run-json.md", record_markdown())] {
        let page = std::fs::read_to_string(repository().join("docs/guide").join(name)).unwrap();
        let (head, found) = page.split_at(page.find("\n## ").unwrap());
        if found != expected {
            let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            std::fs::write(&fresh, format!("{head}{expected}")).unwrap();
            panic!("docs/guide/{name} is not what the code says; {} is", fresh.display());
        }
    }
}

#[test]
fn forms_are_written_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    theophylline(&out, &["--xlsx", "--markdown", "--latex", "--nonmem", "--no-report"]);
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(std::fs::read(out.join("tables.xlsx")).unwrap().starts_with(b"PK"));
    let markdown = read("tables/parameters.md");
    // Seven parameters, and the header above them.
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| ")).count(), 9, "{markdown}");
    assert!(markdown.contains("| ka | 1/h | 1.590 | 19.2 | 1.092 to 2.316 |  |  |"), "{markdown}");
    assert!(markdown.contains("Likelihood by linearisation (FOCE): OFV 116.80"), "{markdown}");
    let latex = read("tables/individuals.tex");
    assert!(latex.contains("\\begin{longtable}{@{}lrrrrrl@{}}"), "{latex}");
    assert_eq!(latex.lines().filter(|line| line.ends_with("& ok \\\\")).count(), 12);
    let ext = read("nonmem/run1.ext");
    let last = ext.lines().find(|line| line.trim_start().starts_with("-1000000000 ")).unwrap();
    let objective: f64 = last.split_whitespace().last().unwrap().parse().unwrap();
    assert!((objective - 116.80).abs() < 0.02, "{objective}");
    let mut files: Vec<String> = std::fs::read_dir(out.join("nonmem"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected =
        ["catab1", "cotab1", "patab1", "run1.cor", "run1.cov", "run1.ext", "run1.mod", "run1.phi", "sdtab1"];
    assert_eq!(files, expected);
    // The same run gives the same bytes.
    let again = folder.path().join("again");
    theophylline(&again, &["--xlsx", "--no-report"]);
    let bytes = |run: &Path| std::fs::read(run.join("tables.xlsx")).unwrap();
    assert!(bytes(&out) == bytes(&again));
    assert!(!again.join("nonmem").exists() && !again.join("tables").exists());
}

#[test]
fn a_run_without_a_population_has_no_files_of_nonmem() {
    let folder = tempfile::tempdir().unwrap();
    let data = repository().join("fixtures/real/theophylline.csv");
    let out = folder.path().join("run");
    let arguments = ["--model", "one_compartment_oral", "--method", "nls", "--nonmem", "--out"];
    let refused = omafit().arg("fit").arg(data).args(arguments).arg(&out).assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("--nonmem"), "{said}");
    assert!(!out.exists());
}
