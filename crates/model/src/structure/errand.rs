//! Errands: bodies to be solved, where what is found of one may lead to the next.

use super::{Case, OutputWeights, Sensitivities, Start, Take};
use crate::course::{Course, CourseError};
use std::borrow::Cow;

/// A body to be solved.
#[derive(Clone, Debug)]
pub struct Errand<'a> {
    /// What it is known by.
    pub key: usize,
    /// Its parameters, in the structure's order.
    pub parameters: Cow<'a, [f64]>,
    /// What it starts from.
    pub start: Start<f64>,
    /// The course over which it is solved.
    pub course: &'a Course,
    /// The inputs over which second-order derivatives are wanted, ascending: positions among the parameters, and after the last of
    /// them the baseline; empty if none are wanted. Those over other inputs need not be found.
    pub over: Cow<'a, [usize]>,
}

/// Bodies to be solved, of each of which a `T` is to be found.
pub trait Errands<'a, T> {
    /// How many can be under way at a time, about.
    fn abreast(&self) -> usize;

    /// The next one; `None` if there is none before more is found.
    fn next(&mut self) -> Option<Errand<'a>>;

    /// The weights of the sums whose second-order derivatives are wanted, where these are the concentrations and their first
    /// derivatives. `weights` comes empty.
    fn weigh(&mut self, key: usize, at: &Sensitivities, weights: &mut OutputWeights);

    /// What was found of one, or why nothing was.
    fn take(&mut self, key: usize, found: Result<&T, CourseError>);
}

/// How the errands that cannot be gone on together are gone on.
pub(super) type Alone<'m, 'a, T> =
    &'m dyn Fn(&Errand<'a>, &mut dyn Errands<'a, T>, &mut T) -> Result<(), CourseError>;

/// Goes on each alone.
pub(super) fn one_by_one<'a, T: Default>(errands: &mut dyn Errands<'a, T>, alone: Alone<'_, 'a, T>) {
    let mut found = T::default();
    while let Some(errand) = errands.next() {
        by_itself(&errand, errands, alone, &mut found);
    }
}

/// Goes on one.
pub(super) fn by_itself<'a, T>(
    errand: &Errand<'a>,
    errands: &mut dyn Errands<'a, T>,
    alone: Alone<'_, 'a, T>,
    found: &mut T,
) {
    match alone(errand, errands, found) {
        Ok(()) => errands.take(errand.key, Ok(found)),
        Err(error) => errands.take(errand.key, Err(error)),
    }
}

/// Cases that are all known, each by its position.
pub(super) struct Listed<'a, 't, T> {
    cases: &'a [Case<'a>],
    /// The weights of each; none where no second derivatives are wanted.
    weights: &'a [OutputWeights],
    next: usize,
    take: Take<'t, T>,
}

impl<'a, 't, T> Listed<'a, 't, T> {
    /// Without second derivatives.
    pub fn new(cases: &'a [Case<'a>], take: Take<'t, T>) -> Self {
        Self::weighted(cases, &[], take)
    }

    /// With those of sums with these weights.
    pub fn weighted(cases: &'a [Case<'a>], weights: &'a [OutputWeights], take: Take<'t, T>) -> Self {
        Self { cases, weights, next: 0, take }
    }
}

impl<'a, T> Errands<'a, T> for Listed<'a, '_, T> {
    fn abreast(&self) -> usize {
        self.cases.len()
    }
    fn next(&mut self) -> Option<Errand<'a>> {
        let key = self.next;
        let &Case { parameters, start, course } = self.cases.get(key)?;
        self.next += 1;
        let is_wanted = self.weights.get(key).is_some_and(|weights| !weights.values.is_empty());
        let over = if is_wanted { (0..=parameters.len()).collect() } else { Vec::new() };
        Some(Errand { key, parameters: Cow::Borrowed(parameters), start, course, over: Cow::Owned(over) })
    }
    fn weigh(&mut self, key: usize, _: &Sensitivities, weights: &mut OutputWeights) {
        weights.clone_from(&self.weights[key]);
    }
    fn take(&mut self, key: usize, found: Result<&T, CourseError>) {
        (self.take)(key, found);
    }
}
