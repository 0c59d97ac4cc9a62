//! Columns that name units, such as `DVU`, compared with the units in which the file is read.

use omafit_model::{Analyte, Substance};

use super::cell::{Cell, is_missing};
use super::columns::Columns;
use super::covariate::CovariateColumn;
use super::names::Name;
use super::options::ReadOptions;
use super::problem::Shown;
use super::raw::{Heading, RawRow};
use super::record::{Kind, Record};
use super::units::{TimeUnit, WeightUnit};
use crate::present::count;
use crate::trial::Warning;

/// Names that files use for the units of `DV`, `TIME`, `AMT` and `WT`.
const OF_DV: [&str; 9] =
    ["DVU", "DVUNIT", "DV_UNIT", "UNIT", "UNITS", "AVALU", "CONCU", "PCSTRESU", "LBSTRESU"];
const OF_TIME: [&str; 6] = ["TIMEU", "TIMEUNIT", "TIME_UNIT", "AFRLTU", "RRLTU", "TUNIT"];
const OF_AMOUNT: [&str; 7] = ["AMTU", "AMTUNIT", "AMT_UNIT", "DOSU", "DOSEU", "EXDOSU", "DOSEUNIT"];
const OF_WEIGHT: [&str; 4] = ["WTU", "WTUNIT", "WT_UNIT", "WEIGHTU"];
/// Maximum number of units that are distinguished.
const MOST: usize = 100;

/// Quantity that has a unit.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Observed(Analyte),
    Time,
    Amount,
    Weight,
}

/// Unit of a quantity in some rows.
struct Named {
    quantity: Quantity,
    column: usize,
    /// Text of the unit where it first occurs in the file.
    text: String,
    /// Unit in the form in which units are compared.
    unit: String,
    rows: usize,
    first_row: u64,
    id: String,
}

/// Columns that name units.
pub(super) struct UnitColumns {
    /// Positions of the columns for observations, times, amounts and weights.
    at: [Option<usize>; 4],
    titles: [String; 4],
    named: Vec<Named>,
    /// Unit in which each quantity is read.
    read: Vec<(Quantity, String)>,
}

impl UnitColumns {
    /// Finds the columns of units that are not read in another role.
    pub(super) fn new(heading: &Heading, columns: &Columns<'_>, options: &ReadOptions) -> Self {
        let header = &heading.header;
        let called = |at: &usize, names: &[&str]| names.iter().any(|n| n.eq_ignore_ascii_case(&header[*at]));
        let find = |names: &[&str]| (0..header.len()).find(|at| !columns.is_used(*at) && called(at, names));
        let has_weight = columns.covariates().iter().any(CovariateColumn::is_weight);
        let has_amount = columns.index(Name::Amt).is_some();
        let at = [
            find(&OF_DV),
            find(&OF_TIME).filter(|_| options.dates.is_none()),
            find(&OF_AMOUNT).filter(|_| has_amount),
            find(&OF_WEIGHT).filter(|_| has_weight),
        ];
        let title = |at: Option<usize>| at.map_or(String::new(), |at| header[at].clone());
        let weight = if options.weight_unit == WeightUnit::Pounds { "lb" } else { "kg" };
        let time = plain(options.time_unit.name());
        let observed =
            options.analytes.iter().map(|a| (Quantity::Observed(*a), plain(options.unit_read(*a))));
        let others = [
            (Quantity::Time, time),
            (Quantity::Amount, "mg".to_owned()),
            (Quantity::Weight, weight.to_owned()),
        ];
        let read = observed.chain(others).collect();
        Self { at, titles: at.map(title), named: Vec::new(), read }
    }

    /// Whether the file has no column of units.
    pub(super) fn is_empty(&self) -> bool {
        self.at.iter().all(Option::is_none)
    }

    /// Adds the units of a row.
    pub(super) fn add(&mut self, row: &RawRow, record: &Record<'_>) {
        let (observed, is_dose) = match record.kind {
            Kind::Observation { observation, .. } => (Some(Quantity::Observed(observation.analyte)), false),
            Kind::Dose { dose, .. } => (None, dose.amount_mg > 0.0),
            _ => (None, false),
        };
        let has_time = matches!(record.time, Cell::Number(..));
        let quantities = [
            observed,
            has_time.then_some(Quantity::Time),
            is_dose.then_some(Quantity::Amount),
            Some(Quantity::Weight),
        ];
        for (column, quantity) in quantities.into_iter().enumerate() {
            let (Some(quantity), Some(at)) = (quantity, self.at[column]) else { continue };
            let text = row.cells.get(at).unwrap_or("").trim();
            if is_missing(text) {
                continue;
            }
            let is_written = |named: &&mut Named| named.quantity == quantity && named.text == text;
            if let Some(named) = self.named.iter_mut().find(is_written) {
                named.rows += 1;
                continue;
            }
            let unit = plain(text);
            let is_same = |named: &&mut Named| named.quantity == quantity && named.unit == unit;
            if let Some(named) = self.named.iter_mut().find(is_same) {
                named.rows += 1;
            } else if self.named.len() < MOST {
                let (text, id) = (text.to_owned(), record.id.to_owned());
                self.named.push(Named { quantity, column, text, unit, rows: 1, first_row: row.row, id });
            }
        }
    }

    /// Warnings of units that are mixed, and of units other than those in which the file is read.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.read.iter().filter_map(|(quantity, read)| self.warning(*quantity, read)).collect()
    }

    fn warning(&self, quantity: Quantity, read: &str) -> Option<Warning> {
        let named: Vec<&Named> = self.named.iter().filter(|named| named.quantity == quantity).collect();
        let first = named.first()?;
        let column = Shown(&self.titles[first.column]);
        let of = match quantity {
            Quantity::Observed(analyte) => analyte.name(),
            Quantity::Time => "TIME",
            Quantity::Amount => "AMT",
            Quantity::Weight => "WT",
        };
        if named.len() > 1 {
            let told = |named: &&Named| {
                let Named { text, rows, first_row, id, .. } = named;
                let (rows, text, id) = (count(*rows, "row"), Shown(text), Shown(id));
                format!("{text} in {rows} (the first is row {first_row} of ID {id})")
            };
            let units: Vec<String> = named.iter().map(told).collect();
            let text = format!(
                "column {column}: {of} has several units, {}, and all are read in {read}; one unit in the file mends it",
                units.join(", ")
            );
            return Some(Warning { check: "units_mixed".to_owned(), text });
        }
        if first.unit == read {
            return None;
        }
        let mends = mends(quantity, &first.unit).map_or(String::new(), |option| format!("; {option}"));
        let text = format!(
            "column {column}: {of} is in {} and was read in {read} (row {} of ID {}){mends}",
            Shown(&first.text),
            first.first_row,
            Shown(&first.id)
        );
        Some(Warning { check: "unit_column".to_owned(), text })
    }
}

/// Option that reads a quantity in a unit.
fn mends(quantity: Quantity, unit: &str) -> Option<&'static str> {
    let of_analyte = |analyte: Analyte| match (analyte.substance(), unit) {
        (Substance::Drug, "ug/ml") => Some("--omalizumab-unit ug/mL"),
        (Substance::Drug, "ng/ml") => Some("--omalizumab-unit ng/mL"),
        (Substance::Drug, "nm") => Some("--omalizumab-unit nM"),
        (Substance::Target, "ng/ml") => Some("--ige-unit ng/mL"),
        (Substance::Target, "iu/ml") => Some("--ige-unit IU/mL"),
        (Substance::Target, "nm") => Some("--ige-unit nM"),
        _ => None,
    };
    match (quantity, unit) {
        (Quantity::Observed(analyte), _) => of_analyte(analyte),
        (Quantity::Time, "hours") => Some("--time-unit hours"),
        (Quantity::Time, "days") => Some("--time-unit days"),
        (Quantity::Weight, "lb") => Some("--weight-unit lb"),
        (Quantity::Weight, "kg") => Some("--weight-unit kg"),
        _ => None,
    }
}

/// Unit in the form in which units are compared: different notations of a unit become one.
fn plain(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .map(|c| if matches!(c, 'µ' | 'μ') { 'u' } else { c })
        .collect();
    let unit = match text.as_str() {
        "mcg/ml" | "mg/l" | "ug/ml" => "ug/ml",
        "ug/l" | "mcg/l" | "ng/ml" => "ng/ml",
        "u/ml" | "ku/l" | "kiu/l" | "iu/ml" => "iu/ml",
        "nmol/l" | "nm" => "nm",
        "h" | "hr" | "hrs" | "hour" | "hours" => "hours",
        "d" | "day" | "days" => TimeUnit::Days.name(),
        "kgs" | "kilograms" | "kg" => "kg",
        "lb" | "lbs" | "pounds" => "lb",
        _ => return text,
    };
    unit.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_are_written_otherwise_are_one() {
        for (a, b) in
            [("µg/mL", "mg/L"), ("μg / mL", "ug/ml"), ("kU/L", "IU/mL"), ("nmol/L", "nM"), ("HOURS", "h")]
        {
            assert_eq!(plain(a), plain(b));
        }
        assert_eq!(plain(TimeUnit::Hours.name()), "hours");
        assert_eq!(plain(TimeUnit::Days.name()), "days");
        assert_ne!(plain("mg/mL"), plain("ug/mL"));
    }
}
