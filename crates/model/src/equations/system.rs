//! The equations of a structural model, apart from the machinery that solves them.

use super::parameter::ParameterInfo;
use super::solution::InitialTarget;
use crate::analyte::Analyte;
use crate::autodiff::{Real, Simd};
use crate::ode::Tangent;
use crate::units::{IGE_KDA, OMALIZUMAB_KDA};

/// The equations of a body: `N` states, amounts in nmol, and `K` rate constants.
///
/// State 0 takes the drug, from the depot or from a vein. Rate constant 0 is that of absorption, 1/d.
pub(crate) trait OdeSystem<const N: usize, const K: usize>: Sync + 'static {
    /// Whether it needs the implicit method.
    const IS_STIFF: bool = false;

    /// Whether it is solved so often that its right-hand side is compiled into every stage of a step, and that directions it does
    /// not need are left out.
    const INLINE: bool = false;

    /// States whose initial value is not identically zero.
    const INITIAL_STATES: &'static [usize];

    /// The fastest relaxation, 1/d, that the sensitivities must follow: at a steady state the values stand still
    /// however long the step, and only this bounds it.
    fn max_rate(rates: &[f64; K]) -> f64;

    /// The right-hand side, with drug flowing into state 0 at `inflow` nmol/d.
    fn derivative<T: Real>(rates: &[T; K], inflow: T, state: &[T; N]) -> [T; N];

    /// An event function: a quantity that changes sign where the solution bends sharply; of one sign where it never does.
    fn event(_state: &[f64; N]) -> f64 {
        1.0
    }
}

/// An array with a number for each output of a model.
pub(super) trait OutputArray<T>: AsRef<[T]> + AsMut<[T]> {
    /// The number of outputs.
    const LEN: usize;

    /// The array with one number in all places.
    fn filled(number: T) -> Self;
}

impl<T: Copy, const M: usize> OutputArray<T> for [T; M] {
    const LEN: usize = M;

    #[inline(always)]
    fn filled(number: T) -> Self {
        [number; M]
    }
}

/// A structural model: its equations, with their parameters and outputs, written once over the scalar.
pub(super) trait ModelEquations<const N: usize, const K: usize>: Sync + 'static {
    /// The equations in their rate constants.
    type System: OdeSystem<N, K>;

    /// Its name in model files.
    const NAME: &'static str;

    /// Its parameters, in order, without those of dosing.
    const PARAMETERS: &'static [ParameterInfo];

    /// Its equations in plain text, in parts of several lines.
    const EQUATIONS: &'static [&'static [&'static str]];

    /// Whether clearances and volumes are apparent, divided by the bioavailability of a subcutaneous dose: then a
    /// subcutaneous dose enters whole and an intravenous one divided by the bioavailability.
    const IS_APPARENT: bool;

    /// Molecular mass of the drug, kDa.
    const DRUG_KDA: f64 = OMALIZUMAB_KDA;
    /// nmol in a milligram of it.
    const NMOL_PER_MG: f64 = 1000.0 / Self::DRUG_KDA;

    /// Molecular mass of the target, kDa.
    const TARGET_KDA: f64 = IGE_KDA;

    /// Its outputs, in order.
    const OUTPUTS: &'static [Analyte];

    /// A number for each output: `[T; M]`.
    type Outputs<T: Copy>: OutputArray<T>;

    /// Whether it can start from a measured baseline of IgE.
    const STARTS_AT_BASELINE: bool = true;

    /// The rate constants of the equations from the parameters.
    fn rates<T: Real>(parameters: &[T], start: InitialTarget<T>) -> [T; K];

    /// The state at the start.
    fn initial<T: Real>(parameters: &[T], start: InitialTarget<T>) -> [T; N];

    /// The outputs from the parameters and the state.
    fn outputs<T: Real>(parameters: &[T], state: &[T; N]) -> Self::Outputs<T>;
}

/// The positions of the parameters that the outputs of a model depend on directly.
pub(super) trait OutputParameters {
    /// Ascending positions.
    const POSITIONS: &'static [usize];
}

/// Equations with second derivatives, by which those of a weighted sum of outputs are found backward. Outputs depend
/// on the `N` states and some parameters, those of [`OutputParameters`]: on `V` numbers in all.
pub(super) trait SecondOrderEquations<const N: usize, const K: usize, const V: usize>:
    ModelEquations<N, K> + OutputParameters
{
    /// The second derivatives of the right-hand side at `W` states, in the form that suits the equations.
    type Curvature<const W: usize>;

    /// The second derivatives of the right-hand side at `W` states; all of them ordinary, unless it is one.
    fn curvature<const W: usize>(rates: &[f64; K], states: &[Simd<W>; N]) -> Self::Curvature<W>;

    /// Adds, for each of `W` states, half the second derivatives of the right-hand side, its components weighted, along the
    /// first derivatives `at`: the sum and its transpose are the whole.
    fn add_hessian<const L: usize, const W: usize>(
        rates: &[f64; K],
        curvature: &Self::Curvature<W>,
        weights: &[Simd<W>; N],
        at: &[[Tangent<L>; N]],
        half: &mut [Tangent<L>; L],
    );

    /// Second derivatives of the right-hand side at `W` states, contracted with a matrix: Σ M[n][u]·∂²f_n/∂u∂z, n over the
    /// components of the right-hand side, u over states and directions. `by_state` is M over states, `by_direction` M over
    /// directions, of each state. Returned is the sum for z each state; that for z each direction is added to `directions`.
    fn contract_hessian<const L: usize, const W: usize>(
        rates: &[f64; K],
        curvature: &Self::Curvature<W>,
        by_state: &[[Simd<W>; N]; N],
        by_direction: &[[Tangent<L>; N]],
        directions: &mut Tangent<L>,
    ) -> [Simd<W>; N];

    /// The first and second derivatives of a weighted sum of the outputs at `W` ordinary states, to the states and then
    /// to the logarithms of the parameters.
    fn outputs_hessian<const W: usize>(
        parameters: &[f64],
        states: &[Simd<W>; N],
        weights: &Self::Outputs<Simd<W>>,
    ) -> ([Simd<W>; V], [[Simd<W>; V]; V]);
}
