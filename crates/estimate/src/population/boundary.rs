//! Optima at the end of a range: a variance that goes to zero.
//!
//! On the way the objective falls ever less, by the square of the standard deviation; a descent over its logarithm ends once that is
//! less than its tolerance, and what stands for zero is where it ended.

use super::space::{Coordinate, Space};
use omafit_model::PopulationModel;

/// The expected second derivative of the objective over the logarithm of a standard deviation, at most, of one that goes to
/// zero. It falls with the fourth power of the standard deviation; of one that a hundred subjects determine it is some hundreds.
const LITTLE: f64 = 0.5;
/// The logarithm by which such a standard deviation is made smaller still to see that the objective does not rise: 400 times less
/// variance.
const FURTHER: f64 = 3.0;
/// A rise of the objective that is none.
const RISE: f64 = 1e-3;

/// A number at an end of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Its position in the vector.
    pub coordinate: usize,
    /// What goes where.
    pub words: String,
}

/// The variances that are at the end of their range where the objective is `value` and its expected second derivatives by
/// each number alone are `expected`; `at` is the objective elsewhere.
pub(super) fn ends(
    model: &PopulationModel,
    space: &Space,
    x: &[f64],
    value: f64,
    expected: &[f64],
    at: &dyn Fn(&[f64]) -> Option<f64>,
) -> Vec<End> {
    let names: Vec<&str> = model.parameter_names().collect();
    let name = |row: usize| names[model.variable()[row]];
    let with = |row: usize| {
        let of = |c: &Coordinate| match *c {
            Coordinate::Cholesky { row: r, column } if r == row && column < row => Some(name(column)),
            _ => None,
        };
        space.coordinates().iter().filter_map(of).collect::<Vec<_>>().join(" and ")
    };
    let of = |(k, coordinate): (usize, &Coordinate)| {
        let Coordinate::Cholesky { row, column } = *coordinate else { return None };
        if row != column || !(expected[k] < LITTLE) {
            return None;
        }
        let mut further = x.to_vec();
        further[k] -= FURTHER;
        if !(at(&further)? <= value + RISE) {
            return None;
        }
        let with = with(row);
        let words = if with.is_empty() {
            format!("the variance of {} goes to zero", name(row))
        } else {
            format!("{} goes wholly with {with}: what is left of its variance goes to zero", name(row))
        };
        Some(End { coordinate: k, words })
    };
    space.coordinates().iter().enumerate().filter_map(of).collect()
}
