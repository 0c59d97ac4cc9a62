//! The tables of an outcome analysis.

use crate::table::{Column, Table, TableError, Values};
use omafit_outcome::{
    DailyMean, Direction, Exposure, Group, GroupOutcome, MeanDelay, MeasureOutcome, OutcomeAnalysis,
    OutcomeEstimate, OutcomeFit, Patient, Summary, VisitMean,
};

/// An outcome as it is called: name and unit.
type Measure = (String, String);

/// Builds a table row by row from texts and numbers.
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

/// A group's outcome with what it is called.
struct Of<'a, T> {
    measure: &'a Measure,
    group: &'a Group,
    row: T,
}

/// Rows of every measure and group.
fn rows<'a, T>(
    analysis: &'a OutcomeAnalysis,
    measures: &'a [Measure],
    of: impl Fn(&'a GroupOutcome) -> Vec<T>,
) -> Builder<Of<'a, T>> {
    let mut all = Vec::new();
    for (measure, found) in measures.iter().zip(&analysis.measures) {
        for (group, outcome) in analysis.groups.iter().zip(&found.groups) {
            all.extend(of(outcome).into_iter().map(|row| Of { measure, group, row }));
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

/// `outcome_patients`, one row a patient, measure and visit; `outcome_visits`, one row a measure, group and visit;
/// `outcome_correlation`, `outcome_hysteresis`, `outcome_models` (one row a fitted model), `outcome_model_parameters`.
///
/// # Errors
/// Never: the columns are of one length.
pub fn outcome_tables(
    analysis: &OutcomeAnalysis,
    patients: &[Patient],
    measures: &[Measure],
) -> Result<Vec<Table>, TableError> {
    Ok(vec![
        patients_table(&analysis.measures, patients, measures)?,
        visits_table(analysis, measures)?,
        correlation_table(analysis, measures)?,
        hysteresis_table(analysis, measures)?,
        models_table(analysis, measures)?,
        model_parameters_table(analysis, measures)?,
    ])
}

fn patients_table(
    found: &[MeasureOutcome],
    patients: &[Patient],
    measures: &[Measure],
) -> Result<Table, TableError> {
    let all = measures.iter().zip(found).flat_map(|(m, f)| f.aligned.visits.iter().map(move |v| (m, v)));
    let mut builder = Builder::new(all.collect())
        .text("ID", |(_, v)| patients[v.patient].id.clone())
        .text("arm", |(_, v)| patients[v.patient].arm.clone())
        .text("responder", |(_, v)| patients[v.patient].responder.clone())
        .text("measure", |(m, _)| m.0.clone())
        .text("unit", |(m, _)| m.1.clone())
        .number("visit", |(_, v)| v.visit)
        .number("day", |(_, v)| v.day)
        .number("value", |(_, v)| v.value)
        .number("change", |(_, v)| v.change);
    for (k, exposure) in Exposure::ALL.into_iter().enumerate() {
        builder = builder.number(exposure.name(), move |(_, v)| v.exposure[k]);
    }
    builder.table("outcome_patients")
}

fn visits_table(analysis: &OutcomeAnalysis, measures: &[Measure]) -> Result<Table, TableError> {
    let mut builder = rows(analysis, measures, |g| g.visits.iter().collect::<Vec<&VisitMean>>())
        .named()
        .number("visit", |r| r.row.visit)
        .count("n", |r| r.row.value.n)
        .number("value_mean", |r| r.row.value.mean)
        .number("value_sd", |r| r.row.value.sd)
        .number("change_mean", |r| r.row.change.mean)
        .number("change_sd", |r| r.row.change.sd)
        .number("change_low", |r| r.row.change.low)
        .number("change_high", |r| r.row.change.high)
        .count("n_exposure", |r| r.row.exposure[0].n);
    for (k, exposure) in Exposure::ALL.into_iter().enumerate() {
        builder = builder.number(format!("{}_mean", exposure.name()), move |r| r.row.exposure[k].mean);
    }
    builder.table("outcome_visits")
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
        .table("outcome_correlation")
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

/// A fit, the lowest criteria beside which it stands, and what the choice says of it.
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
        .count("at_limit", |r| usize::from(r.row.1.at_limit))
        .table("outcome_model_parameters")
}

fn each_estimate(outcome: &GroupOutcome) -> Vec<(&OutcomeFit, &OutcomeEstimate)> {
    outcome.fits.iter().flat_map(|fit| fit.estimates.iter().map(move |e| (fit, e))).collect()
}

/// A part of a summary.
type Part = fn(&Summary) -> f64;

/// `outcome_exposure`: one row a group and day, with the means of the exposures and their 95 % intervals; of the logarithm of
/// free IgE, so that exp of it is the geometric mean.
///
/// # Errors
/// Never: the columns are of one length.
pub fn outcome_exposure_table(daily: &[(Group, Vec<DailyMean>)]) -> Result<Table, TableError> {
    let all = daily.iter().flat_map(|(group, days)| days.iter().map(move |day| (group, day)));
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
