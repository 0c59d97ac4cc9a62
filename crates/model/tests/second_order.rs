//! Second derivatives of weighted sums, compared with a closed form and with differences of first derivatives.
#![allow(clippy::unwrap_used)]

mod common;

use common::{after, dosed, plain, position, typical};
use omafit_model::{
    Case, Course, Dose, Dual, InitialTarget, Output, OutputRows, OutputWeights, Real, Route, SecondOrder,
    StructuralModel,
};

/// The position of total omalizumab among the outputs.
const DRUG: usize = 0;

fn course(output: Output) -> Course {
    let doses: Vec<Dose> = (0..4).map(|i| Dose::subcutaneous(14.0 * f64::from(i), 300.0)).collect();
    let times = [0.0, 0.3, 1.0, 3.0, 7.0, 13.9, 20.0, 41.0, 60.0, 130.0];
    let times = after(&doses, times);
    Course::new(0.0, doses, times, output).unwrap()
}

fn found_each(
    model: &dyn StructuralModel,
    cases: &[Case<'_>],
    weights: &[OutputWeights],
) -> Vec<SecondOrder> {
    let mut found = vec![None; cases.len()];
    model.second_order_each(cases, weights, &mut |k, second| found[k] = Some(second.unwrap().clone()));
    found.into_iter().map(Option::unwrap).collect()
}

/// Output weights of one for the only output of one compartment at every output time.
fn of_drug(times: usize) -> OutputWeights {
    OutputWeights { values: OutputRows::from_iter(vec![[1.0]; times]), slopes: OutputRows::new() }
}

#[test]
fn one_compartment_has_the_second_derivatives_of_its_closed_form() {
    let (ka, cl, v, mg) = (0.5, 0.2, 8.0, 300.0);
    let times = [0.5, 2.0, 10.0, 40.0];
    let doses = vec![Dose::subcutaneous(0.0, mg), Dose::subcutaneous(5.0, mg)];
    let times = after(&doses, times);
    let course = Course::new(0.0, doses, times.clone(), Output::Landed).unwrap().with_rtol(1e-11);
    let case = Case { parameters: &[ka, cl, v], start: InitialTarget::SteadyState, course: &course };
    let found = &found_each(plain("one_compartment"), &[case], &[of_drug(times.len())])[0];
    // The Bateman function with inputs as functions of their logarithms.
    type Twice = Dual<Dual<f64, 3>, 3>;
    let input = |value: f64, lane: usize| {
        let log = Twice::variable(Dual::variable(f64::ln(value), lane), lane);
        log.exp()
    };
    let (ka, cl, v) = (input(ka, 0), input(cl, 1), input(v, 2));
    let k = cl / v;
    let mut all = Twice::zero();
    for (time, at) in times.iter().zip(&found.at.values) {
        let mut sum = Twice::zero();
        for given in [0.0, 5.0] {
            let since = time.time - given;
            if since > 0.0 {
                sum = sum + ka / (v * (ka - k)) * ((k * -since).exp() - (ka * -since).exp()) * mg;
            }
        }
        // A dose in mg over a volume in L is µg/mL.
        assert!((at[DRUG] / sum.value() - 1.0).abs() < 1e-8);
        all = all + sum;
    }
    for i in 0..3 {
        for j in 0..3 {
            let (own, exact) = (found.hessian[i * 4 + j], all.eps[i].eps[j]);
            assert!((own - exact).abs() < 1e-7 * exact.abs().max(all.value()), "{i} {j}: {own} {exact}");
        }
    }
}

#[test]
fn a_bioavailability_is_differentiated_at_one_and_above() {
    let model = dosed("one_compartment");
    let f = position(model, "F");
    // Clearance and volume are apparent, so an intravenous dose enters divided by F and the concentration is
    // proportional to 1/F.
    let doses = vec![Dose { route: Route::Intravenous, ..Dose::subcutaneous(0.0, 300.0) }];
    let times = after(&doses, [3.0]);
    let course = Course::new(0.0, doses, times, Output::Landed).unwrap();
    for bioavailability in [1.0, 2.5] {
        let parameters = [0.5, 0.2, 8.0, bioavailability, 0.0];
        let case = Case { parameters: &parameters, start: InitialTarget::SteadyState, course: &course };
        let found = &found_each(model, &[case], &[of_drug(1)])[0];
        let ratio = found.hessian[f * 6 + f] / found.at.values[0][DRUG];
        assert!((ratio - 1.0).abs() < 1e-5, "{ratio}");
    }
}

/// The derivatives of both sums with respect to the logarithm of an input, by differences of first derivatives at a
/// tight tolerance: a row of the Hessian, the derivative of the second sum, and the sum of absolute sensitivities as
/// scale.
fn by_differences(
    model: &dyn StructuralModel,
    case: &Case<'_>,
    weights: &OutputWeights,
    input: usize,
) -> (Vec<f64>, f64, f64) {
    const H: f64 = 0.01;
    const STENCIL: [(f64, f64); 6] = [
        (-3.0, -1.0 / 60.0),
        (-2.0, 3.0 / 20.0),
        (-1.0, -3.0 / 4.0),
        (1.0, 3.0 / 4.0),
        (2.0, -3.0 / 20.0),
        (3.0, 1.0 / 60.0),
    ];
    let inputs = case.parameters.len() + 1;
    let course = case.course.clone().with_rtol(1e-13);
    let (mut row, mut own, mut size) = (vec![0.0; inputs], 0.0, 0.0);
    let (mut values, mut slopes) = (OutputRows::new(), OutputRows::new());
    for (steps, weight) in STENCIL {
        let (mut moved, mut start) = (case.parameters.to_vec(), case.start);
        let factor = (steps * H).exp();
        match (moved.get_mut(input), &mut start) {
            (Some(value), _) => *value *= factor,
            (None, InitialTarget::Baseline { ige_ng_ml }) => *ige_ng_ml *= factor,
            (None, InitialTarget::SteadyState) => {}
        }
        model.sensitivities(&moved, start, &course, &mut values, &mut slopes).unwrap();
        for (at, slope) in slopes.iter().enumerate() {
            for (c, slope) in slope.iter().enumerate() {
                row[at % inputs] += weight / H * weights.values[at / inputs][c] * slope;
                own += weight / H * weights.slopes[at][c] * slope;
                size += slope.abs();
            }
        }
    }
    (row, own, size)
}

#[test]
fn second_order_derivatives_are_those_of_differences() {
    let mut courses = vec![course(Output::Landed), course(Output::Interpolated)];
    let none = after(&[], [0.0, 5.0]);
    courses.push(Course::new(0.0, Vec::new(), none, Output::Landed).unwrap());
    let slow = Dose { duration: 2.0, ..Dose::subcutaneous(0.0, 150.0) };
    courses.push(Course::new(0.0, vec![slow], after(&[slow], [1.0, 9.0]), Output::Landed).unwrap());
    let courses: Vec<Course> = courses.into_iter().map(|course| course.with_rtol(1e-11)).collect();
    let starts = [InitialTarget::Baseline { ige_ng_ml: 726.0 }, InitialTarget::SteadyState];
    for name in ["quasi_equilibrium", "quasi_equilibrium_clc", "one_compartment", "michaelis_menten_2cmt"] {
        let model = plain(name);
        let own = typical(name);
        let set = |k: usize| -> Vec<f64> {
            own.iter().enumerate().map(|(i, p)| p * (0.4 * ((k * (i + 2)) as f64).sin()).exp()).collect()
        };
        let sets: Vec<Vec<f64>> = (0..12).map(set).collect();
        let case = |k: usize| Case {
            parameters: &sets[k],
            start: if model.starts_at_baseline() { starts[k % 2] } else { InitialTarget::SteadyState },
            course: &courses[k % courses.len()],
        };
        let cases: Vec<Case<'_>> = (0..sets.len()).map(case).collect();
        let inputs = own.len() + 1;
        let weigh = |k: usize, time: usize, c: usize| (0.7 * (k + 3 * time + 5 * c) as f64).cos();
        // Weights of some concentrations are zero, as not all are observed at each time.
        let weigh_slope = |k: usize, at: usize, c: usize| {
            if (k + at / inputs + c).is_multiple_of(3) { 0.0 } else { (0.3 * (k + 2 * at + c) as f64).sin() }
        };
        let each = |of: &dyn Fn(usize) -> f64| (0..model.outputs().len()).map(of).collect::<Vec<f64>>();
        let of = |k: usize| {
            let times = cases[k].course.times().len();
            OutputWeights {
                values: (0..times).map(|t| each(&|c| weigh(k, t, c))).collect(),
                slopes: (0..times * inputs).map(|at| each(&|c| weigh_slope(k, at, c))).collect(),
            }
        };
        let weights: Vec<OutputWeights> = (0..cases.len()).map(of).collect();
        for (k, (case, found)) in cases.iter().zip(found_each(model, &cases, &weights)).enumerate() {
            let (mut values, mut slopes) = (OutputRows::new(), OutputRows::new());
            model.sensitivities(case.parameters, case.start, case.course, &mut values, &mut slopes).unwrap();
            assert_eq!((&found.at.values, &found.at.slopes), (&values, &slopes), "{name} {k}");
            // The backward method is as accurate as the first derivatives; differences are less accurate, as
            // documented.
            let most = if model.has_exact_hessian(case.course) { 3e-8 } else { 1e-6 };
            for i in 0..inputs {
                let (row, own, size) = by_differences(model, case, &weights[k], i);
                for (j, expected) in row.iter().enumerate() {
                    let own = found.hessian[i * inputs + j];
                    let gap = (own - expected).abs() / (size + 1e-3);
                    assert!(gap < most, "{name} {k} {i} {j}: {own} {expected}, {gap:e}");
                }
                let gap = (found.slope_gradient[i] - own).abs() / (size + 1e-3);
                assert!(gap < most, "{name} {k} {i}: {} {own}, {gap:e}", found.slope_gradient[i]);
            }
        }
    }
}
