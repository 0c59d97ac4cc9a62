//! Many bodies over plain courses, several solved at a time: each to the bit as alone.

use super::depot::{BY_KA, Depot, Entry, Flux, Outflow};
use super::errand::{Alone, Errand, Errands, by_itself, one_by_one};
use super::legs::{Plan, plan};
use super::segment::{Segment, linearised};
use super::solve::{check, is_plain, limits, tolerance};
use super::{Body, Concentrations, OutputWeights, Sensitivities, Start, Structure};
use crate::course::Course;
use crate::dual::Dual;
use crate::scalar::{Pack, Real, is_wide};
use crate::solver::{
    Abreast, AlongAbreast, CompanionAbreast, LinearisedAbreast, Pace, Partials, SolverError, Stages, Step,
    System, Tolerance, distrust, first_step,
};
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::rc::Rc;

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
    type Tape: Default + 'static;
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
    /// From now on second derivatives are wanted of one of the bodies on their way, or of none.
    fn prepare(_: &mut Stages<Self::Along, N, W>, _is_bent: bool) {}
    /// A body begins its way, of which second derivatives are wanted or not.
    fn begin(_: &mut Self::Tape, _is_bent: bool) {}
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
        errand: &Errand<'_>,
        states: &[([f64; N], Of<Self, S, N, K, W>)],
        tape: &Self::Tape,
        weigh: Weigh<'_>,
        read: &mut Self::Read,
    );
}

/// What weighs concentrations at output times.
pub(super) type Weigh<'w> = &'w mut dyn FnMut(&Sensitivities, &mut OutputWeights);

/// What goes along with one body at one time.
pub(super) type Of<R, S, const N: usize, const K: usize, const W: usize> =
    <<R as Wanted<S, N, K, W>>::Along as AlongAbreast<N, W>>::State;

/// Concentrations alone.
pub(super) struct Values;

impl<S: Structure<N, K>, const N: usize, const K: usize, const W: usize> Wanted<S, N, K, W> for Values {
    type Along = ();
    type Tape = ();
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
    fn read(errand: &Errand<'_>, states: &[([f64; N], ())], (): &(), _: Weigh<'_>, read: &mut Self::Read) {
        read.clear();
        read.extend(states.iter().map(|(y, ())| S::outputs(&errand.parameters, y)));
    }
}

/// A body on its way.
struct Passenger<'a, A, T, const N: usize, const K: usize> {
    errand: Errand<'a>,
    plan: Rc<Plan>,
    rates: [f64; K],
    state: [f64; N],
    along: A,
    depot: Depot,
    tolerance: Tolerance<N>,
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

impl<A, T, const N: usize, const K: usize> Passenger<'_, A, T, N, K> {
    /// The dose at the end of a leg is given, and the next begins.
    #[inline(always)]
    fn leave(&mut self, entry: &Entry) {
        self.depot.amount = self.depot.amount + entry.depot * self.plan.legs[self.leg].dose;
        self.leg += 1;
    }
}

/// A body on its way, of which something is wanted.
type Boarded<'a, R, S, const N: usize, const K: usize, const W: usize> =
    Passenger<'a, Of<R, S, N, K, W>, <R as Wanted<S, N, K, W>>::Tape, N, K>;

/// Room for states and a tape.
type Room<R, S, const N: usize, const K: usize, const W: usize> =
    (States<Of<R, S, N, K, W>, N>, <R as Wanted<S, N, K, W>>::Tape);

struct Journey<'e, 'a, S, R, const N: usize, const K: usize, const W: usize>
where
    S: Structure<N, K>,
    R: Wanted<S, N, K, W>,
{
    errands: &'e mut dyn Errands<'a, R::Read>,
    manner: &'e Manner<'e, 'a, R::Read>,
    /// The last course that was set out on, and its plan: bodies over one course often follow one another.
    last: Option<(&'a Course, Rc<Plan>)>,
    entry: Entry,
    bodies: Bodies<S::Body, K, W>,
    stages: Stages<R::Along, N, W>,
    lanes: [Option<Boarded<'a, R, S, N, K, W>>; W],
    /// Those that have come to their end.
    arrivals: Vec<(Errand<'a>, Room<R, S, N, K, W>)>,
    /// Room for the states and tapes of those that come.
    spare: Vec<Room<R, S, N, K, W>>,
    found: R::Read,
}

impl<'e, 'a, S, R, const N: usize, const K: usize, const W: usize> Journey<'e, 'a, S, R, N, K, W>
where
    S: Structure<N, K>,
    R: Wanted<S, N, K, W>,
{
    #[inline(always)]
    fn new(errands: &'e mut dyn Errands<'a, R::Read>, manner: &'e Manner<'e, 'a, R::Read>) -> Self {
        let one = Pack::all(1.0);
        Self {
            errands,
            manner,
            last: None,
            entry: Entry::new(S::NMOL_PER_MG, S::APPARENT, None),
            bodies: Bodies { rates: [one; K], held: Dual::fixed(one), body: PhantomData },
            stages: Stages::new(),
            lanes: [const { None }; W],
            arrivals: Vec::new(),
            spare: spare(),
            found: R::Read::default(),
        }
    }

    /// Until there are no more errands.
    #[inline(always)]
    fn through(mut self) {
        self.fill();
        loop {
            let any = !self.arrivals.is_empty();
            // Here, where the vectors are wide, and in no closure, where they are not.
            while let Some((errand, (states, tape))) = self.arrivals.pop() {
                let errands = &mut *self.errands;
                let mut weigh = |at: &Sensitivities, weights: &mut _| errands.weigh(errand.key, at, weights);
                R::read(&errand, &states, &tape, &mut weigh, &mut self.found);
                self.spare.push((states, tape));
                self.errands.take(errand.key, Ok(&self.found));
            }
            if any {
                self.fill();
                continue;
            }
            if self.lanes.iter().all(Option::is_none) {
                keep_spare(self.spare);
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

    /// Lanes that rest are taken, if there are errands for them.
    #[inline(never)]
    fn fill(&mut self) {
        for lane in 0..W {
            if self.lanes[lane].is_none() {
                self.board(lane);
            }
        }
    }

    /// The next body that can be solved takes a lane, or the lane rests.
    #[inline(never)]
    fn board(&mut self, lane: usize) {
        self.lanes[lane] = None;
        while let Some(errand) = self.errands.next() {
            if !(self.manner.suits)(&errand) {
                by_itself(&errand, self.errands, self.manner.alone, &mut self.found);
                continue;
            }
            let (parameters, start, course) = (&errand.parameters[..], errand.start, errand.course);
            if let Err(error) = check::<S, N, K>(parameters, start, course) {
                self.errands.take(errand.key, Err(error));
                continue;
            }
            let plan = match &self.last {
                Some((last, plan)) if std::ptr::eq(*last, course) => Rc::clone(plan),
                _ => Rc::new(plan(course)),
            };
            self.last = Some((course, Rc::clone(&plan)));
            let rates = S::rates(parameters, start);
            let (state, along) = R::initial(parameters, start);
            let (mut states, mut tape) = self.spare.pop().unwrap_or_default();
            states.clear();
            R::begin(&mut tape, !errand.over.is_empty());
            states.reserve(course.times().len());
            let passenger = Passenger {
                plan,
                rates,
                state,
                along,
                depot: Depot::empty(rates[0]),
                tolerance: tolerance(&state, course, S::NMOL_PER_MG),
                leg: 0,
                next: 0,
                pace: Pace::new(limits::<S::Body, N, K>(&rates, course), 0),
                step: None,
                states,
                tape,
                errand,
            };
            for k in 0..K {
                self.bodies.rates[k].0[lane] = rates[k];
            }
            if self.depart(lane, passenger) {
                R::prepare(&mut self.stages, self.lanes.iter().flatten().any(|p| !p.errand.over.is_empty()));
                return;
            }
        }
        self.stages.rest(lane);
        for k in 0..K {
            self.bodies.rates[k].0[lane] = 1.0;
        }
        self.bodies.held.re.0[lane] = 1.0;
    }

    /// Begins the leg that a body is in, or the first one after it that takes time; whether there is one.
    #[inline(never)]
    fn depart(&mut self, lane: usize, mut passenger: Boarded<'a, R, S, N, K, W>) -> bool {
        while let Some(leg) = passenger.plan.legs.get(passenger.leg) {
            let here = (passenger.state, passenger.along);
            passenger.states.extend(std::iter::repeat_n(here, leg.at_once));
            if leg.days > 0.0 {
                let segment =
                    Segment::<S::Body, K, false>::new(&passenger.rates, &passenger.depot, Flux::zero());
                let (slope, its_slope) = R::slope(&segment, &passenger.state, &passenger.along);
                let span = (0.0, leg.days);
                match first_step(&segment, span, (&passenger.state, &slope), &passenger.tolerance) {
                    Ok(h) => passenger.pace = passenger.pace.segment(span, h),
                    Err(error) => {
                        passenger.errand.course.spend(passenger.pace.tried());
                        self.errands.take(passenger.errand.key, Err(error.later(leg.start).into()));
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
            passenger.leave(&self.entry);
        }
        passenger.errand.course.spend(passenger.pace.tried());
        self.arrivals.push((passenger.errand, (passenger.states, passenger.tape)));
        false
    }

    /// The step that a body tries next.
    #[inline(always)]
    fn choose(&mut self, lane: usize) {
        while let Some(passenger) = &mut self.lanes[lane] {
            let plan = &passenger.plan;
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
                let plan = &passenger.plan;
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
        let plan = &passenger.plan;
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
        passenger.leave(&self.entry);
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
            let start = passenger.plan.legs[passenger.leg].start;
            passenger.errand.course.spend(passenger.pace.tried());
            self.errands.take(passenger.errand.key, Err(error.later(start).into()));
        }
        self.board(lane);
    }
}

thread_local! {
    /// What a thread keeps from one journey to the next, by its type.
    static SPARE: RefCell<HashMap<TypeId, Box<dyn Any>>> = RefCell::default();
}

/// What was kept of a type.
fn spare<T: Default + 'static>() -> T {
    let kept = SPARE.with_borrow_mut(|spare| spare.remove(&TypeId::of::<T>()));
    kept.and_then(|kept| kept.downcast().ok()).map_or_else(T::default, |kept| *kept)
}

/// Keeps something.
fn keep_spare<T: 'static>(kept: T) {
    SPARE.with_borrow_mut(|spare| spare.insert(TypeId::of::<T>(), Box::new(kept)));
}

/// Which errands are gone on together, and how the others are.
pub(super) struct Manner<'m, 'a, T> {
    pub suits: &'m dyn Fn(&Errand<'a>) -> bool,
    pub alone: Alone<'m, 'a, T>,
}

/// As few as wait for each other alone are solved alone.
const FEW: usize = 2;

/// Goes on all errands: on those over plain courses that are suited together, if the processor has the vectors for it.
pub(super) fn together<'a, S, R, const N: usize, const K: usize>(
    errands: &mut dyn Errands<'a, R::Read>,
    suits: &dyn Fn(&Errand<'a>) -> bool,
    alone: Alone<'_, 'a, R::Read>,
) where
    S: Structure<N, K>,
    R: Wanted<S, N, K, WIDTH>,
{
    let few = errands.abreast() <= FEW;
    let suits =
        |errand: &Errand<'a>| is_plain(errand.course) && suits(errand) && (!errand.over.is_empty() || !few);
    if is_wide() {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { wide::<S, R, N, K>(errands, &Manner { suits: &suits, alone }) }
    } else {
        one_by_one(errands, alone);
    }
}

/// [`together`], compiled for AVX2.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn wide<'a, S, R, const N: usize, const K: usize>(
    errands: &mut dyn Errands<'a, R::Read>,
    manner: &Manner<'_, 'a, R::Read>,
) where
    S: Structure<N, K>,
    R: Wanted<S, N, K, WIDTH>,
{
    Journey::<S, R, N, K, WIDTH>::new(errands, manner).through();
}
