//! Warnings about data that were probably recorded in other units than those in which they were read.

use crate::error::CliError;
use omafit_estimate::typical_ratio;
use omafit_model::units::{IGE_NG_ML_PER_NM, NG_PER_IU};
use omafit_model::{Analyte, Censoring, PopulationModel, Subject, Substance};
use omafit_outcome::{Slip, TableAgreement, regimens};
use omafit_trial::{IgeUnit, OmalizumabUnit, ReadOptions, TimeUnit, Warning};

/// Number of subjects examined, from the start of the file.
pub const EXAMINED: usize = 400;
/// Usual intervals between doses in trials, in hours and, in [`DAYS`], in days.
const HOURS: [f64; 3] = [336.0, 504.0, 672.0];
const DAYS: [f64; 3] = [14.0, 21.0, 28.0];
const HOURS_A_DAY: f64 = 24.0;
/// Largest relative difference from a usual interval.
const NEAR_INTERVAL: f64 = 0.05;
/// Median body weight above which the unit is doubtful, kg.
const HEAVY_KG: f64 = 120.0;
/// Largest factor by which a ratio may differ from the factor between two units.
const NEAR: f64 = 1.3;
/// Largest factor by which the ratio of each subject may differ, if there are only a few subjects.
const VERY_NEAR: f64 = 1.02;
/// Smallest fraction of the ratios near a factor; [`RATHER`] is the smallest multiple of the fraction near 1.
const CLOSE: f64 = 0.4;
const RATHER: f64 = 3.0;
/// Largest factor by which a ratio to predictions of the typical subject may differ, as these are less certain.
const NEAR_PREDICTED: f64 = 1.6;
/// Smallest number of subjects or observations for which a median is meaningful.
const FEWEST: usize = 5;

/// Warnings about probable unit mistakes, each with the mistake, the evidence, and the option that corrects it.
pub fn unit_slips(
    model: &PopulationModel,
    subjects: &[Subject],
    options: &ReadOptions,
) -> Result<Vec<Warning>, CliError> {
    let by_table = regimens(subjects)?.and_then(|found| found.slip);
    let table =
        |slip: Slip| by_table.as_ref().filter(|(found, _)| *found == slip).map(|(_, found)| evidence(found));
    let mut warnings = Vec::new();
    let time = time(subjects, options, &table);
    let has_time_slip = time.is_some();
    warnings.extend(time);
    warnings.extend(weight(subjects, &table));
    warnings.extend(ige(subjects, options, &table));
    // Predictions at wrong times give no information about the units of concentrations.
    if !has_time_slip {
        warnings.extend(observed(model, subjects, options));
    }
    Ok(warnings)
}

fn warning(check: &str, text: String) -> Warning {
    Warning { check: check.to_owned(), text }
}

fn evidence(found: &TableAgreement) -> String {
    let TableAgreement { table, subjects, agreeing, .. } = found;
    let status = found.status();
    format!("so read, the doses of {agreeing} of {subjects} subjects are those of the table {table}{status}")
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Median of the values; `None` for fewer than [`FEWEST`] values.
fn median(values: Vec<f64>) -> Option<f64> {
    if values.len() < FEWEST { None } else { middle(values) }
}

fn is_near(ratio: f64, factor: f64, near: f64) -> bool {
    (ratio / factor).max(factor / ratio) < near
}

/// Warning about times in hours that were read in days, or the reverse, judged by the intervals between doses.
fn time(
    subjects: &[Subject],
    options: &ReadOptions,
    table: &dyn Fn(Slip) -> Option<String>,
) -> Option<Warning> {
    let intervals = subjects.iter().flat_map(|subject| {
        let doses: Vec<f64> = subject.doses.iter().filter(|d| d.amount_mg > 0.0).map(|d| d.time).collect();
        doses.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    });
    let interval = median(intervals.collect())?;
    let is = |usual: [f64; 3], factor: f64| {
        usual.iter().any(|one| (interval * factor / one - 1.0).abs() < NEAR_INTERVAL)
    };
    let told = |slip: Slip| table(slip).map_or(String::new(), |evidence| format!("; {evidence}"));
    match options.time_unit {
        TimeUnit::Days if is(HOURS, 1.0) || table(Slip::TimeInHours).is_some() => Some(warning(
            "time_in_hours",
            format!(
                "times are probably in hours and were read in days: the median interval between doses is {interval} days, of \
                 {} hours it would be {} days{}; --time-unit hours",
                interval,
                interval / HOURS_A_DAY,
                told(Slip::TimeInHours)
            ),
        )),
        TimeUnit::Hours if is(DAYS, HOURS_A_DAY) || table(Slip::TimeInDays).is_some() => Some(warning(
            "time_in_days",
            format!(
                "times are probably in days and were read in hours: the median interval between doses is {} hours{}; \
                 --time-unit days",
                interval * HOURS_A_DAY,
                told(Slip::TimeInDays)
            ),
        )),
        _ => None,
    }
}

/// Warning about body weights in pounds that were read in kilograms.
fn weight(subjects: &[Subject], table: &dyn Fn(Slip) -> Option<String>) -> Option<Warning> {
    let weights: Vec<f64> = subjects.iter().filter_map(|s| s.covariates.weight_kg()).collect();
    let heaviest = weights.iter().copied().fold(0.0, f64::max);
    let median = median(weights)?;
    let table = table(Slip::WeightInPounds);
    if median <= HEAVY_KG && table.is_none() {
        return None;
    }
    let told = table.map_or(String::new(), |evidence| format!("; {evidence}"));
    Some(warning(
        "weight_in_pounds",
        format!(
            "body weight (WT) is probably in pounds and was read in kg: its median is {median:.1} and its maximum {heaviest:.1}{told}; \
             --weight-unit lb"
        ),
    ))
}

/// Warning about the covariate IGE and observed IgE in different units, or about IgE in another unit than read.
fn ige(
    subjects: &[Subject],
    options: &ReadOptions,
    table: &dyn Fn(Slip) -> Option<String>,
) -> Option<Warning> {
    let ratio = |subject: &Subject| {
        let first = subject.doses.iter().position(|d| d.amount_mg > 0.0)?;
        let is_before = |o: &&omafit_model::Observation| {
            o.analyte == Analyte::IGE_TOTAL && o.censoring == Censoring::Quantified && o.doses_before <= first
        };
        let total = subject.observations.iter().rfind(is_before)?;
        Some(total.value / subject.covariates.ige_ng_ml()?).filter(|ratio| ratio.is_finite() && *ratio > 0.0)
    };
    let ratios: Vec<f64> = subjects.iter().filter_map(ratio).collect();
    let n = ratios.len();
    let (observed, baseline) = (options.ige_unit, options.baseline_ige_unit.unwrap_or(options.ige_unit));
    // If baselines do not follow the covariate, their ratios scatter widely and give no information about
    // units. With few subjects, each ratio must be very near the factor.
    let (near, close) = if n < FEWEST { (VERY_NEAR, 1.0) } else { (NEAR, CLOSE) };
    let part = |factor: f64| {
        let count = ratios.iter().filter(|ratio| is_near(**ratio, factor, near)).count();
        count as f64 / n as f64
    };
    let is_one = |factor: f64| part(factor) >= close && part(factor) >= RATHER * part(1.0);
    if let Some(median) = middle(ratios.clone()) {
        let units = || [IgeUnit::NgPerMl, IgeUnit::IuPerMl, IgeUnit::Nanomolar].into_iter();
        let of_baseline = units().find(|unit| *unit != baseline && is_one(factor(*unit) / factor(baseline)));
        let of_observed = units().find(|unit| *unit != observed && is_one(factor(observed) / factor(*unit)));
        let slip = match (of_baseline, of_observed) {
            (Some(unit), _) => {
                let option = format!("--ige-unit {} --baseline-ige-unit {}", observed.name(), unit.name());
                Some((unit, "the covariate IGE", baseline, option))
            }
            (_, Some(unit)) => {
                let option = format!("--ige-unit {} --baseline-ige-unit {}", unit.name(), baseline.name());
                Some((unit, "observed IgE", observed, option))
            }
            _ => None,
        };
        if let Some((unit, what, read, option)) = slip {
            return Some(warning(
                "ige_units_differ",
                format!(
                    "{what} is probably in {} and was read in {}: the median of the last total IgE before the first dose over IGE is \
                     {median:.3} in {n} subjects, where about 1 is expected; {option}",
                    unit.name(),
                    read.name(),
                ),
            ));
        }
    }
    let slips = [
        (Slip::IgeInIu, IgeUnit::NgPerMl, IgeUnit::IuPerMl),
        (Slip::IgeInNgMl, IgeUnit::IuPerMl, IgeUnit::NgPerMl),
        (Slip::IgeInNanomolar, IgeUnit::NgPerMl, IgeUnit::Nanomolar),
    ];
    let (_, read, probable, evidence) = slips
        .into_iter()
        .filter(|(_, read, _)| *read == baseline)
        .find_map(|(slip, read, probable)| Some((slip, read, probable, table(slip)?)))?;
    let option = if observed == baseline { "--ige-unit" } else { "--baseline-ige-unit" };
    Some(warning(
        "ige_unit",
        format!(
            "IgE is probably in {} and was read in {}: {evidence}; {option} {}",
            probable.name(),
            read.name(),
            probable.name()
        ),
    ))
}

/// Value of one unit of IgE in ng/mL.
fn factor(unit: IgeUnit) -> f64 {
    match unit {
        IgeUnit::NgPerMl => 1.0,
        IgeUnit::IuPerMl => NG_PER_IU,
        IgeUnit::Nanomolar => IGE_NG_ML_PER_NM,
    }
}

/// Warnings about concentrations that differ from the predictions for a typical subject by the factor between
/// two units.
fn observed(model: &PopulationModel, subjects: &[Subject], options: &ReadOptions) -> Vec<Warning> {
    let ratios = typical_ratio(model, subjects);
    let mut warnings = Vec::new();
    for (analyte, &(ratio, n)) in ratios.iter().filter(|(_, (_, n))| *n >= FEWEST) {
        let (found, read) = match analyte.substance() {
            Substance::Drug => (drug_unit(ratio, options), options.omalizumab_unit.name()),
            Substance::Target => (ige_unit(ratio, options.ige_unit), options.ige_unit.name()),
            Substance::Complex => continue,
        };
        let Some((unit, option)) = found else { continue };
        warnings.push(warning(
            "observed_unit",
            format!(
                "{} is probably in {unit} and was read in {read}: half of {n} observations are above {ratio:.4} times what the model {} \
                 predicts for a typical subject; {option}",
                analyte.name(),
                model.name(),
            ),
        ));
    }
    warnings
}

/// Unit of omalizumab that explains a ratio, and the option for it.
fn drug_unit(ratio: f64, options: &ReadOptions) -> Option<(&'static str, &'static str)> {
    let read = options.omalizumab_unit;
    let ug_ml = |unit| match unit {
        OmalizumabUnit::UgPerMl | OmalizumabUnit::MgPerL => 1.0,
        OmalizumabUnit::NgPerMl => 1e-3,
        OmalizumabUnit::Nanomolar => options.drug_kda / 1000.0,
    };
    let options = [
        (OmalizumabUnit::UgPerMl, "--omalizumab-unit ug/mL"),
        (OmalizumabUnit::NgPerMl, "--omalizumab-unit ng/mL"),
        (OmalizumabUnit::Nanomolar, "--omalizumab-unit nM"),
    ];
    let of = |(unit, option): (OmalizumabUnit, &'static str)| {
        let expected = ug_ml(read) / ug_ml(unit);
        (expected != 1.0 && is_near(ratio, expected, NEAR_PREDICTED)).then(|| (unit.name(), option))
    };
    options.into_iter().find_map(of)
}

/// Unit of IgE that explains a ratio, and the option for it; only units that differ from the unit read by more
/// than IgE differs between patients.
fn ige_unit(ratio: f64, read: IgeUnit) -> Option<(&'static str, &'static str)> {
    let options = [
        (IgeUnit::NgPerMl, "--ige-unit ng/mL"),
        (IgeUnit::IuPerMl, "--ige-unit IU/mL"),
        (IgeUnit::Nanomolar, "--ige-unit nM"),
    ];
    let of = |(unit, option): (IgeUnit, &'static str)| {
        let expected = factor(read) / factor(unit);
        let is_far = !(0.1..10.0).contains(&expected);
        (is_far && is_near(ratio, expected, NEAR_PREDICTED)).then(|| (unit.name(), option))
    };
    options.into_iter().find_map(of)
}
