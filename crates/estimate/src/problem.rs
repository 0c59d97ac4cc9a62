//! The least-squares problem of one subject: residual rows, prior rows, and their Jacobian.
//!
//! The unknowns are η, the deviations of the transformed estimated parameters from the typical subject with equal
//! covariates: for a log-normal parameter φ = ln(typical) + η.
//!
//! ```text
//! r_j = (ln y_j − ln f_j(φ)) / σ_k          one row per observation, k its analyte, its error log-normal
//! L·η,  LᵀL = Ω⁻¹                           the prior rows, when there is a population
//! ```
//!
//! For any other error or residual distribution, and for a censored observation, r_j is the row whose gradient is that
//! of the likelihood ([`crate::likelihood`]); the objective is then not the sum of squares but the likelihood itself.

use crate::least_squares::{Linearised, Residuals};
use crate::likelihood::{ErrorDistribution, LikelihoodTerm, ResidualErrors, constant, likelihood_term};
use crate::prior::Prior;
use nalgebra::{DMatrix, DVector};
use omafit_model::{
    Case, Censoring, Course, CourseError, CovariateError, ErrorModel, IndividualValue, InitialTarget,
    Observation, OutputRows, OutputWeights, PopulationModel, PredictionError, ResidualDistribution,
    SecondOrder, Sensitivities, StructuralModel, Subject,
};

/// Remedies for a value that is quantified where the prediction is zero.
const REMEDY: &str = ": --before-dose leave-out leaves it out before the first dose, CENS 1 or --lloq says that it is below a limit";

/// Reason why a subject's residuals cannot be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SubjectError {
    /// The model cannot be solved with these parameters.
    #[error("the model cannot be solved: {0}")]
    Course(#[from] CourseError),
    /// The model does not apply to the subject.
    #[error(transparent)]
    Covariate(#[from] CovariateError),
    /// An analyte was observed that the model does not predict.
    #[error("the model does not predict {analyte}, which was observed at day {time}")]
    NotPredicted {
        /// Name of the analyte.
        analyte: &'static str,
        /// Time of the observation, days.
        time: f64,
    },
    /// A prediction has no likelihood: it is zero or less under a log-normal or proportional error, or not finite.
    #[error(
        "the model predicts {predicted} {unit} of {analyte} at day {time}, where {value} was observed{place}; under a \
         {error} error that has no likelihood{remedy}"
    )]
    NoLikelihood {
        /// Name of the analyte.
        analyte: &'static str,
        /// Unit of the analyte.
        unit: &'static str,
        /// Time of the observation, days.
        time: f64,
        /// The observation.
        value: f64,
        /// The prediction.
        predicted: f64,
        /// Name of the residual error model.
        error: &'static str,
        /// Place in the data, " (row n)"; empty if the observation is not from a file.
        place: String,
        /// Possible remedy if the prediction is zero; otherwise empty.
        remedy: &'static str,
    },
    /// An observation is not finite, or not positive under a log-normal error.
    #[error("the observation {value} at day {time} is not a positive number")]
    NotPositive {
        /// Time of the observation, days.
        time: f64,
        /// The observation.
        value: f64,
    },
}

impl From<PredictionError> for SubjectError {
    fn from(error: PredictionError) -> Self {
        match error {
            PredictionError::Course(error) => error.into(),
            PredictionError::Covariate(error) => error.into(),
        }
    }
}

/// Accuracy of the model solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accuracy {
    /// Accuracy that suffices to approach the minimum.
    Coarse,
    /// Accuracy of all reported values.
    Full,
}

/// Relative tolerance for the part of the curvature that the rows omit. If parameters are hardly distinguishable, an
/// error of a hundredth of a per cent in it is visible in a standard error.
const CURVATURE_RTOL: f64 = 1e-6;
/// Relative tolerance on the approach to the minimum.
const COARSE_RTOL: f64 = 1e-4;
/// Limit on the solver steps of a subject's fit, constant part and part per dose or observation. An ordinary fit takes
/// a hundredth of it.
const FIT_STEPS: u64 = 2_000_000;
const FIT_STEPS_EACH: u64 = 20_000;
/// Number of draws that may take as many solver steps together as a fit; ordinary draws take a hundredth of their
/// share.
const DRAWS_A_FIT: u64 = 100;
/// Approximate ratio of the error of a prediction to the error of a solver step.
const STEPS: f64 = 10.0;

/// The least-squares problem of one subject.
#[derive(Debug)]
pub struct SubjectProblem<'a> {
    model: &'a PopulationModel,
    observations: &'a [Observation],
    start: InitialTarget<f64>,
    typical: Vec<f64>,
    free: &'a [usize],
    /// Prior with the constant Jacobian of its rows.
    prior: Option<(&'a Prior, DMatrix<f64>)>,
    course: Course,
    coarse_course: Course,
    /// Position of the prediction of each observation: of its time in the course, and of its analyte among the outputs.
    positions: Vec<Position>,
    /// Error distribution of each observation.
    laws: Vec<ErrorDistribution>,
}

/// The position of a prediction: its row, an output time, and its column, an output of the model.
type Position = (usize, usize);

/// A subject's problem with an η and the predictions at that η.
type Predicted<'p, 'a> = (&'p SubjectProblem<'a>, &'p [f64], &'p [f64]);

impl<'a> SubjectProblem<'a> {
    /// Creates the problem of estimating the parameters at the ascending positions `free` from a subject's observations
    /// with the residual `errors` and, optionally, a prior over these parameters.
    ///
    /// # Errors
    /// If the subject's records form no time course, the model does not apply to the subject or predict an observed
    /// analyte, or an observation is not finite, or not positive under a log-normal error.
    pub fn new(
        model: &'a PopulationModel,
        subject: &'a Subject,
        free: &'a [usize],
        prior: Option<&'a Prior>,
        errors: &ResidualErrors,
    ) -> Result<Self, SubjectError> {
        let (course, rows) = Course::of_observations(subject)?;
        let mut positions = Vec::with_capacity(rows.len());
        let mut laws = Vec::with_capacity(rows.len());
        for (o, row) in subject.observations.iter().zip(rows) {
            let (analyte, time, value) = (o.analyte.name(), o.time, o.value);
            let found = model.structure().output(o.analyte).zip(errors.get(o.analyte));
            let Some((output, &law)) = found else {
                return Err(SubjectError::NotPredicted { analyte, time });
            };
            if !value.is_finite() || (value <= 0.0 && law.error.is_log()) {
                return Err(SubjectError::NotPositive { time, value });
            }
            positions.push((row, output));
            laws.push(law);
        }
        Ok(Self {
            model,
            observations: &subject.observations,
            start: model.start(&subject.covariates)?,
            typical: model.typical(&subject.covariates)?,
            free,
            prior: prior.map(|p| (p, p.jacobian(free.len()))),
            coarse_course: course.clone().with_rtol(COARSE_RTOL),
            course,
            positions,
            laws,
        })
    }

    /// Limits the solver steps to the budget of one fit, so that it cannot hold up other fits.
    pub(crate) fn for_a_fit(mut self) -> Self {
        let events = (self.course.doses().len() + self.observations.len()) as u64;
        self.course = self.course.with_budget(FIT_STEPS + FIT_STEPS_EACH * events);
        self.coarse_course = self.course.clone().with_rtol(COARSE_RTOL);
        self
    }

    /// Limits the solver steps to the budget of one fit and a number of draws of η.
    pub(crate) fn for_draws(mut self, draws: u32) -> Self {
        let events = (self.course.doses().len() + self.observations.len()) as u64;
        let fit = FIT_STEPS + FIT_STEPS_EACH * events;
        self.course = self.course.with_budget(fit + fit / DRAWS_A_FIT * u64::from(draws));
        self.coarse_course = self.course.clone().with_rtol(COARSE_RTOL);
        self
    }

    /// Sets the relative tolerance of the model at full accuracy.
    pub(crate) fn with_rtol(mut self, rtol: f64) -> Self {
        self.course = self.course.with_rtol(rtol);
        self
    }

    /// The constants that the objective leaves out of −2 log-likelihood, other than those of all densities: Σ ln σ² of
    /// log-normal errors.
    pub(crate) fn constants(&self) -> f64 {
        self.observations.iter().zip(&self.laws).map(|(o, law)| constant(o, *law, false)).sum()
    }

    /// All parameters at η, with derivatives.
    pub(crate) fn individual(&self, eta: &[f64]) -> Vec<IndividualValue> {
        let mut departures = vec![0.0; self.typical.len()];
        self.free.iter().zip(eta).for_each(|(&i, &eta)| departures[i] = eta);
        let of =
            |(i, (&typical, eta)): (usize, (&f64, f64))| self.model.parameters()[i].individual(typical, eta);
        self.typical.iter().zip(departures).enumerate().map(of).collect()
    }

    /// The values of all parameters at η.
    pub fn parameters(&self, eta: &[f64]) -> Vec<f64> {
        values_of(&self.individual(eta))
    }

    /// The derivatives d ln(parameter)/dη of the estimated parameters at η.
    pub fn log_slopes(&self, eta: &[f64]) -> Vec<f64> {
        let individual = self.individual(eta);
        self.free.iter().map(|&i| individual[i].log_slope).collect()
    }

    /// All parameters at η = 0.
    pub(crate) fn typical(&self) -> &[f64] {
        &self.typical
    }

    /// The observations, each with the position of its prediction and its error distribution.
    pub(crate) fn observed(&self) -> impl Iterator<Item = (Position, &'a Observation, ErrorDistribution)> {
        let laws = self.observations.iter().zip(&self.laws);
        self.positions.iter().zip(laws).map(|(&at, (observation, &law))| (at, observation, law))
    }

    /// The part of half the Hessian of the objective that the least-squares rows omit, for each of several subjects of
    /// one model at an η with the given predictions: Σ ½ℓ'·f'' and the part of ½ℓ'' that vanishes with the residual,
    /// with ℓ an observation's −2 log-likelihood and f its prediction.
    ///
    /// The courses are solved less accurately than for reported values, as the result is a correction.
    pub(crate) fn missing_curvature_each(
        points: &[Predicted<'_, 'a>],
    ) -> Vec<Result<DMatrix<f64>, SubjectError>> {
        let Some((first, ..)) = points.first() else { return Vec::new() };
        let model = first.model;
        let individuals: Vec<_> = points.iter().map(|(problem, eta, _)| problem.individual(eta)).collect();
        let parameters: Vec<Vec<f64>> = individuals.iter().map(|individual| values_of(individual)).collect();
        let courses: Vec<Course> =
            points.iter().map(|(problem, ..)| problem.course.clone().with_rtol(CURVATURE_RTOL)).collect();
        let (mut cases, mut weights) = (Vec::new(), Vec::new());
        for (((problem, _, predicted), course), parameters) in points.iter().zip(&courses).zip(&parameters) {
            cases.push(Case { parameters, start: problem.start, course });
            weights.push(OutputWeights { values: problem.weights(predicted), slopes: OutputRows::new() });
        }
        let mut all: Vec<_> = points.iter().map(|_| Ok(DMatrix::zeros(0, 0))).collect();
        model.structure().second_order_each(&cases, &weights, &mut |k, found| {
            let (problem, _, predicted) = points[k];
            all[k] = found
                .map_err(SubjectError::from)
                .and_then(|found| problem.missing(&individuals[k], predicted, found));
        });
        all
    }

    /// Half the derivative of the objective with respect to each output at each output time, given the
    /// prediction of each observation; zero for an observation without likelihood.
    fn weights(&self, predicted: &[f64]) -> OutputRows {
        let outputs = self.structure().outputs().len();
        let mut weights = OutputRows::zeros(self.course.times().len(), outputs);
        for (row, &(at, output)) in self.positions.iter().enumerate() {
            weights[at][output] += self.part(row, predicted[row]).map_or(0.0, |part| part.slope);
        }
        weights
    }

    /// Sets the weights for the given outputs at the output times.
    pub(crate) fn weigh(&self, values: &OutputRows, weights: &mut OutputWeights) {
        let predicted: Vec<f64> = self.positions.iter().map(|&(at, output)| values[at][output]).collect();
        weights.values = self.weights(&predicted);
    }

    /// The part of half the Hessian that the rows omit, from derivatives of the predictions with respect to the
    /// logarithms of the parameters.
    pub(crate) fn missing(
        &self,
        individual: &[IndividualValue],
        predicted: &[f64],
        found: &SecondOrder,
    ) -> Result<DMatrix<f64>, SubjectError> {
        let (inputs, free) = (individual.len() + 1, self.free);
        let slopes = &found.at.slopes;
        let of = |i: usize| individual[free[i]];
        let mut missing = DMatrix::from_fn(free.len(), free.len(), |i, j| {
            found.hessian[free[i] * inputs + free[j]] * of(i).log_slope * of(j).log_slope
        });
        for (i, &parameter) in free.iter().enumerate() {
            // A parameter that is not log-normal.
            if of(i).log_bend != 0.0 {
                let at = |(time, weights): (usize, &[f64])| -> f64 {
                    let slopes = &slopes[time * inputs + parameter];
                    weights.iter().zip(slopes).map(|(w, s)| w * s).sum()
                };
                missing[(i, i)] +=
                    of(i).log_bend * found.weights.values.iter().enumerate().map(at).sum::<f64>();
            }
        }
        for (row, &(at, output)) in self.positions.iter().enumerate() {
            let part = self.part(row, predicted[row])?;
            let slope =
                DVector::from_fn(free.len(), |i, _| slopes[at * inputs + free[i]][output] * of(i).log_slope);
            missing.ger(part.bend - part.information, &slope, &slope, 1.0);
        }
        Ok(missing)
    }

    /// The likelihood term of an observation at a prediction.
    fn part(&self, row: usize, predicted: f64) -> Result<LikelihoodTerm, SubjectError> {
        let (observation, law) = (&self.observations[row], self.laws[row]);
        likelihood_term(observation, law, predicted)
            .ok_or_else(|| no_likelihood(observation, predicted, law.error))
    }
}

/// The values of individual parameters.
pub(crate) fn values_of(individual: &[IndividualValue]) -> Vec<f64> {
    individual.iter().map(|p| p.value).collect()
}

fn no_likelihood(observation: &Observation, predicted: f64, error: ErrorModel) -> SubjectError {
    let place = if observation.row > 0 { format!(" (row {})", observation.row) } else { String::new() };
    let remedy = if predicted == 0.0 { REMEDY } else { "" };
    SubjectError::NoLikelihood {
        remedy,
        analyte: observation.analyte.name(),
        unit: observation.analyte.unit(),
        time: observation.time,
        value: observation.value,
        predicted,
        error: error.name(),
        place,
    }
}

impl Residuals for &SubjectProblem<'_> {
    type Error = SubjectError;

    fn linearise(&self, eta: &[f64]) -> Result<Linearised, SubjectError> {
        SubjectProblem::linearise(self, eta)
    }
}

impl<'a> SubjectProblem<'a> {
    /// Computes residuals, prior rows and their Jacobian at η.
    pub(crate) fn linearise(&self, eta: &[f64]) -> Result<Linearised, SubjectError> {
        Self::linearise_each(&[(self, eta)]).swap_remove(0)
    }

    /// The bodies of several subjects with these parameters, over their courses at full accuracy.
    fn cases<'c>(points: &[(&'c Self, &[f64])], parameters: &'c [Vec<f64>]) -> Vec<Case<'c>> {
        let mut cases = Vec::with_capacity(points.len());
        for ((problem, _), parameters) in points.iter().zip(parameters) {
            cases.push(Case { parameters, start: problem.start, course: &problem.course });
        }
        cases
    }

    /// Computes the rows of each of several subjects of one model at an η, bit for bit as
    /// [`SubjectProblem::linearise`]. The models of all are solved together.
    pub(crate) fn linearise_each(points: &[(&Self, &[f64])]) -> Vec<Result<Linearised, SubjectError>> {
        let Some((first, _)) = points.first() else { return Vec::new() };
        let individuals: Vec<_> = points.iter().map(|(problem, eta)| problem.individual(eta)).collect();
        let parameters: Vec<Vec<f64>> = individuals.iter().map(|individual| values_of(individual)).collect();
        let cases = Self::cases(points, &parameters);
        let mut all: Vec<Option<Result<Linearised, SubjectError>>> = points.iter().map(|_| None).collect();
        first.structure().sensitivities_each(&cases, &mut |k, found| {
            let (problem, eta) = points[k];
            let rows = |found| problem.rows(eta, &individuals[k], found, Accuracy::Full);
            all[k] = Some(found.map_err(SubjectError::from).and_then(rows));
        });
        all.into_iter().flatten().collect()
    }

    pub(crate) fn structure(&self) -> &'static dyn StructuralModel {
        self.model.structure()
    }

    /// The prior, if there is one.
    pub(crate) fn prior(&self) -> Option<&Prior> {
        self.prior.as_ref().map(|(prior, _)| *prior)
    }

    /// The positions of the estimated parameters.
    pub(crate) fn free(&self) -> &'a [usize] {
        self.free
    }

    pub(crate) fn start(&self) -> InitialTarget<f64> {
        self.start
    }

    /// Whether second derivatives cost little more than first derivatives.
    pub(crate) fn has_exact_hessian(&self) -> bool {
        self.structure().has_exact_hessian(&self.course)
    }

    pub(crate) fn course(&self, accuracy: Accuracy) -> &Course {
        match accuracy {
            Accuracy::Coarse => &self.coarse_course,
            Accuracy::Full => &self.course,
        }
    }

    /// Computes the rows from predictions of the given accuracy.
    pub(crate) fn rows(
        &self,
        eta: &[f64],
        individual: &[IndividualValue],
        Sensitivities { values, slopes }: &Sensitivities,
        accuracy: Accuracy,
    ) -> Result<Linearised, SubjectError> {
        let rtol = self.course(accuracy).rtol();
        let inputs = individual.len() + 1;
        let (mut objective, mut noise) = (0.0, 0.0);
        let mut predictions = Vec::with_capacity(self.observations.len());
        // An observation without information, such as one below a limit at a prediction of zero, has no row.
        let mut informative = Vec::with_capacity(self.observations.len());
        let mut parts = Vec::with_capacity(self.observations.len());
        for (row, &(at, output)) in self.positions.iter().enumerate() {
            let predicted = values[at][output];
            let part = self.part(row, predicted)?;
            predictions.push(predicted);
            objective += part.value;
            noise += 2.0 * (part.slope * predicted).abs() * STEPS * rtol;
            if part.information > 0.0 {
                informative.push(row);
                parts.push(part);
            }
        }
        let data = informative.len();
        let rows = data + self.prior.as_ref().map_or(0, |(p, _)| p.rows());
        let mut residuals = DVector::zeros(rows);
        let mut jacobian = DMatrix::zeros(rows, eta.len());
        for (row, (&observation, part)) in informative.iter().zip(&parts).enumerate() {
            let (at, output) = self.positions[observation];
            let weight = part.information.sqrt();
            residuals[row] = -part.slope / weight;
            for (column, &i) in self.free.iter().enumerate() {
                let slope = slopes[at * inputs + i][output] * individual[i].log_slope;
                jacobian[(row, column)] = -weight * slope;
            }
        }
        if let Some((prior, rows)) = &self.prior {
            let prior_residuals = prior.residuals(eta);
            objective += prior_residuals.norm_squared();
            residuals.rows_mut(data, prior.rows()).copy_from(&prior_residuals);
            jacobian.rows_mut(data, prior.rows()).copy_from(rows);
        }
        // An observation without information has no row and does not count.
        let is_square = |&row: &usize| {
            let ErrorDistribution { error, shape } = self.laws[row];
            let quantified = self.observations[row].censoring == Censoring::Quantified;
            quantified && error.is_log() && shape == ResidualDistribution::Normal
        };
        let is_sum_of_squares = informative.iter().all(is_square);
        Ok(Linearised { objective, noise, is_sum_of_squares, predictions, informative, residuals, jacobian })
    }

    /// The objective at each of many η, as in [`SubjectProblem::linearise`] without derivatives.
    pub(crate) fn objectives(&self, etas: &[Vec<f64>]) -> Vec<Result<f64, SubjectError>> {
        let points: Vec<(&Self, &[f64])> = etas.iter().map(|eta| (self, &eta[..])).collect();
        Self::objectives_each(&points)
    }

    /// The objective of each of several subjects of one model at an η. The models of all are solved together.
    pub(crate) fn objectives_each(points: &[(&Self, &[f64])]) -> Vec<Result<f64, SubjectError>> {
        let Some((first, _)) = points.first() else { return Vec::new() };
        let sets: Vec<Vec<f64>> = points.iter().map(|(problem, eta)| problem.parameters(eta)).collect();
        let cases = Self::cases(points, &sets);
        let mut all: Vec<Option<Result<f64, SubjectError>>> = points.iter().map(|_| None).collect();
        first.structure().predict_each(&cases, &mut |k, predicted| {
            let (problem, eta) = points[k];
            all[k] = Some(predicted.map_err(SubjectError::from).and_then(|of| problem.objective(eta, of)));
        });
        all.into_iter().flatten().collect()
    }

    /// The objective at η, where the outputs are `predicted`.
    fn objective(&self, eta: &[f64], predicted: &OutputRows) -> Result<f64, SubjectError> {
        let mut objective = self.prior.as_ref().map_or(0.0, |(p, _)| p.residuals(eta).norm_squared());
        for (row, &(at, output)) in self.positions.iter().enumerate() {
            objective += self.part(row, predicted[at][output])?.value;
        }
        Ok(objective)
    }
}
