//! Covariates that are read, and their values for the whole of a subject.

use omafit_model::Covariates;

use super::cell::Cell;
use super::names::is_covariate_name;
use super::options::ReadOptions;
use super::problems::{Place, Problems};
use super::rejection::Rejection;

/// Covariate that is read.
pub(super) struct CovariateColumn {
    pub name: String,
    /// Whether every subject must have the covariate.
    pub required: bool,
    /// Whether the covariate is read only for the result tables, so that a subject may lack it.
    pub carried: bool,
    /// Value for subjects that lack the covariate.
    pub assumed: Option<f64>,
}

impl CovariateColumn {
    /// Body weight and baseline IgE, which are read wherever a file has them, followed by the covariates that the
    /// options name.
    pub(super) fn all(options: &ReadOptions) -> Result<Vec<Self>, Rejection> {
        let new = |name: &str| Self { name: name.to_owned(), required: false, carried: false, assumed: None };
        let mut all = vec![new(Covariates::WEIGHT), new(Covariates::IGE)];
        let refuse = |option, found: String, expected| Err(Rejection::Option { option, found, expected });
        let at = |all: &mut Vec<Self>, name: &str| {
            all.iter().position(|known| known.name.eq_ignore_ascii_case(name)).unwrap_or_else(|| {
                all.push(new(name));
                all.len() - 1
            })
        };
        for name in &options.covariates {
            if !is_covariate_name(name) {
                return refuse("covariates", name.clone(), NAME);
            }
            let position = at(&mut all, name);
            if all[position].required {
                return refuse("covariates", name.clone(), "each name once");
            }
            all[position].required = true;
        }
        for name in &options.carried {
            if !is_covariate_name(name) {
                return refuse("covariates", name.clone(), NAME);
            }
            let position = at(&mut all, name);
            all[position].carried = true;
        }
        for (name, value) in &options.assume {
            if !is_covariate_name(name) {
                return refuse("assume", name.clone(), NAME);
            }
            let position = at(&mut all, name);
            let found = || format!("{name}={value}");
            if all[position].assumed.is_some() {
                return refuse("assume", found(), "each name once");
            }
            if !value.is_finite() {
                return refuse("assume", found(), "a finite number");
            }
            if *value <= 0.0 && all[position].is_positive() {
                return refuse("assume", found(), "a number above 0");
            }
            all[position].assumed = Some(*value);
        }
        Ok(all)
    }

    /// Whether the covariate is the baseline of total IgE, which other data can replace.
    pub(super) fn is_ige(&self) -> bool {
        self.name == Covariates::IGE
    }

    /// Whether the covariate is body weight.
    pub(super) fn is_weight(&self) -> bool {
        self.name == Covariates::WEIGHT
    }

    /// Whether the covariate is a quantity above zero; the range of other covariates is not known.
    pub(super) fn is_positive(&self) -> bool {
        self.is_weight() || self.is_ige()
    }

    /// Text on the value that a subject without the covariate should have.
    pub(super) fn wanting(&self) -> String {
        if self.is_weight() {
            "a body weight in kg on a row of this subject, or one to assume".to_owned()
        } else if self.is_ige() {
            "a baseline total IgE on a row of this subject, or a total IgE (DVID 2) before the first dose, or one to \
             assume"
                .to_owned()
        } else {
            format!("a value of {} on a row of this subject, or one to assume", self.name)
        }
    }

    /// Whether no subject could have the covariate without its column.
    pub(super) fn needs_column(&self) -> bool {
        (self.required || self.carried) && self.assumed.is_none() && !self.is_ige()
    }
}

const NAME: &str = "a name that no other column has (ID, TIME, DV, AMT and the other columns of records), without \
                    spaces around it";

/// Values of a covariate in a subject's rows. A row may leave out the value as long as another gives it.
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

/// Value of a covariate for the whole of a subject.
pub(super) enum Known {
    /// The one value of the subject's rows.
    Value(f64),
    /// No row has a value.
    Missing,
    /// A row has a wrong value, which has been reported.
    Wrong,
}

impl<'a> Covariate<'a> {
    /// Adds the cell of one row. Only the first mistake of a subject is reported, because the others usually repeat it.
    pub(super) fn take(
        &mut self,
        column: &CovariateColumn,
        cell: Cell<'a>,
        place: Place<'_>,
        problems: &mut Problems,
    ) {
        match cell {
            Cell::Missing => {}
            Cell::Wrong => self.wrong = true,
            Cell::Number(..) if self.wrong => {}
            Cell::Number(value, text) if value <= 0.0 && column.is_positive() => {
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
