//! Target for the conversion of data sets.

use crate::data_set::refused;
use crate::files::{file, place};
use crate::options::layout;
use omafit_trial::{ConvertError, ConvertOptions, XportVersion, convert};
use std::fs;
use std::path::{Path, PathBuf};

/// Converts a data set of any format to CSV in several ways, and asserts that the result is the same.
pub fn converting(bytes: &[u8]) {
    let Some((&first, content)) = bytes.split_first() else { return };
    let (separator, decimal) = layout(first);
    let xport = if first & 8 == 0 { XportVersion::V8 } else { XportVersion::V5 };
    let options = ConvertOptions { separator, decimal, xport, force: true, ..ConvertOptions::default() };
    let plain = ConvertOptions { xport, force: true, ..ConvertOptions::default() };
    let to = |from: &Path, name: &str, options: &ConvertOptions| -> Option<PathBuf> {
        let path = place(name);
        match convert(from, &path, options) {
            Ok(_) => Some(path),
            Err(error) => {
                said(&error);
                None
            }
        }
    };
    let given = file("given", content);
    let Some(parquet) = to(&given, "a.parquet", &options) else { return };
    let direct = to(&given, "direct.csv", &options).expect("what became Parquet becomes CSV");
    let csv = to(&parquet, "a.csv", &plain).expect("what became Parquet is read");
    let text = fs::read(&csv).expect("what was written");
    assert!(fs::read(direct).expect("what was written") == text);
    // A format with limits may not be able to hold the data set.
    if let Some(xpt) = to(&parquet, "a.xpt", &plain) {
        let again = to(&xpt, "b.xpt", &plain).expect("a transport file that was written is read");
        let once = to(&xpt, "b.csv", &plain).expect("a transport file that was written is read");
        let twice = to(&again, "c.csv", &plain).expect("a transport file that was written is read");
        assert!(fs::read(once).expect("what was written") == fs::read(twice).expect("what was written"));
    }
}

fn said(error: &ConvertError) {
    let said = error.to_string();
    assert!(said.len() > 20, "{said}");
    if let ConvertError::Read(rejection) = error {
        refused(rejection);
    }
}
