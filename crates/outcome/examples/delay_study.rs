//! Whether the delay model behind simulated outcomes is found again, and its numbers: `scripts/study/delay [TRIALS] [SEED]`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::driven;
use omafit_estimate::{Noise, SubjectStream};
use omafit_model::{PopulationModel, published};
use omafit_outcome::{
    Alignment, DelayData, DelayFit, DelayModel, Dosing, DosingTable, MadeUp, OutcomeBaseline, Patient,
    VisitRule, Window, align, choose, fit_all, groups, innovate, make_up, patient, true_free_ige,
};
use rayon::prelude::*;

const PATIENTS: u64 = 136;
const BASELINE: (f64, f64) = (4.4, 0.9);
const EFFECT: (f64, f64) = (2.2, 0.6);
const ERROR: f64 = 0.5;
/// The models behind the outcomes, with their parameters.
const TRUTHS: [(&str, &[f64]); 6] = [
    ("direct_emax", &[40.0]),
    ("effect_emax", &[0.05, 40.0]),
    ("production_emax", &[0.05, 40.0]),
    ("production_sigmoid", &[0.05, 40.0, 3.0]),
    ("loss_emax", &[0.05, 40.0, -1.2]),
    ("transit3_emax", &[0.12, 40.0]),
];

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>().unwrap());
    let (trials, seed) = (arguments.next().unwrap_or(50), arguments.next().unwrap_or(1));
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let design = innovate(Dosing::Table(DosingTable::named("us_asthma_12y").unwrap()));
    let bank: Vec<(Vec<f64>, f64)> = (0..PATIENTS)
        .into_par_iter()
        .map(|i| {
            let subject = patient(&model, &design, seed, i, Noise::ALL).unwrap();
            let last = subject.doses.last().unwrap().time;
            (true_free_ige(&model, &design, seed, i, &subject).unwrap(), last)
        })
        .collect();
    println!("{trials} trials a model, {PATIENTS} patients, seed {seed}\n");
    println!("| truth | chosen by BIC | by AIC | of means by BIC | chosen instead |");
    println!("|---|---|---|---|---|");
    let mut tables = Vec::new();
    for (t, (name, values)) in TRUTHS.into_iter().enumerate() {
        let truth = DelayModel::all().into_iter().find(|m| m.name() == name).unwrap();
        let one = |trial: u64| of_trial(&bank, truth, values, seed, (t as u64) << 32 | trial << 12);
        let found: Vec<Found> = (0..trials).into_par_iter().map(one).collect();
        let part = |of: fn(&Found) -> &String| {
            let hits = found.iter().filter(|f| of(f) == name).count();
            format!("{:.0} %", 100.0 * hits as f64 / trials as f64)
        };
        let mut others: Vec<&String> = found.iter().map(|f| &f.bic).filter(|n| *n != name).collect();
        others.sort();
        let others: Vec<String> =
            others.chunk_by(|a, b| a == b).map(|same| format!("{} {}", same[0], same.len())).collect();
        println!(
            "| {name} | {} | {} | {} | {} |",
            part(|f| &f.bic),
            part(|f| &f.aic),
            part(|f| &f.means),
            others.join(", ")
        );
        let effect = if truth.is_loss() { BASELINE.1 } else { EFFECT.1 };
        let mut true_values = vec![BASELINE.0];
        true_values.extend((!truth.is_loss()).then_some(EFFECT.0));
        true_values.extend(values);
        true_values.extend([BASELINE.1, effect, 0.0, ERROR]);
        tables.extend(bias(name, &found, &true_values));
    }
    println!("\n| truth | parameter | true | mean estimate | bias | SE of it | within the 95 % interval |");
    println!("|---|---|---|---|---|---|---|");
    tables.iter().for_each(|row| println!("{row}"));
}

/// What was found in a trial.
struct Found {
    bic: String,
    aic: String,
    means: String,
    own: Option<DelayFit>,
}

fn of_trial(bank: &[(Vec<f64>, f64)], truth: DelayModel, values: &[f64], seed: u64, stream: u64) -> Found {
    let days: Vec<f64> = (-2..=22).map(|k| 14.0 * f64::from(k)).collect();
    let effect = if truth.is_loss() { BASELINE } else { EFFECT };
    let made = MadeUp {
        name: "",
        unit: "",
        baseline: BASELINE,
        effect,
        error: ERROR,
        least: f64::NEG_INFINITY,
        decimals: 3,
        model: (truth, values.to_vec()),
    };
    let made = std::slice::from_ref(&made);
    let patients: Vec<Patient> = bank
        .iter()
        .enumerate()
        .map(|(i, (ige_free, last))| {
            let mut random = SubjectStream::of_outcomes(seed, stream | i as u64);
            let outcome = make_up(made, ige_free, &days, 1.0, &mut random).1.remove(0);
            driven(i, ige_free, *last, outcome)
        })
        .collect();
    let alignment = Alignment {
        baseline: OutcomeBaseline::Last,
        visits: VisitRule::seen(&patients),
        window: Window::Trough,
    };
    let aligned = align(&patients, 0, &alignment);
    let everybody = groups(&patients);
    let data = DelayData::new(&patients, &aligned, &everybody[0]);
    let (means, fits) = fit_all(&data);
    let name = |fit: Option<&DelayFit>| fit.map_or(String::new(), |f| f.model.name());
    let by_aic = fits.iter().filter(|f| f.converged).min_by(|a, b| a.aic().total_cmp(&b.aic()));
    Found {
        bic: name(choose(&fits).map(|i| &fits[i])),
        aic: name(by_aic),
        means: name(choose(&means).map(|i| &means[i])),
        own: fits.iter().find(|f| f.model == truth && f.converged).cloned(),
    }
}

fn bias(name: &str, found: &[Found], truth: &[f64]) -> Vec<String> {
    let fits: Vec<&DelayFit> = found.iter().filter_map(|f| f.own.as_ref()).collect();
    let n = fits.len() as f64;
    let row = |(i, truth): (usize, &f64)| {
        let values = fits.iter().map(|f| f.estimates[i].value);
        let mean = values.clone().sum::<f64>() / n;
        let sd = (values.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let inside =
            fits.iter().filter(|f| f.estimates[i].low <= *truth && *truth <= f.estimates[i].high).count();
        let known = fits.first().map_or("", |f| f.estimates[i].name);
        let (bias, error) = if *truth == 0.0 {
            (format!("{:+.3}", mean), format!("{:.3}", sd / n.sqrt()))
        } else {
            let part = 100.0 / truth.abs();
            (format!("{:+.1} %", part * (mean - truth)), format!("{:.1} %", part * sd / n.sqrt()))
        };
        let inside = 100.0 * inside as f64 / n;
        format!("| {name} | {known} | {truth} | {mean:.4} | {bias} | {error} | {inside:.0} % of {n} |")
    };
    truth.iter().enumerate().map(row).collect()
}
