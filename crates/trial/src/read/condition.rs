//! Conditions on rows, as `--ignore` and `--accept` give them.

use std::cmp::Ordering;

use super::layout::DecimalMark;

/// A comparison of a cell with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Notations of the operators.
const OPERATORS: [(&str, Operator); 17] = [
    (".EQ.", Operator::Equal),
    (".NE.", Operator::Unequal),
    (".LT.", Operator::Less),
    (".LE.", Operator::AtMost),
    (".GT.", Operator::Greater),
    (".GE.", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("/=", Operator::Unequal),
    ("<>", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("≤", Operator::AtMost),
    ("≥", Operator::AtLeast),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("=", Operator::Equal),
];

/// Condition on a row, such as `EXCLFL=Y`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// The condition as it was given.
    pub(super) text: String,
    pub(super) column: String,
    pub(super) operator: Operator,
    pub(super) value: String,
}

impl Condition {
    /// Parses a condition; `None` if the text has no column or no operator.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let find = |(sign, operator): &(&str, Operator)| Some((upper.find(sign)?, sign.len(), *operator));
        // The leftmost operator, or the longer one of two in one place.
        let found =
            OPERATORS.iter().filter_map(find).min_by_key(|(at, length, _)| (*at, usize::MAX - length));
        let (at, length, operator) = found?;
        let column = text[..at].trim();
        let value = text[at + length..].trim().trim_matches(['"', '\'']);
        let (column, value, text) = (column.to_owned(), value.to_owned(), text.trim().to_owned());
        (!column.is_empty()).then_some(Self { text, column, operator, value })
    }

    /// Whether a cell meets the condition. Two numbers are compared as numbers, everything else as text, which has no
    /// order. The decimal mark is that of the cell; the condition's number may have a point in any case.
    pub(super) fn is_met(&self, cell: &str, decimal: DecimalMark) -> bool {
        let value = DecimalMark::Point.parse(&self.value).or_else(|| decimal.parse(&self.value));
        let numbers = decimal.parse(cell).zip(value);
        let order = match numbers {
            Some((cell, value)) => cell.partial_cmp(&value),
            None => (cell == self.value).then_some(Ordering::Equal),
        };
        match self.operator {
            Operator::Equal => order == Some(Ordering::Equal),
            Operator::Unequal => order != Some(Ordering::Equal),
            Operator::Less => order == Some(Ordering::Less),
            Operator::AtMost => matches!(order, Some(Ordering::Less | Ordering::Equal)) && numbers.is_some(),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::AtLeast => {
                matches!(order, Some(Ordering::Greater | Ordering::Equal)) && numbers.is_some()
            }
        }
    }
}

/// Rule of `--ignore`: a first character, or a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rule {
    First(char),
    Condition(Condition),
}

impl Rule {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut characters = text.trim().chars();
        match (characters.next(), characters.next()) {
            (Some(only), None) => Some(Self::First(only)),
            _ => Condition::parse(text).map(Self::Condition),
        }
    }
}
