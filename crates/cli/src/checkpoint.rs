//! Monitoring of a population estimation: shown on the terminal, saved to disk, stopped by Ctrl-C.

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

/// File of the checkpoint of an interrupted estimation.
const FILE: &str = "population.json";
/// Shortest interval between two checkpoints, except when the estimation is stopped.
const OFTEN: Duration = Duration::from_secs(1);
/// Width of a line on the terminal, characters.
const LINE: usize = 100;

/// An iteration: its number, the objective if it was computed, the parameter vector.
type Row = (u64, Option<f64>, Vec<f64>);

/// Checkpoint of an interrupted estimation.
#[derive(Debug, Deserialize)]
pub struct Kept {
    /// Identity of the run: all inputs that determine its results.
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
    /// Reads the checkpoint from the folder of an interrupted run; `None` if the run was not estimating the
    /// population.
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

/// Run folder in which the checkpoints of an estimation are saved, and the identity of the run.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Folder of the run.
    pub folder: &'a RunFolder,
    /// Identity of the run: all inputs that determine its results.
    pub identity: &'a serde_json::Value,
}

/// Observer of a population estimation, which shows its progress and saves its checkpoints.
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
    /// Time at which the last iteration was reported.
    told: Option<Instant>,
}

impl<'a> Journal<'a> {
    /// A journal from the start, or from the end of an interrupted estimation, whose checkpoint is returned as
    /// well. Without a place, no checkpoints are saved.
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

    /// Time at which the last iteration ended; `None` before the first iteration.
    pub fn last(&self) -> Option<Instant> {
        self.state().told
    }

    /// Iterations of a completed estimation.
    pub fn trace(self) -> Vec<(u64, f64, Vec<f64>)> {
        self.live.finish_and_clear();
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.trace.into_iter().map(|(count, ofv, x)| (count, ofv.unwrap_or(f64::NAN), x)).collect()
    }

    /// Number of iterations of an estimation that was stopped; saves its current estimates beside the
    /// checkpoint.
    /// | # Errors
    /// When a checkpoint or the estimates could not be written.
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

    /// Objective and population estimates, as lines for the terminal.
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
