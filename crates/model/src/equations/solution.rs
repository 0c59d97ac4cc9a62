//! The solutions of a structural model: concentrations, their derivatives, and what they start from.

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

/// Concentrations at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Concentrations<T> {
    /// Free and bound omalizumab, µg/mL.
    pub omalizumab_total: T,
    /// Free and bound IgE, ng/mL.
    pub ige_total: T,
    /// Unbound IgE, ng/mL.
    pub ige_free: T,
    /// Unbound omalizumab, µg/mL.
    pub omalizumab_free: T,
    /// Omalizumab–IgE complex, nM.
    pub complex: T,
}

impl<T: Copy> Concentrations<T> {
    /// Names of the five, in the order of [`Concentrations::to_array`].
    pub const NAMES: [&'static str; 5] =
        ["omalizumab_total", "ige_total", "ige_free", "omalizumab_free", "complex"];

    /// The five as an array; the first three are the observed analytes in the order of their `DVID`.
    pub fn to_array(self) -> [T; 5] {
        [self.omalizumab_total, self.ige_total, self.ige_free, self.omalizumab_free, self.complex]
    }

    /// From the five in the order of [`Concentrations::NAMES`].
    pub fn from_array([omalizumab_total, ige_total, ige_free, omalizumab_free, complex]: [T; 5]) -> Self {
        Self { omalizumab_total, ige_total, ige_free, omalizumab_free, complex }
    }
}

/// Concentrations over a course, or why there are none.
pub type Predicted = Result<Vec<Concentrations<f64>>, CourseError>;

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

/// Concentrations over a course, with their derivatives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sensitivities {
    /// Concentrations at each output time.
    pub values: Vec<Concentrations<f64>>,
    /// Their derivatives, as of [`crate::StructuralModel::sensitivities`].
    pub slopes: Vec<[f64; 5]>,
}

/// Weights of two sums over the output times whose second-order derivatives are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputWeights {
    /// The weight of each concentration at each output time.
    pub values: Vec<[f64; 5]>,
    /// The weight of each first derivative, in the order of [`Sensitivities::slopes`]; none if that sum is not wanted.
    pub slopes: Vec<[f64; 5]>,
}

impl OutputWeights {
    /// Removes all weights.
    pub fn clear(&mut self) {
        self.values.clear();
        self.slopes.clear();
    }
}

/// Concentrations with their derivatives, and the second-order derivatives of weighted sums of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecondOrder {
    /// Concentrations and first derivatives.
    pub at: Sensitivities,
    /// The weights of both sums; none if no second derivatives are wanted.
    pub weights: OutputWeights,
    /// The Hessian of the weighted sum of the concentrations over the logarithms of the parameters and, after the last of them,
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
