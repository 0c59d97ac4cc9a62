//! Estimates at the boundary of their range: a variance of zero, a correlation of one, a typical value at its bound.
//!
//! As a variance approaches zero the objective falls ever less, with the square of the standard deviation, and a
//! descent in the logarithm of the standard deviation ends once the decrease is below its tolerance. The objective
//! itself decides whether the optimum is at the boundary: it must rise into the range, ∂F/∂ω² ≥ 0. A variance that
//! merely started near zero is moved to where the objective is lower.
//!
//! At the boundary the column of L is zero: its η does not vary, or is a linear combination of the others, and the
//! population is that of the model with the boundary built in.

use super::space::{EstimatedParameter, ParameterVector, lower};
use nalgebra::DMatrix;
use omafit_model::{PopulationModel, PopulationValues};

/// Expected second derivative of the objective in the logarithm of a standard deviation below which the standard
/// deviation may be at zero. The derivative falls with the fourth power of the standard deviation; if a hundred
/// subjects determine it, it is some hundreds.
pub(super) const LITTLE: f64 = 0.5;
/// Distance, on the logit scale, by which a typical value is moved further towards its bound to check that the
/// objective does not rise.
const FURTHER: f64 = 3.0;
/// Rise of the objective that counts as none.
const RISE: f64 = 1e-3;
/// Standard deviations at which the objective is checked for lower values inside the range.
const INSIDE: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
/// Correlations with each later η of the block at which the objective is checked as well. Near a variance ω² of zero
/// the covariance is proportional to ω: its first derivative alone can lower the objective where the derivative in the
/// variance is positive.
const CORRELATED: [f64; 2] = [-0.9, 0.9];
/// Fractions of the range between its bounds at which the objective is checked for a typical value.
const WITHIN: [f64; 4] = [0.003, 0.01, 0.03, 0.1];
/// The standard deviation that represents zero in a model with a variance at zero.
pub(super) const ZERO: f64 = 1e-4;

/// An estimate at the boundary of its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundaryEstimate {
    /// Position of the estimate in the parameter vector.
    pub coordinate: usize,
    /// Description of the estimate and its boundary.
    pub words: String,
}

/// The objective as a function of the parameter vector, with the given columns of L set to zero; `None` where
/// undefined.
type At<'a> = dyn Fn(&[f64], &[usize]) -> Option<f64> + 'a;

/// An estimate that may be at its boundary: its position, and the vectors at which the objective must not be lower.
struct Candidate {
    coordinate: usize,
    inside: Vec<Vec<f64>>,
}

fn moved(x: &[f64], coordinate: usize, to: f64) -> Vec<f64> {
    let mut x = x.to_vec();
    x[coordinate] = to;
    x
}

/// The end of a descent, to be checked for boundary estimates.
pub(super) struct Optimum<'a> {
    pub model: &'a PopulationModel,
    pub space: &'a ParameterVector,
    pub x: &'a [f64],
    /// The objective at `x`.
    pub value: f64,
    /// Expected second derivative of the objective in each coordinate.
    pub expected: &'a [f64],
    /// The columns of L that are zero.
    pub tied: &'a [usize],
    pub at: &'a At<'a>,
}

impl Optimum<'_> {
    /// The estimates with so little information that they may be at their boundary.
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

    /// Vectors at which an η with little or no variance of its own has one: with its row of L unchanged, and correlated
    /// with each later η.
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

    /// The vector with the lowest objective among the trial vectors inside the range of estimates near their boundary;
    /// `None` if none is lower than at `x`, so that every such estimate is at its boundary or has none.
    pub(super) fn escape(&self) -> Option<Vec<f64>> {
        let inside = self.suspects().into_iter().flat_map(|candidate| candidate.inside);
        let is_lower = |v: &f64| *v < self.value - RISE;
        let lower = inside.filter_map(|x| (self.at)(&x, &[]).filter(is_lower).map(|value| (value, x)));
        lower.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, x)| x)
    }

    /// The estimates at the boundary of their range, given that [`Optimum::escape`] found nothing lower.
    pub(super) fn ends(&self) -> Vec<BoundaryEstimate> {
        let is_at_end = |c: &Candidate| self.is_at_end(c.coordinate);
        let end =
            |c: Candidate| BoundaryEstimate { coordinate: c.coordinate, words: self.words(c.coordinate) };
        self.suspects().into_iter().filter(is_at_end).map(end).collect()
    }

    /// Whether the objective is no higher at the boundary itself.
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

    /// Describes an estimate and its boundary.
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

/// The columns of L that are zero: those of the given boundary estimates and those in `tied`.
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

/// Coordinates without curvature if the columns `tied` of L are zero: the elements of these columns and the boundary
/// estimates.
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

/// The vector with Ω unchanged except for the columns `tied` of L, which are [`ZERO`] on the diagonal and zero below
/// it: only in this form is the factor of a singular Ω unique.
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

/// The Cholesky factor of a covariance matrix whose pivots at `zero` vanish.
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
        // The second is twice the first; the third correlates with both.
        let factor = DMatrix::from_row_slice(3, 3, &[0.3, 0.0, 0.0, 0.6, 0.0, 0.0, 0.2, 0.1, 0.4]);
        let omega = &factor * factor.transpose();
        let found = semidefinite_factor(&omega, &[1]);
        assert!((&found * found.transpose() - &omega).amax() < 1e-15);
        assert_eq!(found.column(1).amax(), 0.0);
        // The loading of the third on the second column moves to its own diagonal.
        assert!((found[(2, 2)] - 0.1_f64.hypot(0.4)).abs() < 1e-15);
    }
}
