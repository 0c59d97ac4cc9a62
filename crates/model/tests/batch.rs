//! Solutions of several cases at a time equal those of one case at a time, bit for bit and in the solver's counters:
//! every structure, with and without dosing parameters, over courses with every kind of event.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TYPICAL, dosed, event_courses, plain};
use omafit_model::{
    Case, Course, CourseError, Dose, InitialTarget, Output, OutputRows, OutputTime, OutputWeights,
    RequestQueue, SecondOrder, Sensitivities, SolveRequest, StructuralModel, Work,
};
use std::borrow::Cow;

/// The courses of the counter test, and unusual courses.
fn courses() -> Vec<Course> {
    let dose = |day: f64, mg: f64| Dose::subcutaneous(day, mg);
    let of = |start: f64, doses: Vec<Dose>, days: &[f64], output: Output| {
        let before = |time: f64| doses.partition_point(|d| d.time < time);
        let times = days.iter().map(|&time| OutputTime { time, doses_before: before(time) }).collect();
        Course::new(start, doses.clone(), times, output).unwrap()
    };
    let regular: Vec<Dose> = (0..6).map(|k| dose(28.0 * f64::from(k), 300.0)).collect();
    let daily: Vec<f64> = (-10..=200).map(f64::from).collect();
    let tiny = vec![dose(3.0, 0.0), dose(3.0, 1e-6), dose(3.0, 1e6), dose(90.0, 150.0)];
    let odd = [
        of(-10.0, regular, &daily, Output::Interpolated),
        of(0.0, tiny, &[3.0, 3.0, 90.0, 91.0], Output::Landed),
        of(5.0, Vec::new(), &[5.0, 6.0, 60.0], Output::Landed),
        of(0.0, vec![dose(1.0, 150.0)], &[], Output::Landed),
    ];
    event_courses().into_iter().map(|(_, course)| course).chain(odd).collect()
}

/// Parameter sets around the typical values, some of them absurd.
fn sets(typical: &[f64], count: usize) -> Vec<Vec<f64>> {
    let around = |k: usize| {
        let wide = if k % 5 == 4 { 2.0 } else { 0.5 };
        let away = move |i: usize| (wide * ((17 * k + 5 * i) as f64).sin()).exp();
        typical.iter().enumerate().map(|(i, p)| p * away(i)).collect()
    };
    let mut sets: Vec<Vec<f64>> = (0..count).map(around).collect();
    for (k, value) in [(3, 0.0), (4, -1.0), (7, f64::NAN), (8, 1e300), (9, 1e-300)] {
        if let Some(set) = sets.get_mut(k) {
            let last = set.len() - 1;
            set[k % 2 * last] = value;
        }
    }
    sets
}

/// The bits of a solution with its counters, or the error message.
type Bits = Result<(Vec<u64>, Work), String>;

fn bits(values: &OutputRows, slopes: &OutputRows) -> Vec<u64> {
    values.numbers().iter().chain(slopes.numbers()).map(|number| number.to_bits()).collect()
}

/// A queue of cases that stores the bits of their solutions.
struct Kept<'a> {
    cases: &'a [Case<'a>],
    next: usize,
    work: Vec<Work>,
    found: Vec<Option<Bits>>,
}

impl<'a> Kept<'a> {
    fn new(cases: &'a [Case<'a>]) -> Self {
        Self { cases, next: 0, work: vec![Work::default(); cases.len()], found: vec![None; cases.len()] }
    }

    fn keep(&mut self, key: usize, found: Result<Vec<u64>, CourseError>) {
        let found = found.map(|bits| (bits, self.work[key])).map_err(|e| e.to_string());
        // Each case is reported once.
        assert!(self.found[key].replace(found).is_none());
    }

    fn request(&mut self) -> Option<SolveRequest<'a>> {
        let key = self.next;
        let &Case { parameters, start, course } = self.cases.get(key)?;
        self.next += 1;
        let parameters = Cow::Borrowed(parameters);
        Some(SolveRequest { key, parameters, start, course, over: Cow::Borrowed(&[]) })
    }

    fn solutions(self) -> Vec<Bits> {
        self.found.into_iter().map(Option::unwrap).collect()
    }
}

macro_rules! queue {
    ($answer:ty, $bits:expr) => {
        impl<'a> RequestQueue<'a, $answer> for Kept<'a> {
            fn concurrency(&self) -> usize {
                self.cases.len()
            }
            fn next(&mut self) -> Option<SolveRequest<'a>> {
                self.request()
            }
            fn output_weights(&mut self, _: usize, _: &Sensitivities, _: &mut OutputWeights) {}
            fn on_work(&mut self, key: usize, work: &Work) {
                self.work[key] = *work;
            }
            fn on_solution(&mut self, key: usize, found: Result<&$answer, CourseError>) {
                self.keep(key, found.map($bits));
            }
        }
    };
}

queue!(OutputRows, |found| bits(found, &OutputRows::new()));
queue!(SecondOrder, |found| bits(&found.at.values, &found.at.slopes));

/// Solutions of a single case: values, and values with derivatives.
fn alone(structure: &dyn StructuralModel, case: &Case<'_>) -> [Bits; 2] {
    let (mut values, mut slopes) = (OutputRows::new(), OutputRows::new());
    let Case { parameters, start, course } = *case;
    let predicted = structure.predict(parameters, start, course, &mut values);
    let predicted =
        predicted.map(|work| (bits(&values, &OutputRows::new()), work)).map_err(|e| e.to_string());
    let linearised = structure.sensitivities(parameters, start, course, &mut values, &mut slopes);
    [predicted, linearised.map(|work| (bits(&values, &slopes), work)).map_err(|e| e.to_string())]
}

/// Solutions of all cases in one batch.
fn batched(structure: &dyn StructuralModel, cases: &[Case<'_>]) -> [Vec<Bits>; 2] {
    let (mut values, mut derivatives) = (Kept::new(cases), Kept::new(cases));
    structure.predict_all(&mut values);
    structure.differentiate_all(&mut derivatives);
    [values.solutions(), derivatives.solutions()]
}

#[test]
fn bodies_in_a_batch_are_to_the_bit_those_alone() {
    let courses = courses();
    let starts = [
        InitialTarget::Baseline { ige_ng_ml: 700.0 },
        InitialTarget::SteadyState,
        InitialTarget::Baseline { ige_ng_ml: 0.0 },
    ];
    for (name, typical) in TYPICAL {
        for (dosing, structure) in [(&[][..], plain(name)), (&[0.6, 0.25][..], dosed(name))] {
            let sets = sets(&[typical, dosing].concat(), 13);
            let start = |k: usize| starts[if structure.starts_at_baseline() { k % 7 % 3 } else { 1 }];
            let case = |k: usize, course| Case { parameters: &sets[k % 13], start: start(k), course };
            // Few and many sets over each course, and every course in turn.
            let few =
                courses.iter().flat_map(|course| [3, 13].map(|n| (0..n).map(|k| case(k, course)).collect()));
            let mut groups: Vec<Vec<Case<'_>>> = few.collect();
            groups.push((0..13 * courses.len()).map(|k| case(k, &courses[k % courses.len()])).collect());
            for cases in groups {
                let [values, derivatives] = batched(structure, &cases);
                for (case, found) in cases.iter().zip(values.into_iter().zip(derivatives)) {
                    assert_eq!(<[Bits; 2]>::from(found), alone(structure, case), "{name} {case:?}");
                }
            }
        }
    }
}
