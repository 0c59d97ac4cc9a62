//! The course of a subject through time: where the model starts, the doses, and the times at which it is read.

use crate::ode::{Output, SolverError};
use crate::subject::{Dose, StateRule, Subject};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A time at which concentrations are wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputTime {
    /// Time, days.
    pub time: f64,
    /// How many doses precede it; decides between before and after a dose at the same time.
    pub doses_before: usize,
}

/// Steps of the solver that all solutions of a course and of its clones may take together, and those that are left.
#[derive(Clone, Debug)]
struct Budget {
    steps: u64,
    left: Arc<AtomicU64>,
}

/// What is left of it makes a course no other one.
impl PartialEq for Budget {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps
    }
}

/// What a structural model is solved over.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    start: f64,
    doses: Vec<Dose>,
    times: Vec<OutputTime>,
    output: Output,
    rtol: f64,
    budget: Option<Budget>,
}

/// Why a course could not be solved.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CourseError {
    /// Doses or output times run backwards, or start before the start.
    #[error("time runs backwards at day {time}")]
    Disorder {
        /// The offending time, days.
        time: f64,
    },
    /// A parameter, dose or time is not a finite number, or is negative where it cannot be.
    #[error("{what} is {value}, which no model can take")]
    OutOfDomain {
        /// What it is.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// An intravenous dose into a model whose clearances are apparent and that does not say by what they are divided.
    #[error(
        "the intravenous dose on day {time} needs a bioavailability: the model's clearances and volumes are apparent \
         (divided by it), so its file must have [parameters.F]"
    )]
    NoBioavailability {
        /// When it is given, days.
        time: f64,
    },
    /// A steady state of doses that reach the depot late.
    #[error("the steady state on day {time} is not defined with a lag time; give the doses that lead to it")]
    SteadyStateWithLag {
        /// When it is asked for, days.
        time: f64,
    },
    /// Effects on the target that cannot be added: together they take away more than there is.
    #[error(
        "the added steady state on day {time} (SS 2) takes more IgE away than there is: effects on a target do not add \
         up; use SS 1, or give the doses that lead to it"
    )]
    NegativeSum {
        /// When it is asked for, days.
        time: f64,
    },
    /// Repeating the dose leads to no steady state.
    #[error("no steady state of {amount_mg} mg every {interval} days was found")]
    NoSteadyState {
        /// Days from dose to dose.
        interval: f64,
        /// The dose.
        amount_mg: f64,
    },
    /// All solutions together took as many steps as they may.
    #[error(
        "the solver has taken {steps} steps for it, the most that it may: a dose or a parameter is out of all proportion"
    )]
    Exhausted {
        /// How many that is.
        steps: u64,
    },
    /// The integration stopped short.
    #[error(transparent)]
    Solver(#[from] SolverError),
}

fn check_dose(dose: &Dose) -> Result<(), CourseError> {
    let refuse = |what, value| Err(CourseError::OutOfDomain { what, value });
    if !(dose.amount_mg.is_finite() && dose.amount_mg >= 0.0) {
        return refuse("a dose", dose.amount_mg);
    }
    if !(dose.duration.is_finite() && dose.duration >= 0.0) {
        return refuse("the duration of a dose", dose.duration);
    }
    if let StateRule::SteadyState { interval } | StateRule::AddedSteadyState { interval } = dose.before
        && !(interval.is_finite() && interval > 0.0 && interval >= dose.duration)
    {
        return refuse("the interval of a dose at steady state", interval);
    }
    Ok(())
}

/// Relative tolerance of trajectories unless another is asked for.
pub const DEFAULT_RTOL: f64 = 1e-8;

/// Whether two times are one but for the rounding of what they were computed from.
fn is_one_time(a: f64, b: f64) -> bool {
    (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs())
}

impl Course {
    /// A course from `start` through `doses`, read at `times`; both ascending.
    ///
    /// # Errors
    /// When a time or an amount is not finite, an amount is negative, or time runs backwards.
    pub fn new(
        start: f64,
        doses: Vec<Dose>,
        times: Vec<OutputTime>,
        output: Output,
    ) -> Result<Self, CourseError> {
        if !start.is_finite() {
            return Err(CourseError::OutOfDomain { what: "the start", value: start });
        }
        let mut last = start;
        for dose in &doses {
            check_dose(dose)?;
            if !(dose.time >= last && dose.time.is_finite()) {
                return Err(CourseError::Disorder { time: dose.time });
            }
            last = dose.time;
        }
        let mut last = OutputTime { time: start, doses_before: 0 };
        for at in &times {
            let after =
                at.doses_before.checked_sub(1).map_or(start, |i| doses.get(i).map_or(f64::NAN, |d| d.time));
            let before = doses.get(at.doses_before).map_or(f64::INFINITY, |d| d.time);
            let ordered = at.time >= last.time && at.doses_before >= last.doses_before;
            if !(ordered && at.time.is_finite() && at.time >= after && at.time <= before) {
                return Err(CourseError::Disorder { time: at.time });
            }
            last = *at;
        }
        Ok(Self { start, doses, times, output, rtol: DEFAULT_RTOL, budget: None })
    }

    /// The course of a subject, read at each distinct time of its observations, and for each observation the
    /// position of its time.
    ///
    /// # Errors
    /// As [`Course::new`].
    pub fn of_observations(subject: &Subject) -> Result<(Self, Vec<usize>), CourseError> {
        let mut times: Vec<OutputTime> = Vec::new();
        let mut positions = Vec::with_capacity(subject.observations.len());
        for observation in &subject.observations {
            let at = OutputTime { time: observation.time, doses_before: observation.doses_before };
            if times.last() != Some(&at) {
                times.push(at);
            }
            positions.push(times.len() - 1);
        }
        Ok((Self::new(subject.start, subject.doses.clone(), times, Output::Landed)?, positions))
    }

    /// The course of a subject, read every `every` days from its first record to `end`, the end included.
    ///
    /// A dose at a grid time counts as not yet given, also where the two differ by the rounding of times: the grid then has
    /// the dose's.
    ///
    /// # Errors
    /// As [`Course::new`], and when `every` is not a positive number of days.
    pub fn on_grid(subject: &Subject, every: f64, end: f64) -> Result<Self, CourseError> {
        if !(every.is_finite() && every > 0.0) {
            return Err(CourseError::OutOfDomain { what: "the grid spacing", value: every });
        }
        let count = ((end - subject.start) / every * (1.0 + 1e-12)).floor().max(0.0) as usize;
        let before = |time: f64| {
            let is_before = |dose: &Dose| dose.time < time && !is_one_time(dose.time, time);
            let doses_before = subject.doses.partition_point(is_before);
            let next = subject.doses.get(doses_before).map_or(time, |dose| dose.time);
            OutputTime { time: time.min(next), doses_before }
        };
        let times = (0..=count).map(|i| before(subject.start + i as f64 * every)).collect();
        Self::new(subject.start, subject.doses.clone(), times, Output::Interpolated)
    }

    /// The same course at another relative tolerance.
    #[must_use]
    pub fn with_rtol(mut self, rtol: f64) -> Self {
        self.rtol = rtol;
        self
    }

    /// The same course, of which all solutions, those of its clones included, take about so many steps of the solver
    /// together, and no more. One that has been begun is finished.
    #[must_use]
    pub fn with_budget(mut self, steps: u64) -> Self {
        self.budget = Some(Budget { steps, left: Arc::new(AtomicU64::new(steps)) });
        self
    }

    /// A solution took so many steps.
    pub(crate) fn spend(&self, steps: u64) {
        if let Some(Budget { left, .. }) = &self.budget {
            left.store(left.load(Ordering::Relaxed).saturating_sub(steps), Ordering::Relaxed);
        }
    }

    /// Whether another solution may be begun.
    pub(crate) fn check_budget(&self) -> Result<(), CourseError> {
        match &self.budget {
            Some(Budget { left, steps }) if left.load(Ordering::Relaxed) == 0 => {
                Err(CourseError::Exhausted { steps: *steps })
            }
            _ => Ok(()),
        }
    }

    /// Where the model starts, days.
    pub fn start(&self) -> f64 {
        self.start
    }

    /// The doses.
    pub fn doses(&self) -> &[Dose] {
        &self.doses
    }

    /// The output times.
    pub fn times(&self) -> &[OutputTime] {
        &self.times
    }

    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// Relative tolerance of the solver.
    pub fn rtol(&self) -> f64 {
        self.rtol
    }
}
