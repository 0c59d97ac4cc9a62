//! Functions shared by the tests.

use omafit_model::Analyte;
use std::path::{Path, PathBuf};

use omafit_trial::{ReadOptions, Rejection, Trial, read};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// File with the given content in a temporary folder of its own.
pub struct Scratch {
    folder: TempDir,
    pub path: PathBuf,
}

impl Scratch {
    pub fn new(content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trial.csv");
        std::fs::write(&path, content).unwrap();
        Self { folder, path }
    }

    /// Message without the folder of the file.
    pub fn plain(&self, message: &str) -> String {
        message.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

pub fn read_text(content: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Trial, Rejection> {
    read(&Scratch::new(content).path, options)
}

/// Reads a data set that must be valid.
pub fn good(content: impl AsRef<[u8]>) -> Trial {
    good_with(content, &ReadOptions::default())
}

pub fn good_with(content: impl AsRef<[u8]>, options: &ReadOptions) -> Trial {
    read_text(content, options).unwrap_or_else(|rejection| panic!("refused: {rejection}"))
}

/// Message on a data set that must be rejected.
pub fn refusal(content: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    let scratch = Scratch::new(content);
    let rejection = read(&scratch.path, options).expect_err("refused");
    scratch.plain(&rejection.to_string())
}

/// Asserts that the file is rejected with exactly these messages.
pub fn check(content: &str, messages: &[&str]) {
    check_with(content, &ReadOptions::default(), messages);
}

pub fn check_with(content: &str, options: &ReadOptions, messages: &[&str]) {
    assert_eq!(refusal(content, options), messages.join("\n"), "of\n{content}");
}

/// Names in a folder, including hidden ones.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Values by analyte, from those of total omalizumab, total IgE and free IgE.
pub fn by_analyte<T>(values: [Option<T>; 3]) -> BTreeMap<Analyte, T> {
    omafit_model::analytes().into_iter().zip(values).filter_map(|(a, value)| Some((a, value?))).collect()
}

/// Numbers of observations by analyte, without zeros.
pub fn counted(numbers: [usize; 3]) -> BTreeMap<Analyte, usize> {
    by_analyte(numbers.map(|number| (number > 0).then_some(number)))
}
