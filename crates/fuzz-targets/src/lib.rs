//! Fuzz targets: for each reader of omafit, a function that reads bytes and asserts the properties of any input that is
//! read or rejected. `fuzz/` runs the targets under libFuzzer; the test `replay` runs them over seeds and some
//! mutations of the seeds.
//!
//! A target panics on a finding. Seeds are made from the fixtures on request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod converting;
mod data_set;
mod dosing;
mod files;
mod mapping;
mod model;
mod options;
mod outcomes;
mod resumed;
mod seeds;

use std::path::Path;

/// Reader under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Name of the target.
    pub name: &'static str,
    /// Reads bytes, and panics if a property does not hold.
    pub run: fn(&[u8]),
    /// Initial inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// List of all targets.
pub const TARGETS: [Target; 9] = [
    Target { name: "text", run: data_set::text, seeds: seeds::text },
    Target { name: "parquet", run: data_set::parquet, seeds: seeds::parquet },
    Target { name: "xport", run: data_set::xport, seeds: seeds::xport },
    Target { name: "dosing", run: dosing::dosing, seeds: seeds::dosing },
    Target { name: "model", run: model::model, seeds: seeds::model },
    Target { name: "mapping", run: mapping::mapping, seeds: seeds::mapping },
    Target { name: "outcomes", run: outcomes::outcomes, seeds: seeds::outcomes },
    Target { name: "convert", run: converting::converting, seeds: seeds::converting },
    Target { name: "resumed", run: resumed::resumed, seeds: resumed::seeds },
];

/// Environment variable that names a folder for seeds.
const SEEDS: &str = "OMAFIT_FUZZ_SEEDS";

/// Target with the given name.
///
/// # Panics
/// If there is no target with this name.
pub fn target(name: &str) -> Target {
    TARGETS.into_iter().find(|target| target.name == name).expect("a target of this name")
}

/// Writes the seeds of a target to the folder that the environment names, and ends the process; does nothing if the
/// environment names no folder.
///
/// # Panics
/// If the seeds cannot be written.
pub fn write_seeds(name: &str) {
    let Some(folder) = std::env::var_os(SEEDS) else { return };
    for (number, seed) in (target(name).seeds)().iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{number:03}")), seed)
            .expect("a folder for seeds");
    }
    std::process::exit(0);
}
