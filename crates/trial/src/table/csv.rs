//! Tables as CSV.

use std::fmt::Write as _;
use std::io::Write;
use std::ops::Range;

use rayon::prelude::*;

use super::{Table, TableError, Values};

/// CSV writer that quotes a `#`, because a line that begins with `#` is read as a comment.
fn writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().comment(Some(b'#')).from_writer(out)
}

/// Number of rows that are encoded at a time, and number of rows that are held as text.
const PART: usize = 1 << 9;
const HELD: usize = 1 << 15;

impl Table {
    /// Writes the table as CSV: a header, a line for each row, cells quoted where RFC 4180 requires it. Floating-point
    /// numbers are written as the shortest text that reads back as the same number.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`] if writing to `out` fails.
    pub fn write_csv(&self, mut out: impl Write) -> Result<(), TableError> {
        self.write_csv_header(&mut out)
            .and_then(|()| self.write_csv_rows(out))
            .map_err(|source| TableError::Write { table: self.name.clone(), source: source.into() })
    }

    pub(super) fn write_csv_header(&self, out: impl Write) -> csv::Result<()> {
        let mut writer = writer(out);
        writer.write_record(self.columns.iter().map(|column| &column.name))?;
        writer.flush()?;
        Ok(())
    }

    pub(super) fn write_csv_rows(&self, mut out: impl Write) -> csv::Result<()> {
        let rows = self.rows();
        for held in (0..rows).step_by(HELD) {
            let parts = (held..rows.min(held + HELD)).into_par_iter().step_by(PART);
            let parts: Vec<_> = parts.map(|from| self.csv(from..rows.min(from + PART))).collect();
            for part in parts {
                out.write_all(&part?)?;
            }
        }
        Ok(())
    }

    /// CSV text of some rows.
    fn csv(&self, rows: Range<usize>) -> csv::Result<Vec<u8>> {
        let mut writer = writer(Vec::new());
        let mut cell = String::new();
        for row in rows {
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
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

/// Appends the shortest text that reads back as the same number, with an exponent if there would be many zeros; nothing
/// for NaN.
pub(crate) fn push_float(text: &mut String, value: f64) {
    if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let shortest = buffer.format_finite(value);
        match shortest.split_once('e') {
            Some((digits, exponent)) => text.extend([digits, "e", exponent.trim_start_matches('+')]),
            None => text.push_str(shortest.strip_suffix(".0").unwrap_or(shortest)),
        }
    } else if value.is_infinite() {
        text.push_str(if value > 0.0 { "inf" } else { "-inf" });
    }
}

#[cfg(test)]
mod tests {
    use super::push_float;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut text = String::new();
        push_float(&mut text, value);
        text
    }

    /// Shortest text of a number by the standard library.
    fn expected(value: f64) -> String {
        if value == 0.0 || (1e-5..1e16).contains(&value.abs()) {
            format!("{value}")
        } else {
            format!("{value:e}")
        }
    }

    #[test]
    fn numbers_at_the_edges() {
        let edges =
            [0.0, -0.0, 1.0, -2.5, 1e-5, 9.999e-6, 1e16, 9_999_999_999_999_998.0, 1e15, 0.1, 123_456.0];
        let limits = [f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
        edges.into_iter().chain(limits).for_each(|x| assert_eq!(text(x), expected(x)));
        assert_eq!(text(f64::NAN), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn any_number(bits in any::<u64>(), whole in -1_000_000i64..1_000_000, size in -18..18i32) {
            for x in [f64::from_bits(bits), whole as f64, whole as f64 * 10.0_f64.powi(size)] {
                if !x.is_nan() {
                    let (found, expected) = (text(x), expected(x));
                    // The standard library takes the larger of two texts that are equally near.
                    prop_assert!(found.parse() == Ok(x) && found.len() == expected.len(), "{found} {expected}");
                    prop_assert_eq!(found.split_once('e').map(|e| e.1), expected.split_once('e').map(|e| e.1));
                }
            }
        }
    }
}
