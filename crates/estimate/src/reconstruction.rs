//! A subject's whole time course from its fit, with a band from the fit's uncertainty.

use crate::individual::{FitOptions, IndividualFit};
use omafit_model::{
    Concentrations, Course, Dose, Output, OutputTime, PopulationModel, PredictionError, Subject,
};
use statrs::distribution::{ContinuousCDF, Normal};

/// Which time course to reconstruct.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Grid {
    /// Spacing, days.
    pub every: f64,
    /// The last day, at least; a subject's own last record if that is later.
    pub until: f64,
    /// Coverage of the bands, such as 0.9.
    pub level: f64,
}

/// A subject's time course. Every vector has one entry a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// Time, days.
    pub time: Vec<f64>,
    /// Dose given from this time to the next, mg.
    pub dose_mg: Vec<f64>,
    /// The five concentrations, in the order and units of [`Concentrations::NAMES`].
    pub value: [Vec<f64>; 5],
    /// Lower ends of their bands; NaN where the data leave the concentration open.
    pub lower: [Vec<f64>; 5],
    /// Upper ends of their bands.
    pub upper: [Vec<f64>; 5],
}

/// Position of free IgE among the five concentrations.
const IGE_FREE: usize = 2;

/// Reconstructs a subject's time course from its first record, every `grid.every` days.
///
/// The band of a concentration c is c·exp(±z·s), s² the variance of ln c: the fit's covariance carried through the
/// sensitivities.
///
/// # Errors
/// When the model cannot be solved, or the grid is no grid.
pub fn reconstruct(
    model: &PopulationModel,
    subject: &Subject,
    options: &FitOptions,
    fit: &IndividualFit,
    grid: &Grid,
) -> Result<Trajectory, PredictionError> {
    let half_width = Normal::standard().inverse_cdf(0.5 + 0.5 * grid.level);
    let end = grid.until.max(subject.end());
    let course = Course::on_grid(subject, grid.every, end)?;
    let (mut values, mut slopes) = (Vec::new(), Vec::new());
    let start = model.start(&subject.covariates)?;
    model.structure().sensitivities(&fit.parameters, start, &course, &mut values, &mut slopes)?;
    let inputs = model.parameters().len() + 1;
    let mut trajectory = Trajectory { dose_mg: doses_on(&course), ..Trajectory::default() };
    let mut gradient = vec![0.0; options.free.len()];
    for (at, (time, concentrations)) in course.times().iter().zip(&values).enumerate() {
        trajectory.time.push(time.time);
        for (c, value) in concentrations.to_array().into_iter().enumerate() {
            let free = options.free.iter().zip(&fit.log_slopes);
            for (g, (&parameter, log_slope)) in gradient.iter_mut().zip(free) {
                let slope = slopes[at * inputs + parameter][c] * log_slope;
                *g = if slope == 0.0 { 0.0 } else { slope / value };
            }
            let factor = fit.uncertainty.sd_of(&gradient).map_or(f64::NAN, |sd| (half_width * sd).exp());
            trajectory.value[c].push(value);
            trajectory.lower[c].push(value / factor);
            trajectory.upper[c].push(value * factor);
        }
    }
    Ok(trajectory)
}

/// The typical subject with the same covariates and doses, at the times of a reconstructed time course.
///
/// # Errors
/// When the model cannot be solved.
pub fn typical_course(
    model: &PopulationModel,
    subject: &Subject,
    grid: &Grid,
) -> Result<Vec<Concentrations<f64>>, PredictionError> {
    let course = Course::on_grid(subject, grid.every, grid.until.max(subject.end()))?;
    let mut out = Vec::new();
    model.predict(&model.typical(&subject.covariates)?, &subject.covariates, &course, &mut out)?;
    Ok(out)
}

fn doses_on(course: &Course) -> Vec<f64> {
    let times = course.times();
    let mut given = vec![0.0; times.len()];
    for dose in course.doses() {
        let slot = times.partition_point(|t| t.time <= dose.time).saturating_sub(1);
        if let Some(sum) = given.get_mut(slot) {
            *sum += dose.amount_mg;
        }
    }
    given
}

/// How a subject's free IgE was held down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suppression {
    /// Days from the first dose until free IgE is first below the target; `None` if it never is.
    pub days_to_target: Option<f64>,
    /// Days below the target, from the first dose to the end of the time course.
    pub days_below: f64,
    /// The lowest free IgE after the first dose, ng/mL.
    pub lowest_ng_ml: f64,
    /// Free IgE at the last dose, just before it, ng/mL: the trough; `None` after a single dose.
    pub trough_ng_ml: Option<f64>,
    /// Days from the last dose until free IgE is above the target again; `None` if it is not, or never was below.
    pub days_to_return: Option<f64>,
}

/// The times at which free IgE crosses `target_ng_ml` along a reconstructed time course.
///
/// Between grid points the logarithm is taken as straight; the first three days, in which free IgE falls, are solved
/// on a grid of half an hour.
///
/// # Errors
/// When the model cannot be solved.
pub fn suppression(
    model: &PopulationModel,
    subject: &Subject,
    fit: &IndividualFit,
    trajectory: &Trajectory,
    target_ng_ml: f64,
) -> Result<Option<Suppression>, PredictionError> {
    let mut given = subject.doses.iter().filter(|d| d.amount_mg > 0.0);
    let Some(first) = given.next() else { return Ok(None) };
    let last = given.next_back().unwrap_or(first);
    let path = joined_path(model, subject, fit, trajectory, first)?;
    let below = |v: f64| v < target_ng_ml;
    let crossing = |a: &(f64, f64), b: &(f64, f64)| {
        let part = (target_ng_ml.ln() - a.1.ln()) / (b.1.ln() - a.1.ln());
        a.0 + part * (b.0 - a.0)
    };
    let mut days_below = 0.0;
    let mut days_to_target = path.first().filter(|p| below(p.1)).map(|_| 0.0);
    let mut days_to_return = None;
    for pair in path.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        match (below(a.1), below(b.1)) {
            (true, true) => days_below += b.0 - a.0,
            (false, true) => {
                let at = crossing(a, b);
                days_below += b.0 - at;
                days_to_target.get_or_insert(at - first.time);
            }
            (true, false) => {
                let at = crossing(a, b);
                days_below += at - a.0;
                if at >= last.time && days_to_return.is_none() {
                    days_to_return = Some(at - last.time);
                }
            }
            (false, false) => {}
        }
    }
    let doses_before = subject.doses.partition_point(|d| d.time < last.time);
    let trough = free_ige(model, subject, fit, vec![OutputTime { time: last.time, doses_before }])?;
    Ok(Some(Suppression {
        days_to_target,
        days_below,
        lowest_ng_ml: path.iter().map(|p| p.1).fold(f64::INFINITY, f64::min),
        trough_ng_ml: trough.first().filter(|_| doses_before > 0).map(|p| p.1),
        days_to_return,
    }))
}

/// Free IgE from the first dose on: half-hourly for three days, then as reconstructed.
fn joined_path(
    model: &PopulationModel,
    subject: &Subject,
    fit: &IndividualFit,
    trajectory: &Trajectory,
    first: &Dose,
) -> Result<Vec<(f64, f64)>, PredictionError> {
    let end = trajectory.time.last().copied().unwrap_or(first.time);
    let fine: Vec<OutputTime> = (0..=144)
        .map(|i| first.time + f64::from(i) / 48.0)
        .filter(|t| *t <= end)
        .map(|time| OutputTime { time, doses_before: subject.doses.partition_point(|d| d.time < time) })
        .collect();
    let mut path = free_ige(model, subject, fit, fine)?;
    let reached = path.last().map_or(first.time, |p| p.0);
    let daily = trajectory.time.iter().zip(&trajectory.value[IGE_FREE]).map(|(t, v)| (*t, *v));
    path.extend(daily.filter(|(t, _)| *t > reached));
    Ok(path)
}

fn free_ige(
    model: &PopulationModel,
    subject: &Subject,
    fit: &IndividualFit,
    times: Vec<OutputTime>,
) -> Result<Vec<(f64, f64)>, PredictionError> {
    let course = Course::new(subject.start, subject.doses.clone(), times, Output::Interpolated)?;
    let mut out: Vec<Concentrations<f64>> = Vec::new();
    model.predict(&fit.parameters, &subject.covariates, &course, &mut out)?;
    Ok(course.times().iter().zip(&out).map(|(t, c)| (t.time, c.ige_free)).collect())
}
