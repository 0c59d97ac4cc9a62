//! Many bodies over plain courses, several solved at a time: each to the bit as alone.

use super::depot::{BY_KA, Depot, Entry, Flux, Outflow};
use super::legs::{Leg, Plan, plan};
use super::segment::{Segment, linearised};
use super::solve::{check, is_plain, longest, tolerance};
use super::{Body, Case, Concentrations, Start, Structure, Take};
use crate::course::CourseError;
use crate::dual::Dual;
use crate::scalar::{Pack, Real, is_wide};
use crate::solver::{
    Abreast, AlongAbreast, CompanionAbreast, LinearisedAbreast, Pace, Partials, SolverError, Stages, Step,
    System, Tolerance, distrust, first_step,
};
use std::marker::PhantomData;

/// How many are solved at a time.
pub(super) const WIDTH: usize = 8;

/// The bodies in their lanes, as far as their equations go.
pub(super) struct Bodies<B, const K: usize, const W: usize> {
    rates: [Pack<W>; K],
    /// What flows out of the depots as the leg begins, nmol/d, with its derivative to the absorption rate constant.
    held: Dual<Pack<W>, 1>,
    body: PhantomData<B>,
}

impl<B, const K: usize, const W: usize> Bodies<B, K, W> {
    /// The flow after `t` days.
    #[inline(always)]
    fn inflow(&self, t: Pack<W>) -> Dual<Pack<W>, 1> {
        self.held * Dual { eps: [-t], re: self.rates[0] * -t }.exp_within()
    }
}

impl<B: Body<N, K>, const N: usize, const K: usize, const W: usize> Abreast<N, W> for Bodies<B, K, W> {
    #[inline(always)]
    fn derivatives(&self, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N] {
        B::derivative(&self.rates, self.inflow(t).re, y)
    }
}

impl<B: Body<N, K>, const N: usize, const K: usize, const L: usize, const W: usize> LinearisedAbreast<N, L, W>
    for Bodies<B, K, W>
{
    #[inline(always)]
    fn linearise(&self, t: Pack<W>, y: &[Pack<W>; N]) -> ([Pack<W>; N], Partials<N, L, Pack<W>>) {
        let inflow = self.inflow(t);
        linearised::<B, N, K, L, Pack<W>>(&self.rates, (inflow.re, inflow.eps[0], None), y)
    }
}

/// What is wanted of bodies: concentrations, or their derivatives too.
pub(super) trait Wanted<S: Structure<N, K>, const N: usize, const K: usize, const W: usize> {
    /// What goes along with the states.
    type Along: CompanionAbreast<Bodies<S::Body, K, W>, N, W>;
    /// What is kept of each body on its way.
    type Tape: Default;
    /// What is given of each case besides.
    type Given: ?Sized;
    /// What is read.
    type Read: Default;

    /// The state at the start, and what goes along with it.
    fn initial(parameters: &[f64], start: Start<f64>) -> ([f64; N], Of<Self, S, N, K, W>);
    /// The derivatives in time at the start of a leg.
    fn slope(
        segment: &Segment<'_, S::Body, K, false>,
        y: &[f64; N],
        along: &Of<Self, S, N, K, W>,
    ) -> ([f64; N], Of<Self, S, N, K, W>);
    /// Something is given.
    fn prepare(_: &mut Stages<Self::Along, N, W>, _: &[&Self::Given]) {}
    /// A body begins its way.
    fn begin(_: &mut Self::Tape, _: &Self::Given) {}
    /// It begins a leg, in which so much flows out of the depot.
    fn depart(_: &mut Self::Tape, _: Outflow) {}
    /// It has made a step, so many outputs before which were read.
    #[inline(always)]
    fn keep(
        _: &mut Self::Tape,
        _rates: &[f64; K],
        _stages: (&Stages<Self::Along, N, W>, usize),
        _: &Step,
        _before: usize,
    ) {
    }
    /// What is read from the states at the output times.
    fn read(
        case: &Case<'_>,
        given: &Self::Given,
        states: &[([f64; N], Of<Self, S, N, K, W>)],
        tape: &Self::Tape,
        read: &mut Self::Read,
    );
}

/// What goes along with one body at one time.
pub(super) type Of<R, S, const N: usize, const K: usize, const W: usize> =
    <<R as Wanted<S, N, K, W>>::Along as AlongAbreast<N, W>>::State;

/// Concentrations alone.
struct Values;

impl<S: Structure<N, K>, const N: usize, const K: usize, const W: usize> Wanted<S, N, K, W> for Values {
    type Along = ();
    type Tape = ();
    type Given = ();
    type Read = Vec<Concentrations<f64>>;

    #[inline(always)]
    fn initial(parameters: &[f64], start: Start<f64>) -> ([f64; N], ()) {
        (S::initial(parameters, start), ())
    }
    #[inline(always)]
    fn slope(segment: &Segment<'_, S::Body, K, false>, y: &[f64; N], (): &()) -> ([f64; N], ()) {
        (segment.derivative(0.0, y), ())
    }
    #[inline(always)]
    fn read(case: &Case<'_>, (): &(), states: &[([f64; N], ())], (): &(), read: &mut Self::Read) {
        read.clear();
        read.extend(states.iter().map(|(y, ())| S::outputs(case.parameters, y)));
    }
}

/// A body on its way.
struct Passenger<A, T, const N: usize, const K: usize> {
    /// The position of its case.
    case: usize,
    rates: [f64; K],
    state: [f64; N],
    along: A,
    depot: Depot,
    tolerance: Tolerance<N>,
    longest: f64,
    /// Its leg, the next output in it, and how far it has come.
    leg: usize,
    next: usize,
    pace: Pace,
    /// The step that is tried, until it is refused or made.
    step: Option<Step>,
    states: States<A, N>,
    tape: T,
}

/// States at output times, and what goes along with them.
type States<A, const N: usize> = Vec<([f64; N], A)>;

/// What became of a body at its position: the states at its output times, or why it has not come to its end.
type Arrival<A, T, const N: usize> = (usize, Result<(States<A, N>, T), CourseError>);

impl<A, T, const N: usize, const K: usize> Passenger<A, T, N, K> {
    /// The dose at the end of a leg is given, and the next begins.
    #[inline(always)]
    fn leave(&mut self, leg: &Leg, entry: &Entry) {
        self.depot.amount = self.depot.amount + entry.depot * leg.dose;
        self.leg += 1;
    }
}

/// A body on its way, of which something is wanted.
type Boarded<R, S, const N: usize, const K: usize, const W: usize> =
    Passenger<Of<R, S, N, K, W>, <R as Wanted<S, N, K, W>>::Tape, N, K>;

/// Room for states and a tape.
type Room<R, S, const N: usize, const K: usize, const W: usize> =
    (States<Of<R, S, N, K, W>, N>, <R as Wanted<S, N, K, W>>::Tape);

struct Journey<'a, S, R, const N: usize, const K: usize, const W: usize>
where
    S: Structure<N, K>,
    R: Wanted<S, N, K, W>,
{
    cases: &'a [Case<'a>],
    given: &'a [&'a R::Given],
    /// The plans of the courses, and which is whose.
    plans: Vec<Plan>,
    plan_of: Vec<usize>,
    entry: Entry,
    /// The next case that waits.
    waiting: usize,
    bodies: Bodies<S::Body, K, W>,
    stages: Stages<R::Along, N, W>,
    lanes: [Option<Boarded<R, S, N, K, W>>; W],
    arrivals: Vec<Arrival<Of<R, S, N, K, W>, R::Tape, N>>,
    /// Room for the states and tapes of those that come.
    spare: Vec<Room<R, S, N, K, W>>,
}

impl<'a, S, R, const N: usize, const K: usize, const W: usize> Journey<'a, S, R, N, K, W>
where
    S: Structure<N, K>,
    R: Wanted<S, N, K, W>,
{
    #[inline(always)]
    fn new(cases: &'a [Case<'a>], given: &'a [&'a R::Given]) -> Self {
        let mut plans = Vec::new();
        let mut plan_of = Vec::with_capacity(cases.len());
        for (k, case) in cases.iter().enumerate() {
            // Cases over one course follow one another.
            if k == 0 || !std::ptr::eq(case.course, cases[k - 1].course) {
                plans.push(plan(case.course));
            }
            plan_of.push(plans.len() - 1);
        }
        let one = Pack::all(1.0);
        let mut stages = Stages::new();
        R::prepare(&mut stages, given);
        Self {
            cases,
            given,
            plans,
            plan_of,
            entry: Entry::new(S::NMOL_PER_MG, S::APPARENT, None),
            waiting: 0,
            bodies: Bodies { rates: [one; K], held: Dual::fixed(one), body: PhantomData },
            stages,
            lanes: [const { None }; W],
            arrivals: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Until every case has come to its end.
    #[inline(always)]
    fn through(mut self, take: Take<'_, R::Read>) {
        let mut read = R::Read::default();
        for lane in 0..W {
            self.board(lane);
        }
        loop {
            // Here, where the vectors are wide, and in no closure, where they are not.
            while let Some((case, states)) = self.arrivals.pop() {
                match states {
                    Ok((states, tape)) => {
                        R::read(&self.cases[case], self.given[case], &states, &tape, &mut read);
                        self.spare.push((states, tape));
                        take(case, Ok(&read));
                    }
                    Err(error) => take(case, Err(error)),
                }
            }
            if self.lanes.iter().all(Option::is_none) {
                return;
            }
            for lane in 0..W {
                self.choose(lane);
            }
            self.stages.attempt(&self.bodies);
            let (mut any, mut between) = (false, false);
            for lane in 0..W {
                let (taken, wanted) = self.judge(lane);
                any |= taken;
                between |= wanted;
            }
            if any {
                self.stages.close(&self.bodies);
            }
            if between {
                self.stages.fill(&self.bodies);
            }
            for lane in 0..W {
                self.move_on(lane);
            }
        }
    }

    /// The next case that can be solved takes a lane, or the lane rests.
    #[inline(never)]
    fn board(&mut self, lane: usize) {
        while let Some(&Case { parameters, start, course }) = self.cases.get(self.waiting) {
            let case = self.waiting;
            self.waiting += 1;
            if let Err(error) = check::<S, N, K>(parameters, start, course) {
                self.arrivals.push((case, Err(error)));
                continue;
            }
            let rates = S::rates(parameters, start);
            let (state, along) = R::initial(parameters, start);
            let (mut states, mut tape) = self.spare.pop().unwrap_or_default();
            states.clear();
            R::begin(&mut tape, self.given[case]);
            states.reserve(course.times().len());
            let passenger = Passenger {
                case,
                rates,
                state,
                along,
                depot: Depot::empty(rates[0]),
                tolerance: tolerance(&state, course, S::NMOL_PER_MG),
                longest: longest::<S::Body, N, K>(&rates, course.rtol()),
                leg: 0,
                next: 0,
                pace: Pace::new((0.0, 0.0), 0.0, 0.0),
                step: None,
                states,
                tape,
            };
            for k in 0..K {
                self.bodies.rates[k].0[lane] = rates[k];
            }
            if self.depart(lane, passenger) {
                return;
            }
        }
        self.lanes[lane] = None;
        self.stages.rest(lane);
        for k in 0..K {
            self.bodies.rates[k].0[lane] = 1.0;
        }
        self.bodies.held.re.0[lane] = 1.0;
    }

    /// Begins the leg that a body is in, or the first one after it that takes time; whether there is one.
    #[inline(never)]
    fn depart(&mut self, lane: usize, mut passenger: Boarded<R, S, N, K, W>) -> bool {
        let case = passenger.case;
        while let Some(leg) = self.plans[self.plan_of[case]].legs.get(passenger.leg) {
            let here = (passenger.state, passenger.along);
            passenger.states.extend(std::iter::repeat_n(here, leg.at_once));
            if leg.days > 0.0 {
                let segment =
                    Segment::<S::Body, K, false>::new(&passenger.rates, &passenger.depot, Flux::zero());
                let (slope, its_slope) = R::slope(&segment, &passenger.state, &passenger.along);
                let span = (0.0, leg.days);
                match first_step(&segment, span, (&passenger.state, &slope), &passenger.tolerance) {
                    Ok(h) => passenger.pace = Pace::new(span, h, passenger.longest),
                    Err(error) => {
                        self.arrivals.push((case, Err(error.later(leg.start).into())));
                        return false;
                    }
                }
                self.stages.begin(lane, (&passenger.state, &slope), (&passenger.along, &its_slope));
                let outflow = passenger.depot.outflow();
                R::depart(&mut passenger.tape, outflow);
                let held = outflow.held();
                self.bodies.held.re.0[lane] = held.re;
                self.bodies.held.eps[0].0[lane] = held.eps[BY_KA];
                passenger.next = leg.inside.start;
                self.lanes[lane] = Some(passenger);
                return true;
            }
            passenger.leave(leg, &self.entry);
        }
        self.arrivals.push((case, Ok((passenger.states, passenger.tape))));
        false
    }

    /// The step that a body tries next.
    #[inline(always)]
    fn choose(&mut self, lane: usize) {
        while let Some(passenger) = &mut self.lanes[lane] {
            let plan = &self.plans[self.plan_of[passenger.case]];
            let leg = &plan.legs[passenger.leg];
            let lands = plan.lands && passenger.next < leg.inside.end;
            let stop = if lands { plan.local[passenger.next] } else { leg.days };
            match passenger.pace.step(stop) {
                Ok(step) => {
                    self.stages.set(lane, &step);
                    passenger.step = Some(step);
                    return;
                }
                Err(error) => self.fail(lane, error),
            }
        }
    }

    /// Whether a body's step is taken, and outputs are wanted within it.
    #[inline(always)]
    fn judge(&mut self, lane: usize) -> (bool, bool) {
        let Some(passenger) = &mut self.lanes[lane] else { return (false, false) };
        let Some(step) = passenger.step else { return (false, false) };
        let error = self.stages.error(lane, &passenger.tolerance)
            * distrust(S::Body::turn(&self.stages.start(lane)), S::Body::turn(&self.stages.end(lane)));
        match passenger.pace.takes(&step, error) {
            Ok(taken) => {
                passenger.step = passenger.step.filter(|_| taken);
                let plan = &self.plans[self.plan_of[passenger.case]];
                let inside = plan.legs[passenger.leg].inside.end;
                let wanted = passenger.next < inside && plan.local[passenger.next] < step.to;
                (taken, taken && wanted)
            }
            Err(error) => {
                self.fail(lane, error);
                (false, false)
            }
        }
    }

    /// Reads and goes on from a step that is taken.
    #[inline(always)]
    fn move_on(&mut self, lane: usize) {
        let Some(passenger) = &mut self.lanes[lane] else { return };
        let Some(step) = passenger.step.take() else { return };
        let before = passenger.states.len();
        R::keep(&mut passenger.tape, &passenger.rates, (&self.stages, lane), &step, before);
        let plan = &self.plans[self.plan_of[passenger.case]];
        let leg = &plan.legs[passenger.leg];
        let ahead = &plan.local[passenger.next..leg.inside.end];
        let within = ahead.partition_point(|t| *t < step.to);
        if within > 0 {
            let x = ahead[..within].iter().map(|t| (t - step.from) / step.length);
            self.stages.inside(lane, x, &mut passenger.states);
        }
        let here = ahead[within..].partition_point(|t| *t <= step.to);
        if here > 0 {
            let end = (self.stages.end(lane), self.stages.along_end(lane));
            passenger.states.extend(std::iter::repeat_n(end, here));
        }
        passenger.next += within + here;
        if passenger.pace.goes_on() {
            self.stages.advance(lane);
            return;
        }
        (passenger.state, passenger.along) = (self.stages.end(lane), self.stages.along_end(lane));
        passenger.depot.pass(leg.days);
        passenger.leave(leg, &self.entry);
        if let Some(passenger) = self.lanes[lane].take()
            && !self.depart(lane, passenger)
        {
            self.board(lane);
        }
    }

    /// A body cannot be solved any further.
    #[cold]
    #[inline(never)]
    fn fail(&mut self, lane: usize, error: SolverError) {
        if let Some(passenger) = self.lanes[lane].take() {
            let start = self.plans[self.plan_of[passenger.case]].legs[passenger.leg].start;
            self.arrivals.push((passenger.case, Err(error.later(start).into())));
        }
        self.board(lane);
    }
}

/// Concentrations of each case, whose courses are plain, if they can be solved together.
pub(super) fn predict_each<S, const N: usize, const K: usize>(
    cases: &[Case<'_>],
    take: Take<'_, Vec<Concentrations<f64>>>,
) -> bool
where
    S: Structure<N, K>,
{
    solve_each::<S, Values, N, K>(cases, &vec![&(); cases.len()], take)
}

/// Solves each case, but on a processor without the vectors that it is compiled for.
pub(super) fn solve_each<S, R, const N: usize, const K: usize>(
    cases: &[Case<'_>],
    given: &[&R::Given],
    take: Take<'_, R::Read>,
) -> bool
where
    S: Structure<N, K>,
    R: Wanted<S, N, K, WIDTH>,
{
    let is_wide = is_wide();
    if is_wide {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { wide::<S, R, N, K>(cases, given, take) }
    }
    is_wide
}

/// [`solve_each`], compiled for AVX2.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn wide<S, R, const N: usize, const K: usize>(
    cases: &[Case<'_>],
    given: &[&R::Given],
    take: Take<'_, R::Read>,
) where
    S: Structure<N, K>,
    R: Wanted<S, N, K, WIDTH>,
{
    Journey::<S, R, N, K, WIDTH>::new(cases, given).through(take);
}

/// Takes what is found of each case: of those over plain courses that are `suited` `together`, if they can be, where it is told
/// their positions too; of the others `alone`.
pub(super) fn each<T: Default>(
    cases: &[Case<'_>],
    suited: impl Fn(&Case<'_>) -> bool,
    together: impl FnOnce(&[Case<'_>], &[usize], Take<'_, T>) -> bool,
    alone: impl Fn(usize, &mut T) -> Result<(), CourseError>,
    take: Take<'_, T>,
) {
    let is_suited = |&k: &usize| is_plain(cases[k].course) && suited(&cases[k]);
    let (plain, mut others): (Vec<usize>, Vec<usize>) = (0..cases.len()).partition(is_suited);
    let of: Vec<Case<'_>> = plain.iter().map(|&k| cases[k]).collect();
    if !together(&of, &plain, &mut |k, found| take(plain[k], found)) {
        others.extend(&plain);
    }
    one_by_one(others.into_iter(), alone, take);
}

/// Takes what is found of some cases alone.
pub(super) fn one_by_one<T: Default>(
    which: impl Iterator<Item = usize>,
    alone: impl Fn(usize, &mut T) -> Result<(), CourseError>,
    take: Take<'_, T>,
) {
    let mut found = T::default();
    for k in which {
        match alone(k, &mut found) {
            Ok(()) => take(k, Ok(&found)),
            Err(error) => take(k, Err(error)),
        }
    }
}
