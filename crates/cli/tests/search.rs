//! Tests of `omafit search` on a simulated trial with one true covariate effect.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::{column, csv, omafit, text};
use omafit_model::{EffectEntry, ModelFile, PopulationModel, SearchEntry, SearchForm, published};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SUBJECTS: u32 = 60;

fn model() -> ModelFile {
    PopulationModel::parse(published("one_compartment_oral").unwrap()).unwrap().file().clone()
}

fn entry(parameter: &str, covariate: &str, form: SearchForm) -> SearchEntry {
    SearchEntry {
        parameter: parameter.into(),
        covariate: covariate.into(),
        form,
        centre: None,
        reference: None,
    }
}

fn written(folder: &Path, name: &str, file: &ModelFile) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, toml::to_string_pretty(file).unwrap()).unwrap();
    path
}

/// A simulated trial in which CL depends on WT, without other covariate effects.
fn data(folder: &Path) -> PathBuf {
    let mut planted = model();
    planted.parameters.get_mut("CL").unwrap().effects.push(EffectEntry::Power {
        covariate: "WT".into(),
        centre: 70.0,
        exponent: 1.0,
        fixed: false,
    });
    let planted = written(folder, "planted.toml", &planted);
    let mut rows = "ID,TIME,DV,AMT,EVID,MDV,WT,AGE,SEX\n".to_owned();
    for id in 1..=SUBJECTS {
        let (weight, age, sex) = (50 + (id * 37) % 53, 20 + (id * 29) % 47, (id * 7) % 3 % 2);
        let _ = writeln!(rows, "{id},0,0,320,1,1,{weight},{age},{sex}");
        for hours in [0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0] {
            let _ = writeln!(rows, "{id},{},1,0,0,0,{weight},{age},{sex}", hours / 24.0);
        }
    }
    let design = folder.join("design.csv");
    std::fs::write(&design, rows).unwrap();
    let path = folder.join("data.csv");
    omafit()
        .args(["simulate", "--quiet", "--seed", "3", "--like"])
        .arg(&design)
        .args(["--assume", "AGE=1", "--assume", "SEX=1", "--model"])
        .arg(planted)
        .arg("--out")
        .arg(&path)
        .assert()
        .success();
    path
}

fn declared(folder: &Path, search: Vec<SearchEntry>) -> PathBuf {
    written(folder, "search.toml", &ModelFile { search, ..model() })
}

fn search(data: &Path, model: &Path, out: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = omafit();
    command.arg("search").arg(data).arg("--model").arg(model).arg("--out").arg(out).args(more);
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn a_planted_effect_is_found_and_absent_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data(folder);
    let model = declared(
        folder,
        vec![
            entry("V", "AGE", SearchForm::Exponential),
            entry("CL", "WT", SearchForm::Linear),
            entry("CL", "WT", SearchForm::Power),
            entry("CL", "SEX", SearchForm::Categorical),
            entry("ka", "AGE", SearchForm::Linear),
        ],
    );
    let [whole, broken, left] = ["whole", "broken", ".broken.interrupted"].map(|name| folder.join(name));
    let (code, said, failed) = search(&data, &model, &whole, &[]);
    assert_eq!((code, failed.as_str()), (0, ""), "{said}");
    assert!(said.contains("step 1, forward") && said.contains("effects in the final model: CL~WT"), "{said}");
    let table = csv(&whole.join("search.csv"));
    let (chosen, decrease) = (column(&table, "chosen"), column(&table, "decrease"));
    let added: Vec<usize> = (1..chosen.len()).filter(|&i| chosen[i] == 1.0).collect();
    assert_eq!(added.len(), 1);
    assert_eq!(
        (&text(&table, "parameter")[added[0]][..], &text(&table, "covariate")[added[0]][..]),
        ("CL", "WT")
    );
    assert!(decrease[added[0]] > 10.0);
    // Once one form of an effect is included, the other form is not a candidate; in the backward steps the
    // effect is kept.
    assert_eq!(text(&table, "direction").iter().filter(|d| *d == "forward").count(), 5 + 3);
    assert_eq!(text(&table, "direction").iter().filter(|d| *d == "backward").count(), 1);
    let found = PopulationModel::parse(&std::fs::read_to_string(whole.join("model.toml")).unwrap()).unwrap();
    assert_eq!(found.parameters()[found.position("CL").unwrap()].effects.len(), 1);
    let screening = csv(&whole.join("screening.csv"));
    let p = column(&screening, "p_value");
    assert!(p[1] < 1e-3 && p[2] < 1e-3, "{p:?}");
    common::all_columns_defined(&whole, &found);

    // An interrupted and resumed search gives the same result.
    let mut child = Command::new(env!("CARGO_BIN_EXE_omafit"))
        .arg("search")
        .args([&data, Path::new("--model"), &model, Path::new("--out"), &broken])
        .args(["--threads", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    let kept = left.join("search.jsonl");
    let lines = || std::fs::read_to_string(&kept).map_or(0, |text| text.lines().count());
    while lines() < 4 {
        assert!(Instant::now() < patience && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let (code, _, failed) = search(&data, &model, &broken, &["--resume", "--forward", "0.01"]);
    assert!(code == 2 && failed.contains("with which it began"), "{failed}");
    assert_eq!(search(&data, &model, &broken, &["--resume", "--quiet"]), (0, String::new(), String::new()));
    assert!(!left.exists());
    for name in ["search.csv", "screening.csv", "model.toml"] {
        let bytes = |run: &Path| std::fs::read(run.join(name)).unwrap();
        assert_eq!(bytes(&whole), bytes(&broken), "{name}");
    }
    let (code, said, _) = search(&data, &model, &folder.join("few"), &["--screen", "0.001"]);
    assert!(code == 0 && said.contains("left out"), "{said}");
    let table = csv(&folder.join("few/search.csv"));
    assert!(text(&table, "covariate").iter().all(|c| c == "WT" || c.is_empty()));
}

#[test]
fn what_cannot_be_searched_for_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let data = data(folder);
    let power = |covariate: &str| vec![entry("CL", covariate, SearchForm::Power)];
    for (entries, expected) in [
        (vec![], "declares no effects to search for"),
        (power("HAIR"), "HAIR"),
        (power("SEX"), "has the value 0, which has no power"),
        (vec![entry("CL", "AGE", SearchForm::Categorical)], "more than 12"),
        ([power("WT"), power("wt")].concat(), "is declared twice"),
        (vec![entry("Q", "WT", SearchForm::Power)], "no parameter `Q`"),
        (vec![SearchEntry { centre: Some(-1.0), ..power("WT").remove(0) }], "-1 is not a number above 0"),
        (vec![SearchEntry { reference: Some(1.0), ..power("WT").remove(0) }], "has no reference"),
    ] {
        let model = declared(folder, entries);
        let (code, _, said) = search(&data, &model, &folder.join("out"), &[]);
        assert!(code == 2 && said.contains(expected), "{expected}: {said}");
        assert!(!folder.join("out").exists() && !folder.join(".out.interrupted").exists(), "{expected}");
    }
    // If the model without candidates cannot be estimated, there is nothing to resume.
    let mut fixed = ModelFile { search: power("WT"), ..model() };
    fixed.parameters.values_mut().for_each(|entry| entry.fixed = true);
    fixed.variability.values_mut().for_each(|entry| entry.fixed = true);
    fixed.residual.values_mut().for_each(|entry| entry.fixed = true);
    let fixed = written(folder, "fixed.toml", &fixed);
    let (code, _, said) = search(&data, &fixed, &folder.join("out"), &[]);
    assert!(code == 2 && said.contains("there is nothing to estimate"), "{said}");
    assert!(!folder.join("out").exists() && !folder.join(".out.interrupted").exists());
}
