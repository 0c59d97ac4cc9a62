//! Tests of the pages of docs/models against the program, so that tables, figures and derived numbers stay up
//! to date.
//! | `scripts/model_pages` rewrites the tables and figures.

#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, repository};
use omafit_model::{Covariates, PUBLISHED, PopulationModel, published};
use std::collections::BTreeSet;
use std::path::Path;

const UPDATE: &str = "scripts/model_pages rewrites it; look at what changed before you commit it";

fn folder(path: &str) -> Vec<(String, String)> {
    let files = std::fs::read_dir(repository().join(path)).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut all: Vec<_> = files.map(|p| (name(&p), std::fs::read_to_string(p).unwrap())).collect();
    all.sort();
    all
}

/// Name of the model, text, and page of each generated block.
fn blocks() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (page, text) in folder("docs/models") {
        for part in text.split("<!-- omafit model describe ").skip(1) {
            let (name, rest) = part.split_once(" -->\n").unwrap();
            let (block, _) = rest.split_once("<!-- end -->").unwrap();
            found.push((name.to_owned(), block.to_owned(), page.clone()));
        }
    }
    found
}

/// Page and arguments of each command that draws a figure.
fn figures() -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (page, text) in folder("docs/models") {
        for line in text.lines().filter(|line| line.starts_with("omafit model figure ")) {
            found.push((page.clone(), line.split_whitespace().skip(1).map(str::to_owned).collect()));
        }
    }
    found
}

#[test]
fn every_table_is_the_programs() {
    for (name, block, page) in blocks() {
        let run = omafit().args(["model", "describe", &name]).output().unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        assert!(block == format!("\n{said}\n"), "docs/models/{page}: the table of {name} is old: {UPDATE}");
    }
}

#[test]
fn every_figure_is_the_programs() {
    let scratch = tempfile::tempdir().unwrap();
    let mut drawn = BTreeSet::new();
    for (page, mut arguments) in figures() {
        let out = arguments.iter().position(|a| a == "--out").unwrap() + 1;
        let committed = std::mem::take(&mut arguments[out]);
        let file = Path::new(&committed).file_name().unwrap().to_str().unwrap();
        let link = format!("](../images/models/{file})");
        let text = std::fs::read_to_string(repository().join("docs/models").join(&page)).unwrap();
        assert!(text.contains(&link), "docs/models/{page} does not show {file}");
        let fresh = scratch.path().join(file);
        arguments[out] = fresh.to_str().unwrap().into();
        omafit().current_dir(repository()).args(&arguments).assert().success();
        let old = std::fs::read(repository().join(&committed)).unwrap_or_default();
        assert!(old == std::fs::read(&fresh).unwrap(), "{committed} is old: {UPDATE}");
        drawn.insert(file.to_owned());
    }
    let there: BTreeSet<String> = folder("docs/images/models").into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, drawn, "the figures there are, and those that pages make");
}

#[test]
fn every_model_has_its_table_and_its_figure_on_one_page() {
    let (blocks, figures) = (blocks(), figures());
    for (name, _) in PUBLISHED {
        let tables: Vec<_> = blocks.iter().filter(|b| b.0 == name).map(|b| &b.2).collect();
        let drawn: Vec<_> = figures.iter().filter(|f| f.1[2] == name).map(|f| &f.0).collect();
        assert_eq!(tables.len(), 1, "{name} needs its table on one page of docs/models: {tables:?}");
        assert_eq!(drawn, tables, "{name} needs one figure, on the page of its table");
    }
    assert_eq!(blocks.len(), PUBLISHED.len(), "a page describes a model that does not ship");
    let summary = std::fs::read_to_string(repository().join("docs/SUMMARY.md")).unwrap();
    for (page, _) in folder("docs/models") {
        assert!(summary.contains(&format!("](models/{page})")), "docs/SUMMARY.md lacks models/{page}");
    }
}

/// A page states that a value was not verified if the source of the model says so.
#[test]
fn what_was_not_verified_is_said_on_the_page() {
    let blocks = blocks();
    for (name, file) in PUBLISHED {
        let page = &blocks.iter().find(|b| b.0 == name).unwrap().2;
        let text = std::fs::read_to_string(repository().join("docs/models").join(page)).unwrap();
        // The tables contain the titles of the models; the words must also stand outside the tables.
        let parts = text.split("<!-- omafit model describe ").enumerate();
        let own: String =
            parts.map(|(i, p)| if i == 0 { p } else { p.split_once("<!-- end -->").unwrap().1 }).collect();
        assert!(!file.contains("[not verified") || own.contains("[not verified]"), "docs/models/{page}");
    }
}

#[test]
fn half_lives_and_untreated_ige_on_the_pages_follow_from_the_parameters() {
    let says = |page: &str, row: &str| {
        let text = std::fs::read_to_string(repository().join("docs/models").join(page)).unwrap();
        assert!(text.lines().any(|line| line == row), "docs/models/{page} lacks the line {row}");
    };
    let half_life = |clearance: f64, volume: f64| std::f64::consts::LN_2 * volume / clearance;
    for (name, covariates) in [
        ("hayashi2007", Covariates::new(61.1, 482.4)),
        ("lowe2009", Covariates::new(70.0, 365.0)),
        ("brekkan2018", Covariates::default()),
    ] {
        let model = PopulationModel::parse(published(name).unwrap()).unwrap();
        let typical = model.typical(&covariates).unwrap();
        let at = |name: &str| typical[model.position(name).unwrap()];
        let (formula, clc) = match name {
            "hayashi2007" => ("(CLx + dCLc)", at("CLx") + at("dCLc")),
            _ => ("CLc", at("CLc")),
        };
        let page = format!("{name}.md");
        says(
            &page,
            &format!(
                "| half-life of free omalizumab, ln 2·Vx/CLx | {:.2} d |",
                half_life(at("CLx"), at("Vx"))
            ),
        );
        says(
            &page,
            &format!("| half-life of free IgE, ln 2·Ve/CLe | {:.3} d |", half_life(at("CLe"), at("Vx"))),
        );
        says(
            &page,
            &format!("| half-life of the complex, ln 2·Vc/{formula} | {:.2} d |", half_life(clc, at("Vc"))),
        );
        let untreated = at("Pe") / at("CLe") * 190.0;
        says(&page, &format!("| free IgE without treatment, Pe/CLe·190 | {untreated:.1} ng/mL |"));
    }
    for name in ["straube2025_1cmt", "straube2025_2cmt"] {
        let model = PopulationModel::parse(published(name).unwrap()).unwrap();
        let of = |cohort: f64| model.typical(&Covariates::default().with("COHORT", cohort)).unwrap();
        let (small, large) = (of(90.0), of(270.0));
        let at = |typical: &[f64], name: &str| typical[model.position(name).unwrap()];
        let (ige, complex) = (half_life(at(&small, "keR"), 1.0), half_life(at(&small, "keDR"), 1.0));
        let untreated = [&small, &large].map(|t| at(t, "Rb") * 190.0);
        says(
            "straube2025.md",
            &format!(
                "| `{name}` | {ige:.3} d | {complex:.2} d | {:.1} ng/mL | {:.1} ng/mL |",
                untreated[0], untreated[1]
            ),
        );
    }
}
