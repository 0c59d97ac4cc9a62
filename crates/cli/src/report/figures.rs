//! Diagnostic figures of a run, made from its tables, each with its data.

use super::tables::{find, texts};
use crate::error::CliError;
use omafit_model::{Analyte, Covariates, PopulationModel};
use omafit_report::diagnostic::{
    CheckedBin, Group, etas, histograms, observed_predicted, predictive_check, quantiles, residuals,
};
use omafit_report::page::{ParameterWords, Table};
use omafit_report::panels::Panels;
use omafit_trial::{Column, Values};
use std::path::Path;

/// Smallest number of subjects for which distributions of η are drawn.
const FEWEST_SUBJECTS: usize = 5;

/// A figure ready to be written.
pub struct Drawn {
    /// File name of the figure, without extension.
    pub name: String,
    /// The figure as an SVG document.
    pub svg: String,
    /// Data table of the figure.
    pub data: omafit_trial::Table,
}

/// A figure with its data table, ready to be written.
pub fn drawn(name: impl Into<String>, mut figure: Panels, simulated: bool) -> Result<Drawn, CliError> {
    figure.simulated = simulated;
    let rows = figure.data();
    let number =
        |of: fn(&omafit_report::panels::Datum<'_>) -> f64| Values::Float(rows.iter().map(of).collect());
    let columns = vec![
        Column::new("panel", Values::text(rows.iter().map(|r| r.panel.to_owned()))),
        Column::new("layer", Values::text(rows.iter().map(|r| r.layer.to_owned()))),
        Column::new("x", number(|r| r.x)),
        Column::new("y", number(|r| r.y)),
        Column::new("low", number(|r| r.low)),
        Column::new("high", number(|r| r.high)),
    ];
    let name = name.into();
    Ok(Drawn { svg: figure.svg(), data: omafit_trial::Table::new(name.as_str(), columns)?, name })
}

/// Figures of the goodness of fit and the random effects.
pub fn of_fit(
    model: &PopulationModel,
    individuals: &Table,
    observations: &Table,
    parameters: &[ParameterWords],
    covariates: &[&str],
    simulated: bool,
) -> Result<Vec<Drawn>, CliError> {
    let none = Vec::new();
    let column = |name: &str| find(observations, name).unwrap_or(&none);
    let (dvid, cens) = (column("DVID"), column("CENS"));
    let rows = |a: Analyte, quantified: bool| {
        let of = move |i: &usize| {
            a.dvid().is_some_and(|own| dvid[*i] == f64::from(own)) && (!quantified || cens[*i] == 0.0)
        };
        (0..dvid.len()).filter(of)
    };
    let analytes: Vec<Analyte> = model.analytes().filter(|a| rows(*a, false).next().is_some()).collect();
    let pairs = |x: &str, y: &str, quantified: bool, map: fn(f64) -> f64| -> Vec<Group> {
        let (x, y) = (column(x), column(y));
        let points = |a: Analyte| rows(a, quantified).map(|i| (x[i], map(y[i]))).collect();
        analytes.iter().map(|a| Group { name: model.label(*a).into(), points: points(*a) }).collect()
    };
    let axis = |name: &str, log: bool| -> Vec<(String, bool)> {
        analytes.iter().map(|a| (format!("{name} ({})", model.analyte_unit(*a)), log)).collect()
    };
    let has = |name: &str| column(name).iter().any(|v| v.is_finite());
    let mut out = Vec::new();
    let mut put = |name: &str, figure: Panels| {
        out.push(drawn(name, figure, simulated)?);
        Ok::<_, CliError>(())
    };
    if analytes.is_empty() {
        return Ok(out);
    }
    for (log, suffix) in [(true, ""), (false, "_linear")] {
        for (name, title) in [("PRED", "population prediction"), ("IPRED", "individual prediction")] {
            let groups = pairs(name, "DV", true, |v| v);
            let title = format!("Observed against {title}");
            let figure = observed_predicted(&title, &axis(name, log), &axis("Observed", log), &groups);
            put(&format!("dv_{}{suffix}", name.to_lowercase()), figure)?;
        }
    }
    let time = [("Time (days)".to_owned(), false)];
    let levels = [-1.96, 0.0, 1.96];
    let weighted = if has("CWRES") { "CWRES" } else { "WRES" };
    for kind in [weighted, "NPDE"].into_iter().filter(|k| has(k)) {
        let low = kind.to_lowercase();
        let against = |x: &str| pairs(x, kind, false, |v| v).into_iter().map(known).collect::<Vec<_>>();
        let title = format!("{kind} against time");
        put(&format!("{low}_time"), residuals(&title, &time, kind, &levels, &against("TIME")))?;
        let title = format!("{kind} against population prediction");
        put(&format!("{low}_pred"), residuals(&title, &axis("PRED", true), kind, &levels, &against("PRED")))?;
        let values =
            |a: &Analyte| (model.label(*a).into(), rows(*a, false).map(|i| column(kind)[i]).collect());
        let groups: Vec<(String, Vec<f64>)> = analytes.iter().map(values).collect();
        put(&format!("{low}_qq"), quantiles(&format!("{kind} against normal quantiles"), kind, &groups))?;
    }
    let groups: Vec<Group> = pairs("IPRED", "IWRES", true, f64::abs);
    let title = "Absolute IWRES against individual prediction";
    put("iwres_ipred", residuals(title, &axis("IPRED", true), "|IWRES|", &[], &groups))?;

    let estimated: Vec<(&ParameterWords, &[f64])> =
        parameters.iter().filter_map(|p| Some((p, find(individuals, &format!("ETA_{}", p.name))?))).collect();
    if estimated.is_empty() || estimated[0].1.len() < FEWEST_SUBJECTS {
        return Ok(out);
    }
    let mut put = |name: &str, figure: Panels| {
        out.push(drawn(name, figure, simulated)?);
        Ok::<_, CliError>(())
    };
    let eta: Vec<(String, Vec<f64>, f64)> =
        estimated.iter().map(|(p, eta)| (p.name.clone(), eta.to_vec(), p.omega_sd)).collect();
    put("eta_histograms", histograms("Distribution of η", &eta))?;
    for name in covariates {
        let Some(x) = find(individuals, name).filter(|x| x.iter().any(|v| v.is_finite())) else { continue };
        let points = |eta: &[f64]| x.iter().copied().zip(eta.iter().copied()).collect();
        let groups: Vec<Group> =
            eta.iter().map(|(p, eta, _)| Group { name: p.clone(), points: points(eta) }).collect();
        let title = format!("η against {name}");
        // The name of a covariate is a column name of the data; only its letters and digits are used in the
        // file name.
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let unit = match *name {
            Covariates::WEIGHT => " (kg)",
            Covariates::IGE => " (ng/mL)",
            _ => "",
        };
        let x = (format!("{name}{unit}"), false);
        put(&format!("eta_{}", plain.to_lowercase()), etas(&title, &x, &[0.0], &groups))?;
    }
    let mut groups = Vec::new();
    for (i, (first, x, _)) in eta.iter().enumerate() {
        for (second, y, _) in &eta[i + 1..] {
            let points = x.iter().copied().zip(y.iter().copied()).collect();
            groups.push(Group { name: format!("{second} against {first}"), points });
        }
    }
    if !groups.is_empty() {
        let title = "η against η";
        put("eta_eta", etas(title, &("η".to_owned(), false), &[], &groups))?;
    }
    Ok(out)
}

/// The group without points that have no residual, as censored observations are known to have none.
fn known(mut group: Group) -> Group {
    group.points.retain(|p| !p.1.is_nan());
    group
}

/// Figures of the visual predictive check of each analyte: uncorrected, prediction-corrected, and the fractions
/// beyond the limits of quantification.
pub fn of_check(
    model: &PopulationModel,
    folder: &Path,
    vpc: &Table,
    simulated: bool,
) -> Result<Vec<Drawn>, CliError> {
    let (analyte, stratum) = (texts(folder, vpc, "analyte")?, texts(folder, vpc, "stratum")?);
    let statistic = texts(folder, vpc, "statistic")?;
    let none = Vec::new();
    let column = |name: &str| find(vpc, name).unwrap_or(&none);
    let corrected = column("corrected");
    let mut strata: Vec<&String> = Vec::new();
    for name in stratum {
        if !strata.contains(&name) {
            strata.push(name);
        }
    }
    let bins = |a: Analyte, c: f64, parts: bool| -> Vec<(String, Vec<CheckedBin>)> {
        let one = |name: &&String| {
            let own = (0..analyte.len()).filter(|&i| {
                let kind = statistic[i].starts_with('p') != parts;
                analyte[i] == a.name() && stratum[i] == **name && corrected[i] == c && kind
            });
            let bin = |i: usize| CheckedBin {
                statistic: statistic[i].clone(),
                time: column("time_median")[i],
                observed: column("observed")[i],
                simulated: ["low", "median", "high"].map(|end| column(&format!("simulated_{end}"))[i]),
            };
            let name = if *name == "all" { "All subjects".to_owned() } else { (*name).clone() };
            (name, own.map(bin).collect::<Vec<_>>())
        };
        strata.iter().map(one).filter(|(_, bins)| !bins.is_empty()).collect()
    };
    let mut out = Vec::new();
    for a in model.analytes() {
        for (c, suffix, word) in [(0.0, "", ""), (1.0, "_corrected", ", prediction-corrected")] {
            let groups = bins(a, c, false);
            if !groups.is_empty() {
                let title = format!("VPC: {}{word}", model.label(a));
                let y = (format!("{} ({})", model.label(a), model.analyte_unit(a)), true);
                let figure = predictive_check(&title, "Days after the first dose", &y, &groups);
                out.push(drawn(format!("vpc_{}{suffix}", a.name()), figure, simulated)?);
            }
        }
        let groups = bins(a, 0.0, true);
        if !groups.is_empty() {
            let title = format!("Beyond limits of quantification: {}", model.label(a));
            let y = ("Part of observations".to_owned(), false);
            let figure = predictive_check(&title, "Days after the first dose", &y, &groups);
            out.push(drawn(format!("vpc_{}_censored", a.name()), figure, simulated)?);
        }
    }
    Ok(out)
}
