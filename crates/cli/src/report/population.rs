//! Figures of an estimated population, made from its tables, each with its data.

use super::figures::{Drawn, drawn};
use super::tables::{find, optional, texts};
use crate::error::CliError;
use omafit_model::{EffectForm, PopulationModel};
use omafit_report::forest::{Forest, Row};
use omafit_report::page::Table;
use omafit_report::panels::{Ink, Layer, Panel, Panels, Shape};
use omafit_trial::{Column, Values};
use std::path::Path;

/// Percentiles of a covariate at which its effects are shown, as fractions.
const AT: [f64; 2] = [0.05, 0.95];

/// Figures of estimates, convergence and influence; empty for a run that did not estimate its population.
pub fn of_population(
    folder: &Path,
    model: &PopulationModel,
    individuals: &Table,
    simulated: bool,
) -> Result<Vec<Drawn>, CliError> {
    let mut out = Vec::new();
    if let Some(parameters) = optional(folder, "parameters")? {
        out.extend(forest(folder, model, individuals, &parameters, simulated)?);
    }
    if let Some(convergence) = optional(folder, "convergence")? {
        out.push(drawn("convergence", trace(&convergence), simulated)?);
    }
    if let Some(influence) = optional(folder, "influence")? {
        out.push(drawn("influence", influences(&influence), simulated)?);
    }
    Ok(out)
}

/// Forest plot of every estimate with its interval, relative to the estimate, and of the covariate effects.
fn forest(
    folder: &Path,
    model: &PopulationModel,
    individuals: &Table,
    parameters: &Table,
    simulated: bool,
) -> Result<Option<Drawn>, CliError> {
    let names = texts(folder, parameters, "name")?;
    let none = Vec::new();
    let column = |name: &str| find(parameters, name).unwrap_or(&none);
    let (estimate, low, high) = (column("estimate"), column("ci_low"), column("ci_high"));
    let at = |name: &str| names.iter().position(|n| n == name).filter(|&k| low[k] <= high[k]);
    let share = |group: &str, label: String, k: usize| Row {
        group: group.to_owned(),
        label,
        value: 1.0,
        interval: [low[k] / estimate[k], high[k] / estimate[k]],
        words: format!("{:.4} ({:.4} to {:.4})", estimate[k], low[k], high[k]),
    };
    let mut rows = Vec::new();
    for (i, name) in model.parameter_names().enumerate() {
        let unit = if model.unit(i) == "1" { String::new() } else { format!(" ({})", model.unit(i)) };
        rows.extend(at(name).map(|k| share("Typical values", format!("{name}{unit}"), k)));
    }
    let variance = |name: &str| format!("omega2_{name}");
    rows.extend(model.parameter_names().filter_map(|name| {
        Some(share("Variances between subjects", format!("ω² of {name}"), at(&variance(name))?))
    }));
    let sigmas = names.iter().filter(|name| name.starts_with("sigma"));
    rows.extend(sigmas.filter_map(|name| {
        let label = residual_error(model, name);
        Some(share("Residual errors", label, at(name)?))
    }));
    for (info, parameter) in model.structure().parameters().iter().zip(model.parameters()) {
        for effect in &parameter.effects {
            let Some(values) = find(individuals, &effect.covariate) else { continue };
            let mut values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            values.sort_by(f64::total_cmp);
            let name = format!("{}_{}", info.name, effect.covariate);
            for (value, factor, number) in shown(&effect.form, &values, &name) {
                let Some(k) = at(&number) else { continue };
                let mut interval = [factor(low[k]), factor(high[k])];
                interval.sort_by(f64::total_cmp);
                let ratio = factor(estimate[k]);
                rows.push(Row {
                    group: "Effects of covariates".to_owned(),
                    label: format!("{} at {} {}", info.name, effect.covariate, first_digits(value)),
                    value: ratio,
                    interval,
                    words: format!("{ratio:.3} ({:.3} to {:.3})", interval[0], interval[1]),
                });
            }
        }
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let caption =
        "Points: estimates; lines: 95 % intervals. Effects: at the 5th and 95th percentile of the covariate.";
    let figure = Forest {
        title: "Population parameters",
        caption,
        axis: "Ratio to the estimate; of effects to the subject of reference",
        reference: 1.0,
        rows: &rows,
        simulated,
    };
    let text = |of: fn(&Row) -> &String| Values::text(rows.iter().map(|row| of(row).clone()));
    let number = |of: fn(&Row) -> f64| Values::Float(rows.iter().map(of).collect());
    let columns = vec![
        Column::new("panel", text(|row| &row.group)),
        Column::new("layer", text(|row| &row.label)),
        Column::new("x", number(|row| row.value)),
        Column::new("low", number(|row| row.interval[0])),
        Column::new("high", number(|row| row.interval[1])),
    ];
    let data = omafit_trial::Table::new("forest", columns)?;
    Ok(Some(Drawn { name: "forest".to_owned(), svg: figure.svg(), data }))
}

/// Label of a standard deviation of a residual error, with the name of its analyte.
fn residual_error(model: &PopulationModel, name: &str) -> String {
    let kind = name.trim_start_matches("sigma_");
    let analyte = model.analytes().find_map(|a| Some((a, kind.strip_suffix(a.name())?)));
    analyte.map_or_else(
        || kind.replace('_', " "),
        |(a, part)| format!("{}{}", part.replace('_', " "), model.label_in_sentence(a)),
    )
}

/// Value of a covariate for a label: rounded to one decimal below 10, otherwise to a whole number.
fn first_digits(value: f64) -> f64 {
    if value.abs() < 10.0 { (value * 10.0).round() / 10.0 } else { value.round() }
}

/// Factor on a parameter, as a function of a coefficient.
type Factor = Box<dyn Fn(f64) -> f64>;

/// Covariate values at which an effect is shown, each with the factor as a function of the coefficient, and the
/// name of the coefficient.
fn shown(form: &EffectForm, sorted: &[f64], name: &str) -> Vec<(f64, Factor, String)> {
    if sorted.is_empty() {
        return Vec::new();
    }
    let at = |part: f64| sorted[(part * (sorted.len() - 1) as f64).round() as usize];
    let each = |factor: &dyn Fn(f64) -> Factor| {
        AT.iter().map(|part| (at(*part), factor(at(*part)), name.to_owned())).collect()
    };
    match form {
        EffectForm::Power { centre, .. } => {
            let centre = *centre;
            each(&|value| Box::new(move |exponent| (value / centre).powf(exponent)))
        }
        EffectForm::Exponential { centre, .. } => {
            let centre = *centre;
            each(&|value| Box::new(move |slope| (slope * (value - centre)).exp()))
        }
        EffectForm::Linear { centre, .. } => {
            let centre = *centre;
            each(&|value| Box::new(move |slope| 1.0 + slope * (value - centre)))
        }
        EffectForm::Categorical { levels, .. } => {
            let one = |(value, _): &(f64, f64)| {
                let factor: Factor = Box::new(|factor| factor);
                (*value, factor, format!("{name}={value}"))
            };
            levels.iter().map(one).collect()
        }
    }
}

/// Figure of the objective and of every parameter over the iterations.
fn trace(convergence: &Table) -> Panels {
    let none = Vec::new();
    let iteration = find(convergence, "iteration").unwrap_or(&none);
    let numbers = convergence.iter().filter(|column| column.name != "iteration");
    let panel = |column: &omafit_report::page::Column| {
        let values = find(convergence, &column.name).unwrap_or(&none);
        let points: Vec<(f64, f64)> = iteration.iter().copied().zip(values.iter().copied()).collect();
        let title = if column.name == "ofv" { "Objective".to_owned() } else { column.name.clone() };
        let layers = vec![Layer::new("estimate", Shape::Curve(points, Ink::Fitted))];
        Panel { title, x: ("Iteration".into(), false), y: (String::new(), false), is_square: false, layers }
    };
    Panels {
        title: "Convergence".into(),
        caption: "Each number on the scale on which it is estimated.".into(),
        panels: numbers.map(panel).collect(),
        columns: 4,
        is_shared: false,
        size: (200.0, 140.0),
        simulated: false,
    }
}

/// Figure of the shifts of the estimates without each subject.
fn influences(influence: &Table) -> Panels {
    let none = Vec::new();
    let column = |name: &str| find(influence, name).unwrap_or(&none);
    let panel = |title: &str, name: &str| {
        let points = (1..).map(f64::from).zip(column(name).iter().copied()).collect();
        let layers =
            vec![Layer::new("subject", Shape::Cloud(points)), Layer::new("level", Shape::Level(0.0))];
        let x = ("Position of the subject in the data".to_owned(), false);
        let y = ("Standard errors".to_owned(), false);
        Panel { title: title.to_owned(), x, y, is_square: false, layers }
    };
    Panels {
        title: "Estimates without each subject".into(),
        caption: "How far they go without it, in standard errors.".into(),
        panels: vec![panel("All together", "distance"), panel("The one that moves most", "most_moved_se")],
        columns: 2,
        is_shared: false,
        size: (340.0, 250.0),
        simulated: false,
    }
}
