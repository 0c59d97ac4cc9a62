//! Tests of every command with a closed pipe or a full disk as output.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use common::repository;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Every command, in an order in which each finds its input, with a file that it writes.
const COMMANDS: [(&str, &str); 20] = [
    ("--help", ""),
    ("--version", ""),
    ("model list", ""),
    ("model show hayashi2007", ""),
    ("model describe hayashi2007", ""),
    ("model figure hayashi2007 --out typical.svg", "typical.svg"),
    ("dose --weight 70 --ige 300", ""),
    ("check DATA --time-unit hours --model one_compartment_oral", ""),
    ("fit DATA --time-unit hours --model one_compartment_oral --method foce --out run", "run/run.json"),
    ("reconstruct run --out again", "again/trajectories.parquet"),
    ("vpc run -n 100", "run/vpc.json"),
    ("bootstrap run -n 3", "run/bootstrap.json"),
    ("sir run --samples 40 --resamples 20", "run/sir.json"),
    ("report run --force", "run/report.html"),
    ("search DATA --time-unit hours --model MODEL --out searched", "searched/run.json"),
    ("demo --patients 10 --replicates 0 --out demo", "demo/run.json"),
    ("outcome demo demo/outcomes.csv --force", "demo/outcome.json"),
    ("what-if demo --scale-dose 0.5", "demo/what_if.csv"),
    ("simulate --patients 2 --out trial.csv", "trial.csv"),
    ("attainment --patients 2 --out attained", "attained/attainment.csv"),
];

/// Writes a model file that declares the candidates of a search.
fn model(folder: &Path) {
    let shown = Command::new(env!("CARGO_BIN_EXE_omafit"))
        .args(["model", "show", "one_compartment_oral"])
        .output()
        .unwrap();
    let declared = "\n[[search]]\nparameter = \"V\"\ncovariate = \"WT\"\nform = \"power\"\n";
    std::fs::write(
        folder.join("model.toml"),
        format!("{}{declared}", String::from_utf8(shown.stdout).unwrap()),
    )
    .unwrap();
}

/// Runs a command in a folder, with standard output redirected to `output`.
fn run(folder: &Path, command: &str, output: Stdio) -> Output {
    let data = repository().join("fixtures/real/theophylline.csv");
    let arguments = command.split(' ').map(|word| match word {
        "DATA" => data.to_str().unwrap(),
        "MODEL" => "model.toml",
        word => word,
    });
    Command::new(env!("CARGO_BIN_EXE_omafit"))
        .args(arguments)
        .current_dir(folder)
        .stdout(output)
        .output()
        .unwrap()
}

/// A pipe whose reader is closed.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn nobody_has_to_read_what_a_command_says() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path());
    for (command, file) in COMMANDS {
        let done = run(folder.path(), command, closed());
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(matches!(done.status.code(), Some(0 | 1)) && said.is_empty(), "{command}: {said}");
        assert!(folder.path().join(file).exists(), "{command}");
    }
}

#[test]
fn a_refusal_that_nobody_reads_is_still_one() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["check", "missing.csv"][..], &["fit"]] {
        let done = Command::new(env!("CARGO_BIN_EXE_omafit"))
            .args(arguments)
            .current_dir(folder.path())
            .stdout(closed())
            .stderr(closed())
            .status()
            .unwrap();
        assert_eq!(done.code(), Some(2), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_files_are_written() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path());
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for (command, file) in COMMANDS {
        let done = run(folder.path(), command, full().into());
        let said = String::from_utf8(done.stderr).unwrap();
        // The command that draws a figure prints nothing.
        let is_silent = command.starts_with("model figure");
        assert_eq!(done.status.code(), Some(if is_silent { 0 } else { 2 }), "{command}: {said}");
        let told = "omafit: standard output does not take what is printed: No space left on device";
        assert!(is_silent || (said.starts_with(told) && said.lines().count() == 1), "{command}: {said}");
        assert!(folder.path().join(file).exists(), "{command}");
    }
    // A full disk at standard error does not change the exit code.
    let done = Command::new(env!("CARGO_BIN_EXE_omafit"))
        .args(["check", "missing.csv"])
        .stderr(full())
        .status()
        .unwrap();
    assert_eq!(done.code(), Some(2));
}
