//! Tables of an outcome analysis.

use crate::table::{Column, Table, TableError, Values};
use omafit_outcome::{
    ArmComparison, Contrast, Correlation, Direction, Exposure, ExposureMean, Group, GroupOutcome, MeanDelay,
    MeasureOutcome, OutcomeAnalysis, OutcomeEstimate, OutcomeFit, OutcomeType, Patient, Summary, Visit,
    VisitMean, conclusions,
};

/// Name and unit of an outcome.
type Measure = (String, String);

/// Builder of a table with a row per item, from columns of texts and numbers.
struct Builder<R> {
    rows: Vec<R>,
    columns: Vec<Column>,
}

impl<R> Builder<R> {
    fn new(rows: Vec<R>) -> Self {
        Self { rows, columns: Vec::new() }
    }

    fn text(mut self, name: &str, of: impl Fn(&R) -> String) -> Self {
        self.columns.push(Column::new(name, Values::text(self.rows.iter().map(of))));
        self
    }

    fn number(mut self, name: impl Into<String>, of: impl Fn(&R) -> f64) -> Self {
        self.columns.push(Column::new(name, Values::Float(self.rows.iter().map(of).collect())));
        self
    }

    fn count(mut self, name: &str, of: impl Fn(&R) -> usize) -> Self {
        let values = self.rows.iter().map(|row| Some(of(row) as i64)).collect();
        self.columns.push(Column::new(name, Values::Integer(values)));
        self
    }

    fn table(self, name: &str) -> Result<Table, TableError> {
        Table::new(name, self.columns)
    }
}

/// Row on the outcome of a group, with the names of outcome and group.
struct Of<'a, T> {
    measure: &'a Measure,
    kind: OutcomeType,
    group: &'a Group,
    row: T,
}

/// Builder with the rows of every measure and group.
fn rows<'a, T>(
    analysis: &'a OutcomeAnalysis,
    measures: &'a [Measure],
    of: impl Fn(&'a GroupOutcome) -> Vec<T>,
) -> Builder<Of<'a, T>> {
    let mut all = Vec::new();
    for (measure, found) in measures.iter().zip(&analysis.measures) {
        for (group, outcome) in analysis.groups.iter().zip(&found.groups) {
            all.extend(of(outcome).into_iter().map(|row| Of {
                measure,
                kind: found.aligned.kind,
                group,
                row,
            }));
        }
    }
    Builder::new(all)
}

impl<T> Builder<Of<'_, T>> {
    fn named(self) -> Self {
        self.text("measure", |r| r.measure.0.clone())
            .text("unit", |r| r.measure.1.clone())
            .text("arm", |r| r.group.arm.clone())
            .text("responder", |r| r.group.responder.clone())
    }
}

/// Tables of an outcome analysis: `outcome_patients` (one row per subject, measure and visit), `outcome_visits` (one
/// row per measure, group and visit), `outcome_correlation`, `outcome_hysteresis`, `outcome_models` (one row per fitted
/// model), `outcome_model_parameters`, `outcome_arms` if there are several arms, `outcome_events` if a measure is an
/// event, `outcome_model_covariance` and `outcome_conclusions`.
///
/// # Errors
/// Never: all columns have the same length.
pub fn outcome_tables(
    analysis: &OutcomeAnalysis,
    patients: &[Patient],
    measures: &[Measure],
) -> Result<Vec<Table>, TableError> {
    let arms = arms_table(&analysis.measures, measures)?;
    let mut tables = vec![
        patients_table(&analysis.measures, patients, measures)?,
        visits_table(analysis, measures)?,
        correlation_table(analysis, measures)?,
        hysteresis_table(analysis, measures)?,
        models_table(analysis, measures)?,
        model_parameters_table(analysis, measures)?,
    ];
    tables.extend(arms);
    tables.extend(events_table(analysis, measures)?);
    tables.push(model_covariance_table(analysis, measures)?);
    tables.push(conclusions_table(analysis, measures)?);
    Ok(tables)
}

/// Row of `outcome_arms`: an arm at a visit, or the reason why the arms are not compared.
struct ArmRow<'a> {
    measure: &'a Measure,
    compared: &'a ArmComparison,
    arm: usize,
    visit: f64,
    n: usize,
    mean: Option<Contrast>,
    difference: Option<Contrast>,
    reason: String,
}

fn arm_rows<'a>(measure: &'a Measure, compared: &'a ArmComparison) -> Vec<ArmRow<'a>> {
    let row = |arm, visit, n, mean, difference, reason| ArmRow {
        measure,
        compared,
        arm,
        visit,
        n,
        mean,
        difference,
        reason,
    };
    let model = match &compared.model {
        Ok(model) => model,
        Err(error) => return vec![row(0, f64::NAN, 0, None, None, error.to_string())],
    };
    let mut rows = Vec::new();
    for (k, &visit) in compared.visits.iter().enumerate() {
        for arm in 0..compared.arms.len() {
            let difference = arm.checked_sub(1).map(|other| model.differences[other][k]);
            let n = compared.patients[arm][k];
            rows.push(row(arm, visit, n, Some(model.means[arm][k]), difference, String::new()));
        }
    }
    rows
}

/// Table of the least-squares means of the arms by visit, and of their differences from the reference; `None` if there
/// is only one arm.
fn arms_table(found: &[MeasureOutcome], measures: &[Measure]) -> Result<Option<Table>, TableError> {
    let compared = measures.iter().zip(found).filter_map(|(m, f)| Some((m, f.arms.as_ref()?)));
    let all: Vec<ArmRow<'_>> = compared.flat_map(|(m, c)| arm_rows(m, c)).collect();
    if all.is_empty() {
        return Ok(None);
    }
    let mean = |of: fn(Contrast) -> f64| move |r: &ArmRow<'_>| r.mean.map_or(f64::NAN, of);
    let difference = |of: fn(Contrast) -> f64| move |r: &ArmRow<'_>| r.difference.map_or(f64::NAN, of);
    let table = Builder::new(all)
        .text("measure", |r| r.measure.0.clone())
        .text("unit", |r| r.measure.1.clone())
        .number("visit", |r| r.visit)
        .text("arm", |r| r.compared.arms[r.arm].clone())
        .text("reference", |r| r.compared.reference().to_owned())
        .count("n", |r| r.n)
        .number("mean", mean(|c| c.estimate))
        .number("mean_se", mean(|c| c.se))
        .number("mean_low", mean(|c| c.low))
        .number("mean_high", mean(|c| c.high))
        .number("difference", difference(|c| c.estimate))
        .number("difference_se", difference(|c| c.se))
        .number("difference_low", difference(|c| c.low))
        .number("difference_high", difference(|c| c.high))
        .number("df", difference(|c| c.df))
        .number("p_value", difference(|c| c.p_value))
        .text("reason", |r| r.reason.clone())
        .table("outcome_arms")?;
    Ok(Some(table))
}

/// Reason given for a subject without a baseline, who has no other row.
const NO_BASELINE: &str = "no value before the first dose";

/// Row of `outcome_patients`: a visit, a value outside all visits, or a subject without a baseline.
struct PatientRow<'a> {
    measure: &'a Measure,
    patient: usize,
    visit: Option<&'a Visit>,
    day: f64,
    value: f64,
    values: usize,
    change: f64,
    reason: &'static str,
}

/// Rows of visits, of values outside all visits and of subjects without a baseline, subject by subject.
fn patient_rows<'a>(measure: &'a Measure, found: &'a MeasureOutcome) -> Vec<PatientRow<'a>> {
    let aligned = &found.aligned;
    let visits = aligned.visits.iter().map(|v| PatientRow {
        measure,
        patient: v.patient,
        visit: Some(v),
        day: v.day,
        value: v.value,
        values: v.values,
        change: v.change,
        reason: "",
    });
    let outside = aligned.outside.iter().map(|o| PatientRow {
        measure,
        patient: o.patient,
        visit: None,
        day: o.day,
        value: o.value,
        values: 1,
        change: o.change,
        reason: "outside the windows of the visits",
    });
    let without = aligned.without_baseline.iter().map(|&patient| PatientRow {
        measure,
        patient,
        visit: None,
        day: f64::NAN,
        value: f64::NAN,
        values: 0,
        change: f64::NAN,
        reason: NO_BASELINE,
    });
    let mut all: Vec<PatientRow<'a>> = visits.chain(outside).chain(without).collect();
    all.sort_by(|a, b| a.patient.cmp(&b.patient).then(a.day.total_cmp(&b.day)));
    all
}

fn patients_table(
    found: &[MeasureOutcome],
    patients: &[Patient],
    measures: &[Measure],
) -> Result<Table, TableError> {
    let all = measures.iter().zip(found).flat_map(|(m, f)| patient_rows(m, f));
    let mut builder = Builder::new(all.collect())
        .text("ID", |r| patients[r.patient].id.clone())
        .text("arm", |r| patients[r.patient].arm.clone())
        .text("responder", |r| patients[r.patient].responder.clone())
        .text("measure", |r| r.measure.0.clone())
        .text("unit", |r| r.measure.1.clone())
        .number("visit", |r| r.visit.map_or(f64::NAN, |v| v.visit))
        .number("day", |r| r.day)
        .number("value", |r| r.value)
        .count("values", |r| r.values)
        .number("change", |r| r.change);
    for (k, exposure) in Exposure::ALL.into_iter().enumerate() {
        builder = builder.number(exposure.name(), move |r| r.visit.map_or(f64::NAN, |v| v.exposure[k]));
    }
    builder.text("reason", |r| r.reason.to_owned()).table("outcome_patients")
}

/// Row of `outcome_visits`: a group at a visit, or the reason why the group has no visits.
struct VisitRow<'a> {
    measure: &'a Measure,
    group: &'a Group,
    mean: Option<&'a VisitMean>,
    reason: &'static str,
}

fn visit_rows<'a>(
    measure: &'a Measure,
    group: &'a Group,
    found: &'a MeasureOutcome,
    outcome: &'a GroupOutcome,
) -> Vec<VisitRow<'a>> {
    let row = |mean, reason| VisitRow { measure, group, mean, reason };
    if outcome.visits.is_empty() {
        let is_member = |patient: &usize| group.members.binary_search(patient).is_ok();
        let measured = found.aligned.without_baseline.iter().any(is_member);
        let reason = match found.aligned.kind {
            OutcomeType::Event => "a time to an event has no visits: outcome_events",
            _ if measured => NO_BASELINE,
            _ => "not measured",
        };
        return vec![row(None, reason)];
    }
    let reason = |mean: &VisitMean| match mean.value.n {
        1 => "one patient: no interval",
        _ => "",
    };
    outcome.visits.iter().map(|mean| row(Some(mean), reason(mean))).collect()
}

fn visits_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    let mut all = Vec::new();
    for (measure, found) in measures.iter().zip(&analysis.measures) {
        for (group, outcome) in analysis.groups.iter().zip(&found.groups) {
            all.extend(visit_rows(measure, group, found, outcome));
        }
    }
    let of = |part: fn(&VisitMean) -> f64| move |r: &VisitRow<'_>| r.mean.map_or(f64::NAN, part);
    let mut builder = Builder::new(all)
        .text("measure", |r| r.measure.0.clone())
        .text("unit", |r| r.measure.1.clone())
        .text("arm", |r| r.group.arm.clone())
        .text("responder", |r| r.group.responder.clone())
        .number("visit", of(|m| m.visit))
        .count("n", |r| r.mean.map_or(0, |m| m.value.n))
        .number("value_mean", of(|m| m.value.mean))
        .number("value_sd", of(|m| m.value.sd))
        .number("change_mean", of(|m| m.change.mean))
        .number("change_sd", of(|m| m.change.sd))
        .number("change_low", of(|m| m.change.low))
        .number("change_high", of(|m| m.change.high))
        .count("n_exposure", |r| r.mean.map_or(0, |m| m.exposure[0].n));
    for (k, exposure) in Exposure::ALL.into_iter().enumerate() {
        let mean = move |r: &VisitRow<'_>| r.mean.map_or(f64::NAN, |m| m.exposure[k].mean);
        builder = builder.number(format!("{}_mean", exposure.name()), mean);
    }
    builder.text("reason", |r| r.reason.to_owned()).table("outcome_visits")
}

fn correlation_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    rows(analysis, measures, |g| g.correlations.clone())
        .named()
        .text("exposure", |r| r.row.exposure.name().into())
        .text("phase", |r| r.row.phase.name().into())
        .text("coefficient", |r| r.row.coefficient.name().into())
        .number("r", |r| r.row.found.r)
        .number("low", |r| r.row.found.low)
        .number("high", |r| r.row.found.high)
        .count("n", |r| r.row.found.n)
        .count("patients", |r| r.row.patients)
        .number("df", |r| r.row.found.df)
        .text("reason", |r| not_told(&r.row.found).into())
        .table("outcome_correlation")
}

/// Reason why a correlation or its interval is missing; empty if neither is.
fn not_told(found: &Correlation) -> &'static str {
    match found {
        Correlation { df, .. } if *df < 1.0 => "too few points",
        Correlation { r, .. } if r.is_nan() => "one side does not change",
        Correlation { low, .. } if low.is_nan() => "too few points for an interval",
        _ => "",
    }
}

fn hysteresis_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    rows(analysis, measures, |g| g.hysteresis.clone())
        .named()
        .text("exposure", |r| r.row.exposure.map_or("", Exposure::name).into())
        .text("fact", |r| r.row.fact.name().into())
        .number("value", |r| r.row.value)
        .number("low", |r| r.row.low)
        .number("high", |r| r.row.high)
        .number("defined", |r| r.row.defined)
        .count("at_limit", |r| usize::from(r.row.at_limit))
        .text("direction", |r| r.row.direction.map_or("", Direction::name).into())
        .text("reason", |r| r.row.reason.clone())
        .table("outcome_hysteresis")
}

/// Fitted model, the lowest criteria among the models compared with it, and its place in the choice of a model.
struct Compared<'a> {
    fit: &'a OutcomeFit,
    least: [f64; 2],
    weights: f64,
    chosen: bool,
    not_told_apart: bool,
    unsettled: bool,
}

fn compared(outcome: &GroupOutcome) -> Vec<Compared<'_>> {
    let converged = || outcome.fits.iter().filter(|fit| fit.converged);
    let least = |of: fn(&OutcomeFit) -> f64| converged().map(of).fold(f64::INFINITY, f64::min);
    let least = [least(OutcomeFit::aic), least(OutcomeFit::bic)];
    let weights = converged().map(|fit| (0.5 * (least[0] - fit.aic())).exp()).sum();
    let choice = outcome.choice();
    let one = |(i, fit)| Compared {
        fit,
        least,
        weights,
        chosen: choice.chosen == Some(i),
        not_told_apart: choice.near.contains(&i),
        unsettled: choice.unsettled.contains(&i),
    };
    outcome.fits.iter().enumerate().map(one).collect()
}

fn models_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    let delay = |fit: &OutcomeFit, of: fn(MeanDelay) -> f64| fit.mean_delay().map_or(f64::NAN, of);
    rows(analysis, measures, compared)
        .named()
        .text("type", |r| r.kind.to_string())
        .text("model", |r| r.row.fit.model.name())
        .count("n", |r| r.row.fit.n)
        .count("patients", |r| r.row.fit.patients)
        .count("estimated", |r| r.row.fit.count())
        .number("minus2ll", |r| r.row.fit.minus2ll)
        .number("aic", |r| r.row.fit.aic())
        .number("bic", |r| r.row.fit.bic())
        .number("aic_above_least", |r| r.row.fit.aic() - r.row.least[0])
        .number("bic_above_least", |r| r.row.fit.bic() - r.row.least[1])
        .number("akaike_weight", |r| {
            let weight = (0.5 * (r.row.least[0] - r.row.fit.aic())).exp() / r.row.weights;
            if r.row.fit.converged { weight } else { f64::NAN }
        })
        .number("mean_delay_days", |r| delay(r.row.fit, |d| d.days))
        .number("mean_delay_low", |r| delay(r.row.fit, |d| d.low))
        .number("mean_delay_high", |r| delay(r.row.fit, |d| d.high))
        .count("mean_delay_at_limit", |r| r.row.fit.mean_delay().map_or(0, |d| usize::from(d.at_limit)))
        .count("converged", |r| usize::from(r.row.fit.converged))
        .text("stop_reason", |r| r.row.fit.reason.clone())
        .count("chosen", |r| usize::from(r.row.chosen))
        .count("not_told_apart", |r| usize::from(r.row.not_told_apart))
        .count("unsettled", |r| usize::from(r.row.unsettled))
        .table("outcome_models")
}

fn model_parameters_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    rows(analysis, measures, |g| each_estimate(g))
        .named()
        .text("model", |r| r.row.0.model.name())
        .text("parameter", |r| r.row.1.name.into())
        .text("parameter_unit", |r| r.row.1.unit.into())
        .number("estimate", |r| r.row.1.value)
        .number("se", |r| r.row.1.se)
        .number("se_sandwich", |r| r.row.1.se_sandwich)
        .number("low", |r| r.row.1.low)
        .number("high", |r| r.row.1.high)
        .text("interval", |r| r.row.1.interval.name().into())
        .count("at_limit", |r| usize::from(r.row.1.at_limit))
        .table("outcome_model_parameters")
}

/// Covariance of two estimates of the chosen model.
struct CovarianceRow<'a> {
    fit: &'a OutcomeFit,
    names: [&'static str; 2],
    covariance: f64,
}

fn covariances(outcome: &GroupOutcome) -> Vec<CovarianceRow<'_>> {
    let fit = outcome.choice().chosen.map(|i| &outcome.fits[i]);
    let Some((fit, covariance)) = fit.and_then(|fit| Some((fit, fit.covariance.as_ref()?))) else {
        return Vec::new();
    };
    let n = fit.estimates.len();
    let pair = |i: usize, j: usize| CovarianceRow {
        fit,
        names: [i, j].map(|k| fit.estimates[k].name),
        covariance: covariance[i * n + j],
    };
    (0..n).flat_map(|i| (0..=i).map(move |j| pair(i, j))).collect()
}

fn model_covariance_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    rows(analysis, measures, covariances)
        .named()
        .text("model", |r| r.row.fit.model.name())
        .text("parameter_1", |r| r.row.names[0].into())
        .text("parameter_2", |r| r.row.names[1].into())
        .number("covariance", |r| r.row.covariance)
        .table("outcome_model_covariance")
}

fn conclusions_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    rows(analysis, measures, conclusions)
        .named()
        .text("conclusion", |r| r.row.conclusion.name().into())
        .text("number", |r| r.row.conclusion.number().into())
        .number("value", |r| r.row.value)
        .number("low", |r| r.row.low)
        .number("high", |r| r.row.high)
        .number("p_value", |r| r.row.p_value)
        .text("test", |r| r.row.conclusion.test().into())
        .count("holds", |r| usize::from(r.row.holds))
        .text("reason", |r| r.row.reason.clone())
        .table("outcome_conclusions")
}

/// Table `outcome_events`; `None` if no measure is an event.
fn events_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Option<Table>, TableError> {
    if analysis.measures.iter().all(|found| found.aligned.kind != OutcomeType::Event) {
        return Ok(None);
    }
    rows(analysis, measures, |g| g.events.into_iter().collect())
        .named()
        .count("patients", |r| r.row.patients)
        .count("events", |r| r.row.events)
        .number("patient_years", |r| r.row.years)
        .number("rate", |r| r.row.rate[0])
        .number("rate_low", |r| r.row.rate[1])
        .number("rate_high", |r| r.row.rate[2])
        .number("rate_ratio", |r| r.row.ratio[0])
        .number("rate_ratio_low", |r| r.row.ratio[1])
        .number("rate_ratio_high", |r| r.row.ratio[2])
        .table("outcome_events")
        .map(Some)
}

fn each_estimate(outcome: &GroupOutcome) -> Vec<(&OutcomeFit, &OutcomeEstimate)> {
    outcome.fits.iter().flat_map(|fit| fit.estimates.iter().map(move |e| (fit, e))).collect()
}

/// Value that is read from a summary.
type Part = fn(&Summary) -> f64;

/// Table `outcome_exposure`, with one row per group and time: means of the exposures and their 95 % intervals. Free IgE
/// is averaged as its logarithm, so that exp of the mean is the geometric mean.
///
/// # Errors
/// Never: all columns have the same length.
pub fn outcome_exposure_table(means: &[(Group, Vec<ExposureMean>)]) -> Result<Table, TableError> {
    let all = means.iter().flat_map(|(group, own)| own.iter().map(move |mean| (group, mean)));
    let mut builder = Builder::new(all.collect::<Vec<_>>())
        .text("arm", |(g, _)| g.arm.clone())
        .text("responder", |(g, _)| g.responder.clone())
        .number("day", |(_, d)| d.day)
        .count("n", |(_, d)| d.exposure[0].n);
    for (k, exposure) in Exposure::ALL.into_iter().enumerate().skip(1) {
        let parts: [(&str, Part); 3] = [("mean", |s| s.mean), ("low", |s| s.low), ("high", |s| s.high)];
        for (part, of) in parts {
            builder = builder.number(format!("{}_{part}", exposure.name()), move |(_, d)| of(&d.exposure[k]));
        }
    }
    builder.table("outcome_exposure")
}

#[cfg(test)]
mod tests {
    use super::*;
    use omafit_outcome::{
        Alignment, HysteresisOptions, OutcomeBaseline, OutcomeOptions, VisitRule, Window, analyse,
    };

    fn patient(id: &str, responder: &str, outcomes: &[(f64, f64)]) -> Patient {
        Patient {
            id: id.into(),
            arm: String::new(),
            responder: responder.into(),
            last_dose: Some(28.0),
            exposure: None,
            outcomes: vec![outcomes.iter().copied().map(Into::into).collect()],
        }
    }

    fn text(tables: &[Table], name: &str) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        tables.iter().find(|t| t.name() == name).unwrap().write_csv(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains("NaN"), "{text}");
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    #[test]
    fn what_is_missing_has_a_reason_and_no_row_is_not_a_number() {
        let patients = [
            patient("1", "yes", &[(0.0, 6.0), (27.0, 4.0), (29.0, 3.0), (90.0, 1.0)]),
            patient("2", "no", &[(28.0, 4.0)]),
        ];
        let options = OutcomeOptions {
            types: vec![OutcomeType::Continuous],
            alignment: Alignment {
                baseline: OutcomeBaseline::Last,
                visits: VisitRule::Nominal(vec![28.0]),
                half_width: None,
                window: Window::Mean,
            },
            onset_days: 112.0,
            hysteresis: HysteresisOptions {
                target_ng_ml: 50.0,
                max_lag: 84,
                replicates: 100,
                seed: 1,
                test: true,
            },
            delay: true,
        };
        let analysis = analyse(&patients, &options);
        let measures = [("score".to_owned(), "points".to_owned())];
        let tables = outcome_tables(&analysis, &patients, &measures).unwrap();
        let rows = text(&tables, "outcome_patients");
        let column = |name: &str| rows[0].iter().position(|c| c == name).unwrap();
        let found = |name: &str| rows[1..].iter().map(|r| r[column(name)].as_str()).collect::<Vec<_>>();
        assert_eq!(found("ID"), ["1", "1", "1", "2"]);
        assert_eq!(found("visit"), ["0", "28", "", ""]);
        assert_eq!(found("day"), ["0", "28", "90", ""]);
        assert_eq!(found("values"), ["1", "2", "1", "0"]);
        assert_eq!(found("change"), ["0", "-2.5", "-5", ""]);
        let reasons = ["", "", "outside the windows of the visits", NO_BASELINE];
        assert_eq!(found("reason"), reasons);
        let rows = text(&tables, "outcome_visits");
        let column = |name: &str| rows[0].iter().position(|c| c == name).unwrap();
        let found = |name: &str| rows[1..].iter().map(|r| r[column(name)].as_str()).collect::<Vec<_>>();
        assert_eq!(found("responder"), ["all", "all", "yes", "yes", "no"]);
        assert_eq!(found("n"), ["1", "1", "1", "1", "0"]);
        assert_eq!(found("change_low"), [""; 5]);
        let one = "one patient: no interval";
        assert_eq!(found("reason"), [one, one, one, one, NO_BASELINE]);
        for name in ["outcome_correlation", "outcome_hysteresis", "outcome_models"] {
            assert_eq!(text(&tables, name).len(), 1, "{name}");
        }
    }
}
