//! The events of one body's course in order: doses, arrivals after a lag, ends of infusions, resets, steady states and output times.
//!
//! Between two events the body obeys its differential equations: a [`Segment`], which a solver integrates. [`EventPropagator`]
//! applies the events and hands out the segments one after the other.

use super::coincidence::{coincide, from_start};
use super::depot::{BY_F, Depot, DoseInput, Flux, Outflow};
use super::segment::Segments;
use crate::course::{Course, CourseError, OutputTime};
use crate::equations::OdeSystem;
use crate::ode::{Differentiated, Linear, Tangent, Tolerance, derivative_of};
use crate::subject::{Dose, Route, StateRule};
use std::marker::PhantomData;

/// A body before anything is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitialConditions<const N: usize, const K: usize, const L: usize> {
    /// The rate constants.
    pub rates: [f64; K],
    /// How doses enter.
    pub input: DoseInput,
    /// The state at the start, with its derivatives.
    pub state: Differentiated<N, L>,
}

/// Something that happens on its own after a dose.
#[derive(Clone, Copy, Debug)]
struct Pending {
    time: f64,
    event: Event,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A subcutaneous dose, over some days or at once, reaches the depot.
    Arrival { amount: Flux, duration: f64 },
    /// An infusion ends, of so many nmol/d.
    End { route: Route, rate: Flux },
}

/// The state just before a dose.
pub(crate) struct SteadyState<const N: usize, const L: usize> {
    /// The state, with its derivatives.
    pub state: Differentiated<N, L>,
    /// The amount in the depot.
    pub depot: Flux,
}

/// A search for the state that a dose repeated for ever leads to.
pub(crate) type FindSteadyState<const N: usize, const K: usize, const L: usize> =
    fn(
        &InitialConditions<N, K, L>,
        dose: &Dose,
        interval: f64,
        &Tolerance<N>,
    ) -> (Result<SteadyState<N, L>, CourseError>, u64);

/// The time from one event to the next.
pub(crate) struct Segment {
    /// Its length, days.
    pub days: f64,
    /// The flow out of the depot.
    pub outflow: Outflow,
    /// The flow into the central compartment besides, nmol/d.
    pub into_centre: Flux,
}

/// A body between the events of its course.
pub(crate) struct EventPropagator<'c, B, const N: usize, const K: usize, const L: usize, const FULL: bool> {
    pub initial: InitialConditions<N, K, L>,
    /// The state when the segment in hand begins, with its derivatives.
    pub state: Differentiated<N, L>,
    doses: &'c [Dose],
    outputs: &'c [OutputTime],
    /// When the course ends, days.
    end: f64,
    /// Doses that have been given, and outputs before the segment in hand.
    given: usize,
    passed: usize,
    depot: Depot,
    into_centre: Flux,
    /// When the segment in hand begins and ends, days.
    pub now: f64,
    until: f64,
    /// Whether something that was pending happens at its end, and not a dose.
    is_pending: bool,
    pending: Vec<Pending>,
    /// Output times in the segment in hand, from its start, and the next of them.
    local: Vec<f64>,
    next: usize,
    /// Whether a delayed dose has arrived, and the direction of the lag carries u of [`Segments`].
    is_late: bool,
    find_steady_state: FindSteadyState<N, K, L>,
    tolerance: Tolerance<N>,
    /// Steps tried in searches for steady states.
    pub steady_steps: u64,
    system: PhantomData<B>,
}

impl<'c, B, const N: usize, const K: usize, const L: usize, const FULL: bool>
    EventPropagator<'c, B, N, K, L, FULL>
where
    B: OdeSystem<N, K>,
{
    /// The direction of the bioavailability, and that of the lag.
    const BY_F: usize = L.saturating_sub(2);
    const BY_LAG: usize = L.saturating_sub(1);
    const HAS_DOSING: bool = FULL && L > 0;

    /// A body before its course.
    #[inline(always)]
    pub fn new(
        initial: InitialConditions<N, K, L>,
        course: &'c Course,
        tolerance: Tolerance<N>,
        find_steady_state: FindSteadyState<N, K, L>,
    ) -> Self {
        let outputs = course.times();
        let end = outputs.last().map_or(course.start(), |o| o.time);
        Self::over((course.start(), end), initial, (course.doses(), outputs), tolerance, find_steady_state)
    }

    /// A body before one dose at time zero, after which it is followed for so many days.
    pub fn of_interval(
        initial: InitialConditions<N, K, L>,
        dose: &'c [Dose; 1],
        days: f64,
        tolerance: Tolerance<N>,
    ) -> Self {
        let none: FindSteadyState<N, K, L> = |_, dose, interval, _| {
            (Err(CourseError::NoSteadyState { interval, amount_mg: dose.amount_mg }), 0)
        };
        Self::over((0.0, days), initial, (dose, &[]), tolerance, none)
    }

    #[inline(always)]
    fn over(
        (now, end): (f64, f64),
        initial: InitialConditions<N, K, L>,
        (doses, outputs): (&'c [Dose], &'c [OutputTime]),
        tolerance: Tolerance<N>,
        find_steady_state: FindSteadyState<N, K, L>,
    ) -> Self {
        Self {
            state: initial.state,
            depot: Depot::empty(initial.rates[0]),
            initial,
            doses,
            outputs,
            end,
            given: 0,
            passed: 0,
            into_centre: Flux::fixed(0.0),
            now,
            until: now,
            is_pending: false,
            pending: Vec::new(),
            local: Vec::new(),
            next: 0,
            is_late: false,
            find_steady_state,
            tolerance,
            steady_steps: 0,
            system: PhantomData,
        }
    }

    /// Applies the events from now on until time passes, and hands the states at output times before that to `emit`; returns the
    /// segment that begins then, or none at the end of the course.
    ///
    /// # Errors
    /// When a dose cannot be given.
    #[inline(never)]
    pub fn next_segment(
        &mut self,
        mut emit: impl FnMut(Differentiated<N, L>),
    ) -> Result<Option<Segment>, CourseError> {
        loop {
            let dose = self
                .doses
                .get(self.given)
                .filter(|_| self.passed < self.outputs.len() || self.outputs.is_empty());
            let until = dose.map_or(self.end, |d| d.time).min(self.end).max(self.now);
            let pending = self.pending.first().map(|p| p.time).filter(|time| *time <= until);
            self.until = pending.unwrap_or(until);
            self.is_pending = pending.is_some();
            let ahead = &self.outputs[self.passed..];
            let here = ahead.partition_point(|o| o.doses_before == self.given && o.time <= self.until);
            self.local.clear();
            let times = ahead[..here].iter().map(|o| o.time);
            self.next = from_start((self.now, self.until), times, |t| self.local.push(t));
            self.passed += here;
            for _ in 0..self.next {
                emit(self.read(0.0, self.state));
            }
            if !coincide(self.now, self.until) {
                return Ok(Some(self.segment()));
            }
            if !self.happen_at_end()? {
                return Ok(None);
            }
        }
    }

    /// The segment in hand has been integrated to `state`; whether the course goes on.
    ///
    /// # Errors
    /// When a dose cannot be given.
    #[inline(always)]
    pub fn finish_segment(&mut self, state: Differentiated<N, L>) -> Result<bool, CourseError> {
        self.state = state;
        self.depot.pass(self.days());
        self.happen_at_end()
    }

    /// Applies the event at the end of the segment in hand; whether there is one.
    #[inline(never)]
    fn happen_at_end(&mut self) -> Result<bool, CourseError> {
        self.now = self.until;
        if self.is_pending {
            let Pending { event, .. } = self.pending.remove(0);
            self.apply(event);
            return Ok(true);
        }
        let is_over = self.passed == self.outputs.len() && self.now >= self.end;
        match self.doses.get(self.given) {
            Some(dose) if !is_over => {
                self.given += 1;
                self.give(dose)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The output times ahead in the segment in hand, from its start.
    #[inline(always)]
    pub fn ahead(&self) -> &[f64] {
        &self.local[self.next..]
    }

    /// The length of the segment in hand, days.
    #[inline(always)]
    pub fn days(&self) -> f64 {
        self.until - self.now
    }

    /// The states at so many output times ahead have been read.
    #[inline(always)]
    pub fn pass(&mut self, outputs: usize) {
        self.next += outputs;
    }

    /// The state as it is read so many days into the segment in hand.
    #[inline(always)]
    pub fn read(&self, t: f64, (y, mut tangent): Differentiated<N, L>) -> Differentiated<N, L> {
        if Self::HAS_DOSING && self.is_late {
            let slope = derivative_of(&self.problem(), t, &y);
            for n in 0..N {
                tangent[n].0[Self::BY_LAG] -= slope[n];
            }
        }
        (y, tangent)
    }

    /// The equations of the segment in hand.
    #[inline(always)]
    pub(super) fn problem(&self) -> Segments<B, K, 1, FULL> {
        let mut problem = Segments::new();
        problem.set(0, &self.initial.rates, &self.depot.outflow(), self.into_centre);
        problem
    }

    #[inline(always)]
    fn segment(&self) -> Segment {
        Segment { days: self.days(), outflow: self.depot.outflow(), into_centre: self.into_centre }
    }

    /// The state, with its derivatives, and the depot.
    pub fn reached(&self) -> (&Differentiated<N, L>, Flux) {
        (&self.state, self.depot.amount)
    }

    /// Starts again from another state.
    pub fn restart(&mut self, state: Differentiated<N, L>, depot: Flux) {
        self.empty();
        self.state = state;
        self.depot.amount = depot;
        (self.now, self.given, self.passed) = (0.0, 0, 0);
    }

    fn give(&mut self, dose: &Dose) -> Result<(), CourseError> {
        if dose.before != StateRule::Kept {
            self.prepare(dose)?;
        }
        if dose.amount_mg > 0.0 {
            self.enter(dose);
        }
        Ok(())
    }

    /// Changes of the body before a dose enters.
    #[inline(never)]
    fn prepare(&mut self, dose: &Dose) -> Result<(), CourseError> {
        match dose.before {
            StateRule::Kept => {}
            StateRule::Reset => {
                self.empty();
                self.state = self.initial.state;
            }
            StateRule::SteadyState { interval } => {
                let steady = self.steady_state(dose, interval)?;
                self.empty();
                self.state = steady.state;
                self.depot.amount = steady.depot;
            }
            StateRule::AddedSteadyState { interval } => {
                let steady = self.steady_state(dose, interval)?;
                let ((state, tangent), (start, start_tangent)) = (&mut self.state, &self.initial.state);
                for n in 0..N {
                    state[n] += steady.state.0[n] - start[n];
                    tangent[n] = tangent[n].axpy(1.0, steady.state.1[n] - start_tangent[n]);
                    if state[n] < 0.0 {
                        return Err(CourseError::NegativeSum { time: dose.time });
                    }
                }
                self.depot.amount = self.depot.amount + steady.depot;
            }
        }
        Ok(())
    }

    fn steady_state(&mut self, dose: &Dose, interval: f64) -> Result<SteadyState<N, L>, CourseError> {
        let (found, tried) = (self.find_steady_state)(&self.initial, dose, interval, &self.tolerance);
        self.steady_steps += tried;
        found
    }

    /// Nothing is under way any more.
    fn empty(&mut self) {
        self.depot = Depot::empty(self.initial.rates[0]);
        self.into_centre = Flux::fixed(0.0);
        self.pending.clear();
        self.is_late = false;
    }

    fn enter(&mut self, dose: &Dose) {
        let input = &self.initial.input;
        match dose.route {
            Route::Subcutaneous => {
                let arrival =
                    Event::Arrival { amount: input.depot * dose.amount_mg, duration: dose.duration };
                if input.lag > 0.0 {
                    self.expect(self.now + input.lag, arrival);
                } else {
                    self.apply(arrival);
                }
            }
            Route::Intravenous => {
                let amount = input.centre * dose.amount_mg;
                if self.lasts(dose.duration) {
                    self.infuse(Route::Intravenous, amount * (1.0 / dose.duration), dose.duration);
                } else {
                    let before = (Self::HAS_DOSING && self.is_late).then(|| self.slope());
                    self.state.0[0] += amount.re;
                    if Self::HAS_DOSING {
                        self.state.1[0].0[Self::BY_F] += amount.eps[BY_F];
                    }
                    if let Some(before) = before {
                        self.bend(before);
                    }
                }
            }
        }
    }

    /// Whether an infusion that begins now ends later: one that does not is given at once.
    fn lasts(&self, duration: f64) -> bool {
        !coincide(self.now, self.now + duration)
    }

    fn apply(&mut self, event: Event) {
        if let (Event::Arrival { .. }, false) = (event, self.is_late) {
            self.is_late = true;
            self.bend([0.0; N]);
        }
        match event {
            Event::Arrival { amount, duration } if self.lasts(duration) => {
                self.infuse(Route::Subcutaneous, amount * (1.0 / duration), duration);
            }
            Event::Arrival { amount, .. } => self.depot.amount = self.depot.amount + amount,
            Event::End { route, rate } => self.flow_in(route, -rate),
        }
    }

    fn infuse(&mut self, route: Route, rate: Flux, duration: f64) {
        self.flow_in(route, rate);
        self.expect(self.now + duration, Event::End { route, rate });
    }

    fn flow_in(&mut self, route: Route, rate: Flux) {
        match route {
            Route::Subcutaneous => self.depot.inflow = self.depot.inflow + rate,
            Route::Intravenous => {
                self.into_centre = self.into_centre + rate;
                if Self::HAS_DOSING && self.is_late {
                    // No lag moves this jump of dy/dt.
                    self.state.1[0].0[Self::BY_LAG] += rate.re;
                }
            }
        }
    }

    /// dy/dt.
    fn slope(&self) -> [f64; N] {
        derivative_of(&self.problem(), 0.0, &self.state.0)
    }

    /// dy/dt changes from `before`, at a time that no lag moves.
    fn bend(&mut self, before: [f64; N]) {
        if !Self::HAS_DOSING {
            return;
        }
        let after = self.slope();
        for n in 0..N {
            self.state.1[n].0[Self::BY_LAG] += after[n] - before[n];
        }
    }

    fn expect(&mut self, time: f64, event: Event) {
        let position = self.pending.partition_point(|p| p.time <= time);
        self.pending.insert(position, Pending { time, event });
    }
}

/// A state whose derivatives are those to the initial state, which begin at `first`.
pub(super) fn identity<const N: usize, const L: usize>(first: usize) -> [Tangent<L>; N] {
    let mut identity = [Tangent([0.0; L]); N];
    for n in 0..N {
        identity[n].0[first + n] = 1.0;
    }
    identity
}
