//! The estimation of a population under way: shown on the terminal, kept on the disk, ended by Ctrl-C.

use crate::error::CliError;
use crate::print::terminal::is_watched;
use indicatif::ProgressBar;
use omafit_estimate::{
    Checkpoint, EstimationState, Observer, ParameterVector, Progress, population_estimates,
};
use omafit_model::PopulationModel;
use omafit_trial::{OutputError, RunFolder, Table, convergence_table, parameters_table, read_whole};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The file of an estimation that was interrupted.
const FILE: &str = "population.json";
/// What is kept is at most so old.
const OFTEN: Duration = Duration::from_secs(1);
/// Characters of a line on the terminal.
const LINE: usize = 100;

/// An iteration: its number, the objective if it was computed, the vector.
type Row = (u64, Option<f64>, Vec<f64>);

/// An estimation that was interrupted.
#[derive(Debug, Deserialize)]
pub struct Kept {
    /// What the run is, as far as it decides the results.
    pub identity: serde_json::Value,
    trace: Vec<Row>,
    standing: Checkpoint,
}

#[derive(Serialize)]
struct Keep<'a> {
    identity: &'a serde_json::Value,
    trace: &'a [Row],
    standing: EstimationState<'a>,
}

impl Kept {
    /// Reads it from an interrupted run's folder, if the population was being estimated then.
    pub fn load(suspended: &Path) -> Result<Option<Self>, CliError> {
        let path = suspended.join(FILE);
        let text = match read_whole(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CliError::Unreadable { path, source }),
        };
        let kept = serde_json::from_slice(&text).map_err(|source| CliError::NoRun { path, source })?;
        Ok(Some(kept))
    }
}

/// Where an estimation is kept, and as what.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The folder of the run.
    pub folder: &'a RunFolder,
    /// What the run is.
    pub identity: &'a serde_json::Value,
}

/// Looks on while a population is estimated.
pub struct Journal<'a> {
    model: &'a PopulationModel,
    space: ParameterVector,
    place: Option<Place<'a>>,
    stop: &'a AtomicBool,
    live: ProgressBar,
    /// Whether a checkpoint could not be written.
    lost: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trace: Vec<Row>,
    written: Option<Instant>,
    failed: Option<CliError>,
    /// When the last iteration was told of.
    told: Option<Instant>,
}

impl<'a> Journal<'a> {
    /// From the start, or from where another ended, whose checkpoint is handed back. Kept nowhere without a place.
    pub fn new(
        model: &'a PopulationModel,
        place: Option<Place<'a>>,
        from: Option<Kept>,
        stop: &'a AtomicBool,
        quiet: bool,
    ) -> Result<(Self, Option<Checkpoint>), CliError> {
        let space = ParameterVector::new(model).map_err(omafit_estimate::PopulationError::from)?;
        let live = if quiet || !is_watched() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let (trace, from) = from.map_or((Vec::new(), None), |kept| (kept.trace, Some(kept.standing)));
        let state = Mutex::new(State { trace, ..State::default() });
        Ok((Self { model, space, place, stop, live, lost: AtomicBool::new(false), state }, from))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the last iteration ended, if there was one.
    pub fn last(&self) -> Option<Instant> {
        self.state().told
    }

    /// The iterations, once it ended well.
    pub fn trace(self) -> Vec<(u64, f64, Vec<f64>)> {
        self.live.finish_and_clear();
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.trace.into_iter().map(|(count, ofv, x)| (count, ofv.unwrap_or(f64::NAN), x)).collect()
    }

    /// What is to be said of an estimation that was told to stop: leaves the estimates as they are beside the
    /// checkpoint, and says after how many iterations; or why nothing could be kept.
    pub fn ended(self) -> Result<u64, CliError> {
        let place = self.place;
        let (model, space) = (self.model, self.space.clone());
        if let Some(failed) = self.state().failed.take() {
            return Err(failed);
        }
        let trace = self.trace();
        if let (Some(Place { folder, .. }), Some((_, _, x))) = (place, trace.last()) {
            let leave = |table: Table| -> Result<(), CliError> {
                let mut csv = Vec::new();
                table.write_csv(&mut csv)?;
                Ok(folder.leave(format!("{}.csv", table.name()), &csv)?)
            };
            leave(convergence_table(&space.names(model), &trace)?)?;
            if let Ok(at) = space.model(model, x) {
                leave(parameters_table(&at, &population_estimates(&at, &space, None), &[])?)?;
            }
        }
        Ok(trace.last().map_or(0, |row| row.0 + 1))
    }

    /// The objective and the numbers of the population, as lines of the terminal.
    fn lines(&self, progress: &Progress<'_>, before: Option<f64>) -> String {
        let Progress { iteration, ofv, vector, .. } = *progress;
        let mut text = format!("population: iteration {iteration}");
        if ofv.is_finite() {
            text += &format!(", objective {ofv:.4}");
        }
        if let Some(before) = before.filter(|_| ofv.is_finite()) {
            text += &format!(" ({:+.4})", ofv - before);
        }
        let Ok(model) = self.space.model(self.model, vector) else { return text };
        let mut line = String::new();
        for estimate in population_estimates(&model, &self.space, None).iter().filter(|e| !e.fixed) {
            let cell = format!("  {} {}", estimate.name, crate::describe::number(estimate.value));
            if line.chars().count() + cell.chars().count() > LINE {
                text = text + "\n" + &std::mem::take(&mut line);
            }
            line += &cell;
        }
        text + "\n" + &line
    }
}

impl Observer for Journal<'_> {
    fn iteration(&self, progress: &Progress<'_>) {
        let mut state = self.state();
        let row =
            (progress.iteration, Some(progress.ofv).filter(|ofv| ofv.is_finite()), progress.vector.to_vec());
        let before = state.trace.last().and_then(|row| row.1);
        state.trace.push(row);
        state.told = Some(Instant::now());
        if !self.live.is_hidden() {
            self.live.set_message(self.lines(progress, before));
            self.live.tick();
        }
        let Some(Place { folder, identity }) = self.place else { return };
        if !self.go_on() || state.written.is_none_or(|written| written.elapsed() >= OFTEN) {
            let keep = Keep { identity, trace: &state.trace, standing: progress.standing };
            let kept = serde_json::to_vec(&keep)
                .map_err(CliError::from)
                .and_then(|json| folder.leave(FILE, &json).map_err(|error: OutputError| error.into()));
            if let Err(error) = kept {
                state.failed = Some(error);
                self.lost.store(true, Ordering::Relaxed);
            }
            state.written = Some(Instant::now());
        }
    }

    fn go_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && !self.lost.load(Ordering::Relaxed)
    }
}
