//! Table `observations`, with one row per observation.

use crate::table::{Column, Table, TableError, Values};
use omafit_estimate::{SubjectDiagnostics, SubjectResult, weighted_residual};
use omafit_model::{Censoring, Observation, Subject};

/// Table with one row per observation, with its predictions and residuals.
///
/// `CENS` is 1 for an observation below its limit of quantification, −1 for one above, 0 for a quantified value. `DV`
/// of a censored observation is the limit; `LIMIT` is the other end of the interval in which the value lies, or again
/// the limit if there is no interval, and is missing for a quantified value. `PRED` is the prediction for the typical
/// subject with the same covariates, `IPRED` the prediction of the subject's own fit; `RES` and `IRES` are `DV` less
/// each of them, in the analyte's unit; `IWRES` is (ln DV − ln IPRED)/σ, or (DV − IPRED)/g for a normal error of
/// standard deviation g; `WRES` and `CWRES` are the residuals weighted by the population's covariance, `NPDE` is the
/// normalised prediction distribution error. All residuals but `NPDE` are missing for a censored observation. `TAD` is
/// days since the last dose, missing before the first; a reset without a dose does not count as a dose.
///
/// # Errors
/// Never for results of the same subjects; all columns have the same length.
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
        integer("DVID", &|r| i64::from(r.observation.dvid())),
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
            let law = r.result.fit.errors.get(r.observation.analyte);
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

/// Quantified value; NaN for a censored observation.
fn measured(observation: &Observation) -> f64 {
    if observation.censoring == Censoring::Quantified { observation.value } else { f64::NAN }
}

/// Other end of the interval in which a censored value lies, or the limit itself if there is no interval; NaN for a
/// quantified value.
fn limit(observation: &Observation) -> f64 {
    match observation.censoring {
        Censoring::Quantified => f64::NAN,
        Censoring::Below | Censoring::Above => observation.interval_end.unwrap_or(observation.value),
    }
}

/// Days since the last dose; NaN if there was none.
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
        Observation { value: 5.0, censoring, ..Observation::planned(time, Analyte::IGE_FREE, doses_before) }
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
