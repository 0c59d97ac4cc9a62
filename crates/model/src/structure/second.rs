//! Concentrations with their first and second derivatives.
//!
//! Over a plain course of a body that is not stiff the second derivatives are carried through every stage of the solver,
//! as exact as the first. Otherwise they are differences of the exact first derivatives.

use super::carrier::{Carrier, Untreated};
use super::depot::Entry;
use super::flow::Explicit;
use super::solve::{check, limits, own, tolerance};
use super::{Body, Concentrations, PARTS, Start, StructuralModel, Structure};
use crate::course::{Course, CourseError};
use crate::dual::Dual;
use crate::scalar::{Real, is_wide};
use crate::solver::{Curvatures, Lanes, Twice, Work};

/// A function of the inputs with its first and second derivatives.
type Input<const P: usize> = Dual<Dual<f64, P>, P>;

/// What a solution with second derivatives is read into.
pub(super) struct Reading<'a> {
    /// Positions among the parameters and, after them, the baseline, whose second derivatives are wanted.
    pub wanted: &'a [usize],
    pub out: &'a mut Vec<Concentrations<f64>>,
    pub slopes: &'a mut Vec<[f64; 5]>,
    pub curvatures: &'a mut Vec<[f64; 5]>,
}

/// The exact second derivatives over a plain course; `L` lanes and `P` inputs as of a plain course.
pub(super) fn exact<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    reading: Reading<'_>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    if const { S::Body::HOT } && is_wide() {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { exact_wide::<S, N, K, L, P>(parameters, start, course, reading) }
    } else {
        chained::<S, N, K, L, P>(parameters, start, course, reading)
    }
}

/// [`exact`], compiled for AVX2.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn exact_wide<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    reading: Reading<'_>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    chained::<S, N, K, L, P>(parameters, start, course, reading)
}

/// Carries the body through the course and chains the derivatives of its states to those of the concentrations.
#[inline(always)]
fn chained<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    reading: Reading<'_>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    check::<S, N, K>(parameters, start, course)?;
    let Reading { wanted, out, slopes, curvatures } = reading;
    out.clear();
    slopes.clear();
    curvatures.clear();
    let count = own::<S, N, K>();
    let (named, sources, initial) = sources::<S, N, K, L, P>(parameters, start);
    let named = &named[..count];
    let mut tangent = [Lanes([0.0; L]); N];
    for (i, &n) in S::Body::INITIAL_LANES.iter().enumerate() {
        tangent[n].0[K + i] = 1.0;
    }
    let rates = std::array::from_fn(|k| sources[k].value());
    let untreated = Untreated::<N, K, L> {
        rates: &rates,
        entry: Entry::new(S::NMOL_PER_MG, S::APPARENT, None),
        state: initial.map(|y| y.value()),
        tangent,
    };
    let tolerance = tolerance(&untreated.state, course, S::NMOL_PER_MG);
    let flow = Explicit::new(limits::<S::Body, N, K>(&rates, course), Curvatures::new(tangent));
    let times: Vec<f64> = course.times().iter().map(|o| o.time).collect();
    let mut carrier = Carrier::<S::Body, _, N, K, L, false>::new(
        &untreated,
        flow,
        course.start(),
        tolerance,
        course.output(),
    );
    let done = carrier.through(course, &times, |y: &[f64; N], along: &Twice<N, L>| {
        let state = std::array::from_fn(|n| compose(y[n], &along.tangent[n], &along.bend[n], &sources));
        let read = S::outputs(named, &state).to_array();
        out.push(Concentrations::from_array(read.map(|c| c.value())));
        for j in (0..count).chain([P - 1]) {
            slopes.push(read.map(|c| c.eps[j].re));
        }
        for (row, &i) in wanted.iter().enumerate() {
            for &j in &wanted[..=row] {
                curvatures.push(read.map(|c| c.eps[i].eps[j]));
            }
        }
    });
    course.spend(carrier.tried());
    done.map(|()| carrier.work())
}

/// The parameters, what each lane is, and the states at the start, as functions of the logarithms of the inputs.
type Sources<const N: usize, const L: usize, const P: usize> = ([Input<P>; P], [Input<P>; L], [Input<P>; N]);

/// Those of a plain course.
#[inline(always)]
pub(super) fn sources<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: Start<f64>,
) -> Sources<N, L, P>
where
    S: Structure<N, K>,
{
    // Each input is its own derivative to its logarithm.
    let input = |value: f64, j: usize| {
        let mut twice = Input::<P>::fixed(Dual::fixed(value));
        twice.re.eps[j] = value;
        twice.eps[j].re = value;
        twice.eps[j].eps[j] = value;
        twice
    };
    let all: [Input<P>; P] = std::array::from_fn(|j| input(parameters.get(j).copied().unwrap_or(0.0), j));
    let named = &all[..own::<S, N, K>()];
    let begin = match start {
        Start::Baseline { ige_ng_ml } => Start::Baseline { ige_ng_ml: input(ige_ng_ml, P - 1) },
        Start::SteadyState => Start::SteadyState,
    };
    let mut sources = [Input::<P>::zero(); L];
    sources[..K].copy_from_slice(&S::rates(named, begin));
    let initial = S::initial(named, begin);
    for (i, &n) in S::Body::INITIAL_LANES.iter().enumerate() {
        sources[K + i] = initial[n];
    }
    (all, sources, initial)
}

/// A state of value `y` as a function of the inputs, from its derivatives in the lanes and what the lanes are of them.
#[inline(always)]
fn compose<const L: usize, const P: usize>(
    y: f64,
    tangent: &Lanes<L>,
    bends: &[Lanes<L>; L],
    sources: &[Input<P>; L],
) -> Input<P> {
    let mut sum = Input::<P>::fixed(Dual::fixed(y));
    for (lane, source) in sources.iter().enumerate() {
        let slope = tangent.0[lane];
        // The derivative in this lane, once more by each input.
        let mut bend = [0.0; P];
        for (other, source) in sources.iter().enumerate() {
            for p in 0..P {
                bend[p] += bends[lane].0[other] * source.re.eps[p];
            }
        }
        for p in 0..P {
            sum.re.eps[p] += slope * source.re.eps[p];
            for q in 0..P {
                sum.eps[p].eps[q] += slope * source.eps[p].eps[q] + source.re.eps[p] * bend[q];
            }
        }
    }
    for p in 0..P {
        sum.eps[p].re = sum.re.eps[p];
    }
    sum
}

/// The spacing of the differences, in the logarithm of an input: their error is that of its fourth power, and that of
/// the solution over it, both of them about 1e-7.
const SPACING: f64 = 0.01;
/// Weights of the first derivatives around a point, for their own derivative.
const AROUND: [(f64, f64); 4] =
    [(-2.0, 1.0 / 12.0), (-1.0, -2.0 / 3.0), (1.0, 2.0 / 3.0), (2.0, -1.0 / 12.0)];
/// The same below a point that must not be passed.
const BELOW: [(f64, f64); 5] =
    [(0.0, 25.0 / 12.0), (-1.0, -4.0), (-2.0, 3.0), (-3.0, -4.0 / 3.0), (-4.0, 0.25)];

/// Second derivatives as differences of the first.
pub(super) fn differences(
    model: &dyn StructuralModel,
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    reading: Reading<'_>,
) -> Result<Work, CourseError> {
    let Reading { wanted, out, slopes, curvatures } = reading;
    let inputs = parameters.len() + 1;
    let pairs = wanted.len() * (wanted.len() + 1) / 2;
    curvatures.clear();
    curvatures.resize(course.times().len() * pairs, [0.0; 5]);
    let (mut moved_out, mut moved_slopes) = (Vec::new(), Vec::new());
    for (row, &i) in wanted.iter().enumerate() {
        let at = |steps: f64| {
            let factor = (steps * SPACING).exp();
            let mut moved = parameters.to_vec();
            let mut from = start;
            match (moved.get_mut(i), &mut from) {
                (Some(value), _) => *value *= factor,
                (None, Start::Baseline { ige_ng_ml }) => *ige_ng_ml *= factor,
                (None, Start::SteadyState) => {}
            }
            (moved, from)
        };
        let part = model.parameters().get(i).is_some_and(|p| PARTS.contains(&p.name));
        let stencil = if part && at(2.0).0[i] > 1.0 { &BELOW[..] } else { &AROUND[..] };
        for &(steps, weight) in stencil {
            let (moved, from) = at(steps);
            model.sensitivities(&moved, from, course, &mut moved_out, &mut moved_slopes)?;
            for time in 0..course.times().len() {
                for (column, &j) in wanted[..=row].iter().enumerate() {
                    let sum = &mut curvatures[time * pairs + row * (row + 1) / 2 + column];
                    for c in 0..5 {
                        sum[c] += weight / SPACING * moved_slopes[time * inputs + j][c];
                    }
                }
            }
        }
    }
    model.sensitivities(parameters, start, course, out, slopes)
}
