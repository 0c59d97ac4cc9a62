//! The second derivatives of a weighted sum of concentrations, found backward.
//!
//! Of the second derivatives of each concentration a fit needs one weighted sum only. With λ the derivative of that sum to the
//! state, found from the end of the course to its start through the stages of every step, its second derivatives in the lanes are
//! those of one number at each stage, λ·f, along the first derivatives.
//!
//! The gradient of a weighted sum of first derivatives, Σ w·∂y/∂p, is found in the same pass with one λ a lane: at each stage it
//! is the second derivative of f contracted with Σ λ·∂y/∂p.

use super::abreast::{Wanted, Weigh};
use super::depot::Outflow;
use super::errand::Errand;
use super::second::sources;
use super::segment::{Segment, linearised};
use super::solve::{Differentiated, Inputs};
use super::{Bending, SecondOrder, Start, Structure};
use crate::scalar::{Pack, is_ordinary};
use crate::solver::{A, C, Lanes, Linear, Linearised, Made, Stages, Step, TangentsAbreast};

/// Output times that are taken together.
const TOGETHER: usize = 4;
/// Stages of a step, which are taken together.
const STAGES: usize = 12;

/// Concentrations and their derivatives to `P` inputs, by way of `L` lanes, and if a weighted sum is given its second
/// derivatives; concentrations depend on `V` states and parameters.
pub(super) struct Derivatives<const L: usize, const P: usize, const V: usize>;

/// The steps of a body on its way.
pub(super) struct Tape<const N: usize, const L: usize> {
    /// Whether anything is kept.
    is_kept: bool,
    /// What flows out of the depot in each leg.
    legs: Vec<Outflow>,
    /// The steps, the first so many; the rest are room.
    steps: Vec<Kept<N, L>>,
    made: usize,
}

impl<const N: usize, const L: usize> Default for Tape<N, L> {
    fn default() -> Self {
        Self { is_kept: false, legs: Vec::new(), steps: Vec::new(), made: 0 }
    }
}

struct Kept<const N: usize, const L: usize> {
    /// The leg of the step, and the outputs before it.
    leg: usize,
    before: usize,
    /// When it begins in its leg, and how long it is, days.
    from: f64,
    length: f64,
    made: Made<N, L>,
}

impl<S, const N: usize, const K: usize, const W: usize, const L: usize, const P: usize, const V: usize>
    Wanted<S, N, K, W> for Derivatives<L, P, V>
where
    S: Bending<N, K, V>,
{
    type Along = TangentsAbreast<N, L, W>;
    type Tape = Tape<N, L>;
    type Read = SecondOrder;

    #[inline(always)]
    fn initial(parameters: &[f64], start: Start<f64>) -> ([f64; N], [Lanes<L>; N]) {
        let inputs = Inputs::<N, K, L, P>::new::<S, false>(parameters, start);
        (inputs.state, inputs.tangent)
    }
    #[inline(always)]
    fn slope(
        segment: &Segment<'_, S::Body, K, false>,
        y: &[f64; N],
        along: &[Lanes<L>; N],
    ) -> ([f64; N], [Lanes<L>; N]) {
        let (slope, partials) = segment.linearise(0.0, y);
        (slope, partials.along(along))
    }
    fn prepare(stages: &mut Stages<Self::Along, N, W>, is_bent: bool) {
        stages.keep(is_bent);
    }
    fn begin(tape: &mut Tape<N, L>, is_bent: bool) {
        tape.is_kept = is_bent;
        tape.legs.clear();
        tape.made = 0;
    }
    fn depart(tape: &mut Tape<N, L>, outflow: Outflow) {
        tape.legs.push(outflow);
    }
    #[inline(always)]
    fn keep(
        tape: &mut Tape<N, L>,
        rates: &[f64; K],
        (stages, lane): (&Stages<Self::Along, N, W>, usize),
        step: &Step,
        before: usize,
    ) {
        if !tape.is_kept {
            return;
        }
        let leg = tape.legs.len() - 1;
        if tape.made == tape.steps.len() {
            tape.steps.push(Kept { leg, before, from: step.from, length: step.length, made: Made::none() });
        }
        let (earlier, later) = tape.steps.split_at_mut(tape.made);
        let Some(kept) = later.first_mut() else { return };
        (kept.leg, kept.before, kept.from, kept.length) = (leg, before, step.from, step.length);
        stages.made(lane, &mut kept.made);
        kept.made.by_state[0] = match earlier.last() {
            Some(last) if last.leg == leg => last.made.by_state[12],
            _ => linearised::<S::Body, N, K, L, f64>(rates, (0.0, 0.0, None), &kept.made.state[0]).1.by_state,
        };
        tape.made += 1;
    }
    #[inline(always)]
    fn read(
        errand: &Errand<'_>,
        states: &[Differentiated<N, L>],
        tape: &Tape<N, L>,
        weigh: Weigh<'_>,
        read: &mut SecondOrder,
    ) {
        let parameters = &errand.parameters[..];
        let inputs = Inputs::<N, K, L, P>::new::<S, false>(parameters, errand.start);
        let SecondOrder { at, weights, hessian, slope_gradient } = read;
        at.values.clear();
        at.slopes.clear();
        inputs.read::<S>(parameters.len(), states, &mut at.values, &mut at.slopes);
        weights.clear();
        slope_gradient.clear();
        hessian.clear();
        hessian.resize(P * P, 0.0);
        if errand.over.is_empty() {
            return;
        }
        weigh(at, weights);
        // By themselves, as the compiler takes long over large functions.
        // SAFETY: bodies are solved together on processors that have the one feature these functions need.
        unsafe {
            let outputs = Outputs::<N, L, P>::of::<S, K, V>(parameters, &weights.values, states, &inputs);
            let half = backward::<S, N, K, L, V>(&inputs.rates, tape, &outputs.by_state);
            chain::<S, N, K, L, P>(errand, &half, &outputs, &inputs, hessian);
            if !weights.slopes.is_empty() {
                let read = SlopeSum::<N, L, P>::of::<S, K, V>(parameters, &weights.slopes, states, &inputs);
                let lanes = gradient_backward::<S, N, K, L, V>(&inputs.rates, tape, &read.by_state);
                let (_, sources, _) = sources::<S, N, K, L, P>(parameters, errand.start);
                slope_gradient.extend(read.chained(&lanes, &inputs, |lane, p| sources[lane].eps[p].eps));
            }
        }
    }
}

/// What is read of the weighted sum itself.
struct Outputs<const N: usize, const L: usize, const P: usize> {
    /// Its derivatives to the states at each output time.
    by_state: Vec<[f64; N]>,
    /// Its derivatives in the lanes.
    by_lane: Lanes<L>,
    /// Half its second derivatives to the inputs, those of the states left out: it and its transpose are the whole.
    half: [Lanes<P>; P],
}

impl<const N: usize, const L: usize, const P: usize> Outputs<N, L, P> {
    /// Those of a sum with these weights.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[inline(never)]
    fn of<S: Bending<N, K, V>, const K: usize, const V: usize>(
        parameters: &[f64],
        weights: &[[f64; 5]],
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
    ) -> Self {
        let mut outputs = Self {
            by_state: Vec::with_capacity(states.len()),
            by_lane: Lanes([0.0; L]),
            half: [Lanes([0.0; P]); P],
        };
        for (weights, states) in weights.chunks(TOGETHER).zip(states.chunks(TOGETHER)) {
            let mut ordinary = states.len() == TOGETHER;
            for (y, _) in states {
                for n in 0..N {
                    ordinary &= is_ordinary(y[n]);
                }
            }
            if ordinary {
                outputs.add::<S, K, V, TOGETHER>(parameters, weights, states, inputs);
            } else {
                for k in 0..states.len() {
                    outputs.add::<S, K, V, 1>(parameters, &weights[k..=k], &states[k..=k], inputs);
                }
            }
        }
        outputs
    }

    /// Adds what is read at `W` times.
    #[inline(always)]
    fn add<S: Bending<N, K, V>, const K: usize, const V: usize, const W: usize>(
        &mut self,
        parameters: &[f64],
        weights: &[[f64; 5]],
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
    ) {
        let mut state = [Pack::<W>::all(0.0); N];
        let mut each = [Pack::<W>::all(0.0); 5];
        for k in 0..W {
            for n in 0..N {
                state[n].0[k] = states[k].0[n];
            }
            for c in 0..5 {
                each[c].0[k] = weights[k][c];
            }
        }
        let (by, twice) = S::read_twice(parameters, &state, &each);
        for (k, (_, tangent)) in states.iter().enumerate() {
            let by = |i: usize| by[i].0[k];
            let twice = |i: usize, j: usize| twice[i][j].0[k];
            let mut by_state = [0.0; N];
            let mut of_input = [Lanes([0.0; P]); N];
            for n in 0..N {
                by_state[n] = by(n);
                self.by_lane = self.by_lane.plus(by(n), tangent[n]);
                for lane in 0..L {
                    of_input[n] = of_input[n].plus(tangent[n].0[lane], inputs.source(lane));
                }
            }
            self.by_state.push(by_state);
            for n in 0..N {
                let mut along = Lanes([0.0; P]);
                for m in 0..N {
                    along = along.plus(0.5 * twice(n, m), of_input[m]);
                }
                for (r, &p) in S::READ.iter().enumerate() {
                    along.0[p] += twice(n, N + r);
                }
                for p in 0..P {
                    self.half[p] = self.half[p].plus(of_input[n].0[p], along);
                }
            }
            for (r, &p) in S::READ.iter().enumerate() {
                for (s, &q) in S::READ.iter().enumerate() {
                    self.half[p].0[q] += 0.5 * twice(N + r, N + s);
                }
            }
        }
    }
}

/// The derivatives of a sum to the slopes of the stages of a step. `by_state` has those to the state, at the end of the step before
/// and at its start after; it takes in those of the outputs from `next` back to the step, which `by_output` has.
#[inline(always)]
fn step_back<V: Linear, const N: usize, const L: usize>(
    step: &Kept<N, L>,
    (by_output, next): (&[[V; N]], &mut usize),
    by_state: &mut [V; N],
) -> [[V; N]; STAGES] {
    while *next > step.before {
        *next -= 1;
        for n in 0..N {
            by_state[n] = by_state[n].plus(1.0, by_output[*next][n]);
        }
    }
    let h = step.length;
    let mut by_slope = [[V::nil(); N]; STAGES];
    for &(stage, b) in A[12] {
        for n in 0..N {
            by_slope[stage][n] = by_state[n] * (h * b);
        }
    }
    macro_rules! stages {
        ($($stage:literal)*) => { $(
            let mut by_stage = [V::nil(); N];
            for n in 0..N {
                for m in 0..N {
                    by_stage[m] = by_stage[m].plus(step.made.by_state[$stage][n][m], by_slope[$stage][n]);
                }
            }
            for m in 0..N {
                by_state[m] = by_state[m].plus(1.0, by_stage[m]);
                for &(earlier, a) in A[$stage] {
                    by_slope[earlier][m] = by_slope[earlier][m].plus(h * a, by_stage[m]);
                }
            }
        )* };
    }
    stages!(11 10 9 8 7 6 5 4 3 2 1 0);
    by_slope
}

/// The times of the stages of a step in its leg, days, the states there, and whether all of these are ordinary.
#[inline(always)]
fn stages_of<const N: usize, const L: usize>(step: &Kept<N, L>) -> (Pack<STAGES>, [Pack<STAGES>; N], bool) {
    let (mut days, mut at) = (Pack::all(0.0), [Pack::all(0.0); N]);
    let mut ordinary = true;
    for k in 0..STAGES {
        days.0[k] = step.from + C[k] * step.length;
        for n in 0..N {
            at[n].0[k] = step.made.state[k][n];
            ordinary &= is_ordinary(at[n].0[k]);
        }
    }
    (days, at, ordinary)
}

/// Half the second derivatives in the lanes of a sum whose derivatives to the state at each output time are `by_output`.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[inline(never)]
fn backward<S: Bending<N, K, V>, const N: usize, const K: usize, const L: usize, const V: usize>(
    rates: &[f64; K],
    tape: &Tape<N, L>,
    by_output: &[[f64; N]],
) -> [Lanes<L>; L] {
    let mut half = [Lanes([0.0; L]); L];
    let mut by_state = [0.0; N];
    let mut next = by_output.len();
    for step in tape.steps[..tape.made].iter().rev() {
        let by_slope = step_back(step, (by_output, &mut next), &mut by_state);
        let (days, at, ordinary) = stages_of(step);
        let mut weights = [Pack::all(0.0); N];
        for k in 0..STAGES {
            for n in 0..N {
                weights[n].0[k] = by_slope[k][n];
            }
        }
        let outflow = &tape.legs[step.leg];
        // Drug enters state 0, at a rate that depends on that of absorption alone.
        let bend = weights[0] * outflow.bend_after_injections(days);
        for k in 0..STAGES {
            half[0].0[0] += 0.5 * bend.0[k];
        }
        let tangents = &step.made.tangent[..];
        if ordinary {
            S::bend::<L, STAGES>(rates, &at, &weights, tangents, &mut half);
        } else {
            for k in 0..STAGES {
                let (mut one, mut its) = ([Pack([0.0]); N], [Pack([0.0]); N]);
                for n in 0..N {
                    (one[n].0[0], its[n].0[0]) = (at[n].0[k], weights[n].0[k]);
                }
                S::bend::<L, 1>(rates, &one, &its, &tangents[k..=k], &mut half);
            }
        }
    }
    half
}

/// The part of a weighted sum of first derivatives that is read at the output times.
struct SlopeSum<const N: usize, const L: usize, const P: usize> {
    /// The weight of each state's derivative in each lane, at each output time.
    by_state: Vec<[Lanes<L>; N]>,
    /// The gradient of the sum to the inputs, as far as it comes from the second derivatives of the outputs.
    gradient: Lanes<P>,
    /// The weight of the derivative of each lane to each input.
    by_source: [Lanes<P>; L],
}

impl<const N: usize, const L: usize, const P: usize> SlopeSum<N, L, P> {
    /// The part of the sum with these weights.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[inline(never)]
    fn of<S: Bending<N, K, V>, const K: usize, const V: usize>(
        parameters: &[f64],
        weights: &[[f64; 5]],
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
    ) -> Self {
        let mut sum = Self {
            by_state: vec![[Lanes([0.0; L]); N]; states.len()],
            gradient: Lanes([0.0; P]),
            by_source: [Lanes([0.0; P]); L],
        };
        // The concentrations at output times of which a derivative has a weight.
        let mut weighted: Vec<(usize, usize)> = Vec::with_capacity(states.len());
        for (at, weights) in weights.chunks_exact(P).enumerate() {
            for c in 0..5 {
                if weights.iter().any(|w| w[c] != 0.0) {
                    weighted.push((at, c));
                }
            }
        }
        for some in weighted.chunks(TOGETHER) {
            let mut ordinary = some.len() == TOGETHER;
            for &(at, _) in some {
                for n in 0..N {
                    ordinary &= is_ordinary(states[at].0[n]);
                }
            }
            if ordinary {
                sum.add::<S, K, V, TOGETHER>(parameters, weights, states, inputs, some);
            } else {
                for one in some.chunks(1) {
                    sum.add::<S, K, V, 1>(parameters, weights, states, inputs, one);
                }
            }
        }
        sum
    }

    /// Adds the weighted derivatives of `W` concentrations.
    #[inline(always)]
    fn add<S: Bending<N, K, V>, const K: usize, const V: usize, const W: usize>(
        &mut self,
        parameters: &[f64],
        weights: &[[f64; 5]],
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
        some: &[(usize, usize)],
    ) {
        let mut state = [Pack::<W>::all(0.0); N];
        let mut each = [Pack::<W>::all(0.0); 5];
        for (k, &(at, c)) in some.iter().enumerate() {
            for n in 0..N {
                state[n].0[k] = states[at].0[n];
            }
            each[c].0[k] = 1.0;
        }
        let (first, second) = S::read_twice(parameters, &state, &each);
        for (k, &(at, c)) in some.iter().enumerate() {
            let tangent = &states[at].1;
            let mut weight = Lanes([0.0; P]);
            for p in 0..P {
                weight.0[p] = weights[at * P + p][c];
            }
            let mut of_input = [Lanes([0.0; P]); N];
            let mut in_lanes = Lanes([0.0; L]);
            for lane in 0..L {
                let source = inputs.source(lane);
                let mut slope = 0.0;
                for n in 0..N {
                    of_input[n] = of_input[n].plus(tangent[n].0[lane], source);
                    slope += first[n].0[k] * tangent[n].0[lane];
                }
                self.by_source[lane] = self.by_source[lane].plus(slope, weight);
                for p in 0..P {
                    in_lanes.0[lane] += source.0[p] * weight.0[p];
                }
            }
            let mut direction = [0.0; V];
            for n in 0..N {
                self.by_state[at][n] = self.by_state[at][n].plus(first[n].0[k], in_lanes);
                for p in 0..P {
                    direction[n] += of_input[n].0[p] * weight.0[p];
                }
            }
            for (r, &p) in S::READ.iter().enumerate() {
                direction[N + r] = weight.0[p];
            }
            for v in 0..V {
                let mut along = 0.0;
                for u in 0..V {
                    along += second[v][u].0[k] * direction[u];
                }
                if v < N {
                    self.gradient = self.gradient.plus(along, of_input[v]);
                } else {
                    self.gradient.0[S::READ[v - N]] += along;
                }
            }
        }
    }

    /// The gradient to the inputs, where that in the lanes is `lanes`; `twice` has the second derivatives of a lane to an input
    /// and each.
    fn chained<const K: usize>(
        &self,
        lanes: &Lanes<L>,
        inputs: &Inputs<N, K, L, P>,
        twice: impl Fn(usize, usize) -> [f64; P],
    ) -> [f64; P] {
        let mut gradient = self.gradient;
        for lane in 0..L {
            gradient = gradient.plus(lanes.0[lane], inputs.source(lane));
            for p in 0..P {
                gradient = gradient.plus(self.by_source[lane].0[p], Lanes(twice(lane, p)));
            }
        }
        gradient.0
    }
}

/// The gradient in the lanes of a sum of the states' derivatives in the lanes, with weights `by_output` at the output times.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[inline(never)]
fn gradient_backward<S: Bending<N, K, V>, const N: usize, const K: usize, const L: usize, const V: usize>(
    rates: &[f64; K],
    tape: &Tape<N, L>,
    by_output: &[[Lanes<L>; N]],
) -> Lanes<L> {
    let mut gradient = Lanes([0.0; L]);
    let mut by_state = [Lanes([0.0; L]); N];
    let mut next = by_output.len();
    for step in tape.steps[..tape.made].iter().rev() {
        let by_slope = step_back(step, (by_output, &mut next), &mut by_state);
        let (days, at, ordinary) = stages_of(step);
        let mut products = [[Pack::all(0.0); N]; N];
        for k in 0..STAGES {
            for n in 0..N {
                for m in 0..N {
                    let mut product = 0.0;
                    for lane in 0..L {
                        product += by_slope[k][n].0[lane] * step.made.tangent[k][m].0[lane];
                    }
                    products[n][m].0[k] = product;
                }
            }
        }
        let outflow = &tape.legs[step.leg];
        // Drug enters state 0, at a rate that depends on that of absorption alone.
        let bend = outflow.bend_after_injections(days);
        for k in 0..STAGES {
            gradient.0[0] += by_slope[k][0].0[0] * bend.0[k];
        }
        if ordinary {
            let states = S::contract::<L, STAGES>(rates, &at, &products, &by_slope, &mut gradient);
            for k in 0..STAGES {
                for n in 0..N {
                    gradient = gradient.plus(states[n].0[k], step.made.tangent[k][n]);
                }
            }
        } else {
            for k in 0..STAGES {
                let mut one = [Pack([0.0]); N];
                let mut its = [[Pack([0.0]); N]; N];
                for n in 0..N {
                    one[n].0[0] = at[n].0[k];
                    for m in 0..N {
                        its[n][m].0[0] = products[n][m].0[k];
                    }
                }
                let states = S::contract::<L, 1>(rates, &one, &its, &by_slope[k..=k], &mut gradient);
                for n in 0..N {
                    gradient = gradient.plus(states[n].0[0], step.made.tangent[k][n]);
                }
            }
        }
    }
    gradient
}

/// The second derivatives to the inputs from half of those in the lanes.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[inline(never)]
fn chain<S, const N: usize, const K: usize, const L: usize, const P: usize>(
    errand: &Errand<'_>,
    half: &[Lanes<L>; L],
    outputs: &Outputs<N, L, P>,
    inputs: &Inputs<N, K, L, P>,
    matrix: &mut [f64],
) where
    S: Structure<N, K>,
{
    let (_, sources, _) = sources::<S, N, K, L, P>(&errand.parameters, errand.start);
    let mut sum = outputs.half;
    for lane in 0..L {
        let mut along = Lanes([0.0; P]);
        for other in 0..L {
            along = along.plus(half[lane].0[other], inputs.source(other));
        }
        let source = inputs.source(lane);
        for p in 0..P {
            let bend = Lanes(sources[lane].eps[p].eps);
            sum[p] = sum[p].plus(source.0[p], along).plus(0.5 * outputs.by_lane.0[lane], bend);
        }
    }
    for p in 0..P {
        for q in 0..P {
            matrix[p * P + q] = sum[p].0[q] + sum[q].0[p];
        }
    }
}
