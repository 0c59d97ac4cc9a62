//! The estimated population parameters as one unbounded vector.
//!
//! Typical values are logarithms of their distance from the lower bound, or logits between finite bounds; covariate
//! coefficients are untransformed, but logarithms for a categorical effect with more than one coefficient; Ω is
//! represented by the Cholesky factor of each of its blocks, with logarithms on the diagonal; residual standard
//! deviations are logarithms.

use crate::starts::scattered_start;
use nalgebra::DMatrix;
use omafit_model::{Analyte, EffectForm, ErrorModel, ModelError, PopulationModel, PopulationValues, Subject};

/// An element of the parameter vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EstimatedParameter {
    /// The typical value of a parameter.
    Typical {
        /// Position of the parameter in the structure.
        parameter: usize,
    },
    /// A coefficient of a covariate effect on a parameter.
    Coefficient {
        /// Position of the parameter in the structure.
        parameter: usize,
        /// Position of the effect among the parameter's effects.
        effect: usize,
        /// Position of the coefficient within the effect.
        level: usize,
    },
    /// An element of the Cholesky factor of Ω.
    Cholesky {
        /// Row of the element, among the parameters that vary.
        row: usize,
        /// Column of the element, at most the row.
        column: usize,
    },
    /// The standard deviation of an analyte's residual error.
    Sigma {
        /// The analyte.
        analyte: Analyte,
        /// Part of the error: 0 for a log-normal or additive part, 1 for a proportional part.
        part: usize,
    },
}

/// Reason why a model's population cannot be estimated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SpaceError {
    /// All parameters are fixed.
    #[error("everything in the model is fixed: there is nothing to estimate")]
    Nothing,
    /// The model has no between-subject variability.
    #[error("the model has no variability between subjects: without it there is no population to estimate")]
    NoVariability,
    /// A block of Ω has some elements that are fixed or zero and others that are estimated.
    #[error(
        "the variability of {names} is one block of Ω of which some elements are fixed or zero: a block is \
         estimated whole or not at all"
    )]
    PartialBlock {
        /// Names of the parameters in the block.
        names: String,
    },
    /// An estimated typical value starts at its bound.
    #[error("the typical value of {name} is {value}, at the end of its bounds: start inside them, or fix it")]
    AtBound {
        /// Name of the parameter.
        name: &'static str,
        /// Typical value of the parameter.
        value: f64,
    },
}

/// Layout of the estimated parameters of a population as a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterVector {
    coordinates: Vec<EstimatedParameter>,
    /// Bounds of each parameter's typical value.
    bounds: Vec<(f64, f64)>,
}

impl ParameterVector {
    /// A start near a parameter vector: typical values within a factor of 4.5, standard deviations within a factor of
    /// 2.1, correlations and coefficients unchanged.
    pub(super) fn beside(&self, vector: &[f64], index: usize) -> Vec<f64> {
        let away = scattered_start(vector.len(), index);
        let mut rows = vec![0.0; vector.len()];
        for (coordinate, away) in self.coordinates().iter().zip(&away) {
            if let EstimatedParameter::Cholesky { row, column } = *coordinate
                && row == column
            {
                rows[row] = 0.5 * away;
            }
        }
        let of = |((coordinate, &x), &away): ((&EstimatedParameter, &f64), &f64)| match *coordinate {
            EstimatedParameter::Typical { .. } => x + away,
            EstimatedParameter::Coefficient { .. } => x,
            EstimatedParameter::Cholesky { row, column } if row == column => x + rows[row],
            EstimatedParameter::Cholesky { row, .. } => x * rows[row].exp(),
            EstimatedParameter::Sigma { .. } => x + 0.5 * away,
        };
        self.coordinates().iter().zip(vector).zip(&away).map(of).collect()
    }

    /// Creates the vector of all parameters that the model does not fix.
    ///
    /// # Errors
    /// If there are none, the model has no between-subject variability, a block of Ω is only partly estimated, or a
    /// typical value is at its bound.
    pub fn new(model: &PopulationModel) -> Result<Self, SpaceError> {
        let mut coordinates = Vec::new();
        let names: Vec<&'static str> = model.parameter_names().collect();
        for (parameter, p) in model.parameters().iter().enumerate() {
            if !p.fixed {
                let (low, high) = p.bounds;
                if !(p.typical > low && p.typical < high) {
                    return Err(SpaceError::AtBound { name: names[parameter], value: p.typical });
                }
                coordinates.push(EstimatedParameter::Typical { parameter });
            }
        }
        for (parameter, p) in model.parameters().iter().enumerate() {
            for (effect, e) in p.effects.iter().enumerate().filter(|(_, e)| !e.fixed) {
                let count =
                    if let EffectForm::Categorical { levels, .. } = &e.form { levels.len() } else { 1 };
                coordinates.extend((0..count).map(|level| EstimatedParameter::Coefficient {
                    parameter,
                    effect,
                    level,
                }));
            }
        }
        if model.variable().is_empty() {
            return Err(SpaceError::NoVariability);
        }
        coordinates.extend(cholesky(model, &names)?);
        for (analyte, residual) in model.residuals().iter().filter(|(_, residual)| !residual.fixed) {
            let parts = match residual.error {
                ErrorModel::LogNormal { .. } => [true, false],
                ErrorModel::Normal { additive, proportional } => [additive > 0.0, proportional > 0.0],
            };
            let there = (0..2).filter(|&part| parts[part]);
            coordinates.extend(there.map(|part| EstimatedParameter::Sigma { analyte, part }));
        }
        if coordinates.is_empty() {
            return Err(SpaceError::Nothing);
        }
        Ok(Self { coordinates, bounds: model.parameters().iter().map(|p| p.bounds).collect() })
    }

    /// The elements of the vector, in order.
    pub fn coordinates(&self) -> &[EstimatedParameter] {
        &self.coordinates
    }

    /// Whether the typical value of a parameter has a finite upper bound, or a lower bound above zero.
    pub(super) fn is_bounded(&self, parameter: usize) -> bool {
        let (low, high) = self.bounds[parameter];
        high.is_finite() || low > 0.0
    }

    /// The parameter vector of a model's values.
    pub fn vector(&self, values: &PopulationValues) -> Vec<f64> {
        let factor = lower(values);
        let of = |coordinate: &EstimatedParameter| match *coordinate {
            EstimatedParameter::Typical { parameter } => {
                let ((low, high), value) = (self.bounds[parameter], values.typical[parameter]);
                if high.is_finite() { ((value - low) / (high - value)).ln() } else { (value - low).ln() }
            }
            EstimatedParameter::Coefficient { parameter, effect, level } => {
                let coefficients = &values.coefficients[parameter][effect];
                if coefficients.len() > 1 { coefficients[level].ln() } else { coefficients[level] }
            }
            EstimatedParameter::Cholesky { row, column } if row == column => factor[(row, row)].ln(),
            EstimatedParameter::Cholesky { row, column } => factor[(row, column)],
            EstimatedParameter::Sigma { analyte, part } => match values.residual.get(analyte) {
                Some(ErrorModel::LogNormal { sd }) => sd.ln(),
                Some(ErrorModel::Normal { additive, proportional }) => [*additive, *proportional][part].ln(),
                None => f64::NAN,
            },
        };
        self.coordinates.iter().map(of).collect()
    }

    /// The values of a parameter vector, with all other values as in `values`.
    pub fn values(&self, values: &PopulationValues, vector: &[f64]) -> PopulationValues {
        let mut values = values.clone();
        let mut factor = lower(&values);
        for (coordinate, &x) in self.coordinates.iter().zip(vector) {
            match *coordinate {
                EstimatedParameter::Typical { parameter } => {
                    let (low, high) = self.bounds[parameter];
                    let odds = x.exp();
                    values.typical[parameter] =
                        if high.is_finite() { low + (high - low) * odds / (1.0 + odds) } else { low + odds };
                }
                EstimatedParameter::Coefficient { parameter, effect, level } => {
                    let coefficients = &mut values.coefficients[parameter][effect];
                    coefficients[level] = if coefficients.len() > 1 { x.exp() } else { x };
                }
                EstimatedParameter::Cholesky { row, column } => {
                    factor[(row, column)] = if row == column { x.exp() } else { x };
                }
                EstimatedParameter::Sigma { analyte, part } => match values.residual.get_mut(analyte) {
                    Some(ErrorModel::LogNormal { sd }) => *sd = x.exp(),
                    Some(ErrorModel::Normal { additive, proportional }) => {
                        *[additive, proportional][part] = x.exp();
                    }
                    None => {}
                },
            }
        }
        let estimated = self.coordinates.iter().any(|c| matches!(c, EstimatedParameter::Cholesky { .. }));
        if estimated {
            values.omega = (&factor * factor.transpose()).iter().copied().collect();
        }
        values
    }

    /// The model at a parameter vector.
    ///
    /// # Errors
    /// If a value is out of its range.
    pub fn model(&self, model: &PopulationModel, vector: &[f64]) -> Result<PopulationModel, ModelError> {
        model.with_values(&self.values(&model.values(), vector))
    }

    /// The parameter that a coordinate of a typical value or a coefficient affects, with the derivative of the
    /// subject's transformed typical value, at `typical`, with respect to the coordinate; `None` for other coordinates.
    pub(super) fn shift(
        &self,
        model: &PopulationModel,
        subject: &Subject,
        typical: &[f64],
        coordinate: EstimatedParameter,
    ) -> Option<(usize, f64)> {
        let (parameter, by_log) = match coordinate {
            EstimatedParameter::Typical { parameter } => {
                let ((low, high), value) = (self.bounds[parameter], model.parameters()[parameter].typical);
                let slope = if high.is_finite() {
                    (value - low) * (high - value) / (high - low)
                } else {
                    value - low
                };
                (parameter, slope / value)
            }
            EstimatedParameter::Coefficient { parameter, effect, level } => {
                let effect = &model.parameters()[parameter].effects[effect];
                let slope = effect.log_slopes(&subject.covariates)[level];
                let scale = match &effect.form {
                    EffectForm::Categorical { levels, .. } if levels.len() > 1 => levels[level].1,
                    _ => 1.0,
                };
                (parameter, slope * scale)
            }
            EstimatedParameter::Cholesky { .. } | EstimatedParameter::Sigma { .. } => return None,
        };
        Some((parameter, by_log * model.parameters()[parameter].transformed_slope(typical[parameter])))
    }

    /// A name for each element of the vector, after its parameter, effect, η or analyte.
    pub fn names(&self, model: &PopulationModel) -> Vec<String> {
        let names: Vec<&str> = model.parameter_names().collect();
        let variable = |row: usize| names[model.variable()[row]];
        let of = |coordinate: &EstimatedParameter| match *coordinate {
            EstimatedParameter::Typical { parameter } => names[parameter].to_string(),
            EstimatedParameter::Coefficient { parameter, effect, level } => {
                let effect = &model.parameters()[parameter].effects[effect];
                let at = match &effect.form {
                    EffectForm::Categorical { levels, .. } => format!("={}", levels[level].0),
                    _ => String::new(),
                };
                format!("{}_{}{at}", names[parameter], effect.covariate)
            }
            EstimatedParameter::Cholesky { row, column } if row == column => {
                format!("omega_{}", variable(row))
            }
            EstimatedParameter::Cholesky { row, column } => {
                format!("omega_{}_{}", variable(row), variable(column))
            }
            EstimatedParameter::Sigma { analyte, part } => {
                let is_log = model.residual(analyte).is_some_and(|residual| residual.error.is_log());
                let kind = if is_log { "" } else { ["additive_", "proportional_"][part] };
                format!("sigma_{kind}{}", analyte.name())
            }
        };
        self.coordinates.iter().map(of).collect()
    }
}

/// The derivative of a covariance matrix with respect to an element of its Cholesky factor, or to the logarithm of a
/// diagonal element.
pub fn covariance_by_factor(factor: &DMatrix<f64>, row: usize, column: usize) -> DMatrix<f64> {
    let n = factor.nrows();
    let scale = if row == column { factor[(row, row)] } else { 1.0 };
    let mut change = DMatrix::zeros(n, n);
    for k in 0..n {
        change[(row, k)] += scale * factor[(k, column)];
        change[(k, row)] += scale * factor[(k, column)];
    }
    change
}

/// The Cholesky factor of Ω, which exists for a validated model; NaN otherwise.
pub(super) fn lower(values: &PopulationValues) -> DMatrix<f64> {
    let n = values.omega.len().isqrt();
    let omega = DMatrix::from_row_slice(n, n, &values.omega);
    nalgebra::Cholesky::new(omega).map_or_else(|| DMatrix::from_element(n, n, f64::NAN), |c| c.l())
}

/// The estimated elements of the Cholesky factor: those of blocks that are not fixed.
fn cholesky(model: &PopulationModel, names: &[&str]) -> Result<Vec<EstimatedParameter>, SpaceError> {
    let n = model.variable().len();
    let (omega, fixed) = (model.omega(), model.omega_fixed());
    // The block of each parameter: the first parameter with which it is connected.
    let mut block: Vec<usize> = (0..n).collect();
    for row in 0..n {
        for column in 0..row {
            if omega[row * n + column] != 0.0 || !fixed[row * n + column] {
                let (from, to) = (block[row].max(block[column]), block[row].min(block[column]));
                block.iter_mut().filter(|b| **b == from).for_each(|b| *b = to);
            }
        }
    }
    let mut coordinates = Vec::new();
    for first in 0..n {
        let members: Vec<usize> = (0..n).filter(|&i| block[i] == first).collect();
        let pairs = || members.iter().flat_map(|&i| members.iter().map(move |&j| i * n + j));
        if members.is_empty() || pairs().all(|k| fixed[k]) {
            continue;
        }
        if pairs().any(|k| fixed[k]) {
            let names: Vec<&str> = members.iter().map(|&i| names[model.variable()[i]]).collect();
            return Err(SpaceError::PartialBlock { names: names.join(", ") });
        }
        for (k, &row) in members.iter().enumerate() {
            coordinates
                .extend(members[..=k].iter().map(|&column| EstimatedParameter::Cholesky { row, column }));
        }
    }
    Ok(coordinates)
}
