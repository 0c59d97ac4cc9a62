//! Intervals of the population estimates by method, for the terminal.

use super::format::{NONE, significant};
use super::terminal::say;
use omafit_trial::{Table, Values};

/// Significant digits of the end of an interval.
const DIGITS: usize = 4;

/// Prints the table `uncertainty`: one row per estimate, one column per method.
pub fn uncertainty(table: &Table) {
    let Some(Values::Text(names)) = table.values("name") else { return };
    let numbers = |name: &str| match table.values(name) {
        Some(Values::Float(values)) => &values[..],
        _ => &[],
    };
    let methods: Vec<&str> = table.columns().iter().filter_map(|c| c.name.strip_suffix("_low")).collect();
    say!("\n95 % intervals by every method of the run, in uncertainty.csv");
    let mut rows = vec![vec![String::new(), "estimate".into()]];
    rows[0].extend(methods.iter().map(|method| method.to_string()));
    let at = |values: &[f64], row: usize| values.get(row).copied().unwrap_or(f64::NAN);
    for (row, name) in names.iter().enumerate() {
        let mut cells = vec![name.to_string(), significant(at(numbers("estimate"), row), DIGITS)];
        for method in &methods {
            let [low, high] = ["low", "high"].map(|end| at(numbers(&format!("{method}_{end}")), row));
            let is_there = !(low.is_nan() && high.is_nan());
            let [low, high] = [low, high].map(|end| significant(end, DIGITS));
            cells.push(if is_there { format!("{low} to {high}") } else { NONE.into() });
        }
        rows.push(cells);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        say!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}
