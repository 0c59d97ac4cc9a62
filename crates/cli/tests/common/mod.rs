//! Functions shared by the tests of the command line.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use omafit_model::PopulationModel;
use omafit_trial::{definition, is_record_key};
use std::path::{Path, PathBuf};

pub fn omafit() -> assert_cmd::Command {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_omafit"))
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Rows of a CSV file, starting with the header.
pub fn csv(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.records().map(|r| r.unwrap().iter().map(String::from).collect()).collect()
}

pub fn text(table: &[Vec<String>], name: &str) -> Vec<String> {
    let at = table[0].iter().position(|n| n == name).unwrap_or_else(|| panic!("no column {name}"));
    table[1..].iter().map(|row| row[at].clone()).collect()
}

pub fn column(table: &[Vec<String>], name: &str) -> Vec<f64> {
    text(table, name).iter().map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()
}

/// The record of a run.
pub fn record(run: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(run.join("run.json")).unwrap()).unwrap()
}

/// Checks that the CSV tables of a run have only defined columns, and `run.json` only defined keys.
pub fn all_defined(run: &Path) {
    let text = std::fs::read_to_string(run.join("model.toml")).unwrap();
    assert!(all_columns_defined(run, &PopulationModel::parse(&text).unwrap()) >= 5);
}

/// Checks that the CSV tables in a folder have only defined columns and its record only defined keys; returns
/// the number of tables.
pub fn all_columns_defined(run: &Path, model: &PopulationModel) -> usize {
    keys_defined(&record(run), &mut Vec::new());
    let mut tables = 0;
    for entry in std::fs::read_dir(run).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|e| e != "csv") || name == "data" {
            continue;
        }
        for column in &csv(&path)[0] {
            assert!(definition(&name, column, model).is_some(), "{name}: {column}");
        }
        tables += 1;
    }
    tables
}

/// Checks that every value of a record that has no keys of its own is at a defined path.
fn keys_defined<'a>(value: &'a serde_json::Value, path: &mut Vec<&'a str>) {
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key);
                keys_defined(value, path);
                path.pop();
            }
        }
        serde_json::Value::Array(list) if list.iter().any(serde_json::Value::is_object) => {
            list.iter().for_each(|value| keys_defined(value, path));
        }
        _ => assert!(is_record_key(path), "run.json: {} is not defined", path.join(".")),
    }
}
