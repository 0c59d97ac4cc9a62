//! Tests of commands on a damaged `run.json`: they report the damage and do not panic.
#![allow(clippy::unwrap_used)]

mod common;

use common::{omafit, repository};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Values that replace another value.
fn others() -> [Value; 7] {
    [Value::Null, json!(-1), json!(1e308), json!(u64::MAX), json!(""), json!([[]]), json!({ "text": 0 })]
}

/// Time limit of a command: a damaged record ends in an error, not in a loop without end.
const LONGEST: Duration = Duration::from_secs(60);

/// Paths of all values in a document, as JSON pointers.
fn places(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(value, &format!("{here}/{key}"), all);
            }
        }
        // The other elements are like the first.
        Value::Array(list) => list.iter().take(1).for_each(|value| places(value, &format!("{here}/0"), all)),
        _ => {}
    }
}

fn ends_well(folder: &Path, words: &[&str], what: &str) {
    let mut command = omafit();
    let output = command.current_dir(folder).args(words).timeout(LONGEST).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let is_well = output.status.code().is_some_and(|code| code <= 2) && !said.contains("panicked");
    assert!(is_well, "{what}: {words:?}: {:?}: {said}", output.status);
}

#[test]
fn no_value_of_a_record_ends_a_command_by_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    let run = folder.path().join("run");
    let fitted = omafit()
        .arg("fit")
        .arg(data)
        .args(["--method", "its", "--no-report", "--population-iterations", "2", "--out"])
        .arg(&run)
        .output()
        .unwrap();
    assert!(fitted.status.code().unwrap() <= 1, "{}", String::from_utf8_lossy(&fitted.stderr));
    let path = run.join("run.json");
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let mut all = Vec::new();
    places(&record, "", &mut all);
    // Each path is damaged once; values and commands alternate.
    for (number, place) in all.iter().enumerate() {
        let mut damaged = record.clone();
        let other = others()[number % others().len()].clone();
        *damaged.pointer_mut(place).unwrap() = other.clone();
        std::fs::write(&path, damaged.to_string()).unwrap();
        let what = format!("{place} is {other}");
        match number % 3 {
            0 => ends_well(folder.path(), &["compare", "run", "run"], &what),
            1 => ends_well(folder.path(), &["report", "run"], &what),
            _ => ends_well(
                folder.path(),
                &["what-if", "run", "--scale-dose", "0.5", "--out", "other", "--force"],
                &what,
            ),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_as_large_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = repository().join("fixtures/reference/hayashi_20.csv");
    let out = folder.path().join("out.csv");
    // The unit of the limit is 512 or 1024 bytes.
    let limited = "ulimit -f 1; exec \"$0\" convert \"$1\" \"$2\"";
    let output = std::process::Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_omafit")])
        .args([&data, &out])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("File too large"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
