//! The last step to a minimum: Newton's, from a point so near that the model need not be solved again.
//!
//! From η with the gradient g and the curvature H of the objective it leads to η − H⁻¹g, and leaves the square of its own
//! length of the way. Over it predictions follow their derivatives, which leaves the square of it too, of the predictions.

use crate::least_squares::Linearised;
use crate::problem::{Accuracy, SubjectProblem};
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{Bend, Concentrations, IndividualValue, Sensitivities};

/// The largest change of any unknown in such a step: its square is the accuracy to which the model is solved.
const LARGEST: f64 = 1e-4;
/// The largest length of such a step, in standard deviations. The curvature is that of where it begins, and may change by about
/// so much over it.
const LONGEST: f64 = 3e-4;

/// How the objective bends about a minimum.
pub(crate) struct Curved {
    /// What JᵀJ leaves out of half the curvature.
    pub missing: DMatrix<f64>,
    /// Length of the objective's gradient at the minimum.
    pub gradient_norm: f64,
}

impl SubjectProblem<'_> {
    /// The minimum to which the last step leads from η, where so much was found, with the rows there; `None` if the objective
    /// does not bend as about a minimum, or the step is too long for a last one.
    pub(crate) fn last_step(
        &self,
        eta: &[f64],
        individual: &[IndividualValue],
        at: &Linearised,
        bend: &Bend,
    ) -> Option<(Vec<f64>, Linearised, Curved)> {
        let second = self.second(individual, bend);
        let missing = self.missing(individual, &at.predictions, &second, bend).ok()?;
        let half_gradient = at.jacobian.tr_mul(&at.residuals);
        let half_curvature = at.jacobian.tr_mul(&at.jacobian) + &missing;
        let step = -Cholesky::new(half_curvature)?.solve(&half_gradient);
        if !(step.amax() <= LARGEST && -half_gradient.dot(&step) <= LONGEST * LONGEST) {
            return None;
        }
        let there: Vec<f64> = eta.iter().zip(step.iter()).map(|(eta, step)| eta + step).collect();
        let moved = self.moved(individual, &bend.at, &step);
        let end = self.rows(&there, individual, &moved, Accuracy::Full).ok()?;
        let missing = self.missing(individual, &end.predictions, &second, bend).ok()?;
        // The rows have the slopes of where the step began.
        let gradient = end.jacobian.tr_mul(&end.residuals) + second * step;
        Some((there, end, Curved { missing, gradient_norm: 2.0 * gradient.norm() }))
    }

    /// What is predicted after a short step, with the derivatives before it.
    fn moved(
        &self,
        individual: &[IndividualValue],
        Sensitivities { values, slopes }: &Sensitivities,
        step: &DVector<f64>,
    ) -> Sensitivities {
        let inputs = individual.len() + 1;
        let moves: Vec<(usize, f64)> = self
            .free()
            .iter()
            .zip(step.iter())
            .map(|(&i, step)| (i, individual[i].log_slope * step))
            .collect();
        let move_on = |(value, slopes): (&Concentrations<f64>, &[[f64; 5]])| {
            let mut value = value.to_array();
            for &(i, by) in &moves {
                for c in 0..5 {
                    value[c] += slopes[i][c] * by;
                }
            }
            Concentrations::from_array(value)
        };
        let values = values.iter().zip(slopes.chunks_exact(inputs)).map(move_on).collect();
        Sensitivities { values, slopes: slopes.clone() }
    }
}
