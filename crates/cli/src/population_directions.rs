//! Principal directions of uncertainty in the typical values and coefficients of the population of a run, and
//! the parameters of a subject along them.

use crate::error::{CliError, refuse};
use crate::reconstruct::Run;
use omafit_estimate::{EstimateKind, IndividualFit, Prior, population_numbers};
use omafit_model::{PopulationModel, PopulationValues, Subject};
use omafit_outcome::principal;
use omafit_trial::{Values, read_parquet};
use std::path::Path;

/// Models one standard deviation up and down along a principal direction.
pub type PopulationDirection = [PopulationModel; 2];

/// Principal directions of uncertainty in the fixed effects of a run; empty if the population was not
/// estimated.
pub fn population_directions(
    folder: &Path,
    model: &PopulationModel,
) -> Result<Vec<PopulationDirection>, CliError> {
    let path = folder.join("parameter_covariance.parquet");
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let table = read_parquet(&path)?;
    let (Some(Values::Text(first)), Some(Values::Text(second)), Some(Values::Float(covariances))) =
        (table.values("parameter_1"), table.values("parameter_2"), table.values("covariance"))
    else {
        return Ok(Vec::new());
    };
    let numbers = population_numbers(model);
    let is_fixed_effect =
        |kind: EstimateKind| matches!(kind, EstimateKind::Typical | EstimateKind::Coefficient);
    let known = |name: &str| first.iter().any(|own| **own == *name);
    let wanted: Vec<usize> =
        (0..numbers.len()).filter(|&k| is_fixed_effect(numbers[k].kind) && known(&numbers[k].name)).collect();
    let at = |name: &str| wanted.iter().position(|&k| numbers[k].name == name);
    let n = wanted.len();
    let mut matrix = vec![0.0; n * n];
    for ((a, b), covariance) in first.iter().zip(second).zip(covariances) {
        if let (Some(i), Some(j)) = (at(a), at(b)) {
            matrix[i * n + j] = *covariance;
            matrix[j * n + i] = *covariance;
        }
    }
    // Typical values are on the log scale, so that they stay above zero.
    let scale = |i: usize| match numbers[wanted[i]].kind {
        EstimateKind::Typical => 1.0 / numbers[wanted[i]].value,
        _ => 1.0,
    };
    let relative: Vec<f64> =
        matrix.iter().enumerate().map(|(k, covariance)| covariance * scale(k / n) * scale(k % n)).collect();
    let moved = |direction: &[f64], sign: f64| -> Result<PopulationModel, CliError> {
        let mut values = model.values();
        let (mut typical, mut coefficients) = (0, 0);
        let mut change = vec![0.0; numbers.len()];
        wanted.iter().zip(direction).for_each(|(&k, d)| change[k] = sign * d);
        for (number, change) in numbers.iter().zip(change) {
            match number.kind {
                EstimateKind::Typical => {
                    values.typical[typical] *= change.exp();
                    typical += 1;
                }
                EstimateKind::Coefficient => {
                    if let Some(coefficient) = nth_coefficient(&mut values, coefficients) {
                        *coefficient += change;
                    }
                    coefficients += 1;
                }
                _ => {}
            }
        }
        let is_no_model = |why| {
            let expected =
                format!("a run whose population is a model a standard deviation from its estimates: {why}");
            refuse("run", folder.display(), expected)
        };
        model.with_values(&values).map_err(is_no_model)
    };
    let pair = |direction: Vec<f64>| Ok([moved(&direction, 1.0)?, moved(&direction, -1.0)?]);
    principal(&relative, n).into_iter().map(pair).collect()
}

/// Parameters of a subject one standard deviation up and down along each principal direction; `None` if its
/// covariates do not allow typical parameters to be computed.
/// | An individual estimate follows the population as far as the data leave it undetermined: by the fraction
/// V·Ω⁻¹ of the shift, and without a prior not at all.
pub fn parameters_along(
    run: &Run,
    prior: Option<&Prior>,
    population: &[PopulationDirection],
    subject: &Subject,
    fit: &IndividualFit,
) -> Option<Vec<[Vec<f64>; 2]>> {
    let free = &run.options.free;
    let from = run.model.typical(&subject.covariates).ok()?;
    let along = |model: &PopulationModel| -> Option<Vec<f64>> {
        let to = model.typical(&subject.covariates).ok()?;
        let each = free.iter().zip(&fit.log_slopes);
        let shift: Vec<f64> = each.map(|(&i, slope)| (to[i] / from[i]).ln() / slope).collect();
        let by = prior.map_or_else(|| vec![0.0; shift.len()], |p| p.followed(&fit.uncertainty, &shift));
        let eta: Vec<f64> =
            fit.eta.iter().zip(shift.iter().zip(by)).map(|(eta, (shift, by))| eta + by - shift).collect();
        run.parameters(model, subject, &eta).ok()
    };
    population.iter().map(|[up, down]| Some([along(up)?, along(down)?])).collect()
}

/// A coefficient by its position among all coefficients, in the order of the population parameters.
fn nth_coefficient(values: &mut PopulationValues, position: usize) -> Option<&mut f64> {
    values.coefficients.iter_mut().flatten().flatten().nth(position)
}
