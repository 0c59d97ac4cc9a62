//! Tests of the tables of outcomes and of alternative doses as workbook, Markdown and LaTeX.

#![allow(clippy::unwrap_used)]

mod common;

use common::{all_defined, omafit, repository};
use std::fmt::Write as _;
use std::path::Path;

/// Fits a trial of twenty patients.
fn fit(out: &Path, more: &[&str]) {
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    let arguments = ["--no-trajectories", "--no-report", "--quiet", "--out"];
    omafit().arg("fit").arg(data).args(arguments).arg(out).args(more).assert().success();
}

/// Writes a score that falls more in half of the patients, with alternating arms if `has_arms`.
fn outcomes(path: &Path, has_arms: bool) {
    let mut table = String::from("ID,TIME,MEASURE,VALUE,UNIT,RESPONDER,ARM\n");
    for id in 1..=20 {
        let responder = if id <= 10 { "yes" } else { "no" };
        let arm = if has_arms { ["first", "second"][id % 2] } else { "" };
        for (k, day) in [0, 28, 56, 84].into_iter().enumerate() {
            let fall = if id <= 10 { 0.75 } else { 0.25 };
            // A substitute for a random error, neither constant nor drawn.
            let error = 0.1 * (((7 * id + 3 * k) % 5) as f64 - 2.0);
            let value = 6.0 + 0.05 * id as f64 - fall * k as f64 + error;
            writeln!(table, "{id},{day},a_score|x,{value},points,{responder},{arm}").unwrap();
        }
    }
    std::fs::write(path, table).unwrap();
}

fn run(command: &str, run: &Path, arguments: &[&str]) -> String {
    let done = omafit().arg(command).arg(run).args(arguments).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

/// Number of sheets in a workbook; the archive holds the names of its files as plain text.
fn sheets(run: &Path) -> usize {
    let book = String::from_utf8_lossy(&std::fs::read(run.join("tables.xlsx")).unwrap()).into_owned();
    let has = |n: &usize| book.contains(&format!("xl/worksheets/sheet{n}.xml"));
    (1..).take_while(has).count()
}

fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn tables_are_written_in_the_forms_that_are_asked_for_and_never_stale() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let table = folder.path().join("outcomes.csv");
    let path = table.to_str().unwrap();
    fit(&out, &["--xlsx"]);
    let of_fit = sheets(&out);
    assert!(files(&out.join("tables")).is_empty());

    // The existing workbook gets the sheets of outcomes without a request: nine, as there is one arm and no
    // event.
    outcomes(&table, false);
    run("outcome", &out, &[path, "--replicates", "100", "--quiet"]);
    assert_eq!(sheets(&out), of_fit + 9);
    assert!(files(&out.join("tables")).is_empty());
    all_defined(&out);

    let what_if = ["--scale-dose", "0.25", "--from", "4"];
    let said = run("what-if", &out, &[&what_if[..], &["--markdown"]].concat());
    assert!(!said.contains("note:"), "{said}");
    assert_eq!(sheets(&out), of_fit + 13);
    all_defined(&out);
    assert_eq!(files(&out.join("tables")), ["what_if_outcomes.md"]);
    let read = |name: &str| std::fs::read_to_string(out.join("tables").join(name)).unwrap();
    let text = read("what_if_outcomes.md");
    assert!(text.starts_with("**Outcomes under other doses**") && text.contains("Not medical advice"));
    assert!(text.contains("| a\\_score\\|x | points | all | dose × 0.25, from week 4 |"), "{text}");

    // Arms, in every format.
    outcomes(&table, true);
    let again = [path, "--replicates", "100", "--force", "--quiet"];
    run("outcome", &out, &[&again[..], &["--markdown", "--latex", "--xlsx"]].concat());
    assert_eq!(sheets(&out), of_fit + 14);
    let names = ["arms", "hysteresis", "model_parameters", "models", "visits"];
    let mut expected: Vec<String> = names
        .iter()
        .flat_map(|name| ["md", "tex"].map(|ending| format!("outcome_{name}.{ending}")))
        .collect();
    expected.push("what_if_outcomes.md".to_owned());
    assert_eq!(files(&out.join("tables")), expected);
    shows_outcomes(&read);

    // With a single arm, the tables of the comparison are removed and the other exports are renewed.
    outcomes(&table, false);
    run("outcome", &out, &[&again[..], &["--no-delay"]].concat());
    assert!(!out.join("outcome_arms.csv").exists() && !out.join("outcome_arms.parquet").exists());
    assert_eq!(sheets(&out), of_fit + 13);
    let left = ["outcome_hysteresis.md", "outcome_hysteresis.tex", "outcome_visits.md", "outcome_visits.tex"];
    assert_eq!(files(&out.join("tables"))[..4], left);
    assert!(!read("outcome_visits.md").contains("Arm"));

    // The same run gives the same bytes.
    let before = std::fs::read(out.join("tables.xlsx")).unwrap();
    run("outcome", &out, &[&again[..], &["--no-delay", "--xlsx", "--threads", "1"]].concat());
    assert!(std::fs::read(out.join("tables.xlsx")).unwrap() == before);

    // Predictive checks get their sheets as well.
    run("vpc", &out, &["--replicates", "100", "--quiet"]);
    assert_eq!(sheets(&out), of_fit + 15);
}

/// Checks the rows of the outcome tables.
fn shows_outcomes(read: &dyn Fn(&str) -> String) {
    let visits = read("outcome_visits.md");
    let head = "| Outcome | Arm | Responder | Visit (d) | n | Unit | Value (SD) | Change (95 % CI) | \
                Free IgE (ng/mL) | Omalizumab (µg/mL) |";
    assert!(visits.contains(head), "{visits}");
    // Baseline and three visits of all patients, two arms, and two groups of responders in each.
    assert_eq!(visits.lines().filter(|line| line.starts_with("| a\\_score\\|x |")).count(), 28, "{visits}");
    let arms = read("outcome_arms.tex");
    assert!(arms.contains("\\begin{longtable}") && arms.contains("a\\_score\\textbar{}x & 28 &"), "{arms}");
    assert_eq!(arms.lines().filter(|line| line.contains("& reference &")).count(), 3, "{arms}");
    let models = read("outcome_models.md");
    // A model is chosen, or named unsettled, in each of the seven groups.
    let told = |word: &str| models.lines().filter(|line| line.ends_with(&format!("| {word} |"))).count();
    assert!(told("chosen") > 0 && told("chosen") <= 7, "{models}");
    assert!(models.contains("| no effect |") && models.contains("| time plateau |"), "{models}");
    let parameters = read("outcome_model_parameters.md");
    assert!(parameters.contains("| B | points |"), "{parameters}");
    assert!(read("outcome_hysteresis.md").contains("| free IgE | p no delay |"));
}
