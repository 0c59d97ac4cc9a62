//! Predictions with their first and second derivatives over the transformed parameters.

use crate::problem::values_of;
use nalgebra::{DMatrix, DVector};
use omafit_model::{Analyte, Course, CourseError, IndividualValue, Start, StructuralModel};

/// A prediction f with its derivatives over some of the subject's transformed parameters v.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Differentiated {
    /// f.
    pub predicted: f64,
    /// ∂f/∂v.
    pub slope: DVector<f64>,
    /// ∂²f/∂v².
    pub bend: DMatrix<f64>,
}

/// The predictions of `observed`, each an analyte at a position among the course's times, with their derivatives over the
/// parameters at the positions `over` (ascending); `individual` is every parameter of the subject.
///
/// # Errors
/// When the model cannot be solved.
pub(crate) fn differentiated(
    structure: &dyn StructuralModel,
    individual: &[IndividualValue],
    start: Start<f64>,
    course: &Course,
    over: &[usize],
    observed: impl Iterator<Item = (usize, Analyte)>,
) -> Result<Vec<Differentiated>, CourseError> {
    let parameters = values_of(individual);
    let (mut values, mut slopes, mut curvatures) = (Vec::new(), Vec::new(), Vec::new());
    structure.curvatures(&parameters, start, course, over, &mut values, &mut slopes, &mut curvatures)?;
    let (all, wide) = (parameters.len() + 1, over.len());
    let pairs = wide * (wide + 1) / 2;
    let of = |(at, analyte): (usize, Analyte)| {
        let c = analyte.index();
        let by_log = |i: usize| slopes[at * all + over[i]][c];
        let transformed = |i: usize| individual[over[i]];
        let twice = |i: usize, j: usize| {
            let by_both = curvatures[at * pairs + i * (i + 1) / 2 + j][c];
            by_both * transformed(i).log_slope * transformed(j).log_slope
        };
        let mut bend = DMatrix::zeros(wide, wide);
        for i in 0..wide {
            for j in 0..=i {
                bend[(i, j)] = twice(i, j);
            }
            bend[(i, i)] += by_log(i) * transformed(i).log_bend;
        }
        bend.fill_upper_triangle_with_lower_triangle();
        let slope = DVector::from_fn(wide, |i, _| by_log(i) * transformed(i).log_slope);
        Differentiated { predicted: values[at].to_array()[c], slope, bend }
    };
    Ok(observed.map(of).collect())
}
