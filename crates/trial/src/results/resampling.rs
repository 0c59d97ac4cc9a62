//! Tables `bootstrap`, `bootstrap_replicates`, `sir` and `sir_samples`: population parameters over replicates or
//! samples.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{
    BootstrapReplicate, DrawSummary, PopulationEstimate, SirFound, SirSample, effective_draws,
    summarise_draws,
};

/// Kind of draws, which names the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// Replicates of a bootstrap.
    Bootstrap,
    /// Weighted samples of sampling importance resampling.
    Sir,
}

/// Table with one row per estimated parameter: estimate; mean, standard deviation and median over the weighted draws;
/// limits of the percentile interval with their Monte-Carlo errors; number of draws with a value; for a bootstrap the
/// number of draws without a value, and the bias (mean less estimate); for sampling importance resampling the effective
/// number of samples. In sampling importance resampling, a parameter whose estimate has no standard error was held in
/// every draw, and has no spread.
///
/// # Errors
/// Never; all columns have the same length.
pub fn draws_table(
    of: Draws,
    estimates: &[PopulationEstimate],
    draws: &[Vec<f64>],
    weights: &[f64],
    level: f64,
) -> Result<Table, TableError> {
    let weighed = || weights.iter().zip(draws).filter(|(weight, _)| **weight > 0.0);
    let counts = |k: usize| weighed().filter(|(_, draw)| !draw[k].is_nan()).count();
    let spread = |(k, e)| {
        let values: Vec<f64> = draws.iter().map(|draw| draw[k]).collect();
        let weights: Vec<f64> =
            weights.iter().zip(&values).map(|(w, value)| if value.is_nan() { 0.0 } else { *w }).collect();
        (e, summarise_draws(&values, &weights, level))
    };
    let free = || estimates.iter().enumerate().filter(|(_, e)| !e.fixed);
    let rows: Vec<(&PopulationEstimate, DrawSummary)> = free().map(spread).collect();
    let count = |name: &str, of: &dyn Fn(usize) -> usize| {
        Column::new(name, Values::Integer(free().map(|(k, _)| Some(of(k) as i64)).collect()))
    };
    let text = |name: &str, of: &dyn Fn(&PopulationEstimate) -> String| {
        Column::new(name, Values::text(rows.iter().map(|row| of(row.0))))
    };
    let number = |name: &str, of: &dyn Fn(f64, &DrawSummary) -> f64| {
        Column::new(name, Values::Float(rows.iter().map(|(e, over)| of(e.value, over)).collect()))
    };
    let spread = |name: &str, read: &dyn Fn(f64, &DrawSummary) -> f64| {
        let held = |e: &PopulationEstimate| of == Draws::Sir && e.se[0].is_nan();
        let value = |(e, over): &(&PopulationEstimate, DrawSummary)| {
            if held(e) { f64::NAN } else { read(e.value, over) }
        };
        Column::new(name, Values::Float(rows.iter().map(value).collect()))
    };
    let mut columns = vec![
        text("name", &|e| e.name.clone()),
        text("unit", &|e| e.unit.clone()),
        number("estimate", &|value, _| value),
        number("mean", &|_, over| over.mean),
        spread("se", &|_, over| over.sd),
        spread("rse_pct", &|value, over| 100.0 * over.sd / value.abs()),
        number("median", &|_, over| over.median),
        spread("ci_low", &|_, over| over.interval[0]),
        spread("ci_high", &|_, over| over.interval[1]),
        count("n", &counts),
        spread("ci_low_mcse", &|_, over| over.interval_se[0]),
        spread("ci_high_mcse", &|_, over| over.interval_se[1]),
    ];
    let name = match of {
        Draws::Bootstrap => {
            columns.push(number("bias", &|value, over| over.mean - value));
            columns.push(count("n_not_determined", &|k| weighed().count() - counts(k)));
            "bootstrap"
        }
        Draws::Sir => {
            columns.push(number("effective_samples", &|_, _| effective_draws(weights)));
            "sir"
        }
    };
    Table::new(name, columns)
}

/// Table with one row per replicate of a bootstrap, including those that failed: number, status, objective function
/// value, reason why the replicate ended, and every estimated parameter; a parameter that the replicate's subjects do
/// not determine is missing.
///
/// # Errors
/// Never; all columns have the same length.
pub fn bootstrap_replicates_table(
    estimates: &[PopulationEstimate],
    replicates: &[BootstrapReplicate],
) -> Result<Table, TableError> {
    let status = |r: &BootstrapReplicate| match (&r.numbers, r.converged) {
        (None, _) => "failed",
        (Some(_), false) => "not_converged",
        (Some(_), true) => "ok",
    };
    let number = |name: &str, of: &dyn Fn(&BootstrapReplicate) -> Option<f64>| {
        let values = replicates.iter().map(|r| of(r).unwrap_or(f64::NAN)).collect();
        Column::new(name, Values::Float(values))
    };
    let mut columns = vec![
        Column::new(
            "replicate",
            Values::Integer(replicates.iter().map(|r| Some(i64::from(r.replicate))).collect()),
        ),
        Column::new("status", Values::text(replicates.iter().map(status))),
        Column::new("reason", Values::text(replicates.iter().map(|r| r.reason.clone()))),
        number("ofv", &|r| r.ofv),
    ];
    for (k, estimate) in estimates.iter().enumerate().filter(|(_, e)| !e.fixed) {
        columns.push(number(&estimate.name, &|r| r.numbers.as_ref()?[k]));
    }
    Table::new("bootstrap_replicates", columns)
}

/// Table with one row per sample of sampling importance resampling: round, rise of the objective function value above
/// its value at the estimates, logarithm of the weight up to a constant, whether the sample was kept, and every
/// estimated parameter, from `numbers`.
///
/// # Errors
/// Never; all columns have the same length.
pub fn sir_samples_table(
    estimates: &[PopulationEstimate],
    found: &SirFound,
    numbers: &[Vec<f64>],
) -> Result<Table, TableError> {
    let finite = |value: f64| if value.is_finite() { value } else { f64::NAN };
    let integer = |name: &str, of: &dyn Fn(&SirSample) -> i64| {
        Column::new(name, Values::Integer(found.samples.iter().map(|s| Some(of(s))).collect()))
    };
    let number = |name: &str, of: &dyn Fn(&SirSample) -> f64| {
        Column::new(name, Values::Float(found.samples.iter().map(|s| finite(of(s))).collect()))
    };
    let mut columns = vec![
        integer("round", &|s| s.round as i64 + 1),
        number("dofv", &|s| s.dofv),
        number("log_weight", &|s| s.log_weight),
        integer("kept", &|s| i64::from(s.kept)),
    ];
    for (k, estimate) in estimates.iter().enumerate().filter(|(_, e)| !e.fixed) {
        let values = numbers.iter().map(|n| finite(n[k])).collect();
        columns.push(Column::new(estimate.name.clone(), Values::Float(values)));
    }
    Table::new("sir_samples", columns)
}
