//! Figures of a run.

use crate::error::CliError;
use crate::plan::Plan;
use omafit_estimate::{
    FreeIgeCourse, Method, OutputCourse, ReconstructionOptions, Status, SubjectResult, Trajectory,
    free_ige_course, reconstruct, typical_course,
};
use omafit_model::{Analyte, PopulationModel, Subject};
use omafit_report::file_name;
use omafit_report::individual::{self, Individual, Panel, Whose};
use omafit_report::observed_fitted::{self, AnalyteFit};
use omafit_report::suppression::{self, Suppression};
use omafit_trial::{Column, RunFolder, Table, TableError, Values};
use rayon::prelude::*;
use std::borrow::Cow;

/// Smallest number of subjects for which percentiles are drawn.
const ENOUGH_FOR_PERCENTILES: usize = 20;

/// Number of points for which a curve is smooth across a page.
const POINTS_OF_A_LINE: f64 = 300.0;

/// Writes the figures: each subject, observed against fitted values, and the suppression of free IgE.
pub fn write(
    folder: &RunFolder,
    plan: &Plan,
    subjects: &[Subject],
    results: &[SubjectResult],
    simulated: bool,
) -> Result<(), CliError> {
    let put = |name: String, svg: String| -> Result<(), CliError> {
        Ok(std::fs::write(folder.file(format!("figures/{name}"))?, svg)?)
    };
    let model = plan.model();
    put("observed_fitted.svg".into(), observed_against_fitted(model, subjects, results, simulated)?)?;
    let course = free_ige_course(results.iter().map(|r| &r.trajectory));
    let is_there = course.percentiles[2].iter().any(|median| *median > 0.0);
    if model.structure().free_target().is_some() && is_there && results.len() >= ENOUGH_FOR_PERCENTILES {
        put("suppression.svg".into(), suppressed(plan, subjects, results, &course, simulated)?)?;
        let data = suppression_data(&course)?;
        folder.write("figures/data/suppression.csv", |f| Ok::<_, CliError>(data.write_csv(f)?))?;
    }
    subjects.par_iter().zip(results).enumerate().try_for_each(|(i, (subject, result))| {
        if result.fit.status == Status::Failed {
            return Ok(());
        }
        let name = file_name::for_id(i + 1, &subject.id);
        put(format!("individuals/{name}"), one(plan, subject, result, simulated)?)
    })
}

fn one(plan: &Plan, subject: &Subject, result: &SubjectResult, simulated: bool) -> Result<String, CliError> {
    // If the typical subject cannot be solved, the figure has no typical curve, as PRED is empty then.
    let typical = typical_course(plan.model(), subject, &figure_grid(plan, subject)).ok();
    let method = match plan.options().method {
        Method::Map => "MAP",
        Method::Nls => "NLS",
    };
    let weight = subject.covariates.weight_kg().map(|kg| format!("{kg:.0} kg · "));
    let ige = subject.covariates.ige_ng_ml().map(|ige| format!("baseline IgE {ige:.0} ng/mL · "));
    let caption = format!("{}{}{method}", weight.unwrap_or_default(), ige.unwrap_or_default());
    let course = fine_course(plan, subject, result);
    let label = format!("{} ng/mL", plan.target_ng_ml());
    let model = plan.model();
    let per_analyte = |a: Analyte| {
        let observed: Vec<(f64, f64)> =
            subject.observations.iter().filter(|o| o.analyte == a).map(|o| (o.time, o.value)).collect();
        let typical: Option<Vec<f64>> =
            typical.as_ref().zip(model.structure().output(a)).map(|(t, output)| t.column(output).collect());
        (a, observed, typical)
    };
    let data: Vec<_> = model.analytes().map(per_analyte).collect();
    let panels = data.iter().filter_map(|(a, observed, typical)| {
        let OutputCourse { value, lower, upper } = course.of(*a)?;
        Some(Panel {
            title: model.label(*a),
            unit: model.analyte_unit(*a),
            time: &course.time,
            fitted: value,
            lower,
            upper,
            population: typical.as_deref(),
            observed,
            target: a.is_free_target().then_some((plan.target_ng_ml(), label.as_str())),
            log: true,
        })
    });
    let dose_times: Vec<f64> = subject.doses.iter().map(|d| d.time).collect();
    Ok(individual::svg(&Individual {
        whose: Whose::Subject(&subject.id),
        caption: &caption,
        note: (result.fit.status != Status::Ok).then_some(result.fit.reason.as_str()),
        panels: panels.collect(),
        dose_times: &dose_times,
        level: plan.wanted().level,
        simulated,
    })?)
}

/// Time grid for figures: the grid of the run, or a finer one where a curve through its points would show
/// corners.
fn figure_grid(plan: &Plan, subject: &Subject) -> ReconstructionOptions {
    let span = plan.wanted().until.max(subject.end()) - subject.start;
    let every = (span / POINTS_OF_A_LINE).min(plan.wanted().every);
    ReconstructionOptions { every: if every > 0.0 { every } else { plan.wanted().every }, ..*plan.wanted() }
}

fn fine_course<'a>(plan: &Plan, subject: &Subject, result: &'a SubjectResult) -> Cow<'a, Trajectory> {
    let grid = figure_grid(plan, subject);
    if plan.courses() == Some(&grid) {
        return Cow::Borrowed(&result.trajectory);
    }
    let finer = reconstruct(plan.model(), subject, 0, plan.options(), &result.fit, &grid);
    finer.map_or(Cow::Borrowed(&result.trajectory), |finer| Cow::Owned(finer.trajectory))
}

fn observed_against_fitted(
    model: &PopulationModel,
    subjects: &[Subject],
    results: &[SubjectResult],
    simulated: bool,
) -> Result<String, CliError> {
    let gather = |a: Analyte, of: &dyn Fn(&Subject, &SubjectResult, usize) -> f64| -> Vec<f64> {
        let pairs = subjects.iter().zip(results);
        let rows = pairs.flat_map(|(s, r)| (0..s.observations.len()).map(move |i| (s, r, i)));
        rows.filter(|(s, _, i)| s.observations[*i].analyte == a).map(|(s, r, i)| of(s, r, i)).collect()
    };
    let of_analyte = |a: Analyte| {
        let observed = gather(a, &|s, _, i| s.observations[i].value);
        (a, observed, gather(a, &|_, r, i| r.fit.ipred[i]), gather(a, &|_, r, i| r.pred[i]))
    };
    let data: Vec<_> = model.analytes().map(of_analyte).collect();
    let fits: Vec<AnalyteFit<'_>> = data
        .iter()
        .map(|(a, observed, fitted, population)| AnalyteFit {
            title: model.label(*a),
            unit: model.analyte_unit(*a),
            observed,
            fitted,
            population: Some(population),
        })
        .collect();
    Ok(observed_fitted::svg(&fits, simulated)?)
}

fn suppressed(
    plan: &Plan,
    subjects: &[Subject],
    results: &[SubjectResult],
    course: &FreeIgeCourse,
    simulated: bool,
) -> Result<String, CliError> {
    let [p05, p25, p50, p75, p95] = &course.percentiles;
    let treated = subjects.iter().filter_map(|s| s.doses.last().map(|d| d.time - s.start));
    Ok(suppression::svg(&Suppression {
        title: "Free IgE over time",
        time: &course.time,
        p05,
        p25,
        p50,
        p75,
        p95,
        target_ng_ml: Some(plan.target_ng_ml()),
        treatment_end: treated.reduce(f64::max),
        n: results.iter().filter(|r| !r.trajectory.time.is_empty()).count(),
        simulated,
    })?)
}

/// Data table of the percentiles drawn, one row per day.
fn suppression_data(course: &FreeIgeCourse) -> Result<Table, TableError> {
    let names = ["p05", "p25", "p50", "p75", "p95"];
    let percentiles = names.into_iter().zip(&course.percentiles);
    let columns = [("TIME", &course.time)].into_iter().chain(percentiles);
    let columns = columns.map(|(name, values)| Column::new(name, Values::Float(values.clone())));
    Table::new("suppression", columns.collect())
}
