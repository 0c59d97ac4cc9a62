//! The body between two events, as a system of differential equations.

use super::Body;
use super::depot::{BY_F, BY_KA, Depot, Flux, Outflow};
use crate::scalar::Real;
use crate::solver::{Lanes, Linearised, Partials, System};
use crate::sparse::Sparse;
use std::marker::PhantomData;

/// The body between two events.
///
/// Its lanes are the rate constants and the initial states that are not zero; with `FULL` all initial states, the
/// bioavailability and the lag.
///
/// Once a delayed dose has arrived the lane of the lag carries u = ∂y/∂tlag + dy/dt. The derivative itself jumps at every dose that arrives, where the
/// binding has no smooth slope; but what depends on the lag depends on t − tlag, so that u obeys u' = ∂f/∂y·u, and
/// neither jumps nor is driven where a delayed dose arrives.
pub(super) struct Segment<'a, B, const K: usize, const FULL: bool> {
    rates: &'a [f64; K],
    depot: Outflow,
    /// Drug flows in at so many nmol/d besides what leaves the depot.
    into_centre: Flux,
    body: PhantomData<B>,
}

impl<'a, B, const K: usize, const FULL: bool> Segment<'a, B, K, FULL> {
    /// With what flows out of the depot and `into_centre` nmol/d. Its time starts at zero, wherever it lies in the
    /// course, so that nothing is lost of short times after a late dose.
    #[inline(always)]
    pub(super) fn new(rates: &'a [f64; K], depot: &Depot, into_centre: Flux) -> Self {
        Self { rates, depot: depot.outflow(), into_centre, body: PhantomData }
    }

    #[inline(always)]
    fn inflow(&self, t: f64) -> Flux {
        if const { FULL } { self.depot.after(t) + self.into_centre } else { self.depot.after_injections(t) }
    }
}

impl<B, const N: usize, const K: usize, const FULL: bool> System<f64, N> for Segment<'_, B, K, FULL>
where
    B: Body<N, K>,
{
    #[inline(always)]
    fn derivative(&self, t: f64, y: &[f64; N]) -> [f64; N] {
        B::derivative(self.rates, self.inflow(t).re, y)
    }

    #[inline(always)]
    fn turn(&self, y: &[f64; N]) -> f64 {
        B::turn(y)
    }
}

impl<B, const N: usize, const K: usize, const L: usize, const FULL: bool> Linearised<N, L>
    for Segment<'_, B, K, FULL>
where
    B: Body<N, K>,
{
    #[inline(always)]
    fn linearise(&self, t: f64, y: &[f64; N]) -> ([f64; N], Partials<N, L>) {
        if const { B::HOT && !FULL } { self.partials(t, y) } else { self.partials_once(t, y) }
    }
}

impl<B, const K: usize, const FULL: bool> Segment<'_, B, K, FULL> {
    /// [`Segment::partials`], compiled once rather than at every stage of a step.
    #[inline(never)]
    fn partials_once<const N: usize, const L: usize>(
        &self,
        t: f64,
        y: &[f64; N],
    ) -> ([f64; N], Partials<N, L>)
    where
        B: Body<N, K>,
    {
        self.partials(t, y)
    }

    #[inline(always)]
    fn partials<const N: usize, const L: usize>(&self, t: f64, y: &[f64; N]) -> ([f64; N], Partials<N, L>)
    where
        B: Body<N, K>,
    {
        let inflow = self.inflow(t);
        let by_f = if const { FULL } { Some(inflow.eps[BY_F]) } else { None };
        linearised::<B, N, K, L, f64>(self.rates, (inflow.re, inflow.eps[BY_KA], by_f), y)
    }
}

/// The right-hand side of a body with its partial derivatives, to the bit that of [`Body::derivative`]; drug flows in as the
/// first of three says, whose derivatives to the absorption rate constant and, where there is one, the bioavailability are
/// the others.
#[inline(always)]
pub(super) fn linearised<B, const N: usize, const K: usize, const L: usize, F: Real>(
    rates: &[F; K],
    (inflow, by_ka, by_f): (F, F, Option<F>),
    y: &[F; N],
) -> ([F; N], Partials<N, L, F>)
where
    B: Body<N, K>,
{
    let mut lanes = [Sparse::<N, L, F>::zero(); K];
    for k in 0..K {
        lanes[k] = Sparse::lane(rates[k], k);
    }
    let mut state = [Sparse::zero(); N];
    for n in 0..N {
        state[n] = Sparse::state(y[n], n);
    }
    let mut flow = lanes[0].chain(inflow, by_ka);
    if let Some(by_f) = by_f {
        flow = flow.along(K + N, by_f);
    }
    let slope = B::derivative(&lanes, flow, &state);
    let zero = F::zero();
    let mut value = [zero; N];
    let mut partials = Partials { by_state: [[zero; N]; N], by_lane: [Lanes([zero; L]); N] };
    for n in 0..N {
        value[n] = slope[n].re;
        partials.by_state[n] = slope[n].by_state;
        partials.by_lane[n] = Lanes(slope[n].by_lane);
    }
    (value, partials)
}
