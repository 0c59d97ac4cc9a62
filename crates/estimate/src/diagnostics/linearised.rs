//! Weighted residuals from a linearised model: WRES (Beal and Sheiner; FO) and CWRES (Hooker, Staatz, Karlsson 2007,
//! Pharm Res 24:2187, doi 10.1007/s11095-007-9361-x; FOCE with interaction).
//!
//! On the scale of the error (the logarithm of a log-normal one) with y the observations of a subject, f their
//! prediction at η* and J = ∂f/∂η there:
//!
//! ```text
//! E = f(η*) − J·η*        C = J·Ω·Jᵀ + diag(g²)        C^(−1/2)·(y − E)
//! ```
//!
//! η* is zero for WRES, and the empirical Bayes estimate for CWRES; g is the error's standard deviation at f(η*).
//! C^(−1/2) is the symmetric root. Censored observations are no part of the vector and have no residual.

use crate::individual::{FitOptions, IndividualFit};
use crate::problem::SubjectError;
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use omafit_model::{Censoring, Course, PopulationModel, Subject};

/// WRES of each observation; NaN where it is censored or its prediction has no likelihood.
///
/// # Errors
/// When the model does not apply to the subject or cannot be solved.
pub fn wres(model: &PopulationModel, subject: &Subject) -> Result<Vec<f64>, SubjectError> {
    let typical = model.typical(&subject.covariates)?;
    residuals_at(model, subject, &typical, &vec![0.0; model.variable().len()])
}

/// CWRES of each observation at a subject's empirical Bayes estimate; NaN where it is censored or its prediction has
/// no likelihood. A parameter that is estimated though it does not vary counts as known.
///
/// # Errors
/// When the model does not apply to the subject or cannot be solved.
pub fn cwres(
    model: &PopulationModel,
    subject: &Subject,
    options: &FitOptions,
    fit: &IndividualFit,
) -> Result<Vec<f64>, SubjectError> {
    let eta = |v: &usize| options.free.iter().position(|f| f == v).map_or(0.0, |i| fit.eta[i]);
    let eta: Vec<f64> = model.variable().iter().map(eta).collect();
    residuals_at(model, subject, &fit.parameters, &eta)
}

/// Linearises at these parameters, whose variable ones depart from typical by `eta`.
fn residuals_at(
    model: &PopulationModel,
    subject: &Subject,
    parameters: &[f64],
    eta: &[f64],
) -> Result<Vec<f64>, SubjectError> {
    let typical = model.typical(&subject.covariates)?;
    let (course, positions) = Course::of_observations(subject)?;
    let (mut concentrations, mut slopes) = (Vec::new(), Vec::new());
    let start = model.start(&subject.covariates)?;
    model.structure().sensitivities(parameters, start, &course, &mut concentrations, &mut slopes)?;
    let inputs = model.parameters().len() + 1;
    let log_slope = |(&v, &eta): (&usize, &f64)| model.parameters()[v].individual(typical[v], eta).log_slope;
    let log_slopes: Vec<f64> = model.variable().iter().zip(eta).map(log_slope).collect();

    let (mut rows, mut residuals, mut sds, mut jacobian) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, (observation, &at)) in subject.observations.iter().zip(&positions).enumerate() {
        let analyte = observation.analyte.index();
        let f = concentrations[at].to_array()[analyte];
        let Some(error) = model.residual(observation.analyte).map(|r| r.error) else { continue };
        if observation.censoring != Censoring::Quantified || !error.allows(f) {
            continue;
        }
        // The logarithm's derivative is that of the value over the value.
        let (y, f_scaled, by_f) = if error.is_log() {
            (observation.value.ln(), f.ln(), 1.0 / f)
        } else {
            (observation.value, f, 1.0)
        };
        let mut residual = y - f_scaled;
        for ((&v, &eta), &log_slope) in model.variable().iter().zip(eta).zip(&log_slopes) {
            let slope = slopes[at * inputs + v][analyte] * log_slope * by_f;
            residual += slope * eta;
            jacobian.push(slope);
        }
        rows.push(row);
        residuals.push(residual);
        sds.push(error.sd(f));
    }
    let whitened = whiten(&residuals, &jacobian, model.omega(), &sds);
    let mut out = vec![f64::NAN; subject.observations.len()];
    for (row, value) in rows.into_iter().zip(whitened) {
        out[row] = value;
    }
    Ok(out)
}

/// (J·Ω·Jᵀ + diag(sd²))^(−1/2)·r: `jacobian` by rows, one a residual; `omega` by rows. NaN if the covariance is not
/// positive definite.
///
/// ```
/// // One residual and one random effect: r/√(j²ω² + σ²).
/// let z = omafit_estimate::whiten(&[1.0], &[2.0], &[0.25], &[0.5]);
/// assert!((z[0] - 1.0 / 1.25_f64.sqrt()).abs() < 1e-15);
/// ```
pub fn whiten(residuals: &[f64], jacobian: &[f64], omega: &[f64], sds: &[f64]) -> Vec<f64> {
    let n = residuals.len();
    if n == 0 {
        return Vec::new();
    }
    let effects = jacobian.len() / n;
    let jacobian = DMatrix::from_row_slice(n, effects, jacobian);
    let omega = DMatrix::from_row_slice(effects, effects, omega);
    let mut covariance = &jacobian * omega * jacobian.transpose();
    for (i, sd) in sds.iter().enumerate() {
        covariance[(i, i)] += sd * sd;
    }
    let unknown = || vec![f64::NAN; n];
    if covariance.iter().any(|c| !c.is_finite()) {
        return unknown();
    }
    let Some(eigen) = SymmetricEigen::try_new(covariance, f64::EPSILON, 0) else { return unknown() };
    if !(eigen.eigenvalues.min() > 0.0) {
        return unknown();
    }
    let mut along = eigen.eigenvectors.tr_mul(&DVector::from_column_slice(residuals));
    along.component_div_assign(&eigen.eigenvalues.map(f64::sqrt));
    (&eigen.eigenvectors * along).as_slice().to_vec()
}
