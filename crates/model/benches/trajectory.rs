//! One trajectory: 44 weeks, 14 doses of 225 mg every two weeks, a typical person of 70 kg and 300 IU/mL.
//!
//! `scripts/reference/bench.py` times scipy on the same person and doses.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use divan::{Bencher, black_box};
use omafit_model::{
    Case, Course, Covariates, DEFAULT_RTOL, Dose, Output, OutputRows, OutputTime, OutputWeights,
    PopulationModel, published,
};

const DOSES: usize = 14;
const DOSE_EVERY: f64 = 14.0;
const DOSE_MG: f64 = 225.0;
const VISITS: [f64; 15] =
    [0.0, 7.0, 14.0, 28.0, 56.0, 84.0, 112.0, 140.0, 168.0, 196.0, 210.0, 224.0, 252.0, 280.0, 308.0];
fn person() -> Covariates {
    Covariates::new(70.0, 300.0 * 2.42)
}

struct Timed {
    model: PopulationModel,
    parameters: Vec<f64>,
    course: Course,
}

impl Timed {
    fn new(times: &[f64], output: Output) -> Self {
        let doses: Vec<Dose> =
            (0..DOSES).map(|i| Dose::subcutaneous(i as f64 * DOSE_EVERY, DOSE_MG)).collect();
        let before = |time: f64| doses.partition_point(|d| d.time < time);
        let times = times.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
        let course = Course::new(0.0, doses.clone(), times, output).unwrap();
        let model = PopulationModel::parse(published("hayashi2007").unwrap()).unwrap();
        Self { parameters: model.typical(&person()).unwrap(), model, course }
    }

    /// The visits of a trial, as a fit needs them.
    fn visits() -> Self {
        Self::new(&VISITS, Output::Landed)
    }

    /// A value every `days`, as a reconstruction needs them.
    fn every(days: usize) -> Self {
        let times: Vec<f64> = (0..=308).step_by(days).map(|day| day as f64).collect();
        Self::new(&times, Output::Interpolated)
    }

    fn predictions(&self, bencher: Bencher<'_, '_>) {
        let mut out = OutputRows::new();
        bencher.bench_local(|| {
            let parameters = black_box(&self.parameters);
            self.model.predict(parameters, &person(), &self.course, &mut out).unwrap()
        });
    }

    /// 64 people around the typical one.
    fn people(&self) -> Vec<Vec<f64>> {
        let away = |k: usize, i: usize| (0.3 * ((k * (i + 3)) as f64).sin()).exp();
        let person = |k: usize| self.parameters.iter().enumerate().map(|(i, p)| p * away(k, i)).collect();
        (0..64).map(person).collect()
    }

    /// One after the other.
    fn predictions_one_by_one(&self, bencher: Bencher<'_, '_>) {
        let (people, mut out) = (self.people(), OutputRows::new());
        bencher.bench_local(|| {
            for parameters in black_box(&people) {
                self.model.predict(parameters, &person(), &self.course, &mut out).unwrap();
            }
        });
    }

    /// Several at a time.
    fn predictions_batched(&self, bencher: Bencher<'_, '_>) {
        let people = self.people();
        bencher.bench_local(|| self.model.predict_each(black_box(&people), &person(), &self.course));
    }

    /// Their sensitivities, several at a time.
    fn sensitivities_batched(&self, bencher: Bencher<'_, '_>) {
        let (people, start) = (self.people(), self.model.start(&person()).unwrap());
        let case = |parameters| Case { parameters, start, course: &self.course };
        let cases: Vec<Case<'_>> = people.iter().map(|parameters| case(parameters)).collect();
        bencher.bench_local(|| {
            let structure = self.model.structure();
            structure
                .sensitivities_each(black_box(&cases), &mut |_, found| assert!(black_box(found).is_ok()));
        });
    }

    fn sensitivities(&self, bencher: Bencher<'_, '_>) {
        let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
        let start = self.model.start(&person()).unwrap();
        bencher.bench_local(|| {
            let parameters = black_box(&self.parameters);
            self.model
                .structure()
                .sensitivities(parameters, start, &self.course, &mut out, &mut slopes)
                .unwrap()
        });
    }

    /// With the second-order derivatives of weighted sums, of 64 people.
    fn second_order(&self, bencher: Bencher<'_, '_>) {
        let people = self.people();
        let start = self.model.start(&person()).unwrap();
        let times = self.course.times().len();
        let weights = OutputWeights {
            values: (0..times).map(|_| [0.3, -0.2, 0.1, 0.0, 0.0]).collect(),
            slopes: (0..times * (self.parameters.len() + 1)).map(|_| [0.1, 0.2, -0.3, 0.0, 0.0]).collect(),
        };
        let weights = vec![weights; people.len()];
        bencher.bench_local(|| {
            let case = |parameters| Case { parameters, start, course: &self.course };
            let cases: Vec<Case<'_>> = people.iter().map(|p| case(black_box(p))).collect();
            let mut sum = 0.0;
            self.model.structure().second_order_each(&cases, &weights, &mut |_, found| {
                sum += found.unwrap().hessian[0];
            });
            sum
        });
    }

    fn concentrations(&self, rtol: f64) -> OutputRows {
        let mut out = OutputRows::new();
        let course = self.course.clone().with_rtol(rtol);
        self.model.predict(&self.parameters, &person(), &course, &mut out).unwrap();
        out
    }

    /// Largest relative difference of the three analytes from a run at a far smaller tolerance.
    fn error(&self) -> f64 {
        let (found, exact) = (self.concentrations(DEFAULT_RTOL), self.concentrations(1e-13));
        let gap = |(a, b): (&[f64], &[f64])| {
            let analytes = a.iter().zip(b).take(3);
            analytes.map(|(a, b)| if *b == 0.0 { a.abs() } else { (a / b - 1.0).abs() }).fold(0.0, f64::max)
        };
        found.iter().zip(&exact).map(gap).fold(0.0, f64::max)
    }
}

fn main() {
    println!("tolerance {DEFAULT_RTOL:e}");
    println!("error visits {:.1e}", Timed::visits().error());
    println!("error weekly {:.1e}", Timed::every(7).error());
    println!("error daily {:.1e}", Timed::every(1).error());
    divan::main();
}

#[divan::bench]
fn visits_of_64_alone(bencher: Bencher<'_, '_>) {
    Timed::visits().predictions_one_by_one(bencher);
}

#[divan::bench]
fn visits_of_64_batched(bencher: Bencher<'_, '_>) {
    Timed::visits().predictions_batched(bencher);
}

#[divan::bench]
fn visits_of_64_sensitivities_batched(bencher: Bencher<'_, '_>) {
    Timed::visits().sensitivities_batched(bencher);
}

#[divan::bench]
fn daily_of_64_sensitivities_batched(bencher: Bencher<'_, '_>) {
    Timed::every(1).sensitivities_batched(bencher);
}

#[divan::bench]
fn visits_predictions(bencher: Bencher<'_, '_>) {
    Timed::visits().predictions(bencher);
}

#[divan::bench]
fn visits_sensitivities(bencher: Bencher<'_, '_>) {
    Timed::visits().sensitivities(bencher);
}

#[divan::bench]
fn visits_of_64_second_order(bencher: Bencher<'_, '_>) {
    Timed::visits().second_order(bencher);
}

#[divan::bench]
fn weekly_predictions(bencher: Bencher<'_, '_>) {
    Timed::every(7).predictions(bencher);
}

#[divan::bench]
fn weekly_sensitivities(bencher: Bencher<'_, '_>) {
    Timed::every(7).sensitivities(bencher);
}

#[divan::bench]
fn daily_predictions(bencher: Bencher<'_, '_>) {
    Timed::every(1).predictions(bencher);
}

#[divan::bench]
fn daily_sensitivities(bencher: Bencher<'_, '_>) {
    Timed::every(1).sensitivities(bencher);
}
