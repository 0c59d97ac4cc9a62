//! Outcomes under alternative doses, predicted by the models chosen by `omafit outcome` along the replayed time
//! courses.

use crate::error::CliError;
use crate::reconstruct::Run;
use omafit_estimate::IndividualFit;
use omafit_model::Subject;
use omafit_outcome::{
    ExpectedChange, FittedOutcome, FollowedOutcome, GroupChanges, OutcomeType, PatientChanges,
    UncertainExposure, WithInterval,
};
use omafit_trial::{Column, Table, Values, read_parquet};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// Name of the group of all patients.
const ALL: &str = "all";
/// Number of patients whose time courses are held at a time.
const CHUNK: usize = 64;

/// The model chosen for an outcome in a group.
pub struct Chosen {
    measure: String,
    unit: String,
    responder: String,
    model: String,
    fitted: FittedOutcome,
}

/// Chosen outcome models of a run, and the responder status of its patients.
pub struct Outcomes {
    chosen: Vec<Chosen>,
    responder: HashMap<String, String>,
}

/// A patient under an alternative that applies.
pub struct Replay<'a> {
    /// The patient with the alternative doses.
    pub otherwise: &'a Subject,
    /// Last dose that is unchanged, days after the first dose; `None` if the first dose is changed.
    pub last_same: Option<f64>,
    /// Last day on which a return is searched for: the end of treatment if doses continue, otherwise infinity.
    pub until: f64,
    /// Whether free IgE rises over the target.
    pub rises: bool,
}

/// A patient with its alternatives.
pub struct Replayed<'a> {
    /// Subject with the doses as given.
    pub subject: &'a Subject,
    /// Fit of the subject.
    pub fit: &'a IndividualFit,
    /// Parameters of the subject up and down each direction in which the population is uncertain.
    pub along_population: &'a [[Vec<f64>; 2]],
    /// Day of the first dose.
    pub first_day: f64,
    /// Last dose given and, in `end`, the end of that treatment, days after the first dose.
    pub last_dose: Option<f64>,
    pub end: f64,
    /// Results by alternative; `None` if an alternative does not apply.
    pub others: Vec<Option<Replay<'a>>>,
}

/// Expected outcome of a group or a patient under an alternative.
pub struct Expected {
    /// Name of the outcome.
    pub measure: String,
    /// Unit of the outcome.
    pub unit: String,
    /// Responder status of the group; for a patient, of the group whose model is used.
    pub responder: String,
    /// Position of the alternative.
    pub alternative: usize,
    /// Name of the outcome model.
    pub model: String,
    /// ID of the patient; empty for a group.
    pub id: String,
    /// Number of patients, and of those who rise over the target.
    pub patients: [usize; 2],
    /// Change at the end of the treatment given.
    pub change: ExpectedChange,
    /// Change at the end of the treatment given, in the patients who rise over the target.
    pub change_of_rising: ExpectedChange,
    /// Days until half of the effect is lost: after the last dose given, and after the last dose that is
    /// unchanged.
    pub returned: [WithInterval; 2],
    /// Reason for missing values.
    pub reason: &'static str,
}

impl Outcomes {
    /// Reads the results of `omafit outcome` from a run folder; `None` if that command was not run.
    pub fn load(folder: &Path) -> Result<Option<Self>, CliError> {
        let path = |name: &str| folder.join(format!("{name}.parquet"));
        let names =
            ["outcome_models", "outcome_model_parameters", "outcome_model_covariance", "outcome_patients"];
        if !names.iter().all(|name| path(name).is_file()) {
            return Ok(None);
        }
        let [models, parameters, covariances, patients] = names.map(|name| read_parquet(&path(name)));
        let models = Rows(models?);
        let (parameters, covariances, patients) = (Rows(parameters?), Rows(covariances?), Rows(patients?));
        let key = ["measure", "arm", "responder", "model"];
        let of = |i: usize| {
            let own = |table: &Rows| -> Vec<usize> {
                let same = |k: &usize| key.iter().all(|name| models.text(i, name) == table.text(*k, name));
                (0..table.0.rows()).filter(same).collect()
            };
            let (rows, pairs) = (own(&parameters), own(&covariances));
            let estimate = |name: &str| {
                let row = rows.iter().find(|k| parameters.text(**k, "parameter") == name)?;
                Some(parameters.number(*row, "estimate")).filter(|v| v.is_finite())
            };
            let covariance = |a: &str, b: &str| {
                let is_pair = |k: &&usize| {
                    let pair = ["parameter_1", "parameter_2"].map(|name| covariances.text(**k, name));
                    pair == [a, b] || pair == [b, a]
                };
                pairs.iter().find(is_pair).map(|k| covariances.number(*k, "covariance"))
            };
            let text = |name: &str| models.text(i, name).to_owned();
            let kind: OutcomeType = models.text(i, "type").parse().ok()?;
            let fitted = FittedOutcome::new(models.text(i, "model"), kind, estimate, covariance)?;
            Some(Chosen {
                measure: text("measure"),
                unit: text("unit"),
                responder: text("responder"),
                model: text("model"),
                fitted,
            })
        };
        let is_chosen = |i: &usize| models.number(*i, "chosen") == 1.0 && models.text(*i, "arm") == ALL;
        let chosen = (0..models.0.rows()).filter(is_chosen).filter_map(of).collect();
        let row = |i: usize| (patients.text(i, "ID").to_owned(), patients.text(i, "responder").to_owned());
        let responder = (0..patients.0.rows()).map(row).collect();
        Ok(Some(Self { chosen, responder }))
    }

    /// Expected outcomes of each group, and of each patient.
    pub fn expect(&self, run: &Run, patients: &[Replayed<'_>]) -> (Vec<Expected>, Vec<Expected>) {
        let alternatives = patients.first().map_or(0, |patient| patient.others.len());
        let mut groups: Vec<Vec<GroupChanges>> =
            vec![vec![GroupChanges::default(); alternatives]; self.chosen.len()];
        let mut own = Vec::new();
        for chunk in patients.chunks(CHUNK) {
            let changes: Vec<_> = chunk.par_iter().map(|patient| self.of_patient(run, patient)).collect();
            for (patient, changes) in chunk.iter().zip(changes) {
                for (k, alternative, changes) in changes {
                    let Some(replay) = &patient.others[alternative] else { continue };
                    groups[k][alternative].add(&changes, replay.rises);
                    if self.speaks_for(&patient.subject.id, k) {
                        own.push(self.expected_of_patient(k, alternative, &patient.subject.id, &changes));
                    }
                }
            }
        }
        let of_group = |(k, found): (usize, Vec<GroupChanges>)| {
            let each = found.into_iter().enumerate();
            each.map(move |(alternative, found)| Expected {
                patients: found.patients,
                change: found.change(false),
                change_of_rising: found.change(true),
                returned: found.returned(),
                ..self.expected(k, alternative)
            })
        };
        let groups = groups.into_iter().enumerate().flat_map(of_group).collect();
        (groups, own)
    }

    /// Changes of a patient under each alternative, by each model of a group to which the patient belongs.
    fn of_patient(&self, run: &Run, patient: &Replayed<'_>) -> Vec<(usize, usize, PatientChanges)> {
        let Replayed { subject, fit, along_population, first_day, last_dose, end, others } = patient;
        let models: Vec<usize> = (0..self.chosen.len()).filter(|&k| self.belongs(&subject.id, k)).collect();
        if models.is_empty() || others.iter().all(Option::is_none) {
            return Vec::new();
        }
        let variants = Variants::new(run, subject, fit, along_population);
        let follow = |exposure: &UncertainExposure, last: Option<f64>, until: f64| -> Vec<FollowedOutcome> {
            let one = |k: &usize| FollowedOutcome::new(&self.chosen[*k].fitted, *end, last, until, exposure);
            models.iter().map(one).collect()
        };
        let Some(given) = variants.exposure(run, subject, *first_day) else { return Vec::new() };
        let given = follow(&given, *last_dose, f64::INFINITY);
        let mut found = Vec::new();
        for (alternative, replay) in others.iter().enumerate() {
            let Some(replay) = replay else { continue };
            let Some(otherwise) = variants.exposure(run, replay.otherwise, *first_day) else { continue };
            let otherwise = follow(&otherwise, replay.last_same, replay.until);
            for ((&k, given), otherwise) in models.iter().zip(&given).zip(&otherwise) {
                found.push((k, alternative, PatientChanges::new(given, otherwise)));
            }
        }
        found
    }

    fn belongs(&self, id: &str, k: usize) -> bool {
        let responder = self.responder.get(id);
        responder.is_some_and(|r| self.chosen[k].responder == ALL || *r == self.chosen[k].responder)
    }

    /// Whether a model is the one reported for a patient: the model of its responder status, or else the model
    /// of all patients.
    fn speaks_for(&self, id: &str, k: usize) -> bool {
        let chosen = &self.chosen[k];
        let is_nearer = |other: usize| {
            self.chosen[other].measure == chosen.measure
                && self.chosen[other].responder != ALL
                && self.belongs(id, other)
        };
        chosen.responder != ALL || !(0..self.chosen.len()).any(is_nearer)
    }

    fn expected_of_patient(
        &self,
        k: usize,
        alternative: usize,
        id: &str,
        changes: &PatientChanges,
    ) -> Expected {
        Expected {
            id: id.to_owned(),
            patients: [1, 0],
            change: changes.change(),
            returned: changes.returned(),
            ..self.expected(k, alternative)
        }
    }

    fn expected(&self, k: usize, alternative: usize) -> Expected {
        let chosen = &self.chosen[k];
        let nothing = WithInterval::NOTHING;
        let no_change = ExpectedChange { given: nothing, otherwise: nothing, difference: nothing };
        Expected {
            measure: chosen.measure.clone(),
            unit: chosen.unit.clone(),
            responder: chosen.responder.clone(),
            alternative,
            model: chosen.model.clone(),
            id: String::new(),
            patients: [0; 2],
            change: no_change,
            change_of_rising: no_change,
            returned: [nothing; 2],
            reason: if chosen.fitted.has_effect() { "" } else { "no effect of exposure in the model" },
        }
    }
}

/// Parameters of a patient at its estimates, and up and down each direction in which they are uncertain.
struct Variants<'a> {
    estimate: Option<Vec<f64>>,
    population: &'a [[Vec<f64>; 2]],
    own: Option<Vec<[Vec<f64>; 2]>>,
}

impl<'a> Variants<'a> {
    fn new(run: &Run, subject: &Subject, fit: &IndividualFit, population: &'a [[Vec<f64>; 2]]) -> Self {
        let at = |eta: &[f64]| run.parameters(&run.model, subject, eta).ok();
        let own = fit.uncertainty.directions().iter().filter(|d| d.sd.is_finite());
        let own = own.map(|d| {
            let moved = |sign: f64| -> Vec<f64> {
                fit.eta.iter().zip(&d.loadings).map(|(eta, l)| eta + sign * d.sd * l).collect()
            };
            Some([at(&moved(1.0))?, at(&moved(-1.0))?])
        });
        Self { estimate: at(&fit.eta), population, own: own.collect() }
    }

    /// Exposure of a subject with its own or alternative doses; `None` if the model cannot be solved.
    fn exposure(&self, run: &Run, subject: &Subject, first_day: f64) -> Option<UncertainExposure> {
        let estimate = run.exposure_at(self.estimate.as_ref()?, subject, first_day).ok()?;
        let course =
            |parameters: &[f64]| estimate.solve_like(&run.model, parameters, subject, first_day).ok();
        let pair = |[up, down]: &[Vec<f64>; 2]| Some([course(up)?, course(down)?]);
        let population = self.population.iter().map(pair).collect::<Option<_>>()?;
        let own = self.own.as_ref()?.iter().map(pair).collect::<Option<_>>()?;
        Some(UncertainExposure { estimate, population, own })
    }
}

/// Table of expected outcomes, one row per outcome, alternative and group or patient.
pub fn table(name: &str, expected: &[Expected], alternatives: &[String]) -> Result<Table, CliError> {
    let is_of_patients = expected.iter().any(|e| !e.id.is_empty());
    let text = |name: &str, of: &dyn Fn(&Expected) -> String| {
        Column::new(name, Values::text(expected.iter().map(of)))
    };
    let number = |name: String, of: &dyn Fn(&Expected) -> f64| {
        Column::new(name, Values::Float(expected.iter().map(of).collect()))
    };
    let count = |name: &str, of: &dyn Fn(&Expected) -> usize| {
        Column::new(name, Values::Integer(expected.iter().map(|e| Some(of(e) as i64)).collect()))
    };
    let mut columns = Vec::new();
    if is_of_patients {
        columns.push(text("ID", &|e| e.id.clone()));
    }
    columns.extend([
        text("measure", &|e| e.measure.clone()),
        text("unit", &|e| e.unit.clone()),
        text("responder", &|e| e.responder.clone()),
        text("alternative", &|e| alternatives[e.alternative].clone()),
        text("model", &|e| e.model.clone()),
    ]);
    if !is_of_patients {
        columns.push(count("patients", &|e| e.patients[0]));
    }
    let with_interval = |columns: &mut Vec<Column>, name: &str, of: &dyn Fn(&Expected) -> WithInterval| {
        columns.push(number(name.to_owned(), &|e| of(e).value));
        columns.push(number(format!("{name}_low"), &|e| of(e).low));
        columns.push(number(format!("{name}_high"), &|e| of(e).high));
    };
    with_interval(&mut columns, "change_given", &|e| e.change.given);
    with_interval(&mut columns, "change", &|e| e.change.otherwise);
    with_interval(&mut columns, "difference", &|e| e.change.difference);
    with_interval(&mut columns, "days_to_return_given", &|e| e.returned[0]);
    with_interval(&mut columns, "days_to_return", &|e| e.returned[1]);
    if !is_of_patients {
        columns.push(count("rise", &|e| e.patients[1]));
        with_interval(&mut columns, "change_given_of_rising", &|e| e.change_of_rising.given);
        with_interval(&mut columns, "change_of_rising", &|e| e.change_of_rising.otherwise);
    }
    columns.push(text("reason", &|e| e.reason.to_owned()));
    Ok(Table::new(name, columns)?)
}

/// A table read row by row; missing columns read as empty text or NaN.
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
