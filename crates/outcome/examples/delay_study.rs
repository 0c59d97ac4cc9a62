//! Simulation study of the recovery of the delay model and its parameters from simulated outcomes:
//! `scripts/study/delay [TRIALS] [SEED] [PATIENTS] [DAYS BETWEEN VALUES, or DAYS OF VALUES AS 0,84,168,308]
//! [TRUTHS, from 1 on …]`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{aligned, followed};
use omafit_estimate::{Noise, SubjectStream};
use omafit_model::{PopulationModel, published};
use omafit_outcome::{
    DelayData, DelayModel, Dosing, DosingTable, Exposure, ExposureCourse, FOLLOW_UP_DAYS, MadeUp, OutcomeFit,
    OutcomeModel, PATIENTS, Patient, Structure, Summary, TREATMENT_DAYS, Window, choose, fit_all, groups,
    innovate, make_up, patient, true_exposure,
};
use rayon::prelude::*;

const BASELINE: (f64, f64) = (4.4, 0.9);
const EFFECT: (f64, f64) = (2.2, 0.6);
const ERROR: f64 = 0.5;
/// The true models of the outcomes, with their parameters.
const TRUTHS: [(&str, &[f64]); 7] = [
    ("direct_emax", &[40.0]),
    ("effect_emax", &[0.05, 40.0]),
    ("production_emax", &[0.05, 40.0]),
    ("production_sigmoid", &[0.05, 40.0, 3.0]),
    ("loss_emax", &[0.05, 40.0, -1.2]),
    ("transit3_emax", &[0.12, 40.0]),
    ("transit3_emax", &[0.06, 40.0]),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, other: u64| arguments.get(at).map_or(other, |a| a.parse::<u64>().unwrap());
    let (trials, seed, patients) = (number(0, 25), number(1, 1), number(2, PATIENTS as u64));
    let every = arguments.get(3).map_or("7", String::as_str);
    let wanted: Vec<usize> = arguments.iter().skip(4).map(|t| t.parse().unwrap()).collect();
    let days: Vec<f64> = if every.contains(',') {
        every.split(',').map(|day| day.parse().unwrap()).collect()
    } else {
        let every = every.parse().unwrap();
        (-28..=(TREATMENT_DAYS + FOLLOW_UP_DAYS) as i32).step_by(every).map(f64::from).collect()
    };
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let design = innovate(Dosing::Table(DosingTable::named("us_asthma_12y").unwrap()));
    let bank: Vec<(ExposureCourse, f64)> = (0..patients)
        .into_par_iter()
        .map(|i| {
            let subject = patient(&model, &design, seed, i, Noise::ALL).unwrap();
            let last = subject.doses.last().unwrap().time;
            (true_exposure(&model, &design, seed, i, &subject).unwrap(), last)
        })
        .collect();
    let when = if every.contains(',') {
        format!("values on the days {every}")
    } else {
        format!("a value every {every} days")
    };
    println!("{trials} trials a model, {patients} patients, {when}, seed {seed}\n");
    println!(
        "| truth | chosen by BIC | structure and link | chosen or not told apart | by AIC | chosen instead | mean delay, chosen |"
    );
    println!("|---|---|---|---|---|---|---|");
    let mut tables = Vec::new();
    let wanted = |t: &usize| wanted.is_empty() || wanted.contains(&(t + 1));
    for (t, (name, values)) in TRUTHS.into_iter().enumerate().filter(|(t, _)| wanted(t)) {
        let truth = DelayModel::all().into_iter().find(|m| m.name() == name).unwrap();
        let one = |trial: u64| of_trial(&bank, &days, truth, values, seed, (t as u64) << 32 | trial << 12);
        let found: Vec<Found> = (0..trials).into_par_iter().map(one).collect();
        let part = |is: &dyn Fn(&Found) -> bool| {
            format!("{:.0} %", 100.0 * found.iter().filter(|f| is(f)).count() as f64 / trials as f64)
        };
        let name = label(truth, values);
        let mut others: Vec<String> = found
            .iter()
            .filter(|f| f.bic != Some(truth.into()))
            .map(|f| f.bic.map_or_else(|| "none".to_owned(), OutcomeModel::name))
            .collect();
        others.sort();
        let others: Vec<String> =
            others.chunk_by(|a, b| a == b).map(|same| format!("{} {}", same[0], same.len())).collect();
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} |",
            part(&|f| f.bic == Some(truth.into())),
            part(&|f| f.bic.is_some_and(|m| alike(m, truth))),
            part(&|f| f.near.contains(&truth.into())),
            part(&|f| f.aic == Some(truth.into())),
            others.join(", "),
            delays(&found),
        );
        let effect = if truth.is_loss() { BASELINE.1 } else { EFFECT.1 };
        let mut true_values = vec![BASELINE.0];
        true_values.extend((!truth.is_loss()).then_some(EFFECT.0));
        true_values.extend(values);
        true_values.extend([BASELINE.1, effect, 0.0, ERROR]);
        tables.extend(bias(&name, &found, &true_values));
    }
    println!("\n| truth | parameter | true | mean estimate | bias | SE of it | within the 95 % interval |");
    println!("|---|---|---|---|---|---|---|");
    tables.iter().for_each(|row| println!("{row}"));
}

/// Results of one trial.
struct Found {
    bic: Option<OutcomeModel>,
    /// The model chosen by BIC and the models not distinguished from it.
    near: Vec<OutcomeModel>,
    aic: Option<OutcomeModel>,
    /// Mean delay of the chosen model, days.
    delay: f64,
    own: Option<OutcomeFit>,
}

/// The label of a true model, for a transit chain with its mean delay.
fn label(truth: DelayModel, values: &[f64]) -> String {
    match truth.structure {
        Structure::Transit(n) => format!("{}, {:.0} d", truth.name(), f64::from(n) / values[0]),
        _ => truth.name(),
    }
}

/// Whether two models are equal except for the length of their chain.
fn alike(a: OutcomeModel, b: DelayModel) -> bool {
    let Some(a) = a.effect else { return false };
    let chains = matches!((a.structure, b.structure), (Structure::Transit(_), Structure::Transit(_)));
    a.link == b.link && (chains || a.structure == b.structure)
}

/// Mean and standard deviation of the mean delays of the chosen models.
fn delays(found: &[Found]) -> String {
    let known: Vec<f64> = found.iter().map(|f| f.delay).filter(|d| !d.is_nan()).collect();
    let known = Summary::of(known.into_iter());
    if known.n < 2 { String::new() } else { format!("{:.1} (SD {:.1}) d", known.mean, known.sd) }
}

fn of_trial(
    bank: &[(ExposureCourse, f64)],
    days: &[f64],
    truth: DelayModel,
    values: &[f64],
    seed: u64,
    stream: u64,
) -> Found {
    let effect = if truth.is_loss() { BASELINE } else { EFFECT };
    let made = MadeUp {
        name: "",
        unit: "",
        baseline: BASELINE,
        placebo: ((0.0, 0.0), 0.0),
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
        .map(|(i, (exposure, last))| {
            let mut random = SubjectStream::of_outcomes(seed, stream | i as u64);
            let outcome = make_up(made, exposure, days, 1.0, &mut random).1.remove(0);
            followed(i, Some(exposure.clone()), *last, outcome)
        })
        .collect();
    let aligned = aligned(&patients, Window::Trough);
    let everybody = groups(&patients);
    let data = DelayData::new(&patients, &aligned, &everybody[0], Exposure::IgeFree);
    let fits = fit_all(&data);
    let by_aic = fits.iter().filter(|f| f.converged).min_by(|a, b| a.aic().total_cmp(&b.aic()));
    let choice = choose(&fits);
    let near = choice.chosen.into_iter().chain(choice.near);
    let delay = choice.chosen.and_then(|i| fits[i].mean_delay());
    Found {
        bic: choice.chosen.map(|i| fits[i].model),
        near: near.map(|i| fits[i].model).collect(),
        aic: by_aic.map(|f| f.model),
        delay: delay.map_or(f64::NAN, |delay| delay.days),
        own: fits.iter().find(|f| f.model == truth.into() && f.converged).cloned(),
    }
}

fn bias(name: &str, found: &[Found], truth: &[f64]) -> Vec<String> {
    let fits: Vec<&OutcomeFit> = found.iter().filter_map(|f| f.own.as_ref()).collect();
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
