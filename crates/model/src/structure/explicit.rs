//! Solves any [`Structure`] over a course with the explicit integrator.
//!
//! The depot is known in closed form, so the states are those of the body; a segment ends at every dose. Derivatives
//! are carried with respect to the rate constants and the initial state, which are fewer than the parameters, and
//! turned into derivatives with respect to the parameters where the model is read.

use super::{Concentrations, ParameterInfo, Start, StructuralModel, Structure};
use crate::course::{Course, CourseError};
use crate::dual::Dual;
use crate::scalar::Real;
use crate::solver::{
    Alone, Companion, Dop853, Lanes, Linear, Linearised, Output, Partials, System, Tangents, Tolerance, Work,
};
use crate::sparse::Sparse;
use crate::units::NMOL_PER_MG;
use std::marker::PhantomData;

/// A structure with the explicit integrator.
#[derive(Debug)]
pub(super) struct Explicit<S>(pub S);

/// The body between two doses.
struct Segment<'a, S, T, const K: usize> {
    rates: &'a [T; K],
    /// As a variable of its own.
    absorption: Dual<T, 1>,
    /// Flux out of the depot when the segment starts, nmol/d, with its derivative to the absorption rate constant.
    flux: Dual<T, 1>,
    start: f64,
    structure: PhantomData<S>,
}

impl<S, T: Real, const K: usize> Segment<'_, S, T, K> {
    #[inline(always)]
    fn inflow(&self, t: f64) -> Dual<T, 1> {
        self.flux * (self.absorption * (self.start - t)).exp()
    }
}

impl<S, T, const N: usize, const K: usize, const L: usize, const P: usize> System<T, N>
    for Dosed<Segment<'_, S, T, K>, L, P>
where
    S: Structure<N, K, L, P>,
    T: Real,
{
    #[inline(always)]
    fn derivative(&self, t: f64, y: &[T; N]) -> [T; N] {
        S::derivative(self.0.rates, self.0.inflow(t).re, y)
    }

    #[inline(always)]
    fn turn(&self, y: &[T; N]) -> f64 {
        S::turn(&std::array::from_fn(|n| y[n].value()))
    }
}

impl<S, const N: usize, const K: usize, const L: usize, const P: usize> Linearised<N, L>
    for Dosed<Segment<'_, S, f64, K>, L, P>
where
    S: Structure<N, K, L, P>,
{
    #[inline(always)]
    fn linearise(&self, t: f64, y: &[f64; N]) -> ([f64; N], Partials<N, L>) {
        let inflow = self.0.inflow(t);
        let mut rates = [Sparse::<N, L>::zero(); K];
        for k in 0..K {
            rates[k] = Sparse::lane(self.0.rates[k], k);
        }
        let mut state = [Sparse::zero(); N];
        for n in 0..N {
            state[n] = Sparse::state(y[n], n);
        }
        let inflow = S::absorption(&rates).chain(inflow.re, inflow.eps[0]);
        let slope = S::derivative(&rates, inflow, &state);
        let mut value = [0.0; N];
        let mut partials = Partials { by_state: [[0.0; N]; N], by_lane: [Lanes::nil(); N] };
        for n in 0..N {
            value[n] = slope[n].re;
            partials.by_state[n] = slope[n].by_state;
            partials.by_lane[n] = Lanes(slope[n].by_lane);
        }
        (value, partials)
    }
}

/// Names the constants of the structure, which the segment alone does not determine.
struct Dosed<Q, const L: usize, const P: usize>(Q);

/// Integrates over `course`, handing the state at each output time to `emit`.
#[inline(always)]
fn integrate<'a, S, T, W, const N: usize, const K: usize, const L: usize, const P: usize>(
    rates: &'a [T; K],
    initial: [T; N],
    mut along: W,
    course: &Course,
    mut emit: impl FnMut(&[T; N], &W::State),
) -> Result<Work, CourseError>
where
    S: Structure<N, K, L, P>,
    T: Real,
    W: Companion<T, Dosed<Segment<'a, S, T, K>, L, P>, N>,
{
    let outputs = course.times();
    let times: Vec<f64> = outputs.iter().map(|o| o.time).collect();
    let Some(&end) = times.last() else { return Ok(Work::default()) };
    let tolerance = tolerance(&initial, course);
    let absorption = Dual::<T, 1>::variable(S::absorption(rates), 0);
    let longest = LONGEST / S::fastest(&std::array::from_fn(|k| rates[k].value()));
    let mut integrator = Dop853::new(longest);
    let mut state = initial;
    let mut depot = Dual::<T, 1>::zero();
    let mut now = course.start();
    let mut next = 0;
    for given in 0..=course.doses().len() {
        let until = course.doses().get(given).map_or(end, |d| d.time).min(end).max(now);
        let here = outputs[next..].partition_point(|o| o.doses_before == given) + next;
        while next < here && times[next] <= now {
            emit(&state, along.state());
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
            integrator.integrate(
                &Dosed::<_, L, P>(segment),
                (now, until),
                (&mut state, &mut along),
                &tolerance,
                (&times[next..here], course.output()),
                &mut emit,
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
    integrate::<S, f64, _, N, K, L, P>(&rates, initial, Alone, course, |y, ()| {
        out.push(S::outputs(parameters, y))
    })
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
    let rates = rates_by_input.map(|r| r.re);
    let initial = initial_by_input.map(|y| y.re);
    let mut tangent = [Lanes::<L>::nil(); N];
    for (i, &state) in S::INITIAL_LANES.iter().enumerate() {
        tangent[state].0[K + i] = 1.0;
    }
    // Read once all is known, in this block: a closure would be compiled without its wider lanes.
    let mut reached = Vec::with_capacity(course.times().len());
    let tangents = Tangents::new(tangent);
    let work = integrate::<S, f64, _, N, K, L, P>(&rates, initial, tangents, course, |y, tangent| {
        reached.push((*y, *tangent));
    })?;
    for (y, tangent) in &reached {
        let mut state = [Dual::<f64, P>::zero(); N];
        for n in 0..N {
            state[n].re = y[n];
            for lane in 0..L {
                let source = match lane.checked_sub(K) {
                    None => &rates_by_input[lane],
                    Some(i) => &initial_by_input[S::INITIAL_LANES[i]],
                };
                for p in 0..P {
                    state[n].eps[p] += tangent[n].0[lane] * source.eps[p];
                }
            }
        }
        let read = S::outputs(named, &state).to_array();
        let [omalizumab_total, ige_total, ige_free, omalizumab_free, complex] = read.map(|c| c.re);
        out.push(Concentrations { omalizumab_total, ige_total, ige_free, omalizumab_free, complex });
        for j in 0..P {
            slopes.push(std::array::from_fn(|c| read[c].eps[j]));
        }
    }
    Ok(work)
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
