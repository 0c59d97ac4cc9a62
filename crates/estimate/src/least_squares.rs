//! Nonlinear least squares by Levenberg and Marquardt, as an argmin solver.
//!
//! Minimises S(x) = ‖r(x)‖². A step δ minimises ‖r + Jδ‖² + μ‖δ‖², by an orthogonal factorisation of the stacked rows,
//! never by the normal equations. The damping μ follows the ratio of the achieved to the predicted decrease (Nielsen).
//! The unknowns are logarithms, of one scale, so the damping needs no scaling and a step is cut to [`MAX_STEP`].

use argmin::core::{Error, IterState, KV, Problem, Solver, State as _, TerminationReason, TerminationStatus};
use nalgebra::{DMatrix, DVector};

/// The largest change of any unknown in one step: a factor of e² in a parameter.
const MAX_STEP: f64 = 2.0;
const FIRST_DAMPING: f64 = 1e-6;
const LARGEST_DAMPING: f64 = 1e12;

/// Residuals with their Jacobian, and what the model predicted.
#[derive(Clone, Debug)]
pub(crate) struct Linearised {
    /// The predictions behind the residuals of the data, one an observation.
    pub predictions: Vec<f64>,
    /// r, one a row.
    pub residuals: DVector<f64>,
    /// ∂r/∂x, rows as the residuals, columns as the unknowns.
    pub jacobian: DMatrix<f64>,
}

impl Linearised {
    fn cost(&self) -> f64 {
        self.residuals.norm_squared()
    }
}

/// A sum of squares to minimise.
pub(crate) trait Residuals {
    /// Why a point cannot be evaluated.
    type Error: std::fmt::Display;

    /// Residuals and Jacobian at `x`.
    fn linearise(&self, x: &[f64]) -> Result<Linearised, Self::Error>;
}

/// Why the iteration stopped.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// No step is predicted to lower the objective any further.
    Converged,
    /// No step, however short, lowers the objective.
    Stalled,
    /// The limit on iterations was reached.
    IterationLimit,
    /// The start could not be evaluated.
    StartFailed(String),
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Converged => f.write_str("converged"),
            Self::Stalled => f.write_str("stalled: no step lowers the objective"),
            Self::IterationLimit => f.write_str("reached the limit on iterations"),
            Self::StartFailed(why) => write!(f, "the start cannot be evaluated: {why}"),
        }
    }
}

/// The state of the iteration.
#[derive(Debug)]
pub(crate) struct LevenbergMarquardt {
    /// A predicted decrease below this part of 1 + S ends the iteration.
    small_decrease: f64,
    damping: f64,
    growth: f64,
    current: Option<Linearised>,
    stop: Option<StopReason>,
}

/// The triangular factor of the Jacobian: all that a step needs of it.
struct Factored {
    triangle: DMatrix<f64>,
    /// Qᵀr, its first rows.
    rotated: DVector<f64>,
    gradient: DVector<f64>,
}

impl Factored {
    fn new(at: &Linearised) -> Self {
        let gradient = at.jacobian.tr_mul(&at.residuals);
        let columns = at.jacobian.ncols();
        let qr = at.jacobian.clone().qr();
        let mut rotated = at.residuals.clone();
        qr.q_tr_mul(&mut rotated);
        let rows = columns.min(rotated.len());
        Self { triangle: qr.unpack_r(), rotated: rotated.rows(0, rows).into_owned(), gradient }
    }

    /// The damped step, cut to [`MAX_STEP`]; `None` when the factor is not finite.
    fn step(&self, damping: f64) -> Option<DVector<f64>> {
        let columns = self.triangle.ncols();
        let rows = self.triangle.nrows();
        let mut stacked = DMatrix::zeros(rows + columns, columns);
        stacked.view_mut((0, 0), (rows, columns)).copy_from(&self.triangle);
        stacked.view_mut((rows, 0), (columns, columns)).fill_diagonal(damping.sqrt());
        let mut right = DVector::zeros(rows + columns);
        right.rows_mut(0, rows).copy_from(&(-&self.rotated));
        let qr = stacked.qr();
        qr.q_tr_mul(&mut right);
        let mut step = qr.unpack_r().solve_upper_triangular(&right.rows(0, columns))?;
        let longest = step.amax();
        if !longest.is_finite() {
            return None;
        }
        if longest > MAX_STEP {
            step *= MAX_STEP / longest;
        }
        Some(step)
    }

    /// By how much the linearised problem says S falls.
    fn predicted(&self, step: &DVector<f64>) -> f64 {
        -2.0 * self.gradient.dot(step) - (&self.triangle * step).norm_squared()
    }
}

type State = IterState<Vec<f64>, (), (), (), (), f64>;

impl LevenbergMarquardt {
    /// An iteration that ends when no step is predicted to lower S by more than `small_decrease` of 1 + S.
    pub fn until(small_decrease: f64) -> Self {
        Self { small_decrease, damping: 0.0, growth: 2.0, current: None, stop: None }
    }

    /// Where the iteration stands.
    pub fn into_parts(self) -> (Option<Linearised>, Option<StopReason>) {
        (self.current, self.stop)
    }

    fn stopped(&mut self, state: State, reason: StopReason) -> State {
        self.stop = Some(reason);
        state
    }
}

impl<O: Residuals> Solver<O, State> for LevenbergMarquardt {
    fn name(&self) -> &str {
        "Levenberg-Marquardt"
    }

    fn init(&mut self, problem: &mut Problem<O>, state: State) -> Result<(State, Option<KV>), Error> {
        let start = state.get_param().cloned().unwrap_or_default();
        match problem.problem("linearise", |p| Ok(p.linearise(&start).map_err(|e| e.to_string())))? {
            Ok(at) => {
                let largest = at.jacobian.column_iter().map(|c| c.norm_squared()).fold(0.0, f64::max);
                self.damping = FIRST_DAMPING * largest;
                let cost = at.cost();
                self.current = Some(at);
                Ok((state.cost(cost), None))
            }
            Err(why) => Ok((self.stopped(state, StopReason::StartFailed(why)), None)),
        }
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<O>,
        mut state: State,
    ) -> Result<(State, Option<KV>), Error> {
        let (Some(at), Some(x)) = (self.current.take(), state.take_param()) else {
            return Ok((self.stopped(state, StopReason::Stalled), None));
        };
        let cost = at.cost();
        let factored = Factored::new(&at);
        self.current = Some(at);
        loop {
            if self.damping > LARGEST_DAMPING {
                return Ok((self.stopped(state.param(x).cost(cost), StopReason::Stalled), None));
            }
            let Some(step) = factored.step(self.damping) else {
                self.reject();
                continue;
            };
            let predicted = factored.predicted(&step);
            if predicted <= self.small_decrease * (1.0 + cost) {
                return Ok((self.stopped(state.param(x).cost(cost), StopReason::Converged), None));
            }
            let trial: Vec<f64> = x.iter().zip(step.iter()).map(|(x, d)| x + d).collect();
            let evaluated = problem.problem("linearise", |p| Ok(p.linearise(&trial).ok()))?;
            let Some(next) = evaluated.filter(|next| next.cost().is_finite()) else {
                self.reject();
                continue;
            };
            let gain = (cost - next.cost()) / predicted;
            if gain > 1e-4 {
                self.damping *= (1.0 - (2.0 * gain - 1.0).powi(3)).max(1.0 / 3.0);
                self.growth = 2.0;
                let cost = next.cost();
                self.current = Some(next);
                return Ok((state.param(trial).cost(cost), None));
            }
            self.reject();
        }
    }

    fn terminate(&mut self, _state: &State) -> TerminationStatus {
        match &self.stop {
            Some(reason) => TerminationStatus::Terminated(TerminationReason::SolverExit(reason.to_string())),
            None => TerminationStatus::NotTerminated,
        }
    }
}

impl LevenbergMarquardt {
    fn reject(&mut self) {
        self.damping = (self.damping * self.growth).max(f64::MIN_POSITIVE);
        self.growth *= 2.0;
    }
}
