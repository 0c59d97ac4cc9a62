//! Tables of a run in the form in which the report uses them.

use crate::error::{CliError, refuse};
use omafit_report::page::{Alternative, Column, Course, Data, FreeIge, Table, WhatIf};
use omafit_trial::{Values, read_parquet};
use std::collections::HashMap;
use std::path::Path;

/// Columns of `observations` that the report shows.
const OBSERVED: [&str; 11] =
    ["TIME", "DVID", "DV", "CENS", "PRED", "IPRED", "IWRES", "WRES", "CWRES", "NPDE", "TAD"];

/// Reads a table of the run; `None` if it does not exist.
pub fn optional(folder: &Path, name: &str) -> Result<Option<Table>, CliError> {
    let path = folder.join(format!("{name}.parquet"));
    if path.is_file() { required(folder, name).map(Some) } else { Ok(None) }
}

/// Reads a table of the run, which must exist.
pub fn required(folder: &Path, name: &str) -> Result<Table, CliError> {
    let table = read_parquet(&folder.join(format!("{name}.parquet")))?;
    let column = |column: &omafit_trial::Column| {
        let values = match &column.values {
            Values::Float(values) => Data::Numbers(values.clone()),
            Values::Integer(values) => {
                Data::Numbers(values.iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect())
            }
            Values::Text(values) => Data::Texts(values.iter().map(ToString::to_string).collect()),
        };
        Column { name: column.name.clone(), values }
    };
    Ok(table.columns().iter().map(column).collect())
}

/// Table of the observations, each with the position of its subject in `individuals`. NPDE is from the last
/// predictive check, if there was one.
pub fn observations(folder: &Path, individuals: &Table) -> Result<Table, CliError> {
    let table = required(folder, "observations")?;
    let positions = positions(folder, individuals)?;
    let subject = |id: &String| positions.get(id.as_str()).map_or(f64::NAN, |i| *i as f64);
    let subjects = texts(folder, &table, "ID")?.iter().map(subject).collect();
    let mut wanted = vec![Column { name: "subject".into(), values: Data::Numbers(subjects) }];
    let npde = optional(folder, "npde")?;
    for name in OBSERVED {
        let later = npde.as_ref().filter(|_| name == "NPDE").and_then(|t| find(t, name));
        let own = find(&table, name);
        // A predictive check has the same observations in the same order.
        let same = later.filter(|l| own.is_none_or(|o| o.len() == l.len()));
        if let Some(values) = same.or(own) {
            wanted.push(Column { name: name.into(), values: Data::Numbers(values.to_vec()) });
        }
    }
    Ok(wanted)
}

/// Time courses in the order of `individuals`. A message is added to `missing` if they are absent, unless they
/// were `left_out`.
pub fn courses(
    folder: &Path,
    individuals: &Table,
    analytes: &[&str],
    left_out: bool,
    missing: &mut Vec<String>,
) -> Result<Vec<Course>, CliError> {
    let Some(table) = optional(folder, "trajectories")? else {
        if !left_out {
            missing.push("The run has no trajectories: no courses are drawn.".into());
        }
        return Ok(Vec::new());
    };
    let typical = optional(folder, "typical")?;
    let rows = texts(folder, &table, "ID")?;
    let typical = typical.filter(|t| texts(folder, t, "ID").is_ok_and(|ids| ids == rows));
    if typical.is_none() {
        missing.push("The run has no table of typical courses for its trajectories: none are drawn.".into());
    }
    let positions = positions(folder, individuals)?;
    let mut courses = vec![Course::default(); positions.len()];
    let column = |name: &str| {
        find(&table, name).ok_or_else(|| refuse("run", folder.display(), format!("trajectories with {name}")))
    };
    let (time, dose) = (column("TIME")?, column("dose_mg")?);
    let mut at = 0;
    for ids in rows.chunk_by(|a, b| a == b) {
        let own = at..at + ids.len();
        at += ids.len();
        let Some(&position) = positions.get(ids[0].as_str()) else { continue };
        let course = &mut courses[position];
        course.start = time[own.start];
        course.every = if ids.len() > 1 { time[own.start + 1] - time[own.start] } else { 1.0 };
        let doses = own.clone().filter(|&i| dose[i] > 0.0);
        course.doses = doses.map(|i| (time[i], dose[i])).collect();
        for name in analytes {
            course.value.push(column(name)?[own.clone()].to_vec());
            course.upper.push(column(&format!("{name}_upper"))?[own.clone()].to_vec());
            let typical = typical.as_ref().and_then(|t| find(t, name));
            course.typical.push(typical.map_or_else(Vec::new, |t| t[own.clone()].to_vec()));
        }
    }
    Ok(courses)
}

/// Free IgE under alternative doses; the doses as given have their time courses already.
pub fn what_if(
    folder: &Path,
    individuals: &Table,
    record: serde_json::Value,
) -> Result<Option<WhatIf>, CliError> {
    let Some(table) = optional(folder, "what_if_trajectories")? else { return Ok(None) };
    let positions = positions(folder, individuals)?;
    let (rows, names) = (texts(folder, &table, "ID")?, texts(folder, &table, "alternative")?);
    let column = |name: &str| {
        let expected = format!("what_if_trajectories with {name}");
        find(&table, name).ok_or_else(|| refuse("run", folder.display(), expected))
    };
    let (time, value, upper) = (column("TIME")?, column("ige_free")?, column("ige_free_upper")?);
    let listed = record["alternatives"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
    let none = || vec![FreeIge::default(); positions.len()];
    let mut alternatives: Vec<Alternative> =
        listed.map(|name| Alternative { name: name.to_owned(), courses: none() }).collect();
    let keys: Vec<(&String, &String)> = rows.iter().zip(names).collect();
    let mut at = 0;
    for own in keys.chunk_by(|a, b| a == b) {
        let here = at..at + own.len();
        at += own.len();
        let (id, name) = own[0];
        let Some(&position) = positions.get(id.as_str()) else { continue };
        let Some(alternative) = alternatives.iter_mut().find(|a| a.name == *name) else { continue };
        alternative.courses[position] = FreeIge {
            start: time[here.start],
            every: if own.len() > 1 { time[here.start + 1] - time[here.start] } else { 1.0 },
            value: value[here.clone()].to_vec(),
            upper: upper[here].to_vec(),
        };
    }
    Ok(Some(WhatIf { record, alternatives }))
}

fn positions<'a>(folder: &Path, individuals: &'a Table) -> Result<HashMap<&'a str, usize>, CliError> {
    Ok(texts(folder, individuals, "ID")?.iter().enumerate().map(|(i, id)| (id.as_str(), i)).collect())
}

/// A column of strings, which must exist.
pub fn texts<'a>(folder: &Path, table: &'a Table, name: &str) -> Result<&'a [String], CliError> {
    let found = table.iter().find(|c| c.name == name).map(|c| &c.values);
    match found {
        Some(Data::Texts(values)) => Ok(values),
        _ => Err(refuse("run", folder.display(), format!("a run whose tables have {name}"))),
    }
}

/// A column of numbers; `None` if it does not exist.
pub fn find<'a>(table: &'a Table, name: &str) -> Option<&'a [f64]> {
    match table.iter().find(|c| c.name == name).map(|c| &c.values) {
        Some(Data::Numbers(values)) => Some(values),
        _ => None,
    }
}
