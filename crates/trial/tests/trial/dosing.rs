//! Tests of dosing records: the doses that they become, and the records that are rejected.

use omafit_model::{Dose, Route, StateRule, Subject};
use omafit_trial::ReadOptions;

use crate::support::{check, good, good_with};

/// Subject with the given rows, and an observation after them.
fn subject(rows: &str) -> Subject {
    let header = "ID,TIME,DV,DVID,AMT,EVID,CMT,RATE,SS,ADDL,II,WT,IGE\n";
    let mut trial = good(format!("{header}{rows}501,99,10,1,,0,,,,,,70,420\n"));
    trial.subjects.remove(0)
}

fn doses(rows: &str) -> Vec<Dose> {
    subject(rows).doses
}

#[test]
fn additional_doses_come_first_at_equal_times() {
    let trial = good(
        "ID,TIME,DV,DVID,AMT,ADDL,II,WT,IGE\n\
         501,0,,,150,3,14,70,420\n\
         501,14,10,1,,,,70,420\n\
         501,14,,,300,0,14,70,420\n\
         501,14,11,1,,,,70,420\n\
         501,20,12,1,,,,70,420\n",
    );
    let subject = &trial.subjects[0];
    let doses: Vec<(f64, f64)> = subject.doses.iter().map(|d| (d.time, d.amount_mg)).collect();
    assert_eq!(doses, [(0.0, 150.0), (14.0, 150.0), (14.0, 300.0), (28.0, 150.0), (42.0, 150.0)]);
    let before: Vec<usize> = subject.observations.iter().map(|o| o.doses_before).collect();
    assert_eq!(before, [2, 3, 3]);
    assert_eq!(trial.counts.additional_doses, 3);
    assert_eq!(trial.notes, ["3 doses added for ADDL and II"]);
}

#[test]
fn routes() {
    let doses =
        doses("501,0,,,300,1,1,,,,,70,420\n501,1,,,300,1,.,,,,,70,420\n501,2,,,300,1,2.0,0,0,0,0,70,420\n");
    assert_eq!(
        doses,
        [Dose::subcutaneous(0.0, 300.0), Dose::subcutaneous(1.0, 300.0), Dose::intravenous(2.0, 300.0, 0.0)]
    );
}

#[test]
fn infusions_last_amount_by_rate() {
    let doses = doses("501,0,,,300,1,2,1200,,,,70,420\n501,9,,,300,1,1,7,,2,3,70,420\n");
    assert_eq!(doses[0], Dose::intravenous(0.0, 300.0, 0.25));
    let depot = |time| Dose { duration: 300.0 / 7.0, ..Dose::subcutaneous(time, 300.0) };
    assert_eq!(doses[1..], [depot(9.0), depot(12.0), depot(15.0)]);
}

#[test]
fn resets() {
    let subject = subject(
        "501,0,,,300,1,1,,,,,70,420\n501,7,,,.,3,9,,,,,70,420\n501,7,,,0,3,,0,0,0,0,70,420\n\
         501,8,,,150,4,2,600,,1,14,70,420\n",
    );
    let infusion = Dose::intravenous(8.0, 150.0, 0.25);
    let reset = Dose::subcutaneous(7.0, 0.0).after(StateRule::Reset);
    assert_eq!(
        subject.doses,
        [
            Dose::subcutaneous(0.0, 300.0),
            reset,
            reset,
            infusion.after(StateRule::Reset),
            Dose { time: 22.0, ..infusion },
        ]
    );
    assert_eq!(subject.observations[0].doses_before, 5);
}

#[test]
fn steady_states() {
    let doses = doses(
        "501,0,,,300,1,1,,1,2,28,70,420\n501,1,,,300,1,2,300,2,0,1,70,420\n\
         501,2,,,300,4,1,,1,,14,70,420\n501,3,,,300,4,1,,2,,14,70,420\n",
    );
    let replaced = StateRule::SteadyState { interval: 14.0 };
    assert_eq!(
        doses,
        [
            Dose::subcutaneous(0.0, 300.0).after(StateRule::SteadyState { interval: 28.0 }),
            // An infusion may last as long as the interval.
            Dose::intravenous(1.0, 300.0, 1.0).after(StateRule::AddedSteadyState { interval: 1.0 }),
            // After a reset there is nothing to add to.
            Dose::subcutaneous(2.0, 300.0).after(replaced),
            Dose::subcutaneous(3.0, 300.0).after(replaced),
        ]
    );
}

#[test]
fn a_reset_cancels_additional_doses_still_to_come() {
    let content = "ID,TIME,DV,DVID,AMT,EVID,SS,ADDL,II,WT,IGE\n\
                   a,0,,,300,1,,5,7,70,420\na,1,,,150,1,,1,100,70,420\na,14,,,,3,,,,70,420\na,20,9,1,,0,,,,70,420\n\
                   b,0,,,300,1,,3,7,70,420\nb,10,,,150,4,,1,14,70,420\nb,20,9,1,,0,,,,70,420\n\
                   c,0,,,300,1,,3,7,70,420\nc,10,,,150,1,1,,14,70,420\nc,20,9,1,,0,,,,70,420\n\
                   d,0,,,300,1,,3,7,70,420\nd,10,,,150,1,2,,14,70,420\nd,20,9,1,,0,,,,70,420\n";
    let trial = good(content);
    let times: Vec<Vec<f64>> =
        trial.subjects.iter().map(|s| s.doses.iter().map(|dose| dose.time).collect()).collect();
    // The additional dose of day 14 comes before the reset of the same time; steady state that is added cancels none.
    assert_eq!(times[0], [0.0, 1.0, 7.0, 14.0, 14.0]);
    assert_eq!(trial.subjects[0].doses[4].before, StateRule::Reset);
    assert_eq!(times[1], [0.0, 7.0, 10.0, 24.0]);
    assert_eq!(times[2], [0.0, 7.0, 10.0]);
    assert_eq!(times[3], [0.0, 7.0, 10.0, 14.0, 21.0]);
    let counts = trial.counts;
    assert_eq!((counts.doses, counts.additional_doses, counts.cancelled_doses, counts.resets), (16, 8, 8, 1));
    assert_eq!(
        trial.notes,
        [
            "8 doses added for ADDL and II",
            "8 additional doses not given: a reset (EVID 3 or 4) or a steady state (SS 1) came before",
        ]
    );
}

#[test]
fn a_reset_is_no_dose() {
    let content = "ID,TIME,DV,DVID,AMT,EVID,WT,IGE\n\
                   501,0,400,2,,0,70,\n501,0,,,,3,70,\n501,1,410,2,,0,70,\n501,1,,,300,1,70,\n501,2,800,2,,0,70,\n";
    let trial = good(content);
    assert_eq!(trial.subjects[0].covariates.ige_ng_ml(), Some(410.0));
    assert_eq!((trial.counts.doses, trial.counts.resets), (1, 1));
    let undosed = "ID,TIME,DV,DVID,AMT,EVID,WT,IGE\n501,0,,,,3,70,420\n501,1,410,2,,0,70,420\n";
    check(
        undosed,
        &[
            "trial.csv:2, ID 501: expected at least one dose of this subject; --allow-undosed takes it without one",
        ],
    );
    let trial = good_with(undosed, &ReadOptions { allow_undosed: true, ..ReadOptions::default() });
    assert_eq!((trial.counts.doses, trial.counts.resets), (0, 1));
    assert_eq!(trial.subjects[0].doses, [Dose::subcutaneous(0.0, 0.0).after(StateRule::Reset)]);
    assert_eq!(trial.subjects[0].doses[0].route, Route::Subcutaneous);
}

#[test]
fn doses_that_are_refused() {
    check(
        "ID,TIME,DV,DVID,AMT,EVID,CMT,RATE,SS,ADDL,II,WT,IGE\n\
         501,0,,,,1,1,,,,,70,420\n\
         501,0,,,-300,1,1,,,,,70,420\n\
         501,0,,,300,1,3,,,,,70,420\n\
         501,0,,,300,1,1,-1,,,,70,420\n\
         501,0,,,300,1,1,-2,3,,,70,420\n\
         501,0,,,300,1,1,-5,0,,,70,420\n\
         501,0,,,300,1,1,1e-308,0,,,70,420\n\
         501,0,,,1e-300,1,1,1e300,0,,,70,420\n\
         501,0,,,300,1,1,0,1,,,70,420\n\
         501,0,,,300,1,1,0,2,0,-1,70,420\n\
         501,0,,,300,1,2,10,1,0,29,70,420\n\
         501,0,,,300,1,1,0,0,1.5,14,70,420\n\
         501,0,,,300,1,1,0,0,-1,14,70,420\n\
         501,0,,,300,1,1,0,0,1e9,14,70,420\n\
         501,0,,,300,1,1,0,0,3,,70,420\n\
         501,0,,,300,1,1,0,0,3,1e308,70,420\n",
        &[
            "trial.csv:2, column AMT, ID 501: found an empty cell, expected an amount above 0 mg on a dose",
            r#"trial.csv:3, column AMT, ID 501: found "-300", expected an amount above 0 mg on a dose"#,
            r#"trial.csv:4, column CMT, ID 501: found "3", expected 1 (subcutaneous, the depot) or 2 (intravenous, the serum) on a dose"#,
            r#"trial.csv:5, column RATE, ID 501: found "-1", expected 0, or a rate: a modelled rate (-1) is not supported"#,
            r#"trial.csv:6, column SS, ID 501: found "3", expected 0, 1 (steady state replaces what is there) or 2 (steady state is added to it)"#,
            r#"trial.csv:6, column RATE, ID 501: found "-2", expected 0, or a rate: a modelled duration (-2) is not supported"#,
            r#"trial.csv:7, column RATE, ID 501: found "-5", expected 0 (at once), or a rate above 0"#,
            r#"trial.csv:8, column RATE, ID 501: found "1e-308", expected a rate that leads to a finite duration above 0"#,
            r#"trial.csv:9, column RATE, ID 501: found "1e300", expected a rate that leads to a finite duration above 0"#,
            "trial.csv:10, column II, ID 501: found an empty cell, expected an interval above 0 between the doses that ADDL or SS stands for",
            r#"trial.csv:11, column II, ID 501: found "-1", expected an interval above 0 between the doses that ADDL or SS stands for"#,
            r#"trial.csv:12, column RATE, ID 501: found "10", expected a rate at which the dose has been given before the next, II later: overlapping infusions at steady state are not supported"#,
            r#"trial.csv:13, column ADDL, ID 501: found "1.5", expected a whole number of doses from 0 to 10000"#,
            r#"trial.csv:14, column ADDL, ID 501: found "-1", expected a whole number of doses from 0 to 10000"#,
            r#"trial.csv:15, column ADDL, ID 501: found "1e9", expected a whole number of doses from 0 to 10000"#,
            "trial.csv:16, column II, ID 501: found an empty cell, expected an interval above 0 between the doses that ADDL or SS stands for",
            "trial.csv:17, column II, ID 501: expected an interval that leads to finite times",
        ],
    );
    check(
        "ID,TIME,DV,DVID,AMT,WT,IGE\n501,0,,,-300,70,420\n501,0,,,300,70,420\n501,9,10,1,,70,420\n",
        &[
            r#"trial.csv:2, column AMT, ID 501: found "-300", expected an amount above 0 mg on a dose, or 0 on an observation"#,
        ],
    );
    check(
        "ID,TIME,DV,DVID,AMT,ADDL,WT,IGE\n501,0,,,300,2,70,420\n501,9,10,1,,,70,420\n",
        &[
            "trial.csv:2, column II, ID 501: expected an interval above 0 between the doses that ADDL or SS stands for",
        ],
    );
}

#[test]
fn records_that_are_refused() {
    check(
        "ID,TIME,DV,DVID,AMT,EVID,CMT,RATE,SS,ADDL,II,WT,IGE\n\
         501,0,,,300,3,1,1,1,1,14,70,420\n\
         501,0,,,,4,1,,,,,70,420\n\
         501,0,,,300,5,1,,,,,70,420\n\
         501,0,,,300,,1,,,,,70,420\n\
         501,0,,,300,x,1,,,,,70,420\n\
         501,9,10,1,0,0,1,-2,1,2,14,70,420\n",
        &[
            r#"trial.csv:2, column AMT, ID 501: found "300", expected 0 or nothing on a reset without a dose (EVID 3)"#,
            r#"trial.csv:2, column RATE, ID 501: found "1", expected 0 or nothing on a reset without a dose (EVID 3)"#,
            r#"trial.csv:2, column ADDL, ID 501: found "1", expected 0 or nothing on a reset without a dose (EVID 3)"#,
            r#"trial.csv:2, column II, ID 501: found "14", expected 0 or nothing on a reset without a dose (EVID 3)"#,
            r#"trial.csv:2, column SS, ID 501: found "1", expected 0 or nothing on a reset without a dose (EVID 3)"#,
            "trial.csv:3, column AMT, ID 501: found an empty cell, expected an amount above 0 mg on a dose",
            r#"trial.csv:4, column EVID, ID 501: found "5", expected 0 (observation), 1 (dose), 2 (other), 3 (reset) or 4 (reset and dose)"#,
            "trial.csv:5, column EVID, ID 501: found an empty cell, expected 0 (observation), 1 (dose), 2 (other), 3 (reset) or 4 (reset and dose)",
            r#"trial.csv:6, column EVID, ID 501: found "x", expected a number"#,
            r#"trial.csv:7, column RATE, ID 501: found "-2", expected 0 or nothing on an observation"#,
            r#"trial.csv:7, column ADDL, ID 501: found "2", expected 0 or nothing on an observation"#,
            r#"trial.csv:7, column II, ID 501: found "14", expected 0 or nothing on an observation"#,
            r#"trial.csv:7, column SS, ID 501: found "1", expected 0 or nothing on an observation"#,
        ],
    );
}

#[test]
fn time_does_not_restart_at_a_reset() {
    check(
        "ID,TIME,DV,DVID,AMT,EVID,WT,IGE\n\
         501,0,,,300,1,70,420\n501,28.0,10,1,,0,70,420\n501,0,,,,3,70,420\n501,7,10,1,,0,70,420\n\
         501,0,,,300,4,70,420\n501,7,10,1,,0,70,420\n",
        &[
            r#"trial.csv:4, column TIME, ID 501: found "0", expected at least 28.0, the time of row 3: time does not restart at a reset: let it go on"#,
            r#"trial.csv:6, column TIME, ID 501: found "0", expected at least 7, the time of row 5: time does not restart at a reset: let it go on"#,
        ],
    );
}
