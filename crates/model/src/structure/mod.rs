//! Structural models: what they declare, and how one is solved over a course of doses.
//!
//! A structural model is one file: a [`Body`], the equations in their rate constants, and one [`Structure`] or more,
//! which say how parameters make those rate constants and how concentrations are read. Everything else sees
//! [`StructuralModel`].

mod abreast;
mod carrier;
mod coincidence;
mod depot;
mod derivatives;
mod errand;
mod falling_production;
mod flow;
mod full_binding;
mod legs;
mod michaelis_menten;
mod one_compartment;
mod quasi_equilibrium;
mod quasi_steady_state;
mod registry;
mod second;
mod segment;
mod solve;
mod steady;

use crate::course::{Course, CourseError};
use crate::scalar::{Pack, Real};
use crate::solver::{Lanes, Work};
use crate::subject::Analyte;
use crate::units::OMALIZUMAB_KDA;
use errand::Listed;
pub use errand::{Errand, Errands};
pub use registry::{STRUCTURES, structure, structure_with_dosing};

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

/// The parameters of dosing, which every structure can have and none must.
const BIOAVAILABILITY: ParameterInfo =
    ParameterInfo::new("F", "1", "bioavailability of a subcutaneous dose, above 0");
const LAG: ParameterInfo =
    ParameterInfo::new("tlag", "d", "time from a subcutaneous dose to the start of its absorption");

/// Parameters that are a part of something: at most one. A bioavailability is none, as it may be relative to that of
/// another formulation or site.
const PARTS: [&str; 1] = ["Imax"];

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

    /// From the five in the order of [`Concentrations::NAMES`].
    pub fn from_array([omalizumab_total, ige_total, ige_free, omalizumab_free, complex]: [T; 5]) -> Self {
        Self { omalizumab_total, ige_total, ige_free, omalizumab_free, complex }
    }
}

/// Concentrations over a course, or why there are none.
pub type Predicted = Result<Vec<Concentrations<f64>>, CourseError>;

/// A body to be solved.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its parameters, in the structure's order.
    pub parameters: &'a [f64],
    /// What it starts from.
    pub start: Start<f64>,
    /// The course over which it is solved. Where several cases have one course, they should have the same reference to it,
    /// one after the other.
    pub course: &'a Course,
}

/// Concentrations over a course, with their derivatives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sensitivities {
    /// Concentrations at each output time.
    pub values: Vec<Concentrations<f64>>,
    /// Their derivatives, as of [`StructuralModel::sensitivities`].
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
    /// The gradient of the weighted sum of the first derivatives over the same; empty if that sum is not wanted.
    pub slope_gradient: Vec<f64>,
}

/// What takes what was found of each of many cases, by its position.
pub type Take<'a, T> = &'a mut dyn FnMut(usize, Result<&T, CourseError>);

/// The equations of a body: `N` states, amounts in nmol, and `K` rate constants.
///
/// State 0 takes the drug, from the depot or from a vein. Rate constant 0 is that of absorption, 1/d.
trait Body<const N: usize, const K: usize>: Sync + 'static {
    /// Whether it needs the implicit method.
    const STIFF: bool = false;

    /// Whether it is solved so often that it is compiled for wider processors too.
    const HOT: bool = false;

    /// States whose initial value is not identically zero.
    const INITIAL_LANES: &'static [usize];

    /// The fastest relaxation, 1/d, that the sensitivities must follow: at a steady state the values stand still
    /// however long the step, and only this bounds it.
    fn fastest(rates: &[f64; K]) -> f64;

    /// The right-hand side, with drug flowing into state 0 at `inflow` nmol/d.
    fn derivative<T: Real>(rates: &[T; K], inflow: T, state: &[T; N]) -> [T; N];

    /// A quantity that changes sign where the solution bends sharply; of one sign where it never does.
    fn turn(_state: &[f64; N]) -> f64 {
        1.0
    }
}

/// A body with its parameters and outputs, written once over the scalar.
trait Structure<const N: usize, const K: usize>: Sync + 'static {
    /// The equations.
    type Body: Body<N, K>;

    /// Its name in model files.
    const NAME: &'static str;

    /// Its parameters, in order, and the two of dosing.
    const PARAMETERS: &'static [ParameterInfo];

    /// Whether clearances and volumes are apparent, divided by the bioavailability of a subcutaneous dose: then a
    /// subcutaneous dose enters whole and an intravenous one divided by the bioavailability.
    const APPARENT: bool;

    /// Molecular mass of the drug, kDa.
    const DRUG_KDA: f64 = OMALIZUMAB_KDA;
    /// nmol in a milligram of it.
    const NMOL_PER_MG: f64 = 1000.0 / Self::DRUG_KDA;

    /// What can be observed.
    const ANALYTES: &'static [Analyte] = &Analyte::ALL;

    /// Whether it can start from a measured baseline of IgE.
    const STARTS_AT_BASELINE: bool = true;

    /// The rate constants of the equations from the parameters.
    fn rates<T: Real>(parameters: &[T], start: Start<T>) -> [T; K];

    /// The state at the start.
    fn initial<T: Real>(parameters: &[T], start: Start<T>) -> [T; N];

    /// Concentrations from the parameters and the state.
    fn outputs<T: Real>(parameters: &[T], state: &[T; N]) -> Concentrations<T>;
}

/// A structure of which the second derivatives of a weighted sum of concentrations are found backward. They depend on the `N`
/// states and some parameters, `V` in all.
trait Bending<const N: usize, const K: usize, const V: usize>: Structure<N, K> {
    /// The positions of those parameters.
    const READ: &'static [usize];

    /// Adds, for each of `W` states, half the second derivatives of the right-hand side, its components weighted, along the
    /// first derivatives `at`: the sum and its transpose are the whole.
    fn bend<const L: usize, const W: usize>(
        rates: &[f64; K],
        states: &[Pack<W>; N],
        weights: &[Pack<W>; N],
        at: &[[Lanes<L>; N]],
        half: &mut [Lanes<L>; L],
    );

    /// Second derivatives of the right-hand side at `W` states, contracted with a matrix: Σ M[n][u]·∂²f_n/∂u∂z, n over the
    /// components of the right-hand side, u over states and lanes. `by_state` is M over states, `by_lane` M over lanes, of each
    /// state. Returned is the sum for z each state; that for z each lane is added to `lanes`.
    fn contract<const L: usize, const W: usize>(
        rates: &[f64; K],
        states: &[Pack<W>; N],
        by_state: &[[Pack<W>; N]; N],
        by_lane: &[[Lanes<L>; N]],
        lanes: &mut Lanes<L>,
    ) -> [Pack<W>; N];

    /// The first and second derivatives of a weighted sum of the concentrations at `W` ordinary states, to the states and then
    /// to the logarithms of the parameters.
    fn read_twice<const W: usize>(
        parameters: &[f64],
        states: &[Pack<W>; N],
        weights: &[Pack<W>; 5],
    ) -> ([Pack<W>; V], [[Pack<W>; V]; V]);
}

/// A structural model that can be solved.
pub trait StructuralModel: Sync + std::fmt::Debug {
    /// Its name in model files.
    fn name(&self) -> &'static str;

    /// Its parameters, in order.
    fn parameters(&self) -> &'static [ParameterInfo];

    /// What it predicts that can be measured.
    fn analytes(&self) -> &'static [Analyte];

    /// Whether it can start from a measured baseline of total IgE.
    fn starts_at_baseline(&self) -> bool;

    /// Whether its clearances and volumes are apparent, divided by the bioavailability of a subcutaneous dose: then it
    /// takes intravenous doses only with a bioavailability (`F`).
    fn is_apparent(&self) -> bool;

    /// Concentrations at each output time of `course`.
    ///
    /// # Errors
    /// When a parameter is out of its domain or the course cannot be solved.
    fn predict(
        &self,
        parameters: &[f64],
        start: Start<f64>,
        course: &Course,
        out: &mut Vec<Concentrations<f64>>,
    ) -> Result<Work, CourseError>;

    /// Concentrations of each of many cases, to the bit those of [`StructuralModel::predict`], which `take` is given with
    /// the case's position, in any order. Where one cannot be solved the others are not touched.
    fn predict_each(&self, cases: &[Case<'_>], take: Take<'_, Vec<Concentrations<f64>>>);

    /// Concentrations and their derivatives.
    ///
    /// `slopes` receives, for each output time and each of the five concentrations, the derivative to the logarithm
    /// of each parameter and then of the baseline: `(parameters + 1)` numbers.
    ///
    /// # Errors
    /// As [`StructuralModel::predict`].
    fn sensitivities(
        &self,
        parameters: &[f64],
        start: Start<f64>,
        course: &Course,
        out: &mut Vec<Concentrations<f64>>,
        slopes: &mut Vec<[f64; 5]>,
    ) -> Result<Work, CourseError>;

    /// Concentrations and their derivatives on each of many errands, to the bit those of [`StructuralModel::sensitivities`],
    /// in any order, and the second-order derivatives of weighted sums where they are wanted: to the accuracy of the first where
    /// [`StructuralModel::bends_at_once`], else differences of these, good to 1e-6 of their size. Where one cannot be solved the others are not touched.
    fn differentiate_each<'a>(&self, errands: &mut dyn Errands<'a, SecondOrder>);

    /// Whether the second derivatives of a weighted sum over this course cost little more than the first.
    fn bends_at_once(&self, course: &Course) -> bool;

    /// The same of each of many cases, which `take` is given with the case's position.
    fn sensitivities_each(&self, cases: &[Case<'_>], take: Take<'_, Sensitivities>) {
        let mut take = |k: usize, found: Result<&SecondOrder, _>| take(k, found.map(|second| &second.at));
        self.differentiate_each(&mut Listed::new(cases, &mut take));
    }

    /// Concentrations, their derivatives, and the second-order derivatives of sums with these weights of each of many cases.
    fn second_order_each(&self, cases: &[Case<'_>], weights: &[OutputWeights], take: Take<'_, SecondOrder>) {
        self.differentiate_each(&mut Listed::weighted(cases, weights, take));
    }
}
