//! Targets for data sets of events.

use crate::files::file;
use crate::options::{BYTES, options};
use omafit_model::Subject;
use omafit_trial::{DataSet, DataSummary, ReadOptions, Rejection, TableError, Trial, data_set_table, read};
use std::collections::{BTreeSet, HashSet};

/// Reads a text data set; the first bytes choose the options.
pub fn text(bytes: &[u8]) {
    if let Some((first, content)) = bytes.split_first_chunk::<BYTES>() {
        check(content, &options(*first));
    }
}

/// Reads a Parquet data set, which has no delimiter.
pub fn parquet(bytes: &[u8]) {
    stored(bytes);
}

/// Reads a SAS transport file, which has no delimiter.
pub fn xport(bytes: &[u8]) {
    stored(bytes);
}

fn stored(bytes: &[u8]) {
    let Some((first, content)) = bytes.split_first_chunk::<BYTES>() else { return };
    let [layout, rest @ ..] = *first;
    let [second, third, fourth] = rest;
    check(content, &options([layout & !7, second, third, fourth]));
}

/// Reads a data set, and reads it again after writing it.
pub fn check(content: &[u8], options: &ReadOptions) {
    let path = file("data", content);
    match read(&path, options) {
        Ok(trial) => {
            sound(&trial);
            by_blocks(&trial, &DataSet::open(&path, options).expect("what was read before"));
            comes_back(trial.subjects);
        }
        Err(rejection) => refused(&rejection),
    }
}

/// Asserts that the message of a rejection fits on a terminal, and names the place of each problem.
pub fn refused(rejection: &Rejection) {
    let said = rejection.to_string();
    assert!(said.len() > 20, "{said}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    assert!(said.len() < 100_000, "a refusal of {} bytes", said.len());
    if let Rejection::Problems { problems } = rejection {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| problem.row > 0 && !problem.expected.is_empty()));
        assert!(problems.is_sorted_by_key(|problem| problem.row));
    }
}

fn sound(trial: &Trial) {
    assert!(!trial.subjects.is_empty());
    assert_eq!(trial.counts.subjects, trial.subjects.len());
    // The summary that a run records of its data consists of numbers, and can be read again.
    let json = serde_json::to_string(&trial.summary).expect("a summary");
    assert!(serde_json::from_str::<DataSummary>(&json).is_ok_and(|again| again == trial.summary), "{json}");
    let mut ids = HashSet::new();
    for subject in &trial.subjects {
        let Subject { id, start, doses, observations, covariates } = subject;
        assert!(ids.insert(id), "{id} twice");
        assert!(start.is_finite() && !id.is_empty());
        assert!(covariates.iter().all(|(_, value)| value.is_finite()));
        assert!(doses.iter().is_sorted_by_key(|dose| dose.time));
        for dose in doses {
            assert!(dose.time.is_finite() && dose.amount_mg.is_finite() && dose.amount_mg >= 0.0, "{dose:?}");
            assert!(dose.duration.is_finite() && dose.duration >= 0.0, "{dose:?}");
        }
        for observation in observations {
            assert!(observation.time.is_finite() && observation.value.is_finite(), "{observation:?}");
            assert!(observation.doses_before <= doses.len() && observation.row > 1);
        }
    }
}

fn by_blocks(trial: &Trial, data_set: &DataSet) {
    let mut subjects = Vec::new();
    let all = data_set.blocks::<Rejection>(2, |some| {
        subjects.extend(some);
        Ok(true)
    });
    all.expect("what was read before");
    assert!(subjects == trial.subjects);
}

/// Writes subjects, and reads them again.
fn comes_back(mut subjects: Vec<Subject>) {
    let table = match data_set_table(&subjects) {
        Ok(table) => table,
        // Some durations are not the quotient of an amount and a rate.
        Err(TableError::Subject { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let mut bytes = Vec::new();
    table.write_parquet(&mut bytes).expect("a table in memory");
    let names = subjects.iter().flat_map(|subject| subject.covariates.iter());
    let names: BTreeSet<String> = names.map(|(name, _)| name.to_owned()).collect();
    let plain = ReadOptions {
        positive_required: BTreeSet::new(),
        covariates: Vec::new(),
        carried: names.into_iter().collect(),
        allow_undosed: true,
        ..ReadOptions::default()
    };
    let mut again = read(&file("again", &bytes), &plain).expect("a data set that was written").subjects;
    for observation in subjects.iter_mut().chain(&mut again).flat_map(|subject| &mut subject.observations) {
        observation.row = 0;
    }
    assert!(subjects == again, "{subjects:?}\n{again:?}");
}
