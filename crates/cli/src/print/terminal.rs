//! Standard output and standard error: the one way by which the program prints.
//!
//! Printing never fails where it is asked for: a run whose text nobody reads still writes its files. The first error of
//! each stream is kept and looked at once, in `main`, by [`check`]. Everything after it is dropped.
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
    /// Does what writes, unless an earlier write failed.
    fn try_to(&self, write: impl FnOnce() -> io::Result<()>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.is_none() {
            *failed = write().err();
        }
    }

    /// The error that matters: a reader who has gone away, as `head` does, is none.
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

/// Text that moves no cursor and turns no direction: cells, names and paths of others may be in it.
fn shown(text: fmt::Arguments<'_>) -> String {
    harmless_lines(&text.to_string())
}

/// Prints what clap says of the arguments: help or the version to standard output, a refusal to standard error.
pub fn arguments(said: &clap::Error) {
    let stream = if said.use_stderr() { &ERROR } else { &OUTPUT };
    stream.try_to(|| said.print());
}

/// Whether somebody looks at standard error while the program works.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Brings what is still buffered on its way.
///
/// # Errors
///
/// [`CliError::Terminal`] if a stream did not take the whole of its text, unless its reader had gone away.
pub fn check() -> Result<(), CliError> {
    OUTPUT.try_to(|| io::stdout().flush());
    [&OUTPUT, &ERROR].into_iter().find_map(Stream::error).map_or(Ok(()), Err)
}

/// A line of standard output; as `println!`.
macro_rules! say {
    () => { $crate::print::terminal::output(format_args!("\n")) };
    ($($text:tt)*) => { $crate::print::terminal::output(format_args!("{}\n", format_args!($($text)*))) };
}

/// Text of standard output without the end of a line; as `print!`.
macro_rules! put {
    ($($text:tt)*) => { $crate::print::terminal::output(format_args!($($text)*)) };
}

/// A line of standard error; as `eprintln!`.
macro_rules! tell {
    ($($text:tt)*) => { $crate::print::terminal::error(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {put, say, tell};
