//! `omafit`: fits the omalizumab–IgE binding model to clinical-trial data.
//!
//! Facts go to stdout, progress and errors to stderr. Exit code 0: done; 1: done, but some subjects failed;
//! 2: refused; 130: interrupted.

mod attainment;
mod begin;
mod bootstrap;
mod check;
mod checkpoint;
mod demo;
mod demo_outcomes;
mod describe;
mod diagnosis;
mod dose;
mod error;
mod exports;
mod figures;
mod fit;
mod influence;
mod interrupt;
mod likelihood;
mod lines;
mod model;
mod options;
mod outcome;
mod population;
mod predictive;
mod print;
mod progress;
mod reconstruct;
mod record;
mod report;
mod run;
mod search;
mod simulate;
mod sir;
mod typical;
mod vpc;
mod what_if;
mod what_if_outcomes;
mod work;
mod write;

use clap::Parser;
use options::{Cli, Command};
use std::process::ExitCode;

/// How a command that ran to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Done, but some subjects failed.
    SomeFailed,
    /// Stopped before the end; what was done is kept.
    Interrupted,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::demo(&args),
        Command::Check(args) => check::check(&args),
        Command::Fit(args) => fit::fit(&args),
        Command::Reconstruct(args) => reconstruct::reconstruct(&args),
        Command::Report(args) => report::report(&args),
        Command::Vpc(args) => vpc::vpc(&args),
        Command::Search(args) => search::search(&args),
        Command::Bootstrap(args) => bootstrap::bootstrap(&args),
        Command::Sir(args) => sir::sir(&args),
        Command::Outcome(args) => outcome::outcome(&args),
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Dose(args) => dose::dose(&args),
        Command::Attainment(args) => attainment::map(&args),
        Command::WhatIf(args) => what_if::what_if(&args),
        Command::Model(command) => model::command(&command),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::SomeFailed) => ExitCode::from(1),
        Ok(Outcome::Interrupted) => ExitCode::from(interrupt::CODE),
        Err(error) => {
            print::error(&error);
            ExitCode::from(2)
        }
    }
}
