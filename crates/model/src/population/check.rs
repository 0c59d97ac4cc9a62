//! Checks of a model file on the way to a [`PopulationModel`].

use super::effect::{Effect, EffectForm};
use super::error::{Finding, ModelError, Step, Step::Item, Step::Key};
use super::file::{
    BlockEntry, CorrelationEntry, EffectEntry, ModelFile, ParameterEntry, SearchEntry, SearchForm, StartRule,
};
use super::output::check_outputs;
use super::parameter::{PopulationParameter, Transform};
use super::residual::{ErrorModel, Residual, ResidualDistribution};
use super::{PopulationModel, unit};
use crate::analyte::PerAnalyte;
use crate::equations::{STRUCTURES, StructuralModel, structure, structure_with_dosing};
use crate::subject::Covariates;

/// Dosing parameters; a file that gives one of them selects the structure with dosing.
const DOSING: [&str; 2] = ["F", "tlag"];

impl PopulationModel {
    /// Reads and checks the text of a model file.
    ///
    /// ```
    /// use omafit_model::{PopulationModel, published};
    /// let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    /// assert_eq!(model.parameters()[0].typical, 0.48);
    /// ```
    ///
    /// # Errors
    /// When the text is not TOML of the form of [`ModelFile`], names an unknown item, or has a value out of range; the
    /// error gives line and column.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        check(ModelFile::parse(text)?).map_err(|finding| finding.locate(Some(text)))
    }

    /// Checks a model file.
    ///
    /// # Errors
    /// When the file names an unknown item or has a value out of range.
    pub fn new(file: ModelFile) -> Result<Self, ModelError> {
        check(file).map_err(|finding| finding.locate(None))
    }
}

fn check(mut file: ModelFile) -> Result<PopulationModel, Finding> {
    let structure = find_structure(&file)?;
    complete_dosing(&mut file);
    if file.start == StartRule::Baseline && !structure.starts_at_baseline() {
        let problem = format!("{} has no target to start from: use \"steady_state\"", structure.name());
        return Err(Finding::new(&[Key("start")], problem));
    }
    let names: Vec<&str> = structure.parameters().iter().map(|p| p.name).collect();
    for name in file.parameters.keys() {
        known(&names, &[Key("parameters"), Key(name)], name)?;
    }
    for (i, name) in file.estimate.iter().flatten().enumerate() {
        known(&names, &[Key("estimate"), Item(i)], name)?;
    }
    for (i, entry) in file.search.iter().enumerate() {
        searched(&[Key("search"), Item(i)], entry, &names)?;
    }
    let mut parameters = Vec::with_capacity(names.len());
    for info in structure.parameters() {
        let path = [Key("parameters"), Key(info.name)];
        let Some(entry) = file.parameters.get(info.name) else {
            let problem = format!("missing: {} needs a typical value of {}", structure.name(), info.meaning);
            return Err(Finding::new(&path, problem));
        };
        parameters.push(parameter(&path, info.unit, entry)?);
        if info.name == "F" {
            positive(&with(&path, &[Key("typical")]), entry.typical)?;
        }
    }
    let (variable, omega, omega_fixed) = variability(&file, &names, &parameters)?;
    let residual = residuals(&file, structure)?;
    check_outputs(&file, structure)?;
    Ok(PopulationModel { file, structure, parameters, variable, omega, omega_fixed, residual })
}

fn find_structure(file: &ModelFile) -> Result<&'static dyn StructuralModel, Finding> {
    let dosed = DOSING.iter().any(|name| file.parameters.contains_key(*name));
    let find = if dosed { structure_with_dosing } else { structure };
    find(&file.structure).ok_or_else(|| {
        let all: Vec<&str> = STRUCTURES.iter().map(|s| s.name()).collect();
        Finding::new(&[Key("structure")], no("structure", &file.structure, &all))
    })
}

/// Adds the dosing parameter that a file omits, with a value that has no effect, if the file gives the other one.
fn complete_dosing(file: &mut ModelFile) {
    let has = |name: &str| file.parameters.contains_key(name);
    let entry = |typical: f64, unit: &str| ParameterEntry {
        typical,
        unit: unit.into(),
        transform: Transform::Identity,
        bounds: None,
        fixed: true,
        effects: Vec::new(),
    };
    match (has("F"), has("tlag")) {
        (true, false) => file.parameters.insert("tlag".into(), entry(0.0, "d")),
        (false, true) => file.parameters.insert("F".into(), entry(1.0, "1")),
        _ => None,
    };
}

fn no(kind: &str, name: &str, all: &[&str]) -> String {
    format!("no {kind} `{name}`; there are {}", all.join(", "))
}

fn known(names: &[&str], path: &[Step<'_>], name: &str) -> Result<usize, Finding> {
    let found = names.iter().position(|n| *n == name);
    found.ok_or_else(|| Finding::new(path, no("parameter", name, names)))
}

fn with<'a>(path: &[Step<'a>], further: &[Step<'a>]) -> Vec<Step<'a>> {
    [path, further].concat()
}

fn require(sound: bool, path: &[Step<'_>], value: f64, allowed: &str) -> Result<(), Finding> {
    if sound { Ok(()) } else { Err(Finding::new(path, format!("{value} is not {allowed}"))) }
}

fn positive(path: &[Step<'_>], value: f64) -> Result<(), Finding> {
    require(value.is_finite() && value > 0.0, path, value, "a number above 0")
}

fn finite(path: &[Step<'_>], value: f64) -> Result<(), Finding> {
    require(value.is_finite(), path, value, "a finite number")
}

fn parameter(
    path: &[Step<'_>; 2],
    structures: &str,
    entry: &ParameterEntry,
) -> Result<PopulationParameter, Finding> {
    let at = |key: &'static str| with(path, &[Key(key)]);
    let factor = unit::factor(&entry.unit, structures).map_err(|units| {
        Finding::new(&at("unit"), format!("`{}` is none of {}", entry.unit, units.join(", ")))
    })?;
    let transform = entry.transform;
    if transform == Transform::Identity {
        let sound = entry.typical.is_finite() && entry.typical >= 0.0;
        require(sound, &at("typical"), entry.typical, "a number of at least 0")?;
    } else {
        positive(&at("typical"), entry.typical)?;
    }
    let bounds = match (entry.bounds, transform) {
        (Some([low, high]), _) => {
            require(low.is_finite() && low >= 0.0, &at("bounds"), low, "a lower bound of at least 0")?;
            require(high.is_finite() && high > low, &at("bounds"), high, "an upper bound above the lower")?;
            (low, high)
        }
        (None, Transform::Logit) => (0.0, 1.0),
        (None, _) => (0.0, f64::INFINITY),
    };
    let inside = match transform {
        Transform::Logit => entry.typical > bounds.0 && entry.typical < bounds.1,
        _ => entry.typical >= bounds.0 && entry.typical <= bounds.1,
    };
    let range = format!("within the bounds {} to {}", bounds.0, bounds.1);
    require(inside, &at("typical"), entry.typical, &range)?;
    let mut effects = Vec::with_capacity(entry.effects.len());
    for (i, entry) in entry.effects.iter().enumerate() {
        effects.push(effect(&with(path, &[Key("effects"), Item(i)]), entry)?);
    }
    Ok(PopulationParameter {
        typical: entry.typical * factor,
        transform,
        bounds: (bounds.0 * factor, bounds.1 * factor),
        fixed: entry.fixed,
        effects,
    })
}

fn searched(path: &[Step<'_>], entry: &SearchEntry, names: &[&str]) -> Result<(), Finding> {
    let at = |key: &'static str| with(path, &[Key(key)]);
    known(names, &at("parameter"), &entry.parameter)?;
    named(&at("covariate"), &entry.covariate)?;
    let is_categorical = entry.form == SearchForm::Categorical;
    let (other, stray) = match is_categorical {
        true => ("centre", entry.centre),
        false => ("reference", entry.reference),
    };
    if stray.is_some() {
        let problem = format!("an effect of the form {} has no {other}", entry.form.name());
        return Err(Finding::new(&at(other), problem));
    }
    match (entry.form, entry.centre.or(entry.reference)) {
        (SearchForm::Power, Some(centre)) => positive(&at("centre"), centre),
        (SearchForm::Categorical, Some(reference)) => finite(&at("reference"), reference),
        (_, Some(centre)) => finite(&at("centre"), centre),
        (_, None) => Ok(()),
    }
}

fn effect(path: &[Step<'_>], entry: &EffectEntry) -> Result<Effect, Finding> {
    let at = |key: &'static str| with(path, &[Key(key)]);
    let (covariate, form, fixed) = match entry {
        EffectEntry::Power { covariate, centre, exponent, fixed } => {
            positive(&at("centre"), *centre)?;
            finite(&at("exponent"), *exponent)?;
            (covariate, EffectForm::Power { centre: *centre, exponent: *exponent }, fixed)
        }
        EffectEntry::Exponential { covariate, centre, slope, fixed } => {
            finite(&at("centre"), *centre)?;
            finite(&at("slope"), *slope)?;
            (covariate, EffectForm::Exponential { centre: *centre, slope: *slope }, fixed)
        }
        EffectEntry::Linear { covariate, centre, slope, fixed } => {
            finite(&at("centre"), *centre)?;
            finite(&at("slope"), *slope)?;
            (covariate, EffectForm::Linear { centre: *centre, slope: *slope }, fixed)
        }
        EffectEntry::Categorical { covariate, reference, levels, fixed } => {
            finite(&at("reference"), *reference)?;
            let mut seen = vec![*reference];
            for (i, level) in levels.iter().enumerate() {
                let at = |key: &'static str| with(path, &[Key("levels"), Item(i), Key(key)]);
                let new = level.value.is_finite() && !seen.contains(&level.value);
                require(new, &at("value"), level.value, "a further value of the covariate")?;
                positive(&at("factor"), level.factor)?;
                seen.push(level.value);
            }
            if levels.is_empty() {
                let problem = "without levels the effect does nothing: give one at least";
                return Err(Finding::new(&at("levels"), problem));
            }
            let levels = levels.iter().map(|l| (l.value, l.factor)).collect();
            (covariate, EffectForm::Categorical { reference: *reference, levels }, fixed)
        }
    };
    named(&at("covariate"), covariate)?;
    // WT and IGE are defined by the program and known in upper and lower case.
    let upper = covariate.to_ascii_uppercase();
    let own = [Covariates::WEIGHT, Covariates::IGE].contains(&upper.as_str());
    let covariate = if own { upper } else { covariate.clone() };
    Ok(Effect { covariate, form, fixed: *fixed })
}

fn named(path: &[Step<'_>], covariate: &str) -> Result<(), Finding> {
    let is_name = !covariate.is_empty() && covariate.trim() == covariate;
    let problem = "a covariate has the name of a column of the data";
    if is_name { Ok(()) } else { Err(Finding::new(path, problem)) }
}

type Omega = (Vec<usize>, Vec<f64>, Vec<bool>);

/// Positions of the variable parameters, Ω, and which of its elements are fixed.
fn variability(
    file: &ModelFile,
    names: &[&str],
    parameters: &[PopulationParameter],
) -> Result<Omega, Finding> {
    let all = names.len();
    let mut full = vec![0.0; all * all];
    let mut given = vec![true; all * all];
    for (name, entry) in &file.variability {
        let path = [Key("variability"), Key(name)];
        let i = known(names, &path, name)?;
        let transform = parameters[i].transform;
        let variance = match (entry.variance, entry.sd, entry.cv_pct) {
            (Some(variance), None, None) => {
                positive(&with(&path, &[Key("variance")]), variance)?;
                variance
            }
            (None, Some(sd), None) => {
                positive(&with(&path, &[Key("sd")]), sd)?;
                sd * sd
            }
            (None, None, Some(cv)) if transform == Transform::Log => {
                positive(&with(&path, &[Key("cv_pct")]), cv)?;
                (cv / 100.0).powi(2).ln_1p()
            }
            (None, None, Some(_)) => {
                let problem = format!(
                    "a coefficient of variation is of a log-normal parameter; with the transform {} give \
                     `variance` or `sd`",
                    transform.name()
                );
                return Err(Finding::new(&with(&path, &[Key("cv_pct")]), problem));
            }
            _ => {
                let problem = "needs `variance`, `sd` or `cv_pct`, one of the three";
                return Err(Finding::new(&path, problem));
            }
        };
        full[i * all + i] = variance;
        given[i * all + i] = entry.fixed;
    }
    for (b, entry) in file.blocks.iter().enumerate() {
        block(b, entry, names, &mut full, &mut given)?;
    }
    for (c, entry) in file.correlations.iter().enumerate() {
        correlation(c, entry, names, &mut full, &mut given)?;
    }
    let variable: Vec<usize> = (0..all).filter(|&i| full[i * all + i] > 0.0).collect();
    let chosen = |i: usize, j: usize| variable[i] * all + variable[j];
    let n = variable.len();
    let omega: Vec<f64> = (0..n * n).map(|k| full[chosen(k / n, k % n)]).collect();
    let fixed = (0..n * n).map(|k| given[chosen(k / n, k % n)]).collect();
    if !positive_definite(&omega, n) {
        let place = if file.blocks.is_empty() { "correlations" } else { "blocks" };
        let problem = "together they are not a covariance: the matrix is not positive definite";
        return Err(Finding::new(&[Key(place)], problem));
    }
    Ok((variable, omega, fixed))
}

fn block(
    b: usize,
    entry: &BlockEntry,
    names: &[&str],
    full: &mut [f64],
    given: &mut [bool],
) -> Result<(), Finding> {
    let all = names.len();
    let path = [Key("blocks"), Item(b)];
    let mut at = Vec::new();
    for (i, name) in entry.parameters.iter().enumerate() {
        let path = with(&path, &[Key("parameters"), Item(i)]);
        let position = known(names, &path, name)?;
        if full[position * all + position] > 0.0 || at.contains(&position) {
            return Err(Finding::new(&path, format!("{name} has a variability already")));
        }
        at.push(position);
    }
    let path = with(&path, &[Key("covariance")]);
    let triangle = entry.covariance.len() == at.len()
        && entry.covariance.iter().enumerate().all(|(i, row)| row.len() == i + 1);
    if !triangle || at.is_empty() {
        let problem =
            format!("needs the lower triangle of {} rows: one number, then two, and so on", at.len());
        return Err(Finding::new(&path, problem));
    }
    for (i, row) in entry.covariance.iter().enumerate() {
        for (j, &value) in row.iter().enumerate() {
            let path = with(&path, &[Item(i), Item(j)]);
            if i == j {
                positive(&path, value)?;
            }
            finite(&path, value)?;
            for k in [at[i] * all + at[j], at[j] * all + at[i]] {
                full[k] = value;
                given[k] = entry.fixed;
            }
        }
    }
    Ok(())
}

fn correlation(
    c: usize,
    entry: &CorrelationEntry,
    names: &[&str],
    full: &mut [f64],
    given: &mut [bool],
) -> Result<(), Finding> {
    let all = names.len();
    let path = [Key("correlations"), Item(c)];
    let mut at = [0; 2];
    for (i, (at, name)) in at.iter_mut().zip(&entry.between).enumerate() {
        let path = with(&path, &[Key("between"), Item(i)]);
        *at = known(names, &path, name)?;
        if !(full[*at * (all + 1)] > 0.0) {
            return Err(Finding::new(&path, format!("{name} has no variability to correlate with")));
        }
    }
    let [i, j] = at;
    if i == j || full[i * all + j] != 0.0 {
        let problem = "needs two parameters that are not correlated yet";
        return Err(Finding::new(&with(&path, &[Key("between")]), problem));
    }
    require(entry.value.abs() < 1.0, &with(&path, &[Key("value")]), entry.value, "between −1 and 1")?;
    let covariance = entry.value * (full[i * (all + 1)] * full[j * (all + 1)]).sqrt();
    for k in [i * all + j, j * all + i] {
        full[k] = covariance;
        given[k] = entry.fixed;
    }
    Ok(())
}

/// Range of the degrees of freedom of Student's t.
const DEGREES_OF_FREEDOM: std::ops::RangeInclusive<f64> = 1.0..=100.0;

fn residuals(file: &ModelFile, structure: &dyn StructuralModel) -> Result<PerAnalyte<Residual>, Finding> {
    let analytes = structure.analytes();
    if let Some(other) = file.residual.keys().find(|analyte| !analytes.contains(analyte)) {
        let problem = format!("{} does not predict it", structure.name());
        return Err(Finding::new(&[Key("residual"), Key(other.name())], problem));
    }
    let mut residual = Vec::with_capacity(analytes.len());
    for analyte in analytes {
        let path = [Key("residual"), Key(analyte.name())];
        let at = |key: &'static str| with(&path, &[Key(key)]);
        let Some(entry) = file.residual.get(&analyte) else {
            return Err(Finding::new(&path, "missing: every analyte needs a residual error"));
        };
        let parts = [
            ("log_sd", entry.log_sd),
            ("additive_sd", entry.additive_sd),
            ("proportional_sd", entry.proportional_sd),
        ];
        for (key, value) in parts {
            if let Some(value) = value {
                positive(&at(key), value)?;
            }
        }
        let error = match (entry.log_sd, entry.additive_sd, entry.proportional_sd) {
            (Some(sd), None, None) => ErrorModel::LogNormal { sd },
            (None, Some(_), _) | (None, _, Some(_)) => ErrorModel::Normal {
                additive: entry.additive_sd.unwrap_or(0.0),
                proportional: entry.proportional_sd.unwrap_or(0.0),
            },
            _ => {
                let problem = "needs `log_sd`, or `additive_sd`, `proportional_sd` or both of these";
                return Err(Finding::new(&path, problem));
            }
        };
        let distribution = match entry.student_t {
            Some(df) => {
                let is_df = DEGREES_OF_FREEDOM.contains(&df);
                require(is_df, &at("student_t"), df, "degrees of freedom from 1 to 100")?;
                ResidualDistribution::StudentT { df }
            }
            None => ResidualDistribution::Normal,
        };
        if let Some(lloq) = entry.lloq {
            positive(&at("lloq"), lloq)?;
        }
        if let Some(uloq) = entry.uloq {
            let low = entry.lloq.unwrap_or(0.0);
            require(uloq.is_finite() && uloq > low, &at("uloq"), uloq, "a number above the lower limit")?;
        }
        let (lloq, uloq, fixed) = (entry.lloq, entry.uloq, entry.fixed);
        residual.push((analyte, Residual { error, distribution, lloq, uloq, fixed }));
    }
    Ok(residual.into_iter().collect())
}

/// Whether a matrix is positive definite, by Cholesky factorisation.
fn positive_definite(matrix: &[f64], n: usize) -> bool {
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let inner: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let rest = matrix[i * n + j] - inner;
            if i == j {
                if !(rest > 0.0) {
                    return false;
                }
                lower[i * n + i] = rest.sqrt();
            } else {
                lower[i * n + j] = rest / lower[j * n + j];
            }
        }
    }
    true
}
