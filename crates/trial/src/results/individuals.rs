//! Table `individuals`, with one row per subject.

use super::suppression::fact_columns;
use crate::table::{Column, Table, TableError, Values, covariate_names};
use omafit_estimate::{
    FitOptions, Goodness, Method, NORMAL_975, ProfileInterval, SigmaRule, Status, SubjectResult, free_names,
    sigmas,
};
use omafit_model::{Analyte, PopulationModel, Residual, Subject};

/// Table with one row per subject: ID, status of the fit, covariates (`WT` in kg, `IGE` in ng/mL, then by name the
/// covariates that any subject has), every parameter with its standard error, relative standard error, 95 % interval,
/// profile interval on request, and η, shrinkage of MAP estimates, the subject's own residual errors, goodness of fit,
/// and suppression of free IgE. Missing values are not known, not estimated, not determined or not defined.
///
/// # Errors
/// [`TableError::Duplicate`] if a covariate has the name of another column.
pub fn individuals_table(
    model: &PopulationModel,
    options: &FitOptions,
    subjects: &[Subject],
    results: &[SubjectResult],
) -> Result<Table, TableError> {
    let mut columns = Vec::new();
    let mut text = |name: &str, of: &dyn Fn(&Subject, &SubjectResult) -> String| {
        let values = subjects.iter().zip(results).map(|(s, r)| of(s, r));
        columns.push(Column::new(name, Values::text(values)));
    };
    let names = free_names(model, options);
    text("ID", &|s, _| s.id.clone());
    text("status", &|_, r| r.fit.status.name().into());
    text("reason", &|_, r| r.fit.reason.clone());
    text("weak_directions", &|_, r| r.fit.data_information.weaknesses(&names).join("; "));
    let weak = columns.pop();
    let mut number = |name: String, of: &dyn Fn(&Subject, &SubjectResult) -> f64| {
        let values = subjects.iter().zip(results).map(|(s, r)| of(s, r)).collect();
        columns.push(Column::new(name, Values::Float(values)));
    };
    for name in covariate_names(subjects) {
        number(name.into(), &|s, _| s.covariates.get(name).unwrap_or(f64::NAN));
    }
    number("iterations".into(), &|_, r| r.fit.iterations as f64);
    number("starts".into(), &|_, r| r.fit.starts as f64);
    number("n_obs".into(), &|s, _| s.observations.len() as f64);
    number("rank".into(), &|_, r| r.fit.data_information.rank() as f64);
    number("condition".into(), &|_, r| r.fit.data_information.condition());
    number("ofv".into(), &|_, r| r.fit.ofv);
    number("ssq".into(), &|_, r| r.fit.ssq);
    number("minus2ll".into(), &|_, r| r.fit.minus2ll);
    number("effective_parameters".into(), &|_, r| r.fit.effective_parameters);
    number("aic".into(), &|_, r| r.aic());
    for (position, name) in model.parameter_names().enumerate() {
        number(name.into(), &|_, r| model.in_unit(position, r.fit.parameters[position]));
    }
    for (i, name) in names.iter().enumerate() {
        let position = options.free[i];
        let se = |r: &SubjectResult| {
            let to_natural = r.fit.log_slopes[i] * r.fit.parameters[position];
            r.fit.uncertainty.se_log(i).map_or(f64::NAN, |se| se * to_natural)
        };
        number(format!("SE_{name}"), &|_, r| model.in_unit(position, se(r)));
        number(format!("RSE_PCT_{name}"), &|_, r| 100.0 * se(r) / r.fit.parameters[position].abs());
    }
    for (i, name) in names.iter().enumerate() {
        let position = options.free[i];
        let parameter = &model.parameters()[position];
        // The interval of η, which is nearly normal, on the parameter's own scale.
        let end = |r: &SubjectResult, quantile: f64| {
            let away = r.fit.uncertainty.se_log(i).map_or(f64::NAN, |se| quantile * se);
            model.in_unit(position, parameter.individual(r.fit.parameters[position], away).value)
        };
        number(format!("CI_LOW_{name}"), &|_, r| end(r, -NORMAL_975));
        number(format!("CI_HIGH_{name}"), &|_, r| end(r, NORMAL_975));
        if options.profile.is_some() {
            let profile = |r: &SubjectResult, of: fn(ProfileInterval) -> f64| {
                let eta = r.fit.profile.get(i).copied().flatten().map_or(f64::NAN, of);
                let end = parameter.individual(r.fit.parameters[position], eta - r.fit.eta[i]).value;
                model.in_unit(position, end)
            };
            number(format!("PROFILE_LOW_{name}"), &|_, r| profile(r, |interval| interval.low));
            number(format!("PROFILE_HIGH_{name}"), &|_, r| profile(r, |interval| interval.high));
        }
    }
    for (i, name) in names.iter().enumerate() {
        number(format!("ETA_{name}"), &|_, r| r.fit.eta[i]);
    }
    if options.method == Method::Map {
        let variable = model.variable();
        for (i, name) in names.iter().enumerate() {
            let at = variable.iter().position(|v| *v == options.free[i]);
            let prior = at.map_or(f64::NAN, |at| model.omega()[at * (variable.len() + 1)]);
            number(format!("EBV_SHRINK_PCT_{name}"), &|_, r| {
                r.fit.uncertainty.se_log(i).map_or(f64::NAN, |se| 100.0 * se * se / prior)
            });
        }
    }
    if options.sigma == SigmaRule::Subject {
        for (analyte, part, name) in sigma_columns(model) {
            number(name, &|_, r| {
                let law = r.fit.errors.get(analyte).filter(|_| r.fit.status != Status::Failed);
                law.and_then(|law| sigmas(law.error).get(part).copied()).unwrap_or(f64::NAN)
            });
        }
    }
    let overall = |r: &SubjectResult| r.overall;
    goodness_columns(&mut number, "", &overall);
    for analyte in model.analytes() {
        let of = |r: &SubjectResult| r.by_analyte.get(analyte).copied().unwrap_or_default();
        goodness_columns(&mut number, &format!("_{}", analyte.name()), &of);
    }
    if model.structure().free_target().is_some() {
        columns.extend(fact_columns(results));
    }
    columns.extend(weak);
    Table::new("individuals", columns)
}

/// Columns of the subjects' own residual errors (`--sigma subject`): analyte, index among the standard deviations of
/// its error, and name.
pub fn sigma_columns(model: &PopulationModel) -> Vec<(Analyte, usize, String)> {
    let of = |(analyte, residual): (Analyte, &Residual)| {
        let count = sigmas(residual.error).len();
        let infixes: &[&str] = if count == 2 { &["ADDITIVE_", "PROPORTIONAL_"] } else { &[""] };
        let names = infixes.iter().take(count).enumerate();
        names.map(move |(part, infix)| (analyte, part, format!("SIGMA_{infix}{}", analyte.name())))
    };
    model.residuals().iter().flat_map(of).collect()
}

/// Writer of a column with a number for each subject.
type NumberColumn<'a> = dyn FnMut(String, &dyn Fn(&Subject, &SubjectResult) -> f64) + 'a;

fn goodness_columns(number: &mut NumberColumn<'_>, suffix: &str, of: &dyn Fn(&SubjectResult) -> Goodness) {
    number(format!("n{suffix}"), &|_, r| of(r).n as f64);
    number(format!("rmse_log{suffix}"), &|_, r| of(r).rmse_log);
    number(format!("r2_log{suffix}"), &|_, r| of(r).r2_log);
    number(format!("wres_mean{suffix}"), &|_, r| of(r).wres_mean);
    number(format!("wres_sd{suffix}"), &|_, r| of(r).wres_sd);
    number(format!("runs_p{suffix}"), &|_, r| of(r).runs_p);
}
