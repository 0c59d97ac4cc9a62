//! A structural model as everything else sees it.

use super::parameter::ParameterInfo;
use super::request::{FixedQueue, RequestQueue, SingleQueue};
use super::solution::{Case, InitialTarget, OutputRows, OutputWeights, SecondOrder, Sensitivities, Take};
use crate::analyte::{Analyte, Substance};
use crate::course::{Course, CourseError};
use crate::ode::Work;

/// A structural model that can be solved.
pub trait StructuralModel: Sync + std::fmt::Debug {
    /// Its name in model files.
    fn name(&self) -> &'static str;

    /// Its parameters, in order.
    fn parameters(&self) -> &'static [ParameterInfo];

    /// Its equations in plain text, a line each.
    fn equations(&self) -> Vec<&'static str>;

    /// Its outputs, the concentrations that it predicts, in order.
    fn outputs(&self) -> &'static [Analyte];

    /// Molecular mass of a molecule, kDa; of the complex, that of its parts.
    fn kda(&self, substance: Substance) -> f64;

    /// The outputs that can be observed, in order.
    fn analytes(&self) -> Vec<Analyte> {
        self.outputs().iter().copied().filter(|analyte| analyte.dvid().is_some()).collect()
    }

    /// The position of an analyte among the outputs, if the model predicts it.
    fn output(&self, analyte: Analyte) -> Option<usize> {
        self.outputs().iter().position(|other| *other == analyte)
    }

    /// The position among the outputs of the free target, by which suppression is judged, if the model predicts it.
    fn free_target(&self) -> Option<usize> {
        self.outputs().iter().position(|output| output.is_free_target())
    }

    /// Whether it can start from a measured baseline of total IgE.
    fn starts_at_baseline(&self) -> bool;

    /// Whether its clearances and volumes are apparent, divided by the bioavailability of a subcutaneous dose: then it
    /// takes intravenous doses only with a bioavailability (`F`).
    fn is_apparent(&self) -> bool;

    /// Whether the second derivatives of a weighted sum over this course are exact, and cost little more than the first.
    fn has_exact_hessian(&self, course: &Course) -> bool;

    /// Outputs of each request, in any order, several at a time: to the bit as alone. Where one cannot be solved the others
    /// are not touched.
    fn predict_all<'a>(&self, queue: &mut dyn RequestQueue<'a, OutputRows>);

    /// Outputs and their derivatives of each request, in any order, several at a time: to the bit as alone; and the
    /// second-order derivatives of weighted sums where they are wanted: to the accuracy of the first where
    /// [`StructuralModel::has_exact_hessian`], else differences of these, good to 1e-6 of their size. Where one cannot be solved
    /// the others are not touched.
    fn differentiate_all<'a>(&self, queue: &mut dyn RequestQueue<'a, SecondOrder>);

    /// Outputs at each output time of `course`.
    ///
    /// # Errors
    /// When a parameter is out of its domain or the course cannot be solved.
    fn predict(
        &self,
        parameters: &[f64],
        start: InitialTarget<f64>,
        course: &Course,
        out: &mut OutputRows,
    ) -> Result<Work, CourseError> {
        out.clear();
        let take = |found: &OutputRows| out.clone_from(found);
        let mut single = SingleQueue::new(Case { parameters, start, course }, take);
        self.predict_all(&mut single);
        single.outcome()
    }

    /// Outputs of each of many cases, which `take` is given with the case's position, as of
    /// [`StructuralModel::predict_all`].
    fn predict_each(&self, cases: &[Case<'_>], take: Take<'_, OutputRows>) {
        self.predict_all(&mut FixedQueue::new(cases, take));
    }

    /// Outputs and their derivatives.
    ///
    /// `slopes` receives, for each output time, a row for each parameter and then one for the baseline: the derivatives of
    /// the outputs to its logarithm.
    ///
    /// # Errors
    /// As [`StructuralModel::predict`].
    fn sensitivities(
        &self,
        parameters: &[f64],
        start: InitialTarget<f64>,
        course: &Course,
        out: &mut OutputRows,
        slopes: &mut OutputRows,
    ) -> Result<Work, CourseError> {
        out.clear();
        slopes.clear();
        let take = |SecondOrder { at, .. }: &SecondOrder| {
            out.clone_from(&at.values);
            slopes.clone_from(&at.slopes);
        };
        let mut single = SingleQueue::new(Case { parameters, start, course }, take);
        self.differentiate_all(&mut single);
        single.outcome()
    }

    /// Outputs and their derivatives of each of many cases, which `take` is given with the case's position.
    fn sensitivities_each(&self, cases: &[Case<'_>], take: Take<'_, Sensitivities>) {
        let mut take = |k: usize, found: Result<&SecondOrder, _>| take(k, found.map(|second| &second.at));
        self.differentiate_all(&mut FixedQueue::new(cases, &mut take));
    }

    /// Outputs, their derivatives, and the second-order derivatives of sums with these weights of each of many cases.
    fn second_order_each(&self, cases: &[Case<'_>], weights: &[OutputWeights], take: Take<'_, SecondOrder>) {
        self.differentiate_all(&mut FixedQueue::weighted(cases, weights, take));
    }
}
