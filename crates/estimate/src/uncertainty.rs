//! Uncertainty of a least-squares estimate: standard errors, rank, condition, and undetermined directions.
//!
//! All results follow from the singular values of the Jacobian at the minimum. The unknowns are logarithms, so they
//! share a scale, and a singular value s along a direction means a standard deviation of 1/s log units along it. The
//! part of the curvature that the Jacobian omits is added on the scale of those standard deviations, so that a
//! direction determined a million times less precisely than another is not lost in the rounding error of the other.

use crate::decompose::singular;
use nalgebra::{Cholesky, DMatrix};

/// Fraction of the largest singular value below which a singular value counts as zero, about the accuracy of the
/// sensitivities.
const RANK_TOLERANCE: f64 = 1e-8;
/// Absolute bound below which a singular value counts as zero: a standard deviation of a thousand log units is no
/// information.
const LEAST: f64 = 1e-3;
/// Component of a unit vector along an undetermined direction that is tolerated in a determined quantity.
pub(crate) const LEAK: f64 = 1e-6;
/// Standard deviation, a factor of e, above which a direction is weak.
const WEAK_SD: f64 = 1.0;

/// A direction in the logarithms of the estimated parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    /// Unit vector of the direction, over the estimated parameters.
    pub loadings: Vec<f64>,
    /// Standard deviation along the direction, log units; infinite if it is undetermined.
    pub sd: f64,
}

/// The principal directions of an estimate's uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub struct Uncertainty {
    directions: Vec<Direction>,
    /// Parameters that diverge, which are left out of all directions.
    excluded: Vec<usize>,
}

impl Uncertainty {
    /// Computes the uncertainty from the rows of a Jacobian without the columns `excluded`.
    pub(crate) fn new(jacobian: &DMatrix<f64>, excluded: &[usize]) -> Self {
        let unknowns = jacobian.ncols();
        let kept: Vec<usize> = (0..unknowns).filter(|i| !excluded.contains(i)).collect();
        // Rows of zeros make the matrix tall enough for a full set of right singular vectors.
        let mut tall = DMatrix::zeros(jacobian.nrows().max(kept.len()), kept.len());
        for (column, &i) in kept.iter().enumerate() {
            tall.view_mut((0, column), (jacobian.nrows(), 1)).copy_from(&jacobian.column(i));
        }
        let mut directions = Vec::with_capacity(kept.len());
        // The triangular factor has the same singular values and right vectors, and few rows.
        if let Some(svd) = singular(tall.qr().unpack_r(), false, true)
            && let Some(vectors) = svd.v_t
        {
            let largest = svd.singular_values.max();
            for (value, vector) in svd.singular_values.iter().zip(vectors.row_iter()) {
                let mut loadings = vec![0.0; unknowns];
                for (&i, l) in kept.iter().zip(vector.iter()) {
                    loadings[i] = *l;
                }
                let determined = *value > LEAST.max(RANK_TOLERANCE * largest);
                directions
                    .push(Direction { loadings, sd: if determined { 1.0 / value } else { f64::INFINITY } });
            }
        }
        Self { directions, excluded: excluded.to_vec() }
    }

    /// The uncertainty with `missing` added to JᵀJ within the determined directions; `None` unless the sum is positive
    /// definite.
    pub(crate) fn with_curvature(&self, missing: &DMatrix<f64>) -> Option<Self> {
        let determined: Vec<&Direction> = self.directions.iter().filter(|d| d.sd.is_finite()).collect();
        let (unknowns, rank) = (missing.nrows(), determined.len());
        if rank == 0 {
            return Some(self.clone());
        }
        // In these coordinates JᵀJ is the identity.
        let scaled = DMatrix::from_fn(unknowns, rank, |i, d| determined[d].loadings[i] * determined[d].sd);
        let sum = DMatrix::identity(rank, rank) + scaled.tr_mul(&(missing * &scaled));
        let lower = Cholesky::new(sum)?.unpack();
        let root = lower.solve_lower_triangular(&scaled.transpose())?;
        let svd = singular(root, false, true)?;
        let (sds, vectors) = (svd.singular_values, svd.v_t?);
        let curved = sds.iter().zip(vectors.row_iter());
        let curved =
            curved.map(|(sd, loadings)| Direction { loadings: loadings.iter().copied().collect(), sd: *sd });
        let open = self.directions.iter().filter(|d| !d.sd.is_finite()).cloned();
        let directions: Vec<Direction> = curved.chain(open).collect();
        let sound = directions.iter().all(|d| d.sd > 0.0);
        sound.then(|| Self { directions, excluded: self.excluded.clone() })
    }

    /// The number of determined directions.
    pub fn rank(&self) -> usize {
        self.directions.iter().filter(|d| d.sd.is_finite()).count()
    }

    /// The ratio of the largest to the smallest singular value; infinite if a direction is undetermined.
    pub fn condition(&self) -> f64 {
        let sds = self.directions.iter().map(|d| d.sd);
        sds.clone().fold(0.0, f64::max) / sds.fold(f64::INFINITY, f64::min)
    }

    /// The principal directions.
    pub fn directions(&self) -> &[Direction] {
        &self.directions
    }

    /// The standard deviation of a quantity from its gradient with respect to the logarithms of the estimated
    /// parameters; `None` if the gradient has a component along an undetermined direction.
    pub fn sd_of(&self, gradient: &[f64]) -> Option<f64> {
        let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let mut variance = 0.0;
        for direction in &self.directions {
            let along: f64 = direction.loadings.iter().zip(gradient).map(|(l, g)| l * g).sum();
            if direction.sd.is_finite() {
                variance += (along * direction.sd).powi(2);
            } else if along.abs() > LEAK * length {
                return None;
            }
        }
        variance.is_finite().then(|| variance.sqrt())
    }

    /// The standard error of the logarithm of estimated parameter `i`; `None` if it is undetermined.
    pub fn se_log(&self, i: usize) -> Option<f64> {
        if self.excluded.contains(&i) {
            return None;
        }
        let mut unit = vec![0.0; self.directions.first().map_or(0, |d| d.loadings.len())];
        *unit.get_mut(i)? = 1.0;
        self.sd_of(&unit)
    }

    /// The correlation of the logarithms of estimated parameters `i` and `j`; `None` if either is undetermined.
    pub fn correlation(&self, i: usize, j: usize) -> Option<f64> {
        let (a, b) = (self.se_log(i)?, self.se_log(j)?);
        let determined = self.directions.iter().filter(|d| d.sd.is_finite());
        let covariance: f64 = determined.map(|d| d.loadings[i] * d.loadings[j] * d.sd * d.sd).sum();
        Some(covariance / (a * b))
    }

    /// Describes each weak direction, with parameters named by `names`.
    pub fn weaknesses(&self, names: &[&str]) -> Vec<String> {
        let mut weak: Vec<&Direction> = self.directions.iter().filter(|d| !(d.sd <= WEAK_SD)).collect();
        weak.sort_by(|a, b| b.sd.total_cmp(&a.sd));
        weak.into_iter().map(|d| sentence(d, names)).collect()
    }
}

/// Describes a direction.
fn sentence(direction: &Direction, names: &[&str]) -> String {
    let mut order: Vec<usize> = (0..direction.loadings.len()).collect();
    order.sort_by(|&a, &b| direction.loadings[b].abs().total_cmp(&direction.loadings[a].abs()));
    let size = |k: usize| direction.loadings[order[k]].abs();
    let how_weak = if direction.sd.is_finite() {
        format!("standard deviation {:.2} log units", direction.sd)
    } else {
        "no information at all".to_string()
    };
    if order.len() == 1 || size(0) > 0.95 {
        return format!("{} alone ({how_weak})", names[order[0]]);
    }
    let (first, second) = (direction.loadings[order[0]], direction.loadings[order[1]]);
    if size(0).hypot(size(1)) > 0.95 && (size(0) / size(1) - 1.0).abs() < 0.25 {
        // If moving both together costs nothing, only the combination that stays constant is known.
        let known = if first * second > 0.0 { "ratio" } else { "product" };
        return format!(
            "{} and {} only through their {known} ({how_weak})",
            names[order[0]], names[order[1]]
        );
    }
    let sign = if first < 0.0 { -1.0 } else { 1.0 };
    let shown = order.iter().take_while(|&&i| direction.loadings[i].abs() > 0.2);
    let terms: Vec<String> =
        shown.map(|&i| format!("{:+.2} ln {}", sign * direction.loadings[i], names[i])).collect();
    format!("the combination {} ({how_weak})", terms.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uncertainty from a Jacobian with columns a, b and c whose rows depend on a and on b + c only.
    fn blind_to_a_difference() -> Uncertainty {
        let rows = [2.0, 0.0, 0.0, 0.0, 3.0, 3.0, 0.0, 1.0, 1.0];
        Uncertainty::new(&DMatrix::from_row_slice(3, 3, &rows), &[])
    }

    #[test]
    fn a_singular_direction_is_named_and_poisons_only_what_lies_along_it() {
        let u = blind_to_a_difference();
        assert_eq!(u.rank(), 2);
        assert_eq!(u.condition(), f64::INFINITY);
        assert!((u.se_log(0).unwrap() - 0.5).abs() < 1e-14);
        assert_eq!((u.se_log(1), u.correlation(0, 2)), (None, None));
        // The sum b + c is known: its information is 3² + 1².
        assert!((u.sd_of(&[0.0, 1.0, 1.0]).unwrap() - (1.0_f64 / 10.0).sqrt()).abs() < 1e-14);
        assert_eq!(
            u.weaknesses(&["a", "b", "c"]),
            ["b and c only through their product (no information at all)"]
        );
    }

    #[test]
    fn standard_errors_are_the_inverse_information() {
        // JᵀJ = [[4, 2], [2, 3]], inverse [[3, −2], [−2, 4]]/8.
        let u = Uncertainty::new(&DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 0.0, 2.0_f64.sqrt()]), &[]);
        assert!((u.se_log(0).unwrap() - (3.0_f64 / 8.0).sqrt()).abs() < 1e-14);
        assert!((u.se_log(1).unwrap() - 0.5_f64.sqrt()).abs() < 1e-14);
        assert!((u.correlation(0, 1).unwrap() + 2.0 / 12.0_f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn curvature_is_added_to_the_information() {
        let rows = [2.0, 1.0, 0.0, 2.0_f64.sqrt()];
        let u = Uncertainty::new(&DMatrix::from_row_slice(2, 2, &rows), &[]);
        // [[4, 2], [2, 3]] + [[1, −1], [−1, 2]] = [[5, 1], [1, 5]], inverse [[5, −1], [−1, 5]]/24.
        let curved = u.with_curvature(&DMatrix::from_row_slice(2, 2, &[1.0, -1.0, -1.0, 2.0])).unwrap();
        assert!((curved.se_log(0).unwrap() - (5.0_f64 / 24.0).sqrt()).abs() < 1e-14);
        assert!((curved.correlation(0, 1).unwrap() + 0.2).abs() < 1e-14);
        assert!((curved.condition() - (6.0_f64 / 4.0).sqrt()).abs() < 1e-14);
        // The sum is negative definite: no minimum.
        assert!(u.with_curvature(&DMatrix::from_diagonal_element(2, 2, -3.0)).is_none());
        // Undetermined directions stay undetermined.
        let blind = blind_to_a_difference();
        let curved = blind.with_curvature(&DMatrix::from_diagonal_element(3, 3, 0.5)).unwrap();
        assert_eq!((curved.rank(), curved.se_log(1)), (2, None));
        assert!((curved.se_log(0).unwrap() - 1.0 / 4.5_f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn fewer_rows_than_unknowns_leave_directions_open() {
        let u = Uncertainty::new(&DMatrix::from_row_slice(1, 3, &[1.0, 0.0, 0.0]), &[]);
        assert_eq!((u.rank(), u.directions().len()), (1, 3));
        assert_eq!(u.se_log(0), Some(1.0));
        assert_eq!(u.se_log(2), None);
    }

    #[test]
    fn an_excluded_parameter_has_no_standard_error_and_the_rest_do() {
        let u = Uncertainty::new(&DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 0.0]), &[1]);
        assert_eq!((u.se_log(0), u.se_log(1), u.rank()), (Some(0.5), None, 1));
    }
}
