//! The periodic state that a dose leads to when it is repeated for ever.
//!
//! The state y just before a dose satisfies y = Φ(y), Φ the course of one interval. The depot is linear and its steady
//! state is in closed form; the rest is solved by Newton's method in the logarithms of the states, with the derivative of
//! Φ from the sensitivities to the initial state, until the last correction is below [`CORRECTION`]. The derivatives follow from the
//! implicit function: dy/dp = (1 − ∂Φ/∂y)⁻¹·∂Φ/∂p.

use super::batch::{ActiveSolve, SolveSource, solve_all};
use super::depot::{BY_KA, Flux};
use super::propagate::{EventPropagator, InitialConditions, SteadyState, identity};
use crate::autodiff::Real;
use crate::course::CourseError;
use crate::equations::OdeSystem;
use crate::ode::{
    Differentiated, Dop853, Lu, MOST, NEGLIGIBLE, Output, Radau, StepLimits, Stepper, Tangent, Tolerance,
};
use crate::subject::{Dose, StateRule};

/// The last correction, relative to each state.
const CORRECTION: f64 = 1e-9;
/// By how much an interval is solved more accurately than a course.
const SHARPER: f64 = 0.01;
const MOST_ITERATIONS: usize = 100;
/// The most doses that can be in the body: what an interval takes of more is lost in the error of its solution.
const MOST_DOSES: f64 = 1e10;
/// The longest step, in the logarithm of a state.
const LONGEST: f64 = 2.0;

/// The steady state of a dose given every `interval` days, and how many steps were tried. `A` are the directions of `FULL`: the
/// `K` rate constants, the `N` initial states, the bioavailability and the lag.
#[inline(never)]
pub(crate) fn steady_state<B, const N: usize, const K: usize, const L: usize, const A: usize>(
    initial: &InitialConditions<N, K, L>,
    dose: &Dose,
    (interval, limits): (f64, StepLimits),
    tolerance: &Tolerance<N>,
) -> (Result<SteadyState<N, L>, CourseError>, u64)
where
    B: OdeSystem<N, K>,
{
    let InitialConditions { rates, input, state: (state, _) } = *initial;
    let full = InitialConditions { rates, input, state: (state, identity::<N, A>(K)) };
    let (found, tried) = if const { B::IS_STIFF } {
        search::<B, Radau<N, A>, N, K, A>(&full, dose, (interval, limits), tolerance)
    } else {
        search::<B, Dop853<N, A, 1>, N, K, A>(&full, dose, (interval, limits), tolerance)
    };
    (found.map(|steady| narrow(steady, K)), tried)
}

/// A steady state in the directions of a solution: the first are the `rates`, and the last two those of dosing where there are as
/// many as here. It does not depend on the initial state.
fn narrow<const N: usize, const A: usize, const L: usize>(
    steady: SteadyState<N, A>,
    rates: usize,
) -> SteadyState<N, L> {
    let (state, tangent) = steady.state;
    let mut narrow = [Tangent([0.0; L]); N];
    let kept = if L == A { A } else { rates.min(L) };
    for n in 0..N {
        narrow[n].0[..kept].copy_from_slice(&tangent[n].0[..kept]);
    }
    SteadyState { state: (state, narrow), depot: steady.depot }
}

fn search<B, M, const N: usize, const K: usize, const A: usize>(
    initial: &InitialConditions<N, K, A>,
    dose: &Dose,
    (interval, limits): (f64, StepLimits),
    tolerance: &Tolerance<N>,
) -> (Result<SteadyState<N, A>, CourseError>, u64)
where
    B: OdeSystem<N, K>,
    M: Stepper<N, A, 1>,
{
    let tolerance = Tolerance { rtol: SHARPER * tolerance.rtol, ..*tolerance };
    let once = [Dose { time: 0.0, before: StateRule::Kept, ..*dose }];
    let propagator = EventPropagator::of_interval(*initial, &once, interval, tolerance);
    let first = ActiveSolve::new(propagator, (tolerance, limits, Output::Landed), Vec::new(), ());
    let mut search = Search::<B, M, N, K, A> {
        cycle: Some(first),
        given: dose.amount_mg * initial.input.of(dose.route).re,
        interval,
        size: tolerance.size,
        depot: None,
        state: [0.0; N],
        step: LONGEST,
        before: f64::INFINITY,
        iteration: 0,
        tried: 0,
        found: Err(CourseError::NoSteadyState { interval, amount_mg: dose.amount_mg }),
    };
    solve_all(&mut search);
    (search.found, search.tried)
}

/// A search for the state that an interval carries into itself: one interval after the other is solved.
struct Search<'c, B, M, const N: usize, const K: usize, const A: usize>
where
    M: Stepper<N, A, 1>,
{
    /// The interval to be solved next.
    cycle: Option<ActiveSolve<'c, B, M, (), N, K, A, 1, true>>,
    /// The dose, nmol.
    given: f64,
    interval: f64,
    size: [f64; N],
    /// The depot at steady state, after the first interval.
    depot: Option<Flux>,
    state: [f64; N],
    step: f64,
    before: f64,
    iteration: usize,
    tried: u64,
    found: Result<SteadyState<N, A>, CourseError>,
}

impl<'c, B, M, const N: usize, const K: usize, const A: usize> SolveSource<'c, B, M, N, K, A, 1, true>
    for Search<'c, B, M, N, K, A>
where
    B: OdeSystem<N, K>,
    M: Stepper<N, A, 1>,
{
    type Context = ();

    fn next(&mut self) -> Option<ActiveSolve<'c, B, M, (), N, K, A, 1, true>> {
        self.cycle.take()
    }

    fn end(
        &mut self,
        mut solve: ActiveSolve<'c, B, M, (), N, K, A, 1, true>,
        outcome: Result<(), CourseError>,
    ) {
        self.tried = solve.tried();
        if let Err(error) = outcome {
            self.found = Err(error);
            return;
        }
        let (reached, emptied) = solve.propagator.reached();
        let goes_on = match self.depot {
            None => {
                self.state = reached.0;
                // D = a·D + b with a = exp(−ka·interval).
                let ka = Flux::variable(solve.propagator.initial.rates[0], BY_KA);
                self.depot = Some(emptied / (-((ka * -self.interval).exp()) + 1.0));
                true
            }
            Some(depot) => self.correct(reached, K, depot),
        };
        if let (Some(depot), true) = (self.depot, goes_on) {
            solve.propagator.restart((self.state, identity(K)), depot);
            self.cycle = Some(solve);
        }
    }
}

impl<B, M, const N: usize, const K: usize, const A: usize> Search<'_, B, M, N, K, A>
where
    M: Stepper<N, A, 1>,
{
    /// Corrects the state by that which an interval has carried it into; whether the search goes on.
    fn correct(&mut self, (end, tangent): &Differentiated<N, A>, first: usize, depot: Flux) -> bool {
        let state = &mut self.state;
        self.iteration += 1;
        // In logarithms, as the states are positive and may have orders of magnitude to go.
        let mut rows = [[0.0; MOST]; MOST];
        let mut correction = [0.0; MOST];
        for n in 0..N {
            for m in 0..N {
                rows[n][m] = f64::from(u8::from(n == m)) - tangent[n].0[first + m] * state[m] / end[n];
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
        let Some(matrix) = Lu::factor(N, rows) else { return false };
        matrix.solve(&mut correction[..N]);
        let longest = correction.iter().fold(0.0, |most: f64, c| most.max(c.abs()));
        if !longest.is_finite() || state[0] > MOST_DOSES * self.given {
            return false;
        }
        // What is negligible at the end of an interval is not solved for, and never settles.
        let felt = |n: usize| correction[n].abs() * state[n] / (state[n] + NEGLIGIBLE * self.size[n]);
        if (0..N).all(|n| felt(n) <= CORRECTION) {
            if let Some(tangent) = implicit(*tangent, first) {
                self.found = Ok(SteadyState { state: (*state, tangent), depot });
            }
            return false;
        }
        // A step that made it worse was too long.
        self.step = if residual > self.before { 0.25 * self.step } else { (2.0 * self.step).min(LONGEST) };
        self.before = residual;
        let scale = (self.step / longest).min(1.0);
        for n in 0..N {
            state[n] *= (scale * correction[n]).exp();
        }
        self.iteration < MOST_ITERATIONS
    }
}

/// The derivatives of the steady state to everything but the initial state, on which it does not depend.
fn implicit<const N: usize, const L: usize>(
    mut tangent: [Tangent<L>; N],
    first_state: usize,
) -> Option<[Tangent<L>; N]> {
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
