//! `bootstrap`, `bootstrap_replicates`, `sir` and `sir_samples`: a population's numbers over replicates or samples.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{BootstrapReplicate, PopulationEstimate, SirFound, moments, quantile};

/// What draws are of: it names the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draws {
    /// Replicates of a bootstrap.
    Bootstrap,
    /// What sampling importance resampling kept.
    Sir,
}

/// A number over the draws: mean, standard deviation, median, ends of the interval of percentiles.
fn over(draws: &[Vec<f64>], k: usize, level: f64) -> [f64; 5] {
    let values: Vec<f64> = draws.iter().map(|draw| draw[k]).collect();
    let (mean, variance) = moments(&values);
    let tail = 0.5 * (1.0 - level);
    let [median, low, high] = [0.5, tail, 1.0 - tail].map(|p| quantile(values.clone(), p));
    [mean, variance.sqrt(), median, low, high]
}

/// One row a number that is estimated: its estimate, its mean, standard deviation and median over draws, the ends of the
/// interval of percentiles, how many draws there are, and of a bootstrap the bias, mean less estimate. Of resampling what has
/// no standard error among the estimates was held in every draw, and has no spread here either.
///
/// # Errors
/// Never; the columns are of one length.
pub fn draws_table(
    of: Draws,
    estimates: &[PopulationEstimate],
    draws: &[Vec<f64>],
    level: f64,
) -> Result<Table, TableError> {
    let free = || estimates.iter().enumerate().filter(|(_, e)| !e.fixed);
    let spread = |k: usize, e: &PopulationEstimate| {
        let [mean, se, median, low, high] = over(draws, k, level);
        let held = matches!(of, Draws::Sir) && e.se[0].is_nan();
        let [se, low, high] = if held { [f64::NAN; 3] } else { [se, low, high] };
        [mean, se, median, low, high]
    };
    let rows: Vec<(&PopulationEstimate, [f64; 5])> = free().map(|(k, e)| (e, spread(k, e))).collect();
    let text = |name: &str, of: &dyn Fn(&PopulationEstimate) -> String| {
        Column::new(name, Values::text(rows.iter().map(|row| of(row.0))))
    };
    let number = |name: &str, of: &dyn Fn(f64, &[f64; 5]) -> f64| {
        Column::new(name, Values::Float(rows.iter().map(|row| of(row.0.value, &row.1)).collect()))
    };
    let mut columns = vec![
        text("name", &|e| e.name.clone()),
        text("unit", &|e| e.unit.clone()),
        number("estimate", &|value, _| value),
        number("mean", &|_, over| over[0]),
        number("se", &|_, over| over[1]),
        number("rse_pct", &|value, over| 100.0 * over[1] / value.abs()),
        number("median", &|_, over| over[2]),
        number("ci_low", &|_, over| over[3]),
        number("ci_high", &|_, over| over[4]),
        Column::new("n", Values::Integer(vec![Some(draws.len() as i64); rows.len()])),
    ];
    let name = match of {
        Draws::Bootstrap => {
            columns.push(number("bias", &|value, over| over[0] - value));
            "bootstrap"
        }
        Draws::Sir => "sir",
    };
    Table::new(name, columns)
}

/// One row a replicate of a bootstrap, those that failed too: its number, its status, the objective, why it ended, and
/// every number that is estimated.
///
/// # Errors
/// Never; the columns are of one length.
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
        columns.push(number(&estimate.name, &|r| Some(r.numbers.as_ref()?[k])));
    }
    Table::new("bootstrap_replicates", columns)
}

/// One row a sample of sampling importance resampling: its round, by how much the objective lies above the estimates', the
/// logarithm of its weight up to a constant, whether it was kept, and every number that is estimated, as `read` reads them
/// from a vector.
///
/// # Errors
/// Never; the columns are of one length.
pub fn sir_samples_table(
    estimates: &[PopulationEstimate],
    rounds: &[SirFound],
    read: &dyn Fn(&[f64]) -> Vec<f64>,
) -> Result<Table, TableError> {
    let samples: Vec<_> =
        rounds.iter().zip(1..).flat_map(|(r, i)| r.samples.iter().map(move |s| (i, s))).collect();
    let finite = |value: f64| if value.is_finite() { value } else { f64::NAN };
    let mut columns = vec![
        Column::new("round", Values::Integer(samples.iter().map(|(i, _)| Some(*i)).collect())),
        Column::new("dofv", Values::Float(samples.iter().map(|(_, s)| finite(s.dofv)).collect())),
        Column::new("log_weight", Values::Float(samples.iter().map(|(_, s)| finite(s.log_weight)).collect())),
        Column::new("kept", Values::Integer(samples.iter().map(|(_, s)| Some(i64::from(s.kept))).collect())),
    ];
    let numbers: Vec<Vec<f64>> = samples.iter().map(|(_, s)| read(&s.vector)).collect();
    for (k, estimate) in estimates.iter().enumerate().filter(|(_, e)| !e.fixed) {
        columns
            .push(Column::new(estimate.name.clone(), Values::Float(numbers.iter().map(|n| n[k]).collect())));
    }
    Table::new("sir_samples", columns)
}
