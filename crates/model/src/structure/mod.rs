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
use crate::dual::Dual;
use crate::scalar::{Pack, Real};
use crate::solver::{Hessian, Lanes, Work};
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

/// Concentrations with their derivatives, and the second derivatives of their weighted sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bend {
    /// Concentrations and derivatives.
    pub at: Sensitivities,
    /// The weights of the sum at each output time; none if no second derivatives are wanted.
    pub weights: Vec<[f64; 5]>,
    /// The second derivatives of the sum to the logarithms of each two parameters and, after the last of them, the baseline:
    /// a symmetric matrix, row by row.
    pub matrix: Vec<f64>,
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

    /// Second derivatives of the right-hand side to states and rate constants; a flow into state 0 has none.
    fn hessian<const L: usize>(rates: &[f64; K], state: &[f64; N]) -> Hessian<N, L> {
        numbers_twice::<Self, N, K, L>(rates, state)
    }

    /// A quantity that changes sign where the solution bends sharply; of one sign where it never does.
    fn turn(_state: &[f64; N]) -> f64 {
        1.0
    }
}

/// The second derivatives of any right-hand side, by dual numbers of dual numbers.
fn numbers_twice<B: Body<N, K> + ?Sized, const N: usize, const K: usize, const L: usize>(
    rates: &[f64; K],
    state: &[f64; N],
) -> Hessian<N, L> {
    let mut hessian = Hessian::none();
    let by_states = B::derivative::<Dual<Dual<f64, N>, N>>(
        &rates.map(Real::constant),
        Real::zero(),
        &std::array::from_fn(|n| Dual::variable(Dual::variable(state[n], n), n)),
    );
    let mixed = B::derivative::<Dual<Dual<f64, K>, N>>(
        &std::array::from_fn(|k| Dual::fixed(Dual::variable(rates[k], k))),
        Real::zero(),
        &std::array::from_fn(|n| Dual::variable(Dual::fixed(state[n]), n)),
    );
    let by_rates = B::derivative::<Dual<Dual<f64, K>, K>>(
        &std::array::from_fn(|k| Dual::variable(Dual::variable(rates[k], k), k)),
        Real::zero(),
        &state.map(Real::constant),
    );
    for i in 0..N {
        hessian.by_states[i] = by_states[i].eps.map(|row| row.eps);
        for n in 0..N {
            hessian.mixed[i][n].0[..K].copy_from_slice(&mixed[i].eps[n].eps);
        }
        for k in 0..K {
            hessian.by_lanes[i][k].0[..K].copy_from_slice(&by_rates[i].eps[k].eps);
        }
    }
    hessian
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
    /// in any order, and the second derivatives of weighted sums where they are wanted, as exact as those of
    /// [`StructuralModel::curvatures`]. Where one cannot be solved the others are not touched.
    fn differentiate_each<'a>(&self, errands: &mut dyn Errands<'a, Bend>);

    /// Whether the second derivatives of a weighted sum over this course cost little more than the first.
    fn bends_at_once(&self, course: &Course) -> bool;

    /// The same of each of many cases, which `take` is given with the case's position.
    fn sensitivities_each(&self, cases: &[Case<'_>], take: Take<'_, Sensitivities>) {
        let mut take = |k: usize, found: Result<&Bend, _>| take(k, found.map(|bend| &bend.at));
        self.differentiate_each(&mut Listed::new(cases, &mut take));
    }

    /// The same with the second derivatives of sums with `weights`, five at each output time of each case.
    fn bends_each(&self, cases: &[Case<'_>], weights: &[&[[f64; 5]]], take: Take<'_, Bend>) {
        self.differentiate_each(&mut Listed::weighted(cases, weights, take));
    }

    /// Concentrations, their derivatives, and second derivatives to the logarithms of the inputs `wanted`: positions
    /// among the parameters, and after the last of them the baseline.
    ///
    /// `curvatures` receives, for each output time, the lower triangle of the matrix over `wanted`, row by row. They are
    /// exact where nothing but injections under the skin is given and the body is not stiff; else they are differences
    /// of the exact first derivatives, good to 1e-6 of their size.
    ///
    /// # Errors
    /// As [`StructuralModel::predict`].
    #[allow(clippy::too_many_arguments)]
    fn curvatures(
        &self,
        parameters: &[f64],
        start: Start<f64>,
        course: &Course,
        wanted: &[usize],
        out: &mut Vec<Concentrations<f64>>,
        slopes: &mut Vec<[f64; 5]>,
        curvatures: &mut Vec<[f64; 5]>,
    ) -> Result<Work, CourseError>;
}
