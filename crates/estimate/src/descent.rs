//! Descent to the minimum of a subject's objective. Descents of several subjects can run side by side: their
//! evaluations are then solved together, with results that are bit for bit the results of each descent alone.

use crate::least_squares::{LevenbergMarquardt, Linearised, Residuals, StopReason};
use crate::problem::{Accuracy, SubjectError, SubjectProblem, values_of};
use argmin::core::{Executor, IterState, State};
use nalgebra::{DMatrix, DVector};
use omafit_model::{
    CourseError, IndividualValue, OutputWeights, RequestQueue, SecondOrder, Sensitivities, SolveRequest,
    StructuralModel,
};
use std::borrow::Cow;
use std::collections::VecDeque;

/// Predicted decrease, relative to 1 + S, below which the coarse solution is too inaccurate to improve the minimum.
const COARSE_DECREASE: f64 = 1e-9;
/// Predicted decrease, relative to 1 + S, at which the minimum is reached to the accuracy of the sum.
const FULL_DECREASE: f64 = 1e-12;
/// Largest change of any unknown in a step after which second derivatives are worth evaluating.
const NEAR: f64 = 3e-4;
/// Largest distance in any unknown, from the point where second derivatives were evaluated, at which they are still
/// used.
const FARTHEST: f64 = 1e-4;
const FARTHEST_IN_SD: f64 = 3e-4;

/// The end point of a descent.
pub(crate) struct Minimum {
    pub eta: Vec<f64>,
    pub at: Option<Linearised>,
    pub stop: StopReason,
    pub iterations: u64,
    /// The part of half the Hessian that JᵀJ omits at `eta`, if it is known.
    pub missing: Option<DMatrix<f64>>,
}

impl Minimum {
    pub fn cost(&self) -> f64 {
        self.at.as_ref().map_or(f64::INFINITY, |at| at.objective)
    }
    pub fn converged(&self) -> bool {
        self.stop.is_minimum()
    }
}

/// Runs `solver` from a start; returns the end point and the solver's estimate of the curvature of the residuals.
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
            (Minimum { eta, at, stop, iterations, missing: None }, curvature)
        }
        Err(error) => {
            let stop = StopReason::StartFailed(error.to_string());
            (Minimum { eta: start, at: None, stop, iterations: 0, missing: None }, None)
        }
    }
}

/// Minimises from a start, first at coarse accuracy, then to the accuracy of the sum. If `bent`, the last steps use
/// Newton's method where second derivatives are available at the cost of a solution.
pub(crate) fn minimise(
    problem: &SubjectProblem<'_>,
    start: Vec<f64>,
    max_iterations: u64,
    bent: bool,
) -> Minimum {
    let descent = Descent::new(problem, start, max_iterations, bent);
    follow(problem.structure(), vec![descent]).swap_remove(0).into_minimum()
}

/// Minimises the objective of one subject from each of several starts.
pub(crate) fn minimise_from(
    problem: &SubjectProblem<'_>,
    starts: Vec<Vec<f64>>,
    max_iterations: u64,
    bent: bool,
) -> Vec<Minimum> {
    let begin = |start| Descent::new(problem, start, max_iterations, bent);
    let descents = follow(problem.structure(), starts.into_iter().map(begin).collect());
    descents.into_iter().map(Descent::into_minimum).collect()
}

/// Minimises the objective of each of several subjects of one model from a common start.
pub(crate) fn minimise_each(
    problems: &[&SubjectProblem<'_>],
    start: &[f64],
    max_iterations: u64,
    bent: bool,
) -> Vec<Minimum> {
    let Some(first) = problems.first() else { return Vec::new() };
    let begin = |problem| Descent::new(problem, start.to_vec(), max_iterations, bent);
    let descents = follow(first.structure(), problems.iter().copied().map(begin).collect());
    descents.into_iter().map(Descent::into_minimum).collect()
}

/// The stage of a descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DescentStage {
    /// Approach to the neighbourhood of the minimum, at coarse accuracy.
    Coarse,
    /// Evaluation near the minimum with second derivatives.
    Near,
    /// Convergence to the accuracy of the sum.
    Full,
}

/// The descent of one subject.
struct Descent<'p, 'a> {
    problem: &'p SubjectProblem<'a>,
    stage: DescentStage,
    solver: LevenbergMarquardt,
    x: Vec<f64>,
    /// The η at which an evaluation is requested, and the individual parameters there.
    asked: Option<(Vec<f64>, Vec<IndividualValue>)>,
    iterations: u64,
    max_iterations: u64,
    bent: bool,
    /// The η at which second derivatives were evaluated, and the part of half the Hessian that JᵀJ omits there.
    bend: Option<(Vec<f64>, DMatrix<f64>)>,
}

impl<'p, 'a> Descent<'p, 'a> {
    fn new(problem: &'p SubjectProblem<'a>, start: Vec<f64>, max_iterations: u64, bent: bool) -> Self {
        let mut descent = Self {
            problem,
            stage: DescentStage::Coarse,
            solver: LevenbergMarquardt::until(COARSE_DECREASE),
            asked: None,
            x: start,
            iterations: 0,
            max_iterations,
            bent: bent && problem.has_exact_hessian(),
            bend: None,
        };
        descent.evaluate(descent.x.clone());
        descent
    }

    fn accuracy(&self) -> Accuracy {
        if self.stage == DescentStage::Coarse { Accuracy::Coarse } else { Accuracy::Full }
    }

    fn evaluate(&mut self, at: Vec<f64>) {
        let individual = self.problem.individual(&at);
        self.asked = Some((at, individual));
    }

    /// Requests the next point unless the descent has ended.
    fn go_on(&mut self) {
        let mut next = None;
        if self.solver.stop().is_none() && self.iterations < self.max_iterations {
            next = self.solver.ask(&self.x);
            // The iteration in which the solver stops counts, as in argmin.
            self.iterations += u64::from(next.is_none());
        }
        match (next, self.stage) {
            (Some(near), DescentStage::Coarse) if self.bent && self.solver.tries_at_most(NEAR) => {
                self.x = near;
                self.iterations += 1;
                self.refine();
            }
            (Some(next), _) => self.evaluate(next),
            (None, DescentStage::Coarse) => self.refine(),
            (None, _) => {}
        }
    }

    /// Continues from the current point at full accuracy, keeping the estimate of the residuals' curvature.
    fn refine(&mut self) {
        let solver = LevenbergMarquardt::until(FULL_DECREASE);
        let (_, _, curvature) = std::mem::replace(&mut self.solver, solver).into_parts();
        self.solver.bend(curvature);
        self.stage = if self.bent { DescentStage::Near } else { DescentStage::Full };
        // At least one more iteration.
        self.max_iterations = self.max_iterations.max(self.iterations + 1);
        self.evaluate(self.x.clone());
    }

    fn into_minimum(self) -> Minimum {
        let Self { x: eta, solver, iterations, bend, .. } = self;
        let (at, stop, _) = solver.into_parts();
        let missing =
            bend.and_then(|(from, missing)| is_still(&from, &missing, &eta, at.as_ref()?).then_some(missing));
        Minimum { eta, at, stop: stop.unwrap_or(StopReason::IterationLimit), iterations, missing }
    }
}

impl<'p> AskTell<'p> for Descent<'p, '_> {
    fn request(&self, key: usize) -> Option<SolveRequest<'p>> {
        let (_, individual) = self.asked.as_ref()?;
        Some(SolveRequest {
            key,
            parameters: Cow::Owned(values_of(individual)),
            start: self.problem.start(),
            course: self.problem.course(self.accuracy()),
            over: if self.stage == DescentStage::Near { self.problem.free().into() } else { Cow::default() },
        })
    }

    fn output_weights(&self, at: &Sensitivities, weights: &mut OutputWeights) {
        self.problem.weigh(&at.values, weights);
    }

    fn tell(&mut self, found: Result<&SecondOrder, CourseError>) {
        let Some((eta, individual)) = self.asked.take() else { return };
        let found = found.map_err(SubjectError::from);
        let accuracy = self.accuracy();
        let rows = |found: &SecondOrder| self.problem.rows(&eta, &individual, &found.at, accuracy);
        let evaluated = found.as_ref().map_err(Clone::clone).and_then(|found| rows(found));
        if self.stage == DescentStage::Near {
            self.stage = DescentStage::Full;
            if let (Ok(at), Ok(found)) = (&evaluated, found)
                && let Ok(missing) = self.problem.missing(&individual, &at.predictions, found)
            {
                self.solver.bend(Some(missing.clone()));
                self.bend = Some((eta.clone(), missing));
            }
        }
        let evaluated = evaluated.map_err(|error| error.to_string());
        if !self.solver.has_begun() {
            self.solver.begin(evaluated);
        } else if self.solver.tell(evaluated) {
            self.x = eta;
            self.iterations += 1;
        }
        self.go_on();
    }
}

/// Whether the second-order part `missing`, evaluated at `from`, is still valid at the nearby `eta`.
fn is_still(from: &[f64], missing: &DMatrix<f64>, eta: &[f64], at: &Linearised) -> bool {
    let way = DVector::from_iterator(eta.len(), eta.iter().zip(from).map(|(eta, from)| eta - from));
    let in_sd = (&at.jacobian * &way).norm_squared() + way.dot(&(missing * &way));
    way.amax() <= FARTHEST && in_sd <= FARTHEST_IN_SD * FARTHEST_IN_SD
}

/// A descent among several whose evaluations are solved together.
pub(crate) trait AskTell<'p> {
    /// The evaluation that the descent requests; `None` once the descent has ended.
    fn request(&self, key: usize) -> Option<SolveRequest<'p>>;

    /// Sets the weights of second derivatives, where they are requested.
    fn output_weights(&self, at: &Sensitivities, weights: &mut OutputWeights);

    /// Passes on the solution at the requested point.
    fn tell(&mut self, found: Result<&SecondOrder, CourseError>);
}

/// Several descents, with the queue of the descents that await an evaluation.
struct Descents<D> {
    all: Vec<D>,
    ready: VecDeque<usize>,
}

/// Runs descents of subjects of one model until all have ended.
pub(crate) fn follow<'p, D: AskTell<'p>>(structure: &dyn StructuralModel, all: Vec<D>) -> Vec<D> {
    let mut descents = Descents { ready: (0..all.len()).collect(), all };
    structure.differentiate_all(&mut descents);
    descents.all
}

impl<'p, D: AskTell<'p>> RequestQueue<'p, SecondOrder> for Descents<D> {
    fn concurrency(&self) -> usize {
        self.all.len()
    }
    fn next(&mut self) -> Option<SolveRequest<'p>> {
        while let Some(key) = self.ready.pop_front() {
            if let Some(request) = self.all[key].request(key) {
                return Some(request);
            }
        }
        None
    }
    fn output_weights(&mut self, key: usize, at: &Sensitivities, weights: &mut OutputWeights) {
        self.all[key].output_weights(at, weights);
    }
    fn on_solution(&mut self, key: usize, found: Result<&SecondOrder, CourseError>) {
        self.all[key].tell(found);
        self.ready.push_back(key);
    }
}
