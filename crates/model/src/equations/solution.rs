//! The solutions of a structural model: outputs, their derivatives, and what they start from.

use crate::course::{Course, CourseError};

/// The amount of target when the model starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InitialTarget<T> {
    /// The measured baseline of total IgE.
    Baseline {
        /// Baseline total IgE, ng/mL.
        ige_ng_ml: T,
    },
    /// The steady state of the untreated model.
    SteadyState,
}

/// Rows of one number for each output of a model, in the order of [`crate::StructuralModel::outputs`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputRows {
    /// The numbers of a row; 0 if there are no rows.
    width: usize,
    numbers: Vec<f64>,
}

impl OutputRows {
    /// No rows.
    pub const fn new() -> Self {
        Self { width: 0, numbers: Vec::new() }
    }

    /// Rows of `width` zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        Self { width, numbers: vec![0.0; rows * width] }
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.numbers.len().checked_div(self.width).unwrap_or(0)
    }

    /// Adds `rows` of `width` zeros, and returns their numbers, row by row. All rows have one width.
    pub fn grow(&mut self, rows: usize, width: usize) -> &mut [f64] {
        debug_assert!(self.is_empty() || self.width == width);
        self.width = width;
        let start = self.numbers.len();
        self.numbers.resize(start + rows * width, 0.0);
        &mut self.numbers[start..]
    }

    /// Adds a row.
    pub fn push(&mut self, row: &[f64]) {
        self.grow(1, row.len()).copy_from_slice(row);
    }

    /// The rows in their order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        self.numbers.chunks_exact(self.width.max(1))
    }

    /// The numbers of one output.
    pub fn column(&self, output: usize) -> impl Iterator<Item = f64> {
        self.iter().map(move |row| row[output])
    }

    /// All numbers, row by row.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// All numbers to be changed, row by row.
    pub fn numbers_mut(&mut self) -> &mut [f64] {
        &mut self.numbers
    }
}

impl<R: AsRef<[f64]>> FromIterator<R> for OutputRows {
    fn from_iter<I: IntoIterator<Item = R>>(all: I) -> Self {
        let mut rows = Self::default();
        all.into_iter().for_each(|row| rows.push(row.as_ref()));
        rows
    }
}

impl std::ops::Index<usize> for OutputRows {
    type Output = [f64];

    #[inline]
    fn index(&self, row: usize) -> &[f64] {
        &self.numbers[row * self.width..][..self.width]
    }
}

impl std::ops::IndexMut<usize> for OutputRows {
    #[inline]
    fn index_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.numbers[row * self.width..][..self.width]
    }
}

impl<'a> IntoIterator for &'a OutputRows {
    type Item = &'a [f64];
    type IntoIter = std::slice::ChunksExact<'a, f64>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Outputs over a course, a row for each output time, or why there are none.
pub type Predicted = Result<OutputRows, CourseError>;

/// A body to be solved over a course.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its parameters, in the structure's order.
    pub parameters: &'a [f64],
    /// Its state before the first dose.
    pub start: InitialTarget<f64>,
    /// The course over which it is solved.
    pub course: &'a Course,
}

/// Outputs over a course, with their derivatives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sensitivities {
    /// Outputs at each output time.
    pub values: OutputRows,
    /// Their derivatives, as of [`crate::StructuralModel::sensitivities`].
    pub slopes: OutputRows,
}

/// Weights of two sums over the output times whose second-order derivatives are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputWeights {
    /// The weight of each output at each output time.
    pub values: OutputRows,
    /// The weight of each first derivative, in the order of [`Sensitivities::slopes`]; none if that sum is not wanted.
    pub slopes: OutputRows,
}

impl OutputWeights {
    /// Removes all weights.
    pub fn clear(&mut self) {
        self.values.clear();
        self.slopes.clear();
    }
}

/// Outputs with their derivatives, and the second-order derivatives of weighted sums of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecondOrder {
    /// Outputs and first derivatives.
    pub at: Sensitivities,
    /// The weights of both sums; none if no second derivatives are wanted.
    pub weights: OutputWeights,
    /// The Hessian of the weighted sum of the outputs over the logarithms of the parameters and, after the last of them,
    /// the baseline: a symmetric matrix, row by row.
    pub hessian: Vec<f64>,
    /// The gradient of the weighted sum of the first derivatives over the same inputs; empty if that sum is not wanted.
    pub slope_gradient: Vec<f64>,
}

impl SecondOrder {
    /// Removes all numbers.
    pub(super) fn clear(&mut self) {
        self.at.values.clear();
        self.at.slopes.clear();
        self.weights.clear();
        self.hessian.clear();
        self.slope_gradient.clear();
    }
}

/// A receiver of the solution of each of many cases, by its position.
pub type Take<'a, T> = &'a mut dyn FnMut(usize, Result<&T, CourseError>);
