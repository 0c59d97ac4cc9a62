//! Tests of files and folders that appear complete or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use omafit_trial::{OutputError, RunFolder, RunPlace, WholeFile, write_whole};

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
    assert_eq!(names(above.path())[0], ".run.lock");
    assert_eq!(names(above.path()).len(), 2);
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
    fs::write(first.file("run.json").unwrap(), "first").unwrap();
    for force in [false, true] {
        let error = RunFolder::create(&target, force).unwrap_err();
        assert!(matches!(error, OutputError::Busy { .. }), "{error}");
        let process = std::process::id();
        let expected = format!(
            "run is being written by another process ({process}): wait for it, or choose another name"
        );
        assert!(error.to_string().ends_with(&expected), "{error}");
    }
    // A run of another name is not blocked.
    let other = RunFolder::create(&above.path().join("run.2"), false).unwrap();
    drop(other);
    first.commit().unwrap();
    assert_eq!(names(above.path()), ["run"]);
    assert_eq!(text(&target.join("run.json")), "first");
    // Another program that ignores the lock.
    let third = RunFolder::create(&above.path().join("later"), false).unwrap();
    fs::write(third.file("run.json").unwrap(), "third").unwrap();
    fs::create_dir(above.path().join("later")).unwrap();
    assert!(matches!(third.commit(), Err(OutputError::Exists { .. })));
    assert_eq!(names(above.path()), ["later", "run"]);
}

/// Writes files to a folder, and makes the folders above them.
fn put(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[test]
fn what_killed_runs_left_is_cleared_away_by_the_next_of_that_name() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("run");
    let others = [
        (".run.lock", "4711"),
        (".run.2.partial-4711/figures/501.svg", "of another run"),
        (".run.partial-mine", "of another program"),
    ];
    put(above.path(), &others);
    put(
        above.path(),
        &[
            (".run.partial-4711/figures/501.svg", "half"),
            (".run.partial-4712-1/run.json", "{}"),
            (".run.interrupted/.population.json.partial-4711", "half"),
            (".run.old-4711/run.json", "old"),
        ],
    );
    // State after a process was killed between moving the old run aside and placing the new one.
    let folder = RunFolder::create(&target, true).unwrap();
    assert_eq!(text(&target.join("run.json")), "old");
    drop(folder);
    assert_eq!(names(above.path()), [".run.2.partial-4711", ".run.partial-mine", "run"]);

    // State after a process was killed between placing the new run and removing the old one.
    put(above.path(), &[(".run.old-4711/run.json", "older")]);
    drop(RunFolder::create(&target, true).unwrap());
    assert_eq!(text(&target.join("run.json")), "old");
    assert_eq!(names(above.path()), [".run.2.partial-4711", ".run.partial-mine", "run"]);
}

#[test]
fn a_killed_run_that_was_kept_is_a_suspended_one() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("run");
    put(
        above.path(),
        &[
            (".run.partial-4711/.kept/progress.json", "[1]"),
            (".run.partial-4711/individuals.csv", "ID\n1\n"),
            (".run.interrupted/population.json", "earlier"),
        ],
    );
    let place = RunPlace::claim(&target).unwrap();
    let suspended = place.suspended().unwrap();
    assert_eq!(names(above.path()), [".run.interrupted", ".run.lock"]);
    assert_eq!(RunFolder::progress(&suspended).unwrap().unwrap(), b"[1]");
    // A run that is dropped, as after an error, is suspended again in the state in which it was last kept.
    let run = place.resume(false).unwrap();
    run.keep(b"[2]").unwrap();
    drop(run);
    assert_eq!(names(above.path()), [".run.interrupted"]);
    assert_eq!(RunFolder::progress(&suspended).unwrap().unwrap(), b"[2]");
    let run = RunPlace::claim(&target).unwrap().resume(false).unwrap();
    fs::write(run.file("run.json").unwrap(), "{}").unwrap();
    run.commit().unwrap();
    assert_eq!(names(above.path()), ["run"]);
    assert_eq!(names(&target), ["individuals.csv", "run.json"]);
}

#[test]
fn what_killed_writers_left_of_a_file_is_cleared_away() {
    let above = tempfile::tempdir().unwrap();
    let target = above.path().join("trial.csv");
    put(above.path(), &[(".trial.csv.partial-4711", "half"), (".trial.csv.2.partial-4711", "another's")]);
    let first = WholeFile::create(&target, true).unwrap();
    // A file that is still being written is not removed.
    write_whole(&target, b"second", true).unwrap();
    assert_eq!(names(above.path()).len(), 3);
    first.commit().unwrap();
    assert_eq!(names(above.path()), [".trial.csv.2.partial-4711", "trial.csv"]);
    assert_eq!(text(&target), "");
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
