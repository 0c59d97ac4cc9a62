//! Tables of numeric and text columns, written as CSV or Parquet.

mod arrow;
mod csv;
mod data_set;
mod data_set_file;
mod error;
mod footer;
mod groups;
mod growing;
mod guard;
mod pages;
mod parquet;
mod sink;
mod soundness;
mod tap;
mod workbook;

use std::collections::HashSet;
use std::sync::Arc;

pub use data_set::{data_set_table, write_data_set};
pub use data_set_file::write_data_set_chunks;
pub use error::TableError;
pub use growing::{GrowingTable, KeptTable};
pub use parquet::read_parquet;
pub use sink::ParquetSink;
pub use workbook::workbook;

pub(crate) use csv::push_float;
pub(crate) use data_set::covariate_names;
pub(crate) use data_set_file::write_comments;
pub(crate) use parquet::ParquetGroups;

/// A table: named columns of the same length.
///
/// ```
/// # fn main() -> Result<(), omafit_trial::TableError> {
/// use omafit_trial::{Column, Table, Values};
///
/// let id = Column::new("ID", Values::text(["501", "513"]));
/// let cl = Column::new("CLx", Values::Float(vec![0.176, f64::NAN]));
/// let table = Table::new("individuals", vec![id, cl])?;
/// let mut out = Vec::new();
/// table.write_csv(&mut out)?;
/// assert_eq!(out, b"ID,CLx\n501,0.176\n513,\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
}

/// A column of a [`Table`].
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name of the column, as in the header of the file.
    pub name: String,
    /// Values, one per row.
    pub values: Values,
}

/// The values of a [`Column`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Floating-point numbers; NaN is a missing value: an empty cell in CSV, null in Parquet.
    Float(Vec<f64>),
    /// Integers; `None` is a missing value: an empty cell in CSV, null in Parquet.
    Integer(Vec<Option<i64>>),
    /// Texts; an empty text is an empty cell. Rows can share a text.
    Text(Vec<Arc<str>>),
}

impl Column {
    /// Makes a column with the given name.
    pub fn new(name: impl Into<String>, values: Values) -> Self {
        Self { name: name.into(), values }
    }
}

impl Values {
    /// Texts, one per row; equal consecutive texts are held once.
    pub fn text<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Self {
        let values = values.into_iter();
        let mut all = Vec::<Arc<str>>::with_capacity(values.size_hint().0);
        for value in values {
            let value = value.as_ref();
            let like = all.last().filter(|last| &***last == value).cloned();
            all.push(like.unwrap_or_else(|| value.into()));
        }
        Self::Text(all)
    }

    /// Texts, each repeated for a number of rows.
    pub fn repeated<T: AsRef<str>>(values: impl IntoIterator<Item = (T, usize)>) -> Self {
        let each = values.into_iter().map(|(value, rows)| (Arc::<str>::from(value.as_ref()), rows));
        Self::Text(each.flat_map(|(value, rows)| std::iter::repeat_n(value, rows)).collect())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values as the texts that they have in CSV.
    fn as_text(&self) -> Self {
        let mut text = String::new();
        let rows = (0..self.len()).map(|row| {
            text.clear();
            self.push(&mut text, row);
            text.clone()
        });
        Self::text(rows.collect::<Vec<_>>())
    }

    /// Appends the text that a value has in CSV.
    pub(crate) fn push(&self, text: &mut String, row: usize) {
        match self {
            Self::Float(values) => push_float(text, values[row]),
            Self::Integer(values) => text.extend(values[row].map(|value| value.to_string())),
            Self::Text(values) => text.push_str(&values[row]),
        }
    }

    /// Values of this kind, without rows.
    fn none_alike(&self) -> Self {
        match self {
            Self::Float(_) => Self::Float(Vec::new()),
            Self::Integer(_) => Self::Integer(Vec::new()),
            Self::Text(_) => Self::Text(Vec::new()),
        }
    }
}

impl Table {
    /// Makes a table of columns. The name is used in messages and for sheets.
    ///
    /// # Errors
    ///
    /// [`TableError::Length`] or [`TableError::Duplicate`] if the columns differ in length or share a name.
    pub fn new(name: impl Into<String>, columns: Vec<Column>) -> Result<Self, TableError> {
        let name = name.into();
        let rows = columns.first().map_or(0, |column| column.values.len());
        let mut names = HashSet::new();
        for column in &columns {
            if column.values.len() != rows {
                let (column, found) = (column.name.clone(), column.values.len());
                return Err(TableError::Length { table: name, column, found, expected: rows });
            }
            if !names.insert(column.name.as_str()) {
                return Err(TableError::Duplicate { table: name, column: column.name.clone() });
            }
        }
        Ok(Self { name, columns })
    }

    /// The table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Values of the column with the given name, if there is one.
    pub fn values(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.values)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// Table with the same columns and without rows.
    fn none_alike(&self) -> Self {
        let empty = |column: &Column| Column::new(column.name.clone(), column.values.none_alike());
        Self { name: self.name.clone(), columns: self.columns.iter().map(empty).collect() }
    }

    /// Rejects a table with other columns.
    fn check_alike(&self, other: &Self) -> Result<(), TableError> {
        let alike = |(a, b): (&Column, &Column)| {
            a.name == b.name && std::mem::discriminant(&a.values) == std::mem::discriminant(&b.values)
        };
        let all = self.columns.iter().zip(&other.columns).all(alike);
        if all && self.columns.len() == other.columns.len() {
            Ok(())
        } else {
            Err(TableError::Columns { table: self.name.clone() })
        }
    }

    /// Removes the first rows.
    fn drop_rows(&mut self, rows: usize) {
        for column in &mut self.columns {
            match &mut column.values {
                Values::Float(values) => drop(values.drain(..rows)),
                Values::Integer(values) => drop(values.drain(..rows)),
                Values::Text(values) => drop(values.drain(..rows)),
            }
        }
    }

    /// Adds the rows of a table with the same column names; a column becomes text if it is text in either table.
    fn append_widened(&mut self, mut other: Self) -> Result<(), TableError> {
        for (column, more) in self.columns.iter_mut().zip(&mut other.columns) {
            match (&mut column.values, &mut more.values) {
                (Values::Text(_), Values::Text(_)) => {}
                (values, Values::Text(_)) => *values = values.as_text(),
                (Values::Text(_), values) => *values = values.as_text(),
                _ => {}
            }
        }
        self.append(other)
    }

    /// Adds the rows of a table with the same columns.
    fn append(&mut self, other: Self) -> Result<(), TableError> {
        self.check_alike(&other)?;
        for (column, more) in self.columns.iter_mut().zip(other.columns) {
            match (&mut column.values, more.values) {
                (values, more) if values.is_empty() => *values = more,
                (Values::Float(values), Values::Float(more)) => values.extend(more),
                (Values::Integer(values), Values::Integer(more)) => values.extend(more),
                (Values::Text(values), Values::Text(more)) => values.extend(more),
                _ => return Err(TableError::Columns { table: self.name.clone() }),
            }
        }
        Ok(())
    }
}
