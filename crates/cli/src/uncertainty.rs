//! The table `uncertainty`: intervals of the population estimates of a run by every method used, renewed after
//! each method.

use crate::error::CliError;
use crate::print;
use crate::report::tables::{find, optional, texts};
use crate::write::write_into;
use omafit_estimate::PopulationEstimate;
use omafit_report::page::Table as Columns;
use omafit_trial::{Estimated, IntervalMethod, MethodIntervals, Table, TableError, uncertainty_table};
use std::path::Path;

/// Coverage of the intervals in the table.
const LEVEL: f64 = 0.95;
/// Methods used after a fit, each with its table and the columns of the interval ends and of the number of
/// draws.
const LATER: [(IntervalMethod, &str, [&str; 2], Option<&str>); 3] = [
    (IntervalMethod::Sir, "sir", ["ci_low", "ci_high"], Some("effective_samples")),
    (IntervalMethod::Bootstrap, "bootstrap", ["ci_low", "ci_high"], Some("n")),
    (IntervalMethod::Profile, "profile", ["low", "high"], None),
];

/// The table `uncertainty` of a fit: intervals from the curvature of the objective and from the sandwich
/// estimator.
pub fn of_fit(estimates: &[PopulationEstimate]) -> Result<Table, TableError> {
    let free = || estimates.iter().filter(|estimate| !estimate.fixed);
    let number =
        |e: &PopulationEstimate| Estimated { name: e.name.clone(), unit: e.unit.clone(), value: e.value };
    let numbers: Vec<Estimated> = free().map(number).collect();
    let of = |method, intervals| MethodIntervals { method, intervals, draws: Vec::new() };
    let methods = [
        of(IntervalMethod::Asymptotic, free().map(|e| e.interval).collect()),
        of(IntervalMethod::Sandwich, free().map(|e| e.interval_of(e.se[2])).collect()),
    ];
    uncertainty_table(&numbers, &methods)
}

/// The renewed table `uncertainty`, and the names of the tables left out because their intervals have another
/// coverage.
struct Refreshed {
    table: Table,
    left_out: Vec<&'static str>,
}

/// Renews the table `uncertainty` of a run from its other tables, writes it, and prints it unless `quiet`.
pub fn renew(run: &Path, quiet: bool) -> Result<(), CliError> {
    if let Some(Refreshed { table, left_out }) = refresh(run)?
        && !quiet
    {
        print::uncertainty(&table);
        for name in left_out {
            print::text(&format!(
                "{name}.csv has intervals of another coverage: they are not in uncertainty.csv\n"
            ));
        }
    }
    Ok(())
}

/// Renews the table `uncertainty` of a run from its other tables and writes it; `None` if the population was
/// not estimated.
fn refresh(run: &Path) -> Result<Option<Refreshed>, CliError> {
    let Some(parameters) = optional(run, "parameters")? else { return Ok(None) };
    let fixed = numbers(&parameters, "fixed");
    let (names, units) = (texts(run, &parameters, "name")?, texts(run, &parameters, "unit")?);
    let estimates = numbers(&parameters, "estimate");
    let free: Vec<usize> = (0..names.len()).filter(|&i| fixed.get(i) == Some(&0.0)).collect();
    let number =
        |&i: &usize| Estimated { name: names[i].clone(), unit: units[i].clone(), value: estimates[i] };
    let rows: Vec<Estimated> = free.iter().map(number).collect();
    let of = |method, table: &Columns, ends: [&str; 2], draws: Option<&str>| {
        intervals(run, &rows, method, table, ends, draws)
    };
    let mut methods = vec![of(IntervalMethod::Asymptotic, &parameters, ["ci_low", "ci_high"], None)?];
    if let Some(before) = optional(run, "uncertainty")? {
        methods.push(of(IntervalMethod::Sandwich, &before, ["sandwich_low", "sandwich_high"], None)?);
    }
    let mut left_out = Vec::new();
    for (method, name, ends, draws) in LATER {
        let Some(table) = optional(run, name)? else { continue };
        if has_level(run, name, &table)? {
            methods.push(of(method, &table, ends, draws)?);
        } else {
            left_out.push(name);
        }
    }
    let table = uncertainty_table(&rows, &methods)?;
    write_into(run, &table, true)?;
    Ok(Some(Refreshed { table, left_out }))
}

fn numbers<'a>(table: &'a Columns, name: &str) -> &'a [f64] {
    find(table, name).unwrap_or(&[])
}

/// Intervals of the given estimates from the table of a method, whose rows may be in another order or
/// incomplete.
fn intervals(
    run: &Path,
    rows: &[Estimated],
    method: IntervalMethod,
    table: &Columns,
    ends: [&str; 2],
    draws: Option<&str>,
) -> Result<MethodIntervals, CliError> {
    let names = texts(run, table, "name")?;
    let at: Vec<Option<usize>> =
        rows.iter().map(|row| names.iter().position(|name| *name == row.name)).collect();
    let column = |name: &str| -> Vec<f64> {
        let values = numbers(table, name);
        at.iter().map(|at| at.and_then(|i| values.get(i).copied()).unwrap_or(f64::NAN)).collect()
    };
    let [low, high] = ends.map(column);
    let intervals = low.into_iter().zip(high).map(|(low, high)| [low, high]).collect();
    Ok(MethodIntervals { method, intervals, draws: draws.map_or_else(Vec::new, column) })
}

/// Whether the intervals of a table have coverage [`LEVEL`], according to the column `level` of the table or
/// the record beside it.
fn has_level(run: &Path, name: &str, table: &Columns) -> Result<bool, CliError> {
    let record = run.join(format!("{name}.json"));
    let levels = match find(table, "level") {
        Some(levels) => levels.to_vec(),
        None if record.is_file() => crate::report::record(&record)?["level"].as_f64().into_iter().collect(),
        None => Vec::new(),
    };
    Ok(levels.iter().all(|level| (level - LEVEL).abs() < 1e-12))
}
