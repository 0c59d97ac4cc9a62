//! Standard output and standard error. All printing of the program goes through this module.
//!
//! Printing never fails at the call, so a run whose output cannot be printed still writes its files. The first
//! error of each stream is stored and reported once, in `main`, by [`check`]; later output to the stream is
//! dropped.
#![allow(clippy::disallowed_methods)]

use crate::error::CliError;
use omafit_trial::harmless_lines;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// A stream, and the first error of writing to it.
struct Stream {
    name: &'static str,
    failed: Mutex<Option<io::Error>>,
}

static OUTPUT: Stream = Stream { name: "standard output", failed: Mutex::new(None) };
static ERROR: Stream = Stream { name: "standard error", failed: Mutex::new(None) };

impl Stream {
    /// Writes to the stream, unless an earlier write failed.
    fn try_to(&self, write: impl FnOnce() -> io::Result<()>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            *failed = write().err();
        }
    }

    /// The error of the stream, if it matters: a reader that closed the pipe, as `head` does, is not an error.
    fn error(&self) -> Option<CliError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (failed.kind() != ErrorKind::BrokenPipe)
            .then_some(CliError::Terminal { stream: self.name, source: failed })
    }
}

/// Writes text to standard output.
pub fn output(text: fmt::Arguments<'_>) {
    OUTPUT.try_to(|| io::stdout().write_all(shown(text).as_bytes()));
}

/// Writes text to standard error.
pub fn error(text: fmt::Arguments<'_>) {
    ERROR.try_to(|| io::stderr().write_all(shown(text).as_bytes()));
}

/// Text without characters that move the cursor or reverse the text direction, which cells, names and paths of
/// others may contain.
fn shown(text: fmt::Arguments<'_>) -> String {
    harmless_lines(&text.to_string())
}

/// Prints the message of clap about the arguments: help or version to standard output, an error to standard
/// error.
pub fn arguments(said: &clap::Error) {
    let stream = if said.use_stderr() { &ERROR } else { &OUTPUT };
    stream.try_to(|| said.print());
}

/// Whether standard error is a terminal.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Flushes standard output and reports the first error of either stream.
///
/// # Errors
///
/// [`CliError::Terminal`] if a stream could not be written, unless its reader had closed the pipe.
pub fn check() -> Result<(), CliError> {
    OUTPUT.try_to(|| io::stdout().flush());
    [&OUTPUT, &ERROR].into_iter().find_map(Stream::error).map_or(Ok(()), Err)
}

/// Prints a line to standard output, like `println!`.
macro_rules! say {
    () => { $crate::print::terminal::output(format_args!("\n")) };
    ($($text:tt)*) => { $crate::print::terminal::output(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints text to standard output without a line end, like `print!`.
macro_rules! put {
    ($($text:tt)*) => { $crate::print::terminal::output(format_args!($($text)*)) };
}

/// Prints a line to standard error, like `eprintln!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::print::terminal::error(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {put, say, tell};
