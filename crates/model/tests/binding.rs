//! Binding in limiting cases, and dual numbers compared with another implementation.
#![allow(clippy::unwrap_used)]

use num_dual::{Dual64, DualNum};
use omafit_model::{
    Binding, Course, Dose, Dual, EquilibriumComplex, InitialTarget, Output, OutputRows, OutputTime, Real,
    structure,
};
use proptest::prelude::*;

/// The position of total omalizumab among the outputs.
const DRUG: usize = 0;
/// The position of total IgE among the outputs.
const TOTAL_IGE: usize = 1;
/// The position of free IgE among the outputs.
const FREE_IGE: usize = 2;
/// The position of free omalizumab among the outputs.
const FREE_DRUG: usize = 3;

const W: f64 = 10.26;
const ALPHA: f64 = 0.157;

fn complex(x: f64, e: f64) -> f64 {
    f64::apply::<4, 1, EquilibriumComplex>([x, e, W, ALPHA])[0]
}

fn unbound(x: f64, e: f64, w: f64, alpha: f64) -> (f64, f64) {
    let [_, drug, target] = f64::apply::<4, 3, Binding>([x, e, w, alpha]);
    (drug, target)
}

#[test]
fn without_drug_the_complex_is_the_drug_and_so_is_its_slope() {
    assert_eq!(complex(0.0, 13.0), 0.0);
    let x = Dual::<f64, 4>::variable(0.0, 0);
    let [c] = Dual::apply::<4, 1, EquilibriumComplex>([
        x,
        Dual::variable(13.0, 1),
        Dual::variable(W, 2),
        Dual::variable(ALPHA, 3),
    ]);
    assert_eq!((c.re, c.eps), (0.0, [1.0, 0.0, 0.0, 0.0]));
    assert_eq!(unbound(0.0, 13.0, W, ALPHA), (0.0, 13.0));
    // The limit is approached slowly: K falls with the power alpha of the drug.
    let ratio = |x: f64| complex(x, 13.0) / x;
    assert!(1.0 - ratio(1e-30) < 1e-4 && ratio(1e-30) < 1.0 && ratio(1e-60) > ratio(1e-30));
}

#[test]
fn tiny_drug_and_tiny_target_keep_their_digits() {
    // C = X·E/(E + K) to first order in X; the textbook root ½(S − √(S² − 4XE)) loses all digits here.
    let (x, e) = (1e-17_f64, 13.0_f64);
    let k = W * (x / e).powf(ALPHA);
    assert!((complex(x, e) / (x * e / (e + k)) - 1.0).abs() < 1e-14);
    let (drug, target) = unbound(x, e, W, ALPHA);
    assert!((drug / (x * k / (e + k)) - 1.0).abs() < 1e-14);
    assert!((target / e - 1.0).abs() < 1e-15);
    let (x, e) = (200.0_f64, 1e-17_f64);
    let k = W * (x / e).powf(ALPHA);
    let (drug, target) = unbound(x, e, W, ALPHA);
    assert!((target / (e * k / (x + k)) - 1.0).abs() < 1e-14);
    assert!((drug / x - 1.0).abs() < 1e-15);
}

#[test]
fn without_target_nothing_is_bound() {
    for (alpha, share) in [(ALPHA, 0.0), (0.0, 200.0 / (200.0 + W))] {
        let arguments = [200.0, 0.0, W, alpha];
        let duals = std::array::from_fn(|i| Dual::<f64, 4>::variable(arguments[i], i));
        let [c] = Dual::apply::<4, 1, EquilibriumComplex>(duals);
        assert_eq!((c.re, c.eps), (0.0, [0.0, share, 0.0, 0.0]));
        assert_eq!(unbound(200.0, 0.0, W, alpha), (200.0, 0.0));
    }
}

#[test]
fn a_body_without_target_is_linear() {
    let model = structure("quasi_equilibrium").unwrap();
    let parameters = [0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 0.0, 1.07, 0.157];
    let dose = Dose::subcutaneous(0.0, 300.0);
    let times = vec![OutputTime { time: 7.0, doses_before: 1 }];
    let course = Course::new(0.0, vec![dose], times, Output::Landed).unwrap();
    let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
    model.sensitivities(&parameters, InitialTarget::SteadyState, &course, &mut out, &mut slopes).unwrap();
    let k = 0.17568 / 5.9;
    let drug = 300.0 / 5.9 * 0.48 / (0.48 - k) * ((-7.0 * k).exp() - (-7.0_f64 * 0.48).exp());
    assert!((out[0][FREE_DRUG] / drug - 1.0).abs() < 1e-7 && out[0][TOTAL_IGE] == 0.0, "{out:?}");
    assert!(slopes.iter().flatten().all(|s| s.is_finite()), "{slopes:?}");
}

#[test]
fn a_drug_that_is_all_but_gone_has_finite_sensitivities() {
    // Fast elimination of the complex takes the drug to amounts whose products underflow.
    let model = structure("quasi_equilibrium").unwrap();
    let parameters = [480.0, 0.17568, 99.46205458761945, 1.704, 5.9, 6.318742411183566, 3.828, 1.07, 0.157];
    let dose = Dose::subcutaneous(0.0, 1.0);
    let times = (0..600).map(|i| OutputTime { time: 40.0 + 0.02 * f64::from(i), doses_before: 1 }).collect();
    let course = Course::new(0.0, vec![dose], times, Output::Landed).unwrap();
    let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
    model.sensitivities(&parameters, InitialTarget::SteadyState, &course, &mut out, &mut slopes).unwrap();
    assert!(out.iter().any(|c| (0.0..1e-290).contains(&c[DRUG]) && c[DRUG] > 0.0));
    assert!(slopes.iter().flatten().all(|s| s.is_finite()));
}

#[test]
fn a_course_without_drug_has_finite_sensitivities() {
    let model = structure("quasi_equilibrium").unwrap();
    let parameters = [0.48, 0.17568, 0.14064, 1.704, 5.9, 3.63, 3.828, 1.07, 0.157];
    let start = InitialTarget::Baseline { ige_ng_ml: 300.0 };
    let doses = vec![Dose::subcutaneous(10.0, 1e-6)];
    let times = [0.0, 5.0, 10.0, 10.001, 30.0]
        .map(|time| OutputTime { time, doses_before: usize::from(time > 10.0) })
        .to_vec();
    let course = Course::new(0.0, doses, times, Output::Landed).unwrap();
    let (mut out, mut slopes) = (OutputRows::new(), OutputRows::new());
    model.sensitivities(&parameters, start, &course, &mut out, &mut slopes).unwrap();
    assert!(slopes.iter().flatten().all(|s| s.is_finite()));
    // Without drug, IgE approaches Pe·Vx/CLe exponentially.
    let rate: f64 = 1.704 / 5.9;
    let steady = 3.828 / 1.704 * 190.0;
    let expected = steady + (300.0 - steady) * (-5.0 * rate).exp();
    assert!((out[1][FREE_IGE] / expected - 1.0).abs() < 1e-9);
    assert_eq!(out[1][DRUG], 0.0);
    assert!(out[3][DRUG] > 0.0 && out[4][FREE_DRUG] > 0.0);
}

/// A function that uses every operation, for this crate's dual numbers; `theirs` is its counterpart for `num_dual`.
fn ours<T: Real>(x: T, y: T) -> T {
    ((x * y).exp() - y / x + (x + 0.5).ln() * (y * 2.0).sqrt()).axpy(0.25, -x)
}

fn theirs(x: Dual64, y: Dual64) -> Dual64 {
    (x * y).exp() - y / x + (x + 0.5).ln() * (y * 2.0).sqrt() - x * 0.25
}

proptest! {
    #[test]
    fn unbound_amounts_solve_the_equilibrium(
        log_x in -40.0..15.0_f64, log_e in -40.0..15.0_f64, log_w in -20.0..10.0_f64, alpha in 0.0..0.6_f64,
    ) {
        let (x, e, w) = (log_x.exp(), log_e.exp(), log_w.exp());
        let [c] = f64::apply::<4, 1, EquilibriumComplex>([x, e, w, alpha]);
        let (drug, target) = unbound(x, e, w, alpha);
        let k = w * (x / e).powf(alpha);
        // All of the scarcer partner may be bound, up to rounding.
        prop_assert!(c > 0.0 && c <= x.min(e) * (1.0 + 4.0 * f64::EPSILON) && drug > 0.0 && target > 0.0);
        prop_assert!((drug * target / (k * c) - 1.0).abs() < 1e-12);
        prop_assert!(((drug + c) / x - 1.0).abs() < 1e-12 && ((target + c) / e - 1.0).abs() < 1e-12);
    }

    #[test]
    fn derivatives_agree_with_num_dual(x in 0.1..3.0_f64, y in 0.1..3.0_f64) {
        let found = ours(Dual::<f64, 2>::variable(x, 0), Dual::variable(y, 1));
        let by_x = theirs(Dual64::new(x, 1.0), Dual64::new(y, 0.0));
        let by_y = theirs(Dual64::new(x, 0.0), Dual64::new(y, 1.0));
        let scale = 1.0 + by_x.re.abs();
        prop_assert!((found.re - by_x.re).abs() < 1e-13 * scale);
        prop_assert!((found.eps[0] - by_x.eps).abs() < 1e-12 * (1.0 + by_x.eps.abs()));
        prop_assert!((found.eps[1] - by_y.eps).abs() < 1e-12 * (1.0 + by_y.eps.abs()));
    }

    #[test]
    fn second_derivatives_of_the_complex_agree_with_differences_of_the_first(
        x in 1.0..300.0_f64, e in 1.0..100.0_f64,
    ) {
        type Second = Dual<Dual<f64, 2>, 2>;
        let lift = |v: f64, lane: usize| {
            let mut d = Second::fixed(Dual::variable(v, lane));
            d.eps[lane] = Dual::fixed(1.0);
            d
        };
        let constant = |v: f64| Second::constant(v);
        let [c] = Second::apply::<4, 1, EquilibriumComplex>([lift(x, 0), lift(e, 1), constant(W), constant(ALPHA)]);
        let slope = |x: f64, e: f64| {
            let [first] = Dual::<f64, 2>::apply::<4, 1, EquilibriumComplex>([
                Dual::variable(x, 0), Dual::variable(e, 1), Dual::constant(W), Dual::constant(ALPHA),
            ]);
            first.eps
        };
        let h = 1e-5;
        let by_x: Vec<f64> = (0..2).map(|i| (slope(x + h, e)[i] - slope(x - h, e)[i]) / (2.0 * h)).collect();
        for i in 0..2 {
            prop_assert!((c.eps[i].eps[0] - by_x[i]).abs() < 1e-7, "{} {}", c.eps[i].eps[0], by_x[i]);
        }
    }
}
