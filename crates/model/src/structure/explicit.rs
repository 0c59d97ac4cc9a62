//! Solves any [`Structure`] over a course with the explicit integrator.
//!
//! The depot is known in closed form, so the states are those of the body; a segment ends at every dose. Derivatives
//! are carried with respect to the rate constants and the initial state, which are fewer than the parameters, and
//! turned into derivatives with respect to the parameters where the model is read.

use super::{Concentrations, ParameterInfo, Start, StructuralModel, Structure};
use crate::course::{Course, CourseError};
use crate::dual::Dual;
use crate::scalar::Real;
use crate::solver::{Dop853, Output, System, Tolerance, Work};
use crate::units::NMOL_PER_MG;
use std::marker::PhantomData;

/// A structure with the explicit integrator.
#[derive(Debug)]
pub(super) struct Explicit<S>(pub S);

/// The body between two doses.
struct Segment<'a, S, T, const K: usize> {
    rates: &'a [T; K],
    absorption: T,
    /// Flux out of the depot when the segment starts, nmol/d.
    flux: T,
    start: f64,
    structure: PhantomData<S>,
}

impl<S, T, const N: usize, const K: usize, const L: usize, const P: usize> System<T, N>
    for Dosed<Segment<'_, S, T, K>, L, P>
where
    S: Structure<N, K, L, P>,
    T: Real,
{
    #[inline(always)]
    fn derivative(&self, t: f64, y: &[T; N]) -> [T; N] {
        let s = &self.0;
        let inflow = s.flux * (s.absorption * (s.start - t)).exp();
        S::derivative(s.rates, inflow, y)
    }

    #[inline(always)]
    fn turn(&self, y: &[T; N]) -> f64 {
        S::turn(&std::array::from_fn(|n| y[n].value()))
    }
}

/// Names the constants of the structure, which the segment alone does not determine.
struct Dosed<Q, const L: usize, const P: usize>(Q);

/// Integrates over `course`, handing each state to `emit` with the position of its output time.
#[inline(always)]
fn integrate<S, T, const N: usize, const K: usize, const L: usize, const P: usize>(
    rates: &[T; K],
    initial: [T; N],
    course: &Course,
    mut emit: impl FnMut(usize, &[T; N]),
) -> Result<Work, CourseError>
where
    S: Structure<N, K, L, P>,
    T: Real,
{
    let outputs = course.times();
    let times: Vec<f64> = outputs.iter().map(|o| o.time).collect();
    let Some(&end) = times.last() else { return Ok(Work::default()) };
    let tolerance = tolerance(&initial, course);
    let absorption = S::absorption(rates);
    let longest = LONGEST / S::fastest(&std::array::from_fn(|k| rates[k].value()));
    let mut integrator = Dop853::new(longest);
    let mut state = initial;
    let mut depot = T::zero();
    let mut now = course.start();
    let mut next = 0;
    for given in 0..=course.doses().len() {
        let until = course.doses().get(given).map_or(end, |d| d.time).min(end).max(now);
        let here = outputs[next..].partition_point(|o| o.doses_before == given) + next;
        while next < here && times[next] <= now {
            emit(next, &state);
            next += 1;
        }
        if until > now {
            let segment = Segment {
                rates,
                absorption,
                flux: absorption * depot,
                start: now,
                structure: PhantomData::<S>,
            };
            let base = next;
            integrator.integrate(
                &Dosed::<_, L, P>(segment),
                (now, until),
                &mut state,
                &tolerance,
                (&times[next..here], course.output()),
                |i, y| emit(base + i, y),
            )?;
            depot = depot * (absorption * (now - until)).exp();
            now = until;
            next = here;
        }
        if next == outputs.len() {
            break;
        }
        if let Some(dose) = course.doses().get(given) {
            depot = depot + dose.amount_mg * NMOL_PER_MG;
        }
    }
    Ok(integrator.work)
}

/// The longest step, in units of the fastest relaxation time.
const LONGEST: f64 = 1.5;

/// The tolerance of a step for the accuracy asked of the outputs.
fn tolerance<T: Real, const N: usize>(initial: &[T; N], course: &Course) -> Tolerance<N> {
    // Measured (docs/design/solver.md): the pair's error estimate is pessimistic for the end of a step, and inside the
    // long steps of the washout the interpolant is some ten times less accurate than their ends.
    let rtol = match course.output() {
        Output::Landed => 1.5 * course.rtol(),
        Output::Interpolated => 0.2 * course.rtol(),
    };
    let largest = course.doses().iter().map(|d| d.amount_mg * NMOL_PER_MG).fold(0.0, f64::max);
    // Where no drug is given its amount stays zero, and any size will do.
    let drug = if largest > 0.0 { largest } else { 1.0 };
    let size = |v: T| if v.value() > 0.0 { v.value() } else { drug };
    Tolerance { rtol, size: initial.map(size) }
}

fn check(names: &[ParameterInfo], parameters: &[f64], start: Start<f64>) -> Result<(), CourseError> {
    for (info, &value) in names.iter().zip(parameters) {
        if !(value.is_finite() && value >= 0.0) {
            return Err(CourseError::OutOfDomain { what: info.name, value });
        }
    }
    match start {
        Start::Baseline { ige_ng_ml } if !(ige_ng_ml.is_finite() && ige_ng_ml > 0.0) => {
            Err(CourseError::OutOfDomain { what: "the baseline of total IgE", value: ige_ng_ml })
        }
        _ => Ok(()),
    }
}

/// Runs a block compiled for AVX2 where the processor has it: wider lanes, the same operations, the same bits.
macro_rules! dispatch {
    ($name:ident, $wide:ident, $body:ident, ($($arg:ident: $ty:ty),*) -> $out:ty) => {
        fn $name<S, const N: usize, const K: usize, const L: usize, const P: usize>($($arg: $ty),*) -> $out
        where
            S: Structure<N, K, L, P>,
        {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn $wide<S, const N: usize, const K: usize, const L: usize, const P: usize>($($arg: $ty),*) -> $out
                where
                    S: Structure<N, K, L, P>,
                {
                    $body::<S, N, K, L, P>($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has just been asked for the one feature the function needs.
                    return unsafe { $wide::<S, N, K, L, P>($($arg),*) };
                }
            }
            $body::<S, N, K, L, P>($($arg),*)
        }
    };
}

dispatch!(predict, predict_avx2, predict_body, (
    parameters: &[f64], start: Start<f64>, course: &Course, out: &mut Vec<Concentrations<f64>>
) -> Result<Work, CourseError>);

dispatch!(sensitivities, sensitivities_avx2, sensitivities_body, (
    parameters: &[f64], start: Start<f64>, course: &Course,
    out: &mut Vec<Concentrations<f64>>, slopes: &mut Vec<[f64; 5]>
) -> Result<Work, CourseError>);

#[inline(always)]
fn predict_body<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    out: &mut Vec<Concentrations<f64>>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K, L, P>,
{
    check(S::parameters(), parameters, start)?;
    out.clear();
    let rates = S::rates(parameters);
    let initial = S::initial(parameters, start);
    integrate::<S, f64, N, K, L, P>(&rates, initial, course, |_, y| out.push(S::outputs(parameters, y)))
}

#[inline(always)]
fn sensitivities_body<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    out: &mut Vec<Concentrations<f64>>,
    slopes: &mut Vec<[f64; 5]>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K, L, P>,
{
    check(S::parameters(), parameters, start)?;
    out.clear();
    slopes.clear();
    // Inputs as functions of their logarithms.
    let inputs: [Dual<f64, P>; P] = std::array::from_fn(|j| {
        let value = match (parameters.get(j), start) {
            (Some(&p), _) => p,
            (None, Start::Baseline { ige_ng_ml }) => ige_ng_ml,
            (None, Start::SteadyState) => 0.0,
        };
        let mut dual = Dual::variable(value, j);
        dual.eps[j] = value;
        dual
    });
    let named = &inputs[..P - 1];
    let begin = match start {
        Start::Baseline { .. } => Start::Baseline { ige_ng_ml: inputs[P - 1] },
        Start::SteadyState => Start::SteadyState,
    };
    let rates_by_input = S::rates(named);
    let initial_by_input = S::initial(named, begin);
    let rates: [Dual<f64, L>; K] = std::array::from_fn(|k| Dual::variable(rates_by_input[k].re, k));
    let mut initial = initial_by_input.map(|y| Dual::<f64, L>::fixed(y.re));
    for (i, &state) in S::INITIAL_LANES.iter().enumerate() {
        initial[state] = Dual::variable(initial_by_input[state].re, K + i);
    }
    integrate::<S, Dual<f64, L>, N, K, L, P>(&rates, initial, course, |_, y| {
        let state: [Dual<f64, P>; N] = std::array::from_fn(|n| {
            let mut dual = Dual::fixed(y[n].re);
            for (lane, &slope) in y[n].eps.iter().enumerate() {
                let source = match lane.checked_sub(K) {
                    None => &rates_by_input[lane],
                    Some(i) => &initial_by_input[S::INITIAL_LANES[i]],
                };
                for (d, s) in dual.eps.iter_mut().zip(source.eps) {
                    *d += slope * s;
                }
            }
            dual
        });
        let read = S::outputs(named, &state).to_array();
        let [omalizumab_total, ige_total, ige_free, omalizumab_free, complex] = read.map(|c| c.re);
        out.push(Concentrations { omalizumab_total, ige_total, ige_free, omalizumab_free, complex });
        for j in 0..P {
            slopes.push(std::array::from_fn(|c| read[c].eps[j]));
        }
    })
}

/// Ties a structure's constants to it, so that it can be used as an object.
macro_rules! structural_model {
    ($structure:ty, $n:literal, $k:literal, $l:literal, $p:literal) => {
        impl StructuralModel for Explicit<$structure> {
            fn name(&self) -> &'static str {
                <$structure as Structure<$n, $k, $l, $p>>::NAME
            }
            fn parameters(&self) -> &'static [ParameterInfo] {
                <$structure as Structure<$n, $k, $l, $p>>::parameters()
            }
            fn predict(
                &self,
                parameters: &[f64],
                start: Start<f64>,
                course: &Course,
                out: &mut Vec<Concentrations<f64>>,
            ) -> Result<Work, CourseError> {
                predict::<$structure, $n, $k, $l, $p>(parameters, start, course, out)
            }
            fn sensitivities(
                &self,
                parameters: &[f64],
                start: Start<f64>,
                course: &Course,
                out: &mut Vec<Concentrations<f64>>,
                slopes: &mut Vec<[f64; 5]>,
            ) -> Result<Work, CourseError> {
                sensitivities::<$structure, $n, $k, $l, $p>(parameters, start, course, out, slopes)
            }
        }
    };
}

structural_model!(super::QuasiEquilibrium, 2, 7, 8, 10);
