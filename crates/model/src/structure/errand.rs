//! Errands: bodies to be solved, where what is found of one may lead to the next.

use super::{Case, Concentrations, Start, Take};
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
    /// Whether the second derivatives of a weighted sum of its concentrations are wanted.
    pub is_bent: bool,
}

/// Bodies to be solved, of each of which a `T` is to be found.
pub trait Errands<'a, T> {
    /// How many can be under way at a time, about.
    fn abreast(&self) -> usize;

    /// The next one; `None` if there is none before more is found.
    fn next(&mut self) -> Option<Errand<'a>>;

    /// The weight of each concentration at each output time, where these are the concentrations: asked for when second
    /// derivatives are wanted. `weights` comes empty.
    fn weigh(&mut self, key: usize, values: &[Concentrations<f64>], weights: &mut Vec<[f64; 5]>);

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
    weights: &'a [&'a [[f64; 5]]],
    next: usize,
    take: Take<'t, T>,
}

impl<'a, 't, T> Listed<'a, 't, T> {
    /// Without second derivatives.
    pub fn new(cases: &'a [Case<'a>], take: Take<'t, T>) -> Self {
        Self::weighted(cases, &[], take)
    }

    /// With those of sums with these weights.
    pub fn weighted(cases: &'a [Case<'a>], weights: &'a [&'a [[f64; 5]]], take: Take<'t, T>) -> Self {
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
        let is_bent = self.weights.get(key).is_some_and(|weights| !weights.is_empty());
        Some(Errand { key, parameters: Cow::Borrowed(parameters), start, course, is_bent })
    }
    fn weigh(&mut self, key: usize, _: &[Concentrations<f64>], weights: &mut Vec<[f64; 5]>) {
        weights.extend_from_slice(self.weights[key]);
    }
    fn take(&mut self, key: usize, found: Result<&T, CourseError>) {
        (self.take)(key, found);
    }
}
