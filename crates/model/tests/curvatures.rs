//! Second derivatives: against a closed form, and against differences of the first.

#![allow(clippy::unwrap_used)]

mod common;

use common::{after, dosed, plain, position, typical};
use omafit_model::{Case, Course, Dose, Dual, Output, Real, Route, Start, StructuralModel};

type Table = (Vec<[f64; 5]>, Vec<[f64; 5]>, Vec<[f64; 5]>);

/// Concentrations, first and second derivatives.
fn solve(
    model: &dyn StructuralModel,
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    wanted: &[usize],
) -> Table {
    let (mut out, mut slopes, mut curvatures) = (Vec::new(), Vec::new(), Vec::new());
    model.curvatures(parameters, start, course, wanted, &mut out, &mut slopes, &mut curvatures).unwrap();
    (out.into_iter().map(|c| c.to_array()).collect(), slopes, curvatures)
}

fn course(output: Output) -> Course {
    let doses: Vec<Dose> = (0..4).map(|i| Dose::subcutaneous(14.0 * f64::from(i), 300.0)).collect();
    let times = [0.0, 0.3, 1.0, 3.0, 7.0, 13.9, 20.0, 41.0, 60.0, 130.0];
    let times = after(&doses, times);
    Course::new(0.0, doses, times, output).unwrap()
}

#[test]
fn one_compartment_has_the_second_derivatives_of_its_closed_form() {
    let (ka, cl, v, mg) = (0.5, 0.2, 8.0, 300.0);
    let times = [0.5, 2.0, 10.0, 40.0];
    let doses = vec![Dose::subcutaneous(0.0, mg), Dose::subcutaneous(5.0, mg)];
    let times = after(&doses, times);
    let course = Course::new(0.0, doses, times.clone(), Output::Landed).unwrap();
    let wanted = [0, 1, 2];
    let (out, _, curvatures) =
        solve(plain("one_compartment"), &[ka, cl, v], Start::SteadyState, &course, &wanted);
    for (at, time) in times.iter().enumerate() {
        // Bateman's function with inputs as functions of their logarithms.
        type Twice = Dual<Dual<f64, 3>, 3>;
        let input = |value: f64, lane: usize| {
            let log = Twice::variable(Dual::variable(f64::ln(value), lane), lane);
            log.exp()
        };
        let (ka, cl, v) = (input(ka, 0), input(cl, 1), input(v, 2));
        let k = cl / v;
        let mut sum = Twice::zero();
        for given in [0.0, 5.0] {
            let since = time.time - given;
            if since > 0.0 {
                sum = sum + ka / (v * (ka - k)) * ((k * -since).exp() - (ka * -since).exp()) * mg;
            }
        }
        // A dose in mg over a volume in L is µg/mL.
        assert!((out[at][0] / sum.value() - 1.0).abs() < 1e-8);
        let mut pair = at * 6;
        for i in 0..3 {
            for j in 0..=i {
                let exact = sum.eps[i].eps[j];
                let gap = (curvatures[pair][0] - exact).abs();
                assert!(gap < 1e-7 * exact.abs().max(out[at][0]), "{time:?} {i} {j}");
                pair += 1;
            }
        }
    }
}

#[test]
fn carried_second_derivatives_are_those_of_differences() {
    // A bioavailability and a lag that change nothing make the model one whose second derivatives are differences.
    for name in ["quasi_equilibrium", "quasi_equilibrium_clc"] {
        for output in [Output::Landed, Output::Interpolated] {
            let own = typical(name);
            let wanted: Vec<usize> = (0..=own.len()).collect();
            let start = Start::Baseline { ige_ng_ml: 726.0 };
            let (out, slopes, exact) = solve(plain(name), &own, start, &course(output), &wanted);
            let with_dosing: Vec<f64> = own.iter().copied().chain([1.0, 0.0]).collect();
            let baseline = with_dosing.len();
            let wanted_too: Vec<usize> = (0..own.len()).chain([baseline]).collect();
            let (_, _, rough) = solve(dosed(name), &with_dosing, start, &course(output), &wanted_too);
            assert_eq!(exact.len(), rough.len());
            let pairs = wanted.len() * (wanted.len() + 1) / 2;
            for (k, (a, b)) in exact.iter().zip(&rough).enumerate() {
                for c in 0..5 {
                    let size = out[k / pairs][c].abs().max(b[c].abs());
                    assert!((a[c] - b[c]).abs() <= 2e-6 * size, "{name} {k} {c}: {} {}", a[c], b[c]);
                }
            }
            // What is read beside them is what is read without them.
            let (mut plain_out, mut plain_slopes) = (Vec::new(), Vec::new());
            plain(name)
                .sensitivities(&own, start, &course(output), &mut plain_out, &mut plain_slopes)
                .unwrap();
            for (a, b) in out.iter().zip(&plain_out) {
                assert_eq!(*a, b.to_array());
            }
            for (k, (a, b)) in slopes.iter().zip(&plain_slopes).enumerate() {
                for c in 0..5 {
                    let size = out[k / wanted.len()][c];
                    assert!(
                        (a[c] - b[c]).abs() <= 1e-11 * size.max(b[c].abs()),
                        "{k} {c}: {} {}",
                        a[c],
                        b[c]
                    );
                }
            }
        }
    }
}

#[test]
fn a_choice_of_inputs_has_the_entries_of_all() {
    let (name, start) = ("quasi_equilibrium", Start::SteadyState);
    let own = typical(name);
    let all: Vec<usize> = (0..own.len()).collect();
    let some = [7, 1, 4];
    let (_, _, full) = solve(plain(name), &own, start, &course(Output::Landed), &all);
    let (_, _, chosen) = solve(plain(name), &own, start, &course(Output::Landed), &some);
    let (pairs, few) = (own.len() * (own.len() + 1) / 2, 6);
    for at in 0..10 {
        for (row, &i) in some.iter().enumerate() {
            for (column, &j) in some[..=row].iter().enumerate() {
                let (high, low) = (i.max(j), i.min(j));
                let expected = full[at * pairs + high * (high + 1) / 2 + low];
                let found = chosen[at * few + row * (row + 1) / 2 + column];
                for c in 0..5 {
                    assert!((found[c] - expected[c]).abs() <= 1e-10 * expected[c].abs().max(1e-3));
                }
            }
        }
    }
}

#[test]
fn a_bioavailability_is_differentiated_at_one_and_above() {
    let model = dosed("one_compartment");
    let f = position(model, "F");
    // Clearance and volume are apparent, so what is given into a vein enters over F: its concentration is as 1/F.
    let doses = vec![Dose { route: Route::Intravenous, ..Dose::subcutaneous(0.0, 300.0) }];
    let times = after(&doses, [3.0]);
    let course = Course::new(0.0, doses, times, Output::Landed).unwrap();
    for bioavailability in [1.0, 2.5] {
        let parameters = [0.5, 0.2, 8.0, bioavailability, 0.0];
        let (out, _, curvatures) = solve(model, &parameters, Start::SteadyState, &course, &[f]);
        assert!((curvatures[0][0] / out[0][0] - 1.0).abs() < 1e-5, "{curvatures:?} {out:?}");
    }
}

/// The second derivatives of a weighted sum, found backward for many cases at once, against the sum of those of each
/// concentration, which are carried forward for each alone.
#[test]
fn bends_are_the_weighted_sums_of_second_derivatives() {
    let mut courses = vec![course(Output::Landed), course(Output::Interpolated)];
    let none = after(&[], [0.0, 5.0]);
    courses.push(Course::new(0.0, Vec::new(), none, Output::Landed).unwrap());
    let slow = Dose { duration: 2.0, ..Dose::subcutaneous(0.0, 150.0) };
    courses.push(Course::new(0.0, vec![slow], after(&[slow], [1.0, 9.0]), Output::Landed).unwrap());
    let starts = [Start::Baseline { ige_ng_ml: 726.0 }, Start::SteadyState];
    for name in ["quasi_equilibrium", "quasi_equilibrium_clc", "one_compartment", "michaelis_menten_2cmt"] {
        let model = plain(name);
        let own = typical(name);
        let set = |k: usize| -> Vec<f64> {
            own.iter().enumerate().map(|(i, p)| p * (0.4 * ((k * (i + 2)) as f64).sin()).exp()).collect()
        };
        let sets: Vec<Vec<f64>> = (0..12).map(set).collect();
        let case = |k: usize| Case {
            parameters: &sets[k],
            start: if model.starts_at_baseline() { starts[k % 2] } else { Start::SteadyState },
            course: &courses[k % courses.len()],
        };
        let cases: Vec<Case<'_>> = (0..sets.len()).map(case).collect();
        let weigh = |k: usize, time: usize, c: usize| (0.7 * (k + 3 * time + 5 * c) as f64).cos();
        let of = |k: usize| -> Vec<[f64; 5]> {
            (0..cases[k].course.times().len()).map(|t| std::array::from_fn(|c| weigh(k, t, c))).collect()
        };
        let weights: Vec<Vec<[f64; 5]>> = (0..cases.len()).map(of).collect();
        let weights: Vec<&[[f64; 5]]> = weights.iter().map(Vec::as_slice).collect();
        let mut found = vec![None; cases.len()];
        model.bends_each(&cases, &weights, &mut |k, bend| found[k] = Some(bend.unwrap().clone()));
        let inputs = own.len() + 1;
        let wanted: Vec<usize> = (0..inputs).collect();
        for (k, (case, found)) in cases.iter().zip(found).enumerate() {
            let found = found.unwrap();
            let (out, slopes, bends) = solve(model, case.parameters, case.start, case.course, &wanted);
            assert_eq!(found.at.values.len(), out.len());
            for (a, b) in found.at.slopes.iter().zip(&slopes) {
                assert!(
                    (0..5).all(|c| (a[c] - b[c]).abs() <= 1e-9 * (1.0 + b[c].abs())),
                    "{name} {a:?} {b:?}"
                );
            }
            let mut pair = 0;
            for i in 0..inputs {
                for j in 0..=i {
                    let (mut sum, mut size) = (0.0, 0.0);
                    for (time, weights) in weights[k].iter().enumerate() {
                        let of = bends[time * inputs * (inputs + 1) / 2 + pair];
                        sum += (0..5).map(|c| weights[c] * of[c]).sum::<f64>();
                        size += (0..5).map(|c| (weights[c] * of[c]).abs()).sum::<f64>();
                    }
                    for at in [i * inputs + j, j * inputs + i] {
                        let gap = (found.matrix[at] - sum).abs();
                        assert!(
                            gap <= 1e-9 * (size + 1e-3),
                            "{name} {k} {i} {j}: {} {sum}",
                            found.matrix[at]
                        );
                    }
                    pair += 1;
                }
            }
        }
    }
}
