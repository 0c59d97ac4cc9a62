//! The course of a subject over time: the start of the model, the doses, and the output times.

use crate::ode::{Output, SolverError};
use crate::subject::{Dose, StateRule, Subject};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A time at which concentrations are requested.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutputTime {
    /// Time, days.
    pub time: f64,
    /// Number of doses that precede the time; distinguishes before from after a dose at the same time.
    pub doses_before: usize,
}

/// The limit on the solver steps of all solutions of a course and its clones together, and the steps left.
#[derive(Clone, Debug)]
struct Budget {
    steps: u64,
    left: Arc<AtomicU64>,
}

/// Budgets are equal if their limits are, whatever is left of them.
impl PartialEq for Budget {
    fn eq(&self, other: &Self) -> bool {
        self.steps == other.steps
    }
}

/// The start, doses, output times and tolerance over which a structural model is solved.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    start: f64,
    doses: Vec<Dose>,
    times: Vec<OutputTime>,
    output: Output,
    rtol: f64,
    budget: Option<Budget>,
}

/// The reason a course cannot be solved.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum CourseError {
    /// Doses or output times that are not ascending, or precede the start.
    #[error("time runs backwards at day {time}")]
    Disorder {
        /// The time that is out of order, days.
        time: f64,
    },
    /// A parameter, dose or time that is not finite, or is negative where it must not be.
    #[error("{what} is {value}, which no model can take")]
    OutOfDomain {
        /// The name of the quantity.
        what: &'static str,
        /// The value of the quantity.
        value: f64,
    },
    /// An intravenous dose in a model with apparent clearances whose file has no bioavailability.
    #[error(
        "the intravenous dose on day {time} needs a bioavailability: the model's clearances and volumes are apparent \
         (divided by it), so its file must have [parameters.F]"
    )]
    NoBioavailability {
        /// Time of the dose, days.
        time: f64,
    },
    /// A steady state of doses in a model with a lag time.
    #[error("the steady state on day {time} is not defined with a lag time; give the doses that lead to it")]
    SteadyStateWithLag {
        /// Time of the steady state, days.
        time: f64,
    },
    /// Steady states whose effects on the target cannot be added, because together they remove more target than there
    /// is.
    #[error(
        "the added steady state on day {time} (SS 2) takes more IgE away than there is: effects on a target do not add \
         up; use SS 1, or give the doses that lead to it"
    )]
    NegativeSum {
        /// Time of the added steady state, days.
        time: f64,
    },
    /// A repeated dose that leads to no steady state.
    #[error("no steady state of {amount_mg} mg every {interval} days was found")]
    NoSteadyState {
        /// Dosing interval, days.
        interval: f64,
        /// The dose, mg.
        amount_mg: f64,
    },
    /// Solutions that together have used up the limit on solver steps.
    #[error(
        "the solver has taken {steps} steps for it, the most that it may: a dose or a parameter is out of all proportion"
    )]
    Exhausted {
        /// The limit on solver steps.
        steps: u64,
    },
    /// A failure of the numerical integration.
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

/// Default relative tolerance of trajectories.
pub const DEFAULT_RTOL: f64 = 1e-8;

/// Whether two times are equal up to the rounding of the numbers they were computed from.
fn is_one_time(a: f64, b: f64) -> bool {
    (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs())
}

impl Course {
    /// A course from `start` through `doses`, with output at `times`; both ascending.
    ///
    /// # Errors
    /// When a time or an amount is not finite, an amount is negative, or times are not ascending.
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

    /// The course of a subject with output at each distinct time of its observations, and for each observation the
    /// index of its output time.
    ///
    /// # Errors
    /// As in [`Course::new`].
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

    /// The course of a subject with output every `every` days from its first record to `end` inclusive.
    ///
    /// A dose at a grid time counts as not yet given, even if the two times differ by rounding; the output time is then
    /// the dose's.
    ///
    /// # Errors
    /// As in [`Course::new`], and when `every` is not a positive number of days.
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

    /// Sets the relative tolerance of the solver.
    #[must_use]
    pub fn with_rtol(mut self, rtol: f64) -> Self {
        self.rtol = rtol;
        self
    }

    /// Limits the solver steps that all solutions of the course and its clones together take to about `steps`; a
    /// solution that has begun is completed.
    #[must_use]
    pub fn with_budget(mut self, steps: u64) -> Self {
        self.budget = Some(Budget { steps, left: Arc::new(AtomicU64::new(steps)) });
        self
    }

    /// Deducts the solver steps of a solution from the budget.
    pub(crate) fn spend(&self, steps: u64) {
        if let Some(Budget { left, .. }) = &self.budget {
            left.store(left.load(Ordering::Relaxed).saturating_sub(steps), Ordering::Relaxed);
        }
    }

    /// Checks that the budget allows another solution to begin.
    pub(crate) fn check_budget(&self) -> Result<(), CourseError> {
        match &self.budget {
            Some(Budget { left, steps }) if left.load(Ordering::Relaxed) == 0 => {
                Err(CourseError::Exhausted { steps: *steps })
            }
            _ => Ok(()),
        }
    }

    /// Time at which the model starts, days.
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
