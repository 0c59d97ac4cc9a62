//! Adaptive Runge–Kutta of order 8 (Dormand–Prince 8(5,3)) with a seventh-order interpolant, several solutions at once.
//!
//! A solution waits for its logarithms and roots most of the time; others fill it. The stages of a step are first known in
//! value, each with the partial derivatives of its right-hand side; once the step is accepted, the derivatives of the solution
//! follow in plain vector arithmetic, which waits for nothing. A step that is rejected costs them nothing.

use super::problem::{
    LARGEST, LinearisedProblem, NEGLIGIBLE, SolverError, Tolerance, Work, derivative_of, lane_of,
    linearisation_of, tangents_of,
};
use super::step_control::{OrderEight, Step, first_step};
use super::stepper::{Differentiated, Stepper};
use super::tableau::{A, C, D, E3, E5, Row};
use super::tangent::{Linear, Partials, Tangent};
use crate::autodiff::Simd;

/// A step of each of `W` solutions with `N` states and derivatives in `L` directions.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Dop853<const N: usize, const L: usize, const W: usize> {
    k: [[Simd<W>; N]; 16],
    /// The states at the stages.
    at: [[Simd<W>; N]; 16],
    from: Simd<W>,
    to: Simd<W>,
    h: Simd<W>,
    y: [Simd<W>; N],
    end: [Simd<W>; N],
    fifth: [Simd<W>; N],
    third: [Simd<W>; N],
    /// The terms of the interpolants.
    terms: [[Simd<W>; N]; 7],
    partials: [Partials<N, L, Simd<W>>; 16],
    tangent: [Tangent<L, Simd<W>>; N],
    tangent_end: [Tangent<L, Simd<W>>; N],
    tangent_k: [[Tangent<L, Simd<W>>; N]; 16],
    tangent_terms: [[Tangent<L, Simd<W>>; N]; 7],
    /// Whether the derivatives at the stages are kept, and those.
    keeps_stages: bool,
    tangent_at: [[Tangent<L, Simd<W>>; N]; 12],
    tolerance: [Tolerance<N>; W],
    work: [Work; W],
}

/// The stages of a step that has been made.
#[derive(Clone, Copy, Debug)]
pub struct StepStages<const N: usize, const L: usize> {
    /// The state at each stage.
    pub state: [[f64; N]; 12],
    /// Its derivatives.
    pub tangent: [[Tangent<L>; N]; 12],
    /// The derivatives of the right-hand side there and at the end, of each component to each state; at the start not known.
    pub by_state: [[[f64; N]; N]; 13],
}

impl<const N: usize, const L: usize> StepStages<N, L> {
    /// Room for the stages of a step.
    pub fn empty() -> Self {
        let none = [Tangent([0.0; L]); N];
        Self { state: [[0.0; N]; 12], tangent: [none; 12], by_state: [[[0.0; N]; N]; 13] }
    }
}

/// A row of the tableau over the stages, from `start`.
#[inline(always)]
fn combine<const N: usize, const W: usize>(
    k: &[[Simd<W>; N]; 16],
    start: &[Simd<W>; N],
    row: Row,
    weight: impl Fn(f64) -> Simd<W>,
) -> [Simd<W>; N] {
    let mut sum = *start;
    for &(stage, a) in row {
        let weight = weight(a);
        for n in 0..N {
            sum[n] = sum[n] + weight * k[stage][n];
        }
    }
    sum
}

/// The weights of a row in steps of length `h`.
#[inline(always)]
fn weights<const W: usize>(row: Row, h: Simd<W>) -> [Simd<W>; 12] {
    let mut weights = [h; 12];
    for (weight, &(_, a)) in weights.iter_mut().zip(row) {
        *weight = h * a;
    }
    weights
}

/// The first three terms of the interpolant of a step of length `h`, of one number.
#[inline(always)]
fn first_terms<const W: usize>(
    (start, end): (Simd<W>, Simd<W>),
    (k_start, k_end): (Simd<W>, Simd<W>),
    h: Simd<W>,
) -> [Simd<W>; 3] {
    let rise = end - start;
    [rise, k_start * h - rise, rise * 2.0 - (k_end + k_start) * h]
}

/// The interpolant with the terms `f` at the fraction `x` of its step.
#[inline(always)]
fn interpolant<V: Linear, const N: usize>(f: &[[V; N]; 7], y: &[V; N], x: f64) -> [V; N] {
    let mut sum = [V::zero(); N];
    for (power, term) in f.iter().enumerate().rev() {
        let factor = if power % 2 == 0 { x } else { 1.0 - x };
        for i in 0..N {
            sum[i] = (sum[i] + term[i]) * factor;
        }
    }
    for i in 0..N {
        sum[i] = sum[i] + y[i];
    }
    sum
}

impl<const N: usize, const L: usize, const W: usize> Dop853<N, L, W> {
    #[inline(always)]
    fn state_at(&self, stage: usize) -> [Simd<W>; N] {
        combine(&self.k, &self.y, A[stage], |a| self.h * a)
    }

    #[inline(always)]
    fn evaluate(
        &mut self,
        problems: &impl LinearisedProblem<N, L, W>,
        stage: usize,
        t: Simd<W>,
        y: &[Simd<W>; N],
    ) {
        if const { L == 0 } {
            self.k[stage] = problems.derivative(t, y);
        } else {
            (self.k[stage], self.partials[stage]) = problems.linearise(t, y);
        }
    }

    #[inline(always)]
    fn stage(&mut self, problems: &impl LinearisedProblem<N, L, W>, stage: usize) {
        let at = self.state_at(stage);
        self.at[stage] = at;
        self.evaluate(problems, stage, self.from + self.h * C[stage], &at);
    }

    /// The derivatives at a stage, and those of its slope.
    #[inline(always)]
    fn tangent_stage(&mut self, stage: usize) {
        let weights = weights(A[stage], self.h);
        if const { W == 1 } {
            self.directions::<L>(stage, 0, &weights);
        } else {
            // One direction at a time, so that its sums stay in registers.
            for first in 0..L {
                self.directions::<1>(stage, first, &weights);
            }
        }
    }

    /// `M` directions of [`Dop853::tangent_stage`], from the one at `first`.
    #[inline(always)]
    fn directions<const M: usize>(&mut self, stage: usize, first: usize, weights: &[Simd<W>; 12]) {
        let mut at = [[self.h; M]; N];
        for n in 0..N {
            for l in 0..M {
                at[n][l] = self.tangent[n].0[first + l];
            }
        }
        for (weight, &(earlier, _)) in weights.iter().zip(A[stage]) {
            for n in 0..N {
                for l in 0..M {
                    at[n][l] = at[n][l] + *weight * self.tangent_k[earlier][n].0[first + l];
                }
            }
        }
        let partials = &self.partials[stage];
        for n in 0..N {
            let mut slope = [self.h; M];
            slope.copy_from_slice(&partials.by_direction[n].0[first..first + M]);
            for m in 0..N {
                for l in 0..M {
                    slope[l] = slope[l] + partials.by_state[n][m] * at[m][l];
                }
            }
            self.tangent_k[stage][n].0[first..first + M].copy_from_slice(&slope);
        }
        let kept = match stage {
            12 => &mut self.tangent_end,
            1..12 if self.keeps_stages => &mut self.tangent_at[stage],
            _ => return,
        };
        for n in 0..N {
            for l in 0..M {
                kept[n].0[first + l] = at[n][l];
            }
        }
    }

    /// From now on the derivatives at the stages are kept, or not.
    pub fn keep_stages(&mut self, keeps: bool) {
        self.keeps_stages = keeps;
    }

    /// The stages of the step of the solution in `lane`, which is complete, if they are kept.
    #[inline(always)]
    pub fn stages(&self, lane: usize, made: &mut StepStages<N, L>) {
        made.state[0] = lane_of(&self.y, lane);
        made.tangent[0] = tangents_of(&self.tangent, lane);
        for stage in 1..13 {
            if stage < 12 {
                made.state[stage] = lane_of(&self.at[stage], lane);
                made.tangent[stage] = tangents_of(&self.tangent_at[stage], lane);
            }
            for n in 0..N {
                made.by_state[stage][n] = lane_of(&self.partials[stage].by_state[n], lane);
            }
        }
    }

    #[inline(always)]
    fn start_from(&mut self, lane: usize, (y, tangent): &Differentiated<N, L>, slope: &Differentiated<N, L>) {
        for n in 0..N {
            self.y[n].0[lane] = y[n];
            self.k[0][n].0[lane] = slope.0[n];
            for l in 0..L {
                self.tangent[n].0[l].0[lane] = tangent[n].0[l];
                self.tangent_k[0][n].0[l].0[lane] = slope.1[n].0[l];
            }
        }
    }
}

/// The error of a step of length `h` from `y` to `end` by its two estimates, in units of the tolerance; NaN where `end` is above
/// [`LARGEST`] or no number.
#[inline(always)]
fn error_norm<const N: usize>(
    (y, end): (&[f64; N], &[f64; N]),
    h: f64,
    (fifth_order, third_order): (&[f64; N], &[f64; N]),
    tolerance: &Tolerance<N>,
) -> f64 {
    let (mut fifth, mut third, mut sum) = (0.0, 0.0, 0.0);
    for i in 0..N {
        sum += end[i];
        let size = y[i].abs().max(end[i].abs());
        let scale = tolerance.rtol * (size + NEGLIGIBLE * tolerance.size[i]);
        fifth += (fifth_order[i] / scale).powi(2);
        third += (third_order[i] / scale).powi(2);
    }
    // Beside a state that has left the finite numbers every error is nothing.
    if !(sum.abs() < LARGEST) {
        return f64::NAN;
    }
    let denominator = fifth + 0.01 * third;
    if denominator == 0.0 {
        return 0.0;
    }
    h * fifth / (denominator * N as f64).sqrt()
}

/// The largest number of derivatives whose stages are written out.
const FEW: usize = 16;

/// A call for each stage, written out, so that the rows of the tableau are known to the compiler.
macro_rules! for_stages {
    ($stage:ident in $($k:literal)*: $call:expr) => { $({ const $stage: usize = $k; $call; })* };
}

impl<const N: usize, const L: usize, const W: usize> Stepper<N, L, W> for Dop853<N, L, W> {
    type Rule = OrderEight;

    #[inline(always)]
    fn new() -> Box<Self> {
        let (zero, one) = (Simd::all(0.0), [Simd::all(1.0); N]);
        let (none, no_tangent) = ([zero; N], [Tangent([zero; L]); N]);
        Box::new(Self {
            k: [none; 16],
            at: [one; 16],
            from: zero,
            to: zero,
            h: zero,
            y: one,
            end: one,
            fifth: none,
            third: none,
            terms: [none; 7],
            partials: [Partials::none(); 16],
            tangent: no_tangent,
            tangent_end: no_tangent,
            tangent_k: [no_tangent; 16],
            tangent_terms: [no_tangent; 7],
            keeps_stages: false,
            tangent_at: [no_tangent; 12],
            tolerance: [Tolerance { rtol: 1.0, size: [1.0; N] }; W],
            work: [Work::default(); W],
        })
    }

    #[inline(always)]
    fn assign(&mut self, lane: usize) {
        self.work[lane] = Work::default();
    }

    #[inline(always)]
    fn begin(
        &mut self,
        lane: usize,
        problem: &impl LinearisedProblem<N, L, 1>,
        start: &Differentiated<N, L>,
        (days, _): (f64, f64),
        tolerance: &Tolerance<N>,
    ) -> Result<f64, SolverError> {
        let (y, tangent) = start;
        let slope = if const { L == 0 } {
            (derivative_of(problem, 0.0, y), *tangent)
        } else {
            let (slope, partials) = linearisation_of(problem, 0.0, y);
            (slope, partials.along(tangent))
        };
        let h = first_step(problem, days, (y, &slope.0), tolerance)?;
        self.work[lane].count(1, L > 0);
        self.work[lane].count(1, false);
        self.start_from(lane, start, &slope);
        self.tolerance[lane] = *tolerance;
        Ok(h)
    }

    #[inline(always)]
    fn set(&mut self, lane: usize, step: &Step) {
        (self.from.0[lane], self.to.0[lane], self.h.0[lane]) = (step.from, step.to, step.length);
    }

    #[inline(always)]
    fn rest(&mut self, lane: usize) {
        let none = [Tangent([0.0; L]); N];
        self.start_from(lane, &([1.0; N], none), &([0.0; N], none));
        self.set(lane, &Step::default());
    }

    #[inline(always)]
    fn attempt(&mut self, problems: &impl LinearisedProblem<N, L, W>) {
        if const { L == 0 } {
            for_stages!(STAGE in 1 2 3 4 5 6 7 8 9 10 11: self.stage(problems, STAGE));
        } else {
            // A linearisation is too much code for one at every stage.
            for stage in 1..12 {
                self.stage(problems, stage);
            }
        }
        self.end = self.state_at(12);
        let none = [Simd::all(0.0); N];
        self.fifth = combine(&self.k, &none, E5, Simd::all);
        self.third = combine(&self.k, &none, E3, Simd::all);
        for work in &mut self.work {
            work.count(11, L > 0);
        }
    }

    #[inline(always)]
    fn error(&self, lane: usize) -> f64 {
        let estimates = (&lane_of(&self.fifth, lane), &lane_of(&self.third, lane));
        error_norm((&self.start(lane), &self.end(lane)), self.h.0[lane], estimates, &self.tolerance[lane])
    }

    #[inline(always)]
    fn complete(&mut self, problems: &impl LinearisedProblem<N, L, W>, accepted: [bool; W]) {
        let end = self.end;
        self.evaluate(problems, 12, self.to, &end);
        if const { L > 0 && N * L <= FEW } {
            for_stages!(STAGE in 1 2 3 4 5 6 7 8 9 10 11 12: self.tangent_stage(STAGE));
        } else if const { L > 0 } {
            for stage in 1..13 {
                self.tangent_stage(stage);
            }
        }
        for (work, accepted) in self.work.iter_mut().zip(accepted) {
            work.count(u64::from(accepted), L > 0);
        }
    }

    #[inline(always)]
    fn interpolate(&mut self, problems: &impl LinearisedProblem<N, L, W>, wanted: [bool; W]) {
        for stage in 13..16 {
            self.stage(problems, stage);
        }
        let h = self.h;
        for n in 0..N {
            let (ends, slopes) = ((self.y[n], self.end[n]), (self.k[0][n], self.k[12][n]));
            for (term, first) in self.terms.iter_mut().zip(first_terms(ends, slopes, h)) {
                term[n] = first;
            }
        }
        let none = [Simd::all(0.0); N];
        for (row, term) in D.into_iter().zip(&mut self.terms[3..]) {
            *term = combine(&self.k, &none, row, |a| h * a);
        }
        if const { L > 0 } {
            self.interpolate_tangents();
        }
        for (work, wanted) in self.work.iter_mut().zip(wanted) {
            work.count(if wanted { 3 } else { 0 }, L > 0);
        }
    }

    #[inline(always)]
    fn inside(&self, lane: usize, x: impl Iterator<Item = f64>, mut each: impl FnMut(Differentiated<N, L>)) {
        let mut f = [[0.0; N]; 7];
        let mut tangent_f = [[Tangent([0.0; L]); N]; 7];
        for term in 0..7 {
            f[term] = lane_of(&self.terms[term], lane);
            tangent_f[term] = tangents_of(&self.tangent_terms[term], lane);
        }
        let (y, tangent) = (self.start(lane), tangents_of(&self.tangent, lane));
        for x in x {
            each((interpolant(&f, &y, x), interpolant(&tangent_f, &tangent, x)));
        }
    }

    #[inline(always)]
    fn start(&self, lane: usize) -> [f64; N] {
        lane_of(&self.y, lane)
    }

    #[inline(always)]
    fn end(&self, lane: usize) -> [f64; N] {
        lane_of(&self.end, lane)
    }

    #[inline(always)]
    fn tangents_at_end(&self, lane: usize) -> [Tangent<L>; N] {
        tangents_of(&self.tangent_end, lane)
    }

    #[inline(always)]
    fn advance(&mut self, lane: usize) {
        for n in 0..N {
            self.y[n].0[lane] = self.end[n].0[lane];
            self.k[0][n].0[lane] = self.k[12][n].0[lane];
            for l in 0..L {
                self.tangent[n].0[l].0[lane] = self.tangent_end[n].0[l].0[lane];
                self.tangent_k[0][n].0[l].0[lane] = self.tangent_k[12][n].0[l].0[lane];
            }
        }
    }

    #[inline(always)]
    fn work(&self, lane: usize) -> Work {
        self.work[lane]
    }
}

impl<const N: usize, const L: usize, const W: usize> Dop853<N, L, W> {
    /// The stages of the derivatives' interpolants, and their terms.
    #[inline(always)]
    fn interpolate_tangents(&mut self) {
        for stage in 13..16 {
            self.tangent_stage(stage);
        }
        let h = self.h;
        for n in 0..N {
            for l in 0..L {
                let k = |stage: usize| self.tangent_k[stage][n].0[l];
                let ends = (self.tangent[n].0[l], self.tangent_end[n].0[l]);
                let first = first_terms(ends, (k(0), k(12)), h);
                for (term, first) in self.tangent_terms.iter_mut().zip(first) {
                    term[n].0[l] = first;
                }
            }
        }
        for row in 0..D.len() {
            if const { W == 1 } {
                self.tangent_term::<L>(row, 0);
            } else {
                for first in 0..L {
                    self.tangent_term::<1>(row, first);
                }
            }
        }
    }

    /// `M` directions of a term of the derivatives' interpolants, from the one at `first`.
    #[inline(always)]
    fn tangent_term<const M: usize>(&mut self, row: usize, first: usize) {
        let mut sum = [[Simd::all(0.0); M]; N];
        for (weight, &(stage, _)) in weights(D[row], self.h).iter().zip(D[row]) {
            for n in 0..N {
                for l in 0..M {
                    sum[n][l] = sum[n][l] + *weight * self.tangent_k[stage][n].0[first + l];
                }
            }
        }
        for n in 0..N {
            for l in 0..M {
                self.tangent_terms[3 + row][n].0[first + l] = sum[n][l];
            }
        }
    }
}
