//! Carries a body through the events of a course: doses, infusions, lags, resets, steady states.

use super::Body;
use super::coincidence::{coincide, from_start};
use super::depot::{BY_F, Depot, Entry, Flux};
use super::flow::{Along, Flow};
use super::segment::Segment;
use super::steady::{Steady, steady_state};
use crate::course::{Course, CourseError};
use crate::scalar::Real;
use crate::solver::{Lanes, Output, System, Tolerance, Work};
use crate::subject::{Before, Dose, Route};

/// What is known of a body before anything is given.
pub(super) struct Untreated<'a, const N: usize, const K: usize, const L: usize> {
    pub rates: &'a [f64; K],
    pub entry: Entry,
    /// The state at the start, and its derivatives.
    pub state: [f64; N],
    pub tangent: [Lanes<L>; N],
}

/// Something that happens on its own after a dose.
#[derive(Clone, Copy)]
struct Pending {
    time: f64,
    what: Event,
}

#[derive(Clone, Copy)]
enum Event {
    /// A subcutaneous dose, over some days or at once, reaches the depot.
    Arrival { amount: Flux, duration: f64 },
    /// An infusion ends, of so many nmol/d.
    End { route: Route, rate: Flux },
}

/// A body on its way.
pub(super) struct Carrier<'a, B, W, const N: usize, const K: usize, const L: usize, const FULL: bool> {
    untreated: &'a Untreated<'a, N, K, L>,
    state: [f64; N],
    flow: W,
    depot: Depot,
    into_centre: Flux,
    now: f64,
    pending: Vec<Pending>,
    /// Steps tried in the search for steady states.
    steady: u64,
    /// Output times from the start of a segment.
    local: Vec<f64>,
    /// Whether a delayed dose has arrived, and the lane of the lag carries u of [`Segment`].
    late: bool,
    tolerance: Tolerance<N>,
    output: Output,
    body: std::marker::PhantomData<B>,
}

impl<'a, B, W, const N: usize, const K: usize, const L: usize, const FULL: bool>
    Carrier<'a, B, W, N, K, L, FULL>
where
    B: Body<N, K>,
    W: Flow<Segment<'a, B, K, FULL>, N, L>,
{
    #[inline(always)]
    pub(super) fn new(
        untreated: &'a Untreated<'a, N, K, L>,
        flow: W,
        now: f64,
        tolerance: Tolerance<N>,
        output: Output,
    ) -> Self {
        Self {
            untreated,
            state: untreated.state,
            flow,
            depot: Depot::empty(untreated.rates[0]),
            into_centre: Flux::zero(),
            now,
            pending: Vec::new(),
            steady: 0,
            local: Vec::with_capacity(16),
            late: false,
            tolerance,
            output,
            body: std::marker::PhantomData,
        }
    }

    /// Through a whole course, handing the state at each output time to `emit`.
    #[inline(always)]
    pub(super) fn through(
        &mut self,
        course: &Course,
        times: &[f64],
        mut emit: impl FnMut(&[f64; N], &<W::Along as Along<N, L>>::State),
    ) -> Result<(), CourseError> {
        let outputs = course.times();
        let Some(&end) = times.last() else { return Ok(()) };
        let mut next = 0;
        for given in 0..=course.doses().len() {
            let dose = course.doses().get(given);
            let until = dose.map_or(end, |d| d.time).min(end).max(self.now);
            let here = outputs[next..].partition_point(|o| o.doses_before == given) + next;
            self.carry(until, &times[next..here], &mut emit)?;
            next = here;
            if next == outputs.len() {
                break;
            }
            if let Some(dose) = dose {
                self.give(dose)?;
            }
        }
        Ok(())
    }

    /// To the time `until`, through whatever happens on its own.
    #[inline(always)]
    pub(super) fn carry(
        &mut self,
        until: f64,
        times: &[f64],
        emit: &mut impl FnMut(&[f64; N], &<W::Along as Along<N, L>>::State),
    ) -> Result<(), CourseError> {
        let mut done = 0;
        loop {
            let event = self.pending.first().copied().filter(|p| FULL && p.time <= until);
            let stop = event.map_or(until, |p| p.time);
            let (segment, late) = (self.segment(), self.late);
            let mut emit_at = |t: f64, y: &[f64; N], along: &<W::Along as Along<N, L>>::State| {
                if FULL && late {
                    emit(y, &W::Along::read(along, K + N + 1, || segment.derivative(t, y)));
                } else {
                    emit(y, along);
                }
            };
            let here = times[done..].partition_point(|t| *t <= stop) + done;
            let now = self.now;
            self.local.clear();
            let at_once = from_start((now, stop), times[done..here].iter().copied(), |t| self.local.push(t));
            for _ in 0..at_once {
                emit_at(0.0, &self.state, self.flow.along().now());
            }
            done = here;
            if !coincide(now, stop) {
                let (local, mut reached) = (&self.local[at_once..], 0);
                self.flow
                    .over(
                        &segment,
                        (0.0, stop - now),
                        &mut self.state,
                        &self.tolerance,
                        (local, self.output),
                        |y, along| {
                            emit_at(local[reached], y, along);
                            reached += 1;
                        },
                    )
                    .map_err(|error| error.later(now))?;
                self.depot.pass(stop - now);
            }
            self.now = stop;
            let Some(event) = event else { return Ok(()) };
            self.pending.remove(0);
            self.happen(event.what);
        }
    }

    /// Gives a dose now.
    #[inline(always)]
    pub(super) fn give(&mut self, dose: &Dose) -> Result<(), CourseError> {
        if const { !FULL } {
            self.depot.amount = self.depot.amount + self.untreated.entry.depot * dose.amount_mg;
            return Ok(());
        }
        self.prepare(dose)?;
        self.enter(dose);
        Ok(())
    }

    /// What becomes of what is in the body before a dose.
    #[inline(never)]
    fn prepare(&mut self, dose: &Dose) -> Result<(), CourseError> {
        let start = self.untreated;
        match dose.before {
            Before::Kept => {}
            Before::Reset => {
                self.empty();
                self.state = start.state;
                self.flow.along().replace(&start.tangent);
            }
            Before::SteadyState { interval } => {
                let steady = self.steady_state(dose, interval)?;
                self.empty();
                self.state = steady.state;
                self.depot.amount = steady.depot;
                self.flow.along().replace(&steady.tangent);
            }
            Before::AddedSteadyState { interval } => {
                let steady = self.steady_state(dose, interval)?;
                let mut tangent = steady.tangent;
                for n in 0..N {
                    self.state[n] += steady.state[n] - start.state[n];
                    tangent[n] = tangent[n] - start.tangent[n];
                    if self.state[n] < 0.0 {
                        return Err(CourseError::NegativeSum { time: dose.time });
                    }
                }
                self.depot.amount = self.depot.amount + steady.depot;
                self.flow.along().add(&tangent);
            }
        }
        Ok(())
    }

    fn steady_state(&mut self, dose: &Dose, interval: f64) -> Result<Steady<N, L>, CourseError> {
        let (found, tried) =
            steady_state::<B, N, K, L, FULL>(self.untreated, dose, interval, &self.tolerance);
        self.steady += tried;
        found
    }

    /// Nothing is under way any more.
    fn empty(&mut self) {
        self.depot = Depot::empty(self.untreated.rates[0]);
        self.into_centre = Flux::zero();
        self.pending.clear();
        self.late = false;
    }

    #[inline(never)]
    fn enter(&mut self, dose: &Dose) {
        if dose.amount_mg == 0.0 {
            return;
        }
        let entry = &self.untreated.entry;
        match dose.route {
            Route::Subcutaneous => {
                let (amount, duration) = (entry.depot * dose.amount_mg, dose.duration);
                let arrival = Event::Arrival { amount, duration };
                if entry.lag > 0.0 {
                    self.expect(self.now + entry.lag, arrival);
                } else {
                    self.happen(arrival);
                }
            }
            Route::Intravenous => {
                let amount = entry.centre * dose.amount_mg;
                if self.lasts(dose.duration) {
                    self.infuse(Route::Intravenous, amount * (1.0 / dose.duration), dose.duration);
                } else {
                    let before = self.slope();
                    self.state[0] += amount.re;
                    self.flow.along().shift(0, K + N, amount.eps[BY_F]);
                    self.bend(before);
                }
            }
        }
    }

    /// Whether an infusion that begins now ends later: one that does not is given at once.
    fn lasts(&self, duration: f64) -> bool {
        !coincide(self.now, self.now + duration)
    }

    #[inline(never)]
    fn happen(&mut self, event: Event) {
        if let (Event::Arrival { .. }, false) = (event, self.late) {
            self.late = true;
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
                if self.late {
                    // No lag moves this jump of dy/dt.
                    self.flow.along().shift(0, K + N + 1, rate.re);
                }
            }
        }
    }

    /// dy/dt.
    fn slope(&self) -> [f64; N] {
        self.segment().derivative(0.0, &self.state)
    }

    #[inline(always)]
    fn segment(&self) -> Segment<'a, B, K, FULL> {
        Segment::new(self.untreated.rates, &self.depot, self.into_centre)
    }

    /// dy/dt changes from `before`, at a time that no lag moves.
    fn bend(&mut self, before: [f64; N]) {
        if !self.late {
            return;
        }
        let after = self.slope();
        for n in 0..N {
            self.flow.along().shift(n, K + N + 1, after[n] - before[n]);
        }
    }

    fn expect(&mut self, time: f64, what: Event) {
        let position = self.pending.partition_point(|p| p.time <= time);
        self.pending.insert(position, Pending { time, what });
    }

    /// The state, what goes along with it and the depot.
    pub(super) fn reached(&mut self) -> (&[f64; N], &<W::Along as Along<N, L>>::State, Flux) {
        (&self.state, self.flow.along().now(), self.depot.amount)
    }

    /// Starts again from another state.
    pub(super) fn restart(&mut self, state: &[f64; N], tangent: &[Lanes<L>; N], depot: Flux) {
        self.empty();
        self.state = *state;
        self.flow.along().replace(tangent);
        self.depot.amount = depot;
        self.now = 0.0;
    }

    pub(super) fn work(&self) -> Work {
        self.flow.work()
    }

    /// Steps tried, those for steady states too.
    pub(super) fn tried(&self) -> u64 {
        self.work().tried() + self.steady
    }
}
