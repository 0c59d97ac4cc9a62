//! Differences between two models, apart from their estimates.

use super::alike::{element, equal, names, parameter};
use super::nesting::kind;
use omafit_model::{
    Analyte, Effect, EffectForm, ErrorModel, PopulationModel, PopulationParameter, Residual, StartRule,
};
use std::collections::BTreeSet;
use std::fmt;

/// Part of a model in which two models can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPart {
    /// The structural model.
    Structure,
    /// The initial state of a subject.
    InitialTarget,
    /// A typical value: whether it is estimated, or the value at which it is fixed.
    Typical,
    /// The transformation that gives a parameter's distribution between subjects.
    Transform,
    /// The bounds of a typical value.
    Bounds,
    /// A covariate effect.
    Effect,
    /// The between-subject variance of a parameter.
    Variability,
    /// The between-subject correlation of two parameters.
    Correlation,
    /// The residual error of an analyte.
    Residual,
    /// The limits of quantification of an analyte.
    Limits,
}

impl ModelPart {
    /// The name of the part in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::InitialTarget => "start",
            Self::Typical => "typical value",
            Self::Transform => "transform",
            Self::Bounds => "bounds",
            Self::Effect => "effect",
            Self::Variability => "variability",
            Self::Correlation => "correlation",
            Self::Residual => "residual error",
            Self::Limits => "limits of quantification",
        }
    }
}

/// One difference between two models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelChange {
    /// The part of the model.
    pub part: ModelPart,
    /// The parameter, pair of parameters or analyte; empty if the change concerns the whole model.
    pub of: String,
    /// The state before, in words.
    pub before: String,
    /// The state after, in words.
    pub after: String,
}

impl fmt::Display for ModelChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, of, before, after } = self;
        let part = part.name();
        if of.is_empty() {
            write!(f, "{part}")?
        } else {
            write!(f, "{part} of {of}")?
        }
        write!(f, ": {before} → {after}")
    }
}

const NONE: &str = "none";

/// Differences between two models: in their form, in the values that are estimated, and in the values of fixed
/// quantities. Differences between estimated values do not count.
pub fn model_changes(before: &PopulationModel, after: &PopulationModel) -> Vec<ModelChange> {
    let mut changes = Changes::default();
    let both = [before, after];
    changes.add(ModelPart::Structure, "", both.map(|m| m.structure().name().to_owned()));
    changes.add(ModelPart::InitialTarget, "", both.map(|m| start(m.file().start).to_owned()));
    let names = names(before, after);
    for name in &names {
        let pair = both.map(|m| parameter(m, name));
        let given = |p: &Option<PopulationParameter>| p.as_ref().filter(|p| p.fixed).map(|p| p.typical);
        if !given(&pair[0]).zip(given(&pair[1])).is_some_and(|(a, b)| equal(a, b)) {
            let words = std::array::from_fn(|k| typical(both[k], name, pair[k].as_ref()));
            changes.add(ModelPart::Typical, name, words);
        }
        if let [Some(one), Some(other)] = &pair {
            changes.add(ModelPart::Transform, name, [one, other].map(|p| p.transform.name().to_owned()));
            if one.bounds != other.bounds {
                changes.add(ModelPart::Bounds, name, [one, other].map(|p| bounds(p.bounds)));
            }
            changes.effects(name, &one.effects, &other.effects);
        }
    }
    for (i, row) in names.iter().enumerate() {
        changes.add(ModelPart::Variability, row, both.map(|m| variability(m, row)));
        for column in &names[..i] {
            let of = format!("{column} and {row}");
            changes.add(ModelPart::Correlation, &of, both.map(|m| correlation(m, row, column)));
        }
    }
    let analytes: BTreeSet<Analyte> = both.iter().flat_map(|model| model.analytes()).collect();
    for analyte in analytes {
        let pair = both.map(|m| m.residual(analyte));
        changes.add(ModelPart::Residual, analyte.name(), pair.map(residual));
        changes.add(ModelPart::Limits, analyte.name(), pair.map(limits));
    }
    changes.0
}

#[derive(Debug, Default)]
struct Changes(Vec<ModelChange>);

impl Changes {
    fn add(&mut self, part: ModelPart, of: &str, [before, after]: [String; 2]) {
        if before != after {
            self.0.push(ModelChange { part, of: of.into(), before, after });
        }
    }

    fn effects(&mut self, name: &str, before: &[Effect], after: &[Effect]) {
        let mut rest: Vec<&Effect> = after.iter().collect();
        let words = |e: &Effect| effect(e);
        for old in before {
            let alike = |e: &&Effect| e.covariate == old.covariate && kind(&e.form) == kind(&old.form);
            let new = rest.iter().position(alike).map(|position| rest.remove(position));
            let of = format!("{} on {name}", old.covariate);
            self.add(ModelPart::Effect, &of, [words(old), new.map_or(NONE.into(), words)]);
        }
        for new in rest {
            let of = format!("{} on {name}", new.covariate);
            self.add(ModelPart::Effect, &of, [NONE.into(), words(new)]);
        }
    }
}

fn start(rule: StartRule) -> &'static str {
    match rule {
        StartRule::Baseline => "baseline",
        StartRule::SteadyState => "steady state",
    }
}

/// Describes a typical value as estimated, or as fixed at a value in the file's own unit.
fn typical(model: &PopulationModel, name: &str, parameter: Option<&PopulationParameter>) -> String {
    let Some(parameter) = parameter else { return NONE.into() };
    if !parameter.fixed {
        return "estimated".into();
    }
    match model.file().parameters.get(name) {
        Some(entry) if entry.unit != "1" => format!("fixed at {} {}", digits(entry.typical), entry.unit),
        _ => format!("fixed at {}", digits(parameter.typical)),
    }
}

fn bounds((low, high): (f64, f64)) -> String {
    let high = if high.is_finite() { digits(high) } else { "∞".into() };
    format!("{} to {high}", digits(low))
}

fn effect(effect: &Effect) -> String {
    let one = |what: &str, value: f64| match effect.fixed {
        true => format!("{what} {} fixed", digits(value)),
        false => format!("{what} estimated"),
    };
    match &effect.form {
        EffectForm::Power { centre, exponent } => {
            format!("power around {}, {}", digits(*centre), one("exponent", *exponent))
        }
        EffectForm::Exponential { centre, slope } => {
            format!("exponential around {}, {}", digits(*centre), one("slope", *slope))
        }
        EffectForm::Linear { centre, slope } => {
            format!("linear around {}, {}", digits(*centre), one("slope", *slope))
        }
        EffectForm::Categorical { reference, levels } => {
            let of = |(value, factor): &(f64, f64)| match effect.fixed {
                true => format!("{} (factor {} fixed)", digits(*value), digits(*factor)),
                false => digits(*value),
            };
            let values = levels.iter().map(of).collect::<Vec<_>>().join(", ");
            let estimated = if effect.fixed { "" } else { ", estimated" };
            format!("categories {values} against {}{estimated}", digits(*reference))
        }
    }
}

fn variability(model: &PopulationModel, name: &str) -> String {
    match element(model, name, name) {
        None => NONE.into(),
        Some(element) if element.estimated => "estimated".into(),
        Some(element) => format!("variance {} fixed", digits(element.value)),
    }
}

fn correlation(model: &PopulationModel, row: &str, column: &str) -> String {
    let Some(covariance) = element(model, row, column) else { return NONE.into() };
    if covariance.estimated {
        return "estimated".into();
    }
    if covariance.value == 0.0 {
        return NONE.into();
    }
    let variance = |name: &str| element(model, name, name).map_or(f64::NAN, |e| e.value);
    let value = covariance.value / (variance(row) * variance(column)).sqrt();
    format!("{} fixed", digits(value))
}

fn residual(residual: Option<&Residual>) -> String {
    let Some(residual) = residual else { return NONE.into() };
    let name = residual.error.name();
    if !residual.fixed {
        return format!("{name}, estimated");
    }
    match residual.error {
        ErrorModel::LogNormal { sd } => format!("{name}, fixed at {}", digits(sd)),
        ErrorModel::Normal { additive, proportional } => {
            let parts = [additive, proportional].into_iter().filter(|sd| *sd != 0.0).map(digits);
            format!("{name}, fixed at {}", parts.collect::<Vec<_>>().join(" and "))
        }
    }
}

fn limits(residual: Option<&Residual>) -> String {
    let Some(residual) = residual else { return NONE.into() };
    let of = |what: &str, limit: Option<f64>| limit.map(|value| format!("{what} {}", digits(value)));
    let limits: Vec<String> =
        [of("lower", residual.lloq), of("upper", residual.uloq)].into_iter().flatten().collect();
    if limits.is_empty() { NONE.into() } else { limits.join(", ") }
}

/// Formats a given value without the digits that a change of units may alter.
fn digits(value: f64) -> String {
    let short: f64 = format!("{value:.12e}").parse().unwrap_or(value);
    if short == 0.0 || (1e-4..1e9).contains(&short.abs()) { format!("{short}") } else { format!("{short:e}") }
}
