//! `omafit demo`: a tour of omafit on a simulated trial.

use crate::Outcome;
use crate::demo_outcomes::add_outcomes;
use crate::error::{CliError, refuse};
use crate::memory::spans;
use crate::options::{Censored, DemoArgs, RunArgs};
use crate::plan::Plan;
use crate::run::{Data, Input, execute};
use crate::{model, print};
use omafit_estimate::Noise;
use omafit_outcome::{Dosing, DosingTable, innovate, patient};
use omafit_trial::{Counts, DataSummary, Source, Trial};
use std::path::PathBuf;
use std::time::Instant;

const TABLE: &str = "us_asthma_12y";
/// Number of simulations of the trial, small enough for the demo to take seconds.
const REPLICATES: u32 = 200;

/// Simulates a trial modelled on INNOVATE, fits it, and analyses simulated outcomes.
pub fn demo(args: &DemoArgs) -> Result<Outcome, CliError> {
    let started = Instant::now();
    let replicates = args.run.replicates.or(Some(REPLICATES));
    let run = RunArgs { replicates, ..args.run.clone() };
    let plan = Plan::new(&run)?;
    if args.run.no_trajectories {
        let expected = "left out: the outcomes of the demo follow the time courses";
        return Err(refuse("no-trajectories", "", expected));
    }
    if args.patients == 0 {
        return Err(refuse("patients", 0, "at least one"));
    }
    let table = DosingTable::named(TABLE)?;
    let dosed_by = table.to_string();
    let design = innovate(Dosing::Table(table));
    let simulate = |i| patient(plan.model(), &design, args.seed, i as u64, Noise::ALL);
    let subjects = (0..args.patients).map(simulate).collect::<Result<Vec<_>, _>>()?;
    let comment = format!(
        "omafit: simulated data, no patients: {} in the image of INNOVATE, dosed by {dosed_by}, model {}, seed {}",
        subjects.len(),
        plan.model().name(),
        args.seed
    );
    let mut counts = Counts { subjects: subjects.len(), ..Counts::default() };
    for subject in &subjects {
        counts.doses += subject.doses.len();
        subject.observations.iter().for_each(|observation| counts.add(observation));
    }
    let trial = Trial {
        spans: spans(&subjects),
        subjects: subjects.clone(),
        source: Source {
            path: PathBuf::from("data.csv"),
            sha256: String::new(),
            rows: 0,
            comments: vec![comment.clone()],
        },
        notes: vec![comment],
        counts,
        excluded: Vec::new(),
        ignored: Vec::new(),
        warnings: Vec::new(),
        summary: DataSummary::default(),
        simulated: true,
    };
    if !args.run.running.quiet {
        print::trial(&trial, plan.model());
    }
    let read = model::needs(plan.model());
    let seconds = started.elapsed().as_secs_f64();
    let input = Input {
        data: Data::Simulated(Box::new(trial)),
        seed: Some(args.seed),
        preparation: ("simulate", seconds),
        read,
        censored: Censored::M3,
        resume: false,
    };
    let model = plan.model().clone();
    let done = execute(&plan, &args.run, &args.out, input)?;
    if done == Outcome::Interrupted {
        return Ok(done);
    }
    add_outcomes(args, &model, &design, &subjects)?;
    Ok(done)
}
