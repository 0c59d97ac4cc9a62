//! Tests of censored observations, and of the analytes that a model predicts.

use omafit_model::{Analyte, Censoring};
use omafit_trial::{OmalizumabUnit, ReadOptions, Trial};

use crate::support::{by_analyte, check, check_with, counted, good, good_with};
use std::collections::BTreeSet;

const HEADER: &str = "ID,TIME,DV,DVID,AMT,EVID,CENS,LIMIT,WT,IGE\n501,0,,,300,1,0,,70,420\n";

fn found(trial: &Trial) -> Vec<(f64, Censoring)> {
    trial.subjects[0].observations.iter().map(|o| (o.value, o.censoring)).collect()
}

#[test]
fn the_limit_stands_in_dv_or_in_limit() {
    let trial = good(format!(
        "{HEADER}501,1,10,1,,0,0,,70,420\n501,2,10,1,,0,.,NA,70,420\n\
         501,3,2,1,,0,1,,70,420\n501,4,,1,,0,1,2.5,70,420\n501,5,3,1,,0,1,3.0,70,420\n501,6,4,1,,0,1,0,70,420\n\
         501,7,150,3,,0,-1,,70,420\n501,8,.,3,,0,-1,151,70,420\n501,9,152,3,,0,-1,152,70,420\n\
         501,10,.,3,,2,5,1,70,420\n"
    ));
    use Censoring::{Above, Below, Quantified};
    let expected = [
        (10.0, Quantified),
        (10.0, Quantified),
        (2.0, Below),
        (2.5, Below),
        (3.0, Below),
        (4.0, Below),
        (150.0, Above),
        (151.0, Above),
        (152.0, Above),
    ];
    assert_eq!(found(&trial), expected);
    let counts = trial.counts;
    assert_eq!(
        (counts.observations, counts.below, counts.above),
        (counted([6, 0, 3]), counted([4, 0, 0]), counted([0, 0, 3]))
    );
    // The file itself marks its censored observations: there is nothing to note.
    assert_eq!(trial.notes, ["1 record ignored as neither dose nor observation (EVID 2)"]);
}

#[test]
fn a_censored_value_lies_between_dv_and_limit() {
    let rows = "501,1,10,1,,0,1,4,70,420\n501,2,10,1,,0,1,0,70,420\n501,3,150,3,,0,-1,1e10,70,420\n\
                501,4,.,3,,0,1,2,70,420\n501,5,10,1,,0,0,4,70,420\n";
    let content = format!("{HEADER}{rows}");
    let ends = |trial: &Trial| -> Vec<[f64; 2]> {
        trial.subjects[0].observations.iter().map(omafit_model::Observation::ends).collect()
    };
    let below = f64::NEG_INFINITY;
    let trial = good(&content);
    assert_eq!(ends(&trial), [[4.0, 10.0], [below, 10.0], [150.0, 1e10], [below, 2.0], [10.0, 10.0]]);
    assert_eq!(trial.notes, ["2 censored observations known to lie between DV and LIMIT"]);
    // A LIMIT of zero tells that a value which could be negative is not.
    let options = ReadOptions { positive_required: BTreeSet::new(), ..ReadOptions::default() };
    assert_eq!(ends(&good_with(&content, &options))[1], [0.0, 10.0]);
    // Both ends are in the unit of DV.
    let options = ReadOptions { omalizumab_unit: OmalizumabUnit::NgPerMl, ..ReadOptions::default() };
    assert_eq!(ends(&good_with(&content, &options))[0], [0.004, 0.01]);
    check(
        &format!("{HEADER}501,1,10,1,,0,1,-4,70,420\n"),
        &[
            r#"trial.csv:3, column LIMIT, ID 501: found "-4", expected an end of the interval of at least 0, as the logarithm is taken"#,
        ],
    );
}

#[test]
fn a_limit_is_no_baseline() {
    let header = "ID,TIME,DV,DVID,AMT,CENS,WT\n";
    let trial =
        good(format!("{header}501,0,400,2,,0,70\n501,0,30,2,,1,70\n501,0,,,300,,70\n501,7,10,1,,,70\n"));
    assert_eq!(trial.subjects[0].covariates.ige_ng_ml(), Some(400.0));
}

#[test]
fn censoring_that_is_refused() {
    check(
        &format!(
            "{HEADER}501,0,,,300,1,1,2,70,420\n\
             501,0,,,,3,-1,2,70,420\n\
             501,1,10,1,,0,2,,70,420\n\
             501,2,10,1,,0,0,0,70,420\n\
             501,3,10,1,,0,,5,70,420\n\
             501,4,10,1,,0,1,15,70,420\n\
             501,5,10,1,,0,-1,0,70,420\n\
             501,6,.,1,,0,1,.,70,420\n\
             501,7,,1,,0,1,0,70,420\n\
             501,8,0,1,,0,1,0,70,420\n\
             501,9,,3,,0,-1,-5,70,420\n\
             501,10,a,3,,0,-1,b,70,420\n\
             501,11,1,3,,0,c,,70,420\n"
        ),
        &[
            r#"trial.csv:3, column CENS, ID 501: found "1", expected 0 or nothing on a dose"#,
            r#"trial.csv:4, column CENS, ID 501: found "-1", expected 0 or nothing on a reset"#,
            r#"trial.csv:5, column CENS, ID 501: found "2", expected 0 (DV is a value), 1 (below DV) or -1 (above DV) on an observation"#,
            r#"trial.csv:8, column LIMIT, ID 501: found "15", expected nothing, or the other end of the interval, below DV as CENS is 1"#,
            r#"trial.csv:9, column LIMIT, ID 501: found "0", expected nothing, or the other end of the interval, above DV as CENS is -1"#,
            r#"trial.csv:10, column DV, ID 501: found ".", expected the limit of quantification of a censored observation, here or in LIMIT"#,
            "trial.csv:11, column DV, ID 501: found an empty cell, expected the limit of quantification of a censored observation, here or in LIMIT",
            r#"trial.csv:12, column DV, ID 501: found "0", expected a limit of omalizumab_total above 0 µg/mL, as its logarithm is taken"#,
            r#"trial.csv:13, column LIMIT, ID 501: found "-5", expected a limit of ige_free above 0 ng/mL, as its logarithm is taken"#,
            r#"trial.csv:14, column DV, ID 501: found "a", expected a number"#,
            r#"trial.csv:14, column LIMIT, ID 501: found "b", expected a number"#,
            r#"trial.csv:15, column CENS, ID 501: found "c", expected a number"#,
        ],
    );
}

#[test]
fn the_options_limits_censor() {
    let options = ReadOptions {
        lloq: by_analyte([Some(0.5), None, Some(2.0)]),
        uloq: by_analyte([None, None, Some(150.0)]),
        ..ReadOptions::default()
    };
    let rows = "501,1,0,1,,0,,,70,420\n501,2,0.5,1,,0,,,70,420\n501,3,0.4,1,,0,,,70,420\n\
                501,4,2,3,,0,,,70,420\n501,5,1.9,3,,0,,,70,420\n501,6,150,3,,0,,,70,420\n\
                501,7,150.1,3,,0,,,70,420\n501,8,5,3,,0,1,,70,420\n501,9,1e6,2,,0,,,70,420\n";
    let trial = good_with(format!("{HEADER}{rows}"), &options);
    use Censoring::{Above, Below, Quantified};
    assert_eq!(
        found(&trial),
        [
            (0.5, Below),
            (0.5, Quantified),
            (0.5, Below),
            (2.0, Quantified),
            (2.0, Below),
            (150.0, Quantified),
            (150.0, Above),
            // The file's own limit stays.
            (5.0, Below),
            (1e6, Quantified),
        ]
    );
    assert_eq!((trial.counts.below, trial.counts.above), (counted([2, 0, 2]), counted([0, 0, 1])));
    assert_eq!(
        trial.notes,
        [
            "2 observations of omalizumab_total taken as below 0.5 µg/mL",
            "1 observation of ige_free taken as below 2 ng/mL",
            "1 observation of ige_free taken as above 150 ng/mL",
        ]
    );
    // A negative number is more likely a code than a value below a limit; without a logarithm it may be a value.
    let negative = format!("{HEADER}501,1,-99,1,,0,,,70,420\n501,2,0,2,,0,,,70,420\n");
    check_with(
        &negative,
        &options,
        &[
            r#"trial.csv:3, column DV, ID 501: found "-99", expected omalizumab_total above 0 µg/mL, as its logarithm is taken"#,
            r#"trial.csv:4, column DV, ID 501: found "0", expected ige_total above 0 ng/mL, as its logarithm is taken"#,
        ],
    );
    let linear = ReadOptions { positive_required: BTreeSet::new(), ..options };
    assert_eq!(found(&good_with(&negative, &linear)), [(0.5, Below), (0.0, Quantified)]);
}

#[test]
fn analytes_that_are_not_predicted_are_refused() {
    let options = ReadOptions {
        analytes: vec![Analyte::IGE_FREE, Analyte::OMALIZUMAB_TOTAL],
        ..ReadOptions::default()
    };
    check_with(
        &format!(
            "{HEADER}501,1,9,2,,0,,,70,420\n501,2,9,ige_free,,0,,,70,420\n501,3,9,,,0,,,70,420\n\
             501,4,9,ige_total,,0,,,70,420\n"
        ),
        &options,
        &[
            r#"trial.csv:3, column DVID, ID 501: found "2", expected 1 (omalizumab_total) or 3 (ige_free): the model does not predict ige_total; MDV 1 leaves it out"#,
            "trial.csv:5, column DVID, ID 501: found an empty cell, expected 1 (omalizumab_total) or 3 (ige_free), or the name, on an observation",
            r#"trial.csv:6, column DVID, ID 501: found "ige_total", expected 1 (omalizumab_total) or 3 (ige_free): the model does not predict ige_total; MDV 1 leaves it out"#,
        ],
    );
}

#[test]
fn one_analyte_needs_no_dvid() {
    let options =
        ReadOptions { analytes: vec![Analyte::IGE_FREE, Analyte::IGE_FREE], ..ReadOptions::default() };
    let bare = "ID,TIME,DV,AMT,WT,IGE\n501,0,,300,70,420\n501,1,9,,70,420\n";
    let trial = good_with(bare, &options);
    assert_eq!(trial.subjects[0].observations[0].analyte, Analyte::IGE_FREE);
    let trial = good_with(format!("{HEADER}501,1,9,,,0,,,70,420\n501,1,9,3,,0,,,70,420\n"), &options);
    assert_eq!(trial.counts.observations, counted([0, 0, 2]));
    check_with(
        &format!("{HEADER}501,1,9,,,0,,,70,420\n501,1,9,1,,0,,,70,420\n501,1,9,7,,0,,,70,420\n"),
        &options,
        &[
            r#"trial.csv:4, column DVID, ID 501: found "1", expected 3 (ige_free): the model does not predict omalizumab_total; MDV 1 leaves it out"#,
            r#"trial.csv:5, column DVID, ID 501: found "7", expected 3 (ige_free), or the name, on an observation"#,
        ],
    );
    check(
        bare,
        &[
            "trial.csv:1, column DVID: expected a column of this name; the file has ID, TIME, DV, AMT, WT, IGE",
        ],
    );
}
