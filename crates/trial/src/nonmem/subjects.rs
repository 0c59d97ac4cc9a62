//! Subjects of a run in NONMEM's tables: .phi, sdtab, patab, catab, cotab.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use omafit_model::{EffectForm, PopulationModel};

use super::described::NonmemRun;
use super::numbers::{Numbering, triangle};
use super::text::{header, s1pe12_5, s1pe15_8};
use crate::definitions::definition;
use crate::table::{Table, Values, push_float};

/// Value that stands for a missing covariate or time after dose.
pub(super) const MISSING: f64 = -99.0;
/// Maximum number of distinct values, all integers, of a covariate that is taken to be categorical.
const MOST_CATEGORIES: usize = 5;
/// Largest ID that the digits of a table distinguish from its neighbours.
const LARGEST_ID: f64 = 999_999_999.0;

/// Column of a NONMEM table: name and values.
type Numbers = (String, Vec<f64>);

/// Subjects and observations of a run.
pub(super) struct Subjects {
    /// ID of each subject in the run, and its number in the tables.
    ids: Vec<(String, f64)>,
    is_renumbered: bool,
    /// η̂ of each subject, by ETA.
    etas: Vec<Vec<f64>>,
    /// Covariance of each subject's η̂ given the subject's data, as the lower triangle.
    covariances: Vec<Vec<f64>>,
    ofv: Vec<f64>,
    /// Columns of sdtab, with one row for each observation, as in the other tables.
    pub standard: Vec<Numbers>,
    pub parameters: Vec<Numbers>,
    pub categories: Vec<Numbers>,
    pub continuous: Vec<Numbers>,
}

impl Subjects {
    pub fn new(run: &NonmemRun<'_>, numbering: &Numbering<'_>) -> Self {
        let (individuals, observations, model) = (run.individuals, run.observations, run.model);
        let names: Vec<&str> = model.parameter_names().collect();
        let texts = texts(individuals, "ID");
        let numbers: Option<Vec<f64>> = texts.iter().map(|id| plain_number(id)).collect();
        let is_renumbered = numbers.is_none();
        let numbers = numbers.unwrap_or_else(|| (1..=texts.len()).map(|k| k as f64).collect());
        let position: HashMap<&str, usize> = texts.iter().enumerate().map(|(i, id)| (&**id, i)).collect();
        let of = |name: &str| floats(individuals, name, texts.len());
        // A parameter that varies but was not estimated has an η of zero, which is known.
        let eta_of = |k: &usize| of(&format!("ETA_{}", names[model.variable()[*k]]));
        let by_eta: Vec<Vec<f64>> = numbering.etas.iter().map(eta_of).collect();
        let by_se: Vec<Vec<f64>> =
            numbering.etas.iter().map(|k| eta_errors(run, model.variable()[*k])).collect();
        let correlations = correlations(run.correlations, &position);
        let row =
            |columns: &[Vec<f64>], i: usize| columns.iter().map(|column| known(column[i], 0.0)).collect();
        let covariance = |i: usize| {
            let one = |(a, b): (usize, usize)| {
                let (x, y) = (known(by_se[a][i], 0.0), known(by_se[b][i], 0.0));
                let name = |k: usize| names[model.variable()[numbering.etas[k]]];
                let correlation = if a == b { 1.0 } else { pair(&correlations, i, name(a), name(b)) };
                x * y * correlation
            };
            triangle(numbering.etas.len()).map(one).collect()
        };
        let etas: Vec<Vec<f64>> = (0..texts.len()).map(|i| row(&by_eta, i)).collect();
        let rows: Vec<usize> =
            self::texts(observations, "ID").iter().filter_map(|id| position.get(&**id).copied()).collect();
        let each = |values: &[f64], missing: f64| {
            rows.iter().map(|&i| known(values[i], missing)).collect::<Vec<_>>()
        };
        let mut id = vec![("ID".to_owned(), each(&numbers, 0.0))];
        let observed = |name: &str, missing: f64| {
            let values = floats(observations, name, rows.len());
            (name.to_owned(), values.iter().map(|value| known(*value, missing)).collect::<Vec<_>>())
        };
        id.push(observed("TIME", 0.0));
        let mut standard = id.clone();
        standard.extend([observed("DVID", 0.0), observed("CENS", 0.0)]);
        // An observation without a residual cannot be plotted as one; NONMEM marks it by MDV.
        let unknown = floats(observations, "IRES", rows.len());
        let missing = unknown.iter().map(|value| f64::from(u8::from(value.is_nan()))).collect();
        standard.push(("MDV".to_owned(), missing));
        standard.extend([observed("TAD", MISSING), observed("DV", 0.0), observed("IPRED", 0.0)]);
        for name in ["PRED", "RES", "WRES", "IRES", "IWRES", "CWRES", "NPDE"] {
            let is_there = floats(observations, name, rows.len()).iter().any(|value| !value.is_nan());
            if is_there {
                standard.push(observed(name, 0.0));
            }
        }
        let mut parameters = id.clone();
        parameters.extend(names.iter().map(|name| ((*name).to_owned(), each(&of(name), 0.0))));
        for (k, eta) in by_eta.iter().enumerate() {
            parameters.push((format!("ETA{}", k + 1), each(eta, 0.0)));
        }
        let (mut categories, mut continuous) = (id.clone(), id);
        categories.extend([observed("DVID", 0.0), observed("CENS", 0.0)]);
        for (name, label) in covariates(individuals, model) {
            let values = of(&name);
            let column = (label.clone(), each(&values, MISSING));
            if model.covariates().contains(&name.as_str()) {
                standard.push(column.clone());
            }
            if is_category(model, &name, &values) { &mut categories } else { &mut continuous }.push(column);
        }
        Self {
            covariances: (0..texts.len()).map(covariance).collect(),
            ids: texts.iter().map(ToString::to_string).zip(numbers).collect(),
            is_renumbered,
            etas,
            ofv: of("ofv"),
            standard,
            parameters,
            categories,
            continuous,
        }
    }

    /// Objective function value: the sum over the subjects, in their order.
    pub fn objective(&self) -> f64 {
        self.ofv.iter().filter(|ofv| !ofv.is_nan()).sum()
    }

    /// Whether the tables number the subjects differently from their IDs.
    pub fn is_renumbered(&self) -> bool {
        self.is_renumbered
    }

    /// Names and contents of the tables.
    pub fn tables(&self) -> Vec<(String, String)> {
        let all = [
            ("sdtab1", &self.standard),
            ("patab1", &self.parameters),
            ("catab1", &self.categories),
            ("cotab1", &self.continuous),
        ];
        all.into_iter().map(|(name, columns)| (name.to_owned(), table(columns))).collect()
    }

    /// Name and content of `ids.csv`, which lists the subjects' numbers and IDs, if they differ.
    pub fn renamed(&self) -> Option<(String, String)> {
        let mut text = String::from("NUMBER,ID\n");
        for (id, number) in &self.ids {
            let _ = writeln!(text, "{number},\"{}\"", id.replace('"', "\"\""));
        }
        self.is_renumbered.then(|| ("ids.csv".to_owned(), text))
    }

    /// Content of .phi below its title: η̂, its covariance and the objective of each subject.
    pub fn phi(&self, numbering: &Numbering<'_>) -> String {
        let n = numbering.etas.len();
        let mut names = vec!["SUBJECT_NO".to_owned(), "ID".to_owned()];
        names.extend((1..=n).map(|k| format!("ETA({k})")));
        names.extend(triangle(n).map(|(i, j)| format!("ETC({},{})", i + 1, j + 1)));
        names.push("OBJ".to_owned());
        let mut out = header(names.iter().map(String::as_str), 13);
        for (i, (_, number)) in self.ids.iter().enumerate() {
            let cells: String =
                self.etas[i].iter().chain(&self.covariances[i]).map(|v| s1pe12_5(*v)).collect();
            let _ = writeln!(out, "{:>13}{number:>13}{cells} {:>20}", i + 1, known(self.ofv[i], 0.0));
        }
        out
    }
}

/// Text of a table: a title, the names of the columns, and a line for each row.
fn table(columns: &[Numbers]) -> String {
    let mut out = String::from("TABLE NO.  1\n");
    out += &header(columns.iter().map(|(name, _)| name.as_str()), 16);
    for row in 0..columns.first().map_or(0, |(_, values)| values.len()) {
        columns.iter().for_each(|(_, values)| out += &s1pe15_8(values[row]));
        out.push('\n');
    }
    out
}

fn known(value: f64, missing: f64) -> f64 {
    if value.is_nan() { missing } else { value }
}

/// Number of an ID that is an integer in its shortest notation and fits into a table: `007` and `7` are different IDs.
fn plain_number(id: &str) -> Option<f64> {
    let number: f64 = id.parse().ok().filter(|n: &f64| n.fract() == 0.0 && (1.0..=LARGEST_ID).contains(n))?;
    let mut text = String::new();
    push_float(&mut text, number);
    (text == id).then_some(number)
}

fn texts<'a>(table: &'a Table, name: &str) -> &'a [Arc<str>] {
    match table.values(name) {
        Some(Values::Text(values)) => values,
        _ => &[],
    }
}

fn floats(table: &Table, name: &str, rows: usize) -> Vec<f64> {
    match table.values(name) {
        Some(Values::Float(values)) => values.clone(),
        Some(Values::Integer(values)) => values.iter().map(|v| v.map_or(f64::NAN, |v| v as f64)).collect(),
        _ => vec![f64::NAN; rows],
    }
}

/// Standard errors of a parameter's η, from the standard errors of the parameter.
fn eta_errors(run: &NonmemRun<'_>, position: usize) -> Vec<f64> {
    let name = run.model.parameter_names().nth(position).unwrap_or_default();
    let rows = run.individuals.rows();
    let (value, error) =
        (floats(run.individuals, name, rows), floats(run.individuals, &format!("SE_{name}"), rows));
    let parameter = &run.model.parameters()[position];
    // The slope at the estimate is that of a subject whose typical value is the estimate.
    let one = |(value, error): (&f64, &f64)| {
        let [value, error] = [value, error].map(|shown| run.model.in_own_unit(position, *shown));
        error / (parameter.individual(value, 0.0).log_slope * value).abs()
    };
    value.iter().zip(&error).map(one).collect()
}

/// Correlations between a subject's estimates, by the subject's position and the names of two parameters.
type Correlations<'a> = HashMap<(usize, &'a str, &'a str), f64>;

fn correlations<'a>(table: &'a Table, position: &HashMap<&str, usize>) -> Correlations<'a> {
    let (first, second) = (texts(table, "parameter_1"), texts(table, "parameter_2"));
    let value = floats(table, "correlation", table.rows());
    let rows = texts(table, "ID").iter().enumerate();
    let known = rows.filter_map(|(row, id)| Some((row, *position.get(&**id)?)));
    known.map(|(row, i)| ((i, &*first[row], &*second[row]), value[row])).collect()
}

fn pair(correlations: &Correlations<'_>, subject: usize, a: &str, b: &str) -> f64 {
    let found = correlations.get(&(subject, a, b)).or_else(|| correlations.get(&(subject, b, a)));
    known(found.copied().unwrap_or(0.0), 0.0)
}

/// Covariates that any of the individuals has, with their names in NONMEM: unique, of letters, digits and underscores.
pub(super) fn covariates(individuals: &Table, model: &PopulationModel) -> Vec<(String, String)> {
    let is_covariate = |name: &str| {
        definition(individuals.name(), name, model).is_some_and(|(d, _)| d.column == "{covariate}")
    };
    let mut named: Vec<(String, String)> = Vec::new();
    let is_known = |name: &str| floats(individuals, name, 0).iter().any(|value| !value.is_nan());
    let named_so = |name: &str| is_covariate(name) && is_known(name);
    for column in individuals.columns().iter().filter(|column| named_so(&column.name)) {
        let plain: String =
            column.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(16).collect();
        let plain =
            if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain } else { format!("C{plain}") };
        let taken = |name: &str| named.iter().any(|(_, other)| other.eq_ignore_ascii_case(name));
        let mut label = plain.clone();
        let mut count = 2;
        while taken(&label) {
            label = format!("{plain}{count}");
            count += 1;
        }
        named.push((column.name.clone(), label));
    }
    named
}

/// Whether a covariate is categorical, by the model or by its values.
fn is_category(model: &PopulationModel, name: &str, values: &[f64]) -> bool {
    let effects = model.parameters().iter().flat_map(|p| &p.effects);
    let forms: Vec<_> =
        effects.filter(|effect| effect.covariate == name).map(|effect| &effect.form).collect();
    if !forms.is_empty() {
        return forms.iter().any(|form| matches!(form, EffectForm::Categorical { .. }));
    }
    let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    known.dedup();
    known.len() <= MOST_CATEGORIES && known.iter().all(|value| value.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_if_it_is_written_as_one() {
        assert_eq!(plain_number("501"), Some(501.0));
        for id in ["007", "1.5", "0", "-3", "1e3", "1000000000", "A1", "", "NaN", " 7"] {
            assert_eq!(plain_number(id), None, "{id}");
        }
    }
}
