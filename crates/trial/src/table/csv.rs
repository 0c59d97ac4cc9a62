//! A table as CSV.

use std::fmt::Write as _;
use std::io::Write;

use super::{Table, TableError, Values};

impl Table {
    /// Writes the table as CSV: a header, a row each, cells quoted where RFC 4180 asks for it. Floats are the shortest
    /// text that reads back as the same number.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if `out` does not take it.
    pub fn write_csv(&self, mut out: impl Write) -> Result<(), TableError> {
        self.write_csv_header(&mut out)
            .and_then(|()| self.write_csv_rows(out))
            .map_err(|source| TableError::Write { table: self.name.clone(), source: source.into() })
    }

    pub(super) fn write_csv_header(&self, out: impl Write) -> csv::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(self.columns.iter().map(|column| &column.name))?;
        writer.flush()?;
        Ok(())
    }

    pub(super) fn write_csv_rows(&self, out: impl Write) -> csv::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        let mut cell = String::new();
        for row in 0..self.rows() {
            for column in &self.columns {
                cell.clear();
                match &column.values {
                    Values::Float(values) => push_float(&mut cell, values[row]),
                    Values::Integer(values) => {
                        if let Some(value) = values[row] {
                            // Writing to a string does not fail.
                            let _ = write!(cell, "{value}");
                        }
                    }
                    Values::Text(values) => cell.push_str(&values[row]),
                }
                writer.write_field(&cell)?;
            }
            writer.write_record(None::<&[u8]>)?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// The shortest text that reads back as the same number; with an exponent where the zeros would be many. NaN is
/// nothing.
pub(crate) fn push_float(text: &mut String, value: f64) {
    let size = value.abs();
    let _ = if value.is_nan() {
        Ok(())
    } else if size == 0.0 || (1e-5..1e16).contains(&size) {
        write!(text, "{value}")
    } else {
        write!(text, "{value:e}")
    };
}
