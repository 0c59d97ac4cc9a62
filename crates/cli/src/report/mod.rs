//! `omafit report`: the HTML report, made from the tables in a run folder.

mod figures;
mod outcomes;
mod population;
pub mod tables;

pub use figures::{Drawn, drawn};
pub use outcomes::figures as outcome_figures;

use crate::Outcome;
use crate::describe;
use crate::error::{CliError, refuse};
use crate::model;
use crate::options::ReportArgs;
use crate::provenance::SCHEMA_VERSION;
use omafit_model::PopulationModel;
use omafit_report::page::{self, AnalyteWords, ModelWords, ParameterWords, Story};
use omafit_trial::{read_whole_text, write_whole};
use serde_json::Value;
use std::path::Path;

/// Largest number of subjects of a run with a report, because the report holds all of its tables in memory.
pub const REPORTED: usize = 2000;

/// File name of the report in a run folder.
pub const FILE: &str = "report.html";

/// Writes the report of a run into the run folder, or to the path given.
pub fn report(args: &ReportArgs) -> Result<Outcome, CliError> {
    let page = page(&args.run)?;
    let target = args.out.clone().unwrap_or_else(|| args.run.join(FILE));
    write_whole(&target, page.as_bytes(), args.force)?;
    if !args.quiet {
        crate::print::reported(&target, page.len());
    }
    Ok(Outcome::Done)
}

/// Diagnostic figures of the run in a folder; only those of the predictive check if `only_check`.
pub fn figures(folder: &Path, only_check: bool) -> Result<Vec<Drawn>, CliError> {
    let record = record(&folder.join("run.json"))?;
    let simulated = record["simulated"] == true;
    let model = model::of_run(folder)?;
    let mut all = Vec::new();
    if !only_check {
        let individuals = tables::required(folder, "individuals")?;
        let observations = tables::observations(folder, &individuals)?;
        let read = &record["data"]["read"];
        let named = [&read["covariates"], &read["carried"]].into_iter().filter_map(Value::as_array).flatten();
        let covariates: Vec<&str> = named.filter_map(Value::as_str).collect();
        let words = words(&model, &[]);
        all =
            figures::of_fit(&model, &individuals, &observations, &words.parameters, &covariates, simulated)?;
        all.extend(population::of_population(folder, &model, &individuals, simulated)?);
    }
    if let Some(vpc) = tables::optional(folder, "vpc")? {
        all.extend(figures::of_check(&model, folder, &vpc, simulated)?);
    }
    Ok(all)
}

/// HTML report of the run in a folder.
pub fn page(folder: &Path) -> Result<String, CliError> {
    let record = record(&folder.join("run.json"))?;
    if record["schema_version"] != SCHEMA_VERSION {
        return Err(refuse("run", folder.display(), "a run that this version of omafit wrote"));
    }
    let check = folder.join("vpc.json");
    let model = model::of_run(folder)?;
    let estimated: Vec<&str> =
        record["options"]["estimate"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let words = words(&model, &estimated);
    let mut missing = Vec::new();
    let individuals = tables::required(folder, "individuals")?;
    let observations = tables::observations(folder, &individuals)?;
    let left_out = record["options"]["trajectories"] == false;
    let analytes: Vec<&str> = words.analytes.iter().map(|analyte| analyte.key.as_str()).collect();
    let courses = tables::courses(folder, &individuals, &analytes, left_out, &mut missing)?;
    let what_if = folder.join("what_if.json");
    let what_if = match what_if.is_file() {
        true => tables::what_if(folder, &individuals, self::record(&what_if)?)?,
        false => None,
    };
    let mut all = vec![("individuals".to_owned(), individuals), ("observations".to_owned(), observations)];
    let names = [
        "parameters",
        "uncertainty",
        "bootstrap",
        "sir",
        "influence",
        "shrinkage",
        "diagnostics",
        "vpc",
        "npc",
        "what_if",
        "what_if_targets",
        "what_if_outcomes",
    ];
    for name in names.into_iter().chain(outcomes::TABLES) {
        if let Some(table) = tables::optional(folder, name)? {
            all.push((name.to_owned(), table));
        }
    }
    let mut run = record;
    // The report does not contain the time that it took itself.
    if let Some(seconds) = run["seconds"].as_object_mut() {
        seconds.remove("report");
    }
    if let Some(run) = run.as_object_mut() {
        run.remove("wall_seconds");
    }
    for name in ["sir.json", "bootstrap.json"].map(|name| folder.join(name)) {
        if name.is_file() {
            let record = self::record(&name)?;
            let said = record["warnings"].as_array();
            let warnings = run["warnings"].as_array_mut().zip(said);
            warnings.into_iter().for_each(|(warnings, said)| warnings.extend_from_slice(said));
        }
    }
    let optional = |path: &Path| if path.is_file() { self::record(path) } else { Ok(Value::Null) };
    let (check, outcome) = (optional(&check)?, optional(&folder.join("outcome.json"))?);
    Ok(page::html(&Story { run, check, outcome, model: words, tables: all, courses, what_if, missing })?)
}

/// Reads a JSON file of a run.
pub fn record(path: &Path) -> Result<Value, CliError> {
    let text =
        read_whole_text(path).map_err(|source| CliError::Unreadable { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| CliError::NoRun { path: path.to_owned(), source })
}

fn words(model: &PopulationModel, estimated: &[&str]) -> ModelWords {
    let file = model.file();
    let parameters = model.structure().parameters().iter().zip(model.parameters()).enumerate();
    let parameters = parameters.map(|(i, (info, parameter))| {
        let at = model.variable().iter().position(|&v| v == i);
        ParameterWords {
            name: info.name.into(),
            unit: model.unit(i).into(),
            meaning: info.meaning.into(),
            typical: model.in_unit(i, parameter.typical),
            typical_words: describe::typical(model, info, parameter),
            variability: describe::variability(model, i, info, parameter),
            omega_sd: at.map_or(f64::NAN, |at| model.omega()[at * (model.variable().len() + 1)].sqrt()),
            effects: describe::effects(&parameter.effects).replace('`', ""),
            estimated: estimated.contains(&info.name),
        }
    });
    ModelWords {
        name: file.name.clone(),
        title: file.title.clone(),
        source: file.source.clone(),
        structure: file.structure.clone(),
        equations: model.structure().equations().into_iter().map(String::from).collect(),
        parameters: parameters.collect(),
        remarks: describe::remarks(model),
        analytes: model
            .analytes()
            .map(|analyte| AnalyteWords {
                key: analyte.name().into(),
                title: model.label(analyte).into(),
                in_sentence: model.label_in_sentence(analyte).into(),
                unit: model.analyte_unit(analyte).into(),
                dvid: analyte.dvid().unwrap_or(0),
                is_free_target: analyte.is_free_target(),
            })
            .collect(),
    }
}
