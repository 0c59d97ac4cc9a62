//! The second derivatives of a weighted sum of outputs, found backward.
//!
//! A fit needs one weighted sum of the second derivatives of the outputs. With λ the derivative of that sum to the
//! state, found from the end of the course to its start through the stages of every step, its second derivatives in the directions are
//! those of one number at each stage, λ·f, along the first derivatives.
//!
//! The gradient of a weighted sum of first derivatives, Σ w·∂y/∂p, is found in the same pass with one λ a direction: at each stage it
//! is the second derivative of f contracted with Σ λ·∂y/∂p.

use super::inputs::{Inputs, second_sources};
use super::predict::{Question, Task, Weigh};
use super::request::SolveRequest;
use super::solution::{InitialTarget, OutputRows, SecondOrder};
use super::system::{OdeSystem, OutputArray, SecondOrderEquations};
use crate::autodiff::{Simd, is_ordinary};
use crate::dosing::{Outflow, StepRecorder, linearised};
use crate::ode::{A, C, Differentiated, Dop853, Linear, Step, StepStages, Tangent};
use std::marker::PhantomData;

/// Output times that are taken together.
const TOGETHER: usize = 4;
/// Stages of a step, which are taken together.
const STAGES: usize = 12;

/// Outputs and their derivatives to `P` inputs, and if a weighted sum is given its second derivatives; outputs depend
/// on `V` states and parameters.
pub(super) struct Backward<const P: usize, const V: usize>;

/// The steps of a body under way, whose equations are `B`.
pub(super) struct Tape<B, const N: usize, const L: usize> {
    is_recording: bool,
    /// The flow out of the depot in each segment.
    segments: Vec<Outflow>,
    /// The steps, the first so many; the rest are room.
    steps: Vec<RecordedStep<N, L>>,
    made: usize,
    system: PhantomData<B>,
}

impl<B, const N: usize, const L: usize> Default for Tape<B, N, L> {
    fn default() -> Self {
        Self { is_recording: false, segments: Vec::new(), steps: Vec::new(), made: 0, system: PhantomData }
    }
}

struct RecordedStep<const N: usize, const L: usize> {
    /// The segment of the step, and the outputs before it.
    segment: usize,
    before: usize,
    /// When it begins in its segment, and how long it is, days.
    from: f64,
    length: f64,
    stages: StepStages<N, L>,
}

impl<B, const N: usize, const K: usize, const L: usize, const W: usize> StepRecorder<Dop853<N, L, W>, N, K>
    for Tape<B, N, L>
where
    B: OdeSystem<N, K>,
{
    fn is_recording(&self) -> bool {
        self.is_recording
    }
    fn prepare(stepper: &mut Dop853<N, L, W>, is_recording: bool) {
        stepper.keep_stages(is_recording);
    }
    fn begin_segment(&mut self, outflow: &Outflow) {
        self.segments.push(*outflow);
    }
    #[inline(always)]
    fn record(
        &mut self,
        rates: &[f64; K],
        (stepper, lane): (&Dop853<N, L, W>, usize),
        step: &Step,
        outputs_before: usize,
    ) {
        let tape = self;
        if !tape.is_recording {
            return;
        }
        let segment = tape.segments.len() - 1;
        if tape.made == tape.steps.len() {
            tape.steps.push(RecordedStep {
                segment,
                before: outputs_before,
                from: step.from,
                length: step.length,
                stages: StepStages::empty(),
            });
        }
        let (earlier, later) = tape.steps.split_at_mut(tape.made);
        let Some(kept) = later.first_mut() else { return };
        (kept.segment, kept.before) = (segment, outputs_before);
        (kept.from, kept.length) = (step.from, step.length);
        stepper.stages(lane, &mut kept.stages);
        kept.stages.by_state[0] = match earlier.last() {
            Some(last) if last.segment == segment => last.stages.by_state[12],
            _ => linearised::<B, N, K, L, f64>(rates, (0.0, 0.0, None), &kept.stages.state[0]).1.by_state,
        };
        tape.made += 1;
    }
}

impl<const P: usize, const V: usize> Question for Backward<P, V> {
    type Answer = SecondOrder;
}

impl<S, const N: usize, const K: usize, const W: usize, const L: usize, const P: usize, const V: usize>
    Task<S, Dop853<N, L, W>, N, K, L> for Backward<P, V>
where
    S: SecondOrderEquations<N, K, V>,
{
    type Recorder = Tape<S::System, N, L>;

    #[inline(always)]
    fn initial(parameters: &[f64], start: InitialTarget<f64>) -> ([f64; K], Differentiated<N, L>) {
        let inputs = Inputs::<N, K, L, P>::new::<S, false>(parameters, start);
        (inputs.rates, inputs.state)
    }
    fn begin(tape: &mut Self::Recorder, is_recording: bool) {
        tape.is_recording = is_recording;
        tape.segments.clear();
        tape.made = 0;
    }
    #[inline(always)]
    fn answer(
        request: &SolveRequest<'_>,
        states: &[Differentiated<N, L>],
        tape: &Self::Recorder,
        weigh: Weigh<'_>,
        answer: &mut SecondOrder,
    ) {
        let parameters = &request.parameters[..];
        let inputs = Inputs::<N, K, L, P>::new::<S, false>(parameters, request.start);
        answer.clear();
        let SecondOrder { at, weights, hessian, slope_gradient } = answer;
        inputs.read::<S>(parameters.len(), states, &mut at.values, &mut at.slopes);
        hessian.resize(P * P, 0.0);
        if request.over.is_empty() {
            return;
        }
        weigh(at, weights);
        // By themselves, as the compiler takes long over large functions.
        // SAFETY: second derivatives are recorded on processors that have the one feature these functions need.
        unsafe {
            let outputs = Outputs::<N, L, P>::of::<S, K, V>(parameters, &weights.values, states, &inputs);
            let slopes = (!weights.slopes.is_empty())
                .then(|| SlopeSum::<N, L, P>::of::<S, K, V>(parameters, &weights.slopes, states, &inputs));
            let by_slope = slopes.as_ref().map_or(&[][..], |slopes| &slopes.by_state);
            let sums = backward::<S, N, K, L, V>(&inputs.rates, tape, &outputs.by_state, by_slope);
            let second = second_sources::<S, N, K, L, P>(parameters, request.start);
            chain::<N, K, L, P>(&sums.half, &outputs, &inputs, &second, hessian);
            if let Some(slopes) = slopes {
                slope_gradient.extend(slopes.chained(&sums.gradient, &inputs, &second));
            }
        }
    }
}

/// The part of the weighted sum that is read at the output times.
struct Outputs<const N: usize, const L: usize, const P: usize> {
    /// Its derivatives to the states at each output time.
    by_state: Vec<[f64; N]>,
    /// Its derivatives in the directions.
    by_direction: Tangent<L>,
    /// Half its second derivatives to the inputs, those of the states left out: it and its transpose are the whole.
    half: [Tangent<P>; P],
}

impl<const N: usize, const L: usize, const P: usize> Outputs<N, L, P> {
    /// The part of the sum with these weights.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[inline(never)]
    fn of<S: SecondOrderEquations<N, K, V>, const K: usize, const V: usize>(
        parameters: &[f64],
        weights: &OutputRows,
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
    ) -> Self {
        let mut outputs = Self {
            by_state: Vec::with_capacity(states.len()),
            by_direction: Tangent([0.0; L]),
            half: [Tangent([0.0; P]); P],
        };
        for (group, states) in states.chunks(TOGETHER).enumerate() {
            let first = group * TOGETHER;
            let mut ordinary = states.len() == TOGETHER;
            for (y, _) in states {
                for n in 0..N {
                    ordinary &= is_ordinary(y[n]);
                }
            }
            if ordinary {
                outputs.add::<S, K, V, TOGETHER>(parameters, (weights, first), states, inputs);
            } else {
                for k in 0..states.len() {
                    outputs.add::<S, K, V, 1>(parameters, (weights, first + k), &states[k..=k], inputs);
                }
            }
        }
        outputs
    }

    /// Adds the outputs at `W` times, the first of which has the weights of the row `first`.
    #[inline(always)]
    fn add<S: SecondOrderEquations<N, K, V>, const K: usize, const V: usize, const W: usize>(
        &mut self,
        parameters: &[f64],
        (weights, first): (&OutputRows, usize),
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
    ) {
        let mut state = [Simd::<W>::all(0.0); N];
        let mut each = S::Outputs::filled(Simd::<W>::all(0.0));
        for k in 0..W {
            for n in 0..N {
                state[n].0[k] = states[k].0[n];
            }
            for (each, weight) in each.as_mut().iter_mut().zip(&weights[first + k]) {
                each.0[k] = *weight;
            }
        }
        let (by, twice) = S::outputs_hessian(parameters, &state, &each);
        for (k, (_, tangent)) in states.iter().enumerate() {
            let by = |i: usize| by[i].0[k];
            let twice = |i: usize, j: usize| twice[i][j].0[k];
            let mut by_state = [0.0; N];
            let mut of_input = [Tangent([0.0; P]); N];
            for n in 0..N {
                by_state[n] = by(n);
                self.by_direction = self.by_direction.axpy(by(n), tangent[n]);
                for direction in 0..L {
                    of_input[n] = of_input[n].axpy(tangent[n].0[direction], inputs.source(direction));
                }
            }
            self.by_state.push(by_state);
            for n in 0..N {
                let mut along = Tangent([0.0; P]);
                for m in 0..N {
                    along = along.axpy(0.5 * twice(n, m), of_input[m]);
                }
                for (r, &p) in S::POSITIONS.iter().enumerate() {
                    along.0[p] += twice(n, N + r);
                }
                for p in 0..P {
                    self.half[p] = self.half[p].axpy(of_input[n].0[p], along);
                }
            }
            for (r, &p) in S::POSITIONS.iter().enumerate() {
                for (s, &q) in S::POSITIONS.iter().enumerate() {
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
    step: &RecordedStep<N, L>,
    (by_output, next): (&[[V; N]], &mut usize),
    by_state: &mut [V; N],
) -> [[V; N]; STAGES] {
    while *next > step.before {
        *next -= 1;
        for n in 0..N {
            by_state[n] = by_state[n].axpy(1.0, by_output[*next][n]);
        }
    }
    let h = step.length;
    let mut by_slope = [[V::zero(); N]; STAGES];
    for &(stage, b) in A[12] {
        for n in 0..N {
            by_slope[stage][n] = by_state[n] * (h * b);
        }
    }
    macro_rules! stages {
        ($($stage:literal)*) => { $(
            let mut by_stage = [V::zero(); N];
            for n in 0..N {
                for m in 0..N {
                    by_stage[m] = by_stage[m].axpy(step.stages.by_state[$stage][n][m], by_slope[$stage][n]);
                }
            }
            for m in 0..N {
                by_state[m] = by_state[m].axpy(1.0, by_stage[m]);
                for &(earlier, a) in A[$stage] {
                    by_slope[earlier][m] = by_slope[earlier][m].axpy(h * a, by_stage[m]);
                }
            }
        )* };
    }
    stages!(11 10 9 8 7 6 5 4 3 2 1 0);
    by_slope
}

/// The times of the stages of a step in its leg, days, the states there, and whether all of these are ordinary.
#[inline(always)]
fn stages_of<const N: usize, const L: usize>(
    step: &RecordedStep<N, L>,
) -> (Simd<STAGES>, [Simd<STAGES>; N], bool) {
    let (mut days, mut at) = (Simd::all(0.0), [Simd::all(0.0); N]);
    let mut ordinary = true;
    for k in 0..STAGES {
        days.0[k] = step.from + C[k] * step.length;
        for n in 0..N {
            at[n].0[k] = step.stages.state[k][n];
            ordinary &= is_ordinary(at[n].0[k]);
        }
    }
    (days, at, ordinary)
}

/// Sums over the stages of all steps of a body.
struct StageSums<const L: usize> {
    /// Half the second derivatives of the sum of values in the directions.
    half: [Tangent<L>; L],
    /// The gradient of the sum of first derivatives in the directions.
    gradient: Tangent<L>,
}

/// The derivatives of the sum of first derivatives to the slopes of some stages, and their products with the tangents there.
type SlopeTerms<'s, const N: usize, const L: usize, const W: usize> =
    (&'s [[Tangent<L>; N]], [[Simd<W>; N]; N]);

impl<const L: usize> StageSums<L> {
    /// Adds the terms of `W` stages, with the derivatives `weights` of the sum of values to their slopes.
    #[inline(always)]
    fn add<S, const N: usize, const K: usize, const V: usize, const W: usize>(
        &mut self,
        rates: &[f64; K],
        (states, tangents): (&[Simd<W>; N], &[[Tangent<L>; N]]),
        weights: &[Simd<W>; N],
        slopes: Option<SlopeTerms<'_, N, L, W>>,
    ) where
        S: SecondOrderEquations<N, K, V>,
    {
        let curvature = S::curvature(rates, states);
        S::add_hessian::<L, W>(rates, &curvature, weights, tangents, &mut self.half);
        let Some((by_slope, products)) = slopes else { return };
        let by_state =
            S::contract_hessian::<L, W>(rates, &curvature, &products, by_slope, &mut self.gradient);
        for k in 0..W {
            for n in 0..N {
                self.gradient = self.gradient.axpy(by_state[n].0[k], tangents[k][n]);
            }
        }
    }
}

/// One stage of several.
#[inline(always)]
fn stage<const N: usize>(all: &[Simd<STAGES>; N], k: usize) -> [Simd<1>; N] {
    let mut one = [Simd([0.0]); N];
    for n in 0..N {
        one[n].0[0] = all[n].0[k];
    }
    one
}

/// The sum of the products of two tangents, in four sums side by side.
#[inline(always)]
fn dot<const L: usize>(a: &Tangent<L>, b: &Tangent<L>) -> f64 {
    let mut sums = [0.0; 4];
    for l in 0..L {
        sums[l % 4] += a.0[l] * b.0[l];
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The sums over the stages of all steps, where `by_value` are the derivatives of the sum of values to the state at each output
/// time, and `by_slope` the weights of the states' derivatives there in the sum of first derivatives, none if it is not wanted.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[inline(never)]
fn backward<S, const N: usize, const K: usize, const L: usize, const V: usize>(
    rates: &[f64; K],
    tape: &Tape<S::System, N, L>,
    by_value: &[[f64; N]],
    by_slope: &[[Tangent<L>; N]],
) -> StageSums<L>
where
    S: SecondOrderEquations<N, K, V>,
{
    let none = Tangent([0.0; L]);
    let mut sums = StageSums { half: [none; L], gradient: none };
    let (mut value, mut slope) = ([0.0; N], [none; N]);
    let (mut next_value, mut next_slope) = (by_value.len(), by_slope.len());
    for step in tape.steps[..tape.made].iter().rev() {
        let (days, states, ordinary) = stages_of(step);
        let tangents = &step.stages.tangent[..];
        // Drug enters state 0, at a rate that depends on that of absorption alone.
        let bend = tape.segments[step.segment].bend_after_injections(days);
        let values = step_back(step, (by_value, &mut next_value), &mut value);
        let mut weights = [Simd::all(0.0); N];
        for k in 0..STAGES {
            for n in 0..N {
                weights[n].0[k] = values[k][n];
            }
            sums.half[0].0[0] += 0.5 * (values[k][0] * bend.0[k]);
        }
        let mut slopes = [[none; N]; STAGES];
        let mut products = [[Simd::all(0.0); N]; N];
        if !by_slope.is_empty() {
            slopes = step_back(step, (by_slope, &mut next_slope), &mut slope);
            for k in 0..STAGES {
                for n in 0..N {
                    for m in 0..N {
                        products[n][m].0[k] = dot(&slopes[k][n], &tangents[k][m]);
                    }
                }
                sums.gradient.0[0] += slopes[k][0].0[0] * bend.0[k];
            }
        }
        let wanted = !by_slope.is_empty();
        if ordinary {
            let terms = wanted.then_some((&slopes[..], products));
            sums.add::<S, N, K, V, STAGES>(rates, (&states, tangents), &weights, terms);
        } else {
            for k in 0..STAGES {
                let terms = wanted.then(|| (&slopes[k..=k], products.map(|row| stage(&row, k))));
                let at = (&stage(&states, k), &tangents[k..=k]);
                sums.add::<S, N, K, V, 1>(rates, at, &stage(&weights, k), terms);
            }
        }
    }
    sums
}

/// The part of a weighted sum of first derivatives that is read at the output times.
struct SlopeSum<const N: usize, const L: usize, const P: usize> {
    /// The weight of each state's derivative in each direction, at each output time.
    by_state: Vec<[Tangent<L>; N]>,
    /// The gradient of the sum to the inputs, as far as it comes from the second derivatives of the outputs.
    gradient: Tangent<P>,
    /// The weight of the derivative of each direction to each input.
    by_source: [Tangent<P>; L],
}

impl<const N: usize, const L: usize, const P: usize> SlopeSum<N, L, P> {
    /// The part of the sum with these weights.
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[inline(never)]
    fn of<S: SecondOrderEquations<N, K, V>, const K: usize, const V: usize>(
        parameters: &[f64],
        weights: &OutputRows,
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
    ) -> Self {
        let mut sum = Self {
            by_state: vec![[Tangent([0.0; L]); N]; states.len()],
            gradient: Tangent([0.0; P]),
            by_source: [Tangent([0.0; P]); L],
        };
        // The outputs at output times of which a derivative has a weight.
        let mut weighted: Vec<(usize, usize)> = Vec::with_capacity(states.len());
        for at in 0..states.len() {
            for c in 0..S::OUTPUTS.len() {
                if (0..P).any(|p| weights[at * P + p][c] != 0.0) {
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

    /// Adds the weighted derivatives of `W` outputs.
    #[inline(always)]
    fn add<S: SecondOrderEquations<N, K, V>, const K: usize, const V: usize, const W: usize>(
        &mut self,
        parameters: &[f64],
        weights: &OutputRows,
        states: &[Differentiated<N, L>],
        inputs: &Inputs<N, K, L, P>,
        some: &[(usize, usize)],
    ) {
        let mut state = [Simd::<W>::all(0.0); N];
        let mut each = S::Outputs::filled(Simd::<W>::all(0.0));
        for (k, &(at, c)) in some.iter().enumerate() {
            for n in 0..N {
                state[n].0[k] = states[at].0[n];
            }
            each.as_mut()[c].0[k] = 1.0;
        }
        let (first, second) = S::outputs_hessian(parameters, &state, &each);
        for (k, &(at, c)) in some.iter().enumerate() {
            let tangent = &states[at].1;
            let mut weight = Tangent([0.0; P]);
            for p in 0..P {
                weight.0[p] = weights[at * P + p][c];
            }
            let mut of_input = [Tangent([0.0; P]); N];
            let mut in_directions = Tangent([0.0; L]);
            for direction in 0..L {
                let source = inputs.source(direction);
                let mut slope = 0.0;
                for n in 0..N {
                    of_input[n] = of_input[n].axpy(tangent[n].0[direction], source);
                    slope += first[n].0[k] * tangent[n].0[direction];
                }
                self.by_source[direction] = self.by_source[direction].axpy(slope, weight);
                for p in 0..P {
                    in_directions.0[direction] += source.0[p] * weight.0[p];
                }
            }
            let mut direction = [0.0; V];
            for n in 0..N {
                self.by_state[at][n] = self.by_state[at][n].axpy(first[n].0[k], in_directions);
                for p in 0..P {
                    direction[n] += of_input[n].0[p] * weight.0[p];
                }
            }
            for (r, &p) in S::POSITIONS.iter().enumerate() {
                direction[N + r] = weight.0[p];
            }
            for v in 0..V {
                let mut along = 0.0;
                for u in 0..V {
                    along += second[v][u].0[k] * direction[u];
                }
                if v < N {
                    self.gradient = self.gradient.axpy(along, of_input[v]);
                } else {
                    self.gradient.0[S::POSITIONS[v - N]] += along;
                }
            }
        }
    }

    /// The gradient to the inputs, where that in the directions is `directions`; `second` has the second derivatives of the
    /// directions to the inputs.
    fn chained<const K: usize>(
        &self,
        directions: &Tangent<L>,
        inputs: &Inputs<N, K, L, P>,
        second: &[[Tangent<P>; P]; L],
    ) -> [f64; P] {
        let mut gradient = self.gradient;
        for direction in 0..L {
            gradient = gradient.axpy(directions.0[direction], inputs.source(direction));
            for p in 0..P {
                gradient = gradient.axpy(self.by_source[direction].0[p], second[direction][p]);
            }
        }
        gradient.0
    }
}

/// The second derivatives to the inputs from half of those in the directions.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[inline(never)]
fn chain<const N: usize, const K: usize, const L: usize, const P: usize>(
    half: &[Tangent<L>; L],
    outputs: &Outputs<N, L, P>,
    inputs: &Inputs<N, K, L, P>,
    second: &[[Tangent<P>; P]; L],
    matrix: &mut [f64],
) {
    let mut sum = outputs.half;
    for direction in 0..L {
        let mut along = Tangent([0.0; P]);
        for other in 0..L {
            along = along.axpy(half[direction].0[other], inputs.source(other));
        }
        let source = inputs.source(direction);
        for p in 0..P {
            sum[p] = sum[p]
                .axpy(source.0[p], along)
                .axpy(0.5 * outputs.by_direction.0[direction], second[direction][p]);
        }
    }
    for p in 0..P {
        for q in 0..P {
            matrix[p * P + q] = sum[p].0[q] + sum[q].0[p];
        }
    }
}
