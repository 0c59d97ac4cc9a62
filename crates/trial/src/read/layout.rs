//! Layout of a data set in text form: delimiter and decimal mark.

use serde::{Deserialize, Serialize};

/// Separator that is recognised only to be rejected.
pub(super) const BAR: char = '|';
/// Characters that a name may not have: in a header they would look like a delimiter in place of the comma.
pub(super) const OTHER_SEPARATORS: [char; 3] = [';', '\t', BAR];

/// Delimiter between the cells of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Separator {
    /// A comma.
    #[default]
    Comma,
    /// A semicolon.
    Semicolon,
    /// A tab.
    Tab,
    /// Any number of blanks: spaces and tabs.
    Space,
}

/// Decimal mark of the numbers in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// A point.
    #[default]
    Point,
    /// A comma.
    Comma,
}

impl Separator {
    pub(super) const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Space];

    /// Name of the delimiter in options and messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Space => "space",
        }
    }

    pub(super) const fn character(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Semicolon => ';',
            Self::Tab => '\t',
            Self::Space => ' ',
        }
    }
}

impl DecimalMark {
    /// Name of the decimal mark in options and messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Comma => "comma",
        }
    }

    /// Parses a number with this decimal mark and without thousands separators. With a decimal comma, a point is also
    /// accepted as a decimal mark where it cannot be a thousands separator: not before exactly three digits, nor beside
    /// a comma.
    pub(crate) fn parse(self, text: &str) -> Option<f64> {
        let groups = |after: &str| after.bytes().take_while(u8::is_ascii_digit).count() == 3;
        match (self, text.split_once('.')) {
            (Self::Point, _) => text.parse().ok(),
            (Self::Comma, None) => text.replacen(',', ".", 1).parse().ok(),
            (Self::Comma, Some((_, after))) if groups(after) => None,
            (Self::Comma, Some(_)) => text.parse().ok(),
        }
    }

    /// Text on the expected content, for a cell that is not a number; with advice if the cell seems to have another
    /// decimal mark.
    pub(super) fn expected(self, text: &str, expected: &str) -> String {
        match self {
            Self::Point => match Self::Comma.parse(text) {
                Some(number) if number.is_finite() && text.contains(',') => {
                    format!("{expected}; with --decimal comma it is {number}")
                }
                _ => expected.to_owned(),
            },
            Self::Comma if text.contains('.') => {
                format!("{expected} with a decimal comma and nothing between its thousands")
            }
            Self::Comma => expected.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DecimalMark::{Comma, Point};

    #[test]
    fn a_mark_between_thousands_is_no_number() {
        for (text, number) in [
            ("1,5", Some(1.5)),
            ("-0,125", Some(-0.125)),
            ("2", Some(2.0)),
            ("1,5e-3", Some(0.0015)),
            ("89.54", Some(89.54)),
            ("1.5e3", Some(1500.0)),
            ("1.234", None),
            ("1.234e2", None),
            ("1.234,5", None),
            ("1,234,5", None),
            ("1.2,5", None),
            ("1.234.567", None),
            ("1 234,5", None),
            ("1'234,5", None),
            (",", None),
            ("", None),
        ] {
            assert_eq!(Comma.parse(text), number, "{text}");
        }
        assert_eq!((Point.parse("1.234"), Point.parse("1,5")), (Some(1.234), None));
    }
}
