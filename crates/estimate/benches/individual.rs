//! MAP fits of the twenty simulated subjects of `fixtures/reference/hayashi_20.csv`, at the published population.
//!
//! `scripts/reference/bench.py` times scipy on the first of these subjects.
#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box, counter::ItemsCount};
use omafit_estimate::{FitOptions, Method, Prior, Status, fit_subject};
use omafit_model::{Censoring, Covariates, Dose, Observation, PopulationModel, Subject, published};
use rayon::prelude::*;
use std::collections::HashMap;

struct Trial {
    model: PopulationModel,
    subjects: Vec<Subject>,
    prior: Prior,
    options: FitOptions,
}

impl Trial {
    fn new() -> Self {
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        let free = model.variable().to_vec();
        let prior = Prior::new((0..free.len()).collect(), model.omega()).unwrap();
        let options = FitOptions { further_starts: 4, ..FitOptions::new(Method::Map, free) };
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/reference/hayashi_20.csv");
        Self { subjects: read(&std::fs::read_to_string(path).unwrap()), model, prior, options }
    }

    fn fit(&self, subject: &Subject) -> f64 {
        let fit = fit_subject(&self.model, black_box(subject), Some(&self.prior), &self.options);
        assert_eq!(fit.status, Status::Ok, "{}: {}", subject.id, fit.reason);
        fit.ofv
    }
}

/// Subjects from a file known to be valid: columns by name, numbers everywhere, records in time order.
fn read(text: &str) -> Vec<Subject> {
    let mut lines = text.lines().enumerate();
    let names: HashMap<&str, usize> = lines.next().unwrap().1.split(',').zip(0..).collect();
    let mut subjects: Vec<Subject> = Vec::new();
    for (index, line) in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| cells[names[name]];
        let number = |name: &str| cell(name).parse::<f64>().unwrap();
        let time = number("TIME");
        if subjects.last().is_none_or(|s| s.id != cell("ID")) {
            subjects.push(Subject {
                id: cell("ID").to_owned(),
                covariates: Covariates::new(number("WT"), number("IGE")),
                start: time,
                doses: Vec::new(),
                observations: Vec::new(),
            });
        }
        let subject = subjects.last_mut().unwrap();
        if cell("EVID") == "1" {
            subject.doses.push(Dose::subcutaneous(time, number("AMT")));
        } else {
            let doses_before = subject.doses.len();
            let analyte = omafit_model::analytes()[cell("DVID").parse::<usize>().unwrap() - 1];
            let row = index as u64 + 1;
            subject.observations.push(Observation {
                time,
                analyte,
                value: number("DV"),
                censoring: Censoring::Quantified,
                interval_end: None,
                doses_before,
                row,
            });
        }
    }
    subjects
}

fn main() {
    divan::main();
}

#[divan::bench]
fn map_20_one_thread(bencher: Bencher<'_, '_>) {
    let trial = Trial::new();
    bencher
        .counter(ItemsCount::new(trial.subjects.len()))
        .bench_local(|| trial.subjects.iter().map(|s| trial.fit(s)).sum::<f64>());
}

#[divan::bench]
fn map_20_two_threads(bencher: Bencher<'_, '_>) {
    let trial = Trial::new();
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    bencher.counter(ItemsCount::new(trial.subjects.len())).bench_local(|| {
        threads.install(|| trial.subjects.par_iter().map(|s| trial.fit(s)).collect::<Vec<f64>>())
    });
}
