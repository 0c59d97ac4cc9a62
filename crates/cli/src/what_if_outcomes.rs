//! What a what-if means for outcomes: the delay models that `omafit outcome` has chosen, along the replayed courses.

use crate::error::CliError;
use omafit_outcome::{ExposureCourse, FittedOutcome};
use omafit_trial::{Column, Table, Values, read_parquet};
use std::collections::HashMap;
use std::path::Path;

/// The groups and models of patients that stand for everybody.
const ALL: &str = "all";

/// A delay model that was chosen for a group and an outcome.
pub struct Chosen {
    measure: String,
    unit: String,
    responder: String,
    model: String,
    fitted: FittedOutcome,
}

/// The chosen models of a run, and who responds.
pub struct Outcomes {
    chosen: Vec<Chosen>,
    responder: HashMap<String, String>,
}

/// A patient's exposure under its own doses and under others.
pub struct Pair {
    /// Who.
    pub id: String,
    /// Under the doses that were given.
    pub given: ExposureCourse,
    /// Under the others.
    pub otherwise: ExposureCourse,
    /// The end of the treatment that was given, days after the first dose.
    pub end: f64,
    /// Whether free IgE rises over the target.
    pub rises: bool,
}

/// What is expected of an outcome in a group under an alternative.
pub struct Expected {
    /// The outcome.
    pub measure: String,
    /// Its unit.
    pub unit: String,
    /// The group, by responder status.
    pub responder: String,
    /// The alternative.
    pub alternative: String,
    /// The delay model.
    pub model: String,
    /// Patients, and those of them who rise over the target.
    pub patients: [usize; 2],
    /// Mean change at the end of the treatment that was given: as given, and otherwise.
    pub change: [f64; 2],
    /// The same of those who rise.
    pub change_of_rising: [f64; 2],
}

impl Outcomes {
    /// What `omafit outcome` has left in a run; `None` if it was not run.
    pub fn load(folder: &Path) -> Result<Option<Self>, CliError> {
        let path = |name: &str| folder.join(format!("{name}.parquet"));
        let names = ["outcome_models", "outcome_model_parameters", "outcome_patients"];
        if !names.iter().all(|name| path(name).is_file()) {
            return Ok(None);
        }
        let [delay, parameters, patients] = names.map(|name| read_parquet(&path(name)));
        let (delay, parameters, patients) = (Rows(delay?), Rows(parameters?), Rows(patients?));
        let same = |i: usize, k: usize, name: &str| delay.text(i, name) == parameters.text(k, name);
        let key = ["measure", "arm", "responder", "model"];
        let of = |i: usize| {
            let own = |k: &usize| key.iter().all(|name| same(i, *k, name));
            let rows: Vec<usize> = (0..parameters.0.rows()).filter(own).collect();
            let estimate = |name: &str| {
                let row = rows.iter().find(|k| parameters.text(**k, "parameter") == name)?;
                Some(parameters.number(*row, "estimate")).filter(|v| v.is_finite())
            };
            let text = |name: &str| delay.text(i, name).to_owned();
            let fitted = FittedOutcome::new(delay.text(i, "model"), estimate)?;
            Some(Chosen {
                measure: text("measure"),
                unit: text("unit"),
                responder: text("responder"),
                model: text("model"),
                fitted,
            })
        };
        let is_chosen = |i: &usize| delay.number(*i, "chosen") == 1.0 && delay.text(*i, "arm") == ALL;
        let chosen = (0..delay.0.rows()).filter(is_chosen).filter_map(of).collect();
        let row = |i: usize| (patients.text(i, "ID").to_owned(), patients.text(i, "responder").to_owned());
        Ok(Some(Self { chosen, responder: (0..patients.0.rows()).map(row).collect() }))
    }

    /// What is expected under an alternative.
    pub fn expect(&self, alternative: &str, pairs: &[Pair]) -> Vec<Expected> {
        let of = |chosen: &Chosen| {
            let belongs = |pair: &&Pair| {
                let responder = self.responder.get(&pair.id);
                responder.is_some_and(|r| chosen.responder == ALL || *r == chosen.responder)
            };
            let all: Vec<&Pair> = pairs.iter().filter(belongs).collect();
            let mean = |of: fn(&Pair) -> &ExposureCourse| {
                chosen.fitted.mean_changes(all.iter().map(|pair| (of(pair), pair.end, pair.rises)))
            };
            let (given, otherwise) = (mean(|pair| &pair.given), mean(|pair| &pair.otherwise));
            Expected {
                measure: chosen.measure.clone(),
                unit: chosen.unit.clone(),
                responder: chosen.responder.clone(),
                alternative: alternative.to_owned(),
                model: chosen.model.clone(),
                patients: [all.len(), all.iter().filter(|pair| pair.rises).count()],
                change: [given[0], otherwise[0]],
                change_of_rising: [given[1], otherwise[1]],
            }
        };
        self.chosen.iter().map(of).collect()
    }
}

/// One row an outcome, group and alternative.
pub fn table(expected: &[Expected]) -> Result<Table, CliError> {
    let text = |name: &str, of: &dyn Fn(&Expected) -> &str| {
        Column::new(name, Values::text(expected.iter().map(|e| of(e).to_owned())))
    };
    let number = |name: &str, of: &dyn Fn(&Expected) -> f64| {
        Column::new(name, Values::Float(expected.iter().map(of).collect()))
    };
    let count = |name: &str, of: &dyn Fn(&Expected) -> usize| {
        Column::new(name, Values::Integer(expected.iter().map(|e| Some(of(e) as i64)).collect()))
    };
    let columns = vec![
        text("measure", &|e| &e.measure),
        text("unit", &|e| &e.unit),
        text("responder", &|e| &e.responder),
        text("alternative", &|e| &e.alternative),
        text("model", &|e| &e.model),
        count("patients", &|e| e.patients[0]),
        number("change_given", &|e| e.change[0]),
        number("change", &|e| e.change[1]),
        count("rise", &|e| e.patients[1]),
        number("change_given_of_rising", &|e| e.change_of_rising[0]),
        number("change_of_rising", &|e| e.change_of_rising[1]),
    ];
    Ok(Table::new("what_if_outcomes", columns)?)
}

/// A table by row; what it does not have is empty, or no number.
struct Rows(Table);

impl Rows {
    fn text(&self, row: usize, name: &str) -> &str {
        match self.0.values(name) {
            Some(Values::Text(values)) => &values[row],
            _ => "",
        }
    }

    fn number(&self, row: usize, name: &str) -> f64 {
        match self.0.values(name) {
            Some(Values::Float(values)) => values[row],
            Some(Values::Integer(values)) => values[row].map_or(f64::NAN, |v| v as f64),
            _ => f64::NAN,
        }
    }
}
