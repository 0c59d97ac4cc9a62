//! The way down to a subject's minimum, alone or several subjects in turns: what they ask for is then evaluated together,
//! each to the bit as alone.

use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals, StopReason};
use crate::problem::{Accuracy, At, SubjectProblem};
use argmin::core::{Executor, IterState, State};
use nalgebra::DMatrix;

/// A predicted decrease, as part of 1 + S, below which the coarse solution can say no more about the minimum.
const COARSE_DECREASE: f64 = 1e-9;
/// A predicted decrease that is the minimum, to the accuracy of the sum.
const FULL_DECREASE: f64 = 1e-12;

/// Where a descent ended.
pub(crate) struct Minimum {
    pub eta: Vec<f64>,
    pub at: Option<Linearised>,
    pub stop: StopReason,
    pub iterations: u64,
}

impl Minimum {
    pub fn cost(&self) -> f64 {
        self.at.as_ref().map_or(f64::INFINITY, |at| at.objective)
    }
    pub fn converged(&self) -> bool {
        self.stop.is_minimum()
    }
}

/// Minimises from a start: first coarsely, then to the accuracy of the sum.
pub(crate) fn minimise(problem: &SubjectProblem<'_>, start: Vec<f64>, max_iterations: u64) -> Minimum {
    let coarsely = coarse_descent(start, max_iterations);
    let at = At(problem, Accuracy::Coarse);
    let (near, curvature) = descend(at, coarsely.solver, coarsely.start, max_iterations);
    let (gone, fully) = full_descent(near, curvature, max_iterations);
    let at = At(problem, Accuracy::Full);
    let (mut minimum, _) = descend(at, fully.solver, fully.start, fully.max_iterations);
    minimum.iterations += gone;
    minimum
}

/// [`minimise`] of each of several subjects of one model, from one start.
pub(crate) fn minimise_each(
    problems: &[&SubjectProblem<'_>],
    start: &[f64],
    max_iterations: u64,
) -> Vec<Minimum> {
    let descend = |descents, accuracy| {
        descend_each(descents, |points| {
            let points: Vec<_> = points.iter().map(|&(k, eta)| (problems[k], eta)).collect();
            let found = SubjectProblem::linearise_each(&points, accuracy).into_iter();
            found.map(|found| found.map_err(|error| error.to_string())).collect()
        })
    };
    let start = || coarse_descent(start.to_vec(), max_iterations);
    let near = descend(problems.iter().map(|_| start()).collect(), Accuracy::Coarse);
    let further = |(near, curvature)| full_descent(near, curvature, max_iterations);
    let (gone, fully): (Vec<u64>, Vec<Descent>) = near.into_iter().map(further).unzip();
    let mut minima = descend(fully, Accuracy::Full);
    minima.iter_mut().zip(gone).for_each(|((minimum, _), gone)| minimum.iterations += gone);
    minima.into_iter().map(|(minimum, _)| minimum).collect()
}

/// To the neighbourhood of the minimum.
fn coarse_descent(start: Vec<f64>, max_iterations: u64) -> Descent {
    Descent { solver: LevenbergMarquardt::until(COARSE_DECREASE), start, max_iterations }
}

/// And on from there, after so many iterations. How the residuals bend is known by now.
fn full_descent(near: Minimum, curvature: Option<DMatrix<f64>>, max_iterations: u64) -> (u64, Descent) {
    let solver = LevenbergMarquardt::until(FULL_DECREASE).bent(curvature);
    let max_iterations = max_iterations.saturating_sub(near.iterations).max(1);
    (near.iterations, Descent { solver, start: near.eta, max_iterations })
}

/// Where `solver` ends from a start, and what it has learned of the residuals' bending.
pub(crate) fn descend(
    problem: impl Residuals,
    solver: LevenbergMarquardt,
    start: Vec<f64>,
    max_iterations: u64,
) -> (Minimum, Option<DMatrix<f64>>) {
    let configure =
        |state: IterState<_, _, _, _, _, f64>| state.param(start.clone()).max_iters(max_iterations);
    let run = Executor::new(problem, solver).configure(configure).timer(false).ctrlc(false).run();
    match run {
        Ok(mut result) => {
            let eta = result.state.take_param().unwrap_or(start);
            let iterations = result.state.get_iter();
            let (at, stop, curvature) = result.solver.into_parts();
            let stop = stop.unwrap_or(StopReason::IterationLimit);
            (Minimum { eta, at, stop, iterations }, curvature)
        }
        Err(error) => {
            let stop = StopReason::StartFailed(error.to_string());
            (Minimum { eta: start, at: None, stop, iterations: 0 }, None)
        }
    }
}

/// A descent that is to be made.
struct Descent {
    /// The iteration, not begun.
    solver: LevenbergMarquardt,
    /// Where it starts.
    start: Vec<f64>,
    /// Limit on iterations.
    max_iterations: u64,
}

/// Where it stands.
struct Standing {
    solver: LevenbergMarquardt,
    x: Vec<f64>,
    /// Where it asks to be evaluated.
    asked: Option<Vec<f64>>,
    iterations: u64,
    max_iterations: u64,
}

impl Standing {
    /// Asks for the next point, if the descent goes on.
    fn ask(&mut self) {
        if self.solver.stop().is_some() || self.iterations >= self.max_iterations {
            return;
        }
        self.asked = self.solver.ask(&self.x);
        if self.asked.is_none() {
            // The iteration in which it stops counts, as argmin counts it.
            self.iterations += 1;
        }
    }

    fn tell(&mut self, evaluated: Result<Linearised, String>) {
        let Some(asked) = self.asked.take() else { return };
        if self.solver.tell(evaluated) {
            self.x = asked;
            self.iterations += 1;
        }
    }
}

/// Where each descent ends, and what it has learned of the residuals' bending; `linearise_each` evaluates points, each that of
/// the descent at a position.
fn descend_each(
    descents: Vec<Descent>,
    linearise_each: impl Fn(&[(usize, &[f64])]) -> Vec<Result<Linearised, String>>,
) -> Vec<(Minimum, Option<DMatrix<f64>>)> {
    let begin = |Descent { solver, start, max_iterations }| Standing {
        solver,
        x: start,
        asked: None,
        iterations: 0,
        max_iterations,
    };
    let mut all: Vec<Standing> = descents.into_iter().map(begin).collect();
    let starts: Vec<(usize, &[f64])> = all.iter().map(|one| &one.x[..]).enumerate().collect();
    let found = linearise_each(&starts);
    all.iter_mut().zip(found).for_each(|(one, evaluated)| one.solver.begin(evaluated));
    loop {
        all.iter_mut().for_each(Standing::ask);
        let asked: Vec<(usize, &[f64])> =
            all.iter().enumerate().filter_map(|(k, one)| Some((k, one.asked.as_deref()?))).collect();
        if asked.is_empty() {
            break;
        }
        let positions: Vec<usize> = asked.iter().map(|(k, _)| *k).collect();
        let found = linearise_each(&asked);
        positions.into_iter().zip(found).for_each(|(k, evaluated)| all[k].tell(evaluated));
    }
    let end = |Standing { solver, x, iterations, .. }: Standing| {
        let (at, stop, curvature) = solver.into_parts();
        let stop = stop.unwrap_or(StopReason::IterationLimit);
        (Minimum { eta: x, at, stop, iterations }, curvature)
    };
    all.into_iter().map(end).collect()
}
