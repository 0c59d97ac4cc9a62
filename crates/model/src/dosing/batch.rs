//! The step loop: bodies in `W` lanes, each with its own step size, at its own place in its own course.
//!
//! With one lane it is the solution of a single body, with several each is, to the bit, as it would be alone.

use super::depot::Outflow;
use super::propagate::EventPropagator;
use super::segment::Segments;
use crate::course::CourseError;
use crate::equations::OdeSystem;
use crate::ode::{
    Differentiated, Output, SolverError, Step, StepController, StepLimits, Stepper, Tolerance, Work,
    error_inflation,
};

/// A record of the steps of a body; unless told otherwise nothing is recorded.
pub(crate) trait StepRecorder<M, const N: usize, const K: usize> {
    /// Whether it records.
    fn is_recording(&self) -> bool {
        false
    }
    /// A stepper is told whether any of its bodies is recorded.
    fn prepare(_stepper: &mut M, _is_recording: bool) {}
    /// A segment begins, in which so much flows out of the depot.
    fn begin_segment(&mut self, _outflow: &Outflow) {}
    /// A step in `lane` is complete, so many outputs before which were read.
    #[inline(always)]
    fn record(&mut self, _rates: &[f64; K], _stepper: (&M, usize), _step: &Step, _outputs_before: usize) {}
}

impl<M, const N: usize, const K: usize> StepRecorder<M, N, K> for () {}

/// A body under way in a lane, and the data that its owner keeps beside it.
pub(crate) struct ActiveSolve<
    'c,
    B,
    M,
    T,
    const N: usize,
    const K: usize,
    const L: usize,
    const W: usize,
    const FULL: bool,
> where
    M: Stepper<N, L, W>,
{
    pub(super) propagator: EventPropagator<'c, B, N, K, L, FULL>,
    tolerance: Tolerance<N>,
    lands: bool,
    controller: StepController<M::Rule>,
    /// The step that is tried, until it is rejected or made.
    step: Option<Step>,
    /// The states at the output times, as far as they are known.
    pub states: Vec<Differentiated<N, L>>,
    pub context: T,
    /// Counters, complete at the end.
    pub work: Work,
}

impl<'c, B, M, T, const N: usize, const K: usize, const L: usize, const W: usize, const FULL: bool>
    ActiveSolve<'c, B, M, T, N, K, L, W, FULL>
where
    B: OdeSystem<N, K>,
    M: Stepper<N, L, W>,
{
    #[inline(always)]
    pub(crate) fn new(
        propagator: EventPropagator<'c, B, N, K, L, FULL>,
        (tolerance, limits, output): (Tolerance<N>, StepLimits, Output),
        states: Vec<Differentiated<N, L>>,
        context: T,
    ) -> Self {
        Self {
            propagator,
            tolerance,
            lands: M::output(output) == Output::Landed,
            controller: StepController::new(M::limits(limits)),
            step: None,
            states,
            context,
            work: Work::default(),
        }
    }

    /// Steps tried, those in searches for steady states too.
    pub(crate) fn tried(&self) -> u64 {
        self.controller.tried() + self.propagator.steady_steps
    }
}

/// A source of bodies to be solved, which is told when each is.
pub(crate) trait SolveSource<
    'c,
    B,
    M,
    const N: usize,
    const K: usize,
    const L: usize,
    const W: usize,
    const FULL: bool,
> where
    M: Stepper<N, L, W>,
{
    /// The owner's data beside a body.
    type Context: StepRecorder<M, N, K>;

    /// The next body, if there is one.
    fn next(&mut self) -> Option<ActiveSolve<'c, B, M, Self::Context, N, K, L, W, FULL>>;

    /// A body is solved, or cannot be.
    fn end(
        &mut self,
        solve: ActiveSolve<'c, B, M, Self::Context, N, K, L, W, FULL>,
        outcome: Result<(), CourseError>,
    );
}

/// A body that has ended, and how.
type Ended<'c, B, M, T, const N: usize, const K: usize, const L: usize, const W: usize, const FULL: bool> =
    (ActiveSolve<'c, B, M, T, N, K, L, W, FULL>, Result<(), CourseError>);

/// The lanes.
struct Batch<'c, B, M, T, const N: usize, const K: usize, const L: usize, const W: usize, const FULL: bool>
where
    M: Stepper<N, L, W>,
{
    stepper: Box<M>,
    problems: Segments<B, K, W, FULL>,
    lanes: [Option<ActiveSolve<'c, B, M, T, N, K, L, W, FULL>>; W],
    ended: Vec<Ended<'c, B, M, T, N, K, L, W, FULL>>,
}

/// Solves all bodies of a source, `W` at a time.
#[inline(always)]
pub(crate) fn solve_all<
    'c,
    S,
    B,
    M,
    const N: usize,
    const K: usize,
    const L: usize,
    const W: usize,
    const FULL: bool,
>(
    source: &mut S,
) where
    S: SolveSource<'c, B, M, N, K, L, W, FULL>,
    B: OdeSystem<N, K>,
    M: Stepper<N, L, W>,
{
    let mut batch = Batch::<'c, B, M, S::Context, N, K, L, W, FULL> {
        stepper: M::new(),
        problems: Segments::new(),
        lanes: [const { None }; W],
        ended: Vec::new(),
    };
    loop {
        batch.fill(source);
        while batch.ended.is_empty() {
            if batch.lanes.iter().all(Option::is_none) {
                return;
            }
            batch.advance();
        }
        // Here, where the vectors are wide, and in no closure, where they are not.
        while let Some((solve, outcome)) = batch.ended.pop() {
            source.end(solve, outcome);
        }
    }
}

impl<'c, B, M, T, const N: usize, const K: usize, const L: usize, const W: usize, const FULL: bool>
    Batch<'c, B, M, T, N, K, L, W, FULL>
where
    B: OdeSystem<N, K>,
    M: Stepper<N, L, W>,
    T: StepRecorder<M, N, K>,
{
    /// Lanes that rest are taken, if there are bodies for them.
    #[inline(always)]
    fn fill<S>(&mut self, source: &mut S)
    where
        S: SolveSource<'c, B, M, N, K, L, W, FULL, Context = T>,
    {
        for lane in 0..W {
            while self.lanes[lane].is_none() {
                let Some(solve) = source.next() else {
                    self.stepper.rest(lane);
                    self.problems.rest(lane);
                    break;
                };
                self.stepper.assign(lane);
                self.lanes[lane] = Some(solve);
                self.begin_segment(lane);
                T::prepare(&mut self.stepper, self.lanes.iter().flatten().any(|s| s.context.is_recording()));
            }
        }
    }

    /// Tries a step in every lane.
    #[inline(always)]
    fn advance(&mut self) {
        for lane in 0..W {
            self.choose(lane);
        }
        self.stepper.attempt(&self.problems);
        let (mut accepted, mut wanted) = ([false; W], [false; W]);
        for lane in 0..W {
            (accepted[lane], wanted[lane]) = self.judge(lane);
        }
        if accepted.contains(&true) {
            self.stepper.complete(&self.problems, accepted);
        }
        if wanted.contains(&true) {
            self.stepper.interpolate(&self.problems, wanted);
        }
        for lane in 0..W {
            if accepted[lane] {
                self.finish_step(lane);
            }
        }
    }

    /// The body in a lane begins its next segment, or ends.
    #[inline(never)]
    fn begin_segment(&mut self, lane: usize) {
        let Some(solve) = &mut self.lanes[lane] else { return };
        let states = &mut solve.states;
        let segment = match solve.propagator.next_segment(|state| states.push(state)) {
            Ok(Some(segment)) => segment,
            Ok(None) => return self.end(lane, Ok(())),
            Err(error) => return self.end(lane, Err(error)),
        };
        let propagator = &solve.propagator;
        let span = (segment.days, solve.controller.suited());
        let begun =
            self.stepper.begin(lane, &propagator.problem(), &propagator.state, span, &solve.tolerance);
        match begun {
            Ok(h) => {
                solve.controller.begin(segment.days, h);
                self.problems.set(lane, &propagator.initial.rates, &segment.outflow, segment.into_centre);
                solve.context.begin_segment(&segment.outflow);
            }
            Err(error) => self.fail(lane, error),
        }
    }

    /// The body in a lane ends.
    fn end(&mut self, lane: usize, outcome: Result<(), CourseError>) {
        if let Some(mut solve) = self.lanes[lane].take() {
            let Work { evaluations, jacobians, .. } = self.stepper.work(lane);
            solve.work = Work { evaluations, jacobians, ..solve.work };
            self.ended.push((solve, outcome));
        }
    }

    /// The step that a body tries next.
    #[inline(always)]
    fn choose(&mut self, lane: usize) {
        let Some(solve) = &mut self.lanes[lane] else { return };
        let (ahead, days) = (solve.propagator.ahead(), solve.propagator.days());
        let stop = if solve.lands { ahead.first().copied().unwrap_or(days) } else { days };
        match solve.controller.step(stop) {
            Ok(step) => {
                self.stepper.set(lane, &step);
                solve.step = Some(step);
            }
            Err(error) => self.fail(lane, error),
        }
    }

    /// Whether a body's step is accepted, and outputs are wanted within it.
    #[inline(always)]
    fn judge(&mut self, lane: usize) -> (bool, bool) {
        let Some(solve) = &mut self.lanes[lane] else { return (false, false) };
        let Some(step) = solve.step else { return (false, false) };
        let events = (B::event(&self.stepper.start(lane)), B::event(&self.stepper.end(lane)));
        let error = self.stepper.error(lane) * error_inflation(events.0, events.1);
        match solve.controller.accepts(&step, error) {
            Ok(true) => {
                solve.work.accepted += 1;
                let wanted = solve.propagator.ahead().first().is_some_and(|t| *t < step.to);
                (true, wanted)
            }
            Ok(false) => {
                solve.work.rejected += 1;
                solve.step = None;
                (false, false)
            }
            Err(error) => {
                self.fail(lane, error);
                (false, false)
            }
        }
    }

    /// Reads the outputs in a step that is complete, and goes on from its end.
    #[inline(always)]
    fn finish_step(&mut self, lane: usize) {
        let Some(solve) = &mut self.lanes[lane] else { return };
        let Some(step) = solve.step.take() else { return };
        if let Err(error) = self.stepper.completed(lane) {
            return self.fail(lane, error);
        }
        let ActiveSolve { propagator, states, context, .. } = solve;
        context.record(&propagator.initial.rates, (&self.stepper, lane), &step, states.len());
        let ahead = propagator.ahead();
        let within = ahead.partition_point(|t| *t < step.to);
        if within > 0 {
            let mut times = ahead[..within].iter();
            let x = ahead[..within].iter().map(|t| (t - step.from) / step.length);
            self.stepper.inside(lane, x, |state| {
                states.extend(times.next().map(|t| propagator.read(*t, state)));
            });
        }
        let here = ahead[within..].partition_point(|t| *t <= step.to);
        let goes_on = solve.controller.goes_on();
        if here == 0 && goes_on {
            propagator.pass(within);
            self.stepper.advance(lane);
            return;
        }
        let end = (self.stepper.end(lane), self.stepper.tangents_at_end(lane));
        for t in &ahead[within..within + here] {
            states.push(propagator.read(*t, end));
        }
        propagator.pass(within + here);
        if goes_on {
            self.stepper.advance(lane);
        } else {
            self.finish_segment(lane, end);
        }
    }

    /// The body in a lane is at the end of its segment.
    #[inline(never)]
    fn finish_segment(&mut self, lane: usize, end: Differentiated<N, L>) {
        let Some(solve) = &mut self.lanes[lane] else { return };
        match solve.propagator.finish_segment(end) {
            Ok(true) => self.begin_segment(lane),
            Ok(false) => self.end(lane, Ok(())),
            Err(error) => self.end(lane, Err(error)),
        }
    }

    /// The body in a lane cannot be solved any further.
    #[cold]
    #[inline(never)]
    fn fail(&mut self, lane: usize, error: SolverError) {
        if let Some(solve) = &self.lanes[lane] {
            let error = error.later(solve.propagator.now);
            self.end(lane, Err(error.into()));
        }
    }
}
