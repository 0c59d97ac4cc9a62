//! Quasi-Newton descent of a sum over subjects, as an argmin solver.
//!
//! The first Hessian is the expected one (Fisher scoring), recomputed as long as the objective falls fast; from then on
//! it is updated by the Broyden–Fletcher–Goldfarb–Shanno (BFGS) formula, and recomputed where the update fails. Where
//! the expected Hessian fails, as near a point at which a subject's η̂ jumps, the Hessian must be learnt from the
//! gradients: the curvature there is many times its expectation. A step that does not lower the objective is shortened
//! by parabolic interpolation. If no step lowers it, the predicted decrease decides whether this is the minimum: the
//! objective is a sum over time courses that are solved to a tolerance, and is itself discontinuous by about 1e-6.

use argmin::core::{Error, IterState, KV, Problem, Solver, TerminationReason, TerminationStatus};
use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// The largest change of any coordinate in one step: for a logarithm, a factor of e.
const MAX_STEP: f64 = 1.0;
/// Fraction of the decrease predicted by the slope that counts as a sufficient decrease.
const SUFFICIENT: f64 = 1e-4;
const MOST_CUTS: usize = 12;
/// Bound on the number of iterations: a checkpoint with a larger number is corrupt.
pub(super) const MOST_ITERATIONS: u64 = 1 << 40;
/// Ridge added to the diagonal of the expected Hessian, about the information of one observation.
const RIDGE: f64 = 1.0;
/// Decrease in one iteration after which the Hessian is recomputed.
const FAST: f64 = 1.0;
/// Decrease in one iteration below which the objective is evaluated to its full accuracy.
const SLOW: f64 = 0.1;
/// Fraction of a step to which it must be shortened for the updated Hessian to count as failed.
const MISLED: f64 = 0.1;
/// Predicted but unattained decrease of −2 log-likelihood that is too small to matter.
const UNTOLD: f64 = 1e-3;

/// Objective function that is a sum over subjects.
pub(crate) trait Objective {
    /// State that one evaluation passes on to the next.
    type At: Clone;

    /// The value at `x`, given an evaluation `from` nearby; `None` if undefined.
    fn value(&self, x: &[f64], from: &Self::At) -> Option<(f64, Self::At)>;

    /// The gradient and the expected Hessian, in column-major order, at an evaluated point.
    fn change(&self, x: &[f64], at: &mut Self::At) -> Option<(DVector<f64>, DMatrix<f64>)>;

    /// Whether the descent is to end, as an estimate approaches the boundary of its range.
    fn is_near_boundary(&self, _at: &Self::At) -> bool {
        false
    }

    /// The value at `x` to the full accuracy, if `at` is known to a coarser one; the inner `None` if undefined.
    fn refined(&self, _x: &[f64], _at: &Self::At) -> Option<Option<(f64, Self::At)>> {
        None
    }

    /// Observes an iteration, at the start and after each iteration.
    fn observe(&self, _: &Iteration<Self::At>) {}

    /// Whether to continue; queried before each step.
    fn go_on(&self) -> bool {
        true
    }
}

/// Complete state of a descent, from which it can continue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Iteration<A> {
    /// How many iterations have been done.
    pub count: u64,
    /// Current point.
    pub x: Vec<f64>,
    /// Value of the objective at `x`.
    pub value: f64,
    /// State passed between evaluations.
    pub at: A,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    /// Whether `hessian` is the expected Hessian.
    fresh: bool,
}

impl<A> Iteration<A> {
    /// Creates the state at an evaluated point, without derivatives.
    pub fn begin(count: u64, x: Vec<f64>, value: f64, at: A) -> Self {
        Self { count, x, value, at, gradient: Vec::new(), hessian: Vec::new(), fresh: true }
    }

    /// Whether the state has `n` coordinates.
    pub fn fits(&self, n: usize) -> bool {
        self.count < MOST_ITERATIONS
            && self.x.len() == n
            && self.gradient.len() == n
            && self.hessian.len() == n * n
    }
}

/// Reason why a descent stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DescentStop {
    /// The predicted decrease is below the tolerance.
    Converged,
    /// No step lowers the objective, and the predicted decrease is negligible.
    Resolved,
    /// No step lowers the objective, although a decrease is predicted.
    Stalled,
    /// The gradient cannot be computed.
    NoGradient,
    /// The Hessian of the objective is not finite or not positive definite.
    NotFinite,
    /// An estimate approaches the boundary of its range, where the descent is to go on.
    NearBoundary,
    /// The limit on iterations was reached.
    IterationLimit,
    /// Subjects repeatedly changed to lower modes, or estimates moved off and onto boundaries, until the limit on
    /// turns.
    Unsettled,
    /// The descent was interrupted.
    Interrupted,
}

impl DescentStop {
    /// Whether the descent stopped at a minimum.
    #[must_use]
    pub fn is_minimum(self) -> bool {
        matches!(self, Self::Converged | Self::Resolved)
    }
}

impl std::fmt::Display for DescentStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Converged => "converged: no further decrease of the objective is foreseen",
            Self::Resolved => {
                "converged: no step lowers the objective further, and a decrease of less than 0.001 is foreseen"
            }
            Self::Stalled => {
                "stalled: no step lowers the objective, though a decrease of more than 0.001 is foreseen"
            }
            Self::NoGradient => "the gradient cannot be computed at the last estimates",
            Self::NotFinite => "the second derivatives of the objective are not finite at the last estimates",
            Self::NearBoundary => "an estimate approaches the boundary of its range",
            Self::IterationLimit => "the limit on iterations was reached",
            Self::Unsettled => {
                "not converged: lower modes of subjects were found again and again where the population had ended"
            }
            Self::Interrupted => "interrupted",
        })
    }
}

/// Solver of the descent.
pub(crate) struct QuasiNewton<A> {
    tolerance: f64,
    pub iteration: Option<Iteration<A>>,
    pub stop: Option<DescentStop>,
}

impl<A> QuasiNewton<A> {
    /// Creates a descent from an evaluated point, which ends when the predicted decrease is below `tolerance`.
    pub fn new(x: Vec<f64>, value: f64, at: A, tolerance: f64) -> Self {
        Self::resumed(Iteration::begin(0, x, value, at), tolerance)
    }

    /// Creates a descent that continues from the state of another.
    pub fn resumed(iteration: Iteration<A>, tolerance: f64) -> Self {
        Self { tolerance, iteration: Some(iteration), stop: None }
    }
}

fn ridged(expected: DMatrix<f64>) -> Vec<f64> {
    let n = expected.nrows();
    (expected + DMatrix::from_diagonal_element(n, n, RIDGE)).as_slice().to_vec()
}

type State = IterState<Vec<f64>, (), (), (), (), f64>;

impl<O: Objective> Solver<O, State> for QuasiNewton<O::At> {
    fn name(&self) -> &str {
        "quasi-Newton"
    }

    fn init(&mut self, problem: &mut Problem<O>, state: State) -> Result<(State, Option<KV>), Error> {
        if let Some(iteration) = self.iteration.as_mut().filter(|i| i.hessian.is_empty()) {
            let change = problem.problem("gradient", |p| Ok(p.change(&iteration.x, &mut iteration.at)))?;
            match change {
                Some((gradient, expected)) => {
                    iteration.gradient = gradient.as_slice().to_vec();
                    iteration.hessian = ridged(expected);
                    problem.problem("observe", |p| {
                        p.observe(iteration);
                        Ok(())
                    })?;
                }
                None => self.stop = Some(DescentStop::NoGradient),
            }
        }
        Ok((state, None))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, state: State) -> Result<(State, Option<KV>), Error> {
        let Some(mut now) = self.iteration.take() else { return Ok((state, None)) };
        let before = now.count;
        let stop = problem.problem("iterate", |p| {
            if p.is_near_boundary(&now.at) {
                return Ok(Some(DescentStop::NearBoundary));
            }
            let stop = advance_refined(p, &mut now, self.tolerance);
            // Finding that nothing is left to do does not count as an iteration.
            if now.count > before {
                p.observe(&now);
            }
            Ok(stop)
        })?;
        let state = state.param(now.x.clone()).cost(now.value);
        self.iteration = Some(now);
        self.stop = stop;
        Ok((state, None))
    }

    fn terminate(&mut self, _: &State) -> TerminationStatus {
        match &self.stop {
            Some(stop) => TerminationStatus::Terminated(TerminationReason::SolverExit(format!("{stop:?}"))),
            None => TerminationStatus::NotTerminated,
        }
    }
}

/// Runs one iteration, and changes to the full accuracy where the objective falls slowly or would end; returns the reason to stop
/// if the iteration is the last.
fn advance_refined<O: Objective>(
    objective: &O,
    now: &mut Iteration<O::At>,
    tolerance: f64,
) -> Option<DescentStop> {
    loop {
        let before = now.value;
        let stop = advance(objective, now, tolerance);
        if stop == Some(DescentStop::Interrupted) || (stop.is_none() && before - now.value >= SLOW) {
            return stop;
        }
        let Some(refined) = objective.refined(&now.x, &now.at) else { return stop };
        let Some((value, mut at)) = refined else { return Some(DescentStop::NoGradient) };
        let Some((gradient, _)) = objective.change(&now.x, &mut at) else {
            return Some(DescentStop::NoGradient);
        };
        (now.value, now.at, now.gradient) = (value, at, gradient.as_slice().to_vec());
        stop?;
    }
}

/// Runs one iteration; returns the reason to stop if it is the last.
fn advance<O: Objective>(objective: &O, now: &mut Iteration<O::At>, tolerance: f64) -> Option<DescentStop> {
    let n = now.x.len();
    let gradient = DVector::from_column_slice(&now.gradient);
    let count = now.count + 1;
    loop {
        let Some(hessian) = Cholesky::new(DMatrix::from_column_slice(n, n, &now.hessian)) else {
            if now.fresh || !made_anew(objective, now) {
                return Some(DescentStop::NotFinite);
            }
            continue;
        };
        let mut direction = -hessian.solve(&gradient);
        let predicted = -0.5 * gradient.dot(&direction);
        if predicted < tolerance {
            return Some(DescentStop::Converged);
        }
        // Each coordinate by itself: a variance on its way to zero must not hold up the others.
        direction.apply(|d| *d = d.clamp(-MAX_STEP, MAX_STEP));
        let mut slope = gradient.dot(&direction);
        if !(slope < 0.0) {
            direction = -&gradient * (MAX_STEP / gradient.amax());
            slope = gradient.dot(&direction);
        }
        let mut part = 1.0;
        let mut found = None;
        for _ in 0..MOST_CUTS {
            if !objective.go_on() {
                return Some(DescentStop::Interrupted);
            }
            let x: Vec<f64> = now.x.iter().zip(direction.iter()).map(|(x, d)| x + part * d).collect();
            match objective.value(&x, &now.at) {
                Some((value, at)) if value <= now.value + SUFFICIENT * part * slope => {
                    found = Some((x, value, at));
                    break;
                }
                Some((value, _)) => {
                    // The minimum of the parabola through the current value, the slope and this value.
                    let rise = value - now.value - slope * part;
                    part *= (-0.5 * slope * part / rise).clamp(0.1, 0.5);
                }
                None => part *= 0.2,
            }
        }
        now.count = count;
        let Some((x, value, mut at)) = found else {
            if now.fresh {
                let at_its_end = predicted < UNTOLD;
                return Some(if at_its_end { DescentStop::Resolved } else { DescentStop::Stalled });
            }
            // The Hessian may be at fault.
            if !made_anew(objective, now) {
                return Some(DescentStop::NoGradient);
            }
            continue;
        };
        let Some((next, expected)) = objective.change(&x, &mut at) else {
            return Some(DescentStop::NoGradient);
        };
        if now.value - value > FAST || (part < MISLED && !now.fresh) {
            now.hessian = ridged(expected);
            now.fresh = true;
        } else {
            let step = &direction * part;
            let hessian = DMatrix::from_column_slice(n, n, &now.hessian);
            now.hessian = updated(hessian, &step, &(&next - &gradient)).as_slice().to_vec();
            now.fresh = false;
        }
        (now.x, now.value, now.at) = (x, value, at);
        now.gradient = next.as_slice().to_vec();
        return None;
    }
}

/// Replaces the Hessian by the expected one; false if it cannot be computed.
fn made_anew<O: Objective>(objective: &O, now: &mut Iteration<O::At>) -> bool {
    let Some((_, expected)) = objective.change(&now.x, &mut now.at) else { return false };
    now.hessian = ridged(expected);
    now.fresh = true;
    true
}

/// The BFGS update, damped after Powell so that it stays positive definite.
fn updated(hessian: DMatrix<f64>, step: &DVector<f64>, change: &DVector<f64>) -> DMatrix<f64> {
    let along = &hessian * step;
    let curvature = step.dot(&along);
    let seen = step.dot(change);
    let share = if seen >= 0.2 * curvature { 1.0 } else { 0.8 * curvature / (curvature - seen) };
    let change = change * share + &along * (1.0 - share);
    let seen = step.dot(&change);
    hessian - &along * along.transpose() / curvature + &change * change.transpose() / seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use argmin::core::Executor;

    /// Normal observations with unknown mean and unknown logarithm of the standard deviation.
    struct Sample(Vec<f64>);

    impl Objective for Sample {
        type At = ();
        fn value(&self, x: &[f64], (): &()) -> Option<(f64, ())> {
            let term = |y: &f64| ((y - x[0]) / x[1].exp()).powi(2) + 2.0 * x[1];
            Some((self.0.iter().map(term).sum(), ()))
        }
        fn change(&self, x: &[f64], (): &mut ()) -> Option<(DVector<f64>, DMatrix<f64>)> {
            let (sd, n) = (x[1].exp(), self.0.len() as f64);
            let of = |y: &f64| [-2.0 * (y - x[0]) / (sd * sd), 2.0 - 2.0 * ((y - x[0]) / sd).powi(2)];
            let sum = self.0.iter().map(of).fold([0.0; 2], |sum, by| [sum[0] + by[0], sum[1] + by[1]]);
            let expected = DVector::from_vec(vec![2.0 * n / (sd * sd), 4.0 * n]);
            Some((DVector::from_column_slice(&sum), DMatrix::from_diagonal(&expected)))
        }
    }

    #[test]
    fn the_mean_and_spread_of_a_sample_are_found_from_afar() {
        let sample = vec![3.1, 4.7, 5.0, 5.6, 6.2, 7.9, 4.4];
        let mean = sample.iter().sum::<f64>() / 7.0;
        let variance = sample.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 7.0;
        let problem = Sample(sample);
        let x = vec![-20.0, 3.0];
        let value = problem.value(&x, &()).unwrap().0;
        let solver = QuasiNewton::new(x, value, (), 1e-14);
        let run = Executor::new(problem, solver).configure(|s| s.max_iters(200)).ctrlc(false).run().unwrap();
        assert_eq!(run.solver.stop, Some(DescentStop::Converged));
        let found = run.solver.iteration.unwrap().x;
        assert!((found[0] - mean).abs() < 1e-6, "{found:?}");
        assert!((found[1] - 0.5 * variance.ln()).abs() < 1e-6);
    }
    /// A parabola whose values are rounded down to multiples of `grain`, and whose gradient has the constant error
    /// `off`.
    struct Grained {
        grain: f64,
        off: f64,
    }

    impl Objective for Grained {
        type At = ();
        fn value(&self, x: &[f64], (): &()) -> Option<(f64, ())> {
            Some((((x[0] - 1.0).powi(2) / self.grain).floor() * self.grain, ()))
        }
        fn change(&self, x: &[f64], (): &mut ()) -> Option<(DVector<f64>, DMatrix<f64>)> {
            Some((DVector::from_element(1, 2.0 * (x[0] - 1.0) + self.off), DMatrix::from_element(1, 1, 2.0)))
        }
    }

    #[test]
    fn where_no_step_lowers_the_objective_what_is_foreseen_says_whether_it_is_the_minimum() {
        let stop = |grain: f64, off: f64| {
            let problem = Grained { grain, off };
            let value = problem.value(&[1.01], &()).unwrap().0;
            let solver = QuasiNewton::new(vec![1.01], value, (), 1e-9);
            let run = Executor::new(problem, solver).configure(|s| s.max_iters(50)).ctrlc(false).run();
            run.unwrap().solver.stop
        };
        assert_eq!(stop(1e-12, 0.0), Some(DescentStop::Converged));
        assert_eq!(stop(1.5e-4, 0.0), Some(DescentStop::Resolved));
        assert_eq!(stop(1e-12, -0.3), Some(DescentStop::Stalled));
    }

    /// A parabola that is evaluated with the error `grain` until it is refined; the point says whether it is a coarse one.
    struct Coarse {
        grain: f64,
    }

    impl Objective for Coarse {
        type At = bool;
        fn value(&self, x: &[f64], is_coarse: &bool) -> Option<(f64, bool)> {
            let error = if *is_coarse { self.grain * (1e4 * x[0]).sin() } else { 0.0 };
            Some(((x[0] - 1.0).powi(2) + error, *is_coarse))
        }
        fn change(&self, x: &[f64], is_coarse: &mut bool) -> Option<(DVector<f64>, DMatrix<f64>)> {
            let error = if *is_coarse { self.grain } else { 0.0 };
            let slope = 2.0 * (x[0] - 1.0) + error;
            Some((DVector::from_element(1, slope), DMatrix::from_element(1, 1, 2.0)))
        }
        fn refined(&self, x: &[f64], is_coarse: &bool) -> Option<Option<(f64, bool)>> {
            is_coarse.then(|| self.value(x, &false))
        }
    }

    #[test]
    fn a_descent_that_begins_coarse_ends_to_the_full_accuracy() {
        // Nearby, far away, and with an error that no step can overcome.
        for (x, grain) in [(1.0 + 1e-7, 1e-3), (40.0, 1e-3), (1.3, 10.0)] {
            let problem = Coarse { grain };
            let value = problem.value(&[x], &true).unwrap().0;
            let solver = QuasiNewton::new(vec![x], value, true, 1e-12);
            let run =
                Executor::new(problem, solver).configure(|s| s.max_iters(50)).ctrlc(false).run().unwrap();
            assert_eq!(run.solver.stop, Some(DescentStop::Converged));
            let Iteration { x, value, at: is_coarse, .. } = run.solver.iteration.unwrap();
            assert!((x[0] - 1.0).abs() < 1e-6 && value == (x[0] - 1.0).powi(2), "{x:?} {value}");
            assert!(!is_coarse);
        }
    }
}
