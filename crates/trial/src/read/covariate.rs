//! A covariate that holds for the whole of a subject.

use super::problems::{Place, Problems};
use super::record::Cell;

/// What a subject's rows say of a covariate. A row may leave it out as long as another gives it.
#[derive(Clone, Copy, Default)]
pub(super) struct Covariate<'a> {
    first: Option<Given<'a>>,
    wrong: bool,
}

#[derive(Clone, Copy)]
struct Given<'a> {
    value: f64,
    text: &'a str,
    row: u64,
}

/// What is known in the end.
pub(super) enum Known {
    /// The one value of the subject's rows.
    Value(f64),
    /// No row gives it.
    Missing,
    /// A row is wrong, which has been reported.
    Wrong,
}

impl<'a> Covariate<'a> {
    /// Takes one row's cell. Only the first mistake of a subject is reported: the rest are usually the same.
    pub(super) fn take(&mut self, cell: Cell<'a>, place: Place<'_>, problems: &mut Problems) {
        match cell {
            Cell::Missing => {}
            Cell::Wrong => self.wrong = true,
            Cell::Number(..) if self.wrong => {}
            Cell::Number(value, text) if value <= 0.0 => {
                problems.found(place, text, "a number above 0");
                self.wrong = true;
            }
            Cell::Number(value, text) => match self.first {
                None => self.first = Some(Given { value, text, row: place.row }),
                Some(first) if first.value == value => {}
                Some(first) => {
                    let expected = format!(
                        "{} as in row {}: covariates that change within a subject are not supported",
                        first.text, first.row
                    );
                    problems.found(place, text, expected);
                    self.wrong = true;
                }
            },
        }
    }

    pub(super) fn known(&self) -> Known {
        match self.first {
            _ if self.wrong => Known::Wrong,
            Some(given) => Known::Value(given.value),
            None => Known::Missing,
        }
    }
}
