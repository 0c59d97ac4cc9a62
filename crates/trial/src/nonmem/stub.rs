//! Control stream beside the tables: the meaning of each number, and the program that wrote the files.

use std::fmt::Write as _;

use omafit_model::{EffectForm, ErrorModel, PopulationModel, ResidualDistribution, Transform};

use super::NonmemRun;
use super::numbers::Numbering;
use super::subjects::{MISSING, Subjects, covariates};
use super::text::RUN;

/// Columns of sdtab that the stub reads; the model's covariates follow at the end.
const INPUT: [&str; 8] = ["ID", "TIME", "DVID", "CENS", "MDV", "TAD", "DV", "IPR"];

/// Control stream that names every THETA, ETA and EPS, without the equations of the structural model.
pub(super) fn control_stream(run: &NonmemRun<'_>, numbering: &Numbering<'_>, subjects: &Subjects) -> String {
    let names: Vec<&str> = run.model.parameter_names().collect();
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        out,
        ";; Written by {}. NONMEM has not been run: this control stream only names\n\
         ;; the numbers in {RUN}.ext, {RUN}.phi, {RUN}.cov, {RUN}.cor and the tables, so that programs which read\n\
         ;; NONMEM's output read this run. The equations are those of ../model.toml, and so are the units of THETA.\n\
         ;; OFV: FOCE with interaction, without the constants of the likelihood.\n\
         ;; In the tables MDV 1 marks an observation without residuals (0 there), {MISSING} a missing covariate or TAD.\n",
        one_line(run.author)
    );
    if subjects.is_renumbered() {
        out += ";; Subjects are numbered in their order: ids.csv has their own ID.\n";
    }
    let _ = writeln!(out, "$PROBLEM omafit, model {}", one_line(run.model.name()));
    let mut input: Vec<String> = INPUT.map(String::from).to_vec();
    let labels = covariates(run.individuals, run.model);
    // Columns of sdtab between the stub's columns and the covariates are dropped.
    for (name, _) in &subjects.standard[INPUT.len()..] {
        let is_covariate = labels.iter().any(|(_, label)| label == name);
        input.push(if is_covariate { name.clone() } else { format!("X{name}=DROP") });
    }
    let _ = writeln!(out, "$INPUT {}", input.join(" "));
    out += "$DATA sdtab1 IGNORE=@\n$PRED\n";
    individual_parameters(&mut out, numbering, &labels);
    residual_errors(&mut out, numbering);
    theta(&mut out, numbering, &names);
    omega(&mut out, numbering, &names);
    for (k, (analyte, part)) in numbering.epsilons.iter().enumerate() {
        let what = if *part == 1 { " proportional" } else { "" };
        let value = numbering.values(&run.model.values(), super::NonmemForm::Covariance);
        let at = names.len() + numbering.coefficients().len() + k * (k + 1) / 2 + k;
        let given = run.model.residual(*analyte).is_some_and(|residual| residual.fixed);
        let shown = format!("{}, {}", run.model.label(*analyte), run.model.analyte_unit(*analyte));
        let _ = writeln!(out, "$SIGMA {}{} ; {}{what}, {shown}", value[at], fix(given), analyte.name());
    }
    let record = run.population.map_or("METHOD=1 INTERACTION MAXEVAL=0 POSTHOC", |p| p.method[1]);
    let _ = writeln!(out, "$ESTIMATION {record}");
    if run.population.is_some_and(|p| p.covariance.is_some()) {
        out += "$COVARIANCE MATRIX=R UNCONDITIONAL PRINT=E\n";
    }
    for (columns, file) in [
        (&subjects.standard, "sdtab1"),
        (&subjects.parameters, "patab1"),
        (&subjects.categories, "catab1"),
        (&subjects.continuous, "cotab1"),
    ] {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(
            out,
            "$TABLE {} NOAPPEND NOPRINT ONEHEADER FORMAT=s1PE15.8 FILE={file}",
            names.join(" ")
        );
    }
    out
}

/// Text of the user for a comment line, with control characters replaced by spaces.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn fix(given: bool) -> &'static str {
    if given { " FIX" } else { "" }
}

/// Writes each individual parameter in terms of its THETA, covariates and ETA.
fn individual_parameters(out: &mut String, numbering: &Numbering<'_>, labels: &[(String, String)]) {
    let model = numbering.model;
    let coefficients = numbering.coefficients();
    for (i, name) in model.parameter_names().enumerate() {
        let parameter = &model.parameters()[i];
        let mut typical = format!("THETA({})", i + 1);
        for (e, effect) in parameter.effects.iter().enumerate() {
            let theta = |level: usize| {
                let at = coefficients.iter().position(|(p, f, k, _)| (*p, *f, *k) == (i, e, level));
                format!("THETA({})", model.parameters().len() + 1 + at.unwrap_or(0))
            };
            let label = labels.iter().find(|(name, _)| *name == effect.covariate);
            let covariate = label.map_or("", |(_, label)| label);
            typical += &match &effect.form {
                EffectForm::Power { centre, .. } => format!("*({covariate}/{centre})**{}", theta(0)),
                EffectForm::Exponential { centre, .. } => {
                    format!("*EXP({}*({covariate}-({centre})))", theta(0))
                }
                EffectForm::Linear { centre, .. } => format!("*(1+{}*({covariate}-({centre})))", theta(0)),
                EffectForm::Categorical { levels, .. } => {
                    let factor = format!("F{}_{}", i + 1, e + 1);
                    let _ = writeln!(out, "{factor} = 1");
                    for (level, (value, _)) in levels.iter().enumerate() {
                        let _ = writeln!(out, "IF ({covariate}.EQ.{value}) {factor} = {}", theta(level));
                    }
                    format!("*{factor}")
                }
            };
        }
        let _ = writeln!(out, "TV{name} = {typical}");
        let eta = numbering.etas.iter().position(|&k| model.variable()[k] == i);
        let individual = match (eta.map(|k| format!("ETA({})", k + 1)), parameter.transform) {
            (None, _) => format!("TV{name}"),
            (Some(eta), Transform::Log) => format!("TV{name}*EXP({eta})"),
            // η has the unit of the structure, in which it is added to the parameter.
            (Some(eta), Transform::Identity) => match model.in_unit(i, 1.0) {
                1.0 => format!("TV{name}+{eta}"),
                scale => format!("TV{name}+{scale}*{eta}"),
            },
            (Some(eta), Transform::Logit) => {
                let (low, high) = parameter.bounds;
                let (low, high) = (model.in_unit(i, low), model.in_unit(i, high));
                format!("{low}+{}/(1+EXP(-LOG((TV{name}-{low})/({high}-TV{name}))-{eta}))", high - low)
            }
        };
        let _ = writeln!(out, "{name} = {individual}");
    }
}

/// Writes the residual error of each analyte around the prediction in the table.
fn residual_errors(out: &mut String, numbering: &Numbering<'_>) {
    let _ = writeln!(out, "Y = IPR");
    for (analyte, residual) in numbering.model.residuals().iter() {
        let parts = numbering.epsilons.iter().enumerate().filter(|(_, (a, _))| *a == analyte);
        let terms: String = parts
            .map(|(k, (_, part))| match (residual.error, part) {
                (ErrorModel::LogNormal { .. }, _) => format!("*EXP(EPS({}))", k + 1),
                (ErrorModel::Normal { .. }, 0) => format!("+EPS({})", k + 1),
                (ErrorModel::Normal { .. }, _) => format!("+IPR*EPS({})", k + 1),
            })
            .collect();
        let (label, unit) = (numbering.model.label(analyte), numbering.model.analyte_unit(analyte));
        let _ = writeln!(
            out,
            "IF (DVID.EQ.{}) Y = IPR{terms} ; {}, {label}, {unit}",
            analyte.dvid().unwrap_or(0),
            analyte.name()
        );
        if let ResidualDistribution::StudentT { df } = residual.distribution {
            let _ = writeln!(
                out,
                "; of {}: EPS is normal here, and Student's t with {df} df in omafit",
                analyte.name()
            );
        }
    }
}

fn theta(out: &mut String, numbering: &Numbering<'_>, names: &[&str]) {
    let model: &PopulationModel = numbering.model;
    for (i, (parameter, name)) in model.parameters().iter().zip(names).enumerate() {
        let (low, high) = parameter.bounds;
        let in_unit = |value: f64| model.in_unit(i, value);
        let number = |value: f64| if value == f64::INFINITY { ")".to_owned() } else { format!(",{value})") };
        let _ = writeln!(
            out,
            "$THETA ({},{}{}{} ; {name}, {}",
            in_unit(low),
            in_unit(parameter.typical),
            number(in_unit(high)),
            fix(parameter.fixed),
            model.unit(i)
        );
    }
    let values = model.values();
    for (i, e, level, name) in numbering.coefficients() {
        let (value, given) = (values.coefficients[i][e][level], model.parameters()[i].effects[e].fixed);
        let _ = writeln!(out, "$THETA {value}{} ; {name}", fix(given));
    }
}

fn omega(out: &mut String, numbering: &Numbering<'_>, names: &[&str]) {
    let (model, n) = (numbering.model, numbering.etas.len());
    let mut start = 0;
    for &size in &numbering.blocks {
        let members = &numbering.etas[start..start + size];
        start += size;
        let at = |i: usize, j: usize| members[i] * n + members[j];
        let name = |i: usize| names[model.variable()[members[i]]];
        let given = (0..size).all(|i| model.omega_fixed()[at(i, i)]);
        if size == 1 {
            let _ = writeln!(out, "$OMEGA {}{} ; {}", model.omega()[at(0, 0)], fix(given), name(0));
            continue;
        }
        let _ = writeln!(out, "$OMEGA BLOCK({size}){}", fix(given));
        for i in 0..size {
            let row: Vec<String> = (0..=i).map(|j| model.omega()[at(i, j)].to_string()).collect();
            let _ = writeln!(out, " {} ; {}", row.join(" "), name(i));
        }
    }
}
