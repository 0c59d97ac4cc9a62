//! Files and folders that appear whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use omafit_trial::{OutputError, RunFolder, WholeFile, write_whole};

use crate::support::names;

fn run(target: &Path, force: bool, content: &str) -> Result<(), OutputError> {
    let folder = RunFolder::create(target, force)?;
    folder.write("run.json", |out| {
        out.write_all(content.as_bytes()).map_err(|source| OutputError::System {
            action: "write",
            path: "run.json".into(),
            source,
        })
    })?;
    fs::write(folder.file("figures/501.svg")?, content).unwrap();
    assert!(!target.join("figures").exists() || force);
    folder.commit()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_run_appears_whole() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("new/deep/run 1");
    run(&target, false, "one").unwrap();
    assert_eq!(names(target.parent().unwrap()), ["run 1"]);
    assert_eq!(names(&target), ["figures", "run.json"]);
    assert_eq!(text(&target.join("figures/501.svg")), "one");
}

#[test]
fn a_run_is_replaced_only_with_force() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("run");
    run(&target, false, "one").unwrap();
    fs::write(target.join("left.over"), "").unwrap();

    let error = run(&target, false, "two").unwrap_err();
    assert!(matches!(error, OutputError::Exists { .. }));
    assert_eq!(error.to_string(), format!("{} exists; it is replaced only with force", target.display()));
    assert_eq!(names(above.path()), ["run"]);
    assert_eq!(text(&target.join("run.json")), "one");

    run(&target, true, "two").unwrap();
    assert_eq!(names(above.path()), ["run"]);
    assert_eq!(names(&target), ["figures", "run.json"]);
    assert_eq!(text(&target.join("run.json")), "two");
}

#[test]
fn nothing_but_a_run_is_ever_deleted() {
    let above = tempfile::tempdir().unwrap();
    let (file, folder) = (above.path().join("file"), above.path().join("thesis"));
    fs::write(&file, "mine").unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("chapter"), "mine").unwrap();
    for target in [&file, &folder] {
        assert!(matches!(RunFolder::create(target, false), Err(OutputError::Exists { .. })));
        let error = RunFolder::create(target, true).unwrap_err();
        assert!(matches!(error, OutputError::NotAlike { .. }));
        assert_eq!(
            error.to_string(),
            format!("{} is not replaced: it is not the folder of a run, with a run.json", target.display())
        );
    }
    assert_eq!(names(above.path()), ["file", "thesis"]);
    assert_eq!(text(&folder.join("chapter")), "mine");
}

#[cfg(unix)]
#[test]
fn a_link_to_a_run_is_no_run() {
    let above = tempfile::tempdir().unwrap();
    let (target, link) = (above.path().join("run"), above.path().join("link"));
    run(&target, false, "one").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(matches!(RunFolder::create(&link, true), Err(OutputError::NotAlike { .. })));
    assert!(matches!(WholeFile::create(&link, true), Err(OutputError::NotAlike { .. })));
    assert_eq!(names(above.path()), ["link", "run"]);
}

#[test]
fn an_abandoned_run_leaves_nothing() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("run");
    let folder = RunFolder::create(&target, false).unwrap();
    fs::write(folder.file("tables/individuals.csv").unwrap(), "half").unwrap();
    assert_eq!(names(above.path()).len(), 1);
    drop(folder);
    assert!(names(above.path()).is_empty());

    let folder = RunFolder::create(&target, false).unwrap();
    fs::write(folder.file("individuals.csv").unwrap(), "whole").unwrap();
    assert!(matches!(folder.commit(), Err(OutputError::NoRunFile { .. })));
    assert!(names(above.path()).is_empty());
}

#[test]
fn a_failed_table_is_told_and_leaves_nothing() {
    let above = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&above.path().join("run"), false).unwrap();
    let outcome: Result<(), OutputError> =
        folder.write("a.csv", |_| Err(OutputError::NoName { path: "x".into() }));
    assert!(matches!(outcome, Err(OutputError::NoName { .. })));
    drop(folder);
    assert!(names(above.path()).is_empty());
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("run");
    let first = RunFolder::create(&target, false).unwrap();
    let second = RunFolder::create(&target, false).unwrap();
    fs::write(first.file("run.json").unwrap(), "first").unwrap();
    fs::write(second.file("run.json").unwrap(), "second").unwrap();
    first.commit().unwrap();
    assert!(matches!(second.commit(), Err(OutputError::Exists { .. })));
    assert_eq!(names(above.path()), ["run"]);
    assert_eq!(text(&target.join("run.json")), "first");
}

#[test]
fn a_runs_files_stay_inside_it() {
    let above = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&above.path().join("run"), false).unwrap();
    for name in ["../x", "/etc/x", "a/../../x", "", "."] {
        assert!(matches!(folder.file(name), Err(OutputError::Outside { .. })), "{name}");
    }
}

#[test]
fn names_that_are_none() {
    for path in ["/", "..", "/no/such/.."] {
        assert!(RunFolder::create(Path::new(path), true).is_err());
        assert!(WholeFile::create(Path::new(path), true).is_err());
    }
    let above = tempfile::tempdir().unwrap();
    let file = above.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(RunFolder::create(&file.join("run"), false), Err(OutputError::System { .. })));
    assert!(matches!(WholeFile::create(&file.join("x"), false), Err(OutputError::System { .. })));
    assert_eq!(names(above.path()), ["file"]);
}

#[test]
fn a_file_appears_whole() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("new/trial.csv");
    write_whole(&target, b"one", false).unwrap();
    assert!(matches!(write_whole(&target, b"two", false), Err(OutputError::Exists { .. })));
    assert_eq!(text(&target), "one");
    write_whole(&target, b"two", true).unwrap();
    assert_eq!(text(&target), "two");
    assert_eq!(names(target.parent().unwrap()), ["trial.csv"]);

    let error = write_whole(above.path(), b"three", true).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} is not replaced: it is not a plain file", above.path().display())
    );
    assert_eq!(names(above.path()), ["new"]);
}

#[test]
fn an_abandoned_file_leaves_nothing() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("trial.csv");
    let mut file = WholeFile::create(&target, false).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);
    assert!(names(above.path()).is_empty());

    let mut file = WholeFile::create(&target, false).unwrap();
    file.write_all(b"late").unwrap();
    fs::write(&target, "somebody else's").unwrap();
    assert!(matches!(file.commit(), Err(OutputError::Exists { .. })));
    assert_eq!(names(above.path()), ["trial.csv"]);
    assert_eq!(text(&target), "somebody else's");
}
