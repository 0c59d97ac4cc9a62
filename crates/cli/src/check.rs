//! `omafit check`: a summary of a data set, or all of its errors.

use crate::Outcome;
use crate::checks::name_and_number;
use crate::data_page::DataPage;
use crate::error::{CliError, refuse};
use crate::options::{BeforeDoseName, CheckArgs, HowArgs};
use crate::unit_slips::{EXAMINED, unit_slips};
use crate::{model, print};
use omafit_model::{Analyte, Covariates, PopulationModel, analytes};
use omafit_outcome::regimens;
use omafit_trial::{DataSet, Mapping, ReadOptions, Trial, read};
use std::collections::BTreeMap;

/// The upper limit of quantification of free IgE in Hayashi et al. 2007, ng/mL.
const ASSAY_LIMIT_NG_ML: f64 = 150.0;

/// Reads a data set and prints its summary.
pub fn check(args: &CheckArgs) -> Result<Outcome, CliError> {
    let model = model::load(&args.model)?;
    let options = overlaid(&args.read.how, model::needs(&model))?;
    let mut trial = read(&args.read.data, &options)?;
    let examined = &trial.subjects[..trial.subjects.len().min(EXAMINED)];
    let slips = unit_slips(&model, examined, &options)?;
    trial.warnings.splice(0..0, slips);
    let regimens = regimens(&trial.subjects)?;
    let page = DataPage::new(&trial, &model, regimens.as_ref());
    match args.json {
        true => print::text(&page.json()?),
        false => print::text(&page.plain()),
    }
    strict(&trial, args.read.how.strict)?;
    Ok(Outcome::Done)
}

/// Refuses data with probable mistakes if `--strict` was given.
pub fn strict(trial: &Trial, is_strict: bool) -> Result<(), CliError> {
    match trial.warnings.is_empty() || !is_strict {
        true => Ok(()),
        false => {
            Err(CliError::Suspicious { warnings: trial.warnings.iter().map(|w| w.text.clone()).collect() })
        }
    }
}

/// Adds warnings about probable unit mistakes to a data set; the first subjects are read again for this.
pub fn examine(set: &mut DataSet, model: &PopulationModel, options: &ReadOptions) -> Result<(), CliError> {
    let mut first = Vec::new();
    set.blocks(EXAMINED, |some| {
        first = some;
        Ok::<_, CliError>(false)
    })?;
    set.trial.warnings.splice(0..0, unit_slips(model, &first, options)?);
    Ok(())
}

/// Replaces a value by another, if one was given.
fn put<T, N: Into<T>>(to: &mut T, given: Option<N>) {
    if let Some(given) = given {
        *to = given.into();
    }
}

/// Options for reading a data set: the requirements of a model (`base`), overridden by the arguments.
pub fn overlaid(args: &HowArgs, base: ReadOptions) -> Result<ReadOptions, CliError> {
    let mut options = base;
    if let Some(standard) = args.standard {
        options.follow(standard.into());
    }
    if let Some(path) = &args.mapping {
        Mapping::read(path)?.apply(&mut options);
    }
    options.dates = args.dates.map(Into::into).or(options.dates);
    put(&mut options.time_unit, args.time_unit);
    put(&mut options.ige_unit, args.ige_unit);
    put(&mut options.weight_unit, args.weight_unit);
    put(&mut options.omalizumab_unit, args.omalizumab_unit);
    put(&mut options.separator, args.layout.separator);
    put(&mut options.decimal, args.layout.decimal);
    options.baseline_ige_unit = args.baseline_ige_unit.map(Into::into).or(options.baseline_ige_unit);
    options.carried.extend(args.covariates.iter().cloned());
    options.unused.extend(args.unused.iter().cloned());
    options.allow_undosed |= args.allow_undosed;
    options.allow_unobserved |= args.allow_unobserved;
    options.leave_out_before_dose |= args.before_dose == BeforeDoseName::LeaveOut;
    options.ignore.extend(args.ignore.iter().cloned());
    options.accept.extend(args.accept.iter().cloned());
    options.missing.extend(&args.missing);
    options.columns.extend(renamed(&args.columns)?);
    for (name, value) in assumed(args)? {
        options.assume.retain(|known, _| !known.eq_ignore_ascii_case(&name));
        options.assume.insert(name, value);
    }
    options.lloq.extend(limits("lloq", &args.lloq)?);
    let mut upper = limits("uloq", &args.uloq)?;
    if args.assay_limit
        && let Some(value) = upper.insert(Analyte::IGE_FREE, ASSAY_LIMIT_NG_ML)
    {
        let expected = "without --assay-limit, which sets the same limit";
        return Err(refuse("uloq", format!("ige_free={value}"), expected));
    }
    options.uloq.extend(upper);
    Ok(options)
}

/// Columns that have another name in the file, from arguments of the form NAME=THEIRS.
pub fn renamed(given: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let expected = "omafit's name, an equals sign, and the file's name, such as DV=CONC, with every name of omafit's once";
    let mut columns = BTreeMap::new();
    for column in given {
        let names =
            column.split_once('=').map(|(name, in_file)| (name.trim().to_ascii_uppercase(), in_file.trim()));
        match names {
            Some((name, in_file)) if !columns.contains_key(&name) => columns.insert(name, in_file.into()),
            _ => return Err(refuse("column", column, expected)),
        };
    }
    Ok(columns)
}

/// Assumed covariate values, from all options that set one.
fn assumed(args: &HowArgs) -> Result<BTreeMap<String, f64>, CliError> {
    let mut assumed = BTreeMap::new();
    for (name, value) in [(Covariates::WEIGHT, args.assume_weight), (Covariates::IGE, args.assume_ige)] {
        assumed.extend(value.map(|value| (name.to_owned(), value)));
    }
    for text in &args.assume {
        let known = |name: &str| assumed.keys().any(|known: &String| known.eq_ignore_ascii_case(name));
        match name_and_number(text) {
            Some((name, value)) if !known(name) => assumed.insert(name.to_owned(), value),
            _ => {
                let expected =
                    "a covariate, an equals sign, and a number, such as AGE=41, with every covariate once";
                return Err(refuse("assume", text, expected));
            }
        };
    }
    Ok(assumed)
}

/// Limits of quantification by analyte.
fn limits(option: &'static str, given: &[String]) -> Result<BTreeMap<Analyte, f64>, CliError> {
    let mut limits = BTreeMap::new();
    for text in given {
        let limit = name_and_number(text).and_then(|(name, value)| Some((analyte(name)?, value)));
        match limit {
            Some((analyte, value)) if !limits.contains_key(&analyte) => {
                limits.insert(analyte, value);
            }
            _ => {
                let named = |analyte: Analyte| Some(format!("{} ({})", analyte.name(), analyte.dvid()?));
                let names: Vec<String> = analytes().into_iter().filter_map(named).collect();
                let expected = format!(
                    "an analyte, an equals sign, and a number, such as ige_free=2; each of {} once",
                    names.join(", ")
                );
                return Err(refuse(option, text, &expected));
            }
        }
    }
    Ok(limits)
}

/// Analyte with the given name or `DVID`.
fn analyte(text: &str) -> Option<Analyte> {
    let is_dvid = |analyte: &Analyte| analyte.dvid().is_some_and(|dvid| dvid.to_string() == text);
    analytes().into_iter().find(|analyte| analyte.name().eq_ignore_ascii_case(text) || is_dvid(analyte))
}
