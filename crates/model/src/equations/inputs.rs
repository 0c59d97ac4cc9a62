//! The chain rule: from the directions in which derivatives are carried, which are fewer, to the inputs of a model.
//!
//! Derivatives are carried with respect to the rate constants, the initial state, the bioavailability and the lag, and turned into
//! derivatives with respect to the parameters where the model is read.

use super::solution::{InitialTarget, OutputRows};
use super::system::{ModelEquations, OdeSystem};
use crate::autodiff::{Dual, Real, Simd, Sparse};
use crate::ode::{Differentiated, Linear, Tangent};

/// The inputs of a body, the parameters and the baseline, and the numbers that its solution depends on as functions of their
/// logarithms.
///
/// With `FULL` these are the `K` rate constants, the `N` initial states, the bioavailability and the lag, and the inputs are the
/// parameters, those of dosing and the baseline. Without, they are the rate constants and the initial states that are not
/// identically zero, and the inputs the model's own parameters and the baseline.
pub(super) struct Inputs<const N: usize, const K: usize, const L: usize, const P: usize> {
    /// The parameters, and last the baseline, of which each is its own derivative.
    all: [Dual<f64, P>; P],
    /// The number of each direction.
    sources: [Dual<f64, P>; L],
    /// The rate constants.
    pub rates: [f64; K],
    /// The state at the start, with its derivatives.
    pub state: Differentiated<N, L>,
}

impl<const N: usize, const K: usize, const L: usize, const P: usize> Inputs<N, K, L, P> {
    /// The inputs with these values.
    #[inline(always)]
    pub(super) fn new<S: ModelEquations<N, K>, const FULL: bool>(
        parameters: &[f64],
        start: InitialTarget<f64>,
    ) -> Self {
        let own = S::PARAMETERS.len();
        let all: [Dual<f64, P>; P] = std::array::from_fn(|j| {
            let value = match (parameters.get(j), start) {
                (Some(&p), _) => p,
                (None, InitialTarget::Baseline { ige_ng_ml }) if j == P - 1 => ige_ng_ml,
                (None, _) => 0.0,
            };
            let mut dual = Dual::variable(value, j);
            dual.eps[j] = value;
            dual
        });
        let begin = match start {
            InitialTarget::Baseline { .. } => InitialTarget::Baseline { ige_ng_ml: all[P - 1] },
            InitialTarget::SteadyState => InitialTarget::SteadyState,
        };
        let rates = S::rates(&all[..own], begin);
        let initial = S::initial(&all[..own], begin);
        let mut tangent = [Tangent([0.0; L]); N];
        let mut sources = [Dual::<f64, P>::zero(); L];
        sources[..K].copy_from_slice(&rates);
        if const { FULL } {
            for n in 0..N {
                tangent[n].0[K + n] = 1.0;
                sources[K + n] = initial[n];
            }
            sources[K + N] = all[own];
            sources[K + N + 1] = all[own + 1];
        } else {
            for (i, &n) in S::System::INITIAL_STATES.iter().enumerate() {
                tangent[n].0[K + i] = 1.0;
                sources[K + i] = initial[n];
            }
        }
        Self { all, sources, rates: rates.map(|r| r.re), state: (initial.map(|y| y.re), tangent) }
    }

    /// The derivatives of a direction's number to the logarithms of the inputs.
    #[inline(always)]
    pub(super) fn source(&self, direction: usize) -> Tangent<P> {
        Tangent(self.sources[direction].eps)
    }

    /// The outputs at states, with their derivatives to the `parameters` first and then the baseline.
    #[inline(always)]
    pub(super) fn read<S: ModelEquations<N, K>>(
        &self,
        parameters: usize,
        reached: &[Differentiated<N, L>],
        out: &mut OutputRows,
        slopes: &mut OutputRows,
    ) {
        if const { S::System::INLINE } {
            self.read_packed::<S, 8>(parameters, reached, out, slopes);
        } else {
            self.read_packed::<S, 1>(parameters, reached, out, slopes);
        }
    }

    /// [`Inputs::read`], `W` states at a time.
    #[inline(always)]
    fn read_packed<S: ModelEquations<N, K>, const W: usize>(
        &self,
        parameters: usize,
        reached: &[Differentiated<N, L>],
        out: &mut OutputRows,
        slopes: &mut OutputRows,
    ) {
        let mut all = [Sparse::<N, P, Simd<W>>::zero(); P];
        for p in 0..P {
            let value = Simd::all(self.all[p].re);
            all[p] = Sparse::direction(value, p).chain(value, value);
        }
        let mut sources = [Tangent([0.0; P]); L];
        for direction in 0..L {
            sources[direction] = self.source(direction);
        }
        for some in reached.chunks(W) {
            let mut state = [Sparse::zero(); N];
            for n in 0..N {
                // Fewer states than lanes are filled up with the first of them.
                let mut values = Simd::all(some[0].0[n]);
                for (value, (y, _)) in values.0.iter_mut().zip(some) {
                    *value = y[n];
                }
                state[n] = Sparse::state(values, n);
            }
            let read = S::outputs(&all[..S::PARAMETERS.len()], &state);
            let read = read.as_ref();
            let width = read.len();
            for (k, (_, tangent)) in some.iter().enumerate() {
                let mut by = [Tangent([0.0; P]); N];
                for n in 0..N {
                    for direction in 0..L {
                        by[n] = by[n].axpy(tangent[n].0[direction], sources[direction]);
                    }
                }
                let values = out.grow(1, width);
                let rows = slopes.grow(parameters + 1, width);
                for (c, output) in read.iter().enumerate() {
                    values[c] = output.re.0[k];
                    let mut row = Tangent([0.0; P]);
                    for p in 0..P {
                        row.0[p] = output.by_direction[p].0[k];
                    }
                    for n in 0..N {
                        row = row.axpy(output.by_state[n].0[k], by[n]);
                    }
                    for p in 0..parameters {
                        rows[p * width + c] = row.0[p];
                    }
                    rows[parameters * width + c] = row.0[P - 1];
                }
            }
        }
    }
}

/// The second derivatives of each direction's number to the logarithms of the inputs, without `FULL`.
#[inline(always)]
pub(super) fn second_sources<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    parameters: &[f64],
    start: InitialTarget<f64>,
) -> [[Tangent<P>; P]; L]
where
    S: ModelEquations<N, K>,
{
    type Twice<const P: usize> = Dual<Dual<f64, P>, P>;
    // Each input is its own derivative to its logarithm.
    let input = |value: f64, j: usize| {
        let mut twice = Twice::<P>::fixed(Dual::fixed(value));
        twice.re.eps[j] = value;
        twice.eps[j].re = value;
        twice.eps[j].eps[j] = value;
        twice
    };
    let all: [Twice<P>; P] = std::array::from_fn(|j| input(parameters.get(j).copied().unwrap_or(0.0), j));
    let named = &all[..S::PARAMETERS.len()];
    let begin = match start {
        InitialTarget::Baseline { ige_ng_ml } => {
            InitialTarget::Baseline { ige_ng_ml: input(ige_ng_ml, P - 1) }
        }
        InitialTarget::SteadyState => InitialTarget::SteadyState,
    };
    let second = |number: Twice<P>| number.eps.map(|by| Tangent(by.eps));
    let mut sources = [[Tangent([0.0; P]); P]; L];
    for (source, rate) in sources.iter_mut().zip(S::rates(named, begin)) {
        *source = second(rate);
    }
    let initial = S::initial(named, begin);
    for (i, &n) in S::System::INITIAL_STATES.iter().enumerate() {
        sources[K + i] = second(initial[n]);
    }
    sources
}
