//! Solves a [`Structure`] over a course.
//!
//! Derivatives are carried with respect to the rate constants, the initial state, the bioavailability and the lag,
//! which are fewer than the parameters, and turned into derivatives with respect to the parameters where the model is
//! read.

use super::carrier::{Carrier, Untreated};
use super::depot::Entry;
use super::flow::{Along, Explicit, Flow, Implicit};
use super::segment::Segment;
use super::{Body, Concentrations, ParameterInfo, Start, Structure};
use crate::course::{Course, CourseError, DEFAULT_RTOL};
use crate::dual::Dual;
use crate::scalar::{Pack, Real, is_wide};
use crate::solver::{Alone, Lanes, Limits, Linear, Output, Tangents, Tolerance, Work};
use crate::sparse::Sparse;
use crate::subject::{Before, Dose, Route};

/// The longest step at the default tolerance, in units of the fastest relaxation time.
const LONGEST: f64 = 1.5;

/// The longest step at a relative tolerance, days. At a coarser one than the default it grows as the step of an
/// integration of order eight does.
fn longest<B: Body<N, K>, const N: usize, const K: usize>(rates: &[f64; K], rtol: f64) -> f64 {
    LONGEST * (rtol / DEFAULT_RTOL).max(1.0).powf(0.125) / B::fastest(rates)
}

/// Steps that any solution may take, and how many for each that it must take at the least.
const STEPS: f64 = 10_000.0;
const STEPS_EACH: f64 = 20.0;
/// More than any solution may take.
const MOST_STEPS: f64 = 500_000.0;
/// Steps that any search for a steady state may take, and how many for each that an interval must take at the least.
const STEADY_STEPS: f64 = 20_000.0;
const STEADY_STEPS_EACH: f64 = 200.0;

/// What the steps of a solution over a course are held to. An ordinary one takes a tenth of them: where it does not, what
/// the drug does to the target is lost in the rounding of numbers, and the solver follows noise.
pub(super) fn limits<B: Body<N, K>, const N: usize, const K: usize>(
    rates: &[f64; K],
    course: &Course,
) -> Limits {
    let days = course.times().last().map_or(0.0, |last| last.time - course.start());
    let landed = if course.output() == Output::Landed { course.times().len() } else { 0 };
    let least = (course.doses().len() + landed) as f64 + days * B::fastest(rates) / LONGEST;
    let steps = (STEPS + STEPS_EACH * least).min(MOST_STEPS) as u64;
    Limits { longest: longest::<B, N, K>(rates, course.rtol()), steps }
}

/// What the steps of a search for the steady state of doses so many days apart are held to.
pub(super) fn steady_limits<B: Body<N, K>, const N: usize, const K: usize>(
    rates: &[f64; K],
    interval: f64,
) -> Limits {
    let least = interval * B::fastest(rates) / LONGEST;
    let steps = (STEADY_STEPS + STEADY_STEPS_EACH * least).min(MOST_STEPS) as u64;
    Limits { longest: longest::<B, N, K>(rates, DEFAULT_RTOL), steps }
}

/// The tolerance of a step for the accuracy asked of the outputs.
pub(super) fn tolerance<const N: usize>(
    initial: &[f64; N],
    course: &Course,
    nmol_per_mg: f64,
) -> Tolerance<N> {
    // Measured (docs/design/solver.md): the pair's error estimate is pessimistic for the end of a step, and inside the
    // long steps of the washout the interpolant is some ten times less accurate than their ends.
    let rtol = match course.output() {
        Output::Landed => 1.5 * course.rtol(),
        Output::Interpolated => 0.2 * course.rtol(),
    };
    let largest = course.doses().iter().map(|d| d.amount_mg * nmol_per_mg).fold(0.0, f64::max);
    // Where no drug is given its amount stays zero, and any size will do.
    let drug = if largest > 0.0 { largest } else { 1.0 };
    Tolerance { rtol, size: initial.map(|v| if v > 0.0 { v } else { drug }) }
}

/// How many parameters a structure has, those of dosing not counted.
pub(super) fn own<S: Structure<N, K>, const N: usize, const K: usize>() -> usize {
    S::PARAMETERS.len() - 2
}

/// Bioavailability and lag, if they are among the parameters.
fn dosing(own: usize, parameters: &[f64]) -> Option<(f64, f64)> {
    Some((*parameters.get(own)?, *parameters.get(own + 1)?))
}

pub(super) fn check<S, const N: usize, const K: usize>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
) -> Result<(), CourseError>
where
    S: Structure<N, K>,
{
    course.check_budget()?;
    for (ParameterInfo { name, .. }, &value) in S::PARAMETERS.iter().zip(parameters) {
        let largest = if super::PARTS.contains(name) { 1.0 } else { f64::MAX };
        let nothing = *name == super::BIOAVAILABILITY.name && value == 0.0;
        if !(0.0..=largest).contains(&value) || nothing {
            return Err(CourseError::OutOfDomain { what: name, value });
        }
    }
    if let Start::Baseline { ige_ng_ml } = start
        && !(ige_ng_ml.is_finite() && ige_ng_ml > 0.0)
    {
        return Err(CourseError::OutOfDomain { what: "the baseline of total IgE", value: ige_ng_ml });
    }
    let dosed = dosing(own::<S, N, K>(), parameters);
    let intravenous = course.doses().iter().find(|d| d.route == Route::Intravenous && d.amount_mg > 0.0);
    if let (Some(dose), None, true) = (intravenous, dosed, S::APPARENT) {
        return Err(CourseError::NoBioavailability { time: dose.time });
    }
    let steady = |d: &&Dose| matches!(d.before, Before::SteadyState { .. } | Before::AddedSteadyState { .. });
    match (course.doses().iter().find(steady), dosed) {
        (Some(dose), Some((_, lag))) if lag > 0.0 => Err(CourseError::SteadyStateWithLag { time: dose.time }),
        _ => Ok(()),
    }
}

/// Whether the course has nothing but injections under the skin.
pub(super) fn is_plain(course: &Course) -> bool {
    course
        .doses()
        .iter()
        .all(|d| d.route == Route::Subcutaneous && d.duration == 0.0 && matches!(d.before, Before::Kept))
}

/// The states at the output times of a course.
#[inline(always)]
fn states<B, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &Untreated<'_, N, K, L>,
    course: &Course,
    tolerance: Tolerance<N>,
) -> Result<(Vec<[f64; N]>, Work), CourseError>
where
    B: Body<N, K>,
{
    let mut states = Vec::with_capacity(course.times().len());
    let mut keep = |y: &[f64; N], (): &()| states.push(*y);
    let limits = limits::<B, N, K>(untreated.rates, course);
    let work = if const { B::STIFF } {
        run::<B, _, N, K, L, FULL>(untreated, Implicit::new(limits, Alone), course, tolerance, &mut keep)
    } else {
        run::<B, _, N, K, L, FULL>(untreated, Explicit::new(limits, Alone), course, tolerance, &mut keep)
    };
    Ok((states, work?))
}

/// A state and its derivatives.
pub(super) type Differentiated<const N: usize, const L: usize> = ([f64; N], [Lanes<L>; N]);

/// The states at the output times of a course, with their derivatives.
#[inline(always)]
fn derivatives<B, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &Untreated<'_, N, K, L>,
    course: &Course,
    tolerance: Tolerance<N>,
) -> Result<(Vec<Differentiated<N, L>>, Work), CourseError>
where
    B: Body<N, K>,
{
    let mut states = Vec::with_capacity(course.times().len());
    let mut keep = |y: &[f64; N], tangent: &[Lanes<L>; N]| states.push((*y, *tangent));
    let limits = limits::<B, N, K>(untreated.rates, course);
    let tangents = Tangents::new(untreated.tangent);
    let work = if const { B::STIFF } {
        let flow = Implicit::new(limits, tangents);
        run::<B, _, N, K, L, FULL>(untreated, flow, course, tolerance, &mut keep)
    } else {
        let flow = Explicit::new(limits, tangents);
        run::<B, _, N, K, L, FULL>(untreated, flow, course, tolerance, &mut keep)
    };
    Ok((states, work?))
}

/// [`states`], compiled once a body.
#[inline(never)]
fn states_once<B: Body<N, K>, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &Untreated<'_, N, K, L>,
    course: &Course,
    tolerance: Tolerance<N>,
) -> Result<(Vec<[f64; N]>, Work), CourseError> {
    states::<B, N, K, L, FULL>(untreated, course, tolerance)
}

/// [`derivatives`], compiled once a body.
#[inline(never)]
fn derivatives_once<B: Body<N, K>, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &Untreated<'_, N, K, L>,
    course: &Course,
    tolerance: Tolerance<N>,
) -> Result<(Vec<Differentiated<N, L>>, Work), CourseError> {
    derivatives::<B, N, K, L, FULL>(untreated, course, tolerance)
}

/// [`states`], compiled for AVX2: wider lanes, the same operations, the same bits.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn states_wide<B: Body<N, K>, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &Untreated<'_, N, K, L>,
    course: &Course,
    tolerance: Tolerance<N>,
) -> Result<(Vec<[f64; N]>, Work), CourseError> {
    states::<B, N, K, L, FULL>(untreated, course, tolerance)
}

/// Concentrations at the output times of a course; `L` and `FULL` are as of [`sensitivities`].
pub(super) fn predict<S, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    out: &mut Vec<Concentrations<f64>>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    check::<S, N, K>(parameters, start, course)?;
    out.clear();
    let rates = S::rates(parameters, start);
    let untreated = Untreated::<N, K, L> {
        rates: &rates,
        entry: Entry::new(S::NMOL_PER_MG, S::APPARENT, dosing(own::<S, N, K>(), parameters)),
        state: S::initial(parameters, start),
        tangent: [Lanes([0.0; L]); N],
    };
    let tolerance = tolerance(&untreated.state, course, S::NMOL_PER_MG);
    let (states, work) = if const { S::Body::HOT && !FULL } && is_wide() {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { states_wide::<S::Body, N, K, L, FULL>(&untreated, course, tolerance) }
    } else {
        states_once::<S::Body, N, K, L, FULL>(&untreated, course, tolerance)
    }?;
    out.extend(states.iter().map(|y| S::outputs(parameters, y)));
    Ok(work)
}

#[inline(always)]
fn run<'a, B, W, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &'a Untreated<'a, N, K, L>,
    flow: W,
    course: &Course,
    tolerance: Tolerance<N>,
    emit: &mut impl FnMut(&[f64; N], &<W::Along as Along<N, L>>::State),
) -> Result<Work, CourseError>
where
    B: Body<N, K>,
    W: Flow<Segment<'a, B, K, FULL>, N, L>,
{
    let times: Vec<f64> = course.times().iter().map(|o| o.time).collect();
    let mut carrier =
        Carrier::<B, W, N, K, L, FULL>::new(untreated, flow, course.start(), tolerance, course.output());
    let done = carrier.through(course, &times, emit);
    course.spend(carrier.tried());
    done.map(|()| carrier.work())
}

/// With `FULL` any course can be solved: `L` is `K + N + 2` and `P` counts the parameters, those of dosing and the
/// baseline. Without, for a plain course of a model without parameters of dosing, `L` is `K` and the initial states
/// that are not zero, and `P` the parameters and the baseline.
pub(super) fn sensitivities<
    S,
    const N: usize,
    const K: usize,
    const L: usize,
    const P: usize,
    const FULL: bool,
>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    out: &mut Vec<Concentrations<f64>>,
    slopes: &mut Vec<[f64; 5]>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    if const { S::Body::HOT && !FULL } && is_wide() {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { sensitivities_wide::<S, N, K, L, P, FULL>(parameters, start, course, out, slopes) }
    } else {
        chained::<S, N, K, L, P, FULL, false>(parameters, start, course, out, slopes)
    }
}

/// [`sensitivities`], compiled for AVX2.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn sensitivities_wide<S, const N: usize, const K: usize, const L: usize, const P: usize, const FULL: bool>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    out: &mut Vec<Concentrations<f64>>,
    slopes: &mut Vec<[f64; 5]>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    chained::<S, N, K, L, P, FULL, true>(parameters, start, course, out, slopes)
}

/// The parameters and the baseline of a body, and what its solution depends on as functions of their logarithms.
pub(super) struct Inputs<const N: usize, const K: usize, const L: usize, const P: usize> {
    /// The parameters, and last the baseline, of which each is its own derivative.
    all: [Dual<f64, P>; P],
    /// Each lane's number.
    sources: [Dual<f64, P>; L],
    /// The rate constants.
    pub rates: [f64; K],
    /// The state at the start.
    pub state: [f64; N],
    /// Its derivatives in the lanes.
    pub tangent: [Lanes<L>; N],
}

impl<const N: usize, const K: usize, const L: usize, const P: usize> Inputs<N, K, L, P> {
    /// Those of these parameters; `FULL` as of [`sensitivities`].
    #[inline(always)]
    pub(super) fn new<S: Structure<N, K>, const FULL: bool>(parameters: &[f64], start: Start<f64>) -> Self {
        let count = own::<S, N, K>();
        let all: [Dual<f64, P>; P] = std::array::from_fn(|j| {
            let value = match (parameters.get(j), start) {
                (Some(&p), _) => p,
                (None, Start::Baseline { ige_ng_ml }) if j == P - 1 => ige_ng_ml,
                (None, _) => 0.0,
            };
            let mut dual = Dual::variable(value, j);
            dual.eps[j] = value;
            dual
        });
        let begin = match start {
            Start::Baseline { .. } => Start::Baseline { ige_ng_ml: all[P - 1] },
            Start::SteadyState => Start::SteadyState,
        };
        let rates = S::rates(&all[..count], begin);
        let initial = S::initial(&all[..count], begin);
        let mut tangent = [Lanes([0.0; L]); N];
        let mut sources = [Dual::<f64, P>::zero(); L];
        sources[..K].copy_from_slice(&rates);
        if FULL {
            for n in 0..N {
                tangent[n].0[K + n] = 1.0;
                sources[K + n] = initial[n];
            }
            sources[K + N] = all[count];
            sources[K + N + 1] = all[count + 1];
        } else {
            for (i, &n) in S::Body::INITIAL_LANES.iter().enumerate() {
                tangent[n].0[K + i] = 1.0;
                sources[K + i] = initial[n];
            }
        }
        Self { all, sources, rates: rates.map(|r| r.re), state: initial.map(|y| y.re), tangent }
    }

    /// What the derivatives in a lane are in those to the inputs.
    #[inline(always)]
    pub(super) fn source(&self, lane: usize) -> Lanes<P> {
        Lanes(self.sources[lane].eps)
    }

    /// The concentrations at states, with their derivatives to the `parameters` first and then the baseline.
    #[inline(always)]
    pub(super) fn read<S: Structure<N, K>>(
        &self,
        parameters: usize,
        reached: &[Differentiated<N, L>],
        out: &mut Vec<Concentrations<f64>>,
        slopes: &mut Vec<[f64; 5]>,
    ) {
        out.reserve(reached.len());
        slopes.reserve(reached.len() * (parameters + 1));
        if const { S::Body::HOT } {
            self.read_abreast::<S, 8>(parameters, reached, out, slopes);
        } else {
            self.read_abreast::<S, 1>(parameters, reached, out, slopes);
        }
    }

    /// The same, `W` states at a time.
    #[inline(always)]
    fn read_abreast<S: Structure<N, K>, const W: usize>(
        &self,
        parameters: usize,
        reached: &[Differentiated<N, L>],
        out: &mut Vec<Concentrations<f64>>,
        slopes: &mut Vec<[f64; 5]>,
    ) {
        let mut all = [Sparse::<N, P, Pack<W>>::zero(); P];
        for p in 0..P {
            let value = Pack::all(self.all[p].re);
            all[p] = Sparse::lane(value, p).chain(value, value);
        }
        let mut sources = [Lanes([0.0; P]); L];
        for lane in 0..L {
            sources[lane] = self.source(lane);
        }
        for some in reached.chunks(W) {
            let mut state = [Sparse::zero(); N];
            for n in 0..N {
                // What is left of the last ones is filled up with the first of them.
                let mut values = Pack::all(some[0].0[n]);
                for (value, (y, _)) in values.0.iter_mut().zip(some) {
                    *value = y[n];
                }
                state[n] = Sparse::state(values, n);
            }
            let read = S::outputs(&all[..own::<S, N, K>()], &state).to_array();
            for (k, (_, tangent)) in some.iter().enumerate() {
                let mut by = [Lanes([0.0; P]); N];
                for n in 0..N {
                    for lane in 0..L {
                        by[n] = by[n].plus(tangent[n].0[lane], sources[lane]);
                    }
                }
                let mut values = [0.0; 5];
                let mut rows = [Lanes([0.0; P]); 5];
                for c in 0..5 {
                    values[c] = read[c].re.0[k];
                    for p in 0..P {
                        rows[c].0[p] = read[c].by_lane[p].0[k];
                    }
                    for n in 0..N {
                        rows[c] = rows[c].plus(read[c].by_state[n].0[k], by[n]);
                    }
                }
                out.push(Concentrations::from_array(values));
                let mut of = [[0.0; 5]; P];
                for p in 0..P {
                    for c in 0..5 {
                        of[p][c] = rows[c].0[p];
                    }
                }
                slopes.extend_from_slice(&of[..parameters]);
                slopes.push(of[P - 1]);
            }
        }
    }
}

/// Chains the derivatives of the states to those of the concentrations; all in one block if `WIDE`.
#[inline(always)]
fn chained<
    S,
    const N: usize,
    const K: usize,
    const L: usize,
    const P: usize,
    const FULL: bool,
    const WIDE: bool,
>(
    parameters: &[f64],
    start: Start<f64>,
    course: &Course,
    out: &mut Vec<Concentrations<f64>>,
    slopes: &mut Vec<[f64; 5]>,
) -> Result<Work, CourseError>
where
    S: Structure<N, K>,
{
    check::<S, N, K>(parameters, start, course)?;
    out.clear();
    slopes.clear();
    let inputs = Inputs::<N, K, L, P>::new::<S, FULL>(parameters, start);
    let untreated = Untreated::<N, K, L> {
        rates: &inputs.rates,
        entry: Entry::new(S::NMOL_PER_MG, S::APPARENT, dosing(own::<S, N, K>(), parameters)),
        state: inputs.state,
        tangent: inputs.tangent,
    };
    let tolerance = tolerance(&untreated.state, course, S::NMOL_PER_MG);
    let (reached, work) = if const { WIDE } {
        derivatives::<S::Body, N, K, L, FULL>(&untreated, course, tolerance)
    } else {
        derivatives_once::<S::Body, N, K, L, FULL>(&untreated, course, tolerance)
    }?;
    inputs.read::<S>(parameters.len(), &reached, out, slopes);
    Ok(work)
}
