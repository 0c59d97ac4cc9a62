//! Many sets of parameters over one plain course, several solved at a time: each to the bit as alone.

use super::depot::{Depot, Entry, Flux};
use super::segment::Segment;
use super::solve::{check, longest, tolerance};
use super::{Body, Predicted, Start, Structure};
use crate::course::Course;
use crate::scalar::{Pack, Real, is_wide};
use crate::solver::{
    Abreast, Output, Pace, SolverError, Stages, Step, System, Tolerance, distrust, first_step,
};
use std::marker::PhantomData;
use std::ops::Range;

/// How many are solved at a time.
const WIDTH: usize = 8;

/// From one dose to the next.
struct Leg {
    /// When it begins, and how long it is, days.
    start: f64,
    days: f64,
    /// How many outputs are wanted at its start, and then in it.
    at_once: usize,
    inside: Range<usize>,
    /// Given at its end, mg.
    dose: f64,
}

/// The legs of a plain course, and its output times from the start of the leg that each is in.
fn legs(course: &Course) -> (Vec<Leg>, Vec<f64>) {
    let outputs = course.times();
    let (mut legs, mut local) = (Vec::new(), vec![0.0; outputs.len()]);
    let Some(end) = outputs.last().map(|o| o.time) else { return (legs, local) };
    let (mut now, mut next) = (course.start(), 0);
    for given in 0..=course.doses().len() {
        let dose = course.doses().get(given);
        let until = dose.map_or(end, |d| d.time).min(end).max(now);
        let here = outputs[next..].partition_point(|o| o.doses_before == given) + next;
        let first = outputs[next..here].partition_point(|o| o.time <= now) + next;
        for k in first..here {
            local[k] = outputs[k].time - now;
        }
        let (at_once, days) = (first - next, until - now);
        legs.push(Leg {
            start: now,
            days,
            at_once,
            inside: first..here,
            dose: dose.map_or(0.0, |d| d.amount_mg),
        });
        (now, next) = (until, here);
        if next == outputs.len() {
            break;
        }
    }
    (legs, local)
}

/// The bodies in their lanes, as far as their equations go.
struct Bodies<B, const K: usize, const W: usize> {
    rates: [Pack<W>; K],
    /// What flows out of the depots as the leg begins, nmol/d.
    held: Pack<W>,
    body: PhantomData<B>,
}

impl<B: Body<N, K>, const N: usize, const K: usize, const W: usize> Abreast<N, W> for Bodies<B, K, W> {
    #[inline(always)]
    fn derivatives(&self, t: Pack<W>, y: &[Pack<W>; N]) -> [Pack<W>; N] {
        B::derivative(&self.rates, self.held * (self.rates[0] * -t).exp(), y)
    }
}

/// A body on its way.
struct Passenger<const N: usize, const K: usize> {
    /// The position of its parameters.
    set: usize,
    rates: [f64; K],
    state: [f64; N],
    depot: Depot,
    tolerance: Tolerance<N>,
    longest: f64,
    /// Its leg, the next output in it, and how far it has come.
    leg: usize,
    next: usize,
    pace: Pace,
    /// The step that is tried, until it is refused or made.
    step: Option<Step>,
    states: Vec<[f64; N]>,
}

impl<const N: usize, const K: usize> Passenger<N, K> {
    /// The dose at the end of a leg is given, and the next begins.
    #[inline(always)]
    fn leave(&mut self, leg: &Leg, entry: &Entry) {
        self.depot.amount = self.depot.amount + entry.depot * leg.dose;
        self.leg += 1;
    }
}

struct Journey<'a, S: Structure<N, K>, const N: usize, const K: usize, const W: usize> {
    sets: &'a [Vec<f64>],
    start: Start<f64>,
    course: &'a Course,
    legs: Vec<Leg>,
    local: Vec<f64>,
    entry: Entry,
    /// The next set that waits.
    waiting: usize,
    bodies: Bodies<S::Body, K, W>,
    stages: Stages<N, W>,
    lanes: [Option<Passenger<N, K>>; W],
    found: Vec<Predicted>,
}

impl<'a, S, const N: usize, const K: usize, const W: usize> Journey<'a, S, N, K, W>
where
    S: Structure<N, K>,
{
    #[inline(always)]
    fn new(sets: &'a [Vec<f64>], start: Start<f64>, course: &'a Course) -> Self {
        let (legs, local) = legs(course);
        let one = Pack::all(1.0);
        Self {
            sets,
            start,
            course,
            legs,
            local,
            entry: Entry::new(S::NMOL_PER_MG, S::APPARENT, None),
            waiting: 0,
            bodies: Bodies { rates: [one; K], held: one, body: PhantomData },
            stages: Stages::new(),
            lanes: [const { None }; W],
            found: sets.iter().map(|_| Ok(Vec::new())).collect(),
        }
    }

    /// Until every set has come to its end.
    #[inline(always)]
    fn through(mut self) -> Vec<Predicted> {
        for lane in 0..W {
            self.board(lane);
        }
        while self.lanes.iter().any(Option::is_some) {
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
        self.found
    }

    /// The next set that can be solved takes a lane, or the lane rests.
    #[inline(never)]
    fn board(&mut self, lane: usize) {
        while let Some(parameters) = self.sets.get(self.waiting) {
            let set = self.waiting;
            self.waiting += 1;
            if let Err(error) = check::<S, N, K>(parameters, self.start, self.course) {
                self.found[set] = Err(error);
                continue;
            }
            let rates = S::rates(parameters, self.start);
            let state = S::initial(parameters, self.start);
            let passenger = Passenger {
                set,
                rates,
                state,
                depot: Depot::empty(rates[0]),
                tolerance: tolerance(&state, self.course, S::NMOL_PER_MG),
                longest: longest::<S::Body, N, K>(&rates, self.course.rtol()),
                leg: 0,
                next: 0,
                pace: Pace::new((0.0, 0.0), 0.0, 0.0),
                step: None,
                states: Vec::with_capacity(self.local.len()),
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
        self.bodies.held.0[lane] = 1.0;
    }

    /// Begins the leg that a body is in, or the first one after it that takes time; whether there is one.
    #[inline(never)]
    fn depart(&mut self, lane: usize, mut passenger: Passenger<N, K>) -> bool {
        while let Some(leg) = self.legs.get(passenger.leg) {
            passenger.states.extend(std::iter::repeat_n(passenger.state, leg.at_once));
            if leg.days > 0.0 {
                let segment =
                    Segment::<S::Body, K, false>::new(&passenger.rates, &passenger.depot, Flux::zero());
                let slope = segment.derivative(0.0, &passenger.state);
                let span = (0.0, leg.days);
                match first_step(&segment, span, (&passenger.state, &slope), &passenger.tolerance) {
                    Ok(h) => passenger.pace = Pace::new(span, h, passenger.longest),
                    Err(error) => {
                        self.found[passenger.set] = Err(error.later(leg.start).into());
                        return false;
                    }
                }
                self.stages.begin(lane, &passenger.state, &slope);
                self.bodies.held.0[lane] = passenger.depot.outflow().held();
                passenger.next = leg.inside.start;
                self.lanes[lane] = Some(passenger);
                return true;
            }
            passenger.leave(leg, &self.entry);
        }
        let parameters = &self.sets[passenger.set];
        self.found[passenger.set] = Ok(passenger.states.iter().map(|y| S::outputs(parameters, y)).collect());
        false
    }

    /// The step that a body tries next.
    #[inline(always)]
    fn choose(&mut self, lane: usize) {
        while let Some(passenger) = &mut self.lanes[lane] {
            let leg = &self.legs[passenger.leg];
            let stop = match self.course.output() {
                Output::Landed if passenger.next < leg.inside.end => self.local[passenger.next],
                _ => leg.days,
            };
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
                let inside = self.legs[passenger.leg].inside.end;
                let wanted = passenger.next < inside && self.local[passenger.next] < step.to;
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
        let leg = &self.legs[passenger.leg];
        let ahead = &self.local[passenger.next..leg.inside.end];
        let within = ahead.partition_point(|t| *t < step.to);
        if within > 0 {
            let x = ahead[..within].iter().map(|t| (t - step.from) / step.length);
            self.stages.inside(lane, x, |y| passenger.states.push(y));
        }
        let here = ahead[within..].partition_point(|t| *t <= step.to);
        if here > 0 {
            passenger.states.extend(std::iter::repeat_n(self.stages.end(lane), here));
        }
        passenger.next += within + here;
        if passenger.pace.goes_on() {
            self.stages.advance(lane);
            return;
        }
        passenger.state = self.stages.end(lane);
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
            let start = self.legs[passenger.leg].start;
            self.found[passenger.set] = Err(error.later(start).into());
        }
        self.board(lane);
    }
}

/// Concentrations of each set of parameters at the output times of a plain course.
pub(super) fn predict_each<S, const N: usize, const K: usize>(
    sets: &[Vec<f64>],
    start: Start<f64>,
    course: &Course,
) -> Vec<Predicted>
where
    S: Structure<N, K>,
{
    if is_wide() {
        // SAFETY: the processor has the one feature the function needs.
        unsafe { wide::<S, N, K>(sets, start, course) }
    } else {
        Journey::<S, N, K, WIDTH>::new(sets, start, course).through()
    }
}

/// [`predict_each`], compiled for AVX2.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
fn wide<S, const N: usize, const K: usize>(
    sets: &[Vec<f64>],
    start: Start<f64>,
    course: &Course,
) -> Vec<Predicted>
where
    S: Structure<N, K>,
{
    Journey::<S, N, K, WIDTH>::new(sets, start, course).through()
}
