//! Several least squares at once, in turns: what they ask for is evaluated together, each to the bit as alone.

use crate::individual::Minimum;
use crate::least_squares::{LevenbergMarquardt, Linearised, StopReason};
use nalgebra::DMatrix;

/// A descent that is to be made.
pub(crate) struct Descent {
    /// The iteration, not begun.
    pub solver: LevenbergMarquardt,
    /// Where it starts.
    pub start: Vec<f64>,
    /// Limit on iterations.
    pub max_iterations: u64,
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
pub(crate) fn descend_each(
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
