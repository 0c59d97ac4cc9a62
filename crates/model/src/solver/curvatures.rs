//! Second derivatives carried along with a solution.
//!
//! Whatever is read from a step is its start and a weighted sum of the slopes of its stages. The second derivatives of
//! the stages themselves need not be known for that: with Λ_s the derivative of what is read to the slope of stage s,
//! found from the last stage to the first, they are Φ·(those at the start) + Σ_s Λ_s·q_s, where q_s is the second
//! derivative of the right-hand side at stage s along the first derivatives there.

use super::dop853::{combine, interpolant, interpolate};
use super::tableau::A;
use super::tangents::{Companion, Lanes, Linear, Linearised, Partials};

/// The second derivatives of a right-hand side: of each component, to two states, to a state and a lane, to two lanes.
#[derive(Clone, Copy, Debug)]
pub struct Hessian<const N: usize, const L: usize> {
    /// To two states.
    pub by_states: [[[f64; N]; N]; N],
    /// To a state and a lane.
    pub mixed: [[Lanes<L>; N]; N],
    /// To two lanes.
    pub by_lanes: [[Lanes<L>; L]; N],
}

impl<const N: usize, const L: usize> Hessian<N, L> {
    /// That of a linear system.
    #[inline(always)]
    pub fn none() -> Self {
        let zero = Lanes([0.0; L]);
        Self { by_states: [[[0.0; N]; N]; N], mixed: [[zero; N]; N], by_lanes: [[zero; L]; N] }
    }
}

/// A system whose right-hand side comes with its second derivatives.
pub trait TwiceDifferentiable<const N: usize, const L: usize>: Linearised<N, L> {
    /// The second derivatives at (t, y).
    fn hessian(&self, t: f64, y: &[f64; N]) -> Hessian<N, L>;
}

/// The first and second derivatives of a state.
#[derive(Clone, Copy, Debug)]
pub struct Twice<const N: usize, const L: usize> {
    /// The first derivatives of each state.
    pub tangent: [Lanes<L>; N],
    /// The second derivatives of each state, a symmetric matrix.
    pub bend: [[Lanes<L>; L]; N],
}

/// The second derivatives of a solution in `L` directions.
#[derive(Clone, Debug)]
pub struct Curvatures<const N: usize, const L: usize> {
    /// The derivatives where the step in hand begins.
    pub state: Twice<N, L>,
    times: [f64; 16],
    values: [[f64; N]; 16],
    partials: [Partials<N, L>; 16],
    /// The first derivatives at each stage, and those of its slope.
    at: [[Lanes<L>; N]; 16],
    k: [[Lanes<L>; N]; 16],
}

/// A step to be read inside.
#[derive(Clone, Copy, Debug)]
pub struct Inside<const N: usize, const L: usize> {
    length: f64,
    tangents: [[Lanes<L>; N]; 7],
}

impl<const N: usize, const L: usize> Curvatures<N, L> {
    /// Of a solution that starts with the first derivatives `tangent` and no second ones.
    pub fn new(tangent: [Lanes<L>; N]) -> Self {
        let zero = [Lanes([0.0; L]); N];
        let none = Partials { by_state: [[0.0; N]; N], by_lane: zero };
        Self {
            state: Twice { tangent, bend: [[Lanes([0.0; L]); L]; N] },
            times: [0.0; 16],
            values: [[0.0; N]; 16],
            partials: [none; 16],
            at: [zero; 16],
            k: [zero; 16],
        }
    }

    #[inline(always)]
    fn stage(&mut self, stage: usize, h: f64) {
        self.at[stage] = combine(&self.k, &self.state.tangent, h, A[stage]);
        self.k[stage] = self.partials[stage].along(&self.at[stage]);
    }

    /// The second derivatives of y + Σ w·k, for weights w of the slopes of the first stages.
    #[inline(always)]
    fn read<S: TwiceDifferentiable<N, L>>(&self, system: &S, h: f64, weights: &[f64]) -> [[Lanes<L>; L]; N] {
        let mut by_slope = [[[0.0; N]; N]; 16];
        for (stage, &weight) in weights.iter().enumerate() {
            for n in 0..N {
                by_slope[stage][n][n] = weight;
            }
        }
        let mut by_start = [[0.0; N]; N];
        for n in 0..N {
            by_start[n][n] = 1.0;
        }
        for stage in (0..weights.len()).rev() {
            let by_stage = product(&by_slope[stage], &self.partials[stage].by_state);
            for n in 0..N {
                for m in 0..N {
                    by_start[n][m] += by_stage[n][m];
                }
            }
            for &(earlier, a) in A[stage] {
                for n in 0..N {
                    for m in 0..N {
                        by_slope[earlier][n][m] += h * a * by_stage[n][m];
                    }
                }
            }
        }
        let mut bend = [[Lanes::nil(); L]; N];
        for n in 0..N {
            for m in 0..N {
                for a in 0..L {
                    bend[n][a] = bend[n][a].plus(by_start[n][m], self.state.bend[m][a]);
                }
            }
        }
        for stage in 0..weights.len() {
            let hessian = system.hessian(self.times[stage], &self.values[stage]);
            for n in 0..N {
                contract(&mut bend[n], &hessian, &by_slope[stage][n], &self.at[stage]);
            }
        }
        bend
    }
}

#[inline(always)]
fn product<const N: usize>(a: &[[f64; N]; N], b: &[[f64; N]; N]) -> [[f64; N]; N] {
    let mut c = [[0.0; N]; N];
    for i in 0..N {
        for j in 0..N {
            for k in 0..N {
                c[i][j] += a[i][k] * b[k][j];
            }
        }
    }
    c
}

/// Adds the second derivative of a right-hand side, its components weighted, along the first derivatives `at`.
#[inline(always)]
fn contract<const N: usize, const L: usize>(
    sum: &mut [Lanes<L>; L],
    hessian: &Hessian<N, L>,
    weights: &[f64; N],
    at: &[Lanes<L>; N],
) {
    // Along the second of two directions: by each state, states and lanes together.
    let mut along = [Lanes::nil(); N];
    let mut mixed = [Lanes::nil(); N];
    for i in 0..N {
        for u in 0..N {
            mixed[u] = mixed[u].plus(weights[i], hessian.mixed[i][u]);
            for v in 0..N {
                along[u] = along[u].plus(weights[i] * hessian.by_states[i][u][v], at[v]);
            }
        }
    }
    for u in 0..N {
        along[u] = along[u] + mixed[u];
    }
    for a in 0..L {
        let mut row = sum[a];
        for u in 0..N {
            row = row.plus(at[u].0[a], along[u]).plus(mixed[u].0[a], at[u]);
        }
        for i in 0..N {
            row = row.plus(weights[i], hessian.by_lanes[i][a]);
        }
        sum[a] = row;
    }
}

/// The weights of the slopes at the fraction `x` of a step of length `h`.
fn weights(h: f64, x: f64) -> [f64; 16] {
    std::array::from_fn(|stage| {
        let mut k = [[0.0]; 16];
        k[stage] = [1.0];
        let end = combine(&k, &[0.0], h, A[12]);
        let [weight] = interpolate(&interpolant(&k, h, &[0.0], &end), &[0.0], x);
        weight
    })
}

impl<S, const N: usize, const L: usize> Companion<f64, S, N> for Curvatures<N, L>
where
    S: TwiceDifferentiable<N, L>,
{
    type State = Twice<N, L>;
    type Dense = Inside<N, L>;

    #[inline(always)]
    fn evaluate(&mut self, system: &S, stage: usize, t: f64, y: &[f64; N]) -> [f64; N] {
        let (slope, partials) = system.linearise(t, y);
        self.times[stage] = t;
        self.values[stage] = *y;
        self.partials[stage] = partials;
        slope
    }
    #[inline(always)]
    fn begin(&mut self, _: &S) {
        self.at[0] = self.state.tangent;
        self.k[0] = self.partials[0].along(&self.at[0]);
    }
    #[inline(always)]
    fn step(&mut self, system: &S, h: f64) -> Self::State {
        for stage in 1..13 {
            self.stage(stage, h);
        }
        let mut weights = [0.0; 12];
        for &(stage, b) in A[12] {
            weights[stage] = h * b;
        }
        Twice { tangent: self.at[12], bend: self.read(system, h, &weights) }
    }
    #[inline(always)]
    fn dense(&mut self, _: &S, h: f64, end: &Self::State) -> Self::Dense {
        for stage in 13..16 {
            self.stage(stage, h);
        }
        Inside { length: h, tangents: interpolant(&self.k, h, &self.state.tangent, &end.tangent) }
    }
    #[inline(always)]
    fn inside(&self, system: &S, dense: &Self::Dense, x: f64) -> Self::State {
        Twice {
            tangent: interpolate(&dense.tangents, &self.state.tangent, x),
            bend: self.read(system, dense.length, &weights(dense.length, x)),
        }
    }
    #[inline(always)]
    fn advance(&mut self, end: &Self::State) {
        self.state = *end;
        self.times[0] = self.times[12];
        self.values[0] = self.values[12];
        self.partials[0] = self.partials[12];
        self.at[0] = self.at[12];
        self.k[0] = self.k[12];
    }
}
