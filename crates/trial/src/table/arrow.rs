//! Decoded columns of a Parquet file as numbers and text.

use std::fmt::Write as _;

use polars::prelude::{PolarsResult, polars_bail};
use polars_arrow::array::{Array, BinaryViewArray, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, TimeUnit};
use polars_arrow::types::NativeType;
use polars_utils::float16::pf16;

use super::Values;

/// Maximum number of digits with which a decimal is the shortest text of its number.
const DIGITS: usize = 15;

/// Content of a column whose cells are neither numbers nor text; `None` for numbers and text.
pub(super) fn kind(of: &ArrowDataType) -> Option<&'static str> {
    use ArrowDataType as T;
    match of {
        T::Null
        | T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64
        | T::Float16
        | T::Float32
        | T::Float64
        | T::Decimal(..)
        | T::Date32
        | T::Time32(_)
        | T::Time64(_)
        | T::Timestamp(..)
        | T::Utf8View
        | T::BinaryView => None,
        T::List(_) | T::LargeList(_) | T::FixedSizeList(..) => Some("lists"),
        T::Struct(_) | T::Map(..) => Some("structures"),
        _ => Some("bytes"),
    }
}

/// Values of a column of the given type, with the given number of rows.
pub(super) fn values(of: &ArrowDataType, arrays: &[Box<dyn Array>], rows: usize) -> PolarsResult<Values> {
    use ArrowDataType as T;
    let values = match of {
        T::Null => Values::Float(vec![f64::NAN; rows]),
        T::Boolean => {
            let bits = cells(arrays, |array: &BooleanArray| {
                array.iter().map(|bit| bit.map(i64::from)).collect::<Vec<_>>()
            });
            Values::Integer(bits?)
        }
        T::Int8 => integers::<i8>(arrays)?,
        T::Int16 => integers::<i16>(arrays)?,
        T::Int32 => integers::<i32>(arrays)?,
        T::Int64 => integers::<i64>(arrays)?,
        T::UInt8 => integers::<u8>(arrays)?,
        T::UInt16 => integers::<u16>(arrays)?,
        T::UInt32 => integers::<u32>(arrays)?,
        T::UInt64 => {
            let numbers = numbers::<u64>(arrays)?;
            let whole = |number: &Option<u64>| number.map(i64::try_from).transpose();
            match numbers.iter().map(whole).collect() {
                Ok(integers) => Values::Integer(integers),
                Err(_) => texts(numbers, |text, number| {
                    let _ = write!(text, "{number}");
                }),
            }
        }
        T::Float16 => floats(numbers::<pf16>(arrays)?, |number| f64::from(number.0)),
        T::Float32 => floats(numbers::<f32>(arrays)?, f64::from),
        T::Float64 => floats(numbers::<f64>(arrays)?, |number| number),
        T::Decimal(precision, scale) => {
            let numbers = numbers::<i128>(arrays)?;
            let push = |text: &mut String, number| push_decimal(text, number, *scale);
            if *precision <= DIGITS {
                floats(numbers, |number| {
                    let mut text = String::new();
                    push(&mut text, number);
                    text.parse().unwrap_or(f64::NAN)
                })
            } else {
                texts(numbers, push)
            }
        }
        T::Date32 => texts(numbers::<i32>(arrays)?, |text, days| push_date(text, i64::from(days))),
        T::Time32(unit) => {
            texts(numbers::<i32>(arrays)?, |text, time| push_time(text, i64::from(time), per_second(*unit)))
        }
        T::Time64(unit) => {
            texts(numbers::<i64>(arrays)?, |text, time| push_time(text, time, per_second(*unit)))
        }
        T::Timestamp(unit, zone) => texts(numbers::<i64>(arrays)?, |text, time| {
            let per_second = per_second(*unit);
            let per_day = 86_400 * per_second;
            push_date(text, time.div_euclid(per_day));
            text.push('T');
            push_time(text, time.rem_euclid(per_day), per_second);
            if zone.is_some() {
                text.push('Z');
            }
        }),
        T::Utf8View => {
            let mut texts = Vec::new();
            for array in arrays {
                let array = downcast::<Utf8ViewArray>(array.as_ref())?;
                texts.extend(array.iter().map(Option::unwrap_or_default));
            }
            Values::text(texts)
        }
        T::BinaryView => {
            let mut texts = Vec::new();
            for array in arrays {
                let array = downcast::<BinaryViewArray>(array.as_ref())?;
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                texts.extend(array.iter().map(text));
            }
            Values::text(texts)
        }
        other => polars_bail!(ComputeError: "a column holds {:?}; expected numbers or text", other),
    };
    if values.len() != rows {
        polars_bail!(ComputeError: "it is damaged: a column has {} rows, not {rows}", values.len());
    }
    Ok(values)
}

fn downcast<A: Array>(array: &dyn Array) -> PolarsResult<&A> {
    match array.as_any().downcast_ref() {
        Some(array) => Ok(array),
        None => polars_bail!(ComputeError: "it is damaged: a column is not of its type"),
    }
}

fn cells<A: Array, T>(arrays: &[Box<dyn Array>], of: impl Fn(&A) -> Vec<T>) -> PolarsResult<Vec<T>> {
    let mut cells = Vec::new();
    for array in arrays {
        cells.extend(of(downcast(array.as_ref())?));
    }
    Ok(cells)
}

fn numbers<T: NativeType>(arrays: &[Box<dyn Array>]) -> PolarsResult<Vec<Option<T>>> {
    cells(arrays, |array: &PrimitiveArray<T>| array.iter().map(|number| number.copied()).collect())
}

fn integers<T: NativeType + Into<i64>>(arrays: &[Box<dyn Array>]) -> PolarsResult<Values> {
    let integers = numbers::<T>(arrays)?;
    Ok(Values::Integer(integers.into_iter().map(|number| number.map(Into::into)).collect()))
}

fn floats<T>(numbers: Vec<Option<T>>, of: impl Fn(T) -> f64) -> Values {
    Values::Float(numbers.into_iter().map(|number| number.map_or(f64::NAN, &of)).collect())
}

fn texts<T>(numbers: Vec<Option<T>>, push: impl Fn(&mut String, T)) -> Values {
    Values::text(numbers.into_iter().map(|number| {
        let mut text = String::new();
        if let Some(number) = number {
            push(&mut text, number);
        }
        text
    }))
}

/// Appends a decimal number, given in units of 10 to the power of minus `scale`.
fn push_decimal(text: &mut String, number: i128, scale: usize) {
    // Writing to a string does not fail.
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if number < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    let _ = write!(text, "{sign}{whole}{point}{part}");
}

const fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Appends a day, counted from 1 January 1970, as a Gregorian date in ISO 8601. The years are counted from March, so
/// that the leap day is the last day of a year.
fn push_date(text: &mut String, day: i64) {
    const CYCLE: i64 = 146_097;
    let day = day + 719_468;
    let (cycle, of_cycle) = (day.div_euclid(CYCLE), day.rem_euclid(CYCLE));
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    // Writing to a string does not fail.
    let _ = write!(text, "{:04}-{month:02}-{of_month:02}", 400 * cycle + year + later);
}

/// Appends a time of day, with as many decimals of a second as the unit has, unless all are zero.
fn push_time(text: &mut String, time: i64, per_second: i64) {
    let (seconds, part) = (time.div_euclid(per_second), time.rem_euclid(per_second));
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    // Writing to a string does not fail.
    let _ = write!(text, "{hour:02}:{minute:02}:{second:02}");
    if part != 0 {
        let width = per_second.ilog10() as usize;
        let _ = write!(text, ".{part:0width$}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut String)) -> String {
        let mut text = String::new();
        push(&mut text);
        text
    }

    #[test]
    fn decimals_dates_and_times() {
        for (number, scale, expected) in
            [(0, 2, "0.00"), (5, 1, "0.5"), (-5, 3, "-0.005"), (1234, 1, "123.4"), (-70, 0, "-70")]
        {
            assert_eq!(text(|text| push_decimal(text, number, scale)), expected);
        }
        for (day, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (20_788, "2026-12-01"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
        ] {
            assert_eq!(text(|text| push_date(text, day)), expected);
        }
        assert_eq!(text(|text| push_time(text, 3_723, 1)), "01:02:03");
        assert_eq!(text(|text| push_time(text, 86_399_050, 1_000)), "23:59:59.050");
    }
}
