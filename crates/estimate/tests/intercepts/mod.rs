//! Balanced random intercepts: a population whose estimates have a closed form.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use omafit_estimate::{PopulationFit, SubjectStream};
use omafit_model::{
    Analyte, Censoring, Covariates, Dose, ErrorModel, Observation, PopulationModel, ResidualEntry, Subject,
    VariabilityEntry, published,
};

pub const PATIENTS: usize = 40;
pub const VALUES: usize = 4;
pub const DOSE: f64 = 320.0;

/// Model of an intravenous dose, observed at once and repeatedly: ln f = ln dose/Vc − η.
pub fn model() -> PopulationModel {
    let published = PopulationModel::parse(published("michaelis_menten_2cmt").unwrap()).unwrap();
    let mut file = published.file().clone();
    for (name, entry) in &mut file.parameters {
        entry.fixed = name != "Vc";
    }
    // No target binding.
    file.parameters.get_mut("Rb").unwrap().typical = 1e-12;
    // A distant start.
    file.parameters.get_mut("Vc").unwrap().typical = 2.0;
    let entry = VariabilityEntry { variance: Some(0.3), ..VariabilityEntry::default() };
    file.variability.insert("Vc".into(), entry);
    let entry = ResidualEntry { log_sd: Some(0.8), ..ResidualEntry::default() };
    file.residual.insert(Analyte::OMALIZUMAB_TOTAL, entry);
    for analyte in [Analyte::IGE_TOTAL, Analyte::IGE_FREE] {
        file.residual.get_mut(&analyte).unwrap().fixed = true;
    }
    PopulationModel::new(file).unwrap()
}

/// Logarithms of the values, one list per subject.
pub fn logarithms() -> Vec<Vec<f64>> {
    let person = |i: usize| {
        let mut stream = SubjectStream::new(12, i as u64);
        let middle = 6.0 + 0.35 * stream.normal();
        (0..VALUES).map(|_| middle + 0.25 * stream.normal()).collect()
    };
    (0..PATIENTS).map(person).collect()
}

pub fn subjects() -> Vec<Subject> {
    let subject = |(i, logs): (usize, &Vec<f64>)| Subject {
        id: i.to_string(),
        covariates: Covariates::new(70.0, 300.0),
        start: 0.0,
        doses: vec![Dose::intravenous(0.0, DOSE, 0.0)],
        observations: logs
            .iter()
            .map(|log| Observation {
                time: 0.0,
                analyte: Analyte::OMALIZUMAB_TOTAL,
                value: log.exp(),
                censoring: Censoring::Quantified,
                interval_end: None,
                doses_before: 1,
                row: 0,
            })
            .collect(),
    };
    logarithms().iter().enumerate().map(subject).collect()
}

/// The subjects without an intercept of their own.
pub fn alike() -> Vec<Subject> {
    let mut subjects = subjects();
    for (subject, logs) in subjects.iter_mut().zip(logarithms()) {
        let middle = logs.iter().sum::<f64>() / VALUES as f64;
        subject.observations.iter_mut().zip(logs).for_each(|(o, log)| o.value = (6.0 + log - middle).exp());
    }
    subjects
}

/// The maximum likelihood estimates: the mean, and the standard deviations between and within subjects.
pub fn closed_form(all: &[Vec<f64>]) -> [f64; 3] {
    let m = VALUES as f64;
    let means: Vec<f64> = all.iter().map(|logs| logs.iter().sum::<f64>() / m).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let pairs = all.iter().zip(&means);
    let within: f64 = pairs.flat_map(|(logs, mean)| logs.iter().map(move |y| (y - mean).powi(2))).sum();
    let sigma2 = within / (n * (m - 1.0));
    let between = means.iter().map(|of| (of - mean).powi(2)).sum::<f64>() / n;
    [mean, (between - sigma2 / m).sqrt(), sigma2.sqrt()]
}

pub fn numbers(fit: &PopulationFit) -> [f64; 3] {
    let values = fit.model.values();
    let vc = values.typical[fit.model.position("Vc").unwrap()];
    let Some(&ErrorModel::LogNormal { sd }) = values.residual.get(Analyte::OMALIZUMAB_TOTAL) else {
        unreachable!()
    };
    [(DOSE / vc).ln(), values.omega[0].sqrt(), sd]
}
