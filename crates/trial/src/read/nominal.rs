//! Comparison of actual and nominal times, if a file has both.

use super::cell::is_missing;
use super::checks::Check;
use super::columns::Columns;
use super::findings::Findings;
use super::layout::DecimalMark;
use super::options::ReadOptions;
use super::raw::{Heading, RawRow};

/// Names that files use for the nominal time from the first dose.
pub(super) const NAMES: [&str; 10] =
    ["NTIM", "NTIME", "NFRLT", "NOMTIME", "NOMTIM", "NTAFD", "NTFD", "NTSFD", "NOMINAL_TIME", "NOMINALTIME"];
/// Tolerance of an actual time around its nominal time: days, or a proportion of the nominal time if that is more.
const DAYS: f64 = 1.0;
const PART: f64 = 0.2;
/// Proportion of the records that must be near their nominal times if a column holds nominal times.
const NEAR: f64 = 0.8;
/// Days in each unit that a nominal time may have.
const UNITS: [f64; 2] = [1.0, 1.0 / 24.0];

/// Actual time of a record in days, and nominal time in the file's unit.
struct Timed {
    row: u64,
    time: f64,
    nominal: Option<f64>,
    is_dose: bool,
}

/// Comparison for one unit of the nominal times.
#[derive(Default)]
struct Comparison {
    near: usize,
    far: usize,
    findings: Findings,
}

/// Column of nominal times.
pub(super) struct NominalTimes {
    at: usize,
    title: String,
    decimal: DecimalMark,
    missing: Vec<f64>,
    /// Records of the current subject.
    records: Vec<Timed>,
    by_unit: [Comparison; 2],
}

impl NominalTimes {
    /// Finds the column of nominal times, if there is one that is not read in another role.
    pub(super) fn new(heading: &Heading, columns: &Columns<'_>, options: &ReadOptions) -> Option<Self> {
        let is_nominal = |at: &usize| {
            !columns.is_used(*at) && NAMES.iter().any(|n| n.eq_ignore_ascii_case(&heading.header[*at]))
        };
        (0..heading.header.len()).find(is_nominal).map(|at| Self {
            at,
            title: heading.header[at].clone(),
            decimal: options.decimal,
            missing: options.missing.clone(),
            records: Vec::new(),
            by_unit: Default::default(),
        })
    }

    /// Begins a subject.
    pub(super) fn begin(&mut self) {
        self.records.clear();
    }

    /// Adds a record of a subject, at a time in days.
    pub(super) fn add(&mut self, row: &RawRow, time: f64, is_dose: bool) {
        let cell = row.cells.get(self.at).unwrap_or("").trim();
        let number = if is_missing(cell) { None } else { self.decimal.parse(cell) };
        let nominal = number.filter(|number| number.is_finite() && !self.missing.contains(number));
        self.records.push(Timed { row: row.row, time, nominal, is_dose });
    }

    /// Compares the actual and nominal times of a subject.
    pub(super) fn end(&mut self, id: &str) {
        let start = self.records.iter().find(|record| record.is_dose);
        let Some(start) = start.or_else(|| self.records.iter().find(|record| record.nominal.is_some()))
        else {
            return;
        };
        let (zero, nominal_zero) = (start.time, start.nominal.unwrap_or(0.0));
        for (comparison, unit) in self.by_unit.iter_mut().zip(UNITS) {
            let mut before: Option<(f64, f64)> = None;
            for Timed { row, time, nominal, .. } in &self.records {
                let Some(nominal) = *nominal else { continue };
                let (actual, expected) = (time - zero, (nominal - nominal_zero) * unit);
                let seen = || format!("{actual} days, nominal {expected}");
                // Nominal times before the first dose are windows.
                if actual >= 0.0 && expected >= 0.0 {
                    if (actual - expected).abs() <= DAYS.max(PART * expected) {
                        comparison.near += 1;
                    } else {
                        comparison.far += 1;
                        let check = Check::FarFromNominalTime;
                        comparison.findings.add_seen(check, &self.title, (*row, id), seen);
                    }
                }
                if before.is_some_and(|(earlier, later)| earlier < *time && later > nominal) {
                    comparison.findings.add_seen(Check::NominalTimeBack, &self.title, (*row, id), seen);
                }
                before = Some((*time, nominal));
            }
        }
        self.records.clear();
    }

    /// Adds the findings for the unit that fits the nominal times best; none if the column holds other times.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        let Some(best) = self.by_unit.iter_mut().max_by_key(|unit| unit.near) else { return };
        if best.near as f64 >= NEAR * (best.near + best.far) as f64 {
            findings.append(std::mem::take(&mut best.findings));
        }
    }
}
