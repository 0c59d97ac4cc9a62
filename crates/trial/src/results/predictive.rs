//! Tables `vpc`, `npc` and `npde` of predictive checks.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{NpcRow, VpcRow, VpcStatistic};
use omafit_model::Subject;

/// Table with one row per analyte, stratum, bin and statistic: `p05`, `p50`, … are percentiles in the analyte's unit,
/// `below` and `above` proportions beyond a limit of quantification. `corrected` is 1 for prediction-corrected values.
///
/// # Errors
/// Never: all columns have the same length.
pub fn vpc_table(rows: &[(bool, VpcRow)], strata: &[String]) -> Result<Table, TableError> {
    let text = |name: &str, of: &dyn Fn(&VpcRow) -> String| {
        Column::new(name, Values::text(rows.iter().map(|(_, r)| of(r))))
    };
    let integer = |name: &str, of: &dyn Fn(bool, &VpcRow) -> usize| {
        Column::new(name, Values::Integer(rows.iter().map(|(c, r)| Some(of(*c, r) as i64)).collect()))
    };
    let number = |name: &str, of: &dyn Fn(&VpcRow) -> f64| {
        Column::new(name, Values::Float(rows.iter().map(|(_, r)| of(r)).collect()))
    };
    let columns = vec![
        text("analyte", &|r| r.analyte.name().into()),
        text("stratum", &|r| strata.get(r.stratum).cloned().unwrap_or_else(|| "all".into())),
        integer("corrected", &|corrected, _| usize::from(corrected)),
        integer("bin", &|_, r| r.bin),
        number("time_from", &|r| r.time[0]),
        number("time_median", &|r| r.time[1]),
        number("time_to", &|r| r.time[2]),
        integer("n", &|_, r| r.n),
        text("statistic", &|r| match r.statistic {
            VpcStatistic::Percentile(p) => format!("p{:02}", 100.0 * p),
            VpcStatistic::Below => "below".into(),
            VpcStatistic::Above => "above".into(),
        }),
        number("observed", &|r| r.observed),
        number("simulated_low", &|r| r.simulated[0]),
        number("simulated_median", &|r| r.simulated[1]),
        number("simulated_high", &|r| r.simulated[2]),
    ];
    Table::new("vpc", columns)
}

/// Table with one row per analyte and prediction interval: proportions of the observations below and above the
/// interval, and the same proportions for the replicates.
///
/// # Errors
/// Never: all columns have the same length.
pub fn npc_table(rows: &[NpcRow]) -> Result<Table, TableError> {
    let mut columns = vec![
        Column::new("analyte", Values::text(rows.iter().map(|r| r.analyte.name()))),
        Column::new("interval", Values::Float(rows.iter().map(|r| r.interval).collect())),
        Column::new("n", Values::Integer(rows.iter().map(|r| Some(r.n as i64)).collect())),
        Column::new("expected", Values::Float(rows.iter().map(|r| 0.5 * (1.0 - r.interval)).collect())),
    ];
    for (side, name) in ["below", "above"].into_iter().enumerate() {
        for (i, suffix) in ["", "_low", "_median", "_high"].into_iter().enumerate() {
            let values = rows.iter().map(|r| [r.below, r.above][side][i]).collect();
            columns.push(Column::new(format!("{name}{suffix}"), Values::Float(values)));
        }
    }
    Table::new("npc", columns)
}

/// Table with one row per observation, in the order of `observations`: normalised prediction distribution error.
///
/// # Errors
/// Never for errors of the same subjects; all columns have the same length.
pub fn npde_table(subjects: &[Subject], npde: &[Vec<f64>]) -> Result<Table, TableError> {
    let rows = || subjects.iter().flat_map(|s| s.observations.iter().map(move |o| (s, o)));
    let columns = vec![
        Column::new("ID", Values::text(rows().map(|(s, _)| &s.id))),
        Column::new("TIME", Values::Float(rows().map(|(_, o)| o.time).collect())),
        Column::new("DVID", Values::Integer(rows().map(|(_, o)| Some(i64::from(o.dvid()))).collect())),
        Column::new("NPDE", Values::Float(npde.iter().flatten().copied().collect())),
        Column::new("row", Values::Integer(rows().map(|(_, o)| Some(o.row as i64)).collect())),
    ];
    Table::new("npde", columns)
}
