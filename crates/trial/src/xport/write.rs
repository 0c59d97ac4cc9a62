//! Writing of transport files.

use std::io::{self, Write};

use super::header::{Header, LABELS, put, record};
use super::number::{MISSING, to_ibm};
use super::variables::{Variable, description};
use super::{DESCRIPTION, RECORD, SHORT_LABEL, XportVersion};
use crate::table::{Table, Values};

/// Version that SAS states in a library written by another program; the times of writing are set to the start of SAS's
/// calendar, so that equal tables give equal bytes.
const VERSION: &str = "9.4";
const WRITTEN: &str = "01JAN60:00:00:00";

/// The label of a column, by its name.
type Label<'a> = &'a dyn Fn(&str) -> &'a str;

/// Reason why a table cannot be written as a transport file.
#[derive(Debug)]
pub(crate) enum Unwritable {
    /// The format cannot hold a part of the table.
    Limit {
        /// Name of the column.
        column: String,
        /// Row in the file, with the header as row 1, if the part is a cell.
        row: Option<usize>,
        /// Description of the limit.
        reason: String,
    },
    /// The last row of a version 5 file cannot be distinguished from the padding of a record.
    EmptyEnd,
    /// Writing to disk fails.
    Io(io::Error),
}

impl From<io::Error> for Unwritable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes a table as the only member of a transport file, under the name of the table if it is a valid name, or else as
/// DATA. NaN, `None` and empty texts become missing values; trailing blanks of a text are not kept.
pub(crate) fn write_xport(
    out: &mut impl Write,
    table: &Table,
    label: Label<'_>,
    member_label: &str,
    version: XportVersion,
) -> Result<(), Unwritable> {
    let variables = variables(table, label, version)?;
    out.write_all(&record(Header::Library.name(version), ZEROS))?;
    out.write_all(&fields(&[(0, "SAS"), (8, "SAS"), (16, "SASLIB"), (24, VERSION), (64, WRITTEN)]))?;
    out.write_all(&fields(&[(0, WRITTEN)]))?;
    out.write_all(&record(Header::Member.name(version), "000000000000000001600000000140"))?;
    out.write_all(&record(Header::Descriptor.name(version), ZEROS))?;
    let name = if is_name(table.name(), version) { table.name() } else { "DATA" };
    let after = 8 + version.name_bytes();
    out.write_all(&fields(&[
        (0, "SAS"),
        (8, name),
        (after, "SASDATA"),
        (after + 8, VERSION),
        (64, WRITTEN),
    ]))?;
    out.write_all(&fields(&[(0, WRITTEN), (32, member_label)]))?;
    let count = format!("{:010}{:020}", variables.len(), 0);
    out.write_all(&record(Header::Variables.name(version), &count))?;
    for (at, variable) in variables.iter().enumerate() {
        out.write_all(&description(variable, at + 1, version))?;
    }
    fill(out, variables.len() * DESCRIPTION)?;
    write_long_labels(out, &variables)?;
    let rows = if version == XportVersion::V8 { format!("{:15}", table.rows()) } else { ZEROS.to_owned() };
    out.write_all(&record(Header::Rows.name(version), &rows))?;
    write_rows(out, table, &variables, version)
}

const ZEROS: &str = "000000000000000000000000000000";

/// Record of texts, each from its position on.
fn fields(texts: &[(usize, &str)]) -> [u8; RECORD] {
    let mut record = [b' '; RECORD];
    texts.iter().for_each(|(at, text)| put(&mut record[*at..], text.as_bytes()));
    record
}

/// Writes the blanks that pad the last record after `length` bytes.
fn fill(out: &mut impl Write, length: usize) -> io::Result<()> {
    out.write_all(&[b' '; RECORD][..length.next_multiple_of(RECORD) - length])
}

/// Variables of a table, if the format can hold them.
fn variables(table: &Table, label: Label<'_>, version: XportVersion) -> Result<Vec<Variable>, Unwritable> {
    let mut at = 0;
    let mut variables: Vec<Variable> = Vec::new();
    for column in table.columns() {
        let name = column.name.as_str();
        let limit = |row, reason: String| Err(Unwritable::Limit { column: name.to_owned(), row, reason });
        if !is_name(name, version) {
            let form =
                format!("a letter or _ and then letters, digits or _, at most {}", version.name_bytes());
            return limit(None, format!("a name there is {form}"));
        }
        if variables.iter().any(|variable| variable.name.eq_ignore_ascii_case(name)) {
            return limit(None, "another column has this name, and capitals do not matter there".to_owned());
        }
        let label = label(name);
        if label.len() > version.label_bytes() {
            let most = version.label_bytes();
            return limit(None, format!("its label has {} bytes, more than {most}", label.len()));
        }
        let (is_number, length) = match &column.values {
            Values::Float(_) | Values::Integer(_) => (true, 8),
            Values::Text(values) => {
                let length = |text: &str| text.trim_end_matches(' ').len();
                let longest = values.iter().enumerate().max_by_key(|(_, text)| length(text));
                let (row, length) = longest.map_or((0, 0), |(row, text)| (row, length(text)));
                if length > version.text_bytes() {
                    let most = version.text_bytes();
                    return limit(Some(row + 2), format!("a text has {length} bytes, more than {most}"));
                }
                (false, length.max(1))
            }
        };
        let format = String::new();
        variables.push(Variable {
            name: name.to_owned(),
            label: label.to_owned(),
            format,
            is_number,
            at,
            length,
        });
        at += length;
    }
    Ok(variables)
}

fn is_name(name: &str, version: XportVersion) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.len() <= version.name_bytes()
        && name.starts_with(is_letter)
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// Writes the labels that do not fit into the descriptions.
fn write_long_labels(out: &mut impl Write, variables: &[Variable]) -> io::Result<()> {
    let long: Vec<_> =
        variables.iter().enumerate().filter(|(_, variable)| variable.label.len() > SHORT_LABEL).collect();
    if long.is_empty() {
        return Ok(());
    }
    out.write_all(&record(LABELS, &long.len().to_string()))?;
    let mut length = 0;
    for (at, Variable { name, label, .. }) in long {
        for number in [at + 1, name.len(), label.len()] {
            out.write_all(&(number as u16).to_be_bytes())?;
        }
        out.write_all(name.as_bytes())?;
        out.write_all(label.as_bytes())?;
        length += 6 + name.len() + label.len();
    }
    fill(out, length)
}

fn write_rows(
    out: &mut impl Write,
    table: &Table,
    variables: &[Variable],
    version: XportVersion,
) -> Result<(), Unwritable> {
    let length = variables.iter().map(|variable| variable.length).sum();
    let mut bytes = vec![b' '; length];
    for row in 0..table.rows() {
        bytes.fill(b' ');
        for (column, variable) in table.columns().iter().zip(variables) {
            let cell = &mut bytes[variable.at..variable.at + variable.length];
            let limit = |found: &dyn std::fmt::Display, reason: &str| Unwritable::Limit {
                column: column.name.clone(),
                row: Some(row + 2),
                reason: format!("{found} {reason}"),
            };
            let number = match &column.values {
                Values::Text(values) => {
                    put(cell, values[row].trim_end_matches(' ').as_bytes());
                    continue;
                }
                Values::Float(values) if values[row].is_nan() => MISSING,
                Values::Float(values) => to_ibm(values[row]).ok_or_else(|| {
                    limit(&values[row], "is beyond what a number can be there, 5.4e-79 to 7.2e75")
                })?,
                Values::Integer(values) => match values[row] {
                    None => MISSING,
                    Some(value) => Some(value as f64)
                        .filter(|number| *number as i128 == i128::from(value))
                        .and_then(to_ibm)
                        .ok_or_else(|| limit(&value, "has more digits than a number can have there"))?,
                },
            };
            cell.copy_from_slice(&number);
        }
        out.write_all(&bytes)?;
    }
    let end = table.rows() * length;
    let is_lost = end.next_multiple_of(RECORD) - end + length < RECORD;
    if version == XportVersion::V5 && table.rows() > 0 && is_lost && bytes.iter().all(|byte| *byte == b' ') {
        return Err(Unwritable::EmptyEnd);
    }
    Ok(fill(out, end)?)
}
