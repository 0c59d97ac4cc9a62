//! Parameters of two models side by side.

use omafit_model::{PopulationModel, PopulationParameter, Transform};

/// Parameters of dosing, and what a model without them has in their place.
const UNDOSED: [(&str, f64); 2] = [("F", 1.0), ("tlag", 0.0)];

/// Whether two given numbers are one number, written in other units or digits.
pub(super) fn equal(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

/// The parameter of a name. A structure without bioavailability and lag has 1 and 0, given.
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

/// An element of Ω: its value, and whether it is estimated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Element {
    pub value: f64,
    pub estimated: bool,
}

/// The element of Ω of two parameters; nothing where either does not vary.
pub(super) fn element(model: &PopulationModel, row: &str, column: &str) -> Option<Element> {
    let at = |name: &str| {
        let position = model.position(name)?;
        model.variable().iter().position(|&v| v == position)
    };
    let (row, column) = (at(row)?, at(column)?);
    let k = row * model.variable().len() + column;
    Some(Element { value: model.omega()[k], estimated: !model.omega_fixed()[k] })
}
