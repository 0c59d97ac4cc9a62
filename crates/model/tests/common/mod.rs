//! Helpers of the tests: typical parameters, and one-line solution of a course.

#![allow(dead_code)]

use omafit_model::{
    Course, CourseError, Dose, InitialTarget, Output, OutputRows, OutputTime, Route, StateRule,
    StructuralModel, structure, structure_with_dosing,
};

/// Structures with typical values of their parameters (Hayashi et al. 2007, Straube 2025).
pub const TYPICAL: [(&str, &[f64]); 9] = [
    ("quasi_equilibrium", &[0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.828, 1.07, 0.157]),
    ("quasi_equilibrium_clc", &[0.458, 0.208, 0.832, 3.85, 9.33, 6.31, 6.42, 1.81, 0.0902]),
    ("quasi_equilibrium_2cmt", &[0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.828, 1.07, 0.157, 0.5, 3.0]),
    ("falling_production", &[0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.828, 1.07, 0.157, 0.00274, 0.5]),
    ("full_binding_1cmt", &[1.03, 0.07, 3.92, 1.34, 3.29, 2.3, 0.842, 0.167]),
    ("full_binding_2cmt", &[0.31, 0.09, 0.68, 2.81, 4.3, 1.28, 1.98, 1.96, 0.9, 0.158]),
    ("qss_2cmt", &[0.31, 0.09, 0.68, 2.81, 4.3, 1.28, 2.12, 0.9, 0.158]),
    ("michaelis_menten_2cmt", &[0.31, 0.09, 0.68, 2.81, 4.3, 1.28, 2.12, 0.158]),
    ("one_compartment", &[0.5, 0.2, 8.0]),
];

/// The structure with a given name.
pub fn plain(name: &str) -> &'static dyn StructuralModel {
    structure(name).unwrap()
}

/// The structure with a given name, with bioavailability and lag time as its last two parameters.
pub fn dosed(name: &str) -> &'static dyn StructuralModel {
    structure_with_dosing(name).unwrap()
}

/// Typical values of a structure's parameters without dosing parameters.
pub fn typical(name: &str) -> Vec<f64> {
    TYPICAL.iter().find(|(n, _)| *n == name).unwrap().1.to_vec()
}

/// A parameter set with one parameter changed.
pub fn with(model: &dyn StructuralModel, parameters: &[f64], name: &str, value: f64) -> Vec<f64> {
    let mut changed = parameters.to_vec();
    changed[position(model, name)] = value;
    changed
}

/// Position of a parameter in a structure.
pub fn position(model: &dyn StructuralModel, name: &str) -> usize {
    model.parameters().iter().position(|p| p.name == name).unwrap()
}

/// Output times at which a dose at the same time counts as given.
pub fn after(doses: &[Dose], times: impl IntoIterator<Item = f64>) -> Vec<OutputTime> {
    let given = |t: f64| doses.partition_point(|d| d.time <= t);
    times.into_iter().map(|time| OutputTime { time, doses_before: given(time) }).collect()
}

/// Output times at which a dose at the same time counts as not yet given.
pub fn before(doses: &[Dose], times: impl IntoIterator<Item = f64>) -> Vec<OutputTime> {
    let given = |t: f64| doses.partition_point(|d| d.time < t);
    times.into_iter().map(|time| OutputTime { time, doses_before: given(time) }).collect()
}

/// A course from day 0, solved so accurately that differences between two courses are not due to the solver.
pub fn course(doses: &[Dose], times: Vec<OutputTime>) -> Course {
    Course::new(0.0, doses.to_vec(), times, Output::Landed).unwrap().with_rtol(SHARP)
}

/// The relative tolerance of [`course`].
pub const SHARP: f64 = 1e-11;

/// Courses typical of a fit and of a reconstruction, and courses with every kind of event.
pub fn event_courses() -> Vec<(&'static str, Course)> {
    let injections: Vec<Dose> = (0..6).map(|k| Dose::subcutaneous(28.0 * f64::from(k), 300.0)).collect();
    let visits = [0.0, 7.0, 28.0, 29.5, 100.0, 168.0, 250.0];
    let weekly = (0..=40).map(|k| 7.0 * f64::from(k));
    let of = |doses: &[Dose], times: Vec<f64>, output: Output| {
        Course::new(0.0, doses.to_vec(), after(doses, times), output).unwrap()
    };
    let vein = |time: f64, duration: f64| Dose {
        route: Route::Intravenous,
        duration,
        ..Dose::subcutaneous(time, 300.0)
    };
    let mixed = [vein(0.0, 0.0), vein(14.0, 0.1), Dose { duration: 3.0, ..Dose::subcutaneous(28.0, 300.0) }];
    let repeated = |before| [Dose { before, ..Dose::subcutaneous(10.0, 300.0) }];
    vec![
        ("injections, landed", of(&injections, visits.to_vec(), Output::Landed)),
        ("injections, interpolated", of(&injections, weekly.collect(), Output::Interpolated)),
        ("injections, rtol 1e-4", of(&injections, visits.to_vec(), Output::Landed).with_rtol(1e-4)),
        ("vein and infusions", of(&mixed, visits.to_vec(), Output::Landed)),
        (
            "steady state",
            of(&repeated(StateRule::SteadyState { interval: 28.0 }), vec![10.0, 60.0], Output::Landed),
        ),
        ("reset", of(&repeated(StateRule::Reset), vec![5.0, 10.0, 60.0], Output::Landed)),
    ]
}

/// Concentrations over a course.
pub fn solve(
    model: &dyn StructuralModel,
    parameters: &[f64],
    start: InitialTarget<f64>,
    course: &Course,
) -> Result<OutputRows, CourseError> {
    let mut out = OutputRows::new();
    model.predict(parameters, start, course, &mut out)?;
    Ok(out)
}

/// The largest relative difference of any output that both have at any time; the absolute value where zero is wanted.
pub fn gap(got: &OutputRows, want: &OutputRows) -> f64 {
    assert_eq!(got.len(), want.len());
    let pairs = got.iter().zip(want).flat_map(|(got, want)| got.iter().zip(want));
    pairs.map(|(a, b)| relative(*a, *b)).fold(0.0, largest)
}

/// The difference of `got` from `want` relative to `want`; the absolute value of `got` if `want` is zero.
pub fn relative(got: f64, want: f64) -> f64 {
    if want == 0.0 { got.abs() } else { (got / want - 1.0).abs() }
}

/// The larger of two values; NaN if either is NaN.
pub fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// Asserts that errors fall in proportion to a small parameter, by a factor of 10 from one to the next.
///
/// `wide` is the relative deviation allowed between the ratio of successive errors and 10; the first errors are not yet
/// small and contain second-order terms.
pub fn assert_first_order(errors: &[f64], wide: f64, what: &str) {
    for pair in errors.windows(2) {
        let ratio = pair[0] / pair[1];
        assert!((ratio / 10.0 - 1.0).abs() < wide, "{what}: ratio {ratio} in {errors:?}");
    }
}
