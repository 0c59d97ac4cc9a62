//! Structural models: what they declare, and how one is solved over a course of doses.
//!
//! A structural model is one file that implements [`Structure`]; everything else sees [`StructuralModel`].

mod explicit;
mod quasi_equilibrium;

use crate::course::{Course, CourseError};
use crate::scalar::Real;
use crate::solver::Work;
use explicit::Explicit;
use quasi_equilibrium::QuasiEquilibrium;

/// A parameter of a structural model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// Its name, the paper's.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

impl ParameterInfo {
    const fn new(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self { name, unit, meaning }
    }
}

/// What the target amount is when the model starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start<T> {
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
}

/// A structural model, written once over the scalar.
///
/// `N` states, `K` rate constants, `L` lanes in which the solver differentiates (each rate constant and each initial
/// state that is not zero), `P` inputs (each parameter and the baseline).
pub trait Structure<const N: usize, const K: usize, const L: usize, const P: usize>: Sync {
    /// Its name in model files.
    const NAME: &'static str;

    /// States whose initial value is not identically zero; `K` plus their number is `L`.
    const INITIAL_LANES: &'static [usize];

    /// Its parameters, in order: `P − 1` of them.
    fn parameters() -> &'static [ParameterInfo];

    /// The rate constants of the equations from the parameters.
    fn rates<T: Real>(parameters: &[T]) -> [T; K];

    /// The absorption rate constant among the rate constants, 1/d.
    fn absorption<T: Real>(rates: &[T; K]) -> T;

    /// The fastest relaxation of the states, 1/d: at a steady state the values stand still however long the step, and
    /// only this bounds it for the sensitivities.
    fn fastest(rates: &[f64; K]) -> f64;

    /// The state at the start.
    fn initial<T: Real>(parameters: &[T], start: Start<T>) -> [T; N];

    /// The right-hand side, with drug flowing in from the depot at `inflow` nmol/d.
    fn derivative<T: Real>(rates: &[T; K], inflow: T, state: &[T; N]) -> [T; N];

    /// A quantity that changes sign where the solution bends sharply; of one sign where it never does.
    fn turn(state: &[f64; N]) -> f64;

    /// Concentrations from the parameters and the state.
    fn outputs<T: Real>(parameters: &[T], state: &[T; N]) -> Concentrations<T>;
}

/// A structural model that can be solved.
pub trait StructuralModel: Sync + std::fmt::Debug {
    /// Its name in model files.
    fn name(&self) -> &'static str;

    /// Its parameters, in order.
    fn parameters(&self) -> &'static [ParameterInfo];

    /// Concentrations at each output time of `course`.
    fn predict(
        &self,
        parameters: &[f64],
        start: Start<f64>,
        course: &Course,
        out: &mut Vec<Concentrations<f64>>,
    ) -> Result<Work, CourseError>;

    /// Concentrations and their derivatives.
    ///
    /// `slopes` receives, for each output time and each of the five concentrations, the derivative to the logarithm
    /// of each parameter and then of the baseline: `(parameters + 1)` numbers.
    fn sensitivities(
        &self,
        parameters: &[f64],
        start: Start<f64>,
        course: &Course,
        out: &mut Vec<Concentrations<f64>>,
        slopes: &mut Vec<[f64; 5]>,
    ) -> Result<Work, CourseError>;
}

/// The structures there are.
pub static STRUCTURES: [&dyn StructuralModel; 1] = [&Explicit(QuasiEquilibrium)];

/// The structure of a name, if there is one.
pub fn structure(name: &str) -> Option<&'static dyn StructuralModel> {
    STRUCTURES.into_iter().find(|s| s.name() == name)
}
