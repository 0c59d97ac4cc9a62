//! `omafit model describe`: a description of a model as Markdown, for reports and the book.

use omafit_model::{
    Covariates, Effect, EffectForm, ErrorModel, ParameterInfo, PopulationModel, PopulationParameter,
    Residual, ResidualDistribution, StartRule, Transform,
};

/// Description of a model: parameters, variability, residual error and initial state.
pub fn markdown(model: &PopulationModel) -> String {
    let file = model.file();
    let mut text = format!(
        "`{}`: {}. Structure `{}`. Source: {}\n",
        file.name,
        line(&file.title),
        file.structure,
        line(&file.source)
    );
    let mut put = |part: String| {
        if !part.is_empty() {
            text += "\n";
            text += &part;
        }
    };
    put(parameters(model));
    put(correlations(model));
    put(residual_errors(model));
    put(conditions(model));
    text
}

/// Remarks on residual errors, correlations of η and the initial state, one sentence each.
pub fn remarks(model: &PopulationModel) -> Vec<String> {
    let residual = model.residuals().iter().map(|(analyte, residual)| {
        let limit = |name: &str, l: Option<f64>| {
            l.map_or(String::new(), |l| format!("; {name} {}", quantity(l, model.analyte_unit(analyte))))
        };
        let limits = limit("LLOQ", residual.lloq) + &limit("ULOQ", residual.uloq);
        format!(
            "Residual error of {}: {}, {}{limits}.",
            model.label_in_sentence(analyte),
            residual.error.name(),
            size(residual, model.analyte_unit(analyte))
        )
    });
    let rest = [correlations(model), conditions(model)];
    residual.chain(rest).map(|text| text.trim().replace('`', "")).collect()
}

fn parameters(model: &PopulationModel) -> String {
    let header =
        ["parameter", "meaning", "typical value", "between subjects", "covariate effects", "constraint"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (i, (info, parameter)) in model.structure().parameters().iter().zip(model.parameters()).enumerate() {
        rows.push(vec![
            format!("`{}`", info.name),
            info.meaning.into(),
            typical(model, info, parameter),
            variability(model, i, info, parameter),
            effects(&parameter.effects),
            held(model, i, parameter),
        ]);
    }
    table(rows)
}

/// Typical value of a parameter in the unit of the model file, and in the unit of the structure if that
/// differs.
pub fn typical(model: &PopulationModel, info: &ParameterInfo, parameter: &PopulationParameter) -> String {
    let own = quantity(parameter.typical, info.unit);
    match model.file().parameters.get(info.name) {
        Some(entry) if entry.unit != info.unit => {
            format!("{} = {own}", quantity(entry.typical, &entry.unit))
        }
        _ => own,
    }
}

/// Variability of a parameter between subjects as text; empty if it does not vary.
pub fn variability(
    model: &PopulationModel,
    i: usize,
    info: &ParameterInfo,
    parameter: &PopulationParameter,
) -> String {
    let Some(at) = model.variable().iter().position(|&v| v == i) else { return String::new() };
    let diagonal = at * (model.variable().len() + 1);
    let variance = model.omega()[diagonal];
    let size = match parameter.transform {
        Transform::Log => format!("CV {:.1} %", 100.0 * variance.exp_m1().sqrt()),
        Transform::Logit => format!("SD {} of the logit", number(variance.sqrt())),
        Transform::Identity => format!("SD {}", quantity(variance.sqrt(), info.unit)),
    };
    size + given(model.omega_fixed()[diagonal])
}

fn given(fixed: bool) -> &'static str {
    if fixed { ", fixed" } else { "" }
}

/// Covariate effects of a parameter as formulae.
pub fn effects(effects: &[Effect]) -> String {
    let code = |e: &Effect| format!("`{}`{}", formula(&e.covariate, &e.form), given(e.fixed));
    effects.iter().map(code).collect::<Vec<_>>().join(" · ")
}

/// Formula of the effect of a covariate.
fn formula(covariate: &str, form: &EffectForm) -> String {
    match form {
        EffectForm::Power { centre, exponent } => {
            format!("({covariate}/{})^{}", number(*centre), number(*exponent))
        }
        EffectForm::Exponential { centre, slope } => {
            format!("exp({}·{})", number(*slope), from_centre(covariate, *centre))
        }
        EffectForm::Linear { centre, slope } => {
            let sign = if *slope < 0.0 { '−' } else { '+' };
            format!("1 {sign} {}·{}", number(slope.abs()), from_centre(covariate, *centre))
        }
        EffectForm::Categorical { reference, levels } => {
            let all = std::iter::once((*reference, 1.0)).chain(levels.iter().copied());
            let one = |(level, factor)| format!("{} if {covariate} = {}", number(factor), number(level));
            all.map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

fn from_centre(covariate: &str, centre: f64) -> String {
    match centre {
        0.0 => covariate.into(),
        _ if centre < 0.0 => format!("({covariate} + {})", number(-centre)),
        _ => format!("({covariate} − {})", number(centre)),
    }
}

/// Constraint on the typical value of a parameter, in the unit of the model file.
fn held(model: &PopulationModel, i: usize, parameter: &PopulationParameter) -> String {
    let (low, high) = parameter.bounds;
    let (low, high, unit) = (model.in_unit(i, low), model.in_unit(i, high), model.unit(i));
    let range = match parameter.transform {
        Transform::Logit => format!("logit, {} to {}", number(low), quantity(high, unit)),
        _ if high.is_finite() => format!("{} to {}", number(low), quantity(high, unit)),
        _ if low > 0.0 => format!("at least {}", quantity(low, unit)),
        _ => String::new(),
    };
    match (parameter.fixed, range.is_empty()) {
        (true, true) => "fixed".into(),
        (true, false) => format!("fixed; {range}"),
        (false, _) => range,
    }
}

fn correlations(model: &PopulationModel) -> String {
    let (names, omega): (Vec<_>, _) = (model.parameter_names().collect(), model.omega());
    let n = model.variable().len();
    let mut found = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            let covariance = omega[i * n + j];
            if covariance != 0.0 {
                let correlation = covariance / (omega[i * (n + 1)] * omega[j * (n + 1)]).sqrt();
                found.push(format!(
                    "`{}` and `{}` {} (covariance {}){}",
                    names[model.variable()[i]],
                    names[model.variable()[j]],
                    number(correlation),
                    number(covariance),
                    given(model.omega_fixed()[i * n + j])
                ));
            }
        }
    }
    match (n, found.is_empty()) {
        (0, _) => "No variability between subjects.\n".into(),
        (_, true) => "Departures from the typical values are independent.\n".into(),
        (_, false) => {
            format!("Correlations of the departures from the typical values: {}.\n", found.join("; "))
        }
    }
}

fn residual_errors(model: &PopulationModel) -> String {
    let header = ["analyte", "residual error", "LLOQ", "ULOQ", "constraint"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (analyte, residual) in model.residuals().iter() {
        let unit = model.analyte_unit(analyte);
        let size = size(residual, unit);
        let limit = |l: Option<f64>| l.map_or(String::new(), |l| quantity(l, unit));
        rows.push(vec![
            format!("{}, {unit}", model.label(analyte)),
            format!("{}: {size}", residual.error.name()),
            limit(residual.lloq),
            limit(residual.uloq),
            if residual.fixed { "fixed".into() } else { String::new() },
        ]);
    }
    table(rows)
}

fn size(residual: &Residual, unit: &str) -> String {
    let size = match residual.error {
        ErrorModel::LogNormal { sd } => format!("SD {} of the logarithm", number(sd)),
        ErrorModel::Normal { additive, proportional: 0.0 } => {
            format!("SD {}", quantity(additive, unit))
        }
        ErrorModel::Normal { additive: 0.0, proportional } => {
            format!("SD {} % of the prediction", number(100.0 * proportional))
        }
        ErrorModel::Normal { additive, proportional } => format!(
            "SD √(a² + b²), a = {}, b = {} % of the prediction",
            quantity(additive, unit),
            number(100.0 * proportional)
        ),
    };
    match residual.distribution {
        ResidualDistribution::Normal => size,
        ResidualDistribution::StudentT { df } => {
            format!("{size}, standardised residuals of Student's t with ν = {}", number(df))
        }
    }
}

/// Sentences on the initial state, the covariates needed, and the parameters estimated for each subject.
fn conditions(model: &PopulationModel) -> String {
    let start = match model.file().start {
        StartRule::Baseline => "each subject's baseline of total IgE",
        StartRule::SteadyState => "the untreated steady state",
    };
    let codes = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let covariates = model.covariates();
    let needs: Vec<String> = covariates
        .iter()
        .map(|name| match *name {
            Covariates::WEIGHT => format!("`{name}` (body weight, kg)"),
            Covariates::IGE => format!("`{name}` (baseline total IgE, ng/mL)"),
            _ => format!("`{name}`"),
        })
        .collect();
    let needs = if needs.is_empty() { "none".into() } else { needs.join(", ") };
    let mut text = format!("Start: {start}. Covariates needed: {needs}.");
    let names: Vec<&str> = match &model.file().estimate {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => {
            let all: Vec<&str> = model.parameter_names().collect();
            model.variable().iter().map(|&i| all[i]).collect()
        }
    };
    if !names.is_empty() {
        text += &format!(" Estimated for each subject: {}.", codes(&names));
    }
    text + "\n"
}

fn quantity(value: f64, unit: &str) -> String {
    if unit == "1" { number(value) } else { format!("{} {unit}", number(value)) }
}

/// A number with five significant digits.
pub fn number(value: f64) -> String {
    let rounded = format!("{value:.4e}").parse().unwrap_or(value);
    format!("{rounded}").replace('-', "−")
}

/// A text on one line, with `|` escaped for a Markdown table.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Markdown table with aligned columns, whose first row is the header; empty columns are left out.
fn table(rows: Vec<Vec<String>>) -> String {
    let length = |text: &String| text.chars().count();
    let columns = rows.first().map_or(0, Vec::len);
    let filled = (0..columns).filter(|&c| rows.iter().skip(1).any(|row| !row[c].is_empty()));
    let columns: Vec<(usize, usize)> =
        filled.map(|c| (c, rows.iter().map(|row| length(&row[c])).max().unwrap_or(0))).collect();
    let mut text = String::new();
    for (r, row) in rows.iter().enumerate() {
        for &(c, width) in &columns {
            text += &format!("| {:<width$} ", row[c].replace('|', "\\|"));
        }
        text += "|\n";
        if r == 0 {
            text +=
                &columns.iter().map(|&(_, width)| format!("|{}", "-".repeat(width + 2))).collect::<String>();
            text += "|\n";
        }
    }
    text
}
