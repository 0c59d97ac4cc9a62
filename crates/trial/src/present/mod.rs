//! Tables for publication: the main columns of a run's tables, rounded, as plain text, Markdown or LaTeX.

mod latex;
mod layout;
mod listing;
mod markdown;
mod outcomes;
mod plain;

pub use listing::Listing;
pub use outcomes::{
    present_outcome_arms, present_outcome_hysteresis, present_outcome_model_parameters,
    present_outcome_models, present_outcome_visits, present_what_if_outcomes,
};
pub use plain::{bytes_in_words, count, harmless, harmless_lines};

use omafit_model::PopulationModel;

use crate::definitions::definition;
use crate::table::{Table, Values};

/// Number of significant digits that are shown.
const DIGITS: i32 = 4;

/// A table for print: cells of text, with numeric columns aligned to the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    title: String,
    /// Name and unit of each column, and whether it is numeric.
    columns: Vec<(String, String, bool)>,
    rows: Vec<Vec<String>>,
    note: String,
}

impl Presented {
    /// Builds a table from columns (name, unit, whether numeric), rows with a cell for each column, and a note below
    /// it.
    pub fn new(
        title: impl Into<String>,
        columns: Vec<(String, String, bool)>,
        rows: Vec<Vec<String>>,
        note: impl Into<String>,
    ) -> Self {
        Self { title: title.into(), columns, rows, note: note.into() }
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Name and unit of each column, and whether it is numeric.
    pub fn columns(&self) -> &[(String, String, bool)] {
        &self.columns
    }

    /// Heading of each column: its name, with its unit if it has one.
    pub fn heads(&self) -> Vec<String> {
        let head = |(name, unit, _): &(String, String, bool)| match unit.as_str() {
            "" => name.clone(),
            unit => format!("{name}, {unit}"),
        };
        self.columns.iter().map(head).collect()
    }

    /// The cells, row by row.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// The table with a sentence inserted before its note.
    pub fn noted(mut self, sentence: &str) -> Self {
        self.note = format!("{sentence} {}", self.note).trim_end().to_owned();
        self
    }

    /// The note below the table; empty if there is none.
    pub fn note(&self) -> &str {
        &self.note
    }
}

/// Table of the population parameters: estimate, unit, relative standard error and confidence interval; for variances
/// the coefficient of variation with its relative standard error, and shrinkage. The note gives the likelihood from the
/// table `criteria`.
pub fn present_parameters(table: &Table, criteria: Option<&Table>) -> Presented {
    let number = |name: &'static str, row: usize| rounded(float(table, name, row));
    let interval = |row: usize| match (number("ci_low", row), number("ci_high", row)) {
        (low, high) if low.is_empty() || high.is_empty() => String::new(),
        (low, high) => format!("{low} to {high}"),
    };
    let percent = |name: &str, row: usize| tenths(float(table, name, row));
    let fixed = |row: usize| float(table, "fixed", row) == 1.0;
    let one = |row: usize| {
        vec![
            text(table, "name", row),
            Some(text(table, "unit", row)).filter(|unit| unit != "1").unwrap_or_default(),
            number("estimate", row),
            if fixed(row) { "fixed".to_owned() } else { percent("rse_pct", row) },
            interval(row),
            match (percent("bsv_cv_pct", row), percent("bsv_cv_rse_pct", row)) {
                (cv, rse) if cv.is_empty() || rse.is_empty() => cv,
                (cv, rse) => format!("{cv} ({rse})"),
            },
            percent("shrinkage_sd_pct", row),
        ]
    };
    let heads = [
        ("Parameter", "", false),
        ("Unit", "", false),
        ("Estimate", "", true),
        ("RSE", "%", true),
        ("95 % CI", "", true),
        ("CV (RSE)", "%", true),
        ("Shrinkage", "%", true),
    ];
    Presented {
        title: "Population parameters".to_owned(),
        columns: heads.map(|(name, unit, right)| (name.to_owned(), unit.to_owned(), right)).to_vec(),
        rows: (0..table.rows()).map(one).collect(),
        note: format!(
            "{}RSE: relative standard error; CI: confidence interval; CV: coefficient of variation between \
             subjects, 100·√(exp ω² − 1); shrinkage: 100·(1 − SD(η̂)/ω).",
            criteria.map_or(String::new(), likelihood_words)
        ),
    }
}

/// Sentence with OFV, −2LL and information criteria.
fn likelihood_words(criteria: &Table) -> String {
    let thousandth = |name: &str| format!("{:.3}", float(criteria, name, 0)).replace('-', "−");
    let count = |name: &str| format!("{:.0}", float(criteria, name, 0));
    let by = match text(criteria, "method", 0).as_str() {
        "laplace" => "Laplace's method",
        "is" => "importance sampling",
        _ => "linearisation (FOCE)",
    };
    let named = [("OFV", "ofv"), ("−2LL", "minus2ll"), ("AIC", "aic"), ("BIC", "bic"), ("BICc", "bicc")];
    let known = named.into_iter().filter(|(_, column)| !float(criteria, column, 0).is_nan());
    let values: Vec<String> = known.map(|(name, column)| format!("{name} {}", thousandth(column))).collect();
    let error = match float(criteria, "monte_carlo_se", 0) {
        se if se.is_nan() => String::new(),
        se => format!(" (Monte-Carlo standard error {})", rounded(se)),
    };
    format!(
        "Likelihood by {by}: {}{error}; {} numbers estimated, {} subjects, {} observations. ",
        values.join(", "),
        count("estimated"),
        count("subjects"),
        count("observations")
    )
}

/// Table of the subjects: number of observations, covariates, and every estimated parameter with its relative standard
/// error.
pub fn present_individuals(table: &Table, model: &PopulationModel) -> Presented {
    let defined = |name: &str| definition(table.name(), name, model);
    let names = || table.columns().iter().map(|column| column.name.as_str());
    let of = |pattern: &str, name: &&str| defined(name).is_some_and(|(d, _)| d.column == pattern);
    let is_known = |name: &&str| (0..table.rows()).any(|row| !float(table, name, row).is_nan());
    let covariates: Vec<&str> = names().filter(|name| of("{covariate}", name) && is_known(name)).collect();
    let estimated = |name: &&str| of("{parameter}", name) && names().any(|n| n == format!("RSE_PCT_{name}"));
    let parameters: Vec<&str> = names().filter(estimated).collect();
    let unit = |name: &str| defined(name).map_or(String::new(), |(_, unit)| unit);
    let mut columns = vec![("ID".to_owned(), String::new(), false), ("n".to_owned(), String::new(), true)];
    columns.extend(covariates.iter().chain(&parameters).map(|name| ((*name).to_owned(), unit(name), true)));
    columns.push(("Status".to_owned(), String::new(), false));
    let one = |row: usize| {
        let mut cells = vec![text(table, "ID", row), rounded(float(table, "n_obs", row))];
        cells.extend(covariates.iter().map(|name| rounded(float(table, name, row))));
        cells.extend(parameters.iter().map(|name| {
            let error = tenths(float(table, &format!("RSE_PCT_{name}"), row));
            let error = if error.is_empty() { "–".to_owned() } else { error };
            match rounded(float(table, name, row)) {
                value if value.is_empty() => value,
                value => format!("{value} ({error})"),
            }
        }));
        cells.push(text(table, "status", row).replace('_', " "));
        cells
    };
    Presented {
        title: "Individual parameters".to_owned(),
        columns,
        rows: (0..table.rows()).map(one).collect(),
        note:
            "Estimates with their relative standard error in per cent; – where the data do not determine it; \
               n: observations."
                .to_owned(),
    }
}

fn float(table: &Table, name: &str, row: usize) -> f64 {
    match table.values(name) {
        Some(Values::Float(values)) => values[row],
        Some(Values::Integer(values)) => values[row].map_or(f64::NAN, |value| value as f64),
        _ => f64::NAN,
    }
}

fn text(table: &Table, name: &str, row: usize) -> String {
    match table.values(name) {
        Some(Values::Text(values)) => values[row].to_string(),
        _ => String::new(),
    }
}

/// Number rounded to four significant digits; integers unrounded, missing values empty.
fn rounded(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    let size = value.abs();
    let plain = if value.fract() == 0.0 && size < 1e9 {
        format!("{value:.0}")
    } else if (1e-4..1e7).contains(&size) {
        // The magnitude after rounding: 9.99996 is 10.00.
        let scientific = format!("{:.*e}", DIGITS as usize - 1, value);
        let magnitude: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
        format!("{value:.*}", (DIGITS - 1 - magnitude).max(0) as usize)
    } else {
        format!("{value:.*e}", DIGITS as usize - 1)
    };
    plain.replace('-', "−")
}

/// Percentage with one decimal; empty if it is not finite.
fn tenths(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}").replace('-', "−") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        let pairs = [
            (0.175_684_9, "0.1757"),
            (38.165_54, "38.17"),
            (9.999_96, "10.00"),
            (-0.281, "−0.2810"),
            (482.0, "482"),
            (123_456.7, "123457"),
            (1.5e-7, "1.500e−7"),
            (f64::NAN, ""),
            (f64::INFINITY, "∞"),
            (0.0, "0"),
        ];
        for (value, shown) in pairs {
            assert_eq!(rounded(value), shown);
        }
        assert_eq!(tenths(-3.04), "−3.0");
    }
}
