//! `observations`: one row an observation.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::SubjectResult;
use omafit_model::{Observation, PopulationModel, Subject};

/// One row an observation, with its predictions and residuals.
///
/// `PRED` is the typical subject with the same covariates, `IPRED` the subject's own fit; `RES` and `IRES` are DV less
/// each, in the analyte's unit; `IWRES` is (ln DV − ln IPRED)/σ; `TAD` is days since the last dose, missing before the
/// first.
///
/// # Errors
/// Never for results of the same subjects; the columns are of one length.
pub fn observations_table(
    model: &PopulationModel,
    subjects: &[Subject],
    results: &[SubjectResult],
) -> Result<Table, TableError> {
    let rows = || {
        subjects.iter().zip(results).flat_map(|(s, r)| {
            s.observations.iter().enumerate().map(move |(i, o)| Row {
                subject: s,
                observation: o,
                result: r,
                i,
            })
        })
    };
    let text = |name: &str, of: &dyn Fn(Row<'_>) -> String| {
        Column::new(name, Values::Text(rows().map(of).collect()))
    };
    let integer = |name: &str, of: &dyn Fn(Row<'_>) -> i64| {
        Column::new(name, Values::Integer(rows().map(|r| Some(of(r))).collect()))
    };
    let number =
        |name: &str, of: &dyn Fn(Row<'_>) -> f64| Column::new(name, Values::Float(rows().map(of).collect()));
    let columns = vec![
        text("ID", &|r| r.subject.id.clone()),
        number("TIME", &|r| r.observation.time),
        integer("DVID", &|r| i64::from(r.observation.analyte.dvid())),
        text("analyte", &|r| r.observation.analyte.name().into()),
        number("DV", &|r| r.observation.value),
        number("PRED", &|r| r.pred()),
        number("IPRED", &|r| r.ipred()),
        number("RES", &|r| r.observation.value - r.pred()),
        number("IRES", &|r| r.observation.value - r.ipred()),
        number("IWRES", &|r| {
            (r.observation.value.ln() - r.ipred().ln()) / model.sigma(r.observation.analyte)
        }),
        number("TAD", &|r| r.since_dose()),
        integer("row", &|r| r.observation.row as i64),
    ];
    Table::new("observations", columns)
}

#[derive(Clone, Copy)]
struct Row<'a> {
    subject: &'a Subject,
    observation: &'a Observation,
    result: &'a SubjectResult,
    i: usize,
}

impl Row<'_> {
    fn pred(&self) -> f64 {
        self.result.pred[self.i]
    }
    fn ipred(&self) -> f64 {
        self.result.fit.ipred[self.i]
    }
    fn since_dose(&self) -> f64 {
        let last = self.observation.doses_before.checked_sub(1);
        last.map_or(f64::NAN, |i| self.observation.time - self.subject.doses[i].time)
    }
}
