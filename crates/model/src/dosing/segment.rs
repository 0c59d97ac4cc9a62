//! The equations of several bodies between two events, as initial value problems side by side.

use super::depot::{BY_F, BY_KA, Flux, Outflow};
use crate::autodiff::{Dual, Real, Simd, Sparse};
use crate::equations::OdeSystem;
use crate::ode::{LinearisedProblem, Partials, Problem, Tangent};
use std::marker::PhantomData;

/// The equations of `W` bodies, each between two events of its own course. The time of each starts at zero, wherever the segment
/// lies in the course, so that nothing is lost of short times after a late dose.
///
/// Directions are the rate constants and the initial states that are not identically zero; with `FULL` all initial states, the
/// bioavailability and, last, the lag.
///
/// Once a delayed dose has arrived the direction of the lag carries u = ∂y/∂tlag + dy/dt. The derivative itself jumps at every
/// dose that arrives, where the binding has no smooth slope; but what depends on the lag depends on t − tlag, so that u obeys
/// u' = ∂f/∂y·u, and neither jumps nor is driven where a delayed dose arrives.
#[derive(Clone, Debug)]
pub(super) struct Segments<B, const K: usize, const W: usize, const FULL: bool> {
    rates: [Simd<W>; K],
    /// The flow out of the depots as the segments begin, nmol/d, from the amount then held.
    held: Dual<Simd<W>, 2>,
    /// The flow into the central compartments besides that out of the depots, nmol/d.
    into_centre: Dual<Simd<W>, 2>,
    outflows: [Outflow; W],
    /// Whether any depot is being infused into.
    infuses: bool,
    system: PhantomData<B>,
}

impl<B, const K: usize, const W: usize, const FULL: bool> Segments<B, K, W, FULL> {
    /// Segments of bodies that stand still.
    #[inline(always)]
    pub(super) fn new() -> Self {
        let (zero, one) = (Simd::all(0.0), Simd::all(1.0));
        Self {
            rates: [one; K],
            held: Dual::fixed(one),
            into_centre: Dual::fixed(zero),
            outflows: [Outflow::none(); W],
            infuses: false,
            system: PhantomData,
        }
    }

    /// The next segment of the body in `lane`.
    #[inline(always)]
    pub(super) fn set(&mut self, lane: usize, rates: &[f64; K], outflow: &Outflow, into_centre: Flux) {
        for k in 0..K {
            self.rates[k].0[lane] = rates[k];
        }
        put(&mut self.held, lane, outflow.held());
        put(&mut self.into_centre, lane, into_centre);
        self.outflows[lane] = *outflow;
        self.infuses = self.outflows.iter().any(Outflow::is_infused);
    }

    /// The body in `lane` stands still.
    #[inline(always)]
    pub(super) fn rest(&mut self, lane: usize) {
        self.set(lane, &[1.0; K], &Outflow::none(), Flux::zero());
    }

    /// The flow into the central compartments after `t` days, nmol/d.
    #[inline(always)]
    fn inflow(&self, t: Simd<W>) -> Dual<Simd<W>, 2> {
        let mut lost = Dual::<Simd<W>, 2>::fixed(self.rates[0] * -t);
        lost.eps[BY_KA] = -t;
        let mut flow = self.held * lost.exp_within();
        if self.infuses {
            self.infuse(t, &mut flow);
        }
        flow + self.into_centre
    }

    /// The flow out of the depots that are being infused into.
    #[cold]
    #[inline(never)]
    fn infuse(&self, t: Simd<W>, flow: &mut Dual<Simd<W>, 2>) {
        for (lane, outflow) in self.outflows.iter().enumerate() {
            if outflow.is_infused() {
                put(flow, lane, outflow.after(t.0[lane]));
            }
        }
    }
}

#[inline(always)]
fn put<const W: usize>(all: &mut Dual<Simd<W>, 2>, lane: usize, one: Flux) {
    all.re.0[lane] = one.re;
    for direction in [BY_KA, BY_F] {
        all.eps[direction].0[lane] = one.eps[direction];
    }
}

impl<B, const N: usize, const K: usize, const W: usize, const FULL: bool> Problem<N, W>
    for Segments<B, K, W, FULL>
where
    B: OdeSystem<N, K>,
{
    #[inline(always)]
    fn derivative(&self, t: Simd<W>, y: &[Simd<W>; N]) -> [Simd<W>; N] {
        if const { B::INLINE } {
            self.slope(t, y)
        } else if const { W == 1 } {
            self.slope_once(t, y)
        } else {
            // SAFETY: bodies are solved side by side on processors that have the one feature the function needs.
            unsafe { self.slope_wide(t, y) }
        }
    }
}

impl<B, const N: usize, const K: usize, const L: usize, const W: usize, const FULL: bool>
    LinearisedProblem<N, L, W> for Segments<B, K, W, FULL>
where
    B: OdeSystem<N, K>,
{
    #[inline(always)]
    fn linearise(&self, t: Simd<W>, y: &[Simd<W>; N]) -> ([Simd<W>; N], Partials<N, L, Simd<W>>) {
        if const { B::INLINE && !FULL } {
            self.partials(t, y)
        } else if const { W == 1 } {
            self.partials_once(t, y)
        } else {
            // SAFETY: bodies are solved side by side on processors that have the one feature the function needs.
            unsafe { self.partials_wide(t, y) }
        }
    }
}

impl<B, const K: usize, const W: usize, const FULL: bool> Segments<B, K, W, FULL> {
    #[inline(always)]
    fn slope<const N: usize>(&self, t: Simd<W>, y: &[Simd<W>; N]) -> [Simd<W>; N]
    where
        B: OdeSystem<N, K>,
    {
        B::derivative(&self.rates, self.inflow(t).re, y)
    }

    /// [`Segments::slope`], compiled once rather than at every stage of a step.
    #[inline(never)]
    fn slope_once<const N: usize>(&self, t: Simd<W>, y: &[Simd<W>; N]) -> [Simd<W>; N]
    where
        B: OdeSystem<N, K>,
    {
        self.slope(t, y)
    }

    /// [`Segments::slope_once`], compiled for AVX2: wider vectors, the same operations, the same bits.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[inline(never)]
    fn slope_wide<const N: usize>(&self, t: Simd<W>, y: &[Simd<W>; N]) -> [Simd<W>; N]
    where
        B: OdeSystem<N, K>,
    {
        self.slope(t, y)
    }

    /// [`Segments::partials`], compiled once rather than at every stage of a step.
    #[inline(never)]
    fn partials_once<const N: usize, const L: usize>(
        &self,
        t: Simd<W>,
        y: &[Simd<W>; N],
    ) -> ([Simd<W>; N], Partials<N, L, Simd<W>>)
    where
        B: OdeSystem<N, K>,
    {
        self.partials(t, y)
    }

    /// [`Segments::partials_once`], compiled for AVX2.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[inline(never)]
    fn partials_wide<const N: usize, const L: usize>(
        &self,
        t: Simd<W>,
        y: &[Simd<W>; N],
    ) -> ([Simd<W>; N], Partials<N, L, Simd<W>>)
    where
        B: OdeSystem<N, K>,
    {
        self.partials(t, y)
    }

    #[inline(always)]
    fn partials<const N: usize, const L: usize>(
        &self,
        t: Simd<W>,
        y: &[Simd<W>; N],
    ) -> ([Simd<W>; N], Partials<N, L, Simd<W>>)
    where
        B: OdeSystem<N, K>,
    {
        let inflow = self.inflow(t);
        let by_f = if const { FULL } { Some(inflow.eps[BY_F]) } else { None };
        linearised::<B, N, K, L, Simd<W>>(&self.rates, (inflow.re, inflow.eps[BY_KA], by_f), y)
    }
}

/// The right-hand side of a system with its partial derivatives, to the bit that of [`OdeSystem::derivative`], in the states and in
/// as many of the directions as `L`: none, or the rate constants and those after them. Drug flows in as the first of three says,
/// whose derivatives to the absorption rate constant and, where there is one, the bioavailability are the others.
#[inline(always)]
pub(crate) fn linearised<B, const N: usize, const K: usize, const L: usize, F: Real>(
    rates: &[F; K],
    (inflow, by_ka, by_f): (F, F, Option<F>),
    y: &[F; N],
) -> ([F; N], Partials<N, L, F>)
where
    B: OdeSystem<N, K>,
{
    let mut constants = [Sparse::<N, L, F>::zero(); K];
    for k in 0..K {
        constants[k] = if const { L > 0 } { Sparse::direction(rates[k], k) } else { Sparse::fixed(rates[k]) };
    }
    let mut state = [Sparse::zero(); N];
    for n in 0..N {
        state[n] = Sparse::state(y[n], n);
    }
    let mut flow = if const { L > 0 } { constants[0].chain(inflow, by_ka) } else { Sparse::fixed(inflow) };
    if let (Some(by_f), true) = (by_f, const { L > 0 }) {
        flow = flow.along(L - 2, by_f);
    }
    let slope = B::derivative(&constants, flow, &state);
    let zero = F::zero();
    let mut value = [zero; N];
    let mut partials = Partials { by_state: [[zero; N]; N], by_direction: [Tangent([zero; L]); N] };
    for n in 0..N {
        value[n] = slope[n].re;
        partials.by_state[n] = slope[n].by_state;
        partials.by_direction[n] = Tangent(slope[n].by_direction);
    }
    (value, partials)
}
