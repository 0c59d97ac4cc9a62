//! Outcomes of the demo. They are simulated, because time courses of real symptoms by responder status are not
//! public.

use crate::Outcome;
use crate::error::CliError;
use crate::options::{DataOfRunArgs, DemoArgs, LayoutArgs, Running, TimeUnitName};
use crate::outcome::{OutcomeArgs, WindowName, outcome};
use omafit_estimate::SubjectStream;
use omafit_model::{PopulationModel, Subject};
use omafit_outcome::{DelayModel, Design, Link, MadeUp, Structure, make_up, true_exposure};
use omafit_trial::write_whole;
use rayon::prelude::*;
use std::fmt::Write as _;

/// File of the outcomes in the run folder.
const FILE: &str = "outcomes.csv";
/// Fraction of responders among the patients.
const RESPONDING: f64 = 0.6;
/// Number of bootstrap replicates, small enough for the demo to take seconds.
const REPLICATES: u32 = 500;
/// Days between visits, starting with a run-in of four weeks.
const EVERY: i32 = 14;

/// Rate of the placebo response, 1/d; most of the response develops within six weeks.
const PLACEBO_RATE: f64 = 1.0 / 14.0;

/// Outcomes of the demo. All patients have a placebo response. Responders have in addition an indirect response
/// in which free IgE acts on production (as in Zhu's model), with half of the effect at 40 ng/mL and a delay of
/// three weeks. The effects are chosen so that the mean over all patients is close to the differences from
/// placebo in published trials; `docs/guide/demo.md` lists these with their sources and the assumptions.
fn outcomes() -> [MadeUp; 3] {
    let model = DelayModel { structure: Structure::Production, link: Link::Sigmoid };
    let model = || (model, vec![1.0 / 21.0, 40.0, 3.0]);
    [
        MadeUp {
            name: "Total asthma symptom score",
            unit: "points",
            baseline: (4.4, 0.9),
            placebo: ((-1.0, 0.4), PLACEBO_RATE),
            effect: (0.65, 0.25),
            error: 0.4,
            least: 0.0,
            decimals: 2,
            model: model(),
        },
        MadeUp {
            name: "Morning PEF",
            unit: "L/min",
            baseline: (330.0, 60.0),
            placebo: ((3.0, 8.0), PLACEBO_RATE),
            effect: (-22.0, 8.0),
            error: 10.0,
            least: 0.0,
            decimals: 0,
            model: model(),
        },
        MadeUp {
            name: "Rescue medication",
            unit: "puffs/d",
            baseline: (6.0, 1.2),
            placebo: ((-1.0, 0.5), PLACEBO_RATE),
            effect: (0.75, 0.3),
            error: 0.5,
            least: 0.0,
            decimals: 1,
            model: model(),
        },
    ]
}

/// Simulates the outcomes of the patients of a demo, writes them into the run folder, and analyses them.
pub fn add_outcomes(
    args: &DemoArgs,
    model: &PopulationModel,
    design: &Design,
    subjects: &[Subject],
) -> Result<Outcome, CliError> {
    let outcomes = outcomes();
    let end = (design.treatment_days + design.follow_up_days) as i32;
    let days: Vec<f64> = (-2..=end / EVERY).map(|k| f64::from(EVERY * k)).collect();
    let made = subjects.par_iter().enumerate().map(|(i, subject)| {
        let exposure = true_exposure(model, design, args.seed, i as u64, subject)?;
        let mut stream = SubjectStream::of_outcomes(args.seed, i as u64);
        Ok::<_, CliError>(make_up(&outcomes, &exposure, &days, RESPONDING, &mut stream))
    });
    let made = made.collect::<Result<Vec<_>, _>>()?;
    let mut text = format!(
        "# omafit: SIMULATED outcomes, no patients: an indirect response to the true free IgE of the simulated trial, seed {}\n\
         ID,TIME,MEASURE,UNIT,VALUE,RESPONDER\n",
        args.seed
    );
    for (subject, (responds, values)) in subjects.iter().zip(&made) {
        let responder = if *responds { "responder" } else { "nonresponder" };
        for (outcome, values) in outcomes.iter().zip(values) {
            for (day, value) in values {
                // Writing to a string does not fail.
                let _ = writeln!(
                    text,
                    "{},{day},{},{},{value},{responder}",
                    subject.id, outcome.name, outcome.unit
                );
            }
        }
    }
    let path = args.out.join(FILE);
    write_whole(&path, text.as_bytes(), true)?;
    outcome(&OutcomeArgs {
        run: args.out.clone(),
        outcomes: path,
        types: Vec::new(),
        window: WindowName::Mean,
        baseline: "last".into(),
        visits: Vec::new(),
        visit_every: None,
        visit_window: None,
        onset_days: 112.0,
        target: None,
        max_lag: 84,
        replicates: REPLICATES,
        seed: args.seed,
        no_delay: false,
        columns: Vec::new(),
        time_unit: TimeUnitName::Days,
        allow_unknown: false,
        forms: args.run.exports.forms,
        layout: LayoutArgs::default(),
        located: DataOfRunArgs { data: None },
        running: Running { force: true, ..args.run.running },
    })
}
