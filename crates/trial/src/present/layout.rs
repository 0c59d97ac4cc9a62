//! Layout of the rows of a table for print.

use super::{Presented, float, rounded, text};
use crate::table::Table;

/// A presented table under construction: selected rows of a table, to which columns are added one by one.
pub(super) struct Layout<'a> {
    table: &'a Table,
    rows: Vec<usize>,
    /// Name, unit, whether numeric, and cells of each column.
    columns: Vec<(String, String, bool, Vec<String>)>,
}

impl<'a> Layout<'a> {
    /// Starts a layout of the rows that are wanted, without columns.
    pub(super) fn new(table: &'a Table, wanted: impl Fn(usize) -> bool) -> Self {
        let rows = (0..table.rows()).filter(|&row| wanted(row)).collect();
        Self { table, rows, columns: Vec::new() }
    }

    /// Sorts the rows of each group by the column `by`, with rows that lack its value last. The texts in the columns
    /// `group` define the groups, whose rows must already be adjacent.
    pub(super) fn sorted(mut self, group: &[&str], by: &str) -> Self {
        let table = self.table;
        let is_same =
            |a: &usize, b: &usize| group.iter().all(|name| text(table, name, *a) == text(table, name, *b));
        let key =
            |row: &usize| Some(float(table, by, *row)).filter(|key| !key.is_nan()).unwrap_or(f64::INFINITY);
        for rows in self.rows.chunk_by_mut(is_same) {
            rows.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        self
    }

    /// Adds the columns that identify the outcome and the group of a row.
    pub(super) fn group(self) -> Self {
        self.words("Outcome", "measure").words("Arm", "arm").words("Responder", "responder")
    }

    /// Adds a column of text from the table, unless each of its cells is empty or `all`.
    pub(super) fn words(self, name: &str, column: &str) -> Self {
        let table = self.table;
        let says_more = |&row: &usize| !matches!(text(table, column, row).as_str(), "" | "all");
        if self.rows.iter().any(says_more) { self.text(name, |row| text(table, column, row)) } else { self }
    }

    /// Adds a column of text.
    pub(super) fn text(self, name: &str, of: impl Fn(usize) -> String) -> Self {
        self.column((name, "", false), of)
    }

    /// Adds a column of numbers.
    pub(super) fn number(self, name: &str, unit: &str, column: &str) -> Self {
        let table = self.table;
        self.numbers(name, unit, |row| rounded(float(table, column, row)))
    }

    /// Adds a column of numbers, each with the interval that two other columns give.
    pub(super) fn interval(self, name: &str, unit: &str, columns: [&str; 3]) -> Self {
        let table = self.table;
        self.numbers(name, unit, |row| with_interval(table, row, columns))
    }

    /// Adds a column of cells that are composed of numbers.
    pub(super) fn numbers(self, name: &str, unit: &str, of: impl Fn(usize) -> String) -> Self {
        self.column((name, unit, true), of)
    }

    fn column(mut self, (name, unit, right): (&str, &str, bool), of: impl Fn(usize) -> String) -> Self {
        let cells = self.rows.iter().map(|&row| of(row)).collect();
        self.columns.push((name.to_owned(), unit.to_owned(), right, cells));
        self
    }

    /// Completes the table, with a note below it.
    pub(super) fn presented(self, title: &str, note: &str) -> Presented {
        let cells = |at: usize| self.columns.iter().map(|(.., cells)| cells[at].clone()).collect();
        let rows = (0..self.rows.len()).map(cells).collect();
        let columns = self.columns.iter().map(|(name, unit, right, _)| (name.clone(), unit.clone(), *right));
        Presented::new(title, columns.collect(), rows, note)
    }
}

/// Number with the limits of its interval, as far as they are known.
pub(super) fn with_interval(table: &Table, row: usize, columns: [&str; 3]) -> String {
    let [value, low, high] = columns.map(|name| rounded(float(table, name, row)));
    if value.is_empty() || (low.is_empty() && high.is_empty()) {
        return value;
    }
    let [low, high] = [low, high].map(|end| if end.is_empty() { "–".to_owned() } else { end });
    format!("{value} ({low} to {high})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Values};

    #[test]
    fn columns_that_tell_nothing_are_left_out_and_intervals_are_as_far_as_they_are_known() {
        let number = |name: &str, values: [f64; 3]| Column::new(name, Values::Float(values.to_vec()));
        let table = Table::new(
            "t",
            vec![
                Column::new("arm", Values::text(["all", "all", ""])),
                Column::new("responder", Values::text(["all", "yes", "no"])),
                number("value", [-1.25, 2.0, f64::NAN]),
                number("low", [-2.0, f64::NAN, 1.0]),
                number("high", [-0.5, 3.0, 2.0]),
            ],
        )
        .unwrap();
        let found = Layout::new(&table, |_| true)
            .group()
            .interval("Value", "d", ["value", "low", "high"])
            .presented("T", "N");
        assert_eq!(found.heads(), ["Responder", "Value, d"]);
        let expected = [["all", "−1.250 (−2 to −0.5000)"], ["yes", "2 (– to 3)"], ["no", ""]];
        assert_eq!(found.rows(), expected);
        assert!(Layout::new(&table, |row| row > 2).presented("T", "N").rows().is_empty());
    }
}
