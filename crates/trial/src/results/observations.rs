//! `observations`: one row an observation.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{SubjectDiagnostics, SubjectResult, weighted_residual};
use omafit_model::{Censoring, Observation, Subject};

/// One row an observation, with its predictions and residuals.
///
/// `CENS` is 1 for an observation below its limit of quantification, −1 for one above, 0 for a value; `LIMIT` is that
/// limit, which `DV` has too, and missing for a value. `PRED` is the typical subject with the same covariates, `IPRED`
/// the subject's own fit; `RES` and `IRES` are DV less each, in the analyte's unit; `IWRES` is (ln DV − ln IPRED)/σ, or (DV − IPRED)/g of
/// a normal error of standard deviation g; `WRES` and `CWRES` are the residuals weighted by the population's covariance,
/// `NPDE` the normalised prediction distribution error. All but `NPDE` are missing where `DV` is a limit. `TAD` is days since the last dose, missing before the first; a reset without
/// a dose is none.
///
/// # Errors
/// Never for results of the same subjects; the columns are of one length.
pub fn observations_table(
    subjects: &[Subject],
    results: &[SubjectResult],
    diagnostics: &[SubjectDiagnostics],
) -> Result<Table, TableError> {
    let rows = || {
        subjects.iter().zip(results).zip(diagnostics).flat_map(|((subject, result), diagnosed)| {
            let row = move |(i, observation)| Row { subject, observation, result, diagnosed, i };
            subject.observations.iter().enumerate().map(row)
        })
    };
    let text = |name: &str, of: fn(Row<'_>) -> &str| Column::new(name, Values::text(rows().map(of)));
    let integer = |name: &str, of: &dyn Fn(Row<'_>) -> i64| {
        Column::new(name, Values::Integer(rows().map(|r| Some(of(r))).collect()))
    };
    let number =
        |name: &str, of: &dyn Fn(Row<'_>) -> f64| Column::new(name, Values::Float(rows().map(of).collect()));
    let columns = vec![
        text("ID", |r| &r.subject.id),
        number("TIME", &|r| r.observation.time),
        integer("DVID", &|r| i64::from(r.observation.analyte.dvid())),
        text("analyte", |r| r.observation.analyte.name()),
        number("DV", &|r| r.observation.value),
        integer("CENS", &|r| match r.observation.censoring {
            Censoring::Quantified => 0,
            Censoring::Below => 1,
            Censoring::Above => -1,
        }),
        number("LIMIT", &|r| limit(r.observation)),
        number("PRED", &|r| r.pred()),
        number("IPRED", &|r| r.ipred()),
        number("RES", &|r| measured(r.observation) - r.pred()),
        number("WRES", &|r| r.diagnosed.wres[r.i]),
        number("IRES", &|r| measured(r.observation) - r.ipred()),
        number("IWRES", &|r| {
            let law = r.result.fit.errors[r.observation.analyte.index()];
            law.map_or(f64::NAN, |law| weighted_residual(r.observation, law.error, r.ipred()))
        }),
        number("CWRES", &|r| r.diagnosed.cwres[r.i]),
        number("NPDE", &|r| r.diagnosed.npde[r.i]),
        number("TAD", &|r| since_dose(r.subject, r.observation)),
        integer("row", &|r| r.observation.row as i64),
    ];
    Table::new("observations", columns)
}

#[derive(Clone, Copy)]
struct Row<'a> {
    subject: &'a Subject,
    observation: &'a Observation,
    result: &'a SubjectResult,
    diagnosed: &'a SubjectDiagnostics,
    i: usize,
}

impl Row<'_> {
    fn pred(&self) -> f64 {
        self.result.pred[self.i]
    }
    fn ipred(&self) -> f64 {
        self.result.fit.ipred[self.i]
    }
}

/// The value, if it was quantified.
fn measured(observation: &Observation) -> f64 {
    if observation.censoring == Censoring::Quantified { observation.value } else { f64::NAN }
}

/// The other end of the interval in which a censored value lies, or the limit itself where there is none.
fn limit(observation: &Observation) -> f64 {
    match observation.censoring {
        Censoring::Quantified => f64::NAN,
        Censoring::Below | Censoring::Above => observation.interval_end.unwrap_or(observation.value),
    }
}

/// Days since the last dose, if there was one.
fn since_dose(subject: &Subject, observation: &Observation) -> f64 {
    let before = &subject.doses[..observation.doses_before];
    let last = before.iter().rfind(|dose| dose.amount_mg > 0.0);
    last.map_or(f64::NAN, |dose| observation.time - dose.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_model::{Analyte, Covariates, Dose, StateRule};

    fn observation(time: f64, censoring: Censoring, doses_before: usize) -> Observation {
        Observation { value: 5.0, censoring, ..Observation::planned(time, Analyte::IgeFree, doses_before) }
    }

    #[test]
    fn a_reset_is_no_dose_to_count_from() {
        let reset = |time| Dose::subcutaneous(time, 0.0).after(StateRule::Reset);
        let subject = Subject {
            id: "501".to_owned(),
            covariates: Covariates::new(70.0, 420.0),
            start: 0.0,
            doses: vec![reset(0.0), Dose::subcutaneous(1.0, 300.0), reset(4.0)],
            observations: Vec::new(),
        };
        let tad = |time, doses_before| {
            since_dose(&subject, &observation(time, Censoring::Quantified, doses_before))
        };
        assert!(tad(0.0, 0).is_nan() && tad(0.5, 1).is_nan());
        assert_eq!((tad(3.0, 2), tad(6.0, 3)), (2.0, 5.0));
    }

    #[test]
    fn a_value_is_measured_or_a_limit() {
        let quantified = observation(1.0, Censoring::Quantified, 0);
        assert!(measured(&quantified) == 5.0 && limit(&quantified).is_nan());
        for censoring in [Censoring::Below, Censoring::Above] {
            let censored = observation(1.0, censoring, 0);
            assert!(measured(&censored).is_nan() && limit(&censored) == 5.0);
            let within = Observation { interval_end: Some(3.0), ..censored };
            assert!(measured(&within).is_nan() && limit(&within) == 3.0);
        }
    }
}
