//! Requests: bodies to be solved, where the solution of one may lead to the next.

use super::solution::{Case, InitialTarget, OutputWeights, Sensitivities, Take};
use crate::course::{Course, CourseError};
use crate::ode::Work;
use std::borrow::Cow;

/// A body to be solved.
#[derive(Clone, Debug)]
pub struct SolveRequest<'a> {
    /// Its key, by which its solution is told.
    pub key: usize,
    /// Its parameters, in the structure's order.
    pub parameters: Cow<'a, [f64]>,
    /// Its state before the first dose.
    pub start: InitialTarget<f64>,
    /// The course over which it is solved.
    pub course: &'a Course,
    /// The inputs over which second-order derivatives are wanted, ascending: positions among the parameters, and after the last of
    /// them the baseline; empty if none are wanted. Those over other inputs need not be found.
    pub over: Cow<'a, [usize]>,
}

/// A queue of bodies to be solved, of each of which a `T` is to be found.
pub trait RequestQueue<'a, T> {
    /// About how many can be under way at a time.
    fn concurrency(&self) -> usize;

    /// The next request; `None` if there is none before more solutions are known.
    fn next(&mut self) -> Option<SolveRequest<'a>>;

    /// The weights of the sums whose second-order derivatives are wanted, where these are the concentrations and their first
    /// derivatives. `weights` comes empty.
    fn output_weights(&mut self, key: usize, at: &Sensitivities, weights: &mut OutputWeights);

    /// The counters of a solution, before it is told.
    fn on_work(&mut self, _key: usize, _work: &Work) {}

    /// The solution of a request, or why there is none.
    fn on_solution(&mut self, key: usize, found: Result<&T, CourseError>);
}

/// Requests that are all known, each by its position.
pub(super) struct FixedQueue<'a, 't, T> {
    cases: &'a [Case<'a>],
    /// The weights of each; none where no second derivatives are wanted.
    weights: &'a [OutputWeights],
    next: usize,
    take: Take<'t, T>,
}

impl<'a, 't, T> FixedQueue<'a, 't, T> {
    /// A queue of cases without second derivatives.
    pub fn new(cases: &'a [Case<'a>], take: Take<'t, T>) -> Self {
        Self::weighted(cases, &[], take)
    }

    /// A queue of cases with second derivatives of sums with these weights.
    pub fn weighted(cases: &'a [Case<'a>], weights: &'a [OutputWeights], take: Take<'t, T>) -> Self {
        Self { cases, weights, next: 0, take }
    }
}

impl<'a, T> RequestQueue<'a, T> for FixedQueue<'a, '_, T> {
    fn concurrency(&self) -> usize {
        self.cases.len()
    }
    fn next(&mut self) -> Option<SolveRequest<'a>> {
        let key = self.next;
        let &Case { parameters, start, course } = self.cases.get(key)?;
        self.next += 1;
        let is_wanted = self.weights.get(key).is_some_and(|weights| !weights.values.is_empty());
        let over = if is_wanted { (0..=parameters.len()).collect() } else { Vec::new() };
        Some(SolveRequest {
            key,
            parameters: Cow::Borrowed(parameters),
            start,
            course,
            over: Cow::Owned(over),
        })
    }
    fn output_weights(&mut self, key: usize, _: &Sensitivities, weights: &mut OutputWeights) {
        weights.clone_from(&self.weights[key]);
    }
    fn on_solution(&mut self, key: usize, found: Result<&T, CourseError>) {
        (self.take)(key, found);
    }
}

/// One request, without second derivatives.
pub(super) struct SingleQueue<'a, F> {
    case: Option<Case<'a>>,
    work: Work,
    outcome: Result<(), CourseError>,
    take: F,
}

impl<'a, F> SingleQueue<'a, F> {
    /// The request of a case, whose solution `take` is given.
    pub fn new(case: Case<'a>, take: F) -> Self {
        Self { case: Some(case), work: Work::default(), outcome: Ok(()), take }
    }

    /// The counters of its solution, or why there is none.
    pub fn outcome(self) -> Result<Work, CourseError> {
        self.outcome.map(|()| self.work)
    }
}

impl<'a, T, F: FnMut(&T)> RequestQueue<'a, T> for SingleQueue<'a, F> {
    fn concurrency(&self) -> usize {
        1
    }
    fn next(&mut self) -> Option<SolveRequest<'a>> {
        let Case { parameters, start, course } = self.case.take()?;
        let parameters = Cow::Borrowed(parameters);
        Some(SolveRequest { key: 0, parameters, start, course, over: Cow::Borrowed(&[]) })
    }
    fn output_weights(&mut self, _: usize, _: &Sensitivities, _: &mut OutputWeights) {}
    fn on_work(&mut self, _: usize, work: &Work) {
        self.work = *work;
    }
    fn on_solution(&mut self, _: usize, found: Result<&T, CourseError>) {
        self.outcome = found.map(|found| (self.take)(found));
    }
}
