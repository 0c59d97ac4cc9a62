//! The periodic state that a dose leads to when it is repeated for ever.
//!
//! The state y just before a dose satisfies y = Φ(y), Φ the course of one interval. The depot is linear and its steady
//! state is in closed form; the rest is solved by Newton's method in the logarithms of the states, with the derivative of
//! Φ from the sensitivities to the initial state, until the last correction is below [`CORRECTION`]. The derivatives follow from the
//! implicit function: dy/dp = (1 − ∂Φ/∂y)⁻¹·∂Φ/∂p.

use super::Body;
use super::carrier::{Carrier, Untreated};
use super::depot::Flux;
use super::flow::{Explicit, Flow, Implicit};
use super::segment::Segment;
use super::solve::steady_limits;
use crate::course::CourseError;
use crate::scalar::Real;
use crate::solver::{Lanes, Lu, MOST, NEGLIGIBLE, Output, Tangents, Tolerance};
use crate::subject::{Before, Dose};

/// The last correction, relative to each state.
const CORRECTION: f64 = 1e-9;
/// By how much an interval is solved more accurately than a course.
const SHARPER: f64 = 0.01;
const MOST_ITERATIONS: usize = 100;
/// The most doses that can be in the body: what an interval takes of more is lost in the error of its solution.
const MOST_DOSES: f64 = 1e10;
/// The longest step, in the logarithm of a state.
const LONGEST: f64 = 2.0;

/// The state just before a dose.
pub(super) struct Steady<const N: usize, const L: usize> {
    pub state: [f64; N],
    pub tangent: [Lanes<L>; N],
    pub depot: Flux,
}

/// The steady state of a dose given every `interval` days, and how many steps were tried.
#[inline(never)]
pub(super) fn steady_state<B, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &Untreated<'_, N, K, L>,
    dose: &Dose,
    interval: f64,
    tolerance: &Tolerance<N>,
) -> (Result<Steady<N, L>, CourseError>, u64)
where
    B: Body<N, K>,
{
    let tangents = Tangents::new([Lanes([0.0; L]); N]);
    let limits = steady_limits::<B, N, K>(untreated.rates, interval);
    if const { B::STIFF } {
        solve::<B, _, N, K, L, FULL>(untreated, Implicit::new(limits, tangents), dose, interval, tolerance)
    } else {
        solve::<B, _, N, K, L, FULL>(untreated, Explicit::new(limits, tangents), dose, interval, tolerance)
    }
}

fn solve<'a, B, W, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &'a Untreated<'a, N, K, L>,
    flow: W,
    dose: &Dose,
    interval: f64,
    tolerance: &Tolerance<N>,
) -> (Result<Steady<N, L>, CourseError>, u64)
where
    B: Body<N, K>,
    W: Flow<Segment<'a, B, K, FULL>, N, L, Along = Tangents<N, L>>,
{
    let tolerance = Tolerance { rtol: SHARPER * tolerance.rtol, ..*tolerance };
    let mut carrier = Carrier::<B, W, N, K, L, FULL>::new(untreated, flow, 0.0, tolerance, Output::Landed);
    let found = periodic(untreated, &mut carrier, dose, interval, &tolerance);
    (found, carrier.work().tried())
}

/// The state that an interval carries into itself.
fn periodic<'a, B, W, const N: usize, const K: usize, const L: usize, const FULL: bool>(
    untreated: &'a Untreated<'a, N, K, L>,
    carrier: &mut Carrier<'a, B, W, N, K, L, FULL>,
    dose: &Dose,
    interval: f64,
    tolerance: &Tolerance<N>,
) -> Result<Steady<N, L>, CourseError>
where
    B: Body<N, K>,
    W: Flow<Segment<'a, B, K, FULL>, N, L, Along = Tangents<N, L>>,
{
    let dose = Dose { time: 0.0, before: Before::Kept, ..*dose };
    let mut identity = [Lanes([0.0; L]); N];
    for n in 0..N {
        identity[n].0[K + n] = 1.0;
    }
    let mut cycle = |state: &[f64; N], depot: Flux| {
        carrier.restart(state, &identity, depot);
        carrier.give(&dose)?;
        carrier.carry(interval, &[], &mut |_, _| {})?;
        let (end, tangent, depot) = carrier.reached();
        Ok::<_, CourseError>((*end, *tangent, depot))
    };
    let (mut state, _, emptied) = cycle(&untreated.state, Flux::zero())?;
    // D = a·D + b with a = exp(−ka·interval).
    let ka = Flux::variable(untreated.rates[0], super::depot::BY_KA);
    let depot = emptied / (-((ka * -interval).exp()) + 1.0);
    let given = dose.amount_mg * untreated.entry.of(dose.route).re;
    let mut step = LONGEST;
    let mut before = f64::INFINITY;
    for _ in 0..MOST_ITERATIONS {
        let (end, tangent, _) = cycle(&state, depot)?;
        // In logarithms, as the states are positive and may have orders of magnitude to go.
        let mut rows = [[0.0; MOST]; MOST];
        let mut correction = [0.0; MOST];
        for n in 0..N {
            for m in 0..N {
                rows[n][m] = f64::from(u8::from(n == m)) - tangent[n].0[K + m] * state[m] / end[n];
            }
            correction[n] = (end[n] / state[n]).ln();
            if end[n] == 0.0 && state[n] == 0.0 {
                // Nothing lasts from one dose to the next.
                rows[n] = [0.0; MOST];
                rows[n][n] = 1.0;
                correction[n] = 0.0;
            }
        }
        let residual = correction.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
        let Some(matrix) = Lu::factor(N, rows) else { break };
        matrix.solve(&mut correction[..N]);
        let longest = correction.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
        if !longest.is_finite() || state[0] > MOST_DOSES * given {
            break;
        }
        // What is negligible at the end of an interval is not solved for, and never settles.
        let felt = |n: usize| correction[n].abs() * state[n] / (state[n] + NEGLIGIBLE * tolerance.size[n]);
        if (0..N).all(|n| felt(n) <= CORRECTION) {
            let Some(tangent) = implicit(tangent, K) else { break };
            return Ok(Steady { state, tangent, depot });
        }
        // A step that made it worse was too long.
        step = if residual > before { 0.25 * step } else { (2.0 * step).min(LONGEST) };
        before = residual;
        let scale = (step / longest).min(1.0);
        state = std::array::from_fn(|n| state[n] * (scale * correction[n]).exp());
    }
    Err(CourseError::NoSteadyState { interval, amount_mg: dose.amount_mg })
}

/// The derivatives of the steady state to everything but the initial state, on which it does not depend.
fn implicit<const N: usize, const L: usize>(
    mut tangent: [Lanes<L>; N],
    first_state: usize,
) -> Option<[Lanes<L>; N]> {
    let mut rows = [[0.0; MOST]; MOST];
    for n in 0..N {
        for m in 0..N {
            rows[n][m] = f64::from(u8::from(n == m)) - tangent[n].0[first_state + m];
        }
    }
    let matrix = Lu::factor(N, rows)?;
    for lane in 0..L {
        let mut column = [0.0; MOST];
        if !(first_state..first_state + N).contains(&lane) {
            for n in 0..N {
                column[n] = tangent[n].0[lane];
            }
            matrix.solve(&mut column[..N]);
        }
        for n in 0..N {
            tangent[n].0[lane] = column[n];
        }
    }
    Some(tangent)
}
