//! Checks for covariates that are impossible, outlying or contradictory.

use omafit_model::Covariates;

use super::cell::is_missing;
use super::checks::Check;
use super::columns::Columns;
use super::examine::MISSING_CODES;
use super::findings::Findings;
use super::layout::DecimalMark;
use super::options::ReadOptions;
use super::raw::{Heading, RawRow};
use super::robust::Robust;

/// Minimum number of distinct values of a covariate for its values to be compared with each other.
const FEWEST: usize = 20;
/// Number of robust standard deviations from the median, on the log scale if all values are above zero, beyond which a
/// value is outlying.
const FAR: f64 = 6.0;
/// Relative difference between a BMI and the BMI of weight and height that rounding does not explain.
const BMI_PART: f64 = 0.1;
/// Largest height in m, and smallest height in cm.
const TALLEST_M: f64 = 3.0;
const SHORTEST_CM: f64 = 30.0;

/// Quantity with a known range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Age,
    Height,
    Bmi,
    Clearance,
    Surface,
    Albumin,
    /// Covariate whose range is not known.
    Other,
}

impl Quantity {
    /// Names that files use for the quantity.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Age => &["AGE", "BAGE", "AGEBL"],
            Self::Height => &["HT", "HEIGHT", "BHT", "HTBL"],
            Self::Bmi => &["BMI", "BBMI", "BMIBL"],
            Self::Clearance => &["CRCL", "CLCR", "EGFR", "CRCLBL"],
            Self::Surface => &["BSA", "BSABL"],
            Self::Albumin => &["ALB", "BALB", "ALBBL"],
            Self::Other => &[],
        }
    }

    const NAMED: [Self; 6] =
        [Self::Age, Self::Height, Self::Bmi, Self::Clearance, Self::Surface, Self::Albumin];

    /// Whether a person may have a value, in any of the usual units.
    fn is_possible(self, value: f64) -> bool {
        match self {
            Self::Age => (0.0..=120.0).contains(&value),
            Self::Height => (0.3..=TALLEST_M).contains(&value) || (SHORTEST_CM..=250.0).contains(&value),
            Self::Bmi => (8.0..=100.0).contains(&value),
            Self::Clearance => value > 0.0 && value <= 500.0,
            Self::Surface => (0.1..=4.0).contains(&value),
            Self::Albumin => value > 0.0 && value <= 100.0,
            Self::Other => true,
        }
    }
}

/// Column of a covariate, with the value of each subject.
struct Column {
    at: usize,
    title: String,
    quantity: Quantity,
    /// Whether the column is read; another check then reports its codes of missing values.
    is_read: bool,
    current: Option<f64>,
    /// Value of each subject; NaN for a subject without one.
    values: Vec<f64>,
}

/// Covariates of all subjects.
pub(super) struct Outliers {
    columns: Vec<Column>,
    decimal: DecimalMark,
    missing: Vec<f64>,
    /// First row and ID of each subject.
    subjects: Vec<(u64, String)>,
    weights: Vec<f64>,
    iges: Vec<f64>,
}

impl Outliers {
    /// Finds the columns of quantities that are known by name, and the covariates that are read in addition to body
    /// weight and IgE.
    pub(super) fn new(heading: &Heading, columns: &Columns<'_>, options: &ReadOptions) -> Self {
        let positive: Vec<usize> =
            [Covariates::WEIGHT, Covariates::IGE].iter().filter_map(|name| columns.covariate(name)).collect();
        let known = |(at, title): (usize, &String)| {
            let called = |q: &Quantity| q.names().iter().any(|name| name.eq_ignore_ascii_case(title));
            let quantity = Quantity::NAMED.into_iter().find(called);
            let is_read = columns.is_covariate(at);
            let quantity = quantity.or(is_read.then_some(Quantity::Other))?;
            let is_other = positive.contains(&at) || (columns.is_used(at) && !is_read);
            let (title, values) = (title.clone(), Vec::new());
            (!is_other).then_some(Column { at, title, quantity, is_read, current: None, values })
        };
        Self {
            columns: heading.header.iter().enumerate().filter_map(known).collect(),
            decimal: options.decimal,
            missing: options.missing.clone(),
            subjects: Vec::new(),
            weights: Vec::new(),
            iges: Vec::new(),
        }
    }

    /// Begins a subject.
    pub(super) fn begin(&mut self) {
        self.columns.iter_mut().for_each(|column| column.current = None);
    }

    /// Adds a row of the subject; the first value of each covariate counts.
    pub(super) fn add(&mut self, row: &RawRow) {
        for column in self.columns.iter_mut().filter(|column| column.current.is_none()) {
            let cell = row.cells.get(column.at).unwrap_or("").trim();
            let number = if is_missing(cell) { None } else { self.decimal.parse(cell) };
            let number = number.filter(|number| number.is_finite() && !self.missing.contains(number));
            column.current = number.filter(|number| !column.is_read || !MISSING_CODES.contains(number));
        }
    }

    /// Ends the subject, with the covariates that were read.
    pub(super) fn end(&mut self, (row, id): (u64, &str), covariates: &Covariates) {
        self.subjects.push((row, id.to_owned()));
        self.weights.push(covariates.weight_kg().unwrap_or(f64::NAN));
        self.iges.push(covariates.ige_ng_ml().unwrap_or(f64::NAN));
        for column in &mut self.columns {
            column.values.push(column.current.unwrap_or(f64::NAN));
        }
    }

    /// Adds findings on the covariates of all subjects.
    pub(super) fn finish(&self, findings: &mut Findings) {
        for column in &self.columns {
            self.possible(column, findings);
            // Heights in two units have no common deviation.
            let is_mixed = column.quantity == Quantity::Height && self.heights(column, findings);
            if !is_mixed {
                self.outlying(
                    &column.title,
                    &column.values,
                    |value| column.quantity.is_possible(value),
                    findings,
                );
            }
        }
        self.outlying(Covariates::WEIGHT, &self.weights, |_| true, findings);
        self.outlying(Covariates::IGE, &self.iges, |_| true, findings);
        self.body_mass(findings);
    }

    fn tell(&self, check: Check, title: &str, subject: usize, value: f64, findings: &mut Findings) {
        let (row, id) = &self.subjects[subject];
        findings.add_seen(check, title, (*row, id), || value.to_string());
    }

    fn possible(&self, column: &Column, findings: &mut Findings) {
        for (subject, value) in column.values.iter().enumerate() {
            if !value.is_nan() && !column.quantity.is_possible(*value) {
                self.tell(Check::ImpossibleCovariate, &column.title, subject, *value, findings);
            }
        }
    }

    /// Adds findings for heights in the rarer of m and cm; returns whether both units occur.
    fn heights(&self, column: &Column, findings: &mut Findings) -> bool {
        let in_m = |value: f64| value <= TALLEST_M;
        let known = || column.values.iter().copied().filter(|value| column.quantity.is_possible(*value));
        let (metres, all) = (known().filter(|value| in_m(*value)).count(), known().count());
        if metres == 0 || metres == all {
            return false;
        }
        let rare_is_m = 2 * metres <= all;
        for (subject, value) in column.values.iter().enumerate() {
            if column.quantity.is_possible(*value) && in_m(*value) == rare_is_m {
                self.tell(Check::HeightUnitsMixed, &column.title, subject, *value, findings);
            }
        }
        true
    }

    fn outlying(
        &self,
        title: &str,
        values: &[f64],
        is_possible: impl Fn(f64) -> bool,
        findings: &mut Findings,
    ) {
        let known: Vec<(usize, f64)> =
            values.iter().copied().enumerate().filter(|(_, v)| !v.is_nan() && is_possible(*v)).collect();
        let is_positive = known.iter().all(|(_, value)| *value > 0.0);
        let scale = |value: f64| if is_positive { value.ln() } else { value };
        let scaled: Vec<f64> = known.iter().map(|(_, value)| scale(*value)).collect();
        let mut different = scaled.clone();
        different.sort_unstable_by(f64::total_cmp);
        different.dedup();
        if different.len() < FEWEST {
            return;
        }
        let Some(robust) = Robust::of(scaled) else { return };
        for (subject, value) in known {
            if robust.z(scale(value)).abs() > FAR {
                self.tell(Check::OutlyingCovariate, title, subject, value, findings);
            }
        }
    }

    fn body_mass(&self, findings: &mut Findings) {
        let find = |quantity: Quantity| self.columns.iter().find(|column| column.quantity == quantity);
        let (Some(bmi), Some(height)) = (find(Quantity::Bmi), find(Quantity::Height)) else { return };
        for (subject, (row, id)) in self.subjects.iter().enumerate() {
            let (weight, height, bmi_value) =
                (self.weights[subject], height.values[subject], bmi.values[subject]);
            if !Quantity::Height.is_possible(height) || !Quantity::Bmi.is_possible(bmi_value) {
                continue;
            }
            let metres = if height <= TALLEST_M { height } else { height / 100.0 };
            let expected = weight / (metres * metres);
            if (bmi_value / expected - 1.0).abs() > BMI_PART {
                let seen = || format!("{bmi_value}, of {weight} kg and {metres} m {expected:.1}");
                findings.add_seen(Check::BmiDisagrees, &bmi.title, (*row, id), seen);
            }
        }
    }
}
