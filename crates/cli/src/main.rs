//! `omafit`: fits the omalizumab–IgE binding model to clinical-trial data.
//!
//! Results go to stdout, progress and errors to stderr. Exit code 0: done; 1: done, but some subjects failed or
//! nothing can be concluded; 2: refused, or the output cannot be written; 130: interrupted.

mod attainment;
mod begin;
mod bootstrap;
mod censored;
mod check;
mod checkpoint;
mod checks;
mod clock;
mod command;
mod compare;
mod convert;
mod data_of_run;
mod data_page;
mod demo;
mod demo_outcomes;
mod describe;
mod diagnosis;
mod dose;
mod dose_curve;
mod draws;
mod error;
mod exports;
mod figures;
mod fit;
mod forms;
mod influence;
mod interrupt;
mod likelihood;
mod lines;
mod memory;
mod model;
mod model_command;
mod options;
mod outcome;
mod plan;
mod population;
mod population_directions;
mod predictive;
mod print;
mod profile;
mod progress;
mod progress_bar;
mod provenance;
mod reconstruct;
mod record;
mod recorded_path;
mod report;
mod run;
mod search;
mod seconds;
mod shown;
mod simulate;
mod sir;
mod threads;
mod typical;
mod uncertainty;
mod unit_slips;
mod views;
mod vpc;
mod what_if;
mod what_if_outcomes;
mod what_if_summary;
mod what_if_words;
mod work;
mod write;

use clap::Parser;
use command::{Cli, Command};
use error::CliError;
use std::process::ExitCode;

/// Exit code of a command from which nothing can be concluded.
const INCONCLUSIVE: u8 = 1;
/// Exit code of a command that was refused, or whose output could not be written.
const REFUSED: u8 = 2;

/// Outcome of a command that ran without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything succeeded.
    Done,
    /// The command completed, but some of its parts failed, such as single subjects, or nothing can be
    /// concluded.
    SomeFailed,
    /// The command was stopped before its end; the results so far are saved.
    Interrupted,
}

fn main() -> ExitCode {
    clock::start();
    interrupt::outlive_large_files();
    let outcome = match Cli::try_parse() {
        Ok(Cli { command }) => run(command),
        Err(said) if said.use_stderr() => {
            print::terminal::arguments(&said);
            return ExitCode::from(REFUSED);
        }
        Err(said) => {
            print::terminal::arguments(&said);
            Ok(Outcome::Done)
        }
    };
    let code = outcome.map_or_else(refused, |outcome| match outcome {
        Outcome::Done => 0,
        Outcome::SomeFailed => 1,
        Outcome::Interrupted => interrupt::CODE,
    });
    // All files of the run have been written by now.
    ExitCode::from(match print::terminal::check() {
        Ok(()) => code,
        Err(error) => code.max(refused(error)),
    })
}

/// Prints an error and returns its exit code.
fn refused(error: CliError) -> u8 {
    print::error(&error);
    if error.is_inconclusive() { INCONCLUSIVE } else { REFUSED }
}

fn run(command: Command) -> Result<Outcome, CliError> {
    match command {
        Command::Demo(args) => demo::demo(&args),
        Command::Check(args) => check::check(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Fit(args) => fit::fit(&args),
        Command::Reconstruct(args) => reconstruct::reconstruct(&args),
        Command::Report(args) => report::report(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Vpc(args) => vpc::vpc(&args),
        Command::Search(args) => search::search(&args),
        Command::Bootstrap(args) => bootstrap::bootstrap(&args),
        Command::Sir(args) => sir::sir(&args),
        Command::Profile(args) => profile::profile(&args),
        Command::Outcome(args) => outcome::outcome(&args),
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Dose(args) => dose::dose(&args),
        Command::Attainment(args) => attainment::map(&args),
        Command::WhatIf(args) => what_if::what_if(&args),
        Command::Model(command) => model_command::command(&command),
    }
}
