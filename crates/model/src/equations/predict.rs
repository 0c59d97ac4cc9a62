//! Solves requests: values alone, or with their derivatives, one body or several at a time.

use super::inputs::Inputs;
use super::request::{RequestQueue, SolveRequest};
use super::solution::{InitialTarget, OutputRows, OutputWeights, SecondOrder, Sensitivities};
use super::step_limits::{check, dosing, limits, steady_limits, tolerance};
use super::system::ModelEquations;
use crate::autodiff::is_wide;
use crate::course::CourseError;
use crate::dosing::{
    ActiveSolve, DoseInput, EventPropagator, InitialConditions, Outflow, SolveSource, StepRecorder,
    solve_all, steady_state,
};
use crate::ode::{Differentiated, Dop853, Step, Stepper, Tangent};
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;

/// Bodies that are solved at a time.
pub(super) const WIDTH: usize = 8;
/// The largest number of requests at a time that are solved one by one.
const FEW: usize = 2;

/// The weights of outputs at output times, given these.
pub(super) type Weigh<'w> = &'w mut dyn FnMut(&Sensitivities, &mut OutputWeights);

/// Something that is asked of bodies.
pub(super) trait Question: 'static {
    /// The answer.
    type Answer: Default;
}

/// How a question is answered with a stepper: outputs, or their derivatives too.
pub(super) trait Task<S, M, const N: usize, const K: usize, const L: usize>: Question {
    /// The record of the steps of a body.
    type Recorder: StepRecorder<M, N, K> + Default + 'static;

    /// The rate constants, and the state at the start.
    fn initial(parameters: &[f64], start: InitialTarget<f64>) -> ([f64; K], Differentiated<N, L>);
    /// A body is begun, whose steps are recorded or not.
    fn begin(_: &mut Self::Recorder, _is_recording: bool) {}
    /// The answer from the states at the output times.
    fn answer(
        request: &SolveRequest<'_>,
        states: &[Differentiated<N, L>],
        recorder: &Self::Recorder,
        weigh: Weigh<'_>,
        answer: &mut Self::Answer,
    );
}

/// Outputs alone.
pub(super) struct Values;

impl Question for Values {
    type Answer = OutputRows;
}

impl<S: ModelEquations<N, K>, M, const N: usize, const K: usize> Task<S, M, N, K, 0> for Values {
    type Recorder = ();

    #[inline(always)]
    fn initial(parameters: &[f64], start: InitialTarget<f64>) -> ([f64; K], Differentiated<N, 0>) {
        (S::rates(parameters, start), (S::initial(parameters, start), [Tangent([]); N]))
    }
    #[inline(always)]
    fn answer(
        request: &SolveRequest<'_>,
        states: &[Differentiated<N, 0>],
        (): &(),
        _: Weigh<'_>,
        answer: &mut Self::Answer,
    ) {
        answer.clear();
        for (y, _) in states {
            answer.push(S::outputs(&request.parameters, y).as_ref());
        }
    }
}

/// Outputs with their derivatives to `P` inputs.
pub(super) struct FirstOrder<const P: usize>;

impl<const P: usize> Question for FirstOrder<P> {
    type Answer = SecondOrder;
}

impl<S, M, const N: usize, const K: usize, const L: usize, const P: usize> Task<S, M, N, K, L>
    for FirstOrder<P>
where
    S: ModelEquations<N, K>,
{
    type Recorder = ();

    #[inline(always)]
    fn initial(parameters: &[f64], start: InitialTarget<f64>) -> ([f64; K], Differentiated<N, L>) {
        let inputs = Inputs::<N, K, L, P>::new::<S, true>(parameters, start);
        (inputs.rates, inputs.state)
    }
    #[inline(always)]
    fn answer(
        request: &SolveRequest<'_>,
        states: &[Differentiated<N, L>],
        (): &(),
        _: Weigh<'_>,
        answer: &mut SecondOrder,
    ) {
        let parameters = &request.parameters[..];
        let inputs = Inputs::<N, K, L, P>::new::<S, true>(parameters, request.start);
        answer.clear();
        inputs.read::<S>(parameters.len(), states, &mut answer.at.values, &mut answer.at.slopes);
        answer.hessian.resize((parameters.len() + 1).pow(2), 0.0);
    }
}

/// A request under way, and the record of its steps.
pub(super) struct Running<'a, R> {
    request: SolveRequest<'a>,
    recorder: R,
}

impl<M, R: StepRecorder<M, N, K>, const N: usize, const K: usize> StepRecorder<M, N, K> for Running<'_, R> {
    fn is_recording(&self) -> bool {
        self.recorder.is_recording()
    }
    fn prepare(stepper: &mut M, is_recording: bool) {
        R::prepare(stepper, is_recording);
    }
    fn begin_segment(&mut self, outflow: &Outflow) {
        self.recorder.begin_segment(outflow);
    }
    #[inline(always)]
    fn record(&mut self, rates: &[f64; K], stepper: (&M, usize), step: &Step, outputs_before: usize) {
        self.recorder.record(rates, stepper, step, outputs_before);
    }
}

/// Room for states and a record.
type Room<R, const N: usize, const L: usize> = (Vec<Differentiated<N, L>>, R);

/// Scalar fallback for a request that the loop does not answer.
pub(super) type Fallback<'m, 'a, T> =
    &'m dyn Fn(&SolveRequest<'a>, &mut dyn RequestQueue<'a, T>, &mut T) -> Result<(), CourseError>;

/// How requests are answered: those that the loop does not suit, by the fallback.
pub(super) struct BatchPolicy<'m, 'a, T> {
    pub suits: &'m dyn Fn(&SolveRequest<'a>) -> bool,
    pub fallback: Fallback<'m, 'a, T>,
}

/// The requests of a queue as bodies to be solved. `A` are the directions of a search for a steady state.
struct Requests<'e, 'a, S, T, M, const N: usize, const K: usize, const L: usize, const A: usize>
where
    T: Task<S, M, N, K, L>,
{
    queue: &'e mut dyn RequestQueue<'a, T::Answer>,
    policy: &'e BatchPolicy<'e, 'a, T::Answer>,
    /// Room for the states and records of bodies to come.
    spare: Vec<Room<T::Recorder, N, L>>,
    answer: T::Answer,
}

impl<
    'a,
    S,
    T,
    M,
    const N: usize,
    const K: usize,
    const L: usize,
    const W: usize,
    const A: usize,
    const FULL: bool,
> SolveSource<'a, S::System, M, N, K, L, W, FULL> for Requests<'_, 'a, S, T, M, N, K, L, A>
where
    S: ModelEquations<N, K>,
    T: Task<S, M, N, K, L>,
    M: Stepper<N, L, W>,
{
    type Context = Running<'a, T::Recorder>;

    #[inline(never)]
    fn next(&mut self) -> Option<ActiveSolve<'a, S::System, M, Self::Context, N, K, L, W, FULL>> {
        while let Some(request) = self.queue.next() {
            if !(self.policy.suits)(&request) {
                let found = (self.policy.fallback)(&request, self.queue, &mut self.answer);
                self.queue.on_solution(request.key, found.map(|()| &self.answer));
                continue;
            }
            let (parameters, course) = (&request.parameters[..], request.course);
            if let Err(error) = check::<S, N, K>(parameters, request.start, course) {
                self.queue.on_solution(request.key, Err(error));
                continue;
            }
            let (rates, state) = T::initial(parameters, request.start);
            let dosing = dosing::<S, N, K>(parameters);
            let input = DoseInput::new(S::NMOL_PER_MG, S::IS_APPARENT, dosing);
            let tolerance = tolerance(&state.0, course, S::NMOL_PER_MG);
            let limits = limits::<S::System, N, K>(&rates, course);
            let propagator = EventPropagator::new(
                InitialConditions { rates, input, state },
                course,
                tolerance,
                |initial, dose, interval, tolerance| {
                    let limits = steady_limits::<S::System, N, K>(&initial.rates, interval);
                    steady_state::<S::System, N, K, L, A>(initial, dose, (interval, limits), tolerance)
                },
            );
            let (mut states, mut recorder) = self.spare.pop().unwrap_or_default();
            states.clear();
            states.reserve(course.times().len());
            T::begin(&mut recorder, !request.over.is_empty());
            let context = Running { request, recorder };
            return Some(ActiveSolve::new(propagator, (tolerance, limits, course.output()), states, context));
        }
        None
    }

    #[inline(always)]
    fn end(
        &mut self,
        solve: ActiveSolve<'a, S::System, M, Self::Context, N, K, L, W, FULL>,
        outcome: Result<(), CourseError>,
    ) {
        let tried = solve.tried();
        let ActiveSolve { states, context: Running { request, recorder }, work, .. } = solve;
        request.course.spend(tried);
        match outcome {
            Ok(()) => {
                let queue = &mut *self.queue;
                let mut weigh =
                    |at: &Sensitivities, weights: &mut _| queue.output_weights(request.key, at, weights);
                T::answer(&request, &states, &recorder, &mut weigh, &mut self.answer);
                self.queue.on_work(request.key, &work);
                self.queue.on_solution(request.key, Ok(&self.answer));
            }
            Err(error) => self.queue.on_solution(request.key, Err(error)),
        }
        self.spare.push((states, recorder));
    }
}

thread_local! {
    /// Room that a thread keeps from one call to the next, by its type.
    static SPARE: RefCell<HashMap<TypeId, Box<dyn Any>>> = RefCell::default();
}

/// The room that was kept of a type.
fn spare<T: Default + 'static>() -> T {
    let kept = SPARE.with_borrow_mut(|spare| spare.remove(&TypeId::of::<T>()));
    kept.and_then(|kept| kept.downcast().ok()).map_or_else(T::default, |kept| *kept)
}

/// Keeps room for the next call.
fn keep_spare<T: 'static>(kept: T) {
    SPARE.with_borrow_mut(|spare| spare.insert(TypeId::of::<T>(), Box::new(kept)));
}

/// Answers the requests of a queue by a stepper, `W` at a time.
#[inline(always)]
fn answer<
    'a,
    S,
    T,
    M,
    const N: usize,
    const K: usize,
    const L: usize,
    const W: usize,
    const A: usize,
    const FULL: bool,
>(
    queue: &mut dyn RequestQueue<'a, T::Answer>,
    policy: &BatchPolicy<'_, 'a, T::Answer>,
) where
    S: ModelEquations<N, K>,
    T: Task<S, M, N, K, L>,
    M: Stepper<N, L, W>,
{
    let mut requests =
        Requests::<S, T, M, N, K, L, A> { queue, policy, spare: spare(), answer: T::Answer::default() };
    solve_all::<_, S::System, M, N, K, L, W, FULL>(&mut requests);
    keep_spare(requests.spare);
}

/// [`answer`], one at a time.
#[inline(never)]
pub(super) fn answer_singly<
    'a,
    S,
    T,
    M,
    const N: usize,
    const K: usize,
    const L: usize,
    const A: usize,
    const FULL: bool,
>(
    queue: &mut dyn RequestQueue<'a, T::Answer>,
    policy: &BatchPolicy<'_, 'a, T::Answer>,
) where
    S: ModelEquations<N, K>,
    T: Task<S, M, N, K, L>,
    M: Stepper<N, L, 1>,
{
    answer::<S, T, M, N, K, L, 1, A, FULL>(queue, policy);
}

/// [`answer`], compiled for AVX2: wider vectors, the same operations, the same bits.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn answer_wide<
    'a,
    S,
    T,
    M,
    const N: usize,
    const K: usize,
    const L: usize,
    const W: usize,
    const A: usize,
    const FULL: bool,
>(
    queue: &mut dyn RequestQueue<'a, T::Answer>,
    policy: &BatchPolicy<'_, 'a, T::Answer>,
) where
    S: ModelEquations<N, K>,
    T: Task<S, M, N, K, L>,
    M: Stepper<N, L, W>,
{
    answer::<S, T, M, N, K, L, W, A, FULL>(queue, policy);
}

/// Answers the requests of a queue with the explicit method, several at a time if there are several and the processor has the
/// vectors for it.
pub(super) fn answer_explicit<
    'a,
    S,
    T,
    const N: usize,
    const K: usize,
    const L: usize,
    const A: usize,
    const FULL: bool,
>(
    queue: &mut dyn RequestQueue<'a, T::Answer>,
    policy: &BatchPolicy<'_, 'a, T::Answer>,
) where
    S: ModelEquations<N, K>,
    T: Task<S, Dop853<N, L, 1>, N, K, L> + Task<S, Dop853<N, L, WIDTH>, N, K, L>,
{
    if queue.concurrency() <= FEW || !is_wide() {
        answer_singly::<S, T, Dop853<N, L, 1>, N, K, L, A, FULL>(queue, policy);
    } else {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { answer_wide::<S, T, Dop853<N, L, WIDTH>, N, K, L, WIDTH, A, FULL>(queue, policy) }
    }
}

/// [`answer_explicit`] on a processor with AVX2, where one at a time is worth wider vectors too.
pub(super) fn answer_explicit_wide<
    'a,
    S,
    T,
    const N: usize,
    const K: usize,
    const L: usize,
    const A: usize,
    const FULL: bool,
>(
    queue: &mut dyn RequestQueue<'a, T::Answer>,
    policy: &BatchPolicy<'_, 'a, T::Answer>,
) where
    S: ModelEquations<N, K>,
    T: Task<S, Dop853<N, L, 1>, N, K, L> + Task<S, Dop853<N, L, WIDTH>, N, K, L>,
{
    debug_assert!(is_wide());
    // SAFETY: the processor has the one feature the functions need.
    unsafe {
        if queue.concurrency() <= FEW {
            answer_wide::<S, T, Dop853<N, L, 1>, N, K, L, 1, A, FULL>(queue, policy);
        } else {
            answer_wide::<S, T, Dop853<N, L, WIDTH>, N, K, L, WIDTH, A, FULL>(queue, policy);
        }
    }
}
