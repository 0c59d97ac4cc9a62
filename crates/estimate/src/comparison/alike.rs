//! Matching of parameters and elements of Ω between two models.

use omafit_model::{PopulationModel, PopulationParameter, Transform};

/// Dosing parameters, with the value that a model without them implies.
const UNDOSED: [(&str, f64); 2] = [("F", 1.0), ("tlag", 0.0)];

/// Whether two given values are equal up to rounding, as after a change of units or digits.
pub(super) fn equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

/// The parameter with a given name. A structure without bioavailability or lag time has them fixed at 1 and 0.
pub(super) fn parameter(model: &PopulationModel, name: &str) -> Option<PopulationParameter> {
    let given = |typical| PopulationParameter {
        typical,
        transform: Transform::Identity,
        bounds: (0.0, f64::INFINITY),
        fixed: true,
        effects: Vec::new(),
    };
    match model.position(name) {
        Some(position) => Some(model.parameters()[position].clone()),
        None => UNDOSED.iter().find(|(n, _)| *n == name).map(|(_, typical)| given(*typical)),
    }
}

/// Names of the parameters of either model, in the order of their structures.
pub(super) fn names(one: &PopulationModel, other: &PopulationModel) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = one.parameter_names().collect();
    for name in other.parameter_names() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// An element of Ω: its value and whether it is estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Element {
    pub value: f64,
    pub estimated: bool,
}

/// The element of Ω for two parameters; `None` if either has no random effect.
pub(super) fn element(model: &PopulationModel, row: &str, column: &str) -> Option<Element> {
    let at = |name: &str| {
        let position = model.position(name)?;
        model.variable().iter().position(|&v| v == position)
    };
    let (row, column) = (at(row)?, at(column)?);
    let k = row * model.variable().len() + column;
    Some(Element { value: model.omega()[k], estimated: !model.omega_fixed()[k] })
}
