//! Target for the state from which an interrupted run is resumed: the state of its population, its tables and its
//! counts, and the options for its data in `run.json`.

use crate::files::{file, place};
use crate::seeds::fixture;
use omafit_estimate::{
    Checkpoint, Observer, PopulationMethod, PopulationOptions, Progress, Tally, estimate_population,
};
use omafit_model::{Analyte, PopulationModel};
use omafit_trial::{Column, GrowingTable, KeptTable, ReadOptions, RunFolder, Table, Trial, Values, read};
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Separator of the parts of an input.
const PART: u8 = 0;
/// Number of subjects of the population, and number of observations of each: few, because every input runs iterations.
const SUBJECTS: usize = 3;
const OBSERVATIONS: usize = 3;

const FOCE: PopulationMethod = PopulationMethod::Foce;
const ITS: PopulationMethod = PopulationMethod::Its;
const SAEM: PopulationMethod = PopulationMethod::Saem { seed: 1 };

/// Reads state of the kind that the first byte chooses.
pub fn resumed(bytes: &[u8]) {
    let Some((&kind, rest)) = bytes.split_first() else { return };
    match kind % 6 {
        0 => population(rest, FOCE),
        1 => population(rest, ITS),
        2 => population(rest, SAEM),
        3 => table(rest),
        4 => tally(rest),
        _ => options(rest),
    }
}

/// Population model, and subjects of that population.
fn example() -> &'static (PopulationModel, Trial) {
    static EXAMPLE: OnceLock<(PopulationModel, Trial)> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let text = fixture("cases/97_far_start.toml");
        let model = PopulationModel::parse(&String::from_utf8(text).expect("text")).expect("a model");
        let options = ReadOptions {
            analytes: vec![Analyte::OMALIZUMAB_TOTAL],
            positive_required: BTreeSet::new(),
            covariates: Vec::new(),
            ..ReadOptions::default()
        };
        let path = file("example", &fixture("cases/97_far_start.csv"));
        let mut trial = read(&path, &options).expect("a data set");
        trial.subjects.truncate(SUBJECTS);
        trial.subjects.iter_mut().for_each(|subject| subject.observations.truncate(OBSERVATIONS));
        (model, trial)
    })
}

/// Observer that ends an estimation after some iterations, and keeps its state.
struct Few {
    left: AtomicU64,
    kept: Mutex<Vec<u8>>,
}

impl Few {
    fn new(iterations: u64) -> Self {
        Self { left: AtomicU64::new(iterations), kept: Mutex::default() }
    }
}

impl Observer for Few {
    fn iteration(&self, progress: &Progress<'_>) {
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let kept = serde_json::to_vec(&progress.standing).expect("a checkpoint");
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    fn go_on(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }
}

const OPTIONS: PopulationOptions =
    PopulationOptions { max_iterations: 300, tolerance: 1e-6, covariance: false };

/// State of an estimation after some iterations.
fn standing(method: PopulationMethod, iterations: u64) -> Vec<u8> {
    let (model, trial) = example();
    let watch = Few::new(iterations);
    let _ = estimate_population(model, &trial.subjects, method, OPTIONS, None, &watch);
    watch.kept.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Resumes the estimation of a population for one iteration.
fn population(bytes: &[u8], method: PopulationMethod) {
    let Ok(from) = serde_json::from_slice::<Checkpoint>(bytes) else { return };
    let (model, trial) = example();
    let _ = estimate_population(model, &trial.subjects, method, OPTIONS, Some(from), &Few::new(1));
}

/// Rows of the growing table.
fn rows(times: &[f64]) -> Table {
    let ids = times.iter().map(|time| format!("{time}"));
    let columns =
        vec![Column::new("ID", Values::text(ids)), Column::new("TIME", Values::Float(times.to_vec()))];
    Table::new("courses", columns).expect("columns of one length")
}

/// Resumes a table; the input holds the state that was kept, the growing file, and the rows beside it.
fn table(bytes: &[u8]) {
    let Some(at) = bytes.iter().position(|byte| *byte == PART) else { return };
    let (kept, rest) = (&bytes[..at], &bytes[at + 1..]);
    let (Ok(kept), Ok(value)) =
        (serde_json::from_slice::<KeptTable>(kept), serde_json::from_slice::<serde_json::Value>(kept))
    else {
        return;
    };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else { return };
    let length = u32::from_le_bytes(*length) as usize;
    let Some((grown, left)) = rest.split_at_checked(length) else { return };
    let number = value["rows"].as_u64().unwrap_or(0);
    let folder = RunFolder::create(&place("run"), true).expect("a folder");
    let write = |name: String, bytes: &[u8]| {
        std::fs::write(folder.file(name).expect("a place"), bytes).expect("a file");
    };
    write("courses.parquet".to_owned(), grown);
    write("courses.csv".to_owned(), &grown[..grown.len().min(100)]);
    write(format!("{}/courses-{number}.parquet", RunFolder::KEPT), left);
    if let Ok(mut table) = GrowingTable::start(&folder, "courses", true, Some(&kept)) {
        // The rows in the separate file may have other columns.
        let _ = table.append(rows(&[1.0]));
        let _ = table.keep(&folder);
        let _ = table.finish();
    }
}

/// Reads counts of subjects.
fn tally(bytes: &[u8]) {
    if let Ok(tally) = serde_json::from_slice::<Tally>(bytes) {
        let _ = tally.subjects();
        let _ = format!("{:?}", tally.overview());
    }
}

/// Reads the options for the data of a run, and asserts that they are written and read back unchanged.
fn options(bytes: &[u8]) {
    if let Ok(options) = serde_json::from_slice::<ReadOptions>(bytes) {
        let json = serde_json::to_vec(&options).expect("options");
        let again: ReadOptions = serde_json::from_slice(&json).expect("options that were written");
        assert!(again == options);
    }
}

/// Input with a table that has grown by more than a row group and was kept.
fn grown() -> Vec<u8> {
    const ROWS: u32 = 131_072 + 3;
    let folder = RunFolder::create(&place("grown"), true).expect("a folder");
    let mut table = GrowingTable::start(&folder, "courses", true, None).expect("a table");
    let times: Vec<f64> = (0..ROWS).map(|row| f64::from(row % 7)).collect();
    table.append(rows(&times)).expect("rows");
    let kept = table.keep(&folder).expect("a table that is kept").expect("rows");
    let mut kept = serde_json::to_value(&kept).expect("what is kept");
    let number = kept["rows"].as_u64().expect("rows");
    // Number of bytes of the CSV file that are present.
    kept["csv"] = 50.into();
    let read = |name: String| std::fs::read(folder.file(name).expect("a place")).expect("a file");
    let (grown, left) =
        (read("courses.parquet".to_owned()), read(format!("{}/courses-{number}.parquet", RunFolder::KEPT)));
    let mut bytes = serde_json::to_vec(&kept).expect("what is kept");
    bytes.push(PART);
    bytes.extend((grown.len() as u32).to_le_bytes());
    [bytes, grown, left].concat()
}

/// Files that a run leaves when it is interrupted.
pub fn seeds() -> Vec<Vec<u8>> {
    let of = |kind: u8, bytes: Vec<u8>| [vec![kind], bytes].concat();
    let json = serde_json::to_vec(&ReadOptions::default()).expect("options");
    let full = crate::options::options([0xC8, 0xFF, 0xFF, 0xFF]);
    vec![
        of(0, standing(FOCE, 2)),
        of(1, standing(ITS, 3)),
        // The checkpoint is after the initial rounds.
        of(2, standing(SAEM, 31)),
        of(3, grown()),
        of(4, serde_json::to_vec(&Tally::default()).expect("a tally")),
        of(5, json),
        of(5, serde_json::to_vec(&full).expect("options")),
    ]
}
