//! Common steps of the methods by expectation and maximisation (iterative two-stage, SAEM): the M-step, and the
//! information in a subject's data, given its η, on the estimated parameters without random effects.
//!
//! With v = u + η a subject's transformed parameters, u their typical values, and E over the conditional distribution
//! of η:
//!
//! ```text
//! typical values, coefficients   Σ (E v − u)ᵀΩ⁻¹(E v − u) least
//! Ω                              1/N·Σ E (v − u)(v − u)ᵀ, in the blocks that are estimated
//! ```
//!
//! Typical values and coefficients of parameters without between-subject variability, and the logarithms of the
//! residual standard deviations, have no closed form: they are updated by one step of scoring, from the gradient of ½ℓ
//! and its expected Hessian.

use super::space::{EstimatedParameter, ParameterVector};
use crate::decompose::singular;
use crate::least_squares::Linearised;
use crate::likelihood::{ResidualErrors, likelihood_term, residual_errors};
use crate::problem::{SubjectError, SubjectProblem};
use nalgebra::{Cholesky, DMatrix, DVector};
use omafit_model::{Analyte, Censoring, PopulationModel, Subject};
use serde::{Deserialize, Serialize};

/// Largest change of any coordinate in a step of scoring.
const MAX_STEP: f64 = 0.5;
/// Largest number of Gauss–Newton steps for the typical values, and the step length that ends them.
const MOST_STEPS: usize = 20;
const SETTLED: f64 = 1e-10;
const MOST_CUTS: usize = 10;
/// Fraction of the largest singular value below which singular values count as zero.
const RANK_TOLERANCE: f64 = 1e-12;

/// Conditional moments of a subject's v, over the parameters that vary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    /// Conditional mean E v.
    pub mean: DVector<f64>,
    /// Conditional second moment E vvᵀ.
    pub second: DMatrix<f64>,
}

impl Moments {
    /// Computes E (v − u)(v − u)ᵀ.
    pub fn about(&self, u: &DVector<f64>) -> DMatrix<f64> {
        let crossed = u * self.mean.transpose();
        &self.second - &crossed - crossed.transpose() + u * u.transpose()
    }
}

/// Positions of the estimated parameters in the parameter vector, grouped by how they are maximised.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Positions of the typical values and coefficients of parameters that vary.
    pub within: Vec<usize>,
    /// Positions of the typical values and coefficients of parameters that do not vary, and of residual standard
    /// deviations.
    pub outside: Vec<usize>,
    /// The parameters that vary and the parameters of `outside`, ascending.
    inputs: Vec<usize>,
    /// Positions among `inputs` of the parameters that vary.
    varying: Vec<usize>,
}

impl Layout {
    /// Creates the layout of a model's parameter vector.
    pub fn new(model: &PopulationModel, space: &ParameterVector) -> Self {
        Self::with_still(model, space, &[])
    }

    /// Creates a layout in which the typical values and coefficients of the parameters `still` are maximised by scoring
    /// although the parameters vary: if η hardly vary, they carry only noise about typical values.
    pub fn with_still(model: &PopulationModel, space: &ParameterVector, still: &[usize]) -> Self {
        let mut inputs = model.variable().to_vec();
        let (mut within, mut outside) = (Vec::new(), Vec::new());
        for (k, coordinate) in space.coordinates().iter().enumerate() {
            match *coordinate {
                EstimatedParameter::Typical { parameter }
                | EstimatedParameter::Coefficient { parameter, .. } => {
                    if model.variable().contains(&parameter) && !still.contains(&parameter) {
                        within.push(k);
                    } else {
                        outside.push(k);
                        inputs.push(parameter);
                    }
                }
                EstimatedParameter::Sigma { .. } => outside.push(k),
                EstimatedParameter::Cholesky { .. } => {}
            }
        }
        inputs.sort_unstable();
        inputs.dedup();
        let position = |i: &usize| inputs.iter().position(|j| j == i).unwrap_or(0);
        let varying = model.variable().iter().map(position).collect();
        Self { within, outside, inputs, varying }
    }

    /// The derivatives of u with respect to the estimated parameters in `within`.
    ///
    /// # Errors
    /// If the model does not apply to the subject.
    pub fn design(
        &self,
        model: &PopulationModel,
        space: &ParameterVector,
        subject: &Subject,
    ) -> Result<DMatrix<f64>, SubjectError> {
        let typical = model.typical(&subject.covariates)?;
        let mut design = DMatrix::zeros(model.variable().len(), self.within.len());
        for (column, &k) in self.within.iter().enumerate() {
            let shift = space.shift(model, subject, &typical, space.coordinates()[k]);
            if let Some((parameter, by)) = shift
                && let Some(row) = model.variable().iter().position(|&i| i == parameter)
            {
                design[(row, column)] = by;
            }
        }
        Ok(design)
    }
}

/// The transformed typical values of a subject's parameters that vary.
///
/// # Errors
/// If the model does not apply to the subject.
pub(super) fn transformed(model: &PopulationModel, subject: &Subject) -> Result<DVector<f64>, SubjectError> {
    let typical = model.typical(&subject.covariates)?;
    let of = |&i: &usize| model.parameters()[i].transformed(typical[i]);
    Ok(DVector::from_iterator(model.variable().len(), model.variable().iter().map(of)))
}

/// Derivatives of half the −2 log-likelihood of a subject's observations at its η, with respect to the estimated
/// parameters in [`Layout::outside`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outside {
    /// Gradient, in the order of the layout.
    pub gradient: DVector<f64>,
    /// Expected Hessian.
    pub information: DMatrix<f64>,
    /// Matrix H, the information of the data on η plus Ω⁻¹.
    pub precision: DMatrix<f64>,
}

/// Treatment of the conditional spread of η.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConditionalSpread {
    /// Evaluation at the mode: residuals are smaller than errors because of their leverages, and information shared
    /// with η is subtracted.
    Mode,
    /// Evaluation at a draw of η.
    Draw,
}

impl Outside {
    /// Computes the derivatives for each of several subjects at an η; an error if the model cannot be solved there. The
    /// models of all are solved together.
    pub fn each(
        model: &PopulationModel,
        space: &ParameterVector,
        layout: &Layout,
        points: &[(&Subject, &[f64])],
        spread: ConditionalSpread,
        rtol: f64,
    ) -> Vec<Result<Self, SubjectError>> {
        let errors = residual_errors(model);
        let whole = |(_, eta): &(&Subject, &[f64])| {
            let mut whole = vec![0.0; layout.inputs.len()];
            layout.varying.iter().zip(*eta).for_each(|(&k, eta)| whole[k] = *eta);
            whole
        };
        let wholes: Vec<Vec<f64>> = points.iter().map(whole).collect();
        let mut problems = Vec::with_capacity(points.len());
        for (subject, _) in points {
            let problem = SubjectProblem::new(model, subject, &layout.inputs, None, &errors);
            problems.push(problem.map(|problem| problem.with_rtol(rtol)));
        }
        let sound = problems.iter().zip(&wholes);
        let sound: Vec<_> =
            sound.filter_map(|(problem, whole)| Some((problem.as_ref().ok()?, &whole[..]))).collect();
        let mut linearised = SubjectProblem::linearise_each(&sound).into_iter();
        let mut all = Vec::with_capacity(points.len());
        for (problem, (subject, eta)) in problems.iter().zip(points) {
            let at = match problem {
                Ok(_) => linearised.next(),
                Err(error) => Some(Err(error.clone())),
            };
            let of = |at: Result<Linearised, SubjectError>| {
                Self::of(model, space, layout, (subject, eta.len(), &errors), &at?, spread)
            };
            all.extend(at.map(of));
        }
        all
    }

    /// Computes the derivatives for a subject with `n` η from its rows.
    fn of(
        model: &PopulationModel,
        space: &ParameterVector,
        layout: &Layout,
        (subject, n, errors): (&Subject, usize, &ResidualErrors),
        at: &Linearised,
        spread: ConditionalSpread,
    ) -> Result<Self, SubjectError> {
        let omega = DMatrix::from_row_slice(n, n, model.omega());
        let prior = Cholesky::new(omega).map_or_else(|| DMatrix::zeros(n, n), |c| c.inverse());
        let by_eta = at.jacobian.select_columns(&layout.varying);
        let precision = by_eta.tr_mul(&by_eta) + prior;
        let typical = model.typical(&subject.covariates)?;
        let coordinates: Vec<EstimatedParameter> =
            layout.outside.iter().map(|&k| space.coordinates()[k]).collect();
        // ∂(rows)/∂ each estimated parameter; zero for a residual standard deviation.
        let mut by_number = DMatrix::zeros(at.residuals.len(), coordinates.len());
        for (column, coordinate) in coordinates.iter().enumerate() {
            if let Some((parameter, by)) = space.shift(model, subject, &typical, *coordinate)
                && let Some(position) = layout.inputs.iter().position(|&i| i == parameter)
            {
                by_number.set_column(column, &(at.jacobian.column(position) * by));
            }
        }
        let mut gradient = by_number.tr_mul(&at.residuals);
        let mut information = by_number.tr_mul(&by_number);
        let inverse = match spread {
            ConditionalSpread::Draw => None,
            ConditionalSpread::Mode => Cholesky::new(precision.clone()).map(|c| c.inverse()),
        };
        if let Some(inverse) = &inverse {
            let across = by_eta.tr_mul(&by_number);
            information -= across.tr_mul(&(inverse * &across));
        }
        for (row, &at_row) in at.informative.iter().enumerate() {
            let observation = &subject.observations[at_row];
            let Some(&law) = errors.get(observation.analyte) else { continue };
            let Some(term) = likelihood_term(observation, law, at.predictions[at_row]) else { continue };
            let over = by_eta.row(row);
            let leverage = inverse.as_ref().map_or(0.0, |c| (over * c).dot(&over));
            let numbers = sigmas_of(&coordinates, observation.analyte);
            for &(i, part) in &numbers {
                let quantified = observation.censoring == Censoring::Quantified;
                let shortened = if quantified { term.shares[part] * leverage } else { 0.0 };
                gradient[i] += term.by_s[part] - shortened;
                for &(j, other) in &numbers {
                    information[(i, j)] += if quantified {
                        2.0 * term.shares[part] * term.shares[other]
                    } else {
                        term.by_s[part] * term.by_s[other]
                    };
                }
            }
        }
        Ok(Self { gradient, information, precision })
    }

    /// Zero derivatives.
    pub fn none(layout: &Layout) -> Self {
        let (n, d) = (layout.outside.len(), layout.varying.len());
        let (gradient, information) = (DVector::zeros(n), DMatrix::zeros(n, n));
        Self { gradient, information, precision: DMatrix::zeros(d, d) }
    }

    /// Adds `part` times the gradient and information of another subject or draw.
    pub fn add(&mut self, other: &Self, part: f64) {
        self.gradient.axpy(part, &other.gradient, 1.0);
        self.information += &other.information * part;
    }

    /// Moves the parameter vector by `part` of a step of scoring.
    pub fn step(&self, layout: &Layout, x: &mut [f64], part: f64) {
        let step = solve(&self.information, &self.gradient) * part;
        for (&k, step) in layout.outside.iter().zip(step.iter()) {
            x[k] -= step.clamp(-MAX_STEP, MAX_STEP);
        }
    }
}

/// The positions of an analyte's residual standard deviations among the coordinates, with the part of the error of
/// each.
fn sigmas_of(coordinates: &[EstimatedParameter], of: Analyte) -> Vec<(usize, usize)> {
    let there = coordinates.iter().enumerate().filter_map(|(i, c)| match *c {
        EstimatedParameter::Sigma { analyte, part } if analyte == of => Some((i, part)),
        _ => None,
    });
    there.collect()
}

/// The minimum-norm least-squares solution of a symmetric system; NaN if the system is not finite.
pub(super) fn solve(matrix: &DMatrix<f64>, right: &DVector<f64>) -> DVector<f64> {
    let sound = right.iter().all(|v| v.is_finite());
    let Some(svd) = singular(matrix.clone(), true, true).filter(|_| sound) else {
        return DVector::from_element(right.len(), f64::NAN);
    };
    let least = RANK_TOLERANCE * svd.singular_values.iter().copied().fold(0.0, f64::max);
    svd.solve(right, least).unwrap_or_else(|_| DVector::zeros(right.len()))
}

/// Moves the parameter vector to the typical values, coefficients and Ω that maximise the likelihood of the moments,
/// one per subject.
///
/// # Errors
/// If the model does not apply to a subject.
pub(super) fn maximise(
    model: &PopulationModel,
    space: &ParameterVector,
    layout: &Layout,
    subjects: &[Subject],
    moments: &[Moments],
    x: &mut [f64],
) -> Result<(), SubjectError> {
    let n = model.variable().len();
    let omega = DMatrix::from_row_slice(n, n, model.omega());
    let precision = Cholesky::new(omega).map_or_else(|| DMatrix::identity(n, n), |c| c.inverse());
    // The sum of squares with its gradient and Hessian; `None` where the model does not apply.
    let at = |x: &[f64]| {
        let model = space.model(model, x).ok()?;
        let wide = layout.within.len();
        let (mut sum, mut gradient, mut bend) = (0.0, DVector::zeros(wide), DMatrix::zeros(wide, wide));
        for (subject, moments) in subjects.iter().zip(moments) {
            let away = &moments.mean - transformed(&model, subject).ok()?;
            let design = layout.design(&model, space, subject).ok()?;
            let weighted = &precision * &design;
            sum += away.dot(&(&precision * &away));
            gradient += weighted.tr_mul(&away);
            bend += design.tr_mul(&weighted);
        }
        Some((model, sum, gradient, bend))
    };
    let mut now = at(x);
    for _ in 0..MOST_STEPS {
        let Some((_, sum, gradient, bend)) = &now else { break };
        let step = solve(bend, gradient);
        let mut part = 1.0;
        let mut next = None;
        for _ in 0..MOST_CUTS {
            let mut there = x.to_vec();
            layout.within.iter().zip(step.iter()).for_each(|(&k, step)| there[k] += part * step);
            let found = at(&there).filter(|found| found.1 <= sum * (1.0 + 1e-12) + f64::MIN_POSITIVE);
            if let Some(found) = found {
                next = Some((there, found));
                break;
            }
            part *= 0.5;
        }
        let Some((there, found)) = next else { break };
        x.copy_from_slice(&there);
        now = Some(found);
        if step.amax() * part < SETTLED {
            break;
        }
    }
    let Some((fitted, ..)) = now else {
        // Returns the error of the subject to whom the model does not apply.
        return subjects.iter().try_for_each(|subject| transformed(model, subject).map(|_| ()));
    };
    let mut spread = DMatrix::zeros(n, n);
    for (subject, moments) in subjects.iter().zip(moments) {
        spread += moments.about(&transformed(&fitted, subject)?);
    }
    spread /= subjects.len() as f64;
    let mut values = fitted.values();
    for coordinate in space.coordinates() {
        if let EstimatedParameter::Cholesky { row, column } = *coordinate {
            values.omega[row * n + column] = spread[(row, column)];
            values.omega[column * n + row] = spread[(row, column)];
        }
    }
    let there = space.vector(&values);
    for (k, coordinate) in space.coordinates().iter().enumerate() {
        if matches!(coordinate, EstimatedParameter::Cholesky { .. }) && there[k].is_finite() {
            x[k] = there[k];
        }
    }
    Ok(())
}

/// Scales on which the elements of the parameter vector can be compared: for a typical value or coefficient, its effect
/// on the subjects' transformed parameters; elements of the Cholesky factor themselves; logarithms of residual standard
/// deviations.
#[derive(Clone, Debug)]
pub(super) struct Comparable {
    scales: Vec<f64>,
    is_logarithm_of_factor: Vec<bool>,
}

impl Comparable {
    /// Creates the scales around a model.
    pub fn new(model: &PopulationModel, space: &ParameterVector, subjects: &[Subject]) -> Self {
        let scale = |coordinate: &EstimatedParameter| {
            let shift = |subject: &Subject| {
                let typical = model.typical(&subject.covariates).ok()?;
                space.shift(model, subject, &typical, *coordinate).map(|(_, by)| by * by)
            };
            let squares: Vec<f64> = subjects.iter().filter_map(shift).collect();
            if squares.is_empty() { 1.0 } else { (squares.iter().sum::<f64>() / squares.len() as f64).sqrt() }
        };
        let diagonal = |c: &EstimatedParameter| matches!(*c, EstimatedParameter::Cholesky { row, column } if row == column);
        Self {
            scales: space.coordinates().iter().map(scale).collect(),
            is_logarithm_of_factor: space.coordinates().iter().map(diagonal).collect(),
        }
    }

    /// Converts a parameter vector to these scales.
    pub fn of(&self, x: &[f64]) -> Vec<f64> {
        let one = |k: usize| if self.is_logarithm_of_factor[k] { x[k].exp() } else { x[k] * self.scales[k] };
        (0..x.len()).map(one).collect()
    }

    /// The derivative of each scaled value with respect to its element of the parameter vector.
    pub fn weights(&self, x: &[f64]) -> Vec<f64> {
        let one = |k: usize| if self.is_logarithm_of_factor[k] { x[k].exp() } else { self.scales[k] };
        (0..x.len()).map(one).collect()
    }

    /// The element that differs most between two vectors on these scales, and its difference.
    pub fn largest_change(&self, a: &[f64], b: &[f64]) -> (usize, f64) {
        let pairs = self.of(a).into_iter().zip(self.of(b)).map(|(a, b)| (a - b).abs());
        pairs.enumerate().fold((0, 0.0), |most, (k, d)| if d > most.1 || d.is_nan() { (k, d) } else { most })
    }
}
