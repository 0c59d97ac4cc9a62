//! Uncertainty of population estimates.
//!
//! R is half the Hessian of the objective, by differences of its exact gradient; S is a quarter of the sum of the outer
//! products of the subjects' gradients. The covariance of the estimates is R⁻¹ if the model is correct, S⁻¹ if there
//! are many subjects, and R⁻¹SR⁻¹ without these assumptions. The covariance of derived quantities follows by the delta
//! method. Boundary estimates and parameters that the data do not determine have no curvature: they are held fixed, and
//! the covariance is that of the other parameters.

use super::boundary::BoundaryEstimate;
use super::delta::{derivatives, propagated};
use super::space::{EstimatedParameter, ParameterVector};
use crate::decompose::eigen;
use crate::normal::NORMAL_975;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{ErrorModel, PopulationModel, PopulationValues};

/// Half the spacing of the differences of the gradient.
pub(super) const SPACING: f64 = 1e-3;
/// Smallest eigenvalue of the scaled R that counts as curvature, above the error of the differences.
const FLAT: f64 = 1e-8;
/// Smallest informative diagonal element of R: below it, a parameter is uncertain by a factor of e¹⁰⁰.
const NOTHING: f64 = 1e-4;

/// Covariances of the estimates over the parameter vector; zero for parameters that are held.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationUncertainty {
    /// Boundary estimates, which are held fixed.
    pub held: Vec<BoundaryEstimate>,
    /// Positions of parameters that the data do not determine, which are held fixed too: along them, alone or in
    /// combination, the objective has no curvature.
    pub undetermined: Vec<usize>,
    /// Positions of the parameters that are not held fixed.
    pub free: Vec<usize>,
    /// Reason why R is the expected information of the linearised model rather than the Hessian of the FOCE objective;
    /// `None` if it is the Hessian.
    pub expected_because: Option<String>,
    /// Covariance R⁻¹.
    pub r: DMatrix<f64>,
    /// Each subject's contribution to R, including parameters that are held.
    pub parts: Vec<DMatrix<f64>>,
    /// Covariance S⁻¹; `None` if there are too few subjects.
    pub s: Option<DMatrix<f64>>,
    /// Sandwich covariance R⁻¹SR⁻¹.
    pub sandwich: DMatrix<f64>,
    /// Eigenvalues of the correlation matrix of the estimates, ascending.
    pub eigenvalues: Vec<f64>,
    /// Loadings of the direction with the largest variance, in terms of the correlation matrix.
    pub least_determined: Vec<f64>,
}

impl PopulationUncertainty {
    /// The condition number: the ratio of the largest to the smallest eigenvalue of the correlation matrix.
    pub fn condition(&self) -> f64 {
        match self.eigenvalues[..] {
            [least, .., most] => most / least,
            _ => 1.0,
        }
    }
}

/// The gradient of each subject's contribution as a function of the parameter vector.
type SubjectGradients<'a> = dyn Fn(&[f64]) -> Option<Vec<Vec<f64>>> + 'a;

/// Each subject's contribution to R, by differences of the subjects' gradients, with zero columns for `held` parameters
/// before symmetrisation; or the reason why it cannot be computed.
pub(super) fn curvature(
    x: &[f64],
    names: &[String],
    held: &[usize],
    subjects: usize,
    gradient: &SubjectGradients<'_>,
) -> Result<Vec<DMatrix<f64>>, String> {
    let n = x.len();
    let mut parts = vec![DMatrix::zeros(n, n); subjects];
    for k in (0..n).filter(|k| !held.contains(k)) {
        let moved = |step: f64| {
            let mut x = x.to_vec();
            x[k] += step;
            gradient(&x).ok_or_else(|| {
                format!("the objective cannot be computed beside the estimate of {}", names[k])
            })
        };
        for (part, (above, below)) in parts.iter_mut().zip(moved(SPACING)?.iter().zip(moved(-SPACING)?)) {
            let slopes = above.iter().zip(below).map(|(above, below)| (above - below) / (4.0 * SPACING));
            part.set_column(k, &DVector::from_iterator(n, slopes));
        }
    }
    parts.iter_mut().for_each(|part| *part = (&*part + part.transpose()) * 0.5);
    Ok(parts)
}

/// The covariances with boundary estimates, and the parameters that these leave without curvature, held fixed, from
/// each subject's contribution to R and its gradient at the estimate; or the reason why there are none.
pub(super) fn uncertainty(
    parts: Vec<DMatrix<f64>>,
    (ends, held): (&[BoundaryEstimate], &[usize]),
    names: &[String],
    gradients: &[Vec<f64>],
) -> Result<PopulationUncertainty, String> {
    let mut free: Vec<usize> = (0..names.len()).filter(|k| !held.contains(k)).collect();
    let mut undetermined = Vec::new();
    let inverse = loop {
        let n = free.len();
        if n == 0 {
            return Err("every number is at an end of its range or not determined".into());
        }
        let r = parts.iter().fold(DMatrix::zeros(n, n), |sum, part| sum + among(part, &free));
        match positive_inverse(&r, &free, names)? {
            Curvature::Flat(position) => undetermined.push(free.remove(position)),
            Curvature::Inverse(inverse) => break inverse,
        }
    };
    undetermined.sort_unstable();
    let n = free.len();
    let scores = DMatrix::from_fn(n, gradients.len(), |row, column| 0.5 * gradients[column][free[row]]);
    let s = &scores * scores.transpose();
    let sds = inverse.diagonal().map(f64::sqrt);
    let correlation = DMatrix::from_fn(n, n, |i, j| inverse[(i, j)] / (sds[i] * sds[j]));
    let eigen = eigen(correlation).ok_or("the correlations of the estimates are no numbers")?;
    let largest = eigen.eigenvalues.imax();
    let mut eigenvalues: Vec<f64> = eigen.eigenvalues.iter().copied().collect();
    eigenvalues.sort_by(f64::total_cmp);
    let mut least_determined = vec![0.0; names.len()];
    free.iter().enumerate().for_each(|(i, &k)| least_determined[k] = eigen.eigenvectors[(i, largest)]);
    let enough = gradients.len() > n;
    let whole = |of: &DMatrix<f64>| {
        let mut whole = DMatrix::zeros(names.len(), names.len());
        free.iter()
            .enumerate()
            .for_each(|(i, &k)| free.iter().enumerate().for_each(|(j, &l)| whole[(k, l)] = of[(i, j)]));
        whole
    };
    Ok(PopulationUncertainty {
        held: ends.to_vec(),
        undetermined,
        expected_because: None,
        s: Cholesky::new(s.clone()).filter(|_| enough).map(|c| whole(&c.inverse())),
        sandwich: whole(&(&inverse * s * &inverse)),
        eigenvalues,
        least_determined,
        r: whole(&inverse),
        parts,
        free,
    })
}

/// The submatrix of the given rows and columns.
pub(super) fn among(matrix: &DMatrix<f64>, free: &[usize]) -> DMatrix<f64> {
    matrix.select_rows(free).select_columns(free)
}

/// Curvature of the objective over the free parameters.
enum Curvature {
    /// The inverse of R.
    Inverse(DMatrix<f64>),
    /// The position of the parameter along which, alone or in combination, there is no curvature.
    Flat(usize),
}

/// The inverse of R over the free parameters, or the parameter along which R is flat; an error if the point is no
/// minimum.
fn positive_inverse(r: &DMatrix<f64>, free: &[usize], names: &[String]) -> Result<Curvature, String> {
    let n = r.nrows();
    let scale = r.diagonal().map(|d| if d > 0.0 { d.sqrt() } else { 1.0 });
    let scaled = DMatrix::from_fn(n, n, |i, j| r[(i, j)] / (scale[i] * scale[j]));
    let eigen = eigen(scaled).ok_or("the second derivatives of the objective are no numbers")?;
    let least = eigen.eigenvalues.imin();
    let loads = |k: usize| eigen.eigenvectors[(k, least)].abs();
    let most = (0..n).max_by(|a, b| loads(*a).total_cmp(&loads(*b))).unwrap_or(0);
    let downward =
        |k: usize| format!("the objective bends downward along {}: it is not at a minimum", names[free[k]]);
    match r.diagonal().iter().position(|d| !(*d > NOTHING)) {
        Some(weak) if r[(weak, weak)] < -NOTHING => return Err(downward(weak)),
        Some(weak) => return Ok(Curvature::Flat(weak)),
        None if eigen.eigenvalues[least] < -FLAT => return Err(downward(most)),
        None if !(eigen.eigenvalues[least] > FLAT) => return Ok(Curvature::Flat(most)),
        None => {}
    }
    let inverse = Cholesky::new(r.clone()).map(|c| c.inverse());
    inverse.map(Curvature::Inverse).ok_or_else(|| "R is not positive definite".into())
}

/// Kind of a population parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EstimateKind {
    /// The typical value of a parameter.
    Typical,
    /// A coefficient of a covariate effect.
    Coefficient,
    /// The variance of an η, ω².
    Variance,
    /// The correlation of two η.
    Correlation,
    /// The standard deviation of a residual error.
    Sigma,
}

/// A population parameter with its uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationEstimate {
    /// Kind of the parameter.
    pub kind: EstimateKind,
    /// Name of the parameter.
    pub name: String,
    /// Unit of the parameter.
    pub unit: String,
    /// Value of the parameter.
    pub value: f64,
    /// Whether the value was fixed rather than estimated.
    pub fixed: bool,
    /// Standard errors from R⁻¹, S⁻¹ and the sandwich; NaN for a fixed parameter, a boundary estimate, or if undefined.
    pub se: [f64; 3],
    /// Ends of the 95 % interval from R⁻¹, computed on the logarithmic scale for a positive parameter, and on the scale
    /// of Fisher's z for a correlation.
    pub interval: [f64; 2],
    /// Position among the η, for a variance.
    pub eta: Option<usize>,
}

/// All population parameters with their uncertainty, if available.
pub fn population_estimates(
    model: &PopulationModel,
    space: &ParameterVector,
    uncertainty: Option<&PopulationUncertainty>,
) -> Vec<PopulationEstimate> {
    let values = model.values();
    let mut estimates = listed(model, &values);
    let read = |values: &PopulationValues| listed(model, values).iter().map(|e| e.value).collect();
    let slopes = derivatives(model, space, &read);
    for (estimate, slope) in estimates.iter_mut().zip(slopes.row_iter()) {
        estimate.fixed = slope.iter().all(|s| *s == 0.0);
        let Some(u) = uncertainty.filter(|_| !estimate.fixed) else { continue };
        let slope = slope.transpose();
        if u.held.iter().any(|end| is_held(estimate, &slope, space.coordinates(), end.coordinate)) {
            continue;
        }
        if u.undetermined.iter().any(|&k| slope[k] != 0.0) {
            continue;
        }
        let se = |covariance: &DMatrix<f64>| slope.dot(&(covariance * &slope)).sqrt();
        estimate.se = [se(&u.r), u.s.as_ref().map_or(f64::NAN, se), se(&u.sandwich)];
        estimate.interval = interval(estimate.kind, estimate.value, estimate.se[0]);
    }
    estimates
}

/// All population parameters of a model, without uncertainty.
pub fn population_numbers(model: &PopulationModel) -> Vec<PopulationEstimate> {
    listed(model, &model.values())
}

/// The covariance of the population parameters, in row-major order, with the order and units of
/// [`population_estimates`].
pub fn population_covariance(
    model: &PopulationModel,
    space: &ParameterVector,
    uncertainty: &PopulationUncertainty,
) -> Vec<f64> {
    let read = |values: &PopulationValues| listed(model, values).iter().map(|e| e.value).collect();
    propagated(model, space, &uncertainty.r, &read)
}

/// Absolute correlation above which a correlation with a parameter whose η is tied counts as one.
const ONE: f64 = 0.999;

/// Whether an estimate with this slope over the parameter vector is at the boundary of coordinate `end`: an estimate
/// that depends on that coordinate alone, or a correlation of one with a parameter whose η is tied.
fn is_held(
    estimate: &PopulationEstimate,
    slope: &DVector<f64>,
    coordinates: &[EstimatedParameter],
    end: usize,
) -> bool {
    let mut with = slope.iter().enumerate().filter(|(_, s)| **s != 0.0).map(|(k, _)| k);
    match (estimate.kind, coordinates[end]) {
        (EstimateKind::Correlation, EstimatedParameter::Cholesky { row, .. }) => {
            estimate.value.abs() > ONE
                && with.any(
                    |k| matches!(coordinates[k], EstimatedParameter::Cholesky { row: r, .. } if r == row),
                )
        }
        _ => with.eq([end]),
    }
}

fn interval(kind: EstimateKind, value: f64, se: f64) -> [f64; 2] {
    [-NORMAL_975, NORMAL_975].map(|quantile| match kind {
        EstimateKind::Coefficient => value + quantile * se,
        EstimateKind::Correlation => (value.atanh() + quantile * se / (1.0 - value * value)).tanh(),
        EstimateKind::Typical | EstimateKind::Variance | EstimateKind::Sigma => {
            value * (quantile * se / value).exp()
        }
    })
}

/// The population parameters in the units of the model file, without uncertainty.
pub(super) fn listed(model: &PopulationModel, values: &PopulationValues) -> Vec<PopulationEstimate> {
    let mut all = Vec::new();
    let mut add = |kind, name: String, unit: &str, value: f64, eta: Option<usize>| {
        let (se, interval, unit) = ([f64::NAN; 3], [f64::NAN; 2], unit.to_string());
        all.push(PopulationEstimate { kind, name, unit, value, fixed: false, se, interval, eta });
    };
    let names: Vec<&str> = model.parameter_names().collect();
    for (i, info) in model.structure().parameters().iter().enumerate() {
        let value = model.in_unit(i, values.typical[i]);
        add(EstimateKind::Typical, info.name.into(), model.unit(i), value, None);
    }
    for (i, parameter) in model.parameters().iter().enumerate() {
        for (effect, coefficients) in parameter.effects.iter().zip(&values.coefficients[i]) {
            for (level, value) in coefficients.iter().enumerate() {
                let at = match &effect.form {
                    omafit_model::EffectForm::Categorical { levels, .. } => format!("={}", levels[level].0),
                    _ => String::new(),
                };
                let name = format!("{}_{}{at}", names[i], effect.covariate);
                add(EstimateKind::Coefficient, name, "1", *value, None);
            }
        }
    }
    let n = model.variable().len();
    let omega = |i: usize, j: usize| values.omega[i * n + j];
    for (k, &i) in model.variable().iter().enumerate() {
        add(EstimateKind::Variance, format!("omega2_{}", names[i]), "1", omega(k, k), Some(k));
    }
    for (a, &i) in model.variable().iter().enumerate() {
        for (b, &j) in model.variable().iter().enumerate().take(a) {
            let correlated = omega(a, b) != 0.0 || !model.omega_fixed()[a * n + b];
            if correlated {
                let value = omega(a, b) / (omega(a, a) * omega(b, b)).sqrt();
                add(EstimateKind::Correlation, format!("corr_{}_{}", names[j], names[i]), "1", value, None);
            }
        }
    }
    for (analyte, &error) in values.residual.iter() {
        let name = analyte.name();
        match error {
            ErrorModel::LogNormal { sd } => {
                add(EstimateKind::Sigma, format!("sigma_{name}"), "1", sd, None);
            }
            ErrorModel::Normal { additive, proportional } => {
                if additive > 0.0 {
                    add(
                        EstimateKind::Sigma,
                        format!("sigma_additive_{name}"),
                        model.analyte_unit(analyte),
                        additive,
                        None,
                    );
                }
                if proportional > 0.0 {
                    add(EstimateKind::Sigma, format!("sigma_proportional_{name}"), "1", proportional, None);
                }
            }
        }
    }
    all
}

/// Describes the direction with the largest variance: the parameter with the largest absolute loading, and all others with
/// absolute loadings above 0.2, in descending order.
pub fn least_determined_direction(names: &[String], uncertainty: &PopulationUncertainty) -> String {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let size = |k: usize| uncertainty.least_determined[k].abs();
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    let shown = order.into_iter().enumerate().take_while(|&(rank, k)| rank == 0 || size(k) > 0.2);
    let terms: Vec<String> =
        shown.map(|(_, k)| format!("{:+.2} {}", uncertainty.least_determined[k], names[k])).collect();
    terms.join(" ")
}

impl PopulationEstimate {
    /// The ends of the 95 % interval for a given standard error, on the scales of [`PopulationEstimate::interval`].
    pub fn interval_of(&self, se: f64) -> [f64; 2] {
        interval(self.kind, self.value, se)
    }
}
