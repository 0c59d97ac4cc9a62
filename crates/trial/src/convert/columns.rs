//! Conversion of text columns to numbers, where their cells are numbers.

use super::ConvertError;
use crate::read::{DecimalMark, is_missing};
use crate::table::{Values, push_float};

/// Values that a text column is converted to, and a note for the user if a column of numbers is kept as text.
pub(super) struct Typed {
    pub values: Values,
    pub note: Option<String>,
}

/// Converts a text column, given as its cells with their rows in the file, to numbers if each non-missing cell is the
/// shortest text of its number; the column is kept as text otherwise.
pub(super) fn typed<'a>(
    name: &str,
    cells: impl Iterator<Item = (u64, &'a str)> + Clone,
    decimal: DecimalMark,
) -> Typed {
    let there = || cells.clone().filter(|(_, cell)| !is_missing(cell.trim()));
    let text = |cell: &'a str| cell.trim();
    if there().count() > 0 && there().all(|(_, cell)| whole(text(cell)).is_some()) {
        let integers = cells.map(|(_, cell)| whole(text(cell))).collect();
        return Typed { values: Values::Integer(integers), note: None };
    }
    let longer = there().find(|(_, cell)| shortest(text(cell), decimal).is_none());
    let Some((row, cell)) = longer else {
        let numbers = cells.map(|(_, cell)| shortest(text(cell), decimal).unwrap_or(f64::NAN)).collect();
        return Typed { values: Values::Float(numbers), note: None };
    };
    let is_number = |cell: &str| decimal.parse(cell).is_some_and(f64::is_finite);
    let note = there().all(|(_, cell)| is_number(text(cell))).then(|| {
        format!(
            "{name} is kept as text: {cell:?} in row {row} is not the shortest way to write its number; \
             --numeric {name} makes it numbers"
        )
    });
    Typed { values: Values::text(cells.map(|(_, cell)| cell)), note }
}

/// Converts a text column to numbers, however they are written; a cell that is neither missing nor a finite number is
/// an error.
pub(super) fn forced<'a>(
    name: &str,
    cells: impl Iterator<Item = (u64, &'a str)>,
    decimal: DecimalMark,
) -> Result<Values, ConvertError> {
    let numbers = cells.map(|(row, cell)| match cell.trim() {
        cell if is_missing(cell) => Ok(f64::NAN),
        cell => {
            decimal.parse(cell).filter(|number| number.is_finite()).ok_or_else(|| ConvertError::Numeric {
                column: name.to_owned(),
                reason: format!("{cell:?} in row {row} is no finite number"),
            })
        }
    });
    Ok(Values::Float(numbers.collect::<Result<_, _>>()?))
}

/// Parses a cell as an integer, if the cell is the shortest text of that integer.
fn whole(cell: &str) -> Option<i64> {
    cell.parse().ok().filter(|number: &i64| number.to_string() == cell)
}

/// Parses a cell as a finite number, if the cell is the shortest text of that number.
fn shortest(cell: &str, decimal: DecimalMark) -> Option<f64> {
    let number = decimal.parse(cell).filter(|number| number.is_finite())?;
    let mut text = String::new();
    push_float(&mut text, number);
    let is_shortest = match decimal {
        DecimalMark::Point => text == cell,
        DecimalMark::Comma => text == cell.replace(',', "."),
    };
    is_shortest.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> Typed {
        typed("X", (2..).zip(cells.iter().copied()), DecimalMark::Point)
    }

    #[test]
    fn a_column_is_numbers_only_as_a_whole() {
        assert_eq!(
            of(&["1", " -20 ", ".", ""]).values,
            Values::Integer(vec![Some(1), Some(-20), None, None])
        );
        assert_eq!(of(&["1", "0.5", "-0", "1e-7"]).values, Values::Float(vec![1.0, 0.5, -0.0, 1e-7]));
        let Values::Float(missing) = of(&["", "NA", "."]).values else { panic!("numbers") };
        assert!(missing.iter().all(|number| number.is_nan()));
        for (cells, noted) in [
            (["007", "1"], true),
            (["2.50", "1"], true),
            (["1e3", "1"], true),
            (["+1", "1"], true),
            (["9007199254740993.5", "1"], true),
            (["1,5", "1"], false),
            (["inf", "1"], false),
            (["x", "1"], false),
        ] {
            let Typed { values, note } = of(&cells);
            assert_eq!((values, note.is_some()), (Values::text(cells), noted), "{cells:?}");
        }
        // Integers keep every digit that fits into 64 bits.
        assert_eq!(of(&["9007199254740993"]).values, Values::Integer(vec![Some(9_007_199_254_740_993)]));
        let comma = typed("X", [(2, "1,5"), (3, "2"), (4, "0.25")].into_iter(), DecimalMark::Comma);
        assert_eq!(comma.values, Values::Float(vec![1.5, 2.0, 0.25]));
    }
}
