//! Nonlinear least squares by the Levenberg–Marquardt method, as an argmin solver.
//!
//! The solver minimises S(x), which is ‖r(x)‖² or a −2 log-likelihood with gradient 2·Jᵀr and approximate Hessian
//! 2·JᵀJ. A step δ minimises ‖r + Jδ‖² + μ‖δ‖², by an orthogonal factorisation of the stacked rows. Near the minimum,
//! where J alone converges slowly, a short step uses the Hessian JᵀJ + B instead, with B the secant estimate of Σ r·∇²r
//! by Dennis, Gay and Welsch (1981), as long as JᵀJ + B is positive definite. The damping μ follows the ratio of
//! achieved to predicted decrease (Nielsen). The unknowns are logarithms, of one scale, so that the damping needs no
//! scaling and a step is cut to [`MAX_STEP`].

use argmin::core::{Error, IterState, KV, Problem, Solver, State as _, TerminationReason, TerminationStatus};
use nalgebra::{Cholesky, DMatrix, DVector};

/// The largest change of any unknown in one step: a factor of e² in a parameter.
const MAX_STEP: f64 = 2.0;
const FIRST_DAMPING: f64 = 1e-6;
const LARGEST_DAMPING: f64 = 1e12;
/// The largest change of any unknown for which the secant Hessian is trusted.
const CURVED_STEP: f64 = 0.5;
/// Factor by which the predicted decrease of a slightly damped step may exceed that of the final step; below it, the
/// accuracy of the objective is what limits the descent.
const FREER: f64 = 1e4;

/// Residuals with their Jacobian and the underlying predictions.
#[derive(Clone, Debug)]
pub(crate) struct Linearised {
    /// Objective S, up to a constant.
    pub objective: f64,
    /// Bound on the error of S that follows from the accuracy of its computation.
    pub noise: f64,
    /// Whether S is ‖r‖².
    pub is_sum_of_squares: bool,
    /// The predictions behind the residuals of the data, one per observation.
    pub predictions: Vec<f64>,
    /// The observation of each row of the data; the rows of a prior follow.
    pub informative: Vec<usize>,
    /// Residuals r, one per row.
    pub residuals: DVector<f64>,
    /// ∂r/∂x, with rows as in `residuals` and a column per unknown.
    pub jacobian: DMatrix<f64>,
}

impl Linearised {
    fn cost(&self) -> f64 {
        self.objective
    }

    /// Describes a value that is not finite, from which no step is possible; `None` if all are finite.
    fn not_finite(&self) -> Option<String> {
        if !self.objective.is_finite() {
            return Some(format!("the objective is {} there", self.objective));
        }
        // The largest square must be finite too.
        let derivatives = self.jacobian.norm_squared();
        (!derivatives.is_finite()).then(|| "its derivatives there are beyond all numbers".into())
    }
}

/// A sum of squares to minimise.
pub(crate) trait Residuals {
    /// Reason why a point cannot be evaluated.
    type Error: std::fmt::Display;

    /// Residuals and Jacobian at `x`.
    fn linearise(&self, x: &[f64]) -> Result<Linearised, Self::Error>;
}

/// Reason why the iteration stopped.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// No step is predicted to lower the objective further.
    Converged,
    /// No step lowers the objective, and none is predicted to lower it by more than the accuracy of the objective.
    Settled,
    /// No step, however short, lowers the objective.
    Stalled,
    /// No short step lowers the objective, and longer steps cannot be evaluated, for the reason given.
    Blocked(String),
    /// The limit on iterations was reached.
    IterationLimit,
    /// The start could not be evaluated.
    StartFailed(String),
}

impl StopReason {
    /// Whether the iteration ended at a minimum, within the accuracy of the objective.
    pub fn is_minimum(&self) -> bool {
        matches!(self, Self::Converged | Self::Settled)
    }

    /// Whether the iteration ended because no step lowered the objective.
    pub fn is_stalled(&self) -> bool {
        matches!(self, Self::Stalled | Self::Blocked(_))
    }
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Converged => f.write_str("converged"),
            Self::Settled => {
                f.write_str("converged: what is left to gain is within the accuracy of the objective")
            }
            Self::Stalled => f.write_str("stalled: no step lowers the objective"),
            Self::Blocked(why) => {
                write!(
                    f,
                    "stalled: no short step lowers the objective and longer ones cannot be evaluated: {why}"
                )
            }
            Self::IterationLimit => f.write_str("reached the limit on iterations"),
            Self::StartFailed(why) => write!(f, "the start cannot be evaluated: {why}"),
        }
    }
}

/// The state of the iteration.
#[derive(Debug)]
pub(crate) struct LevenbergMarquardt {
    /// Predicted decrease, relative to 1 + S, below which the iteration ends.
    small_decrease: f64,
    first_damping: f64,
    damping: f64,
    growth: f64,
    current: Option<Linearised>,
    /// B, once two points have been evaluated.
    curvature: Option<DMatrix<f64>>,
    /// The factorisation at the current point, once a step has been requested.
    factored: Option<Factored>,
    /// The step on trial and its predicted decrease of S.
    trial: Option<(DVector<f64>, f64)>,
    /// Reason why longer steps from the current point could not be evaluated.
    blocked: Option<String>,
    stop: Option<StopReason>,
}

/// The triangular factor of the Jacobian, with the transformed residuals and the gradient that steps require.
#[derive(Debug)]
struct Factored {
    triangle: DMatrix<f64>,
    /// The first rows of Qᵀr.
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

    /// The decrease of S that the linearised problem predicts for a step.
    fn predicted(&self, step: &DVector<f64>) -> f64 {
        -2.0 * self.gradient.dot(step) - (&self.triangle * step).norm_squared()
    }

    /// The step with the Hessian JᵀJ + B + μ and its predicted decrease; `None` unless it is a short descent step.
    fn curved_step(&self, curvature: &DMatrix<f64>, damping: f64) -> Option<(DVector<f64>, f64)> {
        let hessian = self.triangle.tr_mul(&self.triangle) + curvature;
        let columns = hessian.ncols();
        let damped = &hessian + DMatrix::from_diagonal_element(columns, columns, damping);
        let step = -Cholesky::new(damped)?.solve(&self.gradient);
        let predicted = -2.0 * self.gradient.dot(&step) - step.dot(&(&hessian * &step));
        (step.amax() <= CURVED_STEP && predicted > 0.0).then_some((step, predicted))
    }
}

type State = IterState<Vec<f64>, (), (), (), (), f64>;

impl LevenbergMarquardt {
    /// Creates an iteration that ends when no step is predicted to lower S by more than `small_decrease`·(1 + S).
    pub fn until(small_decrease: f64) -> Self {
        Self {
            small_decrease,
            first_damping: 0.0,
            damping: 0.0,
            growth: 2.0,
            current: None,
            curvature: None,
            factored: None,
            trial: None,
            blocked: None,
            stop: None,
        }
    }

    /// Sets the estimate of B.
    pub fn bend(&mut self, curvature: Option<DMatrix<f64>>) {
        self.curvature = curvature;
    }

    /// Whether the step on trial is hardly damped and changes no unknown by more than `most`.
    pub fn tries_at_most(&self, most: f64) -> bool {
        let short = |(step, _): &(DVector<f64>, f64)| step.amax() <= most;
        self.damping <= self.first_damping && self.trial.as_ref().is_some_and(short)
    }

    /// The current point, the reason why the iteration stopped, and B.
    pub fn into_parts(self) -> (Option<Linearised>, Option<StopReason>, Option<DMatrix<f64>>) {
        (self.current, self.stop, self.curvature)
    }

    /// The reason why the iteration stopped, if it has stopped.
    pub fn stop(&self) -> Option<&StopReason> {
        self.stop.as_ref()
    }

    /// Whether the start has been evaluated, successfully or not.
    pub fn has_begun(&self) -> bool {
        self.current.is_some() || self.stop.is_some()
    }

    /// Starts the iteration from the evaluation of its start.
    pub fn begin(&mut self, evaluated: Result<Linearised, String>) {
        match evaluated.and_then(|at| at.not_finite().map_or(Ok(at), Err)) {
            Ok(at) => {
                let largest = at.jacobian.column_iter().map(|c| c.norm_squared()).fold(0.0, f64::max);
                self.first_damping = FIRST_DAMPING * largest;
                self.damping = self.first_damping;
                self.current = Some(at);
            }
            Err(why) => self.stop = Some(StopReason::StartFailed(why)),
        }
    }

    /// The next point to evaluate from the current point `x`; `None` if the iteration stops.
    pub fn ask(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        let Some(at) = &self.current else {
            self.stop = Some(StopReason::Stalled);
            return None;
        };
        let (cost, noise) = (at.cost(), at.noise);
        let factored = self.factored.take().unwrap_or_else(|| Factored::new(at));
        while self.damping <= LARGEST_DAMPING {
            let curved = self.curvature.as_ref().and_then(|b| factored.curved_step(b, self.damping));
            let straight = || factored.step(self.damping).map(|step| (factored.predicted(&step), step));
            let Some((predicted, step)) = curved.map(|(step, predicted)| (predicted, step)).or_else(straight)
            else {
                self.reject();
                continue;
            };
            let small = self.small_decrease * (1.0 + cost.abs());
            if predicted <= small {
                // A step may be short only because it is damped; then it is no evidence of a minimum.
                let reason = if self.left_to_gain(&factored) <= FREER * small {
                    StopReason::Converged
                } else {
                    self.at_the_end(&factored, noise)
                };
                self.stop = Some(reason);
                return None;
            }
            let trial = x.iter().zip(step.iter()).map(|(x, d)| x + d).collect();
            self.trial = Some((step, predicted));
            self.factored = Some(factored);
            return Some(trial);
        }
        self.stop = Some(self.at_the_end(&factored, noise));
        None
    }

    /// Takes the evaluation of the trial point; returns whether the step is accepted.
    pub fn tell(&mut self, evaluated: Result<Linearised, String>) -> bool {
        let (Some(at), Some((step, predicted))) = (&self.current, self.trial.take()) else { return false };
        match evaluated.and_then(|next| next.not_finite().map_or(Ok(next), Err)) {
            Ok(next) => {
                let gain = (at.cost() - next.cost()) / predicted;
                if gain > 1e-4 {
                    self.damping *= (1.0 - (2.0 * gain - 1.0).powi(3)).max(1.0 / 3.0);
                    self.growth = 2.0;
                    (self.factored, self.blocked) = (None, None);
                    if let Some(at) = self.current.replace(next) {
                        self.learn(&at, &step);
                    }
                    return true;
                }
            }
            Err(why) => self.blocked = Some(why),
        }
        self.reject();
        false
    }
}

impl<O: Residuals> Solver<O, State> for LevenbergMarquardt {
    fn name(&self) -> &str {
        "Levenberg-Marquardt"
    }

    fn init(&mut self, problem: &mut Problem<O>, state: State) -> Result<(State, Option<KV>), Error> {
        let start = state.get_param().cloned().unwrap_or_default();
        self.begin(problem.problem("linearise", |p| Ok(p.linearise(&start).map_err(|e| e.to_string())))?);
        let cost = self.current.as_ref().map_or(f64::INFINITY, Linearised::cost);
        Ok((state.cost(cost), None))
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<O>,
        mut state: State,
    ) -> Result<(State, Option<KV>), Error> {
        let mut x = state.take_param().unwrap_or_default();
        while let Some(trial) = self.ask(&x) {
            let evaluated =
                problem.problem("linearise", |p| Ok(p.linearise(&trial).map_err(|e| e.to_string())))?;
            if self.tell(evaluated) {
                x = trial;
                break;
            }
        }
        let cost = self.current.as_ref().map_or(f64::INFINITY, Linearised::cost);
        Ok((state.param(x).cost(cost), None))
    }

    fn terminate(&mut self, _state: &State) -> TerminationStatus {
        match &self.stop {
            Some(reason) => TerminationStatus::Terminated(TerminationReason::SolverExit(reason.to_string())),
            None => TerminationStatus::NotTerminated,
        }
    }
}

impl LevenbergMarquardt {
    /// The predicted decrease of a slightly damped step.
    fn left_to_gain(&self, factored: &Factored) -> f64 {
        let slight = self.damping.min(self.first_damping);
        factored.step(slight).map_or(f64::INFINITY, |step| factored.predicted(&step))
    }

    /// The reason to stop when no step lowers the objective: a minimum if the decrease still predicted is within
    /// `noise`.
    fn at_the_end(&self, factored: &Factored, noise: f64) -> StopReason {
        if self.left_to_gain(factored) <= noise {
            StopReason::Settled
        } else {
            self.blocked.clone().map_or(StopReason::Stalled, StopReason::Blocked)
        }
    }

    fn reject(&mut self) {
        self.damping = (self.damping * self.growth).max(f64::MIN_POSITIVE);
        self.growth *= 2.0;
    }

    /// Updates B after a step from `before`, so that B·step = (J − J₀)ᵀr for a sum of squares; for a likelihood, B·step
    /// is the change of Jᵀr minus JᵀJ·step.
    fn learn(&mut self, before: &Linearised, step: &DVector<f64>) {
        let Some(now) = &self.current else { return };
        let now_gradient = now.jacobian.tr_mul(&now.residuals);
        let change = &now_gradient - before.jacobian.tr_mul(&before.residuals);
        // The rows of a sum of squares are the same at every point; the rows of a likelihood depend on their
        // information.
        let bend = if now.is_sum_of_squares && before.is_sum_of_squares {
            now_gradient - before.jacobian.tr_mul(&now.residuals)
        } else {
            // The rows of a likelihood change with their weights: take all that JᵀJ does not explain.
            &change - now.jacobian.tr_mul(&(&now.jacobian * step))
        };
        let along = change.dot(step);
        let unknowns = step.len();
        let old = self.curvature.take().unwrap_or_else(|| DMatrix::zeros(unknowns, unknowns));
        if !(along > 0.0) {
            self.curvature = Some(old);
            return;
        }
        let old_along = step.dot(&(&old * step));
        let scale = if old_along == 0.0 { 1.0 } else { (step.dot(&bend) / old_along).abs().min(1.0) };
        let old = old * scale;
        let missing = bend - &old * step;
        let outer = &missing * change.transpose();
        let twice = &change * change.transpose() * (missing.dot(step) / (along * along));
        self.curvature = Some(old + (&outer + outer.transpose()) / along - twice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argmin::core::Executor;

    /// Misra1a of the NIST reference data sets for nonlinear regression: y = b₁(1 − exp(−b₂x)), with logarithms of b as
    /// unknowns. Predictions are rounded to `rounded` unless it is zero, and declared accurate to `said`.
    struct Misra1a {
        rounded: f64,
        said: f64,
    }

    const EXACT: Misra1a = Misra1a { rounded: 0.0, said: 0.0 };

    const X: [f64; 14] =
        [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0];
    const Y: [f64; 14] =
        [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78];

    impl Residuals for Misra1a {
        type Error = String;

        fn linearise(&self, x: &[f64]) -> Result<Linearised, String> {
            let (b1, b2) = (x[0].exp(), x[1].exp());
            if b1 > 1e4 {
                return Err("outside".into());
            }
            let exact = X.iter().map(|x| b1 * (1.0 - (-b2 * x).exp()));
            let round =
                |f: f64| if self.rounded > 0.0 { (f / self.rounded).round() * self.rounded } else { f };
            let predictions: Vec<f64> = exact.map(round).collect();
            let residuals = DVector::from_iterator(14, Y.iter().zip(&predictions).map(|(y, f)| y - f));
            let slope = |x: f64| [-b1 * (1.0 - (-b2 * x).exp()), -b1 * b2 * x * (-b2 * x).exp()];
            let jacobian = DMatrix::from_fn(14, 2, |row, column| slope(X[row])[column]);
            let objective = residuals.norm_squared();
            let noise = 2.0 * self.said * residuals.abs().sum();
            let informative = (0..14).collect();
            Ok(Linearised {
                objective,
                noise,
                is_sum_of_squares: true,
                predictions,
                informative,
                residuals,
                jacobian,
            })
        }
    }

    fn solve(problem: Misra1a, start: [f64; 2]) -> (Vec<f64>, f64, StopReason) {
        let solver = LevenbergMarquardt::until(1e-15);
        let result = Executor::new(problem, solver)
            .configure(|state| state.param(start.map(f64::ln).to_vec()).max_iters(100))
            .ctrlc(false)
            .run()
            .unwrap();
        let x = result.state.get_param().cloned().unwrap();
        let (at, stop, _) = result.solver.into_parts();
        (x.iter().map(|x| x.exp()).collect(), at.unwrap().cost(), stop.unwrap())
    }

    #[test]
    fn reaches_the_certified_values_from_both_certified_starts() {
        for start in [[500.0, 1e-4], [250.0, 5e-4]] {
            let (b, cost, stop) = solve(EXACT, start);
            assert_eq!(stop, StopReason::Converged);
            assert!((b[0] / 2.389_421_291_8e2 - 1.0).abs() < 1e-8, "{b:?}");
            assert!((b[1] / 5.501_564_318_1e-4 - 1.0).abs() < 1e-8, "{b:?}");
            assert!((cost / 1.245_513_889_4e-1 - 1.0).abs() < 1e-10, "{cost}");
        }
    }

    #[test]
    fn steps_into_the_impossible_are_taken_back() {
        // Close to the edge at 10⁴ and far from the minimum, the first steps lead outside.
        let (b, _, stop) = solve(EXACT, [9.9e3, 1e-5]);
        assert_eq!(stop, StopReason::Converged);
        assert!((b[0] / 2.389_421_291_8e2 - 1.0).abs() < 1e-8, "{b:?}");
    }

    #[test]
    fn where_rounding_ends_the_way_it_is_a_minimum_and_elsewhere_it_is_not() {
        // A sum with predictions rounded to 1e-4 has steps: the descent ends at one of them, close to the minimum.
        let rounded = 1e-4;
        let (b, _, stop) = solve(Misra1a { rounded, said: rounded }, [500.0, 1e-4]);
        assert_eq!(stop, StopReason::Settled);
        assert!((b[0] / 2.389_421_291_8e2 - 1.0).abs() < 1e-3, "{b:?}");
        // With the same steps declared exact, the end point is not a minimum.
        let (_, _, stop) = solve(Misra1a { rounded, said: 0.0 }, [500.0, 1e-4]);
        assert_eq!(stop, StopReason::Stalled);
        // Far from a minimum, rounding does not explain the end of the descent.
        let (_, _, stop) = solve(Misra1a { rounded: 30.0, said: 1e-4 }, [500.0, 1e-4]);
        assert_eq!(stop, StopReason::Stalled);
    }

    #[test]
    fn a_wall_in_the_way_is_named() {
        // The minimum, at 239, lies behind the edge.
        struct Walled;
        impl Residuals for Walled {
            type Error = String;

            fn linearise(&self, x: &[f64]) -> Result<Linearised, String> {
                let at = EXACT.linearise(x)?;
                if x[0].exp() > 150.0 { Err("outside".into()) } else { Ok(at) }
            }
        }
        let start = vec![100.0_f64.ln(), 1e-3_f64.ln()];
        let result = Executor::new(Walled, LevenbergMarquardt::until(1e-15))
            .configure(|state| state.param(start).max_iters(500))
            .ctrlc(false)
            .run()
            .unwrap();
        assert_eq!(result.solver.stop, Some(StopReason::Blocked("outside".into())));
    }

    #[test]
    fn a_start_outside_says_why() {
        let solver = LevenbergMarquardt::until(1e-12);
        let result = Executor::new(EXACT, solver)
            .configure(|state| state.param(vec![20.0, 0.0]).max_iters(100))
            .ctrlc(false)
            .run()
            .unwrap();
        assert_eq!(result.solver.stop, Some(StopReason::StartFailed("outside".into())));
    }
}
