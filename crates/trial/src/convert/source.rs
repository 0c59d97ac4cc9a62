//! Reading of a data set of any format as a table.

use std::path::Path;

use super::columns::{Typed, forced, typed};
use super::error::ConvertError;
use super::options::ConvertOptions;
use crate::present::count;
use crate::read::{Rejection, Stored, read_stored};
use crate::table::{Column, ParquetGroups, Table, TableError, Values};
use crate::trial::Ignored;
use crate::xport::{XportCell, XportFile};

/// Data set as a table, with its labels, its comments and notes for the user.
pub(super) struct Source {
    pub table: Table,
    /// Label of each column; empty for a column without one.
    pub labels: Vec<String>,
    pub comments: Vec<String>,
    pub notes: Vec<String>,
}

/// Reads a data set with all its columns.
pub(super) fn source(path: &Path, options: &ConvertOptions) -> Result<Source, ConvertError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.split('.').next().unwrap_or_default();
    match read_stored(path, options.separator, options.decimal)? {
        Stored::Text { heading, rows, comments } => {
            let mut notes: Vec<String> = comments.iter().map(Ignored::to_string).collect();
            let header = &heading.header;
            check_numeric(header.iter().map(String::as_str), options)?;
            let column = |(at, title): (usize, &String)| {
                let cells = rows.iter().map(|row| (row.row, row.cells.get(at).unwrap_or_default()));
                if is_numeric(title, options) {
                    return Ok(Column::new(title, forced(title, cells, options.decimal)?));
                }
                let Typed { values, note } = typed(title, cells, options.decimal);
                notes.extend(note);
                Ok(Column::new(title, values))
            };
            let columns = header.iter().enumerate().map(column).collect::<Result<Vec<_>, ConvertError>>()?;
            let labels = vec![String::new(); columns.len()];
            // An empty comment carries no information, and Parquet and transport files cannot hold one.
            let comments =
                heading.comments.into_iter().filter(|comment| !comment.trim().is_empty()).collect();
            Ok(Source { table: Table::new(name, columns)?, labels, comments, notes })
        }
        Stored::Parquet(groups) => parquet(path, &groups, options),
        Stored::Xport(file) => xport(path, &file, options),
    }
}

fn parquet(path: &Path, groups: &ParquetGroups, options: &ConvertOptions) -> Result<Source, ConvertError> {
    let refused = |error| match error {
        TableError::Read { reason, .. } => Rejection::Format { path: path.to_owned(), found: reason }.into(),
        other => ConvertError::from(other),
    };
    let table = numeric(groups.read_all().map_err(refused)?, options)?;
    let labels = groups.labels().map(str::to_owned).collect();
    Ok(Source { table, labels, comments: groups.comments().to_vec(), notes: Vec::new() })
}

fn xport(path: &Path, file: &XportFile, options: &ConvertOptions) -> Result<Source, ConvertError> {
    let mut special = vec![0_usize; file.variables.len()];
    let mut numbers = vec![Vec::new(); file.variables.len()];
    let mut texts = vec![Vec::new(); file.variables.len()];
    for row in 0..file.rows() {
        for (at, cell) in file.row(row).enumerate() {
            match cell.map_err(|found| Rejection::Format { path: path.to_owned(), found })? {
                XportCell::Missing { special: is_special } => {
                    special[at] += usize::from(is_special);
                    numbers[at].push(f64::NAN);
                }
                XportCell::Number(number) => numbers[at].push(number),
                XportCell::Text(text) => texts[at].push(text),
            }
        }
    }
    let columns = file.variables.iter().zip(numbers).zip(texts).map(|((variable, numbers), texts)| {
        let values = if variable.is_number { Values::Float(numbers) } else { Values::text(texts) };
        Column::new(&variable.name, values)
    });
    let table = numeric(Table::new(&file.name, columns.collect())?, options)?;
    let mut notes = Vec::new();
    for (variable, special) in file.variables.iter().zip(special) {
        let (name, format) = (&variable.name, &variable.format);
        if special > 0 {
            let values = count(special, "missing value");
            notes.push(format!("letters (.A to .Z, ._) of {values} of {name} are not kept"));
        }
        if !format.is_empty() && format != "$" && format != "BEST" {
            notes.push(format!("{name} loses its format {format}: its values are as SAS stores them"));
        }
    }
    let labels = file.variables.iter().map(|variable| variable.label.clone()).collect();
    let comments = (!file.label.is_empty()).then(|| file.label.clone()).into_iter().collect();
    Ok(Source { table, labels, comments, notes })
}

/// Converts the text columns that the options name to numbers.
fn numeric(table: Table, options: &ConvertOptions) -> Result<Table, ConvertError> {
    check_numeric(table.columns().iter().map(|column| column.name.as_str()), options)?;
    let name = table.name().to_owned();
    let columns = table.columns().iter().map(|column| match &column.values {
        Values::Text(values) if is_numeric(&column.name, options) => {
            let cells = (2..).zip(values.iter().map(|text| &**text));
            Ok(Column::new(&column.name, forced(&column.name, cells, options.decimal)?))
        }
        _ => Ok(column.clone()),
    });
    Ok(Table::new(name, columns.collect::<Result<_, ConvertError>>()?)?)
}

fn is_numeric(name: &str, options: &ConvertOptions) -> bool {
    options.numeric.iter().any(|numeric| numeric.eq_ignore_ascii_case(name))
}

fn check_numeric<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    options: &ConvertOptions,
) -> Result<(), ConvertError> {
    let absent = |numeric: &&String| !names.clone().any(|name| name.eq_ignore_ascii_case(numeric));
    match options.numeric.iter().find(absent) {
        Some(column) => {
            let names: Vec<&str> = names.collect();
            let reason = format!("the file has {}", names.join(", "));
            Err(ConvertError::Numeric { column: column.clone(), reason })
        }
        None => Ok(()),
    }
}
