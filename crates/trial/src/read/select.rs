//! Rows that are left out: comments, and rows selected by `--ignore` and `--accept`.

use super::condition::{Condition, Rule};
use super::layout::DecimalMark;
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::raw::{Heading, RawRow};
use crate::trial::Ignored;

/// Sign of a comment, whatever the options are, as in NONMEM.
const COMMENT: char = '#';

/// Whether a row begins with a sign that makes it a comment; `@` stands for itself and every letter, as in NONMEM.
fn begins(first_cell: &str, sign: char) -> bool {
    let first = first_cell.trim_start().chars().next();
    first.is_some_and(|first| first == sign || (sign == '@' && first.is_alphabetic()))
}

/// A reason to leave a row out.
enum Test {
    /// Line that begins with `#`.
    Comment,
    /// First character of the row's first cell.
    Begins(char),
    /// Condition on the cell at a position, which must be met, or must not be met.
    Cell { at: usize, condition: Condition, must: bool, decimal: DecimalMark },
}

impl Test {
    fn leaves_out(&self, row: &RawRow) -> bool {
        let cell = |at: usize| row.cells.get(at).unwrap_or("");
        match self {
            Self::Comment => row.is_comment,
            Self::Begins(sign) => begins(cell(0), *sign),
            Self::Cell { at, condition, must, decimal } => {
                condition.is_met(cell(*at).trim(), *decimal) != *must
            }
        }
    }
}

/// Selection of the rows that are used.
pub(super) struct Selection {
    /// Reasons for leaving out a row, with the rows that are left out for each.
    tests: Vec<(Test, Ignored)>,
}

impl Selection {
    /// Selection of everything except comments.
    pub(super) fn comments() -> Self {
        Self { tests: vec![(Test::Comment, Ignored::because(format!("begins with {COMMENT}")))] }
    }

    /// Selection by the options; a column that the file does not have becomes a problem.
    pub(super) fn new(heading: &Heading, options: &ReadOptions, problems: &mut Problems) -> Self {
        let Self { mut tests } = Self::comments();
        let mut conditions: Vec<(Condition, bool)> = Vec::new();
        for rule in options.ignore.iter().filter_map(|text| Rule::parse(text)) {
            match rule {
                Rule::First(COMMENT) => {}
                Rule::First(sign) => {
                    let what = if sign == '@' { "a letter or @".to_owned() } else { sign.to_string() };
                    let reason = format!("begins with {what} (--ignore {sign})");
                    tests.push((Test::Begins(sign), Ignored::because(reason)));
                }
                Rule::Condition(condition) => conditions.push((condition, false)),
            }
        }
        conditions.extend(options.accept.iter().filter_map(|text| Some((Condition::parse(text)?, true))));
        for (condition, must) in conditions {
            let (option, rule) = if must { ("--accept", "does not meet") } else { ("--ignore", "meets") };
            let named = |name: &String| name.eq_ignore_ascii_case(&condition.column);
            let Some(at) = heading.header.iter().position(named) else {
                let (text, has) = (&condition.text, heading.header.join(", "));
                let expected = format!("a column of this name, for {option} '{text}'; the file has {has}");
                problems.report(Place::row(heading.header_row).column(&condition.column), expected);
                continue;
            };
            let reason = format!("{rule} {option} '{}'", condition.text);
            let decimal = options.decimal;
            tests.push((Test::Cell { at, condition, must, decimal }, Ignored::because(reason)));
        }
        Self { tests }
    }

    /// Whether a row is a comment by its first cell, and need not have as many cells as the header.
    pub(super) fn is_comment(&self, first_cell: &str) -> bool {
        self.tests.iter().any(|(test, _)| matches!(test, Test::Begins(sign) if begins(first_cell, *sign)))
    }

    /// Whether a column decides which rows are left out.
    pub(super) fn reads(&self, position: usize) -> bool {
        self.tests.iter().any(|(test, _)| matches!(test, Test::Cell { at, .. } if *at == position))
    }

    /// Keeps the rows that are used, and counts the others under the first reason that applies.
    pub(super) fn keep(&mut self, rows: &mut Vec<RawRow>) {
        rows.retain(|row| {
            let reason = self.tests.iter_mut().find(|(test, _)| test.leaves_out(row));
            reason.map(|(_, ignored)| ignored.add(row.row)).is_none()
        });
    }

    /// Rows that were left out, by reason.
    pub(super) fn ignored(&self) -> Vec<Ignored> {
        self.tests.iter().map(|(_, ignored)| ignored).filter(|ignored| ignored.rows > 0).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(condition: &str, cell: &str) -> bool {
        Condition::parse(condition).unwrap().is_met(cell, DecimalMark::Point)
    }

    #[test]
    fn conditions_compare_numbers_as_numbers_and_text_as_text() {
        for (condition, yes, no) in [
            ("C=C", "C", "c"),
            ("C == C", "C", ""),
            ("EXCLFL=Y", "Y", "N"),
            ("STUDY=2", "2.0", "02a"),
            ("STUDY.EQ.2", "2", "3"),
            ("study.ne.2", "3", "2.0"),
            ("TIME<=84", "84", "84.5"),
            ("TIME>=84", "84", "83"),
            ("DV<0", "-1", "0"),
            ("DV > 1e3", "1001", "BLQ"),
            ("FLAG!=", "x", ""),
            ("FLAG=", "", "."),
            ("NOTE='a b'", "a b", "a"),
            ("A/=3", "", "3"),
        ] {
            assert!(met(condition, yes), "{condition}: {yes}");
            assert!(!met(condition, no), "{condition}: {no}");
        }
        assert_eq!(Condition::parse("C"), None);
        assert_eq!(Condition::parse("=3"), None);
        let condition =
            |text: &str, cell: &str| Condition::parse(text).unwrap().is_met(cell, DecimalMark::Comma);
        assert!(
            condition("TIME>84", "84,5")
                && condition("TIME>84.25", "84,5")
                && !condition("TIME>84,5", "84,5")
        );
        // Text has no order.
        assert!(!met("NAME<=b", "b") && !met("NAME>=b", "b"));
    }

    #[test]
    fn first_characters_are_those_of_nonmem() {
        assert!(begins("#3", '#') && begins(" C", 'C') && !begins("3", '@'));
        assert!(begins("ID", '@') && begins("@1", '@') && begins("É", '@'));
        assert_eq!(Rule::parse("C"), Some(Rule::First('C')));
    }
}
