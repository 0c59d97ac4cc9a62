//! Reconstruction of a subject's complete time course from its fit, with uncertainty bands and the resulting facts on
//! free IgE.

use crate::curve::{Curve, Points, Readings};
use crate::individual_fit::IndividualFit;
use crate::options::FitOptions;
use crate::sampling::{draw_courses, quantile_band};
use crate::spread::DeltaMethod;
use crate::suppression::Suppression;
use omafit_model::{
    Analyte, Case, Course, Output, OutputRows, OutputTime, PerAnalyte, PopulationModel, PredictionError,
    Sensitivities, Subject,
};
use statrs::distribution::{ContinuousCDF, Normal};

/// Method by which the uncertainty of a fit is propagated to a time course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bands {
    /// Delta method: the covariance propagated through the sensitivities.
    Linear,
    /// Sampling: time courses of parameters drawn from the normal distribution of η given by the covariance.
    Sampled {
        /// Number of draws.
        draws: u32,
        /// Seed; a subject's draws depend on the seed and on the subject's position in the trial.
        seed: u64,
    },
}

/// Settings of a reconstruction.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ReconstructionOptions {
    /// Spacing of the time grid, days.
    pub every: f64,
    /// Earliest end of the course, days; a subject's own last record if that is later.
    pub until: f64,
    /// Coverage of the bands, such as 0.9.
    pub level: f64,
    /// Target for free IgE, ng/mL.
    pub target_ng_ml: f64,
    /// Method for the bands.
    pub bands: Bands,
}

/// A subject's time course. Every vector has one entry per time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// Time, days.
    pub time: Vec<f64>,
    /// Dose given from this time to the next, mg.
    pub dose_mg: Vec<f64>,
    /// The outputs of the model, in their order.
    pub outputs: PerAnalyte<OutputCourse>,
}

/// An output over a time course. Every vector has one entry per time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputCourse {
    /// The values, in the unit of the analyte.
    pub value: Vec<f64>,
    /// Lower ends of the bands; NaN where the data do not determine the output.
    pub lower: Vec<f64>,
    /// Upper ends of the bands.
    pub upper: Vec<f64>,
}

impl Trajectory {
    /// The course of an output; `None` if the model does not predict it, or there is no time course.
    pub fn of(&self, analyte: Analyte) -> Option<&OutputCourse> {
        self.outputs.get(analyte)
    }

    /// The course of free IgE, the target; `None` if the model does not predict it, or there is no time course.
    pub fn free_target(&self) -> Option<&OutputCourse> {
        self.outputs.iter().find(|(output, _)| output.is_free_target()).map(|(_, course)| course)
    }

    /// Creates a time course with unknown outputs.
    fn at(outputs: &[Analyte], times: &Times) -> Self {
        let output = times.course.times();
        let time: Vec<f64> = times.asked.iter().map(|&at| output[at].time).collect();
        let unknown = || vec![f64::NAN; time.len()];
        let course = |_| OutputCourse { value: unknown(), lower: unknown(), upper: unknown() };
        let outputs = PerAnalyte::of(outputs.iter().copied(), course);
        Self { dose_mg: doses_on(&time, &times.course), time, outputs }
    }

    /// Widens the bands of a reconstructed time course by the uncertainty of the population behind the fit. `along`
    /// contains the subject's parameters one standard deviation up and down along each of some independent directions:
    /// half the difference of the logarithms of an output between the two is a standard deviation, which is added
    /// to the band as an independent component.
    ///
    /// # Errors
    /// If the model cannot be solved.
    pub fn widen(
        &mut self,
        model: &PopulationModel,
        subject: &Subject,
        along: &[[Vec<f64>; 2]],
        wanted: &ReconstructionOptions,
    ) -> Result<(), PredictionError> {
        let course = Course::on_grid(subject, wanted.every, wanted.until.max(subject.end()))?;
        let mut variances = OutputRows::zeros(self.time.len(), model.structure().outputs().len());
        let (mut high, mut low) = (OutputRows::new(), OutputRows::new());
        for [up, down] in along {
            model.predict(up, &subject.covariates, &course, &mut high)?;
            model.predict(down, &subject.covariates, &course, &mut low)?;
            let pairs = high.numbers().iter().zip(low.numbers());
            for (variance, (high, low)) in variances.numbers_mut().iter_mut().zip(pairs) {
                // Two equal values, such as two zeros, have no uncertainty.
                if high != low {
                    *variance += (0.5 * (high / low).ln()).powi(2);
                }
            }
        }
        let half_width = Normal::standard().inverse_cdf(0.5 + 0.5 * wanted.level);
        for (c, (_, OutputCourse { lower, upper, .. })) in self.outputs.iter_mut().enumerate() {
            for (variance, (lower, upper)) in variances.column(c).zip(lower.iter_mut().zip(upper)) {
                if variance > 0.0 {
                    let half = 0.5 * (*upper / *lower).ln();
                    let wider = (half.hypot(half_width * variance.sqrt()) - half).exp();
                    *lower /= wider;
                    *upper *= wider;
                }
            }
        }
        Ok(())
    }
}

/// Reconstruction of a subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconstruction {
    /// The time course.
    pub trajectory: Trajectory,
    /// Facts on free IgE; `None` if the model does not predict free IgE.
    pub suppression: Option<Suppression>,
}

/// The times of a reconstruction: those of the requested grid, and those that [`Points`] needs.
struct Times {
    course: Course,
    points: Points,
    /// Positions in the course.
    asked: Vec<usize>,
    needed: Vec<usize>,
}

impl Times {
    fn new(subject: &Subject, wanted: &ReconstructionOptions) -> Result<Self, PredictionError> {
        let end = wanted.until.max(subject.end());
        let grid = Course::on_grid(subject, wanted.every, end)?;
        let points = Points::new(subject, end);
        let (mut times, mut asked, mut needed) = (Vec::new(), Vec::new(), Vec::new());
        let key = |t: &OutputTime| (t.time, t.doses_before);
        let (mut a, mut b) = (grid.times().iter().peekable(), points.times.iter().peekable());
        while let Some(next) = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) => Some(if key(x) <= key(y) { **x } else { **y }),
            (x, y) => x.or(y).map(|t| **t),
        } {
            while a.next_if(|t| **t == next).is_some() {
                asked.push(times.len());
            }
            while b.next_if(|t| **t == next).is_some() {
                needed.push(times.len());
            }
            times.push(next);
        }
        let course = Course::new(subject.start, subject.doses.clone(), times, Output::Interpolated)?;
        Ok(Self { course, points, asked, needed })
    }
}

/// Relative derivative up to which a derivative counts as rounding error of cancelling terms: the baseline, which is
/// measured, depends on no parameter.
const ROUNDING: f64 = 1e-13;

/// A subject to be reconstructed: position in the trial, subject and fit.
type Whose<'a> = (u64, &'a Subject, &'a IndividualFit);

/// Reconstructs a subject's time course from its first record at a fixed spacing, and derives the facts on the
/// suppression of free IgE. The model is solved once for both.
///
/// The band of an output c is c·exp(±z·s), with s² the variance of ln c: the fit's covariance propagated through
/// the sensitivities. Sampled bands are quantiles of the drawn courses; `position` is the position of the subject in
/// the trial.
///
/// # Errors
/// If the model cannot be solved, or the time grid is invalid.
pub fn reconstruct(
    model: &PopulationModel,
    subject: &Subject,
    position: u64,
    options: &FitOptions,
    fit: &IndividualFit,
    wanted: &ReconstructionOptions,
) -> Result<Reconstruction, PredictionError> {
    let (times, start) = (Times::new(subject, wanted)?, model.start(&subject.covariates)?);
    let mut solved = Sensitivities::default();
    let Sensitivities { values, slopes } = &mut solved;
    model.structure().sensitivities(&fit.parameters, start, &times.course, values, slopes)?;
    reconstructed(model, (position, subject, fit), options, wanted, &times, &solved)
}

/// Reconstructs several subjects, each bit for bit as [`reconstruct`].
pub(crate) fn reconstruct_each(
    model: &PopulationModel,
    subjects: &[Whose<'_>],
    options: &FitOptions,
    wanted: &ReconstructionOptions,
) -> Vec<Result<Reconstruction, PredictionError>> {
    let prepare = |(_, subject, _): &Whose<'_>| -> Result<_, PredictionError> {
        Ok((Times::new(subject, wanted)?, model.start(&subject.covariates)?))
    };
    let prepared: Vec<Result<_, PredictionError>> = subjects.iter().map(prepare).collect();
    let (mut cases, mut whose) = (Vec::new(), Vec::new());
    for (k, ((_, _, fit), prepared)) in subjects.iter().zip(&prepared).enumerate() {
        if let Ok((times, start)) = prepared {
            cases.push(Case { parameters: &fit.parameters, start: *start, course: &times.course });
            whose.push((k, times));
        }
    }
    let refused = |prepared: &Result<_, PredictionError>| match prepared {
        Ok(_) => Ok(Reconstruction::default()),
        Err(error) => Err(error.clone()),
    };
    let mut all: Vec<Result<Reconstruction, PredictionError>> = prepared.iter().map(refused).collect();
    model.structure().sensitivities_each(&cases, &mut |case, solved| {
        let (k, times) = whose[case];
        let solved = solved.map_err(PredictionError::from);
        all[k] = solved.and_then(|solved| reconstructed(model, subjects[k], options, wanted, times, solved));
    });
    all
}

/// Computes the reconstruction from a solution of the model.
fn reconstructed(
    model: &PopulationModel,
    (position, subject, fit): Whose<'_>,
    options: &FitOptions,
    wanted: &ReconstructionOptions,
    times: &Times,
    Sensitivities { values, slopes }: &Sensitivities,
) -> Result<Reconstruction, PredictionError> {
    let half_width = Normal::standard().inverse_cdf(0.5 + 0.5 * wanted.level);
    let inputs = model.parameters().len() + 1;
    let unknowns = options.free.len();
    let spread = DeltaMethod::new(&fit.uncertainty, unknowns);
    let outputs = model.structure().outputs();
    let mut trajectory = Trajectory::at(outputs, times);
    let mut gradients = OutputRows::zeros(unknowns, outputs.len());
    let mut sds = vec![0.0; outputs.len()];
    for (row, &at) in times.asked.iter().enumerate() {
        for (unknown, (&i, log_slope)) in options.free.iter().zip(&fit.log_slopes).enumerate() {
            let slopes = &slopes[at * inputs + i];
            gradients[unknown].iter_mut().zip(slopes).for_each(|(by, slope)| *by = slope * log_slope);
        }
        spread.sds_of(gradients.numbers(), &mut sds);
        for ((_, course), (&value, &sd)) in trajectory.outputs.iter_mut().zip(values[at].iter().zip(&sds)) {
            // A value of zero has derivatives of zero.
            let sd = if sd <= ROUNDING * value.abs() { 0.0 } else { sd / value };
            let factor = if sd.is_finite() { (half_width * sd).exp() } else { f64::NAN };
            course.value[row] = value;
            course.lower[row] = value / factor;
            course.upper[row] = value * factor;
        }
    }
    let target = model.structure().free_target();
    let mut suppression = None;
    if let Some((target, free)) = target.and_then(|target| Some((target, free_ige(times, values, target)?))) {
        let mut of_log = Vec::with_capacity(free.len() * unknowns);
        for (&at, value) in times.needed.iter().zip(&free) {
            let of = |(&i, log_slope): (&usize, &f64)| {
                let slope = slopes[at * inputs + i][target] * log_slope / value;
                if slope.abs() <= ROUNDING { 0.0 } else { slope }
            };
            of_log.extend(options.free.iter().zip(&fit.log_slopes).map(of));
        }
        let curve = Curve { points: &times.points, values: &free, slopes: &of_log, unknowns };
        let read = curve.read(wanted.target_ng_ml);
        suppression = Some(Suppression::linear(read, &spread, half_width, is_dosed(subject)));
    }
    let mut done = Reconstruction { trajectory, suppression };
    if let Bands::Sampled { draws, seed } = wanted.bands {
        sample(model, subject, (seed, position, draws), options, fit, wanted, times, &mut done)?;
    }
    Ok(done)
}

/// Replaces the bands by those of sampled courses. There are no bands if a course cannot be solved or a direction of
/// the parameters is not determined.
#[allow(clippy::too_many_arguments)]
fn sample(
    model: &PopulationModel,
    subject: &Subject,
    stream: (u64, u64, u32),
    options: &FitOptions,
    fit: &IndividualFit,
    wanted: &ReconstructionOptions,
    times: &Times,
    done: &mut Reconstruction,
) -> Result<(), PredictionError> {
    let drawn = draw_courses(model, subject, stream, options, fit, &times.course)?;
    let part = 0.5 * (1.0 - wanted.level);
    let Reconstruction { trajectory, suppression } = done;
    for (c, (_, output)) in trajectory.outputs.iter_mut().enumerate() {
        for (k, &at) in times.asked.iter().enumerate() {
            let values = drawn.iter().map(|course| course[at][c]).collect();
            (output.lower[k], output.upper[k]) = quantile_band(values, part);
        }
    }
    let target = model.structure().free_target();
    if let Some((suppression, target)) = suppression.as_mut().zip(target) {
        let read = |course: &OutputRows| -> Readings {
            let Some(free) = free_ige(times, course, target) else { return Readings::default() };
            let curve = Curve { points: &times.points, values: &free, slopes: &[], unknowns: 0 };
            curve.read(wanted.target_ng_ml)
        };
        suppression.sampled(&drawn.iter().map(read).collect::<Vec<_>>(), part);
    }
    Ok(())
}

/// Free IgE, the output `target`, at the points of its curve; `None` unless it is finite and positive everywhere.
fn free_ige(times: &Times, values: &OutputRows, target: usize) -> Option<Vec<f64>> {
    let free: Vec<f64> = times.needed.iter().map(|&at| values[at][target]).collect();
    (!free.is_empty() && free.iter().all(|v| v.is_finite() && *v > 0.0)).then_some(free)
}

fn is_dosed(subject: &Subject) -> bool {
    subject.doses.iter().any(|d| d.amount_mg > 0.0)
}

/// The course of the typical subject with equal covariates and doses, at the times of a reconstructed time course.
///
/// # Errors
/// If the model cannot be solved.
pub fn typical_course(
    model: &PopulationModel,
    subject: &Subject,
    wanted: &ReconstructionOptions,
) -> Result<OutputRows, PredictionError> {
    let course = Course::on_grid(subject, wanted.every, wanted.until.max(subject.end()))?;
    let mut out = OutputRows::new();
    model.predict(&model.typical(&subject.covariates)?, &subject.covariates, &course, &mut out)?;
    Ok(out)
}

/// The amount of a course's doses given from each time to the next.
fn doses_on(times: &[f64], course: &Course) -> Vec<f64> {
    let mut given = vec![0.0; times.len()];
    for dose in course.doses() {
        let slot = times.partition_point(|t| *t <= dose.time).saturating_sub(1);
        if let Some(sum) = given.get_mut(slot) {
            *sum += dose.amount_mg;
        }
    }
    given
}
