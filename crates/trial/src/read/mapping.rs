//! Mapping of a study's data: a TOML file that describes how they are read.

use std::collections::BTreeMap;
use std::path::Path;

use omafit_model::Analyte;
use serde::Deserialize;

use super::dates::DateFormat;
use super::layout::{DecimalMark, Separator};
use super::options::{ReadOptions, Standard};
use super::rejection::Rejection;
use super::units::{IgeUnit, OmalizumabUnit, TimeUnit, WeightUnit};
use super::wide::WideColumns;
use crate::whole::read_whole_text;

/// Description of how a study's data are read: the options of the command line, and the codes of text columns.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("study.toml");
/// std::fs::write(&path, r#"
/// standard = "adppk"
/// unused = ["SS", "II"]
/// covariates = ["AGE", "SEX"]
/// [codes.DVID]
/// OMA = "omalizumab_total"
/// [codes.SEX]
/// F = 0
/// M = 1
/// "#)?;
/// let mut options = omafit_trial::ReadOptions::default();
/// omafit_trial::Mapping::read(&path)?.apply(&mut options);
/// assert_eq!(options.codes["SEX"]["M"], "1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    standard: Option<Standard>,
    dates: Option<DateFormat>,
    columns: BTreeMap<String, String>,
    unused: Vec<String>,
    codes: BTreeMap<String, BTreeMap<String, Code>>,
    wide: BTreeMap<String, WideEntry>,
    covariates: Vec<String>,
    assume: BTreeMap<String, f64>,
    units: Units,
    lloq: BTreeMap<String, f64>,
    uloq: BTreeMap<String, f64>,
    ignore: Vec<String>,
    accept: Vec<String>,
    missing: Vec<f64>,
    allow_undosed: Option<bool>,
    allow_unobserved: Option<bool>,
    leave_out_before_dose: Option<bool>,
    separator: Option<Separator>,
    decimal: Option<DecimalMark>,
}

/// Units of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Units {
    time: Option<TimeUnit>,
    omalizumab: Option<OmalizumabUnit>,
    ige: Option<IgeUnit>,
    baseline_ige: Option<IgeUnit>,
    weight: Option<WeightUnit>,
}

/// Columns of an analyte in a wide layout: the column of its values alone, or all its columns.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum WideEntry {
    Value(String),
    Columns(WideColumns),
}

impl WideEntry {
    fn columns(&self) -> WideColumns {
        match self {
            Self::Value(value) => WideColumns { value: value.clone(), below: None, lloq: None },
            Self::Columns(columns) => columns.clone(),
        }
    }
}

/// Value that a text of the file stands for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Code {
    Whole(i64),
    Number(f64),
    Text(String),
}

impl Code {
    fn text(&self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Mapping {
    /// Reads a mapping.
    ///
    /// # Errors
    /// [`Rejection`] if the file cannot be read, or is not a valid mapping.
    pub fn read(path: &Path) -> Result<Self, Rejection> {
        let text = read_whole_text(path)
            .map_err(|source| Rejection::Unreadable { path: path.to_owned(), source })?;
        let refused = |reason: String| Rejection::Mapping { path: path.to_owned(), reason };
        let mapping: Self = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
        let limits = mapping.lloq.keys().chain(mapping.uloq.keys()).chain(mapping.wide.keys());
        match limits.into_iter().find(|name| analyte(name).is_none()) {
            Some(name) => {
                Err(refused(format!("`{name}` is no analyte: omalizumab_total, ige_total or ige_free")))
            }
            None => Ok(mapping),
        }
    }

    /// Applies the mapping to options.
    pub fn apply(&self, options: &mut ReadOptions) {
        fn put<T: Copy>(to: &mut T, from: Option<T>) {
            if let Some(value) = from {
                *to = value;
            }
        }
        if let Some(standard) = self.standard {
            options.follow(standard);
        }
        options
            .columns
            .extend(self.columns.iter().map(|(name, theirs)| (name.to_ascii_uppercase(), theirs.clone())));
        options.dates = self.dates.or(options.dates);
        options.unused.extend(self.unused.iter().cloned());
        for (column, codes) in &self.codes {
            let codes = codes.iter().map(|(text, code)| (text.clone(), code.text()));
            options.codes.entry(column.to_ascii_uppercase()).or_default().extend(codes);
        }
        for (name, entry) in &self.wide {
            if let Some(analyte) = analyte(name) {
                options.wide.insert(analyte.name().to_owned(), entry.columns());
            }
        }
        options.carried.extend(self.covariates.iter().cloned());
        options.assume.extend(self.assume.iter().map(|(name, value)| (name.clone(), *value)));
        put(&mut options.time_unit, self.units.time);
        put(&mut options.omalizumab_unit, self.units.omalizumab);
        put(&mut options.ige_unit, self.units.ige);
        put(&mut options.weight_unit, self.units.weight);
        options.baseline_ige_unit = self.units.baseline_ige.or(options.baseline_ige_unit);
        for (limits, all) in [(&self.lloq, &mut options.lloq), (&self.uloq, &mut options.uloq)] {
            for (name, limit) in limits {
                if let Some(analyte) = analyte(name) {
                    all.insert(analyte, *limit);
                }
            }
        }
        options.ignore.extend(self.ignore.iter().cloned());
        options.accept.extend(self.accept.iter().cloned());
        options.missing.extend(&self.missing);
        put(&mut options.allow_undosed, self.allow_undosed);
        put(&mut options.allow_unobserved, self.allow_unobserved);
        put(&mut options.leave_out_before_dose, self.leave_out_before_dose);
        put(&mut options.separator, self.separator);
        put(&mut options.decimal, self.decimal);
    }
}

fn analyte(name: &str) -> Option<Analyte> {
    omafit_model::analytes().into_iter().find(|analyte| analyte.name().eq_ignore_ascii_case(name))
}
