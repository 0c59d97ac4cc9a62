//! Weighted residuals from a linearised model: WRES (Beal and Sheiner; FO) and CWRES (Hooker, Staatz, Karlsson 2007,
//! Pharm Res 24:2187, doi 10.1007/s11095-007-9361-x; FOCE with interaction).
//!
//! On the scale of the residual error (the logarithm if it is log-normal), with y the observations of a subject, f
//! their predictions at η* and J = ∂f/∂η at η*:
//!
//! ```text
//! E = f(η*) − J·η*        C = J·Ω·Jᵀ + diag(g²)        C^(−1/2)·(y − E)
//! ```
//!
//! η* is zero for WRES and the conditional mode (EBE) for CWRES; g is the standard deviation of the error at f(η*).
//! C^(−1/2) is the symmetric root. Censored observations are left out of the vector and have no residual.

use crate::decompose::eigen;
use crate::individual_fit::IndividualFit;
use crate::likelihood::{ErrorDistribution, StandardisedDensity as _};
use crate::options::FitOptions;
use crate::problem::SubjectError;
use nalgebra::{DMatrix, DVector};
use omafit_model::{Censoring, Course, OutputRows, PopulationModel, Subject};

/// WRES of each observation; NaN where the observation is censored or its prediction has no likelihood.
///
/// # Errors
/// If the model does not apply to the subject or cannot be solved.
pub fn wres(model: &PopulationModel, subject: &Subject) -> Result<Vec<f64>, SubjectError> {
    let typical = model.typical(&subject.covariates)?;
    residuals_at(model, subject, &typical, &vec![0.0; model.variable().len()])
}

/// CWRES of each observation at a subject's empirical Bayes estimate; NaN where the observation is censored or its
/// prediction has no likelihood. An estimated parameter without between-subject variability counts as known.
///
/// # Errors
/// If the model does not apply to the subject or cannot be solved.
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

/// Weighted residuals linearised at `parameters`, where `eta` is the deviation of the variable parameters from typical.
fn residuals_at(
    model: &PopulationModel,
    subject: &Subject,
    parameters: &[f64],
    eta: &[f64],
) -> Result<Vec<f64>, SubjectError> {
    let typical = model.typical(&subject.covariates)?;
    let (course, positions) = Course::of_observations(subject)?;
    let (mut values, mut slopes) = (OutputRows::new(), OutputRows::new());
    let start = model.start(&subject.covariates)?;
    model.structure().sensitivities(parameters, start, &course, &mut values, &mut slopes)?;
    let inputs = model.parameters().len() + 1;
    let log_slope = |(&v, &eta): (&usize, &f64)| model.parameters()[v].individual(typical[v], eta).log_slope;
    let log_slopes: Vec<f64> = model.variable().iter().zip(eta).map(log_slope).collect();

    let (mut rows, mut residuals, mut sds, mut jacobian) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (row, (observation, &at)) in subject.observations.iter().zip(&positions).enumerate() {
        let Some(output) = model.structure().output(observation.analyte) else { continue };
        let Some(residual) = model.residual(observation.analyte) else { continue };
        let f = values[at][output];
        let ErrorDistribution { error, shape } = residual.into();
        if observation.censoring != Censoring::Quantified || !error.allows(f) {
            continue;
        }
        // The derivative of the logarithm is the derivative of the value divided by the value.
        let (y, f_scaled, by_f) = if error.is_log() {
            (observation.value.ln(), f.ln(), 1.0 / f)
        } else {
            (observation.value, f, 1.0)
        };
        let mut residual = y - f_scaled;
        for ((&v, &eta), &log_slope) in model.variable().iter().zip(eta).zip(&log_slopes) {
            let slope = slopes[at * inputs + v][output] * log_slope * by_f;
            residual += slope * eta;
            jacobian.push(slope);
        }
        rows.push(row);
        residuals.push(residual);
        // The scale of the error stands in for a standard deviation that is not finite.
        let sd = shape.sd();
        sds.push(error.sd(f) * if sd.is_finite() { sd } else { 1.0 });
    }
    let whitened = whiten(&residuals, &jacobian, model.omega(), &sds);
    let mut out = vec![f64::NAN; subject.observations.len()];
    for (row, value) in rows.into_iter().zip(whitened) {
        out[row] = value;
    }
    Ok(out)
}

/// (J·Ω·Jᵀ + diag(sd²))^(−1/2)·r; `jacobian` in row-major order with one row per residual, `omega` in row-major order.
/// NaN if the covariance is not positive definite.
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
    let mut alike: Vec<Alike> = Vec::new();
    for (row, &sd) in sds.iter().enumerate() {
        match alike.iter_mut().find(|of| of.sd == sd) {
            Some(of) => of.rows.push(row),
            None => alike.push(Alike { sd, rows: vec![row], basis: None }),
        }
    }
    let mut out = vec![0.0; n];
    let (mut seen, mut left, mut variances) = (Vec::new(), Vec::new(), Vec::new());
    for of in &mut alike {
        let own = jacobian.select_rows(&of.rows);
        let r = DVector::from_iterator(of.rows.len(), of.rows.iter().map(|&row| residuals[row]));
        let (by, r) = if effects > 0 && of.rows.len() > effects {
            let (basis, by) = own.qr().unpack();
            let within = basis.tr_mul(&r);
            let beyond = (r - &basis * &within) / of.sd;
            of.rows.iter().zip(beyond.iter()).for_each(|(&row, z)| out[row] = *z);
            of.basis = Some(basis);
            (by, within)
        } else {
            (own, r)
        };
        variances.extend(std::iter::repeat_n(of.sd * of.sd, r.len()));
        left.extend_from_slice(r.as_slice());
        seen.extend(by.row_iter().map(|row| row.into_owned()));
    }
    let unknown = || vec![f64::NAN; n];
    let seen = if seen.is_empty() { DMatrix::zeros(0, effects) } else { DMatrix::from_rows(&seen) };
    let covariance = &seen * omega * seen.transpose() + DMatrix::from_diagonal(&DVector::from_vec(variances));
    let sound = out.iter().all(|z| z.is_finite());
    let Some(eigen) = eigen(covariance).filter(|_| sound) else { return unknown() };
    if eigen.eigenvalues.iter().any(|value| !(*value > 0.0)) {
        return unknown();
    }
    let mut along = eigen.eigenvectors.tr_mul(&DVector::from_vec(left));
    along.component_div_assign(&eigen.eigenvalues.map(f64::sqrt));
    let whitened = &eigen.eigenvectors * along;
    let mut first = 0;
    for Alike { rows, basis, .. } in &alike {
        let count = basis.as_ref().map_or(rows.len(), DMatrix::ncols);
        let part = whitened.rows(first, count);
        let part = basis.as_ref().map_or_else(|| part.into_owned(), |basis| basis * part);
        rows.iter().zip(part.iter()).for_each(|(&row, z)| out[row] += z);
        first += count;
    }
    out
}

/// Residuals with equal standard deviation. Their component orthogonal to their derivatives has only its own variance,
/// so that the matrix root is needed only for the span of `basis`, which is `None` if the residuals are few.
struct Alike {
    sd: f64,
    rows: Vec<usize>,
    basis: Option<DMatrix<f64>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::SubjectStream;
    use nalgebra::SymmetricEigen;

    #[test]
    fn residuals_of_alike_errors_are_whitened_by_the_root_of_the_whole_covariance() {
        let mut stream = SubjectStream::new(5, 0);
        let (n, effects) = (17, 3);
        let residuals: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let jacobian: Vec<f64> = (0..n * effects).map(|_| stream.normal()).collect();
        let omega = [0.5, 0.1, 0.0, 0.1, 0.3, 0.0, 0.0, 0.0, 0.2];
        // Nine alike, six alike, two each alone.
        let sds: Vec<f64> = (0..n)
            .map(|k| [0.2, 0.3, 0.2, 0.3, 0.2][k % 5] + if k > 14 { 0.01 * k as f64 } else { 0.0 })
            .collect();
        let j = DMatrix::from_row_slice(n, effects, &jacobian);
        let mut covariance = &j * DMatrix::from_row_slice(effects, effects, &omega) * j.transpose();
        (0..n).for_each(|k| covariance[(k, k)] += sds[k] * sds[k]);
        let eigen = SymmetricEigen::new(covariance);
        let root = &eigen.eigenvectors
            * DMatrix::from_diagonal(&eigen.eigenvalues.map(|v| 1.0 / v.sqrt()))
            * eigen.eigenvectors.transpose();
        let expected = root * DVector::from_column_slice(&residuals);
        for (found, expected) in whiten(&residuals, &jacobian, &omega, &sds).iter().zip(expected.iter()) {
            assert!((found - expected).abs() < 1e-11, "{found} {expected}");
        }
    }

    #[test]
    fn what_has_no_covariance_has_no_residual() {
        assert!(whiten(&[1.0, 2.0, 3.0], &[1.0; 3], &[0.5], &[0.0; 3]).iter().all(|z| z.is_nan()));
        assert!(whiten(&[1.0, 2.0], &[f64::NAN, 1.0], &[0.5], &[1.0; 2]).iter().all(|z| z.is_nan()));
    }
}
