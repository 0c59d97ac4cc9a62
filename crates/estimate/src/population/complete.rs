//! The complete-data likelihood of observations and v as a function of the parameter vector, from draws of v.
//!
//! With u the typical values of a subject's v, S = Σ E (v − u)(v − u)ᵀ over N subjects, and E over the draws:
//!
//! ```text
//! typical values, coefficients   gradient Σ u'ᵀΩ⁻¹(E v − u)            information Σ u'ᵀΩ⁻¹u'
//! Ω                              gradient ½tr(Ω⁻¹·∂Ω·Ω⁻¹(S − N·Ω))     information ½N·tr(Ω⁻¹·∂Ω·Ω⁻¹·∂Ω)
//! ```
//!
//! Estimated parameters to which no v corresponds are treated by [`super::expectation::Outside`]. By Fisher's identity
//! the mean of the gradient over the conditional distribution of v is the gradient of the likelihood of the
//! observations.

use super::expectation::{Layout, Moments, Outside, transformed};
use super::space::{EstimatedParameter, ParameterVector, covariance_by_factor, lower};
use crate::problem::SubjectError;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{PopulationModel, Subject};

/// Derivatives of the complete-data log-likelihood with respect to the parameter vector.
pub(super) struct Complete {
    /// Gradient of the log-likelihood.
    pub gradient: DVector<f64>,
    /// Negative expected Hessian of the log-likelihood.
    pub information: DMatrix<f64>,
}

impl Complete {
    /// Computes the derivatives at a model's parameter vector, from the moments of each subject's v and the part of the
    /// parameters outside.
    ///
    /// # Errors
    /// If the model does not apply to a subject.
    pub fn new(
        model: &PopulationModel,
        space: &ParameterVector,
        layout: &Layout,
        subjects: &[Subject],
        moments: &[Moments],
        outside: &Outside,
    ) -> Result<Self, SubjectError> {
        let (n, p) = (model.variable().len(), space.coordinates().len());
        let omega = DMatrix::from_row_slice(n, n, model.omega());
        let precision = Cholesky::new(omega.clone()).map_or_else(|| DMatrix::identity(n, n), |c| c.inverse());
        let (mut gradient, mut information) = (DVector::zeros(p), DMatrix::zeros(p, p));
        let mut spread = omega * -(subjects.len() as f64);
        for (subject, moments) in subjects.iter().zip(moments) {
            let u = transformed(model, subject)?;
            let away = &moments.mean - &u;
            spread += moments.about(&u);
            let design = layout.design(model, space, subject)?;
            let weighted = &precision * &design;
            let (slope, bend) = (weighted.tr_mul(&away), design.tr_mul(&weighted));
            for (a, &i) in layout.within.iter().enumerate() {
                gradient[i] += slope[a];
                for (b, &j) in layout.within.iter().enumerate() {
                    information[(i, j)] += bend[(a, b)];
                }
            }
        }
        let factor = lower(&model.values());
        let by_omega: Vec<(usize, DMatrix<f64>)> = space
            .coordinates()
            .iter()
            .enumerate()
            .filter_map(|(k, coordinate)| match *coordinate {
                EstimatedParameter::Cholesky { row, column } => {
                    Some((k, &precision * covariance_by_factor(&factor, row, column)))
                }
                _ => None,
            })
            .collect();
        let seen = &precision * spread;
        for (i, by) in &by_omega {
            gradient[*i] = 0.5 * (by * &seen).trace();
            for (j, other) in &by_omega {
                information[(*i, *j)] = 0.5 * subjects.len() as f64 * (by * other).trace();
            }
        }
        for (a, &i) in layout.outside.iter().enumerate() {
            gradient[i] = -outside.gradient[a];
            for (b, &j) in layout.outside.iter().enumerate() {
                information[(i, j)] = outside.information[(a, b)];
            }
        }
        Ok(Self { gradient, information })
    }
}

#[cfg(test)]
mod tests {
    use super::super::expectation::maximise;
    use super::*;
    use crate::simulate::SubjectStream;
    use omafit_model::{Covariates, Dose, published};

    /// The expected log-likelihood of v alone.
    fn likelihood(model: &PopulationModel, subjects: &[Subject], moments: &[Moments]) -> f64 {
        let n = model.variable().len();
        let omega = Cholesky::new(DMatrix::from_row_slice(n, n, model.omega())).unwrap();
        let one = |(subject, moments): (&Subject, &Moments)| {
            let u = transformed(model, subject).unwrap();
            -0.5 * (omega.ln_determinant() + omega.solve(&moments.about(&u)).trace())
        };
        subjects.iter().zip(moments).map(one).sum()
    }

    #[test]
    fn gradient_and_information_are_those_of_the_likelihood() {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let space = ParameterVector::new(&model).unwrap();
        let layout = Layout::new(&model, &space);
        let n = model.variable().len();
        let one = |k: u64| {
            let covariates = Covariates::new(50.0 + 4.0 * k as f64, 200.0 + 70.0 * k as f64);
            Subject::planned(
                k,
                covariates,
                vec![Dose::subcutaneous(0.0, 300.0)],
                &omafit_model::analytes(),
                &[7.0],
            )
        };
        let subjects: Vec<Subject> = (1..=12).map(one).collect();
        let mut stream = SubjectStream::new(4, 0);
        let moments: Vec<Moments> = subjects
            .iter()
            .map(|subject| {
                let away = DVector::from_fn(n, |_, _| 0.3 * stream.normal());
                let mean = transformed(&model, subject).unwrap() + away;
                Moments { second: &mean * mean.transpose() + DMatrix::identity(n, n) * 0.02, mean }
            })
            .collect();
        let outside = Outside::none(&layout);
        let at = |x: &[f64]| {
            let model = space.model(&model, x).unwrap();
            let complete = Complete::new(&model, &space, &layout, &subjects, &moments, &outside).unwrap();
            (likelihood(&model, &subjects, &moments), complete)
        };
        let x = space.vector(&model.values());
        let h = 1e-5;
        let moved = |x: &[f64], k: usize, h: f64| {
            let mut x = x.to_vec();
            x[k] += h;
            at(&x)
        };
        let inside: Vec<usize> = (0..x.len()).filter(|k| !layout.outside.contains(k)).collect();
        let (_, complete) = at(&x);
        for &k in &inside {
            let slope = (moved(&x, k, h).0 - moved(&x, k, -h).0) / (2.0 * h);
            let gap = (complete.gradient[k] - slope).abs() / slope.abs().max(1.0);
            assert!(gap < 1e-6, "{k}: {} {slope}", complete.gradient[k]);
        }
        // At the maximum the gradient vanishes and the information equals the curvature.
        let mut most = x.clone();
        for _ in 0..30 {
            let here = space.model(&model, &most).unwrap();
            maximise(&here, &space, &layout, &subjects, &moments, &mut most).unwrap();
        }
        let (_, complete) = at(&most);
        for &k in &inside {
            let scale = complete.information[(k, k)].sqrt();
            assert!(complete.gradient[k].abs() < 1e-6 * scale, "{k}: {}", complete.gradient[k]);
            for &l in &inside {
                let slope =
                    (moved(&most, l, h).1.gradient[k] - moved(&most, l, -h).1.gradient[k]) / (2.0 * h);
                let scale = scale * complete.information[(l, l)].sqrt();
                let gap = (complete.information[(k, l)] + slope).abs() / scale;
                assert!(gap < 1e-5, "{k} {l}: {} {slope}", complete.information[(k, l)]);
            }
        }
    }
}
