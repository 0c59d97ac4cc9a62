//! Uncertainty of a population's estimates.
//!
//! R is half the matrix of second derivatives of the objective, by differences of its exact gradient; S a quarter of the sum of
//! the outer products of the subjects' gradients. The covariance of the estimates is R⁻¹ where the model holds, S⁻¹
//! where the subjects are many, and R⁻¹SR⁻¹ whatever holds. Of what is read from the estimates it follows by their derivatives.
//! Numbers at an end of their range have no curvature there, nor have numbers that the data do not determine: they are held
//! where they are, and the covariance is that of the others.

use super::boundary::BoundaryEstimate;
use super::delta::{derivatives, propagated};
use super::space::{EstimatedParameter, ParameterVector};
use crate::decompose::eigen;
use crate::normal::NORMAL_975;
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{ErrorModel, PopulationModel, PopulationValues};

/// Half the spacing of the differences of the gradient.
pub(super) const SPACING: f64 = 1e-3;
/// The least eigenvalue of the scaled R that counts as curvature, above the error of its differences.
const FLAT: f64 = 1e-8;
/// The least element on R's diagonal that says something: less, and a number is unknown by a factor of e¹⁰⁰.
const NOTHING: f64 = 1e-4;

/// Covariances of the estimates over a population's vector; zero of what is held.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationUncertainty {
    /// The numbers that are held, as they are at an end of their range.
    pub held: Vec<BoundaryEstimate>,
    /// The numbers that the data do not determine: along them, or together with others, the objective has no curvature. They
    /// are held too.
    pub undetermined: Vec<usize>,
    /// Positions of the others.
    pub free: Vec<usize>,
    /// Why R is not the curvature of FOCE's objective but what is expected of it where the model is linear; nothing where
    /// it is the curvature.
    pub expected_because: Option<String>,
    /// R⁻¹.
    pub r: DMatrix<f64>,
    /// Each subject's part of R, of what is held too.
    pub parts: Vec<DMatrix<f64>>,
    /// S⁻¹; `None` of too few subjects.
    pub s: Option<DMatrix<f64>>,
    /// R⁻¹SR⁻¹.
    pub sandwich: DMatrix<f64>,
    /// Eigenvalues of the correlation matrix of the estimates, ascending.
    pub eigenvalues: Vec<f64>,
    /// The direction that is known least, over the correlation matrix: each number's loading.
    pub flattest: Vec<f64>,
}

impl PopulationUncertainty {
    /// The condition number: the largest eigenvalue of the correlation matrix over the smallest.
    pub fn condition(&self) -> f64 {
        match self.eigenvalues[..] {
            [least, .., most] => most / least,
            _ => 1.0,
        }
    }
}

/// The gradient of each subject's part as a function of the vector.
type SubjectGradients<'a> = dyn Fn(&[f64]) -> Option<Vec<Vec<f64>>> + 'a;

/// Each subject's part of R, from the subjects' gradients as a function of the vector, with zeros for the numbers that are
/// `held`; or why there is none.
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

/// The covariances with some numbers held, those at an end of their range and what they leave without curvature, from each subject's part of R and its gradient at the estimate; or why there are
/// none.
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
    let mut flattest = vec![0.0; names.len()];
    free.iter().enumerate().for_each(|(i, &k)| flattest[k] = eigen.eigenvectors[(i, largest)]);
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
        flattest,
        r: whole(&inverse),
        parts,
        free,
    })
}

/// The part of a matrix over the vector that is of these numbers.
pub(super) fn among(matrix: &DMatrix<f64>, free: &[usize]) -> DMatrix<f64> {
    matrix.select_rows(free).select_columns(free)
}

/// The curvature of the objective over the free numbers.
enum Curvature {
    /// The inverse of R.
    Inverse(DMatrix<f64>),
    /// The position of the number along which, alone or with others, there is none.
    Flat(usize),
}

/// The inverse of R over the free numbers, or which of them it is flat along; an error where it is no minimum.
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

/// What kind of number a population's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EstimateKind {
    /// The typical value of a parameter.
    Typical,
    /// A coefficient of a covariate's effect.
    Coefficient,
    /// The variance of an η, ω².
    Variance,
    /// The correlation of two η.
    Correlation,
    /// The standard deviation of a residual error.
    Sigma,
}

/// A number of a population, with its uncertainty.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationEstimate {
    /// Its kind.
    pub kind: EstimateKind,
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Its value.
    pub value: f64,
    /// Whether it was given rather than estimated.
    pub fixed: bool,
    /// Standard errors from R⁻¹, S⁻¹ and the sandwich; NaN of what is fixed, at an end of its range, or has none.
    pub se: [f64; 3],
    /// Ends of the 95 % interval from R⁻¹: on the scale of the logarithm of what is above zero, of Fisher's z of a
    /// correlation.
    pub interval: [f64; 2],
    /// Position among the η of a variance.
    pub eta: Option<usize>,
}

/// Every number of a population with its uncertainty, if there is one.
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

/// Every number of a model's population, without uncertainty.
pub fn population_numbers(model: &PopulationModel) -> Vec<PopulationEstimate> {
    listed(model, &model.values())
}

/// The covariance of the numbers of a population, row by row in the order and the units of [`population_estimates`].
pub fn population_covariance(
    model: &PopulationModel,
    space: &ParameterVector,
    uncertainty: &PopulationUncertainty,
) -> Vec<f64> {
    let read = |values: &PopulationValues| listed(model, values).iter().map(|e| e.value).collect();
    propagated(model, space, &uncertainty.r, &read)
}

/// A correlation whose size is above this, of a parameter whose η is tied, is one.
const ONE: f64 = 0.999;

/// Whether a number with this slope over the vector is at the end of its range where a coordinate is: one that depends on
/// nothing else, or a correlation of one with a parameter whose η is tied.
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

/// The numbers of a model, in the units of its file, without uncertainty.
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
    for analyte in omafit_model::Analyte::ALL {
        let name = analyte.name();
        match values.residual[analyte.index()] {
            Some(ErrorModel::LogNormal { sd }) => {
                add(EstimateKind::Sigma, format!("sigma_{name}"), "1", sd, None);
            }
            Some(ErrorModel::Normal { additive, proportional }) => {
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
            None => {}
        }
    }
    all
}

/// The number along which a coordinate's loading is the largest, and all that load more than a fifth.
pub fn flattest_direction(names: &[String], uncertainty: &PopulationUncertainty) -> String {
    let mut order: Vec<usize> = (0..names.len()).collect();
    let size = |k: usize| uncertainty.flattest[k].abs();
    order.sort_by(|a, b| size(*b).total_cmp(&size(*a)));
    let shown = order.into_iter().take_while(|&k| size(k) > 0.2);
    let terms: Vec<String> = shown.map(|k| format!("{:+.2} {}", uncertainty.flattest[k], names[k])).collect();
    terms.join(" ")
}

impl PopulationEstimate {
    /// The ends of its 95 % interval had it this standard error, on the scale on which [`PopulationEstimate::interval`] is.
    pub fn interval_of(&self, se: f64) -> [f64; 2] {
        interval(self.kind, self.value, se)
    }
}
