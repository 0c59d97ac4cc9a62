//! Simulation study of the rates of true and false detection of a delay:
//! `scripts/study/hysteresis [TRIALS] [SEED] [ROW]`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{aligned, followed};
use omafit_estimate::{Noise, SubjectStream};
use omafit_model::{PopulationModel, published};
use omafit_outcome::{
    DelayData, DelayModel, Direction, Dosing, DosingTable, Exposure, ExposureCourse, FOLLOW_UP_DAYS, Link,
    Patient, Structure, TREATMENT_DAYS, Window, groups, innovate, patient, test_delay, true_exposure,
};
use rayon::prelude::*;

const BASELINE: (f64, f64) = (4.4, 0.9);
const EFFECT: (f64, f64) = (2.2, 0.6);
const ERROR: f64 = 0.5;

/// A true model: an exposure with a link and a delay, the fraction of responders, and a course in time.
struct Truth {
    label: String,
    exposure: Exposure,
    model: DelayModel,
    values: Vec<f64>,
    /// The change of a mean patient from the first dose to steady state, relative to `EFFECT`; 0 without an effect.
    effect: f64,
    responding: f64,
    /// A placebo response with a rate of 0.03 /d.
    placebo: f64,
    patients: usize,
    every: usize,
}

/// A patient's exposure and last dose.
struct Member {
    course: ExposureCourse,
    last_dose: f64,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>().unwrap());
    let trials = arguments.next().unwrap_or(200);
    let seed = arguments.next().unwrap_or(1);
    let row = arguments.next();
    let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
    let design = innovate(Dosing::Table(DosingTable::named("us_asthma_12y").unwrap()));
    let bank: Vec<Member> = (0..226)
        .into_par_iter()
        .map(|index| {
            let subject = patient(&model, &design, seed, index, Noise::ALL).unwrap();
            let course = true_exposure(&model, &design, seed, index, &subject).unwrap();
            Member { course, last_dose: subject.doses.last().unwrap().time }
        })
        .collect();
    println!("{trials} trials each, seed {seed}\n");
    println!(
        "| truth | patients | days between visits | delay told | p < 0.05 | effect told | direction right | mean delay (median, 5 and 95 %), d | interval holds the truth |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (t, truth) in truths().into_iter().enumerate() {
        if row.is_some_and(|row| row != t as u64 + 1) {
            continue;
        }
        let one = |trial: u64| {
            of_trial(&bank, &truth, SubjectStream::of_outcomes(seed, (t as u64) << 32 | trial << 12))
        };
        let found: Vec<Found> = (0..trials).into_par_iter().map(one).collect();
        let part = |is: &dyn Fn(&Found) -> bool| {
            format!("{:.1} %", 100.0 * found.iter().filter(|f| is(f)).count() as f64 / trials as f64)
        };
        let told = found.iter().filter(|f| f.told).count();
        let right = found.iter().filter(|f| f.direction == Some(Direction::CounterClockwise)).count();
        let mut delays: Vec<f64> = found.iter().map(|f| f.delay).filter(|d| d.is_finite()).collect();
        delays.sort_by(f64::total_cmp);
        let quantile = |p: f64| delays[((delays.len() - 1) as f64 * p).round() as usize];
        let delays = match delays.is_empty() {
            true => String::new(),
            false => format!("{:.1} ({:.1} to {:.1})", quantile(0.5), quantile(0.05), quantile(0.95)),
        };
        let intervals: Vec<bool> = found.iter().filter_map(|f| f.holds).collect();
        let covered = match intervals.len() {
            0 => String::new(),
            n => format!("{} of {n}", intervals.iter().filter(|holds| **holds).count()),
        };
        let right = if told == 0 { String::new() } else { format!("{right} of {told}") };
        let Truth { label, patients, every, .. } = &truth;
        println!(
            "| {label} | {patients} | {every} | {} | {} | {} | {right} | {delays} | {covered} |",
            part(&|f| f.told),
            part(&|f| f.has_effect && f.p < 0.05),
            part(&|f| f.has_effect)
        );
    }
}

fn truths() -> Vec<Truth> {
    let mut truths = Vec::new();
    let direct = |link| DelayModel { structure: Structure::Direct, link };
    let delayed = |link| DelayModel { structure: Structure::Production, link };
    let of = |label: String, exposure, model, values: &[f64]| Truth {
        label,
        exposure,
        model,
        values: values.to_vec(),
        effect: 1.0,
        responding: 1.0,
        placebo: 0.0,
        patients: 226,
        every: 14,
    };
    for (patients, every) in [(60, 14), (226, 14), (226, 28)] {
        let links: [(Exposure, &str, Link, &[f64]); 6] = [
            (Exposure::IgeFree, "free IgE, linear", Link::Linear, &[]),
            (Exposure::IgeFree, "free IgE, sigmoid (C50 40 ng/mL, g 3)", Link::Sigmoid, &[40.0, 3.0]),
            (Exposure::LogIgeFree, "ln free IgE, linear", Link::Logarithmic, &[]),
            (Exposure::LogIgeFree, "ln free IgE, sigmoid (C50 80 ng/mL, g 1)", Link::Sigmoid, &[80.0, 1.0]),
            (Exposure::Omalizumab, "omalizumab, linear", Link::Linear, &[]),
            (Exposure::Omalizumab, "omalizumab, sigmoid (C50 20 µg/mL, g 2)", Link::Sigmoid, &[200.0, 2.0]),
        ];
        for (exposure, label, link, values) in links {
            truths.push(Truth {
                patients,
                every,
                ..of(format!("no delay; {label}"), exposure, direct(link), values)
            });
        }
        let sigmoid: &[f64] = &[40.0, 3.0];
        let half = of(
            "no delay; free IgE, sigmoid, 60 % respond".into(),
            Exposure::IgeFree,
            direct(Link::Sigmoid),
            sigmoid,
        );
        truths.push(Truth { patients, every, responding: 0.6, ..half });
        let placebo = of(
            "no delay; free IgE, sigmoid, and a response to placebo".into(),
            Exposure::IgeFree,
            direct(Link::Sigmoid),
            sigmoid,
        );
        truths.push(Truth { patients, every, placebo: -0.8, ..placebo });
        let none = of("no effect".into(), Exposure::IgeFree, direct(Link::Sigmoid), sigmoid);
        truths.push(Truth { patients, every, effect: 0.0, ..none });
        let only =
            of("no effect, a response to placebo".into(), Exposure::IgeFree, direct(Link::Sigmoid), sigmoid);
        truths.push(Truth { patients, every, effect: 0.0, placebo: -0.8, ..only });
        for delay in [7.0, 14.0, 28.0] {
            let label = format!("a delay of {delay} d; free IgE, sigmoid");
            let values = [1.0 / delay, 40.0, 3.0];
            truths.push(Truth {
                patients,
                every,
                ..of(label, Exposure::IgeFree, delayed(Link::Sigmoid), &values)
            });
        }
        let label = "a delay of 21 d; free IgE, sigmoid, a third of the effect, 60 % respond, and a response to placebo";
        let demo = of(label.into(), Exposure::IgeFree, delayed(Link::Sigmoid), &[1.0 / 21.0, 40.0, 3.0]);
        truths.push(Truth { patients, every, effect: 1.0 / 3.0, responding: 0.6, placebo: -1.0, ..demo });
        let label = "a delay of 14 d; omalizumab, sigmoid".to_owned();
        let values = [1.0 / 14.0, 200.0, 2.0];
        truths.push(Truth {
            patients,
            every,
            ..of(label, Exposure::Omalizumab, delayed(Link::Sigmoid), &values)
        });
    }
    truths
}

struct Found {
    told: bool,
    p: f64,
    has_effect: bool,
    direction: Option<Direction>,
    delay: f64,
    /// Whether the interval of a detected delay contains the true delay.
    holds: Option<bool>,
}

fn of_trial(bank: &[Member], truth: &Truth, mut stream: SubjectStream) -> Found {
    let days: Vec<f64> =
        (-28..=(TREATMENT_DAYS + FOLLOW_UP_DAYS) as i32).step_by(truth.every).map(f64::from).collect();
    // The shape w is scaled so that a mean patient changes by EFFECT at the end of treatment.
    let every_day: Vec<f64> = (0..=(TREATMENT_DAYS + FOLLOW_UP_DAYS) as u32).map(f64::from).collect();
    let shapes: Vec<Vec<f64>> = bank[..truth.patients]
        .iter()
        .map(|member| truth.model.on(&truth.values, &member.course, truth.exposure, &every_day))
        .collect();
    let end = TREATMENT_DAYS as usize;
    let mean = shapes.iter().map(|w| w[end]).sum::<f64>() / shapes.len() as f64;
    let patients: Vec<Patient> = bank[..truth.patients]
        .iter()
        .zip(&shapes)
        .enumerate()
        .map(|(i, (member, shape))| {
            let baseline = BASELINE.0 + BASELINE.1 * stream.normal();
            let responds = stream.uniform() < truth.responding;
            let effect = (EFFECT.0 + EFFECT.1 * stream.normal()) * truth.effect / mean.abs();
            let effect = if responds { effect } else { 0.0 };
            let value = |day: f64, z: f64| {
                let w = shape[day.max(0.0) as usize];
                let placebo = truth.placebo * (1.0 - (-0.03 * day.max(0.0)).exp());
                baseline + effect * w + placebo + ERROR * z
            };
            let outcome = days.iter().map(|&day| (day, value(day, stream.normal()))).collect();
            followed(i, Some(member.course.clone()), member.last_dose, outcome)
        })
        .collect();
    let aligned = aligned(&patients, Window::Trough);
    let everybody = groups(&patients);
    let data = DelayData::new(&patients, &aligned, &everybody[0], truth.exposure);
    let test = test_delay(&data, truth.exposure, &[]).unwrap();
    let told = test.is_refuted();
    let delay = if told { test.delay.map_or(f64::NAN, |d| d.days) } else { f64::NAN };
    let truth_days = (truth.model.structure == Structure::Production).then(|| 1.0 / truth.values[0]);
    let interval = test.delay.filter(|delay| told && !delay.low.is_nan());
    let holds = truth_days.zip(interval).map(|(days, delay)| delay.low <= days && days <= delay.high);
    Found { holds, told, p: test.p(), has_effect: test.has_effect, direction: test.direction(), delay }
}
