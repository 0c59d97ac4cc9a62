//! Optima at the end of a range: a variance of zero, a correlation of one, a typical value at its bound.
//!
//! On the way to a variance of zero the objective falls ever less, by the square of the standard deviation, and a descent
//! over its logarithm ends once that is less than its tolerance. There the objective says whether it is the end: it must
//! rise into the range, ∂F/∂ω² ≥ 0. A variance that only began near zero is moved to where the objective is lower.
//!
//! At the end the column of L is zero: its η does not vary, or is tied to the others, and the population is that of the
//! model with the boundary built in.

use super::space::{EstimatedParameter, ParameterVector, lower};
use nalgebra::DMatrix;
use omafit_model::{PopulationModel, PopulationValues};

/// The expected second derivative of the objective over the logarithm of a standard deviation, at most, of one that goes to
/// zero. It falls with the fourth power of the standard deviation; of one that a hundred subjects determine it is some hundreds.
const LITTLE: f64 = 0.5;
/// How much further a typical value goes to its bound, on the scale of the logit, to see that the objective does not rise.
const FURTHER: f64 = 3.0;
/// A rise of the objective that is none.
const RISE: f64 = 1e-3;
/// Standard deviations at which it is asked whether the objective is lower inside the range.
const INSIDE: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
/// Correlations with each later η of the block at which the same is asked. Near a variance of zero, ω², the covariance goes with
/// ω: its first derivative alone can make the objective fall, where that over the variance rises.
const CORRELATED: [f64; 2] = [-0.9, 0.9];
/// Parts of the range between the bounds at which the same is asked of a typical value.
const WITHIN: [f64; 4] = [0.003, 0.01, 0.03, 0.1];
/// The standard deviation that stands for zero in a model with a variance at zero.
pub(super) const ZERO: f64 = 1e-4;

/// A number at an end of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundaryEstimate {
    /// Its position in the vector.
    pub coordinate: usize,
    /// The number and its end, in words.
    pub words: String,
}

/// The objective as a function of the vector, with these columns of L zero; `None` where there is none.
type At<'a> = dyn Fn(&[f64], &[usize]) -> Option<f64> + 'a;

/// A number that may be at an end: its position, and the vectors at which the objective must not be lower.
struct Candidate {
    coordinate: usize,
    inside: Vec<Vec<f64>>,
}

fn moved(x: &[f64], coordinate: usize, to: f64) -> Vec<f64> {
    let mut x = x.to_vec();
    x[coordinate] = to;
    x
}

/// An end of a descent, of which it is asked whether numbers are at an end of their range.
pub(super) struct Optimum<'a> {
    pub model: &'a PopulationModel,
    pub space: &'a ParameterVector,
    pub x: &'a [f64],
    /// The objective at `x`.
    pub value: f64,
    /// Its expected second derivative over each number alone.
    pub expected: &'a [f64],
    /// The columns of L that are zero.
    pub tied: &'a [usize],
    pub at: &'a At<'a>,
}

impl Optimum<'_> {
    /// The numbers of which so little is known that they may be at an end.
    fn suspects(&self) -> Vec<Candidate> {
        let Self { space, x, expected, tied, .. } = *self;
        let of = |(coordinate, c): (usize, &EstimatedParameter)| {
            let inside = match *c {
                EstimatedParameter::Cholesky { row, column } if row == column => {
                    if !tied.contains(&row) && !(expected[coordinate] < LITTLE) {
                        return None;
                    }
                    self.varying(coordinate, row)
                }
                EstimatedParameter::Typical { parameter } if space.is_bounded(parameter) => {
                    if !(expected[coordinate] < LITTLE) {
                        return None;
                    }
                    let side = x[coordinate].signum();
                    WITHIN.iter().map(|part| moved(x, coordinate, side * (1.0 / part - 1.0).ln())).collect()
                }
                _ => return None,
            };
            Some(Candidate { coordinate, inside })
        };
        space.coordinates().iter().enumerate().filter_map(of).collect()
    }

    /// The vectors at which an η of little or no variance of its own has one: as its row of L is, and correlated with each later η.
    fn varying(&self, coordinate: usize, row: usize) -> Vec<Vec<f64>> {
        let values = self.space.values(&self.model.values(), self.x);
        let factor = lower(&values);
        let is_later = |c: &EstimatedParameter| match *c {
            EstimatedParameter::Cholesky { row: later, column } if column == row && later > row => {
                Some(later)
            }
            _ => None,
        };
        let later = self.space.coordinates().iter().filter_map(is_later).filter(|k| !self.tied.contains(k));
        let correlated = |(later, correlation): (usize, f64), sd: f64| {
            let mut factor = factor.clone();
            factor[(row, row)] = 0.0;
            factor[(row, later)] = sd * correlation;
            let mut omega = &factor * factor.transpose();
            omega[(row, row)] += sd * sd * (1.0 - correlation * correlation);
            let omega = omega.iter().copied().collect();
            self.space.vector(&PopulationValues { omega, ..values.clone() })
        };
        let mut found: Vec<Vec<f64>> = INSIDE.iter().map(|sd| moved(self.x, coordinate, sd.ln())).collect();
        for with in later.flat_map(|k| CORRELATED.map(|r| (k, r))) {
            found.extend(INSIDE.map(|sd| correlated(with, sd)));
        }
        found
    }

    /// A vector inside the range of a number that is near its end, where the objective is lower than at `x` and the lowest of
    /// those that are tried; `None` if there is none, so that every such number is at its end or has none.
    pub(super) fn escape(&self) -> Option<Vec<f64>> {
        let inside = self.suspects().into_iter().flat_map(|candidate| candidate.inside);
        let is_lower = |v: &f64| *v < self.value - RISE;
        let lower = inside.filter_map(|x| (self.at)(&x, &[]).filter(is_lower).map(|value| (value, x)));
        lower.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, x)| x)
    }

    /// The numbers at an end of their range; [`Optimum::escape`] has found nothing lower.
    pub(super) fn ends(&self) -> Vec<BoundaryEstimate> {
        let is_at_end = |c: &Candidate| self.is_at_end(c.coordinate);
        let end =
            |c: Candidate| BoundaryEstimate { coordinate: c.coordinate, words: self.words(c.coordinate) };
        self.suspects().into_iter().filter(is_at_end).map(end).collect()
    }

    /// Whether the objective is no higher at the end itself.
    fn is_at_end(&self, coordinate: usize) -> bool {
        let Self { model, space, x, tied, .. } = *self;
        let there = match space.coordinates()[coordinate] {
            EstimatedParameter::Cholesky { row, .. } if tied.contains(&row) => return true,
            EstimatedParameter::Cholesky { row, .. } => {
                let tied: Vec<usize> = tied.iter().copied().chain([row]).collect();
                (self.at)(&canonical(model, space, x, &tied), &tied)
            }
            _ => {
                let further = x[coordinate] + FURTHER * x[coordinate].signum();
                (self.at)(&moved(x, coordinate, further), tied)
            }
        };
        there.is_some_and(|there| there <= self.value + RISE)
    }

    /// A number and its end, in words.
    fn words(&self, coordinate: usize) -> String {
        let names: Vec<&str> = self.model.parameter_names().collect();
        let name = |row: usize| names[self.model.variable()[row]];
        match self.space.coordinates()[coordinate] {
            EstimatedParameter::Typical { parameter } => {
                let side = if self.x[coordinate] < 0.0 { "lower" } else { "upper" };
                format!("{} is at its {side} bound", names[parameter])
            }
            EstimatedParameter::Cholesky { row, .. } => {
                let of = |c: &EstimatedParameter| match *c {
                    EstimatedParameter::Cholesky { row: r, column }
                        if r == row && column < row && !self.tied.contains(&column) =>
                    {
                        Some(name(column))
                    }
                    _ => None,
                };
                let with: Vec<&str> = self.space.coordinates().iter().filter_map(of).collect();
                if with.is_empty() {
                    return format!("the variance of {} is zero", name(row));
                }
                format!(
                    "the correlation of {} and {} is at its boundary (1), so that Ω is singular",
                    name(row),
                    with.join(" and ")
                )
            }
            _ => names.join(", "),
        }
    }
}

/// The columns of L that these ends make zero, with those that are so already.
pub(super) fn tied_columns(space: &ParameterVector, ends: &[BoundaryEstimate], tied: &[usize]) -> Vec<usize> {
    let of = |end: &BoundaryEstimate| match space.coordinates()[end.coordinate] {
        EstimatedParameter::Cholesky { row, .. } => Some(row),
        _ => None,
    };
    let mut columns: Vec<usize> = ends.iter().filter_map(of).chain(tied.iter().copied()).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The numbers of the vector that have no curvature where these columns of L are zero: the columns' elements.
pub(super) fn held(space: &ParameterVector, ends: &[BoundaryEstimate], tied: &[usize]) -> Vec<usize> {
    let of = |(k, c): (usize, &EstimatedParameter)| match *c {
        EstimatedParameter::Cholesky { column, .. } if tied.contains(&column) => Some(k),
        _ => None,
    };
    let mut held: Vec<usize> = space.coordinates().iter().enumerate().filter_map(of).collect();
    held.extend(ends.iter().map(|end| end.coordinate));
    held.sort_unstable();
    held.dedup();
    held
}

/// The vector of the same Ω but for these columns of L, which are [`ZERO`] on the diagonal and zero below it: the factor of a
/// singular Ω is unique only so.
pub(super) fn canonical(
    model: &PopulationModel,
    space: &ParameterVector,
    x: &[f64],
    tied: &[usize],
) -> Vec<f64> {
    let mut values = space.values(&model.values(), x);
    let mut factor = lower(&values);
    for &k in tied {
        factor[(k, k)] = 0.0;
    }
    let omega = &factor * factor.transpose();
    let mut factor = semidefinite_factor(&omega, tied);
    for &k in tied {
        factor[(k, k)] = ZERO;
    }
    values.omega = (&factor * factor.transpose()).iter().copied().collect();
    let there = space.vector(&values);
    let of = |(k, c): (usize, &EstimatedParameter)| match *c {
        EstimatedParameter::Cholesky { row, column } if row == column => factor[(row, row)].ln(),
        EstimatedParameter::Cholesky { row, column } => factor[(row, column)],
        _ => there[k],
    };
    space.coordinates().iter().enumerate().map(of).collect()
}

/// Cholesky's factor of a covariance whose pivots at `zero` vanish.
fn semidefinite_factor(omega: &DMatrix<f64>, zero: &[usize]) -> DMatrix<f64> {
    let n = omega.nrows();
    let mut factor = DMatrix::zeros(n, n);
    for k in 0..n {
        let below = |row: usize, factor: &DMatrix<f64>| -> f64 {
            omega[(row, k)] - (0..k).map(|c| factor[(row, c)] * factor[(k, c)]).sum::<f64>()
        };
        let pivot = below(k, &factor);
        if zero.contains(&k) || !(pivot > 0.0) {
            continue;
        }
        let root = pivot.sqrt();
        factor[(k, k)] = root;
        for row in k + 1..n {
            factor[(row, k)] = below(row, &factor) / root;
        }
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_singular_covariance_has_a_factor_without_the_column() {
        // The second is twice the first, the third shares a half with both.
        let factor = DMatrix::from_row_slice(3, 3, &[0.3, 0.0, 0.0, 0.6, 0.0, 0.0, 0.2, 0.1, 0.4]);
        let omega = &factor * factor.transpose();
        let found = semidefinite_factor(&omega, &[1]);
        assert!((&found * found.transpose() - &omega).amax() < 1e-15);
        assert_eq!(found.column(1).amax(), 0.0);
        // What the third had of the second column is in its own.
        assert!((found[(2, 2)] - 0.1_f64.hypot(0.4)).abs() < 1e-15);
    }
}
